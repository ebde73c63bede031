//! What a change of a group does to its machines.

use ha_kind::{Action, Changed, Impact, ImpactSeverity, Value};

/// What a change does.
pub(super) fn impact(changed: &Changed<'_>) -> Vec<Impact> {
    let size = changed.before.and_then(|it| it.get("desired_capacity")).and_then(|it| match it {
        Value::Number(it) => it.as_i64(),
        _ => None,
    });
    let machines = match size {
        Some(0) => return Vec::new(),
        Some(1) => "its machine".to_owned(),
        Some(many) => format!("its {many} machines"),
        None => "its machines".to_owned(),
    };
    let (severity, message) = match changed.action {
        Action::Update if changed.names.contains("launch_template") => (
            ImpactSeverity::Notice,
            format!("moves the group, not {machines}: only replacements are launched from it (no instance refresh yet)"),
        ),
        Action::Delete => (ImpactSeverity::Disruption, format!("terminates {machines}")),
        it if it.is_replace() => (ImpactSeverity::Disruption, format!("terminates {machines} and launches new ones")),
        _ => return Vec::new(),
    };
    vec![Impact { severity, message }]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ha_kind::Object;

    use super::*;

    #[test]
    fn a_new_template_version_leaves_machines_alone_and_says_so() {
        let before = Object::from([("desired_capacity".into(), Value::from(1))]);
        let names = BTreeSet::from(["launch_template".into()]);
        let changed = Changed { action: Action::Update, before: Some(&before), after: None, names: &names };
        let impacts = impact(&changed);
        assert_eq!(impacts[0].severity, ImpactSeverity::Notice);
        assert!(impacts[0].message.contains("not its machine"), "{}", impacts[0].message);
        let changed = Changed { action: Action::Delete, before: Some(&before), after: None, names: &BTreeSet::new() };
        assert_eq!(impact(&changed)[0].severity, ImpactSeverity::Disruption);
    }
}

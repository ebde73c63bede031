//! The impact of a change of a group on its instances.

use ha_provider::{Impact, ImpactSeverity, PlannedChange};
use ha_value::{Action, Value};

use super::check::is_protected;

/// The impact of a planned change.
pub(super) fn impact(changed: &PlannedChange<'_>) -> Vec<Impact> {
    of_instances(changed).into_iter().chain(of_maintenance(changed)).collect()
}

/// A notice that a group of one instance runs two for a while: it may not go below one, so the
/// replacement is launched first.
fn of_maintenance(changed: &PlannedChange<'_>) -> Option<Impact> {
    let after = changed.after?;
    let number = |it: Option<&Value>| match it {
        Some(Value::Number(it)) => it.as_i64(),
        _ => None,
    };
    let is_news = changed.action.makes()
        || ["instance_maintenance_policy", "max_size", "desired_capacity"]
            .iter()
            .any(|it| changed.names.contains(*it));
    let size = number(after.get("desired_capacity")).or(number(after.get("min_size")))?;
    let least =
        number(Some(&after.get("instance_maintenance_policy")?.get("min_healthy_percentage")))?;
    let message = || {
        format!(
            "with min_healthy_percentage = {least} the replacement of its one instance is launched before that is terminated: two run for a while; with 0 the old one is terminated first"
        )
    };
    (is_news && size == 1 && least > 0)
        .then(|| Impact { severity: ImpactSeverity::Notice, message: message() })
}

fn of_instances(changed: &PlannedChange<'_>) -> Vec<Impact> {
    let text = |name: &str| {
        changed.before.and_then(|it| it.get(name)).and_then(Value::as_str).unwrap_or_default()
    };
    let by_force =
        changed.before.is_some_and(|it| it.get("force_delete") == Some(&Value::Bool(true)));
    if changed.action.destroys() && is_protected(text("deletion_protection"), by_force) {
        let message =
            "is refused: `deletion_protection` is on; set it to `none` and apply that first"
                .to_owned();
        return vec![Impact { severity: ImpactSeverity::Disruption, message }];
    }
    let size = changed.before.and_then(|it| it.get("desired_capacity")).and_then(|it| match it {
        Value::Number(it) => it.as_i64(),
        _ => None,
    });
    let instances = match size {
        Some(0) => return Vec::new(),
        Some(1) => "its instance".to_owned(),
        Some(many) => format!("its {many} instances"),
        None => "its instances".to_owned(),
    };
    let (severity, message) = match changed.action {
        Action::Update if changed.names.contains("launch_template") => (
            ImpactSeverity::Notice,
            format!(
                "changes the group, not {instances}: only replacements are launched from it (no instance refresh yet)"
            ),
        ),
        Action::Delete => (ImpactSeverity::Disruption, format!("terminates {instances}")),
        it if it.is_replace() => {
            (ImpactSeverity::Disruption, format!("terminates {instances} and launches new ones"))
        }
        _ => return Vec::new(),
    };
    vec![Impact { severity, message }]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ha_value::Object;

    use super::*;

    #[test]
    fn a_new_template_version_leaves_instances_alone() {
        let before = Object::from([("desired_capacity".into(), Value::from(1))]);
        let names = BTreeSet::from(["launch_template".into()]);
        let changed = PlannedChange {
            action: Action::Update,
            before: Some(&before),
            after: None,
            names: &names,
        };
        let impacts = impact(&changed);
        assert_eq!(impacts[0].severity, ImpactSeverity::Notice);
        assert!(impacts[0].message.contains("not its instance"), "{}", impacts[0].message);
        let changed = PlannedChange {
            action: Action::Delete,
            before: Some(&before),
            after: None,
            names: &BTreeSet::new(),
        };
        assert_eq!(impact(&changed)[0].severity, ImpactSeverity::Disruption);
    }

    #[test]
    fn deletion_protection_is_reported() {
        let protected = |protection: &str| {
            let before = Object::from([
                ("desired_capacity".into(), Value::from(1)),
                ("deletion_protection".into(), Value::from(protection)),
                ("force_delete".into(), Value::Bool(true)),
            ]);
            let changed = PlannedChange {
                action: Action::Delete,
                before: Some(&before),
                after: None,
                names: &BTreeSet::new(),
            };
            impact(&changed)[0].message.contains("is refused")
        };
        assert!(
            protected("prevent-all-deletion")
                && protected("prevent-force-deletion")
                && !protected("none")
        );
    }

    #[test]
    fn one_instance_that_must_stay_in_service_becomes_two() {
        let warned = |size: i64, least: i64| {
            let policy = Object::from([
                ("min_healthy_percentage".into(), Value::from(least)),
                ("max_healthy_percentage".into(), Value::from(100)),
            ]);
            let after = Object::from([
                ("min_size".into(), Value::from(size)),
                ("instance_maintenance_policy".into(), Value::object(policy)),
            ]);
            let changed = PlannedChange {
                action: Action::Create,
                before: None,
                after: Some(&after),
                names: &BTreeSet::new(),
            };
            impact(&changed).len()
        };
        assert_eq!((warned(1, 90), warned(1, 100), warned(1, 0), warned(2, 90)), (1, 1, 0, 0));
    }
}

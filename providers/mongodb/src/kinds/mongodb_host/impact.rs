//! What a change of a host costs those who use it.

use ha_provider::{Impact, ImpactSeverity, PlannedChange};
use ha_value::{Action, Object, Value};

use crate::conf::{number, without};
use crate::mongod::OPLOG_SIZE;

pub(super) fn impact(changed: &PlannedChange<'_>) -> Vec<Impact> {
    let truth = |it: Option<&Object>, name: &str| {
        it.and_then(|it| it.get(name)).is_some_and(|it| *it == Value::Bool(true))
    };
    let named = changed
        .before
        .or(changed.after)
        .and_then(|it| it.get("host"))
        .and_then(Value::as_str)
        .unwrap_or("this host");
    let impact = |severity, message: String| vec![Impact { severity, message }];
    match changed.action {
        Action::Update => {
            let (ran, runs) = (truth(changed.before, "running"), truth(changed.after, "running"));
            let restarts = ["config", "version", "process"];
            let renews = ["certificate_pem", "ca_certificate_pem"];
            if let Some(size) = oplog_alone(changed).filter(|_| ran && runs) {
                return impact(
                    ImpactSeverity::Notice,
                    format!("changes the oplog of mongod on {named} {size}, without a restart"),
                );
            }
            match (ran, runs) {
                (false, true) => {
                    impact(ImpactSeverity::Notice, format!("starts mongod on {named}"))
                }
                (true, false) => {
                    impact(ImpactSeverity::Disruption, format!("stops mongod on {named}"))
                }
                (true, true) if changed.names.iter().any(|it| restarts.contains(&&**it)) => {
                    impact(ImpactSeverity::Disruption, format!("restarts mongod on {named}"))
                }
                // One at a time all the same: one that cannot do without is restarted.
                (true, true) if changed.names.iter().any(|it| renews.contains(&&**it)) => {
                    let message = format!(
                        "renews the certificates of mongod on {named}; before 5.0 by a restart"
                    );
                    impact(ImpactSeverity::Disruption, message)
                }
                _ => Vec::new(),
            }
        }
        Action::Delete | Action::DeleteThenCreate | Action::CreateThenDelete => {
            match truth(changed.before, "keep_data") {
                true => impact(
                    ImpactSeverity::Disruption,
                    format!("stops mongod on {named}; its data stays"),
                ),
                false => impact(
                    ImpactSeverity::DataLoss,
                    format!("stops mongod on {named} and deletes its data"),
                ),
            }
        }
        Action::NoOp | Action::Read | Action::Create | Action::Forget => Vec::new(),
    }
}

/// From what to what the oplog's size changes, where nothing else does.
fn oplog_alone(changed: &PlannedChange<'_>) -> Option<String> {
    if !changed.names.iter().all(|it| &**it == "config") {
        return None;
    }
    let config = |it: Option<&Object>| it?.get("config")?.unmark().0.as_str().map(str::to_owned);
    let (before, after) = (config(changed.before)?, config(changed.after)?);
    let size = |it: &str| {
        number(it, OPLOG_SIZE).map_or_else(|| "what it is".to_owned(), |it| format!("{it} MB"))
    };
    let same = before != after && without(&before, OPLOG_SIZE) == without(&after, OPLOG_SIZE);
    same.then(|| format!("from {} to {}", size(&before), size(&after)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn told(
        action: Action,
        before: &[(&str, bool)],
        after: &[(&str, bool)],
        names: &[&str],
    ) -> Vec<Impact> {
        let object = |it: &[(&str, bool)]| -> Object {
            it.iter().map(|(name, it)| ((*name).into(), Value::Bool(*it))).collect()
        };
        let names: BTreeSet<_> = names.iter().map(|it| (*it).into()).collect();
        impact(&PlannedChange {
            action,
            before: Some(&object(before)),
            after: Some(&object(after)),
            names: &names,
        })
    }

    #[test]
    fn what_a_change_costs_is_told() {
        let runs = [("running", true), ("keep_data", true)];
        let severity = |it: Vec<Impact>| it.into_iter().map(|it| it.severity).next();
        assert_eq!(
            severity(told(Action::Update, &runs, &runs, &["config"])),
            Some(ImpactSeverity::Disruption)
        );
        assert_eq!(severity(told(Action::Update, &runs, &runs, &["keep_data"])), None);
        assert_eq!(
            severity(told(Action::Update, &[("running", false)], &runs, &["running"])),
            Some(ImpactSeverity::Notice)
        );
        assert_eq!(
            severity(told(Action::Delete, &runs, &[], &[])),
            Some(ImpactSeverity::Disruption)
        );
        assert_eq!(
            severity(told(Action::DeleteThenCreate, &[("keep_data", false)], &[], &[])),
            Some(ImpactSeverity::DataLoss)
        );
    }

    #[test]
    fn the_oplog_changes_without_a_restart() {
        let config = |size: &str, port: &str| {
            let text = format!("replication:\n  oplogSizeMB: {size}\nnet:\n  port: {port}\n");
            Object::from([
                ("running".into(), Value::Bool(true)),
                ("config".into(), Value::from(text)),
            ])
        };
        let told = |before: &Object, after: &Object| {
            let names = BTreeSet::from(["config".into()]);
            impact(&PlannedChange {
                action: Action::Update,
                before: Some(before),
                after: Some(after),
                names: &names,
            })
            .remove(0)
        };
        let resized = told(&config("990", "1"), &config("1990", "1"));
        assert_eq!(resized.severity, ImpactSeverity::Notice);
        assert!(resized.message.contains("from 990 MB to 1990 MB"), "{}", resized.message);
        assert_eq!(
            told(&config("990", "1"), &config("1990", "2")).severity,
            ImpactSeverity::Disruption
        );
    }
}

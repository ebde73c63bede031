//! The impact of a change of a DB instance on its clients and data.

use ha_provider::{Impact, ImpactSeverity, PlannedChange};
use ha_value::{Action, Object, Value};

/// The impact of a planned change.
pub(super) fn impact(changed: &PlannedChange<'_>) -> Vec<Impact> {
    let say = |severity: ImpactSeverity, message: String| Impact { severity, message };
    match changed.action {
        Action::Delete | Action::DeleteThenCreate if is_protected(changed.before) => {
            let message =
                "is refused: `deletion_protection` is on; set it to false and apply that first"
                    .to_owned();
            vec![say(ImpactSeverity::DataLoss, message)]
        }
        Action::Delete => vec![say(
            ImpactSeverity::DataLoss,
            format!("deletes the database {}", data_loss(changed.before)),
        )],
        it if it.is_replace() => {
            let message = format!(
                "deletes the database {}, and creates an empty one",
                data_loss(changed.before)
            );
            vec![say(ImpactSeverity::DataLoss, message)]
        }
        Action::Update => {
            let now = changed
                .after
                .is_some_and(|it| it.get("apply_immediately") == Some(&Value::Bool(true)));
            let when = if now { "" } else { ", in the maintenance window" };
            let standby =
                changed.before.is_some_and(|it| it.get("multi_az") == Some(&Value::Bool(true)));
            let said = changed.names.iter().filter_map(|name| disruption(name, standby));
            said.map(|(severity, message, waits)| {
                let when = if waits { when } else { "" };
                say(severity, format!("{message}{when}"))
            })
            .collect()
        }
        _ => Vec::new(),
    }
}

fn is_protected(before: Option<&Object>) -> bool {
    before.is_some_and(|it| it.get("deletion_protection") == Some(&Value::Bool(true)))
}

fn data_loss(before: Option<&Object>) -> String {
    let argument = |name: &str| before.and_then(|it| it.get(name));
    let backups = match argument("delete_automated_backups") {
        Some(Value::Bool(false)) => "",
        _ => ", automated backups included",
    };
    match (
        argument("skip_final_snapshot"),
        argument("final_snapshot_identifier").and_then(Value::as_str),
    ) {
        (Some(Value::Bool(false)), Some(name)) => {
            format!("(its data remain in the snapshot `{name}`)")
        }
        _ => format!("and its data, without a final snapshot{backups}"),
    }
}

/// The impact of a changed argument, and whether it waits for the maintenance window.
fn disruption(name: &str, standby: bool) -> Option<(ImpactSeverity, String, bool)> {
    use ImpactSeverity::{Disruption, Notice};
    let away = if standby {
        "fails over to the standby, unavailable for a minute or two"
    } else {
        "restarts it, unavailable for some minutes"
    };
    Some(match name {
        "identifier" => {
            let message = "renames it and restarts it, at once and with whatever waits for the maintenance window: clients must use its new host name";
            (Disruption, message.to_owned(), false)
        }
        "instance_class" => (Disruption, away.to_owned(), true),
        "engine_version" => (
            Disruption,
            "upgrades it, in all zones at once: unavailable for some minutes".to_owned(),
            true,
        ),
        "port" => {
            (Disruption, "restarts it at once; clients must use the new port".to_owned(), false)
        }
        "backup_retention_period" => {
            (Disruption, "may pause it for a moment when backups begin or end".to_owned(), true)
        }
        "db_subnet_group_name" => (
            Disruption,
            "moves it to another network: unavailable for some minutes".to_owned(),
            true,
        ),
        "ca_cert_identifier" => (
            Disruption,
            "may restart it for the new certificate; clients must trust its authority".to_owned(),
            true,
        ),
        "multi_az" => (Notice, "slows it while the standby is built or removed".to_owned(), true),
        "storage_type" | "iops" | "allocated_storage" | "storage_throughput" => (
            Notice,
            "slows its disk for hours; the next change of the disk is possible after 6 hours"
                .to_owned(),
            true,
        ),
        "parameter_group_name" => {
            (Notice, "static parameters take effect after the next reboot".to_owned(), false)
        }
        "password" => (Notice, "sets the master password at once".to_owned(), false),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_replacement_reports_data_loss() {
        let before = Object::from([
            ("skip_final_snapshot".into(), Value::from(false)),
            ("final_snapshot_identifier".into(), Value::from("last")),
        ]);
        let names = BTreeSet::new();
        let changed = PlannedChange {
            action: Action::DeleteThenCreate,
            before: Some(&before),
            after: None,
            names: &names,
        };
        let impacts = impact(&changed);
        assert_eq!(impacts[0].severity, ImpactSeverity::DataLoss);
        assert!(impacts[0].message.contains("snapshot `last`"), "{}", impacts[0].message);
    }

    #[test]
    fn deletion_protection_is_reported() {
        let before = Object::from([("deletion_protection".into(), Value::from(true))]);
        let names = BTreeSet::new();
        let changed = PlannedChange {
            action: Action::Delete,
            before: Some(&before),
            after: None,
            names: &names,
        };
        assert!(impact(&changed)[0].message.contains("deletion_protection"));
    }

    #[test]
    fn a_change_of_class_reports_when_it_happens() {
        let before = Object::from([("multi_az".into(), Value::from(true))]);
        let after = Object::from([("apply_immediately".into(), Value::from(false))]);
        let names = BTreeSet::from(["instance_class".into(), "tags".into()]);
        let changed = PlannedChange {
            action: Action::Update,
            before: Some(&before),
            after: Some(&after),
            names: &names,
        };
        let impacts = impact(&changed);
        assert_eq!(impacts.len(), 1);
        assert_eq!(
            impacts[0].message,
            "fails over to the standby, unavailable for a minute or two, in the maintenance window"
        );
    }
}

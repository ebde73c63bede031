//! Changes that RDS always refuses, given the present instance.

use std::collections::BTreeSet;

use ha_provider::ArgumentProblem;
use serde::Deserialize;

use super::check::problem;
use super::engine::DbEngine;
use super::storage::has_grown;
use crate::engine_version::EngineVersion;

/// The present arguments and outputs that the rules need.
#[derive(Deserialize)]
pub(super) struct CurrentInstance {
    engine: String,
    engine_version: Option<EngineVersion>,
    engine_version_actual: Option<EngineVersion>,
    allocated_storage: Option<i32>,
    parameter_group_name: Option<String>,
    manage_master_user_password: Option<bool>,
    master_user_secret_kms_key_id: Option<String>,
}

/// The planned arguments that the rule needs.
#[derive(Deserialize)]
pub(super) struct VersionChange {
    engine_version: Option<EngineVersion>,
    #[serde(default)]
    allow_major_version_upgrade: bool,
    parameter_group_name: Option<String>,
}

/// Refuses a lower version, and another major version unless it is allowed.
pub(super) fn version(there: CurrentInstance, wanted: VersionChange) -> Vec<ArgumentProblem> {
    let actual =
        there.engine_version_actual.filter(|it| !it.as_str().is_empty()).or(there.engine_version);
    let (Some(actual), Some(version)) = (actual, wanted.engine_version) else { return Vec::new() };
    if version.covers(actual.as_str()) {
        return Vec::new();
    }
    let (now, then) = (actual.as_str(), version.as_str());
    if version.is_lower_than(&actual) {
        let message = format!(
            "the database runs {now}, and RDS never goes back to {then}; write `{now}`, or its first parts to follow what RDS installs"
        );
        return vec![problem("engine_version", message)];
    }
    let Some(engine) = DbEngine::from_name(&there.engine) else { return Vec::new() };
    if engine.major(&version) == engine.major(&actual) {
        return Vec::new();
    }
    if !wanted.allow_major_version_upgrade {
        let message = format!(
            "{then} is another major version than {now}, which the database runs: set `allow_major_version_upgrade = true` if it may go there"
        );
        return vec![problem("engine_version", message)];
    }
    match (there.parameter_group_name, wanted.parameter_group_name) {
        (Some(before), Some(after)) if before == after && !before.starts_with("default.") => {
            let message = format!(
                "`{before}` has the parameters of {now}, and {then} needs another group, of its own family; give it one"
            );
            vec![problem("parameter_group_name", message)]
        }
        _ => Vec::new(),
    }
}

/// The planned arguments that the rule needs.
#[derive(Deserialize)]
pub(super) struct StorageChange {
    allocated_storage: Option<i32>,
    max_allocated_storage: Option<i32>,
}

/// Refuses a smaller disk.
pub(super) fn storage(there: CurrentInstance, wanted: StorageChange) -> Vec<ArgumentProblem> {
    match (there.allocated_storage, wanted.allocated_storage) {
        (Some(size), Some(asked))
            if asked < size && !has_grown(asked, size, wanted.max_allocated_storage) =>
        {
            let message = format!(
                "the disk has {size} GiB, and RDS never makes one smaller: write `allocated_storage = {size}`, or move the data to a new database"
            );
            vec![problem("allocated_storage", message)]
        }
        _ => Vec::new(),
    }
}

/// The planned arguments that the rule needs.
#[derive(Deserialize)]
pub(super) struct SecretKeyChange {
    manage_master_user_password: Option<bool>,
    master_user_secret_kms_key_id: Option<String>,
}

/// Refuses another key for a password that RDS manages.
pub(super) fn secret_key(there: CurrentInstance, wanted: SecretKeyChange) -> Vec<ArgumentProblem> {
    let is_managed = there.manage_master_user_password == Some(true)
        && wanted.manage_master_user_password == Some(true);
    match (there.master_user_secret_kms_key_id, wanted.master_user_secret_kms_key_id) {
        (Some(before), Some(after)) if is_managed && before != after => {
            let message = "RDS does not change the key of a password that it manages: set a `password`, apply, and let RDS manage it again";
            vec![problem("master_user_secret_kms_key_id", message)]
        }
        _ => Vec::new(),
    }
}

/// The planned arguments for which a different value can be equivalent.
#[derive(Deserialize)]
pub(super) struct EquivalentChange {
    engine_version: Option<EngineVersion>,
    allocated_storage: Option<i32>,
    max_allocated_storage: Option<i32>,
}

/// The arguments whose present value is as good as the planned one.
pub(super) fn same(there: CurrentInstance, wanted: EquivalentChange) -> BTreeSet<&'static str> {
    let covers = there
        .engine_version
        .zip(wanted.engine_version)
        .is_some_and(|(it, wanted)| wanted.covers(it.as_str()));
    let sizes = there.allocated_storage.zip(wanted.allocated_storage);
    let grown =
        sizes.is_some_and(|(size, asked)| has_grown(asked, size, wanted.max_allocated_storage));
    [covers.then_some("engine_version"), grown.then_some("allocated_storage")]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(engine: &str, version: &str) -> CurrentInstance {
        CurrentInstance {
            engine: engine.into(),
            engine_version: None,
            engine_version_actual: Some(version.into()),
            allocated_storage: Some(100),
            parameter_group_name: Some("ours".into()),
            manage_master_user_password: None,
            master_user_secret_kms_key_id: None,
        }
    }

    #[test]
    fn major_upgrades_need_permission() {
        let judged = |engine: &str, from: &str, to: &str, allowed, group: &str| {
            let parameter_group_name = Some(group.to_owned());
            let wanted = VersionChange {
                engine_version: Some(to.into()),
                allow_major_version_upgrade: allowed,
                parameter_group_name,
            };
            version(there(engine, from), wanted)
                .into_iter()
                .map(|it| it.message)
                .collect::<String>()
        };
        assert_eq!(judged("mysql", "8.0.35", "8.0", false, "ours"), "");
        assert_eq!(judged("mysql", "8.0.35", "8.0.40", false, "ours"), "");
        assert_eq!(judged("postgres", "13.23-rds.20260224", "13.23", false, "ours"), "");
        assert_eq!(judged("postgres", "14.9", "15", true, "default.postgres15"), "");
        assert!(judged("mysql", "8.0.35", "8.0.32", false, "ours").contains("never goes back"));
        assert!(judged("mysql", "8.0.35", "5.7", true, "ours").contains("never goes back"));
        assert!(
            judged("mysql", "8.0.35", "8.4", false, "ours").contains("allow_major_version_upgrade")
        );
        assert!(
            judged("postgres", "14.9", "15", false, "ours").contains("allow_major_version_upgrade")
        );
        assert!(judged("postgres", "14.9", "15", true, "ours").contains("needs another group"));
        // For an engine that is not known here, only the order of versions is checked.
        assert_eq!(judged("aurora-mysql", "8.0.1", "9.0", false, "ours"), "");
    }

    #[test]
    fn disks_do_not_shrink() {
        let judged = |asked, limit| {
            let wanted =
                StorageChange { allocated_storage: Some(asked), max_allocated_storage: limit };
            storage(there("postgres", "15.4"), wanted).len()
        };
        assert_eq!((judged(50, None), judged(50, Some(80)), judged(99, Some(0))), (1, 1, 0));
        assert_eq!((judged(100, None), judged(120, None), judged(50, Some(200))), (0, 0, 0));
    }
}

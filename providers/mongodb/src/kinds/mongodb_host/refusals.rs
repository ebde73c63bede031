//! Changes of a host that mongod always refuses.

use ha_provider::ArgumentProblem;
use ha_value::Path;
use serde::Deserialize;

use crate::conf::number;
use crate::mongod::{OPLOG_SIZE, is_too_small};
use crate::release::would_not_start;

/// What runs, and how it stores its data.
#[derive(Deserialize)]
pub(super) struct StoredVersion {
    version: String,
    feature_compatibility_version: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WantedVersion {
    version: String,
}

pub(super) fn of_version(there: StoredVersion, wanted: WantedVersion) -> Vec<ArgumentProblem> {
    let why = would_not_start(
        &wanted.version,
        &there.version,
        there.feature_compatibility_version.as_deref(),
    );
    why.map(|message| ArgumentProblem { path: Path::attribute("version"), message })
        .into_iter()
        .collect()
}

#[derive(Deserialize)]
pub(super) struct OplogSize {
    oplog_size_mb: u64,
}

#[derive(Deserialize)]
pub(super) struct WantedConfig {
    config: String,
}

pub(super) fn of_oplog(there: OplogSize, wanted: WantedConfig) -> Vec<ArgumentProblem> {
    let why =
        number(&wanted.config, OPLOG_SIZE).and_then(|it| is_too_small(there.oplog_size_mb, it));
    why.map(|message| ArgumentProblem { path: Path::attribute("config"), message })
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_would_not_start_is_refused() {
        let problems = |wanted: &str, storing: Option<&str>| {
            let there = StoredVersion {
                version: "5.0.4".into(),
                feature_compatibility_version: storing.map(str::to_owned),
            };
            of_version(there, WantedVersion { version: wanted.into() }).len()
        };
        assert_eq!(
            (problems("6.0", Some("5.0")), problems("6.0", Some("4.4")), problems("7.0", None)),
            (0, 1, 1)
        );
        assert_eq!((problems("4.4", None), problems("4.4", Some("4.4"))), (1, 0));
    }

    #[test]
    fn an_oplog_that_would_be_too_small_is_refused_where_there_is_one_of_another_size() {
        let problems = |there: u64, wanted: &str| {
            let config = format!("replication:\n  oplogSizeMB: {wanted}\n");
            of_oplog(OplogSize { oplog_size_mb: there }, WantedConfig { config }).len()
        };
        assert_eq!(
            (
                problems(128, "128"),
                problems(128, "256"),
                problems(1990, "990"),
                problems(1990, "500")
            ),
            (0, 1, 0, 1)
        );
    }
}

//! The settings of a set: what may be said, how mongod names it, and what it is when no one says
//! it.

use mongodb::bson::{Bson, Document};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::member::number;

/// How the members watch each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ReplicaSetSettings {
    /// After how many milliseconds without a primary the others elect one; 10000 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) election_timeout_millis: Option<u32>,
    /// Every how many milliseconds the members look after each other; 2000 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heartbeat_interval_millis: Option<u32>,
    /// After how many seconds without an answer a member counts as unreachable; 10 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heartbeat_timeout_secs: Option<u32>,
    /// How many milliseconds a new primary catches up with the others before it takes writes; -1,
    /// for as long as it takes, when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) catch_up_timeout_millis: Option<i32>,
    /// After how many milliseconds a member that is ahead of a new primary takes its place; 30000
    /// when left out, and -1 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) catch_up_takeover_delay_millis: Option<i32>,
    /// Whether secondaries may copy from other secondaries; true when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chaining_allowed: Option<bool>,
}

const ELECTION_TIMEOUT: u32 = 10_000;
const HEARTBEAT_INTERVAL: u32 = 2_000;
const HEARTBEAT_TIMEOUT: u32 = 10;
const CATCH_UP_TIMEOUT: i32 = -1;
const CATCH_UP_TAKEOVER_DELAY: i32 = 30_000;

impl ReplicaSetSettings {
    /// Each setting as mongod names and writes it, with what it is by itself where it is not said.
    pub(crate) fn written(&self) -> Document {
        let all: [(&str, Bson); 6] = [
            ("chainingAllowed", self.chaining_allowed.unwrap_or(true).into()),
            (
                "heartbeatIntervalMillis",
                i64::from(self.heartbeat_interval_millis.unwrap_or(HEARTBEAT_INTERVAL)).into(),
            ),
            (
                "heartbeatTimeoutSecs",
                i64::from(self.heartbeat_timeout_secs.unwrap_or(HEARTBEAT_TIMEOUT)).into(),
            ),
            (
                "electionTimeoutMillis",
                i64::from(self.election_timeout_millis.unwrap_or(ELECTION_TIMEOUT)).into(),
            ),
            (
                "catchUpTimeoutMillis",
                i64::from(self.catch_up_timeout_millis.unwrap_or(CATCH_UP_TIMEOUT)).into(),
            ),
            (
                "catchUpTakeoverDelayMillis",
                i64::from(self.catch_up_takeover_delay_millis.unwrap_or(CATCH_UP_TAKEOVER_DELAY))
                    .into(),
            ),
        ];
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The settings that a set has. What was left out and is as it is by itself stays left out.
    pub(crate) fn as_configured(&self, theirs: &Document) -> Self {
        let said = |was_said: bool, name: &str, usual: u32| {
            let is = whole(theirs, name).and_then(|it| u32::try_from(it).ok()).unwrap_or(usual);
            (was_said || is != usual).then_some(is)
        };
        let signed = |was_said: bool, name: &str, usual: i32| {
            let is = whole(theirs, name).and_then(|it| i32::try_from(it).ok()).unwrap_or(usual);
            (was_said || is != usual).then_some(is)
        };
        let chains = theirs.get_bool("chainingAllowed").unwrap_or(true);
        Self {
            election_timeout_millis: said(
                self.election_timeout_millis.is_some(),
                "electionTimeoutMillis",
                ELECTION_TIMEOUT,
            ),
            heartbeat_interval_millis: said(
                self.heartbeat_interval_millis.is_some(),
                "heartbeatIntervalMillis",
                HEARTBEAT_INTERVAL,
            ),
            heartbeat_timeout_secs: said(
                self.heartbeat_timeout_secs.is_some(),
                "heartbeatTimeoutSecs",
                HEARTBEAT_TIMEOUT,
            ),
            catch_up_timeout_millis: signed(
                self.catch_up_timeout_millis.is_some(),
                "catchUpTimeoutMillis",
                CATCH_UP_TIMEOUT,
            ),
            catch_up_takeover_delay_millis: signed(
                self.catch_up_takeover_delay_millis.is_some(),
                "catchUpTakeoverDelayMillis",
                CATCH_UP_TAKEOVER_DELAY,
            ),
            chaining_allowed: (self.chaining_allowed.is_some() || !chains).then_some(chains),
        }
    }

    /// What is wrong with them, each with its name.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let counts = [
            ("election_timeout_millis", self.election_timeout_millis),
            ("heartbeat_interval_millis", self.heartbeat_interval_millis),
            ("heartbeat_timeout_secs", self.heartbeat_timeout_secs),
        ];
        for (name, _) in counts
            .into_iter()
            .filter(|(_, it)| it.is_some_and(|it| it == 0 || i32::try_from(it).is_err()))
        {
            problems.push((name, format!("`{name}` lies between 1 and {}", i32::MAX)));
        }
        let delays = [
            ("catch_up_timeout_millis", self.catch_up_timeout_millis),
            ("catch_up_takeover_delay_millis", self.catch_up_takeover_delay_millis),
        ];
        for (name, _) in delays.into_iter().filter(|(_, it)| it.is_some_and(|it| it < -1)) {
            problems.push((name, format!("`{name}` is -1 or more")));
        }
        problems
    }
}

/// Whether a set has the settings that are wanted; those of mongod that are not known here are left
/// alone.
pub(crate) fn agree(theirs: &Document, wanted: &Document) -> bool {
    wanted.iter().all(|(name, value)| match value {
        Bson::Boolean(wanted) => theirs.get_bool(name).unwrap_or(true) == *wanted,
        _ => number(theirs, name).is_none_or(|it| Some(it) == number(wanted, name)),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "mongod's settings are small whole numbers")]
pub(super) fn whole(document: &Document, name: &str) -> Option<i64> {
    number(document, name).map(|it| it as i64)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn what_was_left_out_and_is_usual_stays_left_out() {
        let usual = ReplicaSetSettings::default().written();
        assert_eq!(
            ReplicaSetSettings::default().as_configured(&usual),
            ReplicaSetSettings::default()
        );
        let said = ReplicaSetSettings {
            election_timeout_millis: Some(10_000),
            ..ReplicaSetSettings::default()
        };
        assert_eq!(said.as_configured(&usual), said);
        assert!(agree(&usual, &said.written()));
    }

    #[test]
    fn each_setting_is_read_back_as_it_was_written_and_seen_where_nobody_said_it() {
        let all = ReplicaSetSettings {
            election_timeout_millis: Some(3000),
            heartbeat_interval_millis: Some(300),
            heartbeat_timeout_secs: Some(5),
            catch_up_timeout_millis: Some(7000),
            catch_up_takeover_delay_millis: Some(-1),
            chaining_allowed: Some(false),
        };
        assert_eq!(ReplicaSetSettings::default().as_configured(&all.written()), all);
        for (name, value) in all.written() {
            let mut one = ReplicaSetSettings::default().written();
            one.insert(name.clone(), value);
            assert!(!agree(&one, &ReplicaSetSettings::default().written()), "{name}");
            assert_ne!(
                ReplicaSetSettings::default().as_configured(&one),
                ReplicaSetSettings::default(),
                "{name}"
            );
        }
    }

    #[test]
    fn what_mongod_has_beyond_these_is_left_alone() {
        let mut theirs = ReplicaSetSettings::default().written();
        theirs.insert("getLastErrorModes", doc! { "east": { "dc": 1 } });
        assert!(agree(&theirs, &ReplicaSetSettings::default().written()));
    }
}

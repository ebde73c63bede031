//! A set as it is, in the words of its arguments.

use futures::future::join_all;
use ha_kind::{Immutable, Reading, Recorded};
use mongodb::bson::Document;

use super::{MemberOf, MongodbReplicaSet, Settings};
use crate::Mongodb;
use crate::failure::cause;
use crate::member::{Member, code, number};
use crate::set::{NOT_YET_INITIALIZED, close, configuration, members, members_of, status};

const ELECTION_TIMEOUT: u32 = 10_000;
const HEARTBEAT_INTERVAL: u32 = 2_000;

/// What the first member that answers says.
pub(super) async fn look(mongodb: &Mongodb, known: &Recorded<MongodbReplicaSet>) -> Reading<MongodbReplicaSet> {
    let set = &known.arguments;
    let reached = mongodb.access(&set.authority, &set.hosts()).and_then(|access| members(&set.hosts(), &access));
    let members = match reached {
        Ok(members) => members,
        Err(error) => return Reading::Unchecked(error.to_string()),
    };
    let answers = join_all(members.iter().map(configuration)).await;
    let mut reasons = Vec::new();
    let mut reading = None;
    for (member, answer) in members.iter().zip(&answers) {
        match answer {
            Ok(configuration) => {
                reading = Some(seen(known, member, configuration).await);
                break;
            }
            Err(error) => reasons.push(format!("{}: {}", member.endpoint, cause(error))),
        }
    }
    let nobody_is_in_it = answers.iter().all(|it| it.as_ref().is_err_and(|it| code(it) == Some(NOT_YET_INITIALIZED)));
    close(members).await;
    match reading {
        Some(reading) => reading,
        None if nobody_is_in_it && !answers.is_empty() => Reading::Gone,
        None => Reading::Unchecked(format!("no member of `{}` says how the set stands: {}", *set.name, reasons.join("; "))),
    }
}

async fn seen(known: &Recorded<MongodbReplicaSet>, member: &Member, configuration: &Document) -> Reading<MongodbReplicaSet> {
    let (primary, remarks) = match status(member).await {
        Ok(status) => (status.primary().map(|it| it.host.clone()), status.unready()),
        Err(error) => (None, vec![format!("{}: {}", member.endpoint, cause(&error))]),
    };
    let arguments = known.arguments.as_configured(configuration);
    let outputs = arguments.outputs(primary);
    Reading::Found { outputs, arguments, remarks }
}

impl MongodbReplicaSet {
    /// These arguments as the set has them. What was left out and is as it is by itself stays left out.
    fn as_configured(&self, configuration: &Document) -> Self {
        let theirs = members_of(configuration);
        let host = |it: &Document| it.get_str("host").unwrap_or_default().to_owned();
        let known = self.members.iter().filter_map(|ours| {
            let member = theirs.iter().find(|it| host(it) == ours.host)?;
            Some(member_as_configured(ours, member))
        });
        let others = theirs.iter().filter(|it| self.members.iter().all(|ours| ours.host != host(it))).map(|it| {
            member_as_configured(&MemberOf { host: host(it), machine: None, priority: None, votes: None, hidden: None }, it)
        });
        let settings = configuration.get_document("settings").cloned().unwrap_or_default();
        Self {
            name: Immutable(configuration.get_str("_id").unwrap_or_default().to_owned()),
            members: known.chain(others).collect(),
            authority: self.authority.clone(),
            settings: settings_as_configured(self.settings.as_ref(), &settings),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "votes and milliseconds are small whole numbers")]
fn whole(document: &Document, name: &str, otherwise: u32) -> u32 {
    number(document, name).map_or(otherwise, |it| it as u32)
}

fn member_as_configured(ours: &MemberOf, theirs: &Document) -> MemberOf {
    let priority = number(theirs, "priority").unwrap_or(1.0);
    let votes = whole(theirs, "votes", 1);
    let hidden = theirs.get_bool("hidden").unwrap_or(false);
    MemberOf {
        host: ours.host.clone(),
        machine: ours.machine.clone(),
        #[expect(clippy::float_cmp, reason = "both were written, neither was computed")]
        priority: (ours.priority.is_some() || priority != 1.0).then_some(priority),
        votes: (ours.votes.is_some() || votes != 1).then_some(votes),
        hidden: (ours.hidden.is_some() || hidden).then_some(hidden),
    }
}

fn settings_as_configured(ours: Option<&Settings>, theirs: &Document) -> Option<Settings> {
    let election = whole(theirs, "electionTimeoutMillis", ELECTION_TIMEOUT);
    let heartbeat = whole(theirs, "heartbeatIntervalMillis", HEARTBEAT_INTERVAL);
    let said = |it: Option<u32>, is: u32, otherwise: u32| (it.is_some() || is != otherwise).then_some(is);
    let settings = Settings {
        election_timeout_millis: said(ours.and_then(|it| it.election_timeout_millis), election, ELECTION_TIMEOUT),
        heartbeat_interval_millis: said(ours.and_then(|it| it.heartbeat_interval_millis), heartbeat, HEARTBEAT_INTERVAL),
    };
    let silent = settings.election_timeout_millis.is_none() && settings.heartbeat_interval_millis.is_none();
    (ours.is_some() || !silent).then_some(settings)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    fn member(host: &str) -> MemberOf {
        MemberOf { host: host.into(), machine: Some("process".into()), priority: None, votes: None, hidden: None }
    }

    #[test]
    fn what_was_left_out_and_is_usual_stays_left_out() {
        let theirs = doc! { "host": "a:1", "priority": 1.0, "votes": 1, "hidden": false };
        assert_eq!(member_as_configured(&member("a:1"), &theirs), member("a:1"));
        let changed = doc! { "host": "a:1", "priority": 0.0, "votes": 1_i64, "hidden": true };
        let seen = member_as_configured(&member("a:1"), &changed);
        assert_eq!((seen.priority, seen.votes, seen.hidden), (Some(0.0), None, Some(true)));
        let usual = doc! { "electionTimeoutMillis": 10_000, "heartbeatIntervalMillis": 2000 };
        assert_eq!(settings_as_configured(None, &usual), None);
        let settings = Settings { election_timeout_millis: Some(10_000), heartbeat_interval_millis: None };
        assert_eq!(settings_as_configured(Some(&settings), &usual), Some(settings));
    }
}

//! From the configuration that a set has to the one that it should have, one safe change at a time.

use std::time::{Duration, Instant};

use ha_provider::{Attempt, CallOutcome, Error};
use mongodb::bson::{Document, doc};

use crate::error::{cause, failed};
use crate::kinds::mongodb_replica_set::{
    MemberBlock, MemberOptions, ReplicaSetSettings, agree, delay_name_in,
};
use crate::member::{MemberClient, code, number};
use crate::replica_set_status::{
    CAUGHT_UP, ELECTION, configuration, members_of, on_primary, primary, status,
};

/// New members copy all data before they may vote.
const COPY_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// One change that mongod takes at once.
#[derive(Debug, PartialEq)]
enum Reconfiguration {
    /// This configuration, with what it does in a few words.
    Write(Document, String),
    /// This member has to catch up first.
    CatchUp(String),
    /// This member is primary and is to go.
    StepDown(String),
}

/// Brings the set to these members and settings. Every step is found from what the set has by then,
/// so it may be killed anywhere and goes on from there.
pub(crate) async fn to(
    set: &str,
    wanted: &[MemberBlock],
    settings: &ReplicaSetSettings,
    members: &[MemberClient],
    attempt: &Attempt,
) -> Result<(), Error> {
    let attempted = format!("change the replica set `{set}`");
    let (since, limit) = (Instant::now(), attempt.patience(COPY_LIMIT));
    loop {
        if attempt.is_cancelled() {
            return Err(Error::new(attempted, "stopped on request between two changes")
                .outcome(CallOutcome::Interrupted));
        }
        let primary = primary(set, members, attempt, ELECTION).await?;
        let now = configuration(primary)
            .await
            .map_err(|it| failed(&attempted, &primary.endpoint, &it))?;
        let serving = serving(primary, &now)
            .await
            .map_err(|it| failed(&attempted, &primary.endpoint, &it))?;
        match next(&now, wanted, settings, &primary.endpoint, &serving) {
            None => return Ok(()),
            Some(Reconfiguration::Write(configuration, what)) => {
                attempt.progress(&what);
                write(set, configuration, &what, members, attempt).await?;
            }
            Some(Reconfiguration::CatchUp(host)) if since.elapsed() > limit => {
                return Err(Error::new(attempted, format!("{host} has not caught up"))
                    .help(format!("look at the log of mongod on {host}")));
            }
            Some(Reconfiguration::CatchUp(host)) => {
                attempt.progress(&format!("{host} is copying the data; it votes when it is done"));
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Some(Reconfiguration::StepDown(host)) => {
                attempt.progress(&format!(
                    "{host} is the primary and is to leave; handing over to another member"
                ));
                let command = doc! { "replSetStepDown": 60, "secondaryCatchUpPeriodSecs": 10 };
                if let Err(error) = primary.run(command).await
                    && !crate::member::is_passing(&error)
                {
                    let failed = failed(format!("step {host} down as primary"), &host, &error);
                    return Err(match failed.outcome {
                        CallOutcome::Interrupted => failed,
                        _ => failed.outcome(CallOutcome::Refused),
                    });
                }
            }
        }
    }
}

/// The members that serve and have caught up.
async fn serving(
    primary: &MemberClient,
    configuration: &Document,
) -> mongodb::error::Result<Vec<String>> {
    let status = status(primary).await?.with_delays(configuration);
    let serving = status
        .0
        .iter()
        .filter(|it| it.serves() && status.lag(it).is_none_or(|lag| lag < CAUGHT_UP));
    Ok(serving.map(|it| it.host.clone()).collect())
}

/// The next change, with at most one voter more or less; none when all is as wanted.
fn next(
    now: &Document,
    wanted: &[MemberBlock],
    settings: &ReplicaSetSettings,
    primary: &str,
    serving: &[String],
) -> Option<Reconfiguration> {
    let theirs: Vec<Document> = members_of(now).into_iter().cloned().collect();
    let delay_name = delay_name_in(&theirs);
    let host = |it: &Document| it.get_str("host").unwrap_or_default().to_owned();
    let with = |members: Vec<Document>, what: String| {
        let mut changed = now.clone();
        changed.insert("members", members);
        Some(Reconfiguration::Write(changed, what))
    };
    // One that is to be delayed no longer comes first: as long as it is, it confirms no other
    // change.
    let hurried = theirs.iter().enumerate().find_map(|(index, member)| {
        let options = wanted.iter().find(|it| it.host == host(member))?.options();
        let is = MemberOptions::from_document(member);
        (is.delay > options.delay && !is.must_come_anew(&options) && is.votes >= options.votes)
            .then_some((index, options))
    });
    if let Some((index, options)) = hurried {
        let mut changed = theirs.clone();
        options.put_into(&mut changed[index], delay_name);
        return with(changed, format!("changing {}", host(&theirs[index])));
    }
    let without =
        |host_of: &str| theirs.iter().filter(|it| host(it) != host_of).cloned().collect::<Vec<_>>();
    if let Some(new) = wanted.iter().find(|it| theirs.iter().all(|theirs| host(theirs) != it.host))
    {
        // Without a vote first: a voter that has no data yet would count against every majority. An
        // arbiter has none ever.
        let id = theirs.iter().filter_map(|it| number(it, "_id")).fold(-1.0, f64::max) + 1.0;
        let first = match new.options().arbiter {
            true => new.clone(),
            false => MemberBlock { priority: Some(0.0), votes: Some(0), ..new.clone() },
        };
        #[expect(clippy::cast_possible_truncation, reason = "the server's ids are at most 255")]
        let added = first.written(id as i32, delay_name);
        return with([theirs, vec![added]].concat(), format!("adding {}", new.host));
    }
    if let Some(old) =
        theirs.iter().map(host).find(|it| wanted.iter().all(|wanted| wanted.host != *it))
    {
        if old == primary {
            return Some(Reconfiguration::StepDown(old));
        }
        return with(without(&old), format!("removing {old}"));
    }
    for (index, member) in theirs.iter().enumerate() {
        let ours = wanted.iter().find(|it| it.host == host(member))?;
        let (is, options) = (MemberOptions::from_document(member), ours.options());
        if is == options {
            continue;
        }
        if ours.host == primary && (options.priority == 0.0 || is.must_come_anew(&options)) {
            return Some(Reconfiguration::StepDown(ours.host.clone()));
        }
        if is.must_come_anew(&options) {
            return with(
                without(&ours.host),
                format!("removing {}, to add it again with its options", ours.host),
            );
        }
        if options.votes > is.votes && !serving.contains(&ours.host) {
            return Some(Reconfiguration::CatchUp(ours.host.clone()));
        }
        let mut changed = theirs.clone();
        options.put_into(&mut changed[index], delay_name);
        return with(changed, format!("changing {}", ours.host));
    }
    let theirs = now.get_document("settings").cloned().unwrap_or_default();
    let wanted = settings.written();
    if agree(&theirs, &wanted) {
        return None;
    }
    let mut changed = now.clone();
    let mut merged = theirs;
    merged.extend(wanted);
    changed.insert("settings", merged);
    Some(Reconfiguration::Write(changed, "changing the set's settings".to_owned()))
}

/// Writes a configuration and waits until a majority has it: the next change must not overtake this
/// one.
async fn write(
    set: &str,
    mut configuration: Document,
    what: &str,
    members: &[MemberClient],
    attempt: &Attempt,
) -> Result<(), Error> {
    let attempted = format!("change the replica set `{set}` ({what})");
    let version = number(&configuration, "version").unwrap_or(0.0) + 1.0;
    #[expect(clippy::cast_possible_truncation, reason = "versions are counted up one by one")]
    configuration.insert("version", version as i64);
    configuration.remove("term");
    let command = doc! { "replSetReconfig": configuration, "maxTimeMS": 60_000 };
    let (primary, answer) = on_primary(set, members, "admin", &command, what, attempt).await?;
    match answer {
        Ok(_) => {}
        // NewReplicaSetConfigurationIncompatible: somebody, perhaps an earlier try of ours whose
        // answer was lost, has changed it meanwhile; the caller looks again.
        Err(error) if code(&error) == Some(103) && cause(&error).contains("version") => {
            return Ok(());
        }
        Err(error) => return Err(failed(attempted, &primary, &error)),
    }
    committed(set, &attempted, members, attempt).await
}

async fn committed(
    set: &str,
    attempted: &str,
    members: &[MemberClient],
    attempt: &Attempt,
) -> Result<(), Error> {
    let since = Instant::now();
    loop {
        let primary = primary(set, members, attempt, ELECTION).await?;
        let answer = primary.run(doc! { "replSetGetConfig": 1, "commitmentStatus": true }).await;
        match answer {
            Ok(it) if it.get_bool("commitmentStatus").unwrap_or(false) => return Ok(()),
            // Before 4.4 there is no such status, and the command does not know the word.
            Err(error) if code(&error).is_some_and(|it| [9, 40415].contains(&it)) => return Ok(()),
            Err(error) if !crate::member::is_passing(&error) => {
                return Err(failed(attempted, &primary.endpoint, &error));
            }
            _ if since.elapsed() > ELECTION => {
                return Err(Error::new(attempted, "no majority has taken the change over yet")
                    .help("it stays in force where it arrived; bring the other members back, then apply again"));
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(host: &str) -> MemberBlock {
        MemberBlock { host: host.into(), ..MemberBlock::default() }
    }

    fn set(hosts: &[&str]) -> Document {
        let members: Vec<Document> = (0..)
            .zip(hosts)
            .map(|(id, host)| member(host).written(id, "secondaryDelaySecs"))
            .collect();
        doc! { "_id": "circle", "version": 3, "members": members, "settings": ReplicaSetSettings::default().written() }
    }

    fn step(
        now: &Document,
        wanted: &[MemberBlock],
        primary: &str,
        serving: &[&str],
    ) -> Option<Reconfiguration> {
        let serving: Vec<String> = serving.iter().map(|it| (*it).to_owned()).collect();
        next(now, wanted, &ReplicaSetSettings::default(), primary, &serving)
    }

    fn written(change: Option<Reconfiguration>) -> (Document, String) {
        match change {
            Some(Reconfiguration::Write(document, what)) => (document, what),
            other => panic!("a configuration is written, not {other:?}"),
        }
    }

    #[test]
    fn what_is_as_wanted_is_left_alone() {
        assert_eq!(
            next(&set(&["a"]), &[member("a")], &ReplicaSetSettings::default(), "a", &[]),
            None
        );
        let said = ReplicaSetSettings {
            election_timeout_millis: Some(10_000),
            ..ReplicaSetSettings::default()
        };
        assert_eq!(next(&set(&["a"]), &[member("a")], &said, "a", &[]), None);
    }

    #[test]
    fn a_setting_that_is_said_no_longer_is_as_it_is_by_itself_again() {
        let mut now = set(&["a"]);
        let said = ReplicaSetSettings {
            election_timeout_millis: Some(2000),
            chaining_allowed: Some(false),
            ..ReplicaSetSettings::default()
        };
        let mut theirs = said.written();
        theirs.insert("getLastErrorModes", doc! { "east": { "dc": 1 } });
        now.insert("settings", theirs);
        let (changed, _) = written(step(&now, &[member("a")], "a", &[]));
        let mut expected = ReplicaSetSettings::default().written();
        expected.insert("getLastErrorModes", doc! { "east": { "dc": 1 } });
        assert_eq!(changed.get_document("settings").unwrap(), &expected);
        assert_eq!(step(&changed, &[member("a")], "a", &[]), None);
    }

    #[test]
    fn a_new_member_gets_its_vote_when_it_has_the_data() {
        let wanted = [member("a"), member("b")];
        let (added, _) = written(step(&set(&["a"]), &wanted, "a", &["a"]));
        let new = members_of(&added)[1];
        assert_eq!(
            (number(new, "_id"), number(new, "votes"), number(new, "priority")),
            (Some(1.0), Some(0.0), Some(0.0))
        );
        assert_eq!(step(&added, &wanted, "a", &["a"]), Some(Reconfiguration::CatchUp("b".into())));
        let (voting, _) = written(step(&added, &wanted, "a", &["a", "b"]));
        assert_eq!(number(members_of(&voting)[1], "votes"), Some(1.0));
        assert_eq!(step(&voting, &wanted, "a", &["a", "b"]), None);
    }

    #[test]
    fn members_leave_one_by_one_and_the_primary_hands_over_first() {
        let now = set(&["a", "b", "c"]);
        let (left, _) = written(step(&now, &[member("a")], "a", &[]));
        assert_eq!(members_of(&left).len(), 2);
        assert_eq!(
            step(&left, &[member("c")], "a", &[]),
            Some(Reconfiguration::StepDown("a".into()))
        );
    }

    #[test]
    fn one_members_options_change_at_a_time() {
        let wanted = [
            MemberBlock { priority: Some(2.0), ..member("a") },
            MemberBlock { priority: Some(0.5), ..member("b") },
        ];
        let (changed, what) = written(step(&set(&["a", "b"]), &wanted, "a", &["a", "b"]));
        assert_eq!(what, "changing a");
        assert_eq!(number(members_of(&changed)[1], "priority"), Some(1.0));
    }

    #[test]
    fn a_member_that_somebody_delayed_becomes_electable_and_undelayed_at_once() {
        let mut now = set(&["a", "b"]);
        let delayed = MemberBlock {
            priority: Some(0.0),
            hidden: Some(true),
            secondary_delay_secs: Some(60),
            ..member("b")
        };
        now.insert(
            "members",
            vec![member("a").written(0, "slaveDelay"), delayed.written(1, "slaveDelay")],
        );
        let (changed, _) = written(step(&now, &[member("a"), member("b")], "a", &["a"]));
        let b = members_of(&changed)[1];
        assert_eq!((number(b, "slaveDelay"), number(b, "priority")), (Some(0.0), Some(1.0)));
        assert!(!b.contains_key("secondaryDelaySecs"));
    }

    #[test]
    fn a_delay_ends_before_anything_else_changes() {
        let mut now = set(&["a", "b", "c"]);
        let name = "secondaryDelaySecs";
        let odd = MemberBlock { priority: Some(0.0), build_indexes: Some(false), ..member("b") };
        let delayed =
            MemberBlock { priority: Some(0.0), secondary_delay_secs: Some(3600), ..member("c") };
        now.insert(
            "members",
            vec![member("a").written(0, name), odd.written(1, name), delayed.written(2, name)],
        );
        let wanted = ["a", "b", "c"].map(member);
        let (changed, _) = written(step(&now, &wanted, "a", &["a", "b"]));
        assert_eq!(number(members_of(&changed)[2], name), Some(0.0));
        let (left, _) = written(step(&changed, &wanted, "a", &["a", "b", "c"]));
        assert_eq!(members_of(&left).len(), 2);
    }

    #[test]
    fn what_mongod_does_not_change_in_a_member_is_changed_by_removing_and_adding_it() {
        let mut now = set(&["a", "b"]);
        let odd = MemberBlock { priority: Some(0.0), build_indexes: Some(false), ..member("b") };
        now.insert(
            "members",
            vec![
                member("a").written(0, "secondaryDelaySecs"),
                odd.written(1, "secondaryDelaySecs"),
            ],
        );
        let wanted = [member("a"), member("b")];
        let (without, _) = written(step(&now, &wanted, "a", &["a"]));
        assert_eq!(members_of(&without).len(), 1);
        let (again, _) = written(step(&without, &wanted, "a", &["a"]));
        assert!(members_of(&again)[1].get_bool("buildIndexes").unwrap());
        let arbiter = [member("a"), MemberBlock { arbiter_only: Some(true), ..member("b") }];
        let (with_arbiter, _) = written(step(&without, &arbiter, "a", &["a"]));
        assert_eq!(number(members_of(&with_arbiter)[1], "votes"), Some(1.0));
    }

    #[test]
    fn a_primary_that_may_be_one_no_longer_hands_over_first() {
        let wanted = [MemberBlock { priority: Some(0.0), ..member("a") }, member("b")];
        assert_eq!(
            step(&set(&["a", "b"]), &wanted, "a", &["a", "b"]),
            Some(Reconfiguration::StepDown("a".into()))
        );
        assert!(matches!(
            step(&set(&["a", "b"]), &wanted, "b", &["a", "b"]),
            Some(Reconfiguration::Write(..))
        ));
    }
}

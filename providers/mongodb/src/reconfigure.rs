//! From the configuration that a set has to the one that it should have, one safe change at a time.

use std::time::{Duration, Instant};

use ha_kind::{Attempt, Error, Outcome};
use mongodb::bson::{Document, doc};

use crate::failure::{cause, failed};
use crate::kinds::mongodb_replica_set::{MemberOf, Settings};
use crate::member::{Member, code, number};
use crate::set::{CAUGHT_UP, ELECTION, configuration, members_of, on_primary, primary, status};

/// New members copy all data before they may vote.
const COPY_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A member as the server wants it written.
pub(crate) fn written(id: i32, member: &MemberOf) -> Document {
    let mut document = doc! { "_id": id, "host": &member.host };
    if let Some(priority) = member.priority {
        document.insert("priority", priority);
    }
    if let Some(votes) = member.votes {
        document.insert("votes", i32::try_from(votes).unwrap_or(1));
    }
    if let Some(hidden) = member.hidden {
        document.insert("hidden", hidden);
    }
    document
}

/// Settings as the server wants them written.
pub(crate) fn written_settings(settings: &Settings) -> Document {
    let mut document = Document::new();
    if let Some(it) = settings.election_timeout_millis {
        document.insert("electionTimeoutMillis", i64::from(it));
    }
    if let Some(it) = settings.heartbeat_interval_millis {
        document.insert("heartbeatIntervalMillis", i64::from(it));
    }
    document
}

/// One change that mongod takes at once.
#[derive(Debug, PartialEq)]
enum Change {
    /// This configuration, with what it does in a few words.
    Write(Document, String),
    /// This member has to catch up first.
    CatchUp(String),
    /// This member is primary and is to go.
    StepDown(String),
}

/// Brings the set to these members and settings. Every step is found from what the set has by then, so it may be
/// killed anywhere and goes on from there.
pub(crate) async fn to(
    set: &str,
    wanted: &[MemberOf],
    settings: Option<&Settings>,
    members: &[Member],
    attempt: &Attempt,
) -> Result<(), Error> {
    let attempted = format!("change the replica set `{set}`");
    let since = Instant::now();
    loop {
        if attempt.is_cancelled() {
            return Err(Error::new(attempted, "stopped on request between two changes").outcome(Outcome::Interrupted));
        }
        let primary = primary(set, members, attempt, ELECTION).await?;
        let now = configuration(primary).await.map_err(|it| failed(&attempted, &primary.endpoint, &it))?;
        let serving = serving(primary).await.map_err(|it| failed(&attempted, &primary.endpoint, &it))?;
        match next(&now, wanted, settings, &primary.endpoint, &serving) {
            None => return Ok(()),
            Some(Change::Write(configuration, what)) => {
                attempt.progress(&what);
                write(set, configuration, &what, members, attempt).await?;
            }
            Some(Change::CatchUp(host)) if since.elapsed() > COPY_LIMIT => {
                return Err(Error::new(attempted, format!("{host} has not caught up"))
                    .help(format!("look at the log of mongod on {host}")));
            }
            Some(Change::CatchUp(host)) => {
                attempt.progress(&format!("{host} is copying the data; it votes when it is done"));
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Some(Change::StepDown(host)) => {
                attempt.progress(&format!("{host} is the primary and is to leave; handing over to another member"));
                let command = doc! { "replSetStepDown": 60, "secondaryCatchUpPeriodSecs": 10 };
                if let Err(error) = primary.run(command).await
                    && !crate::member::is_passing(&error)
                {
                    let failed = failed(format!("step {host} down as primary"), &host, &error);
                    return Err(match failed.outcome {
                        Outcome::Interrupted => failed,
                        _ => failed.outcome(Outcome::Refused),
                    });
                }
            }
        }
    }
}

/// The members that serve and have caught up.
async fn serving(primary: &Member) -> mongodb::error::Result<Vec<String>> {
    let status = status(primary).await?;
    let serving = status.0.iter().filter(|it| it.serves() && status.lag(it).is_none_or(|lag| lag < CAUGHT_UP));
    Ok(serving.map(|it| it.host.clone()).collect())
}

/// The next change, with at most one voter more or less; none when all is as wanted.
fn next(now: &Document, wanted: &[MemberOf], settings: Option<&Settings>, primary: &str, serving: &[String]) -> Option<Change> {
    let theirs: Vec<Document> = members_of(now).into_iter().cloned().collect();
    let host = |it: &Document| it.get_str("host").unwrap_or_default().to_owned();
    let with = |members: Vec<Document>, what: String| {
        let mut changed = now.clone();
        changed.insert("members", members);
        Some(Change::Write(changed, what))
    };
    if let Some(new) = wanted.iter().find(|it| theirs.iter().all(|theirs| host(theirs) != it.host)) {
        // Without a vote first: a voter that has no data yet would count against every majority.
        let id = theirs.iter().filter_map(|it| number(it, "_id")).fold(-1.0, f64::max) + 1.0;
        let silent = MemberOf { priority: Some(0.0), votes: Some(0), ..new.clone() };
        #[expect(clippy::cast_possible_truncation, reason = "the server's ids are at most 255")]
        let added = written(id as i32, &silent);
        return with([theirs, vec![added]].concat(), format!("adding {}", new.host));
    }
    if let Some(old) = theirs.iter().map(host).find(|it| wanted.iter().all(|wanted| wanted.host != *it)) {
        if old == primary {
            return Some(Change::StepDown(old));
        }
        return with(theirs.into_iter().filter(|it| host(it) != old).collect(), format!("removing {old}"));
    }
    for (index, member) in theirs.iter().enumerate() {
        let ours = wanted.iter().find(|it| it.host == host(member))?;
        let votes = f64::from(ours.votes.unwrap_or(1));
        let priority = ours.priority.unwrap_or(1.0);
        let hidden = ours.hidden.unwrap_or(false);
        #[expect(clippy::float_cmp, reason = "all were written, none was computed")]
        let gains_vote = number(member, "votes").unwrap_or(1.0) != votes;
        #[expect(clippy::float_cmp, reason = "all were written, none was computed")]
        let same = !gains_vote
            && number(member, "priority").unwrap_or(1.0) == priority
            && member.get_bool("hidden").unwrap_or(false) == hidden;
        if same {
            continue;
        }
        if gains_vote && votes > 0.0 && !serving.contains(&ours.host) {
            return Some(Change::CatchUp(ours.host.clone()));
        }
        let mut changed = theirs.clone();
        changed[index].insert("priority", priority);
        changed[index].insert("votes", i32::from(votes > 0.0));
        changed[index].insert("hidden", hidden);
        return with(changed, format!("changing {}", ours.host));
    }
    let theirs = now.get_document("settings").cloned().unwrap_or_default();
    let wanted = settings.map(written_settings).unwrap_or_default();
    if wanted.iter().all(|(name, _)| number(&theirs, name) == number(&wanted, name)) {
        return None;
    }
    let mut changed = now.clone();
    let mut merged = theirs;
    merged.extend(wanted);
    changed.insert("settings", merged);
    Some(Change::Write(changed, "changing the set's settings".to_owned()))
}

/// Writes a configuration and waits until a majority has it: the next change must not overtake this one.
async fn write(set: &str, mut configuration: Document, what: &str, members: &[Member], attempt: &Attempt) -> Result<(), Error> {
    let attempted = format!("change the replica set `{set}` ({what})");
    let version = number(&configuration, "version").unwrap_or(0.0) + 1.0;
    #[expect(clippy::cast_possible_truncation, reason = "versions are counted up one by one")]
    configuration.insert("version", version as i64);
    configuration.remove("term");
    let command = doc! { "replSetReconfig": configuration, "maxTimeMS": 60_000 };
    let (primary, answer) = on_primary(set, members, "admin", &command, what, attempt).await?;
    match answer {
        Ok(_) => {}
        // NewReplicaSetConfigurationIncompatible: somebody, perhaps an earlier try of ours whose answer was lost, has
        // changed it meanwhile; the caller looks again.
        Err(error) if code(&error) == Some(103) && cause(&error).contains("version") => return Ok(()),
        Err(error) => return Err(failed(attempted, &primary, &error)),
    }
    committed(set, &attempted, members, attempt).await
}

async fn committed(set: &str, attempted: &str, members: &[Member], attempt: &Attempt) -> Result<(), Error> {
    let since = Instant::now();
    loop {
        let primary = primary(set, members, attempt, ELECTION).await?;
        let answer = primary.run(doc! { "replSetGetConfig": 1, "commitmentStatus": true }).await;
        match answer {
            Ok(it) if it.get_bool("commitmentStatus").unwrap_or(false) => return Ok(()),
            // Before 4.4 there is no such status, and the command does not know the word.
            Err(error) if code(&error).is_some_and(|it| [9, 40415].contains(&it)) => return Ok(()),
            Err(error) if !crate::member::is_passing(&error) => return Err(failed(attempted, &primary.endpoint, &error)),
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

    fn member(host: &str) -> MemberOf {
        MemberOf { host: host.into(), machine: None, priority: None, votes: None, hidden: None }
    }

    fn set(hosts: &[&str]) -> Document {
        let members: Vec<Document> = (0..).zip(hosts).map(|(id, host)| written(id, &member(host))).collect();
        doc! { "_id": "circle", "version": 3, "members": members, "settings": { "electionTimeoutMillis": 10_000 } }
    }

    fn step(now: &Document, wanted: &[MemberOf], primary: &str, serving: &[&str]) -> Option<Change> {
        next(now, wanted, None, primary, &serving.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_as_wanted_is_left_alone() {
        let settings = Settings { election_timeout_millis: Some(10_000), heartbeat_interval_millis: None };
        assert_eq!(next(&set(&["a"]), &[member("a")], Some(&settings), "a", &[]), None);
    }

    #[test]
    fn a_new_member_gets_its_vote_when_it_has_the_data() {
        let wanted = [member("a"), member("b")];
        let Some(Change::Write(added, _)) = step(&set(&["a"]), &wanted, "a", &["a"]) else { panic!("it is added") };
        let new = members_of(&added)[1];
        assert_eq!((number(new, "_id"), number(new, "votes"), number(new, "priority")), (Some(1.0), Some(0.0), Some(0.0)));
        assert_eq!(step(&added, &wanted, "a", &["a"]), Some(Change::CatchUp("b".into())));
        let Some(Change::Write(voting, _)) = step(&added, &wanted, "a", &["a", "b"]) else { panic!("it votes") };
        assert_eq!(number(members_of(&voting)[1], "votes"), Some(1.0));
        assert_eq!(step(&voting, &wanted, "a", &["a", "b"]), None);
    }

    #[test]
    fn members_leave_one_by_one_and_the_primary_hands_over_first() {
        let now = set(&["a", "b", "c"]);
        let Some(Change::Write(left, _)) = step(&now, &[member("a")], "a", &[]) else { panic!("one leaves") };
        assert_eq!(members_of(&left).len(), 2);
        assert_eq!(step(&left, &[member("c")], "a", &[]), Some(Change::StepDown("a".into())));
    }

    #[test]
    fn one_members_options_change_at_a_time() {
        let wanted = [MemberOf { priority: Some(2.0), ..member("a") }, MemberOf { priority: Some(0.5), ..member("b") }];
        let Some(Change::Write(changed, what)) = step(&set(&["a", "b"]), &wanted, "a", &["a", "b"]) else { panic!("it changes") };
        assert_eq!(what, "changing a");
        assert_eq!(number(members_of(&changed)[1], "priority"), None);
    }
}

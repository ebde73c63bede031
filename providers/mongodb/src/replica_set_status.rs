//! A replica set as its members describe it.

use std::time::{Duration, Instant};

use futures::future::join_all;
use ha_provider::{Attempt, CallOutcome, Error};
use mongodb::bson::{Document, doc};

use crate::authority::ClientAccess;
use crate::error::failed;
use crate::kinds::mongodb_replica_set::MemberOptions;
use crate::member::{HelloResponse, MemberClient, PASSING, is_passing, number};

/// The server's code for a mongod that is in no set yet.
pub(crate) const NOT_YET_INITIALIZED: i32 = 94;

/// How far a secondary may be behind and still count as caught up.
pub(crate) const CAUGHT_UP: Duration = Duration::from_secs(10);

/// How often the primary of an idle set writes.
const IDLE_WRITES: Duration = Duration::from_secs(10);

/// How long a write takes at most to a member that follows.
const ARRIVAL: Duration = Duration::from_secs(3);

/// One member, as the member that was asked sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MemberStatus {
    pub(crate) host: String,
    /// `PRIMARY`, `SECONDARY`, `STARTUP2`, …
    pub(crate) state: String,
    pub(crate) healthy: bool,
    /// The last write it has, in milliseconds since 1970.
    pub(crate) optime: i64,
    /// Why it cannot be reached, where it cannot.
    pub(crate) message: String,
    /// How far behind it is to be.
    pub(crate) delay: Duration,
}

impl MemberStatus {
    pub(crate) fn serves(&self) -> bool {
        self.healthy && ["PRIMARY", "SECONDARY", "ARBITER"].contains(&&*self.state)
    }

    /// For a person: `b:27017 is SECONDARY`.
    pub(crate) fn described(&self) -> String {
        match (self.healthy, self.message.is_empty()) {
            (true, _) => format!("{} is {}", self.host, self.state),
            (false, true) => format!("{} cannot be reached", self.host),
            (false, false) => format!("{} cannot be reached: {}", self.host, self.message),
        }
    }
}

/// How every member stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReplicaSetStatus(pub(crate) Vec<MemberStatus>);

impl ReplicaSetStatus {
    pub(crate) fn from_document(answer: &Document) -> Self {
        let members = answer.get_array("members").map(Vec::as_slice).unwrap_or_default();
        let standing = |member: &Document| MemberStatus {
            host: member.get_str("name").unwrap_or_default().to_owned(),
            state: member.get_str("stateStr").unwrap_or_default().to_owned(),
            healthy: number(member, "health") != Some(0.0),
            optime: member.get_datetime("optimeDate").map_or(0, |it| it.timestamp_millis()),
            message: member.get_str("lastHeartbeatMessage").unwrap_or_default().to_owned(),
            delay: Duration::ZERO,
        };
        Self(members.iter().filter_map(|it| it.as_document()).map(standing).collect())
    }

    /// With what the set's configuration says of members that are to be behind.
    pub(crate) fn with_delays(mut self, configuration: &Document) -> Self {
        for member in members_of(configuration) {
            let delay = MemberOptions::from_document(member).delay;
            let host = member.get_str("host").unwrap_or_default();
            if let Some(standing) = self.0.iter_mut().find(|it| it.host == host && delay > 0) {
                standing.delay = Duration::from_secs(delay.into()) + IDLE_WRITES;
            }
        }
        self
    }

    pub(crate) fn primary(&self) -> Option<&MemberStatus> {
        self.0.iter().find(|it| it.healthy && it.state == "PRIMARY")
    }

    /// How far a member is further behind the primary than it is to be; none without a primary, and
    /// for those that keep no data.
    pub(crate) fn lag(&self, member: &MemberStatus) -> Option<Duration> {
        let behind = self.primary()?.optime - member.optime;
        let behind = Duration::from_millis(behind.max(0).unsigned_abs());
        (member.state != "ARBITER").then(|| behind.saturating_sub(member.delay))
    }

    /// Those that serve and are too far behind.
    fn behind(&self) -> impl Iterator<Item = (&MemberStatus, Duration)> {
        let lags =
            self.0.iter().filter(|it| it.serves()).filter_map(|it| Some((it, self.lag(it)?)));
        lags.filter(|(_, lag)| *lag >= CAUGHT_UP)
    }

    /// What keeps the set from being whole: one primary, everybody else serving and caught up.
    /// Empty when nothing does.
    pub(crate) fn unready(&self) -> Vec<String> {
        let mut reasons: Vec<String> =
            self.0.iter().filter(|it| !it.serves()).map(MemberStatus::described).collect();
        if self.primary().is_none() {
            reasons.insert(0, "no primary yet".to_owned());
        }
        let behind = |(member, lag): (&MemberStatus, Duration)| {
            format!("{} is {} s behind (limit {})", member.host, lag.as_secs(), CAUGHT_UP.as_secs())
        };
        reasons.extend(self.behind().map(behind));
        reasons
    }
}

/// How the set stands, as `member` sees it.
pub(crate) async fn status(member: &MemberClient) -> mongodb::error::Result<ReplicaSetStatus> {
    Ok(ReplicaSetStatus::from_document(&member.run(doc! { "replSetGetStatus": 1 }).await?))
}

/// The same, after those that seem to be behind have been asked themselves. What the others know of
/// a member is some seconds old, and the primary of an idle set writes every ten: a member that has
/// what the primary had is not behind, however long before the primary's last write it had its own.
pub(crate) async fn asked_themselves(
    mut status: ReplicaSetStatus,
    members: &[MemberClient],
) -> ReplicaSetStatus {
    let behind: Vec<String> = status.behind().map(|(it, _)| it.host.clone()).collect();
    let Some(target) = status.primary().map(|it| it.optime) else { return status };
    let asked = members.iter().filter(|it| behind.contains(&it.endpoint));
    let caught_up =
        join_all(asked.map(async |it| (it.endpoint.clone(), reaches(it, target).await))).await;
    for standing in &mut status.0 {
        if caught_up.iter().any(|(host, reached)| *reached && *host == standing.host) {
            standing.optime = target;
        }
    }
    status
}

/// Whether a member has a write, or has it within moments.
async fn reaches(member: &MemberClient, optime: i64) -> bool {
    let since = Instant::now();
    loop {
        let own = status(member)
            .await
            .ok()
            .and_then(|it| it.0.into_iter().find(|it| it.host == member.endpoint));
        match own {
            Some(own) if own.optime >= optime => return true,
            _ if since.elapsed() > ARRIVAL => return false,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The set's configuration, as `member` has it.
pub(crate) async fn configuration(member: &MemberClient) -> mongodb::error::Result<Document> {
    let answer = member.run(doc! { "replSetGetConfig": 1 }).await?;
    Ok(answer.get_document("config").cloned().unwrap_or_default())
}

/// The members of a configuration.
pub(crate) fn members_of(configuration: &Document) -> Vec<&Document> {
    let members = configuration.get_array("members").map(Vec::as_slice).unwrap_or_default();
    members.iter().filter_map(|it| it.as_document()).collect()
}

/// Clients of all these hosts.
pub(crate) fn members(hosts: &[String], access: &ClientAccess) -> Result<Vec<MemberClient>, Error> {
    let each = |host: &String| {
        MemberClient::new(host, access)
            .map_err(|error| failed("reach a member of the replica set", host, &error))
    };
    hosts.iter().map(each).collect()
}

/// What each of these answers, asked all at once.
pub(crate) async fn hellos(members: &[MemberClient]) -> Vec<mongodb::error::Result<HelloResponse>> {
    join_all(members.iter().map(MemberClient::hello)).await
}

/// Lets go of all these connections.
pub(crate) async fn close(members: Vec<MemberClient>) {
    join_all(members.into_iter().map(MemberClient::close)).await;
}

/// The member that takes writes, waited for while an election may be under way.
pub(crate) async fn primary<'a>(
    set: &str,
    members: &'a [MemberClient],
    attempt: &Attempt,
    limit: Duration,
) -> Result<&'a MemberClient, Error> {
    let attempted = format!("find the primary of replica set `{set}`");
    let since = Instant::now();
    loop {
        let answers = hellos(members).await;
        let mut reasons = Vec::new();
        for (member, answer) in members.iter().zip(&answers) {
            match answer {
                Ok(hello) if hello.set.as_deref().is_some_and(|it| it != set) => {
                    let other = hello.set.as_deref().unwrap_or_default();
                    return Err(Error::new(
                        &attempted,
                        format!("{} is a member of `{other}`", member.endpoint),
                    )
                    .outcome(CallOutcome::Refused));
                }
                Ok(hello) if hello.is_primary => return Ok(member),
                Ok(hello) if hello.set.is_none() => {
                    reasons.push(format!("{} is in no replica set", member.endpoint))
                }
                Ok(_) => reasons.push(format!("{} is not the primary", member.endpoint)),
                Err(error) => {
                    reasons.push(format!("{}: {}", member.endpoint, crate::error::cause(error)))
                }
            }
        }
        if since.elapsed() > limit || attempt.is_cancelled() {
            let error = Error::new(attempted, reasons.join("; "));
            let error = if attempt.is_cancelled() {
                error.outcome(CallOutcome::Interrupted)
            } else {
                error.outcome(CallOutcome::Refused)
            };
            return Err(error.help("a set elects a primary while a majority of its members is up and they reach each other; start those that are down"));
        }
        attempt.progress(&format!("waiting for a primary: {}", reasons.join("; ")));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Runs a command on the primary, finding it again while the set changes its mind.
pub(crate) async fn on_primary(
    set: &str,
    members: &[MemberClient],
    database: &str,
    command: &Document,
    attempted: &str,
    attempt: &Attempt,
) -> Result<(String, mongodb::error::Result<Document>), Error> {
    let since = Instant::now();
    loop {
        let primary = primary(set, members, attempt, ELECTION).await?;
        match primary.run_on(database, command.clone()).await {
            Err(error)
                if is_passing(&error) && since.elapsed() < ELECTION && !attempt.is_cancelled() =>
            {
                attempt.progress(&format!("{attempted} again: {}", crate::error::cause(&error)));
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Ok(answer) => {
                if let Ok(late) = answer.get_document("writeConcernError") {
                    let passes = late.get_i32("code").is_ok_and(|it| PASSING.contains(&it));
                    if passes && since.elapsed() < ELECTION && !attempt.is_cancelled() {
                        // The primary stepped down before a majority had it; the next one says
                        // whether it has it.
                        tokio::time::sleep(Duration::from_millis(250)).await;
                        continue;
                    }
                    let cause = late.get_str("errmsg").unwrap_or("no majority has it yet");
                    return Err(Error::new(attempted, format!("{}: {cause}", primary.endpoint))
                        .help("the primary has it, and so will the others once they follow; bring them back, then apply again"));
                }
                return Ok((primary.endpoint.clone(), Ok(answer)));
            }
            Err(error) => return Ok((primary.endpoint.clone(), Err(error))),
        }
    }
}

/// How long an election takes at worst, with everything that may go wrong once.
pub(crate) const ELECTION: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(host: &str, state: &str, optime: i64) -> MemberStatus {
        MemberStatus {
            host: host.into(),
            state: state.into(),
            healthy: state != "DOWN",
            optime,
            message: String::new(),
            delay: Duration::ZERO,
        }
    }

    #[test]
    fn a_set_is_ready_when_all_serve_and_have_caught_up() {
        let ready = ReplicaSetStatus(vec![
            standing("a", "PRIMARY", 20_000),
            standing("b", "SECONDARY", 15_000),
            standing("c", "ARBITER", 0),
        ]);
        assert_eq!(ready.unready(), Vec::<String>::new());
        let behind =
            ReplicaSetStatus(vec![standing("a", "PRIMARY", 20_000), standing("b", "SECONDARY", 0)]);
        assert_eq!(behind.unready(), ["b is 20 s behind (limit 10)"]);
        let configuration = doc! { "members": [{ "host": "b", "secondaryDelaySecs": 5_i64 }] };
        assert_eq!(
            behind.with_delays(&configuration).unready(),
            Vec::<String>::new(),
            "as it is to be"
        );
        let electing =
            ReplicaSetStatus(vec![standing("a", "SECONDARY", 0), standing("b", "DOWN", 0)]);
        assert_eq!(electing.unready(), ["no primary yet", "b cannot be reached"]);
    }
}

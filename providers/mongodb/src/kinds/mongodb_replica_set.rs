//! Replica sets.

use std::time::{Duration, Instant};

use ha_kind::{Attempt, Created, Error, Hooks, Immutable, Outcome, Path, Problem, Reading, Recorded, Resource, Volatile};
use mongodb::bson::{Document, doc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Mongodb;
use crate::authority::Authority;
use crate::failure::{cause, failed, mended_by};
use crate::member::{Member, code, number};
use crate::names::{only_local, split_endpoint};
use crate::reconfigure;
use crate::set::{NOT_YET_INITIALIZED, close, configuration, hellos, members, members_of, status};

/// A replica set: initiated over TLS with explicit host names by a member's certificate that lives for an hour in
/// memory, and ready when it has one primary, everybody else follows, and a write has reached a majority.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MongodbReplicaSet {
    /// The set's name, as every member's `replSetName` says.
    name: Immutable<String>,
    /// The members; the first one initiates the set.
    members: Vec<MemberOf>,
    /// Who may act inside the set.
    authority: Authority,
    /// How the members watch each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Settings>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MemberOf {
    /// `host:port`, under which clients and the other members reach it.
    pub(crate) host: String,
    /// How its machine is reached, as `mongodb_host.member` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) machine: Option<String>,
    /// How willing it is to become primary; 1 when left out, and 0 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<f64>,
    /// Its votes, 0 or 1; 1 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) votes: Option<u32>,
    /// Whether clients do not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hidden: Option<bool>,
}

/// How the members watch each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Settings {
    /// After how many milliseconds without a primary the others elect one; 10000 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) election_timeout_millis: Option<u32>,
    /// Every how many milliseconds the members look after each other; 2000 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heartbeat_interval_millis: Option<u32>,
}

const ELECTION_TIMEOUT: u32 = 10_000;
const HEARTBEAT_INTERVAL: u32 = 2_000;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The members as `host:port`, for connection strings.
    hosts: Volatile<Vec<String>>,
    /// The members as `host:port,host:port`.
    seeds: Volatile<String>,
    /// The member that takes writes, when last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<Volatile<String>>,
}

/// Data is copied to new members while this is waited for.
const READY_LIMIT: Duration = Duration::from_secs(10 * 60);

impl Resource for MongodbReplicaSet {
    const KIND: &'static str = "mongodb_replica_set";
    const WITHIN: &'static [&'static str] = &["mongodb_host"];
    type Provider = Mongodb;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        Hooks::new()
            .check(|it: Membered| it.problems())
            .check(|it: Authorised| it.problems())
            .predict("hosts", |it: Membered| it.members.into_iter().map(|it| it.host).collect::<Vec<_>>())
            .predict("seeds", |it: Membered| it.members.into_iter().map(|it| it.host).collect::<Vec<_>>().join(","))
    }

    async fn create(&self, _: &Mongodb, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        let members = members(&self.hosts(), &self.authority.member_access()?)?;
        let made = self.initiated_and_ready(&members, attempt).await;
        close(members).await;
        Ok(Created { id: self.name.to_string(), outputs: self.outputs(Some(made?)) })
    }

    async fn read(_: &Mongodb, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        Ok(futures::future::join_all(known.iter().map(look)).await)
    }

    async fn update(&self, _: &Mongodb, before: &Recorded<Self>, attempt: &mut Attempt) -> Result<Outputs, Error> {
        let mut hosts = self.hosts();
        hosts.extend(before.arguments.hosts().into_iter().filter(|it| !hosts.contains(it)).collect::<Vec<_>>());
        let members = members(&hosts, &self.authority.member_access()?)?;
        let changed = async {
            reconfigure::to(&self.name, &self.members, self.settings.as_ref(), &members, attempt).await?;
            let own: Vec<Member> = members.iter().filter(|it| self.hosts().contains(&it.endpoint)).cloned().collect();
            self.ready(&own, attempt).await
        };
        let primary = changed.await;
        close(members).await;
        Ok(self.outputs(Some(primary?)))
    }

    async fn delete(_: &Mongodb, recorded: &Recorded<Self>, _: &mut Attempt) -> Result<(), Error> {
        let set = &recorded.arguments;
        let attempted = format!("delete the replica set `{}`", *set.name);
        let members = members(&set.hosts(), &set.authority.member_access()?)?;
        let answers = hellos(&members).await;
        close(members).await;
        if answers.iter().all(|it| it.as_ref().is_ok_and(|it| it.set.is_none())) {
            return Ok(());
        }
        Err(Error::new(attempted, "mongod has no way to take a set apart while its members stay")
            .help("destroy its hosts with it (the set then goes with them, unasked), or take the set out of the state and leave it running")
            .outcome(Outcome::Refused))
    }
}

impl MongodbReplicaSet {
    fn hosts(&self) -> Vec<String> {
        self.members.iter().map(|it| it.host.clone()).collect()
    }

    fn outputs(&self, primary: Option<String>) -> Outputs {
        Outputs { hosts: Volatile(self.hosts()), seeds: Volatile(self.hosts().join(",")), primary: primary.map(Volatile) }
    }

    async fn initiated_and_ready(&self, members: &[Member], attempt: &Attempt) -> Result<String, Error> {
        self.initiated(members, attempt).await?;
        self.ready(members, attempt).await
    }

    /// Initiates the set, unless it is: a set with this name and these hosts is the one that was asked for, made by an
    /// earlier try or by whoever made these hosts.
    async fn initiated(&self, members: &[Member], attempt: &Attempt) -> Result<(), Error> {
        let attempted = format!("initiate the replica set `{}`", *self.name);
        let first = members.first().ok_or_else(|| Error::new(&attempted, "it has no members").outcome(Outcome::Refused))?;
        let existing = futures::future::join_all(members.iter().map(configuration)).await;
        let mut found = None;
        for (member, answer) in members.iter().zip(existing) {
            match answer {
                Ok(it) => found = found.or(Some((member.endpoint.clone(), it))),
                Err(error) if code(&error) == Some(NOT_YET_INITIALIZED) => {}
                Err(error) => return Err(failed(attempted, &member.endpoint, &error)),
            }
        }
        if let Some((endpoint, configuration)) = found {
            return self.refuse_other(&attempted, &endpoint, &configuration);
        }
        attempt.progress("initiating the set");
        match first.run(doc! { "replSetInitiate": self.configuration() }).await {
            Ok(_) => Ok(()),
            // AlreadyInitialized: another `ha` was faster, or an earlier try went through just now.
            Err(error) if code(&error) == Some(23) => {
                let configuration = configuration(first).await.map_err(|it| failed(&attempted, &first.endpoint, &it))?;
                self.refuse_other(&attempted, &first.endpoint, &configuration)
            }
            Err(error) => {
                let mut failure = failed(&attempted, &first.endpoint, &error);
                if code(&error) == Some(74) {
                    failure.help = quorum_help(&cause(&error), &self.hosts());
                }
                Err(failure)
            }
        }
    }

    fn refuse_other(&self, attempted: &str, endpoint: &str, configuration: &Document) -> Result<(), Error> {
        let name = configuration.get_str("_id").unwrap_or_default();
        let mut theirs: Vec<&str> = members_of(configuration).iter().filter_map(|it| it.get_str("host").ok()).collect();
        let mut ours = self.hosts();
        theirs.sort_unstable();
        ours.sort_unstable();
        if name == *self.name && theirs == ours {
            return Ok(());
        }
        let cause = format!("{endpoint} is already in the set `{name}` with {}", theirs.join(", "));
        Err(Error::new(attempted, cause)
            .help("it is another set than the configuration describes; leave its members alone, or make the configuration describe it")
            .outcome(Outcome::Refused))
    }

    fn configuration(&self) -> Document {
        let member = |(id, it): (usize, &MemberOf)| reconfigure::written(i32::try_from(id).unwrap_or_default(), it);
        let members: Vec<Document> = self.members.iter().enumerate().map(member).collect();
        let mut configuration = doc! { "_id": &*self.name, "version": 1, "members": members };
        if let Some(settings) = &self.settings {
            configuration.insert("settings", reconfigure::written_settings(settings));
        }
        configuration
    }

    /// Waits until the set is whole and a write has reached a majority; answers who is primary.
    async fn ready(&self, members: &[Member], attempt: &Attempt) -> Result<String, Error> {
        let attempted = format!("bring the replica set `{}` up", *self.name);
        let since = Instant::now();
        loop {
            let reasons = match self.seen_by_first(members).await {
                Ok((status, _)) if status.unready().is_empty() => break,
                Ok((status, member)) => {
                    // The first election would otherwise wait for its timeout, ten seconds in which nothing happens.
                    if status.primary().is_none()
                        && status.0.iter().any(|it| it.host == member.endpoint && it.state == "SECONDARY")
                    {
                        let _ = member.run(doc! { "replSetStepUp": 1 }).await;
                    }
                    status.unready()
                }
                Err((member, error)) => vec![format!("{}: {}", member.endpoint, cause(&error))],
            };
            if attempt.is_cancelled() {
                return Err(Error::new(attempted, "stopped on request").outcome(Outcome::Interrupted));
            }
            if since.elapsed() > READY_LIMIT {
                return Err(Error::new(attempted, reasons.join("; ")).help(
                    reasons.iter().find_map(|it| mended_by(it, "between members")).unwrap_or_else(|| {
                        "look at the logs of the members that are named; applying again waits for them again".to_owned()
                    }),
                ));
            }
            attempt.progress(&format!("waiting for the set: {}", reasons.join("; ")));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // A note in the oplog is a write like any other, and leaves no collection behind.
        let canary =
            doc! { "appendOplogNote": 1, "data": { "ha": "ready" }, "writeConcern": { "w": "majority", "wtimeout": 30_000 } };
        let (primary, written) =
            crate::set::on_primary(&self.name, members, "admin", &canary, "write to a majority", attempt).await?;
        let answer = written.map_err(|error| failed("write to a majority of the replica set", &primary, &error))?;
        match answer.get_document("writeConcernError") {
            Ok(error) => Err(Error::new(
                "write to a majority of the replica set",
                error.get_str("errmsg").unwrap_or("it did not arrive in time"),
            )),
            Err(_) => Ok(primary),
        }
    }

    /// How the set stands, as the first member that answers sees it.
    async fn seen_by_first<'a>(
        &self,
        members: &'a [Member],
    ) -> Result<(crate::set::Status, &'a Member), (&'a Member, mongodb::error::Error)> {
        let mut last = None;
        for member in members {
            match status(member).await {
                Ok(it) => return Ok((it, member)),
                Err(error) => last = Some((member, error)),
            }
        }
        Err(last.expect("a set has members"))
    }

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

/// Each host that vetoed, with the cure for what it said.
fn quorum_help(message: &str, hosts: &[String]) -> Vec<String> {
    let reasons = message.split("failed with ");
    let mut help: Vec<String> = Vec::new();
    let mut before = "";
    for reason in reasons {
        if let Some(host) = hosts.iter().find(|it| before.trim_end().ends_with(it.as_str())) {
            help.extend(mended_by(reason, host));
        }
        before = reason;
    }
    help
}

async fn look(known: &Recorded<MongodbReplicaSet>) -> Reading<MongodbReplicaSet> {
    let set = &known.arguments;
    let reached = set.authority.member_access().and_then(|access| members(&set.hosts(), &access));
    let members = match reached {
        Ok(members) => members,
        Err(error) => return Reading::Unchecked(error.to_string()),
    };
    let answers = futures::future::join_all(members.iter().map(configuration)).await;
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

#[derive(Deserialize)]
struct Membered {
    members: Vec<MemberOf>,
}

impl Membered {
    fn problems(&self) -> Vec<Problem> {
        let members = Path::attribute("members");
        let mut problems = Vec::new();
        let mut wrong = |path: &Path, message: String| problems.push(Problem { path: path.clone(), message });
        let voters = self.members.iter().filter(|it| it.votes != Some(0)).count();
        if voters % 2 == 0 {
            wrong(&members, format!("a replica set needs an odd number of voting members; got {voters}"));
        }
        if voters > 7 {
            wrong(&members, format!("a replica set has at most 7 voting members; got {voters}"));
        }
        let here = self.members.iter().all(|it| it.machine.as_deref() == Some("process"));
        for (index, member) in self.members.iter().enumerate() {
            let path = members.index(index);
            let (host, _) = split_endpoint(&member.host);
            if let Some(reason) = only_local(host).filter(|_| !here) {
                wrong(
                    &path.name("host"),
                    format!(
                        "`{host}` will do only where every member's machine is `process {{}}`: {reason}; take the members from \
                         `mongodb_host.NAME.member`, which say what their machines are"
                    ),
                );
            }
            if self.members[..index].iter().any(|it| it.host == member.host) {
                wrong(&path.name("host"), format!("`{}` is named twice", member.host));
            }
            if member.votes.is_some_and(|it| it > 1) {
                wrong(&path.name("votes"), "a member has one vote or none".into());
            }
            if member.priority.is_some_and(|it| !(0.0..=1000.0).contains(&it)) {
                wrong(&path.name("priority"), "a priority lies between 0 and 1000".into());
            }
            let electable = member.priority != Some(0.0);
            if electable && (member.votes == Some(0) || member.hidden == Some(true)) {
                wrong(&path.name("priority"), "a member that is hidden or has no vote must have priority 0".into());
            }
        }
        problems
    }
}

#[derive(Deserialize)]
struct Authorised {
    authority: Authority,
}

impl Authorised {
    fn problems(&self) -> Vec<Problem> {
        let problem = |message: &str| Problem { path: Path::attribute("authority"), message: message.to_owned() };
        self.authority.problem().map(problem).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(host: &str) -> MemberOf {
        MemberOf { host: host.into(), machine: Some("process".into()), priority: None, votes: None, hidden: None }
    }

    #[test]
    fn loopback_members_need_processes() {
        let here = Membered { members: vec![member("127.0.0.11:1"), member("127.0.0.12:1"), member("127.0.0.13:1")] };
        assert_eq!(here.problems(), []);
        let mut elsewhere = here;
        elsewhere.members[2].machine = None;
        assert_eq!(elsewhere.problems().len(), 3);
        assert!(elsewhere.problems()[0].message.contains("mongodb_host.NAME.member"));
    }

    #[test]
    fn a_set_that_cannot_work_is_refused() {
        let two = Membered { members: vec![member("127.0.0.11:1"), member("127.0.0.11:1")] };
        let messages: Vec<String> = two.problems().into_iter().map(|it| it.message).collect();
        assert!(messages[0].contains("odd number of voting members; got 2"));
        assert!(messages[1].contains("named twice"));
        let odd = Membered { members: vec![MemberOf { votes: Some(1), hidden: Some(true), ..member("a:1") }] };
        assert_eq!(odd.problems().len(), 1);
    }

    #[test]
    fn every_host_that_vetoes_gets_its_own_cure() {
        let message = "replSetInitiate quorum check failed because not all proposed set members responded affirmatively: \
                       b:1 failed with Error connecting to b:1 :: caused by :: Connection refused, c:1 failed with No route to host";
        let help = quorum_help(message, &["a:1".into(), "b:1".into(), "c:1".into()]);
        assert_eq!(help.len(), 2);
        assert!(help[0].starts_with("b:1: nothing listens"));
        assert!(help[1].starts_with("c:1: packets"));
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

//! Replica sets.

mod checks;
mod member_options;
mod objections;
mod observed;
mod settings;

use std::time::{Duration, Instant};

use futures::future::join_all;
use ha_provider::{
    ArgumentProblem, Attempt, CallOutcome, CreatedResource, Error, ExistingResource, Immutable,
    IntendedChange, RecordedResource, Resource, ResourceHooks, ResourceReading, Volatile,
    known_text,
};
use ha_value::Object;
use mongodb::bson::{Document, doc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::checks::{AuthorityArguments, MemberArguments, SettingsArguments};
pub(crate) use self::member_options::{MemberBlock, MemberOptions, delay_name, delay_name_in};
use self::observed::{look, oldest_version};
pub(crate) use self::settings::{ReplicaSetSettings, agree};
use crate::MongodbProvider;
use crate::authority::CertificateAuthority;
use crate::error::{cause, failed, mended_by};
use crate::member::{MemberClient, code};
use crate::reconfigure;
use crate::release::{ReleaseSeries, SECONDARY_NAMES};
use crate::replica_set_status::{
    NOT_YET_INITIALIZED, close, configuration, hellos, members, members_of, status,
};

/// A replica set: initiated over TLS with explicit host names by a member's certificate that lives
/// for an hour in memory, and ready when it has one primary, everybody else follows, and a write
/// has reached a majority.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MongodbReplicaSet {
    /// The set's name, as every member's `replSetName` says.
    name: Immutable<String>,
    /// The members; the first one initiates the set.
    members: Vec<MemberBlock>,
    /// Who may act inside the set.
    authority: CertificateAuthority,
    /// How the members watch each other. What is not said here is to be as mongod has it by itself.
    #[serde(default)]
    settings: ReplicaSetSettings,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MongodbReplicaSetOutputs {
    /// The members as `host:port`, for connection strings.
    hosts: Volatile<Vec<String>>,
    /// The members as `host:port,host:port`.
    seeds: Volatile<String>,
    /// The member that takes writes, when last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<Volatile<String>>,
    /// The oldest version that a member runs, when last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Volatile<String>>,
}

/// mongod asks every member whether it agrees.
const INITIATE_LIMIT: Duration = Duration::from_secs(60);
/// Data is copied to new members while this is waited for.
const READY_LIMIT: Duration = Duration::from_secs(10 * 60);

impl Resource for MongodbReplicaSet {
    const KIND: &'static str = "mongodb_replica_set";
    const WITHIN: &'static [&'static str] = &["mongodb_host"];
    type Provider = MongodbProvider;
    type Outputs = MongodbReplicaSetOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
            .check(|it: MemberArguments| it.problems())
            .check(|it: AuthorityArguments| it.problems())
            .check(|it: SettingsArguments| it.problems())
            .predict("hosts", |it: MemberArguments| {
                it.members.into_iter().map(|it| it.host).collect::<Vec<_>>()
            })
            .predict("seeds", |it: MemberArguments| {
                it.members.into_iter().map(|it| it.host).collect::<Vec<_>>().join(",")
            })
    }

    async fn create(
        &self,
        mongodb: &MongodbProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let members = members(&self.hosts(), &mongodb.access(&self.authority, &self.hosts())?)?;
        let made = self.initiated_and_ready(&members, attempt).await;
        let version = oldest_version(&members).await;
        close(members).await;
        let outputs = MongodbReplicaSetOutputs {
            version: version.map(Volatile),
            ..self.outputs(Some(made?))
        };
        Ok(CreatedResource { id: self.name.to_string(), outputs })
    }

    const OBJECTS: bool = true;

    async fn objections(
        mongodb: &MongodbProvider,
        planned: &[IntendedChange],
    ) -> Vec<(usize, ArgumentProblem)> {
        objections::to(mongodb, planned).await
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id).argument("name", id))
    }

    fn import_id(arguments: &Object) -> Option<String> {
        known_text(arguments, "name").map(str::to_owned)
    }

    async fn read(
        mongodb: &MongodbProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        Ok(join_all(known.iter().map(|it| look(mongodb, it))).await)
    }

    async fn update(
        &self,
        mongodb: &MongodbProvider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<MongodbReplicaSetOutputs, Error> {
        let mut hosts = self.hosts();
        hosts.extend(
            before
                .arguments
                .hosts()
                .into_iter()
                .filter(|it| !hosts.contains(it))
                .collect::<Vec<_>>(),
        );
        let members = members(&hosts, &mongodb.access(&self.authority, &hosts)?)?;
        let changed = async {
            reconfigure::to(&self.name, &self.members, &self.settings, &members, attempt).await?;
            let own: Vec<MemberClient> =
                members.iter().filter(|it| self.hosts().contains(&it.endpoint)).cloned().collect();
            self.ready(&own, attempt).await
        };
        let primary = changed.await;
        let version = oldest_version(&members).await;
        close(members).await;
        Ok(MongodbReplicaSetOutputs {
            version: version.map(Volatile),
            ..self.outputs(Some(primary?))
        })
    }

    async fn delete(
        mongodb: &MongodbProvider,
        recorded: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        let set = &recorded.arguments;
        let attempted = format!("delete the replica set `{}`", *set.name);
        let members = members(&set.hosts(), &mongodb.access(&set.authority, &set.hosts())?)?;
        let answers = hellos(&members).await;
        close(members).await;
        if answers.iter().all(|it| it.as_ref().is_ok_and(|it| it.set.is_none())) {
            return Ok(());
        }
        Err(Error::new(attempted, "mongod has no way to take a set apart while its members stay")
            .help("destroy its hosts with it (the set then goes with them, unasked), or take the set out of the state and leave it running")
            .outcome(CallOutcome::Refused))
    }
}

impl MongodbReplicaSet {
    fn hosts(&self) -> Vec<String> {
        self.members.iter().map(|it| it.host.clone()).collect()
    }

    fn outputs(&self, primary: Option<String>) -> MongodbReplicaSetOutputs {
        MongodbReplicaSetOutputs {
            hosts: Volatile(self.hosts()),
            seeds: Volatile(self.hosts().join(",")),
            primary: primary.map(Volatile),
            version: None,
        }
    }

    async fn initiated_and_ready(
        &self,
        members: &[MemberClient],
        attempt: &Attempt,
    ) -> Result<String, Error> {
        self.initiated(members, attempt).await?;
        self.ready(members, attempt).await
    }

    /// Initiates the set, unless it is: a set with this name and these hosts is the one that was
    /// asked for, made by an earlier try or by whoever made these hosts.
    async fn initiated(&self, members: &[MemberClient], attempt: &Attempt) -> Result<(), Error> {
        let attempted = format!("initiate the replica set `{}`", *self.name);
        let first = members.first().ok_or_else(|| {
            Error::new(&attempted, "it has no members").outcome(CallOutcome::Refused)
        })?;
        let existing = join_all(members.iter().map(configuration)).await;
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
        let version =
            first.version().await.map_err(|error| failed(&attempted, &first.endpoint, &error))?;
        let new_names = ReleaseSeries::from_version(&version).is_ok_and(|it| it >= SECONDARY_NAMES);
        match first.run(doc! { "replSetInitiate": self.configuration(new_names) }).await {
            Ok(_) => Ok(()),
            // AlreadyInitialized: an earlier try, or another `ha`, has got there first and may
            // still be at it.
            Err(error) if code(&error) == Some(23) => {
                let since = Instant::now();
                let configuration = loop {
                    match configuration(first).await {
                        Ok(it) => break it,
                        Err(error)
                            if code(&error) == Some(NOT_YET_INITIALIZED)
                                && since.elapsed() < INITIATE_LIMIT =>
                        {
                            attempt.progress("the set is being initiated already");
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                        Err(error) => return Err(failed(&attempted, &first.endpoint, &error)),
                    }
                };
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

    fn refuse_other(
        &self,
        attempted: &str,
        endpoint: &str,
        configuration: &Document,
    ) -> Result<(), Error> {
        let name = configuration.get_str("_id").unwrap_or_default();
        let mut theirs: Vec<&str> =
            members_of(configuration).iter().filter_map(|it| it.get_str("host").ok()).collect();
        let mut ours = self.hosts();
        theirs.sort_unstable();
        ours.sort_unstable();
        if name == *self.name && theirs == ours {
            return Ok(());
        }
        let cause = format!("{endpoint} is already in the set `{name}` with {}", theirs.join(", "));
        Err(Error::new(attempted, cause)
            .help("it is another set than the configuration describes; leave its members alone, or make the configuration describe it")
            .outcome(CallOutcome::Refused))
    }

    fn configuration(&self, new_names: bool) -> Document {
        let member = |(id, it): (usize, &MemberBlock)| {
            it.written(i32::try_from(id).unwrap_or_default(), delay_name(new_names))
        };
        let members: Vec<Document> = self.members.iter().enumerate().map(member).collect();
        doc! { "_id": &*self.name, "version": 1, "members": members, "settings": self.settings.written() }
    }

    /// Waits until the set is whole and a write has reached a majority; answers who is primary.
    async fn ready(&self, members: &[MemberClient], attempt: &Attempt) -> Result<String, Error> {
        let attempted = format!("bring the replica set `{}` up", *self.name);
        let (since, limit) = (Instant::now(), attempt.patience(READY_LIMIT));
        loop {
            let reasons = match self.seen_by_first(members).await {
                Ok((status, _)) if status.unready().is_empty() => break,
                Ok((status, member)) => {
                    // The first election would otherwise wait for its timeout, ten seconds in which
                    // nothing happens.
                    if status.primary().is_none()
                        && status
                            .0
                            .iter()
                            .any(|it| it.host == member.endpoint && it.state == "SECONDARY")
                    {
                        let _ = member.run(doc! { "replSetStepUp": 1 }).await;
                    }
                    status.unready()
                }
                Err((member, error)) => vec![format!("{}: {}", member.endpoint, cause(&error))],
            };
            if attempt.is_cancelled() {
                return Err(
                    Error::new(attempted, "stopped on request").outcome(CallOutcome::Interrupted)
                );
            }
            if since.elapsed() > limit {
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
        let canary = doc! { "appendOplogNote": 1, "data": { "ha": "ready" }, "writeConcern": { "w": "majority", "wtimeout": 30_000 } };
        let (primary, written) = crate::replica_set_status::on_primary(
            &self.name,
            members,
            "admin",
            &canary,
            "write to a majority of the replica set",
            attempt,
        )
        .await?;
        written
            .map_err(|error| failed("write to a majority of the replica set", &primary, &error))?;
        Ok(primary)
    }

    /// How the set stands, as the first member that answers sees it.
    async fn seen_by_first<'a>(
        &self,
        members: &'a [MemberClient],
    ) -> Result<
        (crate::replica_set_status::ReplicaSetStatus, &'a MemberClient),
        (&'a MemberClient, mongodb::error::Error),
    > {
        let mut last = None;
        for member in members {
            match tokio::try_join!(status(member), configuration(member)) {
                Ok((status, configuration)) => {
                    return Ok((status.with_delays(&configuration), member));
                }
                Err(error) => last = Some((member, error)),
            }
        }
        Err(last.expect("a set has members"))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_that_vetoes_gets_its_own_cure() {
        let message = "replSetInitiate quorum check failed because not all proposed set members responded affirmatively: \
                       b:1 failed with Error connecting to b:1 :: caused by :: Connection refused, c:1 failed with No route to host";
        let help = quorum_help(message, &["a:1".into(), "b:1".into(), "c:1".into()]);
        assert_eq!(help.len(), 2);
        assert!(help[0].starts_with("b:1: nothing listens"));
        assert!(help[1].starts_with("c:1: packets"));
    }
}

//! A set as it is, in the words of its arguments.

use futures::future::join_all;
use ha_provider::{Immutable, RecordedResource, ResourceReading, Volatile};
use mongodb::bson::{Document, doc};

use super::{MemberBlock, MongodbReplicaSet, MongodbReplicaSetOutputs};
use crate::MongodbProvider;
use crate::error::cause;
use crate::member::{MemberClient, code};
use crate::release::{ReleaseSeries, oldest};
use crate::replica_set_status::{
    NOT_YET_INITIALIZED, asked_themselves, close, configuration, members, members_of, status,
};

/// What the first member that answers says.
pub(super) async fn look(
    mongodb: &MongodbProvider,
    known: &RecordedResource<MongodbReplicaSet>,
) -> ResourceReading<MongodbReplicaSet> {
    let set = &known.arguments;
    let reached = mongodb
        .access(&set.authority, &set.hosts())
        .and_then(|access| members(&set.hosts(), &access));
    let members = match reached {
        Ok(members) => members,
        Err(error) => return ResourceReading::Unchecked(error.to_string()),
    };
    let answers = join_all(members.iter().map(configuration)).await;
    let mut reasons = Vec::new();
    let mut reading = None;
    for (member, answer) in members.iter().zip(&answers) {
        match answer {
            Ok(configuration) => {
                reading = Some(seen(known, member, configuration, &members).await);
                break;
            }
            Err(error) => reasons.push(format!("{}: {}", member.endpoint, cause(error))),
        }
    }
    let nobody_is_in_it =
        answers.iter().all(|it| it.as_ref().is_err_and(|it| code(it) == Some(NOT_YET_INITIALIZED)));
    close(members).await;
    match reading {
        Some(reading) => reading,
        None if nobody_is_in_it && !answers.is_empty() => ResourceReading::Gone,
        None => ResourceReading::Unchecked(format!(
            "no member of `{}` says how the set stands: {}",
            *set.name,
            reasons.join("; ")
        )),
    }
}

async fn seen(
    known: &RecordedResource<MongodbReplicaSet>,
    member: &MemberClient,
    configuration: &Document,
    members: &[MemberClient],
) -> ResourceReading<MongodbReplicaSet> {
    let (primary, mut remarks) = match status(member).await {
        Ok(status) => {
            let status = asked_themselves(status.with_delays(configuration), members).await;
            (status.primary().map(|it| it.host.clone()), status.unready())
        }
        Err(error) => (None, vec![format!("{}: {}", member.endpoint, cause(&error))]),
    };
    let version = oldest_version(members)
        .await
        .or_else(|| known.outputs.version.as_ref().map(|it| it.0.clone()));
    if let Some(version) = &version {
        remarks.extend(left_behind(member, version).await);
    }
    let arguments = known.arguments.as_configured(configuration);
    let outputs =
        MongodbReplicaSetOutputs { version: version.map(Volatile), ..arguments.outputs(primary) };
    ResourceReading::Found { outputs, arguments, remarks }
}

/// The oldest version that a member runs, of those that answer.
pub(super) async fn oldest_version(members: &[MemberClient]) -> Option<String> {
    let answers = join_all(members.iter().map(MemberClient::version)).await;
    oldest(answers.into_iter().flatten())
}

/// What is to be said of a set that goes on storing its data as an older release did.
async fn left_behind(member: &MemberClient, version: &str) -> Option<String> {
    let answer =
        member.run(doc! { "getParameter": 1, "featureCompatibilityVersion": 1 }).await.ok()?;
    let standing = answer.get_document("featureCompatibilityVersion").ok()?;
    let (storing, binary) =
        (standing.get_str("version").ok()?, ReleaseSeries::from_version(version).ok()?);
    if let Ok(target) = standing.get_str("targetVersion") {
        return Some(format!(
            "a change of the feature compatibility version from {storing} to {target} was begun and not finished; finish it \
             with `db.adminCommand({{ setFeatureCompatibilityVersion: \"{target}\" }})`"
        ));
    }
    let behind = ReleaseSeries::from_version(storing).is_ok_and(|it| it < binary);
    behind.then(|| {
        format!(
            "every member runs MongoDB {binary} or later, and the feature compatibility version is still {storing}: the next \
             release would not start with that. Once no one wants to go back, run `db.adminCommand({{ \
             setFeatureCompatibilityVersion: \"{binary}\"{} }})`",
            if binary.confirms() { ", confirm: true" } else { "" }
        )
    })
}

impl MongodbReplicaSet {
    /// These arguments as the set has them. What was left out and is as it is by itself stays left
    /// out.
    fn as_configured(&self, configuration: &Document) -> Self {
        let theirs = members_of(configuration);
        let host = |it: &Document| it.get_str("host").unwrap_or_default().to_owned();
        let known = self.members.iter().filter_map(|ours| {
            let member = theirs.iter().find(|it| host(it) == ours.host)?;
            Some(ours.as_configured(member))
        });
        let others =
            theirs.iter().filter(|it| self.members.iter().all(|ours| ours.host != host(it)));
        let others = others
            .map(|it| MemberBlock { host: host(it), ..MemberBlock::default() }.as_configured(it));
        let settings = configuration.get_document("settings").cloned().unwrap_or_default();
        Self {
            name: Immutable(configuration.get_str("_id").unwrap_or_default().to_owned()),
            members: known.chain(others).collect(),
            authority: self.authority.clone(),
            settings: self.settings.as_configured(&settings),
        }
    }
}

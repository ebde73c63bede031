//! Names of members that the others would not know, before all have them. Below 5.0 they would only
//! while each of them takes two names, which only they can say.

use futures::future::join_all;
use ha_provider::{ArgumentProblem, Error, IntendedChange, Resource};
use ha_value::Action;
use mongodb::bson::doc;

use super::MongodbReplicaSet;
use super::checks::{AuthorityArguments, KnownMembers, other_names};
use crate::MongodbProvider;
use crate::member::MemberClient;
use crate::replica_set_status::{close, members};

/// The sets whose members would be left without each other, by their places in the plan.
pub(super) async fn to(
    mongodb: &MongodbProvider,
    planned: &[IntendedChange],
) -> Vec<(usize, ArgumentProblem)> {
    let mut problems = Vec::new();
    for (place, it) in planned.iter().enumerate() {
        if *it.kind != *MongodbReplicaSet::KIND || it.action != Action::Update {
            continue;
        }
        let (Some(known), Some(wanted)) =
            (it.before::<KnownMembers>(), it.after::<AuthorityArguments>())
        else {
            continue;
        };
        if !known.keeps(&wanted) && !all_take_two_names(mongodb, &known).await.unwrap_or(false) {
            problems.push((place, other_names()));
        }
    }
    problems
}

async fn all_take_two_names(
    mongodb: &MongodbProvider,
    known: &KnownMembers,
) -> Result<bool, Error> {
    let members = members(&known.hosts, &mongodb.access(&known.authority, &known.hosts)?)?;
    let takes_two = join_all(members.iter().map(takes_two_names)).await;
    close(members).await;
    Ok(takes_two.into_iter().all(|it| it))
}

async fn takes_two_names(member: &MemberClient) -> bool {
    const OVERRIDE: &str = "tlsX509ClusterAuthDNOverride";
    let answer = member.run(doc! { "getParameter": 1, OVERRIDE: 1 }).await;
    answer.is_ok_and(|it| it.get_str(OVERRIDE).is_ok_and(|it| !it.is_empty()))
}

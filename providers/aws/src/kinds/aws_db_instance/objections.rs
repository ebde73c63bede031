//! Deletions that RDS would refuse as the database and its snapshots are now.

use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, IntendedChange, Resource as _};
use serde::Deserialize;

use super::DbInstance;
use super::check::problem;
use crate::AwsClients;

/// A database that the plan deletes or replaces.
#[derive(Deserialize)]
struct DeletedDatabase {
    identifier: String,
    #[serde(default)]
    deletion_protection: bool,
    #[serde(default)]
    skip_final_snapshot: bool,
    final_snapshot_identifier: Option<String>,
    status: Option<String>,
}

/// What RDS would refuse of the planned deletions.
pub(super) async fn objections(
    aws: &AwsClients,
    planned: &[IntendedChange],
) -> Vec<(usize, ArgumentProblem)> {
    let mut problems = Vec::new();
    let mut snapshots = BTreeMap::new();
    for (place, change) in planned.iter().enumerate() {
        if &*change.kind != DbInstance::KIND || !change.action.destroys() {
            continue;
        }
        let Some(database) = change.before::<DeletedDatabase>() else { continue };
        // An interrupted run has deleted it already: the protection no longer matters, and the
        // final snapshot is the one that this deletion has begun.
        if database.status.as_deref() == Some("deleting") {
            continue;
        }
        problems.extend(protection(&database, change).map(|it| (place, it)));
        let Some(snapshot) =
            database.final_snapshot_identifier.filter(|_| !database.skip_final_snapshot)
        else {
            continue;
        };
        let message = if let Some(other) =
            snapshots.insert(snapshot.to_lowercase(), database.identifier.clone())
        {
            format!("the final snapshot of `{other}` has the name `{snapshot}` too")
        } else if exists(aws, &snapshot).await {
            format!("there is a snapshot `{snapshot}` already, and RDS overwrites none")
        } else {
            continue;
        };
        let message = format!(
            "{message}: give `final_snapshot_identifier` a name that no snapshot has, and apply \
             that before the deletion"
        );
        problems.push((place, problem("final_snapshot_identifier", message)));
    }
    problems
}

fn protection(database: &DeletedDatabase, change: &IntendedChange) -> Option<ArgumentProblem> {
    #[derive(Deserialize)]
    struct PlannedProtection {
        #[serde(default)]
        deletion_protection: bool,
    }
    if !database.deletion_protection {
        return None;
    }
    // A replacement deletes the old database as it is: no step of the plan changes it before.
    let is_turned_off = change.after().is_some_and(|it: PlannedProtection| !it.deletion_protection);
    let advice = match is_turned_off {
        true => "apply `deletion_protection = false` alone first, and the replacement after that",
        false => "set `deletion_protection = false` and apply that first",
    };
    let message = format!(
        "the database `{}` is protected against deletion, and this plan {} it: {advice}",
        database.identifier,
        if change.action.is_replace() { "replaces" } else { "deletes" },
    );
    Some(problem("deletion_protection", message))
}

/// Whether there is a snapshot of this name; false where RDS cannot be asked.
async fn exists(aws: &AwsClients, snapshot: &str) -> bool {
    let call = aws.rds.describe_db_snapshots().db_snapshot_identifier(snapshot);
    call.send().await.is_ok_and(|it| !it.db_snapshots().is_empty())
}

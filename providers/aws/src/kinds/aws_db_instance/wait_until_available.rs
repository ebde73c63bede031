//! Waiting for RDS: minutes for a change, a quarter of an hour for a new instance, and statuses
//! that only a person can resolve.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_rds::types::DbInstance as Found;
use ha_provider::{Attempt, Error, RecordedResource};

use super::{DbInstance, find, find_again, observed};
use crate::AwsClients;
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus};

const CREATING: Duration = Duration::from_mins(40);
const CHANGING: Duration = Duration::from_mins(80);
const DELETING: Duration = Duration::from_mins(60);
/// How long to wait for an earlier change before a rename, a change or a deletion.
pub(super) const BUSY: Duration = Duration::from_mins(30);
/// How long RDS may still report `available` after it has accepted a change.
const TAKING_NOTICE: Duration = Duration::from_mins(1);
/// How many looks in a row must show the instance ready: the status changes back for a moment.
const IN_A_ROW: u32 = 3;

/// Whether an instance with this status is available and can be changed.
pub(super) fn is_ready(status: &str) -> bool {
    matches!(status, "available" | "storage-optimization")
}

/// Whether an instance with this status is available to clients.
pub(super) fn is_well(status: &str) -> bool {
    is_ready(status)
        || matches!(
            status,
            "backing-up" | "configuring-log-exports" | "configuring-enhanced-monitoring"
        )
}

/// Whether RDS takes no snapshot of an instance with this status.
pub(super) fn is_past_snapshots(status: &str) -> bool {
    matches!(status, "failed" | "incompatible-network" | "incompatible-restore")
}

/// What to do about a status that does not change by itself; `None` for one that does.
pub(super) fn advice(status: &str) -> Option<&'static str> {
    Some(match status {
        "failed" => "it cannot be recovered; delete it, and restore it from a backup",
        "incompatible-network" => {
            "its subnets have no free addresses or no longer exist; fix the subnet group"
        }
        "incompatible-option-group" => "its options do not fit; give it another option group",
        "incompatible-parameters" => {
            "its parameters do not fit its memory; fix the parameter group and reboot it"
        }
        "incompatible-restore" => "it cannot be restored to that moment",
        "inaccessible-encryption-credentials" => {
            "its key is disabled or may not be used; enable it, or grant RDS its use"
        }
        "insufficient-capacity" => {
            "AWS has no capacity for this class there; choose another instance_class"
        }
        "restore-error" => "the restore went wrong; look at its events",
        "storage-full" => "its disk is full; raise allocated_storage, or set max_allocated_storage",
        _ => return None,
    })
}

/// Waits until a new instance is ready.
pub(super) async fn created(
    aws: &AwsClients,
    name: &str,
    attempt: &Attempt,
) -> Result<Found, Error> {
    let began = Instant::now();
    let what = format!("see the database `{name}` ready after it was created");
    WaitCondition::new(&what, attempt.patience(CREATING))
        .in_a_row(IN_A_ROW)
        .until(attempt, || async {
            match find(aws, name).await? {
                Some(found) => waited_for(&what, found),
                // DescribeDBInstances may not list a new instance at first. Later, a missing one
                // was deleted by someone else.
                None if began.elapsed() < PROPAGATION => {
                    Ok(WaitStatus::Pending("not visible yet".into()))
                }
                None => Err(Error::new(&what, "it no longer exists")),
            }
        })
        .await
}

/// Waits until no earlier change prevents the next one.
pub(super) async fn ready_for_change(
    aws: &AwsClients,
    name: &str,
    attempt: &Attempt,
) -> Result<Found, Error> {
    let what = format!("see the database `{name}` ready for a change");
    WaitCondition::new(&what, attempt.patience(CHANGING))
        .until(attempt, || async {
            match find(aws, name).await? {
                // A full disk ends only with a change that enlarges it.
                Some(found) if found.db_instance_status() == Some("storage-full") => {
                    Ok(WaitStatus::Ready(found))
                }
                Some(found) => waited_for(&what, found),
                None => Err(Error::new(&what, "it no longer exists").help("plan again")),
            }
        })
        .await
}

/// Waits until the instance has its new name and is ready again.
pub(super) async fn renamed(
    aws: &AwsClients,
    before: &RecordedResource<DbInstance>,
    name: &str,
    attempt: &Attempt,
) -> Result<Found, Error> {
    let what = format!("see the database `{name}` ready after it was renamed");
    WaitCondition::new(&what, attempt.patience(CHANGING))
        .in_a_row(IN_A_ROW)
        .until(attempt, || async {
            match find_again(aws, before).await? {
                Some(found) if found.db_instance_identifier() == Some(name) => {
                    waited_for(&what, found)
                }
                Some(found) => Ok(WaitStatus::Pending(
                    found.db_instance_status().unwrap_or("renaming").to_owned(),
                )),
                None => Ok(WaitStatus::Pending("not visible under its new name yet".into())),
            }
        })
        .await
}

/// Waits until the arguments of these names are in force, or scheduled for the maintenance window
/// where `apply_immediately` is off.
pub(super) async fn changed(
    aws: &AwsClients,
    wanted: &DbInstance,
    names: &BTreeSet<&'static str>,
    attempt: &Attempt,
) -> Result<Found, Error> {
    let began = Instant::now();
    let name = wanted.identifier.as_str();
    let what = format!("see the database `{name}` ready after it was changed");
    WaitCondition::new(&what, attempt.patience(CHANGING))
        .in_a_row(IN_A_ROW)
        .until(attempt, || async {
            let found = find(aws, name)
                .await?
                .ok_or_else(|| Error::new(&what, "it no longer exists").help("plan again"))?;
            if wanted.apply_immediately && observed::is_pending(&found) {
                return Ok(WaitStatus::Pending("changes are still to be applied".into()));
            }
            // RDS reports `available` before it has begun with a change. The wait therefore ends
            // only when the values are in force or pending, or after a minute in which RDS shows
            // neither.
            let in_force =
                super::changes::names(&observed::actual(wanted, &found), wanted).is_disjoint(names);
            if !in_force && !observed::is_pending(&found) && began.elapsed() < TAKING_NOTICE {
                return Ok(WaitStatus::Pending("taking notice of its changes".into()));
            }
            waited_for(&what, found)
        })
        .await
}

/// Waits until the instance is deleted.
pub(super) async fn gone(aws: &AwsClients, name: &str, attempt: &Attempt) -> Result<(), Error> {
    WaitCondition::new(format!("see the database `{name}` deleted"), attempt.patience(DELETING))
        .until(attempt, || async {
            Ok(match find(aws, name).await? {
                Some(found) => {
                    WaitStatus::Pending(found.db_instance_status().unwrap_or("there").to_owned())
                }
                None => WaitStatus::Ready(()),
            })
        })
        .await
}

fn waited_for(what: &str, found: Found) -> Result<WaitStatus<Found>, Error> {
    let status = found.db_instance_status().unwrap_or_default().to_owned();
    if is_ready(&status) {
        return Ok(WaitStatus::Ready(found));
    }
    match advice(&status) {
        Some(advice) => Err(Error::new(what, format!("its status is {status}")).help(advice)),
        None => {
            Ok(WaitStatus::Pending(match found.percent_progress().filter(|it| !it.is_empty()) {
                Some(progress) => format!("{status} ({progress} %)"),
                None => status,
            }))
        }
    }
}

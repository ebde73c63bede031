//! Waiting for the machines of a group to come, and to go.

use std::collections::BTreeSet;

use aws_sdk_autoscaling::types::{Activity, AutoScalingGroup as Found, LifecycleState, ScalingActivityStatusCode};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use ha_kind::{Attempt, Error};

use super::{BUSY, DRAINING, Group, find, is_absent};
use crate::failure::{self, Attempting as _};
use crate::wait::{PROPAGATION, Seen, Wait};
use crate::{Aws, duration};

/// So many launches that came to nothing end the wait: the service would go on trying, and in vain.
const IN_VAIN: usize = 2;
/// What may come right by itself, in another zone or a while later.
const MAY_PASS: [&str; 3] = ["InsufficientInstanceCapacity", "capacity", "RequestLimitExceeded"];

/// Whose launches are looked at.
pub(super) enum Launches {
    /// All of them: the group is new.
    All,
    /// Those from now on; earlier ones came of other arguments.
    New,
}

/// Waits until as many machines are well as should be there.
pub(super) async fn wait(aws: &Aws, group: &Group, launches: Launches, attempt: &Attempt) -> Result<(), Error> {
    // The check has read it before.
    let patience = duration::parse(&group.wait_for_capacity_timeout).unwrap_or_default();
    let (name, expected) = (group.name.as_str(), group.expected());
    if patience.is_zero() {
        return Ok(());
    }
    let earlier = match launches {
        Launches::All => BTreeSet::new(),
        Launches::New => failed(aws, name).await?.into_iter().map(|(id, _)| id).collect(),
    };
    let what = format!("see {expected} machines of the auto scaling group `{name}` in service");
    Wait::new(&what, patience)
        .until(attempt, || async {
            let Some(found) = find(aws, name).await? else { return Ok(Seen::Pending("not visible yet".into())) };
            let well = well(&found);
            if well >= expected {
                return Ok(Seen::Ready(()));
            }
            let failed: Vec<String> =
                failed(aws, name).await?.into_iter().filter(|(id, _)| !earlier.contains(id)).map(|(_, why)| why).collect();
            let hopeless = |why: &&String| !MAY_PASS.iter().any(|it| why.contains(it));
            if failed.iter().filter(hopeless).count() >= IN_VAIN {
                return Err(Error::new(&what, format!("its machines cannot be launched: {}", failed[0])));
            }
            let trouble = failed.first().map_or_else(String::new, |it| format!(" ({it})"));
            Ok(Seen::Pending(format!("at {well} of {expected} machines in service{trouble}")))
        })
        .await
        .map_err(|error| {
            error.help(
                "what each launch met is in the group's activity history; `wait_for_capacity_timeout` sets how long to wait",
            )
        })
}

/// Shrinks a group to nothing and waits until its machines are gone.
pub(super) async fn drain(aws: &Aws, name: &str, attempt: &Attempt) -> Result<(), Error> {
    let what = format!("shrink the auto scaling group `{name}` before it is deleted");
    Wait::new(&what, PROPAGATION)
        .until(attempt, || async {
            let call = aws.autoscaling.update_auto_scaling_group().auto_scaling_group_name(name);
            match call.min_size(0).max_size(0).desired_capacity(0).send().await {
                Err(error) if failure::is(&error, &BUSY) => Ok(failure::waiting("busy with its machines", &error)),
                Err(error) if is_absent(error.message()) => Ok(Seen::Ready(())),
                other => other.map(|_| Seen::Ready(())).attempting(&what),
            }
        })
        .await?;
    Wait::new(&what, DRAINING)
        .until(attempt, || async {
            Ok(match find(aws, name).await? {
                Some(found) if !found.instances().is_empty() => {
                    Seen::Pending(format!("waiting for {} machines to go", found.instances().len()))
                }
                _ => Seen::Ready(()),
            })
        })
        .await
        .map_err(|error| error.help("machines protected from scale-in never go; `force_delete = true` takes all at once"))
}

fn well(found: &Found) -> i32 {
    let well = found.instances().iter().filter(|it| {
        it.lifecycle_state() == Some(&LifecycleState::InService)
            && it.health_status().is_some_and(|it| it.eq_ignore_ascii_case("healthy"))
    });
    i32::try_from(well.count()).unwrap_or(i32::MAX)
}

/// The last launches that came to nothing, newest first: the service's name for each, and why.
async fn failed(aws: &Aws, name: &str) -> Result<Vec<(String, String)>, Error> {
    let call = aws.autoscaling.describe_scaling_activities().auto_scaling_group_name(name).max_records(10);
    let found = call.send().await.attempting(format!("read the activity history of the auto scaling group `{name}`"))?;
    let failed = found.activities().iter().filter(|it| it.status_code() == Some(&ScalingActivityStatusCode::Failed));
    let told = |it: &Activity| {
        let why = it.status_message().unwrap_or("no reason given").trim_end_matches('.').to_owned();
        (it.activity_id().unwrap_or_default().to_owned(), why)
    };
    Ok(failed.map(told).collect())
}

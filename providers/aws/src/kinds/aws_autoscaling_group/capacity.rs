//! Waiting for the machines of a group to come, and to go.

use aws_sdk_autoscaling::types::{AutoScalingGroup as Found, LifecycleState};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use ha_kind::{Attempt, Error};

use super::{BUSY, DRAINING, Group, find, is_absent};
use crate::failure::{self, Attempting as _};
use crate::wait::{PROPAGATION, Seen, Wait};
use crate::{Aws, duration};

/// Waits until as many machines are well as should be there.
pub(super) async fn wait(aws: &Aws, group: &Group, attempt: &Attempt) -> Result<(), Error> {
    // The check has read it before.
    let patience = duration::parse(&group.wait_for_capacity_timeout).unwrap_or_default();
    let (name, expected) = (group.name.as_str(), group.expected());
    if patience.is_zero() {
        return Ok(());
    }
    Wait::new(format!("see {expected} machines of the auto scaling group `{name}` in service"), patience)
        .until(attempt, || async {
            let Some(found) = find(aws, name).await? else { return Ok(Seen::Pending("not visible yet".into())) };
            let well = well(&found);
            if well >= expected {
                return Ok(Seen::Ready(()));
            }
            let trouble = trouble(aws, name).await?.map_or_else(String::new, |it| format!(" ({it})"));
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

/// Why the last launch came to nothing, where it did.
async fn trouble(aws: &Aws, name: &str) -> Result<Option<String>, Error> {
    let call = aws.autoscaling.describe_scaling_activities().auto_scaling_group_name(name).max_records(5);
    let found = call.send().await.attempting(format!("read the activity history of the auto scaling group `{name}`"))?;
    let failed =
        found.activities().iter().find(|it| it.status_code().is_some_and(|it| matches!(it.as_str(), "Failed" | "Cancelled")));
    Ok(failed.and_then(|it| it.status_message()).map(|it| it.trim_end_matches('.').to_owned()))
}

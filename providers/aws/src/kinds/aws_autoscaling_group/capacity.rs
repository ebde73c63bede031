//! Waiting for the instances of a group to be in service, or to terminate.

use std::collections::BTreeSet;

use aws_sdk_autoscaling::types::{
    Activity, AutoScalingGroup as Found, LifecycleState, ScalingActivityStatusCode,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use ha_provider::{Attempt, Error};
use ha_value::duration;

use super::observed::retained;
use super::{AutoScalingGroup, BUSY, DRAINING, find, is_absent};
use crate::AwsClients;
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus};

/// Number of failed launches that end the wait: Auto Scaling would repeat the same launch without
/// end.
const FAILED_LAUNCHES: usize = 2;
/// Failures that may pass by themselves, in another availability zone or later.
const MAY_PASS: [&str; 3] = ["InsufficientInstanceCapacity", "capacity", "RequestLimitExceeded"];

/// Which launches of the activity history count.
pub(super) enum LaunchPeriod {
    /// All launches, for a new group.
    All,
    /// Launches from now on: earlier ones used other arguments.
    New,
}

/// Waits until the expected number of instances is in service and healthy.
pub(super) async fn wait(
    aws: &AwsClients,
    group: &AutoScalingGroup,
    launches: LaunchPeriod,
    attempt: &Attempt,
) -> Result<(), Error> {
    // A check has refused an invalid duration while planning.
    let patience = duration::parse(&group.wait_for_capacity_timeout).unwrap_or_default();
    let (name, expected) = (group.name.as_str(), group.expected());
    if patience.is_zero() {
        return Ok(());
    }
    // The activity history of an existing group holds failures of earlier arguments, which say
    // nothing about these.
    let earlier = match launches {
        LaunchPeriod::All => BTreeSet::new(),
        LaunchPeriod::New => failed(aws, name).await?.into_iter().map(|(id, _)| id).collect(),
    };
    let what = format!("see {expected} instances of the Auto Scaling group `{name}` in service");
    WaitCondition::new(&what, patience)
        .until(attempt, || async {
            let Some(found) = find(aws, name).await? else { return Ok(WaitStatus::Pending("not visible yet".into())) };
            let well = healthy_count(&found);
            if well >= expected {
                return Ok(WaitStatus::Ready(()));
            }
            let failed: Vec<String> =
                failed(aws, name).await?.into_iter().filter(|(id, _)| !earlier.contains(id)).map(|(_, why)| why).collect();
            let hopeless = |why: &&String| !MAY_PASS.iter().any(|it| why.contains(it));
            // Two failures of a kind that does not pass by itself: further launches would
            // fail in the same way until the time limit.
            if failed.iter().filter(hopeless).count() >= FAILED_LAUNCHES {
                return Err(Error::new(&what, format!("its instances cannot be launched: {}", failed[0])));
            }
            let trouble = failed.first().map_or_else(String::new, |it| format!(" ({it})"));
            Ok(WaitStatus::Pending(format!("{well} of {expected} instances in service{trouble}")))
        })
        .await
        .map_err(|error| {
            error.help(
                "the group's activity history says why a launch failed; `wait_for_capacity_timeout` sets how long to wait",
            )
        })
}

/// Scales a group to 0 and waits until its instances are terminated.
pub(super) async fn drain(aws: &AwsClients, name: &str, attempt: &Attempt) -> Result<(), Error> {
    let what = format!("scale the Auto Scaling group `{name}` to 0 before it is deleted");
    WaitCondition::new(&what, PROPAGATION)
        .until(attempt, || async {
            let call = aws.autoscaling.update_auto_scaling_group().auto_scaling_group_name(name);
            match call.min_size(0).max_size(0).desired_capacity(0).send().await {
                Err(error) if error::is(&error, &BUSY) => {
                    Ok(error::waiting("busy with its instances", &error))
                }
                Err(error) if is_absent(error.message()) => Ok(WaitStatus::Ready(())),
                other => other.map(|_| WaitStatus::Ready(())).attempting(&what),
            }
        })
        .await?;
    WaitCondition::new(&what, attempt.patience(DRAINING))
        .until(attempt, || async {
            match find(aws, name).await? {
                Some(found) if !found.instances().is_empty() => {
                    expect_none_retained(&found, &what)?;
                    Ok(WaitStatus::Pending(format!("waiting for {} instances to terminate", found.instances().len())))
                }
                _ => Ok(WaitStatus::Ready(())),
            }
        })
        .await
        .map_err(|error| error.help("instances protected from scale-in are not terminated; `force_delete = true` terminates all"))
}

/// An error where all remaining instances are retained, and only a person can terminate them.
pub(super) fn expect_none_retained(found: &Found, what: &str) -> Result<(), Error> {
    let retained = retained(found);
    if retained.is_empty() || retained.len() < found.instances().len() {
        return Ok(());
    }
    let cause = format!(
        "its lifecycle policy retains {} (Terminating:Retained); they must be terminated by hand",
        retained.join(", ")
    );
    let ids = retained.join(" ");
    Err(Error::new(what, cause).help(format!(
        "check them, then run `aws ec2 terminate-instances --instance-ids {ids}`; then destroy again"
    )))
}

fn healthy_count(found: &Found) -> i32 {
    let well = found.instances().iter().filter(|it| {
        it.lifecycle_state() == Some(&LifecycleState::InService)
            && it.health_status().is_some_and(|it| it.eq_ignore_ascii_case("healthy"))
    });
    i32::try_from(well.count()).unwrap_or(i32::MAX)
}

/// The last failed launches, newest first: activity id and reason.
async fn failed(aws: &AwsClients, name: &str) -> Result<Vec<(String, String)>, Error> {
    let call =
        aws.autoscaling.describe_scaling_activities().auto_scaling_group_name(name).max_records(10);
    let found = call
        .send()
        .await
        .attempting(format!("read the activity history of the Auto Scaling group `{name}`"))?;
    Ok(found.activities().iter().filter_map(failed_launch).collect())
}

/// The id and reason of a failed launch. It failed or was cancelled, as when a lifecycle hook
/// abandons the instance.
fn failed_launch(it: &Activity) -> Option<(String, String)> {
    let is_launch = !it.description().unwrap_or_default().starts_with("Terminating");
    let ending = match it.status_code()? {
        ScalingActivityStatusCode::Failed if is_launch => "",
        ScalingActivityStatusCode::Cancelled if is_launch => "cancelled: ",
        _ => return None,
    };
    let why = it.status_message().unwrap_or("no reason given").trim_end_matches('.');
    Some((it.activity_id().unwrap_or_default().to_owned(), format!("{ending}{why}")))
}

#[cfg(test)]
mod tests {
    use aws_sdk_autoscaling::types::Instance;

    use super::*;

    #[test]
    fn reports_failed_and_cancelled_launches() {
        let reason = |status: ScalingActivityStatusCode, description: &str| {
            let activity =
                Activity::builder().activity_id("1").status_code(status).description(description);
            failed_launch(&activity.status_message("the hook said ABANDON.").build())
                .map(|(_, why)| why)
        };
        let launch = "Launching a new EC2 instance: i-1";
        assert_eq!(
            reason(ScalingActivityStatusCode::Failed, launch).as_deref(),
            Some("the hook said ABANDON")
        );
        assert_eq!(
            reason(ScalingActivityStatusCode::Cancelled, launch).as_deref(),
            Some("cancelled: the hook said ABANDON")
        );
        assert_eq!(reason(ScalingActivityStatusCode::Successful, launch), None);
        assert_eq!(
            reason(ScalingActivityStatusCode::Cancelled, "Terminating EC2 instance: i-1"),
            None
        );
    }

    #[test]
    fn names_retained_instances() {
        let machine = |id: &str, state: LifecycleState| {
            Instance::builder().instance_id(id).lifecycle_state(state).build()
        };
        let group =
            |machines: Vec<Instance>| Found::builder().set_instances(Some(machines)).build();
        let kept = machine("i-1", LifecycleState::TerminatingRetained);
        let error = expect_none_retained(&group(vec![kept.clone()]), "shrink it").unwrap_err();
        assert!(error.to_string().contains("i-1"), "{error}");
        let going = machine("i-2", LifecycleState::Terminating);
        assert!(expect_none_retained(&group(vec![kept, going]), "shrink it").is_ok());
        assert!(expect_none_retained(&group(Vec::new()), "shrink it").is_ok());
    }
}

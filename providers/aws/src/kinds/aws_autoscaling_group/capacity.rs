//! Waiting for the machines of a group to come, and to go.

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

/// So many launches that came to nothing end the wait: the service would go on trying, and in vain.
const IN_VAIN: usize = 2;
/// What may come right by itself, in another zone or a while later.
const MAY_PASS: [&str; 3] = ["InsufficientInstanceCapacity", "capacity", "RequestLimitExceeded"];

/// Whose launches are looked at.
pub(super) enum LaunchPeriod {
    /// All of them: the group is new.
    All,
    /// Those from now on; earlier ones came of other arguments.
    New,
}

/// Waits until as many machines are well as should be there.
pub(super) async fn wait(
    aws: &AwsClients,
    group: &AutoScalingGroup,
    launches: LaunchPeriod,
    attempt: &Attempt,
) -> Result<(), Error> {
    // The check has read it before.
    let patience = duration::parse(&group.wait_for_capacity_timeout).unwrap_or_default();
    let (name, expected) = (group.name.as_str(), group.expected());
    if patience.is_zero() {
        return Ok(());
    }
    let earlier = match launches {
        LaunchPeriod::All => BTreeSet::new(),
        LaunchPeriod::New => failed(aws, name).await?.into_iter().map(|(id, _)| id).collect(),
    };
    let what = format!("see {expected} machines of the auto scaling group `{name}` in service");
    WaitCondition::new(&what, patience)
        .until(attempt, || async {
            let Some(found) = find(aws, name).await? else { return Ok(WaitStatus::Pending("not visible yet".into())) };
            let well = well(&found);
            if well >= expected {
                return Ok(WaitStatus::Ready(()));
            }
            let failed: Vec<String> =
                failed(aws, name).await?.into_iter().filter(|(id, _)| !earlier.contains(id)).map(|(_, why)| why).collect();
            let hopeless = |why: &&String| !MAY_PASS.iter().any(|it| why.contains(it));
            if failed.iter().filter(hopeless).count() >= IN_VAIN {
                return Err(Error::new(&what, format!("its machines cannot be launched: {}", failed[0])));
            }
            let trouble = failed.first().map_or_else(String::new, |it| format!(" ({it})"));
            Ok(WaitStatus::Pending(format!("at {well} of {expected} machines in service{trouble}")))
        })
        .await
        .map_err(|error| {
            error.help(
                "what each launch met is in the group's activity history; `wait_for_capacity_timeout` sets how long to wait",
            )
        })
}

/// Shrinks a group to nothing and waits until its machines are gone.
pub(super) async fn drain(aws: &AwsClients, name: &str, attempt: &Attempt) -> Result<(), Error> {
    let what = format!("shrink the auto scaling group `{name}` before it is deleted");
    WaitCondition::new(&what, PROPAGATION)
        .until(attempt, || async {
            let call = aws.autoscaling.update_auto_scaling_group().auto_scaling_group_name(name);
            match call.min_size(0).max_size(0).desired_capacity(0).send().await {
                Err(error) if error::is(&error, &BUSY) => {
                    Ok(error::waiting("busy with its machines", &error))
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
                    Ok(WaitStatus::Pending(format!("waiting for {} machines to go", found.instances().len())))
                }
                _ => Ok(WaitStatus::Ready(())),
            }
        })
        .await
        .map_err(|error| error.help("machines protected from scale-in never go; `force_delete = true` takes all at once"))
}

/// An error where all the machines that are left wait for a person to end them.
pub(super) fn expect_none_retained(found: &Found, what: &str) -> Result<(), Error> {
    let retained = retained(found);
    if retained.is_empty() || retained.len() < found.instances().len() {
        return Ok(());
    }
    let cause = format!(
        "its lifecycle policy keeps {} (Terminating:Retained), and only a person ends them",
        retained.join(", ")
    );
    let ids = retained.join(" ");
    Err(Error::new(what, cause).help(format!(
        "look at them, then `aws ec2 terminate-instances --instance-ids {ids}`; then destroy again"
    )))
}

fn well(found: &Found) -> i32 {
    let well = found.instances().iter().filter(|it| {
        it.lifecycle_state() == Some(&LifecycleState::InService)
            && it.health_status().is_some_and(|it| it.eq_ignore_ascii_case("healthy"))
    });
    i32::try_from(well.count()).unwrap_or(i32::MAX)
}

/// The last launches that came to nothing, newest first: the service's name for each, and why.
async fn failed(aws: &AwsClients, name: &str) -> Result<Vec<(String, String)>, Error> {
    let call =
        aws.autoscaling.describe_scaling_activities().auto_scaling_group_name(name).max_records(10);
    let found = call
        .send()
        .await
        .attempting(format!("read the activity history of the auto scaling group `{name}`"))?;
    Ok(found.activities().iter().filter_map(in_vain).collect())
}

/// A launch that came to nothing: it failed, or was cancelled, as when the machine's own setting up
/// gives it up.
fn in_vain(it: &Activity) -> Option<(String, String)> {
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
    fn launches_that_fail_or_are_cancelled_are_told() {
        let told = |status: ScalingActivityStatusCode, description: &str| {
            let activity =
                Activity::builder().activity_id("1").status_code(status).description(description);
            in_vain(&activity.status_message("the hook said ABANDON.").build()).map(|(_, why)| why)
        };
        let launch = "Launching a new EC2 instance: i-1";
        assert_eq!(
            told(ScalingActivityStatusCode::Failed, launch).as_deref(),
            Some("the hook said ABANDON")
        );
        assert_eq!(
            told(ScalingActivityStatusCode::Cancelled, launch).as_deref(),
            Some("cancelled: the hook said ABANDON")
        );
        assert_eq!(told(ScalingActivityStatusCode::Successful, launch), None);
        assert_eq!(
            told(ScalingActivityStatusCode::Cancelled, "Terminating EC2 instance: i-1"),
            None
        );
    }

    #[test]
    fn machines_that_nobody_ends_are_named() {
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

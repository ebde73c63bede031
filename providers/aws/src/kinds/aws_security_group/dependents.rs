//! What EC2 refuses to delete a security group for: rules of other groups that reference it, and
//! network interfaces that are in it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::types::{
    AttachmentStatus, InstanceStateName, IpPermission, NetworkInterface, SecurityGroup as Found,
};
use ha_provider::{Attempt, CallOutcome, Error};

use crate::AwsClients;
use crate::ec2::filter;
use crate::error::AwsErrorContext as _;
use crate::security_rules::{RulePeer, atoms};
use crate::tags;
use crate::wait::{PROPAGATION, SETTLING};

/// One rule or network interface that keeps a security group from being deleted.
pub(super) struct Dependent {
    /// The rule or interface with its owner, for a message.
    description: String,
    /// How long to wait for it to disappear; `None` where AWS itself removes it, which takes as long
    /// as the instance or service takes to shut down.
    patience: Option<Duration>,
}

/// The dependents of a security group, by the time of one look.
pub(super) struct Dependents(Vec<Dependent>);

impl Dependents {
    /// Asks EC2 for the dependents of the security group `id`.
    pub(super) async fn of(aws: &AwsClients, id: &str, attempt: &Attempt) -> Result<Self, Error> {
        let mut all = rules_of_other_groups(aws, id, attempt).await?;
        all.extend(interfaces(aws, id).await?);
        Ok(Self(all))
    }

    /// Those that neither AWS nor another step of this run removes.
    pub(super) fn foreign(self) -> Option<Self> {
        let foreign: Vec<Dependent> =
            self.0.into_iter().filter(|it| it.patience == Some(SETTLING)).collect();
        (!foreign.is_empty()).then_some(Self(foreign))
    }

    /// Whether one of them is still there although it has had its time.
    pub(super) fn are_overdue(&self, waited: Duration) -> bool {
        self.0.iter().any(|it| it.patience.is_some_and(|patience| waited >= patience))
    }

    /// The dependents in one phrase; at most five by name.
    pub(super) fn described(&self) -> String {
        if self.0.is_empty() {
            // A group can also be referenced from a peered VPC or by a service that has no
            // interface yet; EC2 refuses the deletion and lists nothing.
            return "something that EC2 does not list".to_owned();
        }
        let descriptions: Vec<&str> = self.0.iter().map(|it| it.description.as_str()).collect();
        crate::choices::some_of(&descriptions)
    }

    /// The error for a deletion that these prevent.
    pub(super) fn refusal(&self, attempted: &str) -> Error {
        Error::new(attempted, format!("it is used by {}", self.described()))
            .help("remove these rules, and detach or delete these network interfaces; then apply again")
            .outcome(CallOutcome::Refused)
    }
}

/// Returns the rules of one direction of a group.
type RulesOfGroup = fn(&Found) -> &[IpPermission];

async fn rules_of_other_groups(
    aws: &AwsClients,
    id: &str,
    attempt: &Attempt,
) -> Result<Vec<Dependent>, Error> {
    let directions: [(&str, &str, RulesOfGroup); 2] = [
        ("ip-permission.group-id", "ingress", Found::ip_permissions),
        ("egress.ip-permission.group-id", "egress", Found::ip_permissions_egress),
    ];
    let mut dependents = Vec::new();
    for (filter_name, direction, permissions) in directions {
        let referencing = filter(filter_name, [id.to_owned()]);
        let mut pages =
            aws.ec2.describe_security_groups().filters(referencing).into_paginator().items().send();
        while let Some(group) = pages.next().await {
            let group = group
                .attempting(format!("list the rules that reference the security group `{id}`"))?;
            let owner = group.group_id().unwrap_or_default();
            // A rule that references its own group is deleted with the group.
            if owner == id {
                continue;
            }
            // A group of this state may be deleted by a step of this run at the same time. Neither
            // of two groups that reference each other can be first, and with
            // `revoke_rules_on_delete` the step of the other one revokes its rules.
            let state = tags::ownership(group.tags()).and_then(|it| it.state);
            let is_of_this_state = state.is_some() && state.as_deref() == attempt.state();
            let patience = if is_of_this_state { PROPAGATION } else { SETTLING };
            let name = group.group_name().unwrap_or_default();
            let rules = atoms(permissions(&group));
            let referencing =
                rules.iter().filter(|it| matches!(&it.peer, RulePeer::Group(peer) if peer == id));
            dependents.extend(referencing.map(|rule| Dependent {
                description: format!(
                    "the {direction} rule `{}` of the security group `{owner}` ({name})",
                    rule.traffic()
                ),
                patience: Some(patience),
            }));
        }
    }
    Ok(dependents)
}

async fn interfaces(aws: &AwsClients, id: &str) -> Result<Vec<Dependent>, Error> {
    let attempted = format!("list the network interfaces in the security group `{id}`");
    let in_group = filter("group-id", [id.to_owned()]);
    let mut pages =
        aws.ec2.describe_network_interfaces().filters(in_group).into_paginator().items().send();
    let mut interfaces = Vec::new();
    while let Some(interface) = pages.next().await {
        interfaces.push(interface.attempting(&attempted)?);
    }
    let instances: Vec<String> = interfaces
        .iter()
        .filter_map(|it| it.attachment()?.instance_id().map(str::to_owned))
        .collect();
    let states = instance_states(aws, instances, &attempted).await?;
    Ok(interfaces.iter().map(|it| interface_dependent(it, &states)).collect())
}

/// The states of instances by id. A terminated instance is listed for about an hour.
async fn instance_states(
    aws: &AwsClients,
    instances: Vec<String>,
    attempted: &str,
) -> Result<BTreeMap<String, InstanceStateName>, Error> {
    let mut states = BTreeMap::new();
    // EC2 takes an empty list of values for no filter, and would list every instance.
    if instances.is_empty() {
        return Ok(states);
    }
    let call = aws.ec2.describe_instances().filters(filter("instance-id", instances));
    let mut pages = call.into_paginator().items().send();
    while let Some(reservation) = pages.next().await {
        for instance in reservation.attempting(attempted)?.instances() {
            let state = instance.state().and_then(|it| it.name());
            states.extend(instance.instance_id().map(str::to_owned).zip(state.cloned()));
        }
    }
    Ok(states)
}

fn interface_dependent(
    interface: &NetworkInterface,
    states: &BTreeMap<String, InstanceStateName>,
) -> Dependent {
    let instance = interface.attachment().and_then(|it| it.instance_id());
    let is_ending = instance.and_then(|it| states.get(it)).is_some_and(|state| {
        matches!(state, InstanceStateName::ShuttingDown | InstanceStateName::Terminated)
    });
    let is_detaching =
        interface.attachment().and_then(|it| it.status()) == Some(&AttachmentStatus::Detaching);
    // RDS, load balancers and Lambda delete their interfaces some minutes after what they belong
    // to is deleted, and no one else can delete them.
    let is_of_service = interface.requester_managed() == Some(true);
    let owner = instance
        .map(|it| format!(" of the instance `{it}`"))
        .or_else(|| {
            let description = interface.description().filter(|it| !it.is_empty())?;
            Some(format!(" ({description})"))
        })
        .unwrap_or_default();
    Dependent {
        description: format!(
            "the network interface `{}`{owner}",
            interface.network_interface_id().unwrap_or_default()
        ),
        patience: (!(is_ending || is_detaching || is_of_service)).then_some(SETTLING),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkInterfaceAttachment;

    use super::*;

    fn interface(instance: Option<&str>) -> aws_sdk_ec2::types::builders::NetworkInterfaceBuilder {
        let attachment = instance.map(|it| {
            let attached = NetworkInterfaceAttachment::builder().status(AttachmentStatus::Attached);
            attached.instance_id(it).build()
        });
        NetworkInterface::builder().network_interface_id("eni-1").set_attachment(attachment)
    }

    #[test]
    fn waits_only_for_interfaces_that_aws_removes() {
        let states = BTreeMap::from([
            ("i-running".to_owned(), InstanceStateName::Running),
            ("i-ending".to_owned(), InstanceStateName::ShuttingDown),
        ]);
        let patience =
            |it: NetworkInterface| interface_dependent(&it, &states).patience == Some(SETTLING);
        assert!(patience(interface(None).build()));
        assert!(patience(interface(Some("i-running")).build()));
        assert!(!patience(interface(Some("i-ending")).build()));
        assert!(!patience(interface(None).requester_managed(true).build()));
    }

    #[test]
    fn names_the_owner_of_an_interface() {
        let described =
            |it: NetworkInterface| interface_dependent(&it, &BTreeMap::new()).description;
        assert_eq!(
            described(interface(Some("i-1")).build()),
            "the network interface `eni-1` of the instance `i-1`"
        );
        assert_eq!(
            described(interface(None).description("ELB app/web").build()),
            "the network interface `eni-1` (ELB app/web)"
        );
    }
}

"""Auto Scaling: groups keep what they are told, and launch what their template says."""

from moto.autoscaling import models
from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.utils import utcnow
from moto.ec2.models.instances import MetadataOptions

from . import instance_refresh

# Arguments that the emulator drops, by request; what AWS answers when no one has given them.
DROPPED_ON_CREATE = {
    "DefaultInstanceWarmup": None,
    "MaxInstanceLifetime": None,
    "InstanceMaintenancePolicy": None,
    "DesiredCapacityType": None,
    "Context": None,
    "ServiceLinkedRoleARN": None,
    "DeletionProtection": None,
}
DROPPED_ON_UPDATE = {
    **DROPPED_ON_CREATE,
    "DefaultCooldown": None,
    "TerminationPolicies": None,
    "PlacementGroup": None,
    "CapacityRebalance": None,
}
# The values that ask for an argument's removal.
REMOVALS = {"DefaultInstanceWarmup": -1, "MaxInstanceLifetime": 0}
ATTRIBUTES = {
    "DefaultInstanceWarmup": "default_instance_warmup",
    "MaxInstanceLifetime": "max_instance_lifetime",
    "InstanceMaintenancePolicy": "instance_maintenance_policy",
    "DesiredCapacityType": "desired_capacity_type",
    "Context": "context",
    "ServiceLinkedRoleARN": "service_linked_role_arn",
    "DeletionProtection": "deletion_protection",
    "DefaultCooldown": "default_cooldown",
    "TerminationPolicies": "termination_policies",
    "PlacementGroup": "placement_group",
    "CapacityRebalance": "capacity_rebalance",
}


def make_all():
    a_group_is_made_once()
    a_group_keeps_its_arguments()
    an_update_leaves_alone_what_it_does_not_name()
    an_instance_is_what_the_pinned_version_says()
    an_instance_remembers_the_version_it_was_launched_from()
    a_group_with_instances_goes_by_force_only()
    a_protected_group_stays()
    instance_refresh.make()


def a_group_is_made_once():
    """A second CreateAutoScalingGroup of the same name replaces the first and forgets its instances."""
    original = models.AutoScalingBackend.create_auto_scaling_group

    def create_auto_scaling_group(self, name, **named):
        if name in self.autoscaling_groups:
            raise AutoscalingClientError(
                "AlreadyExists", f"AutoScalingGroup by this name already exists - A group with the name {name} already exists"
            )
        group = original(self, name=name, **named)
        # The emulator takes the time from elsewhere here, so that it would change with a restart.
        group.created_time = utcnow().isoformat()
        return group

    models.AutoScalingBackend.create_auto_scaling_group = create_auto_scaling_group


def a_group_keeps_its_arguments():
    """DefaultInstanceWarmup and others are taken and forgotten."""
    for action, dropped in (("create_auto_scaling_group", DROPPED_ON_CREATE), ("update_auto_scaling_group", DROPPED_ON_UPDATE)):

        def answer(self, original=getattr(AutoScalingResponse, action), dropped=dropped):
            result = original(self)
            group = self.autoscaling_backend.autoscaling_groups[self._get_param("AutoScalingGroupName")]
            for name in dropped:
                value = self._get_param(name)
                if value is not None:
                    setattr(group, ATTRIBUTES[name], None if value == REMOVALS.get(name) else value)
            return result

        setattr(AutoScalingResponse, action, answer)


def an_update_leaves_alone_what_it_does_not_name():
    """An update without a MixedInstancesPolicy removes the one that is there."""
    original = models.FakeAutoScalingGroup.update

    def update(self, *arguments, mixed_instances_policy=None, launch_template=None, **named):
        if not mixed_instances_policy and not launch_template:
            mixed_instances_policy = self.mixed_instances_policy
        return original(self, *arguments, mixed_instances_policy=mixed_instances_policy, launch_template=launch_template, **named)

    models.FakeAutoScalingGroup.update = update


def an_instance_is_what_the_pinned_version_says():
    """Tags come from the template's default version; so do disks, beside one that no one asked for and that stays
    when the instance goes; metadata options, monitoring and profile come from nowhere."""

    def replace_autoscaling_group_instances(self, count_needed, propagated_tags):
        template, named = None, {}
        if self.ec2_launch_template:
            version = self.ec2_launch_template.get_version(self.launch_template_version)
            template = {"LaunchTemplateId": self.ec2_launch_template.id, "Version": str(version.number)}
            named = {
                "metadata_options": version.data.get("MetadataOptions", {}),
                "monitoring_state": "enabled" if version.data.get("Monitoring", {}).get("Enabled") else "disabled",
                "ebs_optimized": version.data.get("EbsOptimized", False),
                "iam_instance_profile": version.data.get("IamInstanceProfile"),
                "key_name": version.data.get("KeyName"),
            }
            if version.data.get("BlockDeviceMappings"):
                named["block_device_mappings"] = version.data["BlockDeviceMappings"]
        ec2 = self.autoscaling_backend.ec2_backend
        reservation = ec2.run_instances(
            self.image_id,
            count_needed,
            self.user_data,
            self.security_groups,
            instance_type=self.instance_type,
            tags={"instance": {**propagated_tags, **self.instance_tags, models.ASG_NAME_TAG: self.name}},
            placement=models.random.choice(self.availability_zones),
            launch_config=self.launch_config,
            launch_template=template,
            is_instance_type_default=False,
            associate_public_ip=self.launch_config.associate_public_ip_address if self.launch_config else None,
            subnet_id=self.vpc_zone_identifier.split(",")[0] if self.vpc_zone_identifier else None,
            **named,
        )
        for instance in reservation.instances:
            instance.metadata_options = MetadataOptions(named.get("metadata_options"))
            instance.autoscaling_group = self
            state = models.InstanceState(instance, protected_from_scale_in=self.new_instances_protected_from_scale_in)
            self.instance_states.append(state)

    models.FakeAutoScalingGroup.replace_autoscaling_group_instances = replace_autoscaling_group_instances


def an_instance_remembers_the_version_it_was_launched_from():
    """Every instance of a group shows the template's default version."""

    def launch_template(self):
        template = self.auto_scaling_group.ec2_launch_template
        if template is None:
            return None
        tags = {tag["key"]: tag["value"] for tag in self.instance.get_tags()}
        version = tags.get("aws:ec2launchtemplate:version", str(template.default_version_number))
        return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": version}

    models.InstanceState.launch_template = property(launch_template)


def a_group_with_instances_goes_by_force_only():
    """DeleteAutoScalingGroup needs no ForceDelete, and leaves instances that are protected from scale-in running."""

    def delete_auto_scaling_group(self):
        name = self._get_param("AutoScalingGroupName")
        group = self.autoscaling_backend.autoscaling_groups.get(name)
        if group and group.instance_states:
            if not self._get_bool_param("ForceDelete", False):
                raise AutoscalingClientError(
                    "ResourceInUse",
                    "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
                )
            for state in group.instance_states:
                state.protected_from_scale_in = False
        return original(self)

    original = AutoScalingResponse.delete_auto_scaling_group
    AutoScalingResponse.delete_auto_scaling_group = delete_auto_scaling_group


def a_protected_group_stays():
    """DeletionProtection is not known."""
    models.FakeAutoScalingGroup.deletion_protection = "none"
    original = AutoScalingResponse.delete_auto_scaling_group

    def delete_auto_scaling_group(self):
        group = self.autoscaling_backend.autoscaling_groups.get(self._get_param("AutoScalingGroupName"))
        protection = group.deletion_protection if group else "none"
        by_force = self._get_bool_param("ForceDelete", False)
        if protection == "prevent-all-deletion" or (protection == "prevent-force-deletion" and by_force):
            raise AutoscalingClientError(
                "ResourceInUse", f"The group cannot be deleted because its deletion protection is {protection}."
            )
        return original(self)

    AutoScalingResponse.delete_auto_scaling_group = delete_auto_scaling_group

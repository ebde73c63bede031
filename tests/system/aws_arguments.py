"""Every argument of every kind of AWS that may be left out: how a configuration sets it, where Amazon's own client reads
it, what it is once it is set and once it is taken out, and how somebody else changes it meanwhile."""

import dataclasses
import typing

from botocore.exceptions import ClientError

# What is read after the argument was taken out is what was read before: the service keeps it, and no change is planned.
KEPT = object()
# What is read follows from another argument that takes its place.
ELSEWHERE = object()


@dataclasses.dataclass
class Argument:
    """`path` is the argument, or a field of a block. `set` and `without` are what the block says with it and without it, beside
    what its kind always says; None leaves out what that says."""

    path: str
    set: dict
    read: typing.Callable
    told: typing.Any
    gone: typing.Any
    without: dict = dataclasses.field(default_factory=dict)
    drift: typing.Callable | None = None


@dataclasses.dataclass
class Kind:
    """`name` makes the name of one of many; `always` is what every block says; `find` is how Amazon's client sees one."""

    always: dict
    find: typing.Callable
    arguments: list
    # Arguments that only tell `ha` how to go about things, which no service hears of.
    own: tuple = ()
    # Arguments that the kind's checks do not let a configuration leave out.
    required: tuple = ()
    # Arguments that the service takes and never tells.
    untold: tuple = ()


def at(*path):
    """Reads what is at the end of a path; None where it ends before."""

    def read(found):
        for step in path:
            if isinstance(found, list):
                found = found[step] if step < len(found) else None
            else:
                found = (found or {}).get(step)
        return found

    return read


def either(read, *nothings):
    """Reads None for every way in which the service says that there is nothing."""
    return lambda found: None if read(found) in nothings else read(found)


def tags(read):
    return lambda found: {it["Key"]: it["Value"] for it in read(found) or [] if not it["Key"].startswith("ha:")}


OURS = {"owner": "ci"}
TAGS = {"tags": '{ owner = "ci" }'}


# Groups of machines.


def group(aws, name):
    return aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]


def regroup(**changes):
    return lambda aws, name: aws.autoscaling.update_auto_scaling_group(AutoScalingGroupName=name, **changes)


def grouped(name, value, read, told, gone, **changes):
    return Argument(name, {name: value}, read, told, gone, drift=regroup(**changes) if changes else None)


def processes(found):
    return sorted(it["ProcessName"] for it in found["SuspendedProcesses"])


def maintenance(found):
    policy = found.get("InstanceMaintenancePolicy") or {}
    least = policy.get("MinHealthyPercentage")
    return None if least in (None, -1) else least


GROUPS = Kind(
    always={
        "name": "NAME",
        "min_size": "0",
        "max_size": "1",
        "vpc_zone_identifier": "data.aws_subnets.default.ids",
        "launch_template": "{\n    id = aws_launch_template.base.id\n    version = 1\n  }",
        "wait_for_capacity_timeout": '"0"',
        "force_delete": "true",
    },
    find=group,
    arguments=[
        Argument(
            "availability_zones",
            {"availability_zones": '["eu-west-1a"]', "vpc_zone_identifier": None},
            at("AvailabilityZones"),
            ["eu-west-1a"],
            ELSEWHERE,
        ),
        grouped("capacity_rebalance", "true", at("CapacityRebalance"), True, False, CapacityRebalance=False),
        grouped("default_cooldown", "120", at("DefaultCooldown"), 120, KEPT, DefaultCooldown=60),
        grouped("default_instance_warmup", "60", at("DefaultInstanceWarmup"), 60, None, DefaultInstanceWarmup=30),
        grouped("deletion_protection", '"prevent-force-deletion"', at("DeletionProtection"), "prevent-force-deletion", KEPT),
        grouped("desired_capacity", "1", at("DesiredCapacity"), 1, KEPT, DesiredCapacity=0),
        grouped("health_check_grace_period", "10", at("HealthCheckGracePeriod"), 10, 300, HealthCheckGracePeriod=20),
        grouped("health_check_type", '"ELB"', at("HealthCheckType"), "ELB", KEPT, HealthCheckType="EC2"),
        grouped(
            "instance_maintenance_policy",
            "{\n    min_healthy_percentage = 90\n    max_healthy_percentage = 100\n  }",
            maintenance,
            90,
            None,
            InstanceMaintenancePolicy={"MinHealthyPercentage": 0, "MaxHealthyPercentage": 100},
        ),
        Argument(
            "launch_template.name",
            {"launch_template": "{\n    name = aws_launch_template.base.name\n    version = 1\n  }"},
            at("LaunchTemplate", "LaunchTemplateName"),
            "base-template",
            KEPT,
        ),
        grouped("max_instance_lifetime", "86400", either(at("MaxInstanceLifetime"), 0), 86400, None, MaxInstanceLifetime=172800),
        grouped("placement_group", '"near"', either(at("PlacementGroup"), ""), "near", None, PlacementGroup="far"),
        grouped(
            "protect_from_scale_in",
            "true",
            at("NewInstancesProtectedFromScaleIn"),
            True,
            False,
            NewInstancesProtectedFromScaleIn=False,
        ),
        grouped(
            "service_linked_role_arn",
            '"arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/own"',
            at("ServiceLinkedRoleARN"),
            "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/own",
            KEPT,
        ),
        Argument(
            "suspended_processes",
            {"suspended_processes": '["ReplaceUnhealthy"]'},
            processes,
            ["ReplaceUnhealthy"],
            [],
            drift=lambda aws, name: aws.autoscaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["Launch"]),
        ),
        Argument(
            "tag",
            {"tag": '{\n    key = "owner"\n    value = "ci"\n    propagate_at_launch = true\n  }'},
            tags(at("Tags")),
            OURS,
            {},
            drift=lambda aws, name: aws.autoscaling.delete_tags(
                Tags=[{"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": "owner"}]
            ),
        ),
        grouped("target_group_arns", "[var.target_group]", lambda found: len(found.get("TargetGroupARNs", [])), 1, KEPT),
        grouped(
            "termination_policies",
            '["OldestInstance"]',
            at("TerminationPolicies"),
            ["OldestInstance"],
            ["Default"],
            TerminationPolicies=["NewestInstance"],
        ),
        Argument(
            "vpc_zone_identifier",
            {},
            lambda found: bool(found["VPCZoneIdentifier"]),
            True,
            ELSEWHERE,
            without={"vpc_zone_identifier": None, "availability_zones": '["eu-west-1a", "eu-west-1b", "eu-west-1c"]'},
        ),
    ],
    own=("force_delete", "wait_for_capacity_timeout"),
    required=("launch_template", "launch_template.id", "launch_template.version"),
)


# Databases.


def database(aws, name):
    return aws.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def remodel(**changes):
    return lambda aws, name: aws.rds.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **changes)


def stored(name, value, read, told, gone, besides=None, without=None, **changes):
    said = {name: value, **(besides or {})}
    return Argument(name, said, read, told, gone, without=without or {}, drift=remodel(**changes) if changes else None)


INSIGHTS = {"performance_insights_enabled": "true"}
MEASURED = {"monitoring_role_arn": '"arn:aws:iam::123456789012:role/measures"', "monitoring_interval": "60"}
FAST = {"storage_type": '"gp3"', "allocated_storage": "400", "iops": "12000"}

DATABASES = Kind(
    always={
        "identifier": "NAME",
        "engine": '"mysql"',
        "engine_version": '"8.0.35"',
        "instance_class": '"db.m5.large"',
        "allocated_storage": "100",
        "username": '"circle"',
        "password": '"correct-horse-battery"',
        "skip_final_snapshot": "true",
        "apply_immediately": "true",
    },
    find=database,
    arguments=[
        stored(
            "auto_minor_version_upgrade", "false", at("AutoMinorVersionUpgrade"), False, True, AutoMinorVersionUpgrade=True
        ),
        stored("backup_retention_period", "9", at("BackupRetentionPeriod"), 9, KEPT, BackupRetentionPeriod=3),
        stored(
            "backup_window", '"02:00-03:00"', at("PreferredBackupWindow"), "02:00-03:00", KEPT, PreferredBackupWindow="01:00-02:00"
        ),
        stored(
            "ca_cert_identifier",
            '"rds-ca-rsa4096-g1"',
            at("CACertificateIdentifier"),
            "rds-ca-rsa4096-g1",
            KEPT,
            CACertificateIdentifier="rds-ca-rsa2048-g1",
        ),
        stored("copy_tags_to_snapshot", "true", at("CopyTagsToSnapshot"), True, False, CopyTagsToSnapshot=False),
        stored(
            "db_subnet_group_name",
            "aws_db_subnet_group.base.name",
            at("DBSubnetGroup", "DBSubnetGroupName"),
            "base-subnets",
            KEPT,
        ),
        stored("deletion_protection", "true", at("DeletionProtection"), True, False, DeletionProtection=False),
        stored(
            "enabled_cloudwatch_logs_exports",
            '["error"]',
            lambda found: found.get("EnabledCloudwatchLogsExports", []),
            ["error"],
            [],
            CloudwatchLogsExportConfiguration={"EnableLogTypes": ["audit"]},
        ),
        stored("engine_version", '"8.0.35"', at("EngineVersion"), "8.0.35", KEPT, without={"engine_version": None}),
        stored(
            "iam_database_authentication_enabled",
            "true",
            at("IAMDatabaseAuthenticationEnabled"),
            True,
            False,
            EnableIAMDatabaseAuthentication=False,
        ),
        stored("iops", "12000", at("Iops"), 12000, KEPT, besides=FAST, without={**FAST, "iops": None}),
        stored("license_model", '"general-public-license"', at("LicenseModel"), "general-public-license", KEPT),
        stored(
            "maintenance_window",
            '"sun:04:00-sun:05:00"',
            at("PreferredMaintenanceWindow"),
            "sun:04:00-sun:05:00",
            KEPT,
            PreferredMaintenanceWindow="mon:04:00-mon:05:00",
        ),
        stored(
            "manage_master_user_password",
            "true",
            lambda found: "MasterUserSecret" in found,
            True,
            False,
            besides={"password": None},
        ),
        stored(
            "master_user_secret_kms_key_id",
            "var.key",
            lambda found: found["MasterUserSecret"]["KmsKeyId"].startswith("arn:aws:kms:"),
            True,
            KEPT,
            besides={"password": None, "manage_master_user_password": "true"},
            without={"password": None, "manage_master_user_password": "true"},
        ),
        # As much as there is means: not at all.
        stored(
            "max_allocated_storage", "800", either(at("MaxAllocatedStorage"), 100), 800, None, MaxAllocatedStorage=900
        ),
        stored("monitoring_interval", "60", at("MonitoringInterval"), 60, 0, besides=MEASURED, MonitoringInterval=30),
        stored(
            "monitoring_role_arn",
            '"arn:aws:iam::123456789012:role/measures"',
            at("MonitoringRoleArn"),
            "arn:aws:iam::123456789012:role/measures",
            KEPT,
            besides=MEASURED,
            MonitoringRoleArn="arn:aws:iam::123456789012:role/other",
        ),
        stored("multi_az", "true", at("MultiAZ"), True, KEPT, MultiAZ=False),
        stored("network_type", '"DUAL"', at("NetworkType"), "DUAL", KEPT),
        stored(
            "option_group_name",
            "var.option_group",
            at("OptionGroupMemberships", 0, "OptionGroupName"),
            "own",
            KEPT,
        ),
        stored(
            "parameter_group_name",
            "aws_db_parameter_group.base.name",
            at("DBParameterGroups", 0, "DBParameterGroupName"),
            "base-parameters",
            KEPT,
        ),
        stored(
            "password",
            '"correct-horse-battery"',
            lambda found: "MasterUserSecret" in found,
            False,
            ELSEWHERE,
            without={"password": None, "manage_master_user_password": "true"},
        ),
        stored(
            "performance_insights_enabled", "true", at("PerformanceInsightsEnabled"), True, False, EnablePerformanceInsights=False
        ),
        stored(
            "performance_insights_retention_period",
            "31",
            at("PerformanceInsightsRetentionPeriod"),
            31,
            KEPT,
            besides=INSIGHTS,
            without=INSIGHTS,
            PerformanceInsightsRetentionPeriod=62,
        ),
        stored("port", "3307", at("Endpoint", "Port"), 3307, KEPT, DBPortNumber=3308),
        stored("publicly_accessible", "true", at("PubliclyAccessible"), True, False, PubliclyAccessible=False),
        stored(
            "storage_throughput",
            "500",
            at("StorageThroughput"),
            500,
            KEPT,
            besides=FAST,
            without=FAST,
            StorageThroughput=600,
        ),
        stored("storage_type", '"gp2"', at("StorageType"), "gp2", KEPT, StorageType="gp3"),
        stored("tags", TAGS["tags"], tags(at("TagList")), OURS, {}),
        stored(
            "vpc_security_group_ids",
            "[aws_security_group.base.id]",
            lambda found: len(found["VpcSecurityGroups"]),
            1,
            KEPT,
        ),
    ],
    own=(
        "allow_major_version_upgrade",
        "apply_immediately",
        "delete_automated_backups",
        "final_snapshot_identifier",
        "skip_final_snapshot",
    ),
    required=("allocated_storage", "username"),
    untold=("master_user_authentication_type",),
)


def parameter_group(aws, name):
    [found] = aws.rds.describe_db_parameter_groups(DBParameterGroupName=name)["DBParameterGroups"]
    parameters = aws.rds.describe_db_parameters(DBParameterGroupName=name, Source="user")["Parameters"]
    labels = aws.rds.list_tags_for_resource(ResourceName=found["DBParameterGroupArn"])["TagList"]
    return {"parameters": parameters, "tags": labels}


def parameter(method=None):
    how = f'\n    apply_method = "{method}"' if method else ""
    return {"parameter": '{\n    name = "max_connections"\n    value = "100"' + how + "\n  }"}


def reparameter(aws, name):
    changed = {"ParameterName": "max_connections", "ParameterValue": "7", "ApplyMethod": "immediate"}
    aws.rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=[changed])


PARAMETER_GROUPS = Kind(
    always={"name": "NAME", "family": '"mysql8.0"'},
    find=parameter_group,
    arguments=[
        Argument("parameter", parameter(), at("parameters", 0, "ParameterValue"), "100", None, drift=reparameter),
        Argument(
            "parameter.apply_method",
            parameter("pending-reboot"),
            at("parameters", 0, "ApplyMethod"),
            "pending-reboot",
            "immediate",
            without=parameter(),
        ),
        Argument("tags", TAGS, tags(at("tags")), OURS, {}),
    ],
)


def subnet_group(aws, name):
    [found] = aws.rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"]
    labels = aws.rds.list_tags_for_resource(ResourceName=found["DBSubnetGroupArn"])["TagList"]
    return {**found, "tags": labels}


SUBNET_GROUPS = Kind(
    always={"name": "NAME", "subnet_ids": "data.aws_subnets.default.ids"},
    find=subnet_group,
    arguments=[
        Argument("description", {"description": '"of a test"'}, at("DBSubnetGroupDescription"), "of a test", KEPT),
        Argument("tags", TAGS, tags(at("tags")), OURS, {}),
    ],
)


# Identities.


def role(aws, name):
    attached = aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    inline = aws.iam.list_role_policies(RoleName=name)["PolicyNames"]
    return {**aws.iam.get_role(RoleName=name)["Role"], "attached": [it["PolicyArn"] for it in attached], "inline": inline}


READS = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}'
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"

ROLES = Kind(
    always={"name": "NAME", "assume_role_policy": "local.trust"},
    find=role,
    arguments=[
        Argument(
            "description",
            {"description": '"of a test"'},
            either(at("Description"), ""),
            "of a test",
            None,
            drift=lambda aws, name: aws.iam.update_role(RoleName=name, Description="of somebody else"),
        ),
        Argument(
            "inline_policy",
            {"inline_policy": '{\n    name = "read"\n    policy = local.reads\n  }'},
            at("inline"),
            ["read"],
            KEPT,
            drift=lambda aws, name: aws.iam.put_role_policy(RoleName=name, PolicyName="foreign", PolicyDocument=READS),
        ),
        Argument(
            "managed_policy_arns",
            {"managed_policy_arns": f'["{READ_ONLY}"]'},
            at("attached"),
            [READ_ONLY],
            KEPT,
            drift=lambda aws, name: aws.iam.attach_role_policy(RoleName=name, PolicyArn=ADMINISTRATOR),
        ),
        Argument(
            "max_session_duration",
            {"max_session_duration": "7200"},
            at("MaxSessionDuration"),
            7200,
            3600,
            drift=lambda aws, name: aws.iam.update_role(RoleName=name, MaxSessionDuration=10800),
        ),
        Argument(
            "permissions_boundary",
            {"permissions_boundary": f'"{READ_ONLY}"'},
            at("PermissionsBoundary", "PermissionsBoundaryArn"),
            READ_ONLY,
            None,
            drift=lambda aws, name: aws.iam.delete_role_permissions_boundary(RoleName=name),
        ),
        Argument(
            "tags", TAGS, tags(at("Tags")), OURS, {}, drift=lambda aws, name: aws.iam.untag_role(RoleName=name, TagKeys=["owner"])
        ),
    ],
    own=("force_detach_policies",),
)


def profile(aws, name):
    return aws.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]


PROFILES = Kind(
    always={"name": "NAME"},
    find=profile,
    arguments=[
        Argument(
            "role",
            {"role": "aws_iam_role.base.name"},
            at("Roles", 0, "RoleName"),
            "base-role",
            None,
            drift=lambda aws, name: aws.iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName="base-role"),
        ),
        Argument("tags", TAGS, tags(at("Tags")), OURS, {}),
    ],
)


# Launch templates. Every version says all of it.


def template(aws, name):
    [found] = aws.ec2.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"]
    [newest] = aws.ec2.describe_launch_template_versions(LaunchTemplateName=name, Versions=["$Latest"])["LaunchTemplateVersions"]
    return {**newest["LaunchTemplateData"], "description": newest.get("VersionDescription"), "tags": found.get("Tags", [])}


def revised(aws, name):
    """Somebody makes a version of their own."""
    aws.ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.nano"})


def templated(name, value, read, told, gone=None):
    return Argument(name, {name: value}, read, told, gone, drift=revised)


def field(block, name, value, besides, read, told, gone=None):
    """A field of a block, which stays when the field goes."""
    said = "".join(f"\n    {it} = {besides[it]}" for it in besides)
    return Argument(
        f"{block}.{name}",
        {block: "{" + f"{said}\n    {name} = {value}\n  " + "}"},
        read,
        told,
        gone,
        without={block: "{" + f"{said}\n  " + "}"},
    )


def disk(name, value, told, gone=None):
    """A field of a disk."""
    common = {"volume_type": '"gp3"', "volume_size": "10"}
    common.pop(name, None)

    def block(fields):
        said = "".join(f"\n      {it} = {fields[it]}" for it in fields)
        return {"block_device_mappings": '{\n    device_name = "/dev/sda1"\n    ebs {' + said + "\n    }\n  }"}

    key = "".join(part.capitalize() for part in name.split("_"))
    return Argument(
        f"block_device_mappings.ebs.{name}",
        block({**common, name: value}),
        at("BlockDeviceMappings", 0, "Ebs", key),
        told,
        gone,
        without=block(common),
    )


METADATA = {"http_endpoint": '"enabled"'}
INTERFACE = {"device_index": "0"}
PLACED = {"tenancy": '"default"'}

TEMPLATES = Kind(
    always={"name": "NAME", "image_id": '"ami-785db401"', "update_default_version": "true"},
    find=template,
    arguments=[
        Argument(
            "block_device_mappings",
            {"block_device_mappings": '{\n    device_name = "/dev/sdb"\n    virtual_name = "ephemeral0"\n  }'},
            at("BlockDeviceMappings", 0, "DeviceName"),
            "/dev/sdb",
            None,
            drift=revised,
        ),
        field("block_device_mappings", "device_name", '"/dev/sdb"', {"virtual_name": '"ephemeral0"'},
              at("BlockDeviceMappings", 0, "DeviceName"), "/dev/sdb"),
        field("block_device_mappings", "virtual_name", '"ephemeral0"', {"device_name": '"/dev/sdb"'},
              at("BlockDeviceMappings", 0, "VirtualName"), "ephemeral0"),
        field("block_device_mappings", "no_device", '""', {"device_name": '"/dev/sdb"'},
              at("BlockDeviceMappings", 0, "NoDevice"), ""),
        Argument(
            "block_device_mappings.ebs",
            {"block_device_mappings": '{\n    device_name = "/dev/sda1"\n    ebs {\n      volume_size = 10\n    }\n  }'},
            at("BlockDeviceMappings", 0, "Ebs", "VolumeSize"),
            10,
            None,
            without={"block_device_mappings": '{\n    device_name = "/dev/sda1"\n  }'},
        ),
        disk("delete_on_termination", "true", True),
        disk("encrypted", "true", True),
        disk("iops", "3000", 3000),
        disk("kms_key_id", '"arn:aws:kms:eu-west-1:123456789012:key/own"', "arn:aws:kms:eu-west-1:123456789012:key/own"),
        disk("snapshot_id", '"snap-12345678"', "snap-12345678"),
        disk("throughput", "125", 125),
        disk("volume_size", "10", 10),
        disk("volume_type", '"gp3"', "gp3"),
        templated("credit_specification", '{\n    cpu_credits = "unlimited"\n  }', at("CreditSpecification", "CpuCredits"), "unlimited"),
        templated("description", '"the first"', at("description"), "the first"),
        templated("disable_api_stop", "true", at("DisableApiStop"), True),
        templated("disable_api_termination", "true", at("DisableApiTermination"), True),
        templated("ebs_optimized", "true", at("EbsOptimized"), True),
        templated("iam_instance_profile", '{\n    name = "own"\n  }', at("IamInstanceProfile", "Name"), "own"),
        Argument(
            "iam_instance_profile.name",
            {"iam_instance_profile": '{\n    name = "own"\n  }'},
            at("IamInstanceProfile", "Name"),
            "own",
            None,
            without={"iam_instance_profile": '{\n    arn = "arn:aws:iam::123456789012:instance-profile/own"\n  }'},
        ),
        Argument(
            "iam_instance_profile.arn",
            {"iam_instance_profile": '{\n    arn = "arn:aws:iam::123456789012:instance-profile/own"\n  }'},
            at("IamInstanceProfile", "Arn"),
            "arn:aws:iam::123456789012:instance-profile/own",
            None,
            without={"iam_instance_profile": '{\n    name = "own"\n  }'},
        ),
        Argument("image_id", {}, at("ImageId"), "ami-785db401", None, without={"image_id": None, "instance_type": '"m5.large"'}),
        templated("instance_initiated_shutdown_behavior", '"terminate"', at("InstanceInitiatedShutdownBehavior"), "terminate"),
        templated("instance_type", '"m5.large"', at("InstanceType"), "m5.large"),
        templated("key_name", '"own"', at("KeyName"), "own"),
        templated("metadata_options", '{\n    http_tokens = "required"\n  }', at("MetadataOptions", "HttpTokens"), "required"),
        field("metadata_options", "http_endpoint", '"enabled"', {"http_tokens": '"required"'},
              at("MetadataOptions", "HttpEndpoint"), "enabled"),
        field("metadata_options", "http_tokens", '"required"', METADATA, at("MetadataOptions", "HttpTokens"), "required"),
        field("metadata_options", "http_put_response_hop_limit", "2", METADATA,
              at("MetadataOptions", "HttpPutResponseHopLimit"), 2),
        field("metadata_options", "http_protocol_ipv6", '"enabled"', METADATA,
              at("MetadataOptions", "HttpProtocolIpv6"), "enabled"),
        field("metadata_options", "instance_metadata_tags", '"enabled"', METADATA,
              at("MetadataOptions", "InstanceMetadataTags"), "enabled"),
        templated("monitoring", "{\n    enabled = true\n  }", at("Monitoring", "Enabled"), True),
        templated("network_interfaces", "{\n    device_index = 0\n  }", at("NetworkInterfaces", 0, "DeviceIndex"), 0),
        field("network_interfaces", "associate_public_ip_address", "true", INTERFACE,
              at("NetworkInterfaces", 0, "AssociatePublicIpAddress"), True),
        field("network_interfaces", "delete_on_termination", "true", INTERFACE,
              at("NetworkInterfaces", 0, "DeleteOnTermination"), True),
        field("network_interfaces", "description", '"own"', INTERFACE, at("NetworkInterfaces", 0, "Description"), "own"),
        field("network_interfaces", "device_index", "0", {"description": '"own"'},
              at("NetworkInterfaces", 0, "DeviceIndex"), 0),
        field("network_interfaces", "network_interface_id", '"eni-1"', INTERFACE,
              at("NetworkInterfaces", 0, "NetworkInterfaceId"), "eni-1"),
        field("network_interfaces", "private_ip_address", '"10.0.0.4"', INTERFACE,
              at("NetworkInterfaces", 0, "PrivateIpAddress"), "10.0.0.4"),
        field("network_interfaces", "security_groups", '["sg-1"]', INTERFACE, at("NetworkInterfaces", 0, "Groups"), ["sg-1"]),
        field("network_interfaces", "subnet_id", '"subnet-1"', INTERFACE, at("NetworkInterfaces", 0, "SubnetId"), "subnet-1"),
        templated("placement", '{\n    tenancy = "dedicated"\n  }', at("Placement", "Tenancy"), "dedicated"),
        field("placement", "availability_zone", '"eu-west-1a"', PLACED, at("Placement", "AvailabilityZone"), "eu-west-1a"),
        field("placement", "group_name", '"near"', PLACED, at("Placement", "GroupName"), "near"),
        field("placement", "host_id", '"h-1"', {"tenancy": '"host"'}, at("Placement", "HostId"), "h-1"),
        field("placement", "tenancy", '"dedicated"', {"availability_zone": '"eu-west-1a"'}, at("Placement", "Tenancy"), "dedicated"),
        templated("security_group_names", '["own"]', at("SecurityGroups"), ["own"]),
        templated(
            "tag_specifications",
            '{\n    resource_type = "instance"\n    tags = { owner = "ci" }\n  }',
            lambda found: tags(at("TagSpecifications", 0, "Tags"))(found),
            OURS,
            {},
        ),
        Argument("tags", TAGS, tags(at("tags")), OURS, {}),
        templated("user_data", '"IyEvYmluL3NoCg=="', at("UserData"), "IyEvYmluL3NoCg=="),
        templated("user_data_text", '"#!/bin/sh\\n"', at("UserData"), "IyEvYmluL3NoCg=="),
        templated("vpc_security_group_ids", '["sg-1"]', at("SecurityGroupIds"), ["sg-1"]),
    ],
    own=("update_default_version",),
    # A block of one field without it is no block.
    required=("credit_specification.cpu_credits", "monitoring.enabled", "tag_specifications.tags"),
)


# Buckets and what is in them.


def bucket(aws, name):
    try:
        return {"tags": aws.s3.get_bucket_tagging(Bucket=name)["TagSet"]}
    except ClientError as error:
        # How S3 says that there are none: whoever set others took those of `ha` away, too.
        if error.response["Error"]["Code"] == "NoSuchTagSet":
            return {"tags": []}
        raise


def retagged(aws, name):
    aws.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "owner", "Value": "somebody"}]})


BUCKETS = Kind(
    always={"bucket": "NAME"},
    find=bucket,
    arguments=[Argument("tags", TAGS, tags(at("tags")), OURS, {}, drift=retagged)],
    own=("force_destroy",),
)


def access_block(aws, name):
    return aws.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]


def opened(aws, name):
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    aws.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(names, False))


def closed(name, key):
    return Argument(name, {name: "true"}, at(key), True, False, drift=opened)


ACCESS_BLOCKS = Kind(
    always={"bucket": "BUCKET"},
    find=access_block,
    arguments=[
        closed("block_public_acls", "BlockPublicAcls"),
        closed("block_public_policy", "BlockPublicPolicy"),
        closed("ignore_public_acls", "IgnorePublicAcls"),
        closed("restrict_public_buckets", "RestrictPublicBuckets"),
    ],
)


def encryption(aws, name):
    return aws.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]


def rule(default, more=""):
    return {"rule": "{\n    apply_server_side_encryption_by_default {\n" + default + "\n    }\n" + more + "\n  }"}


KMS = '      sse_algorithm = "aws:kms"'

ENCRYPTIONS = Kind(
    always={"bucket": "BUCKET"},
    find=encryption,
    arguments=[
        Argument(
            "rule.apply_server_side_encryption_by_default.kms_master_key_id",
            rule(KMS + '\n      kms_master_key_id = "own"'),
            at("ApplyServerSideEncryptionByDefault", "KMSMasterKeyID"),
            "own",
            None,
            without=rule(KMS),
        ),
        Argument(
            "rule.bucket_key_enabled",
            rule(KMS, "    bucket_key_enabled = true"),
            lambda found: bool(found.get("BucketKeyEnabled")),
            True,
            False,
            without=rule(KMS),
        ),
    ],
    required=("rule.apply_server_side_encryption_by_default",),
)

VERSIONINGS = Kind(always={}, find=None, arguments=[])


def stored_object(aws, name):
    head = aws.s3.head_object(Bucket="base-bucket", Key=name)
    body = aws.s3.get_object(Bucket="base-bucket", Key=name)["Body"].read().decode()
    labels = aws.s3.get_object_tagging(Bucket="base-bucket", Key=name)["TagSet"]
    own = {key: value for key, value in head["Metadata"].items() if not key.startswith("ha-")}
    return {**head, "body": body, "tags": labels, "metadata": own}


def overwritten(aws, name):
    aws.s3.put_object(Bucket="base-bucket", Key=name, Body=b"of somebody else")


def kept_object(name, value, read, told, gone):
    return Argument(name, {name: value}, read, told, gone, drift=overwritten)


OBJECTS = Kind(
    always={"bucket": "aws_s3_bucket.base.bucket", "key": "NAME"},
    find=stored_object,
    arguments=[
        kept_object("cache_control", '"no-cache"', at("CacheControl"), "no-cache", None),
        kept_object("content", '"text"', at("body"), "text", ""),
        kept_object("content_base64", '"dGV4dA=="', at("body"), "text", ""),
        kept_object("content_disposition", '"inline"', at("ContentDisposition"), "inline", None),
        kept_object("content_encoding", '"gzip"', either(at("ContentEncoding"), ""), "gzip", None),
        kept_object("content_language", '"en"', at("ContentLanguage"), "en", None),
        kept_object("content_type", '"text/plain"', at("ContentType"), "text/plain", KEPT),
        kept_object("metadata", '{ owner = "ci" }', at("metadata"), OURS, {}),
        kept_object("server_side_encryption", '"aws:kms"', at("ServerSideEncryption"), "aws:kms", KEPT),
        Argument(
            "kms_key_id",
            {"kms_key_id": '"own"', "server_side_encryption": '"aws:kms"'},
            at("SSEKMSKeyId"),
            "own",
            KEPT,
            without={"server_side_encryption": '"aws:kms"'},
        ),
        kept_object("storage_class", '"STANDARD_IA"', at("StorageClass"), "STANDARD_IA", KEPT),
        Argument("tags", TAGS, tags(at("tags")), OURS, {}),
    ],
)


# Security groups and their rules.


def firewall(aws, name):
    named = [{"Name": "group-name", "Values": [name]}]
    return aws.ec2.describe_security_groups(Filters=named)["SecurityGroups"][0]


def opening(direction):
    return {direction: '{\n    protocol = "tcp"\n    from_port = 80\n    to_port = 80\n    cidr_blocks = ["10.0.0.0/8"]\n  }'}


def let_in(aws, name):
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    aws.ec2.authorize_security_group_ingress(GroupId=firewall(aws, name)["GroupId"], IpPermissions=[rule])


def let_out(aws, name):
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    aws.ec2.authorize_security_group_egress(GroupId=firewall(aws, name)["GroupId"], IpPermissions=[rule])


FIREWALLS = Kind(
    always={"name": "NAME", "description": '"of a test"', "vpc_id": "data.aws_vpc.default.id"},
    find=firewall,
    arguments=[
        Argument("ingress", opening("ingress"), lambda it: len(it["IpPermissions"]), 1, KEPT, drift=let_in),
        Argument("egress", opening("egress"), lambda it: len(it["IpPermissionsEgress"]), 1, KEPT, drift=let_out),
        Argument("tags", TAGS, tags(at("Tags")), OURS, {}),
    ],
    own=("revoke_rules_on_delete",),
    # What a rule of a block leaves out, it has by default.
    required=tuple(
        f"{direction}.{name}"
        for direction in ("ingress", "egress")
        for name in ("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups", "self", "description")
    ),
)


def single_rule(aws, name):
    """A rule by its label, which all of them have."""
    labelled = [{"Name": "tag:label", "Values": [name]}]
    return aws.ec2.describe_security_group_rules(Filters=labelled)["SecurityGroupRules"][0]


def ruled(path, set, read, told, gone, without=None):
    return Argument(path, set, read, told, gone, without=without or {})


V6, V4 = {"cidr_ipv4": None, "cidr_ipv6": '"2001:db8::/32"'}, {"cidr_ipv4": '"CIDR"'}
PORTS = {"ip_protocol": '"icmp"', "from_port": "8", "to_port": "-1"}


def rules():
    return Kind(
        always={
            "security_group_id": "aws_security_group.base.id",
            "ip_protocol": '"tcp"',
            "from_port": "PORT",
            "to_port": "PORT",
            "cidr_ipv4": '"10.0.0.0/8"',
            "tags": '{ label = "NAME_" }',
        },
        find=single_rule,
        arguments=[
            ruled("cidr_ipv4", {}, at("CidrIpv4"), "10.0.0.0/8", None, without=V6),
            ruled("cidr_ipv6", V6, at("CidrIpv6"), "2001:db8::/32", None),
            ruled("description", {"description": '"of a test"'}, either(at("Description"), ""), "of a test", None),
            ruled(
                "referenced_security_group_id",
                {"cidr_ipv4": None, "referenced_security_group_id": "aws_security_group.base.id"},
                lambda found: "ReferencedGroupInfo" in found,
                True,
                False,
            ),
            ruled(
                "tags",
                {"tags": '{ label = "NAME_", owner = "ci" }'},
                tags(at("Tags")),
                ELSEWHERE,
                ELSEWHERE,
            ),
        ],
        required=("from_port", "to_port", "prefix_list_id"),
    )


KINDS = {
    "aws_autoscaling_group": GROUPS,
    "aws_db_instance": DATABASES,
    "aws_db_parameter_group": PARAMETER_GROUPS,
    "aws_db_subnet_group": SUBNET_GROUPS,
    "aws_iam_instance_profile": PROFILES,
    "aws_iam_role": ROLES,
    "aws_iam_role_policy": VERSIONINGS,
    "aws_iam_role_policy_attachment": VERSIONINGS,
    "aws_launch_template": TEMPLATES,
    "aws_s3_bucket": BUCKETS,
    "aws_s3_bucket_public_access_block": ACCESS_BLOCKS,
    "aws_s3_bucket_server_side_encryption_configuration": ENCRYPTIONS,
    "aws_s3_bucket_versioning": VERSIONINGS,
    "aws_s3_object": OBJECTS,
    "aws_security_group": FIREWALLS,
    "aws_vpc_security_group_egress_rule": rules(),
    "aws_vpc_security_group_ingress_rule": rules(),
}

"""What there is of the fifteen kinds under one prefix, counted with Amazon's own client, and what there should be."""

import collections


def counted(account, prefix):
    """Everything whose name begins with the prefix, or that belongs to such a thing: how often it is there."""
    found = collections.Counter()
    for count in (_buckets, _roles, _security_groups, _templates, _groups, _databases):
        found.update(count(account, prefix))
    return dict(found)


def expected(prefix, revision):
    """All of it once; what keeps versions has one for each revision."""
    machine, database = f"{prefix}-machine", f"{prefix}-database"
    once = {
        f"bucket {prefix}-files": 1,
        f"versions of document/{revision}": 1,
        f"versions of settings": revision,
        f"role {machine}": 1,
        f"policy fetch of {machine}": 1,
        f"policy AmazonSSMManagedInstanceCore of {machine}": 1,
        f"profile {machine}": 1,
        f"role in profile {machine}": 1,
        f"security group {machine}": 1,
        f"security group {database}": 1,
        f"rules in of {machine}": 1,
        f"rules out of {machine}": 1,
        f"rules in of {database}": 1,
        f"template {machine}": 1,
        f"versions of {machine}": revision,
        f"group {prefix}-machines": 1,
        f"machines of {prefix}-machines": 1,
        f"database {database}": 1,
        f"parameter group {database}": 1,
        f"subnet group {database}": 1,
    }
    return once


def too_often(found, wanted):
    """What is there and should not be, or more often than it should: after a run that failed, nothing may be."""
    return {name: count for name, count in found.items() if count > wanted.get(name, 0)}


def _buckets(account, prefix):
    s3 = account.s3
    for bucket in s3.list_buckets()["Buckets"]:
        if bucket["Name"].startswith(f"{prefix}-"):
            yield f"bucket {bucket['Name']}"
            listed = s3.list_object_versions(Bucket=bucket["Name"])
            for version in listed.get("Versions", []) + listed.get("DeleteMarkers", []):
                yield f"versions of {version['Key']}"


def _roles(account, prefix):
    iam = account.iam
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        if name.startswith(f"{prefix}-"):
            yield f"role {name}"
            yield from (f"policy {it} of {name}" for it in iam.list_role_policies(RoleName=name)["PolicyNames"])
            attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            yield from (f"policy {it['PolicyName']} of {name}" for it in attached)
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        name = profile["InstanceProfileName"]
        if name.startswith(f"{prefix}-"):
            yield f"profile {name}"
            yield from (f"role in profile {name}" for _ in profile["Roles"])


def _security_groups(account, prefix):
    for group in account.ec2.describe_security_groups()["SecurityGroups"]:
        name = group["GroupName"]
        if name.startswith(f"{prefix}-"):
            yield f"security group {name}"
            own = [{"Name": "group-id", "Values": [group["GroupId"]]}]
            for rule in account.ec2.describe_security_group_rules(Filters=own)["SecurityGroupRules"]:
                yield f"rules {'out' if rule['IsEgress'] else 'in'} of {name}"


def _templates(account, prefix):
    for template in account.ec2.describe_launch_templates()["LaunchTemplates"]:
        name = template["LaunchTemplateName"]
        if name.startswith(f"{prefix}-"):
            yield f"template {name}"
            listed = account.ec2.describe_launch_template_versions(LaunchTemplateName=name)
            yield from (f"versions of {name}" for _ in listed["LaunchTemplateVersions"])


def _groups(account, prefix):
    for group in account.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
        if group["AutoScalingGroupName"].startswith(f"{prefix}-"):
            yield f"group {group['AutoScalingGroupName']}"
    for reservation in account.ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
            group = tags.get("aws:autoscaling:groupName", "")
            if group.startswith(f"{prefix}-") and instance["State"]["Name"] != "terminated":
                yield f"machines of {group}"


def _databases(account, prefix):
    rds = account.rds
    named = (
        ("database", rds.describe_db_instances()["DBInstances"], "DBInstanceIdentifier"),
        ("parameter group", rds.describe_db_parameter_groups()["DBParameterGroups"], "DBParameterGroupName"),
        ("subnet group", rds.describe_db_subnet_groups()["DBSubnetGroups"], "DBSubnetGroupName"),
    )
    for kind, found, name in named:
        yield from (f"{kind} {it[name]}" for it in found if it[name].startswith(f"{prefix}-"))

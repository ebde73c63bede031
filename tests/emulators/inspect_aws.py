#!/usr/bin/env python3
"""Looks at an AWS account (or the emulator) from outside, with Amazon's own client.

inspect_aws.py CHECK < REQUEST      REQUEST and the answer are JSON; every request holds "endpoint" and "region"

everything         what there is that somebody must have made, by kind: empty lists mean that nothing is left
autoscaling_group  {"name"}         the group, its instances, and the launch template version it is pinned to, user data decoded
db_instance        {"identifier"}   the instance's settings
bucket             {"name"}         the bucket's settings, its objects and how many versions each has
"""

import base64
import datetime
import gzip
import hashlib
import json
import sys

import boto3
from botocore.exceptions import ClientError


class Account:
    def __init__(self, endpoint, region):
        self._given = {
            "endpoint_url": endpoint,
            "region_name": region,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }

    def __getattr__(self, service):
        return boto3.client(service, **self._given)


def everything(account):
    ec2, reservations = account.ec2, account.ec2.describe_instances()["Reservations"]
    return {
        "autoscaling_groups": [
            it["AutoScalingGroupName"] for it in account.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        ],
        "buckets": [it["Name"] for it in account.s3.list_buckets()["Buckets"]],
        "db_instances": [it["DBInstanceIdentifier"] for it in account.rds.describe_db_instances()["DBInstances"]],
        "db_snapshots": [it["DBSnapshotIdentifier"] for it in account.rds.describe_db_snapshots()["DBSnapshots"]],
        "db_subnet_groups": [it["DBSubnetGroupName"] for it in account.rds.describe_db_subnet_groups()["DBSubnetGroups"]],
        "instance_profiles": [it["InstanceProfileName"] for it in account.iam.list_instance_profiles()["InstanceProfiles"]],
        "instances": [
            it["InstanceId"] for found in reservations for it in found["Instances"] if it["State"]["Name"] != "terminated"
        ],
        "launch_templates": [it["LaunchTemplateName"] for it in ec2.describe_launch_templates()["LaunchTemplates"]],
        "roles": [it["RoleName"] for it in account.iam.list_roles()["Roles"]],
        "security_groups": [
            it["GroupName"] for it in ec2.describe_security_groups()["SecurityGroups"] if it["GroupName"] != "default"
        ],
        "volumes": [it["VolumeId"] for it in ec2.describe_volumes()["Volumes"]],
    }


def autoscaling_group(account, name):
    found = account.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    if not found:
        return None
    [group] = found
    pinned = group["LaunchTemplate"]
    answer = account.ec2.describe_launch_template_versions(LaunchTemplateId=pinned["LaunchTemplateId"])
    versions = {str(it["VersionNumber"]): it["LaunchTemplateData"] for it in answer["LaunchTemplateVersions"]}
    latest = max(versions, key=int)
    version = {"$Latest": latest}.get(pinned["Version"], pinned["Version"])
    data = versions[version]
    raw = base64.b64decode(data["UserData"])
    text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    return {
        "sizes": [group["MinSize"], group["MaxSize"], group["DesiredCapacity"]],
        "group": group,
        "template_version": version,
        "template_versions": len(versions),
        "template": {key: value for key, value in data.items() if key != "UserData"},
        "user_data": text.decode(),
        "user_data_bytes": len(raw),
        "user_data_sha256": hashlib.sha256(text).hexdigest(),
    }


def db_instance(account, identifier):
    try:
        return account.rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "DBInstanceNotFound":
            return None
        raise


def bucket(account, name):
    s3 = account.s3
    versions = s3.list_object_versions(Bucket=name)
    counts = {}
    for version in versions.get("Versions", []) + versions.get("DeleteMarkers", []):
        counts[version["Key"]] = counts.get(version["Key"], 0) + 1
    objects = {}
    for key in counts:
        head = s3.head_object(Bucket=name, Key=key)
        content = s3.get_object(Bucket=name, Key=key)["Body"].read()
        objects[key] = {
            "versions": counts[key],
            "version": head.get("VersionId"),
            "encryption": head.get("ServerSideEncryption"),
            "sha256": hashlib.sha256(content).hexdigest(),
            "content_base64": base64.b64encode(content).decode(),
        }
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    return {
        "versioning": s3.get_bucket_versioning(Bucket=name).get("Status"),
        "encryption": encryption["ApplyServerSideEncryptionByDefault"],
        "public_access_block": s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
        "objects": objects,
    }


CHECKS = {check.__name__: check for check in (everything, autoscaling_group, db_instance, bucket)}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    request = json.load(sys.stdin)
    account = Account(request.pop("endpoint"), request.pop("region"))
    print(json.dumps(CHECKS[sys.argv[1]](account, **request), default=datetime.datetime.isoformat))


if __name__ == "__main__":
    main()

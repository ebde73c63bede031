"""The launcher from outside: what its emulator answers where plain moto would answer otherwise, what its
databases take and refuse, and what is left after a restart and after the end."""

import base64
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
import urllib.parse

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import ClientError

import postgresql_homes
import postgresql_server
import ports
import processes
import scram

HERE = pathlib.Path(__file__).resolve().parent
REGION = "eu-west-1"
PASSWORD = "first%Secret'$1"
OTHER_PASSWORD = "second%Secret'$2"


def launcher(*arguments):
    outcome = subprocess.run([sys.executable, HERE / "launcher.py", *map(str, arguments)], capture_output=True, text=True)
    if outcome.returncode:
        raise AssertionError(f"launcher {arguments} failed: {outcome.stderr}")
    return json.loads(outcome.stdout) if outcome.stdout else None


class World:
    """A launcher with a folder of its own."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-launcher-"))
        self.port = ports.own_port()
        self.start()

    def start(self):
        self.facts = launcher("start", "--dir", self.folder, "--port", self.port)

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.facts["endpoint"],
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def remove(self):
        launcher("remove", "--dir", self.folder)


def setUpModule():
    # One world for all tests that do not end it: each makes things under names of its own.
    global shared_world
    shared_world = World()
    unittest.addModuleCleanup(shared_world.remove)


class Launched(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = shared_world
        for service in ("ec2", "rds", "autoscaling", "s3", "iam", "sts"):
            setattr(cls, service, cls.world.client(service))
        cls.vpc = cls.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        subnets = cls.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [cls.vpc]}])["Subnets"]
        cls.subnets = [subnet["SubnetId"] for subnet in subnets]

    def refused(self, code, action, **arguments):
        with self.assertRaises(ClientError) as caught:
            action(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)

    def security_group(self, name):
        return self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]


def user_data(text):
    return base64.b64encode(text.encode()).decode()


def template_data(text, **more):
    return {
        "ImageId": "ami-785db401",
        "InstanceType": "m5.xlarge",
        "UserData": user_data(text),
        "IamInstanceProfile": {"Name": "services"},
        "Monitoring": {"Enabled": True},
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"},
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/sda1",
                "Ebs": {"VolumeSize": 100, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
            }
        ],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "services"}]}],
        **more,
    }


class AutoScaling(Launched):
    def template(self, name):
        made = self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=template_data("#!/bin/sh\necho one\n"))
        return made["LaunchTemplate"]["LaunchTemplateId"]

    def group(self, name, template, **more):
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name, MinSize=1, MaxSize=1, DesiredCapacity=1, VPCZoneIdentifier=",".join(self.subnets),
            LaunchTemplate={"LaunchTemplateId": template, "Version": "1"}, **more,
        )  # fmt: skip

    def described(self, name):
        return self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]

    def test_a_group_launches_from_a_later_version(self):
        template = self.template("later")
        second = template_data("#!/bin/sh\necho two\n", MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 3})
        self.ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=second)
        self.group("later", template)
        [first] = self.described("later")["Instances"]
        self.autoscaling.update_auto_scaling_group(
            AutoScalingGroupName="later", LaunchTemplate={"LaunchTemplateId": template, "Version": "2"}
        )
        [same] = self.described("later")["Instances"]
        self.assertEqual((same["InstanceId"], same["LaunchTemplate"]["Version"]), (first["InstanceId"], "1"))

        self.autoscaling.terminate_instance_in_auto_scaling_group(
            InstanceId=first["InstanceId"], ShouldDecrementDesiredCapacity=False
        )
        [replaced] = self.described("later")["Instances"]
        self.assertEqual(replaced["LaunchTemplate"]["Version"], "2")
        instance = self.ec2.describe_instances(InstanceIds=[replaced["InstanceId"]])["Reservations"][0]["Instances"][0]
        self.assertEqual(instance["MetadataOptions"]["HttpTokens"], "required")
        self.assertEqual(instance["MetadataOptions"]["HttpPutResponseHopLimit"], 3)
        self.assertEqual(instance["Monitoring"]["State"], "enabled")
        self.assertIn({"Key": "Name", "Value": "services"}, instance["Tags"])
        volumes = self.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [replaced["InstanceId"]]}])
        self.assertEqual([volume["Size"] for volume in volumes["Volumes"]], [100])
        attribute = self.ec2.describe_instance_attribute(InstanceId=replaced["InstanceId"], Attribute="userData")
        self.assertEqual(attribute["UserData"]["Value"], user_data("#!/bin/sh\necho two\n"))

    def test_a_group_keeps_its_arguments(self):
        given = {
            "DefaultCooldown": 60,
            "DefaultInstanceWarmup": 600,
            "MaxInstanceLifetime": 604800,
            "TerminationPolicies": ["OldestLaunchTemplate", "Default"],
            "InstanceMaintenancePolicy": {"MinHealthyPercentage": 0, "MaxHealthyPercentage": 100},
            "HealthCheckGracePeriod": 1200,
            "CapacityRebalance": False,
            "NewInstancesProtectedFromScaleIn": True,
        }
        self.group("keeps", self.template("keeps"), **given)
        self.assertLessEqual(given.items(), self.described("keeps").items())
        changed = {
            "DefaultCooldown": 99,
            "DefaultInstanceWarmup": 300,
            "MaxInstanceLifetime": 86400,
            "TerminationPolicies": ["NewestInstance"],
            "InstanceMaintenancePolicy": {"MinHealthyPercentage": 50, "MaxHealthyPercentage": 100},
            "CapacityRebalance": True,
        }
        self.autoscaling.update_auto_scaling_group(AutoScalingGroupName="keeps", **changed)
        self.assertLessEqual(changed.items(), self.described("keeps").items())
        self.autoscaling.update_auto_scaling_group(AutoScalingGroupName="keeps", MaxInstanceLifetime=0, DefaultInstanceWarmup=-1)
        self.assertFalse({"MaxInstanceLifetime", "DefaultInstanceWarmup"} & set(self.described("keeps")))

    def test_a_group_is_made_once(self):
        template = self.template("once")
        self.group("once", template)
        [instance] = self.described("once")["Instances"]
        self.refused("AlreadyExists", lambda: self.group("once", template))
        self.assertEqual([instance], self.described("once")["Instances"])

    def test_a_refresh_replaces_the_machines_and_shows_how_far_it_is(self):
        template = self.template("refresh")
        self.group("refresh", template)
        [before] = self.described("refresh")["Instances"]
        self.ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=template_data("#!/bin/sh\n#2\n"))
        name = {"AutoScalingGroupName": "refresh"}
        wanted = {"LaunchTemplate": {"LaunchTemplateId": template, "Version": "2"}}
        given = {**name, "DesiredConfiguration": wanted, "Preferences": {"MinHealthyPercentage": 0, "SkipMatching": True}}
        refresh = self.autoscaling.start_instance_refresh(**given)["InstanceRefreshId"]
        self.refused("InstanceRefreshInProgress", self.autoscaling.start_instance_refresh, **given)

        def look():
            [found] = self.autoscaling.describe_instance_refreshes(**name, InstanceRefreshIds=[refresh])["InstanceRefreshes"]
            return found["Status"]

        self.assertEqual([look() for _ in range(5)], ["Pending", "InProgress", "InProgress", "Successful", "Successful"])
        [after] = self.described("refresh")["Instances"]
        self.assertNotEqual(after["InstanceId"], before["InstanceId"])
        self.assertEqual((after["LaunchTemplate"]["Version"], self.described("refresh")["LaunchTemplate"]["Version"]), ("2", "2"))
        self.refused("ActiveInstanceRefreshNotFound", self.autoscaling.cancel_instance_refresh, **name)
        # All machines match, so none is replaced.
        self.autoscaling.start_instance_refresh(**given)
        self.assertEqual(self.described("refresh")["Instances"], [after])
        self.autoscaling.cancel_instance_refresh(**name)
        [newest, _] = self.autoscaling.describe_instance_refreshes(**name)["InstanceRefreshes"]
        self.assertEqual(newest["Status"], "Cancelling")
        missing = {"LaunchTemplate": {"LaunchTemplateId": template, "Version": "7"}}
        self.autoscaling.describe_instance_refreshes(**name)
        self.refused("ValidationError", self.autoscaling.start_instance_refresh, **name, DesiredConfiguration=missing)

    def test_a_group_with_instances_goes_by_force_only(self):
        self.group("force", self.template("force"), NewInstancesProtectedFromScaleIn=True)
        [instance] = self.described("force")["Instances"]
        self.refused("ResourceInUse", self.autoscaling.delete_auto_scaling_group, AutoScalingGroupName="force")
        self.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="force", ForceDelete=True)
        [reservation] = self.ec2.describe_instances(InstanceIds=[instance["InstanceId"]])["Reservations"]
        volumes = self.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]}])
        self.assertEqual(volumes["Volumes"], [])
        self.assertEqual(reservation["Instances"][0]["State"]["Name"], "terminated")


class LaunchTemplates(Launched):
    def test_a_template_comes_back_as_it_was_given(self):
        data = template_data("#!/bin/sh\n")
        tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "ci"}]}]
        made = self.ec2.create_launch_template(LaunchTemplateName="whole", LaunchTemplateData=data, TagSpecifications=tags)
        template = made["LaunchTemplate"]["LaunchTemplateId"]
        [version] = self.ec2.describe_launch_template_versions(LaunchTemplateId=template)["LaunchTemplateVersions"]
        self.assertEqual(version["LaunchTemplateData"], data)
        self.ec2.create_tags(Resources=[template], Tags=[{"Key": "more", "Value": "yes"}])
        [described] = self.ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"]
        self.assertEqual({tag["Key"]: tag["Value"] for tag in described["Tags"]}, {"team": "ci", "more": "yes"})

    def test_a_client_token_stands_for_one_request(self):
        given = {"LaunchTemplateName": "token", "LaunchTemplateData": template_data("#!/bin/sh\n"), "ClientToken": "a"}
        template = self.ec2.create_launch_template(**given)["LaunchTemplate"]["LaunchTemplateId"]
        self.assertEqual(self.ec2.create_launch_template(**given)["LaunchTemplate"]["LaunchTemplateId"], template)
        version = {"LaunchTemplateId": template, "LaunchTemplateData": template_data("#!/bin/sh\n#2\n"), "ClientToken": "b"}
        for _ in range(2):
            made = self.ec2.create_launch_template_version(**version)
            self.assertEqual(made["LaunchTemplateVersion"]["VersionNumber"], 2)
        other = {**version, "LaunchTemplateData": template_data("#!/bin/sh\n#3\n")}
        self.refused("IdempotentParameterMismatch", self.ec2.create_launch_template_version, **other)

    def test_what_is_not_there_or_too_long_is_an_error(self):
        self.refused(
            "InvalidLaunchTemplateId.NotFound", self.ec2.describe_launch_templates, LaunchTemplateIds=["lt-0123456789abcdef0"]
        )
        data = template_data("#!/bin/sh\n" + "x" * 16384)
        self.refused(
            "InvalidUserData.Malformed", self.ec2.create_launch_template, LaunchTemplateName="long", LaunchTemplateData=data
        )

    def test_every_version_is_listed(self):
        template = self.ec2.create_launch_template(LaunchTemplateName="many", LaunchTemplateData=template_data("#!/bin/sh\n"))
        template = template["LaunchTemplate"]["LaunchTemplateId"]
        for number in range(2, 21):
            self.ec2.create_launch_template_version(
                LaunchTemplateId=template, LaunchTemplateData=template_data(f"#!/bin/sh\n#{number}\n")
            )
        listed = self.ec2.describe_launch_template_versions(LaunchTemplateId=template)["LaunchTemplateVersions"]
        self.assertEqual(len(listed), 20)

    def test_an_unknown_action_is_an_error_that_clients_can_read(self):
        self.refused("InvalidAction", self.autoscaling.rollback_instance_refresh, AutoScalingGroupName="none")


class SecurityGroups(Launched):
    def test_rules_have_identities_descriptions_and_tags(self):
        group = self.security_group("rules")
        permissions = [
            {
                "IpProtocol": "tcp",
                "FromPort": 80,
                "ToPort": 80,
                "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "a"}, {"CidrIp": "10.1.0.0/16", "Description": "b"}],
            },
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": group, "Description": "self"}]},
        ]
        tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "n", "Value": "v"}]}]
        made = self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions, TagSpecifications=tags)
        self.assertEqual(len(made["SecurityGroupRules"]), 3)
        identities = [rule["SecurityGroupRuleId"] for rule in made["SecurityGroupRules"]]
        described = self.ec2.describe_security_group_rules(SecurityGroupRuleIds=identities)["SecurityGroupRules"]
        self.assertEqual({rule["Description"] for rule in described}, {"a", "b", "self"})
        self.assertTrue(all(rule["Tags"] == [{"Key": "n", "Value": "v"}] for rule in described))
        self.refused(
            "InvalidPermission.Duplicate", self.ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=permissions[1:]
        )
        self.ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=identities)
        [left] = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
        self.assertTrue(left["IsEgress"])

    def test_a_group_in_use_cannot_be_deleted(self):
        group, other = self.security_group("used"), self.security_group("user")
        permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": group}]}
        self.ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[permission])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=group)
        self.ec2.delete_security_group(GroupId=other)
        [instance] = self.ec2.run_instances(ImageId="ami-785db401", MinCount=1, MaxCount=1, SecurityGroupIds=[group])["Instances"]
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=group)
        self.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
        self.ec2.delete_security_group(GroupId=group)


class Images(Launched):
    def test_an_image_is_as_old_as_its_name_says(self):
        filters = [{"Name": "name", "Values": ["ubuntu/images/hvm-ssd/ubuntu-xenial-16.04-amd64-server-*"]}]
        [image] = self.ec2.describe_images(Owners=["099720109477"], Filters=filters)["Images"]
        self.assertEqual(image["CreationDate"], "2017-07-21T00:00:00.000Z")


class Buckets(Launched):
    def bucket(self, name):
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def test_a_new_bucket_is_encrypted_and_private(self):
        bucket = self.bucket("ha-new")

        def encryption():
            rules = self.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
            return rules[0]["ApplyServerSideEncryptionByDefault"]

        self.assertEqual(encryption(), {"SSEAlgorithm": "AES256"})
        self.assertTrue(all(self.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()))
        rule = {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/ha"},
            "BucketKeyEnabled": True,
        }
        self.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        self.assertEqual(encryption(), rule["ApplyServerSideEncryptionByDefault"])
        self.s3.delete_bucket_encryption(Bucket=bucket)
        self.assertEqual(encryption(), {"SSEAlgorithm": "AES256"})

    def test_objects_come_back_as_they_were_put(self):
        bucket = self.bucket("ha-objects")
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        given = {"ContentType": "application/json", "Metadata": {"sha256": "abc"}, "CacheControl": "no-store"}
        put = self.s3.put_object(Bucket=bucket, Key="settings.conf/1", Body=b"{}", Tagging="a=b", IfNoneMatch="*", **given)
        head = self.s3.head_object(Bucket=bucket, Key="settings.conf/1", VersionId=put["VersionId"])
        self.assertLessEqual(given.items(), head.items())
        self.assertEqual(head["ServerSideEncryption"], "AES256")
        self.assertEqual(self.s3.get_object_tagging(Bucket=bucket, Key="settings.conf/1")["TagSet"], [{"Key": "a", "Value": "b"}])
        again = {"Bucket": bucket, "Key": "settings.conf/1", "Body": b"[]", "IfNoneMatch": "*"}
        self.refused("PreconditionFailed", self.s3.put_object, **again)
        self.refused("BucketNotEmpty", self.s3.delete_bucket, Bucket=bucket)


class Identities(Launched):
    def test_a_role_and_its_profile_go_in_order_only(self):
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
        }
        tags = [{"Key": "team", "Value": "ci"}]
        self.iam.create_role(RoleName="services", AssumeRolePolicyDocument=json.dumps(trust), MaxSessionDuration=7200, Tags=tags)
        read = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:GetObjectVersion", "Resource": "arn:aws:s3:::ha/*"}],
        }
        self.iam.put_role_policy(RoleName="services", PolicyName="read", PolicyDocument=json.dumps(read))
        self.assertEqual(self.iam.get_role_policy(RoleName="services", PolicyName="read")["PolicyDocument"], read)
        self.iam.create_instance_profile(InstanceProfileName="services", Tags=tags)
        self.iam.add_role_to_instance_profile(InstanceProfileName="services", RoleName="services")
        role = self.iam.get_role(RoleName="services")["Role"]
        self.assertEqual((role["AssumeRolePolicyDocument"], role["MaxSessionDuration"], role["Tags"]), (trust, 7200, tags))
        self.assertEqual(self.iam.get_instance_profile(InstanceProfileName="services")["InstanceProfile"]["Tags"], tags)
        self.refused("DeleteConflict", self.iam.delete_instance_profile, InstanceProfileName="services")
        self.refused("DeleteConflict", self.iam.delete_role, RoleName="services")
        self.iam.remove_role_from_instance_profile(InstanceProfileName="services", RoleName="services")
        self.refused("DeleteConflict", self.iam.delete_role, RoleName="services")
        self.iam.delete_role_policy(RoleName="services", PolicyName="read")
        self.iam.delete_role(RoleName="services")
        self.iam.delete_instance_profile(InstanceProfileName="services")


class Databases(Launched):
    def create(self, name, **more):
        given = {
            "DBInstanceIdentifier": name, "Engine": "postgres", "DBInstanceClass": "db.m5.large", "AllocatedStorage": 100,
            "MasterUsername": "master", "MasterUserPassword": PASSWORD, "Port": ports.own_port(), **more,
        }  # fmt: skip
        return self.rds.create_db_instance(**given)["DBInstance"]

    def delete(self, name):
        self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)

    def described(self, name):
        return self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def connect(self, port, user="master", password=PASSWORD, **more):
        given = {"host": "127.0.0.1", "port": port, "user": user, "password": password, "dbname": "postgres", "autocommit": True}
        verify = {"sslmode": "verify-full", "sslrootcert": self.world.facts["postgresql_ca_file"]}
        return psycopg.connect(**{**given, **verify, **more})

    def test_an_instance_keeps_its_arguments(self):
        group = self.security_group("database")
        self.rds.create_db_subnet_group(DBSubnetGroupName="keeps", DBSubnetGroupDescription="d", SubnetIds=self.subnets)
        given = {
            "MultiAZ": True, "StorageEncrypted": True, "KmsKeyId": f"arn:aws:kms:{REGION}:123456789012:key/1",
            "BackupRetentionPeriod": 7, "PreferredBackupWindow": "03:00-04:00", "PreferredMaintenanceWindow": "sun:04:30-sun:05:30",
            "DeletionProtection": True, "CopyTagsToSnapshot": True, "MaxAllocatedStorage": 500, "AutoMinorVersionUpgrade": False,
            "PubliclyAccessible": False, "StorageType": "gp3", "MonitoringInterval": 60, "NetworkType": "IPV4",
            "MonitoringRoleArn": "arn:aws:iam::123456789012:role/monitoring", "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        }  # fmt: skip
        self.create(
            "keeps", DBName="circle", DBSubnetGroupName="keeps", VpcSecurityGroupIds=[group], EngineVersion="15",
            EnablePerformanceInsights=True, EnableCloudwatchLogsExports=["postgresql"], Tags=[{"Key": "a", "Value": "b"}], **given,
        )  # fmt: skip
        found = self.described("keeps")
        self.assertLessEqual(given.items(), found.items())
        self.assertEqual(found["EngineVersion"], postgresql_server.installed_version())
        self.assertEqual((found["PerformanceInsightsEnabled"], found["PerformanceInsightsRetentionPeriod"]), (True, 7))
        self.assertEqual(
            (found["EnabledCloudwatchLogsExports"], found["TagList"]), (["postgresql"], [{"Key": "a", "Value": "b"}])
        )
        self.assertNotEqual(found["SecondaryAvailabilityZone"], found["AvailabilityZone"])
        self.assertEqual(found["Endpoint"]["Address"], "127.0.0.1")
        changed = {
            "MultiAZ": False, "BackupRetentionPeriod": 14, "PreferredBackupWindow": "02:00-03:00",
            "PreferredMaintenanceWindow": "sun:05:30-sun:06:30", "CopyTagsToSnapshot": False, "MaxAllocatedStorage": 600,
            "AutoMinorVersionUpgrade": True, "DeletionProtection": False, "AllocatedStorage": 200, "MonitoringInterval": 0,
        }  # fmt: skip
        self.rds.modify_db_instance(
            DBInstanceIdentifier="keeps", ApplyImmediately=True, EnablePerformanceInsights=False, **changed
        )
        found = self.described("keeps")
        self.assertLessEqual(changed.items(), found.items())
        self.assertFalse(found["PerformanceInsightsEnabled"])
        self.assertNotIn("SecondaryAvailabilityZone", found)
        self.delete("keeps")

    def test_an_instance_is_a_real_server(self):
        port = self.create("real", DBName="circle")["Endpoint"]["Port"]
        with self.connect(port) as connection:
            role = connection.execute(
                "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'master'"
            ).fetchone()
            self.assertEqual(role, (False, True, True))
            owner = connection.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'circle'").fetchone()
            self.assertEqual(owner, ("master",))
            connection.execute("CREATE ROLE circle LOGIN PASSWORD '" + scram.verifier(OTHER_PASSWORD) + "'")
            connection.execute("GRANT circle TO master")
            connection.execute("CREATE DATABASE owned OWNER circle")
            with self.assertRaises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE ROLE boss SUPERUSER")
        with self.connect(port, user="circle", password=OTHER_PASSWORD, dbname="owned") as connection:
            for extension in ("pgcrypto", "uuid-ossp", "citext"):
                connection.execute(f'CREATE EXTENSION "{extension}"')
        for wrong, words in (
            ({"sslmode": "disable"}, "no encryption"),
            ({"password": "wrong"}, "authentication failed"),
            ({"user": "rdsadmin"}, "rejects"),
        ):
            with self.assertRaisesRegex(psycopg.OperationalError, words):
                self.connect(port, **wrong)
        with self.connect(port, host="localhost"):
            pass
        self.delete("real")
        self.assertIsNone(processes.port_holder("127.0.0.1", port))

    def test_an_instance_in_the_making_is_seen_and_left_alone(self):
        making = threading.Thread(target=self.create, args=["making"])
        making.start()
        while not (found := self.rds.describe_db_instances(Filters=[{"Name": "db-instance-id", "Values": ["making"]}])["DBInstances"]):
            pass
        self.assertEqual((found[0]["DBInstanceStatus"], found[0].get("Endpoint")), ("creating", None))
        self.refused("InvalidDBInstanceState", self.delete, name="making")
        self.refused("DBInstanceAlreadyExists", self.create, name="making")
        making.join()
        self.assertEqual(self.described("making")["DBInstanceStatus"], "available")
        self.delete("making")

    def test_password_and_port_can_change(self):
        port = self.create("change")["Endpoint"]["Port"]
        self.rds.modify_db_instance(DBInstanceIdentifier="change", MasterUserPassword=OTHER_PASSWORD, ApplyImmediately=True)
        with self.assertRaises(psycopg.OperationalError):
            self.connect(port)
        other = ports.own_port()
        self.rds.modify_db_instance(DBInstanceIdentifier="change", DBPortNumber=other)
        self.assertEqual(self.described("change")["Endpoint"]["Port"], other)
        with self.connect(other, password=OTHER_PASSWORD):
            pass
        self.delete("change")

    def test_a_change_waits_for_the_window_unless_it_is_to_be_made_at_once(self):
        name = {"DBInstanceIdentifier": "waits"}
        self.rds.create_db_instance(
            **name, Engine="mysql", DBInstanceClass="db.m5.large", AllocatedStorage=20, MasterUsername="master",
            MasterUserPassword=PASSWORD,
        )  # fmt: skip
        self.rds.modify_db_instance(**name, AllocatedStorage=30, BackupRetentionPeriod=9)
        found = self.described("waits")
        self.assertEqual((found["AllocatedStorage"], found["BackupRetentionPeriod"]), (20, 9))
        self.assertEqual(found["PendingModifiedValues"], {"AllocatedStorage": 30})
        # What is made at once takes along what waits.
        self.rds.modify_db_instance(**name, DBInstanceClass="db.m5.xlarge", ApplyImmediately=True)
        found = self.described("waits")
        self.assertEqual((found["AllocatedStorage"], found["DBInstanceClass"]), (30, "db.m5.xlarge"))
        self.assertFalse(found.get("PendingModifiedValues"))
        self.delete("waits")

    def test_what_rds_refuses_is_refused(self):
        self.refused("InvalidParameterValue", self.create, name="bad", MasterUserPassword="with/slash@1")
        self.refused("InvalidParameterCombination", self.create, name="bad", EngineVersion="9.6")
        self.create("refuses", DeletionProtection=True)
        self.refused("DBInstanceAlreadyExists", self.create, name="refuses")
        self.refused(
            "InvalidParameterCombination", self.rds.modify_db_instance, DBInstanceIdentifier="refuses", ApplyImmediately=True
        )
        self.refused(
            "InvalidParameterCombination", self.rds.delete_db_instance, DBInstanceIdentifier="refuses", SkipFinalSnapshot=True
        )
        self.rds.modify_db_instance(DBInstanceIdentifier="refuses", DeletionProtection=False)
        self.refused("InvalidParameterCombination", self.rds.delete_db_instance, DBInstanceIdentifier="refuses")
        self.delete("refuses")

    def test_a_taken_port_names_who_has_it(self):
        port = self.create("holder")["Endpoint"]["Port"]
        with self.assertRaisesRegex(ClientError, f"port {port} on 127.0.0.1 is taken by process [0-9]+ \\(.*postgres"):
            self.create("wanting", Port=port)
        self.refused("DBInstanceNotFound", self.described, name="wanting")
        self.delete("holder")


class Restart(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.remove)

    def build(self):
        ec2, rds, autoscaling, s3 = (self.world.client(name) for name in ("ec2", "rds", "autoscaling", "s3"))
        self.vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
        group = ec2.create_security_group(GroupName="s", Description="s", VpcId=self.vpc)["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
        )
        template = ec2.create_launch_template(
            LaunchTemplateName="restart", LaunchTemplateData=template_data("#!/bin/sh\n"), ClientToken="t"
        )
        template = template["LaunchTemplate"]["LaunchTemplateId"]
        ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=template_data("#!/bin/sh\n#2\n"))
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="s",
            MinSize=1,
            MaxSize=1,
            VPCZoneIdentifier=",".join(subnets),
            LaunchTemplate={"LaunchTemplateId": template, "Version": "2"},
        )
        s3.create_bucket(Bucket="ha-restart", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="ha-restart", VersioningConfiguration={"Status": "Enabled"})
        for body in (b"first", b"second", bytes(range(256))):
            s3.put_object(Bucket="ha-restart", Key="key with spaces & ü", Body=body, Metadata={"sha256": "x"})
        self.ports = [ports.own_port(), ports.own_port()]
        for name, port in zip(("kept", "gone"), self.ports):
            rds.create_db_instance(
                DBInstanceIdentifier=name,
                Engine="postgres",
                DBInstanceClass="db.m5.large",
                AllocatedStorage=20,
                MasterUsername="master",
                MasterUserPassword=PASSWORD,
                Port=port,
            )
        rds.modify_db_instance(DBInstanceIdentifier="kept", MasterUserPassword=OTHER_PASSWORD)
        rds.delete_db_instance(DBInstanceIdentifier="gone", SkipFinalSnapshot=True)

    def seen(self):
        """All that a client can see, less what is new in every answer."""
        ec2, rds, autoscaling, s3 = (self.world.client(name) for name in ("ec2", "rds", "autoscaling", "s3"))
        versions = s3.list_object_versions(Bucket="ha-restart")["Versions"]
        answers = {
            "groups": ec2.describe_security_groups(),
            "rules": ec2.describe_security_group_rules(),
            "subnets": ec2.describe_subnets(),
            "templates": ec2.describe_launch_templates(),
            "versions": ec2.describe_launch_template_versions(LaunchTemplateName="restart"),
            "instances": ec2.describe_instances(),
            "autoscaling": autoscaling.describe_auto_scaling_groups(),
            "buckets": s3.list_buckets(),
            "objects": versions,
            "contents": [
                s3.get_object(Bucket="ha-restart", Key=it["Key"], VersionId=it["VersionId"])["Body"].read().hex()
                for it in versions
            ],
            "databases": rds.describe_db_instances()["DBInstances"],
        }
        for database in answers["databases"]:
            database.pop("LatestRestorableTime")
        for answer in answers.values():
            if isinstance(answer, dict):
                answer.pop("ResponseMetadata")
        return json.loads(json.dumps(answers, default=str))

    def test_the_world_is_the_same_after_a_kill(self):
        self.build()
        with self.connect() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        before = self.seen()
        os.kill(self.world.facts["pid"], signal.SIGKILL)
        # As after the machine's restart: the databases are not running either.
        for server in postgresql_server.all_servers(self.world.folder):
            server.stop()
        with open(self.world.folder / "requests.log", "ab") as log:
            log.write(b'{"seed": "torn')
        # And one database's making was interrupted.
        half = postgresql_homes.homes(self.world.folder) / "db-HALF"
        half.mkdir()

        self.world.start()
        self.maxDiff = None
        self.assertEqual(self.seen(), before)
        with self.connect() as connection:
            self.assertEqual(connection.execute("SELECT answer FROM kept").fetchone(), (42,))
        self.assertFalse(half.exists())
        again = self.world.client("ec2").create_launch_template(
            LaunchTemplateName="restart", LaunchTemplateData=template_data("#!/bin/sh\n"), ClientToken="t"
        )
        self.assertEqual(
            again["LaunchTemplate"]["LaunchTemplateId"], before["templates"]["LaunchTemplates"][0]["LaunchTemplateId"]
        )

    def connect(self):
        return psycopg.connect(
            host="127.0.0.1", port=self.ports[0], user="master", password=OTHER_PASSWORD, dbname="postgres",
            sslmode="verify-full", sslrootcert=self.world.facts["postgresql_ca_file"],
        )  # fmt: skip

    def test_starting_twice_and_on_a_taken_port(self):
        pid = self.world.facts["pid"]
        self.world.start()
        self.assertEqual(self.world.facts["pid"], pid)
        with tempfile.TemporaryDirectory() as other, self.assertRaisesRegex(AssertionError, f"taken by process {pid} "):
            launcher("start", "--dir", other, "--port", self.world.port)

    def test_a_database_that_has_ended_is_started_by_the_next_start(self):
        self.build()
        [server] = postgresql_server.all_servers(self.world.folder)
        server.stop()
        self.world.start()
        with self.connect():
            pass

    def test_a_database_that_was_killed_is_started_whoever_has_its_number(self):
        self.build()
        [server] = postgresql_server.all_servers(self.world.folder)
        account = postgresql_server.ACCOUNT if os.geteuid() == 0 else None
        ended = subprocess.Popen(["true"], user=account)
        self.addCleanup(ended.wait)
        stranger = subprocess.Popen(["sleep", "600"], user=account)
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        self.assertTrue(processes.wait_until(lambda: processes.start_time(ended.pid) is None, 20))
        with unittest.mock.patch.object(postgresql_server, "DYING", 0.1):
            for process in (ended, stranger):
                killed = processes.identity(server._process())
                os.kill(killed["pid"], signal.SIGKILL)
                self.assertTrue(processes.wait_until(lambda: not processes.exists(killed["pid"]), 20))
                self.assertTrue(processes.wait_until(lambda: not processes.working_in(server.data), 20))
                lock = server.data / "postmaster.pid"
                lock.write_text(lock.read_text().replace(str(killed["pid"]), str(process.pid), 1))
                server.start(server.port())
                with self.connect():
                    pass

    def test_no_password_is_left_where_others_read(self):
        self.build()
        with self.assertRaises(psycopg.Error), self.connect() as connection:
            connection.execute("CREATE ROLE circle LOGIN PASSWORD '" + scram.verifier(PASSWORD) + "' NONSENSE")
        kept = [self.world.folder / "requests.log", self.world.folder / "emulator.log", self.world.folder / "launcher.json"]
        kept += [server.log for server in postgresql_server.all_servers(self.world.folder)]
        pids = [self.world.facts["pid"], *(server._process() for server in postgresql_server.all_servers(self.world.folder))]
        kept += [pathlib.Path(f"/proc/{pid}/{name}") for pid in pids for name in ("cmdline", "environ")]
        for password in (PASSWORD, OTHER_PASSWORD):
            forms = {
                password,
                urllib.parse.quote(password, safe=""),
                urllib.parse.quote_plus(password),
                base64.b64encode(password.encode()).decode(),
            }
            for path in kept:
                content = path.read_bytes()
                for form in forms:
                    self.assertNotIn(form.encode(), content, f"{path} holds a password")
        self.assertEqual({path.stat().st_mode & 0o077 for path in kept[:2]}, {0})

    def test_nothing_is_left_when_it_is_removed_while_a_database_is_made(self):
        def create():
            with contextlib.suppress(Exception):  # Its client is left without an answer.
                self.world.client("rds").create_db_instance(
                    DBInstanceIdentifier="half",
                    Engine="postgres",
                    DBInstanceClass="db.m5.large",
                    AllocatedStorage=20,
                    MasterUsername="master",
                    MasterUserPassword=PASSWORD,
                    Port=ports.own_port(),
                )

        creating = threading.Thread(target=create)
        creating.start()
        homes = postgresql_homes.homes(self.world.folder)
        self.assertTrue(processes.wait_until(lambda: list(homes.glob("*/data")), 20))
        self.world.remove()
        creating.join()
        self.assertFalse(homes.exists())

    def test_nothing_is_left_after_remove(self):
        self.build()
        self.world.remove()
        self.assertFalse(self.world.folder.exists())
        self.assertFalse(postgresql_homes.homes(self.world.folder).exists())
        for port in (self.world.port, *self.ports):
            self.assertIsNone(processes.port_holder("127.0.0.1", port))


if __name__ == "__main__":
    unittest.main()

"""The fault proxy, in front of an emulator: each fault is one that Amazon's own client takes for what it stands for, and
whether the request was carried out is as the fault says."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

import ports
from fault_proxy import FaultProxy

HERE = pathlib.Path(__file__).resolve().parent
REGION = "eu-west-1"
TRUST = '{"Version":"2012-10-17","Statement":[]}'


def setUpModule():
    global behind
    folder = tempfile.mkdtemp(prefix="ha-fault-proxy-")
    port = str(ports.own_port())
    launcher = [sys.executable, HERE / "launcher.py"]
    started = subprocess.run([*launcher, "start", "--dir", folder, "--port", port], check=True, capture_output=True)
    behind = json.loads(started.stdout)["endpoint"]
    unittest.addModuleCleanup(subprocess.run, [*launcher, "remove", "--dir", folder], check=True)


def client(service, endpoint, attempts=1):
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}, s3={"addressing_style": "path"}),
    )  # fmt: skip


class Proxied(unittest.TestCase):
    def proxy(self, script=None):
        return self.enterContext(FaultProxy(behind, script))

    def struck(self, fault, service="iam", **more):
        """A client of a proxy that does this to the next request."""
        rule = {"service": service, "action": "*", "fault": fault, **more}
        return client(service, self.proxy({"rules": [rule]}).endpoint)

    def refused(self, code, action, **arguments):
        with self.assertRaises(ClientError) as caught:
            action(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["ResponseMetadata"]["HTTPStatusCode"]


class Faults(Proxied):
    def test_each_service_throttles_in_its_own_words(self):
        for service, status, code, action in (
            ("ec2", 503, "RequestLimitExceeded", "describe_vpcs"),
            ("s3", 503, "SlowDown", "list_buckets"),
            ("kms", 400, "ThrottlingException", "list_keys"),
            ("iam", 400, "Throttling", "list_roles"),
            ("rds", 400, "Throttling", "describe_db_instances"),
            ("autoscaling", 400, "Throttling", "describe_auto_scaling_groups"),
        ):
            with self.subTest(service):
                self.assertEqual(self.refused(code, getattr(self.struck("throttle", service), action)), status)
                self.assertEqual(self.refused("InternalFailure" if service not in ("ec2", "s3") else "InternalError", getattr(self.struck("error", service), action)), 500)  # fmt: skip

    def test_a_client_that_tries_again_gets_through(self):
        script = {"rules": [{"fault": fault} for fault in ("throttle", "error", "unavailable", "drop_before", "drop_after")]}
        proxy = self.proxy(script)
        client("sts", proxy.endpoint, attempts=6).get_caller_identity()
        self.assertEqual(sum(proxy.counts().values()), 5)
        self.assertEqual([it["fault"] for it in proxy.requests()][-1], None)

    def test_what_is_dropped_before_is_not_carried_out_and_what_is_dropped_after_is(self):
        plain = client("iam", behind)
        for fault, error, carried_out in (
            ("throttle", ClientError, False),
            ("error", ClientError, False),
            ("unavailable", Exception, False),
            ("drop_before", ConnectionClosedError, False),
            ("drop_after", ConnectionClosedError, True),
            ("reset_after", (ConnectionClosedError, HTTPClientError), True),
            ("cut", Exception, True),
            ("error_after", ClientError, True),
        ):
            with self.subTest(fault):
                name = fault.replace("_", "-")
                with self.assertRaises(error):
                    self.struck(fault).create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
                names = [it["RoleName"] for it in plain.list_roles()["Roles"]]
                self.assertEqual(name in names, carried_out)

    def test_a_rule_lets_some_pass_and_strikes_some(self):
        rule = {"service": "iam", "action": "List*", "fault": "refuse", "code": "AccessDenied", "status": 403, "skip": 1, "times": 2}
        iam = client("iam", self.proxy({"rules": [rule]}).endpoint)
        iam.list_roles()
        iam.get_account_summary()
        for _ in range(2):
            self.refused("AccessDenied", iam.list_roles)
        iam.list_roles()

    def test_a_seed_draws_the_same_every_time(self):
        def drawn(seed):
            proxy = self.proxy({"random": {"seed": seed, "rate": 0.5, "most": 10, "faults": ["throttle"]}})
            sts = client("sts", proxy.endpoint)
            for _ in range(30):
                try:
                    sts.get_caller_identity()
                except ClientError:
                    pass
            return [it["fault"] for it in proxy.requests()]

        self.assertEqual(drawn(1), drawn(1))
        self.assertNotEqual(drawn(1), drawn(2))
        self.assertEqual(drawn(1).count("throttle"), 10)

    def test_objects_go_through_unchanged(self):
        s3 = client("s3", self.proxy().endpoint)
        s3.create_bucket(Bucket="through", CreateBucketConfiguration={"LocationConstraint": REGION})
        body = bytes(range(256)) * 1000
        s3.put_object(Bucket="through", Key="key with spaces & ü", Body=body, ChecksumAlgorithm="SHA256")
        self.assertEqual(s3.get_object(Bucket="through", Key="key with spaces & ü")["Body"].read(), body)
        self.assertEqual(s3.head_object(Bucket="through", Key="key with spaces & ü")["ContentLength"], len(body))
        self.refused("PreconditionFailed", s3.put_object, Bucket="through", Key="key with spaces & ü", Body=b"", IfNoneMatch="*")

    def test_a_process_of_its_own_takes_scripts(self):
        port = str(ports.own_port())
        words = [sys.executable, HERE / "fault_proxy.py", "--port", port, "--behind", behind]
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        endpoint = json.loads(process.stdout.readline())["endpoint"]
        script = json.dumps({"rules": [{"fault": "throttle"}]}).encode()
        urllib.request.urlopen(f"{endpoint}/-/script", script).close()
        self.refused("Throttling", client("iam", endpoint).list_roles)
        with urllib.request.urlopen(f"{endpoint}/-/counts") as answer:
            self.assertEqual(json.load(answer), {"iam throttle": 1})
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{endpoint}/-/script", b'{"rules": [{"fault": "earthquake"}]}')


class Visibility(Proxied):
    def test_what_was_just_made_is_not_there_for_some_looks(self):
        endpoint = self.proxy({"hidden": {"looks": 2}}).endpoint
        ec2, iam = client("ec2", endpoint), client("iam", endpoint)
        group = ec2.create_security_group(GroupName="hidden", Description="hidden")["GroupId"]
        listed = lambda: ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroups"]
        self.assertEqual(listed(), [])
        self.refused("InvalidGroup.NotFound", ec2.create_tags, Resources=[group], Tags=[{"Key": "a", "Value": "b"}])
        self.assertEqual(len(listed()), 1)

        iam.create_role(RoleName="hidden", AssumeRolePolicyDocument=TRUST)
        for _ in range(2):
            self.assertEqual(self.refused("NoSuchEntity", iam.get_role, RoleName="hidden"), 404)
        iam.get_role(RoleName="hidden")

    def test_one_of_many_is_left_out_of_a_list(self):
        proxy = self.proxy({"hidden": {"looks": 1}})
        ec2 = client("ec2", proxy.endpoint)
        ids = []
        for name in ("old", "new"):
            proxy.end_of_run()
            ids.append(ec2.create_security_group(GroupName=f"list-{name}", Description=name)["GroupId"])
        wanted = [{"Name": "group-id", "Values": ids}]
        self.assertEqual([it["GroupName"] for it in ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]], ["list-old"])
        self.assertEqual(len(ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]), 2)


class States(Proxied):
    def test_a_database_takes_its_time(self):
        script = {"states": {"create": ["creating", "backing-up"], "modify": ["available", "modifying"], "delete": ["deleting"]}}
        rds = client("rds", self.proxy(script).endpoint)
        name = {"DBInstanceIdentifier": "slow"}
        rds.create_db_instance(
            **name, Engine="mysql", DBInstanceClass="db.m5.large", AllocatedStorage=20, MasterUsername="master",
            MasterUserPassword="correct-horse",
        )  # fmt: skip

        def look():
            [found] = rds.describe_db_instances(**name)["DBInstances"]
            return found["DBInstanceStatus"], "Endpoint" in found

        self.refused("InvalidDBInstanceState", rds.modify_db_instance, **name, AllocatedStorage=30)
        self.assertEqual([look() for _ in range(3)], [("creating", False), ("backing-up", True), ("available", True)])
        rds.modify_db_instance(**name, AllocatedStorage=30, ApplyImmediately=True)
        self.assertEqual([look()[0] for _ in range(3)], ["available", "modifying", "available"])
        rds.delete_db_instance(**name, SkipFinalSnapshot=True)
        self.assertEqual(look()[0], "deleting")
        self.refused("DBInstanceNotFound", look)

    def test_a_state_may_stay(self):
        rds = client("rds", self.proxy({"states": {"create": ["creating", "incompatible-network*"]}}).endpoint)
        rds.create_db_instance(
            DBInstanceIdentifier="stuck", Engine="mysql", DBInstanceClass="db.m5.large", AllocatedStorage=20,
            MasterUsername="master", MasterUserPassword="correct-horse",
        )  # fmt: skip
        states = [rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] for _ in range(4)]
        self.assertEqual(states, ["creating", *["incompatible-network"] * 3])
        rds_behind = client("rds", behind)
        rds_behind.delete_db_instance(DBInstanceIdentifier="stuck", SkipFinalSnapshot=True)


if __name__ == "__main__":
    unittest.main()

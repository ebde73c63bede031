"""The AWS side, by Amazon's own client."""

import json
import shutil
import subprocess
import unittest

from harness import REPOSITORY, TIME_LIMIT, QuickStart, binary, inspect_aws, shared_system

FILES = {"settings.conf", "replicated.conf", "license.rli", "circle-installation-customizations", "mongodb-ca.crt"}


class Services(unittest.TestCase):
    def setUp(self):
        self.system = shared_system()

    def test_the_group_is_one_machine_with_the_pinned_template(self):
        found = self.system.group()
        self.assertEqual(found["sizes"], [1, 1, 1])
        [instance] = found["group"]["Instances"]
        self.assertEqual(instance["LaunchTemplate"]["Version"], found["template_version"])
        self.assertEqual(found["template"]["MetadataOptions"]["HttpTokens"], "required")
        self.assertIn("IamInstanceProfile", found["template"])

    def test_the_user_data_names_the_objects_and_holds_no_secret(self):
        found, objects = self.system.group(), self.system.bucket()["objects"]
        self.assertEqual({key.split("/")[0] for key in objects}, FILES)
        for key, stored in objects.items():
            self.assertIn(key, found["user_data"])
            self.assertIn(stored["sha256"], found["user_data"])
            self.assertIn(stored["sha256"], key)
        self.assertTrue(found["user_data"].startswith("#!"))
        self.assertLessEqual(found["user_data_bytes"], 16384)
        self.assertEqual(self.system.output("userdata_sha256"), found["user_data_sha256"])
        for name, password in self.system.passwords().items():
            self.assertNotIn(password, found["user_data"], name)

    def test_the_bucket_keeps_versions_and_opens_to_nobody(self):
        found = self.system.bucket()
        self.assertEqual(found["versioning"], "Enabled")
        self.assertTrue(all(found["public_access_block"].values()))
        self.assertTrue(all(stored["versions"] == 1 and stored["encryption"] for stored in found["objects"].values()))

    def test_the_files_are_what_their_readers_expect(self):
        settings = json.loads(self.system.file_for_services("settings.conf"))
        self.assertTrue(all(set(value) == {"value"} and isinstance(value["value"], str) for value in settings.values()))
        replicated = json.loads(self.system.file_for_services("replicated.conf"))
        self.assertEqual(replicated["TlsBootstrapHostname"], settings["hostname"]["value"])
        self.assertIn("ReleaseSequence", replicated)
        with open(self.system.mongodb_ca_file, "rb") as file:
            self.assertEqual(self.system.file_for_services("mongodb-ca.crt"), file.read())


class Instance(unittest.TestCase):
    def test_the_database_instance_survives_what_it_should(self):
        system = shared_system()
        found = inspect_aws.db_instance(system.aws, system.output("db_instance_identifier"))
        self.assertEqual((found["MultiAZ"], found["StorageEncrypted"], found["DeletionProtection"]), (True, True, True))
        self.assertGreaterEqual(found["BackupRetentionPeriod"], 7)
        self.assertFalse(found["PubliclyAccessible"])
        self.assertEqual(found["DBInstanceStatus"], "available")


class DefaultTags(unittest.TestCase):
    """Tags of the provider's own go to what takes tags, below those of the block itself."""

    def setUp(self):
        self.system = QuickStart()
        self.addCleanup(self.system.remove)
        self.system.run("start")
        self.folder = self.system.folder / "tagged"
        shutil.copytree(REPOSITORY / "tests" / "configurations" / "fifteen_kinds", self.folder)
        values = f'endpoint = "http://127.0.0.1:{self.system.aws_port}"\nprefix = "tagged"\n'
        (self.folder / "ha.hclvars").write_text(values)

    def ha(self, *words):
        done = subprocess.run(
            [binary(), *words], cwd=self.folder, env=self.system.environment(), capture_output=True, text=True, timeout=TIME_LIMIT
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def apply(self, owner=None):
        tags = f'default_tags {{\n    tags = {{ owner = "{owner}", revision = "none" }}\n  }}' if owner else ""
        (self.folder / "provider_override.hcl").write_text(f'provider "aws" {{\n  {tags}\n}}\n')
        self.ha("apply", "--yes")
        self.ha("plan", "--detailed-exitcode")

    def tags(self):
        aws, name = self.system.aws, "tagged-database"
        [database] = aws.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        [group] = aws.rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"]
        named = {"Filters": [{"Name": "group-name", "Values": ["tagged-machine", name]}]}
        firewalls = aws.ec2.describe_security_groups(**named)["SecurityGroups"]
        found = {
            "bucket": aws.s3.get_bucket_tagging(Bucket="tagged-files")["TagSet"],
            "object": aws.s3.get_object_tagging(Bucket="tagged-files", Key="settings")["TagSet"],
            "role": aws.iam.list_role_tags(RoleName="tagged-machine")["Tags"],
            "database": aws.rds.list_tags_for_resource(ResourceName=database["DBInstanceArn"])["TagList"],
            "subnets": aws.rds.list_tags_for_resource(ResourceName=group["DBSubnetGroupArn"])["TagList"],
            **{it["GroupName"]: it.get("Tags", []) for it in firewalls},
        }
        wanted = ("owner", "revision")
        return {of: {it["Key"]: it["Value"] for it in tags if it["Key"] in wanted} for of, tags in found.items()}

    def test_they_come_change_and_go(self):
        self.apply("ops")
        tags = self.tags()
        # The one block without tags of its own has both of the provider's.
        self.assertEqual(tags.pop("tagged-database"), {"owner": "ops", "revision": "none"})
        self.assertEqual(tags, dict.fromkeys(tags, {"owner": "ops", "revision": "1"}))
        self.apply("dev")
        self.assertEqual({it["owner"] for it in self.tags().values()}, {"dev"})
        self.apply()
        tags = self.tags()
        self.assertEqual(tags.pop("tagged-database"), {})
        self.assertEqual(tags, dict.fromkeys(tags, {"revision": "1"}))


if __name__ == "__main__":
    unittest.main()

"""The AWS side, by Amazon's own client."""

import json
import unittest

from harness import inspect_aws, shared_system

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


if __name__ == "__main__":
    unittest.main()

"""Where a state is kept, under which key, and who may write it: in a bucket, with a key of KMS, looked at from outside."""

import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import boto3
from harness import OUTSIDE, REGION, binary, forms, own_port

THINGS = """
resource "random_password" "app" {
  length = 24
}
resource "ha_data" "app" {
  count = 20
  input = random_password.app.result
}
output "password" {
  value     = random_password.app.result
  sensitive = true
}
"""


class States(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.outside = tempfile.mkdtemp(prefix="ha-states-outside-")
        port = own_port()
        cls.addClassCleanup(shutil.rmtree, cls.outside, ignore_errors=True)
        cls.addClassCleanup(cls.launcher, "remove")
        cls.launcher("start", "--port", str(port))
        cls.endpoint = f"http://127.0.0.1:{port}"
        client = {"endpoint_url": cls.endpoint, "region_name": REGION, "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        cls.s3, cls.kms = boto3.client("s3", **client), boto3.client("kms", **client)
        cls.s3.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION})
        cls.kms_key = cls.kms.create_key()["KeyMetadata"]["Arn"]

    @classmethod
    def launcher(cls, *words):
        subprocess.run([sys.executable, OUTSIDE / "launcher.py", *words[:1], "--dir", cls.outside, *words[1:]], check=True, stdout=subprocess.DEVNULL)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-states-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.home, self.configuration = self.folder / "home", self.folder / "configuration"
        self.home.mkdir()
        self.configuration.mkdir()
        (self.configuration / "main.hcl").write_text(THINGS)
        self.key = f"{self._testMethodName}/ha.state"

    def settings(self, *blocks):
        (self.configuration / "settings.hcl").write_text("ha {\n" + "\n".join(blocks) + "\n}\n")

    def s3_backend(self):
        return f'backend "s3" {{\n bucket = "states"\n key = "{self.key}"\n endpoint = "{self.endpoint}"\n}}'

    def kms_encryption(self, fallback=""):
        return f'encryption {{\n aws_kms {{\n kms_key_id = "{self.kms_key}"\n endpoint = "{self.endpoint}"\n}}\n{fallback}\n}}'

    def environment(self):
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": REGION}
        return {"HOME": str(self.home), "PATH": os.environ["PATH"], **keys}

    def start(self, *words):
        out = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([binary(), *words], cwd=self.configuration, env=self.environment(), **out)

    def ha(self, *words, expect=0):
        process = self.start(*words)
        out, err = process.communicate(timeout=300)
        self.assertEqual(process.returncode, expect, f"{words}: {out.decode()}\n{err.decode()}")
        return out.decode() if expect == 0 else err.decode()

    def stored(self):
        """Every object of the state."""
        listed = self.s3.list_objects_v2(Bucket="states", Prefix=self._testMethodName)
        keys = [it["Key"] for it in listed.get("Contents", [])]
        return [self.s3.get_object(Bucket="states", Key=key)["Body"].read() for key in keys]

    def assert_as_configured(self):
        self.ha("plan", "--detailed-exitcode")

    def test_a_state_moves_into_a_bucket_and_back_with_all_that_is_in_it(self):
        self.ha("apply", "--yes")
        password = self.ha("output", "--raw", "password")
        before = json.loads(self.ha("state", "pull", "--show-sensitive"))
        self.settings(self.s3_backend(), self.kms_encryption())
        self.assertIn("ha state migrate", self.ha("plan", expect=1))
        self.assertEqual(self.stored(), [])
        self.ha("state", "migrate")
        self.assertTrue(self.stored())
        self.assertEqual(json.loads(self.ha("state", "pull", "--show-sensitive")), before)
        self.assert_as_configured()

        self.assertIn(self.kms_key, self.ha("state", "key"))
        plan = self.configuration / "plan.ha"
        self.ha("plan", "--out", str(plan), "--replace", "ha_data.app[3]")
        self.ha("apply", str(plan))
        kept = self.stored() + [path.read_bytes() for path in self.configuration.rglob("*") if path.is_file()]
        for content in kept:
            for form in forms(password):
                self.assertNotIn(form, content)

        # Back, and the key that the user has takes the place of that of KMS, which may then go.
        self.settings(self.kms_encryption())
        self.ha("state", "migrate")
        self.assertIn("was moved to", self.ha_in_bucket("plan"))
        self.settings()
        self.assertIn("a data key of AWS KMS", self.ha("state", "list", expect=1))
        self.ha_with_old_key_of_kms("state", "rekey")
        self.assert_as_configured()
        self.assertEqual(self.ha("output", "--raw", "password"), password)

    def ha_in_bucket(self, *words):
        """What whoever still names the bucket is told."""
        memory = self.configuration / ".ha" / "backend"
        remembered = memory.read_text()
        memory.unlink()
        (self.configuration / ".ha" / "ha.state").rename(self.folder / "aside")
        previous = self.configuration / ".ha" / "ha.state.previous"
        previous.rename(self.folder / "previous")
        self.settings(self.s3_backend(), self.kms_encryption())
        told = self.ha(*words, expect=1)
        (self.folder / "aside").rename(self.configuration / ".ha" / "ha.state")
        (self.folder / "previous").rename(previous)
        memory.write_text(remembered)
        return told

    def ha_with_old_key_of_kms(self, *words):
        key = self.configuration / "new.key"
        key.write_text(self.ha("state", "key", "--new"))
        fallback = f'encryption {{\n key_file = "new.key"\n fallback {{\n aws_kms {{\n kms_key_id = "{self.kms_key}"\n endpoint = "{self.endpoint}"\n}}\n}}\n}}'
        self.settings(fallback)
        self.ha(*words)
        self.settings('encryption {\n key_file = "new.key"\n}')

    def test_a_state_of_terraform_under_the_key_is_told(self):
        self.settings(self.s3_backend())
        told = "is not read: what Terraform made is not known here"
        theirs = json.dumps({"version": 4, "resources": [{"type": "aws_instance", "instances": [{}]}]}).encode()
        self.s3.put_object(Bucket="states", Key=self.key, Body=theirs)
        for words in ("plan",), ("plan", "--json"), ("apply", "--yes"):
            process = self.start(*words)
            out, err = process.communicate(timeout=300)
            self.assertEqual(process.returncode, 0, err.decode())
            self.assertIn(told, (out + err).decode(), words)
        # Once there is a state of ours, it has been seen.
        process = self.start("plan")
        out, err = process.communicate(timeout=300)
        self.assertNotIn(told, (out + err).decode())
        self.assertEqual(self.s3.get_object(Bucket="states", Key=self.key)["Body"].read(), theirs)

    def test_a_lock_that_was_taken_away_keeps_its_holder_from_writing(self):
        self.settings(self.s3_backend())
        self.ha("apply", "--yes")
        for _ in range(50):
            before = self.number()
            applying = self.start("apply", "--yes", "--replace", "random_password.app")
            # Once it shows its plan it has read the state, and has everything still to write.
            select.select([applying.stdout], [], [], 300)
            applying.send_signal(signal.SIGSTOP)
            held = json.loads(self.ha("state", "locks", "--json"))
            if held and self.number() == before:
                break
            applying.send_signal(signal.SIGCONT)
            applying.communicate(timeout=300)
        else:
            self.fail("no apply was met while it held the lock and had written nothing")
        self.assertEqual((held[0]["command"], held[0]["process"]), ("ha apply", applying.pid))
        self.assertTrue(0 < held[0]["seconds_left"] <= 180, held)
        self.assertIn("seconds of its lease are left", self.ha("state", "locks"))
        told = self.ha("apply", "--yes", expect=1)
        self.assertIn(held[0]["id"], told)
        self.assertIn("ha state unlock", told)
        self.assertIn("it is locked by", self.ha("state", "unlock", "0123456789abcdef", expect=1))
        self.ha("state", "unlock", held[0]["id"])
        self.assertEqual(json.loads(self.ha("state", "locks", "--json")), [])
        # What somebody else writes meanwhile is what keeps it from writing, whenever it asks for its lock again.
        self.ha("apply", "--yes", "--replace", "random_password.app")
        number = self.number()
        self.assertGreater(number, before)
        applying.send_signal(signal.SIGCONT)
        out, err = applying.communicate(timeout=300)
        self.assertNotEqual(applying.returncode, 0, out.decode())
        self.assertEqual(self.number(), number)
        self.ha("apply", "--yes")
        self.assert_as_configured()

    def number(self):
        """How often the state was written."""
        return json.loads(self.ha("state", "pull"))["number"]


if __name__ == "__main__":
    unittest.main()

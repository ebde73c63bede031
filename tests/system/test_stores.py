"""States that are kept elsewhere: seen from outside, and when the store goes away in the middle of an apply."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from harness import OUTSIDE, REGION, binary, inspect_aws, own_port

NAMES = ("one", "two", "three")
CONFIGURATION = """
ha {{
  backend "s3" {{
    bucket      = "states"
    key         = "a/ha.state"
    region      = "{region}"
    access_key  = "test"
    secret_key  = "test"
    endpoint    = "http://127.0.0.1:{state_port}"
    max_retries = 2
    lock_lease  = 10
  }}
}}

provider "aws" {{
  region     = "{region}"
  access_key = "test"
  secret_key = "test"
  endpoint   = "http://127.0.0.1:{aws_port}"
}}

resource "aws_s3_bucket" "one" {{ bucket = "one" }}

resource "aws_s3_bucket" "two" {{
  bucket     = "two"
  depends_on = [aws_s3_bucket.one]
}}

resource "aws_s3_bucket" "three" {{
  bucket     = "three"
  depends_on = [aws_s3_bucket.two]
}}
"""


class Line:
    """A way to a port that can be cut, and that can be known of what passes."""

    def __init__(self, port):
        self._port = port
        self._is_cut = False
        self._open = set()
        self._passing = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self):
        self._is_cut = True
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        self._is_cut = False

    def before(self, beginning, do):
        """Does something once, before what begins like this goes on its way."""
        self._passing = (beginning, do)

    def close(self):
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._port))
                self._open |= {client, server}
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if self._passing and piece.startswith(self._passing[0]):
                    (_, do), self._passing = self._passing, None
                    do()
                sink.sendall(piece)
        for end in (source, sink):
            self._open.discard(end)
            end.close()


class States(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="ha-stores-")))
        outside = self.folder / "outside"
        port = own_port()
        self.addCleanup(launcher, "remove", "--dir", outside)
        launcher("start", "--dir", outside, "--port", port)
        self.account = inspect_aws.Account(f"http://127.0.0.1:{port}", REGION)
        self.account.s3.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION})
        self.state, self.aws = Line(port), Line(port)
        self.addCleanup(self.state.close)
        self.addCleanup(self.aws.close)
        self.configuration = self.folder / "configuration"
        self.configuration.mkdir()
        text = CONFIGURATION.format(region=REGION, state_port=self.state.port, aws_port=self.aws.port)
        (self.configuration / "main.hcl").write_text(text)

    def ha(self, *words, expect=0):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        outcome = subprocess.run(
            [binary(), *words], cwd=self.configuration, env=environment, capture_output=True, text=True, timeout=600
        )
        said = outcome.stdout + outcome.stderr
        self.assertEqual(outcome.returncode, expect, f"{words}: {said}")
        return said

    def objects(self):
        return [it["Key"] for it in self.account.s3.list_objects_v2(Bucket="states").get("Contents", [])]

    def buckets(self):
        return sorted(it["Name"] for it in self.account.s3.list_buckets()["Buckets"] if it["Name"] != "states")

    def test_a_state_in_a_bucket_is_nowhere_else(self):
        said = self.ha("apply", "--yes")
        self.assertIn("retains no earlier versions", said)
        self.assertEqual(self.buckets(), sorted(NAMES))
        self.assertEqual(list(self.configuration.glob("**/*state*")), [])
        self.assertTrue(all(it.startswith("a/ha.state/") for it in self.objects()), self.objects())
        self.ha("plan", "--detailed-exitcode")
        for name in self.objects():
            # Nothing in clear but the numbers.
            content = self.account.s3.get_object(Bucket="states", Key=name)["Body"].read()
            self.assertNotIn(b"aws_s3_bucket\"", content)
        self.ha("destroy", "--yes")
        self.assertEqual(self.buckets(), [])

    def test_what_a_store_that_went_away_could_not_take_is_sent_by_the_next_run(self):
        # While the second is being made.
        self.aws.before(b"PUT /two", self.state.cut)
        said = self.ha("apply", "--yes", expect=1)
        unsent = self.configuration / ".ha" / "ha.state.unsent"
        self.assertIn(".ha/ha.state.unsent", said)
        self.assertEqual(unsent.stat().st_mode & 0o777, 0o600)
        # It was finished, and no other begun.
        self.assertEqual(self.buckets(), ["one", "two"])
        self.state.mend()
        # Whoever looks here sees it already.
        self.assertIn("aws_s3_bucket.two", self.ha("state", "list"))
        self.ha("apply", "--yes", "--lock-timeout", "120s")
        self.assertFalse(unsent.exists())
        self.assertEqual(self.buckets(), sorted(NAMES))
        self.ha("plan", "--detailed-exitcode")
        created = [it for it in self.ha("state", "list").split() if it.startswith("aws_s3_bucket.")]
        self.assertEqual(len(created), len(NAMES))

    def test_a_slow_step_makes_no_further_call_once_its_lock_has_grown_short(self):
        def slow():
            self.state.cut()
            # The lock lasted for ten seconds when the step began, and half of that is what a call may take.
            time.sleep(6)

        self.aws.before(b"PUT /two", slow)
        said = self.ha("apply", "--yes", expect=1)
        self.assertIn("could not change anything more under the lock of", said)
        self.assertIn("see that the store can be reached", said)
        # The call under way was finished. The one that labels the bucket was not begun, and neither was the next step.
        self.assertEqual(self.buckets(), ["one", "two"])
        self.assertTrue(self.labels("one"))
        self.assertEqual(self.labels("two"), [])
        self.state.mend()
        self.ha("apply", "--yes", "--lock-timeout", "120s")
        self.assertEqual(self.buckets(), sorted(NAMES))
        self.assertTrue(all(self.labels(it) for it in NAMES))
        self.ha("plan", "--detailed-exitcode")

    def test_a_state_of_terraform_is_told_of_also_that_of_a_workspace(self):
        def theirs(key, resources):
            body = json.dumps({"version": 4, "serial": 1, "lineage": "a", "outputs": {}, "resources": resources})
            self.account.s3.put_object(Bucket="states", Key=key, Body=body)

        some = [{"mode": "managed", "type": "aws_s3_bucket", "name": "one", "instances": []}]
        said = "is not read: what Terraform made"
        theirs("env:/empty/a/ha.state", [])
        theirs("env:/other/b/ha.state", some)
        theirs("elsewhere/prod/a/ha.state", some)
        self.assertNotIn(said, self.ha("plan"))
        theirs("env:/prod/a/ha.state", some)
        self.assertIn(f"`s3://states/env:/prod/a/ha.state` {said}", self.ha("plan"))
        # Who names an environment means that one.
        (self.configuration / "env").mkdir()
        for name in ("staging", "prod"):
            (self.configuration / "env" / f"{name}.hclvars").touch()
        self.assertNotIn(said, self.ha("--env", "staging", "plan"))
        self.assertIn(f"`s3://states/env:/prod/a/ha.state` {said}", self.ha("--env", "prod", "plan"))
        theirs("a/ha.state", some)
        self.assertIn(f"`s3://states/a/ha.state` {said}", self.ha("plan"))

    def labels(self, bucket):
        try:
            return self.account.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        except self.account.s3.exceptions.ClientError as error:
            self.assertEqual(error.response["Error"]["Code"], "NoSuchTagSet")
            return []


def launcher(*words):
    subprocess.run([sys.executable, OUTSIDE / "launcher.py", *map(str, words)], check=True, capture_output=True)


if __name__ == "__main__":
    unittest.main()

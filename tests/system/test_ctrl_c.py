"""Whoever stops `ha`, however, and at whatever it is just then: nothing is lost, and the next run goes on."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from harness import REPOSITORY, binary, inspect_aws, shared_system

sys.path.insert(0, str(REPOSITORY / "tests" / "faults"))

from run import REGION, Emulator  # noqa: E402
from started import CTRL_C, WISHES, Service, Started  # noqa: E402

MAIN = """
variable "endpoint" {}
variable "database" {
  default = false
}
provider "aws" {
  region     = "eu-west-1"
  endpoint   = var.endpoint
  access_key = "test"
  secret_key = "test"
}
resource "aws_s3_bucket" "one" {
  bucket = "stopped-one"
}
resource "aws_s3_bucket" "two" {
  bucket = "stopped-two"
  tags   = { after = aws_s3_bucket.one.arn }
}
resource "aws_db_instance" "slow" {
  count               = var.database ? 1 : 0
  identifier          = "stopped"
  engine              = "mysql"
  instance_class      = "db.t3.micro"
  allocated_storage   = 20
  username            = "owner"
  password            = "a-password-of-ours"
  skip_final_snapshot = true
}
"""


class CtrlC(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        emulator = Emulator()
        cls.behind = emulator.__enter__()
        cls.addClassCleanup(emulator.__exit__)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-stopped-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "main.hcl").write_text(MAIN)
        self.service = Service(self.behind)
        self.service.__enter__()
        self.addCleanup(self.service.__exit__)
        # Let go of whoever is still waiting before the proxy is taken away.
        self.addCleanup(self.service.let_through)
        self.account = inspect_aws.Account(self.behind, REGION)

    # What each test does, and how it is checked.

    def started(self, *words, at_terminal=False):
        command = Started([binary(), *words], at_terminal, cwd=self.folder, env=self.environment())
        self.addCleanup(command.__exit__)
        return command

    def ha(self, *words, expect=0):
        done = subprocess.run(
            [binary(), *words], cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout

    def environment(self):
        given = {"HA_VAR_endpoint": self.service.endpoint, "HOME": str(self.folder), "TERM": "xterm"}
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **given}

    def converges(self, *words):
        """The next run goes on, everything is there once, and nothing is left to do."""
        self.service.let_through()
        self.ha("apply", "--yes", *words)
        self.ha("plan", "--detailed-exitcode", *words)
        self.assertEqual(self.buckets(), ["stopped-one", "stopped-two"])
        self.ha("destroy", "--yes", *words)
        self.assertEqual(self.buckets(), [])

    def buckets(self):
        return sorted(it for it in inspect_aws.everything(self.account)["buckets"] if it.startswith("stopped"))

    # During an apply.

    def test_a_step_under_way_is_brought_to_its_end(self):
        for name, wish in WISHES.items():
            with self.subTest(name):
                self.service.hold("CreateBucket", "PutBucket")
                apply = self.started("apply", "--yes")
                self.service.wait_for_one()
                apply.send(wish)
                apply.sees("stopping: one step under way is brought to its end")
                self.service.let_through()
                self.assertEqual(apply.ends(), 130, apply.printed)
                for told in ("done         aws_s3_bucket.one  created", "not started  aws_s3_bucket.two", "Next: to go on, run `ha apply` again"):
                    self.assertIn(told, apply.printed)
                self.assertEqual(self.ha("state", "list"), "aws_s3_bucket.one\n")
                self.converges()

    def test_at_a_terminal(self):
        self.service.hold("CreateBucket", "PutBucket")
        apply = self.started("apply", at_terminal=True)
        apply.sees("Only `yes` is taken for one")
        apply.types("yes\n")
        self.service.wait_for_one()
        apply.types(CTRL_C)
        apply.sees("stopping: ")
        self.service.let_through()
        self.assertEqual(apply.ends(), 130, apply.printed)
        self.converges()

    def test_a_terminal_that_goes_away_takes_nothing_with_it(self):
        self.service.hold("CreateBucket", "PutBucket")
        apply = self.started("apply", "--yes", at_terminal=True)
        self.service.wait_for_one()
        apply.hang_up()
        self.service.let_through()
        self.assertEqual(apply.ends(), 130)
        self.assertEqual(self.ha("state", "list"), "aws_s3_bucket.one\n")
        self.converges()

    def test_an_apply_goes_on_when_nobody_reads_any_more(self):
        for words in (["--json"], []):
            self.service.hold("CreateBucket", "PutBucket")
            apply = self.started("apply", "--yes", *words)
            self.service.wait_for_one()
            apply.close_pipes()
            self.service.let_through()
            self.assertEqual(apply.ends(), 0)
            self.ha("plan", "--detailed-exitcode")
            self.ha("destroy", "--yes")

    def test_the_stream_says_so(self):
        self.service.hold("CreateBucket", "PutBucket")
        apply = self.started("apply", "--yes", "--json")
        self.service.wait_for_one()
        apply.send(signal.SIGTERM)
        apply.sees("stopping: 1 steps")
        self.service.let_through()
        self.assertEqual(apply.ends(), 130, apply.printed)
        last = json.loads(apply.printed.splitlines()[-1])
        self.assertEqual((last["type"], last["interrupted"]), ("apply_stopped", True))
        self.assertEqual([it["addr"] for it in last["not_started"]], ["aws_s3_bucket.two"])
        self.converges()

    def test_a_long_wait_ends_early_and_is_taken_up_again(self):
        database = ("--var", "database=true")
        self.service.set_script({"states": {"create": ["creating"] * 10_000}})
        apply = self.started("apply", "--yes", *database)
        apply.waits_until(lambda: any(it["action"] == "DescribeDBInstances" for it in self.service.requests()))
        apply.send(signal.SIGINT)
        self.assertEqual(apply.ends(), 130, apply.printed)
        self.assertIn("half done    aws_db_instance.slow[0]  not created yet; left to do: ", apply.printed)
        self.assertNotIn("error: ", apply.printed)
        self.service.set_script(None)
        self.ha("apply", "--yes", *database)
        self.assertEqual(inspect_aws.everything(self.account)["db_instances"], ["stopped"])
        self.converges(*database)

    def test_the_second_abandons_and_the_next_run_finds_out(self):
        self.service.hold("CreateBucket", "PutBucket")
        apply = self.started("apply", "--yes")
        self.service.wait_for_one()
        apply.send(signal.SIGINT)
        apply.sees("stopping: ")
        apply.send(signal.SIGINT)
        self.assertEqual(apply.ends(), 130, apply.printed)
        self.assertIn("under way    aws_s3_bucket.one  creating", apply.printed)
        # It is stopped once more while it finds out, and does that to its end.
        self.service.let_through()
        self.service.hold("CreateBucket", "HeadBucket", "GetBucket", "ListBuckets", "PutBucket")
        again = self.started("apply", "--yes")
        self.service.wait_for_one()
        again.sees("an earlier run left this unfinished")
        again.send(signal.SIGTERM)
        again.sees("stopping: ")
        self.service.let_through()
        self.assertEqual(again.ends(), 130, again.printed)
        self.assertIn("interrupted", again.printed)
        self.converges()

    # During everything before.

    def test_looking_and_planning_are_stopped_at_once(self):
        self.ha("apply", "--yes")
        before = {path.name: path.read_bytes() for path in (self.folder / ".ha").glob("ha.state*")}
        for words in (["plan"], ["plan", "--json"], ["apply", "--yes"], ["destroy", "--yes", "--json"]):
            self.service.hold("HeadBucket", "GetBucket", "ListBuckets", "GetCallerIdentity")
            command = self.started(*words)
            self.service.wait_for_one()
            command.send(signal.SIGINT)
            self.assertEqual(command.ends(), 130, command.printed)
            self.assertIn("interrupted", command.printed)
            self.service.let_through()
        self.assertEqual(before, {path.name: path.read_bytes() for path in (self.folder / ".ha").glob("ha.state*")})
        self.converges()

    def test_at_the_question_nothing_is_begun(self):
        for name, wish in WISHES.items():
            with self.subTest(name):
                apply = self.started("apply", at_terminal=True)
                apply.sees("Only `yes` is taken for one")
                apply.send(wish)
                self.assertEqual(apply.ends(), 130, apply.printed)
        self.assertEqual(self.buckets(), [])
        self.converges()

    def test_who_waits_for_the_lock_waits_no_longer(self):
        self.service.hold("CreateBucket", "PutBucket")
        first = self.started("apply", "--yes")
        self.service.wait_for_one()
        for words, told in (([], "interrupted"), (["--json"], '"interrupted"')):
            second = self.started("apply", "--yes", "--lock-timeout", "10m", *words)
            second.sees("waiting: ")
            second.send(signal.SIGINT)
            self.assertEqual(second.ends(), 130, second.printed)
            self.assertIn(told, second.printed)
        self.service.let_through()
        self.assertEqual(first.ends(), 0, first.printed)
        self.converges()


class AMember(unittest.TestCase):
    def test_what_was_stopped_runs_again(self):
        system = shared_system()
        with system.edited("mongodb.hcl", "cache_size_gb = 0.25", "cache_size_gb = 0.26"):
            apply = Started([binary(), "apply", "--yes", "--json"], cwd=system.configuration, env=system.environment())
            with apply:
                apply.sees("stopping mongod")
                apply.send(signal.SIGINT)
                self.assertEqual(apply.ends(), 130, apply.printed)
        last = json.loads(apply.printed.splitlines()[-1])
        self.assertEqual(last["failed"], [], apply.printed)
        self.assertEqual(len(last["not_started"]) + len(last["half_done"]) + len(last["done"]), 3, apply.printed)
        self.assertGreaterEqual(len(last["not_started"]), 2)
        self.assertTrue(all(system.mongod(host) for host in system.hosts))
        system.wait_until_whole()
        system.apply()
        system.wait_until_whole()


if __name__ == "__main__":
    unittest.main()

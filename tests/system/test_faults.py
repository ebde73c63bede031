"""Applies while AWS throttles, loses answers and takes its time; `tests/faults/run` does many more."""

import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import OUTSIDE, REPOSITORY, binary, inspect_aws

sys.path[:0] = [str(REPOSITORY / "tests" / "faults"), str(OUTSIDE)]

import inventory  # noqa: E402
import run  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402

TRIALS = 8
SEED = 20
CONFIGURATION = REPOSITORY / "tests" / "configurations" / "fifteen_kinds"
PASSING = ("throttle", "error", "unavailable", "drop_before", "drop_after", "reset_after", "cut", "error_after")


class Faults(unittest.TestCase):
    def test_applies_converge_under_faults_with_everything_there_once(self):
        done = [outcome for _, outcome in run.trials(binary(), SEED, range(TRIALS), jobs=4)]
        self.assertEqual([str(it) for it in done if isinstance(it, run.Wrong)], [])
        # That something happened at all.
        self.assertGreater(sum(sum(it.faults.values()) for it in done), 5 * TRIALS)
        self.assertGreater(sum(it.failed for it in done), 0)


class Scripted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.endpoint = cls.enterClassContext(run.Emulator())
        cls.account = inspect_aws.Account(cls.endpoint, run.REGION)

    def setUp(self):
        self.home = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="ha-faults-")))
        shutil.copytree(CONFIGURATION, self.home / "configuration")
        self.proxy = self.enterContext(FaultProxy(self.endpoint))
        self.prefix = self.id().rsplit(".")[-1].removeprefix("test_").replace("_", "-")[:24].strip("-")

    def ha(self, *words, expect=0):
        given = {"endpoint": self.proxy.endpoint, "prefix": self.prefix}
        variables = [word for name, value in given.items() for word in ("--var", f"{name}={value}")]
        outcome = subprocess.run(
            [binary(), *words, *variables], cwd=self.home / "configuration", stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=300, env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), "LANG": "C.UTF-8"},
        )  # fmt: skip
        self.assertEqual(outcome.returncode, expect, outcome.stdout + outcome.stderr)
        return outcome

    def expect_all_of_it_once(self):
        self.proxy.set_script(None)
        self.ha("plan", "--detailed-exitcode")
        self.assertEqual(inventory.counted(self.account, self.prefix), inventory.expected(self.prefix, 1))
        self.ha("destroy", "--yes")
        self.assertEqual(inventory.counted(self.account, self.prefix), {})

    def test_what_passes_is_got_over_in_one_run_and_counted(self):
        # Each call that changes something meets one of these the first time, all of them by turns.
        rules = [{"service": "*", "action": f"{verb}*", "fault": fault, "skip": skip} for verb in ("Create", "Put", "Add", "Authorize", "Describe", "Get") for skip, fault in enumerate(PASSING)]  # fmt: skip
        self.proxy.set_script({"rules": rules})
        text = self.ha("apply", "--yes").stdout
        counts = collections.Counter()
        for name, count in self.proxy.counts().items():
            counts[name.split()[1]] += count
        self.assertEqual(set(counts), set(PASSING))
        summary = re.search(r"Throttled (\d+) times \(.*\d\), asked again (\d+) times \(", text)
        self.assertIsNotNone(summary, text)
        self.assertEqual(int(summary[1]), counts["throttle"])
        # A connection that the proxy closed may be used once more before the client notices, so
        # there may be more repetitions than faults, but never fewer.
        self.assertGreaterEqual(int(summary[2]), sum(counts.values()))
        self.expect_all_of_it_once()

    def test_programs_are_told_too(self):
        self.proxy.set_script({"rules": [{"service": "ec2", "fault": "throttle", "times": 2}]})
        lines = [json.loads(line) for line in self.ha("apply", "--yes", "--json").stdout.splitlines()]
        [told] = [line for line in lines if line["type"] == "incidents"]
        self.assertEqual(told["@message"], "throttled 2 times (ec2 2), asked again 2 times (ec2 2)")
        self.assertIn({"what": "throttled", "service": "ec2", "times": 2}, told["incidents"])
        self.expect_all_of_it_once()

    def test_a_database_that_only_a_person_can_mend_ends_the_wait(self):
        self.proxy.set_script({"states": {"create": ["creating", "incompatible-network*"]}})
        text = self.ha("apply", "--yes", expect=1).stderr
        self.assertIn("its status is incompatible-network", text)
        self.assertIn("fix the subnet group", text)
        self.assertRegex(text, r"failed +aws_db_instance.database  could not be created")
        self.proxy.set_script(None)
        self.ha("apply", "--yes")
        self.expect_all_of_it_once()

    def test_machines_that_cannot_be_launched_end_the_wait(self):
        why = "The image id ami-785db401 does not exist. Launching EC2 instance failed."
        activity = "<member><ActivityId>{}</ActivityId><AutoScalingGroupName>g</AutoScalingGroupName><Cause>c</Cause><StartTime>2026-01-01T00:00:00Z</StartTime><StatusCode>Failed</StatusCode><StatusMessage>{}</StatusMessage></member>"
        group = f"<member><AutoScalingGroupName>{self.prefix}-machines</AutoScalingGroupName><MinSize>1</MinSize><MaxSize>2</MaxSize><DesiredCapacity>1</DesiredCapacity><DefaultCooldown>300</DefaultCooldown><AvailabilityZones/><HealthCheckType>EC2</HealthCheckType><CreatedTime>2026-01-01T00:00:00Z</CreatedTime><Instances/></member>"
        answers = {"DescribeScalingActivities": ("Activities", activity.format(1, why) + activity.format(2, why)), "DescribeAutoScalingGroups": ("AutoScalingGroups", group)}  # fmt: skip
        rules = [
            {
                "action": action, "fault": "answer", "times": -1,
                "body": f"<{action}Response><{action}Result><{name}>{members}</{name}></{action}Result></{action}Response>",
            }
            for action, (name, members) in answers.items()
        ]  # fmt: skip
        self.proxy.set_script({"rules": rules})
        text = self.ha("apply", "--yes", expect=1).stderr
        self.assertIn("its instances cannot be launched: The image id ami-785db401 does not exist", text)
        self.proxy.set_script(None)
        self.ha("apply", "--yes")
        self.expect_all_of_it_once()


if __name__ == "__main__":
    unittest.main()

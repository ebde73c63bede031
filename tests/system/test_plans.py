"""What a plan says, and that what it says is all there is."""

import json
import unittest

from harness import shared_system

CLIENT_ID = '"placeholder-oauth-client-id"'


class Plans(unittest.TestCase):
    def setUp(self):
        self.system = shared_system()

    def changes(self):
        plan = json.loads(self.system.ha("plan", "--document=-", "--detailed-exitcode", expect=2).stdout)
        return {
            change["address"]: change["change"]["actions"]
            for change in plan["resource_changes"]
            if change["change"]["actions"] != ["no-op"]
        }

    def test_nothing_is_left_to_do(self):
        self.system.ha("plan", "--detailed-exitcode", expect=0)

    def test_a_second_run_changes_nothing_in_under_a_minute(self):
        before = self.system.group()["group"]
        outcome = self.system.run()
        print(f"the second run took {outcome.seconds:.1f} s", end="; ")
        self.assertLess(outcome.seconds, 60)
        self.assertEqual(self.system.group()["group"], before)

    def test_one_line_of_a_setting_shows_all_that_follows_from_it(self):
        with self.system.edited("services.hcl", CLIENT_ID, '"another-client-id"'):
            shown = self.system.ha("plan", "--detailed-exitcode", expect=2).stdout
            lines = [line.strip() for line in shown.splitlines()]
            self.assertTrue(any(line.startswith("-") and "placeholder-oauth-client-id" in line for line in lines), shown)
            self.assertTrue(any(line.startswith("+") and "another-client-id" in line for line in lines), shown)
            self.assertIn("userdata", shown)
            changes = self.changes()
        chain = {'aws_s3_object.file["settings.conf"]', "aws_launch_template.services", "aws_autoscaling_group.services"}
        self.assertLessEqual(chain, set(changes))
        # The machine's permission to fetch exactly its files follows too, and nothing else.
        self.assertLessEqual(set(changes), chain | {"aws_iam_role_policy.fetch"})
        self.system.ha("plan", "--detailed-exitcode", expect=0)

    def test_a_new_template_version_moves_the_group_and_not_its_machine(self):
        before = self.system.group()
        with self.system.edited("services.hcl", CLIENT_ID, '"a-third-client-id"'):
            self.system.apply()
            after = self.system.group()
        self.assertEqual(int(after["template_version"]), int(before["template_version"]) + 1)
        self.assertEqual(
            [it["InstanceId"] for it in after["group"]["Instances"]], [it["InstanceId"] for it in before["group"]["Instances"]]
        )
        self.assertEqual(
            after["group"]["Instances"][0]["LaunchTemplate"]["Version"],
            before["group"]["Instances"][0]["LaunchTemplate"]["Version"],
        )
        # Back again, for the other tests; the machine is replaced as its death would replace it.
        self.system.apply()
        [instance] = self.system.group()["group"]["Instances"]
        self.system.aws.autoscaling.terminate_instance_in_auto_scaling_group(
            InstanceId=instance["InstanceId"], ShouldDecrementDesiredCapacity=False
        )
        self.system.ha("plan", "--detailed-exitcode", expect=0)

    def test_an_apply_without_a_terminal_needs_a_yes(self):
        outcome = self.system.ha("apply", expect=1)
        self.assertIn("--yes", outcome.stderr)


if __name__ == "__main__":
    unittest.main()

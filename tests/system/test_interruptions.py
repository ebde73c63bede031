"""`ha apply` is killed at random, again and again, and ends in the same system as if it never had been."""

import os
import random
import signal
import unittest

from harness import POSTGRES_URI, QuickStart, UNPROTECTED, inspect_aws, inspect_mongodb, inspect_postgresql

KILLS = 10
# About as long as a whole apply takes.
LONGEST = 5.5


class Interruptions(unittest.TestCase):
    def test_ten_kills_end_in_the_same_system(self):
        seed = int(os.environ.get("HA_TEST_SEED") or random.SystemRandom().randrange(10**6))
        print(f"HA_TEST_SEED={seed}", end=" ")
        chance = random.Random(seed)
        system = QuickStart()
        self.addCleanup(system.remove)
        system.run("start")

        landed = 0
        while landed < KILLS:
            apply = system.start_apply()
            try:
                status = apply.wait(chance.uniform(0.05, LONGEST))
            except Exception:
                apply.send_signal(signal.SIGKILL)
                apply.wait()
                landed += 1
                continue
            self.assertEqual(status, 0, "an apply that no one killed failed; see the transcripts")
            # All is there: begin again, so that the other kills have something to interrupt.
            self.same_system(system)
            system.apply(*UNPROTECTED)
            system.ha("destroy", "--yes", *UNPROTECTED)
        system.apply()
        self.same_system(system)

    def same_system(self, system):
        system.wait_until_whole()
        servers = [line for line in system.own_processes() if "mongod" in line.split()[0]]
        self.assertEqual(len(servers), 3, servers)
        status = inspect_mongodb.status(system.mongodb_ca_file, system.output("mongodb_admin_uri"))
        self.assertEqual([member["host"] for member in status["members"]], system.hosts)
        users = inspect_mongodb.users(system.mongodb_ca_file, system.output("mongodb_admin_uri"))
        self.assertEqual([user["user"] for user in users], ["circle", "circle-admin", "siteUserAdmin"])

        uri = system.sourced(POSTGRES_URI)
        self.assertEqual([role["name"] for role in inspect_postgresql.roles(uri)], ["circle", "circle_master"])
        self.assertEqual(inspect_postgresql.database(uri)["databases"], ["circle", "postgres"])

        found = inspect_aws.everything(system.aws)
        counts = {kind: len(names) for kind, names in found.items()}
        expected = {
            "autoscaling_groups": 1, "buckets": 1, "db_instances": 1, "db_subnet_groups": 0, "instance_profiles": 1,
            "instances": 1, "launch_templates": 1, "roles": 1, "security_groups": 2, "volumes": 1,
        }  # fmt: skip
        self.assertLessEqual(expected.items(), counts.items(), found)
        self.assertEqual(system.group()["template_versions"], 1)
        self.assertEqual({stored["versions"] for stored in system.bucket()["objects"].values()}, {1})
        self.assertEqual(len(system.bucket()["objects"]), 5)


if __name__ == "__main__":
    unittest.main()

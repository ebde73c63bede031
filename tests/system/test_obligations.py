"""`ha apply` is killed while a member is stopped for a restart; the next run starts it again before anything else."""

import json
import socket
import time
import unittest

from harness import processes, shared_system

TRIES = 20


class Obligations(unittest.TestCase):
    def setUp(self):
        self.system = shared_system()
        self.system.wait_until_whole()
        self.written = self.system.configuration / "mongodb.hcl"
        self.before = self.written.read_text()
        self.addCleanup(self.repair)

    def repair(self):
        self.written.write_text(self.before)
        self.system.apply()
        self.system.wait_until_whole()

    def kill_in_a_restart(self):
        """Kills an apply between the end of a member and its new start; answers which."""
        for cache in range(26, 26 + TRIES):
            self.written.write_text(self.before.replace("cache_size_gb = 0.25", f"cache_size_gb = 0.{cache}"))
            apply = self.system.start_apply()
            # A mongod that ends empties this file, and one that starts writes its number into it.
            locks = [self.system.work / "mongodb" / name / "mongo/data/mongod.lock" for name in "abc"]
            while apply.poll() is None and all(it.stat().st_size for it in locks):
                time.sleep(0.001)
            apply.kill()
            apply.wait()
            # It ends a moment after it has emptied the file, and no one is there to start it again.
            ending = [host for host, lock in zip(self.system.hosts, locks) if not lock.stat().st_size]
            processes.wait_until(lambda: not any(map(self.system.mongod, ending)), 20)
            stopped = [host for host in self.system.hosts if not self.system.mongod(host)]
            if stopped and self.owed():
                return stopped[0]
            self.repair()
        raise AssertionError(f"no apply was killed at the right moment in {TRIES} tries")

    def owed(self):
        return json.loads(self.system.ha("state", "pull").stdout).get("obligations", [])

    def test_a_member_that_was_stopped_is_started_before_anything_else(self):
        stopped = self.kill_in_a_restart()
        [owed] = self.owed()
        self.assertEqual((owed["verb"], owed["target"]), ("start", f"mongod on {stopped}"))

        # A run that is about something else altogether.
        told = self.system.ha("apply", "--yes", "--json", "--target", "tls_ca.internal").stdout.splitlines()
        events = [json.loads(line) for line in told]
        [done] = [event for event in events if event["type"] == "recover_complete"]
        self.assertEqual((done["hook"]["verb"], done["hook"]["target"]), ("start", f"mongod on {stopped}"))
        self.assertEqual(self.owed(), [])
        self.system.wait_until_whole()

        # The change that was under way is made by the plan.
        self.system.apply()
        self.system.wait_until_whole()
        self.assertEqual(self.owed(), [])

    def test_one_that_cannot_be_started_is_named_and_left_to_the_plan(self):
        stopped = self.kill_in_a_restart()
        address, port = stopped.rsplit(":", 1)
        with socket.create_server((address, int(port))):
            refused = self.system.ha("apply", "--yes", expect=1)
        self.assertIn(f"could not start mongod on {stopped}", refused.stderr)
        self.assertIn("is taken by", refused.stderr)
        self.system.apply()
        self.system.wait_until_whole()
        self.assertEqual(self.owed(), [])


if __name__ == "__main__":
    unittest.main()

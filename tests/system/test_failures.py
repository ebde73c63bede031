"""Members die; clients go on; the next apply brings them back."""

import os
import re
import signal
import unittest

from harness import MAIN_URI, POSTGRES_URI, inspect_mongodb, inspect_postgresql, processes, shared_system


class Failures(unittest.TestCase):
    def setUp(self):
        self.system = shared_system()
        self.system.wait_until_whole()
        self.addCleanup(self.repair)

    def repair(self):
        self.system.apply()
        self.system.wait_until_whole()

    def kill(self, host, wish):
        recorded = self.system.mongod(host)
        os.kill(recorded["pid"], wish)
        return recorded

    def write_after(self, wish, seconds):
        ca_file, uri = self.system.mongodb_ca_file, self.system.sourced(MAIN_URI)
        self.assertIsNotNone(inspect_mongodb.write(ca_file, uri, 10)["seconds"])
        recorded = self.kill(self.system.primary(), wish)
        took = inspect_mongodb.write(ca_file, uri, 60)
        print(f"a majority write succeeded {took['seconds']} s after {wish.name} of the primary", end="; ")
        self.assertIsNotNone(took["seconds"], took)
        self.assertLess(took["seconds"], seconds)
        # A server that was asked to stop first lets its clients go.
        self.assertTrue(processes.wait_until(lambda: not processes.is_alive(recorded), 60))

    def test_a_majority_write_soon_after_the_primary_was_asked_to_stop(self):
        self.write_after(signal.SIGTERM, 5)

    def test_a_majority_write_soon_after_the_primary_was_killed(self):
        self.write_after(signal.SIGKILL, 20)

    def test_a_killed_member_is_named_and_comes_back(self):
        host = next(member["host"] for member in self.system.members() if member["state"] == "SECONDARY")
        recorded = self.kill(host, signal.SIGKILL)
        self.assertTrue(processes.wait_until(lambda: not processes.is_alive(recorded), 20))
        shown = self.system.ha("plan", "--detailed-exitcode", expect=2).stdout
        self.assertIn(host.split(":")[0], shown)
        self.assertRegex(shown, re.compile("not running|killed|crashed"))
        self.system.apply()
        self.system.wait_until_whole()
        self.assertNotEqual(self.system.mongod(host), recorded)

    def test_run_brings_everything_back_after_a_reboot(self):
        ca_file, uri = self.system.mongodb_ca_file, self.system.sourced(MAIN_URI)
        before = inspect_mongodb.write(ca_file, uri, 10)
        self.assertIsNotNone(before["seconds"])
        members = [self.system.mongod(host) for host in self.system.hosts]
        database = processes.port_holder("127.0.0.1", self.system.postgresql_port)
        killed = [*members, self.system.emulator(), processes.identity(database.pid)]
        for recorded in killed:
            os.kill(recorded["pid"], signal.SIGKILL)
        self.assertTrue(processes.wait_until(lambda: not any(map(processes.is_alive, killed)), 20))
        self.system.run()
        self.system.wait_until_whole()
        self.system.ha("plan", "--detailed-exitcode")
        # The users are there, and what was written too.
        self.assertIsNotNone(inspect_mongodb.write(ca_file, self.system.sourced(MAIN_URI), 10)["seconds"])
        self.assertEqual(inspect_postgresql.login(self.system.sourced(POSTGRES_URI))["user"], "circle")


if __name__ == "__main__":
    unittest.main()

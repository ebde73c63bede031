"""What is built is taken down without a trace, and can be built again."""

import os
import signal
import unittest

from harness import QuickStart, UNPROTECTED, inspect_aws, postgresql_homes


class Destroy(unittest.TestCase):
    def test_nothing_is_left_and_it_works_again(self):
        system = QuickStart()
        self.addCleanup(system.remove)
        first = system.run()
        print(f"the first run took {first.seconds:.1f} s", end="; ")

        with self.subTest("destroy, while external services goes on"):
            system.apply(*UNPROTECTED)
            system.ha("destroy", "--yes", *UNPROTECTED)
            self.assertEqual(system.own_processes(), [])
            found = inspect_aws.everything(system.aws)
            self.assertEqual({kind: names for kind, names in found.items() if names}, {})
            self.assertEqual(system.ha("state", "list").stdout.strip(), "")

        with self.subTest("run, after that"):
            system.run()
            system.wait_until_whole()

        with self.subTest("run destroy, when the emulator is gone"):
            os.kill(system.emulator()["pid"], signal.SIGKILL)
            outcome = system.run("destroy")
            self.assertIn("deletion_protection=false", outcome.stderr)
            self.assertEqual(system.own_processes(), [])
            self.assertEqual(system.listeners(), [])
            self.assertFalse(postgresql_homes.homes(system.work / "outside").exists())
            self.assertFalse((system.configuration / "ha.auto.hclvars").exists())
            self.assertFalse((system.work / "mongodb").exists())
            self.assertEqual(system.ha("state", "list").stdout.strip(), "")

        with self.subTest("run destroy, when there is nothing"):
            system.run("destroy")

        with self.subTest("run, after all that"):
            system.run()
            system.wait_until_whole()
            system.run("destroy")
            self.assertEqual(system.listeners(), [])


if __name__ == "__main__":
    unittest.main()

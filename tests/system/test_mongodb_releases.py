"""What differs between releases of MongoDB, and the way from one to the next, on data that stays."""

import unittest

from harness import mongod
from mongodb_set import MongodbSet

OLDER = {"version": "5.0.4", "mongod": mongod("5.0.4"), "config": "oplog_size_mb = 1990"}
NEWER = {"version": "6.0.5", "mongod": mongod(), "config": "oplog_size_mb = 1990"}


class Releases(unittest.TestCase):
    """A set of one member."""

    def setUp(self):
        self.set = MongodbSet(names=("a",), **OLDER)
        self.addCleanup(self.set.remove)

    def test_an_oplog_grows_without_a_restart_and_an_upgrade_keeps_what_is_there(self):
        self.set.apply()
        before = self.set.processes()
        self.set.apply(config="oplog_size_mb = 2990")
        self.assertEqual((self.set.oplog_mb("a"), self.set.processes()), (2990, before))
        with self.set.client() as client:
            client.test.kept.insert_one({"seven": 7})
        self.set.apply(**NEWER | {"config": "oplog_size_mb = 2990"})
        self.assertNotEqual(self.set.processes(), before)
        with self.set.client() as client:
            self.assertEqual(client.server_info()["version"], "6.0.5")
            self.assertEqual(client.test.kept.find_one()["seven"], 7)
        told = self.set.ha("plan").stdout
        self.assertIn("the feature compatibility version is still 5.0", told)
        self.set.command({"setFeatureCompatibilityVersion": "6.0"})
        self.assertNotIn("feature compatibility", self.set.ha("plan").stdout)
        # The data has gone on, and does not go back.
        self.set.write(**OLDER)
        refused = self.set.ha("apply", "--yes", expect=1)
        self.assertIn("does not start with data that is stored as 6.0 does it", refused.stdout + refused.stderr)


if __name__ == "__main__":
    unittest.main()

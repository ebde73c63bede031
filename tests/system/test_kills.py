"""A few kills on each store; `tests/kills/run` does a thousand."""

import os
import random
import tempfile
import unittest

from harness import accounts, binary, contention, directory, stores, table

KILLS = 20
ON_THE_EMULATOR = 6
MEETINGS = 3


class Kills(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("HA_TEST_SEED") or random.SystemRandom().randrange(10**6))
        print(f"HA_TEST_SEED={self.seed}")

    def expect_nothing(self, name, tally, kills):
        print(table([(f"ha, {name}", tally)]), end=" ")
        self.assertEqual(tally.told, [])
        self.assertGreaterEqual(tally.kills, kills)

    def on_each_store(self):
        for name in stores.NAMES:
            with self.subTest(store=name), tempfile.TemporaryDirectory(prefix="ha-kills-") as folder, stores.opened(name) as store:
                yield name, store, folder

    def test_nothing_is_lost(self):
        for name, store, folder in self.on_each_store():
            tally = directory.kill_all(directory.Directory, binary(), store, folder, KILLS, self.seed, parallel=2)
            self.expect_nothing(name, tally, KILLS)

    def test_two_at_once(self):
        for name, store, folder in self.on_each_store():
            self.expect_nothing(name, contention.contend_all(binary(), store, folder, MEETINGS, parallel=3), MEETINGS)

    def test_nothing_is_made_twice_or_left_over(self):
        with tempfile.TemporaryDirectory(prefix="ha-kills-") as folder, stores.opened("local") as store:
            with stores.emulator() as endpoint:
                account = accounts.Account(endpoint)
                tally = directory.kill_all(account, binary(), store, folder, ON_THE_EMULATOR, self.seed, parallel=2)
        self.expect_nothing("local, emulator", tally, ON_THE_EMULATOR)


if __name__ == "__main__":
    unittest.main()

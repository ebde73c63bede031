"""A state that is moved between all places that keep states, and what a move that is killed leaves."""

import json
import os
import pathlib
import random
import re
import shutil
import tempfile
import unittest

from harness import binary, killing, stores

THINGS = """
resource "random_password" "app" {
  length = 24
}
resource "ha_data" "app" {
  count = 20
  input = random_password.app.result
}
output "password" {
  value     = random_password.app.result
  sensitive = true
}
"""
# Each pair of stores that are not the same, in both directions.
ROUND = ("local", "postgres", "s3", "local", "s3", "postgres", "local")
MOVES = list(zip(ROUND, ROUND[1:], strict=False))
KILLS_EACH = 6
# What is secret in a block is not remembered, so that the place that is left could not be opened by it.
SECRETS = re.compile(r'^ *(conn_str|access_key|secret_key) *= "(.*)"\n', re.MULTILINE)


class Migrations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stores = {name: cls.enterClassContext(stores.opened(name)) for name in stores.NAMES}

    def setUp(self):
        [(_, address)] = SECRETS.findall(self.stores["postgres"].backend("any"))
        self.secrets = {"PG_CONN_STR": address, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-migrations-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "home").mkdir()
        self.begin("only")

    def begin(self, name):
        """Another directory, with a state that is kept beside it."""
        self.name, self.configuration = name, self.folder / name
        self.configuration.mkdir()
        (self.configuration / "main.hcl").write_text(THINGS)
        self.says("local")
        self.ha("apply", "--yes")

    def says(self, name):
        """From now on the configuration names this store."""
        backend = self.stores[name].backend(f"{self._testMethodName}_{self.name}"[-50:])
        (self.configuration / "settings.hcl").write_text(SECRETS.sub("", backend))

    def run_killed(self, way, *words):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "LANG": "C.UTF-8", **self.secrets}
        return killing.run([binary(), *words], way, cwd=self.configuration, env=environment)

    def tried(self, *words):
        return self.run_killed(None, *words)

    def ha(self, *words):
        ended = self.tried(*words)
        self.assertEqual(ended.status, 0, f"{self.name}: {words}: {ended.output}{ended.told}")
        return ended.output

    def content(self):
        """All that is recorded, but for how often it was written."""
        pulled = json.loads(self.ha("state", "pull", "--show-sensitive"))
        self.assertGreater(pulled.pop("number"), 0)
        return pulled

    def current_in(self, *places):
        """The stores in which the state can be gone on with from here, when the configuration names them."""
        found = []
        for name in places:
            self.says(name)
            if self.tried("state", "list").status == 0:
                found.append(name)
        return found

    def unlock(self):
        for lock in json.loads(self.ha("state", "locks", "--json")):
            self.ha("state", "unlock", lock["id"])

    def test_a_state_goes_to_every_store_and_back_with_all_that_is_in_it(self):
        before = self.content()
        self.assertEqual(len(before["records"]), 21)
        for old, new in MOVES:
            with self.subTest(old=old, new=new):
                self.says(new)
                self.assertIn("21 records from ", self.ha("state", "migrate"))
                self.assertEqual(self.content(), before)
                self.ha("plan", "--detailed-exitcode")
                # No one takes the old one for the state any more.
                self.assertEqual(self.current_in(old, new), [new])
                self.assertIn("there is nothing to move", self.tried("state", "migrate").told)
        # It is written on where it is now, and what was left in the others is in no one's way.
        self.ha("apply", "--yes", "--replace", "ha_data.app[3]")
        after = self.content()
        self.assertNotEqual(after, before)
        for _, new in MOVES:
            self.says(new)
            self.ha("state", "migrate")
            self.assertEqual(self.content(), after)

    def test_a_place_whose_block_has_secrets_is_left_once_it_is_named_again(self):
        self.secrets = {}
        before, settings, old = self.content(), self.configuration / "settings.hcl", self.folder / "old.hcl"
        for name in ("postgres", "s3"):
            with self.subTest(name):
                settings.write_text(self.stores[name].backend("with_secrets"))
                self.ha("state", "migrate")
                self.assertEqual(self.content(), before)
                self.assertIn("there is nothing to move", self.tried("state", "migrate").told)
                old.write_text(settings.read_text())
                self.says("local")
                refused = self.tried("state", "migrate")
                self.assertEqual(refused.status, 1, refused.told)
                self.assertIn("is secret and not remembered", refused.told)
                self.ha("state", "migrate", "--from", str(old))
                self.assertEqual(self.content(), before)

    def test_a_move_that_is_killed_leaves_one_state_that_counts_and_is_finished_by_the_next(self):
        chance = random.Random(1)
        ways = killing.Ways(chance)
        ways.reach = {killing.NAMES: 4, killing.REQUESTS: 8, killing.ANY: 60}
        killed = moved = 0
        for old, new in MOVES:
            for number in range(KILLS_EACH):
                self.begin(f"{old}_{new}_{number}")
                before = self.content()
                self.says(old)
                _, seconds = killing.timed(lambda: self.ha("state", "migrate"))
                ways.seconds.append(seconds)
                # Some where it names files, the others anywhere.
                way = killing.Way(calls=killing.NAMES, number=number + 1) if number < 3 else ways.drawn()
                self.says(new)
                ended, seconds = killing.timed(lambda way=way: self.run_killed(way, "state", "migrate"))
                ways.learn(way, ended, seconds)
                killed += ended.killed
                with self.subTest(old=old, new=new, way=str(way)):
                    current = self.current_in(old, new)
                    self.assertEqual(len(current), 1, ended.told)
                    self.says(current[0])
                    self.assertEqual(self.content(), before)
                    moved += ended.killed and current == [new]
                    self.says(new)
                    self.unlock()
                    self.ha("state", "migrate")
                    self.assertEqual(self.content(), before)
                    self.ha("plan", "--detailed-exitcode")
                    self.assertEqual(self.current_in(old, new), [new])
        total = len(MOVES) * KILLS_EACH
        print(f"{killed} of {total} moves were killed, {moved} of them once the state was in its new place")
        self.assertGreater(killed, total // 5)


if __name__ == "__main__":
    unittest.main()

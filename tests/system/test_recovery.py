"""A state is lost, and made again from what there is."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import (
    MAIN_URI,
    POSTGRES_URI,
    REPOSITORY,
    TIME_LIMIT,
    QuickStart,
    binary,
    forms,
    inspect_aws,
    inspect_mongodb,
    inspect_postgresql,
    stores,
)

# What only a state knows: another takes its place, and with it whatever holds it under a name made of its checksum.
LOST = {"random_password", "tls_ca", "tls_cert"}
NAMED_AFTER_CONTENT = {"aws_s3_object"}


def actions(document):
    """What a plan does, by address: the kind and the actions."""
    changes = json.loads(document)["resource_changes"]
    return {it["address"]: (it["type"], it["change"]["actions"], it.get("action_reason")) for it in changes}


class QuickStartRecovered(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = QuickStart()
        cls.addClassCleanup(cls.system.remove)
        cls.system.run()
        cls.system.wait_until_whole()

    def test_a_lost_state_is_made_again_and_nothing_twice(self):
        system = self.system
        recorded = system.ha("state", "list").stdout.split("\n")
        passwords = system.passwords()
        before, mongods = self.outside(), [system.mongod(host) for host in system.hosts]
        written = inspect_mongodb.write(system.mongodb_ca_file, system.sourced(MAIN_URI), 10)
        self.assertIsNotNone(written["seconds"])
        refused = system.ha("state", "recover", expect=1)
        self.assertIn("it is not empty", refused.stderr)
        for path in system.state_files():
            path.unlink()

        shown = system.ha("state", "recover", "--dry-run").stdout
        self.assertFalse(list((system.configuration / ".ha").glob("ha.state")))
        self.assertEqual(self.outside(), before)
        system.ha("state", "recover")
        self.assertEqual(self.outside(), before)
        self.assertEqual(system.ha("state", "list").stdout.split("\n"), recorded)
        self.assertTrue(all(address in shown for address in recorded), shown)
        for name, password in passwords.items():
            self.assertNotIn(password, shown, name)

        planned = actions(system.ha("plan", "--document", "-").stdout)
        for address, (kind, does, reason) in planned.items():
            if kind in LOST:
                self.assertEqual((set(does), reason), ({"create", "delete"}, "replace_because_tainted"), address)
            elif kind in NAMED_AFTER_CONTENT:
                self.assertIn(does, (["create", "delete"], ["no-op"]), address)
            else:
                self.assertIn(does, (["update"], ["no-op"], ["read"]), address)
        told = system.ha("plan").stdout
        self.assertIn("is lost with the state", told)

        # What was lost is rotated while everything runs; then nothing is left to do.
        system.apply()
        after = self.outside()
        self.assertEqual(after["aws"], before["aws"])
        self.assertEqual(set(after["objects"]), set(before["objects"]))
        self.assertEqual([system.mongod(host) for host in system.hosts], mongods, "no member was restarted")
        system.wait_until_whole()
        rotated = system.passwords()
        self.assertTrue(all(rotated[name] != password for name, password in passwords.items()))
        ca_file, uri = system.mongodb_ca_file, system.sourced(MAIN_URI)
        self.assertIsNotNone(inspect_mongodb.write(ca_file, uri, 10)["seconds"])
        users = inspect_mongodb.users(ca_file, system.output("mongodb_admin_uri"))
        self.assertEqual(len(users), 3, users)
        self.assertEqual(inspect_postgresql.login(system.sourced(POSTGRES_URI))["user"], "circle")

    def outside(self):
        """What there is, counted from outside."""
        bucket = self.system.bucket()
        return {
            "aws": inspect_aws.everything(self.system.aws),
            "objects": sorted(key.split("/")[0] for key in bucket["objects"]),
            "listeners": self.system.listeners(),
        }


class AwsRecovered(unittest.TestCase):
    """Some fifteen kinds in an account in which another state has the same, but for their names."""

    @classmethod
    def setUpClass(cls):
        cls.system = QuickStart()
        cls.addClassCleanup(cls.system.remove)
        cls.system.run("start")
        cls.folders = [Path(tempfile.mkdtemp(prefix="ha-recovery-", dir=cls.system.folder)) for _ in range(2)]

    def ha(self, folder, *words, expect=0):
        outcome = subprocess.run(
            [binary(), *words], cwd=folder, env=self.system.environment(), capture_output=True, text=True, timeout=TIME_LIMIT
        )
        self.assertEqual(outcome.returncode, expect, outcome.stdout + outcome.stderr)
        return outcome.stdout

    def test_what_belongs_to_the_lost_state_is_found_and_nothing_else(self):
        mine, theirs = self.folders
        for folder, prefix in ((mine, "mine"), (theirs, "theirs")):
            shutil.copy(REPOSITORY / "tests" / "configurations" / "fifteen_kinds" / "main.hcl", folder)
            values = f'endpoint = "http://127.0.0.1:{self.system.aws_port}"\nprefix = "{prefix}"\n'
            (folder / "ha.hclvars").write_text(values)
            self.ha(folder, "apply", "--yes")
        recorded = self.ids(mine)
        before = inspect_aws.everything(self.system.aws)
        # A block goes from the configuration, and then the state is lost.
        text = (mine / "main.hcl").read_text()
        dropped = 'resource "aws_vpc_security_group_ingress_rule" "'
        self.assertIn(dropped, text)
        start = text.index(dropped)
        (mine / "main.hcl").write_text(text[:start] + text[text.index("\n}\n", start) + 3 :])
        shutil.rmtree(mine / ".ha")

        shown = self.ha(mine, "state", "recover", "--dry-run")
        self.assertFalse(any(it.name == "ha.state" for it in mine.rglob("*")))
        self.ha(mine, "state", "recover")
        self.assertEqual(self.ids(mine), recorded, shown)
        self.assertEqual(inspect_aws.everything(self.system.aws), before)
        planned = actions(self.ha(mine, "plan", "--document", "-"))
        deleted = {address for address, (_, does, _) in planned.items() if does == ["delete"]}
        self.assertTrue(deleted and all(it.startswith("aws_vpc_security_group_ingress_rule.") for it in deleted), planned)
        others = {address: does for address, (_, does, _) in planned.items() if address not in deleted}
        # No one says which password the database has, so it is set.
        self.assertEqual(others.pop("aws_db_instance.database"), ["update"])
        self.assertTrue(all(does in (["no-op"], ["read"]) for does in others.values()), others)
        self.ha(mine, "apply", "--yes")
        self.ha(mine, "plan", "--detailed-exitcode")
        self.ha(theirs, "plan", "--detailed-exitcode")
        self.assertEqual(inspect_aws.everything(self.system.aws), before)

    def ids(self, folder):
        pulled = json.loads(self.ha(folder, "state", "pull"))
        return {it["address"]: it["id"] for it in pulled["records"]}


KEPT_ELSEWHERE = """
resource "random_password" "kept" {
  length = 24
}
resource "random_password" "lost" {
  length = 24
}
resource "local_file" "this" {
  filename          = "written.conf"
  sensitive_content = random_password.kept.result
}
output "kept" {
  value     = random_password.kept.result
  sensitive = true
}
"""


class InAStore(unittest.TestCase):
    """What was kept elsewhere is given back, wherever the state is."""

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="ha-recovery-")))
        self.told = b""

    def ha(self, *words, expect=0, given=None):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        done = subprocess.run([binary(), *words], cwd=self.folder, env=environment, input=given, capture_output=True, text=True, timeout=TIME_LIMIT)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, expect, f"{words}: {said}")
        if "--raw" not in words:
            self.told += said.encode()
        return said

    def test_on_this_machine(self):
        self.is_recovered(lambda: shutil.rmtree(self.folder / ".ha"))

    def test_in_a_bucket(self):
        with stores.opened("s3") as store:
            self.is_recovered(store.empty, store.backend("recovered"))

    def test_in_a_database(self):
        with stores.opened("postgres") as store:
            self.is_recovered(store.empty, store.backend("recovered"))

    def is_recovered(self, lose, settings=""):
        (self.folder / "main.hcl").write_text(settings + KEPT_ELSEWHERE)
        self.ha("apply", "--yes")
        password = self.ha("output", "--raw", "kept")
        given = json.dumps({"random_password.kept": password})
        recorded = self.ha("state", "list")

        # What is there is not forgotten without being asked, and a copy is kept then.
        self.assertIn("it is not empty", self.ha("state", "recover", "--given=-", given=given, expect=1))
        self.ha("state", "recover", "--given=-", "--force", "--dry-run", given=given)
        self.ha("plan", "--detailed-exitcode")
        self.ha("state", "recover", "--given=-", "--force", given=given)
        self.is_as_far_as_it_can_be(password)
        [copy] = (self.folder / ".ha" / "backups").iterdir()
        self.ha("state", "push", "--force", str(copy))
        self.ha("plan", "--detailed-exitcode")

        lose()
        self.assertEqual(self.ha("state", "list"), "")
        shown = self.ha("state", "recover", "--given=-", "--dry-run", given=given)
        for section in ("Given, and recorded from now on (1)", "Found, and recorded from now on (1)", "Lost, and in no service"):
            self.assertIn(section, shown)
        self.assertEqual(self.ha("state", "list"), "")
        for wrong, told in (
            (f'{{"random_password.kept": "{password}"', "is not what was asked for"),
            (f'{{"random_password.kept": ["{password}"]}}', "is not what was asked for"),
            (json.dumps({password: "random_password.kept"}), "is no address"),
            (json.dumps({"random_password.other": password}), "random_password.other"),
            (json.dumps({"local_file.this": password}), "local_file.this"),
        ):
            for dry in ([], ["--dry-run"]):
                self.assertIn(told, self.ha("state", "recover", "--given=-", *dry, given=wrong, expect=1))
        self.assertEqual(self.ha("state", "list"), "")
        self.ha("state", "recover", "--given=-", given=given)
        self.assertEqual(self.ha("state", "list"), recorded)
        self.is_as_far_as_it_can_be(password)
        self.ha("apply", "--yes")
        self.ha("plan", "--detailed-exitcode")
        self.assertEqual(self.ha("output", "--raw", "kept"), password)
        self.assertEqual([it for it in forms(password) if it in self.told], [])

    def is_as_far_as_it_can_be(self, password):
        """The next plan makes what was lost again, and nothing else."""
        self.ha("plan", "--document=plan.json")
        planned = actions((self.folder / "plan.json").read_text())
        self.assertEqual({address: does for address, (_, does, _) in planned.items() if does != ["no-op"]}, {"random_password.lost": ["delete", "create"]})
        self.assertEqual((self.folder / "written.conf").read_text(), password)


if __name__ == "__main__":
    unittest.main()

"""A state is lost, and made again from what there is."""

import json
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
    inspect_aws,
    inspect_mongodb,
    inspect_postgresql,
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
        # Nobody says which password the database has, so it is set.
        self.assertEqual(others.pop("aws_db_instance.database"), ["update"])
        self.assertTrue(all(does in (["no-op"], ["read"]) for does in others.values()), others)
        self.ha(mine, "apply", "--yes")
        self.ha(mine, "plan", "--detailed-exitcode")
        self.ha(theirs, "plan", "--detailed-exitcode")
        self.assertEqual(inspect_aws.everything(self.system.aws), before)

    def ids(self, folder):
        pulled = json.loads(self.ha(folder, "state", "pull"))
        return {it["address"]: it["id"] for it in pulled["records"]}


if __name__ == "__main__":
    unittest.main()

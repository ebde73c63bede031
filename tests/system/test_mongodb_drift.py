"""What a configuration says of MongoDB is so: set, taken out again, or changed by somebody else, read by a client of its
own. Every argument of every kind is in one of the tables, or is named with the reason why it is in none."""

import json
import stat
import unittest

from mongodb_set import NAMES, MongodbSet

# What mongod has where no one says anything.
USUAL_SETTINGS = {
    "election_timeout_millis": ("electionTimeoutMillis", 10000),
    "heartbeat_interval_millis": ("heartbeatIntervalMillis", 2000),
    "heartbeat_timeout_secs": ("heartbeatTimeoutSecs", 10),
    "catch_up_timeout_millis": ("catchUpTimeoutMillis", -1),
    "catch_up_takeover_delay_millis": ("catchUpTakeoverDelayMillis", 30000),
    "chaining_allowed": ("chainingAllowed", True),
}
UNUSUAL_SETTINGS = {
    "election_timeout_millis": 5000,
    "heartbeat_interval_millis": 1000,
    "heartbeat_timeout_secs": 7,
    "catch_up_timeout_millis": 9000,
    "catch_up_takeover_delay_millis": -1,
    "chaining_allowed": False,
}
USUAL_OPTIONS = {
    "priority": ("priority", 1.0),
    "votes": ("votes", 1),
    "hidden": ("hidden", False),
    "tags": ("tags", {}),
    "secondary_delay_secs": ("secondaryDelaySecs", 0),
    "build_indexes": ("buildIndexes", True),
    "arbiter_only": ("arbiterOnly", False),
}
USUAL_FILES = {
    "certificate": ("etc/mongodb/mongodb.pem", 0o400),
    "ca_certificate": ("etc/mongodb/ca.pem", 0o600),
    "config": ("etc/mongod.conf", 0o600),
    "data": ("mongo/data", 0o700),
}
UNUSUAL_FILES = {"certificate": 0o440, "ca_certificate": 0o644, "config": 0o640, "data": 0o750}
ROTATION = "etc/logrotate.d/mongod"

# Arguments that these tables do not take out or change: they must be said, a new value makes a new resource, or nothing
# outside of the configuration has them.
ELSEWHERE = {
    "mongodb_host": {
        *("host", "port", "replica_set", "process.root"),  # A new value is a new host.
        *("version", "process.mongod"),  # Upgrades have tests of their own.
        "keep_data",  # It says what a deletion does.
    },
    "mongodb_replica_set": {"name", "members.host", "members.machine", "members.arbiter_only"},
    "mongodb_user": {"name", "database", "replica_set", "hosts"},
}
AUTHORITY = "authority."  # By it one acts inside the set; nothing there has it.


def hcl(value):
    return json.dumps(value)


def block(name, arguments):
    return name + " {\n" + "".join(f"    {name} = {hcl(value)}\n" for name, value in arguments.items()) + "  }"


class Shared(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.set = MongodbSet()
        cls.addClassCleanup(cls.set.remove)
        cls.set.apply()

    def options(self, name):
        found = self.set.members()[name]
        return {name: found[theirs] for name, (theirs, _) in USUAL_OPTIONS.items()}

    def settings(self):
        found = self.set.replica_set()["settings"]
        return {name: found[theirs] for name, (theirs, _) in USUAL_SETTINGS.items()}

    def modes(self, name):
        root = self.set.root(name)
        return {it: stat.S_IMODE((root / path).stat().st_mode) for it, (path, _) in USUAL_FILES.items()}

    def assert_is_usual(self):
        usual = lambda table: {name: value for name, (_, value) in table.items()}  # noqa: E731
        self.assertEqual(self.settings(), usual(USUAL_SETTINGS))
        for name in NAMES:
            self.assertEqual(self.options(name), usual(USUAL_OPTIONS), name)
            self.assertEqual(self.modes(name), usual(USUAL_FILES), name)
            self.assertIn("kill -USR1", (self.set.root(name) / ROTATION).read_text())
        for name in ("ada", "ben", "cat"):
            user = self.set.user(name)
            self.assertEqual((user["authenticationRestrictions"], sorted(user["mechanisms"])), ([], ["SCRAM-SHA-1", "SCRAM-SHA-256"]))
            self.assertEqual([it["role"] for it in user["roles"]], ["readWrite"])
        self.assertTrue(self.set.logs_in("ada", "first-password"))


class Arguments(Shared):
    """Set, applied, taken out, applied, each read back from outside."""

    def test_every_argument_is_told_when_it_is_set_and_when_it_is_taken_out(self):
        delayed = {"priority": 0, "votes": 0, "hidden": True, "tags": {"dc": "east"}, "secondary_delay_secs": 60, "build_indexes": False}
        c = {"priority": 0, "votes": 0, "hidden": False, "tags": {"dc": "west"}, "secondary_delay_secs": 0, "build_indexes": True}
        modes = {name: f"{mode:04o}" for name, mode in UNUSUAL_FILES.items()}
        restriction = {"client_source": ["127.0.0.0/8"], "server_address": ["127.0.0.0/8"]}
        self.set.apply(
            settings=block("settings", UNUSUAL_SETTINGS),
            members=hcl({"b": delayed, "c": c}),
            host=block("file_permissions", modes) + "\n  log_rotation = false",
            config="oplog_size_mb = 1990",
            user=f'mechanisms = ["SCRAM-SHA-256"]\n  authentication_restrictions = [{hcl(restriction)}]',
        )
        self.assertEqual(self.settings(), UNUSUAL_SETTINGS)
        self.assertEqual(self.options("b"), {**delayed, "arbiter_only": False})
        self.assertEqual(self.options("c"), {**c, "arbiter_only": False})
        for name in NAMES:
            self.assertEqual(self.modes(name), UNUSUAL_FILES, name)
            self.assertFalse((self.set.root(name) / ROTATION).exists(), name)
            self.assertEqual(self.set.oplog_mb(name), 1990)
        user = self.set.user("ada")
        [found] = user["authenticationRestrictions"]
        self.assertEqual(user["mechanisms"], ["SCRAM-SHA-256"])
        self.assertEqual({name: list(it) for name, it in found.items()}, {"clientSource": ["127.0.0.0/8"], "serverAddress": ["127.0.0.0/8"]})

        # One by one from within a block.
        kept = {name: UNUSUAL_SETTINGS[name] for name in ("chaining_allowed", "heartbeat_timeout_secs")}
        self.set.apply(settings=block("settings", kept), members=hcl({"b": {"priority": 0, "tags": {"dc": "east"}}}))
        self.assertEqual(self.settings(), {**{name: usual for name, (_, usual) in USUAL_SETTINGS.items()}, **kept})
        usual = {name: it for name, (_, it) in USUAL_OPTIONS.items()}
        self.assertEqual(self.options("b"), {**usual, "priority": 0, "tags": {"dc": "east"}})

        before = self.set.processes()
        self.set.apply(settings="", members="{}", host="", config="", user="")
        self.assert_is_usual()
        self.assertEqual(self.set.processes(), before, "nothing of this needs a restart")

    def test_every_argument_of_every_kind_is_in_a_table(self):
        here = {
            "mongodb_host": {
                *("config", "certificate_pem", "ca_certificate_pem", "running", "file_permissions", "log_rotation", "process"),
                *(f"file_permissions.{name}" for name in USUAL_FILES),
            },
            "mongodb_replica_set": {
                *("members", "authority", "settings"),
                *(f"settings.{name}" for name in USUAL_SETTINGS),
                *(f"members.{name}" for name in USUAL_OPTIONS),
            },
            "mongodb_user": {
                *("password", "roles", "roles.role", "roles.db", "mechanisms", "authority", "authentication_restrictions"),
                *("authentication_restrictions.client_source", "authentication_restrictions.server_address"),
            },
        }
        for kind, known in here.items():
            arguments = {it for it in self.arguments(kind) if not it.startswith(AUTHORITY)}
            self.assertEqual(arguments - known - ELSEWHERE[kind], set(), kind)

    def arguments(self, kind):
        described = json.loads(self.set.ha("schema", kind, "--json").stdout)
        return set(paths(described["arguments"]))


def paths(fields, above=""):
    for name, field in fields.items():
        yield above + name
        yield from paths(field.get("fields", {}), f"{above}{name}.")


class Drift(Shared):
    """What somebody changed is seen by a plan, set back by an apply, and then there is nothing to do."""

    def test_what_somebody_changed_is_seen_and_set_back(self):
        one, other = self.set.secondaries()
        changes = {
            **self.changed_settings(),
            **self.changed_users(),
            **self.changed_files(),
            # Last: a majority of two waits for the delayed one.
            **self.changed_members(one, other),
        }
        before = self.set.processes()
        planned = self.set.planned()
        for (address, argument), what in changes.items():
            with self.subTest(what=what):
                self.assertIn(argument, planned.get(address, ()), planned)
        self.set.apply()
        self.assert_is_usual()
        self.assertEqual(self.set.processes(), before, "nothing of this needs a restart")

    def changed_settings(self):
        def change(configuration):
            for name, (theirs, _) in USUAL_SETTINGS.items():
                configuration["settings"][theirs] = UNUSUAL_SETTINGS[name]

        self.set.reconfigure(change)
        return {("mongodb_replica_set.it", "settings"): "settings of a set whose configuration says none"}

    def changed_members(self, one, other):
        def change(configuration):
            for member in configuration["members"]:
                if member["host"] == self.set.host(one):
                    member.update(priority=0, hidden=True, secondaryDelaySecs=3600, tags={"dc": "east"})

        def leave(configuration):
            configuration["members"] = [it for it in configuration["members"] if it["host"] != self.set.host(other)]

        def come_back(configuration):
            odd = {"_id": 7, "host": self.set.host(other), "priority": 0, "votes": 0, "buildIndexes": False}
            configuration["members"].append(odd)

        for step in (leave, come_back, change):
            self.set.reconfigure(step)
        return {("mongodb_replica_set.it", "members"): "options of members"}

    def changed_users(self):
        self.set.command({"updateUser": "ada", "pwd": "another-password"})
        self.set.command({"updateUser": "ben", "authenticationRestrictions": [{"clientSource": ["10.0.0.0/8"]}]})
        self.set.command({"updateUser": "cat", "mechanisms": ["SCRAM-SHA-1"], "roles": [{"role": "readWrite", "db": "test"}, "root"]})
        address = "mongodb_user.it[{}]".format
        return {
            (address('"ada"'), "password"): "a password",
            (address('"ben"'), "authentication_restrictions"): "restrictions",
            (address('"cat"'), "mechanisms"): "mechanisms",
            (address('"cat"'), "roles"): "roles",
        }

    def changed_files(self):
        for name, path in zip(NAMES, ("etc/mongodb/mongodb.pem", "etc/mongod.conf", "mongo/data")):
            (self.set.root(name) / path).chmod(0o755)
        (self.set.root("a") / "etc/mongodb/ca.pem").chmod(0o666)
        (self.set.root("b") / ROTATION).write_text("nothing\n")
        (self.set.root("c") / ROTATION).unlink()
        address = "mongodb_host.member[{}]".format
        permissions = {(address(f'"{name}"'), "file_permissions"): f"permissions on {name}" for name in NAMES}
        rotations = {(address(f'"{name}"'), "log_rotation"): f"the rotation on {name}" for name in "bc"}
        return {**permissions, **rotations}

    def test_the_oplog_has_the_size_that_is_said(self):
        before = self.set.processes()
        self.set.apply(config="oplog_size_mb = 1990")
        for name in NAMES:
            self.assertEqual(self.set.oplog_mb(name), 1990)
        self.set.command({"replSetResizeOplog": 1, "size": 2990.0}, name="b")
        self.assertEqual(self.set.planned().keys(), {'mongodb_host.member["b"]'})
        plan = self.set.ha("plan").stdout
        self.assertIn("from 2990 MB to 1990 MB, without a restart", plan)
        self.set.apply()
        self.assertEqual(self.set.oplog_mb("b"), 1990)
        self.assertEqual(self.set.processes(), before)
        self.set.apply(config="")
        self.assertEqual((self.set.oplog_mb("a"), self.set.processes()), (1990, before))

    def test_an_idle_set_is_never_behind(self):
        # The primary of an idle set writes every ten seconds; every moment between two such writes is looked at.
        import time

        until = time.monotonic() + 12
        while time.monotonic() < until:
            self.set.ha("plan", "--detailed-exitcode")
            self.assertNotIn("behind", self.set.ha("plan").stdout)


if __name__ == "__main__":
    unittest.main()

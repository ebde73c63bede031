"""The replica set, by a client that has its authority's certificate and nothing else."""

import json
import unittest

from harness import MAIN_URI, inspect_mongodb, shared_system

DATABASES = ["circle_ghe", "build_state_dev_ghe", "containers_dev_ghe"]


class ReplicaSet(unittest.TestCase):
    def setUp(self):
        self.system = shared_system()
        self.ca_file = self.system.mongodb_ca_file

    def test_members_are_in_their_states_under_their_explicit_names(self):
        found = self.system.members()
        self.assertEqual(sorted(member["state"] for member in found), ["PRIMARY", "SECONDARY", "SECONDARY"])
        self.assertEqual([member["me"] for member in found], self.system.hosts)
        for member in found:
            self.assertEqual(member["hosts"], self.system.hosts)

    def test_strangers_are_answered_only_where_it_does_no_harm(self):
        for host, outcomes in inspect_mongodb.anonymous(self.ca_file, self.system.hosts).items():
            answered = {name for name, outcome in outcomes.items() if outcome != 13}
            self.assertEqual(answered, set(inspect_mongodb.OPEN_TO_ALL), f"{host}: {outcomes}")

    def test_clients_without_tls_are_refused(self):
        self.assertEqual(inspect_mongodb.plaintext(self.system.hosts), dict.fromkeys(self.system.hosts, "refused"))

    def test_the_users_are_the_guides(self):
        users = inspect_mongodb.users(self.ca_file, self.system.output("mongodb_admin_uri"))
        self.assertEqual(
            {(user["database"], user["user"]): user["roles"] for user in users},
            {
                ("admin", "circle"): sorted(f"readWrite@{name}" for name in DATABASES),
                ("admin", "circle-admin"): ["dbAdmin@admin", "root@admin"],
                ("admin", "siteUserAdmin"): ["userAdminAnyDatabase@admin"],
            },
        )

    def test_the_application_writes_to_its_databases_and_no_others(self):
        allowed = inspect_mongodb.writes(self.ca_file, self.system.sourced(MAIN_URI), [*DATABASES, "admin", "config", "test"])
        self.assertEqual(allowed, {**dict.fromkeys(DATABASES, True), "admin": 13, "config": 13, "test": 13})

    def test_every_uri_names_every_host(self):
        uri = self.system.sourced(MAIN_URI)
        self.assertEqual(uri, self.system.output("mongodb_uri"))
        for name in (
            MAIN_URI,
            "CIRCLE_SECRETS_MONGODB_ACTION_LOGS_URI",
            "CIRCLE_SECRETS_MONGODB_BUILD_STATE_URI",
            "CIRCLE_SECRETS_MONGODB_CONTAINERS_URI",
        ):
            uri = self.system.sourced(name)
            self.assertIn(f"@{','.join(self.system.hosts)}/", uri)
            for part in ("replicaSet=circle", "ssl=true", "authSource=admin"):
                self.assertIn(part, uri)
        self.assertIn("/circle_ghe?", self.system.sourced("CIRCLE_SECRETS_MONGODB_ACTION_LOGS_URI"))

    def test_what_is_forgotten_is_imported_again_by_its_name(self):
        users = {f'mongodb_user.this["{name}"]': f"admin.{name}" for name in ("circle", "circle-admin", "siteUserAdmin")}
        ids = {"mongodb_replica_set.circle": "circle", **users}
        mongods = [self.system.mongod(host) for host in self.system.hosts]
        self.system.ha("state", "rm", *ids)
        for address, name in ids.items():
            self.system.ha("import", address, name)
        planned = json.loads(self.system.ha("plan", "--document", "-").stdout)["resource_changes"]
        changed = {it["address"]: it["change"]["actions"] for it in planned if it["change"]["actions"] != ["no-op"]}
        # No one says which passwords they have, so these are set.
        self.assertEqual(changed, dict.fromkeys(users, ["update"]))
        self.system.apply()
        self.assertEqual([self.system.mongod(host) for host in self.system.hosts], mongods)
        self.test_the_users_are_the_guides()
        self.test_the_application_writes_to_its_databases_and_no_others()

        self.system.ha("state", "rm", 'mongodb_user.this["circle"]')
        refused = self.system.ha("import", 'mongodb_user.this["circle"]', "admin.no one", expect=1)
        self.assertIn("admin.no one", refused.stderr)
        self.system.ha("import", 'mongodb_user.this["circle"]', "admin.circle")
        self.system.apply()


if __name__ == "__main__":
    unittest.main()

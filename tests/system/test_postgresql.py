"""The database behind the RDS instance, by a client with the application's URI."""

import unittest

from harness import POSTGRES_URI, inspect_postgresql, shared_system


class Database(unittest.TestCase):
    def setUp(self):
        self.system = shared_system()
        self.uri = self.system.sourced(POSTGRES_URI)

    def test_the_application_logs_in_and_knows_whom_to(self):
        self.assertEqual(self.uri, self.system.output("postgresql_uri"))
        self.assertIn("sslmode=require", self.uri)
        for ca_file in (None, self.system.output("postgresql_ca_file")):
            found = inspect_postgresql.login(self.uri, ca_file)
            self.assertEqual((found["user"], found["database"], found["encrypted"]), ("circle", "circle", True))

    def test_without_tls_nobody_gets_in(self):
        found = inspect_postgresql.login(self.uri.replace("sslmode=require", "sslmode=disable"))
        self.assertIn("no encryption", found["refused"])

    def test_the_application_owns_its_database(self):
        found = inspect_postgresql.database(self.uri)
        self.assertEqual((found["owner"], found["may_create_tables"]), ("circle", True))
        self.assertLessEqual({"pgcrypto", "uuid-ossp"}, set(found["extensions"]))

    def test_the_role_is_no_more_than_it_must_be(self):
        [role] = [role for role in inspect_postgresql.roles(self.uri) if role["name"] == "circle"]
        self.assertTrue(role["login"])
        self.assertFalse(role["superuser"] or role["create_role"] or role["create_database"])


if __name__ == "__main__":
    unittest.main()

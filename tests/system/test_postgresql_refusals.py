"""What a plan says of what the server would refuse, what it does to a role that owns something, and what a stranger does."""

import unittest

from test_postgresql_arguments import Directory, block, homes


class Refusals(unittest.TestCase):
    def setUp(self):
        self.directory = Directory(homes()[0])
        self.addCleanup(self.directory.remove)
        self.server = self.directory.server

    def write(self, *blocks):
        self.directory.write("".join(blocks), user="master")

    def refused(self, command, *expected):
        told = self.directory.both(*command, expect=1)
        for text in expected:
            self.assertIn(text, told)

    def test_a_plan_tells_what_the_server_would_refuse_and_where(self):
        self.write(
            block("postgresql_database", "a", "a", 'owner = "no one"'),
            block("postgresql_role", "b", "b", "settings = { no_such = 1 }"),
            block("postgresql_extension", "c", "no_such", "database = postgresql_database.a.name"),
        )
        for command in (["plan"], ["apply", "--yes"]):
            self.refused(
                command,
                "there is no role `no one`",
                "the server has no setting `no_such`",
                "the server does not have the extension `no_such`",
            )
        self.assertEqual(self.server.value("SELECT count(*) FROM pg_database WHERE datname = 'a'"), 0)

    def test_a_database_is_not_lost_to_an_encoding_that_the_server_refuses(self):
        self.write(block("postgresql_database", "a", "a"))
        self.directory.apply()
        self.server.execute("CREATE TABLE kept AS SELECT 7 AS seven", database="a")
        self.write(block("postgresql_database", "a", "a", 'encoding = "NO_SUCH"'))
        self.refused(["plan"], "no database has the encoding `NO_SUCH`")
        # What is known only once the deletion is under way is asked then.
        later = 'resource "ha_data" "e" { input = "x" }\n'
        self.write(later, block("postgresql_database", "a", "a", 'lc_ctype = ha_data.e.id == "" ? "C" : "xx_YY"'))
        self.refused(["apply", "--yes"], "nothing was deleted")
        self.assertEqual(self.server.value("SELECT seven FROM kept", database="a"), 7)
        self.write(block("postgresql_database", "a", "a", 'encoding = "LATIN1"\n  lc_collate = "C"\n  lc_ctype = "C"'))
        self.assertIn("REPLACE, LOSES DATA", self.directory.ha("plan"))
        self.directory.apply()
        found = "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'a'"
        self.assertEqual(self.server.value(found), "LATIN1")

    def test_names_that_are_given_up_are_taken_after_that(self):
        names = lambda *names: self.write(*[block("postgresql_role", f"r{at}", name) for at, name in enumerate(names)])
        names("n1", "n2", "n3")
        self.directory.apply()
        numbers = "SELECT json_object_agg(rolname, oid::bigint) FROM pg_roles WHERE rolname ~ '^n[0-9]$'"
        before = self.server.value(numbers)
        names("n2", "n3", "n4")
        self.directory.apply()
        self.assertEqual(self.server.value(numbers), {"n2": before["n1"], "n3": before["n2"], "n4": before["n3"]})
        # Each waits for the other.
        names("n3", "n2", "n4")
        self.refused(["plan"], "takes the name that", "make the change in two steps")

    def test_a_locale_by_its_other_name_is_no_change(self):
        self.write(block("postgresql_database", "a", "a", 'encoding = "UTF8"\n  lc_collate = "POSIX"\n  lc_ctype = "POSIX"'))
        self.directory.apply()
        self.assertIn("No changes", self.directory.ha("plan"))
        self.write(block("postgresql_database", "a", "a", 'lc_collate = ""'))
        self.refused(["plan"], "`lc_collate` is empty")

    def test_a_role_goes_together_with_what_made_it_an_owner(self):
        role = block("postgresql_role", "r", "r")
        self.write(role, block("postgresql_database", "a", "a", "owner = postgresql_role.r.name"))
        self.directory.apply()
        self.write(block("postgresql_database", "a", "a"))
        self.directory.apply()
        self.assertEqual(self.server.value("SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = 'a'"), "master")

    def test_a_database_that_a_stranger_made_again_differs_in_all_that_is_other(self):
        self.write(block("postgresql_database", "a", "a"))
        self.directory.apply()
        self.server.execute("DROP DATABASE a")
        self.server.execute("CREATE DATABASE a OWNER master TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        told = self.directory.ha("plan", "--refresh-only")
        for argument in ("encoding", "identity"):
            self.assertIn(argument, told)
        self.assertIn('"UTF8" -> "LATIN1"', told)
        self.assertIn("the recorded database was dropped, and this is another one with its name", told)

    def test_what_a_plan_does_not_set_back_is_not_among_what_it_does(self):
        self.write(block("postgresql_role", "r", "r"), block("postgresql_database", "a", "a"))
        self.directory.apply()
        self.server.execute("ALTER ROLE r IN DATABASE a SET work_mem = '4MB'")
        self.server.execute("ALTER ROLE r CONNECTION LIMIT 3")
        told = self.directory.ha("plan")
        remark = "its sessions in the database `a` have settings of their own"
        head, changed = told.split("Changed outside ha")
        self.assertIn(remark, head)
        self.assertIn("sets it back", changed)
        self.assertNotIn(remark, changed)


if __name__ == "__main__":
    unittest.main()

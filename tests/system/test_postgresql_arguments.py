"""Every argument of every kind of PostgreSQL, on every version of the server that is here: set, applied, taken out, applied,
and read back by another client each time; and what a person changes on the server is seen, set back, and then gone.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

from harness import binary
from postgresql_versions import PASSWORD, Version, homes

PROVIDER = """
provider "postgresql" {{
  host     = "127.0.0.1"
  port     = {port}
  username = "{user}"
  password = "{password}"
  sslmode  = "disable"
}}
"""

ROLE = "SELECT {} FROM pg_roles WHERE rolname = '{{name}}'"
DATABASE = "SELECT {} FROM pg_database WHERE datname = '{{name}}'"
SETTINGS = "(SELECT array_to_string(setconfig, ';') FROM pg_db_role_setting s WHERE s.{} = {}.oid AND s.{} = 0)"
MEMBER = "SELECT string_agg(roleid::regrole::text || admin_option::text, ';') FROM pg_auth_members WHERE member = '{name}'::regrole"

# What is set, what reads it back, what is there then, and what is there once it is taken out.
ROLE_ARGUMENTS = {
    "login": ("true", ROLE.format("rolcanlogin"), True, False),
    "password": ('"first-password"', "SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = '{name}'", True, False),
    "valid_until": ('"2030-01-01T00:00:00Z"', ROLE.format("extract(epoch FROM rolvaliduntil)::float8"), 1893456000.0, float("inf")),
    "superuser": ("true", ROLE.format("rolsuper"), True, False),
    "create_database": ("true", ROLE.format("rolcreatedb"), True, False),
    "create_role": ("true", ROLE.format("rolcreaterole"), True, False),
    "replication": ("true", ROLE.format("rolreplication"), True, False),
    "bypass_row_level_security": ("true", ROLE.format("rolbypassrls"), True, False),
    "inherit": ("false", ROLE.format("rolinherit"), False, True),
    "connection_limit": ("3", ROLE.format("rolconnlimit"), 3, -1),
    "settings": (
        '{ statement_timeout = "5s", search_path = "app, \\"$user\\"" }',
        f"SELECT {SETTINGS.format('setrole', 'r', 'setdatabase')} FROM pg_roles r WHERE rolname = '{{name}}'",
        'search_path=app, "$user";statement_timeout=5s',
        None,
    ),
    "roles": ("[postgresql_role.group.name]", MEMBER, "a_groupfalse", None),
    "membership": ("[{ role = postgresql_role.group.name, admin = true }]", MEMBER, "a_grouptrue", None),
}
# What the server chooses where nothing is said stays as it is; the owner is the provider's user again.
DATABASE_ARGUMENTS = {
    "owner": ("postgresql_role.group.name", DATABASE.format("pg_get_userbyid(datdba)"), "a_group", "chief"),
    "connection_limit": ("3", DATABASE.format("datconnlimit"), 3, -1),
    "allow_connections": ("false", DATABASE.format("datallowconn"), False, True),
    "is_template": ("true", DATABASE.format("datistemplate"), True, False),
    "tablespace_name": (
        '"elsewhere"',
        "SELECT spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = '{name}'",
        "elsewhere",
        "elsewhere",
    ),
    "settings": (
        '{ work_mem = "8MB" }',
        f"SELECT {SETTINGS.format('setdatabase', 'd', 'setrole')} FROM pg_database d WHERE datname = '{{name}}'",
        "work_mem=8MB",
        None,
    ),
    "encoding": ('"SQL_ASCII"', DATABASE.format("pg_encoding_to_char(encoding)"), "SQL_ASCII", "SQL_ASCII"),
    "lc_collate": ('"C"', DATABASE.format("datcollate"), "C", "C"),
    "lc_ctype": ('"C"', DATABASE.format("datctype"), "C", "C"),
}
# `template` makes a database again; the names are what things are known by.
ELSEWHERE = {
    "postgresql_role": {"name"},
    "postgresql_database": {"name", "template"},
    "postgresql_extension": {"name", "database", "schema", "version", "create_cascade", "drop_cascade"},
}

# What a person does to a role or database that is configured plainly, and what it is afterwards.
ROLE_DRIFT = {
    "login": ("ALTER ROLE {name} NOLOGIN", ROLE.format("rolcanlogin"), True),
    "password": ("ALTER ROLE {name} PASSWORD 'another-one'", None, None),
    "no password": ("ALTER ROLE {name} PASSWORD NULL", None, None),
    "valid_until": ("ALTER ROLE {name} VALID UNTIL '2001-01-01'", ROLE.format("rolvaliduntil = 'infinity'"), True),
    "superuser": ("ALTER ROLE {name} SUPERUSER", ROLE.format("rolsuper"), False),
    "create_database": ("ALTER ROLE {name} CREATEDB", ROLE.format("rolcreatedb"), False),
    "create_role": ("ALTER ROLE {name} CREATEROLE", ROLE.format("rolcreaterole"), False),
    "replication": ("ALTER ROLE {name} REPLICATION", ROLE.format("rolreplication"), False),
    "bypass_row_level_security": ("ALTER ROLE {name} BYPASSRLS", ROLE.format("rolbypassrls"), False),
    "inherit": ("ALTER ROLE {name} NOINHERIT", ROLE.format("rolinherit"), True),
    "connection_limit": ("ALTER ROLE {name} CONNECTION LIMIT 1", ROLE.format("rolconnlimit"), -1),
    "settings": (
        "ALTER ROLE {name} SET default_transaction_read_only = on",
        f"SELECT {SETTINGS.format('setrole', 'r', 'setdatabase')} FROM pg_roles r WHERE rolname = '{{name}}'",
        None,
    ),
    "roles": ("GRANT a_group TO {name}", MEMBER, None),
    "name": ("ALTER ROLE {name} RENAME TO {name}_by_hand", ROLE.format("true"), True),
}
DATABASE_DRIFT = {
    "owner": ("ALTER DATABASE {name} OWNER TO chief", DATABASE.format("pg_get_userbyid(datdba)"), "a_group"),
    "connection_limit": ("ALTER DATABASE {name} CONNECTION LIMIT 1", DATABASE.format("datconnlimit"), -1),
    "allow_connections": ("ALTER DATABASE {name} ALLOW_CONNECTIONS false", DATABASE.format("datallowconn"), True),
    "is_template": ("ALTER DATABASE {name} IS_TEMPLATE true", DATABASE.format("datistemplate"), False),
    "settings": (
        "ALTER DATABASE {name} SET default_transaction_read_only = on",
        f"SELECT {SETTINGS.format('setdatabase', 'd', 'setrole')} FROM pg_database d WHERE datname = '{{name}}'",
        None,
    ),
    "name": ("ALTER DATABASE {name} RENAME TO {name}_by_hand", DATABASE.format("true"), True),
}


class Arguments(unittest.TestCase):
    def test_every_argument_is_in_a_table(self):
        tables = {"postgresql_role": ROLE_ARGUMENTS, "postgresql_database": DATABASE_ARGUMENTS, "postgresql_extension": {}}
        for kind, table in tables.items():
            schema = json.loads(subprocess.run([binary(), "schema", "--json", kind], capture_output=True, check=True).stdout)
            arguments = schema["arguments"]
            names = set(arguments) if isinstance(arguments, dict) else {it["name"] for it in arguments}
            self.assertEqual(names, set(table) | ELSEWHERE[kind], kind)

    def test_what_is_set_is_there_and_what_is_taken_out_is_not(self):
        self.on_every_version(set_and_taken_out)

    def test_what_a_person_changes_is_seen_and_set_back(self):
        self.on_every_version(drift)

    def test_names_change_in_place_and_lost_data_is_told(self):
        self.on_every_version(names)

    def on_every_version(self, check):
        failures = []

        def one(home):
            try:
                directory = Directory(home)
                try:
                    check(self, directory)
                finally:
                    directory.remove()
            except BaseException as error:  # noqa: BLE001 (told below, by version)
                failures.append(f"{home}: {error!r}")

        threads = [threading.Thread(target=one, args=[home]) for home in homes()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class Directory:
    """A configuration, and a server that it is about."""

    def __init__(self, home):
        self.server = Version(home)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-arguments-"))
        (self.folder / "home").mkdir()

    def remove(self):
        self.server.remove()
        shutil.rmtree(self.folder)

    def write(self, text, user="chief"):
        head = PROVIDER.format(port=self.server.port, user=user, password=PASSWORD)
        (self.folder / "main.hcl").write_text(head + text)

    def ha(self, *words, expect=0):
        return self.run(*words, expect=expect).stdout

    def both(self, *words, expect=0):
        """What is told on both streams."""
        outcome = self.run(*words, expect=expect)
        return outcome.stdout + outcome.stderr

    def run(self, *words, expect):
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder / "home")}
        outcome = subprocess.run([binary(), *words], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if outcome.returncode != expect:
            told = f"{outcome.stdout}\n{outcome.stderr}"
            raise AssertionError(f"version {self.server.major}: {words}: status {outcome.returncode}, expected {expect}\n{told}")
        return outcome

    def apply(self):
        """Applies, and sees that nothing is left to do."""
        told = self.ha("apply", "--yes")
        self.ha("plan", "--detailed-exitcode", expect=0)
        return told

    def read(self, query, name):
        return self.server.value(query.format(name=name))


GROUP = 'resource "postgresql_role" "group" { name = "a_group" }\n'


def block(kind, label, name, arguments=""):
    return f'resource "{kind}" "{label}" {{\n  name = "{name}"\n  {arguments}\n}}\n'


def set_and_taken_out(test, directory):
    space = directory.server.folder / "space"
    space.mkdir()
    if os.geteuid() == 0:
        shutil.chown(space, "postgres")
    directory.server.execute(f"CREATE TABLESPACE elsewhere LOCATION '{space}'")
    tables = {"postgresql_role": ("r", ROLE_ARGUMENTS), "postgresql_database": ("d", DATABASE_ARGUMENTS)}

    def written(is_set):
        text = GROUP
        for kind, (prefix, table) in tables.items():
            for argument, (value, *_) in table.items():
                said = f"{argument} = {value}" if is_set else ""
                text += block(kind, argument, f"{prefix}_{argument}", said)
        return text

    for is_set in (True, False, True, False):
        directory.write(written(is_set))
        directory.apply()
        for prefix, table in tables.values():
            for argument, (_, query, there, gone) in table.items():
                expected = there if is_set else gone
                seen = directory.read(query, f"{prefix}_{argument}")
                test.assertEqual(seen, expected, f"{prefix}_{argument}, version {directory.server.major}, set: {is_set}")
    directory.ha("destroy", "--yes")
    test.assertEqual(directory.server.value("SELECT count(*) FROM pg_roles WHERE rolname ~ '^(r_|a_group)'"), 0)


def drift(test, directory):
    login = 'login = true\n  password = "first-password"'
    text = GROUP
    for label in ROLE_DRIFT:
        text += block("postgresql_role", label.replace(" ", "_"), f"r_{label.replace(' ', '_')}", login)
    for label in DATABASE_DRIFT:
        text += block("postgresql_database", label, f"d_{label}", "owner = postgresql_role.group.name")
    directory.write(text)
    directory.apply()
    for prefix, table in (("r", ROLE_DRIFT), ("d", DATABASE_DRIFT)):
        for label, (change, *_) in table.items():
            directory.server.execute(change.format(name=f"{prefix}_{label.replace(' ', '_')}"))
    directory.ha("plan", "--document", "plan.json")
    plan = json.loads((directory.folder / "plan.json").read_text())
    changed = {it["address"]: it["change"]["actions"] for it in plan["resource_changes"] if it["change"]["actions"] != ["no-op"]}
    expected = {f"postgresql_role.{label.replace(' ', '_')}" for label in ROLE_DRIFT}
    expected |= {f"postgresql_database.{label}" for label in DATABASE_DRIFT}
    test.assertEqual(set(changed), expected, f"version {directory.server.major}")
    test.assertEqual({tuple(actions) for actions in changed.values()}, {("update",)})
    directory.apply()
    for prefix, table in (("r", ROLE_DRIFT), ("d", DATABASE_DRIFT)):
        for label, (_, query, value) in table.items():
            name = f"{prefix}_{label.replace(' ', '_')}"
            if query:
                test.assertEqual(directory.read(query, name), value, f"{name}, version {directory.server.major}")
    for label in ROLE_DRIFT:
        name = f"r_{label.replace(' ', '_')}"
        test.assertTrue(directory.server.logs_in(name, "first-password"), f"{name}, version {directory.server.major}")


def names(test, directory):
    extension = block("postgresql_extension", "it", "hstore", "database = postgresql_database.app.name")
    has_extension = directory.server.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'")

    def written(name, template=""):
        return (
            block("postgresql_role", "owner", f"{name}_owner", 'login = true\n  password = "first-password"')
            + block("postgresql_database", "app", name, f"owner = postgresql_role.owner.name\n  {template}")
            + (extension if has_extension else "")
        )

    directory.write(written("before"), user="master")
    directory.apply()
    directory.server.execute("CREATE TABLE kept AS SELECT 7 AS seven", database="before")
    if has_extension:
        # What needs the extension keeps it from being made again.
        directory.server.execute("ALTER TABLE kept ADD COLUMN pairs hstore DEFAULT 'a=>1'", database="before")
    directory.write(written("later"), user="master")
    told = directory.ha("plan")
    test.assertIn("0 to create", told)
    test.assertIn("0 to replace, 0 to destroy", told)
    test.assertNotIn("LOSES DATA", told)
    directory.apply()
    test.assertEqual(directory.server.value("SELECT seven FROM kept", database="later"), 7)
    test.assertTrue(directory.server.logs_in("later_owner", "first-password"))
    test.assertEqual(directory.ha("state", "list", "--id", "later").split(), ["postgresql_database.app"])
    directory.write(written("later", 'template = "template1"'), user="master")
    test.assertIn("REPLACE, LOSES DATA", directory.ha("plan"))
    directory.write(block("postgresql_role", "owner", "later_owner", 'login = true\n  password = "first-password"'), user="master")
    test.assertIn("DESTROY, LOSES DATA", directory.ha("plan"))
    directory.apply()


if __name__ == "__main__":
    unittest.main()

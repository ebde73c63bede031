"""A secret of its own in every argument that takes one, looked for everywhere: in files, in what commands print, also those
that fail, in command lines and environments."""

import contextlib
import json
import pathlib
import secrets
import shutil
import sys
import unittest

from canary_hunt import CANARIES, SECRETS, Hunt, all_spellings
from harness import REPOSITORY, mongod, own_port

sys.path.insert(0, str(REPOSITORY / "tests" / "faults"))

from fault_proxy import FaultProxy  # noqa: E402
from run import Emulator  # noqa: E402

# Awkward in a URI, in JSON, in a shell, in markup, in SQL; RDS takes less than others.
AWKWARD = {
    "aws.secret_key": "secret/key+%41={}",
    "aws.token": "token/+%41&={}",
    "aws_db_instance.password": "rds+%41'&<\\!{}",
    "encryption.passphrase": "state's \"passphrase\" %41 {}",
    "local_file.sensitive_content": "file \"quoted\" 'and' /slashed\\ %41&<ü> {}",
    "named": "named-{}",
    "mongodb_user.password": "mongo/@:%41'\" {}",
    "postgresql_role.password": "role'\"\\%41; {}",
}


class Canaries(Hunt):
    in_clear = Hunt.in_clear | {"written.conf", "mongodb/etc/mongodb/mongodb.pem"}
    expected = {"ha.state", "plan.ha", "plan.json", "apply.json"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shutil.copy(CANARIES / "main.hcl", cls.configuration)
        cls.emulator = Emulator()
        cls.proxy = cls.enterClassContext(FaultProxy(cls.enterClassContext(cls.emulator)))
        cls.given = {name: text.format(secrets.token_hex(12)) for name, text in AWKWARD.items()}
        cls.given["postgresql.password"] = cls.given["aws_db_instance.password"]
        cls.passing = f"passing {secrets.token_hex(12)}"
        cls.known = {**cls.given, "passing": cls.passing}
        cls.ports = {
            "mongodb_port": own_port("127.0.0.14"),
            "postgresql_port": own_port(),
        }

    @classmethod
    def write_values(cls, **passing):
        places = {
            "aws": cls.proxy.endpoint,
            "folder": str(cls.configuration),
            "mongod": str(mongod()),
            "postgresql_ca_file": str(pathlib.Path(cls.emulator.folder) / "postgresql-ca.pem"),
            **cls.ports,
        }
        values = {"given": cls.given, "passing": cls.passing, "places": places, **passing}
        (cls.configuration / "canaries.auto.hclvars.json").write_text(json.dumps(values))

    def learn_what_was_made(self):
        """Private keys and passwords that no one chose, from who alone may tell them."""
        expression = "nonsensitive({ drawn = random_password.drawn.result, ca = tls_ca.this.private_key_pem, one = tls_cert.this.private_key_pem })"
        made = json.loads(self.ha("console", "--json", "--show-sensitive", "--expr", expression, in_clear=True))["value"]
        self.known["random_password.result"] = made["drawn"]
        for name in ("ca", "one"):
            for number, line in enumerate(made[name].splitlines()[1:-1]):
                self.known[f"line {number} of the key of {name}"] = line

    def test_no_secret_is_anywhere_it_need_not_be(self):
        self.every_secret_has_a_canary()
        self.addCleanup(self.destroyed)
        self.write_values()
        self.ha("validate")
        self.ha("plan")
        self.ha("plan", "--json")
        self.ha("apply", "--yes", "--json-into=apply.json")
        self.learn_what_was_made()
        self.ha("plan", "--detailed-exitcode")
        for words in (["show"], ["show", "--json"], ["output"], ["output", "--json"], ["output", "uri"], ["state", "list"], ["state", "pull"]):
            self.ha(*words)
        self.assertIn("--show-sensitive", self.ha("output", "--json", "named", expect=1))
        for address in self.ha("state", "list").split():
            self.ha("state", "show", address)
            self.ha("state", "show", "--json", address)
        for expression in ("var.given", "var.passing", "random_password.drawn", "[for it in var.given : base64encode(it)]", "data.mongodb_uri.this", "{ (var.given.named) = 1 }"):
            for asked in (expression, f"type({expression})"):
                self.ha("console", "--expr", asked)
                self.ha("console", "--json", "--expr", asked)
        for format in ("text", "dot", "mermaid", "svg", "json"):
            self.ha("graph", "--all", "--format", format)
        self.changes()
        self.failures()
        self.nothing_is_told()
        self.ha("destroy", "--yes", "--json")
        self.every_call_is_logged()
        self.nothing_is_told()

    def every_call_is_logged(self):
        log = (self.folder / "transcripts" / "ha.log").read_text()
        calls = [line for line in log.splitlines() if " ha::call: " in line]
        for said in ('operation="CreateDBInstance"', 'operation="createUser"', "CREATE ROLE", "status=200", "request_id="):
            self.assertTrue(any(said in line for line in calls), said)
        ended = [line for line in calls if ": response " in line]
        self.assertTrue(ended and all("duration_ms=" in line for line in ended))
        self.assertTrue(any("step{address=aws_db_instance." in line for line in calls))

    def every_secret_has_a_canary(self):
        text = (CANARIES / "main.hcl").read_text()
        kinds = [it.split(".") for it in SECRETS if not it.startswith(("backend.", "encryption."))]
        for kind, *_, argument in kinds:
            made = f'resource "{kind}"' in text and (argument in text or argument == "result")
            self.assertTrue(made or f'provider "{kind}"' in text and argument in text, f"`{kind}.{argument}` is not in the configuration")

    def changes(self):
        self.known["new file"] = self.given["local_file.sensitive_content"] = f"changed \"file\" {secrets.token_hex(12)}"
        self.write_values()
        self.ha("plan", "--out=plan.ha", "--document=plan.json")
        for words in (["show", "plan.ha", "--detail=full"], ["show", "--json", "plan.ha"], ["graph", "plan.ha", "--changed", "--format=json"]):
            self.ha(*words)
        self.ha("apply", "plan.ha", "--json")
        self.ha("state", "mv", "ha_data.this", "ha_data.that")
        self.ha("state", "mv", "ha_data.that", "ha_data.this")

    def failures(self):
        # The service refuses, and says in every way what it does not like.
        new = self.known["new master"] = f"new+%41'&<!{secrets.token_hex(12)}"
        before = dict(self.given)
        self.given["aws_db_instance.password"] = new
        self.write_values()
        rule = {"service": "rds", "action": "ModifyDBInstance", "fault": "refuse", "code": "InvalidParameterValue", "message": f"bad: {all_spellings(new)}"}
        for words in ([], ["--json"]):
            self.proxy.set_script({"rules": [dict(rule)]})
            told = self.ha("apply", "--yes", *words, expect=1)
            self.assertIn("InvalidParameterValue", told)
            self.assertIn("bad: (sensitive)", told)
        self.proxy.set_script(None)
        # The server refuses the provider.
        self.given.update(before)
        self.known["wrong"] = self.given["postgresql.password"] = f"wrong {secrets.token_hex(12)}"
        self.known["new role"] = self.given["postgresql_role.password"] = f"role {secrets.token_hex(12)}"
        self.write_values()
        self.assertIn("password authentication failed", self.ha("plan"))
        for words in ([], ["--json"]):
            self.assertIn("password authentication failed", self.ha("apply", "--yes", *words, expect=1))
        self.given.update(before)
        # A value will not do.
        self.known["short"] = short = secrets.token_hex(6)
        self.write_values(passing=short)
        self.assertIn("will not do", self.ha("plan", expect=1))
        self.write_values()
        # The configuration is wrong, and quoted.
        literal = self.known["literal"] = f"literal-{secrets.token_hex(12)}"
        for text in (
            f'resource "postgresql_role" "broken" {{\n  pasword = "{literal}"\n}}\n',
            f'resource "postgresql_role" "broken" {{\n  name = "x"\n  password = "{literal}\n}}\n',
            f'variable "broken" {{\n  sensitive = true\n  default = {{ it = "{literal}", it = }}\n}}\n',
            f'provider "aws" {{\n  alias = "broken"\n  token = unknown("{literal}")\n}}\n',
            f'resource "mongodb_user" "broken" {{\n  password = tonumber("{literal}")\n}}\n',
        ):
            (self.configuration / "broken.hcl").write_text(text)
            for words in (["validate"], ["validate", "--json"], ["plan"], ["plan", "--json"]):
                self.assertIn("broken.hcl", self.ha(*words, expect=1))
        (self.configuration / "broken.hcl").unlink()

    def destroyed(self):
        with contextlib.suppress(AssertionError):
            self.ha("destroy", "--yes")


if __name__ == "__main__":
    unittest.main()

"""A secret of its own in every argument that takes one, looked for everywhere: in files, in what commands print, also those
that fail, in command lines and environments."""

import base64
import contextlib
import json
import os
import pathlib
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

from harness import REPOSITORY, Watcher, binary, forms, processes

sys.path.insert(0, str(REPOSITORY / "tests" / "faults"))

from fault_proxy import FaultProxy  # noqa: E402
from run import Emulator  # noqa: E402

CANARIES = pathlib.Path(__file__).with_name("canaries")
# What has to be in clear, because a server or the configuration's author reads it there.
IN_CLEAR = {"canaries.auto.hclvars.json", "broken.hcl", "written.conf", "mongodb/etc/mongodb/mongodb.pem"}
# Awkward in a URI, in JSON, in a shell, in markup, in SQL; RDS takes less than others.
AWKWARD = {
    "aws.secret_key": "secret/key+%41={}",
    "aws.token": "token/+%41&={}",
    "aws_db_instance.password": "rds+%41'&<\\!{}",
    "encryption.passphrase": "state's \"passphrase\" %41 {}",
    "local_file.sensitive_content": "file \"quoted\" 'and' /slashed\\ %41&<ü> {}",
    "mongodb_user.password": "mongo/@:%41'\" {}",
    "postgresql_role.password": "role'\"\\%41; {}",
}


class Canaries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-canaries-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name in ("configuration", "home", "transcripts"):
            (cls.folder / name).mkdir()
        cls.configuration = cls.folder / "configuration"
        shutil.copy(CANARIES / "main.hcl", cls.configuration)
        cls.emulator = Emulator()
        cls.proxy = cls.enterClassContext(FaultProxy(cls.enterClassContext(cls.emulator)))
        cls.watcher = Watcher()
        cls.given = {name: text.format(secrets.token_hex(12)) for name, text in AWKWARD.items()}
        cls.given["postgresql.password"] = cls.given["aws_db_instance.password"]
        cls.passing = f"passing {secrets.token_hex(12)}"
        cls.known = {**cls.given, "passing": cls.passing}
        cls.ports = {
            "mongodb_port": processes.free_port("127.0.0.14", 29000 + os.getpid() % 500),
            "postgresql_port": processes.free_port("127.0.0.1", 29500 + os.getpid() % 500),
        }
        cls.commands = 0

    @classmethod
    def write_values(cls, **passing):
        cache = pathlib.Path(os.environ.get("HA_CACHE") or pathlib.Path.home() / ".cache" / "ha")
        places = {
            "aws": cls.proxy.endpoint,
            "folder": str(cls.configuration),
            "mongod": str(cache / "mongodb-6.0.5" / "mongod"),
            "postgresql_ca_file": str(pathlib.Path(cls.emulator.folder) / "postgresql-ca.pem"),
            **cls.ports,
        }
        values = {"given": cls.given, "passing": cls.passing, "places": places, **passing}
        (cls.configuration / "canaries.auto.hclvars.json").write_text(json.dumps(values))

    def ha(self, *words, expect=0, in_clear=False):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "LANG": "C.UTF-8"}
        with self.watcher.watching():
            done = subprocess.run(
                [binary(), *words], cwd=self.configuration, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
            )  # fmt: skip
        self.assertEqual(done.returncode, expect, f"{words}\n{done.stdout}\n{done.stderr}")
        if not in_clear:
            type(self).commands += 1
            name = "-".join(word for word in words if word[:1].isalpha()).replace("/", "-")[:40]
            (self.folder / "transcripts" / f"{self.commands:03}-{name}.txt").write_text(done.stdout + done.stderr)
        return done.stdout + done.stderr

    def learn_what_was_made(self):
        """Private keys and passwords that nobody chose, from who alone may tell them."""
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
        for address in self.ha("state", "list").split():
            self.ha("state", "show", address)
            self.ha("state", "show", "--json", address)
        for expression in ("var.given", "var.passing", "random_password.drawn", "[for it in var.given : base64encode(it)]", "data.mongodb_uri.this"):
            self.ha("console", "--expr", expression)
        for format in ("text", "dot", "mermaid", "svg", "json"):
            self.ha("graph", "--all", "--format", format)
        self.changes()
        self.failures()
        self.nothing_is_told()
        self.ha("destroy", "--yes", "--json")
        self.nothing_is_told()

    def every_secret_has_a_canary(self):
        text = (CANARIES / "main.hcl").read_text()
        for name in (CANARIES / "secrets.txt").read_text().split():
            kind, *_, argument = name.split(".")
            made = f'resource "{kind}"' in text and (argument in text or argument == "result")
            self.assertTrue(made or f'provider "{kind}"' in text and argument in text, f"`{name}` is not in the configuration")

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
        encoded = [base64.b64encode(f"{before}{new} and more".encode()).decode() for before in ("", "a", "ab")]
        quoted = [urllib.parse.quote(new), urllib.parse.quote_plus(new), json.dumps(new), shlex.quote(new), repr(new)]
        said = " ".join([new, *quoted, new.encode().hex(), *encoded])
        rule = {"service": "rds", "action": "ModifyDBInstance", "fault": "refuse", "code": "InvalidParameterValue", "message": f"bad: {said}"}
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

    def nothing_is_told(self):
        kept = sorted(path for path in self.folder.rglob("*") if path.is_file())
        names = {path.name for path in kept}
        for expected in ("ha.state", "plan.ha", "plan.json", "apply.json"):
            self.assertIn(expected, names)
        written = {canary: forms(secret) | {secret.encode().hex().encode()} for canary, secret in self.known.items()}
        found = []
        for path in kept:
            name = str(path.relative_to(self.configuration)) if self.configuration in path.parents else path.name
            if name not in IN_CLEAR and "mongo/data" not in name:
                found += self.holders(path.read_bytes(), written, name)
        for what, content in self.watcher.seen:
            found += self.holders(content, written, f"the {what} of {content[:60]!r}")
        self.assertEqual(found, [])

    @staticmethod
    def holders(content, written, where):
        return [f"{where} holds {canary} as {it}" for canary, all in written.items() for it in all if it in content]

    def destroyed(self):
        with contextlib.suppress(AssertionError):
            self.ha("destroy", "--yes")


if __name__ == "__main__":
    unittest.main()

"""A secret of its own in every setting of a store and of a key that takes one: when all goes well, when the store refuses
and repeats what it was given, when the settings are wrong and shown."""

import json
import secrets
import shutil
import socket
import sys
import threading
import unittest
import urllib.parse

import boto3
import psycopg
from canary_hunt import CANARIES, SECRETS, Hunt, all_spellings
from harness import REGION, REPOSITORY, stores

sys.path.insert(0, str(REPOSITORY / "tests" / "faults"))

from fault_proxy import FaultProxy  # noqa: E402

# Awkward in a URI, in JSON, in a shell, in markup; a key's name stands in the head of each request.
AWKWARD = {
    "backend.postgres.password": "role'\"\\%41; @/:{}",
    "backend.s3.access_key": "AKIA{}",
    "backend.s3.secret_key": "secret/key+%41={}",
    "backend.s3.token": "token/+%41&={}",
    "encryption.passphrase": "state's \"passphrase\" %41 {}",
    "encryption.aws_kms.access_key": "AKIB{}",
    "encryption.aws_kms.secret_key": "kms/key+%41={}",
    "encryption.aws_kms.token": "kms/token/+%41&={}",
    "encryption.fallback.aws_kms.access_key": "AKIC{}",
    "encryption.fallback.aws_kms.secret_key": "former/key+%41={}",
    "encryption.fallback.aws_kms.token": "former/token/+%41&={}",
}
IN_CONN_STR = "conn/str@?:%41&'{}"
DECLARED = 'variable "given" {\n  type = map(string)\n  sensitive = true\n}\nvariable "places" {\n  type = map(string)\n}\n'
# Whoever needs the state.
ASKING = (
    ["plan"],
    ["plan", "--json"],
    ["apply", "--yes"],
    ["apply", "--yes", "--json"],
    ["output", "--json"],
    ["show", "--json"],
    ["console", "--expr", "random_password.drawn"],
    ["state", "list"],
    ["state", "pull"],
    ["state", "key"],
    ["state", "rekey"],
    ["state", "locks"],
    ["state", "locks", "--json"],
    ["state", "unlock", "0123456789abcdef"],
    ["state", "recover", "--dry-run"],
)
# One for each way to say so.
SOME = (["plan"], ["plan", "--json"], ["state", "locks", "--json"], ["state", "migrate"])
CHECKING = (["validate"], ["validate", "--json"], *SOME)


class Repeater:
    """A PostgreSQL server that lets no one in and says what it likes."""

    def __init__(self, words):
        fields = [b"SFATAL", b"C28P01", *(kind + words.encode() for kind in (b"M", b"D", b"H"))]
        body = b"".join(field + b"\0" for field in fields) + b"\0"
        self._answer = b"E" + (len(body) + 4).to_bytes(4, "big") + body
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            while True:
                client, _ = self._listener.accept()
                with client:
                    client.recv(4096)
                    client.sendall(self._answer)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Backends(Hunt):
    expected = {"backend", "apply.json"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        behind = cls.enterClassContext(stores.emulator())
        cls.proxy = cls.enterClassContext(FaultProxy(behind))
        client = {"endpoint_url": behind, "region_name": REGION, "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        cls.s3, kms = boto3.client("s3", **client), boto3.client("kms", **client)
        cls.s3.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION})
        cls.kms_key = kms.create_key()["KeyMetadata"]["Arn"]
        cls.usual = {name: text.format(secrets.token_hex(12)) for name, text in AWKWARD.items()}
        cls.usual["encryption.fallback.passphrase"] = cls.usual["encryption.passphrase"]
        cls.in_conn_str = IN_CONN_STR.format(secrets.token_hex(12))
        cls.port = cls.enterClassContext(stores.postgresql(cls.usual["backend.postgres.password"]))
        cls.usual["backend.postgres.conn_str"] = cls.conn_str(cls.port)

    @classmethod
    def conn_str(cls, port):
        return f"postgres://master:{urllib.parse.quote(cls.in_conn_str, safe='')}@127.0.0.1:{port}/postgres?sslmode=disable"

    def setUp(self):
        self.folder = self.folder / self._testMethodName
        for name in ("configuration", "home", "transcripts"):
            (self.folder / name).mkdir(parents=True)
        self.configuration = self.folder / "configuration"
        shutil.copy(CANARIES / "kept.hcl", self.configuration)
        self.given = dict(self.usual)
        self.known |= {**self.given, "the password in conn_str": self.in_conn_str}
        self.places = {"name": self._testMethodName, "bucket": "states", "kms_key": self.kms_key, "s3": self.proxy.endpoint, "kms": self.proxy.endpoint}
        self.addCleanup(self.proxy.set_script, None)
        self.write_values()

    def write_values(self, given=(), places=()):
        values = {"given": {**self.given, **dict(given)}, "places": {**self.places, **dict(places)}}
        (self.configuration / "canaries.auto.hclvars.json").write_text(json.dumps(values))

    def settings(self, name):
        """Where the state is kept from now on."""
        shutil.copy(CANARIES / f"{name}.hcl", self.configuration / "settings.hcl")

    def forget(self):
        """Nothing is known here any more of where the state was."""
        (self.configuration / ".ha").rename(self.configuration / f"forgotten-{self.commands}")

    def stored(self):
        """What the stores hold, each with its name."""
        for listed in self.s3.list_objects_v2(Bucket="states").get("Contents", []):
            yield listed["Key"], self.s3.get_object(Bucket="states", Key=listed["Key"])["Body"].read()
        with psycopg.connect(host="127.0.0.1", port=self.port, user="master", password=self.usual["backend.postgres.password"], dbname="postgres") as connection:
            tables = connection.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE tablename LIKE 'ha\\_%'").fetchall()
            for (table,) in tables:
                with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copied:
                    yield table, b"".join(bytes(it) for it in copied)

    def everything_goes_well(self):
        self.ha("validate")
        self.ha("apply", "--yes", "--json-into=apply.json")
        self.ha("plan", "--out=plan.ha", "--document=plan.json", "--replace=random_password.drawn")
        self.ha("show", "plan.ha", "--json")
        self.ha("apply", "plan.ha", "--json")
        for words in ASKING:
            self.ha(*words, expect=1 if "unlock" in words or "recover" in words else 0)

    def refusal(self, whose):
        """What a service answers that repeats all it was given."""
        words = " ".join(all_spellings(it) for name, it in self.given.items() if name.startswith(whose))
        return {"fault": "refuse", "code": "InvalidAccessKeyId", "message": f"bad: {words}", "status": 403, "times": -1}

    def is_refused(self, commands, told, **environment):
        for words in commands:
            self.assertIn(told, self.ha(*words, expect=1, **environment), words)

    def test_every_secret_setting_has_a_canary(self):
        text = "".join((CANARIES / f"{name}.hcl").read_text() for name in ("s3", "postgres"))
        settings = [it for it in SECRETS if it.startswith(("backend.", "encryption."))]
        self.assertEqual(sorted(settings), sorted(self.given))
        for name in settings:
            self.assertIn(f'{name.split(".")[-1]} = var.given["{name}"]', " ".join(text.split()))

    def test_a_state_that_moves_tells_nothing(self):
        self.settings("s3")
        self.everything_goes_well()
        self.settings("postgres")
        # What is remembered of the bucket has no secrets.
        self.assertIn("no credentials for AWS", self.ha("state", "migrate", expect=1))
        self.ha("plan", expect=1)
        for words in (["--dry-run"], [], ["--dry-run"]):
            self.ha("state", "migrate", f"--from={CANARIES / 's3.hcl'}", *words)
        self.everything_goes_well()
        self.settings("s3")
        self.ha("state", "migrate", f"--from={CANARIES / 'postgres.hcl'}")
        self.ha("plan", "--detailed-exitcode")
        self.nothing_is_told(self.stored())

    def test_a_bucket_that_refuses_tells_nothing(self):
        self.settings("s3")
        self.ha("apply", "--yes", "--json-into=apply.json")
        refusal = self.refusal("backend.s3.")
        self.proxy.set_script({"rules": [{"service": "s3", **refusal}]})
        self.is_refused(ASKING, "bad: (sensitive)")
        self.proxy.set_script({"rules": [{"service": "kms", **self.refusal("encryption.aws_kms.")}]})
        self.is_refused((["plan"], ["plan", "--json"], ["state", "rekey"]), "bad: (sensitive)")
        # In the middle of it, too.
        for options in ([], ["--json"]):
            self.proxy.set_script({"rules": [{"service": "s3", "action": "PutObject", "skip": 3, **refusal}]})
            self.is_refused((["apply", "--yes", "--replace=random_password.drawn", *options],), "bad: (sensitive)")
            self.proxy.set_script(None)
            self.ha("apply", "--yes", "--lock-timeout=200s")
        # These are other places, of which nothing is known.
        self.forget()
        for places, told in (({"s3": "http://127.0.0.1:9"}, "refused"), ({"bucket": "nowhere"}, "NoSuchBucket")):
            self.write_values(places=places)
            self.is_refused(SOME[:3], told)
        self.nothing_is_told(self.stored())

    def test_a_database_that_refuses_tells_nothing(self):
        self.settings("postgres")
        self.ha("apply", "--yes", "--json-into=apply.json")
        words = " ".join(map(all_spellings, (self.usual["backend.postgres.password"], self.in_conn_str)))
        with Repeater(f"bad: {words}") as repeater:
            self.write_values({"backend.postgres.conn_str": self.conn_str(repeater.port)})
            # It is another place, of which nothing is known.
            self.forget()
            self.is_refused(ASKING, "bad: (sensitive)")
        self.known["wrong"] = wrong = f"wrong {secrets.token_hex(12)}"
        self.write_values({"backend.postgres.password": wrong})
        self.is_refused(SOME[:3], "password authentication failed")
        self.write_values({"backend.postgres.conn_str": self.conn_str(9)})
        self.is_refused(SOME[:3], "refused")
        self.write_values()
        self.ha("apply", "--yes", "--json-into=apply.json")
        # The key is another.
        self.known["wrong passphrase"] = wrong = f"wrong {secrets.token_hex(12)}"
        self.write_values({"encryption.passphrase": wrong})
        self.is_refused((["state", "list"],), "the passphrase makes another")
        self.nothing_is_told(self.stored())

    def test_a_conn_str_that_is_malformed_tells_nothing(self):
        self.settings("postgres")
        self.write_values()
        self.ha("apply", "--yes", "--json-into=apply.json")
        # The first half of a password may be read as such, and the second as something else.
        one, other = (secrets.token_hex(12) for _ in range(2))
        self.known |= {"the first half": one, "the second half": other}
        for text in (
            f"postgres://master:{one}@{other}@127.0.0.1/postgres",
            f"postgres://master:{one}@{other}/x@127.0.0.1/postgres",
            f"postgres://master:{one}?{other}@x@127.0.0.1/postgres",
            f"postgres://master:{one}:{other}/127.0.0.1",
            f"host=127.0.0.1 user=master password={one} {other}=x dbname=postgres",
            f"host=127.0.0.1 user=master password={one} {other} dbname=postgres",
            f"host=127.0.0.1 user=master password='{one} {other} dbname=postgres",
            f"{one} {other}",
        ):
            self.write_values({"backend.postgres.conn_str": text})
            self.is_refused(SOME, "`conn_str`")
        self.nothing_is_told()

    def test_blocks_that_are_wrong_are_shown_without_secrets(self):
        (self.configuration / "declared.hcl").write_text(DECLARED)
        literal = self.known["literal"] = f"literal-{secrets.token_hex(12)}"
        for block in (
            f'backend "s3" {{\n  buckt = "a"\n  secret_key = "{literal}"\n}}',
            f'backend "s3" {{\n  bucket = "a"\n  key = "b"\n  secret_kye = "{literal}"\n}}',
            f'backend "s3" {{\n  bucket = "a"\n  key = "b"\n  access_key = tonumber("{literal}")\n}}',
            f'backend "s3" {{\n  bucket = "a"\n  key = "b"\n  token = ["{literal}"]\n}}',
            f'backend "s3" {{\n  bucket = "a"\n  key = "b"\n  token = "{literal}\n}}',
            f'backend "postgres" {{ conn_str = "postgres://a:{literal}@b:c/d" }}',
            f'backend "postgres" {{ conn_str = "postgres://a:{literal}@b", password = }}',
            f'backend "postgres" {{ conn_str = "postgres://a@b", pasword = "{literal}" }}',
            f'backend "postgres" {{ conn_str = {{ it = "{literal}" }} }}',
            f'backend "postgre" {{ conn_str = "{literal}" }}',
            f'encryption {{ passphrase = "{literal}", key_file = "a" }}',
            f'encryption {{ passphrase = {{ it = "{literal}" }} }}',
            f'encryption {{\n  aws_kms {{\n    secret_key = "{literal}"\n  }}\n}}',
            f'encryption {{\n  key_file = "a"\n  fallback {{\n    passphras = "{literal}"\n  }}\n}}',
        ):
            (self.configuration / "broken.hcl").write_text(f"ha {{\n{block}\n}}\n")
            self.is_refused(CHECKING, "broken.hcl")
        # What is secret is no name of a place.
        (self.configuration / "broken.hcl").write_text('ha {\n  backend "s3" {\n    bucket = "a"\n    key = var.given["backend.s3.token"]\n  }\n}\n')
        self.is_refused(SOME, "`key` is secret")
        self.assertFalse((self.configuration / ".ha").exists())
        self.expected = {"broken.hcl"}
        self.nothing_is_told()

    def test_what_the_environment_says_is_not_told(self):
        names = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HA_STATE_PASSPHRASE", "HA_STATE_FALLBACK_PASSPHRASE", "PGPASSWORD")
        given = {name: f"{name} is {secrets.token_hex(12)}" for name in names}
        self.known |= given
        words = f"bad: {' '.join(map(all_spellings, [*given.values(), self.in_conn_str]))}"
        refusal = {"fault": "refuse", "code": "InvalidAccessKeyId", "message": words, "status": 403, "times": -1}
        given |= {"AWS_ACCESS_KEY_ID": "AKID", "PG_CONN_STR": self.conn_str(self.port)}
        s3 = f'ha {{\n  backend "s3" {{\n    bucket = "states"\n    key = "{self._testMethodName}"\n    region = "{REGION}"\n    endpoint = "{self.proxy.endpoint}"\n  }}\n}}\n'
        postgres = f'ha {{\n  backend "postgres" {{\n    password = var.given["backend.postgres.password"]\n    schema_name = "{self._testMethodName}"\n  }}\n}}\n'
        (self.configuration / "settings.hcl").write_text(DECLARED + s3)
        self.ha("apply", "--yes", "--json-into=apply.json", **given)
        self.proxy.set_script({"rules": [dict(refusal)]})
        self.is_refused(SOME[:3], "bad: (sensitive)", **given)
        self.proxy.set_script(None)
        # A provider takes its credentials from there, too.
        provider = f'provider "aws" {{\n  region = "{REGION}"\n  endpoint = "{self.proxy.endpoint}"\n  max_retries = 1\n}}\nresource "aws_s3_bucket" "this" {{\n  bucket = "canary"\n}}\n'
        (self.configuration / "provider.hcl").write_text(provider)
        applying = (["apply", "--yes"], ["apply", "--yes", "--json"])
        for service, action, commands in (("sts", "GetCallerIdentity", (*SOME[:2], *applying)), ("s3", "CreateBucket", applying)):
            self.proxy.set_script({"rules": [{**refusal, "service": service, "action": action}]})
            for command in commands:
                self.assertIn("bad: (sensitive)", self.ha(*command, expect=(0, 1), **given))
        self.proxy.set_script(None)
        (self.configuration / "provider.hcl").unlink()
        (self.configuration / "settings.hcl").write_text(DECLARED + postgres)
        self.ha("state", "migrate", **given)
        self.ha("plan", "--detailed-exitcode", **given)
        wrong = self.known["wrong"] = f"wrong {secrets.token_hex(12)}"
        self.is_refused((["state", "list"],), "the passphrase makes another", **{**given, "HA_STATE_PASSPHRASE": wrong})
        with Repeater(words) as repeater:
            self.forget()
            self.is_refused(SOME[:3], "bad: (sensitive)", **{**given, "PG_CONN_STR": self.conn_str(repeater.port)})
        self.ha("plan", "--detailed-exitcode", **given)
        self.nothing_is_told(self.stored())


if __name__ == "__main__":
    unittest.main()

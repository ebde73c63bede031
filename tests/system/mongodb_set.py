"""A replica set of three real mongods and nothing else, in a temporary folder and on a port of its own."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pymongo
from harness import ADDRESSES, binary, mongod, own_port, processes

VERSION = "6.0.5"
NAMES = ("a", "b", "c")
COMMAND_LIMIT = 300

TEMPLATE = """
locals {
  hosts        = %(hosts)s
  organization = "%(organization)s"
  units        = %(units)s
  authority = {
    certificate_pem      = tls_ca.it.certificate_pem
    private_key_pem      = tls_ca.it.private_key_pem
    organization         = local.organization
    organizational_unit  = "Members"
  }
  subject = { organization = local.organization, organizational_unit = "Members" }
}

resource "tls_ca" "it" {
  subject               = { common_name = "Authority of a test" }
  validity_period_hours = 100
}

resource "tls_cert" "member" {
  for_each              = local.hosts
  ca_certificate_pem    = tls_ca.it.certificate_pem
  ca_private_key_pem    = tls_ca.it.private_key_pem
  subject               = merge(local.subject, { common_name = each.value })
  ip_addresses          = [each.value]
  validity_period_hours = 90
}

# Who looks at the set from outside.
resource "tls_cert" "insider" {
  ca_certificate_pem    = tls_ca.it.certificate_pem
  ca_private_key_pem    = tls_ca.it.private_key_pem
  subject               = merge(local.subject, { common_name = "insider" })
  ip_addresses          = ["127.0.0.1"]
  validity_period_hours = 90
}

data "mongodb_config" "member" {
  for_each      = local.hosts
  version       = "%(version)s"
  root          = "%(folder)s/${each.key}"
  replica_set   = "test"
  bind_ip       = [each.value]
  port          = %(port)s
  fork          = true
  cache_size_gb = 0.25
  %(config)s
}

resource "mongodb_host" "member" {
  for_each           = local.hosts
  host               = each.value
  port               = %(port)s
  replica_set        = "test"
  version            = "%(version)s"
  config             = data.mongodb_config.member[each.key].content
  certificate_pem    = tls_cert.member[each.key].bundle_pem
  ca_certificate_pem = tls_ca.it.certificate_pem
  keep_data          = false
  %(host)s
  process {
    root   = "%(folder)s/${each.key}"
    mongod = "%(mongod)s"
  }
}

resource "mongodb_replica_set" "it" {
  name      = "test"
  members   = [for name, host in mongodb_host.member : merge(host.member, lookup(%(members)s, name, {}))]
  authority = local.authority
  %(settings)s
}

resource "mongodb_user" "it" {
  for_each    = %(users)s
  replica_set = mongodb_replica_set.it.name
  hosts       = mongodb_replica_set.it.hosts
  authority   = local.authority
  name        = each.key
  password    = each.value
  roles       = [{ role = "readWrite", db = "test" }]
  %(user)s
}

output "ca" { value = tls_ca.it.certificate_pem }
output "insider" {
  value     = tls_cert.insider.bundle_pem
  sensitive = true
}
"""


class MongodbSet:
    def __init__(self, names=NAMES, **parts):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-mongodb-"))
        self.home = self.folder / "home"
        self.home.mkdir()
        self.configuration = self.folder / "configuration"
        self.configuration.mkdir()
        addresses = dict(zip(NAMES, ADDRESSES))
        self.addresses = {name: addresses[name] for name in names}
        self.port = own_port(*ADDRESSES)
        self.parts = {
            "hosts": "{" + ", ".join(f'{name} = "{address}"' for name, address in self.addresses.items()) + "}",
            "folder": self.folder / "hosts",
            "port": self.port,
            "version": VERSION,
            "mongod": mongod(),
            "organization": "Example",
            "units": "[]",
            "config": "",
            "host": "",
            "members": "{}",
            "settings": "",
            "users": '{ ada = "first-password", ben = "second-password", cat = "third-password" }',
            "user": "",
        }
        self.write(**parts)

    def write(self, **parts):
        """The configuration with these parts, and the others as they were."""
        self.parts.update(parts)
        (self.configuration / "main.hcl").write_text(TEMPLATE % self.parts)

    def ha(self, *words, expect=0, stdout=subprocess.PIPE):
        outcome = subprocess.run(
            [binary(), *words],
            cwd=self.configuration,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=COMMAND_LIMIT,
        )
        if expect is not None and outcome.returncode != expect:
            raise AssertionError(
                f"{' '.join(words)}: exit status {outcome.returncode}, expected {expect}\n{outcome.stdout}\n{outcome.stderr}"
            )
        return outcome

    def environment(self):
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.home)}

    def apply(self, **parts):
        """Applies; what was applied is what was planned."""
        self.write(**parts)
        outcome = self.ha("apply", "--yes")
        self.ha("plan", "--detailed-exitcode")
        return outcome

    def planned(self):
        """The arguments that a plan changes, by address."""
        changes = json.loads(self.ha("plan", "--document", "-").stdout)["resource_changes"]
        changes = [it for it in changes if it["change"]["actions"] != ["no-op"]]
        return {it["address"]: self._names(it["change"]) for it in changes}

    @staticmethod
    def _names(change):
        before, after = change["before"] or {}, change["after"] or {}
        unknown = change.get("after_unknown") or {}
        names = {name for name in {*before, *after} if before.get(name) != after.get(name) and unknown.get(name) is not True}
        # Of a secret it is not told whether it is another one; the address alone says so.
        secret = {name for sort in ("before", "after") for name, it in (change[f"{sort}_sensitive"] or {}).items() if it is True}
        return names | {name for name in secret if name in before}

    def host(self, name):
        return f"{self.addresses[name]}:{self.port}"

    def root(self, name):
        return self.folder / "hosts" / name

    def process(self, name):
        holder = processes.port_holder(self.addresses[name], self.port)
        return processes.identity(holder.pid) if holder else None

    def processes(self):
        return {name: self.process(name) for name in self.addresses}

    # From outside, by a client that has a member's certificate.

    @contextlib.contextmanager
    def client(self, name=None, **options):
        ca, bundle = self.folder / "ca.pem", self.folder / "insider.pem"
        if not bundle.exists():
            ca.write_text(self.ha("output", "--raw", "ca").stdout)
            bundle.touch(0o600)
            bundle.write_text(self.ha("output", "--raw", "insider").stdout)
        if name:
            where = {"host": self.host(name), "directConnection": True}
        else:
            where = {"host": [self.host(it) for it in self.addresses], "replicaSet": "test"}
        if not options:
            options = {"tlsCertificateKeyFile": str(bundle), "authMechanism": "MONGODB-X509"}
        with pymongo.MongoClient(**where, tls=True, tlsCAFile=str(ca), serverSelectionTimeoutMS=30000, **options) as client:
            yield client

    def command(self, command, *, name=None, database="admin"):
        with self.client(name) as client:
            return client[database].command(command)

    def members(self):
        """The configuration of each member by its name."""
        found = self.replica_set()["members"]
        names = {self.host(name): name for name in self.addresses}
        return {names[it["host"]]: it for it in found}

    def replica_set(self):
        return self.command("replSetGetConfig")["config"]

    def reconfigure(self, change):
        """Has the set take a configuration that somebody changed."""
        configuration = self.replica_set()
        change(configuration)
        configuration["version"] += 1
        self.command({"replSetReconfig": configuration, "maxTimeMS": 60000})

    def user(self, name):
        [found] = self.command({"usersInfo": {"user": name, "db": "admin"}, "showAuthenticationRestrictions": True})["users"]
        return found

    def logs_in(self, name, password):
        try:
            with self.client(username=name, password=password, authSource="admin") as client:
                client.admin.command("ping")
            return True
        except pymongo.errors.OperationFailure as failure:
            if failure.code != 18:
                raise
            return False

    def oplog_mb(self, name):
        return self.command({"collStats": "oplog.rs"}, name=name, database="local")["maxSize"] / 1024 / 1024

    def primary(self):
        with self.client() as client:
            client.admin.command("ping")
            address, _ = client.primary
        return next(name for name, it in self.addresses.items() if it == address)

    def secondaries(self):
        primary = self.primary()
        return [name for name in self.addresses if name != primary]

    def remove(self):
        for path in pathlib.Path("/proc").iterdir():
            if path.name.isdigit() and int(path.name) != os.getpid() and f"{self.folder}/" in processes.command_line(path.name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(path.name), signal.SIGKILL)
        processes.wait_until(lambda: not any(self.processes().values()), 20)
        shutil.rmtree(self.folder, ignore_errors=True)

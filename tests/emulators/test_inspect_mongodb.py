"""The MongoDB checks, on a replica set that is made as `ha` is to make one."""

import datetime
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.parse

import pymongo
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import inspect_mongodb
import ports
import processes

CACHE = pathlib.Path(
    os.environ.get("HA_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "ha"
)
MONGOD = CACHE / "mongodb-6.0.5" / "mongod"
ADDRESSES = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
PASSWORD = "p%a@s/s'$"
DATABASES = ("circle_ghe", "build_state_dev_ghe", "containers_dev_ghe")

CONFIGURATION = """
storage: {{dbPath: {root}/data, engine: wiredTiger, journal: {{enabled: true}}, wiredTiger: {{engineConfig: {{cacheSizeGB: 0.25}}}}}}
systemLog: {{destination: file, path: {root}/mongod.log, logAppend: true, logRotate: reopen, timeStampFormat: iso8601-utc}}
replication: {{replSetName: circle, oplogSizeMB: 128}}
security: {{authorization: enabled, clusterAuthMode: x509}}
net:
  bindIp: {address}
  port: {port}
  unixDomainSocket: {{enabled: false}}
  tls:
    mode: requireTLS
    certificateKeyFile: {root}/member.pem
    clusterFile: {root}/member.pem
    CAFile: {ca_file}
    allowConnectionsWithoutCertificates: true
processManagement: {{fork: true, pidFilePath: {root}/mongod.pid}}
setParameter: {{enableLocalhostAuthBypass: false}}
"""


class Set:
    def __init__(self, folder):
        self.folder, self.port = folder, ports.own_port(*ADDRESSES)
        self.hosts = [f"{address}:{self.port}" for address in ADDRESSES]
        self.ca_file = str(folder / "ca.pem")
        self._make_authority()
        for address in ADDRESSES:
            root = folder / address
            (root / "data").mkdir(parents=True)
            self._certificate(root / "member.pem", address)
            text = CONFIGURATION.format(root=root, address=address, port=self.port, ca_file=self.ca_file)
            (root / "mongod.conf").write_text(text)

    def start(self, address):
        # Neither pipe nor terminal: mongod forks and keeps what it inherits.
        with open(self.folder / address / "start.log", "wb") as output:
            command = [MONGOD, "-f", self.folder / address / "mongod.conf"]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def pid(self, address):
        text = (self.folder / address / "data" / "mongod.lock").read_text().strip()
        return int(text) if text else None

    def initiate(self):
        self._certificate(self.folder / "client.pem", "ha", minutes=60)
        with self._as_member(self.hosts[0]) as client:
            members = [{"_id": number, "host": host} for number, host in enumerate(self.hosts)]
            client.admin.command("replSetInitiate", {"_id": "circle", "version": 1, "members": members})
        assert processes.wait_until(lambda: self.states() == {"PRIMARY": 1, "SECONDARY": 2}, 60), self.states()
        # As soon as somebody is primary, not when host 0 is.
        roles = {
            "siteUserAdmin": [{"role": "userAdminAnyDatabase", "db": "admin"}],
            "circle-admin": [{"role": "root", "db": "admin"}, {"role": "dbAdmin", "db": "admin"}],
            "circle": [{"role": "readWrite", "db": name} for name in DATABASES],
        }
        with self._as_member(self.primary()) as client:
            for user, granted in roles.items():
                client.admin.command("createUser", user, pwd=PASSWORD, roles=granted, writeConcern={"w": "majority"})

    def states(self):
        found = {}
        for member in inspect_mongodb.members(self.ca_file, self.hosts):
            found[member["state"]] = found.get(member["state"], 0) + 1
        return found

    def primary(self):
        return next(it["host"] for it in inspect_mongodb.members(self.ca_file, self.hosts) if it["state"] == "PRIMARY")

    def uri(self, user, database):
        password = urllib.parse.quote(PASSWORD, safe="")
        return f"mongodb://{user}:{password}@{','.join(self.hosts)}/{database}?replicaSet=circle&ssl=true&authSource=admin"

    def end(self):
        for address in ADDRESSES:
            if pid := self.pid(address):
                recorded = processes.identity(pid)
                if str(self.folder) in processes.command_line(pid):
                    recorded and processes.end(recorded, patience=0)
        shutil.rmtree(self.folder)

    def _as_member(self, host):
        pem = str(self.folder / "client.pem")
        return pymongo.MongoClient(
            host, directConnection=True, tls=True, tlsCAFile=self.ca_file, tlsCertificateKeyFile=pem,
            authMechanism="MONGODB-X509", authSource="$external",
        )  # fmt: skip

    def _make_authority(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        builder = self._builder(self.name, self.key.public_key(), 600)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = builder.sign(self.key, hashes.SHA256())
        pathlib.Path(self.ca_file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _certificate(self, path, name, minutes=600):
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [
            (NameOID.ORGANIZATION_NAME, "CircleCI"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "MongoDB"),
            (NameOID.COMMON_NAME, name),
        ]
        builder = self._builder(x509.Name([x509.NameAttribute(*part) for part in parts]), key.public_key(), minutes)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if name in ADDRESSES:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        path.chmod(0o600)

    def _builder(self, subject, public_key, minutes):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .issuer_name(self.name)
            .subject_name(subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(minutes=minutes))
        )


class ReplicaSet(unittest.TestCase):
    """One set lives through all of it, in order: making three servers takes most of the time."""

    def test_what_the_checks_say(self):
        made = Set(pathlib.Path(tempfile.mkdtemp(prefix="ha-mongodb-")))
        self.addCleanup(made.end)
        for address in ADDRESSES:
            made.start(address)

        with self.subTest("before anybody has initiated it"):
            self.assertEqual(made.states(), {"NOT INITIATED": 3})
            self.closed_to_strangers(made)

        made.initiate()
        with self.subTest("members answer under their explicit names"):
            found = inspect_mongodb.members(made.ca_file, made.hosts)
            self.assertEqual([member["me"] for member in found], made.hosts)
            self.assertTrue(all(member["hosts"] == made.hosts for member in found))
        with self.subTest("after there are users"):
            self.closed_to_strangers(made)
        with self.subTest("an administrator sees status and users"):
            uri = made.uri("circle-admin", "admin")
            status = inspect_mongodb.status(made.ca_file, uri)
            self.assertEqual([member["host"] for member in status["members"]], made.hosts)
            self.assertLess(max(member["lag_seconds"] for member in status["members"]), 10)
            users = {user["user"]: user["roles"] for user in inspect_mongodb.users(made.ca_file, uri)}
            self.assertEqual(users["circle"], sorted(f"readWrite@{name}" for name in DATABASES))
            self.assertEqual(users["circle-admin"], ["dbAdmin@admin", "root@admin"])
        with self.subTest("the application writes where it may"):
            uri = made.uri("circle", "circle_ghe")
            allowed = inspect_mongodb.writes(made.ca_file, uri, [*DATABASES, "admin", "config", "other"])
            self.assertEqual(allowed, {**dict.fromkeys(DATABASES, True), "admin": 13, "config": 13, "other": 13})
        for wish, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 20)):
            with self.subTest(f"a majority write after {wish.name} of the primary"):
                address = made.primary().split(":")[0]
                gone = processes.identity(made.pid(address))
                os.kill(gone["pid"], wish)
                took = inspect_mongodb.write(made.ca_file, uri, 60)["seconds"]
                print(f"{wish.name}: a majority write succeeded after {took} s", end="; ")
                self.assertLess(took, seconds)
                self.assertTrue(processes.wait_until(lambda: not processes.is_alive(gone), 60))
                made.start(address)
                self.assertTrue(processes.wait_until(lambda: made.states() == {"PRIMARY": 1, "SECONDARY": 2}, 60))

    def closed_to_strangers(self, made):
        for host, outcomes in inspect_mongodb.anonymous(made.ca_file, made.hosts).items():
            answered = {name for name, outcome in outcomes.items() if outcome != 13}
            self.assertEqual(answered, set(inspect_mongodb.OPEN_TO_ALL), f"{host}: {json.dumps(outcomes)}")
        self.assertEqual(set(inspect_mongodb.plaintext(made.hosts).values()), {"refused"})


if __name__ == "__main__":
    unittest.main()

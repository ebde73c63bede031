"""Where a state is kept."""

import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile

OUTSIDE = pathlib.Path(__file__).resolve().parents[1] / "emulators"
sys.path.insert(0, str(OUTSIDE))

import inspect_aws  # noqa: E402
import psycopg  # noqa: E402
import ports  # noqa: E402
from postgresql_server import ACCOUNT, binaries  # noqa: E402

REGION = "eu-west-1"
# For so many seconds whoever was killed holds a remote lock.
LEASE = 180


class Local:
    """Beside the configuration. The lock goes with its holder."""

    name = "local"
    # Whether the lock lasts until its lease is over.
    leased = False

    def backend(self, name, lease=LEASE):  # noqa: ARG002
        """What the configuration says of it; each directory has a state of its own."""
        return ""


class Remote:
    """Elsewhere. The lock of one that was killed lasts until its lease is over."""

    leased = True

    def __init__(self, name, written, empty):
        self.name, self._written = name, written
        # Takes every state in there away.
        self.empty = empty

    def backend(self, name, lease=LEASE):
        return f"ha {{\n  backend {self._written(name, lease)}\n}}\n"


@contextlib.contextmanager
def _local():
    yield Local()


@contextlib.contextmanager
def emulator():
    """An emulator of AWS of one's own; answers its address."""
    folder = tempfile.mkdtemp(prefix="ha-kills-aws-")
    port = ports.own_port()

    def launcher(command, *words):
        command = [sys.executable, OUTSIDE / "launcher.py", command, "--dir", folder, *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    launcher("start", "--port", str(port))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        launcher("remove")
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _s3():
    with emulator() as endpoint:
        place = {"LocationConstraint": REGION}
        s3 = inspect_aws.Account(endpoint, REGION).s3
        s3.create_bucket(Bucket="states", CreateBucketConfiguration=place)

        def empty():
            for it in s3.list_objects_v2(Bucket="states")["Contents"]:
                s3.delete_object(Bucket="states", Key=it["Key"])

        yield Remote(
            "s3",
            lambda name, lease: f""""s3" {{
    bucket     = "states"
    key        = "{name}/ha.state"
    region     = "{REGION}"
    endpoint   = "{endpoint}"
    access_key = "test"
    secret_key = "test"
    lock_lease = {lease}
  }}""",
            empty,
        )


@contextlib.contextmanager
def postgresql(password=None):
    """A PostgreSQL server of one's own, which lets in whoever has the master's password, or all; answers its port."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-kills-postgres-"))
    port = ports.own_port()
    as_owner = {"cwd": "/", "check": True, "stdout": subprocess.DEVNULL}
    (folder / "password").write_text(password or "")
    if os.geteuid() == 0:
        owner = pwd.getpwnam(ACCOUNT)
        for path in (folder, folder / "password"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        as_owner |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    data, options = folder / "data", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=100"
    who = ["--auth", "scram-sha-256", "--pwfile", folder / "password"] if password else ["--auth", "trust"]
    subprocess.run([binaries() / "initdb", "--username", "master", *who, "-D", data], **as_owner)
    control = [binaries() / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-o", options, "-l", folder / "log", "start"], **as_owner)
    try:
        yield port
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **as_owner)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _postgres():
    with postgresql() as port:
        def empty():
            with psycopg.connect(host="127.0.0.1", port=port, user="master", dbname="postgres") as connection:
                for (table,) in connection.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE tablename LIKE 'ha\\_%'").fetchall():
                    connection.execute(f"TRUNCATE {table}")

        yield Remote(
            "postgres",
            lambda name, lease: f""""postgres" {{
    conn_str    = "postgres://master@127.0.0.1:{port}/postgres?sslmode=disable"
    schema_name = "{name}"
    lock_lease  = {lease}
  }}""",
            empty,
        )


_ALL = {"local": _local, "s3": _s3, "postgres": _postgres}
NAMES = list(_ALL)


def opened(name):
    """A store, for as long as it is needed."""
    return _ALL[name]()

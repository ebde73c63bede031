"""A quick start of one's own, in a temporary folder and on ports of its own, watched from outside.

HA_BINARY   the program under test
HA_CACHE    where tests/emulators/install put the programs that stand for external services
"""

import atexit
import base64
import contextlib
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
OUTSIDE = REPOSITORY / "tests" / "emulators"
sys.path[:0] = [str(OUTSIDE), str(REPOSITORY / "tests" / "kills")]

# Taken from here by the tests, which cannot find them by themselves.
import accounts  # noqa: E402, F401
import contention  # noqa: E402, F401
import directory  # noqa: E402, F401
import inspect_aws  # noqa: E402
import inspect_mongodb  # noqa: E402
import inspect_postgresql  # noqa: E402, F401
import killing  # noqa: E402, F401
import postgresql_homes  # noqa: E402
import processes  # noqa: E402
import stores  # noqa: E402, F401
from ports import own_port  # noqa: E402
from tally import table  # noqa: E402, F401

REGION = "eu-west-1"
ADDRESSES = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
MAIN_URI = "CIRCLE_SECRETS_MONGODB_MAIN_URI"
POSTGRES_URI = "CIRCLE_SECRETS_POSTGRES_MAIN_URI"
# For one command. A server that kept the command's output open would look like a command that never ends.
TIME_LIMIT = 900
UNPROTECTED = ("--var", "deletion_protection=false")


@functools.cache
def shared_system():
    """One system for all tests that leave it as they found it."""
    system = QuickStart()
    system.run()
    return system


class QuickStart:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-system-"))
        self.configuration = self.folder / "quickstart"
        ignored = shutil.ignore_patterns(".ha", "*.auto.hclvars")
        shutil.copytree(REPOSITORY / "examples" / "quickstart", self.configuration, ignore=ignored)
        (self.folder / "home").mkdir()
        (self.folder / "transcripts").mkdir()
        self.work = self.configuration / ".ha"
        self.aws_port = own_port("127.0.0.1")
        self.postgresql_port = own_port("127.0.0.1")
        self.mongodb_port = own_port(*ADDRESSES)
        self.hosts = [f"{address}:{self.mongodb_port}" for address in ADDRESSES]
        self.aws = inspect_aws.Account(f"http://127.0.0.1:{self.aws_port}", REGION)
        self.watcher = Watcher()
        self._commands = 0
        atexit.register(self.remove)

    # Commands. Each leaves what it printed in a file, to be searched for secrets.

    def run(self, *words, expect=0):
        """The quick start's own script."""
        return self._command([self.configuration / "run", *words], words or ("up",), expect)

    def ha(self, *words, expect=0, secret_output=False):
        return self._command([binary(), *words], words, expect, secret_output)

    def apply(self, *words):
        outcome = self.ha("apply", "--yes", *words)
        # What was applied is what was planned: nothing is left to do.
        self.ha("plan", "--detailed-exitcode", *words, expect=0)
        return outcome

    def start_apply(self):
        """An apply that somebody else will end."""
        with open(self._transcript(("apply", "killed")), "wb") as output:
            return subprocess.Popen(
                [binary(), "apply", "--yes"],
                cwd=self.configuration,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def output(self, name):
        return self.ha("output", "--raw", name, secret_output=True).stdout.strip()

    def _command(self, command, words, expect, secret_output=False):
        began = time.monotonic()
        with self.watcher.watching():
            outcome = subprocess.run(
                list(map(str, command)),
                cwd=self.configuration,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
            )
        outcome.seconds = time.monotonic() - began
        if not secret_output:
            self._transcript(words).write_text(outcome.stdout + outcome.stderr)
        if expect is not None and outcome.returncode != expect:
            raise AssertionError(
                f"{' '.join(map(str, words))}: exit status {outcome.returncode}, expected {expect}\n{outcome.stdout}\n{outcome.stderr}"
            )
        return outcome

    def _transcript(self, words):
        self._commands += 1
        name = "-".join(word for word in words if word[:1].isalpha())[:40].replace("/", "-")
        return self.folder / "transcripts" / f"{self._commands:03}-{name}.txt"

    def environment(self):
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            # The state's key goes here, and not among the developer's own.
            "HOME": str(self.folder / "home"),
            "HA_CACHE": os.environ.get("HA_CACHE") or str(pathlib.Path.home() / ".cache" / "ha"),
            "HA_BINARY": binary(),
            "HA_REPOSITORY": str(REPOSITORY),
            "HA_QUICKSTART_AWS_PORT": str(self.aws_port),
            "HA_QUICKSTART_MONGODB_PORT": str(self.mongodb_port),
            "HA_QUICKSTART_POSTGRESQL_PORT": str(self.postgresql_port),
        }

    # What there is, seen from outside.

    def state_files(self):
        """The state, its journal and what else lies with it."""
        files = sorted((self.configuration / ".ha").glob("ha.state*"))
        if not files:
            raise AssertionError(f"there is no state in {self.configuration / '.ha'}")
        return files

    def emulator(self):
        return json.loads((self.work / "outside" / "launcher.json").read_text())

    @property
    def mongodb_ca_file(self):
        return self.output("mongodb_ca_file")

    def members(self):
        return inspect_mongodb.members(self.mongodb_ca_file, self.hosts)

    def states(self):
        return sorted(member["state"] for member in self.members())

    def wait_until_whole(self, seconds=90):
        whole = ["PRIMARY", "SECONDARY", "SECONDARY"]
        if not processes.wait_until(lambda: self.states() == whole, seconds):
            raise AssertionError(f"the set is not whole after {seconds} s: {self.members()}")

    def primary(self):
        return next(member["host"] for member in self.members() if member["state"] == "PRIMARY")

    def mongod(self, host):
        """The process that listens as a member."""
        address, port = host.rsplit(":", 1)
        holder = processes.port_holder(address, int(port))
        return processes.identity(holder.pid) if holder else None

    def own_processes(self):
        """What of ours runs, but for the emulator."""
        marks = (f"{self.folder}/", f"{postgresql_homes.homes(self.work / 'outside')}/")
        found = []
        for path in pathlib.Path("/proc").iterdir():
            if path.name.isdigit() and int(path.name) != os.getpid() and processes.start_time(path.name):
                line = processes.command_line(path.name)
                if any(mark in line for mark in marks) and "launcher.py" not in line:
                    found.append(line)
        return sorted(found)

    def listeners(self):
        endpoints = [
            ("127.0.0.1", self.aws_port),
            ("127.0.0.1", self.postgresql_port),
            *((address, self.mongodb_port) for address in ADDRESSES),
        ]
        return [str(holder) for holder in (processes.port_holder(*endpoint) for endpoint in endpoints) if holder]

    def group(self):
        return inspect_aws.autoscaling_group(self.aws, self.output("autoscaling_group_name"))

    def bucket(self):
        [name] = inspect_aws.everything(self.aws)["buckets"]
        return inspect_aws.bucket(self.aws, name)

    def file_for_services(self, name):
        """A file as the Services machine gets it."""
        [found] = [it for key, it in self.bucket()["objects"].items() if key.split("/")[0] == name]
        return base64.b64decode(found["content_base64"])

    def sourced(self, variable):
        """What a shell has in a variable after it has sourced the customizations."""
        text = self.file_for_services("circle-installation-customizations")
        script = f'. /dev/stdin && printf %s "${variable}"'
        return subprocess.run(["sh", "-euc", script], input=text, capture_output=True, check=True).stdout.decode()

    def passwords(self):
        """Every password by name."""
        expression = "nonsensitive({ for name, drawn in random_password.drawn : name => drawn.result })"
        return json.loads(self.ha("console", "--json", "--show-sensitive", "--expr", expression, secret_output=True).stdout)["value"]

    # Changes to the configuration.

    @contextlib.contextmanager
    def edited(self, file, old, new):
        path = self.configuration / file
        before = path.read_text()
        if before.count(old) != 1:
            raise AssertionError(f"{old!r} is not exactly once in {file}")
        path.write_text(before.replace(old, new))
        try:
            yield
        finally:
            path.write_text(before)

    def remove(self):
        """Ends whatever is left, by the processes' own identities, and takes the folder away."""
        subprocess.run(
            [sys.executable, OUTSIDE / "launcher.py", "remove", "--dir", self.work / "outside"], check=False, capture_output=True
        )
        for path in pathlib.Path("/proc").iterdir():
            if path.name.isdigit() and int(path.name) != os.getpid() and f"{self.folder}/" in processes.command_line(path.name):
                processes.end(processes.identity(int(path.name)), patience=0)
        shutil.rmtree(self.folder, ignore_errors=True)


class Watcher:
    """Collects the command lines and environments of all processes while commands run."""

    def __init__(self):
        self.seen = set()

    @contextlib.contextmanager
    def watching(self):
        done = threading.Event()
        thread = threading.Thread(target=self._watch, args=[done], daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _watch(self, done):
        while not done.is_set():
            for process in os.listdir("/proc"):
                if process.isdigit():
                    for name in ("cmdline", "environ"):
                        with contextlib.suppress(OSError), open(f"/proc/{process}/{name}", "rb") as file:
                            self.seen.add((name, file.read()))
            done.wait(0.02)


def binary():
    found = os.environ.get("HA_BINARY")
    if not found:
        sys.exit("error: set HA_BINARY to the `ha` under test (tests/run does)")
    return found


def mongod(version="6.0.5"):
    """The program, where the tests' installation has it."""
    cache = pathlib.Path(os.environ.get("HA_CACHE") or pathlib.Path.home() / ".cache" / "ha")
    return cache / f"mongodb-{version}" / "mongod"


def forms(secret):
    """The ways in which a secret may be written, as bytes."""
    raw = secret.encode()
    written = {
        raw,
        urllib.parse.quote(secret, safe="").encode(),
        urllib.parse.quote(secret).encode(),
        urllib.parse.quote_plus(secret).encode(),
    }
    written |= {json.dumps(secret)[1:-1].encode(), secret.replace("'", "'\\''").encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Within a longer text it begins at any of three places; the ends depend on what stands beside it.
        for before in range(3):
            written.add(encode(b"\0" * before + raw + b"\0" * (-(before + len(raw)) % 3))[4 if before else 0 : -4])
    return written

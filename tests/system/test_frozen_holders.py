"""Holders of a leased lock that are stopped in the middle: after their lease another takes the lock over, and whoever wakes up
then writes nothing any more."""

import concurrent.futures
import json
import pathlib
import select
import signal
import subprocess
import tempfile
import time
import unittest

from harness import binary, stores

# Enough that a plan of it is met before all of it is written.
INSTANCES = 300
# For so many seconds a lock outlasts its holder. Kept values are changed by no call that it would have to outlast.
LEASE = 3
TIMES = 20
TOGETHER = 4
PATIENCE = 300


class Frozen:
    """One state, and what happens to it."""

    def __init__(self, store, folder, name):
        self.folder, self.backend = pathlib.Path(folder) / name, store.backend(name, LEASE)
        self.folder.mkdir()
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.folder)}
        self.serial = 0

    def write(self):
        self.serial += 1
        block = f'resource "ha_data" "it" {{\n  count = {INSTANCES}\n  input = "{self.serial}"\n}}\n'
        (self.folder / "main.hcl").write_text(self.backend + block)

    def start(self, *words):
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [binary(), *words], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        )

    def ha(self, *words, expect=0):
        command = self.start(*words)
        out, err = command.communicate(timeout=PATIENCE)
        assert command.returncode == expect, f"{words}: {command.returncode}\n{out}\n{err}"
        return out if expect == 0 else err

    def number(self):
        return json.loads(self.ha("state", "pull"))["number"]

    def freeze(self):
        """An apply that holds the lock and has everything still to write, stopped."""
        for _ in range(50):
            self.write()
            before = self.number()
            applying = self.start("apply", "--yes")
            # It shows its plan when it has read the state.
            select.select([applying.stdout], [], [], PATIENCE)
            applying.send_signal(signal.SIGSTOP)
            if json.loads(self.ha("state", "locks", "--json")) and self.number() == before:
                return applying
            applying.send_signal(signal.SIGCONT)
            applying.communicate(timeout=PATIENCE)
        raise AssertionError("no apply was met while it held the lock and had written nothing")

    def run(self):
        self.write()
        self.ha("apply", "--yes")
        frozen = self.freeze()
        held = json.loads(self.ha("state", "locks", "--json"))
        if held:
            assert held[0]["process"] == frozen.pid, held
            assert 0 < held[0]["seconds_left"] <= LEASE, held
            told = self.start("apply", "--yes").communicate(timeout=PATIENCE)[1]
            assert not told or "locked by" not in told or held[0]["id"] in told, told
        while json.loads(self.ha("state", "locks", "--json")):
            time.sleep(0.2)
        told = self.start("state", "locks").communicate(timeout=PATIENCE)[1]
        assert "No one holds the lock" in told, told
        self.write()
        self.ha("apply", "--yes", "--lock-timeout", "60s")
        number = self.number()
        frozen.send_signal(signal.SIGCONT)
        out, err = frozen.communicate(timeout=PATIENCE)
        assert frozen.returncode == 1 and "lock" in err, f"{frozen.returncode}\n{out}\n{err}"
        assert self.number() == number, "whoever lost the lock has written"
        self.ha("plan", "--detailed-exitcode")
        assert json.loads(self.ha("state", "locks", "--json")) == []


class FrozenHolders(unittest.TestCase):
    def check(self, name, times):
        with stores.opened(name) as store, tempfile.TemporaryDirectory(prefix="ha-frozen-") as folder:
            lanes = [Frozen(store, folder, f"{name}_frozen_{index}") for index in range(times)]
            with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
                list(pool.map(Frozen.run, lanes))

    def test_in_a_database(self):
        self.check("postgres", TIMES)

    def test_in_a_bucket(self):
        self.check("s3", 2)


if __name__ == "__main__":
    unittest.main()

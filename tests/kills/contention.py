"""Two applies at once, and locks whose holders are dead."""

import concurrent.futures
import pathlib
import re
import signal
import subprocess
import time

from tally import Tally

# Enough for the two to meet.
INSTANCES = 400
# For so many seconds a lock elsewhere outlasts its holder, who has to keep it on a busy machine. Kept values are changed by
# no call that it would have to outlast.
LEASE = 10


def contend_all(binary, store, folder, times, parallel):
    """Has two applies meet so many times, in so many places at a time."""
    whole = Tally()

    def one(index):
        whole.add(_Meeting(binary, store, pathlib.Path(folder) / f"{store.name}_meeting_{index}").run())

    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        list(pool.map(one, range(times)))
    return whole


class _Meeting:
    def __init__(self, binary, store, folder):
        self.binary, self.store, self.folder, self.tally = binary, store, folder, Tally()
        folder.mkdir()
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder)}
        self.serial = 0

    def run(self):
        self._meet()
        self._take_over()
        return self.tally

    def _meet(self):
        """Until the two were at it at the same time."""
        while True:
            self._write()
            both = [self._start(), self._start()]
            told = [it.communicate()[1] for it in both]
            statuses = [it.returncode for it in both]
            if statuses == [0, 0]:
                continue  # One had ended before the other began.
            self.tally.kills += 1
            if sorted(statuses) != [0, 1]:
                return self.tally.fail("failed", f"{self.folder}: {statuses}:\n{told[0]}\n{told[1]}")
            loser, winner = statuses.index(1), both[statuses.index(0)]
            if not re.search(rf"locked by `ha apply`, process {winner.pid} of ", told[loser]):
                self.tally.fail("failed", f"{self.folder}: the other does not say that {winner.pid} holds it:\n{told[loser]}")
            return self._expect_whole()

    def _take_over(self):
        """From one that is killed while it holds the lock."""
        while True:
            self._write()
            holder = self._start()
            # Once it plans, it has the lock.
            while holder.poll() is None and not self._is_at_work():
                time.sleep(0.001)
            holder.kill()
            holder.communicate()
            if holder.returncode == -signal.SIGKILL:
                break
        at_once = self._start()
        told = at_once.communicate()[1]
        if self.store.leased:
            if at_once.returncode != 1 or f"process {holder.pid} of " not in told:
                self.tally.fail("failed", f"{self.folder}: the lock of {holder.pid} does not last its lease:\n{told}")
            later = self._start("--lock-timeout", "60s")
            told = later.communicate()[1]
            if later.returncode != 0:
                self.tally.fail("lost", f"{self.folder}: the lock of {holder.pid} outlasts its lease:\n{told}")
        elif at_once.returncode != 0:
            self.tally.fail("lost", f"{self.folder}: the lock outlasts its holder {holder.pid}:\n{told}")
        self._expect_whole()

    def _write(self):
        self.serial += 1
        block = f'resource "ha_data" "it" {{\n  count = {INSTANCES}\n  input = "{self.serial}"\n}}\n'
        (self.folder / "main.hcl").write_text(self.store.backend(self.folder.name, LEASE) + block)

    def _start(self, *words):
        (self.folder / "events.json").unlink(missing_ok=True)
        command = [self.binary, "apply", "--yes", "--json-into", "events.json", *words]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _is_at_work(self):
        events = self.folder / "events.json"
        return events.exists() and b'"apply_start"' in events.read_bytes()

    def _expect_whole(self):
        command = [self.binary, "plan", "--detailed-exitcode"]
        planned = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        if planned.returncode != 0:
            self.tally.fail("failed", f"{self.folder}: a plan is not empty:\n{planned.stdout}{planned.stderr}")

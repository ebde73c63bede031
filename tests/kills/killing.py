"""Ways to kill a program: at any instant, where it makes a certain call of the system, or once it has told so much."""

import contextlib
import dataclasses
import signal
import statistics
import subprocess
import time

# Where a state is written, and what else changes the world.
RECORDS = "pwrite64"
SYNCS = "fdatasync,fsync"
NAMES = "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir"
REQUESTS = "sendto,sendmsg,connect,writev"
ANY = f"{RECORDS},{SYNCS},{NAMES},{REQUESTS},openat,write,ftruncate,close,futex"
TIME_LIMIT = 300


@dataclasses.dataclass(frozen=True)
class Way:
    """After some seconds; at the entry of the call of this number that one thread makes of these; or at this line told."""

    seconds: float | None = None
    calls: str = ""
    number: int = 0

    def __str__(self):
        if self.seconds is not None:
            return f"after {self.seconds:.3f} s"
        return f"at call {self.number} of {self.calls}" if self.calls else f"at line {self.number} that it told"


@dataclasses.dataclass(frozen=True)
class Ended:
    killed: bool
    status: int
    output: str
    told: str


class Ways:
    """Draws ways to kill a run, and learns how long runs are."""

    def __init__(self, chance):
        self.chance = chance
        self.seconds = [0.15]
        self.reach = {RECORDS: 10, SYNCS: 10, NAMES: 6, ANY: 100, "": 10}

    def drawn(self):
        """A way that most likely comes before the end."""
        calls = self.chance.choice([None, *self.reach])
        if calls is None:
            return Way(seconds=self.chance.uniform(0, 1.1 * statistics.median(self.seconds)))
        # Later rather than sooner: at first there is nothing to lose.
        return Way(calls=calls, number=max(self.chance.randint(1, self.reach[calls]) for _ in range(2)))

    def learn(self, way, ended, seconds):
        """What came of it."""
        if not way and not ended.killed:
            self.seconds.append(seconds)
        elif way and way.number:
            reach = self.reach[way.calls]
            self.reach[way.calls] = max(reach, way.number + 3) if ended.killed else max(4, way.number, reach - 1)


def run(command, way, watched=None, **how):
    """Runs a command; it is killed unless it ends before. What it tells goes to the file that is watched."""
    if way and way.calls:
        inject = f"inject={way.calls}:signal=KILL:when={way.number}"
        command = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={way.calls}", "-e", inject, *command]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
    )
    killed = False
    if way and way.seconds is None and not way.calls:
        killed = _kill_at_line(process, watched, way.number)
        way = None
    try:
        output, told = process.communicate(timeout=way.seconds if way and way.seconds is not None else TIME_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        output, told = process.communicate()
        if not way or way.seconds is None:
            raise AssertionError(f"{command} does not end:\n{output}{told}") from None
        killed = True
    killed = killed or process.returncode == -signal.SIGKILL
    return Ended(killed, process.returncode, output, told)


def _kill_at_line(process, path, number):
    """Kills it once so many lines are in the file; whether it did not end before."""
    while process.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            if path.read_bytes().count(b"\n") >= number:
                process.kill()
                return True
        time.sleep(0.001)
    return False


def timed(act):
    """What it answers, and the seconds it took."""
    began = time.monotonic()
    return act(), time.monotonic() - began

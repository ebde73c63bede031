"""Applies under random faults, counted from outside.

    run --runs 200 --seed 1 [--from N]

Each trial makes some fifteen kinds of AWS and changes them while a fault proxy throttles, loses answers, answers late or
wrongly and hides what was just made. Every one must converge within three runs, with everything there once.
"""

import argparse
import collections
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
OUTSIDE = HERE.parent / "emulators"
sys.path[:0] = [str(HERE), str(OUTSIDE)]

import inspect_aws  # noqa: E402
import ports  # noqa: E402
from trial import Trial, Wrong  # noqa: E402

REGION = "eu-west-1"


class Emulator:
    """An emulator of one's own."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="ha-faults-outside-")
        port = ports.own_port()
        self._launcher("start", "--port", str(port))
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_):
        self._launcher("remove")

    def _launcher(self, command, *words):
        subprocess.run(
            [sys.executable, OUTSIDE / "launcher.py", command, "--dir", self.folder, *words], check=True, stdout=subprocess.DEVNULL
        )


def trials(binary, seed, numbers, jobs):
    """The trials of these numbers, some at a time: each as it was done, or what was wrong with it."""
    with Emulator() as endpoint, ThreadPoolExecutor(jobs) as workers:

        def one(number):
            try:
                return number, Trial(binary, endpoint, inspect_aws.Account(endpoint, REGION), seed, number).carry_out()
            except Wrong as wrong:
                return number, wrong

        try:
            yield from workers.map(one, numbers)
        finally:
            workers.shutdown(cancel_futures=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="how many trials")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=4, help="how many at a time; they wait more than they work")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="the first trial's number")
    arguments = parser.parse_args()
    # Who is asked to end leaves no emulator behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    binary = os.environ.get("HA_BINARY") or sys.exit("error: set HA_BINARY to the `ha` under test")
    began, wrong, faults, runs, failed = time.monotonic(), 0, collections.Counter(), collections.Counter(), 0
    for number, outcome in trials(binary, arguments.seed, range(arguments.first, arguments.first + arguments.runs), arguments.jobs):
        if isinstance(outcome, Wrong):
            wrong += 1
            print(outcome, flush=True)
            continue
        faults.update(outcome.faults)
        runs.update(outcome.runs)
        failed += outcome.failed
        print(f"trial {number}: converged after {outcome.runs} runs, {sum(outcome.faults.values())} faults", flush=True)
    print(f"\nfaults: {dict(sorted(faults.items()))}")
    after = ", ".join(f"{count} after {number}" for number, count in sorted(runs.items()))
    print(f"{arguments.runs} trials in {time.monotonic() - began:.0f} s: {sum(runs.values())} applies converged ({after} runs), {failed} runs failed and said what they left, {sum(faults.values())} faults; {wrong} trials went wrong")  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

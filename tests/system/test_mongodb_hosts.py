"""Hosts that are hard to start, hard to stop, or started by something else."""

import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import unittest

from harness import binary, mongod
from mongodb_set import MongodbSet

TRIES = int(os.environ.get("HA_TEST_TRIES", "2"))
SEED = int(os.environ.get("HA_TEST_SEED", "1"))


def wrapper(folder, name, last_line):
    """A program that becomes mongod."""
    path = pathlib.Path(folder) / name
    path.write_text(f"#!/bin/sh\n{last_line}\n")
    path.chmod(0o755)
    return path


class One(unittest.TestCase):
    """A set of one member."""

    def setUp(self):
        self.set = MongodbSet(names=("a",))
        self.addCleanup(self.set.remove)

    def test_a_first_creation_that_fails_leaves_nothing_that_the_next_one_refuses(self):
        unknown = 'set_parameter = { noSuchThing = "1" }'
        self.set.write(config=unknown)
        self.assertIn("noSuchThing", self.set.ha("apply", "--yes", expect=1).stderr)
        with socket.create_server((self.set.addresses["a"], self.set.port)):
            self.set.write(config="")
            self.assertIn("is taken by", self.set.ha("apply", "--yes", expect=1).stderr)
        # In another place then; the first one stays as it was found.
        first = self.set.root("a")
        self.set.apply(folder=self.set.folder / "elsewhere")
        left = [str(it.relative_to(first)) for it in first.rglob("*") if it.is_file() and "logs" not in it.parts]
        self.assertEqual(left, [])
        # And back, into the first one: what is there does not keep it from being made there.
        self.set.apply(folder=self.set.folder / "hosts")

    def test_a_wrapper_is_no_difference(self):
        program = pathlib.Path(mongod())
        by_path = wrapper(self.set.folder, "by-path", f'exec {program} "$@"')
        by_name = wrapper(self.set.folder, "by-name", f'PATH={program.parent}:$PATH exec mongod "$@"')
        as_child = wrapper(self.set.folder, "as-child", f'{program} "$@"')
        self.set.apply(mongod=by_path)
        before = self.set.processes()
        # Nothing to do, and so nothing is restarted.
        self.set.apply(user='mechanisms = ["SCRAM-SHA-256"]')
        self.assertEqual(self.set.processes(), before)
        for other in (by_name, as_child, program):
            self.set.apply(mongod=other)
            after = self.set.processes()
            self.assertNotEqual(after, before, other)
            before = after
        # One that died is started by the wrapper again.
        self.set.apply(mongod=by_name)
        os.kill(self.set.process("a")["pid"], signal.SIGKILL)
        self.set.apply()


class Kills(unittest.TestCase):
    """`ha` is killed while a member shuts down; whoever comes next waits for its end and starts it."""

    def test_whoever_shuts_down_is_waited_for_and_started_again(self):
        drawn = random.Random(SEED)
        # It takes as long as this to end when it is told so by a signal.
        self.set = MongodbSet()
        self.addCleanup(self.set.remove)
        slowly = 'set_parameter = {{ shutdownTimeoutMillisForSignaledShutdown = "6000", maxLogSizeKB = "{}" }}'
        self.set.apply(config=slowly.format(100))
        for attempt in range(TRIES):
            with self.subTest(attempt=attempt, seed=SEED):
                self.set.write(config=slowly.format(101 + attempt))
                stopping = self.kill_while_one_stops(drawn.uniform(0, 0.3))
                if stopping and drawn.random() < 0.5:
                    # A second member is down as well.
                    second = drawn.choice([it for it in self.set.addresses if it != stopping and self.set.process(it)])
                    os.kill(self.set.process(second)["pid"], signal.SIGKILL)
                self.set.apply()
                self.assertTrue(all(self.set.processes().values()))

    def kill_while_one_stops(self, seconds):
        """Kills an apply, so long after it began to stop a member; answers which, which then goes on ending slowly."""
        before = self.set.processes()
        command = [binary(), "apply", "--yes", "--json"]
        with subprocess.Popen(
            command, cwd=self.set.configuration, env=self.set.environment(), stdout=subprocess.PIPE, text=True
        ) as apply:
            for line in apply.stdout:
                if "stopping mongod" in line:
                    break
            [stopping] = [name for name in self.set.addresses if f'member[\\"{name}\\"]' in line]
            os.kill(before[stopping]["pid"], signal.SIGTERM)
            time.sleep(seconds)
            apply.kill()
        return stopping


if __name__ == "__main__":
    unittest.main()

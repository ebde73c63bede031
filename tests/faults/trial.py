"""One trial: the fifteen kinds are made, then changed, while everything goes wrong that a seed draws; each must have
converged after three runs, with everything there once."""

import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

import inventory
from fault_proxy import FaultProxy
from faulty.script import AT_RANDOM

CONFIGURATION = pathlib.Path(__file__).resolve().parents[1] / "configurations" / "fifteen_kinds"
RUNS = 3
# For one command; longer than the longest wait for what a script hides.
TIME_LIMIT = 300


class Wrong(Exception):
    """What should not have happened, and all that was printed on the way."""


class Trial:
    def __init__(self, binary, endpoint, account, seed, number):
        self._binary, self._proxy, self._account = binary, FaultProxy(endpoint), account
        self._draw = random.Random(f"{seed} {number}")
        self._prefix = f"t{number}"
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="ha-faults-"))
        shutil.copytree(CONFIGURATION, self._folder / "configuration")
        self._printed = []
        self.runs, self.failed, self.faults, self.incidents = [], 0, {}, 0

    def carry_out(self):
        """Does it all; what is wrong is raised with everything that was printed."""
        try:
            with self._proxy:
                for revision in (1, 2):
                    self._converge(revision)
                self._command("destroy", 2, 10)
            self._expect({}, "after the destroy")
        except Wrong as wrong:
            raise Wrong(f"trial {self._prefix}: {wrong}\n\n" + "\n".join(self._printed)) from None
        finally:
            shutil.rmtree(self._folder)
        return self

    def _converge(self, revision):
        wanted = inventory.expected(self._prefix, revision)
        # What is left of the script goes on in the next run; only what was just made is known to everybody by then.
        script = self._script()
        self._proxy.set_script(script)
        for run in range(1, RUNS + 1):
            retries = self._draw.choice((1, 1, 2, 3, 10)) if run < RUNS else 10
            outcome = self._command("apply", revision, retries)
            self.incidents += " times (" in outcome.stdout + outcome.stderr
            self._proxy.end_of_run()
            if outcome.returncode == 0:
                break
            self.failed += 1
            self._expect_words(outcome)
            self._expect_no_more_than(wanted, revision)
        else:
            raise Wrong(f"revision {revision} has not converged after {RUNS} runs under {json.dumps(script)}")
        self.runs.append(run)
        for name, count in self._proxy.counts().items():
            self.faults[name] = self.faults.get(name, 0) + count
        self._proxy.set_script(None)
        if self._command("plan", revision, 10, "--detailed-exitcode").returncode != 0:
            raise Wrong(f"there is something left to do for revision {revision} under {json.dumps(script)}")
        self._expect(wanted, f"with revision {revision} under {json.dumps(script)}")

    def _script(self):
        draw = self._draw
        faults = draw.sample(sorted(set(AT_RANDOM)), draw.randint(1, len(set(AT_RANDOM))))
        states = {
            "create": draw.choice(([], ["creating"], ["creating", "creating", "backing-up", "available", "modifying"])),
            "modify": draw.choice(([], ["available", "modifying"], ["available", "modifying", "available", "storage-optimization"])),
        }
        rate = draw.choice((0.05, 0.1, 0.2, 0.4))
        return {
            "random": {"seed": draw.random(), "rate": rate, "most": draw.randint(1, 24), "faults": [*faults, "delay"]},
            "hidden": {"looks": draw.choice((0, 0, 1, 3))},
            "states": states,
        }

    def _command(self, name, revision, retries, *words):
        given = {"endpoint": self._proxy.endpoint, "prefix": self._prefix, "revision": revision, "max_retries": retries}
        variables = [word for name, value in given.items() for word in ("--var", f"{name}={value}")]
        words = [name, *(["--yes"] if name != "plan" else []), *words, *variables]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "LANG": "C.UTF-8"}
        outcome = subprocess.run(
            [self._binary, *words], cwd=self._folder / "configuration", env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=TIME_LIMIT,
        )  # fmt: skip
        self._printed.append(f"$ ha {' '.join(map(str, words))}\n{outcome.stdout}{outcome.stderr}")
        if name != "apply" and outcome.returncode not in (0, 2):
            raise Wrong(f"`{name}` ended with {outcome.returncode} although nothing went wrong")
        return outcome

    def _expect_words(self, outcome):
        """A run that failed says why, and what it left: everything planned is done, failed or not started."""
        text = outcome.stderr
        if outcome.returncode != 1 or "error: " not in text or "= cause: " not in text:
            raise Wrong(f"a run failed with {outcome.returncode} and does not say why")
        planned = re.search(r"^Plan: (\d+) to create, (\d+) to update, (\d+) to replace, (\d+) to destroy", outcome.stdout, re.M)
        if not planned or "what an earlier run left half-way" in text or "could not finish" in text:
            return  # It failed before there was anything to do.
        create, update, replace, destroy = map(int, planned.groups())
        listed = re.search(r"^Apply stopped after .*\n\n((?:  .*\n)+)\n(?:.* \(.*\n\n)?Next: ", text, re.M)
        if not listed:
            raise Wrong("a run failed and does not say what it left")
        steps = len(listed[1].splitlines())
        if not create + update + replace + destroy <= steps <= create + update + 2 * replace + destroy:
            raise Wrong(f"of {planned[0]} the run lists {steps} steps")

    def _expect_no_more_than(self, wanted, revision):
        # The document of the revision before is there until it is replaced.
        before = {f"versions of document/{revision - 1}": 1}
        surplus = inventory.too_often(inventory.counted(self._account, self._prefix), {**before, **wanted, **self._new_group()})
        if surplus:
            raise Wrong(f"after a run that failed there is too much: {surplus}")

    def _new_group(self):
        # A new group lets everything out until it is told not to.
        return {f"rules out of {self._prefix}-{name}": 2 if name == "machine" else 1 for name in ("machine", "database")}

    def _expect(self, wanted, when):
        found = inventory.counted(self._account, self._prefix)
        if found != wanted:
            names = sorted(found.keys() | wanted.keys())
            wrong = {it: (found.get(it, 0), wanted.get(it, 0)) for it in names if found.get(it, 0) != wanted.get(it, 0)}
            raise Wrong(f"{when} there is (and should be): {wrong}")

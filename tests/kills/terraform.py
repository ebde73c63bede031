"""The peer: Terraform's apply, killed at random instants on its local state."""

import json
import pathlib
import random
import shutil

import killing
from tally import Tally

INSTANCES = 300


def kill_all(folder, kills, seed):
    """Each kill is of an apply that changes some instances and makes others, in a directory of its own."""
    tally = Tally()
    program = shutil.which("terraform")
    if not program:
        raise SystemExit("kills: terraform is not installed")
    chance = random.Random(f"{seed}-terraform")
    for index in range(kills):
        _Trial(program, pathlib.Path(folder) / f"terraform-{index}", chance, tally).run()
    return tally


class _Trial:
    def __init__(self, program, folder, chance, tally):
        self.program, self.folder, self.chance, self.tally = program, folder, chance, tally
        folder.mkdir()
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1",
        }  # fmt: skip

    def run(self):
        self._write(INSTANCES // 2, "one")
        self._terraform("init")
        _, seconds = killing.timed(lambda: self._terraform("apply", "-auto-approve"))
        before = set(self._terraform("state", "list").output.split())
        self._write(INSTANCES, "two")
        way = killing.Way(seconds=self.chance.uniform(0, 3 * seconds))
        killed = self._terraform("apply", "-auto-approve", "-json", way=way)
        if not killed.killed:
            return
        self.tally.kills += 1
        listed = self._terraform("state", "list")
        if listed.status != 0:
            self.tally.fail("lost", f"{self.folder}: the state does not open after a kill {way}: {listed.told.strip()}")
            return
        now = set(listed.output.split())
        told = {it["hook"]["resource"]["addr"] for it in _events(killed.output) if it.get("type") == "apply_complete"}
        self.tally.steps += len(told)
        if not now and before:
            self.tally.fail("lost", f"{self.folder}: the state is empty after a kill {way}")
        elif missing := (before | told) - now:
            self.tally.fail("forgotten", f"{self.folder}: {len(missing)} steps that were told as done are not in the state ({way})")

    def _write(self, instances, text):
        block = f'resource "terraform_data" "it" {{\n  count = {instances}\n  input = "{text}"\n}}\n'
        (self.folder / "main.tf").write_text(block)

    def _terraform(self, *words, way=None):
        return killing.run([self.program, *words], way, cwd=self.folder, env=self.environment)


def _events(output):
    for line in output.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return  # The last line, cut off.

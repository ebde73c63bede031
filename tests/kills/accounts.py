"""One prefix in the emulator of AWS: some fifteen kinds, applied, killed, counted from outside, applied again."""

import pathlib
import shutil
import sys

import killing
from directory import Watched

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "faults"))

import inventory  # noqa: E402
from stores import REGION, inspect_aws  # noqa: E402

CONFIGURATION = TESTS / "configurations" / "fifteen_kinds"
# How often it is changed before it is destroyed and begun again.
REVISIONS = 3


class Account(Watched):
    def __init__(self, endpoint):
        self._endpoint = endpoint

    def __call__(self, binary, folder, store, seed):
        """One directory of it."""
        it = Account(self._endpoint)
        it.begin(binary, folder, store, seed)
        shutil.copytree(CONFIGURATION, it.work, dirs_exist_ok=True)
        (it.work / "backend.hcl").write_text(it.backend)
        it.prefix = folder.name.replace("_", "-")
        it.account = inspect_aws.Account(self._endpoint, REGION)
        it.revision = 1
        return it

    def run(self, kills):
        """Kills so many applies and destructions."""
        while self.tally.kills < kills:
            wanted = inventory.expected(self.prefix, self.revision)
            self._end("apply", wanted, kills)
            if self.revision < REVISIONS:
                self.revision += 1
            else:
                self._end("destroy", {}, kills)
                self.revision = 1
        self._whole("destroy", {})
        return self.tally

    def _end(self, command, wanted, kills):
        """Kills a command until it ends by itself."""
        while self.tally.kills < kills:
            way = self.ways.drawn()
            ended = self.do(command, *self._variables(), way=way)
            if not ended.killed:
                break
            self.tally.kills += 1
            self.look_after_a_kill(way)
            self._count(way)
        self._whole(command, wanted)

    def _whole(self, command, wanted):
        self.succeeded(self.do(command, *self._variables()), None)
        found = inventory.counted(self.account, self.prefix)
        for name in sorted(found.keys() | wanted.keys()):
            if found.get(name, 0) > wanted.get(name, 0):
                self.tally.fail("duplicates" if name in wanted else "orphans", f"{self.folder}: {found[name]} of {name}")
            elif found.get(name, 0) < wanted[name]:
                self.tally.fail("forgotten", f"{self.folder}: {found.get(name, 0)} of {name}, and not {wanted[name]}")
        if command == "apply":
            planned = self.ha("plan", "--detailed-exitcode", *self._variables())
            if planned.status != 0:
                self.tally.fail("failed", f"{self.folder}: a plan after a whole apply is not empty:\n{planned.output}{planned.told}")

    def _count(self, way):
        """Nothing may ever be there more often than it should; what is to go may be there still, and what is under way."""
        before, now = (inventory.expected(self.prefix, it) for it in (max(1, self.revision - 1), self.revision))
        # A new group lets everything out until it is told not to.
        new = {f"rules out of {self.prefix}-{name}": count for name, count in (("machine", 2), ("database", 1))}
        most = {name: max(it.get(name, 0) for it in (before, now, new)) for name in {*before, *now, *new}}
        for name, count in inventory.too_often(inventory.counted(self.account, self.prefix), most).items():
            self.tally.fail("duplicates", f"{self.folder}: {count} of {name} after a kill {way}")

    def _variables(self):
        given = {"endpoint": self._endpoint, "prefix": self.prefix, "revision": self.revision}
        return [word for name, value in given.items() for word in ("--var", f"{name}={value}")]

"""One directory: applied, killed, looked at from outside, applied again."""

import concurrent.futures
import json
import pathlib
import random
import re

import killing
from tally import Tally
from wishes import Wishes

# In one directory, before the next begins.
KILLS_EACH = 25
LOCKED = re.compile(r"it is locked by `ha \w+`, process (\d+) of ")


def kill_all(what, binary, store, folder, kills, seed, parallel, watch=lambda done: None):
    """Kills so many applies, in so many directories at a time, each of which is a `what`."""
    whole = Tally()
    shares = [min(KILLS_EACH, kills - done) for done in range(0, kills, KILLS_EACH)]

    def one(index_and_share):
        index, share = index_and_share
        try:
            whole.add(what(binary, pathlib.Path(folder) / f"{store.name}_{index}", store, f"{seed}-{index}").run(share))
        except Exception as error:
            error.add_note(f"in directory {index}, with the seed {seed}")
            raise
        watch(whole.kills)

    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        list(pool.map(one, enumerate(shares)))
    return whole


class Watched:
    """What is the same for whatever is in it."""

    def begin(self, binary, folder, store, seed):
        self.binary, self.folder, self.store = binary, folder, store
        self.chance = random.Random(seed)
        self.ways = killing.Ways(self.chance)
        self.tally = Tally()
        self.state = None
        (folder / "home").mkdir(parents=True)
        self.work = folder / "work"
        self.work.mkdir()
        self.backend = store.backend(folder.name)
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder / "home")}

    def ha(self, *words, way=None):
        """Runs it; what it tells goes to a file."""
        return killing.run([self.binary, *words], way, watched=self.work / "events.json", cwd=self.work, env=self.environment)

    def do(self, command, *words, way=None):
        """Applies or destroys."""
        (self.work / "events.json").unlink(missing_ok=True)
        whole = (command, "--yes", "--json-into", "events.json", *words)
        ended, seconds = killing.timed(lambda: self.ha(*whole, way=way))
        self.ways.learn(way, ended, seconds)
        if not self.store.leased:
            return ended
        if ended.killed:
            self._unlock()
        elif (holder := LOCKED.search(ended.told)) and not pathlib.Path(f"/proc/{holder[1]}").exists():
            # What one that was killed had asked for last came through once its locks had been looked for.
            self._unlock()
            return self.do(command, *words, way=way)
        elif (left := self.ha("state", "locks", "--json").output.strip()) != "[]":
            self.tally.fail("failed", f"{self.folder}: a run that ended by itself leaves a lock:\n{left}")
        return ended

    def _unlock(self):
        """Takes away the lock of one that was killed, as whoever has killed it may."""
        locks = self.ha("state", "locks", "--json")
        for lock in json.loads(locks.output or "[]"):
            unlocked = self.ha("state", "unlock", lock["id"])
            if unlocked.status != 0:
                self.tally.fail("failed", f"{self.folder}: the lock cannot be taken away:\n{unlocked.told}")

    def succeeded(self, ended, way):
        if ended.status != 0:
            self.tally.fail("failed", f"{self.folder}: a run that was not killed ({way}) failed:\n{ended.told}")

    def pulled(self, way):
        """The state as `ha` prints it."""
        pulled = self.ha("state", "pull", "--show-sensitive")
        if pulled.status != 0:
            self.tally.fail("lost", f"{self.folder}: the state does not open after a kill {way}:\n{pulled.told}")
            return None
        # Before the first frame there is nothing to print.
        state = json.loads(pulled.output or '{"lineage": "", "number": 0, "records": []}')
        before = self.state
        if before and before["number"] and (state["lineage"] != before["lineage"] or state["number"] < before["number"]):
            self.tally.fail("lost", f"{self.folder}: the state is an older or another one after a kill {way}")
        self.state = state
        return state

    def told_as_done(self):
        """What the run said of each instance last: the event, and the id."""
        last = {}
        events = self.work / "events.json"
        for line in events.read_text().splitlines() if events.exists() else []:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # The last line, cut off.
            if event.get("type") in ("apply_complete", "recover_complete") and "action" in event["hook"]:
                hook = event["hook"]
                address, action = hook["resource"]["addr"], hook["action"]
                if event["type"] == "recover_complete":
                    action = "recover"
                # After a successor was made, what is deleted is the one before.
                elif action == "delete" and last.get(address, ("",))[0] in ("create", "recover"):
                    continue
                if action != "read":
                    last[address] = (action, hook.get("id_value"))
        return last

    def look_after_a_kill(self, way):
        """All that was told as done must be on record."""
        before = self.state
        state = self.pulled(way)
        if state is None:
            return None
        records = {it["address"]: it for it in state["records"]}
        versions = {it["address"]: it["version"] for it in (before or {}).get("records", [])}
        last = self.told_as_done()
        self.tally.steps += len(last)
        for address, (action, id_value) in last.items():
            record = records.get(address)
            if action == "delete":
                # What is replaced may be on record again before that is told, and what came of it deposed.
                is_as_told = record is None or record["version"] != versions.get(address)
            else:
                is_as_told = record is not None and (not id_value or record["id"] == id_value)
            if not is_as_told:
                self.tally.fail("forgotten", f"{self.folder}: {address}: {action} {id_value} was told as done, and is not ({way})")
        begun = {it["intent"]["address"] for it in state.get("unfinished", [])}
        return records, begun, last


class Directory(Watched):
    """Kept values and files of this machine."""

    def __init__(self, binary, folder, store, seed):
        self.begin(binary, folder, store, seed)
        self.wishes = Wishes(self.chance)
        # What was recorded and must stay so: the id, and what would make another one of it.
        self.kept = {}

    def run(self, kills):
        """Kills so many applies."""
        while self.tally.kills < kills:
            if self.chance.random() < 0.6:
                self.wishes.change()
            self._write()
            way = self.ways.drawn()
            ended = self.do("apply", way=way)
            if ended.killed:
                self.tally.kills += 1
                self._look_after_a_kill(way)
                if self.chance.random() < 0.3:
                    self._converge()
            else:
                self.succeeded(ended, way)
                self._look_when_whole(way)
        self._converge()
        self.wishes.empty()
        self._converge()
        return self.tally

    def _write(self):
        (self.work / "main.hcl").write_text(self.wishes.written(self.backend))

    def _converge(self):
        self._write()
        self.succeeded(self.do("apply"), None)
        self._look_when_whole(None)

    def _look_after_a_kill(self, way):
        looked = self.look_after_a_kill(way)
        if looked is None:
            return
        records, begun, last = looked
        wanted, identities = self.wishes.arguments(), self.wishes.identities()
        for address, (action, _) in last.items():
            if action in ("create", "update") and wanted.get(address) not in (None, _content(records.get(address))):
                self.tally.fail("forgotten", f"{self.folder}: {address} is not as it was told to be ({way})")
        for address, (_, identity) in self.kept.items():
            if address not in records and address not in begun and identities.get(address) == identity:
                self.tally.fail("forgotten", f"{self.folder}: {address} was there before the kill {way}")
        for address, record in records.items():
            if "filename" in record["arguments"] and address not in begun and identities.get(address) == _identity(record):
                path = self.work / record["arguments"]["filename"]
                if not path.exists() or path.read_text() != record["arguments"]["content"]:
                    self.tally.fail("forgotten", f"{self.folder}: {path.name} is not what is recorded ({way})")
        self.kept = _kept(records)

    def _look_when_whole(self, way):
        state = self.pulled(way)
        if state is None:
            return
        planned = self.ha("plan", "--detailed-exitcode")
        if planned.status != 0:
            self.tally.fail("failed", f"{self.folder}: a plan after a whole apply is not empty:\n{planned.output}{planned.told}")
        records = {it["address"]: it for it in state["records"]}
        wanted = self.wishes.arguments()
        if records.keys() != wanted.keys() or state.get("unfinished") or state.get("deposed"):
            self.tally.fail("failed", f"{self.folder}: the state is not what is wanted: {sorted(records.keys() ^ wanted.keys())}")
        ids = [it["id"] for it in records.values()]
        if len(ids) != len(set(ids)):
            self.tally.fail("duplicates", f"{self.folder}: two instances have one id")
        for address, (id_value, identity) in self.kept.items():
            if address in records and _identity(records[address]) == identity and records[address]["id"] != id_value:
                self.tally.fail("forgotten", f"{self.folder}: {address} was made again although it was there")
        self.kept = _kept(records)
        files = {it["arguments"]["filename"]: it["arguments"]["content"] for it in records.values() if "filename" in it["arguments"]}
        there = {str(it.relative_to(self.work)): it.read_text() for it in self.work.glob("out/*")}
        for name in there.keys() - files.keys():
            self.tally.fail("orphans", f"{self.folder}: {name} is on disk, and nothing wants it")
        for name in files.keys() - there.keys():
            self.tally.fail("forgotten", f"{self.folder}: {name} is recorded and not on disk")
        if any(there[name] != files[name] for name in there.keys() & files.keys()):
            self.tally.fail("failed", f"{self.folder}: a file holds something else than is recorded")


def _kept(records):
    return {address: (record["id"], _identity(record)) for address, record in records.items()}


def _identity(record):
    """What makes another one of it when it changes."""
    arguments = record["arguments"]
    return arguments.get("filename", arguments.get("triggers_replace", ""))


def _content(record):
    arguments = record["arguments"] if record else {}
    return arguments.get("input", arguments.get("content"))

"""The same configuration under terraform and under `ha`, and what differs.

What may differ, and why:

- `ha` knows more. The `output` of `terraform_data` is what its `input` will be; terraform calls it unknown until apply.
  What terraform knows, `ha` has to know as well, and be of one mind about. A change that terraform plans only because
  something is unknown may turn out to be none, and `ha` may say so at once.
- What is made of a secret argument is secret: `ha` hides the `output` of a secret `input`, terraform prints it.
- Dependencies are recorded directly, not transitively: closures are compared. They do not reach through a block that has
  no instances and therefore no record.
- An output's value before a destruction: terraform takes the one it would have after a refresh.
- terraform fails when a trigger has no instances ("no change found for").
- After an apply that failed, `ha` keeps the outputs as they were; terraform writes what it could work out.
- Beside targets, which outputs are worked out: terraform goes by what they refer to, `ha` by what is left out of changes.
- A mistake that terraform meets at apply only, `ha` may refuse before anything is touched; what is to be destroyed may
  have mistakes.
"""

import json

from two_engines import without_keys


def events(outcome):
    """What an apply began and ended, in order: begins or ends, address, what."""
    told = []
    for line in outcome.stdout.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("type") in ("apply_start", "apply_complete"):
            hook = event["hook"]
            told.append((event["type"] == "apply_start", hook["resource"]["addr"].replace("ha_data", "terraform_data"), hook["action"]))
    return told


def out_of_order(told, before, after):
    """Pairs of steps of which one did not wait for the other, going by the dependencies before and after."""
    begun, ended = {}, {}
    for number, (begins, address, action) in enumerate(told):
        deletes = action == "delete"
        (begun if begins else ended).setdefault((without_keys(address), deletes), []).append(number)
    wrong = []
    for links, deletes in ((before, True), (after, False)):
        for block, needed in links.items():
            for other in needed:
                first, then = (block, other) if deletes else (other, block)
                if max(ended.get((first, deletes), [-1])) > min(begun.get((then, deletes), [len(told)])):
                    wrong.append(f"{'deletion' if deletes else 'making'} of {then} before that of {first}")
    return wrong


def closure(dependencies):
    whole = {}
    for block, direct in dependencies.items():
        found, left = set(), list(direct)
        while left:
            it = left.pop()
            if it not in found:
                found.add(it)
                left += dependencies.get(it, ())
        whole[block] = found
    return whole


class Comparison:
    """Collects what differs, one line each."""

    def __init__(self, terraform, ha):
        self.terraform = terraform
        self.ha = ha
        self.found = []
        # What was let pass, by its reason.
        self.allowed = []
        self.destroys = False
        # What `ha` does less to, and may.
        self.weaker = set()
        # What depended on what before the step.
        self.links = closure(ha.state()[1])

    def differ(self, what, theirs, ours):
        self.found.append(f"{what}: terraform {_short(theirs)}, ha {_short(ours)}")

    def plans(self, theirs, ours, destroys, chosen):
        """Changes and outputs."""
        self.destroys = destroys
        changes = [{_name(it): it for it in plan.get("resource_changes", [])} for plan in (theirs, ours)]
        both = {name: (changes[0].get(name), changes[1].get(name)) for name in sorted(changes[0].keys() | changes[1].keys())}
        # One may be weaker because another is.
        for _ in range(2):
            self.weaker |= {name for name, pair in both.items() if self.knows_better(*pair)}
        self.allowed += ["what terraform thinks may change, ha knows will not"] * len(self.weaker)
        for name, pair in both.items():
            self.change(name, *pair)
        outputs = theirs.get("output_changes", {}), ours.get("output_changes", {})
        if not destroys and not chosen:
            for name in sorted(outputs[0].keys() | outputs[1].keys()):
                self.output(name, outputs[0].get(name), outputs[1].get(name))

    def knows_better(self, theirs, ours):
        """Whether `ha` does less, and may, as terraform goes by what it does not know."""
        if theirs is None:
            return False
        strength = [2 if len(it) == 2 else ["no-op", "update"].index(it[0]) if it[0] in ("no-op", "update") else 9 for it in _actions(theirs, ours)]
        unknown = theirs["change"].get("after_unknown") or {}
        unsure = any(_anything(unknown.get(it)) for it in ("input", "triggers_replace"))
        triggered = theirs.get("action_reason") == "replace_by_triggers" and self.weaker
        return strength[1] < strength[0] < 9 and bool(unsure or triggered)

    def change(self, name, theirs, ours):
        for said in ("previous_address", "importing"):
            one, two = ((it or {}).get(said) or (it or {}).get("change", {}).get(said) for it in (theirs, ours))
            # Where all is destroyed, terraform does not say what has moved before.
            if one != two and not (one is None and self.destroys):
                self.differ(f"{name} {said}", one, two)
        if name in self.weaker:
            return
        their_actions, our_actions = _actions(theirs, ours)
        if their_actions != our_actions:
            self.differ(f"{name} actions", their_actions, our_actions)
            return
        if theirs is None or ours is None:
            return
        reasons = theirs.get("action_reason"), ours.get("action_reason")
        # A new instance beside a trigger is made because it is new, whatever terraform says; and what goes with its module
        # goes because of that, where terraform does so only while there is a call.
        whole = ("delete_because_no_resource_config", "delete_because_no_module")
        if their_actions != ["create"] and reasons[0] != reasons[1] and reasons != whole:
            self.differ(f"{name} action_reason", theirs.get("action_reason"), ours.get("action_reason"))
        paths = [sorted(map(json.dumps, it["change"].get("replace_paths", []))) for it in (theirs, ours)]
        if paths[0] != paths[1]:
            self.differ(f"{name} replace_paths", *paths)
        their_change, our_change = theirs["change"], ours["change"]
        for side in ("before", "after"):
            for attribute in ("input", "triggers_replace", "output", "id"):
                at = f"{name} {side} {attribute}"
                unknown = [_at(it.get("after_unknown"), attribute) if side == "after" else False for it in (their_change, our_change)]
                values = [
                    engine.named(_at(it.get(side), attribute)) for engine, it in ((self.terraform, their_change), (self.ha, our_change))
                ]
                self.values(at, values[0], values[1], unknown[0], unknown[1])
                marks = [_paths(_at(it.get(f"{side}_sensitive"), attribute)) for it in (their_change, our_change)]
                # Of a value that is unknown in terraform nothing is said.
                if not marks[0] <= marks[1] and not any(mark[: len(it)] == it for mark in marks[0] for it in marks[1]):
                    self.differ(f"{at} sensitive", sorted(marks[0]), sorted(marks[1]))

    def values(self, at, theirs, ours, theirs_unknown, ours_unknown):
        if theirs_unknown is True:
            return
        if ours_unknown is True:
            self.differ(f"{at} known", theirs, "(known after apply)")
        elif isinstance(theirs_unknown, dict | list) and isinstance(theirs, dict | list) and type(theirs) is type(ours):
            keys = list(theirs.keys() | ours.keys() if isinstance(theirs, dict) else range(max(len(theirs), len(ours))))
            if isinstance(theirs_unknown, dict):
                keys = list({*keys, *theirs_unknown})
            for key in keys:
                inner = _at(theirs_unknown, key), _at(ours_unknown, key)
                self.values(f"{at}.{key}", _at(theirs, key), _at(ours, key), *inner)
        elif theirs != ours:
            self.differ(at, theirs, ours)

    def output(self, name, theirs, ours):
        theirs = theirs or {"actions": ["no-op"]}
        ours = ours or {"actions": ["no-op"]}
        unknown = theirs.get("after_unknown", False)
        if theirs["actions"] != ours["actions"]:
            if _anything(unknown) and theirs["actions"] == ["update"] and ours["actions"] == ["no-op"]:
                self.allowed.append("an output that terraform thinks may change, ha knows will not")
            else:
                self.differ(f"output {name} actions", theirs["actions"], ours["actions"])
            return
        if ours["actions"] == ["no-op"]:
            return
        for side in ("before", "after"):
            unknowns = [it.get("after_unknown", False) if side == "after" else False for it in (theirs, ours)]
            values = self.terraform.named(theirs.get(side)), self.ha.named(ours.get(side))
            self.values(f"output {name} {side}", *values, *unknowns)
            marks = [_paths(it.get(f"{side}_sensitive")) for it in (theirs, ours)]
            if not marks[0] <= marks[1] and not any(mark[: len(it)] == it for mark in marks[0] for it in marks[1]):
                self.differ(f"output {name} {side} sensitive", *map(sorted, marks))

    def orders(self, their_apply, our_apply):
        """Steps wait for one another as the dependencies say."""
        before, after = self.links, closure(self.ha.state()[1])
        theirs, ours = (out_of_order(events(it), before, after) for it in (their_apply, our_apply))
        if set(ours) - set(theirs):
            self.differ("the order", theirs, ours)
        # The same steps, whatever their order.
        if not self.weaker and not our_apply.returncode:
            # Of what is forgotten terraform says nothing.
            did = [{it[1:] for it in events(apply) if it[2] != "forget"} for apply in (their_apply, our_apply)]
            # An update that comes to nothing is begun by `ha`, and is not by terraform.
            if did[0] - did[1] or any(action != "update" for _, action in did[1] - did[0]):
                self.differ("the steps", *map(sorted, did))

    def states(self, applied):
        (theirs, their_links, their_outputs), (ours, our_links, our_outputs) = self.terraform.state(), self.ha.state()
        for address in sorted(theirs.keys() | ours.keys()):
            one, two = self.terraform.named(theirs.get(address)), self.ha.named(ours.get(address))
            if one != two:
                self.differ(f"{address} in the state", one, two)
        for name in sorted(their_outputs.keys() | our_outputs.keys()) if applied else ():
            one, two = self.terraform.named(their_outputs.get(name)), self.ha.named(our_outputs.get(name))
            if one != two:
                self.differ(f"output {name} in the state", one, two)
        one, two = closure(their_links), closure(our_links)
        for block in sorted(one.keys() & two.keys()):
            # What is gone is still named by terraform where nothing else has changed.
            there = [it[block] & their_links.keys() for it in (one, two)]
            if there[1] - there[0] or there[0] - there[1] and there[0] == one[block]:
                self.differ(f"{block} dependencies", *map(sorted, there))


def _actions(*changes):
    return [it["change"]["actions"] if it else ["no-op"] for it in changes]


def _name(change):
    return change["address"] + (" deposed" if change.get("deposed") else "")


def _at(value, key):
    if value is True:
        return True
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return None


def _anything(mark):
    """Whether anything is marked."""
    if isinstance(mark, dict | list):
        return any(map(_anything, mark.values() if isinstance(mark, dict) else mark))
    return mark is True


def _paths(mark, at=()):
    if isinstance(mark, dict | list):
        pairs = mark.items() if isinstance(mark, dict) else enumerate(mark)
        return {path for key, it in pairs for path in _paths(it, (*at, str(key)))}
    return {at} if mark is True else set()


def _short(value):
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) < 400 else text[:400] + "..."

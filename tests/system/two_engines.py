"""The same configuration under terraform and under `ha`, and what differs.

What may differ, and why:

- `ha` knows more. The `output` of `terraform_data` is what its `input` will be; terraform calls it unknown until apply.
  What terraform knows, `ha` has to know as well, and be of one mind about. A change that terraform plans only because
  something is unknown may turn out to be none, and `ha` may say so at once.
- What is made of a secret argument is secret: `ha` hides the `output` of a secret `input`, terraform prints it.
- Dependencies are recorded directly, not transitively: closures are compared.
- An output's value before a destruction: terraform takes the one it would have after a refresh.
- terraform fails when a trigger has no instances ("no change found for").
- A mistake that terraform meets at apply only, `ha` may refuse before anything is touched; what is to be destroyed may
  have mistakes.
"""

import json
import os
import pathlib
import re
import subprocess

TIME_LIMIT = 120
IDENTITY = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|\b[0-9a-fA-F]{32}\b")
REPLACE = (["delete", "create"], ["create", "delete"])


class Engine:
    """One of the two in a folder of its own."""

    def __init__(self, folder, command, environment):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.command = command
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder.parent), "LANG": "C.UTF-8", **environment}
        self.identities = {}

    def run(self, *words, environment=()):
        outcome = subprocess.run(
            [self.command, *words],
            cwd=self.folder,
            env={**self.environment, **dict(environment)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
        )
        if outcome.returncode not in (0, 1, 2) or "panicked" in outcome.stderr:
            raise AssertionError(f"{self.command} {' '.join(words)}: {outcome.returncode}\n{outcome.stdout}\n{outcome.stderr}")
        return outcome

    def write(self, files, renamed=lambda path, text: (path, text)):
        for path in self.folder.rglob("*"):
            if path.is_file() and not {".ha", ".terraform"} & set(path.parts) and not path.name.startswith("terraform.tfstate"):
                path.unlink()
        for path, text in files.items():
            path, text = renamed(path, text)
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)

    def named(self, value):
        """A value with identities by the address of what has them."""
        text = json.dumps(value, ensure_ascii=False)
        return json.loads(IDENTITY.sub(lambda found: self.identities.get(found[0].lower(), "<gone>"), text))


class Terraform(Engine):
    def __init__(self, folder):
        super().__init__(folder, "terraform", {"TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"})

    def plan(self, step):
        self.write(step.files)
        environment = {f"TF_VAR_{name}": value for name, value in step.environment.items()}
        if any("/" in path for path in step.files):
            found = self.run("init", "-input=false", "-no-color")
            if found.returncode:
                return found, None
        words = ["plan", "-input=false", "-no-color", "-detailed-exitcode", "-out=plan", "-lock=false"]
        words += [f"-{it}" for it in step.options] + [f"-var={name}={value}" for name, value in step.variables.items()]
        outcome = self.run(*words, environment=environment)
        if outcome.returncode == 1:
            return outcome, None
        shown = self.run("show", "-json", "plan")
        return outcome, json.loads(shown.stdout)

    def apply(self):
        return self.run("apply", "-input=false", "-no-color", "-json", "plan")

    def state(self):
        path = self.folder / "terraform.tfstate"
        state = json.loads(path.read_text()) if path.exists() else {"resources": [], "outputs": {}}
        instances, dependencies = {}, {}
        for resource in state["resources"]:
            block = f"{resource.get('module', '')}.{resource['type']}.{resource['name']}".lstrip(".")
            for instance in resource["instances"]:
                if "deposed" in instance:
                    continue
                key = instance.get("index_key")
                address = block if key is None else f"{block}[{json.dumps(key, ensure_ascii=False)}]"
                values = {name: _plain(value) for name, value in instance["attributes"].items()}
                instances[address] = {name: values.get(name) for name in ("id", "input", "output", "triggers_replace")}
                self.identities[values["id"].lower()] = _identity(address)
                dependencies.setdefault(block, set()).update(instance.get("dependencies", []))
        outputs = {name: {"value": it["value"], "sensitive": it.get("sensitive", False)} for name, it in state["outputs"].items()}
        return instances, {block: {_without_keys(it) for it in them} for block, them in dependencies.items()}, outputs


class Ha(Engine):
    """`spelling` is that of the files: "tf" as they are, "hcl" in its own."""

    def __init__(self, folder, binary, spelling):
        super().__init__(folder, binary, {})
        self.spelling = spelling

    def own(self, path, text):
        if self.spelling == "tf":
            return path, text
        path = re.sub(r"\.tf(\.json)?$", r".hcl\1", path)
        path = path.replace("terraform.tfvars", "ha.hclvars").replace(".tfvars", ".hclvars")
        return path, text.replace("terraform_data", "ha_data")

    def theirs(self, text):
        return text if self.spelling == "tf" else text.replace("ha_data", "terraform_data")

    def plan(self, step):
        self.write(step.files, self.own)
        prefix = "TF_VAR_" if self.spelling == "tf" else "HA_VAR_"
        environment = {prefix + name: value for name, value in step.environment.items()}
        words = ["plan", "--out", "plan", "--detailed-exitcode", "--json", "--show-sensitive"]
        words += [f"--{self.own('', it)[1]}" for it in step.options]
        words += [f"--var={name}={value}" for name, value in step.variables.items()]
        outcome = self.run(*words, environment=environment)
        if outcome.returncode == 1:
            return outcome, None
        return outcome, json.loads(self.theirs(outcome.stdout.splitlines()[-1]))

    def apply(self):
        return self.run("apply", "--yes", "--json", "plan")

    def state(self):
        shown = self.run("show", "--json", "--show-sensitive")
        if shown.returncode:
            raise AssertionError(f"ha show: {shown.stderr}")
        values = json.loads(self.theirs(shown.stdout))["values"]
        instances, dependencies = {}, {}
        for module in _modules(values["root_module"]):
            for it in module.get("resources", []):
                instances[it["address"]] = {name: it["values"].get(name) for name in ("id", "input", "output", "triggers_replace")}
                self.identities[it["values"]["id"].lower()] = _identity(it["address"])
                dependencies.setdefault(_without_keys(it["address"]), set()).update(map(_without_keys, it["depends_on"]))
        outputs = {name: {"value": it["value"], "sensitive": it["sensitive"]} for name, it in values["outputs"].items()}
        return instances, dependencies, outputs


def _modules(module):
    yield module
    for child in module.get("child_modules", []):
        yield from _modules(child)


def _identity(address):
    return f"<{address}>".replace('"', "'")


def _without_keys(address):
    return re.sub(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]', "", address)


def _plain(value):
    """A dynamic value of terraform's state without its type."""
    return value["value"] if isinstance(value, dict) and set(value) == {"value", "type"} else value


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
        (begun if begins else ended).setdefault((_without_keys(address), deletes), []).append(number)
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
        # Of terraform's blocks before the step.
        self.links = closure(terraform.state()[1])

    def differ(self, what, theirs, ours):
        self.found.append(f"{what}: terraform {_short(theirs)}, ha {_short(ours)}")

    def plans(self, theirs, ours, destroys):
        changes = [{_name(it): it for it in plan.get("resource_changes", [])} for plan in (theirs, ours)]
        self.weaker = set()
        # What is weaker because of something else that is weaker is found in the second round.
        for it in sorted(changes[0].keys() | changes[1].keys()) * 2:
            mark = len(self.found)
            self.change(it, changes[0].get(it), changes[1].get(it))
            self.found = list(dict.fromkeys(self.found)) if it not in self.weaker else self.found[:mark]
        self.found = [it for it in self.found if it.split(" ", 1)[0].rstrip(":") not in self.weaker]
        outputs = theirs.get("output_changes", {}), ours.get("output_changes", {})
        if destroys:
            outputs = {}, {}
        for name in sorted(outputs[0].keys() | outputs[1].keys()):
            self.output(name, outputs[0].get(name), outputs[1].get(name))

    def change(self, name, theirs, ours):
        their_actions = theirs["change"]["actions"] if theirs else ["no-op"]
        our_actions = ours["change"]["actions"] if ours else ["no-op"]
        theirs_moved, ours_moved = (theirs or {}).get("previous_address"), (ours or {}).get("previous_address")
        if theirs_moved != ours_moved:
            self.differ(f"{name} previous_address", theirs_moved, ours_moved)
        if (theirs or {}).get("change", {}).get("importing") != (ours or {}).get("change", {}).get("importing"):
            self.differ(f"{name} importing", theirs["change"].get("importing"), ours and ours["change"].get("importing"))
        if their_actions != our_actions:
            unknown = theirs and theirs["change"].get("after_unknown") or {}
            unsure = any(_anything(unknown.get(it)) for it in ("input", "triggers_replace"))
            triggered = theirs and theirs.get("action_reason") == "replace_by_triggers" and self.weaker
            strength = {"no-op": 0, "update": 1}
            if (unsure or triggered) and strength.get(our_actions[0], 2) < strength.get(their_actions[0], 2):
                self.weaker.add(name)
                self.allowed.append("what terraform thinks may change, ha knows will not")
            else:
                self.differ(f"{name} actions", their_actions, our_actions)
            return
        if theirs is None or ours is None:
            return
        # A new instance beside a trigger is made because it is new, whatever terraform says.
        if their_actions != ["create"] and theirs.get("action_reason") != ours.get("action_reason"):
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
        before, after = self.links, closure(self.terraform.state()[1])
        theirs, ours = (out_of_order(events(it), before, after) for it in (their_apply, our_apply))
        if set(ours) - set(theirs):
            self.differ("the order", theirs, ours)
        # The same steps, whatever their order.
        if not self.weaker:
            did = [sorted({it[1:] for it in events(apply)}) for apply in (their_apply, our_apply)]
            if did[0] != did[1]:
                self.differ("the steps", *did)

    def states(self):
        (theirs, their_links, their_outputs), (ours, our_links, our_outputs) = self.terraform.state(), self.ha.state()
        for address in sorted(theirs.keys() | ours.keys()):
            one, two = self.terraform.named(theirs.get(address)), self.ha.named(ours.get(address))
            if one != two:
                self.differ(f"{address} in the state", one, two)
        for name in sorted(their_outputs.keys() | our_outputs.keys()):
            one, two = self.terraform.named(their_outputs.get(name)), self.ha.named(our_outputs.get(name))
            if one != two:
                self.differ(f"output {name} in the state", one, two)
        one, two = closure(their_links), closure(our_links)
        for block in sorted(one.keys() & two.keys()):
            # What is gone is still named by terraform where nothing else has changed.
            there = [it[block] & their_links.keys() for it in (one, two)]
            if there[0] != there[1]:
                self.differ(f"{block} dependencies", *map(sorted, there))


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


def trouble(outcome):
    """Why a command was refused, on one line."""
    text = outcome.stderr + "".join(
        line for line in outcome.stdout.splitlines(keepends=True) if '"error"' in line or not line.startswith("{")
    )
    lines = [line.strip("│╷╵ \t") for line in text.splitlines()]
    return " ".join(line for line in lines if line)[:700]

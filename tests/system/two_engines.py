"""The engines, each in a folder of its own: what they plan, apply and have recorded."""

import json
import os
import pathlib
import re
import subprocess

TIME_LIMIT = 120
IDENTITY = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|\b[0-9a-fA-F]{32}\b")


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
        return instances, {block: {without_keys(it) for it in them} for block, them in dependencies.items()}, outputs


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
        words = ["plan", "--out", "plan", "--detailed-exitcode", "--document", "-", "--show-sensitive"]
        words += [f"--{self.own('', it)[1]}" for it in step.options]
        words += [f"--var={name}={value}" for name, value in step.variables.items()]
        outcome = self.run(*words, environment=environment)
        if outcome.returncode == 1:
            return outcome, None
        return outcome, json.loads(self.theirs(outcome.stdout))

    def apply(self):
        return self.run("apply", "--yes", "--json", "plan")

    def state(self):
        shown = self.run("show", "--json", "--show-sensitive")
        if shown.returncode:
            raise AssertionError(f"ha show: {shown.stderr}")
        values = json.loads(self.theirs(shown.stdout)).get("values", {})
        instances, dependencies = {}, {}
        for module in _modules(values.get("root_module", {})):
            for it in module.get("resources", []):
                instances[it["address"]] = {name: it["values"].get(name) for name in ("id", "input", "output", "triggers_replace")}
                self.identities[it["values"]["id"].lower()] = _identity(it["address"])
                dependencies.setdefault(without_keys(it["address"]), set()).update(map(without_keys, it.get("depends_on", [])))
        outputs = {name: {"value": it["value"], "sensitive": it["sensitive"]} for name, it in values.get("outputs", {}).items()}
        return instances, dependencies, outputs


def _modules(module):
    yield module
    for child in module.get("child_modules", []):
        yield from _modules(child)


def _identity(address):
    return f"<{address}>".replace('"', "'")


def without_keys(address):
    return re.sub(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]', "", address)


def _plain(value):
    """A dynamic value of terraform's state without its type."""
    return value["value"] if isinstance(value, dict) and set(value) == {"value", "type"} else value


def trouble(outcome):
    """Why a command was refused, on one line."""
    text = outcome.stderr + "".join(
        line for line in outcome.stdout.splitlines(keepends=True) if '"error"' in line or not line.startswith("{")
    )
    lines = [line.strip("│╷╵ \t") for line in text.splitlines()]
    return " ".join(line for line in lines if line)[:700]

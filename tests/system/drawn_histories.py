"""A configuration and what happens to it, step by step."""

import copy
import random

import drawn_expressions as drawn
from drawn_configurations import Module, repaired
from drawn_expressions import literal
from drawn_items import Call, Check, Local, Output, Resource, Variable


class Step:
    """One state of the files, and how the engines are called."""

    def __init__(self, what):
        self.what = what
        self.files = {}
        # Pairs of name and value.
        self.environment = {}
        self.variables = {}
        # `destroy`, `replace=ADDRESS`, `target=ADDRESS`, `refresh=false`
        self.options = []


class History:
    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.names = 0
        self.root = Module("")
        self.before = copy.deepcopy((self.root, self.names))
        # Many small ones, and some that are not.
        for _ in range(self.draw.choice([2, 3, 3, 5, 8, 12])):
            self.add(self.root)
        self.steps = [self.step("the first")]

    def edit(self):
        self.before = copy.deepcopy((self.root, self.names))
        what = [self.one_edit() for _ in range(self.draw.choice([0, 1, 1, 1, 2, 3]))]
        self.steps.append(self.step(", ".join(what) or "nothing"))

    def undo(self):
        """What no one accepts is taken back, that the history may go on."""
        self.root, self.names = self.before

    def step(self, what):
        draw, root = self.draw, self.root
        repaired(draw, root)
        step = Step(what)
        step.files = root.files()
        given = {"tfvars": [], "auto": []}
        for it in root.of(Variable):
            if it.source in given:
                given[it.source].append(f"{it.name} = {it.value}\n")
            elif it.source in ("environment", "option"):
                is_text = it.value.startswith('"') and it.constraint == "string"
                value = it.value[1:-1] if is_text else it.value
                (step.environment if it.source == "environment" else step.variables)[it.name] = value
        for source, name in (("tfvars", "terraform.tfvars"), ("auto", "some.auto.tfvars")):
            if given[source]:
                step.files[name] = "".join(given[source])
        instances = sorted(root.instances())
        roll = draw.random()
        if roll < 0.06:
            step.options.append("destroy")
        elif roll < 0.14 and instances:
            step.options += [f"replace={it}" for it in draw.sample(instances, draw.choice([1, min(2, len(instances))]))]
        elif roll < 0.2 and instances:
            step.options.append(f"target={draw.choice(instances)}")
        elif roll < 0.26:
            step.options.append("refresh=false")
        return step

    def name(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    # New things.

    def add(self, module, kind=None):
        draw = self.draw
        type_ = draw.choice(drawn.TYPES)
        call_of = getattr(module, "call", None)
        kinds = ["resource"] * 5 + ["local"] * 2 + ["output", "check"] + ([] if call_of else ["variable"])
        if module.directory.count("/") < 3:
            kinds.append("call")
        kind = kind or draw.choice(kinds)
        at = draw.randrange(len(module.items) + 1) if draw.random() < 0.3 else len(module.items)
        if kind == "variable":
            module.items.insert(0, Variable(draw, self.name("v"), type_))
        elif kind == "local":
            item = Local(self.name("l"), type_)
            module.items.insert(at, item)
            item.redraw(draw, "value", module.scope(item), type_)
        elif kind == "resource":
            item = Resource(self.name("r"), type_)
            module.items.insert(at, item)
            self.dress(module, item)
        elif kind == "output":
            item = Output(self.name("o"), type_)
            module.outputs.append(item)
            item.redraw(draw, "value", module.scope(item), type_)
            if draw.random() < 0.15:
                self.condition(module, item, "precondition")
            self.use(module, item, 0.1)
        elif kind == "check":
            item = Check(self.name("c"), "bool")
            module.checks.append(item)
            self.condition(module, item, "condition")
        else:
            self.add_call(module, at)
        return kind

    def dress(self, module, item):
        draw = self.draw
        scope = module.scope(item)
        item.reshape(draw, scope)
        scope = module.scope(item)
        if draw.random() < 0.9:
            item.redraw(draw, "input", scope, item.type)
        if draw.random() < 0.4:
            item.redraw(draw, "triggers", scope, "any")
        self.use(module, item, 0.15)
        self.lifecycle(module, item, 0.1)
        item.overridden = draw.random() < 0.05
        # An import of what is only kept takes what the configuration says in `ha`; terraform finds nothing there.
        if draw.random() < 0.06 and item.instances() and not module.directory:
            item.expressions.pop("input", None)
            item.expressions.pop("triggers", None)
            module.imports.append((draw.choice(item.instances()), self.name("imported-")))

    def use(self, module, item, probability):
        at = module.items.index(item) if item in module.items else len(module.items)
        named = [it for it in module.items[:at] if isinstance(it, Resource | Call)]
        if named and self.draw.random() < probability:
            item.uses = [self.draw.choice(named)]

    def lifecycle(self, module, item, probability):
        draw = self.draw
        if draw.random() < probability * 2:
            item.create_before_destroy = draw.choice([None, "true", "true", "false"])
        if draw.random() < probability / 3:
            item.prevent_destroy = draw.choice([None, "true", "false"])
        if draw.random() < probability:
            item.ignored = draw.choice([[], ["input"], ["triggers_replace"], ["input", "triggers_replace"], ["all"]])
        earlier = [it for it in module.items[: module.items.index(item)] if isinstance(it, Resource)]
        if draw.random() < probability and earlier:
            item.triggered_by = [draw.choice(earlier)]
        for slot in ("precondition", "postcondition"):
            if draw.random() < probability / 2:
                self.condition(module, item, slot)

    def condition(self, module, item, slot):
        """Most hold; each refers to something, as terraform demands."""
        scope = module.scope(item)
        if scope:
            item.wants[slot] = "condition" if self.draw.random() < 0.85 else "bool!"
            item.redraw(self.draw, slot, scope)

    def add_call(self, module, at):
        draw = self.draw
        name = self.name("m")
        # Siblings lie within, so that every source is a path below.
        directory = f"{module.directory}/{name}" if module.directory else name
        child = Module(directory)
        call = child.call = Call(name, child)
        module.items.insert(at, call)
        for _ in range(draw.randrange(3)):
            child.items.append(Variable(draw, self.name("v"), draw.choice(drawn.TYPES), call))
        for _ in range(draw.choice([1, 2, 3])):
            self.add(child)
        if draw.random() < 0.8:
            self.add(child, "output")
        scope = module.scope(call)
        call.reshape(draw, scope)
        for variable in child.of(Variable):
            call.redraw(draw, f"argument:{variable.name}", module.scope(call), variable.type)
        self.use(module, call, 0.15)

    # Edits.

    def one_edit(self):
        draw = self.draw
        module = draw.choice(list(self.root.modules()))
        edits = [self.value, self.value, self.value, self.expression, self.expression, self.expression, self.addition]
        edits += [self.removal, self.reshaping, self.reshaping, self.change_of_lifecycle, self.syntax]
        edits += [self.renaming, self.forgotten_moves]
        return draw.choice(edits)(module)

    def value(self, module):
        variables = self.root.of(Variable)
        if not variables:
            return self.expression(module)
        it = self.draw.choice(variables)
        it.value = literal(self.draw, it.type)
        if it.source == "default":
            it.default = it.value
        return f"{it.name} has another value"

    def expression(self, module):
        slots = [(it, slot) for it in [*module.items, *module.outputs] for slot in it.expressions]
        if not slots:
            return "nothing"
        item, slot = self.draw.choice(slots)
        if slot in ("input", "value") and not isinstance(item, Output) and self.draw.random() < 0.15:
            item.type = item.wants[slot] = self.draw.choice(drawn.TYPES)
        scope = module.scope(item)
        if slot.startswith("each:"):
            scope = scope[: len(scope) - 2 * len(item.own_scope())]
        item.redraw(self.draw, slot, scope)
        return f"{slot} of {item.name}"

    def addition(self, module):
        return f"another {self.add(module)}"

    def removal(self, module):
        if len(module.items) < 2:
            return self.addition(module)
        item = self.draw.choice(module.items)
        if isinstance(item, Variable) and item.call:
            return self.addition(module)
        module.items.remove(item)
        self.drop_sayings(module, item)
        if isinstance(item, Resource | Call) and self.draw.random() < 0.4:
            module.removed.append(item.address())
        return f"{item.name} gone"

    def drop_sayings(self, module, item):
        """Nothing is imported to, or moved to, what is not there as it was."""
        if isinstance(item, Resource | Call):
            address = item.address()
            module.imports = [it for it in module.imports if not _within(it[0], address)]
            module.moved = [it for it in module.moved if not _within(it[1], address)]

    def reshaping(self, module):
        repeated = [it for it in module.items if isinstance(it, Resource | Call)]
        if not repeated:
            return self.addition(module)
        it = self.draw.choice(repeated)
        before = it.instances()
        it.reshape(self.draw, module.scope(it)[: len(module.scope(it)) - 2 * len(it.own_scope())])
        after = it.instances()
        self.drop_sayings(module, it)
        if self.draw.random() < 0.5:
            gone, new = [a for a in before if a not in after], [a for a in after if a not in before]
            module.moved += zip(gone, new, strict=False)
        return f"another shape of {it.name}"

    def change_of_lifecycle(self, module):
        resources = module.of(Resource)
        if not resources:
            return self.addition(module)
        it = self.draw.choice(resources)
        self.lifecycle(module, it, 0.6)
        self.use(module, it, 0.3)
        if it.uses and self.draw.random() < 0.5:
            it.uses = []
        return f"lifecycle of {it.name}"

    def syntax(self, module):
        module.syntax = self.draw.choice(["hcl", "json", "both"])
        return f"the syntax of {module.directory or 'the root'}"

    def renaming(self, module):
        repeated = [it for it in module.items if isinstance(it, Resource | Call)]
        if not repeated:
            return self.addition(module)
        it = self.draw.choice(repeated)
        old = it.address()
        it.name = self.name("r" if isinstance(it, Resource) else "m")
        if self.draw.random() < 0.9:
            # Longer chains and shorter ones.
            module.imports = [(to.replace(old, it.address(), 1) if _within(to, old) else to, id_) for to, id_ in module.imports]
            module.moved.append((old, it.address()))
        else:
            self.drop_sayings(module, it)
        return f"{old} renamed {it.address()}"


    def forgotten_moves(self, module):
        module.moved = [it for it in module.moved if self.draw.random() < 0.3]
        module.removed = [it for it in module.removed if self.draw.random() < 0.3]
        return "moves forgotten"


def _within(address, whole):
    return address == whole or address.startswith((whole + "[", whole + "."))

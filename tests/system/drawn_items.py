"""What a module is made of: variables, locals, resources, calls of modules, outputs and checks."""

import json

import drawn_expressions as drawn
from drawn_blocks import Block, Literal, Words
from drawn_expressions import converted, expression, literal


class Item:
    """Something with expressions, which others may refer to."""

    def __init__(self, name, type_):
        self.name = name
        self.type = type_
        # By a name of ours: the expression, and what type it has to have.
        self.expressions = {}
        self.wants = {}
        # What is named without being read.
        self.uses = []

    def redraw(self, draw, slot, scope, want=None):
        self.wants[slot] = want or self.wants[slot]
        self.expressions[slot] = expression(draw, self.wants[slot], scope)

    def text(self, slot):
        found = self.expressions.get(slot)
        return found and found.text()

    def all_references(self, slots=None):
        for slot in self.expressions if slots is None else slots:
            if slot in self.expressions:
                yield from self.expressions[slot].references()

    def attributes(self):
        return []

    def own_scope(self):
        """What only its own expressions may refer to."""
        return []

    def opaque(self, attribute):
        return any(it.opaque() for it in self.all_references())

    def sensitive(self, attribute):
        return any(it.item.sensitive(it.attribute) for it in self.all_references())


class Special:
    """`count.index` and the like."""

    def __init__(self, owner, text, type_):
        self.owner = owner
        self.name = text
        self.type = type_

    def access(self, attribute, pick):
        return self.name, self.type

    def opaque(self, attribute):
        return self.owner.follows is not None or any(it.opaque() for it in self.owner.all_references(self.owner.keys()))

    def sensitive(self, attribute):
        return any(it.item.sensitive(it.attribute) for it in self.owner.all_references(self.owner.keys()))


class Variable(Item):
    """`call` is what hands it in; none for the root's."""

    CONSTRAINTS = {
        "string": ["string", "any"],
        "number": ["number", "any"],
        "bool": ["bool"],
        "list": ["list(string)", "any", "set(string)"],
        "map": ["map(string)", 'object({ a = optional(string, "unset"), b = optional(string) })', "any"],
    }

    def __init__(self, draw, name, type_, call=None):
        super().__init__(name, type_)
        constraints = self.CONSTRAINTS[type_]
        # What a call hands in may hold identities, which would sort otherwise in the other engine.
        self.constraint = draw.choice([it for it in constraints if not (call and it.startswith("set"))])
        self.secret = draw.random() < 0.12
        self.nullable = draw.choice([None, None, "true", "false"])
        self.call = call
        self.source = "call" if call else draw.choice(["default", "default", "tfvars", "auto", "environment", "option"])
        self.default = literal(draw, type_) if self.source == "default" or draw.random() < 0.5 else None
        self.value = literal(draw, type_)
        self.validated = draw.random() < 0.2

    def attributes(self):
        return ["value"]

    def access(self, attribute, pick):
        text = f"var.{self.name}"
        if self.constraint.startswith("set"):
            text = f"tolist({text})"
        if self.constraint.startswith("object"):
            text = f'{{ for name, it in {text} : name => coalesce(it, "none") }}'
        return text, self.type

    def opaque(self, attribute):
        return self.call is not None and any(it.opaque() for it in self.call.all_references(["argument:" + self.name]))

    def sensitive(self, attribute):
        handed_in = self.call and any(
            it.item.sensitive(it.attribute) for it in self.call.all_references(["argument:" + self.name])
        )
        return self.secret or bool(handed_in)

    def block(self):
        block = Block("variable", self.name).set("type", Words(self.constraint)).set("default", self.default)
        block.set("nullable", self.nullable)
        if self.secret:
            block.set("sensitive", "true")
        if self.validated:
            condition = converted(f"var.{self.name}", self.type, "string", 0, False)
            if self.constraint.startswith("object") or self.constraint.startswith("set"):
                condition = f"jsonencode(var.{self.name})"
            block.add("validation").set("condition", f'{condition} != "green"').set(
                "error_message", Literal(f"not green, {self.name}.")
            )
        return block


class Local(Item):
    def attributes(self):
        return ["value"]

    def access(self, attribute, pick):
        return f"local.{self.name}", self.type


class Repeated(Item):
    """A resource or a call of a module: one, by number or by key."""

    def __init__(self, name, type_):
        super().__init__(name, type_)
        self.shape = None
        self.number = 0
        self.set_of_keys = False
        # Another one that has keys: one for each of its instances.
        self.follows = None

    def keys(self):
        """What gives the keys' values."""
        return [slot for slot in self.expressions if slot.startswith("each:")]

    def names(self):
        return self.follows.names() if self.follows else [slot[5:] for slot in self.keys()]

    def reshape(self, draw, scope):
        for slot in self.keys():
            del self.expressions[slot]
        self.shape = draw.choice([None, None, "count", "each"])
        if self.shape == "count":
            self.number = draw.choice([0, 1, 1, 2, 3])
        leaders = [it for it, _ in scope if isinstance(it, Resource) and it.shape == "each"]
        self.follows = draw.choice(leaders) if self.shape == "each" and leaders and draw.random() < 0.4 else None
        if self.shape == "each" and not self.follows:
            self.set_of_keys = draw.random() < 0.4
            for key in draw.sample(drawn.KEYS, draw.randrange(4)):
                self.redraw(draw, "each:" + key, scope, "string")

    def own_scope(self):
        if self.shape == "count":
            return [(Special(self, "count.index", "number"), "")]
        if self.shape == "each":
            value = "each.value.id" if self.follows else "each.value"
            return [(Special(self, "each.key", "string"), ""), (Special(self, value, "string"), "")]
        return []

    def instances(self):
        if self.shape == "count":
            return [f"{self.address()}[{i}]" for i in range(self.number)]
        if self.shape == "each":
            return [f"{self.address()}[{json.dumps(name)}]" for name in self.names()]
        return [self.address()]

    def repetition(self, block):
        if self.shape == "count":
            block.set("count", [str(self.number), f'length(split(",", "{"," * (self.number - 1)}"))'][self.number > 1])
        elif self.follows:
            block.set("for_each", self.follows.address())
        elif self.shape == "each" and self.set_of_keys:
            block.set("for_each", f"toset([{', '.join(map(json.dumps, self.names()))}])")
        elif self.shape == "each":
            pairs = [f"{json.dumps(slot[5:])} = {self.text(slot)}" for slot in self.keys()]
            block.set("for_each", "{ " + ", ".join(pairs) + " }")

    def instance_access(self, attribute, type_, pick, is_opaque):
        """One instance's, or all."""
        base, instances = self.address(), self.instances()
        if self.shape is None:
            return f"{base}.{attribute}", type_
        if instances and pick % 3:
            return f"{instances[pick % len(instances)]}.{attribute}", type_
        each = converted(f"it.{attribute}", type_, "string", pick // 3, is_opaque)
        if self.shape == "count":
            return f"[for it in {base} : {each}]", "list"
        if pick % 2:
            return f"[for key, it in {base} : {each}]", "list"
        return f"{{ for key, it in {base} : key => {each} }}", "map"


class Resource(Repeated):
    def __init__(self, name, type_):
        super().__init__(name, type_)
        self.create_before_destroy = None
        self.prevent_destroy = None
        self.ignored = []
        self.triggered_by = []
        self.imported = None
        self.overridden = False

    def address(self):
        return f"terraform_data.{self.name}"

    def attributes(self):
        return ["output", "output", "output", "input", "id"]

    def access(self, attribute, pick):
        if attribute == "id":
            return self.instance_access("id", "string", pick, True)
        if "input" not in self.expressions:
            return f'jsonencode({self.address()})', "string"
        if self.ignored:
            # What it was when it was made may have been of another type.
            text, type_ = self.instance_access(attribute, "any", pick, True)
            return f"jsonencode({text})", "string"
        return self.instance_access(attribute, self.type, pick, self.opaque(attribute))

    def opaque(self, attribute):
        if attribute == "id" or "input" not in self.expressions or self.ignored:
            return True
        return any(it.opaque() for it in self.all_references(["input", *self.keys()]))

    def sensitive(self, attribute):
        return attribute != "id" and any(
            it.item.sensitive(it.attribute) for it in self.all_references(["input", *self.keys()])
        )

    def block(self):
        block = Block("resource", "terraform_data", self.name)
        self.repetition(block)
        block.set("input", self.text("input")).set("triggers_replace", self.text("triggers"))
        if self.uses:
            block.set("depends_on", [Words(it.address()) for it in self.uses])
        lifecycle = Block("lifecycle")
        lifecycle.set("create_before_destroy", self.create_before_destroy).set("prevent_destroy", self.prevent_destroy)
        if self.ignored:
            words = [Words(it) for it in self.ignored]
            lifecycle.set("ignore_changes", words[0] if self.ignored == ["all"] else words)
        if self.triggered_by:
            lifecycle.set("replace_triggered_by", [Words(it.trigger()) for it in self.triggered_by])
        for slot in ("precondition", "postcondition"):
            if slot in self.expressions:
                said = lifecycle.add(slot).set("condition", self.text(slot))
                said.set("error_message", Literal(f"{slot} of {self.name}."))
        if lifecycle.arguments or lifecycle.blocks:
            block.blocks.append(lifecycle)
        return block

    def trigger(self):
        """As another's `replace_triggered_by` names it."""
        return self.address() + ([".input"] if self.shape is None and len(self.name) % 2 else [""])[0]


class Call(Repeated):
    def __init__(self, name, module):
        super().__init__(name, "any")
        self.module = module

    def address(self):
        return f"module.{self.name}"

    def attributes(self):
        return [output.name for output in self.module.outputs]

    def output(self, attribute):
        return next(it for it in self.module.outputs if it.name == attribute)

    def access(self, attribute, pick):
        return self.instance_access(attribute, self.output(attribute).type, pick, self.opaque(attribute))

    def opaque(self, attribute):
        return self.output(attribute).opaque("")

    def sensitive(self, attribute):
        return self.output(attribute).sensitive("")

    def block(self):
        block = Block("module", self.name).set("source", Literal(self.source()))
        self.repetition(block)
        for slot in self.expressions:
            if slot.startswith("argument:"):
                block.set(slot[9:], self.text(slot))
        if self.uses:
            block.set("depends_on", [Words(it.address()) for it in self.uses])
        return block

    def source(self):
        return f"./{self.module.directory.rsplit('/', 1)[-1]}"


class Output(Item):
    def block(self):
        block = Block("output", self.name).set("value", self.text("value"))
        if self.sensitive(""):
            block.set("sensitive", "true")
        if self.uses:
            block.set("depends_on", [Words(it.address()) for it in self.uses])
        if "precondition" in self.expressions:
            said = block.add("precondition").set("condition", self.text("precondition"))
            said.set("error_message", Literal(f"precondition of {self.name}."))
        return block


class Check(Item):
    def block(self):
        block = Block("check", self.name)
        block.add("assert").set("condition", self.text("condition")).set("error_message", Literal(f"check {self.name}."))
        return block

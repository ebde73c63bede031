"""Whole configurations drawn at random, and edits to them.

A module is a list of items, each of which refers only to earlier ones. An edit may leave references that are not
possible any more; `repaired` draws those expressions again.
"""

from drawn_blocks import Block, Literal, Words, as_json, hcl
from drawn_items import Call, Local, Repeated, Resource, Special, Variable

GREETING = "hello ${name}%{ for it in things }, ${it}%{ endfor }\n"
NOTE = "a note\n"


class Module:
    def __init__(self, directory):
        self.directory = directory
        self.items = []
        self.outputs = []
        self.checks = []
        # Strings of addresses.
        self.moved = []
        self.removed = []
        self.imports = []
        self.syntax = "hcl"

    def of(self, kind):
        return [it for it in self.items if isinstance(it, kind)]

    def scope(self, item):
        """What an item may refer to."""
        earlier = self.items[: self.items.index(item)] if item in self.items else self.items
        found = [(it, attribute) for it in earlier for attribute in it.attributes()]
        return found + item.own_scope() * 2

    def modules(self):
        yield self
        for call in self.of(Call):
            yield from call.module.modules()

    def files(self, written=None):
        """By path: every file of this module and of those it calls."""
        written = {} if written is None else written
        blocks = [it.block() for it in self.items if not isinstance(it, Local)]
        for it in self.of(Local):
            blocks.append(Block("locals").set(it.name, it.text("value")))
        blocks += [it.block() for it in [*self.outputs, *self.checks] if it.expressions]
        blocks += [Block("moved").set("from", Words(old)).set("to", Words(new)) for old, new in self.moved]
        for address in self.removed:
            block = Block("removed").set("from", Words(address))
            block.add("lifecycle").set("destroy", "false")
            blocks.append(block)
        blocks += [Block("import").set("to", Words(to)).set("id", Literal(id_)) for to, id_ in self.imports]
        overrides = []
        for resource in self.of(Resource):
            if resource.overridden and "input" in resource.expressions:
                [block] = [it for it in blocks if it.labels == ("terraform_data", resource.name)]
                overrides.append(Block("resource", *block.labels).set("input", block.arguments["input"]))
                block.set("input", '"overridden"')
        at = self.directory + "/" if self.directory else ""
        if self.syntax == "json":
            written[at + "main.tf.json"] = as_json(blocks)
        elif self.syntax == "both":
            written[at + "main.tf"] = hcl(blocks[::2])
            written[at + "more.tf.json"] = as_json(blocks[1::2])
        else:
            written[at + "main.tf"] = hcl(blocks)
        if overrides:
            written[at + "override.tf"] = hcl(overrides)
        written[at + "greeting.tftpl"] = GREETING
        written[at + "note.txt"] = NOTE
        for call in self.of(Call):
            call.module.files(written)
        return written

    def instances(self, prefix=""):
        """The addresses of all instances of resources."""
        for it in self.of(Resource):
            yield from (prefix + address for address in it.instances())
        for it in self.of(Call):
            for address in it.instances():
                yield from it.module.instances(f"{prefix}{address}.")


def repaired(draw, module):
    """Draws again what cannot be said any more."""
    for item in [*module.items, *module.outputs, *module.checks]:
        scope = module.scope(item)
        at = module.items.index(item) if item in module.items else len(module.items)
        earlier = module.items[:at]
        item.uses = [it for it in item.uses if it in earlier]
        if isinstance(item, Repeated) and item.follows and (item.follows not in earlier or item.follows.shape != "each"):
            item.shape = item.follows = None
            scope = module.scope(item)
        if isinstance(item, Resource):
            item.triggered_by = [it for it in item.triggered_by if it in earlier]
        if isinstance(item, Call):
            wanted = {f"argument:{it.name}": it for it in item.module.of(Variable)}
            for slot in [it for it in item.expressions if it.startswith("argument:") and it not in wanted]:
                del item.expressions[slot]
            for slot, variable in wanted.items():
                if slot not in item.expressions:
                    item.redraw(draw, slot, scope, variable.type)
        for slot in list(item.expressions):
            # A key's value cannot come from the key.
            here = [pair for pair in scope if not isinstance(pair[0], Special)] if slot.startswith("each:") else scope
            possible = {(it.name, attribute) for it, attribute in here}
            if not here and item.wants[slot] in ("condition", "bool!"):
                del item.expressions[slot]
            elif any((it.item.name, it.attribute) not in possible for it in item.expressions[slot].references()):
                item.redraw(draw, slot, here)
        if isinstance(item, Call):
            repaired(draw, item.module)

"""Blocks of a configuration, written in either syntax."""

import json


class Words:
    """What both syntaxes want as it is: addresses, types. Not an expression."""

    def __init__(self, text):
        self.text = text


class Literal(Words):
    """A string that is no expression."""


class Block:
    def __init__(self, kind, *labels):
        self.kind = kind
        self.labels = labels
        # Strings of expressions, `Words`, or lists of either.
        self.arguments = {}
        self.blocks = []

    def set(self, name, value):
        if value is not None:
            self.arguments[name] = value
        return self

    def add(self, kind, *labels):
        block = Block(kind, *labels)
        self.blocks.append(block)
        return block

    def hcl(self, indent=""):
        head = " ".join([self.kind, *map(json.dumps, self.labels)])
        lines = [f"{indent}{head} {{"]
        lines += [f"{indent}  {name} = {_hcl(value)}" for name, value in self.arguments.items()]
        lines += [block.hcl(indent + "  ") for block in self.blocks]
        return "\n".join([*lines, f"{indent}}}"])

    def body(self):
        fields = {name: _json(value) for name, value in self.arguments.items()}
        for block in self.blocks:
            fields.setdefault(block.kind, []).append(block.body())
        return fields


def hcl(blocks):
    return "\n".join(block.hcl() for block in blocks) + "\n"


def as_json(blocks):
    root = {}
    for block in blocks:
        if block.kind == "locals":
            root.setdefault("locals", {}).update(block.body())
            continue
        body = block.body()
        for label in reversed(block.labels):
            body = {label: body}
        if block.labels:
            _merge(root.setdefault(block.kind, {}), body)
        else:
            root.setdefault(block.kind, []).append(body)
    return json.dumps(root, indent=2) + "\n"


def _merge(into, other):
    for key, value in other.items():
        if isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _hcl(value):
    if isinstance(value, list):
        return f"[{', '.join(map(_hcl, value))}]"
    if isinstance(value, Literal):
        return json.dumps(value.text)
    return value.text if isinstance(value, Words) else value


def _json(value):
    if isinstance(value, list):
        return [_json(it) for it in value]
    if isinstance(value, Words):
        return value.text
    return {"true": True, "false": False, "null": None}.get(value, "${" + value + "}")

"""Expressions drawn at random: pieces of text, with references that follow what they refer to.

Every value has one of a few types: string, number, bool, list (of strings), map (of strings). What is asked for in
another type is converted by an expression.
"""

import json
import re

TYPES = ("string", "number", "bool", "list", "map")
WORDS = ("red", "green", "blue", "naïve", "a b", "", "x,y", "10", "true")
KEYS = ("a", "b", "c", "d.e")


class Expression:
    def __init__(self, *pieces):
        self.pieces = pieces

    def text(self):
        return "".join(piece if isinstance(piece, str) else piece.text() for piece in self.pieces)

    def references(self):
        for piece in self.pieces:
            if not isinstance(piece, str):
                yield from piece.references()


class Reference:
    """To a value of an item, as it is written for the shape that the item has at the time."""

    def __init__(self, item, attribute, want, pick):
        self.item = item
        self.attribute = attribute
        self.want = want
        self.pick = pick

    def text(self):
        text, type_ = self.item.access(self.attribute, self.pick)
        return converted(text, type_, self.want, self.pick // 7, self.opaque())

    def references(self):
        yield self

    def opaque(self):
        return self.item.opaque(self.attribute)


def opaque(expression):
    """Whether an identity, which differs between the engines, is part of the value."""
    return any(reference.opaque() for reference in expression.references())


def converted(text, type_, want, pick, is_opaque):
    if want == "any" or type_ == want:
        return text
    choices = {
        ("any", "string"): ["jsonencode(%s)"],
        ("number", "string"): ['"${%s}"', "tostring(%s)", 'format("%%d", %s)'],
        ("bool", "string"): ['"${%s}"', "tostring(%s)", '(%s ? "yes" : "no")'],
        ("list", "string"): ['join("/", %s)', 'join(",", [for it in %s : "<${it}>"])', "jsonencode(%s)", 'try(%s[0], "none")'],
        ("map", "string"): ["jsonencode(%s)", 'join(";", [for name, it in %s : "${name}:${it}"])', 'lookup(%s, "a", "none")'],
        ("string", "number"): ["length([%s])"] if is_opaque else ["length(%s)", "try(tonumber(%s), 4)"],
        ("bool", "number"): ["(%s ? 1 : 0)"],
        ("list", "number"): ["length(%s)"],
        ("map", "number"): ["length(%s)", "length(keys(%s))"],
        ("string", "bool"): ['(%s == "red")', '(%s != "")'],
        ("number", "bool"): ["(%s > 2)", "(%s == 3)"],
        ("list", "bool"): ["(length(%s) > 1)", 'contains(%s, "red")', 'anytrue([for it in %s : it == "blue"])'],
        ("map", "bool"): ["(length(%s) == 2)", 'can(%s["a"])', 'contains(keys(%s), "b")'],
        ("string", "list"): ["[%s]"] if is_opaque else ["[%s]", 'split(",", %s)', '[for it in ["p", "q"] : "${it}-${%s}"]'],
        ("number", "list"): ['["${%s}"]', '[for it in range(%s) : "n${it}"]'],
        ("bool", "list"): ['(%s ? ["on"] : ["off", "still"])', '["${%s}"]'],
        ("map", "list"): ['[for name, it in %s : "${name}=${it}"]', "keys(%s)", "values(%s)"],
        ("string", "map"): ["{ value = %s }", '{ (true ? "k" : "l") = %s }'],
        ("number", "map"): ["{ n = tostring(%s) }"],
        ("bool", "map"): ['(%s ? { a = "1", b = "2" } : { a = "3", b = "4" })'],
        ("list", "map"): ['{ for i, it in %s : "k${i}" => it }', 'zipmap([for i, it in %s : "z${i}"], %s)'],
    }[type_, want]
    chosen = choices[pick % len(choices)]
    return chosen % ((text,) * (chosen.count("%s")))


def literal(draw, want):
    if want == "any":
        want = draw.choice(TYPES)
    if want == "string":
        return json.dumps(draw.choice(WORDS), ensure_ascii=False)
    if want == "number":
        return draw.choice(["0", "1", "2", "3", "4", "7.5"])
    if want == "bool":
        return draw.choice(["true", "false"])
    if want == "list":
        return "[" + ", ".join(literal(draw, "string") for _ in range(draw.randrange(4))) + "]"
    keys = draw.sample(KEYS, draw.randrange(4))
    return "{ " + ", ".join(f'"{key}" = {literal(draw, "string")}' for key in keys) + " }"


def expression(draw, want, scope, depth=2):
    """`scope` lists pairs of an item and an attribute."""
    if want in ("condition", "bool!"):
        item, attribute = draw.choice(scope)
        seen = Reference(item, attribute, "any", draw.randrange(10**6))
        rest = expression(draw, "bool", scope, depth)
        return Expression("(", rest, " || jsonencode(", seen, ") ", "!=" if want == "condition" else "==", ' "never")')
    roll = draw.random()
    if scope and roll < 0.5:
        item, attribute = draw.choice(scope)
        return Expression(Reference(item, attribute, want, draw.randrange(10**6)))
    if depth == 0 or roll < 0.65:
        return Expression(literal(draw, want))
    if want == "any":
        want = draw.choice(TYPES)

    def inner(type_, known_form=False):
        found = expression(draw, type_, scope, depth - 1)
        # What an identity becomes within a function could not be compared any more.
        return Expression(literal(draw, type_)) if known_form and opaque(found) else found

    if roll < 0.72:
        return Expression("(", inner("bool"), " ? ", inner(want), " : ", inner(want), ")")
    pieces = []
    for i, piece in enumerate(ARGUMENT.split(draw.choice(FORMS[want]))):
        pieces.append(inner(piece.rstrip("!"), piece.endswith("!")) if i % 2 else piece)
    return Expression(*pieces)


# What is in angle brackets is an expression of that type, with a mark where an identity must not come.
ARGUMENT = re.compile("<((?:string|number|bool|list|map|any)!?)>")
FORMS = {
    "string": [
        '"${<string>}-${<number>}"',
        "upper(<string!>)",
        'replace(<string!>, "e", "E")',
        'format("%s is %s", <string>, <number>)',
        "trimspace(<string>)",
        "jsonencode(<any>)",
        'coalesce(null, <string>, "last")',
        "base64encode(<string!>)",
        "sha256(<string!>)",
        '"%{ if <bool> }yes ${<string>}%{ else }no%{ endif }"',
        '"%{ for it in <list> }(${it})%{ endfor }"',
        'try(<string>, "failed")',
        'element(concat(<list>, ["one"]), <number>)',
        'templatefile("${path.module}/greeting.tftpl", { name = <string>, things = <list> })',
        'trimspace(file("${path.module}/note.txt"))',
        'lookup({ a = "x", b = "y" }, <string>, "neither")',
        "{ x = <string> }.x",
        "jsondecode(jsonencode([<string>]))[0]",
        "terraform.workspace",
        'nonsensitive(sensitive("shown"))',
    ],
    "number": [
        "(<number> + <number>)",
        "(<number> * 3)",
        "length(<list>)",
        "max(<number>, <number>)",
        "floor(<number> / 2)",
        "length(<string!>)",
        "sum([1, <number>])",
        "(<number> % 2)",
        "(-<number>)",
    ],
    "bool": [
        "(<number> > <number>)",
        "(<string> == <string>)",
        "(!<bool>)",
        "(<bool> && <bool>)",
        "(<bool> || <bool>)",
        "contains(<list>, <string>)",
        "can(tonumber(<string!>))",
        'startswith(<string!>, "r")',
    ],
    "list": [
        "[<string>, <string>]",
        "concat(<list>, <list>)",
        '[for it in <list> : "${it}!"]',
        '[for i, it in <list> : "${i}${it}" if it != "red"]',
        "distinct(<list>)",
        "reverse(<list>)",
        "sort(<list!>)",
        "compact(<list>)",
        "tolist(toset(<list!>))",
        'slice(concat(<list>, ["p", "q"]), 0, 2)',
        "values(<map>)",
        '[for name, it in <map> : "${name}->${it}"]',
        "flatten([[<string>], <list>])",
        '[{ n = <string> }, { n = "two" }][*].n',
    ],
    "map": [
        "merge(<map>, <map>)",
        "{ a = <string>, b = <string> }",
        '{ for i, it in <list> : "k${i}" => it }',
        '{ for name, it in <map> : upper(name) => "${it}?" }',
        'zipmap(["p", "q"], [<string>, <string>])',
        "tomap({ a = <string> })",
    ],
}

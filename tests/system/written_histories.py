"""Histories written by hand, of what is seldom drawn. Each step is the text of main.tf, or files by path; a string that
begins with a dash gives options first."""

from drawn_histories import Step

CHILD = 'variable "it" {}\nresource "terraform_data" "of" {\n  input = var.it\n}\noutput "it" {\n  value = terraform_data.of.output\n}\n'


def data(name, *lines):
    return f'resource "terraform_data" "{name}" {{\n' + "".join(f"  {line}\n" for line in lines) + "}\n"


def call(name, *lines, source="./child"):
    return f'module "{name}" {{\n  source = "{source}"\n' + "".join(f"  {line}\n" for line in lines) + "}\n"


def moved(old, new):
    return f"moved {{\n  from = {old}\n  to = {new}\n}}\n"


def with_child(text, child=CHILD):
    return {"main.tf": text, "child/main.tf": child}


def steps(history):
    """What is in a list of strings or files."""
    for number, written in enumerate(history):
        step = Step(f"number {number}")
        step.files = {"main.tf": written} if isinstance(written, str) else dict(written)
        first, _, rest = step.files["main.tf"].partition("\n")
        if first.startswith("-"):
            step.options = first.replace("-", "", 1).split(" -")
            step.files["main.tf"] = rest
        yield step


def file(path, text, **more):
    return {path: text, **more}


HISTORIES = {
    "a chain of moves": [
        data("a", "input = 1"),
        data("b", "input = 1") + moved("terraform_data.a", "terraform_data.b"),
        data("c", "input = 2") + moved("terraform_data.a", "terraform_data.b") + moved("terraform_data.b", "terraform_data.c"),
    ],
    "two moves at once, from what was long ago": [
        data("a", "input = 1"),
        data("c", "input = 1") + moved("terraform_data.a", "terraform_data.b") + moved("terraform_data.b", "terraform_data.c"),
    ],
    "a move to where there is something": [
        data("a", "input = 1") + data("b", "input = 2"),
        data("b", "input = 2") + moved("terraform_data.a", "terraform_data.b"),
    ],
    "moves in a circle": [
        data("a", "input = 1") + data("b", "input = 2"),
        data("a", "input = 2")
        + data("b", "input = 1")
        + moved("terraform_data.a", "terraform_data.b")
        + moved("terraform_data.b", "terraform_data.a"),
    ],
    "two moves to one": [
        data("a") + data("b"),
        data("c") + moved("terraform_data.a", "terraform_data.c") + moved("terraform_data.b", "terraform_data.c"),
    ],
    "a move away from what is still there": [
        data("a"),
        data("a") + data("b") + moved("terraform_data.a", "terraform_data.b"),
    ],
    "to and from one that is counted": [
        data("a", "input = 1"),
        data("a", "count = 2", "input = 1"),
        data("a", "count = 1", "input = 1"),
        data("a", "input = 2"),
        data("a", 'for_each = toset(["x"])', "input = 2") + moved("terraform_data.a", 'terraform_data.a["x"]'),
    ],
    "into a module, within it and out of it": [
        data("of", "input = 1"),
        with_child(call("m", "it = 1") + moved("terraform_data.of", "module.m.terraform_data.of")),
        with_child(call("n", "it = 1") + moved("module.m", "module.n")),
        with_child(
            call("n", "it = 1"), CHILD.replace('"of"', '"for"').replace(".of.", ".for.") + moved("terraform_data.of", "terraform_data.for")
        ),
        data("out", "input = 1") + moved("module.n.terraform_data.for", "terraform_data.out"),
    ],
    "a module that is counted, then keyed": [
        with_child(call("m", "it = 1") + 'output "o" {\n  value = module.m.it\n}\n'),
        with_child(call("m", "count = 2", "it = count.index") + 'output "o" {\n  value = module.m[*].it\n}\n'),
        with_child(
            call("m", 'for_each = { a = 0, b = 1 }', "it = each.value")
            + moved("module.m[0]", 'module.m["a"]')
            + moved("module.m[1]", 'module.m["b"]')
            + 'output "o" {\n  value = { for key, it in module.m : key => it.it }\n}\n'
        ),
        with_child(call("m", 'for_each = { b = 1, c = 7 }', "it = each.value")),
        "",
    ],
    "modules within modules": [
        {
            "main.tf": data("top", "input = 1") + call("m", 'for_each = { a = terraform_data.top.id, b = "b" }', "it = each.value"),
            "child/main.tf": 'variable "it" {}\n'
            + call("inner", "count = 2", 'it = "${var.it}-${count.index}"', source="../inner")
            + 'output "it" {\n  value = module.inner[*].it\n}\n',
            "inner/main.tf": CHILD,
        },
        {
            "main.tf": data("top", "triggers_replace = 1") + call("m", 'for_each = { a = terraform_data.top.id }', "it = each.value"),
            "child/main.tf": 'variable "it" {}\n'
            + call("inner", "count = 1", 'it = "${var.it}-${count.index}"', source="../inner")
            + 'output "it" {\n  value = module.inner[*].it\n}\n',
            "inner/main.tf": CHILD,
        },
        "-destroy\n",
    ],
    "create_before_destroy across modules": [
        with_child(
            data("base", f"triggers_replace = {number}")
            + call("m", "it = terraform_data.base.id")
            + data("top", "triggers_replace = module.m.it", "lifecycle {\n    create_before_destroy = true\n  }")
        )
        for number in (1, 2)
    ],
    "depends_on a module": [
        with_child(call("m", f"it = {number}") + data("after", "depends_on = [module.m]") + call("n", "it = 0", "depends_on = [terraform_data.after]"))
        for number in (1, 2)
    ]
    + ["-destroy\n"],
    "secrets through modules": [
        with_child(
            'variable "s" {\n  default = "hush"\n  sensitive = true\n}\n'
            + call("m", f"it = [var.s, {number}]")
            + 'output "o" {\n  value = [module.m.it, "clear"]\n  sensitive = true\n}\n'
        )
        for number in (1, 2)
    ],
    "a secret told without saying so": [
        'variable "s" {\n  default = "hush"\n  sensitive = true\n}\noutput "o" {\n  value = "x-${var.s}"\n}\n',
    ],
    "what is forgotten": [
        data("a") + data("b", "input = terraform_data.a.id"),
        data("b", "input = 1") + "removed {\n  from = terraform_data.a\n  lifecycle {\n    destroy = false\n  }\n}\n",
        "removed {\n  from = terraform_data.b\n  lifecycle {\n    destroy = true\n  }\n}\n",
    ],
    "a module that is forgotten": [
        with_child(call("m", "count = 2", "it = 1") + call("n", "it = 2")),
        with_child(call("n", "it = 2") + "removed {\n  from = module.m\n  lifecycle {\n    destroy = false\n  }\n}\n"),
    ],
    "imports": [
        data("a") + 'import {\n  to = terraform_data.a\n  id = "one"\n}\n',
        data("b", 'for_each = { x = "i1", y = "i2" }')
        + 'import {\n  for_each = { x = "i1", y = "i2" }\n  to = terraform_data.b[each.key]\n  id = each.value\n}\n',
        with_child(call("m", "it = null") + 'import {\n  to = module.m.terraform_data.of\n  id = "deep"\n}\n'),
        with_child(call("m", "it = null") + 'import {\n  to = module.m.terraform_data.of\n  id = "deep"\n}\n'),
    ],
    "targets": [
        "-target=terraform_data.b\n" + data("a", "input = 1") + data("b", "input = terraform_data.a.output") + data("c"),
        data("a", "input = 1") + data("b", "input = terraform_data.a.output") + data("c", "input = terraform_data.b.id"),
        "-target=terraform_data.a\n" + data("a", "input = 2") + data("b", "input = terraform_data.a.output") + data("c", "input = terraform_data.b.id"),
        "-destroy -target=terraform_data.b\n" + data("a", "input = 2") + data("b", "input = 1") + data("c", "input = terraform_data.b.id"),
    ],
    "modules as targets": [
        with_child("-target=module.m\n" + data("a") + call("m", "count = 2", "it = terraform_data.a.id") + call("n", "it = 1")),
        with_child("-target=module.m[1]\n" + data("a", "triggers_replace = 1") + call("m", "count = 2", "it = terraform_data.a.id") + call("n", "it = 1")),
        with_child("-target=module.m[0].terraform_data.of\n" + data("a", "triggers_replace = 2") + call("m", "count = 2", "it = terraform_data.a.id") + call("n", "it = 1")),
    ],
    "what replaces": [
        data("a", "input = 1") + data("b", "count = 2", "lifecycle {\n    replace_triggered_by = [terraform_data.a]\n  }"),
        data("a", "input = 2") + data("b", "count = 2", "lifecycle {\n    replace_triggered_by = [terraform_data.a]\n  }"),
        "-replace=terraform_data.b[1]\n" + data("a", "input = 2") + data("b", "count = 2"),
    ],
    "what is protected": [
        data("a", "triggers_replace = 1", "lifecycle {\n    prevent_destroy = true\n  }"),
        data("a", "triggers_replace = 2", "lifecycle {\n    prevent_destroy = true\n  }"),
        "-destroy\n" + data("a", "triggers_replace = 1", "lifecycle {\n    prevent_destroy = true\n  }"),
        data("a", "triggers_replace = 2"),
    ],
    "what is optional, and what may be null": [
        with_child(
            call("m", "it = { a = 1 }", "never = null") + 'output "o" {\n  value = module.m.it\n}\n',
            'variable "it" {\n  type = object({ a = number, b = optional(string, "dflt"), c = optional(object({ d = optional(bool, true) }), {}) })\n}\n'
            'variable "never" {\n  default = "set"\n  nullable = false\n}\n' + data("of", "input = [var.it, var.never]")
            + 'output "it" {\n  value = terraform_data.of.output\n}\n',
        ),
    ],
    "validations that do not hold": [
        'variable "v" {\n  default = 3\n  validation {\n    condition = var.v > 5\n    error_message = "more."\n  }\n'
        '  validation {\n    condition = var.v < 2\n    error_message = "less."\n  }\n}\n',
        'variable "v" {\n  type = number\n  default = "x"\n}\n',
        'variable "v" {\n  type = list(string)\n  default = { a = 1 }\n}\n',
    ],
    "values from files": [
        file(
            "main.tf",
            'variable "a" {}\nvariable "b" {}\nvariable "c" {}\nvariable "d" {\n  type = map(string)\n}\n' + data("x", "input = [var.a, var.b, var.c, var.d]"),
            **{
                "terraform.tfvars": 'a = 1\nb = 1\nc = 1\nd = { x = "1", y = "1" }\n',
                "terraform.tfvars.json": '{"b": 2}\n',
                "a.auto.tfvars": 'c = 3\nd = { x = "3" }\n',
                "b.auto.tfvars.json": '{"c": [4, null, "four"]}\n',
            },
        ),
    ],
    "overrides": [
        file(
            "main.tf",
            'variable "v" {\n  default = 1\n}\nlocals {\n  l = "main"\n}\n'
            + data("a", "input = [var.v, local.l]", "triggers_replace = 1", "lifecycle {\n    create_before_destroy = true\n  }"),
            **{
                "a_override.tf": 'variable "v" {\n  default = 2\n}\nlocals {\n  l = "overridden"\n}\n' + data("a", "triggers_replace = 2"),
                "override.tf.json": '{"resource": {"terraform_data": {"a": {"count": 2}}}}\n',
            },
        ),
    ],
    "JSON alone": [
        {
            "main.tf.json": '{"variable": {"v": {"type": "list(string)", "default": ["a", "b"]}},'
            '"locals": {"twice": "${[for it in var.v : \\"${it}${it}\\"]}"},'
            '"resource": {"terraform_data": {"a": {"for_each": "${toset(var.v)}", "input": {"key": "${each.key}", "n": 1, "plain": "%%{x}"},'
            '"depends_on": ["terraform_data.b"], "lifecycle": [{"ignore_changes": ["triggers_replace"], "create_before_destroy": true}]}, "b": {}}},'
            '"output": {"o": {"value": "${local.twice}"}, "p": {"value": ["${terraform_data.b.id}", true]}},'
            '"check": {"c": {"assert": {"condition": "${length(var.v) == 2}", "error_message": "two."}}}}',
            "main.tf": "",
        }
    ],
}

# What no one takes.
REFUSED = [
    data("a", "inptu = 1"),
    data("a", "input = terraform_data.b.id"),
    data("a", "input = terraform_data.a.id"),
    data("a", "input = var.no"),
    data("a", "input = local.no"),
    data("a", "count = 1", "for_each = {}"),
    data("a", "count = -1"),
    data("a", "for_each = [1]"),
    data("a", "for_each = toset([terraform_data.b.id])") + data("b"),
    data("a", "input = each.key"),
    data("a", "input = count.index"),
    data("a", "input = self.id"),
    data("a", "id = 1"),
    data("a", "count = 2") + 'output "o" {\n  value = terraform_data.a.id\n}\n',
    data("a") + 'output "o" {\n  value = terraform_data.a[0].id\n}\n',
    data("a") + data("a"),
    'output "o" {\n}\n',
    'variable "v" {}\n',
    'variable "v" {\n  type = strnig\n}\n',
    "locals {\n  a = local.b\n  b = local.a\n}\n",
    data("a", "depends_on = [terraform_data.no]"),
    data("a", 'input = no_such("x")'),
    data("a", "input = upper()"),
    data("a", "input = 1 / 0"),
    data("a", 'input = "${"'),
    data("a", "input = [1, 2"),
    'resource "terraform_data" {\n}\n',
    'resourc "terraform_data" "a" {\n}\n',
    "import {\n  to = terraform_data.a\n}\n" + data("a"),
    "moved {\n  from = terraform_data.a\n}\n",
    "removed {\n  from = terraform_data.a[0]\n}\n",
    "removed {\n  from = terraform_data.a\n}\n" + data("a"),
    'module "m" {\n  source = "./nowhere"\n}\n',
    'check "c" {\n}\n',
    'data "terraform_data" "a" {\n}\n',
]

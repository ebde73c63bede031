//! The codes of diagnostics and their explanations. A code can be searched for and explained
//! although the wording of a message changes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The code of a diagnostic, such as `HA0203`. A code never changes its meaning between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiagnosticCode(u16);

/// The explanation of a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeExplanation {
    /// The code.
    pub code: DiagnosticCode,
    /// The name of the constant.
    pub name: &'static str,
    /// The problem in one sentence.
    pub title: &'static str,
    /// The rule that is broken, in full sentences.
    pub meaning: &'static str,
    /// An example that causes it: a configuration, or a command after `$`; may be empty.
    pub example: &'static str,
    /// How to fix the problem, in full sentences.
    pub mend: &'static str,
}

impl DiagnosticCode {
    /// The explanation; `None` for a code of another version.
    #[must_use]
    pub fn explanation(self) -> Option<&'static CodeExplanation> {
        let at = EXPLANATIONS.binary_search_by_key(&self, |it| it.code).ok()?;
        Some(&EXPLANATIONS[at])
    }

    /// Parses a code such as `HA0203`, `ha203` or `203`; `None` where no such code exists.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_start_matches(['H', 'A', 'h', 'a']).trim_start_matches('0');
        let code = Self(digits.parse().ok()?);
        code.explanation().map(|it| it.code)
    }
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HA{:04}", self.0)
    }
}

macro_rules! codes {
    ($(
        $name:ident = $number:literal,
        $title:literal, $meaning:literal, $example:literal, $mend:literal;
    )*) => {
        $(
            #[doc = $title]
            pub const $name: DiagnosticCode = DiagnosticCode($number);
        )*

        /// The explanations of all codes, in ascending order.
        pub const EXPLANATIONS: &[CodeExplanation] = &[$(CodeExplanation {
            code: DiagnosticCode($number),
            name: stringify!($name),
            title: $title,
            meaning: $meaning,
            example: $example,
            mend: $mend,
        }),*];
    };
}

codes! {
    // Syntax.
    SYNTAX = 101, "The file has a syntax error.",
        "The grammar does not allow this here: a bracket, quote, brace or heredoc is not closed, \
            or a word or sign is missing or superfluous.",
        "locals {\n  a = [1, 2\n}\n",
        "Look at the place that is shown and just before it. `ha fmt` reports the same errors.";
    TOO_MUCH = 102, "The input exceeds a limit.",
        "The size of files and the depth of expressions are limited, so that no input exhausts \
            memory or time.",
        "locals {\n  a = \
            ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((\
            1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))\n}\n",
        "Split it: into several files, or into local values that refer to each other.";
    NUMBER = 103, "The number is not valid.",
        "The number is too large, or its notation is wrong.",
        "locals {\n  a = 1.2.3\n}\n",
        "Write digits with at most one point and one exponent: `1.5e3`. Put a value that is used \
            as a string in quotes.";
    ESCAPE = 104, "A string in quotes is not valid.",
        "A backslash in quotes begins an escape, and a string in quotes ends on the line it \
            begins on.",
        "locals {\n  a = \"C:\\data\"\n}\n",
        "Write two backslashes for one, `\\n` for a line end, `$${` for `${`; or use a heredoc.";
    TEMPLATE = 105, "A directive of a template is not complete.",
        "Each `%{ if }` and `%{ for }` has its `%{ endif }` or `%{ endfor }`.",
        "locals {\n  a = \"%{ if true }x\"\n}\n",
        "Add the missing directive, or write `%%{` for the literal characters.";
    JSON = 106, "The JSON cannot be read as a configuration.",
        "The file is not JSON, defines a name twice, or has another value than an object for a \
            block.",
        "",
        "Look at the place that is shown. The structure is that of Terraform's JSON syntax.";
    // Blocks and arguments.
    MISPLACED = 201, "A block or argument of this name is not allowed here.",
        "Each kind of block has its own arguments and blocks; other and misspelt names are errors.",
        "resource \"ha_data\" \"a\" {\n  inptu = 1\n}\n",
        "Use the suggested name. `ha schema KIND` lists the arguments of a kind.";
    MISSING = 202, "An argument or block is missing.",
        "The block requires it.",
        "output \"a\" {\n}\n",
        "Add it. `ha schema KIND` lists the required arguments of a kind.";
    TWICE = 203, "Something is defined twice.",
        "A name can be declared once, and an argument has one value. All files of a directory are \
            one configuration.",
        "locals {\n  a = 1\n  a = 2\n}\n",
        "Remove or rename one of them. To change one in another place, use an override file.";
    LABELS = 204, "The labels of the block are wrong.",
        "A resource has a kind and a name as labels, a variable has a name, `locals` has none. \
            Names consist of letters, digits, `_` and `-`.",
        "resource \"ha_data\" {\n}\n",
        "Write as many labels as the block requires.";
    ARGUMENT_OR_BLOCK = 205, "A block is written as an argument, or the other way round.",
        "An argument has `=` after its name, a block does not. An argument that is a list of \
            objects can often be written as blocks.",
        "resource \"ha_data\" \"a\" {\n  input {\n  }\n}\n",
        "Write it as the message shows: `name = …` or `name { … }`.";
    EXCLUSIVE = 206, "Two arguments exclude each other.",
        "A block can have `count` or `for_each`, not both, and neither together with `enabled`.",
        "resource \"ha_data\" \"a\" {\n  count    = 1\n  for_each = {}\n}\n",
        "Keep one of them.";
    NOT_SUPPORTED = 207, "`ha` does not support this feature of Terraform.",
        "`ha` does this in another way or leaves it to other tools; the message names the \
            alternative.",
        "resource \"ha_data\" \"a\" {\n  provisioner \"local-exec\" {\n    command = \"true\"\n  \
            }\n}\n",
        "Follow the message.";
    TYPE = 208, "The type is not valid.",
        "Types are `string`, `number`, `bool`, `any`, and `list(…)`, `set(…)`, `map(…)`, \
            `tuple([…])`, `object({…})` of them, with `optional(…)` for attributes.",
        "variable \"a\" {\n  type = strin\n}\n",
        "Write one of these types, without quotes.";
    FIXED = 209, "The value must be a literal.",
        "Some arguments are not evaluated and cannot be expressions: references, addresses, lists \
            of attributes, paths.",
        "resource \"ha_data\" \"a\" {\n  lifecycle {\n    ignore_changes = 1\n  }\n}\n",
        "Write the name or the list of names itself.";
    FAMILIES = 210, "A directory has both `.hcl` and `.tf` files.",
        "A directory contains either `.hcl` files with `ha {}` or `.tf` files with `terraform {}`.",
        "",
        "Rename the files of one family, or move them to a separate module.";
    OVERRIDE = 211, "This cannot be overridden.",
        "An override file changes arguments of existing blocks, and only some of them.",
        "",
        "Change it in the file of the block.";
    VERSION = 212, "The configuration requires another version.",
        "`required_version` and the versions of `required_providers` are constraints such as `>= \
            1.2, < 2.0`.",
        "ha {\n  required_version = \">= 999\"\n}\n",
        "Use a matching version, or change the constraint.";
    VARIABLE = 213, "The declaration of the variable is not valid.",
        "Some names are reserved, and a default must have the type and satisfy the validations of \
            the variable.",
        "variable \"count\" {\n}\n",
        "Change the name or the default.";
    NOT_ONE_OF = 214, "The value is not one of the allowed words.",
        "The argument takes one of a few words, which the message lists.",
        "$ ha plan",
        "Use one of those. `ha schema KIND` lists them for each argument.";
    // Names.
    UNDECLARED = 301, "Nothing of this name is declared.",
        "A reference names a variable, local value, resource, data source or module call of the \
            same module, by its full name.",
        "output \"a\" {\n  value = var.a\n}\n",
        "Use the suggested name, or declare it. Only the outputs of a module are visible outside: \
            `module.m.o`.";
    NO_ATTRIBUTE = 302, "There is no attribute or element of this name.",
        "The value exists, but has no such part.",
        "locals {\n  a = { b = 1 }\n}\noutput \"o\" {\n  value = local.a.c\n}\n",
        "Use the suggested name. `type(…)` at `ha console` shows the attributes of a value; \
            `try(…)` and `lookup(…)` handle what may be missing.";
    NO_FUNCTION = 303, "There is no function of this name.",
        "The functions are those of Terraform and of `function` blocks.",
        "locals {\n  a = uper(\"x\")\n}\n",
        "Use the suggested name. `ha schema functions` lists all functions.";
    CALL = 304, "The call has wrong arguments.",
        "Each function has a fixed number and types of parameters.",
        "locals {\n  a = upper()\n}\n",
        "`ha schema functions NAME` shows the parameters.";
    NOT_HERE = 305, "The name has no value in this place.",
        "`each` exists in blocks with `for_each`, `count` in blocks with `count`, `self` in \
            postconditions.",
        "resource \"ha_data\" \"a\" {\n  input = each.key\n}\n",
        "Refer to something else, or add `for_each` or `count`.";
    CIRCLE = 306, "References form a cycle.",
        "Each object depends on the next and so on itself, so that none can be evaluated first.",
        "locals {\n  a = local.b\n  b = local.a\n}\n",
        "Move the shared part into a separate value or resource. `ha graph` shows the references.";
    FUNCTION = 307, "The declaration of the function is not valid.",
        "A `function` block has `params`, optionally `variadic_param`, and a `result` that refers \
            only to those.",
        "function \"f\" {\n  params = [\"a\"]\n  result = a\n}\n",
        "Pass other values as arguments.";
    // Values.
    WRONG_TYPE = 401, "The value has the wrong type.",
        "Values are converted where nothing is lost: `\"5\"` to a number, a tuple to a list. This \
            value cannot be converted.",
        "locals {\n  a = 1 + [2]\n}\noutput \"o\" {\n  value = local.a\n}\n",
        "Use a value of the required type, or convert it: `tostring`, `tolist`, `[for …]`.";
    NULL = 402, "The value must not be null.",
        "Null is the absence of a value: it has no attributes and no operators.",
        "locals {\n  a = null\n}\noutput \"o\" {\n  value = 1 + local.a\n}\n",
        "Give a value, or replace null: `coalesce(x, 0)`, `x == null ? … : …`.";
    OUT_OF_RANGE = 403, "The index or the result is out of range.",
        "An index is beyond the end of a list, a divisor is zero, or a result is too large for a \
            number.",
        "output \"o\" {\n  value = [1, 2][2]\n}\n",
        "Indexes begin with 0; `length(…)` is the number of elements.";
    REFUSED = 404, "The function rejects an argument.",
        "The argument has the right type but not a valid value; the message has the reason.",
        "output \"o\" {\n  value = jsondecode(\"{\")\n}\n",
        "Test the call at `ha console`; `try(…)` and `can(…)` handle calls that may fail.";
    SECRET = 405, "A secret would be shown.",
        "A value that depends on a sensitive value is sensitive, and an output of it must be \
            declared so. Instance keys and module sources are always shown.",
        "variable \"a\" {\n  sensitive = true\n  default   = \"x\"\n}\noutput \"o\" {\n  value = \
            var.a\n}\n",
        "Add `sensitive = true`, or use `nonsensitive(…)` where the value reveals nothing.";
    EPHEMERAL = 406, "An ephemeral value would be stored.",
        "Ephemeral values can be used in providers, locals, write-only arguments and ephemeral \
            outputs, but not in anything that is stored in the state.",
        "variable \"a\" {\n  ephemeral = true\n  default   = \"x\"\n}\noutput \"o\" {\n  value = \
            var.a\n}\n",
        "Use it in a write-only argument, or make it an ordinary sensitive value.";
    CONDITION = 407, "A condition does not hold.",
        "A `validation`, `precondition`, `postcondition` or `assert` states what must hold; its \
            `error_message` is shown.",
        "output \"o\" {\n  value = 1\n  precondition {\n    condition     = 1 == 2\n    \
            error_message = \"One is not two.\"\n  }\n}\n",
        "Follow the message.";
    KEYS = 408, "The instances of a block cannot be determined.",
        "`count` is a number and `for_each` a map, object or set of strings, not sensitive, and \
            known while planning.",
        "resource \"ha_data\" \"a\" {\n  for_each = [\"x\"]\n}\n",
        "Use `toset(…)` for a list of strings; take keys from the configuration and not from \
            attributes that a service assigns.";
    SECRET_ADDRESS = 409, "A secret would be part of an address.",
        "The id of an import and the key of the instance are shown in plans and stored in \
            addresses.",
        "variable \"a\" {\n  sensitive = true\n  default   \
            = \"x\"\n}\nresource \"random_id\" \"a\" {\n  byte_length = 4\n}\nimport {\n  to = \
            random_id.a\n  id = var.a\n}\n",
        "Use `nonsensitive(…)` where the value reveals nothing, or import on the command line: \
            `ha import ADDRESS ID`.";
    // Modules, providers, moves.
    MODULE_SOURCE = 501, "The module cannot be read.",
        "Modules are local directories at or below that of the configuration; registries and \
            repositories are not supported.",
        "module \"m\" {\n  source = \"./nowhere\"\n}\n",
        "Copy the module to a directory below the configuration, and use its path: `./modules/db`.";
    MODULE_INPUT = 502, "The arguments of a module call do not match its variables.",
        "A call must set all variables of the module without a default, and nothing that is not a \
            variable.",
        "",
        "Add, remove or rename the argument, or give the variable a default.";
    PROVIDER = 503, "The provider does not exist, or cannot be used here.",
        "A resource belongs to the provider of its kind. A module receives providers without \
            alias by name, and others through `providers`.",
        "provider \"nowhere\" {\n}\n",
        "Use one of the providers in the message.";
    MOVE = 504, "The refactoring block is not valid.",
        "A `moved`, `removed` or `import` block names addresses of one kind, each once, and does \
            not contradict the configuration.",
        "moved {\n  from = ha_data.a\n  to   = ha_data.a\n}\n",
        "Check both addresses: `ha state list` lists the recorded ones.";
    NO_KIND = 505, "There is no kind of this name.",
        "No built-in provider has this kind (resource type).",
        "resource \"ha_dat\" \"a\" {\n}\n",
        "Use the suggested name. `ha schema` lists all kinds.";
    // Planning and applying.
    PROTECTED = 601, "The plan would delete a protected object.",
        "`prevent_destroy` is set in the configuration, or was set at the last apply.",
        "$ ha destroy",
        "Remove the protection, apply, then plan again.";
    WRONG_ARGUMENTS = 602, "The arguments contradict each other.",
        "Each argument is valid alone; the message has the rule for the combination.",
        "$ ha plan",
        "Follow the message. `ha schema KIND` documents each argument.";
    WAITING = 603, "The steps depend on each other in a cycle.",
        "There is no order in which every step finds what it needs.",
        "$ ha apply",
        "Change less at once: remove one change, apply, and add it again.";
    OTHER_THAN_PLANNED = 604, "A result differs from the plan.",
        "During apply a value, an instance or an answer differed from the plan. All completed \
            steps are recorded.",
        "$ ha apply",
        "Make a new plan and review it.";
    STALE = 605, "The plan is stale.",
        "A record that the plan changes or reads has changed since the plan was made.",
        "$ ha apply plan.ha",
        "Make a new plan, review it, and apply it.";
    KIND_RULE = 606, "The arguments break a rule of their kind.",
        "The service would reject the arguments although their types are right; the message has \
            the reason. It is reported while planning, before anything is changed.",
        "resource \"local_file\" \"a\" {\n  filename = \"a.txt\"\n}\n",
        "Follow the message. `ha schema KIND` documents each argument.";
    // State.
    LOCKED = 701, "The state is locked by another process.",
        "Only one command can write to a state at a time. \
            The message names the holder of the lock.",
        "$ ha apply",
        "Wait for it with `--lock-timeout 5m`, or stop it. The lock ends with the process that \
            holds it.";
    KEY = 702, "The key of the state is missing or wrong.",
        "States are encrypted. The key of each is in the user's configuration directory, or in \
            the file HA_STATE_KEY_FILE.",
        "$ HA_STATE_KEY_FILE=/dev/null ha state list",
        "Copy the key from the machine that created the state, or from a backup. `ha state key` \
            prints its path.";
    STATE_DAMAGED = 703, "The state is damaged.",
        "Part of it is missing or altered, or it belongs to another state or a later version. \
            Nothing was changed.",
        "$ ha state list",
        "Restore a backup: `.ha/backups`, `ha.state.previous` beside the state, or your own.";
    STATE_NOT_WRITTEN = 704, "The state could not be written.",
        "The disk or the service failed. Earlier records are intact.",
        "$ ha apply",
        "Follow the message, then run the command again: it first recovers unfinished steps.";
    OTHER_STATE = 705, "This belongs to another state.",
        "Plans and copies contain the identity of their state.",
        "$ ha apply plan-of-another-directory.ha",
        "Make sure that this is the right directory and environment.";
    UNFINISHED = 706, "A step was started and not finished.",
        "An apply was interrupted. The next apply recovers the object of the step.",
        "$ ha state rm aws_s3_bucket.half",
        "Run `ha apply` first.";
    NOT_RECORDED = 707, "The address is not in the state.",
        "`ha` has no record of this address.",
        "$ ha state show ha_data.nowhere",
        "Use the suggested address. `ha state list` lists all.";
    // The command line and its files.
    NO_CONFIGURATION = 801, "There is no configuration.",
        "The directory has no file that ends in `.hcl` or `.tf`.",
        "$ ha --chdir /tmp plan",
        "Change to the right directory, or use `--chdir DIR`.";
    NO_VALUE = 802, "A variable has no value, or one that is not valid.",
        "Values come from the environment, `ha.hclvars`, `*.auto.hclvars`, `--var-file` and \
            `--var`; later sources take precedence.",
        "$ ha plan --var 'coutn=3'",
        "Give a value of the variable's type, under its name.";
    NOT_TEXT = 803, "The file is not UTF-8 text.",
        "Configurations and values are UTF-8, with or without a byte-order mark.",
        "$ ha plan",
        "Save it as UTF-8.";
    NOT_A_PLAN = 804, "The file is not a plan.",
        "Plans are written by `ha plan --out FILE`, and can be read only by the version that \
            wrote them.",
        "$ ha apply main.hcl",
        "Create a plan with `ha plan --out FILE`.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_ordered_and_parse_what_they_display() {
        for two in EXPLANATIONS.windows(2) {
            assert!(two[0].code < two[1].code, "{}", two[1].name);
        }
        for CodeExplanation { code, title, meaning, mend, .. } in EXPLANATIONS {
            assert_eq!(DiagnosticCode::parse(&code.to_string()), Some(*code));
            assert!(
                [title, meaning, mend].iter().all(|it| it.len() > 10 && it.ends_with('.')),
                "{code}"
            );
        }
        assert_eq!(DiagnosticCode::parse("0203"), Some(TWICE));
        assert_eq!(DiagnosticCode::parse("ha203"), Some(TWICE));
        assert!(DiagnosticCode::parse("HA9999").is_none() && DiagnosticCode::parse("x").is_none());
    }
}

//! The codes that mistakes go by, so that they can be looked up and searched for, whatever the
//! words around them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a mistake goes by: `HA0203`. Stays the same from one version to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiagnosticCode(u16);

/// What there is to say about a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeExplanation {
    /// The code.
    pub code: DiagnosticCode,
    /// The constant's name.
    pub name: &'static str,
    /// What is wrong, in a line.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What causes it: a configuration, or a command behind `$`.
    pub example: &'static str,
    /// How to fix it.
    pub mend: &'static str,
}

impl DiagnosticCode {
    /// What there is to say about it; none for a code of another version.
    #[must_use]
    pub fn explanation(self) -> Option<&'static CodeExplanation> {
        let at = EXPLANATIONS.binary_search_by_key(&self, |it| it.code).ok()?;
        Some(&EXPLANATIONS[at])
    }

    /// The code as it is written: `HA0203`, in any case and without what is in front of the digits.
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
    ($($name:ident = $number:literal, $title:literal, $meaning:literal, $example:literal, $mend:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: DiagnosticCode = DiagnosticCode($number);
        )*

        /// All codes with what there is to say about them, in order.
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
    // Reading text.
    SYNTAX = 101, "The text cannot be read.",
        "What stands here is not what the language has at this place: a bracket, quote, brace or heredoc is not closed, a word or sign is missing, or there is one too many.",
        "locals {\n  a = [1, 2\n}\n",
        "Look at the place that is shown and just before it. `ha fmt` reads files in the same way and says the same.";
    TOO_MUCH = 102, "The text is more than can be read.",
        "Files, depths and chains have bounds, so that no input makes the program run out of memory or time.",
        "locals {\n  a = ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))\n}\n",
        "Split it: into several files, or into local values that refer to each other.";
    NUMBER = 103, "The number is none.",
        "It is too large, or is not written as a number is.",
        "locals {\n  a = 1.2.3\n}\n",
        "Write it with digits, one point and an exponent at most: `1.5e3`. Quote what is only looked at as a string.";
    ESCAPE = 104, "The text between quotes is not written as strings are.",
        "A backslash in quotes begins an escape, and a string in quotes ends on the line it begins on.",
        "locals {\n  a = \"C:\\data\"\n}\n",
        "Write two backslashes for one, `\\n` for a line end, `$${` for `${`; or use a heredoc.";
    TEMPLATE = 105, "A directive of a template is not complete.",
        "Each `%{ if }` and `%{ for }` has its `%{ endif }` or `%{ endfor }`.",
        "locals {\n  a = \"%{ if true }x\"\n}\n",
        "Add what is missing, or write `%%{` for the characters themselves.";
    JSON = 106, "The JSON cannot be read as a configuration.",
        "It is no JSON, has a name twice, or has something else than an object where a block stands.",
        "",
        "Look at the place that is shown; the shape is that of Terraform's JSON syntax.";
    // Blocks and arguments.
    MISPLACED = 201, "A block or argument stands where there is none of its name.",
        "Each kind of block has its own arguments and blocks; the names of others, and misspelt ones, are refused.",
        "resource \"ha_data\" \"a\" {\n  inptu = 1\n}\n",
        "Take the name that is suggested. `ha schema KIND` lists the arguments of a kind.";
    MISSING = 202, "An argument or block is missing.",
        "The block cannot do without it.",
        "output \"a\" {\n}\n",
        "Add it. `ha schema KIND` says which arguments a kind requires.";
    TWICE = 203, "Something is there twice.",
        "One name stands for one thing, and an argument has one value. Files of a directory are one configuration.",
        "locals {\n  a = 1\n  a = 2\n}\n",
        "Remove one of them, or give it another name. To change one elsewhere, write it in an override file.";
    LABELS = 204, "The labels of the block are wrong.",
        "A resource has a kind and a name, a variable has a name, `locals` has none; names have letters, digits, `_` and `-`.",
        "resource \"ha_data\" {\n}\n",
        "Give as many labels as the block takes.";
    ARGUMENT_OR_BLOCK = 205, "A block is written as an argument, or the other way round.",
        "Arguments have `=` behind their name, blocks have not. What has a structure of its own may often be written as blocks.",
        "resource \"ha_data\" \"a\" {\n  input {\n  }\n}\n",
        "Write it as is shown: `name = …` or `name { … }`.";
    EXCLUSIVE = 206, "Two things exclude each other.",
        "A block that is there several times is so by `count` or by `for_each`, not by both, and not with `enabled`.",
        "resource \"ha_data\" \"a\" {\n  count    = 1\n  for_each = {}\n}\n",
        "Keep the one that says what you mean.";
    NOT_SUPPORTED = 207, "Terraform has this, and `ha` has not.",
        "It belongs to something that `ha` does in another way or leaves to others; the message names the alternative.",
        "resource \"ha_data\" \"a\" {\n  provisioner \"local-exec\" {\n    command = \"true\"\n  }\n}\n",
        "Do as the message says.";
    TYPE = 208, "The type is not written as types are.",
        "Types are `string`, `number`, `bool`, `any`, and `list(…)`, `set(…)`, `map(…)`, `tuple([…])`, `object({…})` of them, with `optional(…)` for attributes.",
        "variable \"a\" {\n  type = strin\n}\n",
        "Write one of these, without quotes.";
    FIXED = 209, "What is written here must be written out.",
        "Some arguments name things and are not worked out: references, addresses, lists of attributes, paths.",
        "resource \"ha_data\" \"a\" {\n  lifecycle {\n    ignore_changes = 1\n  }\n}\n",
        "Write the name itself, or the list of names.";
    FAMILIES = 210, "Files of two spellings are in one directory.",
        "A directory is written in `.hcl` files with `ha {}` or in `.tf` files with `terraform {}`.",
        "",
        "Rename the files of the one spelling, or move them to a module of their own.";
    OVERRIDE = 211, "This cannot be overridden.",
        "An override file changes arguments of blocks that are there, and not all of them.",
        "",
        "Write it in the file that the block is in.";
    VERSION = 212, "The configuration asks for another version.",
        "`required_version` and the versions of `required_providers` are constraints such as `>= 1.2, < 2.0`.",
        "ha {\n  required_version = \">= 999\"\n}\n",
        "Use a version that fits, or change the constraint.";
    VARIABLE = 213, "The variable is not declared as variables are.",
        "Some names are taken, and a default must fit the type and the rules of the variable.",
        "variable \"count\" {\n}\n",
        "Give it another name, or a default that fits.";
    NOT_ONE_OF = 214, "The argument does not take this value.",
        "It takes one of a few words, which the message lists.",
        "$ ha plan",
        "Take one of those. `ha schema KIND` lists them for each argument.";
    // Names.
    UNDECLARED = 301, "Nothing of this name is declared.",
        "A reference names a variable, local value, resource, data source or module of the same module, by its whole name.",
        "output \"a\" {\n  value = var.a\n}\n",
        "Take the name that is suggested, or declare it. From a module only its outputs are seen: `module.m.o`.";
    NO_ATTRIBUTE = 302, "There is no attribute or element of this name.",
        "The value is there, and has no such part.",
        "locals {\n  a = { b = 1 }\n}\noutput \"o\" {\n  value = local.a.c\n}\n",
        "Take the name that is suggested. `type(…)` at `ha console` shows what a value is made of; `try(…)` and `lookup(…)` take what may be missing.";
    NO_FUNCTION = 303, "There is no function of this name.",
        "The functions are Terraform's, and those that `function` blocks declare.",
        "locals {\n  a = uper(\"x\")\n}\n",
        "Take the name that is suggested. `ha schema functions` lists all.";
    CALL = 304, "The function is not called with the arguments it takes.",
        "Each function takes so many arguments of such types.",
        "locals {\n  a = upper()\n}\n",
        "`ha schema functions NAME` shows what it takes.";
    NOT_HERE = 305, "This has no value here.",
        "`each` is there in blocks with `for_each`, `count` in those with `count`, `self` in postconditions.",
        "resource \"ha_data\" \"a\" {\n  input = each.key\n}\n",
        "Refer to something that is there, or add what it needs.";
    CIRCLE = 306, "Things refer to each other in a circle.",
        "Each waits for the next, and so for itself; none can be first.",
        "locals {\n  a = local.b\n  b = local.a\n}\n",
        "Move what they share into a value or resource of its own. `ha graph` shows what refers to what.";
    FUNCTION = 307, "The function is not declared as functions are.",
        "A `function` block has `params`, perhaps `variadic_param`, and a `result` that refers to those alone.",
        "function \"f\" {\n  params = [\"a\"]\n  result = a\n}\n",
        "Hand in what it needs as a parameter.";
    // Values.
    WRONG_TYPE = 401, "The value is of another type than is needed.",
        "Values are converted where nothing is lost: `\"5\"` to a number, a tuple to a list. This one cannot be.",
        "locals {\n  a = 1 + [2]\n}\noutput \"o\" {\n  value = local.a\n}\n",
        "Give a value of the type that is named, or convert it: `tostring`, `tolist`, `[for …]`.";
    NULL = 402, "The value is null where there must be one.",
        "Null stands for nothing: it has no parts, and nothing can be worked out with it.",
        "locals {\n  a = null\n}\noutput \"o\" {\n  value = 1 + local.a\n}\n",
        "Give a value, or say what stands for null: `coalesce(x, 0)`, `x == null ? … : …`.";
    OUT_OF_RANGE = 403, "There is no such element, or no such result.",
        "A position is behind the end of a list, something is divided by zero, or a result is larger than numbers are.",
        "output \"o\" {\n  value = [1, 2][2]\n}\n",
        "Positions begin with 0; `length(…)` tells how many there are.";
    REFUSED = 404, "The function refuses what it was given.",
        "The argument is of the right type, and the function can do nothing with it; the message says why.",
        "output \"o\" {\n  value = jsondecode(\"{\")\n}\n",
        "Try it at `ha console`; `try(…)` and `can(…)` take what may fail.";
    SECRET = 405, "A secret would be shown.",
        "What is worked out from something sensitive is sensitive, and must be called so where it is told. Keys and sources are always told.",
        "variable \"a\" {\n  sensitive = true\n  default   = \"x\"\n}\noutput \"o\" {\n  value = var.a\n}\n",
        "Add `sensitive = true`, or say `nonsensitive(…)` where it gives nothing away.";
    EPHEMERAL = 406, "What is never kept would be kept.",
        "Ephemeral values reach providers, locals, write-only arguments and ephemeral outputs, and nothing that is on record.",
        "variable \"a\" {\n  ephemeral = true\n  default   = \"x\"\n}\noutput \"o\" {\n  value = var.a\n}\n",
        "Use it in a write-only argument, or let it be an ordinary sensitive value.";
    CONDITION = 407, "A condition does not hold.",
        "A `validation`, `precondition`, `postcondition` or `assert` says what must hold; its own message is shown.",
        "output \"o\" {\n  value = 1\n  precondition {\n    condition     = 1 == 2\n    error_message = \"One is not two.\"\n  }\n}\n",
        "Do as its message says.";
    KEYS = 408, "How many instances there are cannot be known.",
        "`count` is a number and `for_each` a map, object or set of strings, not sensitive, and known while planning.",
        "resource \"ha_data\" \"a\" {\n  for_each = [\"x\"]\n}\n",
        "Use `toset(…)` for a list of strings; take keys from the configuration rather than from what a service makes up.";
    SECRET_ADDRESS = 409, "What everybody sees would be a secret.",
        "The id by which something is imported, and the key of what it becomes, are shown in plans and kept in addresses.",
        "variable \"a\" {\n  sensitive = true\n  default   = \"x\"\n}\nresource \"random_id\" \"a\" {\n  byte_length = 4\n}\nimport {\n  to = random_id.a\n  id = var.a\n}\n",
        "Say `nonsensitive(…)` where it gives nothing away, or import it by the command line: `ha import ADDRESS ID`.";
    // Modules, providers, moves.
    MODULE_SOURCE = 501, "The module cannot be read.",
        "Modules are read from directories at or below the configuration's; registries and repositories are not asked.",
        "module \"m\" {\n  source = \"./nowhere\"\n}\n",
        "Copy the module below the configuration, and name it by its path: `./modules/db`.";
    MODULE_INPUT = 502, "The module is not given what it asks for.",
        "A call gives values for the module's variables, all that have no default, and no others.",
        "",
        "Add, remove or rename the argument, or give the variable a default.";
    PROVIDER = 503, "There is no such provider, or it does not go here.",
        "A resource is made by the provider that its kind belongs to. Modules get providers by their names without alias, or by `providers`.",
        "provider \"nowhere\" {\n}\n",
        "Take one of those that are named.";
    MOVE = 504, "The move cannot be made.",
        "A `moved`, `removed` or `import` block names addresses of one kind, each once, and does not contradict the configuration.",
        "moved {\n  from = ha_data.a\n  to   = ha_data.a\n}\n",
        "Look at both addresses: `ha state list` shows what is recorded.";
    NO_KIND = 505, "There is no kind of this name.",
        "None of the providers in this program knows it.",
        "resource \"ha_dat\" \"a\" {\n}\n",
        "Take the name that is suggested. `ha schema` lists all kinds.";
    // Planning and applying.
    PROTECTED = 601, "The plan would destroy what is protected.",
        "`prevent_destroy` is set in the configuration, or was when it was last applied.",
        "$ ha destroy",
        "Take the protection off, apply that, then plan again.";
    WRONG_ARGUMENTS = 602, "The arguments do not go together.",
        "Each is right by itself; the kind says what is wrong with all of them.",
        "$ ha plan",
        "Do as the message says. `ha schema KIND` explains each argument.";
    WAITING = 603, "The changes wait for each other.",
        "No order of the steps keeps what each needs.",
        "$ ha apply",
        "Change fewer things at once: take one out, apply, and put it back.";
    OTHER_THAN_PLANNED = 604, "Something came out other than was planned.",
        "While applying, a value, an instance or an answer was not what the plan says. What was done is on record.",
        "$ ha apply",
        "Plan again and look at the new plan.";
    STALE = 605, "The plan is stale.",
        "What it touches or reads was changed since it was made, so it no longer says what would happen.",
        "$ ha apply plan.ha",
        "Make a new plan, look at it, and apply that.";
    KIND_RULE = 606, "The arguments break a rule of their kind.",
        "Each is of the right type, and the service would refuse it, alone or beside the others; the message says why. It is told while planning, before anything is changed.",
        "resource \"local_file\" \"a\" {\n  filename = \"a.txt\"\n}\n",
        "Do as the message says. `ha schema KIND` explains each argument.";
    // State.
    LOCKED = 701, "Somebody else is writing to the state.",
        "One command writes at a time. The message says who holds the lock, since when and where.",
        "$ ha apply",
        "Wait for it, `--lock-timeout 5m` does; or stop it. The lock goes with the process that holds it.";
    KEY = 702, "The state's key is missing or is another.",
        "States are sealed. Each has a key, in the user's configuration directory or where HA_STATE_KEY_FILE says.",
        "$ HA_STATE_KEY_FILE=/dev/null ha state list",
        "Copy the key from where the state was made, or from its backup. `ha state key` says where it is.";
    STATE_DAMAGED = 703, "The state is not what was written.",
        "Part of it is missing or altered, or it belongs to another state or a later version. Nothing was changed.",
        "$ ha state list",
        "Put back a backup: `.ha/backups`, `ha.state.previous` beside the state, or your own.";
    STATE_NOT_WRITTEN = 704, "The state could not be written.",
        "The disk or the service refused. What was recorded before is there.",
        "$ ha apply",
        "Do as the message says, then run the command again: it looks first at what was left.";
    OTHER_STATE = 705, "This belongs to another state.",
        "Plans and copies name the state they were made from.",
        "$ ha apply plan-of-another-directory.ha",
        "Make sure that this is the right directory and environment.";
    UNFINISHED = 706, "A step was begun and is not finished.",
        "A run was stopped in the middle. What the step left is looked into by the next run.",
        "$ ha state rm aws_s3_bucket.half",
        "Run `ha apply` first.";
    NOT_RECORDED = 707, "Nothing is recorded there.",
        "The address names nothing that `ha` made.",
        "$ ha state show ha_data.nowhere",
        "Take the name that is suggested. `ha state list` lists all.";
    // The command line and its files.
    NO_CONFIGURATION = 801, "There is no configuration.",
        "The directory has no file that ends in `.hcl` or `.tf`.",
        "$ ha --chdir /tmp plan",
        "Go to the right directory, or name it with `--chdir DIR`.";
    NO_VALUE = 802, "A variable has no value, or one that will not do.",
        "Values come from the environment, `ha.hclvars`, `*.auto.hclvars`, `--var-file` and `--var`, later ones first.",
        "$ ha plan --var 'coutn=3'",
        "Give a value of the variable's type, under its name.";
    NOT_TEXT = 803, "The file is not UTF-8 text.",
        "Configurations and values are UTF-8, with or without a byte-order mark.",
        "$ ha plan",
        "Save it as UTF-8.";
    NOT_A_PLAN = 804, "The file is no plan.",
        "Plans are what `ha plan --out FILE` writes, read by the version that wrote them.",
        "$ ha apply main.hcl",
        "Make one with `ha plan --out FILE`.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_read_back_as_written() {
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

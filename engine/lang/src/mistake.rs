//! What can be wrong with a configuration, each phrased once.

pub(crate) mod ephemeral;
pub(crate) mod file;
pub(crate) mod function;
mod habit;
pub(crate) mod module;
pub(crate) mod place;
pub(crate) mod settings;
pub(crate) mod types;
pub(crate) mod value;

use std::collections::BTreeMap;

use ha_kind::{Diagnostic, Field, Mode, Name, Shape, Span, Value, closest, code, slips};

use crate::body::{Body, Names};
use crate::configuration::Configuration;
use crate::functions::{Function, functions};
use crate::shown::kind;
use crate::source::Family;
use crate::tree::{BlockName, Reference, Target};

fn error(summary: impl Into<String>) -> Diagnostic {
    Diagnostic::error(summary)
}

pub(crate) fn too_large(file: &str) -> Diagnostic {
    error(format!("`{file}` is larger than 4 GiB")).code(code::TOO_MUCH).help("split it into several files")
}

pub(crate) fn number_out_of_range(span: Span) -> Diagnostic {
    error("this number is out of range").code(code::NUMBER).at(span)
}

pub(crate) fn line_end_in_text(span: Span) -> Diagnostic {
    error("a text between quotes ends on the line it begins on")
        .code(code::ESCAPE)
        .at(span)
        .help("write `\\n` for a line end, or use a heredoc: `<<-EOT`, lines of text, `EOT`")
}

pub(crate) fn splat_in_splat(span: Span) -> Diagnostic {
    error("`.*` cannot stand behind `.*`").code(code::SYNTAX).at(span).help("use `[*]`, which can be nested")
}

pub(crate) fn not_a_reference(span: Span) -> Diagnostic {
    error("expected one reference")
        .code(code::FIXED)
        .at(span)
        .help("write it without quotes and without anything to work out: `aws_vpc.main`")
}

pub(crate) fn ambiguous_key(span: Span) -> Diagnostic {
    error("an attribute's name is either a word or an expression in parentheses")
        .code(code::SYNTAX)
        .at(span)
        .help("put it in parentheses to use its value as the name, or in quotes to use it as it stands")
}

pub(crate) fn no_such_function(name: &str, span: Span) -> Diagnostic {
    let known = functions().iter().map(|it| it.name);
    let problem = error(format!("there is no function `{name}`")).code(code::NO_FUNCTION).at(span);
    match name.contains("::") {
        true => problem.help("functions of providers are not supported; only `core::` may stand before a name"),
        false => problem.closest(name, known),
    }
}

pub(crate) fn argument_count(function: &Function, given: usize, spread: bool, span: impl FnOnce() -> Span) -> Option<Diagnostic> {
    let least = function.parameters.len();
    let most = if function.variadic.is_some() { usize::MAX } else { least };
    let names: Vec<&str> = function.parameters.iter().chain(function.variadic).map(|it| it.name).collect();
    let form = format!("{}({}{})", function.name, names.join(", "), if function.variadic.is_some() { "..." } else { "" });
    // How many a spread list stands for shows only when it is there.
    let (few, many) = (given < least && !spread, given > most && !(spread && given == most + 1));
    if !few && !many {
        return None;
    }
    let wants = |it: usize| if it == 1 { "1 argument".to_owned() } else { format!("{it} arguments") };
    let summary = match (few, function.variadic) {
        (true, Some(_)) => format!("`{}` takes at least {}, not {given}", function.name, wants(least)),
        _ => format!("`{}` takes {}, not {given}", function.name, wants(least)),
    };
    Some(error(summary).code(code::CALL).at(span()).help(format!("it is called like this: `{form}`")))
}

pub(crate) fn no_such_template_variable(name: &str, span: Span, known: &[Name]) -> Diagnostic {
    error(format!("the template is not given a variable `{name}`"))
        .code(code::UNDECLARED)
        .at(span)
        .help(match known.is_empty() {
            true => "it is given none; pass them in the second argument of `templatefile`".into(),
            false => format!("it is given {}", known.join(", ")),
        })
        .closest(name, known.iter().map(|it| &**it))
}

pub(crate) fn no_such_builtin(root: &str, name: &str, span: Span) -> Diagnostic {
    let known: &[&str] = match root {
        "each" => &["key", "value"],
        "count" => &["index"],
        "path" => &["module", "root", "cwd"],
        _ => &["workspace"],
    };
    let listed: Vec<String> = known.iter().map(|it| format!("`{root}.{it}`")).collect();
    error(format!("`{root}` has no attribute `{name}`"))
        .code(code::UNDECLARED)
        .at(span)
        .closest(name, known.iter().copied())
        .help(format!("there is {}", listed.join(", ")))
}

/// A word that stands alone, where all is declared.
pub(crate) fn bare_name(name: &str, span: Span, configuration: &Configuration) -> Diagnostic {
    let root = match (configuration.variables.contains_key(name), configuration.locals.contains_key(name)) {
        (_, true) => "local",
        (true, _) => "var",
        _ => return incomplete_reference(name, span),
    };
    let meant = format!("{root}.{name}");
    error(format!("`{name}` is not the name of anything here")).code(code::UNDECLARED).at(span.clone()).suggest(
        span,
        &*meant,
        format!("did you mean `{meant}`?"),
    )
}

/// What a word of another language is here.
fn constant_elsewhere(word: &str) -> Option<&'static str> {
    Some(match word {
        "None" | "nil" | "NULL" | "Null" | "undefined" | "none" => "null",
        "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" => "true",
        "False" | "FALSE" | "no" | "No" | "NO" | "off" => "false",
        _ => return None,
    })
}

pub(crate) fn incomplete_reference(root: &str, span: Span) -> Diagnostic {
    let (needs, example) = match root {
        "var" => ("the name of a variable", "var.region"),
        "local" => ("the name of a local value", "local.name"),
        "module" => ("the name of a module", "module.network"),
        "each" => ("`key` or `value`", "each.key"),
        "count" => ("`index`", "count.index"),
        "path" => ("`module`, `root` or `cwd`", "path.module"),
        "ha" | "terraform" => ("`workspace`", "ha.workspace"),
        "data" => ("a kind and a name", "data.aws_vpc.main"),
        "resource" => ("a kind and a name", "resource.aws_vpc.main"),
        _ => {
            let problem = error(format!("`{root}` is not the name of anything here")).code(code::UNDECLARED).at(span.clone());
            if let Some(constant) = constant_elsewhere(root) {
                return problem.suggest(span, constant, format!("did you mean `{constant}`?"));
            }
            return problem.help(format!(
                "for a text put it in quotes: `\"{root}\"`; a variable is `var.{root}`, a local value `local.{root}`, and a \
                 resource is named by its kind and name: `{root}.NAME`"
            ));
        }
    };
    error(format!("`{root}` must be followed by {needs}"))
        .code(code::UNDECLARED)
        .at(span)
        .help(format!("for example `{example}`"))
}

pub(crate) fn no_such_argument(name: &str, span: Span, body: &Body, fields: &BTreeMap<Name, Field>) -> Diagnostic {
    let known = fields.keys().map(|it| &**it).chain(body.meta.arguments.iter().copied());
    let problem = error(format!("there is no argument `{name}` here")).code(code::MISPLACED).at(span).within(body.span.clone());
    if let Some(instead) = habit::instead(name, fields) {
        return problem.help(instead);
    }
    match body.meta.blocks.contains(&name) || matches!(name, "provisioner" | "connection") {
        true => problem.help(block_without_sign(name)),
        false => problem.closest(name, known),
    }
}

/// How a block is written where it was given as an argument.
pub(crate) fn block_without_sign(name: &str) -> String {
    format!("`{name}` is a block: write `{name} {{`, without `=`")
}

pub(crate) fn no_such_block(name: &str, span: Span, body: &Body, fields: &BTreeMap<Name, Field>) -> Diagnostic {
    let blocks = fields.iter().filter(|(_, it)| it.shape.block().is_some()).map(|(name, _)| &**name);
    let blocks = blocks.chain(body.meta.blocks.iter().copied());
    let problem = error(format!("there is no block `{name}` here")).code(code::MISPLACED).at(span).within(body.span.clone());
    if let Some(instead) = habit::instead(name, fields) {
        return problem.help(instead);
    }
    if let Some(meant) = closest(name, blocks) {
        return problem.meant(name, &meant);
    }
    if let Some(instead) = instead_of_block(name) {
        return problem.help(instead);
    }
    let arguments = fields.iter().filter(|(_, it)| it.shape.block().is_none()).map(|(name, _)| &**name);
    match closest(name, arguments.chain(body.meta.arguments.iter().copied())) {
        Some(meant) => problem.help(format!("did you mean the argument `{meant} = …`?")),
        None => problem,
    }
}

/// What to write instead of words that are blocks in other languages.
fn instead_of_block(name: &str) -> Option<&'static str> {
    match name {
        "if" | "else" | "elif" | "elsif" | "elseif" | "unless" | "when" | "switch" => Some(
            "there are no `if` blocks: a value is chosen by `CONDITION ? VALUE : OTHER`, a block is there by `count = CONDITION ? 1 : 0`",
        ),
        "for" | "foreach" | "while" | "loop" => Some(
            "there are no loops of blocks: give the block `for_each` or `count`, make blocks inside it by `dynamic`, values by `[for …]`",
        ),
        _ => None,
    }
}

pub(crate) fn argument_as_block(name: &str, span: Span, shape: &Shape) -> Diagnostic {
    let problem = error(format!("`{name}` is an argument, not a block")).code(code::ARGUMENT_OR_BLOCK).at(span);
    match shape {
        Shape::Map(_) => problem.help(format!("write `{name} = {{ … }}`")),
        _ => problem.help(format!("write `{name} = …`")),
    }
}

pub(crate) fn argument_and_block(name: &str, span: Span) -> Diagnostic {
    error(format!("`{name}` is given both as an argument and as a block"))
        .code(code::ARGUMENT_OR_BLOCK)
        .at(span)
        .help("keep one of them")
}

pub(crate) fn one_block_only(name: &str, first: &Span, span: Span) -> Diagnostic {
    let problem = error(format!("there may be one block `{name}` only")).code(code::TWICE).at(span.clone());
    // Those that one dynamic block makes are in one place.
    if *first == span { problem } else { problem.label("the second").related(first.clone(), "the first") }
}

pub(crate) fn dynamic_over(value: &Value) -> Diagnostic {
    error(format!("`for_each` of a dynamic block takes a list, set, map or object, not a {}", kind(value))).code(code::WRONG_TYPE)
}

pub(crate) fn block_among_values(name: &str, span: Span) -> Diagnostic {
    error(format!("a file of values has no blocks, such as `{name}` here"))
        .code(code::MISPLACED)
        .at(span)
        .help("write `NAME = VALUE`")
}

pub(crate) fn argument_at_top(name: &str, span: Span) -> Diagnostic {
    let problem = error(format!("`{name}` stands outside of any block")).code(code::MISPLACED).at(span);
    if matches!(name, "locals" | "ha" | "terraform" | "moved" | "removed" | "import") {
        return problem.help(block_without_sign(name));
    }
    problem.help(format!("a named value goes into a `locals` block, the value of a variable into a file of values: `{name} = …`"))
}

pub(crate) fn no_such_top_block(name: &str, family: Family, span: Span) -> Diagnostic {
    let settings = family.settings();
    let known = [
        settings, "provider", "variable", "locals", "output", "resource", "data", "module", "moved", "removed", "import",
        "check", "function",
    ];
    let problem = error(format!("there is no block `{name}`")).code(code::MISPLACED).at(span);
    if let Some(instead) = instead_of_block(name) {
        return problem.help(instead);
    }
    match name {
        "local" => problem.meant(name, "locals"),
        "vars" | "var" | "variables" | "input" => problem.meant(name, "variable"),
        "resources" => problem.meant(name, "resource"),
        "outputs" => problem.meant(name, "output"),
        "modules" => problem.meant(name, "module"),
        "datasource" | "data_source" => problem.meant(name, "data"),
        "settings" | "config" => problem.meant(name, settings),
        "required_providers" | "backend" | "required_version" => {
            problem.help(format!("it stands inside of a `{settings}` block"))
        }
        "lifecycle" | "provisioner" | "connection" | "dynamic" | "precondition" | "postcondition" => {
            problem.help("it stands inside of a `resource` or `data` block; is there a `}` too many before it?")
        }
        "ephemeral" => problem.help("a secret that is read can come by a `variable` with `ephemeral = true`"),
        "action" | "list" => problem.help("what is done besides looking after resources belongs into a script around `ha apply`"),
        "language" => problem.help(format!("say which versions will do by `required_version` in a `{settings}` block")),
        "run" | "mock_provider" | "override_resource" | "override_data" => {
            problem.help("tests of a configuration can look at what `ha plan --json` prints")
        }
        _ => problem.closest(name, known).help(format!("there are {}", known.join(", "))),
    }
}

pub(crate) fn no_remote_state(span: Span) -> Diagnostic {
    error("the state of another configuration cannot be read")
        .code(code::NOT_SUPPORTED)
        .at(span)
        .help("make what is read a `variable` here; `ha output --json` in the other directory prints what it tells")
}

pub(crate) fn wrong_labels(block: &str, what: &[&str], given: usize, span: Span) -> Diagnostic {
    let form: String = what.iter().map(|it| format!(" \"{it}\"")).collect();
    let summary = match (what.len(), given) {
        (0, _) => format!("`{block}` has no labels"),
        (1, _) => format!("`{block}` has 1 label, not {given}"),
        (wants, _) => format!("`{block}` has {wants} labels, not {given}"),
    };
    error(summary).code(code::LABELS).at(span).help(format!("write `{block}{form} {{`"))
}

pub(crate) fn not_an_identifier(name: &str, span: Span) -> Diagnostic {
    error(format!("\"{name}\" is no name"))
        .code(code::LABELS)
        .at(span)
        .help("names begin with a letter or `_` and go on with letters, digits, `_` and `-`")
}

pub(crate) fn unexpected_block(name: &str, known: Names, span: Span) -> Diagnostic {
    let problem = error(format!("there is no block `{name}` here")).code(code::MISPLACED).at(span);
    if let Some(meant) = closest(name, known.blocks.iter().copied()) {
        return problem.meant(name, &meant);
    }
    match (known.arguments.contains(&name), instead_of_block(name)) {
        (true, _) => problem.help(format!("`{name}` is an argument: write `{name} = …`")),
        (false, Some(instead)) => problem.help(instead),
        (false, None) if known.blocks.is_empty() => problem,
        (false, None) => problem.help(format!("blocks here are {}", known.blocks.join(", "))),
    }
}

pub(crate) fn unexpected_argument(name: &str, known: Names, span: Span) -> Diagnostic {
    let problem = error(format!("there is no argument `{name}` here")).code(code::MISPLACED).at(span);
    if known.blocks.contains(&name) {
        return problem.help(block_without_sign(name));
    }
    match closest(name, known.arguments.iter().copied()) {
        Some(meant) => problem.meant(name, &meant),
        None if known.arguments.is_empty() => problem,
        None => problem.help(format!("arguments here are {}", known.arguments.join(", "))),
    }
}

pub(crate) fn reserved_variable(name: &str, span: Span) -> Diagnostic {
    error(format!("a variable cannot be called `{name}`"))
        .code(code::VARIABLE)
        .at(span)
        .help("the word has a meaning in `module` blocks")
}

pub(crate) fn null_default(name: &str, span: Span) -> Diagnostic {
    error(format!("the variable `{name}` is not nullable, but null by default")).code(code::VARIABLE).at(span)
}

pub(crate) fn declared_twice(what: &str, first: &Span, span: Span) -> Diagnostic {
    error(format!("there is more than one {what}"))
        .code(code::TWICE)
        .at(span)
        .label("the second")
        .related(first.clone(), "the first")
        .help("give one of them another name, or remove it")
}

pub(crate) fn provider_twice(name: &str, alias: Option<&str>, first: &Span, span: Span) -> Diagnostic {
    match alias {
        Some(alias) => declared_twice(&format!("provider `{name}.{alias}`"), first, span),
        None => error(format!("there is more than one provider `{name}`"))
            .code(code::TWICE)
            .at(span)
            .label("the second")
            .related(first.clone(), "the first")
            .help("give one of them an `alias` and name it where it is meant: `provider = NAME.ALIAS`"),
    }
}

pub(crate) fn missing_argument(name: &str, span: Span) -> Diagnostic {
    error(format!("the argument `{name}` is required")).code(code::MISSING).at(span)
}

pub(crate) fn not_a_list_of_references(span: Span) -> Diagnostic {
    error("expected a list of references").code(code::FIXED).at(span).help("for example `[aws_vpc.main, aws_subnet.a]`")
}

pub(crate) fn not_a_trigger(reference: &Reference, span: Span) -> Diagnostic {
    error(format!("`{reference}` is no resource, and only what is planned can be replaced with"))
        .code(code::FIXED)
        .at(span)
        .help("give the value to a resource that keeps it, such as `ha_data` with `input`, and name that")
}

pub(crate) fn no_provisioners(name: &str, span: Span) -> Diagnostic {
    error(format!("`{name}` blocks are not supported")).code(code::NOT_SUPPORTED).at(span).help(
        "what a machine does at its first start goes into `user_data`; a `mongodb_host` runs what it needs by its machine block",
    )
}

pub(crate) fn count_and_for_each(span: Span) -> Diagnostic {
    error("`count` and `for_each` exclude each other").code(code::EXCLUSIVE).at(span)
}

pub(crate) fn enabled_and_many(span: Span) -> Diagnostic {
    error("`enabled` is for blocks without `count` and `for_each`")
        .code(code::EXCLUSIVE)
        .at(span)
        .help("give `count` or `for_each` no elements instead")
}

pub(crate) fn many_in_check(span: Span) -> Diagnostic {
    error("a data source of a `check` block is one, without `count` or `for_each`").code(code::EXCLUSIVE).at(span)
}

pub(crate) fn check_without_assertion(name: &str, span: Span) -> Diagnostic {
    error(format!("the check `{name}` asserts nothing"))
        .code(code::MISSING)
        .at(span)
        .help("add `assert { condition = …  error_message = … }`")
}

pub(crate) fn of_another_check(block: &BlockName, check: &str, span: Span) -> Diagnostic {
    error(format!("`{block}` is read for the check `{check}` alone"))
        .code(code::UNDECLARED)
        .at(span)
        .help("write the data source outside of the `check` block to use it elsewhere")
}

pub(crate) fn not_a_provider(span: Span) -> Diagnostic {
    error("expected the name of a provider")
        .code(code::FIXED)
        .at(span)
        .help("for example `provider = aws` or `provider = aws.east`")
}

pub(crate) fn dynamic_of_meta(name: &str, span: Span) -> Diagnostic {
    error(format!("`{name}` blocks cannot be dynamic")).code(code::EXCLUSIVE).at(span)
}

pub(crate) fn iterator_is_no_name(span: Span) -> Diagnostic {
    error("`iterator` is a name, without quotes").code(code::FIXED).at(span)
}

pub(crate) fn one_content(span: Span) -> Diagnostic {
    error("a dynamic block has exactly one `content` block").code(code::MISSING).at(span)
}

pub(crate) fn not_a_path(span: Span) -> Diagnostic {
    error("expected an argument of this block").code(code::FIXED).at(span).help("for example `tags` or `tags[\"Name\"]`")
}

pub(crate) fn ignores_no_list(span: Span) -> Diagnostic {
    error("expected `all` or a list of arguments").code(code::FIXED).at(span).help("for example `ignore_changes = [tags]`")
}

/// `twin` is what has the same name and is something else.
pub(crate) fn not_declared<'a>(
    what: &str,
    name: &str,
    reference: &Reference,
    twin: Option<String>,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    let problem = error(format!("there is no {what} `{name}`")).code(code::UNDECLARED).at(reference.name_span());
    match twin {
        Some(twin) => problem.suggest(up_to_name(reference), &*twin, format!("did you mean `{twin}`?")),
        None => problem.closest(name, known),
    }
}

/// A reference up to its name: `var.a` of `var.a.b`.
fn up_to_name(reference: &Reference) -> Span {
    Span { end: reference.name_span().end, ..reference.span.clone() }
}

pub(crate) fn no_such_block_declared<'a>(
    name: &BlockName,
    reference: &Reference,
    known: impl Iterator<Item = &'a BlockName>,
) -> Diagnostic {
    let what = match name.mode {
        Mode::Managed => "resource",
        Mode::Data => "data source",
    };
    let problem = error(format!("there is no {what} `{name}`")).code(code::UNDECLARED).at(reference.name_span());
    let known: Vec<&BlockName> = known.filter(|it| it.mode == name.mode).collect();
    let slips = |it: &&&BlockName| Some(slips(&name.kind, &it.kind)? + slips(&name.name, &it.name)?);
    if let Some(meant) = known.iter().filter(|it| slips(it).is_some()).min_by_key(slips) {
        return problem.meant(&name.to_string(), &meant.to_string());
    }
    let alike: Vec<String> = known.iter().filter(|it| it.kind == name.kind).take(5).map(|it| format!("`{it}`")).collect();
    match alike.is_empty() {
        true => problem,
        false => problem.help(format!("of this kind there is {}", alike.join(", "))),
    }
}

pub(crate) fn block_of_other_mode(name: &BlockName, twin: &BlockName, reference: &Reference) -> Diagnostic {
    let (what, is) = match name.mode {
        Mode::Managed => ("resource", "data source"),
        Mode::Data => ("data source", "resource"),
    };
    error(format!("there is no {what} `{name}`, but a {is} `{twin}`"))
        .code(code::UNDECLARED)
        .at(reference.name_span())
        .meant(&name.to_string(), &twin.to_string())
}

/// `locals.a` where `local.a` is meant.
pub(crate) fn wrong_root(root: &str, reference: &Reference, meant: &str) -> Diagnostic {
    error(format!("`{root}` is not the name of anything here")).code(code::UNDECLARED).at(reference.name_span()).suggest(
        reference.name_span(),
        meant,
        format!("did you mean `{meant}`?"),
    )
}

pub(crate) fn no_each(target: &Target, span: Span) -> Diagnostic {
    error(format!("`{target}` has a value only in blocks with `for_each`")).code(code::NOT_HERE).at(span)
}

pub(crate) fn no_count(span: Span) -> Diagnostic {
    error("`count.index` has a value only in blocks with `count`").code(code::NOT_HERE).at(span)
}

pub(crate) fn no_self(span: Span) -> Diagnostic {
    error("`self` has a value only in postconditions").code(code::NOT_HERE).at(span).help("elsewhere name the block: `KIND.NAME`")
}

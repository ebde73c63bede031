//! Diagnostics for the arguments and blocks inside a block or a file.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_provider::{FieldShape, UnsupportedNames};
use ha_value::{Value, closest};

use super::error;
use crate::body::{AcceptedContents, BlockSchema, Body};
use crate::describe::a_kind;
use crate::source::FileFamily;

pub(crate) fn no_such_argument(
    name: &str,
    span: SourceSpan,
    body: &Body,
    accepted: AcceptedContents<'_>,
) -> Diagnostic {
    let known = accepted.fields.keys().map(|it| &**it).chain(body.meta.arguments.iter().copied());
    let problem = error(format!("there is no argument `{name}` here"))
        .code(code::MISPLACED)
        .at(span)
        .within(body.span.clone());
    // A known name of Terraform is explained before similar names are searched: `ha` lacks it on
    // purpose, and a similar name would be a wrong guess.
    if let Some(instead) = UnsupportedNames::instead(accepted.unsupported, name) {
        return problem.help(instead);
    }
    match body.meta.blocks.contains(&name) || matches!(name, "provisioner" | "connection") {
        true => problem.help(block_without_sign(name)),
        false => problem.closest(name, known),
    }
}

/// The help for a block that is written as an argument.
pub(crate) fn block_without_sign(name: &str) -> String {
    format!("`{name}` is a block: write `{name} {{`, without `=`")
}

pub(crate) fn no_such_block(
    name: &str,
    span: SourceSpan,
    body: &Body,
    accepted: AcceptedContents<'_>,
) -> Diagnostic {
    let blocks = accepted
        .fields
        .iter()
        .filter(|(_, it)| it.shape.block().is_some())
        .map(|(name, _)| &**name);
    let blocks = blocks.chain(body.meta.blocks.iter().copied());
    let problem = error(format!("there is no block `{name}` here"))
        .code(code::MISPLACED)
        .at(span)
        .within(body.span.clone());
    if let Some(instead) = UnsupportedNames::instead(accepted.unsupported, name) {
        return problem.help(instead);
    }
    if let Some(meant) = closest(name, blocks) {
        return problem.meant(name, &meant);
    }
    if let Some(instead) = instead_of_block(name) {
        return problem.help(instead);
    }
    let arguments = accepted
        .fields
        .iter()
        .filter(|(_, it)| it.shape.block().is_none())
        .map(|(name, _)| &**name);
    match closest(name, arguments.chain(body.meta.arguments.iter().copied())) {
        Some(meant) => problem.help(format!("did you mean the argument `{meant} = …`?")),
        None => problem,
    }
}

/// The help for words that begin a statement in other languages.
fn instead_of_block(name: &str) -> Option<&'static str> {
    match name {
        "if" | "else" | "elif" | "elsif" | "elseif" | "unless" | "when" | "switch" => Some(
            "there are no `if` blocks: choose a value by `CONDITION ? VALUE : OTHER`, make a \
                block conditional by `count = CONDITION ? 1 : 0`",
        ),
        "for" | "foreach" | "while" | "loop" => Some(
            "there are no loop blocks: give the block `for_each` or `count`, generate blocks \
                inside it with `dynamic`, values with `[for …]`",
        ),
        _ => None,
    }
}

pub(crate) fn argument_as_block(name: &str, span: SourceSpan, shape: &FieldShape) -> Diagnostic {
    let problem = error(format!("`{name}` is an argument, not a block"))
        .code(code::ARGUMENT_OR_BLOCK)
        .at(span);
    match shape {
        FieldShape::Map(_) => problem.help(format!("write `{name} = {{ … }}`")),
        _ => problem.help(format!("write `{name} = …`")),
    }
}

pub(crate) fn argument_and_block(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`{name}` is given both as an argument and as a block"))
        .code(code::ARGUMENT_OR_BLOCK)
        .at(span)
        .help("keep one of them")
}

pub(crate) fn one_block_only(name: &str, first: &SourceSpan, span: SourceSpan) -> Diagnostic {
    let problem =
        error(format!("there may be one block `{name}` only")).code(code::TWICE).at(span.clone());
    // Blocks that one `dynamic` block generates have the same span, so there is no first place to
    // show.
    if *first == span {
        problem
    } else {
        problem.label("the second").related(first.clone(), "the first")
    }
}

pub(crate) fn dynamic_over(value: &Value) -> Diagnostic {
    error(format!(
        "`for_each` of a dynamic block takes a list, set, map or object, not {}",
        a_kind(value)
    ))
    .code(code::WRONG_TYPE)
}

pub(crate) fn block_among_values(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("a file of variable values cannot contain blocks, such as `{name}` here"))
        .code(code::MISPLACED)
        .at(span)
        .help("write `NAME = VALUE`")
}

pub(crate) fn argument_at_top(name: &str, span: SourceSpan) -> Diagnostic {
    let problem = error(format!("`{name}` is outside of any block")).code(code::MISPLACED).at(span);
    if matches!(name, "locals" | "ha" | "terraform" | "moved" | "removed" | "import") {
        return problem.help(block_without_sign(name));
    }
    problem.help(format!(
        "declare a named value in a `locals` block, and set a variable in a file \
        of variable values: `{name} = …`"
    ))
}

pub(crate) fn no_such_top_block(name: &str, family: FileFamily, span: SourceSpan) -> Diagnostic {
    let settings = family.settings();
    let known = [
        settings, "provider", "variable", "locals", "output", "resource", "data", "module",
        "moved", "removed", "import", "check", "function",
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
            problem.help(format!("it belongs in a `{settings}` block"))
        }
        "lifecycle" | "provisioner" | "connection" | "dynamic" | "precondition"
        | "postcondition" => problem
            .help("it belongs in a `resource` or `data` block; is there an extra `}` before it?"),
        "ephemeral" => problem.help("pass a secret in a `variable` with `ephemeral = true`"),
        "action" | "list" => problem
            .help("actions other than managing resources belong in a script around `ha apply`"),
        "language" => problem.help(format!(
            "state the supported versions with `required_version` in a `{settings}` block"
        )),
        "run" | "mock_provider" | "override_resource" | "override_data" => {
            problem.help("a test can check the output of `ha plan --json`")
        }
        _ => problem.closest(name, known).help(format!("there are {}", known.join(", "))),
    }
}

/// Replaces the suggestion for a misspelt block without labels by a help, where the suggested block
/// has labels: the word alone would not fix it.
pub(crate) fn with_labels(mut problem: Diagnostic) -> Diagnostic {
    let Some(meant) = problem.suggestion.take() else { return problem };
    let labels = match &*meant.text {
        "variable" | "output" | "module" | "provider" | "check" | "function" => "\"NAME\"",
        "resource" | "data" => "\"KIND\" \"NAME\"",
        _ => {
            problem.suggestion = Some(meant);
            return problem;
        }
    };
    problem.help(format!("each has a block of its own: `{} {labels} {{`", meant.text))
}

pub(crate) fn wrong_labels(
    block: &str,
    what: &[&str],
    given: usize,
    span: SourceSpan,
) -> Diagnostic {
    let form: String = what.iter().map(|it| format!(" \"{it}\"")).collect();
    let summary = match (what.len(), given) {
        (0, _) => format!("`{block}` has no labels"),
        (1, _) => format!("`{block}` has 1 label, not {given}"),
        (wants, _) => format!("`{block}` has {wants} labels, not {given}"),
    };
    error(summary).code(code::LABELS).at(span).help(format!("write `{block}{form} {{`"))
}

pub(crate) fn not_an_identifier(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("\"{name}\" is not a valid name"))
        .code(code::LABELS)
        .at(span)
        .help("names begin with a letter or `_`, followed by letters, digits, `_` and `-`")
}

pub(crate) fn unexpected_block(name: &str, known: BlockSchema, span: SourceSpan) -> Diagnostic {
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

pub(crate) fn unexpected_argument(name: &str, known: BlockSchema, span: SourceSpan) -> Diagnostic {
    let problem =
        error(format!("there is no argument `{name}` here")).code(code::MISPLACED).at(span);
    if known.blocks.contains(&name) {
        return problem.help(block_without_sign(name));
    }
    match closest(name, known.arguments.iter().copied()) {
        Some(meant) => problem.meant(name, &meant),
        None if known.arguments.is_empty() => problem,
        None => problem.help(format!("arguments here are {}", known.arguments.join(", "))),
    }
}

pub(crate) fn missing_argument(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the argument `{name}` is required")).code(code::MISSING).at(span)
}

pub(crate) fn no_provisioners(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`{name}` blocks are not supported")).code(code::NOT_SUPPORTED).at(span).help(
        "put commands for the first start of a machine into `user_data`; a `mongodb_host` runs \
            its own through its machine block",
    )
}

pub(crate) fn dynamic_of_meta(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`{name}` blocks cannot be dynamic")).code(code::EXCLUSIVE).at(span)
}

pub(crate) fn iterator_is_no_name(span: SourceSpan) -> Diagnostic {
    error("`iterator` is a name, without quotes").code(code::FIXED).at(span)
}

pub(crate) fn one_content(span: SourceSpan) -> Diagnostic {
    error("a dynamic block has exactly one `content` block").code(code::MISSING).at(span)
}

/// A block among local values.
pub(crate) fn local_as_block(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`{name}` is a local value, not a block"))
        .code(code::ARGUMENT_OR_BLOCK)
        .at(span)
        .help(format!("write `{name} = {{ … }}`"))
}

/// A block with labels where only `dynamic` has any.
pub(crate) fn dynamic_misspelt(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("there is no block `{name}` here"))
        .code(code::MISPLACED)
        .at(span)
        .meant(name, "dynamic")
}

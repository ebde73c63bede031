//! Diagnostics for ephemeral values.

use ha_diagnostics::{Diagnostic, SourceSpan, code};

use super::error;
use crate::compiled_expression::Reference;

/// The help for an ephemeral value in a place that is stored.
const CLEARED: &str = "`ephemeralasnull(VALUE)` replaces an ephemeral value by null";

pub(crate) fn not_here(what: &str, reference: &Reference) -> Diagnostic {
    error(format!("`{what}` cannot depend on `{reference}`, which is ephemeral"))
        .code(code::EPHEMERAL)
        .at(reference.span.clone())
        .detail("What `ha` plans and records must not depend on ephemeral values.")
        .help("use a variable that is not `ephemeral`")
}

pub(crate) fn argument(what: &str, reference: &Reference) -> Diagnostic {
    error(format!("`{what}` is stored in the state, but `{reference}` is ephemeral"))
        .code(code::EPHEMERAL)
        .at(reference.span.clone())
        .help("only write-only arguments take it")
        .help("use a variable that is `sensitive` and not `ephemeral`: the state is encrypted")
}

pub(crate) fn output(name: &str, reference: &Reference) -> Diagnostic {
    error(format!("the output `{name}` would store `{reference}`, which is ephemeral"))
        .code(code::EPHEMERAL)
        .at(reference.span.clone())
        .help("an output of a module may be `ephemeral = true`")
        .help(CLEARED)
}

pub(crate) fn input(module: &str, name: &str, reference: &Reference) -> Diagnostic {
    error(format!(
        "the variable `{name}` of the module `{module}` would store `{reference}`, \
        which is ephemeral"
    ))
    .code(code::EPHEMERAL)
    .at(reference.span.clone())
    .help("make the variable `ephemeral = true`")
    .help(CLEARED)
}

pub(crate) fn output_of_root(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the output `{name}` cannot be ephemeral")).code(code::EPHEMERAL).at(span).help(
        "outputs of the root module are stored in the state; those of other modules may be \
            ephemeral",
    )
}

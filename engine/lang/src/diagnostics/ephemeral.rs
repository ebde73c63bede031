//! What can be wrong with values that are never kept.

use ha_diagnostics::{Diagnostic, SourceSpan, code};

use super::error;
use crate::compiled_expression::Reference;

/// How a value that is never kept can be used after all.
const CLEARED: &str = "`ephemeralasnull` makes null of a value that is never kept";

pub(crate) fn not_here(what: &str, reference: &Reference) -> Diagnostic {
    error(format!("`{what}` cannot follow from `{reference}`, which is never kept"))
        .code(code::EPHEMERAL)
        .at(reference.span.clone())
        .detail("What `ha` plans and records must not hang on values of ephemeral variables.")
        .help("use a variable that is not `ephemeral`")
}

pub(crate) fn argument(what: &str, reference: &Reference) -> Diagnostic {
    error(format!("`{what}` is kept in the state, but `{reference}` must never be kept"))
        .code(code::EPHEMERAL)
        .at(reference.span.clone())
        .help("only write-only arguments take it")
        .help("use a variable that is `sensitive` and not `ephemeral`: the state is encrypted")
}

pub(crate) fn output(name: &str, reference: &Reference) -> Diagnostic {
    error(format!("the output `{name}` would keep `{reference}`, which must never be kept"))
        .code(code::EPHEMERAL)
        .at(reference.span.clone())
        .help("an output of a module may be `ephemeral = true`")
        .help(CLEARED)
}

pub(crate) fn input(module: &str, name: &str, reference: &Reference) -> Diagnostic {
    error(format!("the variable `{name}` of the module `{module}` would keep `{reference}`, which must never be kept"))
        .code(code::EPHEMERAL)
        .at(reference.span.clone())
        .help("make the variable `ephemeral = true`")
        .help(CLEARED)
}

pub(crate) fn output_of_root(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the output `{name}` cannot be ephemeral"))
        .code(code::EPHEMERAL)
        .at(span)
        .help("outputs of the root module are kept; those of other modules may be ephemeral")
}

//! Constructors of the diagnostics of this crate. Each message is written in exactly one place, so
//! that the wording is uniform and call sites stay short.

pub(crate) mod body;
pub(crate) mod ephemeral;
pub(crate) mod file;
pub(crate) mod function;
pub(crate) mod module;
pub(crate) mod place;
pub(crate) mod reference;
pub(crate) mod settings;
pub(crate) mod types;
pub(crate) mod value;

use ha_diagnostics::{Diagnostic, SourceSpan, code};

use crate::compiled_expression::Reference;
use crate::functions::{Function, functions};

/// An error with this summary.
fn error(summary: impl Into<String>) -> Diagnostic {
    Diagnostic::error(summary)
}

pub(crate) fn too_large(file: &str) -> Diagnostic {
    error(format!("`{file}` is larger than 4 GiB"))
        .code(code::TOO_MUCH)
        .help("split it into several files")
}

pub(crate) fn number_out_of_range(span: SourceSpan) -> Diagnostic {
    error("this number is out of range")
        .code(code::NUMBER)
        .at(span)
        .help("numbers go up to 2 to the power of 131072, which has 39457 digits")
}

pub(crate) fn line_end_in_text(span: SourceSpan) -> Diagnostic {
    error("a string between quotes ends on the line it begins on")
        .code(code::ESCAPE)
        .at(span)
        .help("write `\\n` for a line end, or use a heredoc: `<<-EOT`, lines of text, `EOT`")
}

pub(crate) fn splat_in_splat(span: SourceSpan) -> Diagnostic {
    error("`.*` cannot follow `.*`")
        .code(code::SYNTAX)
        .at(span)
        .help("use `[*]`, which can be nested")
}

pub(crate) fn ambiguous_key(span: SourceSpan) -> Diagnostic {
    error("an attribute's name is either a word or an expression in parentheses")
        .code(code::SYNTAX)
        .at(span)
        .help(
            "put it in parentheses to use its value as the name, or in quotes to use the word \
            itself",
        )
}

pub(crate) fn no_such_function(name: &str, span: SourceSpan) -> Diagnostic {
    let known = functions().iter().map(|it| it.name);
    let problem = error(format!("there is no function `{name}`")).code(code::NO_FUNCTION).at(span);
    match name.contains("::") {
        true => {
            problem.help("functions of providers are not supported; the only prefix is `core::`")
        }
        false => problem.closest(name, known),
    }
}

pub(crate) fn argument_count(
    function: &Function,
    given: usize,
    spread: bool,
    span: impl FnOnce() -> SourceSpan,
) -> Option<Diagnostic> {
    let least = function.parameters.len();
    let most = if function.variadic.is_some() { usize::MAX } else { least };
    let names: Vec<&str> =
        function.parameters.iter().chain(function.variadic).map(|it| it.name).collect();
    let form = format!(
        "{}({}{})",
        function.name,
        names.join(", "),
        if function.variadic.is_some() { "..." } else { "" }
    );
    // A spread list counts as any number of arguments; whether they are too few is checked when the
    // call is evaluated.
    let (few, many) = (given < least && !spread, given > most && !(spread && given == most + 1));
    if !few && !many {
        return None;
    }
    let wants =
        |it: usize| if it == 1 { "1 argument".to_owned() } else { format!("{it} arguments") };
    let summary = match (few, function.variadic) {
        (true, Some(_)) => {
            format!("`{}` takes at least {}, not {given}", function.name, wants(least))
        }
        _ => format!("`{}` takes {}, not {given}", function.name, wants(least)),
    };
    Some(
        error(summary)
            .code(code::CALL)
            .at(span())
            .help(format!("it is called like this: `{form}`")),
    )
}

pub(crate) fn no_remote_state(span: SourceSpan) -> Diagnostic {
    error("the state of another configuration cannot be read")
        .code(code::NOT_SUPPORTED)
        .at(span)
        .help(
            "declare a `variable` for each value; `ha output --json` in the other directory \
            prints its outputs",
        )
}

pub(crate) fn reserved_variable(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("a variable cannot be called `{name}`"))
        .code(code::VARIABLE)
        .at(span)
        .help("the name is reserved in `module` blocks")
}

pub(crate) fn null_default(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the variable `{name}` is not nullable, but null by default"))
        .code(code::VARIABLE)
        .at(span)
}

pub(crate) fn declared_twice(what: &str, first: &SourceSpan, span: SourceSpan) -> Diagnostic {
    error(format!("there is more than one {what}"))
        .code(code::TWICE)
        .at(span)
        .label("the second")
        .related(first.clone(), "the first")
        .help("give one of them another name, or remove it")
}

pub(crate) fn provider_twice(
    name: &str,
    alias: Option<&str>,
    first: &SourceSpan,
    span: SourceSpan,
) -> Diagnostic {
    match alias {
        Some(alias) => declared_twice(&format!("provider `{name}.{alias}`"), first, span),
        None => error(format!("there is more than one provider `{name}`"))
            .code(code::TWICE)
            .at(span)
            .label("the second")
            .related(first.clone(), "the first")
            .help("give one of them an `alias` and select it with `provider = NAME.ALIAS`"),
    }
}

pub(crate) fn not_a_trigger(reference: &Reference, span: SourceSpan) -> Diagnostic {
    error(format!("`{reference}` is not a resource; only resources can trigger a replacement"))
        .code(code::FIXED)
        .at(span)
        .help("store the value in a resource, such as `input` of an `ha_data`, and refer to that")
}

pub(crate) fn count_and_for_each(span: SourceSpan) -> Diagnostic {
    error("`count` and `for_each` exclude each other").code(code::EXCLUSIVE).at(span)
}

pub(crate) fn enabled_and_many(span: SourceSpan) -> Diagnostic {
    error("`enabled` is for blocks without `count` and `for_each`")
        .code(code::EXCLUSIVE)
        .at(span)
        .help("give `count` or `for_each` no elements instead")
}

pub(crate) fn many_in_check(span: SourceSpan) -> Diagnostic {
    error("a data source of a `check` block cannot have `count` or `for_each`")
        .code(code::EXCLUSIVE)
        .at(span)
}

pub(crate) fn check_without_assertion(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the check `{name}` has no `assert` block"))
        .code(code::MISSING)
        .at(span)
        .help("add `assert { condition = …  error_message = … }`")
}

pub(crate) fn not_a_provider(span: SourceSpan) -> Diagnostic {
    error("expected the name of a provider")
        .code(code::FIXED)
        .at(span)
        .help("for example `provider = aws` or `provider = aws.east`")
}

pub(crate) fn not_a_path(span: SourceSpan) -> Diagnostic {
    error("expected an argument of this block")
        .code(code::FIXED)
        .at(span)
        .help("for example `tags` or `tags[\"Name\"]`")
}

pub(crate) fn ignores_no_list(span: SourceSpan) -> Diagnostic {
    error("expected `all` or a list of arguments")
        .code(code::FIXED)
        .at(span)
        .help("for example `ignore_changes = [tags]`")
}

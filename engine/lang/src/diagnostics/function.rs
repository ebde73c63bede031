//! Diagnostics for functions that a configuration declares or calls.

mod elsewhere;

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_value::{Name, closest};

use super::error;
use super::reference::environment_not_read;
use crate::functions::{Function, functions};
use crate::user_functions::FunctionDefinition;
use elsewhere::{Elsewhere, elsewhere};

pub(crate) fn no_such_function<'a>(
    name: &str,
    declared: impl Iterator<Item = &'a Name>,
    given: usize,
    span: SourceSpan,
) -> Diagnostic {
    let takes = |it: &&Function| {
        it.parameters.len() == given || it.variadic.is_some() && it.parameters.len() <= given
    };
    // A function that cannot be called with this many arguments is not suggested: it would only
    // lead to the next error.
    let known = functions().iter().filter(takes).map(|it| it.name);
    let known: Vec<&str> = declared.map(|it| &**it).chain(known).collect();
    let problem =
        error(format!("there is no function `{name}`")).code(code::NO_FUNCTION).at(span.clone());
    match elsewhere(name) {
        Some(Elsewhere::Called(meant)) => return problem.meant(name, meant),
        Some(Elsewhere::Written(how)) => return problem.help(how),
        None => {}
    }
    match name {
        "not" => problem.suggest(span, "!", "write `!`"),
        "env" | "getenv" => problem.help(environment_not_read(&span)),
        _ => match name.strip_prefix("core::") {
            Some(bare) => closest(bare, known)
                .map_or(problem.clone(), |it| problem.meant(name, &format!("core::{it}"))),
            None => problem.closest(name, known),
        },
    }
}

pub(crate) fn argument_count(
    name: &str,
    function: &FunctionDefinition,
    given: usize,
    spread: bool,
    span: &SourceSpan,
) -> Option<Diagnostic> {
    let least = function.parameters.len();
    // A spread list counts as any number of arguments; whether they are too few is checked when the
    // call is evaluated.
    let few = given < least && !spread;
    let many = given > least && function.rest.is_none() && !(spread && given == least + 1);
    if !few && !many {
        return None;
    }
    let names: Vec<&str> =
        function.parameters.iter().chain(&function.rest).map(|it| &**it).collect();
    let dots = if function.rest.is_some() { "..." } else { "" };
    let wants = if least == 1 { "1 argument".to_owned() } else { format!("{least} arguments") };
    let at_least = if function.rest.is_some() { "at least " } else { "" };
    Some(
        error(format!("`{name}` takes {at_least}{wants}, not {given}"))
            .code(code::CALL)
            .at(span.clone())
            .help(format!("it is called like this: `{name}({}{dots})`", names.join(", "))),
    )
}

pub(crate) fn calls_itself(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the function `{name}` calls itself, directly or indirectly"))
        .code(code::FUNCTION)
        .at(span)
        .help("use a `for` expression to repeat something for each element")
}

pub(crate) fn calls_too_deep(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the function `{name}` has calls that are nested too deeply"))
        .code(code::FUNCTION)
        .at(span)
        .help("at most 64 calls may be nested")
}

pub(crate) fn built_in(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("there is a function `{name}` already"))
        .code(code::FUNCTION)
        .at(span)
        .help("it is a built-in function; choose another name")
}

pub(crate) fn parameters_are_no_names(span: SourceSpan) -> Diagnostic {
    error("expected a list of names")
        .code(code::FUNCTION)
        .at(span)
        .help("for example `params = [first, second]`")
}

pub(crate) fn rest_is_no_name(span: SourceSpan) -> Diagnostic {
    error("expected a name")
        .code(code::FUNCTION)
        .at(span)
        .help("for example `variadic_param = rest`")
}

pub(crate) fn parameter_twice(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("there is more than one parameter `{name}`")).code(code::FUNCTION).at(span)
}

pub(crate) fn outside_of_function(
    name: &str,
    function: &str,
    span: SourceSpan,
    parameters: &[Name],
) -> Diagnostic {
    error(format!("the function `{function}` has no parameter `{name}`"))
        .code(code::FUNCTION)
        .at(span)
        .help("a function can refer only to its parameters; pass other values as arguments")
        .closest(name, parameters.iter().map(|it| &**it))
}

pub(crate) fn not_here(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("the function `{name}` cannot be called here"))
        .code(code::FUNCTION)
        .at(span)
        .help("only constants and built-in functions are allowed here")
}

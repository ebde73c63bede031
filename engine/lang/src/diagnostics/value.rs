//! Diagnostics of the evaluation of expressions.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_value::{ConversionError, Name, Number, Type, Value, closest};

use super::error;
use crate::compiled_expression::{BlockName, ReferenceTarget};
use crate::describe::{a_kind, in_place, kind};
use crate::evaluate::{TextTooLong, TooManyElements};
use crate::functions::{Function, Parameter};
use crate::lexer::is_identifier;

pub(crate) fn null_key() -> Diagnostic {
    error("null cannot be the name of an attribute").code(code::NULL)
}

pub(crate) fn key_is_no_text(key: &Value) -> Diagnostic {
    error(format!("{} cannot be the name of an attribute or element", a_kind(key)))
        .code(code::WRONG_TYPE)
        .help("it must be a string")
}

pub(crate) fn null_condition() -> Diagnostic {
    error("this condition is null").code(code::NULL).help("it must be true or false")
}

pub(crate) fn condition_is_no_bool(value: &Value) -> Diagnostic {
    error(format!("a condition is true or false, not {}", a_kind(value))).code(code::WRONG_TYPE)
}

pub(crate) fn arms_differ(then: &Value, otherwise: &Value) -> Diagnostic {
    // The attribute names in a type may be secret too, so only the kind of a sensitive value is
    // shown.
    let ty = |it: &Value| {
        if it.contains_sensitive() { kind(it) } else { Type::of_value(it).to_string() }
    };
    let (then, otherwise) = (ty(then), ty(otherwise));
    error("the two results of a condition must have one type").code(code::WRONG_TYPE).detail(
        format!("If true it is {then}, if false it is {otherwise}, and there is no type for both."),
    )
}

pub(crate) fn arm_does_not_convert(mismatch: &ConversionError) -> Diagnostic {
    error(format!("the result does not convert to the type of the other one: {}", at(mismatch)))
        .code(code::WRONG_TYPE)
}

/// The message of a conversion error, with its path.
pub(crate) fn at(mismatch: &ConversionError) -> String {
    match mismatch.path.steps().is_empty() {
        true => mismatch.message.clone(),
        false => format!("at `{}` {}", mismatch.path, mismatch.message),
    }
}

pub(crate) fn null_index() -> Diagnostic {
    error("null cannot be an index").code(code::NULL)
}

pub(crate) fn index_of_null() -> Diagnostic {
    error("null has no elements").code(code::NULL).help("the value in front of `[` is null")
}

pub(crate) fn index_is_no_position(index: &Number) -> Diagnostic {
    error(format!("{index} is not a position in a list"))
        .code(code::OUT_OF_RANGE)
        .help("positions are whole numbers from 0 on; the last is `LIST[length(LIST) - 1]`")
}

pub(crate) fn index_is_no_number(key: &Value, of: &Value) -> Diagnostic {
    error(format!("{} is indexed by a number, not by {}", a_kind(of), a_kind(key)))
        .code(code::WRONG_TYPE)
}

pub(crate) fn index_too_great(index: &Number, length: usize) -> Diagnostic {
    let problem = error(format!("there is no element {index}")).code(code::OUT_OF_RANGE);
    match length {
        0 => problem.help("there are no elements at all"),
        1 => problem.help("there is 1 element, at index 0"),
        _ => problem.help(format!("there are {length} elements, at 0 to {}", length - 1)),
    }
}

pub(crate) fn no_instance_key(value: &Value) -> Diagnostic {
    error(format!("{} is not an instance key", a_kind(value)))
        .code(code::WRONG_TYPE)
        .help("with `count` it is a number, with `for_each` a string")
}

/// Replaces the message of a function that rejects a secret argument, because the message may quote
/// it.
pub(crate) const SECRET_REFUSED: &str = "it rejects the argument; the reason would reveal a secret";

pub(crate) fn not_in_secret() -> Diagnostic {
    error("the (sensitive) value has no such attribute or element").code(code::SECRET)
}

pub(crate) fn no_instance_of_secret_key(block: &BlockName) -> Diagnostic {
    error(format!("`{block}` has no instance of this (sensitive) key")).code(code::SECRET)
}

pub(crate) fn not_indexed(value: &Value) -> Diagnostic {
    let problem = error(format!("{} cannot be indexed", a_kind(value))).code(code::WRONG_TYPE);
    match value {
        Value::Set(_) => problem.help(
            "the elements of a set have no order; use `tolist`, or `one` where there is only one",
        ),
        _ => problem,
    }
}

/// The place of an attribute name in the source.
pub(crate) struct NamePlace {
    /// The span of the name, with its quotes.
    pub(crate) name: SourceSpan,
    /// Whether the name is in quotes inside brackets.
    pub(crate) is_quoted: bool,
    /// The span of the name and the dot before it, if there is one.
    pub(crate) with_point: Option<SourceSpan>,
}

/// Suggests the closest known name, in the notation that the place requires: a name that is not an
/// identifier cannot follow a dot, so that the dot is replaced by brackets too.
fn misspelt<'a>(
    problem: Diagnostic,
    name: &str,
    place: Option<&NamePlace>,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    let Some(meant) = closest(name, known) else { return problem };
    let help = format!("did you mean `{meant}`?");
    match place {
        Some(place) if place.is_quoted => {
            problem.suggest(place.name.clone(), text_literal(&meant), help)
        }
        _ if is_identifier(&meant) => problem.meant(name, &meant),
        Some(NamePlace { with_point: Some(span), .. }) => {
            problem.suggest(span.clone(), format!("[{}]", text_literal(&meant)), help)
        }
        _ => problem.help(help),
    }
}

/// A string as a literal of the language.
fn text_literal(text: &str) -> String {
    let escaped = text.chars().fold(String::new(), |mut written, sign| {
        match sign {
            '"' | '\\' => written.extend(['\\', sign]),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            sign if sign.is_control() => written.push_str(&format!("\\u{:04x}", u32::from(sign))),
            sign => written.push(sign),
        }
        written
    });
    format!("\"{}\"", escaped.replace("${", "$${").replace("%{", "%%{"))
}

pub(crate) fn no_such_attribute<'a>(
    name: &str,
    place: Option<NamePlace>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    // An object can have thousands of attributes; a long list does not help to find one.
    let names: Vec<&str> = known.clone().take(20).collect();
    let span = place.as_ref().map(|it| it.name.clone());
    let problem = Diagnostic { span, ..error(format!("there is no attribute `{name}`")) }
        .code(code::NO_ATTRIBUTE);
    let problem = misspelt(problem, name, place.as_ref(), known);
    match names.is_empty() {
        true => problem.help("the object has no attributes"),
        false if problem.suggestion.is_some() => problem,
        false => problem.help(format!("it has {}", names.join(", "))),
    }
}

/// A key of `for_each` that is written like an attribute and does not exist.
pub(crate) fn no_instance_named<'a>(
    target: &ReferenceTarget,
    name: &str,
    place: Option<NamePlace>,
    keys: impl Iterator<Item = &'a Name>,
) -> Diagnostic {
    let known: Vec<String> =
        keys.take(8).map(|it| format!("`{target}[{}]`", text_literal(it))).collect();
    let problem = error(format!("there is no instance `{target}[{}]`", text_literal(name)));
    let problem = Diagnostic { span: place.map(|it| it.name), ..problem }.code(code::OUT_OF_RANGE);
    problem.help(format!("there is {}", known.join(", ")))
}

/// An attribute of a block with `for_each`, without a key. `key` is one of its keys.
pub(crate) fn attribute_of_instances(
    target: &ReferenceTarget,
    name: &str,
    place: Option<NamePlace>,
    key: Option<&Name>,
) -> Diagnostic {
    let key = key.map_or_else(|| "\"KEY\"".into(), |it| text_literal(it));
    let problem =
        error(format!("`{target}` has `for_each`, and `{name}` is an attribute of its instances"));
    let problem = Diagnostic { span: place.map(|it| it.name), ..problem }.code(code::NO_ATTRIBUTE);
    problem.help(format!(
        "`{target}[{key}].{name}` is that of one instance, `values({target})[*].{name}` a list of all; \
         where `for_each` has the same keys, `{target}[each.key].{name}` is that of the same key"
    ))
}

pub(crate) fn no_such_key<'a>(
    name: &str,
    place: Option<NamePlace>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let span = place.as_ref().map(|it| it.name.clone());
    let problem = Diagnostic { span, ..error(format!("the map has no element `{name}`")) }
        .code(code::NO_ATTRIBUTE);
    misspelt(problem, name, place.as_ref(), known)
        .help("`lookup` gives a default where there is no element")
}

pub(crate) fn no_attributes(value: &Value, name: &str) -> Diagnostic {
    error(format!("{} has no attribute `{name}`", a_kind(value))).code(code::NO_ATTRIBUTE)
}

pub(crate) fn attribute_of_null(name: &str) -> Diagnostic {
    error(format!("null has no attribute `{name}`"))
        .code(code::NULL)
        .help("the value in front of the dot is null")
}

pub(crate) fn attribute_of_list(value: &Value, name: &str) -> Diagnostic {
    error(format!("{} has no attribute `{name}`, only its elements may have", a_kind(value)))
        .code(code::NO_ATTRIBUTE)
        .help(format!(
            "use `[*].{name}` for the attribute of every element, or `[0].{name}` for that of one"
        ))
}

pub(crate) fn null_operand(sign: &str) -> Diagnostic {
    error(format!("this side of `{sign}` is null")).code(code::NULL)
}

pub(crate) fn wrong_operand(sign: &str, ty: &Type, value: &Value) -> Diagnostic {
    let wants = if *ty == Type::Bool { "true or false" } else { "a number" };
    let problem =
        error(format!("`{sign}` takes {wants}, not {}", in_place(value))).code(code::WRONG_TYPE);
    match (sign, value) {
        ("+", Value::String(_) | Value::Composed(_)) => {
            problem.help("strings are joined in a template: `\"${FIRST}${SECOND}\"`")
        }
        ("+", Value::Tuple(_) | Value::List(_) | Value::Set(_)) => {
            problem.help("`concat` joins lists, `setunion` sets")
        }
        ("+", Value::Object(_) | Value::Map(_)) => problem.help("`merge` joins maps and objects"),
        ("<" | "<=" | ">" | ">=", Value::Bool(_)) => {
            problem.help("two comparisons are combined with `&&`: `A < B && B < C`")
        }
        _ => problem,
    }
}

pub(crate) fn division_by_nothing() -> Diagnostic {
    error("division by zero").code(code::OUT_OF_RANGE)
}

pub(crate) fn result_out_of_range() -> Diagnostic {
    error("the result is too large for a number").code(code::OUT_OF_RANGE)
}

pub(crate) fn null_in_text() -> Diagnostic {
    error("null cannot be part of a string")
        .code(code::NULL)
        .help("`coalesce(VALUE, \"\")` gives an empty string instead")
}

pub(crate) fn no_text(value: &Value) -> Diagnostic {
    error(format!("{} cannot be part of a string", a_kind(value)))
        .code(code::WRONG_TYPE)
        .help("`join` makes a string from a list, `jsonencode` from any value")
}

pub(crate) fn text_too_long() -> Diagnostic {
    error(TextTooLong::MESSAGE).code(code::TOO_MUCH)
}

pub(crate) fn too_many_elements() -> Diagnostic {
    error(TooManyElements::MESSAGE).code(code::TOO_MUCH)
}

pub(crate) fn too_much_effort() -> Diagnostic {
    error("the loops and calls of this expression take more than four million steps in total")
        .code(code::TOO_MUCH)
        .help("move parts of it to local values, or iterate over fewer elements")
}

pub(crate) fn not_iterable(value: &Value) -> Diagnostic {
    error(format!("`for` iterates over lists, sets, maps and objects, not over {}", a_kind(value)))
        .code(code::WRONG_TYPE)
}

pub(crate) fn iteration_over_null() -> Diagnostic {
    error("`for` cannot iterate over null")
        .code(code::NULL)
        .help("`coalesce(VALUE, [])` gives an empty list instead")
}

pub(crate) fn duplicate_key(name: &str) -> Diagnostic {
    error(format!("two elements have the same key `{name}`"))
        .code(code::TWICE)
        .help("write `...` after the value to collect all values of one key in a list")
}

pub(crate) fn spread_of_no_list(value: &Value) -> Diagnostic {
    error(format!("only a list can be spread with `...`, not {}", a_kind(value))).code(code::CALL)
}

pub(crate) fn null_argument(function: &Function, parameter: &Parameter) -> Diagnostic {
    error(format!("`{}` of `{}` must not be null", parameter.name, function.name)).code(code::NULL)
}

pub(crate) fn wrong_argument(
    function: &Function,
    parameter: &Parameter,
    mismatch: &ConversionError,
    given: &Value,
) -> Diagnostic {
    let summary = format!(
        "`{}` of `{}`: {}, not {}",
        parameter.name,
        function.name,
        at(mismatch),
        in_place(given)
    );
    error(summary).code(code::CALL).help(function.doc.to_owned())
}

pub(crate) fn refused(
    function: &Function,
    parameter: Option<&Parameter>,
    message: &str,
) -> Diagnostic {
    match parameter {
        Some(parameter) => error(format!("`{}` of `{}`: {message}", parameter.name, function.name))
            .code(code::REFUSED),
        None => error(format!("`{}`: {message}", function.name)).code(code::REFUSED),
    }
}

pub(crate) fn nothing_worked(said: Vec<String>) -> Diagnostic {
    let mut problem = error("no argument of `try` has a value").code(code::REFUSED);
    problem.detail = said.into_iter().map(|it| format!("- {it}")).collect::<Vec<_>>().join("\n");
    problem.help("give a last argument that always has one, such as null")
}

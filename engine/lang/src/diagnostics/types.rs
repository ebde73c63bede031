//! Diagnostics for type constraints and values that do not have the type.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_value::{ConversionError, Type};

use super::error;
use super::value::at;

pub(crate) fn no_such_type(name: &str, span: SourceSpan) -> Diagnostic {
    let known = ["any", "string", "number", "bool", "list", "set", "map", "object", "tuple"];
    let problem = error(format!("there is no type `{name}`")).code(code::TYPE).at(span);
    let problem = match name {
        "str" | "text" => problem.meant(name, "string"),
        "int" | "integer" | "float" | "double" => problem.meant(name, "number"),
        "boolean" => problem.meant(name, "bool"),
        "array" => problem.meant(name, "list"),
        "dict" | "hash" => problem.meant(name, "map"),
        _ => problem.closest(name, known),
    };
    problem.help(
        "types are string, number, bool, any, list(…), set(…), map(…), object({ … }) and \
        tuple([ … ])",
    )
}

pub(crate) fn type_needs_argument(name: &str, span: SourceSpan) -> Diagnostic {
    let example = match name {
        "object" => "object({ name = string, size = optional(number, 1) })",
        "tuple" => "tuple([string, number])",
        "optional" => "optional(string)` or `optional(string, \"default\")",
        "set" => "set(string)",
        "map" => "map(string)",
        _ => "list(string)",
    };
    error(format!("`{name}` needs the type of its content"))
        .code(code::TYPE)
        .at(span)
        .help(format!("for example `{example}`"))
}

pub(crate) fn one_argument(name: &str, given: usize, span: SourceSpan) -> Diagnostic {
    let (takes, help) = match name {
        "optional" => {
            ("a type and a default", "write `optional(TYPE)` or `optional(TYPE, DEFAULT)`")
        }
        "object" => ("one list of attributes", "write `object({ NAME = TYPE })`"),
        "tuple" => ("one list of types", "write `tuple([TYPE, TYPE])`"),
        _ => (
            "one type",
            "all elements have this type; \
                for elements of several types write `tuple([TYPE, TYPE])`",
        ),
    };
    error(format!("`{name}` takes {takes}, not {given} arguments"))
        .code(code::TYPE)
        .at(span)
        .help(help)
}

pub(crate) fn quoted_type(name: &str, span: SourceSpan) -> Diagnostic {
    let problem = error("a type is written without quotes").code(code::TYPE).at(span.clone());
    let meant = match name {
        "string" | "number" | "bool" | "any" => name.to_owned(),
        // The spelling of Terraform 0.11, where these names were written in quotes and without an
        // element type.
        "list" | "map" | "set" => format!("{name}(any)"),
        "boolean" => "bool".to_owned(),
        "int" | "integer" | "float" => "number".to_owned(),
        _ => return problem.help("for example `type = string` or `type = list(string)`"),
    };
    let help = format!("write `{meant}`");
    problem.suggest(span, meant, help)
}

pub(crate) fn not_a_type(span: SourceSpan) -> Diagnostic {
    error("this is not a type").code(code::TYPE).at(span).help(
        "types are string, number, bool, any, list(…), set(…), map(…), object({ … }) and \
            tuple([ … ])",
    )
}

/// A type in the notation of another language; `meant` is the type in the notation of this one.
pub(crate) fn foreign_notation(
    summary: &str,
    meant: Option<String>,
    span: SourceSpan,
) -> Diagnostic {
    let problem = error(summary).code(code::TYPE).at(span.clone());
    match meant {
        Some(meant) => {
            let help = format!(
                "write `{meant}`; a variable may be null unless it has `nullable = false`"
            );
            problem.suggest(span, meant, help)
        }
        None => problem.help(
            "types are string, number, bool, any, list(…), set(…), map(…), object({ … }) and tuple([ … ])",
        ),
    }
}

pub(crate) fn optional_outside_object(span: SourceSpan) -> Diagnostic {
    error("only attributes of an object can be optional")
        .code(code::TYPE)
        .at(span)
        .help("write the type alone; a variable may be null unless it has `nullable = false`")
}

pub(crate) fn duplicate_attribute(name: &str, span: SourceSpan) -> Diagnostic {
    error(format!("`{name}` is there twice")).code(code::TWICE).at(span)
}

pub(crate) fn does_not_fit(mismatch: &ConversionError, ty: &Type) -> Diagnostic {
    let problem = error(format!("the value is not of type {}: {}", short(ty), at(mismatch)))
        .code(code::WRONG_TYPE);
    match ty {
        Type::Object(_) | Type::Tuple(_) => problem.detail(format!("The type is {ty}.")),
        _ => problem,
    }
}

fn short(ty: &Type) -> String {
    match ty {
        Type::Object(_) => "object".into(),
        Type::Tuple(_) => "tuple".into(),
        ty => ty.to_string(),
    }
}

pub(crate) fn constant_is_not_known(span: SourceSpan) -> Diagnostic {
    error("a constant must be known before anything is planned")
        .code(code::FIXED)
        .at(span)
        .help("move what depends on time or randomness to a local value")
}

//! Functions of the language, as text and as data.

use std::fmt::Write as _;

use ha_lang::{Function, Parameter};

use super::json::JsonValue;
use super::style::{Painter, TextRole};

/// Returns the signature of a function, on one line.
pub(crate) fn signature(function: &Function) -> String {
    let parameter = |it: &Parameter| format!("{} {}", it.name, it.kind.ty());
    let mut parameters: Vec<String> = function.parameters.iter().map(parameter).collect();
    parameters.extend(function.variadic.map(|it| format!("{}...", parameter(it))));
    format!("{}({}) {}", function.name, parameters.join(", "), function.returns.ty())
}

/// Returns the signature and description of a function.
pub(crate) fn function_text(function: &Function, paint: Painter) -> String {
    format!("{}\n{}\n", paint.put(TextRole::Head, &signature(function)), function.doc)
}

/// Lists all functions, one per line.
pub(crate) fn functions_text<'a>(
    functions: impl IntoIterator<Item = &'a Function>,
    paint: Painter,
) -> String {
    let functions: Vec<&Function> = functions.into_iter().collect();
    let width = functions.iter().map(|it| it.name.len()).max().unwrap_or(0);
    functions.iter().fold(String::new(), |mut text, it| {
        let padding = " ".repeat(width - it.name.len());
        let _ = writeln!(text, "{}{padding}  {}", paint.put(TextRole::Head, it.name), it.doc);
        text
    })
}

/// Returns functions in the format of `terraform metadata functions -json`.
pub(crate) fn functions_json<'a>(functions: impl IntoIterator<Item = &'a Function>) -> JsonValue {
    let signatures =
        functions.into_iter().map(|it| (it.name.to_owned(), function_json(it))).collect();
    JsonValue::object([
        ("format_version", "1.0".into()),
        ("function_signatures", JsonValue::Object(signatures)),
    ])
}

fn function_json(function: &Function) -> JsonValue {
    let Function { name: _, doc, parameters, variadic, returns, .. } = function;
    let mut fields = vec![
        ("description", JsonValue::from(*doc)),
        ("return_type", JsonValue::from(&returns.ty())),
    ];
    if !parameters.is_empty() {
        fields.push((
            "parameters",
            JsonValue::Array(parameters.iter().map(parameter_json).collect()),
        ));
    }
    fields.extend(variadic.map(|it| ("variadic_parameter", parameter_json(it))));
    JsonValue::object(fields)
}

fn parameter_json(parameter: &Parameter) -> JsonValue {
    let Parameter { name, kind, nullable, .. } = parameter;
    let mut fields = vec![("name", JsonValue::from(*name))];
    if *nullable {
        fields.push(("is_nullable", true.into()));
    }
    fields.push(("type", JsonValue::from(&kind.ty())));
    JsonValue::object(fields)
}

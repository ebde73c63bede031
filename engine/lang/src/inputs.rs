//! Input from outside of a configuration: variable files, `--var`, the environment, `--expr`.

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{Name, Type, Value, convert};
use indexmap::IndexMap;

use crate::SourceFile;
use crate::compiled_expression::Expression;
use crate::diagnostics;
use crate::environment::{EmptyScope, EvaluationContext};
use crate::json;
use crate::parse;
use crate::resolve::NameResolver;
use crate::source::is_json;
use crate::types::constant;

/// Compiles one expression that is not part of a file, as of `ha console --expr`.
///
/// # Errors
/// All diagnostics of it.
pub fn expression(name: &str, text: &str) -> Result<Expression, Vec<Diagnostic>> {
    let file = SourceFile::new(name, text);
    let written = parse::expression(&file)?;
    let mut resolver = NameResolver::new(file.name);
    let expression = resolver.expression(written);
    resolver.functions.check(&mut resolver.problems);
    if resolver.problems.is_empty() { Ok(expression) } else { Err(resolver.problems) }
}

/// The values of a variable file, each with the place of its name, and all diagnostics of the file.
#[must_use]
pub fn values_file(file: &SourceFile) -> (IndexMap<Name, (Value, SourceSpan)>, Vec<Diagnostic>) {
    let (body, problems) = if is_json(&file.name) { json::values(file) } else { parse::body(file) };
    let mut resolver = NameResolver::new(file.name.clone());
    resolver.problems = problems;
    let mut values = IndexMap::new();
    for block in body.blocks {
        resolver.problems.push(diagnostics::body::block_among_values(
            &block.kind.name,
            resolver.span(block.head),
        ));
    }
    for argument in body.arguments {
        let span = resolver.span(argument.name.at);
        if let Some(value) = constant(argument.value, &Type::Any, &mut resolver) {
            values.insert(argument.name.name, (value, span));
        }
    }
    (values, resolver.problems)
}

/// The value of a variable that is given as a string by `--var` or the environment: the string
/// itself for the type `string`, converted for `number` and `bool`, and evaluated as an expression
/// for every other type.
///
/// # Errors
/// Why the string is no value of `ty`.
pub fn value_of_text(text: &str, ty: &Type) -> Result<Value, Vec<Diagnostic>> {
    let fits =
        |it: &Value| convert(it, ty).map_err(|it| vec![diagnostics::types::does_not_fit(&it, ty)]);
    // A string is not parsed, so that a password with `${` or quotes can be given as it is.
    match ty {
        Type::String => Ok(Value::from(text)),
        Type::Number | Type::Bool => fits(&Value::from(text)),
        _ => fits(
            &expression("<value>", text)?
                .evaluate(&EvaluationContext::new(&EmptyScope, &EmptyScope))?,
        ),
    }
}

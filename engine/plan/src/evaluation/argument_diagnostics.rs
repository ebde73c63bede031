//! Problems of arguments as diagnostics, each at the place where the argument is written.

use ha_diagnostics::{Diagnostic, DiagnosticCode, SourceSpan, code};
use ha_lang::Body;
use ha_provider::{ArgumentProblem, FieldShape, Schema};
use ha_value::{Address, Object, PathStep, Value};

/// Converts arguments to a schema. Problems are located in the source.
pub(crate) fn conform(
    schema: &Schema,
    given: &Object,
    body: &Body,
    address: Option<&Address>,
    head: &SourceSpan,
) -> Result<Object, Vec<Diagnostic>> {
    schema.conform(given).map_err(|problems| {
        // Problems carry no code: providers report them too, and no provider depends on the crate
        // of diagnostics. The code follows from the schema and the value at the path.
        let codes: Vec<DiagnosticCode> =
            problems.iter().map(|it| misfit(schema, given, it)).collect();
        let located = located(problems, body, address, head.clone());
        located.into_iter().zip(codes).map(|(diagnostic, code)| diagnostic.code(code)).collect()
    })
}

/// Returns the code of a schema problem: unknown name, missing, wrong type, or a value that is not
/// allowed.
fn misfit(schema: &Schema, given: &Object, problem: &ArgumentProblem) -> DiagnosticCode {
    let mut fields = Some(&schema.arguments);
    let mut shape = &FieldShape::Any;
    let mut value = Value::object(given.clone()).revealed();
    for step in problem.path.steps() {
        shape = match (step, fields, shape) {
            (PathStep::Name(name), Some(fields), _) => match fields.get(name) {
                Some(field) => &field.shape,
                None => return code::MISPLACED,
            },
            (_, None, FieldShape::List(of) | FieldShape::Set(of) | FieldShape::Map(of)) => of,
            _ => &FieldShape::Any,
        };
        fields = match shape {
            FieldShape::Object(fields) => Some(fields),
            _ => None,
        };
        value = match step {
            PathStep::Name(name) => value.get(name),
            PathStep::Index(index) => value
                .elements()
                .and_then(|it| it.get(*index).copied().cloned())
                .unwrap_or(Value::NULL),
        };
    }
    match shape {
        _ if value.is_null() => code::MISSING,
        FieldShape::String { one_of } if !one_of.is_empty() && value.as_str().is_some() => {
            code::NOT_ONE_OF
        }
        _ => code::WRONG_TYPE,
    }
}

/// Turns problems into diagnostics at the places where the arguments are written.
pub(crate) fn located(
    problems: Vec<ArgumentProblem>,
    body: &Body,
    address: Option<&Address>,
    head: SourceSpan,
) -> Vec<Diagnostic> {
    let each = |problem: ArgumentProblem| {
        let span = body.locate(&problem.path);
        let diagnostic =
            Diagnostic::error(problem.message).code(code::KIND_RULE).at(span).within(head.clone());
        match address {
            Some(address) => diagnostic.address(address),
            None => diagnostic,
        }
    };
    problems.into_iter().map(each).collect()
}

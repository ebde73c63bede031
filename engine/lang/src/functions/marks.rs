//! Type conversions, sensitivity marks, `try` and `can`.

use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_value::{Type, Value, convert};

use super::ParameterKind::{Any, Bool, Number, Text};
use super::{Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind, any};
use crate::compiled_expression::ExpressionNode;
use crate::describe::a_kind;
use crate::diagnostics::value as mistakes;
use crate::evaluate::{EvaluationError, EvaluationResult, Evaluator};

const VALUE: &[Parameter] = &[any("value").nullable()];
const EXPRESSIONS: Parameter = any("expressions").nullable();

/// A function of one value that may be null, unknown or sensitive.
const fn of_value(
    name: &'static str,
    doc: &'static str,
    returns: ParameterKind,
    run: fn(&[Value]) -> FunctionResult,
) -> Function {
    Function::new(name, doc, VALUE, returns, FunctionBody::Whole(run)).nullable()
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "can",
        "Whether the expression has a value.",
        VALUE,
        Bool,
        FunctionBody::Lazy(can),
    ),
    Function::new(
        "ephemeralasnull",
        "The value, with null in the place of each ephemeral value.",
        VALUE,
        Any,
        FunctionBody::Lazy(|evaluator, arguments, _| match arguments.first() {
            Some(node) => evaluator.without_ephemeral(node),
            None => Ok(Value::NULL),
        }),
    )
    .nullable(),
    Function::new(
        "issensitive",
        "Whether the value is marked as sensitive.",
        VALUE,
        Bool,
        FunctionBody::Lazy(|evaluator, arguments, _| match arguments.first() {
            Some(node) => evaluator.is_sensitive(node),
            None => Ok(Value::Bool(false)),
        }),
    ),
    of_value("nonsensitive", "The value without its sensitive mark.", Any, nonsensitive),
    of_value("sensitive", "The value, marked as sensitive.", Any, |it| {
        Ok(it[0].clone().sensitive())
    }),
    of_value("tobool", "The value as a boolean.", Bool, |it| converted(&it[0], &Type::Bool)),
    of_value("tolist", "The value as a list.", ParameterKind::List(&Any), |it| {
        converted(&it[0], &Type::List(Arc::new(Type::Any)))
    }),
    of_value("tomap", "The value as a map.", ParameterKind::Map(&Any), |it| {
        converted(&it[0], &Type::Map(Arc::new(Type::Any)))
    }),
    of_value("tonumber", "The value as a number.", Number, |it| converted(&it[0], &Type::Number)),
    of_value("toset", "The value as a set.", ParameterKind::Set(&Any), |it| {
        converted(&it[0], &Type::Set(Arc::new(Type::Any)))
    }),
    of_value("tostring", "The value as a string.", Text, |it| converted(&it[0], &Type::String)),
    Function::new(
        "try",
        "The value of the first expression that has one.",
        &[],
        Any,
        FunctionBody::Lazy(first),
    )
    .nullable()
    .many(&EXPRESSIONS),
    of_value("type", "The type of the value, as it is written in `type = …`.", Text, |it| {
        Ok(Value::from(Type::of_value(&it[0]).to_string()))
    }),
];

/// The value as a type, where the message may show a string only if it is not secret.
fn converted(value: &Value, ty: &Type) -> FunctionResult {
    convert(value, ty).map_err(|mismatch| {
        let (plain, sensitive) = value.unmark();
        // The message quotes the string only where it is not secret.
        let text = plain.as_str().filter(|_| !sensitive);
        FunctionError::argument(
            0,
            match (ty, text) {
                (Type::Number, Some(text)) => format!("\"{text}\" is not a decimal number"),
                (Type::Bool, Some(text)) => format!("\"{text}\" is neither \"true\" nor \"false\""),
                _ if mismatch.path.steps().is_empty() => {
                    format!("{} cannot be converted: {}", a_kind(value), mismatch.message)
                }
                _ => mistakes::at(&mismatch),
            },
        )
    })
}

fn nonsensitive(arguments: &[Value]) -> FunctionResult {
    Ok(match &arguments[0] {
        Value::Sensitive(inner) => (**inner).clone(),
        Value::Composed(parts) => {
            let clear = |it: &ha_value::TextPart| match it {
                ha_value::TextPart::Secret(text) => ha_value::TextPart::Clear(text.clone()),
                ha_value::TextPart::Unknown { cause, .. } => {
                    ha_value::TextPart::unknown(cause.clone(), false)
                }
                it => it.clone(),
            };
            Value::from(parts.iter().map(clear).collect::<ha_value::Text>())
        }
        it => it.clone(),
    })
}

/// The value of an expression, or its diagnostics; and whether the outcome depends on something
/// unknown and may be different once that is known.
fn attempt(
    evaluator: &mut Evaluator<'_>,
    node: &ExpressionNode,
) -> (Result<Value, Vec<Diagnostic>>, bool) {
    // A failed expression may leave diagnostics and loop variables behind; both are removed, so
    // that the evaluator continues as if nothing had been evaluated.
    let before = evaluator.problems.len();
    let slots = evaluator.slots.len();
    evaluator.trying += 1;
    let (outcome, depends_on_unknown) = evaluator.tracking_uncertainty(|it| it.node(node));
    evaluator.trying -= 1;
    evaluator.slots.truncate(slots);
    let problems = evaluator.problems.split_off(before);
    (outcome.map_err(|EvaluationError| problems), depends_on_unknown)
}

fn can(
    evaluator: &mut Evaluator<'_>,
    arguments: &[&ExpressionNode],
    _: &ExpressionNode,
) -> EvaluationResult {
    let Some(node) = arguments.first() else { return Ok(Value::Bool(false)) };
    Ok(match attempt(evaluator, node) {
        (outcome, true) => Value::unknown(Type::Bool, outcome.ok().and_then(|it| it.cause())),
        (outcome, false) => Value::Bool(outcome.is_ok()),
    })
}

fn first(
    evaluator: &mut Evaluator<'_>,
    arguments: &[&ExpressionNode],
    node: &ExpressionNode,
) -> EvaluationResult {
    let mut all = Vec::new();
    for argument in arguments {
        match attempt(evaluator, argument) {
            (Ok(value), false) => return Ok(value),
            // Whether this expression succeeds is open, so a later argument may be the result: not
            // even the type is known. A secret that the unknown may contain stays marked.
            (outcome, true) => {
                let value = outcome.unwrap_or(Value::NULL);
                let unknown = Value::unknown(Type::Any, value.cause());
                return Ok(if value.contains_sensitive() { unknown.sensitive() } else { unknown });
            }
            (Err(problems), false) => all.extend(problems),
        }
    }
    let summaries = all.iter().map(|it| it.summary.clone()).collect();
    Err(evaluator.fail(node, mistakes::nothing_worked(summaries)))
}

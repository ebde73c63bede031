//! Whether the error of a function is independent of its secret arguments, so that a diagnostic may
//! show it. The function is called again with other values in place of the secrets; the error may be
//! shown if it stays the same.

use ha_value::{Type, Value};

use crate::functions::{Function, FunctionBody, FunctionError, FunctionResult};

/// Replacements for secret strings: most functions treat these in different ways.
const TEXTS: [&str; 10] = [
    "",
    "x",
    "1",
    "true",
    "[]",
    "{}",
    "10.0.0.0/8",
    "2020-01-01T00:00:00Z",
    "YQ==",
    "a longer text, of several words",
];
const NUMBERS: [i64; 6] = [0, 1, -1, 2, 8, 1_000_000_000];

/// Whether the error `refusal` is independent of the arguments at the indices `secret`. The arguments
/// have no marks.
pub(super) fn is_independent(
    function: &Function,
    arguments: &[Value],
    secret: &[usize],
    refusal: &FunctionError,
) -> bool {
    match function.run {
        // These functions take unknown values. An error with an unknown in place of each secret is an
        // error with every value in its place.
        FunctionBody::Whole(run) | FunctionBody::Open(run) => is_same(
            &run(&replaced(arguments, secret, |it| Value::unknown(open_type(it), None))),
            refusal,
        ),
        // These functions take only known values, so that samples must do. The error must be about an
        // argument that is no secret, and must be the same for every sample.
        FunctionBody::Plain(run) => {
            let is_open = refusal.argument.is_some_and(|it| !secret.contains(&it));
            let others = arguments
                .iter()
                .enumerate()
                .filter(|(at, _)| !secret.contains(at))
                .map(|(_, it)| it.clone());
            let others: Vec<Value> = others.collect();
            let mut rounds = (0..TEXTS.len() + others.len())
                .map(|round| run(&replaced(arguments, secret, |it| stand_in(it, &others, round))));
            is_open && rounds.all(|it| is_same(&it, refusal))
        }
        FunctionBody::Outside(_) | FunctionBody::WholeOutside(_) | FunctionBody::Lazy(_) => false,
    }
}

fn is_same(answer: &FunctionResult, refusal: &FunctionError) -> bool {
    matches!(answer, Err(it) if it.message == refusal.message && it.argument == refusal.argument)
}

fn replaced(arguments: &[Value], secret: &[usize], by: impl Fn(&Value) -> Value) -> Vec<Value> {
    let each = arguments
        .iter()
        .enumerate()
        .map(|(at, it)| if secret.contains(&at) { by(it) } else { it.clone() });
    each.collect()
}

/// The outermost type of a secret. Names of attributes and numbers of elements are secret as well.
fn open_type(value: &Value) -> Type {
    match Type::of_value(value) {
        Type::List(_) => Type::List(Type::Any.into()),
        Type::Set(_) => Type::Set(Type::Any.into()),
        Type::Map(_) => Type::Map(Type::Any.into()),
        ty @ (Type::Bool | Type::Number | Type::String) => ty,
        Type::Any | Type::Tuple(_) | Type::Object(_) => Type::Any,
    }
}

/// Another value of the same type for each round. The other arguments are among them, as functions
/// compare their arguments with each other.
fn stand_in(value: &Value, others: &[Value], round: usize) -> Value {
    let name = |it: &Value| if let Value::String(it) = it { Some(it.clone()) } else { None };
    match value {
        Value::String(_) => match TEXTS.get(round) {
            Some(text) => Value::from(*text),
            None => others
                .get(round - TEXTS.len())
                .filter(|it| name(it).is_some())
                .cloned()
                .unwrap_or_else(|| Value::from("")),
        },
        Value::Number(_) => Value::from(NUMBERS[round % NUMBERS.len()]),
        Value::Bool(_) => Value::Bool(round.is_multiple_of(2)),
        Value::List(_) => Value::list(others[..round.min(others.len())].to_vec()),
        Value::Tuple(_) => Value::tuple(others[..round.min(others.len())].to_vec()),
        Value::Map(_) | Value::Object(_) => {
            let names = others[..round.min(others.len())].iter().filter_map(name);
            Value::object(names.map(|it| (it, Value::from("x"))))
        }
        other => other.clone(),
    }
}

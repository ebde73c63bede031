//! Functions of all kinds of collections.

use std::sync::Arc;

use ha_value::{Number, TextPart, Type, Value, convert, unify_open};

use super::ParameterKind::{Any, Bool};
use super::{
    AcceptedTypes, Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind,
    any, element_arguments, integer_of, list, number, type_of,
};
use crate::evaluate::{common, length_of, sure_equal};

const LIST: Parameter = any("list").accepting(AcceptedTypes::Lists);
const SEQUENCE: Parameter = any("list").accepting(AcceptedTypes::Sequences);
const VALUES: Parameter = any("values").nullable();

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "alltrue",
        "Whether all elements are true; true for an empty list.",
        &[list("list", &Bool)],
        Bool,
        FunctionBody::Open(alltrue),
    ),
    Function::new(
        "anytrue",
        "Whether any element is true.",
        &[list("list", &Bool)],
        Bool,
        FunctionBody::Open(anytrue),
    ),
    Function::new(
        "coalesce",
        "The first value that is neither null nor an empty string.",
        &[],
        Any,
        FunctionBody::Whole(coalesce),
    )
    .many(&VALUES),
    Function::new(
        "coalescelist",
        "The first list that has elements.",
        &[],
        Any,
        FunctionBody::Whole(coalescelist),
    )
    .many(&VALUES),
    Function::new(
        "contains",
        "Whether the list or set has an element equal to `value`.",
        &[SEQUENCE, any("value")],
        Bool,
        FunctionBody::Whole(contains),
    ),
    Function::new(
        "element",
        "The element at `index`, wrapping around at the end.",
        &[LIST, number("index")],
        Any,
        FunctionBody::Whole(element),
    )
    .nullable(),
    Function::new(
        "index",
        "The index of the first element equal to `value`.",
        &[LIST, any("value")],
        ParameterKind::Number,
        FunctionBody::Whole(index),
    ),
    Function::new(
        "length",
        "The number of elements, attributes or characters.",
        &[const { any("value").accepting(AcceptedTypes::Lengths) }],
        ParameterKind::Number,
        FunctionBody::Whole(length),
    ),
    Function::new(
        "one",
        "The only element, or null for an empty collection.",
        &[SEQUENCE],
        Any,
        FunctionBody::Whole(one),
    )
    .typed(|it| super::element_type(&type_of(it, 0)))
    .nullable(),
];

/// The value without its own mark, and whether it had one.
pub(super) fn without_own_mark(value: &Value) -> (&Value, bool) {
    match value {
        Value::Sensitive(inner) => (inner, true),
        it => (it, false),
    }
}

/// The value, marked as sensitive where `sensitive`.
pub(super) fn with_mark(value: Value, sensitive: bool) -> Value {
    if sensitive { value.sensitive() } else { value }
}

/// An unknown of a type that waits for the same attribute as `value`.
pub(super) fn unknown_of(value: &Value, ty: Type) -> Value {
    Value::unknown(ty, value.cause())
}

/// A list or a tuple of these elements, whichever `like` is, with the element type of `like` where
/// a list is empty.
pub(super) fn same_kind(like: &Value, items: Vec<Value>) -> Value {
    match like {
        Value::Tuple(_) => Value::tuple(items),
        Value::List(of) if items.is_empty() && of.is_declared() => like.clone(),
        Value::List(of) if items.is_empty() => Value::list_of(
            &of.first().map_or(Type::Any, |_| super::element_type(&Type::of_value(like))),
            items,
        ),
        _ => Value::list(items),
    }
}

/// A length as a number.
pub(super) fn count(length: usize) -> Value {
    Value::from(i64::try_from(length).unwrap_or(i64::MAX))
}

fn alltrue(arguments: &[Value]) -> FunctionResult {
    Ok(decided(arguments, false, |it| matches!(it, Value::Bool(false) | Value::Null(_))))
}

fn anytrue(arguments: &[Value]) -> FunctionResult {
    Ok(decided(arguments, true, |it| *it == Value::Bool(true)))
}

/// Folds a list of booleans. One deciding element is enough, so that the result is known even where
/// other elements are not.
fn decided(arguments: &[Value], as_decided: bool, decides: impl Fn(&Value) -> bool) -> Value {
    let items = match arguments {
        [unknown @ Value::Unknown(_)] => return unknown_of(unknown, Type::Bool),
        _ => element_arguments(arguments, 0),
    };
    match items.iter().find(|it| !it.is_known()) {
        _ if items.iter().any(|it| decides(it)) => Value::Bool(as_decided),
        Some(unknown) => unknown_of(unknown, Type::Bool),
        None => Value::Bool(!as_decided),
    }
}

fn coalesce(arguments: &[Value]) -> FunctionResult {
    let types: Vec<Type> = arguments.iter().map(Type::of_value).collect();
    let ty = unify_open(&types).filter(|_| !arguments.is_empty());
    let ty = ty.ok_or_else(|| FunctionError::new("all arguments must have one type"))?;
    let mut sensitive = false;
    for argument in arguments {
        let argument = convert(argument, &ty)
            .map_err(|it| FunctionError::new(crate::diagnostics::value::at(&it)))?;
        let (plain, mark) = argument.unmark();
        match &plain {
            // A string with known characters cannot turn out empty, so it is chosen although parts
            // of it are unknown.
            Value::Unknown(_) if !has_known_characters(&argument) => {
                // An argument of an open type may change the common type once it is known.
                let ty = if arguments.iter().any(Value::may_be_anything) { Type::Any } else { ty };
                return Ok(with_mark(unknown_of(&plain, ty), sensitive || mark));
            }
            // Skipping a secret reveals that it is null or empty, so the result is secret too.
            Value::Null(_) => sensitive |= mark,
            Value::String(text) if text.is_empty() && ty == Type::String => sensitive |= mark,
            _ => return Ok(with_mark(argument, sensitive)),
        }
    }
    Err(FunctionError::new("all arguments are null or empty"))
}

/// Whether a composed string has a known part that is not empty.
fn has_known_characters(value: &Value) -> bool {
    let Value::Composed(parts) = value else { return false };
    parts.iter().any(|part| match part {
        TextPart::Clear(text) | TextPart::Secret(text) => !text.is_empty(),
        TextPart::Unknown { .. } => false,
    })
}

fn coalescelist(arguments: &[Value]) -> FunctionResult {
    if arguments.is_empty() {
        return Err(FunctionError::new("at least one argument is required"));
    }
    let is_list = |it: &Value| match without_own_mark(it).0 {
        Value::Null(of) => matches!(of.known(), Some(Type::List(_) | Type::Tuple(_))),
        it => matches!(it, Value::Unknown(_) | Value::List(_) | Value::Tuple(_)),
    };
    if let Some(index) = arguments.iter().position(|it| !is_list(it)) {
        return Err(FunctionError::argument(index, "it must be a list"));
    }
    let mut sensitive = false;
    for argument in arguments {
        let (plain, mark) = without_own_mark(argument);
        match plain {
            Value::Unknown(_) => {
                return Ok(with_mark(unknown_of(plain, Type::Any), sensitive || mark));
            }
            Value::Null(_) => sensitive |= mark,
            Value::List(items) | Value::Tuple(items) if items.is_empty() => sensitive |= mark,
            _ => return Ok(with_mark(argument.clone(), sensitive)),
        }
    }
    Err(FunctionError::new("no argument has elements"))
}

fn contains(arguments: &[Value]) -> FunctionResult {
    let [list, wanted] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let (plain, mark) = without_own_mark(list);
    let sensitive = mark || wanted.contains_sensitive();
    if let Value::Unknown(_) = plain {
        return Ok(with_mark(unknown_of(plain, Type::Bool), sensitive));
    }
    let Some(items) = plain.elements() else {
        return Err(FunctionError::argument(
            0,
            format!("a list or set is required, not {}", crate::describe::a_kind(plain)),
        ));
    };
    let sensitive = sensitive || items.iter().any(|it| it.contains_sensitive());
    // An element that is certainly equal decides the result; until one is found, an element whose
    // equality is open leaves it unknown.
    let mut open = None;
    for item in items {
        match sure_equal(item, wanted) {
            Some(true) => return Ok(with_mark(Value::Bool(true), sensitive)),
            Some(false) => {}
            None => open = open.or(item.cause()).or(Some(Arc::from(""))),
        }
    }
    let value = match open {
        Some(cause) => Value::unknown(
            Type::Bool,
            Some(cause).filter(|it| !it.is_empty()).or_else(|| wanted.cause()),
        ),
        None => Value::Bool(false),
    };
    Ok(with_mark(value, sensitive))
}

fn element(arguments: &[Value]) -> FunctionResult {
    let [list, position] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let (plain, mark) = without_own_mark(list);
    let (position, position_mark) = position.unmark();
    let sensitive = mark || position_mark;
    let items = match plain {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Unknown(it) => {
            let ty = match &it.ty {
                Type::List(of) => (**of).clone(),
                _ => Type::Any,
            };
            return Ok(with_mark(unknown_of(plain, ty), sensitive));
        }
        _ => {
            return Err(FunctionError::argument(
                0,
                format!("a list is required, not {}", crate::describe::a_kind(plain)),
            ));
        }
    };
    if items.is_empty() {
        return Err(FunctionError::argument(0, "it has no elements"));
    }
    if !position.is_known() {
        return Ok(with_mark(unknown_of(&position, common(items.iter())), sensitive));
    }
    let index = integer_of(&[Value::NULL, position], 1)?;
    // The index wraps around at both ends. Terraform rejects a negative index into a tuple, unless
    // it is a multiple of the length, and so does this.
    let count = i128::try_from(items.len()).unwrap_or(i128::MAX);
    let place = usize::try_from(i128::from(index).rem_euclid(count))
        .expect("a remainder is less than the number of elements");
    if matches!(plain, Value::Tuple(_)) && index < 0 && place > 0 {
        return Err(FunctionError::argument(
            1,
            "it must not be negative for a tuple; convert the tuple with `tolist`",
        ));
    }
    Ok(with_mark(items[place].clone(), sensitive))
}

fn index(arguments: &[Value]) -> FunctionResult {
    let [list, wanted] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let sensitive = list.contains_sensitive() || wanted.contains_sensitive();
    let unknown = |of: &Value| Ok(with_mark(unknown_of(of, ParameterKind::Number.ty()), sensitive));
    let (plain, _) = without_own_mark(list);
    let items = match plain {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Unknown(_) => return unknown(plain),
        _ => return Err(FunctionError::argument(0, "a list is required")),
    };
    // An unknown value is not reported as missing from an empty list: the result stays unknown.
    if items.is_empty() && !wanted.is_known() {
        return unknown(wanted);
    }
    for (position, item) in items.iter().enumerate() {
        match sure_equal(item, wanted) {
            Some(true) => return Ok(with_mark(count(position), sensitive)),
            Some(false) => {}
            None => return unknown(if item.is_wholly_known() { wanted } else { item }),
        }
    }
    Err(FunctionError::argument(1, "the list has no such element"))
}

fn length(arguments: &[Value]) -> FunctionResult {
    use unicode_segmentation::UnicodeSegmentation;
    let Some(value) = arguments.first() else {
        return Err(FunctionError::new("an argument is required"));
    };
    let (plain, mark) = value.unmark();
    let value = match &plain {
        Value::String(text) => count(text.graphemes(true).count()),
        Value::List(items) | Value::Tuple(items) => count(items.len()),
        // Unknown elements of a set may turn out equal, so its length has only bounds.
        Value::Set(items) if items.len() > 1 && !plain.is_wholly_known() => unknown_length(&plain),
        Value::Set(items) => count(items.len()),
        Value::Map(items) | Value::Object(items) => count(items.len()),
        Value::Unknown(it) => match &it.ty {
            // The type of an unknown tuple or object states its length.
            Type::Tuple(of) => count(of.len()),
            Type::Object(of) => count(of.len()),
            Type::Number | Type::Bool => return Err(no_length(&plain)),
            _ => unknown_length(&plain),
        },
        _ => return Err(no_length(&plain)),
    };
    Ok(with_mark(value, mark))
}

/// The unknown length of a collection, with the bounds that are known.
fn unknown_length(value: &Value) -> Value {
    let number = |it: usize| Number::from(i64::try_from(it).unwrap_or(i64::MAX));
    let (least, most) = length_of(value);
    unknown_of(value, Type::Number).in_range((Some(number(least)), most.map(number)))
}

fn no_length(value: &Value) -> FunctionError {
    FunctionError::argument(
        0,
        format!(
            "a list, set, map, object or string is required, not {}",
            crate::describe::a_kind(value)
        ),
    )
}

fn one(arguments: &[Value]) -> FunctionResult {
    let Some(value) = arguments.first() else {
        return Err(FunctionError::new("an argument is required"));
    };
    let (plain, mark) = without_own_mark(value);
    if let Value::Unknown(it) = plain {
        let ty = match &it.ty {
            Type::List(of) | Type::Set(of) => (**of).clone(),
            _ => Type::Any,
        };
        return Ok(with_mark(unknown_of(plain, ty), mark));
    }
    match plain.elements().as_deref() {
        Some([]) => Ok(with_mark(Value::NULL, mark)),
        Some([only]) => Ok(with_mark((*only).clone(), mark)),
        // Two unknown elements of a set may turn out to be one.
        Some(items) if matches!(plain, Value::Set(_)) && !plain.is_wholly_known() => {
            Ok(with_mark(unknown_of(plain, common(items.iter().copied())), mark))
        }
        Some(items) => Err(FunctionError::argument(
            0,
            format!("there must be one element or none, not {}", items.len()),
        )),
        None => Err(FunctionError::argument(
            0,
            "a list, set or tuple of one element or none is required",
        )),
    }
}

//! Lists, sets, maps and objects alike.

use std::sync::Arc;

use ha_value::{Number, Type, Value, convert, unify_open};

use super::ParameterKind::{Any, Bool};
use super::{
    AcceptedTypes, Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind,
    any, items_of, list, number, type_of, whole_of,
};
use crate::evaluate::{common, length_of, sure_equal};

const LIST: Parameter = any("list").taking(AcceptedTypes::Lists);
const SEQUENCE: Parameter = any("list").taking(AcceptedTypes::Sequences);
const VALUES: Parameter = any("values").nullable();

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "alltrue",
        "Whether all elements are true; so it is for none.",
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
        "The first value that is neither null nor an empty text.",
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
        "The element at `index`, going round past the end.",
        &[LIST, number("index")],
        Any,
        FunctionBody::Whole(element),
    )
    .nullable(),
    Function::new(
        "index",
        "Where in the list the first element equal to `value` is.",
        &[LIST, any("value")],
        ParameterKind::Number,
        FunctionBody::Whole(index),
    ),
    Function::new(
        "length",
        "How many elements, attributes or characters there are.",
        &[const { any("value").taking(AcceptedTypes::Lengths) }],
        ParameterKind::Number,
        FunctionBody::Whole(length),
    ),
    Function::new(
        "one",
        "The only element, or null when there is none.",
        &[SEQUENCE],
        Any,
        FunctionBody::Whole(one),
    )
    .typed(|it| super::element_type(&type_of(it, 0)))
    .nullable(),
];

/// The value without its own mark, and whether it had one.
pub(super) fn peeled(value: &Value) -> (&Value, bool) {
    match value {
        Value::Sensitive(inner) => (inner, true),
        it => (it, false),
    }
}

pub(super) fn marked(value: Value, sensitive: bool) -> Value {
    if sensitive { value.sensitive() } else { value }
}

pub(super) fn unknown_like(value: &Value, ty: Type) -> Value {
    Value::unknown(ty, value.cause())
}

/// A list or a tuple of these, as `like` is one.
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

pub(super) fn count(length: usize) -> Value {
    Value::from(i64::try_from(length).unwrap_or(i64::MAX))
}

fn alltrue(arguments: &[Value]) -> FunctionResult {
    Ok(decided(arguments, false, |it| matches!(it, Value::Bool(false) | Value::Null(_))))
}

fn anytrue(arguments: &[Value]) -> FunctionResult {
    Ok(decided(arguments, true, |it| *it == Value::Bool(true)))
}

/// What a list of truth values comes to: one that decides is enough, whatever the others turn out
/// to be.
fn decided(arguments: &[Value], as_decided: bool, decides: impl Fn(&Value) -> bool) -> Value {
    let items = match arguments {
        [unknown @ Value::Unknown(_)] => return unknown_like(unknown, Type::Bool),
        _ => items_of(arguments, 0),
    };
    match items.iter().find(|it| !it.is_known()) {
        _ if items.iter().any(|it| decides(it)) => Value::Bool(as_decided),
        Some(unknown) => unknown_like(unknown, Type::Bool),
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
            // A string that has known characters cannot turn out empty.
            Value::Unknown(_) if !matches!(&argument, Value::Composed(parts) if parts.iter().any(clear)) =>
            {
                let ty = if arguments.iter().any(Value::may_be_anything) { Type::Any } else { ty };
                return Ok(marked(unknown_like(&plain, ty), sensitive || mark));
            }
            // That a secret is passed over tells of it.
            Value::Null(_) => sensitive |= mark,
            Value::String(text) if text.is_empty() && ty == Type::String => sensitive |= mark,
            _ => return Ok(marked(argument, sensitive)),
        }
    }
    Err(FunctionError::new("all arguments are null or empty"))
}

fn clear(part: &ha_value::TextPart) -> bool {
    matches!(part, ha_value::TextPart::Clear(it) | ha_value::TextPart::Secret(it) if !it.is_empty())
}

fn coalescelist(arguments: &[Value]) -> FunctionResult {
    if arguments.is_empty() {
        return Err(FunctionError::new("at least one argument is required"));
    }
    let is_list = |it: &Value| match peeled(it).0 {
        Value::Null(of) => matches!(of.known(), Some(Type::List(_) | Type::Tuple(_))),
        it => matches!(it, Value::Unknown(_) | Value::List(_) | Value::Tuple(_)),
    };
    if let Some(index) = arguments.iter().position(|it| !is_list(it)) {
        return Err(FunctionError::argument(index, "it must be a list"));
    }
    let mut sensitive = false;
    for argument in arguments {
        let (plain, mark) = peeled(argument);
        match plain {
            Value::Unknown(_) => {
                return Ok(marked(unknown_like(plain, Type::Any), sensitive || mark));
            }
            Value::Null(_) => sensitive |= mark,
            Value::List(items) | Value::Tuple(items) if items.is_empty() => sensitive |= mark,
            _ => return Ok(marked(argument.clone(), sensitive)),
        }
    }
    Err(FunctionError::new("no argument has elements"))
}

fn contains(arguments: &[Value]) -> FunctionResult {
    let [list, wanted] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let (plain, mark) = peeled(list);
    let sensitive = mark || wanted.contains_sensitive();
    if let Value::Unknown(_) = plain {
        return Ok(marked(unknown_like(plain, Type::Bool), sensitive));
    }
    let Some(items) = plain.elements() else {
        return Err(FunctionError::argument(
            0,
            format!("a list or set is required, not {}", crate::describe::a_kind(plain)),
        ));
    };
    let sensitive = sensitive || items.iter().any(|it| it.contains_sensitive());
    let mut open = None;
    for item in items {
        match sure_equal(item, wanted) {
            Some(true) => return Ok(marked(Value::Bool(true), sensitive)),
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
    Ok(marked(value, sensitive))
}

fn element(arguments: &[Value]) -> FunctionResult {
    let [list, position] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let (plain, mark) = peeled(list);
    let (position, position_mark) = position.unmark();
    let sensitive = mark || position_mark;
    let items = match plain {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Unknown(it) => {
            let ty = match &it.ty {
                Type::List(of) => (**of).clone(),
                _ => Type::Any,
            };
            return Ok(marked(unknown_like(plain, ty), sensitive));
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
        return Ok(marked(unknown_like(&position, common(items.iter())), sensitive));
    }
    let index = whole_of(&[Value::NULL, position], 1)?;
    // Past either end it goes round; in a tuple, as in terraform, past its end alone.
    let count = i128::try_from(items.len()).unwrap_or(i128::MAX);
    let place = usize::try_from(i128::from(index).rem_euclid(count))
        .expect("it is less than there are elements");
    if matches!(plain, Value::Tuple(_)) && index < 0 && place > 0 {
        return Err(FunctionError::argument(
            1,
            "it must not be negative, unless the tuple is made a list by `tolist`",
        ));
    }
    Ok(marked(items[place].clone(), sensitive))
}

fn index(arguments: &[Value]) -> FunctionResult {
    let [list, wanted] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let sensitive = list.contains_sensitive() || wanted.contains_sensitive();
    let unknown = |of: &Value| Ok(marked(unknown_like(of, ParameterKind::Number.ty()), sensitive));
    let (plain, _) = peeled(list);
    let items = match plain {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Unknown(_) => return unknown(plain),
        _ => return Err(FunctionError::argument(0, "a list is required")),
    };
    if items.is_empty() && !wanted.is_known() {
        return unknown(wanted);
    }
    for (position, item) in items.iter().enumerate() {
        match sure_equal(item, wanted) {
            Some(true) => return Ok(marked(count(position), sensitive)),
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
        // Elements that are not known yet may turn out to be one.
        Value::Set(items) if items.len() > 1 && !plain.is_wholly_known() => counted(&plain),
        Value::Set(items) => count(items.len()),
        Value::Map(items) | Value::Object(items) => count(items.len()),
        Value::Unknown(it) => match &it.ty {
            Type::Tuple(of) => count(of.len()),
            Type::Object(of) => count(of.len()),
            Type::Number | Type::Bool => return Err(no_length(&plain)),
            _ => counted(&plain),
        },
        _ => return Err(no_length(&plain)),
    };
    Ok(marked(value, mark))
}

/// How many elements there are, where that is not known, by what is.
fn counted(value: &Value) -> Value {
    let number = |it: usize| Number::from(i64::try_from(it).unwrap_or(i64::MAX));
    let (least, most) = length_of(value);
    unknown_like(value, Type::Number).in_range((Some(number(least)), most.map(number)))
}

fn no_length(value: &Value) -> FunctionError {
    FunctionError::argument(
        0,
        format!(
            "a list, set, map, object or text is required, not {}",
            crate::describe::a_kind(value)
        ),
    )
}

fn one(arguments: &[Value]) -> FunctionResult {
    let Some(value) = arguments.first() else {
        return Err(FunctionError::new("an argument is required"));
    };
    let (plain, mark) = peeled(value);
    if let Value::Unknown(it) = plain {
        let ty = match &it.ty {
            Type::List(of) | Type::Set(of) => (**of).clone(),
            _ => Type::Any,
        };
        return Ok(marked(unknown_like(plain, ty), mark));
    }
    match plain.elements().as_deref() {
        Some([]) => Ok(marked(Value::NULL, mark)),
        Some([only]) => Ok(marked((*only).clone(), mark)),
        Some(items) if matches!(plain, Value::Set(_)) && !plain.is_wholly_known() => {
            Ok(marked(unknown_like(plain, common(items.iter().copied())), mark))
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

//! Functions of lists.

use std::collections::HashSet;
use std::sync::Arc;

use ha_value::{Number, Type, Value, convert, unify};

use super::ParameterKind::{Any, Text};
use super::collection::{same_kind, unknown_of, with_mark, without_own_mark};
use super::{
    AcceptedTypes, Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind,
    any, element_arguments, element_type, integer_of, list, number, type_of,
};
use crate::evaluate::{MOST, TooManyElements, has_open_type, is_open, length_of};

/// Most numbers of a `range`, as in Terraform.
const MAX_RANGE: usize = 1_024;
const LIST: Parameter = any("list").accepting(AcceptedTypes::Lists);
const SEQUENCE: Parameter = any("list").accepting(AcceptedTypes::Sequences);
const SEQUENCES: Parameter = any("lists");
const NUMBERS: Parameter = number("limits");
const ANY_LIST: Parameter = list("list", &Any);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "chunklist",
        "The list split into lists of at most `size` elements.",
        &[ANY_LIST, number("size")],
        ParameterKind::List(&ParameterKind::List(&Any)),
        FunctionBody::Whole(chunklist),
    )
    .typed(|it| Type::List(type_of(it, 0).into())),
    Function::new(
        "compact",
        "The list without empty strings and nulls.",
        &[list("list", &Text)],
        ParameterKind::List(&Text),
        FunctionBody::Plain(compact),
    ),
    Function::new(
        "concat",
        "The elements of all lists in one list.",
        &[],
        Any,
        FunctionBody::Whole(concat),
    )
    .many(&SEQUENCES),
    Function::new(
        "distinct",
        "The list without repeated elements.",
        &[ANY_LIST],
        ParameterKind::List(&Any),
        FunctionBody::Plain(distinct),
    )
    .typed(|it| type_of(it, 0)),
    Function::new(
        "flatten",
        "The elements of all lists in the list, at any depth.",
        &[SEQUENCE],
        Any,
        FunctionBody::Whole(flatten),
    ),
    Function::new(
        "matchkeys",
        "The values whose key, at the same position in `keys`, is in `searchset`.",
        &[list("values", &Any), list("keys", &Any), list("searchset", &Any)],
        ParameterKind::List(&Any),
        FunctionBody::Open(matchkeys),
    )
    .typed(|it| type_of(it, 0)),
    Function::new(
        "range",
        "Numbers from a start up or down to a limit, exclusive, by a step.",
        &[],
        ParameterKind::List(&ParameterKind::Number),
        FunctionBody::Plain(range),
    )
    .many(&NUMBERS),
    Function::new(
        "reverse",
        "The list in reverse order.",
        &[SEQUENCE],
        Any,
        FunctionBody::Whole(reverse),
    ),
    Function::new(
        "slice",
        "The elements from `start` up to `end`, exclusive.",
        &[LIST, number("start"), number("end")],
        Any,
        FunctionBody::Whole(slice),
    ),
    Function::new(
        "sort",
        "The strings in the order of their code points.",
        &[list("list", &Text)],
        ParameterKind::List(&Text),
        FunctionBody::Whole(sort),
    ),
    Function::new(
        "sum",
        "The sum of the numbers.",
        &[SEQUENCE],
        ParameterKind::Number,
        FunctionBody::Plain(sum),
    ),
];

fn chunklist(arguments: &[Value]) -> FunctionResult {
    let [list, size] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let ((plain, mark), (size, size_mark)) = (without_own_mark(list), size.unmark());
    let sensitive = mark || size_mark;
    let of = Type::of_value(plain);
    let Value::List(items) = plain else {
        return Ok(with_mark(unknown_of(plain, Type::List(of.into())), sensitive));
    };
    if !size.is_known() {
        return Ok(with_mark(unknown_of(&size, Type::List(of.into())), sensitive));
    }
    let size = usize::try_from(integer_of(&[Value::NULL, size], 1)?)
        .map_err(|_| FunctionError::argument(1, "it must not be negative"))?;
    // A size of 0 means one chunk with all elements, as in Terraform.
    let size = if size == 0 { items.len().max(1) } else { size };
    Ok(with_mark(
        Value::list_of(&of, items.chunks(size).map(|it| Value::list(it.to_vec())).collect()),
        sensitive,
    ))
}

fn compact(arguments: &[Value]) -> FunctionResult {
    let is_not_empty = |it: &&Value| it.as_str().is_some_and(|it| !it.is_empty());
    Ok(Value::list(element_arguments(arguments, 0).into_iter().filter(is_not_empty).cloned()))
}

fn concat(arguments: &[Value]) -> FunctionResult {
    if arguments.is_empty() {
        return Err(FunctionError::new("at least one argument is required"));
    }
    let mut items = Vec::new();
    let (mut sensitive, mut all_lists) = (false, true);
    let mut unknown = None;
    // The declared element types, including those of empty lists: they decide the type of the
    // result even where they contribute no element.
    let mut types = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        let (plain, mark) = without_own_mark(argument);
        sensitive |= mark;
        // Checked before the elements are copied: nested calls of `concat` double the length each
        // time.
        if items.len() + plain.children().count() > MOST {
            return Err(TooManyElements.into());
        }
        match plain {
            Value::List(more) => {
                types.push(element_type(&Type::of_value(plain)));
                items.extend(more.iter().cloned());
            }
            Value::Tuple(more) => {
                all_lists = false;
                items.extend(more.iter().cloned());
            }
            Value::Unknown(it) if matches!(it.ty, Type::Any | Type::List(_) | Type::Tuple(_)) => {
                unknown = unknown.or(Some(plain.clone()));
                match &it.ty {
                    Type::List(of) => types.push((**of).clone()),
                    _ => all_lists = false,
                }
            }
            _ => {
                return Err(FunctionError::argument(
                    index,
                    format!("a list is required, not {}", crate::describe::a_kind(plain)),
                ));
            }
        }
    }
    // The length of an unknown argument is open, so the whole result is unknown; as long as all are
    // lists its element type is known.
    if let Some(cause) = unknown {
        let of = unify(&types).filter(|_| all_lists);
        let ty = of.map_or(Type::Any, |of| Type::List(Arc::new(of)));
        return Ok(with_mark(unknown_of(&cause, ty), sensitive));
    }
    if !all_lists {
        return Ok(with_mark(Value::tuple(items), sensitive));
    }
    let of = if items.iter().any(has_open_type) { None } else { unify(&types) };
    let of = of.unwrap_or(Type::Any);
    // Lists of one type need no conversion of each element.
    if of != Type::Any && types.iter().all(|it| *it == of) {
        return Ok(with_mark(Value::list_of(&of, items), sensitive));
    }
    match items.iter().map(|it| convert(it, &of)).collect::<Result<Vec<_>, _>>() {
        Ok(items) if of != Type::Any || items.is_empty() => {
            Ok(with_mark(Value::list_of(&of, items), sensitive))
        }
        _ => Ok(with_mark(Value::tuple(items), sensitive)),
    }
}

fn distinct(arguments: &[Value]) -> FunctionResult {
    let mut seen = HashSet::new();
    Ok(Value::list(
        element_arguments(arguments, 0).into_iter().filter(|it| seen.insert(*it)).cloned(),
    ))
}

fn flatten(arguments: &[Value]) -> FunctionResult {
    let mut flat = FlattenedList::default();
    let Some(value) = arguments.first() else {
        return Err(FunctionError::new("an argument is required"));
    };
    let (plain, mark) = without_own_mark(value);
    if let Value::Unknown(_) = plain {
        return Ok(with_mark(unknown_of(plain, Type::Any), mark));
    }
    if plain.elements().is_none() {
        return Err(FunctionError::argument(
            0,
            format!("a list is required, not {}", crate::describe::a_kind(plain)),
        ));
    }
    flat.add(value)?;
    let value = match flat.unknown {
        Some(unknown) => unknown_of(&unknown, Type::Any),
        None => Value::tuple(flat.items),
    };
    Ok(with_mark(value, flat.sensitive))
}

/// The elements collected by `flatten`.
#[derive(Default)]
struct FlattenedList {
    items: Vec<Value>,
    sensitive: bool,
    unknown: Option<Value>,
}

impl FlattenedList {
    fn add(&mut self, value: &Value) -> Result<(), TooManyElements> {
        let (plain, mark) = without_own_mark(value);
        match plain {
            // An unknown element of a set decides the order of the others.
            open if is_open(open) => {
                self.sensitive |= mark || open.contains_sensitive();
                self.unknown.get_or_insert_with(|| Value::unknown(Type::Any, open.cause()));
            }
            Value::List(_) | Value::Tuple(_) | Value::Set(_) => {
                self.sensitive |= mark;
                plain.children().try_for_each(|it| self.add(it))?;
            }
            // An unknown that may turn out to be a list makes the length of the result unknown.
            Value::Unknown(it)
                if matches!(it.ty, Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_)) =>
            {
                self.sensitive |= mark;
                self.unknown.get_or_insert_with(|| plain.clone());
            }
            _ if self.items.len() == MOST => return Err(TooManyElements),
            _ => self.items.push(value.clone()),
        }
        Ok(())
    }
}

fn matchkeys(arguments: &[Value]) -> FunctionResult {
    let types = [1, 2].map(|it| element_type(&type_of(arguments, it)));
    let ty = unify(&types)
        .ok_or_else(|| FunctionError::argument(2, "its elements must have the type of the keys"))?;
    let (values, keys, wanted) = (
        element_arguments(arguments, 0),
        element_arguments(arguments, 1),
        element_arguments(arguments, 2),
    );
    if arguments.iter().take(2).all(Value::is_known) && values.len() != keys.len() {
        return Err(FunctionError::argument(
            1,
            format!("there must be as many keys as values: {}, not {}", values.len(), keys.len()),
        ));
    }
    if let Some(open) = arguments.iter().find(|it| !it.is_wholly_known()) {
        return Ok(unknown_of(open, type_of(arguments, 0)));
    }
    let of_type = |items: Vec<&Value>| {
        items.into_iter().map(|it| convert(it, &ty)).collect::<Result<Vec<_>, _>>()
    };
    let wrong = |argument: usize| {
        move |it| FunctionError::argument(argument, crate::diagnostics::value::at(&it))
    };
    let keys = of_type(keys).map_err(wrong(1))?;
    let wanted: HashSet<Value> = of_type(wanted).map_err(wrong(2))?.into_iter().collect();
    let chosen = values.into_iter().zip(keys).filter(|(_, key)| wanted.contains(key));
    Ok(Value::list(chosen.map(|(value, _)| value.clone())))
}

fn range(arguments: &[Value]) -> FunctionResult {
    let numbers: Vec<&Number> = arguments
        .iter()
        .filter_map(|it| if let Value::Number(it) = it { Some(it) } else { None })
        .collect();
    let zero = Number::ZERO;
    let (start, end) = match numbers.as_slice() {
        [end] => (&zero, *end),
        [start, end] | [start, end, _] => (*start, *end),
        _ => return Err(FunctionError::new("one, two or three numbers are required")),
    };
    let down = end < start;
    let step = match numbers.get(2) {
        Some(step) => (*step).clone(),
        None => Number::from(if down { -1 } else { 1 }),
    };
    match (step > zero, step < zero) {
        (true, _) if down => {
            return Err(FunctionError::argument(
                2,
                "the limit is below the start, so the step must be negative",
            ));
        }
        (_, true) if end > start => {
            return Err(FunctionError::argument(
                2,
                "the limit is above the start, so the step must be positive",
            ));
        }
        (false, false) if start != end => {
            return Err(FunctionError::argument(2, "a step of 0 never reaches the limit"));
        }
        _ => {}
    }
    let mut items = Vec::new();
    // Each number is the sum of the one before and the step, as in Terraform: with a fractional
    // step, multiples of the step would round differently.
    let mut next = start.clone();
    while if down { &next > end } else { &next < end } {
        if items.len() == MAX_RANGE {
            return Err(FunctionError::new(format!(
                "there would be more than {MAX_RANGE} numbers"
            )));
        }
        items.push(Value::Number(next.clone()));
        next = next.add(&step).ok_or_else(|| FunctionError::new("a number is out of range"))?;
    }
    Ok(Value::list(items))
}

fn reverse(arguments: &[Value]) -> FunctionResult {
    let Some(value) = arguments.first() else {
        return Err(FunctionError::new("an argument is required"));
    };
    let (plain, mark) = without_own_mark(value);
    if let Value::Unknown(it) = plain {
        let ty = match &it.ty {
            Type::List(of) | Type::Set(of) => Type::List(of.clone()),
            _ => Type::Any,
        };
        return Ok(with_mark(unknown_of(plain, ty), mark));
    }
    if is_open(plain) {
        let unknown = Value::unknown(Type::List(Arc::new(Type::Any)), plain.cause());
        return Ok(with_mark(unknown, mark || plain.contains_sensitive()));
    }
    let Some(items) = plain.elements() else {
        return Err(FunctionError::argument(
            0,
            format!("a list is required, not {}", crate::describe::a_kind(plain)),
        ));
    };
    Ok(with_mark(same_kind(plain, items.into_iter().rev().cloned().collect()), mark))
}

fn slice(arguments: &[Value]) -> FunctionResult {
    let [list, start, end] = arguments else {
        return Err(FunctionError::new("three arguments are required"));
    };
    let (plain, mark) = without_own_mark(list);
    let ((start, start_mark), (end, end_mark)) = (start.unmark(), end.unmark());
    let sensitive = mark || start_mark || end_mark;
    let items = match plain {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Unknown(it) => {
            let ty = if let Type::List(_) = it.ty { it.ty.clone() } else { Type::Any };
            return Ok(with_mark(unknown_of(plain, ty), sensitive));
        }
        Value::Set(_) => {
            return Err(FunctionError::argument(
                0,
                "a set has no order; convert it with `tolist` first",
            ));
        }
        _ => {
            return Err(FunctionError::argument(
                0,
                format!("a list is required, not {}", crate::describe::a_kind(plain)),
            ));
        }
    };
    // Terraform checks a known bound against a known length even while the other bound is unknown.
    if let Value::Number(start) = &start
        && start.to_f64() > items.len() as f64
    {
        return Err(FunctionError::argument(
            1,
            format!("it must not be greater than the number of elements, {}", items.len()),
        ));
    }
    if let Some(unknown) = [&start, &end].into_iter().find(|it| !it.is_known()) {
        if let Value::Number(end) = &end
            && end
                .as_i64()
                .and_then(|it| usize::try_from(it).ok())
                .is_none_or(|it| it > items.len())
        {
            return Err(FunctionError::argument(
                2,
                format!("it must be a position up to the number of elements, {}", items.len()),
            ));
        }
        return Ok(with_mark(unknown_of(unknown, Type::Any), sensitive));
    }
    let given = [Value::NULL, start, end];
    let (from, to) = (integer_of(&given, 1)?, integer_of(&given, 2)?);
    let (Ok(from), Ok(to)) = (usize::try_from(from), usize::try_from(to)) else {
        return Err(FunctionError::argument(
            if from < 0 { 1 } else { 2 },
            "it must not be negative",
        ));
    };
    if to > items.len() {
        return Err(FunctionError::argument(
            2,
            format!("it must not be greater than the number of elements, {}", items.len()),
        ));
    }
    if from > to {
        return Err(FunctionError::argument(1, "the start must not be greater than the end"));
    }
    Ok(with_mark(same_kind(plain, items[from..to].to_vec()), sensitive))
}

fn sort(arguments: &[Value]) -> FunctionResult {
    let Some(list) = arguments.first() else {
        return Err(FunctionError::new("an argument is required"));
    };
    let sensitive = list.contains_sensitive();
    let plain = list.revealed();
    let sorted = match &plain {
        // An unknown string may sort to any position, but the length is certain.
        Value::List(items) if !plain.is_wholly_known() => {
            unknown_of(&plain, Type::List(Type::String.into()))
                .of_length(items.len(), Some(items.len()))
        }
        Value::List(items) if items.iter().any(Value::is_null) => {
            return Err(FunctionError::argument(0, "null among the strings cannot be sorted"));
        }
        Value::List(items) => {
            // Strings are compared by bytes of UTF-8, which is the order of code points, as in Go.
            let mut items = items.to_vec();
            items.sort();
            Value::list(items)
        }
        unknown => {
            let (least, most) = length_of(unknown);
            unknown_of(unknown, Type::List(Type::String.into())).of_length(least, most)
        }
    };
    Ok(with_mark(sorted, sensitive))
}

fn sum(arguments: &[Value]) -> FunctionResult {
    let Some(items) = arguments.first().and_then(Value::elements) else {
        return Err(FunctionError::argument(0, "a list of numbers is required"));
    };
    // The sum starts with the first number and not with zero, so that its precision is that of the
    // numbers.
    let mut sum: Option<Number> = None;
    for item in items {
        let Ok(Value::Number(number)) = convert(item, &Type::Number) else {
            return Err(FunctionError::argument(0, "all elements must be numbers"));
        };
        sum = match sum {
            Some(sum) => Some(
                sum.add(&number).ok_or_else(|| FunctionError::new("the sum is out of range"))?,
            ),
            None => Some(number),
        };
    }
    sum.map(Value::Number).ok_or_else(|| FunctionError::argument(0, "an empty list has no sum"))
}

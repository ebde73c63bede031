//! Sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use ha_value::{Type, Value, convert, unify, unify_elements};

use super::ParameterKind::Any;
use super::collection::unknown_like;
use super::{
    AcceptedTypes, Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind,
    any, element_type, items_of, set,
};
use crate::evaluate::is_open;

const SETS: Parameter = set("sets", &Any);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "setintersection",
        "The elements that all sets have.",
        &[set("first", &Any)],
        ParameterKind::Set(&Any),
        FunctionBody::Open(setintersection),
    )
    .typed(unified_type)
    .many(&SETS),
    Function::new(
        "setproduct",
        "All ways to take one element of each.",
        &[],
        Any,
        FunctionBody::Whole(setproduct),
    )
    .typed(product_type)
    .many(&const { any("sets").taking(AcceptedTypes::Sequences) }),
    Function::new(
        "setsubtract",
        "The elements of `a` that are not in `b`.",
        &[set("a", &Any), set("b", &Any)],
        ParameterKind::Set(&Any),
        FunctionBody::Open(setsubtract),
    )
    .typed(unified_type),
    Function::new(
        "setunion",
        "The elements that any set has.",
        &[set("first", &Any)],
        ParameterKind::Set(&Any),
        FunctionBody::Open(setunion),
    )
    .typed(unified_type)
    .many(&SETS),
];

/// The one type of elements that all sets have. What has no elements and none declared goes along
/// with all.
fn shared_element(arguments: &[Value]) -> Option<Type> {
    let of = |it: &Value| {
        (element_type(&Type::of_value(it)), it.elements().is_some_and(|it| it.is_empty()))
    };
    let types = arguments.iter().map(of).filter(|(ty, is_empty)| !is_empty || *ty != Type::Any);
    one_type(arguments.iter(), &types.map(|(ty, _)| ty).collect::<Vec<_>>())
}

/// The one type of values that have these; one that is not known yet may turn out to be of any.
fn one_type<'v>(mut values: impl Iterator<Item = &'v Value>, types: &[Type]) -> Option<Type> {
    if values.any(Value::may_be_anything) { unify(types) } else { unify_elements(types) }
}

fn unified_type(arguments: &[Value]) -> Type {
    Type::Set(Arc::new(shared_element(arguments).unwrap_or(Type::Any)))
}

/// The type of all combinations: a set where one of them is a set, else a list.
fn product_type(arguments: &[Value]) -> Type {
    let of = Arc::new(Type::Tuple(Arc::new(
        arguments.iter().map(|it| element_type(&Type::of_value(it))).collect(),
    )));
    match arguments.iter().any(|it| matches!(Type::of_value(it), Type::Set(_))) {
        true => Type::Set(of),
        false => Type::List(of),
    }
}

/// What an operation makes of sets of one type, once all of them are known.
fn operated(
    arguments: &[Value],
    operation: fn(&BTreeSet<Value>, &BTreeSet<Value>) -> BTreeSet<Value>,
) -> FunctionResult {
    let (ty, columns) = unified_sets(arguments)?;
    if let Some(open) = arguments.iter().find(|it| !it.is_wholly_known()) {
        return Ok(unknown_like(open, Type::Set(Arc::new(ty))));
    }
    let sets = columns.into_iter().map(|it| it.into_iter().collect::<BTreeSet<Value>>());
    Ok(Value::set(sets.reduce(|a, b| operation(&a, &b)).unwrap_or_default()))
}

/// The one type of elements that all sets have, and the elements of each that is known.
fn unified_sets(arguments: &[Value]) -> Result<(Type, Vec<Vec<Value>>), FunctionError> {
    let ty = shared_element(arguments)
        .ok_or_else(|| FunctionError::new("all sets must have elements of one type"))?;
    let one = |index: usize| {
        let items = items_of(arguments, index).into_iter();
        items
            .map(|it| convert(it, &ty))
            .collect::<Result<_, _>>()
            .map_err(|it| FunctionError::argument(index, crate::diagnostics::value::at(&it)))
    };
    let columns = (0..arguments.len()).map(one).collect::<Result<_, _>>()?;
    Ok((ty, columns))
}

/// A set of elements of which not all need be known.
fn set_of(items: Vec<Value>, of: Type) -> FunctionResult {
    let set = convert(&Value::tuple(items), &Type::Set(Arc::new(of)));
    set.map_err(|it| FunctionError::new(crate::diagnostics::value::at(&it)))
}

fn setintersection(arguments: &[Value]) -> FunctionResult {
    operated(arguments, |a, b| a.intersection(b).cloned().collect())
}

fn setsubtract(arguments: &[Value]) -> FunctionResult {
    operated(arguments, |a, b| a.difference(b).cloned().collect())
}

fn setunion(arguments: &[Value]) -> FunctionResult {
    let (ty, columns) = unified_sets(arguments)?;
    match arguments.iter().find(|it| !it.is_known()) {
        Some(unknown) => Ok(unknown_like(unknown, Type::Set(Arc::new(ty)))),
        None => set_of(columns.into_iter().flatten().collect(), ty),
    }
}

fn setproduct(arguments: &[Value]) -> FunctionResult {
    if arguments.len() < 2 {
        return Err(FunctionError::new("at least two arguments are required"));
    }
    let sensitive = arguments.iter().any(|it| it.contains_sensitive());
    let mut columns: Vec<Vec<Value>> = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        let plain = argument.revealed();
        if !plain.is_known() || is_open(&plain) {
            let unknown = Value::unknown(product_type(arguments), plain.cause());
            return Ok(if sensitive { unknown.sensitive() } else { unknown });
        }
        let Some(items) = plain.elements() else {
            return Err(FunctionError::argument(
                index,
                format!("a list or set is required, not {}", crate::describe::a_kind(&plain)),
            ));
        };
        let types: Vec<Type> = items.iter().map(|it| Type::of_value(it)).collect();
        let ty = one_type(items.iter().copied(), &types)
            .ok_or_else(|| FunctionError::argument(index, "all elements must have one type"))?;
        let converted = items.into_iter().map(|it| convert(it, &ty)).collect::<Result<_, _>>();
        columns
            .push(converted.map_err(|it| {
                FunctionError::argument(index, crate::diagnostics::value::at(&it))
            })?);
    }
    let rows = columns
        .iter()
        .try_fold(1usize, |rows, it| rows.checked_mul(it.len()))
        .filter(|it| *it <= 1 << 20);
    let Some(rows) = rows else {
        return Err(FunctionError::new("there would be more than a million combinations"));
    };
    let mut product: Vec<Vec<Value>> = vec![Vec::new()];
    for column in &columns {
        let mut wider = Vec::with_capacity(rows);
        for row in &product {
            wider.extend(
                column
                    .iter()
                    .map(|item| row.iter().cloned().chain([item.clone()]).collect::<Vec<_>>()),
            );
        }
        product = wider;
    }
    let product = product.into_iter().map(Value::tuple);
    let value = match product_type(arguments) {
        Type::Set(of) => set_of(product.collect(), (*of).clone())?,
        _ => Value::list(product),
    };
    Ok(if sensitive { value.sensitive() } else { value })
}

//! Functions of sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use ha_value::{Type, Value, convert, unify, unify_elements};

use super::ParameterKind::Any;
use super::collection::unknown_of;
use super::{
    AcceptedTypes, Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind,
    any, element_arguments, element_type, set,
};
use crate::evaluate::is_open;

const SETS: Parameter = set("sets", &Any);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "setintersection",
        "The elements that are in all sets.",
        &[set("first", &Any)],
        ParameterKind::Set(&Any),
        FunctionBody::Open(setintersection),
    )
    .typed(unified_type)
    .many(&SETS),
    Function::new(
        "setproduct",
        "All combinations of one element from each collection.",
        &[],
        Any,
        FunctionBody::Whole(setproduct),
    )
    .typed(product_type)
    .many(&const { any("sets").accepting(AcceptedTypes::Sequences) }),
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
        "The elements that are in any of the sets.",
        &[set("first", &Any)],
        ParameterKind::Set(&Any),
        FunctionBody::Open(setunion),
    )
    .typed(unified_type)
    .many(&SETS),
];

/// The common element type of all sets. An empty set without a declared type has no influence.
fn common_element_type(arguments: &[Value]) -> Option<Type> {
    let of = |it: &Value| {
        (element_type(&Type::of_value(it)), it.elements().is_some_and(|it| it.is_empty()))
    };
    // `toset([])` has the element type `any`; taken as a type, it would make every union open.
    let types = arguments.iter().map(of).filter(|(ty, is_empty)| !is_empty || *ty != Type::Any);
    common_type(arguments.iter(), &types.map(|(ty, _)| ty).collect::<Vec<_>>())
}

/// The common type of values with these types. A value whose type is open may turn out to have any
/// type, so that the others are unified without it.
fn common_type<'v>(mut values: impl Iterator<Item = &'v Value>, types: &[Type]) -> Option<Type> {
    if values.any(Value::may_be_anything) { unify(types) } else { unify_elements(types) }
}

fn unified_type(arguments: &[Value]) -> Type {
    Type::Set(Arc::new(common_element_type(arguments).unwrap_or(Type::Any)))
}

/// The type of all combinations: a set where one of the arguments is a set, otherwise a list.
fn product_type(arguments: &[Value]) -> Type {
    let of = Arc::new(Type::Tuple(Arc::new(
        arguments.iter().map(|it| element_type(&Type::of_value(it))).collect(),
    )));
    match arguments.iter().any(|it| matches!(Type::of_value(it), Type::Set(_))) {
        true => Type::Set(of),
        false => Type::List(of),
    }
}

/// The result of a set operation on arguments converted to one element type; unknown until all of
/// them are known, since an unknown element may equal any other.
fn combined(
    arguments: &[Value],
    operation: fn(&BTreeSet<Value>, &BTreeSet<Value>) -> BTreeSet<Value>,
) -> FunctionResult {
    let (ty, columns) = unified_sets(arguments)?;
    if let Some(open) = arguments.iter().find(|it| !it.is_wholly_known()) {
        return Ok(unknown_of(open, Type::Set(Arc::new(ty))));
    }
    let sets = columns.into_iter().map(|it| it.into_iter().collect::<BTreeSet<Value>>());
    Ok(Value::set(sets.reduce(|a, b| operation(&a, &b)).unwrap_or_default()))
}

/// The common element type, and the converted elements of each known set.
fn unified_sets(arguments: &[Value]) -> Result<(Type, Vec<Vec<Value>>), FunctionError> {
    let ty = common_element_type(arguments)
        .ok_or_else(|| FunctionError::new("all sets must have elements of one type"))?;
    let one = |index: usize| {
        let items = element_arguments(arguments, index).into_iter();
        items
            .map(|it| convert(it, &ty))
            .collect::<Result<_, _>>()
            .map_err(|it| FunctionError::argument(index, crate::diagnostics::value::at(&it)))
    };
    let columns = (0..arguments.len()).map(one).collect::<Result<_, _>>()?;
    Ok((ty, columns))
}

/// A set of elements, some of which may be unknown.
fn set_of(items: Vec<Value>, of: Type) -> FunctionResult {
    let set = convert(&Value::tuple(items), &Type::Set(Arc::new(of)));
    set.map_err(|it| FunctionError::new(crate::diagnostics::value::at(&it)))
}

fn setintersection(arguments: &[Value]) -> FunctionResult {
    combined(arguments, |a, b| a.intersection(b).cloned().collect())
}

fn setsubtract(arguments: &[Value]) -> FunctionResult {
    combined(arguments, |a, b| a.difference(b).cloned().collect())
}

fn setunion(arguments: &[Value]) -> FunctionResult {
    let (ty, columns) = unified_sets(arguments)?;
    match arguments.iter().find(|it| !it.is_known()) {
        Some(unknown) => Ok(unknown_of(unknown, Type::Set(Arc::new(ty)))),
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
        // Marks inside cannot be attached to combinations one by one, so one secret makes the whole
        // product secret.
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
        let ty = common_type(items.iter().copied(), &types)
            .ok_or_else(|| FunctionError::argument(index, "all elements must have one type"))?;
        let converted = items.into_iter().map(|it| convert(it, &ty)).collect::<Result<_, _>>();
        columns
            .push(converted.map_err(|it| {
                FunctionError::argument(index, crate::diagnostics::value::at(&it))
            })?);
    }
    // The size is checked before anything is built: a few short sets can have a product that
    // exhausts the memory.
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

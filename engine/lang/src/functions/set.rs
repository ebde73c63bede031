//! Sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use ha_kind::{Type, Value, convert, unify};

use super::Kind::Any;
use super::{Answer, Function, Kind, Parameter, Refusal, Run, any, items_of, set};
use crate::evaluate::common;

const SETS: Parameter = set("sets", &Any);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "setintersection",
        "The elements that all sets have.",
        &[set("first", &Any)],
        Kind::Set(&Any),
        Run::Plain(setintersection),
    )
    .many(&SETS),
    Function::new("setproduct", "All ways to take one element of each.", &[], Any, Run::Plain(setproduct))
        .many(&const { any("sets") }),
    Function::new(
        "setsubtract",
        "The elements of `a` that are not in `b`.",
        &[set("a", &Any), set("b", &Any)],
        Kind::Set(&Any),
        Run::Plain(setsubtract),
    ),
    Function::new("setunion", "The elements that any set has.", &[set("first", &Any)], Kind::Set(&Any), Run::Plain(setunion))
        .many(&SETS),
];

fn set_of(items: BTreeSet<Value>) -> Value {
    Value::Set(Arc::new(items))
}

/// The sets as sets of one type.
fn unified_sets(arguments: &[Value]) -> Result<Vec<BTreeSet<Value>>, Refusal> {
    let types: Vec<Type> = (0..arguments.len()).map(|it| common(items_of(arguments, it).into_iter())).collect();
    let ty = unify(&types).ok_or_else(|| Refusal::new("all sets must have elements of one type"))?;
    let one = |index: usize| {
        let items = items_of(arguments, index).into_iter();
        items
            .map(|it| convert(it, &ty))
            .collect::<Result<_, _>>()
            .map_err(|it| Refusal::of(index, crate::mistake::value::at(&it)))
    };
    (0..arguments.len()).map(one).collect()
}

fn setintersection(arguments: &[Value]) -> Answer {
    let sets = unified_sets(arguments)?;
    let shared = sets.into_iter().reduce(|a, b| a.intersection(&b).cloned().collect());
    Ok(set_of(shared.unwrap_or_default()))
}

fn setproduct(arguments: &[Value]) -> Answer {
    if arguments.len() < 2 {
        return Err(Refusal::new("at least two arguments are required"));
    }
    let mut columns: Vec<Vec<Value>> = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        let Some(items) = argument.elements() else {
            return Err(Refusal::of(index, format!("a list or set is required, not a {}", crate::shown::kind(argument))));
        };
        let types: Vec<Type> = items.iter().map(|it| Type::of(it)).collect();
        let ty = unify(&types).ok_or_else(|| Refusal::of(index, "all elements must have one type"))?;
        let converted = items.into_iter().map(|it| convert(it, &ty)).collect::<Result<_, _>>();
        columns.push(converted.map_err(|it| Refusal::of(index, crate::mistake::value::at(&it)))?);
    }
    let rows = columns.iter().try_fold(1usize, |rows, it| rows.checked_mul(it.len())).filter(|it| *it <= 1 << 20);
    let Some(rows) = rows else { return Err(Refusal::new("there would be more than a million combinations")) };
    let mut product: Vec<Vec<Value>> = vec![Vec::new()];
    for column in &columns {
        let mut wider = Vec::with_capacity(rows);
        for row in &product {
            wider.extend(column.iter().map(|item| row.iter().cloned().chain([item.clone()]).collect::<Vec<_>>()));
        }
        product = wider;
    }
    let product = product.into_iter().map(Value::tuple);
    Ok(match arguments.iter().all(|it| matches!(it, Value::Set(_))) {
        true => set_of(product.collect()),
        false => Value::list(product),
    })
}

fn setsubtract(arguments: &[Value]) -> Answer {
    let sets = unified_sets(arguments)?;
    Ok(set_of(sets.into_iter().reduce(|a, b| a.difference(&b).cloned().collect()).unwrap_or_default()))
}

fn setunion(arguments: &[Value]) -> Answer {
    Ok(set_of(unified_sets(arguments)?.into_iter().flatten().collect()))
}

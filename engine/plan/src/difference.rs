//! What differs between the arguments wanted and the arguments seen, in normal form.

use std::collections::BTreeSet;

use ha_kind::{Described, Name, Object, Path, Shape, Value};

use crate::model::Difference;
use crate::observed::plain;

/// The arguments that differ. `configured_before` are those that the configuration set when the record was made,
/// `configured` those it sets now.
///
/// # Errors
/// What the kind's own types refuse.
pub(crate) fn differences(
    described: &Described,
    wanted: &Object,
    seen: &Object,
    configured_before: &BTreeSet<Name>,
    configured: &BTreeSet<Name>,
) -> Result<Vec<Difference>, String> {
    let schema = described.schema();
    let (wanted, seen) = (plain(wanted), plain(seen));
    let have = described.normal(&seen)?;
    // What is not wholly known borrows what was seen for the typed round trip, and differs in any case.
    let lend = |(name, value): (&Name, &Value)| match value.is_wholly_known() {
        true => Some((name.clone(), value.clone())),
        false => seen.get(name).map(|it| (name.clone(), it.clone())),
    };
    let lent: Object = wanted.iter().filter_map(lend).collect();
    let want = described.normal(&lent)?;
    let mut found = Vec::new();
    for (name, value) in &wanted {
        let field = &schema.arguments[name];
        if !value.is_wholly_known() {
            let replaces = field.immutable || any_immutable(&field.shape);
            found.push(Difference { path: Path::attribute(name.clone()), replaces });
            continue;
        }
        let (new, old) = (want.get(name), have.get(name));
        if field.chosen && !configured.contains(name) && old.is_some() {
            continue;
        }
        if new != old {
            let replaces = field.immutable || changes_immutable(&field.shape, new, old);
            found.push(Difference { path: Path::attribute(name.clone()), replaces });
        }
    }
    for name in configured_before.difference(configured).filter(|it| !wanted.contains_key(*it)) {
        let Some(field) = schema.arguments.get(name) else { continue };
        if !field.chosen && have.get(name).is_some_and(|it| !is_empty(it)) {
            found.push(Difference { path: Path::attribute(name.clone()), replaces: field.immutable });
        }
    }
    Ok(found)
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.elements().is_some_and(|it| it.is_empty()) || value.as_object().is_some_and(Object::is_empty)
}

fn any_immutable(shape: &Shape) -> bool {
    match shape {
        Shape::List(of) | Shape::Set(of) | Shape::Map(of) => any_immutable(of),
        Shape::Object(fields) => fields.values().any(|it| it.immutable || any_immutable(&it.shape)),
        _ => false,
    }
}

/// Whether a change of a block touches a field that cannot change in place. In a list or set of blocks an element
/// that comes or goes does, when its shape has such a field.
fn changes_immutable(shape: &Shape, new: Option<&Value>, old: Option<&Value>) -> bool {
    match shape {
        Shape::Object(fields) => {
            let inside =
                |value: Option<&Value>, name: &Name| value.and_then(Value::as_object).and_then(|it| it.get(name)).cloned();
            fields.iter().any(|(name, field)| {
                let (new, old) = (inside(new, name), inside(old, name));
                new != old && (field.immutable || changes_immutable(&field.shape, new.as_ref(), old.as_ref()))
            })
        }
        Shape::List(of) | Shape::Set(of) if any_immutable(of) => fixed_part(of, new) != fixed_part(of, old),
        _ => false,
    }
}

/// What of each element cannot change in place.
fn fixed_part(of: &Shape, collection: Option<&Value>) -> Vec<Value> {
    let Shape::Object(fields) = of else { return Vec::new() };
    let kept = |element: &Value| {
        let element = element.as_object().cloned().unwrap_or_default();
        let fixed = |name: &Name| fields.get(name).is_some_and(|it| it.immutable || any_immutable(&it.shape));
        Value::object(element.into_iter().filter(|(name, _)| fixed(name)))
    };
    collection.and_then(Value::elements).unwrap_or_default().into_iter().map(kept).collect()
}

/// Whether a value that was planned allows this one: what was known has not changed, whatever was not known.
pub(crate) fn agrees(planned: &Value, actual: &Value) -> bool {
    if !planned.is_known() {
        return true;
    }
    let (planned, actual) = (planned.unmark().0, actual.unmark().0);
    match (&planned, &actual) {
        (Value::Object(a) | Value::Map(a), Value::Object(b) | Value::Map(b)) => {
            a.iter().all(|(name, it)| match b.get(name) {
                Some(other) => agrees(it, other),
                None => it.is_null() || !it.is_wholly_known(),
            }) && b.iter().all(|(name, it)| a.contains_key(name) || it.is_null())
        }
        (Value::List(a) | Value::Tuple(a), Value::List(b) | Value::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| agrees(a, b))
        }
        (Value::Set(a), Value::Set(_)) if a.iter().any(|it| !it.is_wholly_known()) => true,
        (a, b) => a.revealed() == b.revealed(),
    }
}

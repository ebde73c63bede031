//! Differences between planned and actual arguments, in normal form.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_provider::{FieldShape, ResourceDescription, Schema, SchemaField};
use ha_value::{Name, Object, Path, Value};

use crate::attributes::{is_empty, plain};
use crate::model::Difference;

/// Returns the arguments that differ from those read, which came with `outputs`.
/// `configured_before` are the arguments that were set when the record was written, `configured`
/// those that are set now.
///
/// # Errors
/// An error of the kind's own types.
pub(crate) fn differences(
    described: &ResourceDescription,
    wanted: &Object,
    (seen, outputs): (&Object, &Object),
    configured_before: &BTreeSet<Name>,
    configured: &BTreeSet<Name>,
) -> Result<Vec<Difference>, String> {
    let schema = described.schema();
    // Marks are not part of the comparison: making a value secret does not change it at the
    // service.
    let (wanted, seen) = (plain(wanted), plain(seen));
    // The record may be older than a field that the kind requires now; it is compared as it is
    // then.
    let have = described.normal(&seen).unwrap_or_else(|_| seen.clone());
    // The typed round trip accepts known values only, so an unknown argument takes part with the
    // value that was read. It is reported as a difference below in any case.
    let lend = |(name, value): (&Name, &Value)| match value.is_wholly_known() {
        true => {
            let field = schema.arguments.get(name)?;
            Some((name.clone(), with_chosen(&field.shape, value, seen.get(name))))
        }
        false => seen.get(name).map(|it| (name.clone(), it.clone())),
    };
    let lent: Object = wanted.iter().filter_map(lend).collect();
    let want = described.normal(&lent)?;
    let mut found = Vec::new();
    for (name, value) in &wanted {
        let Some(field) = schema.arguments.get(name) else { continue };
        if !value.is_wholly_known() {
            let replaces =
                // An unknown value of an immutable argument may differ, so the plan must say that
                // the object may be replaced.
                field.immutable || changes_immutable(&field.shape, Some(value), seen.get(name));
            found.push(Difference { path: Path::attribute(name.clone()), replaces });
            continue;
        }
        let (new, old) = (want.get(name), have.get(name));
        // The service has chosen this value, and the configuration is silent: its choice is no
        // difference.
        if field.chosen && !configured.contains(name) && old.is_some() {
            continue;
        }
        let is_nothing = is_nothing(&field.shape, new, old);
        if is_another(&field.shape, new, old)
            && (!is_nothing || is_kept(described, &field.shape, new, old))
        {
            let replaces =
                !is_nothing && (field.immutable || changes_immutable(&field.shape, new, old));
            found.push(Difference { path: Path::attribute(name.clone()), replaces });
        }
    }
    // An argument that was set and is not set any more must be removed at the service, though it
    // is no longer among the wanted arguments.
    for name in configured_before.difference(configured).filter(|it| !wanted.contains_key(*it)) {
        let Some(field) = schema.arguments.get(name) else { continue };
        let old = have.get(name);
        let is_nothing = is_nothing(&field.shape, None, old);
        if !field.chosen && (!is_nothing || is_kept(described, &field.shape, None, old)) {
            let replaces =
                !is_nothing && (field.immutable || changes_immutable(&field.shape, None, old));
            found.push(Difference { path: Path::attribute(name.clone()), replaces });
        }
    }
    Ok(without_none(described, found, &wanted, (&seen, outputs)))
}

/// Removes differences that the kind treats as equal, and arguments that only say how other
/// changes are made if nothing else differs.
fn without_none(
    described: &ResourceDescription,
    mut found: Vec<Difference>,
    wanted: &Object,
    (seen, outputs): (&Object, &Object),
) -> Vec<Difference> {
    let is_one =
        |it: &Difference, names: &dyn Fn(&str) -> bool| it.name().is_some_and(|name| names(name));
    if !found.is_empty() {
        let same = described.hooks().same_names(described.schema(), (seen, outputs), wanted);
        found.retain(|it| !is_one(it, &|name| same.contains(name)));
        let anew = described.hooks().anew_names(described.schema(), (seen, outputs), wanted);
        for it in &mut found {
            it.replaces |= is_one(it, &|name| anew.contains(name));
        }
    }
    // An argument such as `apply_immediately` has nothing to do by itself, so it waits in the
    // configuration for the next real change.
    match found.iter().all(|it| is_one(it, &|name| described.hooks().is_manner(name))) {
        true => Vec::new(),
        false => found,
    }
}

/// Returns what a change of arguments requires: nothing, an update (`Some(false)`) or a
/// replacement (`Some(true)`).
#[must_use]
pub fn replaces(
    described: &ResourceDescription,
    wanted: &Object,
    made_with: &Object,
) -> Option<bool> {
    let names = |arguments: &Object| arguments.keys().cloned().collect::<BTreeSet<Name>>();
    match differences(
        described,
        wanted,
        (made_with, &Object::new()),
        &names(made_with),
        &names(wanted),
    ) {
        Ok(found) if found.is_empty() => None,
        Ok(found) => Some(found.iter().any(|it| it.replaces)),
        // Arguments that the kind refuses cannot be updated to, so the caller must assume a new
        // resource.
        Err(_) => Some(true),
    }
}

/// Whether both values are null or empty. Services do not distinguish an empty collection from a
/// missing one; in an argument of any type an empty collection is a value of its own.
fn is_nothing(shape: &FieldShape, new: Option<&Value>, old: Option<&Value>) -> bool {
    let is_nothing = |it: &Value| it.is_null() || (*shape != FieldShape::Any && is_empty(it));
    new.is_none_or(is_nothing) && old.is_none_or(is_nothing)
}

/// Whether two values differ. In an argument of any type, the types are compared too.
fn is_another(shape: &FieldShape, new: Option<&Value>, old: Option<&Value>) -> bool {
    match shape {
        FieldShape::Any => !new.unwrap_or(&Value::NULL).is_identical(old.unwrap_or(&Value::NULL)),
        _ => new != old,
    }
}

/// Whether the difference between empty and missing matters: for a kind without a service, the
/// state holds exactly what was configured. Such a change never needs a replacement.
fn is_kept(
    described: &ResourceDescription,
    shape: &FieldShape,
    new: Option<&Value>,
    old: Option<&Value>,
) -> bool {
    let is_null = |it: Option<&Value>| it.is_none_or(Value::is_null);
    described.pure
        && (is_null(new) != is_null(old)
            || *shape == FieldShape::Any && is_another(shape, new, old))
}

/// Returns the arguments, with the read values of those that are not configured and that the
/// service chooses.
#[must_use]
pub fn with_choices(schema: &Schema, arguments: &Object, seen: &Object) -> Object {
    fields_with_chosen(&schema.arguments, arguments, &Value::object(seen.clone()))
}

/// Whether an argument that the service chooses is not configured.
#[must_use]
pub fn leaves_choices(schema: &Schema, arguments: &Object) -> bool {
    fields_leave_choices(&schema.arguments, arguments)
}

fn fields_leave_choices(fields: &BTreeMap<Name, SchemaField>, given: &Object) -> bool {
    fields.iter().any(|(name, field)| match given.get(name) {
        None | Some(Value::Null(_)) => field.chosen,
        Some(value) => leaves_choices_inside(&field.shape, value),
    })
}

fn leaves_choices_inside(shape: &FieldShape, value: &Value) -> bool {
    match (shape, value) {
        (FieldShape::Object(fields), Value::Object(items)) => fields_leave_choices(fields, items),
        (FieldShape::List(of) | FieldShape::Set(of) | FieldShape::Map(of), _) => {
            value.children().any(|it| leaves_choices_inside(of, it))
        }
        _ => false,
    }
}

/// Returns a value whose blocks have the read values of fields that the service chooses.
fn with_chosen(shape: &FieldShape, value: &Value, seen: Option<&Value>) -> Value {
    let Some(seen) = seen.filter(|_| has_chosen(shape)) else { return value.clone() };
    match (shape, value) {
        (FieldShape::Object(fields), Value::Object(items)) => {
            Value::Object(Arc::new(fields_with_chosen(fields, items, seen)))
        }
        (FieldShape::Map(of), Value::Map(items)) => {
            let seen = seen.as_object();
            let each = |(name, it): (&Name, &Value)| {
                (name.clone(), with_chosen(of, it, seen.and_then(|seen| seen.get(name))))
            };
            Value::Map(Arc::new(items.iter().map(each).collect()))
        }
        (FieldShape::List(of), Value::List(items)) => {
            let seen = seen.elements().unwrap_or_default();
            Value::list(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, it)| with_chosen(of, it, seen.get(index).copied())),
            )
        }
        (FieldShape::Set(of), Value::Set(items)) => {
            let seen = seen.elements().unwrap_or_default();
            // Elements of a set have no position. The counterpart is the element that is equal
            // once the chosen values are filled in.
            let each = |it: &Value| {
                let lent = seen.iter().map(|seen| (with_chosen(of, it, Some(seen)), *seen));
                lent.into_iter()
                    .find(|(lent, seen)| lent == *seen)
                    .map_or_else(|| it.clone(), |(lent, _)| lent)
            };
            Value::set(items.iter().map(each))
        }
        _ => value.clone(),
    }
}

fn fields_with_chosen(
    fields: &BTreeMap<Name, SchemaField>,
    items: &Object,
    seen: &Value,
) -> Object {
    let mut all = items.clone();
    for (name, field) in fields {
        let there = seen.as_object().and_then(|it| it.get(name));
        match (all.get(name), there) {
            (None | Some(Value::Null(_)), Some(there)) if field.chosen => {
                all.insert(name.clone(), there.clone());
            }
            (Some(value), there) => {
                let value = with_chosen(&field.shape, value, there);
                all.insert(name.clone(), value);
            }
            _ => {}
        }
    }
    all
}

fn has_chosen(shape: &FieldShape) -> bool {
    any_field(shape, &|field| field.chosen)
}

fn any_immutable(shape: &FieldShape) -> bool {
    any_field(shape, &|field| field.immutable)
}

fn any_field(shape: &FieldShape, is: &dyn Fn(&SchemaField) -> bool) -> bool {
    match shape {
        FieldShape::List(of) | FieldShape::Set(of) | FieldShape::Map(of) => any_field(of, is),
        FieldShape::Object(fields) => fields.values().any(|it| is(it) || any_field(&it.shape, is)),
        _ => false,
    }
}

/// Whether a change of a block changes a field that cannot change in place. Adding or removing an
/// element of a collection does, if its shape has such a field. Unknown values count as changed.
fn changes_immutable(shape: &FieldShape, new: Option<&Value>, old: Option<&Value>) -> bool {
    if !any_immutable(shape) {
        return false;
    }
    let (new, old) = (
        new.map_or(Value::NULL, |it| fixed_part(shape, it)),
        old.map_or(Value::NULL, |it| fixed_part(shape, it)),
    );
    !new.is_wholly_known() || new != old
}

/// Returns the part of a value that cannot change in place.
fn fixed_part(shape: &FieldShape, value: &Value) -> Value {
    match (shape, value) {
        (_, Value::Unknown(_)) => value.clone(),
        (FieldShape::Object(fields), Value::Object(items) | Value::Map(items)) => {
            let fixed = |(name, it): (&Name, &Value)| {
                let field = fields.get(name).filter(|_| !it.is_null())?;
                let fixed = if field.immutable { Some(it.clone()) } else { None };
                let fixed = fixed.or_else(|| {
                    any_immutable(&field.shape).then(|| fixed_part(&field.shape, it))
                })?;
                Some((name.clone(), fixed))
            };
            Value::object(items.iter().filter_map(fixed))
        }
        (FieldShape::Map(of), Value::Map(items) | Value::Object(items)) => {
            Value::object(items.iter().map(|(name, it)| (name.clone(), fixed_part(of, it))))
        }
        (FieldShape::Set(of), _) => Value::set(
            value.elements().unwrap_or_default().into_iter().map(|it| fixed_part(of, it)),
        ),
        (FieldShape::List(of), _) => Value::tuple(
            value.elements().unwrap_or_default().into_iter().map(|it| fixed_part(of, it)),
        ),
        _ => value.clone(),
    }
}

/// Whether an actual value is allowed by the planned one: known parts are equal, unknown parts may
/// be anything.
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
                // A null attribute and a missing one are the same to the language.
            }) && b.iter().all(|(name, it)| a.contains_key(name) || it.is_null())
        }
        (Value::List(a) | Value::Tuple(a), Value::List(b) | Value::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| agrees(a, b))
        }
        // Elements of a set have no position, so an unknown element could be any of the actual
        // ones.
        (Value::Set(a), Value::Set(_)) if a.iter().any(|it| !it.is_wholly_known()) => true,
        (a, b) => a.revealed() == b.revealed(),
    }
}

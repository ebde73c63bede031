//! Planned values: the attributes of an instance after its change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_provider::{FieldShape, ResourceDescription, SchemaField};
use ha_state_model::Record;
use ha_value::{Action, Address, Name, Object, Value};

use crate::attributes::plain;
use crate::diff::differences::with_choices;

/// Returns the planned outputs. An update keeps the recorded ones except for volatile outputs and
/// those that depend on a changed argument; new outputs are predicted or unknown. `changed` are
/// the arguments that differ, `settings` those of the provider.
pub(crate) fn outputs_after(
    described: &ResourceDescription,
    action: Action,
    arguments: &Object,
    record: Option<&Record>,
    (changed, settings): (&BTreeSet<Name>, &Object),
    address: &Address,
) -> Object {
    let (schema, hooks) = (described.schema(), described.hooks());
    // A prediction wins over the recorded output: it follows the new arguments.
    let predicted = predicted(described, arguments, settings);
    // A replacement keeps no output: the new object has outputs of its own.
    let kept = |name: &Name, field: &SchemaField| match (action, record) {
        (Action::Update, Some(record))
            if !field.volatile && !hooks.predicts(name) && !hooks.is_renewed(name, changed) =>
        {
            record.outputs.get(name)
        }
        _ => None,
    };
    let after = |(name, field): (&Name, &SchemaField)| {
        let value = predicted.get(name).or_else(|| kept(name, field)).cloned();
        let value = value.unwrap_or_else(|| unknown(name, field, address));
        // An unknown output is marked too: its value must be secret from the moment it becomes
        // known.
        let is_secret = hooks.is_made_of_secret(name, arguments);
        (name.clone(), if is_secret { value.sensitive() } else { value })
    };
    schema.outputs.iter().map(after).collect()
}

/// Returns the outputs of a data source before it is read.
pub(crate) fn unknown_outputs(
    described: &ResourceDescription,
    arguments: &Object,
    address: &Address,
) -> Object {
    outputs_after(
        described,
        Action::Read,
        arguments,
        None,
        (&BTreeSet::new(), &Object::new()),
        address,
    )
}

/// Returns the outputs of a document that cannot be rendered yet: unknown, with the cause of its
/// unknown arguments.
pub(crate) fn unrendered(described: &ResourceDescription, arguments: &Object) -> Object {
    let cause = arguments.values().find_map(Value::cause);
    let secret = arguments.values().any(Value::contains_sensitive);
    let unknown = |(name, field): (&Name, &SchemaField)| {
        let unknown = unknown_output(field, cause.clone());
        (name.clone(), if secret || field.secret { unknown.sensitive() } else { unknown })
    };
    described.schema().outputs.iter().map(unknown).collect()
}

/// Returns an unknown output. A required one is known not to be null.
fn unknown_output(field: &SchemaField, cause: Option<Arc<str>>) -> Value {
    let unknown = Value::unknown(field.shape.ty(), cause);
    if field.required && field.shape != FieldShape::Any { unknown.not_null() } else { unknown }
}

fn predicted(described: &ResourceDescription, arguments: &Object, settings: &Object) -> Object {
    let schema = described.schema();
    let marked = |(name, value): (Name, Value)| {
        let secret = schema.outputs.get(&name).is_some_and(|it| it.secret);
        (name, if secret { value.sensitive() } else { value })
    };
    let predicted = described
        .hooks()
        .predicted_in(schema, arguments, settings)
        .into_iter()
        .map(marked)
        .collect();
    with_marks_of(described, arguments, predicted)
}

fn unknown(name: &Name, field: &SchemaField, address: &Address) -> Value {
    let attribute: Arc<str> = format!("{address}.{name}").into();
    let unknown = unknown_output(field, Some(attribute.clone())).originating(|| attribute);
    if field.secret { unknown.sensitive() } else { unknown }
}

/// Returns the planned arguments: values that the service chose stay while they are not
/// configured.
pub(crate) fn arguments_after(
    described: &ResourceDescription,
    action: Action,
    arguments: &Object,
    record: Option<&Record>,
    address: &Address,
) -> Object {
    let schema = described.schema();
    match (action, record) {
        (Action::Update, Some(record)) => with_choices(schema, arguments, &record.arguments),
        _ => with_unknown_choices(&schema.arguments, arguments, &address.to_string()),
    }
}

/// Returns the arguments of a new object, in which the values that the service will choose are
/// unknown.
fn with_unknown_choices(
    fields: &BTreeMap<Name, SchemaField>,
    arguments: &Object,
    of: &str,
) -> Object {
    let mut after = arguments.clone();
    for (name, field) in fields {
        let of = || format!("{of}.{name}");
        match after.get(name) {
            None | Some(Value::Null(_)) if field.chosen => {
                after.insert(name.clone(), Value::unknown(field.shape.ty(), Some(of().into())));
            }
            Some(value) if has_fields(&field.shape) => {
                let value = inside_with_unknown_choices(&field.shape, value, &of());
                after.insert(name.clone(), value);
            }
            _ => {}
        }
    }
    after
}

fn inside_with_unknown_choices(shape: &FieldShape, value: &Value, of: &str) -> Value {
    let inside = |shape: &FieldShape, value: &Value| inside_with_unknown_choices(shape, value, of);
    match (shape, value) {
        (FieldShape::Object(fields), Value::Object(items)) => {
            Value::Object(Arc::new(with_unknown_choices(fields, items, of)))
        }
        (FieldShape::List(shape), Value::List(items)) => {
            Value::list(items.iter().map(|it| inside(shape, it)))
        }
        (FieldShape::Set(shape), Value::Set(items)) => {
            Value::set(items.iter().map(|it| inside(shape, it)))
        }
        (FieldShape::Map(shape), Value::Map(items)) => Value::Map(Arc::new(
            items.iter().map(|(name, it)| (name.clone(), inside(shape, it))).collect(),
        )),
        (_, Value::Sensitive(inner)) => inside(shape, inner).sensitive(),
        _ => value.clone(),
    }
}

/// Returns an unchanged record with the marks of the configured values. Spelling stays as
/// configured.
pub(crate) fn remarked(
    described: &ResourceDescription,
    record: &Record,
    wanted: &Object,
) -> (Object, Object) {
    let remark = |(name, value): (&Name, &Value)| {
        let value = match wanted.get(name) {
            None => value.clone(),
            Some(wanted) => {
                let (plain, marks) = wanted.unmark_deep();
                let value = value.revealed();
                if value == plain { wanted.clone() } else { value.remark(&marks) }
            }
        };
        (name.clone(), value)
    };
    let arguments: Object = record.arguments.iter().map(remark).collect();
    let secret = arguments.values().any(Value::contains_sensitive);
    // An output was secret because of an argument that is not secret any more; the schema alone
    // decides then.
    let plain = (!secret)
        .then(|| described.schema().conform_outputs(&plain(&record.outputs)).ok())
        .flatten();
    let outputs =
        with_marks_of(described, &arguments, plain.unwrap_or_else(|| record.outputs.clone()));
    (arguments, outputs)
}

/// Marks outputs that are made of a secret argument, and outputs of any type, which may contain
/// one.
#[must_use]
pub fn with_marks_of(
    described: &ResourceDescription,
    arguments: &Object,
    outputs: Object,
) -> Object {
    let schema = described.schema();
    let mut outputs = described.hooks().marked(schema, arguments, outputs);
    let holds_anything = |name: &Name| {
        schema.outputs.get(name).is_some_and(|it| it.shape == FieldShape::Any && !it.secret)
    };
    let secret = arguments.values().any(Value::contains_sensitive);
    for (_, value) in outputs
        .iter_mut()
        .filter(|(name, it)| holds_anything(name) && (secret || it.contains_sensitive()))
    {
        let plain = value.revealed();
        // An output that equals an argument gets the precise marks of that argument instead of
        // being secret as a whole.
        *value = match arguments.values().find(|it| it.revealed() == plain) {
            Some(same) => same.clone(),
            // An output of any type may contain the secret in any form, so it is secret as a
            // whole.
            None if secret => plain.sensitive(),
            None => plain,
        };
    }
    outputs
}

fn has_fields(shape: &FieldShape) -> bool {
    match shape {
        FieldShape::Object(_) => true,
        FieldShape::List(of) | FieldShape::Set(of) | FieldShape::Map(of) => has_fields(of),
        _ => false,
    }
}

//! What will be true of an instance once its change is done.

use std::sync::Arc;

use ha_kind::{Action, Address, Described, Field, Name, Object, Schema, Shape, Value};
use ha_state::Record;

use crate::observed::plain;

/// The outputs as they will be: as recorded when untouched, all but the volatile ones when updated, predicted or
/// unknown when new.
pub(crate) fn outputs_after(
    described: &Described,
    action: Action,
    arguments: &Object,
    record: Option<&Record>,
    address: &Address,
) -> Object {
    let schema = described.schema();
    let predicted = predicted(described, arguments);
    let kept = |name: &Name, field: &Field| match (action, record) {
        (Action::Update, Some(record)) if !field.volatile && !described.hooks().predicts(name) => record.outputs.get(name),
        _ => None,
    };
    let after = |(name, field): (&Name, &Field)| {
        let value = predicted.get(name).or_else(|| kept(name, field)).cloned();
        (name.clone(), value.unwrap_or_else(|| unknown(name, field, address)))
    };
    schema.outputs.iter().map(after).collect()
}

/// The outputs of what is only read, before it has answered.
pub(crate) fn unknown_outputs(described: &Described, arguments: &Object, address: &Address) -> Object {
    outputs_after(described, Action::Read, arguments, None, address)
}

/// The outputs of a document that cannot be rendered yet: unknown, for the reason that its arguments are.
pub(crate) fn unrendered(described: &Described, arguments: &Object) -> Object {
    let cause = arguments.values().find_map(Value::cause);
    let secret = arguments.values().any(Value::contains_sensitive);
    let unknown = |(name, field): (&Name, &Field)| {
        let unknown = Value::unknown(field.shape.ty(), cause.clone());
        (name.clone(), if secret || field.secret { unknown.sensitive() } else { unknown })
    };
    described.schema().outputs.iter().map(unknown).collect()
}

fn predicted(described: &Described, arguments: &Object) -> Object {
    let schema = described.schema();
    let marked = |(name, value): (Name, Value)| {
        let secret = schema.outputs.get(&name).is_some_and(|it| it.secret);
        (name, if secret { value.sensitive() } else { value })
    };
    let predicted = described.hooks().predicted(schema, arguments).into_iter().map(marked).collect();
    with_marks_of(schema, arguments, predicted)
}

fn unknown(name: &Name, field: &Field, address: &Address) -> Value {
    let unknown = Value::unknown(field.shape.ty(), Some(format!("{address}.{name}").into()));
    if field.secret { unknown.sensitive() } else { unknown }
}

/// The arguments as they will be: what the service chose stays while the configuration is silent.
pub(crate) fn arguments_after(
    described: &Described,
    action: Action,
    arguments: &Object,
    record: Option<&Record>,
    address: &Address,
) -> Object {
    let mut after = arguments.clone();
    for (name, field) in described.schema().arguments.iter().filter(|(_, it)| it.chosen) {
        if after.contains_key(name) {
            continue;
        }
        match (action, record) {
            (Action::Update, Some(record)) => {
                if let Some(value) = record.arguments.get(name) {
                    after.insert(name.clone(), value.clone());
                }
            }
            _ => {
                after.insert(name.clone(), unknown(name, field, address));
            }
        }
    }
    after
}

/// A record that nothing happens to, with the marks that the configuration's values have by now. What it says stays as
/// it is spelt.
pub(crate) fn remarked(described: &Described, record: &Record, wanted: &Object) -> (Object, Object) {
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
    let outputs = with_marks_of(described.schema(), &arguments, record.outputs.clone());
    (arguments, outputs)
}

/// The outputs, with those marked that may hold anything and so may hold a secret of the arguments.
#[must_use]
pub fn with_marks_of(schema: &Schema, arguments: &Object, mut outputs: Object) -> Object {
    let anything: Vec<&Name> =
        outputs.keys().filter_map(|name| schema.outputs.get_key_value(name)).filter(|(_, it)| it.shape == Shape::Any).map(|(name, _)| name).collect();
    if anything.is_empty() {
        return outputs;
    }
    let secret = arguments.values().any(Value::contains_sensitive);
    for name in anything {
        let Some(value) = outputs.get_mut(name) else { continue };
        let plain = value.revealed();
        *value = match arguments.values().find(|it| it.revealed() == plain) {
            Some(same) => same.clone(),
            None if secret => plain.sensitive(),
            None => plain,
        };
        if schema.outputs[name].secret {
            *value = std::mem::replace(value, Value::Null).sensitive();
        }
    }
    outputs
}

/// An instance's value: its arguments, its outputs over them, and null for every attribute that has neither.
pub(crate) fn instance_value(schema: &Schema, arguments: &Object, outputs: &Object) -> Value {
    let names = schema.arguments.keys().chain(schema.outputs.keys());
    let mut all: Object = names.map(|name| (name.clone(), Value::Null)).collect();
    all.extend(arguments.iter().map(|(name, it)| (name.clone(), it.clone())));
    all.extend(outputs.iter().filter(|(_, it)| !it.is_null()).map(|(name, it)| (name.clone(), it.clone())));
    Value::Object(Arc::new(all))
}

/// All attributes of a record: outputs over arguments, and the id.
pub(crate) fn attributes(record: &Record) -> Object {
    let mut all = record.arguments.clone();
    all.extend(record.outputs.iter().map(|(name, it)| (name.clone(), it.clone())));
    all.entry("id".into()).or_insert_with(|| Value::from(record.id.as_str()));
    all
}

/// Arguments without marks, as drivers take them.
#[must_use]
pub fn revealed(arguments: &Object) -> Object {
    plain(arguments)
}

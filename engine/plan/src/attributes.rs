//! Attributes of recorded instances.

use ha_state_model::Record;
use ha_value::{Object, Value};

use crate::secrets::redaction::told_id;

/// Returns all attributes of a record: arguments, overridden by outputs, and the id.
pub(crate) fn attributes(record: &Record) -> Object {
    let mut all = record.arguments.clone();
    all.extend(record.outputs.iter().map(|(name, it)| (name.clone(), it.clone())));
    all.entry("id".into()).or_insert_with(|| {
        let id = Value::from(record.id.as_str());
        if told_id(record) == record.id { id } else { id.sensitive() }
    });
    all
}

/// Returns arguments without marks, as drivers take them.
#[must_use]
pub fn revealed(arguments: &Object) -> Object {
    plain(arguments)
}

/// Returns the attributes without marks.
pub(crate) fn plain(attributes: &Object) -> Object {
    if !attributes.values().any(Value::is_marked) {
        return attributes.clone();
    }
    attributes.iter().map(|(name, value)| (name.clone(), value.revealed())).collect()
}

/// Returns the id among the outputs of a driver.
#[must_use]
pub fn id_in(outputs: &Object) -> Option<String> {
    Some(outputs.get("id")?.unmark().0.as_str()?.to_owned())
}

pub(crate) fn is_empty(value: &Value) -> bool {
    value.is_null()
        || value.elements().is_some_and(|it| it.is_empty())
        || value.as_object().is_some_and(Object::is_empty)
}

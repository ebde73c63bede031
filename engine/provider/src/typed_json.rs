//! JSON for reading typed structs from values.

use std::collections::BTreeMap;

use crate::{FieldShape, SchemaField};
use ha_value::Name;
use ha_value::json::UNKNOWN_FIELDS;
use ha_value::{Object, Value};

/// Returns a value as JSON for a typed struct: lists, sets and maps are plain where the shape
/// determines them.
#[must_use]
pub(crate) fn typed(value: &Value, shape: &FieldShape) -> serde_json::Value {
    // The lossless form writes an unknown as an object with a dollar key, which ordinary field
    // types refuse.
    let lossless = || serde_json::to_value(value).expect("a value has only text keys");
    match (shape, value) {
        (FieldShape::Any, _) => lossless(),
        (_, Value::Null(_)) => serde_json::Value::Null,
        (
            FieldShape::List(of) | FieldShape::Set(of),
            Value::List(_) | Value::Set(_) | Value::Tuple(_),
        ) => value.children().map(|it| typed(it, of)).collect(),
        (FieldShape::Map(of), Value::Map(items) | Value::Object(items)) => {
            items.iter().map(|(name, it)| (name.to_string(), typed(it, of))).collect()
        }
        (FieldShape::Object(fields), Value::Map(items) | Value::Object(items)) => {
            typed_fields(items, fields)
        }
        // A struct without required fields would accept the usual object for an unknown as a
        // struct with no field set.
        (FieldShape::Object(_) | FieldShape::Map(_), Value::Unknown(_)) => UNKNOWN_FIELDS.into(),
        _ => lossless(),
    }
}

/// Returns the same for an object with these fields.
pub(crate) fn typed_fields(
    items: &Object,
    fields: &BTreeMap<Name, SchemaField>,
) -> serde_json::Value {
    let typed = |(name, it): (&Name, &Value)| {
        let shape = fields.get(name).map_or(&FieldShape::Any, |field| &field.shape);
        // In an argument of any type, a typed null is a value.
        let is_present = !it.is_null() || *shape == FieldShape::Any && it.is_typed_null();
        is_present.then(|| (name.to_string(), typed(it, shape)))
    };
    items.iter().filter_map(typed).collect()
}

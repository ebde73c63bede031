//! The value that expressions see of one instance.

use std::collections::BTreeSet;
use std::sync::Arc;

use ha_provider::{FieldShape, Schema};
use ha_value::{Address, Object, Type, Value};

/// Returns the value of an instance: arguments, overridden by outputs, and null for all other
/// attributes. Nulls and empty collections get the type of the schema.
pub(crate) fn instance_value(schema: &Schema, arguments: &Object, outputs: &Object) -> Value {
    let mut all = Object::new();
    for (name, field) in schema.arguments.iter().chain(&schema.outputs) {
        // A service that leaves an output null has not overridden the argument of the same name.
        let output = outputs.get(name).filter(|it| !it.is_null());
        all.insert(name.clone(), declared(&field.shape, output.or_else(|| arguments.get(name))));
    }
    Value::Object(Arc::new(all))
}

/// Names the origin of each unknown attribute, so that references to it can be compared before it
/// is known.
pub(crate) fn with_origins(value: Value, address: &Address) -> Value {
    // An unknown that came from another instance keeps its own origin.
    let is_nameless = |it: &Value| !it.is_known() && it.origin().is_none();
    match value {
        Value::Object(attributes) if attributes.values().any(is_nameless) => {
            let mut attributes = Arc::unwrap_or_clone(attributes);
            for (name, value) in attributes.iter_mut().filter(|(_, it)| is_nameless(it)) {
                let nameless = std::mem::replace(value, Value::NULL);
                *value = nameless.originating(|| format!("{address}.{name}").into());
            }
            Value::Object(Arc::new(attributes))
        }
        value => value,
    }
}

/// Fills in nulls and types that a value does not have by itself.
fn declared(shape: &FieldShape, value: Option<&Value>) -> Value {
    let Some(value) = value else { return nothing(shape) };
    match (shape, value) {
        (FieldShape::Any, _) => value.clone(),
        (_, Value::Null(_)) => nothing(shape),
        (FieldShape::Object(fields), Value::Object(items)) => Value::object(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), declared(&field.shape, items.get(name)))),
        ),
        (FieldShape::List(of), Value::List(items)) if items.is_empty() => {
            Value::list_of(&of.ty(), Vec::new())
        }
        (FieldShape::Set(of), Value::Set(items)) if items.is_empty() => {
            Value::set_of(&of.ty(), BTreeSet::new())
        }
        (FieldShape::Map(of), Value::Map(items)) if items.is_empty() => {
            Value::map_of(&of.ty(), Object::new())
        }
        (FieldShape::List(of), Value::List(items)) if is_deep(of) => {
            Value::list(items.iter().map(|it| declared(of, Some(it))))
        }
        (FieldShape::Set(of), Value::Set(items)) if is_deep(of) => {
            Value::set(items.iter().map(|it| declared(of, Some(it))))
        }
        (FieldShape::Map(of), Value::Map(items)) => Value::Map(Arc::new(
            items.iter().map(|(name, it)| (name.clone(), declared(of, Some(it)))).collect(),
        )),
        (_, Value::Sensitive(inner)) => declared(shape, Some(inner)).sensitive(),
        _ => value.clone(),
    }
}

/// Returns the null of a shape's type.
fn nothing(shape: &FieldShape) -> Value {
    match shape {
        FieldShape::Any => Value::NULL,
        FieldShape::Bool => Value::null(&Type::Bool),
        FieldShape::Number | FieldShape::Integer { .. } => Value::null(&Type::Number),
        FieldShape::String { .. } | FieldShape::Text => Value::null(&Type::String),
        deep => Value::null(&deep.ty()),
    }
}

fn is_deep(shape: &FieldShape) -> bool {
    matches!(
        shape,
        FieldShape::List(_) | FieldShape::Set(_) | FieldShape::Map(_) | FieldShape::Object(_)
    )
}

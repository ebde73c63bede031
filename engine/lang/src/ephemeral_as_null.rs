//! `ephemeralasnull`: replaces the ephemeral parts of a value by null.
//!
//! There is no mark for ephemeral values. The expression is evaluated a second time with unknowns in
//! place of ephemeral values, so that everything that depends on them becomes unknown as well; what
//! is unknown only then becomes null.

use std::sync::Arc;

use ha_value::{Name, Object, Type, Value};

use crate::configuration::{ModuleCall, VariableBlock};

/// The cause of an unknown that replaces an ephemeral value.
const CAUSE: &str = "what is never kept";

/// The unknown that replaces an ephemeral value while it is evaluated for `ephemeralasnull`.
#[must_use]
pub fn not_kept(value: &Value) -> Value {
    Value::unknown(Type::of_value(value), Some(CAUSE.into()))
}

impl VariableBlock {
    /// A value of the variable with its replacement if the variable is ephemeral.
    #[must_use]
    pub fn without_ephemeral(&self, value: Value) -> Value {
        match (self.ephemeral, self.sensitive) {
            (false, _) => value,
            (true, false) => not_kept(&value),
            (true, true) => not_kept(&value).sensitive(),
        }
    }
}

impl ModuleCall {
    /// The value of the call, or of all of its instances, with its ephemeral outputs replaced.
    #[must_use]
    pub fn without_ephemeral(&self, value: &Value) -> Value {
        let outputs = &self.configuration.outputs;
        let is_ephemeral = |name: &Name| outputs.get(name).is_some_and(|it| it.ephemeral);
        let one = |value: &Value| match value {
            Value::Object(items) => {
                let each = |(name, it): (&Name, &Value)| {
                    (name.clone(), if is_ephemeral(name) { not_kept(it) } else { it.clone() })
                };
                Value::object(items.iter().map(each))
            }
            other => other.clone(),
        };
        match value {
            Value::Tuple(items) if self.count.is_some() => Value::tuple(items.iter().map(one)),
            Value::Object(items) if self.for_each.is_some() => {
                Value::object(items.iter().map(|(name, it)| (name.clone(), one(it))))
            }
            other => one(other),
        }
    }
}

/// The value with null in place of its ephemeral parts. `cleared` is the value of the same
/// expression with unknowns in place of ephemeral values.
pub(crate) fn with_nulls(value: &Value, cleared: &Value) -> Value {
    // With a known value every unknown in the other one comes from an ephemeral value.
    let is_known = value.is_wholly_known();
    filled(value, cleared, is_known)
}

fn filled(value: &Value, cleared: &Value, is_known: bool) -> Value {
    let null = || Value::null(&Type::of_value(value));
    let pairs = |own: &[Value], cleared: &[Value]| -> Option<Vec<Value>> {
        (own.len() == cleared.len())
            .then(|| own.iter().zip(cleared).map(|(a, b)| filled(a, b, is_known)).collect())
    };
    let named = |own: &Object, cleared: &Object| -> Option<Object> {
        let each = |(name, it): (&Name, &Value)| {
            Some((name.clone(), filled(it, cleared.get(name)?, is_known)))
        };
        if own.len() == cleared.len() { own.iter().map(each).collect() } else { None }
    };
    match (value, cleared) {
        (Value::Sensitive(own), Value::Sensitive(cleared)) => {
            filled(own, cleared, is_known).sensitive()
        }
        // Ephemeral variables are marked as sensitive too; without them the mark disappears.
        (Value::Sensitive(own), cleared) => filled(own, cleared, is_known),
        (own, Value::Sensitive(cleared)) => filled(own, cleared, is_known).sensitive(),
        // Nothing ephemeral contributes to this part.
        (_, cleared) if cleared.is_wholly_known() => {
            if cleared == value {
                value.clone()
            } else {
                null()
            }
        }
        (Value::List(own), Value::List(cleared)) => pairs(own, cleared)
            .map_or_else(null, |items| Value::list_of(&own.declaration().ty(), items)),
        (Value::Tuple(own), Value::Tuple(cleared)) => {
            pairs(own, cleared).map_or_else(null, Value::tuple)
        }
        (Value::Map(own), Value::Map(cleared)) => {
            named(own, cleared).map_or_else(null, |items| Value::Map(Arc::new(items)))
        }
        (Value::Object(own), Value::Object(cleared)) => {
            named(own, cleared).map_or_else(null, |items| Value::Object(Arc::new(items)))
        }
        // The value is unknown for another reason, so that the call is evaluated again during apply.
        (_, cleared) if !is_known && !waits_for_ephemeral(cleared) => cleared.clone(),
        _ => null(),
    }
}

/// Whether the value contains an unknown that replaces an ephemeral value.
fn waits_for_ephemeral(value: &Value) -> bool {
    match value {
        Value::Unknown(it) => it.cause.as_deref() == Some(CAUSE),
        Value::Composed(parts) => {
            let waits = |it: &ha_value::TextPart| matches!(it, ha_value::TextPart::Unknown { cause: Some(cause), .. } if &**cause == CAUSE);
            parts.iter().any(waits)
        }
        other => other.children().any(waits_for_ephemeral),
    }
}

//! Values that are larger than anybody means: a few lines can ask for more than any machine holds.

use ha_kind::Value;

/// How many elements, in all depths, a value may have, and how many turns and calls one evaluation may take.
pub(crate) const MOST: usize = 4_000_000;

/// A value with more elements than any should have.
pub(crate) struct TooMany;

impl TooMany {
    /// What is said of it.
    pub(crate) const MESSAGE: &str = "there would be more than four million elements";
}

/// Whether a value has too many elements. What it shares with others counts each time, as whoever looks at all of it
/// meets it each time.
pub(crate) fn has_too_many(value: &Value) -> bool {
    fn exhausts(value: &Value, left: &mut usize) -> bool {
        let mut among = |it: &Value| {
            *left = left.saturating_sub(1);
            *left == 0 || exhausts(it, left)
        };
        match value {
            Value::List(items) | Value::Tuple(items) => items.iter().any(among),
            Value::Set(items) => items.iter().any(among),
            Value::Map(items) | Value::Object(items) => items.values().any(among),
            Value::Sensitive(inner) => among(inner),
            _ => false,
        }
    }
    exhausts(value, &mut { MOST })
}

//! Values that are larger than anybody means: a few lines can ask for more than any machine holds.

use ha_value::Value;

/// How many elements, in all depths, a value may have, and how many turns and calls one evaluation
/// may take.
pub(crate) const MOST: usize = 4_000_000;

/// A value with more elements than any should have.
pub(crate) struct TooManyElements;

impl TooManyElements {
    /// What is said of it.
    pub(crate) const MESSAGE: &str = "there would be more than four million elements";
}

/// Whether a value has too many elements. What it shares with others counts each time, as whoever
/// looks at all of it meets it each time.
pub(crate) fn has_too_many(value: &Value) -> bool {
    value.size() >= MOST
}

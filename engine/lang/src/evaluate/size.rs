//! The limit of the size of values. A few lines can ask for more elements than any machine holds.

use ha_value::Value;

/// The limit of the elements of a value, nested ones included, and of the loop iterations and calls
/// of one evaluation.
pub(crate) const MOST: usize = 4_000_000;

/// A value with more elements than the limit.
pub(crate) struct TooManyElements;

impl TooManyElements {
    /// The message for diagnostics.
    pub(crate) const MESSAGE: &str = "there would be more than four million elements";
}

/// Whether a value has too many elements. A part that several parents share counts each time, as a
/// walk through the value visits it each time.
pub(crate) fn has_too_many(value: &Value) -> bool {
    value.size() >= MOST
}

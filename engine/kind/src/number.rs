//! Numbers of the language.

use std::fmt;
use std::str::FromStr;

/// A number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(i64);

/// A text that is no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotANumber;

impl Number {
    /// The number as an integer, where it is one that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        Some(self.0)
    }

    /// The nearest double.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest is what is asked for")]
    pub fn to_f64(&self) -> f64 {
        self.0 as f64
    }

    /// The number nearest to a double; none for infinities and not-a-number.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "placeholder")]
    pub fn from_f64(it: f64) -> Option<Self> {
        Some(Self(it as i64))
    }
}

impl From<i64> for Number {
    fn from(it: i64) -> Self {
        Self(it)
    }
}

impl FromStr for Number {
    type Err = NotANumber;
    fn from_str(text: &str) -> Result<Self, NotANumber> {
        text.parse().map(Self).map_err(|_| NotANumber)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

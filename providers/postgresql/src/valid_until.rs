//! When a password expires.

use jiff::{Timestamp, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const FOREVER: &str = "infinity";

/// A point in time in UTC, or `infinity`. Times that are equal compare equal, however written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String", inline)]
pub(crate) struct ValidUntil(String);

impl Default for ValidUntil {
    fn default() -> Self {
        Self(FOREVER.into())
    }
}

impl From<String> for ValidUntil {
    fn from(text: String) -> Self {
        match text.parse::<Timestamp>() {
            // The server stores microseconds, so a finer value would differ at each plan.
            Ok(moment) => Self(moment.round(Unit::Microsecond).unwrap_or(moment).to_string()),
            Err(_) if text.trim().eq_ignore_ascii_case(FOREVER) || text.is_empty() => {
                Self::default()
            }
            Err(_) => Self(text),
        }
    }
}

impl From<ValidUntil> for String {
    fn from(it: ValidUntil) -> Self {
        it.0
    }
}

impl ValidUntil {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the time has passed. A value that is no time, such as `-infinity`, counts as passed.
    pub(crate) fn is_over(&self) -> bool {
        self.0 != FOREVER && self.0.parse::<Timestamp>().map_or(true, |it| it <= Timestamp::now())
    }
}

/// The problem of a value that is neither a time with an offset nor `infinity`.
pub(crate) fn problem(text: &str) -> Option<String> {
    let is_moment = text.parse::<Timestamp>().is_ok() || text.trim().eq_ignore_ascii_case(FOREVER);
    (!is_moment).then(|| "`valid_until` must be a time with its offset, such as `2030-01-01T00:00:00Z`, or `infinity`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_compare_equal() {
        let of = |text: &str| ValidUntil::from(text.to_owned());
        for same in
            ["2030-01-01T01:00:00+01:00", "2030-01-01T00:00:00.000000Z", "2030-01-01 00:00:00+00"]
        {
            assert_eq!(of(same), of("2030-01-01T00:00:00Z"), "{same}");
            assert_eq!(problem(same), None, "{same}");
        }
        assert_eq!(of("2030-01-01T00:00:00.123456789Z"), of("2030-01-01T00:00:00.123457Z"));
        assert_eq!(of("Infinity"), ValidUntil::default());
        assert!(of("2001-01-01T00:00:00Z").is_over() && of("-infinity").is_over());
        assert!(!of("2999-01-01T00:00:00Z").is_over() && !ValidUntil::default().is_over());
        for wrong in ["", "soon", "2030-01-01", "2030-01-01T00:00:00", "-infinity"] {
            assert!(problem(wrong).is_some(), "{wrong}");
        }
    }
}

//! Names of locales of the operating system.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of a locale as the server stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String", inline)]
pub(crate) struct Locale(pub(crate) String);

impl From<String> for Locale {
    fn from(name: String) -> Self {
        // `POSIX` is an alias of `C`, and the server stores `C` for both.
        Self(if name == "POSIX" { "C".to_owned() } else { name })
    }
}

impl From<Locale> for String {
    fn from(it: Locale) -> Self {
        it.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posix_is_an_alias_of_c() {
        let of = |name: &str| String::from(Locale::from(name.to_owned()));
        assert_eq!(["POSIX", "C", "C.utf8", "posix"].map(of), ["C", "C", "C.utf8", "posix"]);
    }
}

//! The one place where names and strings are quoted into SQL: statements that define objects accept
//! no parameters.

use ha_provider::ArgumentProblem;
use ha_value::Path;

/// How many bytes of a name PostgreSQL stores; it truncates longer names with a notice only.
const LONGEST: usize = 63;

/// A quoted identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string literal that is the same with each value of `standard_conforming_strings`.
pub(crate) fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

/// The problem of the name of an object.
pub(crate) fn problem(argument: &str, name: &str) -> Option<ArgumentProblem> {
    let wrong = match name {
        "" => "is empty".to_owned(),
        _ if name.contains('\0') => "has a zero byte in it".to_owned(),
        _ if name.len() > LONGEST => {
            format!("has {} bytes, but PostgreSQL keeps {LONGEST}", name.len())
        }
        _ => return None,
    };
    Some(ArgumentProblem {
        path: Path::attribute(argument),
        message: format!("`{argument}` {wrong}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_quotes_and_escapes_backslashes() {
        assert_eq!(identifier("circle"), "\"circle\"");
        assert_eq!(identifier("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }

    #[test]
    fn names_that_would_be_truncated_are_refused() {
        assert!(problem("name", &"ä".repeat(32)).is_some());
        assert!(problem("name", &"a".repeat(63)).is_none());
        assert!(problem("name", "").is_some());
    }
}

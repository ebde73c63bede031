//! The one place where names and strings are put into SQL. Statements that define things take no
//! parameters.

use ha_provider::ArgumentProblem;
use ha_value::Path;

/// How many bytes of a name PostgreSQL keeps; it drops the rest without a word.
const LONGEST: usize = 63;

/// A name, quoted.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string, quoted so that it means the same whatever `standard_conforming_strings` is.
pub(crate) fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

/// What is wrong with a name of something.
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
    fn quotes_are_doubled_and_backslashes_kept() {
        assert_eq!(identifier("circle"), "\"circle\"");
        assert_eq!(identifier("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }

    #[test]
    fn names_that_would_be_cut_are_refused() {
        assert!(problem("name", &"ä".repeat(32)).is_some());
        assert!(problem("name", &"a".repeat(63)).is_none());
        assert!(problem("name", "").is_some());
    }
}

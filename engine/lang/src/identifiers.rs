//! Where a source text has identifiers, read from its tokens, so that a text with syntax errors has
//! them too.

use std::ops::Range;

use crate::lexer::{TokenKind, tokens};

/// Returns the places of all identifiers, in order. Comments and strings have none, apart from the
/// expressions of a template.
#[must_use]
pub fn identifiers(text: &str) -> Vec<Range<usize>> {
    let identifiers = tokens(text).into_iter().filter(|it| it.kind == TokenKind::Identifier);
    identifiers.map(|it| it.at.start as usize..it.at.end as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_have_no_identifiers() {
        let text = "a \"b\" { # c\n  d = \"e ${f.g}\" /* h */\n  i = <<EOT\nj\nEOT\n}\n/* k = l\n";
        let found: Vec<&str> = identifiers(text).into_iter().map(|it| &text[it]).collect();
        assert_eq!(found, ["a", "d", "f", "g", "i"]);
    }
}

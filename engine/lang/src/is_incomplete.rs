//! Whether further lines could complete the input of the console.

use crate::lexer::{TokenKind, tokens};

/// Whether a bracket, a template or a heredoc is still open at the end of an expression.
#[must_use]
pub fn is_unfinished(text: &str) -> bool {
    let (mut brackets, mut heredocs) = (0, 0);
    // A heredoc is recognised by the line end behind its word, which the input does not have yet.
    for token in tokens(&format!("{text}\n")) {
        brackets += token.kind.depth();
        match token.kind {
            TokenKind::HeredocOpen => heredocs += 1,
            TokenKind::HeredocClose => heredocs -= 1,
            _ => {}
        }
    }
    brackets > 0 || heredocs > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_with_an_open_bracket_is_incomplete() {
        for open in [
            "[",
            "{ a = [1,",
            "f(",
            "\"${",
            "\"${f(\"x\"",
            "<<EOT\na",
            "{ a = <<-EOT\n  b\n",
            "\"%{ if",
        ] {
            assert!(is_unfinished(open), "{open}");
        }
        for closed in ["", "1 +", "[1]", "\"a", "\"[\"", "# [", "])", "<<EOT\n[\nEOT", "\"${x}\""] {
            assert!(!is_unfinished(closed), "{closed}");
        }
    }
}

//! Whether more lines may complete what was typed.

use crate::lexer::{TokenKind, tokens};

/// Whether something is open at the end of a string that is to be an expression: a bracket, a
/// template or a heredoc.
#[must_use]
pub fn is_unfinished(text: &str) -> bool {
    let (mut brackets, mut heredocs) = (0, 0);
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
    fn what_is_open_may_be_completed() {
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

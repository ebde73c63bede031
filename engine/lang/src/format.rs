//! Formats source text. The result has the same bytes as that of `terraform fmt`.

mod cell;
mod idiom;
mod space;

use ha_diagnostics::Diagnostic;

use crate::SourceFile;
use crate::lexer::{self, TokenKind};
use crate::parse;

/// The formatted text of a file. Only spaces change, except for deprecated notations: `"${x}"` for
/// `x`, labels without quotes, and `"string"` or `list` as the type of a variable.
///
/// # Errors
/// The syntax errors of the file, which is not formatted then.
pub fn format(file: &SourceFile) -> Result<String, Vec<Diagnostic>> {
    // A text with syntax errors is not changed, as its tokens may not be what their author meant.
    let (_, problems) = parse::body(file);
    if !problems.is_empty() {
        return Err(problems);
    }
    let text = lexer::unmarked(&file.text);
    let mut pieces = idiom::modern(pieces(text));
    let lines = cell::lines(&pieces);
    cell::indent(&lines, &mut pieces);
    cell::space(&lines, &mut pieces);
    cell::align(&lines, &mut pieces);
    let mut written = String::with_capacity(text.len() + text.len() / 8);
    for piece in &pieces {
        written.extend(std::iter::repeat_n(' ', piece.spaces));
        written.push_str(piece.text);
    }
    Ok(written)
}

/// A token with the spaces before it.
#[derive(Clone, Copy, Debug)]
struct SpacedToken<'a> {
    kind: TokenKind,
    text: &'a str,
    spaces: usize,
}

impl<'a> SpacedToken<'a> {
    fn new(kind: TokenKind, text: &'a str) -> Self {
        Self { kind, text, spaces: 0 }
    }

    /// Whether a line ends with it.
    fn ends_line(&self) -> bool {
        match self.kind {
            TokenKind::Newline => true,
            TokenKind::Comment => self.text.ends_with('\n'),
            _ => false,
        }
    }
}

fn pieces(text: &str) -> Vec<SpacedToken<'_>> {
    let mut end = 0;
    let tokens = lexer::tokens(text);
    let mut pieces = Vec::with_capacity(tokens.len());
    for token in tokens {
        let range = token.at.start as usize..token.at.end as usize;
        pieces.push(SpacedToken {
            kind: token.kind,
            spaces: range.start - end,
            text: &text[range.clone()],
        });
        end = range.end;
    }
    pieces
}

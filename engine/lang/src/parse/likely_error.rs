//! Diagnostics for likely errors: habits from other languages and typing errors, each with what to
//! write instead. These functions are called only where parsing has failed, so that correct files
//! cost nothing.

mod body;
mod brackets;
mod sign;
mod types;
mod value;

pub(super) use brackets::BracketKind;
use ha_diagnostics::{Diagnostic, SourceSpan, code};

use super::ParseResult;
use super::cursor::TokenCursor;
use crate::lexer::{Token, TokenKind};
use crate::syntax::ByteSpan;

impl TokenCursor<'_> {
    /// A syntax error at a place.
    fn error_at(&self, summary: impl Into<String>, at: ByteSpan) -> Diagnostic {
        Diagnostic::error(summary).code(code::SYNTAX).at(self.span(at))
    }

    /// A syntax error at a place, with a suggested text for it.
    fn error_with_fix(
        &self,
        summary: impl Into<String>,
        at: ByteSpan,
        text: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        self.error_at(summary, at).suggest(self.span(at), text, help)
    }

    /// An empty span between two tokens, where something is missing.
    fn gap(&self, at: u32) -> SourceSpan {
        self.span(ByteSpan { start: at, end: at })
    }

    /// The token at this distance after the next one, including comments and line ends.
    pub(super) fn token_after(&self, count: usize) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[(self.next + count).min(last)]
    }

    /// The token before the next one, without comments and line ends.
    fn previous_token(&self) -> Option<Token> {
        self.tokens[..self.next]
            .iter()
            .rev()
            .find(|it| !matches!(it.kind, TokenKind::Newline | TokenKind::Comment))
            .copied()
    }

    /// The source text from an offset to the end of its line.
    fn line_from(&self, start: u32) -> &str {
        let rest = &self.text[start as usize..];
        rest.split('\n').next().unwrap_or_default().trim_end_matches('\r')
    }

    /// Whether there is no line end between two spans.
    fn on_one_line(&self, first: ByteSpan, second: ByteSpan) -> bool {
        !self.text[first.end as usize..(second.start.max(first.end)) as usize].contains('\n')
    }

    /// Reports a known likely error, or else that the next token is not what is `wanted`.
    fn refuse_or_expect<T>(&mut self, problem: Option<Diagnostic>, wanted: &str) -> ParseResult<T> {
        match problem {
            Some(problem) => self.refuse(problem),
            None => self.unexpected(wanted),
        }
    }
}

/// Whether a word begins a statement in other languages.
pub(super) fn is_statement(word: &str) -> bool {
    matches!(
        word,
        "if" | "else"
            | "elif"
            | "elsif"
            | "elseif"
            | "unless"
            | "when"
            | "switch"
            | "for"
            | "foreach"
            | "while"
            | "loop"
    )
}

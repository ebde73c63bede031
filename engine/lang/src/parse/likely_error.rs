//! What is written by habit of another language, or by a slip of the hand, and what to write
//! instead.

mod body;
mod brackets;
mod sign;
mod value;

pub(super) use brackets::BracketKind;
use ha_diagnostics::{Diagnostic, SourceSpan, code};

use super::ParseResult;
use super::cursor::TokenCursor;
use crate::lexer::{Token, TokenKind};
use crate::syntax::ByteSpan;

impl TokenCursor<'_> {
    /// What is wrong at a place, in an error's words.
    fn slip(&self, summary: impl Into<String>, at: ByteSpan) -> Diagnostic {
        Diagnostic::error(summary).code(code::SYNTAX).at(self.span(at))
    }

    /// What is wrong at a place, and the text that should stand there.
    fn mended(
        &self,
        summary: impl Into<String>,
        at: ByteSpan,
        text: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        self.slip(summary, at).suggest(self.span(at), text, help)
    }

    /// A place between two tokens, where something is missing.
    fn gap(&self, at: u32) -> SourceSpan {
        self.span(ByteSpan { start: at, end: at })
    }

    /// The token so many behind the next, comments and line ends among them.
    pub(super) fn behind(&self, count: usize) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[(self.next + count).min(last)]
    }

    /// The token before the next, comments and line ends aside.
    fn before(&self) -> Option<Token> {
        self.tokens[..self.next]
            .iter()
            .rev()
            .find(|it| !matches!(it.kind, TokenKind::Newline | TokenKind::Comment))
            .copied()
    }

    /// The text from an offset to the end of its line.
    fn line_from(&self, start: u32) -> &str {
        let rest = &self.text[start as usize..];
        rest.split('\n').next().unwrap_or_default().trim_end_matches('\r')
    }

    /// Whether two places are on one line.
    fn on_one_line(&self, first: ByteSpan, second: ByteSpan) -> bool {
        !self.text[first.end as usize..(second.start.max(first.end)) as usize].contains('\n')
    }

    /// Says what is wrong by one of these, or that something else is wanted.
    fn told<T>(&mut self, problem: Option<Diagnostic>, wanted: &str) -> ParseResult<T> {
        match problem {
            Some(problem) => self.refuse(problem),
            None => self.unexpected(wanted),
        }
    }
}

/// Words that begin blocks elsewhere.
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

//! The bodies and brackets that are open at a place of a text.

use super::role::BracketRole;
use crate::lexer::TokenKind;
use crate::syntax::ByteSpan;

/// A word of a statement before its `=`.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) at: ByteSpan,
}

/// An open body, object, list or interpolation.
#[derive(Default)]
pub(super) struct Frame<'a> {
    /// The number of a body or an object; `None` for other brackets.
    pub(super) body: Option<usize>,
    /// The names that it adds to those of the frame around it.
    pub(super) names: Vec<&'a str>,
    /// The type and labels of the block.
    pub(super) head: Vec<&'a str>,
    /// The words of the statement so far.
    pub(super) words: Vec<Word<'a>>,
    /// Whether the value of the statement has begun, and whether it has any token yet.
    pub(super) is_value: bool,
    pub(super) has_value: bool,
    /// The number of `?` without `:` so far.
    pub(super) questions: usize,
    /// The names that a `for` binds, and whether its head has not ended.
    pub(super) bound: Vec<&'a str>,
    pub(super) is_binding: bool,
    /// Whether the statement, and the one before it, have a syntax error.
    pub(super) has_slipped: bool,
    pub(super) had_slipped: bool,
    /// The words of the previous statement.
    pub(super) previous: Vec<&'a str>,
    /// Whether `sensitive` without parentheses is before the value.
    pub(super) is_marked: bool,
    /// The number of literals when the current value began.
    pub(super) start: usize,
    pub(super) role: BracketRole<'a>,
    /// The number of the nested body that was closed last.
    pub(super) closed: Option<usize>,
}

/// A string between quotes, or a heredoc.
pub(super) struct Quote {
    /// The number of literals before it.
    pub(super) start: usize,
    /// Whether it is an operand of a comparison.
    pub(super) is_compared: bool,
    /// The number of frames around it.
    pub(super) depth: usize,
    /// Whether it has interpolations.
    pub(super) is_template: bool,
}

impl<'a> Frame<'a> {
    /// Begins the next statement, element or argument.
    pub(super) fn next(&mut self, count: usize) {
        if !self.words.is_empty() {
            self.previous = self.words.iter().map(|it| it.text).collect();
        }
        self.words.clear();
        self.is_value = self.is_list();
        self.has_value = false;
        self.questions = 0;
        self.had_slipped = std::mem::take(&mut self.has_slipped);
        self.is_marked = false;
        self.start = count;
        self.role.next();
    }

    /// Whether it is between brackets, where a line end does not end the statement.
    pub(super) fn is_list(&self) -> bool {
        self.body.is_none()
    }

    /// Whether there is a `=` and no value yet.
    pub(super) fn awaits_value(&self) -> bool {
        self.is_value && !self.has_value && !self.is_list()
    }

    /// Whether a `=` behind the words so far would begin the value.
    pub(super) fn is_named(&self) -> bool {
        !self.is_value && !self.has_value && !self.words.is_empty() && !self.is_for()
    }

    /// Whether the statement is the head of a `for`.
    pub(super) fn is_for(&self) -> bool {
        self.words.first().is_some_and(|it| it.text == "for")
    }

    /// The names of the argument whose value has begun.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &'a str> {
        self.words.iter().map(|it| it.text).filter(|_| self.is_value)
    }

    /// The names of a block that begins here: its type and, for variables, its label. The labels of
    /// other blocks say nothing about their arguments.
    pub(super) fn block_names(&self) -> Vec<&'a str> {
        let words: Vec<&str> = self.words.iter().map(|it| it.text).collect();
        match words.as_slice() {
            [first @ "variable", name, ..] => vec![first, name],
            words => words.first().copied().into_iter().collect(),
        }
    }
}

/// Whether a token is a comparison operator.
pub(super) fn compares(kind: TokenKind) -> bool {
    use TokenKind::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    matches!(kind, Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual)
}

/// Whether a token is written by mistake in place of `=`: `a == 1`, `a => 1`, `a -> 1`.
pub(super) fn is_sign(kind: TokenKind) -> bool {
    use TokenKind::{And, Arrow, Minus, Not, Or, Percent, Plus, Question, Slash, Star};
    compares(kind)
        || matches!(kind, Arrow | Minus | Not | Or | And | Percent | Plus | Question | Slash | Star)
}

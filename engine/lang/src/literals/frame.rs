//! What is open at some place of a string.

use super::role::BracketRole;
use crate::lexer::TokenKind;
use crate::syntax::ByteSpan;

/// A word of a statement, before its sign.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) at: ByteSpan,
}

/// What is open at some place: a body, an object, a list, a template's interpolation.
#[derive(Default)]
pub(super) struct Frame<'a> {
    /// The number of a body or an object; none of what is between other brackets.
    pub(super) body: Option<usize>,
    /// Under what it is, from the frame around it.
    pub(super) names: Vec<&'a str>,
    /// All words at its head.
    pub(super) head: Vec<&'a str>,
    /// The words of the statement so far.
    pub(super) words: Vec<Word<'a>>,
    /// Whether its value has begun, and whether there is something of it.
    pub(super) is_value: bool,
    pub(super) has_value: bool,
    /// How many `?` wait for their `:`.
    pub(super) questions: usize,
    /// The names that a `for` gives, and whether it is still giving them.
    pub(super) bound: Vec<&'a str>,
    pub(super) is_binding: bool,
    /// Whether something in the statement cannot be read, and whether that was so in the one
    /// before.
    pub(super) has_slipped: bool,
    pub(super) had_slipped: bool,
    /// The words of the statement before.
    pub(super) previous: Vec<&'a str>,
    /// Whether `sensitive` stands before, without parentheses.
    pub(super) is_marked: bool,
    /// How many literals there were when what stands here now began.
    pub(super) start: usize,
    pub(super) role: BracketRole<'a>,
    /// The number of the body in it that was closed last.
    pub(super) closed: Option<usize>,
}

/// A string between quotes, or a heredoc.
pub(super) struct Quote {
    /// How many literals there were before it.
    pub(super) start: usize,
    /// Whether it is compared with something.
    pub(super) is_compared: bool,
    /// How many frames there are around it.
    pub(super) depth: usize,
    /// Whether something is put into it.
    pub(super) is_template: bool,
}

impl<'a> Frame<'a> {
    /// Another statement, element or argument begins.
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

    /// Whether an end of line goes on with the statement: between brackets.
    pub(super) fn is_list(&self) -> bool {
        self.body.is_none()
    }

    /// Whether there is a sign, and nothing behind it yet.
    pub(super) fn awaits_value(&self) -> bool {
        self.is_value && !self.has_value && !self.is_list()
    }

    /// Whether a sign behind the words so far would begin the value.
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

    /// The names of a block that begins here. Other blocks than those of variables have labels that
    /// mean nothing.
    pub(super) fn block_names(&self) -> Vec<&'a str> {
        let words: Vec<&str> = self.words.iter().map(|it| it.text).collect();
        match words.as_slice() {
            [first @ "variable", name, ..] => vec![first, name],
            words => words.first().copied().into_iter().collect(),
        }
    }
}

/// Whether a token compares what is before it with what is behind.
pub(super) fn compares(kind: TokenKind) -> bool {
    use TokenKind::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    matches!(kind, Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual)
}

/// Whether a token stands between a name and a value where somebody slips: `a == 1`, `a => 1`, `a
/// -> 1`.
pub(super) fn is_sign(kind: TokenKind) -> bool {
    use TokenKind::{And, Arrow, Minus, Not, Or, Percent, Plus, Question, Slash, Star};
    compares(kind)
        || matches!(kind, Arrow | Minus | Not | Or | And | Percent | Plus | Question | Slash | Star)
}

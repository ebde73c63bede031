//! Reads words and mistakes within values.

use ha_value::closest;

use super::frame::Word;
use super::reader::{LiteralReader, WORDS, is_sensitive, range};
use super::{LiteralForm, run};
use crate::functions::functions;
use crate::lexer::{Token, TokenKind};

impl<'a> LiteralReader<'a> {
    /// Reads a word without quotes in a value.
    pub(super) fn value_word(&mut self, at: usize) -> usize {
        let token = self.tokens[at];
        let text = self.written(token.at);
        let ((next, touches), before) = (self.next(at), self.before.0);
        if self.binds(text) || matches!(before, TokenKind::Dot | TokenKind::DoubleColon) {
            return at + 1;
        }
        if self.is_name(next) {
            self.begin_statement(token);
            return at + 1;
        }
        let is_bound = self.frames.iter().any(|it| it.bound.contains(&text));
        let frame = self.frame();
        frame.has_value = true;
        if is_sensitive(text) && next != TokenKind::ParenthesisOpen {
            frame.is_marked = true;
        } else if next == TokenKind::ParenthesisOpen && !self.is_function(text) {
            self.slip(range(token.at), LiteralForm::Bare);
        } else if !(is_bound
            || WORDS.contains(&text)
            || matches!(
                next,
                TokenKind::Arrow | TokenKind::DoubleColon | TokenKind::ParenthesisOpen
            ))
        {
            return match matches!(next, TokenKind::Dot | TokenKind::BracketOpen) && touches {
                true => self.reference(at),
                false => self.bare(at),
            };
        }
        at + 1
    }

    /// Records the names that a `for` binds; returns whether the word is part of its head.
    fn binds(&mut self, word: &'a str) -> bool {
        let begins = matches!(self.before.0, TokenKind::BracketOpen | TokenKind::Directive);
        let frame = self.frame();
        if frame.is_binding {
            frame.is_binding = word != "in";
            frame.bound.push(word);
            return true;
        }
        frame.is_binding = word == "for" && begins;
        frame.is_binding
    }

    /// Whether a word in a value is the name of the next argument.
    fn is_name(&self, next: TokenKind) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        let begins_line = self.before.0 == TokenKind::Newline && frame.awaits_value();
        match next {
            TokenKind::Assign => true,
            TokenKind::Colon => frame.questions == 0 && frame.bound.is_empty(),
            TokenKind::BraceOpen | TokenKind::QuoteOpen | TokenKind::Identifier => begins_line,
            _ => false,
        }
    }

    /// Begins a statement before the previous one has ended. If that has no value yet, the word can
    /// be its value, so that both names apply.
    pub(super) fn begin_statement(&mut self, token: Token) {
        let (count, text) = (self.found.len(), self.written(token.at));
        let frame = self.frame();
        if frame.is_list() {
            frame.words = vec![Word { text, at: token.at }];
            return;
        }
        let words = if frame.has_value { Vec::new() } else { frame.words.clone() };
        frame.next(count);
        frame.words = words;
        self.word(token);
    }

    fn is_function(&self, name: &str) -> bool {
        let known = || functions().iter().map(|it| it.name);
        known().any(|it| it == name)
            || self.declared.contains(name)
            || closest(name, known()).is_some()
    }

    /// Reads a word and everything that touches it as one literal.
    pub(super) fn bare(&mut self, at: usize) -> usize {
        let place =
            run::word(self.text, self.tokens[at].at.start as usize, !self.quotes.is_empty());
        let end = place.end;
        self.slip(place, LiteralForm::Bare);
        self.behind(at, end)
    }

    /// Reads a reference. Its indices are read as well, as they can contain literals.
    fn reference(&mut self, at: usize) -> usize {
        let place =
            run::word(self.text, self.tokens[at].at.start as usize, !self.quotes.is_empty());
        self.found_at(place, LiteralForm::Reference);
        at + 1
    }

    /// Reads a character that is no token, or an unclosed string.
    pub(super) fn stray(&mut self, at: usize) -> usize {
        let token = self.tokens[at].at;
        let text = self.written(token);
        let frame = self.frame();
        let last = frame.words.last().map(|it| it.at).filter(|it| it.end == token.start);
        let is_around_name = last.is_some_and(|it| self.text[..it.start as usize].ends_with(text));
        let frame = self.frame();
        if text.is_empty() || (!frame.is_value && (frame.words.is_empty() || is_around_name)) {
            frame.has_slipped = true;
            return at + 1;
        }
        frame.is_value = true;
        let place = run::stray(self.text, token.start as usize);
        // The closing quote must not open another string.
        let closing =
            self.text[place.end..].chars().next().filter(|_| place.start > token.start as usize);
        let end = (place.end + closing.map_or(0, char::len_utf8)).max(token.end as usize);
        self.slip(place, LiteralForm::Bare);
        self.behind(at, end)
    }

    pub(super) fn heredoc(&mut self, at: usize) -> usize {
        let place = run::heredoc(self.text, self.tokens[at].at.start as usize);
        let last =
            self.text[place.end..].split_inclusive('\n').next().filter(|it| it.trim() != "}");
        let end = place.end + last.map_or(0, |it| it.trim_end().len());
        self.frame().is_value = true;
        self.slip(place, LiteralForm::Bare);
        self.behind(at, end)
    }
}

//! Reads a text statement by statement, whatever is wrong with it. Where it cannot be sure what something is, it takes it
//! for a part of a value: what is covered too much is a loss, what is told too much cannot be taken back.

use std::collections::BTreeSet;
use std::ops::Range;

use ha_kind::closest;

use super::frame::{Frame, Quote, Word, compares, is_sign};
use super::role::Role;
use super::{Literal, Written, run};
use crate::functions::functions;
use crate::lexer::{Kind, Token, tokens};
use crate::syntax::At;

/// Words that mean something by themselves.
const WORDS: [&str; 7] = ["null", "for", "in", "if", "else", "endif", "endfor"];

struct Found<'a> {
    literal: Literal<'a>,
    /// How many frames there are around it.
    depth: usize,
}

pub(super) struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    frames: Vec<Frame<'a>>,
    quotes: Vec<Quote>,
    /// What came before, but for comments.
    before: (Kind, &'a str),
    found: Vec<Found<'a>>,
    bodies: usize,
    /// The functions that the text declares.
    declared: BTreeSet<&'a str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            tokens: tokens(text),
            frames: vec![Frame { body: Some(0), ..Frame::default() }],
            quotes: Vec::new(),
            before: (Kind::Newline, ""),
            found: Vec::new(),
            bodies: 0,
            declared: BTreeSet::new(),
        }
    }

    pub(super) fn read(mut self) -> Vec<Literal<'a>> {
        let mut at = 0;
        while at < self.tokens.len() {
            let token = self.tokens[at];
            let next = self.take(at);
            if token.kind != Kind::Comment {
                self.before = (token.kind, self.written(token.at));
            }
            at = next;
        }
        while self.frames.len() > 1 {
            self.close();
        }
        self.end_of_statement(self.text.len());
        let mut literals: Vec<Literal<'a>> = self.found.into_iter().map(|it| it.literal).collect();
        literals.sort_by_key(|it| it.place.start);
        literals
    }

    fn written(&self, at: At) -> &'a str {
        &self.text[at.start as usize..at.end as usize]
    }

    fn frame(&mut self) -> &mut Frame<'a> {
        self.frames.last_mut().expect("the outermost frame is never closed")
    }

    /// The kind of the next token, and whether it touches this one.
    fn next(&self, at: usize) -> (Kind, bool) {
        let next = self.tokens.get(at + 1);
        next.map_or((Kind::End, false), |it| (it.kind, it.at.start == self.tokens[at].at.end))
    }

    /// The place of the first token from a place of the text on.
    fn behind(&self, at: usize, end: usize) -> usize {
        at + 1 + self.tokens[at + 1..].iter().take_while(|it| (it.at.start as usize) < end).count()
    }

    /// Takes a token, and answers which is the next.
    fn take(&mut self, at: usize) -> usize {
        let token = self.tokens[at];
        let (text, start) = (self.written(token.at), token.at.start as usize);
        let frame = self.frame();
        let (is_value, is_named, is_list) = (frame.is_value, frame.is_named(), frame.is_list());
        match token.kind {
            Kind::Newline => self.end_of_line(start),
            Kind::Comma if self.frame().is_for() => {}
            Kind::Comma => self.end_of_statement(start),
            Kind::Comment => self.comment(start, text),
            Kind::Identifier if is_list && self.next(at).0 == Kind::Assign && self.begins_line(start) => self.leave_for(token),
            Kind::Stray => return self.stray(at),
            Kind::Less if self.next(at) == (Kind::Less, true) && (is_value || is_named) => return self.heredoc(at),
            Kind::Identifier | Kind::Text | Kind::Number if !is_value => self.word(token),
            Kind::Assign | Kind::Colon => self.sign(token.kind),
            kind if is_sign(kind) && is_named => self.sign_of_no_name(),
            // What was a condition or a key until here is no part of the value.
            Kind::Question | Kind::Arrow => {
                let frame = self.frame();
                frame.questions += usize::from(token.kind == Kind::Question);
                let start = frame.start;
                // A text is no condition.
                if let (Kind::Question, Kind::QuoteClose | Kind::Number) = (token.kind, self.before.0)
                    && let Some(last) = self.found.last_mut()
                {
                    last.literal.written = Written::Bare;
                }
                self.forget(start);
            }
            Kind::QuoteOpen => self.open_quote(),
            Kind::HeredocOpen => self.open_heredoc(token),
            Kind::QuoteClose | Kind::HeredocClose => self.end_of_quote(at),
            kind if compares(kind) => self.forget_compared(),
            Kind::Identifier if !matches!(text, "true" | "false") => return self.value_word(at),
            Kind::Number if self.is_no_number(at) => return self.bare(at),
            Kind::Text | Kind::Number | Kind::Identifier => self.literal(token),
            Kind::BraceOpen => self.open_body(),
            Kind::BracketOpen | Kind::ParenthesisOpen | Kind::Interpolation | Kind::Directive => self.open_list(token.kind),
            Kind::BraceClose => {
                self.leave_lists();
                self.end_of_statement(start);
                self.close();
            }
            Kind::BracketClose | Kind::ParenthesisClose | Kind::SequenceEnd if is_list => self.close(),
            _ => {}
        }
        at + 1
    }

    fn begins_line(&self, start: usize) -> bool {
        self.text[..start].trim_end_matches([' ', '\t']).ends_with('\n')
    }

    /// A line that says what something is ends whatever is still open between brackets.
    fn leave_for(&mut self, token: Token) {
        let is_marked = self.is_marked();
        self.leave_lists();
        self.end_of_statement(token.at.start as usize);
        self.word(token);
        self.frame().is_marked = is_marked;
    }

    fn open_quote(&mut self) {
        let is_compared = self.is_compared();
        let (start, depth) = (self.found.len(), self.frames.len());
        let frame = self.frame();
        frame.has_value |= frame.is_value;
        self.quotes.push(Quote { start, is_compared, depth, is_template: false });
    }

    /// The word of a heredoc that is never ended may be none: people write it in capitals.
    fn open_heredoc(&mut self, token: Token) {
        let written = self.written(token.at);
        let word = written.trim_start_matches(['<', '-']).trim_end();
        let is_usual = word.bytes().all(|it| it.is_ascii_uppercase() || it == b'_');
        let is_ended = is_usual || self.text[token.at.end as usize..].lines().any(|it| it.trim() == word);
        if !is_ended {
            let start = token.at.start as usize + written.find(word).unwrap_or_default();
            self.slip(start..start + word.len(), Written::Bare);
        }
        self.open_quote();
    }

    /// Whether more than a number stands there: `1_000`, `10GB`, `1.a`.
    fn is_no_number(&self, at: usize) -> bool {
        match self.next(at) {
            (Kind::Dot, true) => self.before.0 != Kind::Dot,
            (next, touches) => touches && matches!(next, Kind::Identifier | Kind::Number | Kind::Stray),
        }
    }

    /// Whether what stands here is compared with what is before it, and not given by a sign that only looks so.
    fn is_compared(&self) -> bool {
        compares(self.before.0) && self.frames.last().is_some_and(|it| it.is_list() || it.has_value)
    }

    fn is_marked(&self) -> bool {
        self.frames.iter().any(|it| it.is_marked || it.role.function().is_some_and(is_sensitive))
    }

    fn end_of_line(&mut self, start: usize) {
        // A text that is still open here is closed nowhere.
        let depth = self.frames.len();
        self.quotes.retain(|it| it.depth < depth);
        if !self.frame().is_list() && !self.frame().awaits_value() {
            self.end_of_statement(start);
        }
    }

    /// A comment takes its line end with it. Behind what cannot be read it may be a part of that.
    fn comment(&mut self, start: usize, text: &'a str) {
        if self.frame().has_slipped {
            let behind = start + text.trim_end().len();
            self.slip(start + 1..behind, Written::Bare);
        }
        if text.ends_with('\n') && !self.frame().is_list() && !self.frame().awaits_value() {
            self.end_of_statement(start);
        }
    }

    /// Ends a statement, and takes what stands behind its name without a sign for its value.
    fn end_of_statement(&mut self, end: usize) {
        let count = self.found.len();
        let frame = self.frame();
        if !frame.is_named() {
            let is_empty = frame.words.is_empty() && !frame.is_value && !frame.has_slipped;
            return if is_empty { frame.start = count } else { frame.next(count) };
        }
        let (words, previous, had_slipped) = (frame.words.clone(), frame.previous.clone(), frame.had_slipped);
        let [first, rest @ ..] = words.as_slice() else { return };
        if let Some(second) = rest.first() {
            let start = second.at.start as usize;
            let line = self.text.get(start..end).unwrap_or_default();
            let line = line.trim_end_matches(['"', '\'', ' ', '\t']).len();
            let mut names = if had_slipped { previous.clone() } else { Vec::new() };
            names.push(first.text);
            self.signless(start..start + line, names.clone());
            rest.iter().for_each(|it| self.signless(range(it.at), names.clone()));
        }
        if rest.is_empty() || had_slipped {
            self.signless(range(first.at), previous.clone());
        }
        let count = self.found.len();
        let frame = self.frame();
        frame.next(count);
        frame.had_slipped |= had_slipped || !rest.is_empty();
        // A further line of it is no name.
        if had_slipped {
            frame.previous = previous;
        }
    }

    fn signless(&mut self, place: Range<usize>, names: Vec<&'a str>) {
        let mut literal = self.literal_at(place, Written::Bare);
        literal.path.extend(names);
        literal.is_marked |= matches!(literal.path[..], [name] if is_sensitive(name));
        let depth = self.frames.len();
        self.found.push(Found { literal, depth });
    }

    fn word(&mut self, token: Token) {
        let text = self.written(token.at);
        if let [Word { text: "function", .. }] = self.frame().words[..] {
            self.declared.insert(text);
        }
        let frame = self.frame();
        if frame.is_for() {
            frame.bound.push(text);
        }
        frame.words.push(Word { text, at: token.at });
    }

    /// Something that is no sign behind a name: it may be no name either.
    fn sign_of_no_name(&mut self) {
        let first = self.frame().words.first().map(|it| it.at);
        let previous = self.frame().previous.clone();
        self.further_words();
        if let Some(first) = first {
            self.signless(range(first), previous);
        }
        let frame = self.frame();
        (frame.is_value, frame.has_slipped) = (true, true);
    }

    /// What stands between a name and a sign is a value more likely than another name.
    fn further_words(&mut self) {
        let words = self.frame().words.clone();
        let Some((first, rest)) = words.split_first().filter(|(_, rest)| !rest.is_empty()) else { return };
        rest.iter().filter(|it| it.at.end > 0).for_each(|it| self.signless(range(it.at), vec![first.text]));
    }

    fn sign(&mut self, kind: Kind) {
        if self.frame().is_named() {
            self.further_words();
        }
        let follows_line = self.before.0 == Kind::Newline;
        let frame = self.frame();
        if kind == Kind::Colon && frame.is_value && frame.questions > 0 {
            frame.questions -= 1;
        }
        if frame.words.is_empty() && !frame.is_value && follows_line {
            let previous = std::mem::take(&mut frame.previous);
            frame.words = previous.into_iter().map(|text| Word { text, at: At::new(0, 0) }).collect();
        }
        if frame.is_for() {
            frame.words.clear();
        }
        let (was_value, start) = (frame.is_value, frame.start);
        if !was_value {
            self.forget(start);
        }
        let count = self.found.len();
        let frame = self.frame();
        (frame.is_value, frame.start) = (true, count);
    }

    /// Forgets what only led to a value. What was no literal of the language stays: nobody knows what it is.
    fn forget(&mut self, start: usize) {
        let kept = self.found.split_off(start.min(self.found.len()));
        self.found.extend(kept.into_iter().filter(|it| it.literal.written != Written::Soundly));
    }

    fn open_body(&mut self) {
        let count = self.found.len();
        self.bodies += 1;
        let body = Some(self.bodies);
        let frame = self.frame();
        frame.has_value = true;
        let names = if frame.is_value { Vec::new() } else { frame.block_names() };
        let (head, labels) = (frame.words.iter().map(|it| it.text).collect(), frame.words.clone());
        if let ([first, labels @ ..], false) = (labels.as_slice(), frame.is_value) {
            for label in labels {
                let mut literal = self.literal_at(range(label.at), Written::Label);
                literal.path.push(first.text);
                let depth = self.frames.len();
                self.found.push(Found { literal, depth });
            }
        }
        self.frames.push(Frame { body, names, head, start: count, ..Frame::default() });
    }

    fn open_list(&mut self, kind: Kind) {
        let count = self.found.len();
        let mut role = Role::of(kind, self.before);
        if role == Role::Index && is_sensitive(self.before.1) {
            role = Role::Value;
        }
        if let (Kind::Interpolation | Kind::Directive, Some(quote)) = (kind, self.quotes.last_mut()) {
            quote.is_template = true;
        }
        let frame = self.frame();
        if frame.is_named() && matches!(kind, Kind::BracketOpen | Kind::ParenthesisOpen) {
            frame.is_value = true;
            if role == Role::Index {
                role = Role::Value;
            }
        }
        frame.has_value |= frame.is_value;
        self.frames.push(Frame { is_value: true, start: count, role, ..Frame::default() });
    }

    fn close(&mut self) {
        if self.frames.len() > 1 {
            self.frames.pop();
            let depth = self.frames.len();
            self.quotes.retain(|it| it.depth <= depth);
        }
    }

    fn leave_lists(&mut self) {
        while frame_is_list(&self.frames) {
            self.close();
        }
    }

    /// A word in a value that is no text.
    fn value_word(&mut self, at: usize) -> usize {
        let token = self.tokens[at];
        let text = self.written(token.at);
        let ((next, touches), before) = (self.next(at), self.before.0);
        if self.binds(text) || matches!(before, Kind::Dot | Kind::DoubleColon) {
            return at + 1;
        }
        if self.is_name(next) {
            self.begin_statement(token);
            return at + 1;
        }
        let is_bound = self.frames.iter().any(|it| it.bound.contains(&text));
        let frame = self.frame();
        frame.has_value = true;
        if is_sensitive(text) && next != Kind::ParenthesisOpen {
            frame.is_marked = true;
        } else if next == Kind::ParenthesisOpen && !self.is_function(text) {
            self.slip(range(token.at), Written::Bare);
        } else if !(is_bound || WORDS.contains(&text) || matches!(next, Kind::Arrow | Kind::DoubleColon | Kind::ParenthesisOpen))
        {
            return match matches!(next, Kind::Dot | Kind::BracketOpen) && touches {
                true => self.reference(at),
                false => self.bare(at),
            };
        }
        at + 1
    }

    /// Takes note of the names that a `for` gives.
    fn binds(&mut self, word: &'a str) -> bool {
        let begins = matches!(self.before.0, Kind::BracketOpen | Kind::Directive);
        let frame = self.frame();
        if frame.is_binding {
            frame.is_binding = word != "in";
            frame.bound.push(word);
            return true;
        }
        frame.is_binding = word == "for" && begins;
        frame.is_binding
    }

    /// Whether a word in a value is the name of what comes next.
    fn is_name(&self, next: Kind) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        let begins_line = self.before.0 == Kind::Newline && frame.awaits_value();
        match next {
            Kind::Assign => true,
            Kind::Colon => frame.questions == 0 && frame.bound.is_empty(),
            Kind::BraceOpen | Kind::QuoteOpen | Kind::Identifier => begins_line,
            _ => false,
        }
    }

    /// A statement begins where the one before it has not ended. Where that had no value, it may be the value's begin.
    fn begin_statement(&mut self, token: Token) {
        let (count, text) = (self.found.len(), self.written(token.at));
        let frame = self.frame();
        if frame.is_list() {
            frame.words = vec![Word { text, at: token.at }];
            return;
        }
        let kept = if frame.has_value { Vec::new() } else { frame.words.clone() };
        frame.next(count);
        frame.words = kept;
        self.word(token);
    }

    fn is_function(&self, name: &str) -> bool {
        let known = || functions().iter().map(|it| it.name);
        known().any(|it| it == name) || self.declared.contains(name) || closest(name, known()).is_some()
    }

    /// A word and what touches it, as one.
    fn bare(&mut self, at: usize) -> usize {
        let place = run::word(self.text, self.tokens[at].at.start as usize, !self.quotes.is_empty());
        let end = place.end;
        self.slip(place, Written::Bare);
        self.behind(at, end)
    }

    /// What looks like a reference is read as one: there may be literals in it.
    fn reference(&mut self, at: usize) -> usize {
        let place = run::word(self.text, self.tokens[at].at.start as usize, !self.quotes.is_empty());
        self.found_at(place, Written::Reference);
        at + 1
    }

    /// What means nothing, or a quote that nothing closes.
    fn stray(&mut self, at: usize) -> usize {
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
        let place = match text.len() {
            // A comment without an end.
            length if length > 4 => range(token),
            _ => run::stray(self.text, token.start as usize),
        };
        // The quote at its end is no other one's begin.
        let closing = self.text[place.end..].chars().next().filter(|_| place.start > token.start as usize);
        let end = (place.end + closing.map_or(0, char::len_utf8)).max(token.end as usize);
        self.slip(place, Written::Bare);
        self.behind(at, end)
    }

    fn heredoc(&mut self, at: usize) -> usize {
        let place = run::heredoc(self.text, self.tokens[at].at.start as usize);
        let last = self.text[place.end..].split_inclusive('\n').next().filter(|it| it.trim() != "}");
        let end = place.end + last.map_or(0, |it| it.trim_end().len());
        self.frame().is_value = true;
        self.slip(place, Written::Bare);
        self.behind(at, end)
    }

    fn slip(&mut self, place: Range<usize>, written: Written) {
        let frame = self.frame();
        (frame.has_slipped, frame.has_value) = (true, true);
        self.found_at(place, written);
    }

    fn found_at(&mut self, place: Range<usize>, written: Written) {
        let literal = self.literal_at(place, written);
        let depth = self.frames.len();
        self.found.push(Found { literal, depth });
    }

    fn literal(&mut self, token: Token) {
        let is_compared = self.is_compared() || self.quotes.iter().any(|it| it.is_compared);
        self.frame().has_value = true;
        if !is_compared && !self.frames.iter().any(|it| it.role.leads()) {
            self.found_at(range(token.at), Written::Soundly);
        }
    }

    fn literal_at(&self, place: Range<usize>, written: Written) -> Literal<'a> {
        let frames = || self.frames.iter();
        Literal {
            path: frames().flat_map(|it| it.names.iter().copied().chain(it.arguments())).collect(),
            heads: frames().flat_map(|it| it.head.iter().copied()).collect(),
            bodies: frames().filter_map(|it| it.body).collect(),
            place,
            is_piece: self.frames.last().is_some_and(|it| it.role.is_format()),
            is_marked: self.is_marked(),
            written,
        }
    }

    /// What is put into a text is a value by itself, and what is around it is none. A text before a sign is a name.
    fn end_of_quote(&mut self, at: usize) {
        let Some(quote) = self.quotes.pop() else { return };
        if quote.is_template {
            let inside = self.found.iter_mut().skip(quote.start).filter(|it| it.depth == quote.depth);
            inside.for_each(|it| it.literal.is_piece = true);
        }
        let is_named = matches!(self.next(at).0, Kind::Colon | Kind::Assign) && takes_names(&self.frames);
        if is_named && !quote.is_template && self.found.len() > quote.start {
            let place = self.found[quote.start].literal.place.clone();
            self.found.truncate(quote.start);
            let at = At::new(place.start, place.end);
            self.begin_statement(Token { kind: Kind::Text, at });
        }
    }

    /// What stands to the left of a comparison is no part of what comes of it.
    fn forget_compared(&mut self) {
        let start = self.frames.last().map_or(0, |it| it.start);
        if matches!(self.before.0, Kind::QuoteClose | Kind::Number) && self.found.len() > start {
            self.found.pop();
        }
    }
}

fn range(at: At) -> Range<usize> {
    at.start as usize..at.end as usize
}

fn frame_is_list(frames: &[Frame<'_>]) -> bool {
    frames.last().is_some_and(Frame::is_list)
}

/// Whether a text in a value can be the next name: the value has no `?` that waits for its `:`.
fn takes_names(frames: &[Frame<'_>]) -> bool {
    frames.last().is_some_and(|it| !it.is_list() && it.is_value && it.questions == 0)
}

/// Whether a word is `sensitive` or was meant to be.
fn is_sensitive(word: &str) -> bool {
    word == "sensitive" || closest(word, ["sensitive"]).is_some() && !functions().iter().any(|it| it.name == word)
}

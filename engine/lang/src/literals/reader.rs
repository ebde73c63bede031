//! Reads a text statement by statement, also with syntax errors. When in doubt it takes a word for a
//! part of a value: hiding too much is a loss, but a secret that was shown cannot be taken back.

use std::collections::BTreeSet;
use std::ops::Range;

use ha_value::closest;

use super::found::{Closed, Found};
use super::frame::{Frame, Quote, Word, compares, is_sign};
use super::role::BracketRole;
use super::{Literal, LiteralForm};
use crate::functions::functions;
use crate::lexer::{Token, TokenKind, tokens};
use crate::syntax::ByteSpan;

/// Words with a meaning of their own in expressions.
pub(super) const WORDS: [&str; 7] = ["null", "for", "in", "if", "else", "endif", "endfor"];

/// The depth up to which frames are distinguished. The parser refuses deeper ones; here they count as
/// part of the frame around them, so that the path of a literal stays short.
const DEPTH: usize = 128;

pub(super) struct LiteralReader<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
    pub(super) frames: Vec<Frame<'a>>,
    pub(super) quotes: Vec<Quote>,
    /// The previous token that is no comment.
    pub(super) before: (TokenKind, &'a str),
    pub(super) found: Vec<Found<'a>>,
    pub(super) bodies: usize,
    pub(super) closed: Vec<Closed<'a>>,
    /// The number of open brackets beyond [`DEPTH`].
    pub(super) deeper: usize,
    /// The number of closing brackets without an opening one.
    pub(super) surplus: usize,
    /// The functions that the text declares.
    pub(super) declared: BTreeSet<&'a str>,
    /// Where a comment begins that is never closed, until it is reached.
    unclosed: Option<usize>,
}

impl<'a> LiteralReader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (tokens, unclosed) = laid_open(text);
        Self {
            text,
            tokens,
            frames: vec![Frame { body: Some(0), ..Frame::default() }],
            quotes: Vec::new(),
            before: (TokenKind::Newline, ""),
            found: Vec::new(),
            bodies: 0,
            closed: Vec::new(),
            deeper: 0,
            surplus: 0,
            declared: BTreeSet::new(),
            unclosed,
        }
    }

    pub(super) fn read(mut self) -> Vec<Literal<'a>> {
        // Words and mistakes take several tokens at once, so that each step returns the next index.
        let mut at = 0;
        while at < self.tokens.len() {
            let token = self.tokens[at];
            if let Some(start) = self.unclosed.take_if(|it| *it <= token.at.start as usize) {
                self.unclosed_comment(start);
            }
            let next = self.take(at);
            if token.kind != TokenKind::Comment {
                self.before = (token.kind, self.written(token.at));
            }
            at = next;
        }
        // Unclosed bodies are closed at the end of the text, so that their last statement counts.
        while self.frames.len() > 1 {
            self.close();
        }
        self.end_of_statement(self.text.len());
        let again: Vec<Literal<'a>> =
            self.found.iter().flat_map(|it| self.before_brackets(it)).collect();
        let mut literals: Vec<Literal<'a>> =
            self.found.into_iter().map(|it| it.literal).chain(again).collect();
        literals.sort_by_key(|it| it.place.start);
        literals
    }

    pub(super) fn written(&self, at: ByteSpan) -> &'a str {
        &self.text[at.start as usize..at.end as usize]
    }

    pub(super) fn frame(&mut self) -> &mut Frame<'a> {
        self.frames.last_mut().expect("the outermost frame is never closed")
    }

    /// The kind of the next token, and whether there is no space before it.
    pub(super) fn next(&self, at: usize) -> (TokenKind, bool) {
        let next = self.tokens.get(at + 1);
        next.map_or((TokenKind::End, false), |it| (it.kind, it.at.start == self.tokens[at].at.end))
    }

    /// The index of the first token at or behind an offset of the text.
    pub(super) fn behind(&self, at: usize, end: usize) -> usize {
        at + 1 + self.tokens[at + 1..].iter().take_while(|it| (it.at.start as usize) < end).count()
    }

    /// Reads a token; returns the index of the next one.
    fn take(&mut self, at: usize) -> usize {
        let token = self.tokens[at];
        let (text, start) = (self.written(token.at), token.at.start as usize);
        let frame = self.frame();
        let (is_value, is_named, is_list) = (frame.is_value, frame.is_named(), frame.is_list());
        match token.kind {
            TokenKind::Newline => self.end_of_line(start),
            TokenKind::Comma if self.frame().is_for() => {}
            TokenKind::Comma => self.end_of_statement(start),
            TokenKind::Comment => self.comment(start, text),
            TokenKind::Identifier
                if is_list && self.begins_line(start) && self.begins_statement(at) =>
            {
                self.leave_for(token)
            }
            TokenKind::Stray => return self.stray(at),
            TokenKind::Less
                if self.next(at) == (TokenKind::Less, true) && (is_value || is_named) =>
            {
                return self.heredoc(at);
            }
            TokenKind::Identifier | TokenKind::Text | TokenKind::Number if !is_value => {
                self.word(token)
            }
            TokenKind::Assign | TokenKind::Colon => self.sign(token.kind),
            kind if is_sign(kind) && is_named => self.sign_of_no_name(),
            // Everything before it was a condition or a key, and no part of the value.
            TokenKind::Question | TokenKind::Arrow => {
                let frame = self.frame();
                frame.questions += usize::from(token.kind == TokenKind::Question);
                let start = frame.start;
                // A string is no condition, so that the `?` is a mistake within a value.
                if let (TokenKind::Question, TokenKind::QuoteClose | TokenKind::Number) =
                    (token.kind, self.before.0)
                    && let Some(last) = self.found.last_mut()
                {
                    last.literal.written = LiteralForm::Bare;
                }
                self.forget(start);
            }
            TokenKind::QuoteOpen => self.open_quote(),
            TokenKind::HeredocOpen => self.open_heredoc(token),
            TokenKind::QuoteClose | TokenKind::HeredocClose => self.end_of_quote(at),
            kind if compares(kind) => self.forget_compared(),
            TokenKind::Identifier if !matches!(text, "true" | "false") => {
                return self.value_word(at);
            }
            TokenKind::Number if self.is_no_number(at) => return self.bare(at),
            TokenKind::Text | TokenKind::Number | TokenKind::Identifier => self.literal(token),
            TokenKind::BraceOpen => self.open_body(),
            TokenKind::BracketOpen
            | TokenKind::ParenthesisOpen
            | TokenKind::Interpolation
            | TokenKind::Directive => self.open_list(token.kind),
            TokenKind::BraceClose => {
                self.leave_lists();
                self.end_of_statement(start);
                self.surplus += usize::from(self.frames.len() == 1);
                self.close();
            }
            TokenKind::BracketClose | TokenKind::ParenthesisClose | TokenKind::SequenceEnd
                if is_list =>
            {
                self.close()
            }
            _ => {}
        }
        at + 1
    }

    fn begins_line(&self, start: usize) -> bool {
        self.text[..start].trim_end_matches([' ', '\t']).ends_with('\n')
    }

    /// Whether an argument or a block begins at a token, and no expression can.
    fn begins_statement(&self, at: usize) -> bool {
        let mut head = self.tokens[at + 1..].iter().map(|it| it.kind);
        let is_label = |it: &TokenKind| {
            matches!(
                it,
                TokenKind::QuoteOpen
                    | TokenKind::Text
                    | TokenKind::QuoteClose
                    | TokenKind::Identifier
            )
        };
        let is_word = || WORDS.contains(&self.written(self.tokens[at].at));
        match self.next(at).0 {
            TokenKind::Assign => true,
            TokenKind::QuoteOpen | TokenKind::Identifier | TokenKind::BraceOpen if !is_word() => {
                head.find(|it| !is_label(it)) == Some(TokenKind::BraceOpen)
            }
            _ => false,
        }
    }

    /// Begins a statement; all open brackets without names end before it.
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

    /// Opens a heredoc. The word of one that is never closed is taken for a value, unless it is in
    /// capitals, as such words usually are.
    fn open_heredoc(&mut self, token: Token) {
        let written = self.written(token.at);
        let word = written.trim_start_matches(['<', '-']).trim_end();
        let is_usual = word.bytes().all(|it| it.is_ascii_uppercase() || it == b'_');
        let is_ended =
            is_usual || self.text[token.at.end as usize..].lines().any(|it| it.trim() == word);
        if !is_ended {
            let start = token.at.start as usize + written.find(word).unwrap_or_default();
            self.slip(start..start + word.len(), LiteralForm::Bare);
        }
        self.open_quote();
    }

    /// Whether a number goes on as something else: `1_000`, `10GB`, `1.a`.
    fn is_no_number(&self, at: usize) -> bool {
        match self.next(at) {
            (TokenKind::Dot, true) => self.before.0 != TokenKind::Dot,
            (next, touches) => {
                touches
                    && matches!(next, TokenKind::Identifier | TokenKind::Number | TokenKind::Stray)
            }
        }
    }

    /// Whether the token is compared with the one before it. `a == 1` at the beginning of a statement
    /// is taken for a mistaken `=`.
    fn is_compared(&self) -> bool {
        compares(self.before.0) && self.frames.last().is_some_and(|it| it.is_list() || it.has_value)
    }

    pub(super) fn is_marked(&self) -> bool {
        self.frames.iter().any(|it| it.is_marked || it.role.function().is_some_and(is_sensitive))
    }

    fn end_of_line(&mut self, start: usize) {
        // A quoted string that is still open at the end of its line is never closed.
        let depth = self.frames.len();
        self.quotes.retain(|it| it.depth < depth);
        if !self.frame().is_list() && !self.frame().awaits_value() {
            self.end_of_statement(start);
        }
    }

    /// Reads a comment, which includes its line end. Behind a mistake it can be part of a value.
    fn comment(&mut self, start: usize, text: &'a str) {
        if self.frame().has_slipped {
            let behind = start + text.trim_end().len();
            self.slip(start + 1..behind, LiteralForm::Bare);
        }
        if text.ends_with('\n') && !self.frame().is_list() && !self.frame().awaits_value() {
            self.end_of_statement(start);
        }
    }

    /// The first line of a comment that is never closed is shown with the error about it. There may
    /// be a value without a name in it, such as an old password, so that all of it is a literal.
    fn unclosed_comment(&mut self, start: usize) {
        let begin = start + "/*".len();
        let line = self.text[begin..].lines().next().unwrap_or_default().trim_end();
        if !line.trim_start().is_empty() {
            self.found_at(begin..begin + line.len(), LiteralForm::Bare);
        }
    }

    /// Ends a statement. Words behind the first one without `=` between them are taken for its value.
    fn end_of_statement(&mut self, end: usize) {
        let count = self.found.len();
        let frame = self.frame();
        if !frame.is_named() {
            let is_empty = frame.words.is_empty() && !frame.is_value && !frame.has_slipped;
            return if is_empty { frame.start = count } else { frame.next(count) };
        }
        let (words, previous, had_slipped) =
            (frame.words.clone(), frame.previous.clone(), frame.had_slipped);
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
        // The next line can continue the value, so that its first word is no name.
        if had_slipped {
            frame.previous = previous;
        }
    }

    fn signless(&mut self, place: Range<usize>, names: Vec<&'a str>) {
        let mut literal = self.literal_at(place, LiteralForm::Bare);
        literal.path.extend(names);
        literal.is_marked |= matches!(literal.path[..], [name] if is_sensitive(name));
        self.push(literal);
    }

    pub(super) fn word(&mut self, token: Token) {
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

    /// Reads an operator in place of `=`. The word before it can be a value as well as a name.
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

    /// Takes the words between a name and `=` for values.
    fn further_words(&mut self) {
        let words = self.frame().words.clone();
        let Some((first, rest)) = words.split_first().filter(|(_, rest)| !rest.is_empty()) else {
            return;
        };
        rest.iter()
            .filter(|it| it.at.end > 0)
            .for_each(|it| self.signless(range(it.at), vec![first.text]));
    }

    fn sign(&mut self, kind: TokenKind) {
        if self.frame().is_named() {
            self.further_words();
        }
        let follows_line = self.before.0 == TokenKind::Newline;
        let frame = self.frame();
        if kind == TokenKind::Colon && frame.is_value && frame.questions > 0 {
            frame.questions -= 1;
        }
        if frame.words.is_empty() && !frame.is_value && follows_line {
            let previous = std::mem::take(&mut frame.previous);
            frame.words =
                previous.into_iter().map(|text| Word { text, at: ByteSpan::new(0, 0) }).collect();
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

    /// Drops the literals since `start`, which were keys or conditions. Invalid ones stay, as their
    /// meaning is unknown.
    fn forget(&mut self, start: usize) {
        let dropped = self.found.split_off(start.min(self.found.len()));
        self.found
            .extend(dropped.into_iter().filter(|it| it.literal.written != LiteralForm::Soundly));
    }

    fn open_body(&mut self) {
        let count = self.found.len();
        // An object behind `:`, as in JSON, has a key and no block type.
        let is_key = self.before.0 == TokenKind::Colon;
        self.bodies += 1;
        let body = Some(self.bodies);
        let frame = self.frame();
        frame.has_value = true;
        let names = if frame.is_value { Vec::new() } else { frame.block_names() };
        let labels = frame.words.clone();
        let head = if is_key { Vec::new() } else { labels.iter().map(|it| it.text).collect() };
        if let ([first, labels @ ..], false) = (labels.as_slice(), frame.is_value) {
            for label in labels {
                let mut literal = self.literal_at(range(label.at), LiteralForm::Label);
                literal.path.push(first.text);
                self.found.push(Found { literal, depth: self.frames.len(), behind: None });
            }
        }
        self.open(Frame { body, names, head, start: count, ..Frame::default() });
    }

    fn open(&mut self, frame: Frame<'a>) {
        match self.frames.len() {
            DEPTH => self.deeper += 1,
            _ => self.frames.push(frame),
        }
    }

    fn open_list(&mut self, kind: TokenKind) {
        let count = self.found.len();
        let mut role = BracketRole::new(kind, self.before);
        if role == BracketRole::Index && is_sensitive(self.before.1) {
            role = BracketRole::Value;
        }
        if let (TokenKind::Interpolation | TokenKind::Directive, Some(quote)) =
            (kind, self.quotes.last_mut())
        {
            quote.is_template = true;
        }
        let frame = self.frame();
        if frame.is_named() && matches!(kind, TokenKind::BracketOpen | TokenKind::ParenthesisOpen) {
            frame.is_value = true;
            if role == BracketRole::Index {
                role = BracketRole::Value;
            }
        }
        frame.has_value |= frame.is_value;
        self.open(Frame { is_value: true, start: count, role, ..Frame::default() });
    }

    fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        if self.frames.len() > 1 {
            let frame = self.frames.pop();
            self.note_closed(frame);
            let depth = self.frames.len();
            self.quotes.retain(|it| it.depth <= depth);
        }
    }

    fn leave_lists(&mut self) {
        while frame_is_list(&self.frames) {
            self.close();
        }
    }

    fn literal(&mut self, token: Token) {
        let is_compared = self.is_compared() || self.quotes.iter().any(|it| it.is_compared);
        self.frame().has_value = true;
        if !is_compared && !self.frames.iter().any(|it| it.role.leads()) {
            self.found_at(range(token.at), LiteralForm::Soundly);
        }
    }

    /// Ends a string. The literals within its interpolations are values, the text around them is not.
    /// A string before `=` or `:` is a name.
    fn end_of_quote(&mut self, at: usize) {
        let Some(quote) = self.quotes.pop() else { return };
        if quote.is_template {
            let inside =
                self.found.iter_mut().skip(quote.start).filter(|it| it.depth == quote.depth);
            inside.for_each(|it| it.literal.is_piece = true);
        }
        let is_named = matches!(self.next(at).0, TokenKind::Colon | TokenKind::Assign)
            && takes_names(&self.frames);
        if is_named && !quote.is_template && self.found.len() > quote.start {
            let place = self.found[quote.start].literal.place.clone();
            self.found.truncate(quote.start);
            let at = ByteSpan::new(place.start, place.end);
            self.begin_statement(Token { kind: TokenKind::Text, at });
        }
    }

    /// Drops the left side of a comparison, which is no part of the result.
    fn forget_compared(&mut self) {
        let start = self.frames.last().map_or(0, |it| it.start);
        if matches!(self.before.0, TokenKind::QuoteClose | TokenKind::Number)
            && self.found.len() > start
        {
            self.found.pop();
        }
    }
}

/// The tokens of a text, and the start of a comment that is never closed. Such a comment could hide
/// secrets, so that its content is read like other text.
fn laid_open(text: &str) -> (Vec<Token>, Option<usize>) {
    let mut all = tokens(text);
    if let [.., Token { kind: TokenKind::Stray, at }, _] = all[..]
        && let start = at.start as usize
        && text[start..].starts_with("/*")
    {
        all.truncate(all.len() - 2);
        let inside = text[start..].replace("/*", "  ");
        let moved =
            |it: ByteSpan| ByteSpan::new(it.start as usize + start, it.end as usize + start);
        all.extend(tokens(&inside).into_iter().map(|it| Token { kind: it.kind, at: moved(it.at) }));
        return (all, Some(start));
    }
    (all, None)
}

pub(super) fn range(at: ByteSpan) -> Range<usize> {
    at.start as usize..at.end as usize
}

fn frame_is_list(frames: &[Frame<'_>]) -> bool {
    frames.last().is_some_and(Frame::is_list)
}

/// Whether a string before `:` can be a name. Between `?` and `:` it is a value.
fn takes_names(frames: &[Frame<'_>]) -> bool {
    frames.last().is_some_and(|it| !it.is_list() && it.is_value && it.questions == 0)
}

/// Whether a word is `sensitive` or a misspelling of it.
pub(super) fn is_sensitive(word: &str) -> bool {
    word == "sensitive"
        || closest(word, ["sensitive"]).is_some() && !functions().iter().any(|it| it.name == word)
}

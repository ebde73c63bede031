//! Strings and templates.

use std::borrow::Cow;

use ha_value::Value;
use unicode_normalization::UnicodeNormalization;

use super::cursor::TokenCursor;
use super::{LEVELS, ParseResult};
use crate::lexer::{Token as Lexed, TokenKind as Sign};
use crate::syntax::{ByteSpan, SyntaxKind, SyntaxNode};
use crate::syntax_errors;
use crate::template::{self, StripExtent, StripMarkers, TemplateToken};

/// A directive that is still open.
enum OpenDirective {
    If { at: ByteSpan, otherwise: bool },
    For { at: ByteSpan },
}

impl TokenCursor<'_> {
    pub(super) fn quoted(&mut self) -> ParseResult<SyntaxNode> {
        let open = self.take();
        let tokens = self.deeper(|it| it.template(open, Sign::QuoteClose))?;
        let at = open.at.to(self.take().at);
        let kind = match tokens.as_slice() {
            [] => SyntaxKind::Literal(Value::from("")),
            [TemplateToken::Text(text)] => SyntaxKind::Literal(Value::String(self.name(text))),
            _ => template::node(tokens, StripExtent::Whole),
        };
        Ok(SyntaxNode { at, kind })
    }

    pub(super) fn heredoc(&mut self) -> ParseResult<SyntaxNode> {
        let open = self.take();
        let tokens = self.deeper(|it| it.template(open, Sign::HeredocClose))?;
        let at = open.at.to(self.take().at);
        let outdented = self.written(open.at).starts_with("<<-");
        let kind = if outdented {
            template::outdented_node(tokens)
        } else {
            template::node(tokens, StripExtent::Line)
        };
        Ok(SyntaxNode { at, kind })
    }

    /// A string between quotes that is no template, and its closing quote.
    pub(super) fn literal_text(&mut self, opened: Lexed) -> ParseResult<(String, Lexed)> {
        let mut text = String::new();
        if let Some(token) = self.take_if(Sign::Text) {
            text = self.unescaped(token)?.into_owned();
        }
        match self.take_if(Sign::QuoteClose) {
            Some(close) => Ok((text, close)),
            None if matches!(self.peek().kind, Sign::Interpolation | Sign::Directive) => {
                let at = self.peek().at;
                self.refuse(syntax_errors::label_is_fixed(self.span(at)))
            }
            None => self.quote_not_closed(opened),
        }
    }

    /// A template up to a token, as a flat sequence, since trimming looks across the borders of its
    /// directives.
    pub(super) fn template(&mut self, opened: Lexed, end: Sign) -> ParseResult<Vec<TemplateToken>> {
        let mut tokens = Vec::new();
        let mut open: Vec<OpenDirective> = Vec::new();
        let mut height = 0;
        loop {
            let token = self.peek();
            match token.kind {
                Sign::Text => {
                    self.take();
                    let text = if end == Sign::QuoteClose {
                        self.unescaped(token)?
                    } else {
                        unmarked(self.written(token.at))
                    };
                    tokens.push(TemplateToken::Text(if text.is_ascii() {
                        text.into_owned()
                    } else {
                        text.nfc().collect()
                    }));
                }
                Sign::Interpolation => {
                    let (value, strips) = self.sequence(Self::expression)?;
                    height = height.max(self.height + open.len());
                    tokens.push(TemplateToken::Value(value, strips));
                }
                Sign::Directive => {
                    self.height = 0;
                    let (token, strips) = self.sequence(|it| it.directive(&mut open))?;
                    height = height.max(self.height + open.len());
                    tokens.push(token.with(strips));
                }
                _ if token.kind == end => break,
                _ if end == Sign::QuoteClose => return self.quote_not_closed(opened),
                _ => return self.heredoc_not_closed(opened),
            }
        }
        self.height = height + 1;
        match open.pop() {
            Some(OpenDirective::If { at, .. }) => {
                self.refuse(syntax_errors::directive_left_open("if", "endif", self.span(at)))
            }
            Some(OpenDirective::For { at }) => {
                self.refuse(syntax_errors::directive_left_open("for", "endfor", self.span(at)))
            }
            None => Ok(tokens),
        }
    }

    fn sequence<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> ParseResult<T>,
    ) -> ParseResult<(T, StripMarkers)> {
        let left = self.take();
        let (read, right) = self.deeper(|it| {
            it.over_lines(|it| {
                let read = read(it)?;
                match it.take_if(Sign::SequenceEnd) {
                    Some(close) => Ok((read, close)),
                    None => it.sequence_not_closed(left),
                }
            })
        })?;
        let strips = StripMarkers {
            left: self.written(left.at).ends_with('~'),
            right: self.written(right.at).starts_with('~'),
        };
        Ok((read, strips))
    }

    fn directive(&mut self, open: &mut Vec<OpenDirective>) -> ParseResult<TemplateToken> {
        const WORDS: &str = "`if`, `else`, `endif`, `for` or `endfor`";
        let word = self.identifier(WORDS)?;
        let none = StripMarkers::default();
        let full = self.level + open.len() > LEVELS;
        match (&*word.name, open.last_mut()) {
            ("if" | "for", _) if full => {
                let span = self.span(word.at);
                self.refuse(syntax_errors::too_deep(LEVELS, span))
            }
            ("if", _) => {
                open.push(OpenDirective::If { at: word.at, otherwise: false });
                Ok(TemplateToken::If(self.expression()?, none))
            }
            ("for", _) => {
                open.push(OpenDirective::For { at: word.at });
                let mut value = self.identifier("a name for each element")?;
                let mut key = None;
                if self.take_if(Sign::Comma).is_some() {
                    key = Some(std::mem::replace(
                        &mut value,
                        self.identifier("a name for each element")?,
                    ));
                }
                if !self.take_word("in") {
                    return self.unexpected("`in` and a collection");
                }
                Ok(TemplateToken::For { key, value, collection: self.expression()?, strips: none })
            }
            ("else", Some(OpenDirective::If { otherwise, .. })) if !*otherwise => {
                *otherwise = true;
                Ok(TemplateToken::Else(none))
            }
            ("endif", Some(OpenDirective::If { .. }))
            | ("endfor", Some(OpenDirective::For { .. })) => {
                open.pop();
                Ok(TemplateToken::End(none))
            }
            ("else" | "endif" | "endfor", _) => {
                let span = self.span(word.at);
                self.refuse(syntax_errors::directive_not_open(&word.name, span))
            }
            _ => self.no_directive(word.at, WORDS),
        }
    }

    /// What a string between quotes stands for.
    fn unescaped(&mut self, token: Lexed) -> ParseResult<Cow<'static, str>> {
        let written = self.written(token.at);
        let mut text = String::with_capacity(written.len());
        let mut rest = written;
        while let Some(at) = rest.find(['\\', '$', '%']) {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let (meant, length) = match rest.strip_prefix('\\') {
                None => marker(rest),
                Some(behind) => match escape(rest) {
                    Some(escape) => escape,
                    None => {
                        let start = token.at.end as usize - rest.len();
                        let at = ByteSpan::new(
                            start,
                            start + 1 + behind.chars().next().map_or(0, char::len_utf8),
                        );
                        return self.no_escape(at);
                    }
                },
            };
            text.push(meant);
            rest = &rest[length..];
        }
        text.push_str(rest);
        Ok(Cow::Owned(text))
    }
}

/// A string outside of quotes, where nothing but the markers of sequences has to be escaped.
fn unmarked(written: &str) -> Cow<'_, str> {
    if !written.contains("${") && !written.contains("%{") {
        return Cow::Borrowed(written);
    }
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.find(['$', '%']) {
        text.push_str(&rest[..at]);
        let (meant, length) = marker(&rest[at..]);
        text.push(meant);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The sign that a string begins with, and how much of the text says so: `$${` is a `$` before a
/// `{`.
fn marker(text: &str) -> (char, usize) {
    let sign = if text.starts_with('$') { '$' } else { '%' };
    let doubled = text.starts_with("$${") || text.starts_with("%%{");
    (sign, if doubled { 2 } else { 1 })
}

/// The character that an escape at the start of a string stands for, and its length.
fn escape(text: &str) -> Option<(char, usize)> {
    let coded = |digits: usize| {
        let code =
            text.get(2..2 + digits).filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()))?;
        Some((char::from_u32(u32::from_str_radix(code, 16).ok()?)?, 2 + digits))
    };
    match text.as_bytes().get(1)? {
        b'n' => Some(('\n', 2)),
        b'r' => Some(('\r', 2)),
        b't' => Some(('\t', 2)),
        b'"' => Some(('"', 2)),
        b'\\' => Some(('\\', 2)),
        b'u' => coded(4),
        b'U' => coded(8),
        _ => None,
    }
}

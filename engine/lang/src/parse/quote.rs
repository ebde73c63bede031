//! Parsing of strings, heredocs and templates.

use std::borrow::Cow;

use ha_value::Value;
use unicode_normalization::UnicodeNormalization;

use super::cursor::TokenCursor;
use super::{MAX_LEVELS, ParseResult};
use crate::lexer::{Token as Lexed, TokenKind as Sign};
use crate::syntax::{ByteSpan, SyntaxKind, SyntaxNode};
use crate::syntax_errors;
use crate::template::{self, StripExtent, StripMarkers, TemplateToken};

/// A directive that is not ended yet.
enum OpenDirective {
    If { at: ByteSpan, otherwise: bool },
    For { at: ByteSpan },
}

impl TokenCursor<'_> {
    /// Parses a string in quotes, which may be a template.
    pub(super) fn quoted(&mut self) -> ParseResult<SyntaxNode> {
        let open = self.take();
        let tokens = self.nested(|it| it.template(open, Sign::QuoteClose))?;
        let at = open.at.to(self.take().at);
        let kind = match tokens.as_slice() {
            [] => SyntaxKind::Literal(Value::from("")),
            [TemplateToken::Text(text)] => SyntaxKind::Literal(Value::String(self.name(text))),
            _ => template::node(tokens, StripExtent::Whole),
        };
        Ok(SyntaxNode { at, kind })
    }

    /// Parses a heredoc.
    pub(super) fn heredoc(&mut self) -> ParseResult<SyntaxNode> {
        let open = self.take();
        let tokens = self.nested(|it| it.template(open, Sign::HeredocClose))?;
        let at = open.at.to(self.take().at);
        // Indentation is removed after parsing, since the least indentation is known only at the
        // end.
        let outdented = self.written(open.at).starts_with("<<-");
        let kind = if outdented {
            template::outdented_node(tokens)
        } else {
            template::node(tokens, StripExtent::Line)
        };
        Ok(SyntaxNode { at, kind })
    }

    /// Parses a string in quotes without interpolation, such as a label, and its closing quote.
    pub(super) fn literal_text(&mut self, opened: Lexed) -> ParseResult<(String, Lexed)> {
        let mut text = String::new();
        if let Some(token) = self.take_if(Sign::Text) {
            text = self.unescaped(token)?.into_owned();
        }
        match self.take_if(Sign::QuoteClose) {
            Some(close) => Ok((text, close)),
            // Labels are names of the configuration graph and must be known without evaluation.
            None if matches!(self.peek().kind, Sign::Interpolation | Sign::Directive) => {
                let at = self.peek().at;
                self.refuse(syntax_errors::label_is_fixed(self.span(at)))
            }
            None => self.quote_not_closed(opened),
        }
    }

    /// Parses a template up to a token. The result is a flat sequence, because `~` strips white
    /// space across the borders of directives; the tree is built after that.
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
                        without_escapes(self.written(token.at))
                    };
                    // Normalising is skipped for ASCII, which is in normal form: large heredocs are
                    // mostly ASCII.
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

    /// Parses the inside of `${ }` or `%{ }`, with its strip markers.
    fn sequence<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> ParseResult<T>,
    ) -> ParseResult<(T, StripMarkers)> {
        let left = self.take();
        let (read, right) = self.nested(|it| {
            it.ignoring_lines(|it| {
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
        // Directives are not parsed recursively, so they are counted apart from `level`.
        let full = self.level + open.len() > MAX_LEVELS;
        match (&*word.name, open.last_mut()) {
            ("if" | "for", _) if full => {
                let span = self.span(word.at);
                self.refuse(syntax_errors::too_deep(MAX_LEVELS, span))
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
            _ => self.unknown_directive(word.at, WORDS),
        }
    }

    /// The content of a string in quotes, with its escapes replaced.
    fn unescaped(&mut self, token: Lexed) -> ParseResult<Cow<'static, str>> {
        let written = self.written(token.at);
        let mut text = String::with_capacity(written.len());
        let mut rest = written;
        while let Some(at) = rest.find(['\\', '$', '%']) {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let (character, length) = match rest.strip_prefix('\\') {
                None => marker(rest),
                Some(behind) => match escape(rest) {
                    Some(escape) => escape,
                    None => {
                        let start = token.at.end as usize - rest.len();
                        let at = ByteSpan::new(
                            start,
                            start + 1 + behind.chars().next().map_or(0, char::len_utf8),
                        );
                        return self.unknown_escape(at);
                    }
                },
            };
            text.push(character);
            rest = &rest[length..];
        }
        text.push_str(rest);
        Ok(Cow::Owned(text))
    }
}

/// The content of a text outside of quotes, where the only escapes are `$${` and `%%{`.
fn without_escapes(written: &str) -> Cow<'_, str> {
    if !written.contains("${") && !written.contains("%{") {
        return Cow::Borrowed(written);
    }
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.find(['$', '%']) {
        text.push_str(&rest[..at]);
        let (character, length) = marker(&rest[at..]);
        text.push(character);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The sign `$` or `%` at the start of a text, and the length of its notation: `$${` is a literal
/// `$` before a `{`, written with two characters.
fn marker(text: &str) -> (char, usize) {
    let sign = if text.starts_with('$') { '$' } else { '%' };
    let doubled = text.starts_with("$${") || text.starts_with("%%{");
    (sign, if doubled { 2 } else { 1 })
}

/// The character of an escape at the start of a text, and the length of the escape.
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

//! Splits source text into tokens. Between two tokens there are only spaces and tabs, so that the
//! formatter can restore the text.

use crate::syntax::ByteSpan;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Newline,
    /// A comment: to the end of the line, including the line end, or between `/*` and `*/`.
    Comment,
    Identifier,
    Number,
    QuoteOpen,
    QuoteClose,
    /// Literal text of a template.
    Text,
    /// `<<WORD` or `<<-WORD` with the line end.
    HeredocOpen,
    /// The last line of a heredoc, without the line end.
    HeredocClose,
    /// `${` or `${~`
    Interpolation,
    /// `%{` or `%{~`
    Directive,
    /// `}` or `~}`
    SequenceEnd,
    BraceOpen,
    BraceClose,
    BracketOpen,
    BracketClose,
    ParenthesisOpen,
    ParenthesisClose,
    Comma,
    Dot,
    Ellipsis,
    Colon,
    DoubleColon,
    Question,
    Arrow,
    Assign,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Not,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    /// A character that is no token, or the rest of an unclosed string or comment.
    Stray,
    End,
}

impl TokenKind {
    /// The change of the bracket depth: 1, -1 or 0.
    pub(crate) fn depth(self) -> isize {
        match self {
            TokenKind::BraceOpen
            | TokenKind::BracketOpen
            | TokenKind::ParenthesisOpen
            | TokenKind::Interpolation
            | TokenKind::Directive => 1,
            TokenKind::BraceClose
            | TokenKind::BracketClose
            | TokenKind::ParenthesisClose
            | TokenKind::SequenceEnd => -1,
            _ => 0,
        }
    }
}

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: ByteSpan,
}

/// The byte-order mark that some editors write at the beginning of a file.
const MARK: &str = "\u{feff}";

/// The text without its byte-order mark.
pub(crate) fn unmarked(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// The tokens of a body or an expression. The last is [`TokenKind::End`].
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    Lexer::new(text, LexerMode::Code { braces: 0, nested: false }).run()
}

/// The tokens of a whole text that is one template.
pub(crate) fn template_tokens(text: &str) -> Vec<Token> {
    Lexer::new(text, LexerMode::Bare).run()
}

enum LexerMode<'a> {
    /// Outside of templates, or within `${ }` when nested.
    Code {
        braces: usize,
        nested: bool,
    },
    Quoted,
    Heredoc {
        word: &'a str,
    },
    /// The whole text is one template.
    Bare,
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    offset: usize,
    modes: Vec<LexerMode<'a>>,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str, mode: LexerMode<'a>) -> Self {
        let offset = text.len() - unmarked(text).len();
        Self {
            text,
            bytes: text.as_bytes(),
            offset,
            modes: vec![mode],
            tokens: Vec::with_capacity(text.len() / 3),
        }
    }

    fn run(mut self) -> Vec<Token> {
        while self.offset < self.bytes.len() {
            match self.modes.last() {
                Some(LexerMode::Quoted) => self.quoted(),
                Some(LexerMode::Heredoc { word }) => self.heredoc(word),
                Some(LexerMode::Bare) => self.bare(),
                Some(LexerMode::Code { .. }) | None => self.code(),
            }
        }
        self.take(TokenKind::End, 0);
        self.tokens
    }

    fn byte(&self, ahead: usize) -> u8 {
        // 0 stands for the end of the text. A zero byte in the text is no token either.
        self.bytes.get(self.offset + ahead).copied().unwrap_or(0)
    }

    fn take(&mut self, kind: TokenKind, length: usize) {
        let end = self.offset + length;
        self.tokens.push(Token { kind, at: ByteSpan::new(self.offset, end) });
        self.offset = end;
    }

    fn code(&mut self) {
        let two = [self.byte(0), self.byte(1)];
        match two {
            [b' ' | b'\t', _] => self.offset += self.run_of(|it| matches!(it, b' ' | b'\t')),
            // ASCII letters are by far the most common beginning of a token, so that they are
            // tested first.
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', _] => self.word(),
            [b'\n', _] => self.take(TokenKind::Newline, 1),
            [b'\r', b'\n'] => self.take(TokenKind::Newline, 2),
            [b'#', _] | [b'/', b'/'] => self.line_comment(),
            [b'/', b'*'] => self.block_comment(),
            [b'0'..=b'9', _] => self.number(),
            [b'"', _] => {
                self.take(TokenKind::QuoteOpen, 1);
                self.modes.push(LexerMode::Quoted);
            }
            [b'<', b'<'] => self.heredoc_open(),
            [b'{', _] => {
                self.take(TokenKind::BraceOpen, 1);
                if let Some(LexerMode::Code { braces, .. }) = self.modes.last_mut() {
                    *braces += 1;
                }
            }
            [b'}', _] | [b'~', b'}'] => self.close_brace(),
            [b'.', b'.'] if self.byte(2) == b'.' => self.take(TokenKind::Ellipsis, 3),
            _ => match sign(two) {
                Some((kind, length)) => self.take(kind, length),
                None => self.word(),
            },
        }
    }

    fn close_brace(&mut self) {
        let length = if self.byte(0) == b'~' { 2 } else { 1 };
        match self.modes.last_mut() {
            // A `}` ends the interpolation only if no brace within it is open: `"${ {a = 1}.a }"`.
            Some(LexerMode::Code { braces: 0, nested: true }) => {
                self.modes.pop();
                self.take(TokenKind::SequenceEnd, length);
            }
            Some(LexerMode::Code { braces, .. }) if length == 1 => {
                *braces = braces.saturating_sub(1);
                self.take(TokenKind::BraceClose, 1);
            }
            _ => self.take(TokenKind::Stray, 1),
        }
    }

    /// The number of bytes from here on for which `is_so` holds.
    fn run_of(&self, is_so: impl Fn(u8) -> bool) -> usize {
        self.bytes[self.offset..].iter().take_while(|it| is_so(**it)).count()
    }

    fn word(&mut self) {
        let plain = self.run_of(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-'));
        if plain > 0 && self.byte(plain).is_ascii() {
            return self.take(TokenKind::Identifier, plain);
        }
        let rest = &self.text[self.offset..];
        let mut chars = rest.char_indices();
        match chars.next() {
            Some((_, first)) if starts_identifier(first) => {
                let length = chars
                    .find(|(_, it)| !continues_identifier(*it))
                    .map_or(rest.len(), |(at, _)| at);
                self.take(TokenKind::Identifier, length);
            }
            first => self.take(TokenKind::Stray, first.map_or(1, |(_, it)| it.len_utf8())),
        }
    }

    /// Takes everything that looks like a number, so that `1.2.3` is one wrong number and not two.
    fn number(&mut self) {
        let digits = |from: usize| {
            self.bytes
                .get(from..)
                .unwrap_or_default()
                .iter()
                .take_while(|it| it.is_ascii_digit())
                .count()
        };
        let mut end = self.offset + digits(self.offset);
        while self.bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        let dot = usize::from(self.bytes.get(end) == Some(&b'.'));
        if matches!(self.bytes.get(end + dot), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.bytes.get(end + dot + 1), Some(b'+' | b'-')));
            let exponent = digits(end + dot + 1 + sign);
            if exponent > 0 {
                end += dot + 1 + sign + exponent;
            }
        }
        self.take(TokenKind::Number, end - self.offset);
    }

    fn line_comment(&mut self) {
        let rest = &self.bytes[self.offset..];
        let length = rest.iter().position(|it| *it == b'\n').map_or(rest.len(), |it| it + 1);
        self.take(TokenKind::Comment, length);
    }

    fn block_comment(&mut self) {
        match self.text[self.offset + 2..].find("*/") {
            Some(inner) => self.take(TokenKind::Comment, inner + 4),
            // An unclosed comment takes the rest of the text, which can contain secrets;
            // diagnostics show its first line alone.
            None => self.take(TokenKind::Stray, self.bytes.len() - self.offset),
        }
    }

    fn heredoc_open(&mut self) {
        let rest = &self.text[self.offset + 2..];
        let word = rest.strip_prefix('-').unwrap_or(rest);
        let length = word.find(|it| !continues_identifier(it)).unwrap_or(word.len());
        let (word, behind) = word.split_at(length);
        let line_end =
            if behind.starts_with("\r\n") { 2 } else { usize::from(behind.starts_with('\n')) };
        // Without a word and a line end, `<<` is two comparison signs, which the parser reports.
        if line_end > 0 && is_identifier(word) {
            self.take(TokenKind::HeredocOpen, 2 + rest.len() - behind.len() + line_end);
            self.modes.push(LexerMode::Heredoc { word });
        } else {
            self.take(TokenKind::Less, 1);
        }
    }

    fn heredoc(&mut self, word: &'a str) {
        // The end word counts only on a line of its own, and only if that line ends: this is how
        // HCL reads heredocs.
        if self.offset > 0
            && self.bytes[self.offset - 1] == b'\n'
            && let Some((line, _)) = self.text[self.offset..].split_once('\n')
            && line.trim() == word
        {
            self.take(TokenKind::HeredocClose, line.strip_suffix('\r').unwrap_or(line).len());
            self.modes.pop();
            return;
        }
        self.bare();
    }

    /// Takes one token for each line, as `~` and indentation work by line.
    fn bare(&mut self) {
        let mut length = 0;
        loop {
            length += self.text_length(length);
            match self.byte(length) {
                b'\n' => break self.take(TokenKind::Text, length + 1),
                b'$' | b'%' if length == 0 => break self.sequence(),
                b'"' | b'\\' | b'\r' => length += 1,
                _ => break self.take(TokenKind::Text, length),
            }
        }
    }

    fn quoted(&mut self) {
        let mut length = 0;
        loop {
            length += self.text_length(length);
            match self.byte(length) {
                b'\\' if !matches!(self.byte(length + 1), b'\n' | b'\r') => {
                    length = (length + 2).min(self.bytes.len() - self.offset);
                }
                b'\\' => length += 1,
                _ if length > 0 => break self.take(TokenKind::Text, length),
                b'"' => {
                    self.modes.pop();
                    break self.take(TokenKind::QuoteClose, 1);
                }
                b'$' | b'%' => break self.sequence(),
                // A line end cannot be in quotes: the string is taken to end here, so that the next
                // line is parsed as usual.
                _ => {
                    self.modes.pop();
                    break self.take(TokenKind::Stray, 0);
                }
            }
        }
    }

    /// The number of bytes of literal text from there on.
    fn text_length(&self, ahead: usize) -> usize {
        let bytes = &self.bytes[self.offset + ahead..];
        let mut length = 0;
        while let Some(byte) = bytes.get(length) {
            match byte {
                b'$' | b'%'
                    if bytes.get(length + 1) == Some(byte)
                        && bytes.get(length + 2) == Some(&b'{') =>
                {
                    length += 3
                }
                b'$' | b'%' if bytes.get(length + 1) == Some(&b'{') => break,
                b'\\' | b'"' | b'\n' | b'\r' => break,
                _ => length += 1,
            }
        }
        length
    }

    fn sequence(&mut self) {
        let kind =
            if self.byte(0) == b'$' { TokenKind::Interpolation } else { TokenKind::Directive };
        let strips = usize::from(self.byte(2) == b'~');
        self.take(kind, 2 + strips);
        self.modes.push(LexerMode::Code { braces: 0, nested: true });
    }
}

fn sign(two: [u8; 2]) -> Option<(TokenKind, usize)> {
    let found = match two {
        [b'=', b'='] => (TokenKind::Equal, 2),
        [b'=', b'>'] => (TokenKind::Arrow, 2),
        [b'!', b'='] => (TokenKind::NotEqual, 2),
        [b'<', b'='] => (TokenKind::LessOrEqual, 2),
        [b'>', b'='] => (TokenKind::GreaterOrEqual, 2),
        [b'&', b'&'] => (TokenKind::And, 2),
        [b'|', b'|'] => (TokenKind::Or, 2),
        [b':', b':'] => (TokenKind::DoubleColon, 2),
        [b'[', _] => (TokenKind::BracketOpen, 1),
        [b']', _] => (TokenKind::BracketClose, 1),
        [b'(', _] => (TokenKind::ParenthesisOpen, 1),
        [b')', _] => (TokenKind::ParenthesisClose, 1),
        [b',', _] => (TokenKind::Comma, 1),
        [b'.', _] => (TokenKind::Dot, 1),
        [b':', _] => (TokenKind::Colon, 1),
        [b'?', _] => (TokenKind::Question, 1),
        [b'=', _] => (TokenKind::Assign, 1),
        [b'<', _] => (TokenKind::Less, 1),
        [b'>', _] => (TokenKind::Greater, 1),
        [b'!', _] => (TokenKind::Not, 1),
        [b'+', _] => (TokenKind::Plus, 1),
        [b'-', _] => (TokenKind::Minus, 1),
        [b'*', _] => (TokenKind::Star, 1),
        [b'/', _] => (TokenKind::Slash, 1),
        [b'%', _] => (TokenKind::Percent, 1),
        _ => return None,
    };
    Some(found)
}

fn starts_identifier(it: char) -> bool {
    it == '_'
        || if it.is_ascii() { it.is_ascii_alphabetic() } else { unicode_ident::is_xid_start(it) }
}

fn continues_identifier(it: char) -> bool {
    match it {
        '_' | '-' => true,
        it if it.is_ascii() => it.is_ascii_alphanumeric(),
        it => unicode_ident::is_xid_continue(it),
    }
}

/// Whether the whole text is one identifier.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.chars().next().is_some_and(starts_identifier) && text.chars().all(continues_identifier)
}

//! A JSON parser that keeps the places of all values, for diagnostics.

use ha_value::Number;

use crate::syntax::ByteSpan;

/// The limit of the depth of nested objects and arrays.
const DEEPEST: usize = 64;

/// A value and its place.
#[derive(Debug)]
pub(super) struct JsonNode {
    pub(super) at: ByteSpan,
    pub(super) kind: JsonKind,
}

#[derive(Debug)]
pub(super) enum JsonKind {
    Null,
    Bool(bool),
    Number(Number),
    Text(JsonString),
    Array(Vec<JsonNode>),
    Object(Vec<(JsonString, JsonNode)>),
}

/// A string, its place between the quotes, and whether it is written without escapes.
#[derive(Debug)]
pub(super) struct JsonString {
    pub(super) value: String,
    pub(super) at: ByteSpan,
    pub(super) plain: bool,
}

/// The reason why a text is no JSON, and the place.
pub(super) struct JsonSyntaxError {
    pub(super) message: &'static str,
    pub(super) at: ByteSpan,
}

/// Parses a text that must be one JSON value.
pub(super) fn value(text: &str) -> Result<JsonNode, JsonSyntaxError> {
    let mut reader = JsonParser { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.space();
    match reader.at < text.len() {
        true => Err(reader.wrong("something follows behind the end")),
        false => Ok(value),
    }
}

struct JsonParser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl JsonParser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn wrong(&self, message: &'static str) -> JsonSyntaxError {
        // An error can be within a character of several bytes, where a string cannot be cut.
        let start = self.text.floor_char_boundary(self.at);
        match self.text[start..].chars().next() {
            Some(found) => {
                JsonSyntaxError { message, at: ByteSpan::new(start, start + found.len_utf8()) }
            }
            None => JsonSyntaxError {
                message: "the text ends too early",
                at: ByteSpan::new(start, start),
            },
        }
    }

    fn eat(&mut self, byte: u8, message: &'static str) -> Result<(), JsonSyntaxError> {
        self.space();
        match self.peek() {
            Some(it) if it == byte => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.wrong(message)),
        }
    }

    fn value(&mut self) -> Result<JsonNode, JsonSyntaxError> {
        self.space();
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => JsonKind::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", JsonKind::Bool(true))?,
            Some(b'f') => self.word("false", JsonKind::Bool(false))?,
            Some(b'n') => self.word("null", JsonKind::Null)?,
            _ => return Err(self.wrong("expected a value")),
        };
        Ok(JsonNode { at: ByteSpan::new(start, self.at), kind })
    }

    fn nested(
        &mut self,
        inside: fn(&mut Self) -> Result<JsonKind, JsonSyntaxError>,
    ) -> Result<JsonKind, JsonSyntaxError> {
        // The parser is recursive, so that its depth must be bounded.
        if self.depth == DEEPEST {
            return Err(self.wrong("more than 64 objects and arrays lie within each other"));
        }
        self.depth += 1;
        self.at += 1;
        let kind = inside(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn object(&mut self) -> Result<JsonKind, JsonSyntaxError> {
        let mut entries = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(JsonKind::Object(entries));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.wrong("expected a name in quotes"));
            }
            let name = self.string()?;
            self.eat(b':', "expected `:`")?;
            entries.push((name, self.value()?));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => {
                    self.eat(b'}', "expected `,` or `}`")?;
                    return Ok(JsonKind::Object(entries));
                }
            }
        }
    }

    fn array(&mut self) -> Result<JsonKind, JsonSyntaxError> {
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(JsonKind::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => {
                    self.eat(b']', "expected `,` or `]`")?;
                    return Ok(JsonKind::Array(items));
                }
            }
        }
    }

    fn word(&mut self, word: &str, kind: JsonKind) -> Result<JsonKind, JsonSyntaxError> {
        match self.text[self.at..].starts_with(word) {
            true => {
                self.at += word.len();
                Ok(kind)
            }
            false => Err(self.wrong("expected a value")),
        }
    }

    fn digits(&mut self) -> Result<(), JsonSyntaxError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.wrong("expected a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<JsonKind, JsonSyntaxError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.at;
        self.digits()?;
        if self.text.as_bytes()[whole] == b'0' && self.at > whole + 1 {
            self.at = whole;
            return Err(self.wrong("a number does not begin with 0"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // JSON numbers are not read as doubles, which would lose digits that the language keeps.
        let number = self.text[start..self.at].parse();
        number.map(JsonKind::Number).map_err(|_| JsonSyntaxError {
            message: "this number is out of range",
            at: ByteSpan::new(start, self.at),
        })
    }

    fn string(&mut self) -> Result<JsonString, JsonSyntaxError> {
        self.at += 1;
        let start = self.at;
        let mut value = String::new();
        let mut plain = true;
        loop {
            let rest = &self.text[self.at..];
            let length = rest.find(['"', '\\']).unwrap_or(rest.len());
            if let Some(control) = rest[..length].find(|it: char| it < ' ') {
                self.at += control;
                return Err(self.wrong("a string goes on without line ends and control characters"));
            }
            value.push_str(&rest[..length]);
            self.at += length;
            match self.peek() {
                Some(b'"') => {
                    let at = ByteSpan::new(start, self.at);
                    self.at += 1;
                    return Ok(JsonString { value, at, plain });
                }
                Some(_) => {
                    plain = false;
                    value.push(self.escape()?);
                }
                None => return Err(self.wrong("expected `\"`")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonSyntaxError> {
        self.at += 1;
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.wrong("there is no such escape")),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode(&mut self) -> Result<char, JsonSyntaxError> {
        let high = self.unit()?;
        let paired = (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u");
        if !paired {
            // Half of a surrogate pair is no character. Terraform replaces it in the same way.
            return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at += 1;
        let low = self.unit()?;
        if !(0xdc00..0xe000).contains(&low) {
            self.at = before;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        Ok(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The UTF-16 unit of the four digits behind `u`.
    fn unit(&mut self) -> Result<u32, JsonSyntaxError> {
        self.at += 1;
        let digits = self
            .text
            .as_bytes()
            .get(self.at..self.at + 4)
            .filter(|it| it.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else {
            return Err(self.wrong("expected four hexadecimal digits"));
        };
        self.at += 4;
        Ok(digits
            .iter()
            .fold(0, |unit, digit| unit * 16 + char::from(*digit).to_digit(16).unwrap_or(0)))
    }
}

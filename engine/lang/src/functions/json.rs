//! Parses JSON. It is our own parser because numbers keep all their digits here: `serde_json` would
//! round them to doubles.

use std::sync::Arc;

use ha_value::{Number, Object, Value};

/// Greatest depth of nested arrays and objects; deeper JSON could overflow the stack.
const MAX_DEPTH: usize = 256;

/// The value of a JSON document; the error is a sentence with line and column.
pub(super) fn decoded(text: &str) -> Result<Value, String> {
    let mut reader = JsonReader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.wrong("there is more after the value")),
    }
}

struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl JsonReader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|it| matches!(it, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The message of an error at the current position.
    fn wrong(&self, what: &str) -> String {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("this is not JSON: {what}, in line {line} at column {column}")
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Value, String> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.deeper(Self::object),
            Some(b'[') => self.deeper(Self::array),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => {
                // What follows the word is checked by the caller, which expects a comma, a bracket
                // or the end.
                for (word, value) in [
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("null", Value::NULL),
                ] {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.wrong("a value is expected"))
            }
            None => Err(self.wrong("it ends where a value is expected")),
        }
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Result<Value, String>) -> Result<Value, String> {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong(&format!("it is nested more than {MAX_DEPTH} deep")));
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Value::tuple(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Value::tuple(items));
            }
            if !self.take(b',') {
                return Err(self.wrong("`,` or `]` is expected"));
            }
        }
    }

    fn object(&mut self) -> Result<Value, String> {
        let mut items = Object::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Value::object(items));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.wrong("a name in quotes is expected"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.wrong("`:` is expected"));
            }
            let value = self.value()?;
            items.insert(name, value);
            self.skip_space();
            if self.take(b'}') {
                return Ok(Value::Object(Arc::new(items)));
            }
            if !self.take(b',') {
                return Err(self.wrong("`,` or `}` is expected"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let start = reader.at;
            while reader.peek().is_some_and(|it| it.is_ascii_digit()) {
                reader.at += 1;
            }
            reader.at > start
        };
        self.take(b'-');
        let zero = self.peek() == Some(b'0');
        let integer = self.at;
        if !digits(self) || (zero && self.at > integer + 1) {
            return Err(self.wrong("this is not a number"));
        }
        if self.take(b'.') && !digits(self) {
            return Err(self.wrong("a digit is expected"));
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            if !digits(self) {
                return Err(self.wrong("a digit is expected"));
            }
        }
        let number = self.text[start..self.at].parse::<Number>();
        number.map(Value::Number).map_err(|_| self.wrong("the number is out of range"))
    }

    fn string(&mut self) -> Result<Arc<str>, String> {
        self.at += 1;
        let start = self.at;
        let plain = self.text[start..].find(['"', '\\']).map_or(self.text.len(), |it| start + it);
        let mut out = String::new();
        self.at = plain;
        out.push_str(&self.text[start..plain]);
        loop {
            match self.text[self.at..].chars().next() {
                Some('"') => {
                    self.at += 1;
                    return Ok(normal(out));
                }
                Some('\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    out.push(c);
                }
                Some(c) => {
                    self.at += c.len_utf8();
                    out.push(c);
                }
                None => return Err(self.wrong("a string is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let c = self.peek();
        self.at += usize::from(c.is_some_and(|it| it.is_ascii()));
        Ok(match c {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex()?;
                // Characters beyond 16 bits are written as two UTF-16 surrogates. A surrogate
                // without its counterpart becomes U+FFFD, as in Go.
                if !(0xd800..0xdc00).contains(&first) {
                    return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                if !self.text[self.at..].starts_with("\\u") {
                    return Ok(char::REPLACEMENT_CHARACTER);
                }
                self.at += 2;
                let second = self.hex()?;
                let pair = 0x10000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00);
                match (0xdc00..0xe000).contains(&second) {
                    true => char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER),
                    false => char::REPLACEMENT_CHARACTER,
                }
            }
            _ => return Err(self.wrong("this is not an escape")),
        })
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
        match digits.and_then(|it| u32::from_str_radix(it, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(self.wrong("four hexadecimal digits are expected")),
        }
    }
}

/// The string in Unicode's normal form C, as all strings of the language are.
fn normal(text: String) -> Arc<str> {
    use unicode_normalization::UnicodeNormalization;
    if text.is_ascii() { text.into() } else { text.nfc().collect::<String>().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_json() {
        let value = decoded(
            " { \"a\" : [1, -2.5e3, true, null, \"x\\u00e9\\ud83d\\ude00\\n\"], \"b\": {} } ",
        )
        .unwrap();
        let number = |it: &str| Value::Number(it.parse().unwrap());
        let items =
            [number("1"), number("-2500"), Value::Bool(true), Value::NULL, Value::from("xé😀\n")];
        assert_eq!(
            value,
            Value::object([("a".into(), Value::tuple(items)), ("b".into(), Value::object([]))])
        );
        assert_eq!(
            decoded("0.1234567890123456789012345678901234567890").unwrap(),
            number("0.1234567890123456789012345678901234567890")
        );
    }

    #[test]
    fn rejects_what_is_not_json() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "01",
            "1.",
            "tru",
            "\"a",
            "\"\\x\"",
            "1 2",
            "'a'",
            "{a:1}",
            "\"\\u12\"",
            "\u{e9}",
        ] {
            assert!(decoded(text).unwrap_err().starts_with("this is not JSON"), "{text}");
        }
        assert!(decoded(&"[".repeat(100_000)).unwrap_err().contains("deep"));
        assert!(decoded("{\"a\":\n  x}").unwrap_err().ends_with("in line 2 at column 3"));
    }
}

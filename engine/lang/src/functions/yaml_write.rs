//! Writes YAML in block style with all strings in quotes, byte for byte as Terraform's
//! `yamlencode`: texts such as `user_data` must not differ when a configuration moves from one to
//! the other.

use std::fmt::Write as _;

use ha_value::Value;

/// A quoted string is folded at the first space after this column.
const FOLD_COLUMN: usize = 80;
/// Longest key, in bytes, that is written before a colon; a longer one is marked by `?`.
const MAX_SIMPLE_KEY: usize = 128;

/// The YAML of a value that is known and has no marks.
pub(super) fn encoded(value: &Value) -> String {
    let mut writer = YamlWriter { out: String::new() };
    writer.value(value, 0, 2, ValuePosition::Root);
    if !writer.out.ends_with('\n') {
        writer.out.push('\n');
    }
    // Terraform ends a plain scalar at the root with a document end marker.
    if matches!(value, Value::Null(_) | Value::Bool(_) | Value::Number(_)) {
        writer.out.push_str("...\n");
    }
    writer.out
}

/// What precedes a value.
#[derive(Clone, Copy, PartialEq)]
enum ValuePosition {
    /// Nothing: the value begins at the current position.
    Root,
    /// `- `: a collection continues on the same line.
    Dash,
    /// `key:`: a collection begins on the next line.
    Key,
}

struct YamlWriter {
    out: String,
}

impl YamlWriter {
    /// Writes a value. The lines of a collection are indented by `indent`, those of a string by
    /// `folded`.
    fn value(&mut self, value: &Value, indent: usize, folded: usize, start: ValuePosition) {
        match value {
            Value::List(_) | Value::Tuple(_) | Value::Set(_)
                if value.children().next().is_some() =>
            {
                // A list as the value of a key is not indented.
                let indent =
                    if start == ValuePosition::Key { indent.saturating_sub(2) } else { indent };
                for (index, item) in value.children().enumerate() {
                    self.line(index, indent, start);
                    self.out.push_str("- ");
                    self.value(item, indent + 2, indent + 2, ValuePosition::Dash);
                }
            }
            Value::Map(items) | Value::Object(items) if !items.is_empty() => {
                for (index, (name, item)) in items.iter().enumerate() {
                    self.line(index, indent, start);
                    self.entry(name, item, indent);
                }
            }
            other => {
                if start == ValuePosition::Key {
                    self.out.push(' ');
                }
                match other {
                    Value::Null(_) => self.out.push_str("null"),
                    Value::Bool(it) => self.out.push_str(if *it { "true" } else { "false" }),
                    Value::Number(it) => {
                        write!(self.out, "{it}").expect("a String takes all that is written")
                    }
                    Value::String(text) => self.text(text, Some(folded)),
                    Value::Map(_) | Value::Object(_) => self.out.push_str("{}"),
                    _ => self.out.push_str("[]"),
                }
                if !self.out.ends_with('\n') {
                    self.out.push('\n');
                }
            }
        }
    }

    /// Begins the line of an element. The first element after a dash is on that line already.
    fn line(&mut self, index: usize, indent: usize, start: ValuePosition) {
        if index == 0 && start == ValuePosition::Key {
            self.out.push('\n');
        }
        if index > 0 || start == ValuePosition::Key {
            self.out.push_str(&" ".repeat(indent));
        }
    }

    /// Writes a key and its value.
    fn entry(&mut self, name: &str, item: &Value, indent: usize) {
        if name.len() <= MAX_SIMPLE_KEY && !name.contains('\n') {
            self.text(name, None);
            self.out.push(':');
            return self.value(item, indent + 2, indent + 2, ValuePosition::Key);
        }
        self.out.push_str("? ");
        self.text(name, Some(indent + 2));
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(": ");
        self.value(item, indent + 2, indent + 2, ValuePosition::Dash);
    }

    fn text(&mut self, text: &str, folded: Option<usize>) {
        match folded {
            // A key (`None`) must be on one line, and a text with control characters needs escapes.
            Some(indent) if text.contains('\n') && can_be_block(text) => self.block(text, indent),
            _ => self.quoted(text, folded),
        }
    }

    /// Writes a literal block (`|`). The indicator `2` is needed where the first line begins with a
    /// space, which would else be taken as indentation; `-` and `+` state whether the final line
    /// ends belong to the string.
    fn block(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            self.out.push('2');
        }
        if !text.ends_with('\n') {
            self.out.push('-');
        } else if text == "\n" || text.ends_with("\n\n") {
            self.out.push('+');
        }
        self.out.push('\n');
        for line in text.split_inclusive('\n') {
            if line != "\n" {
                self.out.push_str(&" ".repeat(indent));
            }
            self.out.push_str(line);
        }
        if !text.ends_with('\n') {
            self.out.push('\n');
        }
    }

    /// Writes a string in double quotes, folded at spaces where `folded` gives an indentation. A
    /// line that would begin with a space gets a backslash, as folding drops leading spaces.
    fn quoted(&mut self, text: &str, folded: Option<usize>) {
        let mut column = self.out.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.out.push('"');
        let mut after_space = false;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == ' ' {
                let inside = at > 0 && at + 1 < text.len();
                match folded {
                    Some(indent) if !after_space && column > FOLD_COLUMN && inside => {
                        self.out.push('\n');
                        self.out.push_str(&" ".repeat(indent));
                        column = indent;
                        if chars.peek().is_some_and(|(_, next)| *next == ' ') {
                            self.out.push('\\');
                            column += 1;
                        }
                    }
                    _ => {
                        self.out.push(' ');
                        column += 1;
                    }
                }
                after_space = true;
                continue;
            }
            after_space = false;
            let before = self.out.len();
            escape(c, &mut self.out);
            column += self.out[before..].chars().count();
        }
        self.out.push('"');
    }
}

/// Whether a string can be written as a literal block, which has no escapes.
fn can_be_block(text: &str) -> bool {
    let plain = |c: char| c == '\n' || printable(c);
    text.chars().all(plain) && !text.contains(" \n") && !text.ends_with(' ')
}

fn printable(c: char) -> bool {
    matches!(
        c,
        ' '..='~'
            | '\u{a0}'..='\u{2027}'
            | '\u{202a}'..='\u{fefe}'
            | '\u{ff00}'..='\u{fffd}'
    )
}

fn escape(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        c if printable(c) => out.push(c),
        '\0' => out.push_str("\\0"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{b}' => out.push_str("\\v"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        '\u{1b}' => out.push_str("\\e"),
        '\u{85}' => out.push_str("\\N"),
        '\u{2028}' => out.push_str("\\L"),
        '\u{2029}' => out.push_str("\\P"),
        c => {
            let code = c as u32;
            let written = match code {
                0..=0xff => write!(out, "\\x{code:02X}"),
                0x100..=0xffff => write!(out, "\\u{code:04X}"),
                _ => write!(out, "\\U{code:08X}"),
            };
            written.expect("a String takes all that is written");
        }
    }
}

//! Writes YAML, in blocks, with all strings in quotes.

use std::fmt::Write as _;

use ha_value::Value;

/// Lines are folded at the first space behind this column.
const WIDE: usize = 80;
/// Longer keys are marked by `?`.
const LONG_KEY: usize = 128;

/// The YAML text of a value that is known and not secret.
pub(super) fn encoded(value: &Value) -> String {
    let mut writer = YamlWriter { out: String::new() };
    writer.value(value, 0, 2, ValuePosition::Root);
    if !writer.out.ends_with('\n') {
        writer.out.push('\n');
    }
    if matches!(value, Value::Null(_) | Value::Bool(_) | Value::Number(_)) {
        writer.out.push_str("...\n");
    }
    writer.out
}

/// What a value stands behind.
#[derive(Clone, Copy, PartialEq)]
enum ValuePosition {
    /// Nothing: it begins where it is.
    Root,
    /// `- `, which mappings and lists go on behind.
    Dash,
    /// `key:`, which mappings and lists begin a line behind.
    Key,
}

struct YamlWriter {
    out: String,
}

impl YamlWriter {
    /// A value whose lines are indented by `indent` when it is a collection, and by `folded` when
    /// it is a string.
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

    /// Begins the line of an element, which the first one behind a dash is on already.
    fn line(&mut self, index: usize, indent: usize, start: ValuePosition) {
        if index == 0 && start == ValuePosition::Key {
            self.out.push('\n');
        }
        if index > 0 || start == ValuePosition::Key {
            self.out.push_str(&" ".repeat(indent));
        }
    }

    fn entry(&mut self, name: &str, item: &Value, indent: usize) {
        if name.len() <= LONG_KEY && !name.contains('\n') {
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
            Some(indent) if text.contains('\n') && can_be_block(text) => self.block(text, indent),
            _ => self.quoted(text, folded),
        }
    }

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

    fn quoted(&mut self, text: &str, folded: Option<usize>) {
        let mut column = self.out.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.out.push('"');
        let mut after_space = false;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == ' ' {
                let inside = at > 0 && at + 1 < text.len();
                match folded {
                    Some(indent) if !after_space && column > WIDE && inside => {
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

/// Whether a string can stand as it is in lines of its own.
fn can_be_block(text: &str) -> bool {
    let plain = |c: char| c == '\n' || printable(c);
    text.chars().all(plain) && !text.contains(" \n") && !text.ends_with(' ')
}

fn printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
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

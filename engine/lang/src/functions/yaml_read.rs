//! Parses YAML. Plain scalars have the meanings of Terraform's YAML dialect (`go-cty-yaml`), which
//! follows YAML 1.1 in part: `yes` is true.

use std::borrow::Cow;
use std::collections::HashMap;

use ha_value::{Name, Number, Object, Value};
use jiff::civil::DateTime;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

/// Greatest depth of nested collections.
const MAX_DEPTH: usize = 256;
/// Most values of a document with all aliases expanded: a few lines of nested aliases could
/// otherwise expand to billions of values.
const MAX_VALUES: usize = 1_000_000;

/// The value of a YAML stream with one document; the error is a sentence with line and column.
pub(super) fn decoded(text: &str) -> Result<Value, String> {
    let spaced = with_spaces_after_colons(text);
    let mut reader = YamlReader {
        parser: Parser::new_from_str(&spaced),
        is_spaced: matches!(spaced, Cow::Owned(_)),
        anchors: HashMap::new(),
        total: 0,
        line: 1,
        column: 1,
    };
    let mut document = None;
    loop {
        match reader.next()? {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if document.is_some() => return Err(reader.wrong("there is more than one document")),
            event => document = Some(reader.value(event, 0)?.0),
        }
    }
    document.ok_or_else(|| "this is not YAML: it is empty".into())
}

struct YamlReader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// Whether the text is one of [`with_spaces_after_colons`].
    is_spaced: bool,
    /// The value of each anchor, and the number of values in it.
    anchors: HashMap<usize, (Value, usize)>,
    total: usize,
    line: usize,
    column: usize,
}

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                (self.line, self.column) = (span.start.line(), span.start.col() + 1);
                Ok(event)
            }
            Some(Err(error)) => {
                (self.line, self.column) = (error.marker().line(), error.marker().col() + 1);
                Err(self.wrong(error.info()))
            }
            None => Ok(Event::StreamEnd),
        }
    }

    fn wrong(&self, what: &str) -> String {
        format!("this is not YAML: {what}, in line {} at column {}", self.line, self.column)
    }

    /// The value that begins with an event, and the number of values in it.
    fn value(&mut self, event: Event<'a>, depth: usize) -> Result<(Value, usize), String> {
        if depth > MAX_DEPTH {
            return Err(self.wrong(&format!("it is nested more than {MAX_DEPTH} deep")));
        }
        let (anchor, value, size) = match event {
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some((value, size)) => (0, value, size),
                None => return Err(self.wrong("an alias is inside its own anchor")),
            },
            Event::Scalar(text, style, anchor, tag) => {
                let text =
                    if self.is_spaced { without_spaces_after_colons(&text).into() } else { text };
                (anchor, self.scalar(&text, style, tag.as_deref())?, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                self.require_tag(tag.as_deref(), "seq")?;
                let mut items = Vec::new();
                let mut size = 1;
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => {
                            let (item, more) = self.value(event, depth + 1)?;
                            items.push(item);
                            size += more;
                        }
                    }
                }
                (anchor, Value::tuple(items), size)
            }
            Event::MappingStart(anchor, tag) => {
                self.require_tag(tag.as_deref(), "map")?;
                let (items, size) = self.mapping(depth)?;
                (anchor, Value::object(items), size)
            }
            _ => return Err(self.wrong("a value is expected")),
        };
        // An alias counts as many values as its anchor, although the values are shared: later
        // stages visit each of them.
        self.total += size;
        if self.total > MAX_VALUES {
            return Err(self.wrong("it is too large"));
        }
        // The parser numbers anchors from 1; 0 means that there is none.
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok((value, size))
    }

    fn mapping(&mut self, depth: usize) -> Result<(Object, usize), String> {
        let mut items = Object::new();
        let mut merged: Vec<Object> = Vec::new();
        let mut size = 1;
        loop {
            let key = match self.next()? {
                Event::MappingEnd => break,
                event => event,
            };
            // Only a plain `<<` is the merge key; in quotes it is an ordinary name.
            let merge =
                matches!(&key, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let (key, _) = self.value(key, depth + 1)?;
            let event = self.next()?;
            let (value, more) = self.value(event, depth + 1)?;
            size += more + 1;
            if merge {
                merged.extend(self.merge(&value)?);
                continue;
            }
            // Keys of other scalar types become strings, as the attributes of an object are named
            // by strings.
            let name: Name = match &key {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string().into(),
                Value::Bool(it) => it.to_string().into(),
                _ => return Err(self.wrong("a key must be a string")),
            };
            items.insert(name, value);
        }
        // Merged attributes are added at the end, and never replace one that the mapping itself
        // has, wherever `<<` was written. Among several mappings the first one wins.
        for object in merged {
            for (name, value) in object {
                items.entry(name).or_insert(value);
            }
        }
        Ok((items, size))
    }

    /// The mappings that the value of a `<<` key names.
    fn merge(&self, value: &Value) -> Result<Vec<Object>, String> {
        match value {
            Value::Object(items) => Ok(vec![(**items).clone()]),
            Value::Tuple(all) => all.iter().try_fold(Vec::new(), |mut merged, it| {
                merged.extend(self.merge(it)?);
                Ok(merged)
            }),
            _ => Err(self.wrong("`<<` takes a mapping or a list of mappings")),
        }
    }

    /// Rejects every tag except one of YAML's core schema.
    fn require_tag(&self, tag: Option<&Tag>, allowed: &str) -> Result<(), String> {
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == allowed) => Err(self
                .wrong(&format!("the tag `{}{}` is not supported here", tag.handle, tag.suffix))),
            _ => Ok(()),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
        use unicode_normalization::UnicodeNormalization;
        let as_text = || Value::from(text.nfc().collect::<String>());
        let resolved = || match style {
            ScalarStyle::Plain => self.plain(text).map(|it| it.unwrap_or_else(as_text)),
            _ => Ok(as_text()),
        };
        let Some(tag) = tag else { return resolved() };
        match (tag.is_yaml_core_schema(), &*tag.suffix) {
            (true, "str" | "binary") => Ok(as_text()),
            (false, "") if tag.handle == "!" => Ok(as_text()),
            (true, "int" | "float" | "bool" | "null" | "timestamp") => resolved(),
            _ => Err(self
                .wrong(&format!("the tag `{}{}` is not supported here", tag.handle, tag.suffix))),
        }
    }

    /// The value of a plain scalar; `None` where it is a string.
    fn plain(&self, text: &str) -> Result<Option<Value>, String> {
        Ok(Some(match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::NULL,
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                Value::Bool(true)
            }
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off"
            | "OFF" => Value::Bool(false),
            ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
            | "-.inf" | "-.Inf" | "-.INF" => {
                return Err(self.wrong(&format!("`{text}` is not a number of the language")));
            }
            _ => match number(text).or_else(|| timestamp(text)) {
                Some(value) => value,
                None if is_decimal(text) => {
                    return Err(self.wrong("a number is out of range"));
                }
                None => return Ok(None),
            },
        }))
    }
}

/// The text with one more space behind each `:` that a tab follows, at once or behind spaces. The
/// parser refuses a tab directly behind the `:` of a mapping, where YAML and Terraform allow it.
/// Where quotes and block scalars are is not known before parsing, so that the colons in them get
/// a space as well, which [`without_spaces_after_colons`] takes out again.
fn with_spaces_after_colons(text: &str) -> Cow<'_, str> {
    if !text.contains(":\t") {
        return Cow::Borrowed(text);
    }
    let mut spaced = String::with_capacity(text.len() + text.len() / 16);
    for (index, part) in text.split(':').enumerate() {
        if index > 0 {
            let is_before_tab = part.trim_start_matches(' ').starts_with('\t');
            spaced.push_str(if is_before_tab { ": " } else { ":" });
        }
        spaced.push_str(part);
    }
    Cow::Owned(spaced)
}

/// The text of a scalar as it was before [`with_spaces_after_colons`].
fn without_spaces_after_colons(text: &str) -> String {
    let mut original = String::with_capacity(text.len());
    for (index, part) in text.split(':').enumerate() {
        if index > 0 {
            original.push(':');
        }
        let is_before_tab = index > 0 && part.trim_start_matches(' ').starts_with('\t');
        original.push_str(if is_before_tab {
            part.strip_prefix(' ').unwrap_or(part)
        } else {
            part
        });
    }
    original
}

/// Whether a plain word is written as a decimal number, of any size.
fn is_decimal(text: &str) -> bool {
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (decimal, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, "0"));
    digits(whole) && digits(fraction) && digits(power.strip_prefix(['-', '+']).unwrap_or(power))
}

fn number(text: &str) -> Option<Value> {
    let digits = |base, prefix: &str| {
        let unsigned = text.trim_start_matches(['-', '+']);
        let digits = unsigned.strip_prefix(prefix)?;
        let number =
            Number::from_digits(digits, base).filter(|_| !digits.starts_with(['-', '+']))?;
        Some(Value::Number(if text.starts_with('-') { number.negated() } else { number }))
    };
    let first = text.trim_start_matches(['-', '+']).chars().next()?;
    // A word such as `-e` or `+-1` is a string.
    if !first.is_ascii_digit() && first != '.'
        || text.len() - text.trim_start_matches(['-', '+']).len() > 1
    {
        return None;
    }
    digits(16, "0x").or_else(|| digits(8, "0o")).or_else(|| {
        let plain = text.trim_end_matches('.').parse().ok().filter(|_| text != ".")?;
        Some(Value::Number(plain))
    })
}

/// A date or time in one of YAML's notations, as a string in the notation of RFC 3339.
fn timestamp(text: &str) -> Option<Value> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return None;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(end) => (&text[..end], Some(&text[end + 1..])),
        None => (text, None),
    };
    let mut parts = date.split('-').map(str::parse::<i16>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if parts.next().is_some() {
        return None;
    }
    let (clock, zone) = match time {
        None => ("0:0:0", "Z"),
        Some(time) => match time.find(['Z', '+', '-']) {
            Some(end) => (time[..end].trim_end(), &time[end..]),
            None if text.as_bytes().get(date.len()) == Some(&b' ') => (time, "Z"),
            None => return None,
        },
    };
    let mut parts = clock.split(':');
    let (hour, minute) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let second = parts.next()?.split('.').next()?.parse().ok()?;
    let date_time =
        DateTime::new(year, month.try_into().ok()?, day.try_into().ok()?, hour, minute, second, 0)
            .ok()?;
    let zone_is_right = zone == "Z" || zone.len() == 6 && zone.as_bytes()[3] == b':';
    zone_is_right.then(|| Value::from(format!("{}{zone}", date_time.strftime("%Y-%m-%dT%H:%M:%S"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::encoding::json_text;

    #[test]
    fn parses_yaml() {
        for (text, json) in [
            (
                "a: 1\nb: [1, two, 3.5]\nc: ~\nd: yes",
                r#"{"a":1,"b":[1,"two",3.5],"c":null,"d":true}"#,
            ),
            (
                "f: 0x1F\ng: 0o17\nh: 017\ni: 1e3\nj: .5\nk: 1_000\nl: 1:30",
                r#"{"f":31,"g":15,"h":17,"i":1000,"j":0.5,"k":"1_000","l":"1:30"}"#,
            ),
            (
                "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2",
                r#"{"a":{"b":1},"c":{"b":1},"d":{"b":1,"e":2}}"#,
            ),
            (
                "- 2020-01-01\n- 2001-12-14t21:59:43.10-05:00",
                r#"["2020-01-01T00:00:00Z","2001-12-14T21:59:43-05:00"]"#,
            ),
            ("a: |\n  x\n  y\nb: '5'", r#"{"a":"x\ny\n","b":"5"}"#),
            ("!!str 5", "\"5\""),
            ("1: b", r#"{"1":"b"}"#),
            ("a:\tb\nc: \td", r#"{"a":"b","c":"d"}"#),
            ("{a:\t1,\tb:\t2}", r#"{"a":1,"b":2}"#),
            ("a\t:\tb\nc:\n  - d:\t\te", r#"{"a":"b","c":[{"d":"e"}]}"#),
            (
                "a:\t\"x:\ty: \tz\"\nb: |\n  c:\td:  \te\n",
                r#"{"a":"x:\ty: \tz","b":"c:\td:  \te\n"}"#,
            ),
        ] {
            assert_eq!(json_text(&decoded(text).unwrap()), json, "{text}");
        }
    }

    #[test]
    fn rejects_what_is_not_yaml() {
        for text in [
            "",
            "a: [",
            "? [a]\n: b",
            "!foo 5",
            "---\na\n---\nb",
            ".nan",
            "a: *b",
            "a:\tb: c",
            "a:\n\tb",
            "1e1000000",
            "-1.5E+1000000",
        ] {
            assert!(decoded(text).unwrap_err().starts_with("this is not YAML"), "{text}");
        }
        let mut bomb = String::from("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
        for i in 1..12 {
            bomb += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(","));
        }
        assert!(decoded(&bomb).unwrap_err().contains("too large"));
    }
}

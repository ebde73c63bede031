//! Regular expressions. The language has the dialect of Go's RE2, which is translated to that of
//! the `regex` crate.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use ha_value::{AttributeType, Type, Value};
use regex::{Captures, Regex, RegexBuilder};

use super::{FunctionError, FunctionResult, string_argument};

/// Most compiled patterns in the cache of a thread.
const CACHE_SIZE: usize = 64;

/// Greatest size of a compiled pattern, in bytes. Nested repetitions multiply, so that a short
/// pattern could take all memory.
const MAX_PATTERN_SIZE: usize = 2 << 20;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::new(HashMap::new());
}

/// The compiled pattern of an argument, from the cache where possible.
pub(super) fn compiled(pattern: &str, argument: usize) -> Result<Regex, FunctionError> {
    if let Some(known) = COMPILED.with_borrow(|it| it.get(pattern).cloned()) {
        return Ok(known);
    }
    let compiled = RegexBuilder::new(&translated(pattern))
        .octal(true)
        .size_limit(MAX_PATTERN_SIZE)
        .build()
        .map_err(|error| {
            let message = match &error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                // The last line has the reason; the lines before it display the pattern.
                other => other
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned(),
            };
            FunctionError::argument(
                argument,
                format!("this is not a regular expression: {message}"),
            )
        })?;
    // Emptying the full cache keeps it simple; a configuration seldom has this many patterns.
    COMPILED.with_borrow_mut(|it| {
        if it.len() >= CACHE_SIZE {
            it.clear();
        }
        it.insert(pattern.to_owned(), compiled.clone());
    });
    Ok(compiled)
}

/// A pattern of RE2 in the dialect of the `regex` crate. In RE2 the classes `\d`, `\w`, `\s` and
/// the boundary `\b` are those of ASCII, sets of characters do not nest and have no operators, a
/// brace that is not a repetition is a literal, and `\Q…\E` quotes.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_set = false;
    while let Some(c) = rest.chars().next() {
        let whole = rest;
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let escaped = rest.chars().next();
                rest = &rest[escaped.map_or(0, char::len_utf8)..];
                match escaped {
                    Some('Q') => {
                        let (quoted, behind) = rest.split_once("\\E").unwrap_or((rest, ""));
                        out.push_str(&regex::escape(quoted));
                        rest = behind;
                    }
                    Some(class @ ('d' | 'w' | 's')) if in_set => out.push_str(class_members(class)),
                    Some(class @ ('d' | 'w' | 's')) => out.extend(["[", class_members(class), "]"]),
                    Some(class @ ('D' | 'W' | 'S')) => {
                        out.extend(["[^", class_members(class.to_ascii_lowercase()), "]"])
                    }
                    // The braces of `\p{…}` and `\x{…}` are not a repetition.
                    Some(named @ ('p' | 'P' | 'x')) if rest.starts_with('{') => {
                        let length = rest.find('}').map_or(rest.len(), |it| it + 1);
                        out.extend(["\\", named.encode_utf8(&mut [0; 4]), &rest[..length]]);
                        rest = &rest[length..];
                    }
                    Some('b') if !in_set => out.push_str("(?-u:\\b)"),
                    Some(escaped) => out.extend(['\\', escaped]),
                    None => out.push('\\'),
                }
            }
            '[' if !in_set => {
                in_set = true;
                out.push('[');
                if let Some(behind) = rest.strip_prefix('^') {
                    out.push('^');
                    rest = behind;
                }
                if let Some(behind) = rest.strip_prefix(']') {
                    out.push_str("\\]");
                    rest = behind;
                }
            }
            '[' if rest.starts_with(':') => {
                let length = whole.find(']').map_or(whole.len(), |it| it + 1);
                out.push_str(&whole[..length]);
                rest = &whole[length..];
            }
            ']' => {
                in_set = false;
                out.push(']');
            }
            '[' | '&' | '~' if in_set => out.extend(['\\', c]),
            // `--` ends a range in RE2 and is the difference of sets in the `regex` crate.
            '-' if in_set && out.ends_with('-') && !out.ends_with("\\-") => out.push_str("\\-"),
            '{' if !in_set && !is_repetition(rest) => out.push_str("\\{"),
            c => out.push(c),
        }
    }
    out
}

/// Whether the text after a brace is a repetition such as `2}`, `2,}` or `2,5}`.
fn is_repetition(behind: &str) -> bool {
    let digits = |it: &str| it.bytes().take_while(u8::is_ascii_digit).count();
    let least = digits(behind);
    let rest = &behind[least..];
    let rest = rest.strip_prefix(',').map_or(rest, |it| &it[digits(it)..]);
    least > 0 && rest.starts_with('}')
}

/// The characters of an ASCII class, for use inside of a set.
fn class_members(class: char) -> &'static str {
    match class {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        _ => "\\t\\n\\x0C\\r ",
    }
}

pub(super) fn regex(arguments: &[Value]) -> FunctionResult {
    let pattern = compiled(string_argument(arguments, 0), 0)?;
    match pattern.captures(string_argument(arguments, 1)) {
        Some(found) => captured(&pattern, &found),
        None => Err(FunctionError::new("the pattern does not match the string")),
    }
}

pub(super) fn regexall(arguments: &[Value]) -> FunctionResult {
    let pattern = compiled(string_argument(arguments, 0), 0)?;
    groups(&pattern)?;
    let found =
        pattern.captures_iter(string_argument(arguments, 1)).map(|it| captured(&pattern, &it));
    Ok(Value::list(found.collect::<Result<Vec<_>, _>>()?))
}

/// The matched string, or those of the groups: a tuple, or an object where the groups have names. A
/// group that took no part in the match is null.
fn captured(pattern: &Regex, found: &Captures<'_>) -> FunctionResult {
    let text = |index: usize| {
        found.get(index).map_or_else(|| Value::null(&Type::String), |it| Value::from(it.as_str()))
    };
    Ok(match groups(pattern)? {
        CaptureGroups::None => text(0),
        CaptureGroups::Numbered(count) => Value::tuple((1..=count).map(text)),
        CaptureGroups::Named(names) => {
            Value::object(names.into_iter().zip(1..).map(|(name, index)| (name, text(index))))
        }
    })
}

/// The type of a match, which is known as soon as the pattern is.
pub(super) fn matched_type(arguments: &[Value]) -> Type {
    let Some(Value::String(pattern)) = arguments.first() else { return Type::Any };
    let attribute =
        |name| (name, AttributeType { ty: Type::String, optional: false, default: None });
    match compiled(pattern, 0).and_then(|it| groups(&it)) {
        Ok(CaptureGroups::None) => Type::String,
        Ok(CaptureGroups::Numbered(count)) => Type::Tuple(Arc::new(vec![Type::String; count])),
        Ok(CaptureGroups::Named(names)) => {
            Type::Object(Arc::new(names.into_iter().map(attribute).collect()))
        }
        Err(_) => Type::Any,
    }
}

/// The capture groups of a pattern.
enum CaptureGroups {
    None,
    Numbered(usize),
    Named(Vec<Arc<str>>),
}

fn groups(pattern: &Regex) -> Result<CaptureGroups, FunctionError> {
    let names: Vec<Option<&str>> = pattern.capture_names().skip(1).collect();
    if names.iter().all(Option::is_none) {
        return Ok(if names.is_empty() {
            CaptureGroups::None
        } else {
            CaptureGroups::Numbered(names.len())
        });
    }
    let named: Option<Vec<Arc<str>>> = names.into_iter().map(|it| it.map(Arc::from)).collect();
    named
        .map(CaptureGroups::Named)
        .ok_or_else(|| FunctionError::argument(0, "either all groups have names or none"))
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[test]
    fn patterns_are_translated() {
        assert_eq!(translated(r"\d+\.\s"), "[0-9]+\\.[\\t\\n\\x0C\\r ]");
        assert_eq!(translated(r"[\w.-]+"), "[0-9A-Za-z_.-]+");
        assert_eq!(translated(r"[[:alpha:]&&[]"), "[[:alpha:]\\&\\&\\[]");
        assert_eq!(translated(r"\Qa.b\Ec"), "a\\.bc");
        assert_eq!(translated(r"[]a]"), "[\\]a]");
        assert_eq!(translated(r"\p{L}\P{Lu}\pN\x{e9}\x41"), r"\p{L}\P{Lu}\pN\x{e9}\x41");
        assert_eq!(translated(r"[\p{Greek}\x{e9}-\x{ff}]"), r"[\p{Greek}\x{e9}-\x{ff}]");
        assert_eq!(translated(r"[+--]"), "[+-\\-]");
        assert_eq!(translated(r"a{2}b{2,}c{,2}{d}"), "a{2}b{2,}c\\{,2}\\{d}");
    }
}

//! Regular expressions: the language's dialect in terms of the `regex` crate's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use ha_kind::Value;
use regex::{Captures, Regex};

use super::{Answer, Refusal, str_of};

/// So many compiled patterns are kept.
const KEPT: usize = 128;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::new(HashMap::new());
}

/// The compiled pattern of an argument.
pub(super) fn compiled(pattern: &str, argument: usize) -> Result<Regex, Refusal> {
    if let Some(known) = COMPILED.with_borrow(|it| it.get(pattern).cloned()) {
        return Ok(known);
    }
    let compiled = Regex::new(&translated(pattern)).map_err(|error| {
        let message = match &error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            // The last line says what is wrong; those before draw the pattern.
            other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        };
        Refusal::of(argument, format!("this is no regular expression: {message}"))
    })?;
    COMPILED.with_borrow_mut(|it| {
        if it.len() >= KEPT {
            it.clear();
        }
        it.insert(pattern.to_owned(), compiled.clone());
    });
    Ok(compiled)
}

/// The classes of letters, digits and space are those of ASCII, sets of characters do not nest, and `\Q…\E` quotes.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut in_set = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Q') => {
                    let rest: String = chars.by_ref().collect();
                    let (quoted, behind) = rest.split_once("\\E").unwrap_or((&rest, ""));
                    out.push_str(&regex::escape(quoted));
                    out.push_str(&translated(behind));
                }
                Some(class @ ('d' | 'w' | 's')) => {
                    let inside = inside(class);
                    out.push_str(&if in_set { inside.to_owned() } else { format!("[{inside}]") });
                }
                Some(class @ ('D' | 'W' | 'S')) => {
                    out.push_str(&format!("[^{}]", inside(class.to_ascii_lowercase())));
                }
                Some('b') if !in_set => out.push_str("(?-u:\\b)"),
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            },
            '[' if !in_set => {
                in_set = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            ']' => {
                in_set = false;
                out.push(']');
            }
            '[' | '&' | '~' if in_set => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

fn inside(class: char) -> &'static str {
    match class {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        _ => "\\t\\n\\x0C\\r ",
    }
}

pub(super) fn regex(arguments: &[Value]) -> Answer {
    let pattern = compiled(str_of(arguments, 0), 0)?;
    match pattern.captures(str_of(arguments, 1)) {
        Some(found) => captured(&pattern, &found),
        None => Err(Refusal::new("the pattern matches nothing in the text")),
    }
}

pub(super) fn regexall(arguments: &[Value]) -> Answer {
    let pattern = compiled(str_of(arguments, 0), 0)?;
    let found = pattern.captures_iter(str_of(arguments, 1)).map(|it| captured(&pattern, &it));
    Ok(Value::list(found.collect::<Result<Vec<_>, _>>()?))
}

/// The text that matched, or that of the groups: a tuple, or an object when they have names.
fn captured(pattern: &Regex, found: &Captures<'_>) -> Answer {
    let text = |index: usize| found.get(index).map_or(Value::Null, |it| Value::from(it.as_str()));
    let names: Vec<Option<&str>> = pattern.capture_names().skip(1).collect();
    if names.is_empty() {
        return Ok(text(0));
    }
    if names.iter().all(Option::is_none) {
        return Ok(Value::tuple((1..=names.len()).map(text)));
    }
    let named: Option<Vec<(Arc<str>, Value)>> =
        names.iter().enumerate().map(|(index, name)| Some(((*name)?.into(), text(index + 1)))).collect();
    named.map(Value::object).ok_or_else(|| Refusal::of(0, "either all groups have names or none"))
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
    }
}

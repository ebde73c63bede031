//! Strings.

use ha_value::{Text as Parts, Type, Value};
use unicode_segmentation::UnicodeSegmentation;

use super::format::{format, formatlist};
use super::pattern::{compiled, matched_type, regex, regexall};
use super::{
    Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind, any, list,
    number, str_of, text, whole_of,
};
use crate::evaluate::{TextBuilder, TextTooLong};
use ParameterKind::{Any, Bool, Text};

const TEXT: &[Parameter] = &[text("text")];
const LISTS: Parameter = list("lists", &Text);
const VALUES: Parameter = any("values").nullable();

const fn rewriting(
    name: &'static str,
    doc: &'static str,
    run: fn(&[Value]) -> FunctionResult,
) -> Function {
    Function::new(name, doc, TEXT, Text, FunctionBody::Plain(run))
}

pub(super) const FUNCTIONS: &[Function] = &[
    rewriting("chomp", "The text without line ends at its end.", |it| text_of(str_of(it, 0).trim_end_matches(['\r', '\n']))),
    Function::new(
        "endswith",
        "Whether the text ends with `suffix`.",
        &[text("text"), text("suffix")],
        Bool,
        FunctionBody::Plain(|it| Ok(Value::Bool(str_of(it, 0).ends_with(str_of(it, 1))))),
    ),
    Function::new(
        "format",
        "A string with values in the places that `%` marks: `format(\"%s-%03d\", \"a\", 1)`.",
        &[text("format")],
        Text,
        FunctionBody::Whole(format),
    )
    .many(&VALUES),
    Function::new(
        "formatlist",
        "As `format`, once for each element of the lists among the values.",
        &[text("format")],
        ParameterKind::List(&Text),
        FunctionBody::Whole(formatlist),
    )
    .many(&VALUES),
    Function::new(
        "indent",
        "The text with spaces at the beginning of all lines but the first.",
        &[number("spaces"), text("text")],
        Text,
        FunctionBody::Plain(indent),
    ),
    Function::new(
        "join",
        "The strings of the lists with a separator between them.",
        &[text("separator")],
        Text,
        FunctionBody::Whole(join),
    )
    .many(&LISTS),
    rewriting("lower", "The text in lower case.", |it| {
        text_of(&str_of(it, 0).chars().map(|it| it.to_lowercase().next().unwrap_or(it)).collect::<String>())
    }),
    Function::new(
        "regex",
        "The first match of a pattern: a string, a tuple of its groups, or an object of its named ones.",
        &[text("pattern"), text("text")],
        Any,
        FunctionBody::Plain(regex),
    )
    .typed(matched_type),
    Function::new(
        "regexall",
        "All matches of a pattern; none is an empty list.",
        &[text("pattern"), text("text")],
        ParameterKind::List(&Any),
        FunctionBody::Plain(regexall),
    )
    .typed(|it| Type::List(matched_type(it).into())),
    Function::new(
        "replace",
        "The text with all of `part` replaced; between slashes `part` is a pattern.",
        &[text("text"), text("part"), text("by")],
        Text,
        FunctionBody::Plain(replace),
    ),
    Function::new(
        "split",
        "The strings between the separators.",
        &[text("separator"), text("text")],
        ParameterKind::List(&Text),
        FunctionBody::Plain(split),
    ),
    Function::new(
        "startswith",
        "Whether the text begins with `prefix`.",
        &[text("text"), text("prefix")],
        Bool,
        FunctionBody::Whole(startswith),
    ),
    Function::new(
        "strcontains",
        "Whether `part` is anywhere in the text.",
        &[text("text"), text("part")],
        Bool,
        FunctionBody::Plain(|it| Ok(Value::Bool(str_of(it, 0).contains(str_of(it, 1))))),
    ),
    rewriting("strrev", "The text from its end to its beginning.", |it| {
        text_of(&str_of(it, 0).graphemes(true).rev().collect::<String>())
    }),
    Function::new(
        "substr",
        "So many characters from `offset` on; -1 for all, a negative offset counts from the end.",
        &[text("text"), number("offset"), number("length")],
        Text,
        FunctionBody::Plain(substr),
    ),
    rewriting("title", "The text with the first letter of each word in upper case.", title),
    Function::new(
        "trim",
        "The text without the given characters at both ends.",
        &[text("text"), text("characters")],
        Text,
        FunctionBody::Plain(|it| text_of(str_of(it, 0).trim_matches(|c| str_of(it, 1).contains(c)))),
    ),
    Function::new(
        "trimprefix",
        "The text without `prefix` at its beginning.",
        &[text("text"), text("prefix")],
        Text,
        FunctionBody::Plain(|it| text_of(str_of(it, 0).strip_prefix(str_of(it, 1)).unwrap_or(str_of(it, 0)))),
    ),
    rewriting("trimspace", "The text without space at both ends.", |it| text_of(str_of(it, 0).trim())),
    Function::new(
        "trimsuffix",
        "The text without `suffix` at its end.",
        &[text("text"), text("suffix")],
        Text,
        FunctionBody::Plain(|it| text_of(str_of(it, 0).strip_suffix(str_of(it, 1)).unwrap_or(str_of(it, 0)))),
    ),
    rewriting("upper", "The text in upper case.", |it| {
        text_of(&str_of(it, 0).chars().map(|it| one(it, it.to_uppercase())).collect::<String>())
    }),
];

#[expect(clippy::unnecessary_wraps, reason = "it ends functions that answer so")]
fn text_of(text: &str) -> FunctionResult {
    Ok(Value::from(text))
}

/// The one character that another becomes; itself when it would become several.
fn one(c: char, mut becomes: impl Iterator<Item = char>) -> char {
    match (becomes.next(), becomes.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

fn indent(arguments: &[Value]) -> FunctionResult {
    let spaces = usize::try_from(whole_of(arguments, 0)?)
        .map_err(|_| FunctionError::argument(0, "it must not be negative"))?;
    let text = str_of(arguments, 1);
    let breaks = text.matches('\n').count();
    if breaks.max(1).saturating_mul(spaces) > TextTooLong::LIMIT {
        return Err(FunctionError::new(TextTooLong::MESSAGE));
    }
    let margin = if breaks > 0 { " ".repeat(spaces) } else { String::new() };
    text_of(&text.replace('\n', &format!("\n{margin}")))
}

fn join(arguments: &[Value]) -> FunctionResult {
    let [separator, lists @ ..] = arguments else {
        return Err(FunctionError::new("a separator is required"));
    };
    if lists.is_empty() {
        return Err(FunctionError::new("at least one list is required"));
    }
    let separator = Parts::from_value(separator).unwrap_or_default();
    let mut joined = TextBuilder::default();
    let mut sensitive = false;
    let mut first = true;
    let mut unknown = None;
    for (index, list) in lists.iter().enumerate() {
        let (plain, mark) = list.unmark();
        sensitive |= mark;
        let Some(items) = plain.elements() else {
            unknown = unknown.or(Some(plain.cause()));
            continue;
        };
        for item in items {
            let Some(item) = Parts::from_value(item).filter(|_| !item.is_null()) else {
                return Err(FunctionError::argument(
                    index + 1,
                    "null cannot be joined; `compact` takes nulls out",
                ));
            };
            if !std::mem::take(&mut first) {
                joined.push(&separator);
            }
            joined.push(&item);
        }
    }
    let value = match unknown {
        Some(cause) => Value::unknown(Type::String, cause),
        None => joined.finish()?,
    };
    Ok(if sensitive { value.sensitive() } else { value })
}

fn replace(arguments: &[Value]) -> FunctionResult {
    let (whole, part, by) = (str_of(arguments, 0), str_of(arguments, 1), str_of(arguments, 2));
    let mut text = TextBuilder::default();
    let mut done = 0;
    if let Some(pattern) = part.strip_prefix('/').and_then(|it| it.strip_suffix('/')) {
        let mut expanded = String::new();
        for found in compiled(pattern, 1)?.captures_iter(whole) {
            let Some(all) = found.get(0) else { continue };
            text.push_str(&whole[done..all.start()]);
            expanded.clear();
            found.expand(by, &mut expanded);
            text.push_str(&expanded);
            done = all.end();
            if text.is_full() {
                break;
            }
        }
    } else {
        for (start, found) in whole.match_indices(part) {
            text.push_str(&whole[done..start]);
            text.push_str(by);
            done = start + found.len();
            if text.is_full() {
                break;
            }
        }
    }
    text.push_str(&whole[done..]);
    Ok(text.finish()?)
}

fn split(arguments: &[Value]) -> FunctionResult {
    let (separator, whole) = (str_of(arguments, 0), str_of(arguments, 1));
    if separator.is_empty() {
        return Ok(Value::list(whole.chars().map(|it| Value::from(it.to_string()))));
    }
    Ok(Value::list(whole.split(separator).map(Value::from)))
}

/// Known as soon as the beginning is.
fn startswith(arguments: &[Value]) -> FunctionResult {
    let [whole, prefix] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let ((plain, mark), (prefix, prefix_mark)) = (whole.unmark(), prefix.unmark());
    let known_beginning = match whole {
        Value::Composed(parts) => match parts.first() {
            Some(ha_value::TextPart::Clear(it) | ha_value::TextPart::Secret(it)) => Some(&**it),
            _ => None,
        },
        _ => None,
    };
    let value = match (&plain, &prefix, known_beginning) {
        (Value::String(whole), Value::String(prefix), _) => {
            Value::Bool(whole.starts_with(&**prefix))
        }
        (_, Value::String(prefix), Some(beginning)) if beginning.starts_with(&**prefix) => {
            Value::Bool(true)
        }
        (_, Value::String(prefix), Some(beginning)) if !prefix.starts_with(beginning) => {
            Value::Bool(false)
        }
        _ => Value::unknown(Type::Bool, plain.cause().or_else(|| prefix.cause())),
    };
    Ok(if mark || prefix_mark { value.sensitive() } else { value })
}

fn substr(arguments: &[Value]) -> FunctionResult {
    let (whole, offset, length) =
        (str_of(arguments, 0), whole_of(arguments, 1)?, whole_of(arguments, 2)?);
    let count = i64::try_from(whole.graphemes(true).count()).unwrap_or(i64::MAX);
    let start = if offset < 0 { (count + offset).max(0) } else { offset };
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    // From the end on, no length has always meant all of the rest.
    let rest = length < 0 || (length == 0 && offset < 0);
    let taken = if rest { usize::MAX } else { usize::try_from(length).unwrap_or(usize::MAX) };
    text_of(&whole.graphemes(true).skip(start).take(taken).collect::<String>())
}

fn title(arguments: &[Value]) -> FunctionResult {
    let mut before = ' ';
    let mut titled = String::new();
    for c in str_of(arguments, 0).chars() {
        let begins = match before {
            '_' | '0'..='9' | 'a'..='z' | 'A'..='Z' => false,
            before if before.is_ascii() => true,
            before => !before.is_alphanumeric() && before.is_whitespace(),
        };
        titled.push(if begins { one(c, c.to_uppercase()) } else { c });
        before = c;
    }
    text_of(&titled)
}

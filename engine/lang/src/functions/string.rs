//! Functions of strings.

use ha_value::{Text as Parts, Type, Value};
use unicode_segmentation::UnicodeSegmentation;

use super::format::{format, formatlist};
use super::pattern::{compiled, matched_type, regex, regexall};
use super::{
    Function, FunctionBody, FunctionError, FunctionResult, Parameter, ParameterKind, any,
    integer_of, list, number, string_argument, text,
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
    rewriting("chomp", "The string without trailing line ends.", |it| {
        string_result(string_argument(it, 0).trim_end_matches(['\r', '\n']))
    }),
    Function::new(
        "endswith",
        "Whether the string ends with `suffix`.",
        &[text("text"), text("suffix")],
        Bool,
        FunctionBody::Plain(|it| {
            Ok(Value::Bool(string_argument(it, 0).ends_with(string_argument(it, 1))))
        }),
    ),
    Function::new(
        "format",
        "A string with values in place of the `%` verbs: `format(\"%s-%03d\", \"a\", 1)`.",
        &[text("format")],
        Text,
        FunctionBody::Whole(format),
    )
    .many(&VALUES),
    Function::new(
        "formatlist",
        "Like `format`, once for each element of the lists among the values.",
        &[text("format")],
        ParameterKind::List(&Text),
        FunctionBody::Whole(formatlist),
    )
    .many(&VALUES),
    Function::new(
        "indent",
        "The string with spaces added to the beginning of all lines but the first.",
        &[number("spaces"), text("text")],
        Text,
        FunctionBody::Plain(indent),
    ),
    Function::new(
        "join",
        "The strings of all lists, joined with a separator.",
        &[text("separator")],
        Text,
        FunctionBody::Whole(join),
    )
    .many(&LISTS),
    rewriting("lower", "The string in lower case.", |it| {
        string_result(
            &string_argument(it, 0)
                .chars()
                .map(|it| it.to_lowercase().next().unwrap_or(it))
                .collect::<String>(),
        )
    }),
    Function::new(
        "regex",
        "The first match of a pattern: a string, a tuple of its groups, or an object of its named \
            groups.",
        &[text("pattern"), text("text")],
        Any,
        FunctionBody::Plain(regex),
    )
    .typed(matched_type),
    Function::new(
        "regexall",
        "All matches of a pattern; an empty list where there are none.",
        &[text("pattern"), text("text")],
        ParameterKind::List(&Any),
        FunctionBody::Plain(regexall),
    )
    .typed(|it| Type::List(matched_type(it).into())),
    Function::new(
        "replace",
        "The string with all occurrences of `part` replaced; between slashes `part` is a pattern.",
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
        "Whether the string begins with `prefix`.",
        &[text("text"), text("prefix")],
        Bool,
        FunctionBody::Whole(startswith),
    ),
    Function::new(
        "strcontains",
        "Whether `part` occurs in the string.",
        &[text("text"), text("part")],
        Bool,
        FunctionBody::Plain(|it| {
            Ok(Value::Bool(string_argument(it, 0).contains(string_argument(it, 1))))
        }),
    ),
    rewriting("strrev", "The characters of the string in reverse order.", |it| {
        string_result(&string_argument(it, 0).graphemes(true).rev().collect::<String>())
    }),
    Function::new(
        "substr",
        "The substring of `length` characters from `offset`; length -1 means to the end, and a \
            negative offset counts from the end.",
        &[text("text"), number("offset"), number("length")],
        Text,
        FunctionBody::Plain(substr),
    ),
    rewriting("title", "The string with the first letter of each word in upper case.", title),
    Function::new(
        "trim",
        "The string without leading and trailing `characters`.",
        &[text("text"), text("characters")],
        Text,
        FunctionBody::Plain(|it| {
            string_result(
                string_argument(it, 0).trim_matches(|c| string_argument(it, 1).contains(c)),
            )
        }),
    ),
    Function::new(
        "trimprefix",
        "The string without `prefix` at its beginning.",
        &[text("text"), text("prefix")],
        Text,
        FunctionBody::Plain(|it| {
            string_result(
                string_argument(it, 0)
                    .strip_prefix(string_argument(it, 1))
                    .unwrap_or(string_argument(it, 0)),
            )
        }),
    ),
    rewriting("trimspace", "The string without leading and trailing white space.", |it| {
        string_result(string_argument(it, 0).trim())
    }),
    Function::new(
        "trimsuffix",
        "The string without `suffix` at its end.",
        &[text("text"), text("suffix")],
        Text,
        FunctionBody::Plain(|it| {
            string_result(
                string_argument(it, 0)
                    .strip_suffix(string_argument(it, 1))
                    .unwrap_or(string_argument(it, 0)),
            )
        }),
    ),
    rewriting("upper", "The string in upper case.", |it| {
        string_result(
            &string_argument(it, 0)
                .chars()
                .map(|it| single_or_same(it, it.to_uppercase()))
                .collect::<String>(),
        )
    }),
];

#[expect(clippy::unnecessary_wraps, reason = "it is the last expression of fallible functions")]
fn string_result(text: &str) -> FunctionResult {
    Ok(Value::from(text))
}

/// The result of a case conversion where it is a single character; otherwise the character itself.
/// Go converts character by character, so that `ß` stays `ß`.
fn single_or_same(c: char, mut converted: impl Iterator<Item = char>) -> char {
    match (converted.next(), converted.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

fn indent(arguments: &[Value]) -> FunctionResult {
    let spaces = usize::try_from(integer_of(arguments, 0)?)
        .map_err(|_| FunctionError::argument(0, "it must not be negative"))?;
    let text = string_argument(arguments, 1);
    // The size is computed first, so that a huge number of spaces allocates nothing.
    let breaks = text.matches('\n').count();
    if breaks.max(1).saturating_mul(spaces) > TextTooLong::LIMIT {
        return Err(FunctionError::new(TextTooLong::MESSAGE));
    }
    let margin = if breaks > 0 { " ".repeat(spaces) } else { String::new() };
    string_result(&text.replace('\n', &format!("\n{margin}")))
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
    // The separator belongs between all elements of all lists, so the flag spans the lists.
    let mut first = true;
    let mut unknown = None;
    for (index, list) in lists.iter().enumerate() {
        let (plain, mark) = list.unmark();
        sensitive |= mark;
        // An unknown list does not end the loop: a null in a later list is an error in any case.
        let Some(items) = plain.elements() else {
            unknown = unknown.or(Some(plain.cause()));
            continue;
        };
        for item in items {
            let Some(item) = Parts::from_value(item).filter(|_| !item.is_null()) else {
                return Err(FunctionError::argument(
                    index + 1,
                    "null cannot be joined; `compact` removes nulls",
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
    let (text, part, replacement) = (
        string_argument(arguments, 0),
        string_argument(arguments, 1),
        string_argument(arguments, 2),
    );
    let mut replaced = TextBuilder::default();
    let mut done = 0;
    if let Some(pattern) = part.strip_prefix('/').and_then(|it| it.strip_suffix('/')) {
        let mut expanded = String::new();
        for found in compiled(pattern, 1)?.captures_iter(text) {
            let Some(all) = found.get(0) else { continue };
            replaced.push_str(&text[done..all.start()]);
            expanded.clear();
            found.expand(replacement, &mut expanded);
            replaced.push_str(&expanded);
            done = all.end();
            // The length is bounded while the string grows, not only at the end.
            if replaced.is_full() {
                break;
            }
        }
    } else {
        for (start, found) in text.match_indices(part) {
            replaced.push_str(&text[done..start]);
            replaced.push_str(replacement);
            done = start + found.len();
            if replaced.is_full() {
                break;
            }
        }
    }
    replaced.push_str(&text[done..]);
    Ok(replaced.finish()?)
}

fn split(arguments: &[Value]) -> FunctionResult {
    let (separator, text) = (string_argument(arguments, 0), string_argument(arguments, 1));
    // `str::split` with an empty pattern would add an empty string at both ends.
    if separator.is_empty() {
        return Ok(Value::list(text.chars().map(|it| Value::from(it.to_string()))));
    }
    Ok(Value::list(text.split(separator).map(Value::from)))
}

/// Whether a string starts with a prefix. The result is known as soon as the beginning of the
/// string is, such as for `"https://${aws_lb.a.dns_name}"`.
fn startswith(arguments: &[Value]) -> FunctionResult {
    let [text, prefix] = arguments else {
        return Err(FunctionError::new("two arguments are required"));
    };
    let ((plain, mark), (prefix, prefix_mark)) = (text.unmark(), prefix.unmark());
    let known_beginning = match text {
        Value::Composed(parts) => match parts.first() {
            Some(ha_value::TextPart::Clear(it) | ha_value::TextPart::Secret(it)) => Some(&**it),
            _ => None,
        },
        _ => None,
    };
    let value = match (&plain, &prefix, known_beginning) {
        (Value::String(text), Value::String(prefix), _) => Value::Bool(text.starts_with(&**prefix)),
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
    let (text, offset, length) =
        (string_argument(arguments, 0), integer_of(arguments, 1)?, integer_of(arguments, 2)?);
    let count = i64::try_from(text.graphemes(true).count()).unwrap_or(i64::MAX);
    let start = if offset < 0 { (count + offset).max(0) } else { offset };
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    // Terraform treats a length of 0 with a negative offset as "to the end".
    let to_end = length < 0 || (length == 0 && offset < 0);
    let taken = if to_end { usize::MAX } else { usize::try_from(length).unwrap_or(usize::MAX) };
    string_result(&text.graphemes(true).skip(start).take(taken).collect::<String>())
}

fn title(arguments: &[Value]) -> FunctionResult {
    // The word boundaries of Go's `strings.Title`: any ASCII character except letters, digits and
    // `_`, and beyond ASCII only white space.
    let mut before = ' ';
    let mut titled = String::new();
    for c in string_argument(arguments, 0).chars() {
        let begins = match before {
            '_' | '0'..='9' | 'a'..='z' | 'A'..='Z' => false,
            before if before.is_ascii() => true,
            before => !before.is_alphanumeric() && before.is_whitespace(),
        };
        titled.push(if begins { single_or_same(c, c.to_uppercase()) } else { c });
        before = c;
    }
    string_result(&titled)
}

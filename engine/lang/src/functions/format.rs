//! `format` and `formatlist`: strings with verbs such as `%s` and `%03d` in place of values, with
//! the rules of Go's `fmt` as far as Terraform has them.

use std::iter::Peekable;
use std::str::CharIndices;

use ha_value::{DecimalPrecision, Number, Text, TextPart, Type, Value, convert};
use unicode_segmentation::UnicodeSegmentation;

use super::collection::with_mark;
use super::{FunctionError, FunctionResult};
use crate::evaluate::{TextBuilder, is_open};
use crate::functions::encoding::json_text;

/// One `%` sequence of a format.
#[derive(Clone, Debug, Default)]
struct FormatSpecifier {
    /// The sequence as written, for messages.
    raw: String,
    verb: char,
    plus: bool,
    minus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
    /// The index of the argument, from 0.
    argument: usize,
}

enum FormatItem {
    Literal(String),
    Place(FormatSpecifier),
}

/// Greatest width or precision; a larger one would only serve to exhaust the memory.
const MAX_WIDTH: usize = 1 << 16;

pub(super) fn format(arguments: &[Value]) -> FunctionResult {
    let [template, values @ ..] = arguments else {
        return Err(FunctionError::new("a format is required"));
    };
    let (template, sensitive) = template.unmark();
    let Value::String(template) = &template else {
        return Ok(with_mark(Value::unknown(Type::String, template.cause()), sensitive));
    };
    let items = parsed(template)?;
    let value = formatted_items(&items, &values.iter().collect::<Vec<_>>())?;
    Ok(with_mark(value, sensitive))
}

pub(super) fn formatlist(arguments: &[Value]) -> FunctionResult {
    let [template, values @ ..] = arguments else {
        return Err(FunctionError::new("a format is required"));
    };
    let (template, mut sensitive) = template.unmark();
    let unknown = |it: &Value| Value::unknown(Type::List(Type::String.into()), it.cause());
    let Value::String(template) = &template else {
        return Ok(with_mark(unknown(&template), sensitive));
    };
    let items = parsed(template)?;
    let mut columns: Vec<Result<Vec<Value>, &Value>> = Vec::new();
    let mut length: Option<(usize, usize)> = None;
    for (index, value) in values.iter().enumerate() {
        let (plain, mark) = match value {
            Value::Sensitive(inner) => (&**inner, true),
            it => (it, false),
        };
        // An unknown that may be a list leaves the number of rows open; any other unknown is one
        // value for all rows.
        if let Value::Unknown(it) = plain
            && matches!(it.ty, Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_))
        {
            return Ok(with_mark(unknown(plain), sensitive || mark));
        }
        if is_open(plain) {
            return Ok(with_mark(unknown(plain), sensitive || mark || plain.contains_sensitive()));
        }
        let Some(elements) = plain.elements() else {
            columns.push(Err(value));
            continue;
        };
        sensitive |= mark;
        match length {
            Some((first, length)) if length != elements.len() => {
                let message = format!(
                    "it has {} elements, but argument {} has {length}",
                    elements.len(),
                    first + 1
                );
                return Err(FunctionError::argument(index + 1, message));
            }
            _ => length = length.or(Some((index, elements.len()))),
        }
        columns.push(Ok(elements.into_iter().cloned().collect()));
    }
    // Without a list among the values there is one row, as in Terraform.
    let rows = length.map_or(1, |(_, length)| length);
    let row = |row: usize| {
        let values: Vec<&Value> = columns
            .iter()
            .map(|it| match it {
                Ok(items) => &items[row],
                Err(same) => *same,
            })
            .collect();
        formatted_items(&items, &values)
    };
    let list = (0..rows).map(row).collect::<Result<Vec<_>, _>>()?;
    Ok(with_mark(Value::list(list), sensitive))
}

/// The literals and verbs of a format.
fn parsed(template: &str) -> Result<Vec<FormatItem>, FunctionError> {
    let mut items = Vec::new();
    let mut literal = String::new();
    let mut next = 0;
    let mut chars = template.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c != '%' {
            literal.push(c);
            continue;
        }
        if chars.next_if(|(_, it)| *it == '%').is_some() {
            literal.push('%');
            continue;
        }
        let specifier = specifier(template, start, &mut chars, &mut next)?;
        if !literal.is_empty() {
            items.push(FormatItem::Literal(std::mem::take(&mut literal)));
        }
        items.push(FormatItem::Place(specifier));
    }
    if !literal.is_empty() {
        items.push(FormatItem::Literal(literal));
    }
    Ok(items)
}

fn specifier(
    template: &str,
    start: usize,
    chars: &mut Peekable<CharIndices<'_>>,
    next: &mut usize,
) -> Result<FormatSpecifier, FunctionError> {
    let mut specifier = FormatSpecifier::default();
    while let Some((_, flag)) = chars.next_if(|(_, it)| "+- 0#".contains(*it)) {
        match flag {
            '+' => specifier.plus = true,
            '-' => specifier.minus = true,
            ' ' => specifier.space = true,
            '0' => specifier.zero = true,
            _ => specifier.sharp = true,
        }
    }
    specifier.width = digits(chars)?.unwrap_or(0);
    if chars.next_if(|(_, it)| *it == '.').is_some() {
        specifier.precision = Some(digits(chars)?.unwrap_or(0));
    }
    if chars.next_if(|(_, it)| *it == '[').is_some() {
        let index = digits(chars)?.filter(|it| *it > 0);
        let closed = chars.next_if(|(_, it)| *it == ']').is_some();
        match index.filter(|_| closed) {
            // An explicit index also moves the position for the verbs after it, as in Go.
            Some(index) => *next = index - 1,
            None => {
                return Err(FunctionError::argument(
                    0,
                    format!(
                        "`%[` at character {start} must be followed by a number from 1 and `]`"
                    ),
                ));
            }
        }
    }
    let Some((end, verb)) = chars.next() else {
        return Err(FunctionError::argument(
            0,
            "it ends in the middle of a `%`; write `%%` for a percent sign",
        ));
    };
    specifier.raw = template[start..end + verb.len_utf8()].to_owned();
    if !"vtbdoxXeEfgGsq".contains(verb) {
        return Err(FunctionError::argument(
            0,
            format!("`{}`: there is no verb `{verb}`", specifier.raw),
        ));
    }
    specifier.verb = verb;
    specifier.argument = *next;
    *next += 1;
    Ok(specifier)
}

fn digits(chars: &mut Peekable<CharIndices<'_>>) -> Result<Option<usize>, FunctionError> {
    let mut number = None;
    while let Some((_, c)) = chars.next_if(|(_, it)| it.is_ascii_digit()) {
        let so_far = number.unwrap_or(0usize) * 10 + (c as usize - '0' as usize);
        if so_far > MAX_WIDTH {
            return Err(FunctionError::argument(
                0,
                format!("a width or precision is greater than {MAX_WIDTH}"),
            ));
        }
        number = Some(so_far);
    }
    Ok(number)
}

/// The format with its values, each of which must be used.
fn formatted_items(items: &[FormatItem], values: &[&Value]) -> FunctionResult {
    let mut text = TextBuilder::default();
    let mut used = 0;
    for item in items {
        match item {
            FormatItem::Literal(literal) => text.push_str(literal),
            FormatItem::Place(specifier) => {
                used = used.max(specifier.argument + 1);
                let Some(value) = values.get(specifier.argument) else {
                    let message = format!(
                        "`{}` needs argument {}, but there are {}",
                        specifier.raw,
                        used,
                        values.len()
                    );
                    return Err(FunctionError::argument(0, message));
                };
                push(specifier, value, &mut text)?;
            }
        }
    }
    // Superfluous arguments are an error in Terraform, where Go only appends a note.
    if used < values.len() {
        let message = format!("there are {} arguments, but the format uses {used}", values.len());
        return Err(FunctionError::argument(0, message));
    }
    Ok(text.finish()?)
}

fn push(
    specifier: &FormatSpecifier,
    value: &Value,
    text: &mut TextBuilder,
) -> Result<(), FunctionError> {
    // A verb without width keeps the parts of a composed string; any other one needs the
    // characters, so that the whole value becomes one secret or unknown part.
    let bare = matches!(specifier.verb, 's' | 'v')
        && specifier.width == 0
        && specifier.precision.is_none()
        && !specifier.sharp;
    if bare && let Value::Composed(_) = value {
        text.push(&Text::from_value(value).expect("a composed string is a string"));
        return Ok(());
    }
    let secret = value.contains_sensitive();
    if !value.is_wholly_known() {
        text.push_part(TextPart::unknown(value.cause(), secret));
        return Ok(());
    }
    match secret {
        true => text.push_part(TextPart::Secret(formatted(specifier, &value.revealed())?.into())),
        false => text.push_str(&formatted(specifier, &value.revealed())?),
    }
    Ok(())
}

fn formatted(specifier: &FormatSpecifier, value: &Value) -> Result<String, FunctionError> {
    let wrong = |wants: &str| {
        let given = if value.is_null() {
            "null".into()
        } else {
            crate::describe::a_kind(value).to_string()
        };
        FunctionError::argument(
            specifier.argument + 1,
            format!("`{}` takes {wants}, not {given}", specifier.raw),
        )
    };
    let as_type = |ty: &Type, wants: &str| match value {
        Value::Null(_) => Err(wrong(wants)),
        value => convert(value, ty).map_err(|_| wrong(wants)),
    };
    let body = match specifier.verb {
        'v' if specifier.sharp => json_text(value),
        'v' => match value {
            Value::String(text) => return Ok(padded(specifier, truncated(specifier, text))),
            Value::Number(number) => general(number, specifier, None, 'e'),
            Value::Bool(it) => it.to_string(),
            other => json_text(other),
        },
        's' | 'q' => {
            let Value::String(text) = as_type(&Type::String, "a string")? else {
                return Err(wrong("a string"));
            };
            let text = truncated(specifier, &text);
            if specifier.verb == 'q' { json_text(&Value::from(text)) } else { text }
        }
        't' => match as_type(&Type::Bool, "true or false")? {
            Value::Bool(it) => it.to_string(),
            _ => return Err(wrong("true or false")),
        },
        _ => {
            let Value::Number(number) = as_type(&Type::Number, "a number")? else {
                return Err(wrong("a number"));
            };
            return numeric(specifier, &number).ok_or_else(|| wrong("a whole number"));
        }
    };
    Ok(padded(specifier, body))
}

fn truncated(specifier: &FormatSpecifier, text: &str) -> String {
    match specifier.precision {
        Some(precision) => text.graphemes(true).take(precision).collect(),
        None => text.to_owned(),
    }
}

fn padded(specifier: &FormatSpecifier, body: String) -> String {
    // The width counts user-perceived characters, and `take` bounds the work for a long string.
    let missing = specifier.width - body.graphemes(true).take(specifier.width).count();
    match (specifier.minus, specifier.zero) {
        (true, _) => body + &" ".repeat(missing),
        (false, true) => "0".repeat(missing) + &body,
        (false, false) => " ".repeat(missing) + &body,
    }
}

/// A number by its verb; `None` where it must be an integer and is not.
fn numeric(specifier: &FormatSpecifier, number: &Number) -> Option<String> {
    let magnitude = number.magnitude();
    let body = match specifier.verb {
        'b' | 'd' | 'o' | 'x' | 'X' => {
            let integer = magnitude.as_integer()?;
            let (radix, prefix) = match specifier.verb {
                'b' => (2, "0b"),
                'o' => (8, "0"),
                'x' => (16, "0x"),
                'X' => (16, "0X"),
                _ => (10, ""),
            };
            let digits = integer.to_str_radix(radix);
            let digits = if specifier.verb == 'X' { digits.to_uppercase() } else { digits };
            let zeros = specifier.precision.unwrap_or(0).saturating_sub(digits.len());
            format!("{}{}{digits}", if specifier.sharp { prefix } else { "" }, "0".repeat(zeros))
        }
        'f' => {
            let places = specifier.precision.unwrap_or(6);
            let (digits, point) = magnitude.digits(DecimalPrecision::AfterPoint(places));
            fixed_point(&digits, point, places)
        }
        'e' | 'E' => {
            let (digits, point) = magnitude
                .digits(DecimalPrecision::Significant(specifier.precision.unwrap_or(6) + 1));
            scientific(&digits, point, specifier.precision.unwrap_or(6), specifier.verb)
        }
        _ => general(
            &magnitude,
            specifier,
            specifier.precision,
            if specifier.verb == 'G' { 'E' } else { 'e' },
        ),
    };
    let sign = match () {
        () if number.is_negative() => "-",
        () if specifier.plus => "+",
        () if specifier.space => " ",
        () => "",
    };
    // Padding zeros go between the sign and the digits, so the sign takes part of the width.
    if specifier.zero && !specifier.minus {
        let inner = FormatSpecifier {
            width: specifier.width.saturating_sub(sign.len()),
            ..specifier.clone()
        };
        return Some(format!("{sign}{}", padded(&inner, body)));
    }
    Some(padded(specifier, format!("{sign}{body}")))
}

/// Digits in fixed-point notation with this many places behind the point.
fn fixed_point(digits: &str, point: i64, places: usize) -> String {
    let digit = |at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| digits.as_bytes().get(at))
            .map_or('0', |it| char::from(*it))
    };
    let whole: String =
        (0..point.max(1)).map(|it| if point < 1 { '0' } else { digit(it) }).collect();
    if places == 0 {
        return whole;
    }
    let fraction: String =
        (0..i64::try_from(places).unwrap_or(0)).map(|it| digit(point + it)).collect();
    format!("{whole}.{fraction}")
}

fn scientific(digits: &str, point: i64, places: usize, sign: char) -> String {
    let zero = digits.bytes().all(|it| it == b'0');
    let (first, rest) = if digits.is_empty() { ("0", "") } else { digits.split_at(1) };
    let fraction = format!("{rest:0<places$}");
    let power = if zero { 0 } else { point - 1 };
    let point = if places > 0 { "." } else { "" };
    format!(
        "{first}{point}{}{sign}{}{:02}",
        &fraction[..places],
        if power < 0 { '-' } else { '+' },
        power.abs()
    )
}

/// The verb `%g`: the shortest notation, with an exponent below 10^-4 and from the precision on;
/// where none is given, Go takes 6 for this decision alone.
fn general(
    number: &Number,
    specifier: &FormatSpecifier,
    precision: Option<usize>,
    sign: char,
) -> String {
    let negative = if number.is_negative() { "-" } else { "" };
    let wanted = match precision.or(specifier.precision) {
        Some(precision) => DecimalPrecision::Significant(precision.max(1)),
        None => DecimalPrecision::Shortest,
    };
    let (digits, point) = number.magnitude().digits(wanted);
    let digits = digits.trim_end_matches('0');
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let most = match precision.or(specifier.precision) {
        Some(precision) => {
            let precision = i64::try_from(precision.max(1)).unwrap_or(i64::MAX);
            if precision > length && length >= point { length } else { precision }
        }
        None => 6,
    };
    let power = if digits.is_empty() { 0 } else { point - 1 };
    if power < -4 || power >= most {
        return format!(
            "{negative}{}",
            scientific(digits, point, digits.len().saturating_sub(1), sign)
        );
    }
    let places = usize::try_from(length - point).unwrap_or(0);
    format!("{negative}{}", fixed_point(digits, point, if digits.is_empty() { 0 } else { places }))
}

//! `format` and `formatlist`: strings with places for values.

use std::iter::Peekable;
use std::str::CharIndices;

use ha_value::{DecimalPrecision, Number, Text, TextPart, Type, Value, convert};
use unicode_segmentation::UnicodeSegmentation;

use super::{FunctionError, FunctionResult};
use crate::evaluate::{TextBuilder, is_open};
use crate::functions::encoding::json_text;

/// A place for a value.
#[derive(Clone, Debug, Default)]
struct FormatSpecifier {
    /// As it is written.
    raw: String,
    verb: char,
    plus: bool,
    minus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
    /// Which argument, from 0.
    argument: usize,
}

enum FormatItem {
    Literal(String),
    Place(FormatSpecifier),
}

/// Wider fields than this are refused.
const WIDEST: usize = 1 << 16;

pub(super) fn format(arguments: &[Value]) -> FunctionResult {
    let [template, values @ ..] = arguments else {
        return Err(FunctionError::new("a format is required"));
    };
    let (template, sensitive) = template.unmark();
    let Value::String(template) = &template else {
        return Ok(marked(Value::unknown(Type::String, template.cause()), sensitive));
    };
    let items = parsed(template)?;
    let value = filled(&items, &values.iter().collect::<Vec<_>>())?;
    Ok(marked(value, sensitive))
}

pub(super) fn formatlist(arguments: &[Value]) -> FunctionResult {
    let [template, values @ ..] = arguments else {
        return Err(FunctionError::new("a format is required"));
    };
    let (template, mut sensitive) = template.unmark();
    let unknown = |it: &Value| Value::unknown(Type::List(Type::String.into()), it.cause());
    let Value::String(template) = &template else {
        return Ok(marked(unknown(&template), sensitive));
    };
    let items = parsed(template)?;
    let mut columns: Vec<Result<Vec<Value>, &Value>> = Vec::new();
    let mut length: Option<(usize, usize)> = None;
    for (index, value) in values.iter().enumerate() {
        let (plain, mark) = match value {
            Value::Sensitive(inner) => (&**inner, true),
            it => (it, false),
        };
        if let Value::Unknown(it) = plain
            && matches!(it.ty, Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_))
        {
            return Ok(marked(unknown(plain), sensitive || mark));
        }
        if is_open(plain) {
            return Ok(marked(unknown(plain), sensitive || mark || plain.contains_sensitive()));
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
    let rows = length.map_or(1, |(_, length)| length);
    let row = |row: usize| {
        let values: Vec<&Value> = columns
            .iter()
            .map(|it| match it {
                Ok(items) => &items[row],
                Err(same) => *same,
            })
            .collect();
        filled(&items, &values)
    };
    let list = (0..rows).map(row).collect::<Result<Vec<_>, _>>()?;
    Ok(marked(Value::list(list), sensitive))
}

fn marked(value: Value, sensitive: bool) -> Value {
    if sensitive { value.sensitive() } else { value }
}

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
        let place = place(template, start, &mut chars, &mut next)?;
        if !literal.is_empty() {
            items.push(FormatItem::Literal(std::mem::take(&mut literal)));
        }
        items.push(FormatItem::Place(place));
    }
    if !literal.is_empty() {
        items.push(FormatItem::Literal(literal));
    }
    Ok(items)
}

fn place(
    template: &str,
    start: usize,
    chars: &mut Peekable<CharIndices<'_>>,
    next: &mut usize,
) -> Result<FormatSpecifier, FunctionError> {
    let mut place = FormatSpecifier::default();
    while let Some((_, flag)) = chars.next_if(|(_, it)| "+- 0#".contains(*it)) {
        match flag {
            '+' => place.plus = true,
            '-' => place.minus = true,
            ' ' => place.space = true,
            '0' => place.zero = true,
            _ => place.sharp = true,
        }
    }
    place.width = digits(chars)?.unwrap_or(0);
    if chars.next_if(|(_, it)| *it == '.').is_some() {
        place.precision = Some(digits(chars)?.unwrap_or(0));
    }
    if chars.next_if(|(_, it)| *it == '[').is_some() {
        let index = digits(chars)?.filter(|it| *it > 0);
        let closed = chars.next_if(|(_, it)| *it == ']').is_some();
        match index.filter(|_| closed) {
            Some(index) => *next = index - 1,
            None => {
                return Err(FunctionError::argument(
                    0,
                    format!("`%[` at character {start} must go on with a number from 1 on and `]`"),
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
    place.raw = template[start..end + verb.len_utf8()].to_owned();
    if !"vtbdoxXeEfgGsq".contains(verb) {
        return Err(FunctionError::argument(
            0,
            format!("`{}`: there is no verb `{verb}`", place.raw),
        ));
    }
    place.verb = verb;
    place.argument = *next;
    *next += 1;
    Ok(place)
}

fn digits(chars: &mut Peekable<CharIndices<'_>>) -> Result<Option<usize>, FunctionError> {
    let mut number = None;
    while let Some((_, c)) = chars.next_if(|(_, it)| it.is_ascii_digit()) {
        let so_far = number.unwrap_or(0usize) * 10 + (c as usize - '0' as usize);
        if so_far > WIDEST {
            return Err(FunctionError::argument(
                0,
                format!("a width or precision is greater than {WIDEST}"),
            ));
        }
        number = Some(so_far);
    }
    Ok(number)
}

fn filled(items: &[FormatItem], values: &[&Value]) -> FunctionResult {
    let mut text = TextBuilder::default();
    let mut used = 0;
    for item in items {
        match item {
            FormatItem::Literal(literal) => text.push_str(literal),
            FormatItem::Place(place) => {
                used = used.max(place.argument + 1);
                let Some(value) = values.get(place.argument) else {
                    let message = format!(
                        "`{}` needs argument {}, but there are {}",
                        place.raw,
                        used,
                        values.len()
                    );
                    return Err(FunctionError::argument(0, message));
                };
                push(place, value, &mut text)?;
            }
        }
    }
    if used < values.len() {
        let message = format!("there are {} arguments, but the format uses {used}", values.len());
        return Err(FunctionError::argument(0, message));
    }
    Ok(text.finish()?)
}

fn push(
    place: &FormatSpecifier,
    value: &Value,
    text: &mut TextBuilder,
) -> Result<(), FunctionError> {
    let bare = matches!(place.verb, 's' | 'v')
        && place.width == 0
        && place.precision.is_none()
        && !place.sharp;
    if bare && let Value::Composed(_) = value {
        text.push(&Text::from_value(value).expect("a composed text is one"));
        return Ok(());
    }
    let secret = value.contains_sensitive();
    if !value.is_wholly_known() {
        text.push_part(TextPart::unknown(value.cause(), secret));
        return Ok(());
    }
    match secret {
        true => text.push_part(TextPart::Secret(formatted(place, &value.revealed())?.into())),
        false => text.push_str(&formatted(place, &value.revealed())?),
    }
    Ok(())
}

fn formatted(place: &FormatSpecifier, value: &Value) -> Result<String, FunctionError> {
    let wrong = |wants: &str| {
        let given = if value.is_null() {
            "null".into()
        } else {
            crate::describe::a_kind(value).to_string()
        };
        FunctionError::argument(
            place.argument + 1,
            format!("`{}` takes {wants}, not {given}", place.raw),
        )
    };
    let as_type = |ty: &Type, wants: &str| match value {
        Value::Null(_) => Err(wrong(wants)),
        value => convert(value, ty).map_err(|_| wrong(wants)),
    };
    let body = match place.verb {
        'v' if place.sharp => json_text(value),
        'v' => match value {
            Value::String(text) => return Ok(padded(place, cut(place, text))),
            Value::Number(number) => general(number, place, None, 'e'),
            Value::Bool(it) => it.to_string(),
            other => json_text(other),
        },
        's' | 'q' => {
            let Value::String(text) = as_type(&Type::String, "a string")? else {
                return Err(wrong("a string"));
            };
            let text = cut(place, &text);
            if place.verb == 'q' { json_text(&Value::from(text)) } else { text }
        }
        't' => match as_type(&Type::Bool, "true or false")? {
            Value::Bool(it) => it.to_string(),
            _ => return Err(wrong("true or false")),
        },
        _ => {
            let Value::Number(number) = as_type(&Type::Number, "a number")? else {
                return Err(wrong("a number"));
            };
            return numeric(place, &number).ok_or_else(|| wrong("a whole number"));
        }
    };
    Ok(padded(place, body))
}

fn cut(place: &FormatSpecifier, text: &str) -> String {
    match place.precision {
        Some(precision) => text.graphemes(true).take(precision).collect(),
        None => text.to_owned(),
    }
}

fn padded(place: &FormatSpecifier, body: String) -> String {
    let missing = place.width - body.graphemes(true).take(place.width).count();
    match (place.minus, place.zero) {
        (true, _) => body + &" ".repeat(missing),
        (false, true) => "0".repeat(missing) + &body,
        (false, false) => " ".repeat(missing) + &body,
    }
}

/// A number by its verb; none where it must be whole and is not.
fn numeric(place: &FormatSpecifier, number: &Number) -> Option<String> {
    let magnitude = number.magnitude();
    let body = match place.verb {
        'b' | 'd' | 'o' | 'x' | 'X' => {
            let whole = magnitude.as_integer()?;
            let (radix, prefix) = match place.verb {
                'b' => (2, "0b"),
                'o' => (8, "0"),
                'x' => (16, "0x"),
                'X' => (16, "0X"),
                _ => (10, ""),
            };
            let digits = whole.to_str_radix(radix);
            let digits = if place.verb == 'X' { digits.to_uppercase() } else { digits };
            let zeros = place.precision.unwrap_or(0).saturating_sub(digits.len());
            format!("{}{}{digits}", if place.sharp { prefix } else { "" }, "0".repeat(zeros))
        }
        'f' => {
            let places = place.precision.unwrap_or(6);
            let (digits, point) = magnitude.digits(DecimalPrecision::AfterPoint(places));
            plain(&digits, point, places)
        }
        'e' | 'E' => {
            let (digits, point) =
                magnitude.digits(DecimalPrecision::Significant(place.precision.unwrap_or(6) + 1));
            scientific(&digits, point, place.precision.unwrap_or(6), place.verb)
        }
        _ => general(&magnitude, place, place.precision, if place.verb == 'G' { 'E' } else { 'e' }),
    };
    let sign = match () {
        () if number.is_negative() => "-",
        () if place.plus => "+",
        () if place.space => " ",
        () => "",
    };
    // Zeros go between the sign and the digits.
    if place.zero && !place.minus {
        let inner =
            FormatSpecifier { width: place.width.saturating_sub(sign.len()), ..place.clone() };
        return Some(format!("{sign}{}", padded(&inner, body)));
    }
    Some(padded(place, format!("{sign}{body}")))
}

/// Digits with the point where it belongs.
fn plain(digits: &str, point: i64, places: usize) -> String {
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

/// As short as possible: with an exponent where the number is very large or very small.
fn general(
    number: &Number,
    place: &FormatSpecifier,
    precision: Option<usize>,
    sign: char,
) -> String {
    let negative = if number.is_negative() { "-" } else { "" };
    let wanted = match precision.or(place.precision) {
        Some(precision) => DecimalPrecision::Significant(precision.max(1)),
        None => DecimalPrecision::Shortest,
    };
    let (digits, point) = number.magnitude().digits(wanted);
    let digits = digits.trim_end_matches('0');
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let most = match precision.or(place.precision) {
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
    format!("{negative}{}", plain(digits, point, if digits.is_empty() { 0 } else { places }))
}

//! Parses CSV by the rules of Go's `encoding/csv`.

use std::sync::Arc;

use ha_value::{AttributeType, Name, Object, Type, Value};

/// The rows of a CSV document as objects, with attributes named by its first line; the error is a
/// sentence.
pub(super) fn decoded(text: &str) -> Result<Value, String> {
    // The `csv` crate accepts quotes inside of fields, where Go reports an error.
    if let Some(line) = stray_quote(text) {
        return Err(format!(
            "this is not CSV: there is a quote in the middle of a field, in line {line}"
        ));
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut rows = reader.records();
    let wrong = |error: csv::Error| match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            format!(
                "this is not CSV: line {} has {len} fields, not {expected_len}",
                pos.as_ref().map_or(0, csv::Position::line)
            )
        }
        _ => format!("this is not CSV: {error}"),
    };
    let head =
        rows.next().ok_or("this is not CSV: the line of names is missing")?.map_err(wrong)?;
    let names: Vec<Name> = head.iter().map(Name::from).collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            return Err(format!("two columns have the name \"{name}\""));
        }
    }
    let row = |row: csv::StringRecord| {
        let fields: Object = names.iter().cloned().zip(row.iter().map(Value::from)).collect();
        Value::Object(Arc::new(fields))
    };
    let attribute = |name: &Name| {
        (name.clone(), AttributeType { ty: Type::String, optional: false, default: None })
    };
    // The type is stated for a document without rows, whose list has no element to show it.
    let of = Type::Object(Arc::new(names.iter().map(attribute).collect()));
    rows.map(|it| it.map(row).map_err(wrong))
        .collect::<Result<Vec<_>, _>>()
        .map(|rows| Value::list_of(&of, rows))
}

/// The line of a quote inside an unquoted field or after a closing quote, or of a quote that is
/// never closed.
fn stray_quote(text: &str) -> Option<usize> {
    let mut line = 1;
    let (mut quoted, mut begins) = (false, true);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted => match chars.peek() {
                Some('"') => drop(chars.next()),
                None | Some(',' | '\n' | '\r') => quoted = false,
                Some(_) => return Some(line),
            },
            _ if quoted => {}
            '"' if begins => quoted = true,
            '"' => return Some(line),
            _ => {}
        }
        begins = !quoted && matches!(c, ',' | '\n');
    }
    quoted.then_some(line)
}

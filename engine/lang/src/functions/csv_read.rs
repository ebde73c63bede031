//! Reads CSV.

use std::sync::Arc;

use ha_value::{AttributeType, Name, Object, Type, Value};

/// The rows of a CSV text as objects, by the names in its first line.
pub(super) fn decoded(text: &str) -> Result<Value, String> {
    if let Some(line) = stray_quote(text) {
        return Err(format!(
            "this is not CSV: a quote stands in the middle of a field, in line {line}"
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
            return Err(format!("two columns are called \"{name}\""));
        }
    }
    let row = |row: csv::StringRecord| {
        let fields: Object = names.iter().cloned().zip(row.iter().map(Value::from)).collect();
        Value::Object(Arc::new(fields))
    };
    let attribute = |name: &Name| {
        (name.clone(), AttributeType { ty: Type::String, optional: false, default: None })
    };
    let of = Type::Object(Arc::new(names.iter().map(attribute).collect()));
    rows.map(|it| it.map(row).map_err(wrong))
        .collect::<Result<Vec<_>, _>>()
        .map(|rows| Value::list_of(&of, rows))
}

/// The line of a quote in a field that does not begin with one, or behind the one that ends it.
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

//! A value as the language would write it, on one line or on several.

use std::fmt::Write as _;

use super::shown::{Piece, SENSITIVE, Shown, printable, unknown};

/// On one line.
pub(crate) fn inline(value: &Shown) -> String {
    match value {
        Shown::Null => "null".into(),
        Shown::Bool(it) => it.to_string(),
        Shown::Number(it) => it.clone(),
        Shown::Text(pieces) => quoted(pieces),
        Shown::Base64 { decoded, .. } => format!("base64 of {}", quoted(decoded)),
        Shown::List(items) | Shown::Set(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Shown::Object(items) if items.is_empty() => "{}".into(),
        Shown::Object(items) => {
            let each = items.iter().map(|(name, it)| format!("{} = {}", key(name), inline(it)));
            format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
        }
        Shown::Unknown { cause, secret } => unknown(cause.as_deref(), *secret),
        Shown::Secret(_) => SENSITIVE.into(),
    }
}

/// On as many lines as it takes, the first without indent.
pub(crate) fn set_out(value: &Shown, indent: usize) -> String {
    let outer = " ".repeat(indent);
    match value {
        Shown::List(items) | Shown::Set(items) if !items.is_empty() => {
            let mut text = String::from("[\n");
            for item in items {
                let _ = writeln!(text, "{outer}  {},", set_out(item, indent + 2));
            }
            text + &outer + "]"
        }
        Shown::Object(items) if !items.is_empty() => {
            let width = items.keys().map(|it| key(it).chars().count()).max().unwrap_or(0);
            let mut text = String::from("{\n");
            for (name, item) in items {
                let _ = writeln!(text, "{outer}  {:width$} = {}", key(name), set_out(item, indent + 2));
            }
            text + &outer + "}"
        }
        text if text.is_long_text() => heredoc(text.pieces().unwrap_or_default(), &outer),
        other => inline(other),
    }
}

fn heredoc(pieces: &[Piece], outer: &str) -> String {
    let whole: String = pieces.iter().map(piece).collect();
    let mut text = String::from("<<-EOT\n");
    for line in whole.trim_end_matches('\n').split('\n') {
        let _ = match line.is_empty() {
            true => writeln!(text),
            false => writeln!(text, "{outer}  {}", printable(line)),
        };
    }
    text + outer + "EOT"
}

/// A text in quotes; a marker that stands alone without.
fn quoted(pieces: &[Piece]) -> String {
    match pieces {
        [only @ (Piece::Secret(_) | Piece::Unknown { .. })] => return piece(only),
        several if several.len() > 1 && several.iter().all(|it| matches!(it, Piece::Secret(_))) => return SENSITIVE.into(),
        _ => {}
    }
    let mut text = String::from("\"");
    for it in pieces {
        match it {
            Piece::Clear(clear) => text.push_str(&escaped(clear)),
            other => text.push_str(&piece(other)),
        }
    }
    text + "\""
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Clear(text) => text.clone(),
        Piece::Secret(_) => SENSITIVE.into(),
        Piece::Unknown { cause, secret } => unknown(cause.as_deref(), *secret),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            c => escaped.push(c),
        }
    }
    printable(&escaped).into_owned()
}

/// A name in an object: as it is where it is one, else quoted.
pub(crate) fn key(name: &str) -> String {
    match is_identifier(name) {
        true => name.to_owned(),
        false => format!("\"{}\"", escaped(name)),
    }
}

/// Whether it can be written without quotes.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, str};

    use super::super::shown::Secret;
    use super::*;

    fn sample() -> Shown {
        let secret = Piece::Secret(Secret { number: 0, revealed: None });
        Shown::Object(
            [
                ("list".into(), Shown::List(vec![Shown::Number("1".into()), Shown::text("a\"b\n")])),
                ("uri".into(), Shown::Text(vec![Piece::Clear("x://".into()), secret.clone(), Piece::Clear("@h".into())])),
                ("password".into(), Shown::Text(vec![secret])),
                ("my key".into(), Shown::Unknown { cause: Some("a.b.c".into()), secret: false }),
                ("script".into(), Shown::text("#!/bin/sh\n\necho\n")),
                ("none".into(), Shown::List(vec![])),
            ]
            .into(),
        )
    }

    #[test]
    fn values_on_one_line() {
        let expected = str![[
            r##"{ list = [1, "a/"b/n"], "my key" = (known after apply: a.b.c), none = [], password = (sensitive), script = "#!/bin/sh/n/necho/n", uri = "x://(sensitive)@h" }"##
        ]];
        assert_data_eq!(inline(&sample()), expected);
    }

    #[test]
    fn values_on_several_lines() {
        let expected = str![[r#"
{
  list     = [
    1,
    "a/"b/n",
  ]
  "my key" = (known after apply: a.b.c)
  none     = []
  password = (sensitive)
  script   = <<-EOT
    #!/bin/sh

    echo
  EOT
  uri      = "x://(sensitive)@h"
}

"#]];
        assert_data_eq!(set_out(&sample(), 0) + "\n", expected);
    }
}

//! Writes a value in the syntax of the language, on one line or several. Parsed again it gives the
//! same value, apart from secrets and unknowns.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::heredoc::heredoc;
use super::redacted_value::{
    RedactedPiece, RedactedValue, SENSITIVE, SENSITIVE_CHANGED, SecretToken, is_harmful, printable,
    unknown,
};

/// Writes a value on one line.
pub(crate) fn inline(value: &RedactedValue) -> String {
    ExpressionWriter { before: None }.inline(value)
}

/// Writes the new value of a change on one line, and marks the secrets that the old value did not
/// have.
pub(crate) fn inline_after(before: &RedactedValue, after: &RedactedValue) -> String {
    let mut known = BTreeSet::new();
    before.each_secret(&mut |number| {
        known.insert(number);
    });
    let text = ExpressionWriter { before: Some(&known) }.inline(after);
    // Both sides have the same secrets, in other places, so that no secret has changed.
    let is_swapped = before != after && after.hides_something() && text == inline(before);
    if is_swapped {
        ExpressionWriter { before: Some(&BTreeSet::new()) }.inline(after)
    } else {
        text
    }
}

/// Writes a string unquoted, without its secrets and with a line end.
pub(crate) fn as_lines(value: &RedactedValue) -> Option<String> {
    let written: String = value
        .pieces()?
        .iter()
        .map(|it| match it {
            RedactedPiece::Clear(text) => printable(text).into_owned(),
            RedactedPiece::Secret(it) => it
                .revealed
                .as_deref()
                .map_or_else(|| SENSITIVE.into(), |it| printable(it).into_owned()),
            RedactedPiece::Unknown { cause, secret } => unknown(cause.as_deref(), *secret),
        })
        .collect();
    Some(if written.ends_with('\n') { written } else { written + "\n" })
}

/// Writes a value on several lines, the first without indentation.
pub(crate) fn set_out(value: &RedactedValue, indent: usize) -> String {
    let outer = " ".repeat(indent);
    match value {
        RedactedValue::List(items) | RedactedValue::Set(items) if !items.is_empty() => {
            let mut text = String::from("[\n");
            for item in items {
                let written = set_out(item, indent + 2);
                // The end word of a heredoc must be alone on its line, so that no comma can follow
                // it.
                let comma =
                    if is_heredoc(&written) { format!("\n{outer}  ,") } else { ",".to_owned() };
                let _ = writeln!(text, "{outer}  {written}{comma}");
            }
            text + &outer + "]"
        }
        RedactedValue::Object(items) if !items.is_empty() => {
            let width = items.keys().map(|it| key(it).chars().count()).max().unwrap_or(0);
            let mut text = String::from("{\n");
            for (name, item) in items {
                let _ =
                    writeln!(text, "{outer}  {:width$} = {}", key(name), set_out(item, indent + 2));
            }
            text + &outer + "}"
        }
        RedactedValue::Secret(SecretToken { revealed: Some(value), .. }) => set_out(value, indent),
        RedactedValue::Text(pieces) if value.is_long_text() => {
            heredoc(pieces, &outer).unwrap_or_else(|| inline(value))
        }
        RedactedValue::Base64 { decoded, .. } if value.is_long_text() => {
            match heredoc(decoded, &outer) {
                Some(text) => format!("base64encode({text}\n{outer})"),
                None => inline(value),
            }
        }
        other => inline(other),
    }
}

fn is_heredoc(written: &str) -> bool {
    written.starts_with("<<")
}

struct ExpressionWriter<'a> {
    /// The secrets of the old value, if there is one.
    before: Option<&'a BTreeSet<u32>>,
}

impl ExpressionWriter<'_> {
    fn inline(&self, value: &RedactedValue) -> String {
        match value {
            RedactedValue::Null => "null".into(),
            RedactedValue::Bool(it) => it.to_string(),
            RedactedValue::Number(it) => it.clone(),
            RedactedValue::Text(pieces) => self.quoted(pieces),
            RedactedValue::Base64 { decoded, .. } => {
                format!("base64encode({})", self.quoted(decoded))
            }
            RedactedValue::List(items) | RedactedValue::Set(items) => {
                format!(
                    "[{}]",
                    items.iter().map(|it| self.inline(it)).collect::<Vec<_>>().join(", ")
                )
            }
            RedactedValue::Object(items) if items.is_empty() => "{}".into(),
            RedactedValue::Object(items) => {
                let each =
                    items.iter().map(|(name, it)| format!("{} = {}", key(name), self.inline(it)));
                format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
            }
            RedactedValue::Unknown { cause, secret } => unknown(cause.as_deref(), *secret),
            RedactedValue::Secret(it) => match &it.revealed {
                Some(value) => self.inline(value),
                None => self.secret(it.number).into(),
            },
        }
    }

    /// Writes a string in quotes; a marker by itself has none.
    fn quoted(&self, pieces: &[RedactedPiece]) -> String {
        let secrets: Option<Vec<&str>> = pieces.iter().map(|it| self.secret_piece(it)).collect();
        match (pieces, secrets.as_deref()) {
            ([RedactedPiece::Unknown { cause, secret }], _) => {
                return unknown(cause.as_deref(), *secret);
            }
            (_, Some([first, rest @ ..])) => {
                return rest
                    .iter()
                    .find(|it| **it == SENSITIVE_CHANGED)
                    .copied()
                    .unwrap_or(first)
                    .to_owned();
            }
            _ => {}
        }
        let mut text = String::from("\"");
        for it in pieces {
            match it {
                RedactedPiece::Clear(clear) => text.push_str(&escaped(clear)),
                RedactedPiece::Secret(it) => match &it.revealed {
                    Some(secret) => text.push_str(&escaped(secret)),
                    None => text.push_str(self.secret(it.number)),
                },
                RedactedPiece::Unknown { cause, secret } => {
                    text.push_str(&unknown(cause.as_deref(), *secret))
                }
            }
        }
        text + "\""
    }

    fn secret_piece(&self, piece: &RedactedPiece) -> Option<&'static str> {
        match piece {
            RedactedPiece::Secret(it) if it.revealed.is_none() => Some(self.secret(it.number)),
            RedactedPiece::Secret(_) | RedactedPiece::Clear(_) | RedactedPiece::Unknown { .. } => {
                None
            }
        }
    }

    fn secret(&self, number: u32) -> &'static str {
        match self.before {
            Some(before) if !before.contains(&number) => SENSITIVE_CHANGED,
            _ => SENSITIVE,
        }
    }
}

/// Escapes a string for a place between quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            '$' | '%' if characters.peek() == Some(&'{') => escaped.extend([c, c]),
            c if is_harmful(c) => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Writes the key of an object; quotes are added where the language needs them.
pub(crate) fn key(name: &str) -> String {
    match is_identifier(name) && name != "for" {
        true => name.to_owned(),
        false => format!("\"{}\"", escaped(name)),
    }
}

/// Whether a key can be written without quotes.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, str};

    use super::*;

    fn sample() -> RedactedValue {
        let secret = RedactedPiece::Secret(SecretToken { number: 0, revealed: None });
        RedactedValue::Object(
            [
                (
                    "list".into(),
                    RedactedValue::List(vec![
                        RedactedValue::Number("1".into()),
                        RedactedValue::text("a\"b\n"),
                    ]),
                ),
                (
                    "uri".into(),
                    RedactedValue::Text(vec![
                        RedactedPiece::Clear("x://".into()),
                        secret.clone(),
                        RedactedPiece::Clear("@h".into()),
                    ]),
                ),
                ("password".into(), RedactedValue::Text(vec![secret])),
                (
                    "my key".into(),
                    RedactedValue::Unknown { cause: Some("a.b.c".into()), secret: false },
                ),
                ("script".into(), RedactedValue::text("#!/bin/sh\n\necho\n")),
                ("none".into(), RedactedValue::List(vec![])),
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
    fn a_changed_secret_within_a_string_is_marked() {
        let secret = |number| RedactedPiece::Secret(SecretToken { number, revealed: None });
        let uri = |number, host: &str| {
            RedactedValue::Text(vec![
                RedactedPiece::Clear("x://u:".into()),
                secret(number),
                RedactedPiece::Clear(host.into()),
            ])
        };
        let written = |before: &RedactedValue, after: &RedactedValue| {
            format!("{} -> {}", inline(before), inline_after(before, after))
        };
        assert_eq!(
            written(&uri(0, "@h"), &uri(1, "@h")),
            r#""x://u:(sensitive)@h" -> "x://u:(sensitive, changed)@h""#
        );
        assert_eq!(
            written(&uri(0, "@h"), &uri(0, "@i")),
            r#""x://u:(sensitive)@h" -> "x://u:(sensitive)@i""#
        );
        let both = |one, other| {
            RedactedValue::Text(vec![secret(one), RedactedPiece::Clear(":".into()), secret(other)])
        };
        assert_eq!(
            written(&both(0, 1), &both(1, 0)),
            r#""(sensitive):(sensitive)" -> "(sensitive, changed):(sensitive, changed)""#
        );
        let listed = |it| RedactedValue::List(vec![it]);
        assert_eq!(
            written(&listed(uri(0, "")), &listed(uri(1, ""))),
            r#"["x://u:(sensitive)"] -> ["x://u:(sensitive, changed)"]"#
        );
    }

    /// Parses displayed text as the language does.
    fn read_again(text: &str) -> ha_value::Value {
        use ha_lang::{EmptyScope, EvaluationContext, expression};
        let read = expression("shown", &format!("{text}\n"))
            .and_then(|it| it.evaluate(&EvaluationContext::new(&EmptyScope, &EmptyScope)));
        read.unwrap_or_else(|it| panic!("{text}\n{it:?}")).revealed()
    }

    #[test]
    fn displayed_values_can_be_parsed_again() {
        use super::super::redaction::{Redactor, SecretVisibility};
        use super::super::secrets::SecretTexts;
        use ha_value::Value;
        // All strings of four of these characters, and realistic ones.
        let parts = ["a", " ", "\n", "\t", "${x}", "EOT"];
        let mut texts: Vec<String> = vec![String::new()];
        for text in 0..parts.len().pow(4) {
            let digit = |at: u32| parts[text / parts.len().pow(at) % parts.len()];
            texts.push((0..4).map(digit).collect());
        }
        texts.extend(
            [
                "%{if}\n",
                "\u{1b}[31m\r\nx\n",
                "a\u{202e}b\n\n",
                "\"\\\n$\n%\n$${\n",
                "  a\n b\n",
                "é\n\u{a0}x\n",
            ]
            .map(Into::into),
        );
        let secrets = SecretTexts::default();
        let mut redactor = Redactor::new(&secrets, SecretVisibility::Redacted);
        for text in &texts {
            let plain = Value::from(text.as_str());
            let nested = Value::object([
                ("for".into(), Value::tuple([plain.clone(), plain.clone()])),
                ("a b".into(), plain.clone()),
            ]);
            for value in [plain, nested] {
                let shown = redactor.shown(&value);
                assert_eq!(read_again(&inline(&shown)), value, "{}", inline(&shown));
                assert_eq!(read_again(&set_out(&shown, 0)), value, "{}", set_out(&shown, 0));
            }
        }
        use base64::Engine as _;
        let encoded = Value::from(
            base64::engine::general_purpose::STANDARD
                .encode("#!/bin/sh\necho ${HOME} # long enough\n"),
        );
        let shown = redactor.shown(&encoded);
        assert!(matches!(shown, RedactedValue::Base64 { .. }));
        assert_eq!(read_again(&inline(&shown)), encoded);
        assert_eq!(
            read_again(&set_out(&RedactedValue::List(vec![shown]), 0)),
            Value::tuple([encoded])
        );
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

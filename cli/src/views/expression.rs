//! A value as the language would write it, on one line or on several. Read again it is the value, but for what is secret or
//! not known.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::heredoc::heredoc;
use super::redacted_value::{Piece, SENSITIVE, SENSITIVE_CHANGED, Secret, Shown, is_harmful, printable, unknown};

/// On one line.
pub(crate) fn inline(value: &Shown) -> String {
    Writer { before: None }.inline(value)
}

/// What a value becomes, on one line: secrets that it did not have before are told apart.
pub(crate) fn inline_after(before: &Shown, after: &Shown) -> String {
    let mut known = BTreeSet::new();
    before.each_secret(&mut |number| {
        known.insert(number);
    });
    let text = Writer { before: Some(&known) }.inline(after);
    // The same secrets in other places.
    let is_swapped = before != after && after.hides_something() && text == inline(before);
    if is_swapped { Writer { before: Some(&BTreeSet::new()) }.inline(after) } else { text }
}

/// A text as it is, without its secrets, with a line end.
pub(crate) fn as_lines(value: &Shown) -> Option<String> {
    let written: String = value
        .pieces()?
        .iter()
        .map(|it| match it {
            Piece::Clear(text) => printable(text).into_owned(),
            Piece::Secret(it) => it.revealed.as_deref().map_or_else(|| SENSITIVE.into(), |it| printable(it).into_owned()),
            Piece::Unknown { cause, secret } => unknown(cause.as_deref(), *secret),
        })
        .collect();
    Some(if written.ends_with('\n') { written } else { written + "\n" })
}

/// On as many lines as it takes, the first without indent.
pub(crate) fn set_out(value: &Shown, indent: usize) -> String {
    let outer = " ".repeat(indent);
    match value {
        Shown::List(items) | Shown::Set(items) if !items.is_empty() => {
            let mut text = String::from("[\n");
            for item in items {
                let written = set_out(item, indent + 2);
                // The end of a heredoc has its line to itself.
                let comma = if is_heredoc(&written) { format!("\n{outer}  ,") } else { ",".to_owned() };
                let _ = writeln!(text, "{outer}  {written}{comma}");
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
        Shown::Secret(Secret { revealed: Some(value), .. }) => set_out(value, indent),
        Shown::Text(pieces) if value.is_long_text() => heredoc(pieces, &outer).unwrap_or_else(|| inline(value)),
        Shown::Base64 { decoded, .. } if value.is_long_text() => match heredoc(decoded, &outer) {
            Some(text) => format!("base64encode({text}\n{outer})"),
            None => inline(value),
        },
        other => inline(other),
    }
}

fn is_heredoc(written: &str) -> bool {
    written.starts_with("<<")
}

struct Writer<'a> {
    /// The secrets that were there before, where there was something.
    before: Option<&'a BTreeSet<u32>>,
}

impl Writer<'_> {
    fn inline(&self, value: &Shown) -> String {
        match value {
            Shown::Null => "null".into(),
            Shown::Bool(it) => it.to_string(),
            Shown::Number(it) => it.clone(),
            Shown::Text(pieces) => self.quoted(pieces),
            Shown::Base64 { decoded, .. } => format!("base64encode({})", self.quoted(decoded)),
            Shown::List(items) | Shown::Set(items) => {
                format!("[{}]", items.iter().map(|it| self.inline(it)).collect::<Vec<_>>().join(", "))
            }
            Shown::Object(items) if items.is_empty() => "{}".into(),
            Shown::Object(items) => {
                let each = items.iter().map(|(name, it)| format!("{} = {}", key(name), self.inline(it)));
                format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
            }
            Shown::Unknown { cause, secret } => unknown(cause.as_deref(), *secret),
            Shown::Secret(it) => match &it.revealed {
                Some(value) => self.inline(value),
                None => self.secret(it.number).into(),
            },
        }
    }

    /// A text in quotes; a marker that stands alone without.
    fn quoted(&self, pieces: &[Piece]) -> String {
        let secrets: Option<Vec<&str>> = pieces.iter().map(|it| self.secret_piece(it)).collect();
        match (pieces, secrets.as_deref()) {
            ([Piece::Unknown { cause, secret }], _) => return unknown(cause.as_deref(), *secret),
            (_, Some([first, rest @ ..])) => {
                return rest.iter().find(|it| **it == SENSITIVE_CHANGED).copied().unwrap_or(first).to_owned();
            }
            _ => {}
        }
        let mut text = String::from("\"");
        for it in pieces {
            match it {
                Piece::Clear(clear) => text.push_str(&escaped(clear)),
                Piece::Secret(it) => match &it.revealed {
                    Some(secret) => text.push_str(&escaped(secret)),
                    None => text.push_str(self.secret(it.number)),
                },
                Piece::Unknown { cause, secret } => text.push_str(&unknown(cause.as_deref(), *secret)),
            }
        }
        text + "\""
    }

    fn secret_piece(&self, piece: &Piece) -> Option<&'static str> {
        match piece {
            Piece::Secret(it) if it.revealed.is_none() => Some(self.secret(it.number)),
            Piece::Secret(_) | Piece::Clear(_) | Piece::Unknown { .. } => None,
        }
    }

    fn secret(&self, number: u32) -> &'static str {
        match self.before {
            Some(before) if !before.contains(&number) => SENSITIVE_CHANGED,
            _ => SENSITIVE,
        }
    }
}

/// A text as it stands between quotes.
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

/// A name in an object: as it is where it is one, else quoted.
pub(crate) fn key(name: &str) -> String {
    match is_identifier(name) && name != "for" {
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
    fn a_secret_that_changes_inside_of_a_text_is_told() {
        let secret = |number| Piece::Secret(Secret { number, revealed: None });
        let uri =
            |number, host: &str| Shown::Text(vec![Piece::Clear("x://u:".into()), secret(number), Piece::Clear(host.into())]);
        let told = |before: &Shown, after: &Shown| format!("{} -> {}", inline(before), inline_after(before, after));
        assert_eq!(told(&uri(0, "@h"), &uri(1, "@h")), r#""x://u:(sensitive)@h" -> "x://u:(sensitive, changed)@h""#);
        assert_eq!(told(&uri(0, "@h"), &uri(0, "@i")), r#""x://u:(sensitive)@h" -> "x://u:(sensitive)@i""#);
        let both = |one, other| Shown::Text(vec![secret(one), Piece::Clear(":".into()), secret(other)]);
        assert_eq!(told(&both(0, 1), &both(1, 0)), r#""(sensitive):(sensitive)" -> "(sensitive, changed):(sensitive, changed)""#);
        let listed = |it| Shown::List(vec![it]);
        assert_eq!(told(&listed(uri(0, "")), &listed(uri(1, ""))), r#"["x://u:(sensitive)"] -> ["x://u:(sensitive, changed)"]"#);
    }

    /// What a display says, read by the language.
    fn read_again(text: &str) -> ha_value::Value {
        use ha_lang::{Environment, Nothing, expression};
        let read = expression("shown", &format!("{text}\n")).and_then(|it| it.evaluate(&Environment::new(&Nothing, &Nothing)));
        read.unwrap_or_else(|it| panic!("{text}\n{it:?}")).revealed()
    }

    #[test]
    fn what_is_displayed_is_the_value_when_it_is_read_again() {
        use super::super::redaction::{Redactor, Sight};
        use super::super::secrets::Secrets;
        use ha_value::Value;
        // Every text of four of these, and what people write.
        let parts = ["a", " ", "\n", "\t", "${x}", "EOT"];
        let mut texts: Vec<String> = vec![String::new()];
        for text in 0..parts.len().pow(4) {
            let digit = |at: u32| parts[text / parts.len().pow(at) % parts.len()];
            texts.push((0..4).map(digit).collect());
        }
        texts.extend(
            ["%{if}\n", "\u{1b}[31m\r\nx\n", "a\u{202e}b\n\n", "\"\\\n$\n%\n$${\n", "  a\n b\n", "é\n\u{a0}x\n"].map(Into::into),
        );
        let secrets = Secrets::default();
        let mut redactor = Redactor::new(&secrets, Sight::Redacted);
        for text in &texts {
            let plain = Value::from(text.as_str());
            let nested =
                Value::object([("for".into(), Value::tuple([plain.clone(), plain.clone()])), ("a b".into(), plain.clone())]);
            for value in [plain, nested] {
                let shown = redactor.shown(&value);
                assert_eq!(read_again(&inline(&shown)), value, "{}", inline(&shown));
                assert_eq!(read_again(&set_out(&shown, 0)), value, "{}", set_out(&shown, 0));
            }
        }
        use base64::Engine as _;
        let encoded = Value::from(base64::engine::general_purpose::STANDARD.encode("#!/bin/sh\necho ${HOME} # long enough\n"));
        let shown = redactor.shown(&encoded);
        assert!(matches!(shown, Shown::Base64 { .. }));
        assert_eq!(read_again(&inline(&shown)), encoded);
        assert_eq!(read_again(&set_out(&Shown::List(vec![shown]), 0)), Value::tuple([encoded]));
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

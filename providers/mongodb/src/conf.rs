//! The text of a mongod.conf: quoting what goes into it, and looking things up in it.

use ha_kind::{Part, Text};

/// A text as YAML reads it back: plain where that is safe, else in double quotes. What is not known yet stands plain.
pub(crate) fn scalar(text: &Text) -> Text {
    let plain = |it: &Part| match it {
        Part::Clear(text) | Part::Secret(text) => text.chars().all(|c| c.is_ascii_alphanumeric() || "/._,@+".contains(c)),
        Part::Unknown { .. } => true,
    };
    let first = text.parts().iter().find_map(|it| match it {
        Part::Clear(text) | Part::Secret(text) => text.chars().next(),
        Part::Unknown { .. } => Some('a'),
    });
    let starts_plainly = first.is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
    let word = text
        .known()
        .is_some_and(|it| ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&&*it.to_lowercase()));
    if starts_plainly && !word && text.parts().iter().all(plain) {
        return text.clone();
    }
    let mut quoted = Text::from("\"");
    quoted.push(&text.map(escaped));
    quoted.push_str("\"");
    quoted
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            c if c.is_control() => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The value at a dotted path such as `net.port`, in block style as mongod's own examples have it. What is written in
/// another style is not found.
pub(crate) fn setting(conf: &str, path: &str) -> Option<String> {
    let mut above: Vec<(usize, &str)> = Vec::new();
    for line in conf.lines() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (key, value) = content.split_once(':')?;
        let indent = line.len() - content.len();
        above.retain(|(it, _)| *it < indent);
        above.push((indent, key.trim()));
        let value = value.split(" #").next().unwrap_or_default().trim();
        if !value.is_empty() && above.iter().map(|(_, key)| *key).collect::<Vec<_>>().join(".") == path {
            return Some(unquoted(value));
        }
    }
    None
}

fn unquoted(value: &str) -> String {
    match value.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(inside) => inside.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.trim_matches('\'').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_would_misread_is_quoted() {
        let written = |text: &str| scalar(&Text::from(text)).known().unwrap();
        assert_eq!(written("/mongo/data"), "/mongo/data");
        assert_eq!(written("127.0.0.11"), "\"127.0.0.11\"");
        assert_eq!(written("no"), "\"no\"");
        assert_eq!(written("a: b\"\\"), "\"a: b\\\"\\\\\"");
        assert_eq!(written(""), "\"\"");
    }

    #[test]
    fn settings_are_found_by_their_path() {
        let conf = "# head\nnet:\n  port: 27017\n  tls:\n    mode: requireTLS # always\nstorage:\n  dbPath: \"/a b\"\nsystemLog.path: /x\n";
        assert_eq!(setting(conf, "net.port").as_deref(), Some("27017"));
        assert_eq!(setting(conf, "net.tls.mode").as_deref(), Some("requireTLS"));
        assert_eq!(setting(conf, "storage.dbPath").as_deref(), Some("/a b"));
        assert_eq!(setting(conf, "systemLog.path").as_deref(), Some("/x"));
        assert_eq!(setting(conf, "storage.engine"), None);
    }
}

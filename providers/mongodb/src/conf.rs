//! The text of a mongod.conf: quoting what goes into it, and looking things up in it.

use ha_value::{Text, TextPart};

/// A string as YAML reads it back: plain where that is safe, else in double quotes. What is not
/// known yet stands plain.
pub(crate) fn scalar(text: &Text) -> Text {
    let plain = |it: &TextPart| match it {
        TextPart::Clear(text) | TextPart::Secret(text) => {
            text.chars().all(|c| c.is_ascii_alphanumeric() || "/._,@+".contains(c))
        }
        TextPart::Unknown { .. } => true,
    };
    let first = text.parts().iter().find_map(|it| match it {
        TextPart::Clear(text) | TextPart::Secret(text) => text.chars().next(),
        TextPart::Unknown { .. } => Some('a'),
    });
    let starts_plainly = first.is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
    let word = text.known().is_some_and(|it| {
        ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&&*it.to_lowercase())
    });
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

/// The value at a dotted path such as `net.port`, in block style as mongod's own examples have it.
/// What is written in another style is not found.
pub(crate) fn setting(conf: &str, path: &str) -> Option<String> {
    located(conf, path).map(|(_, value)| unquoted(value))
}

/// The number there.
pub(crate) fn number(conf: &str, path: &str) -> Option<u64> {
    setting(conf, path)?.parse().ok()
}

/// The same text with another value there; as it is where there is none.
pub(crate) fn with_number(conf: &str, path: &str, value: u64) -> String {
    let Some((at, before)) = located(conf, path) else { return conf.to_owned() };
    let exchanged = |(index, line): (usize, &str)| match index == at {
        true => match line.find(':').map(|colon| line.split_at(colon + 1)) {
            Some((key, rest)) => format!("{key}{}", rest.replacen(before, &value.to_string(), 1)),
            None => line.to_owned(),
        },
        false => line.to_owned(),
    };
    conf.split_inclusive('\n').enumerate().map(exchanged).collect()
}

/// The same text without what is there, for comparing the rest.
pub(crate) fn without(conf: &str, path: &str) -> String {
    let at = located(conf, path).map(|(at, _)| at);
    conf.split_inclusive('\n')
        .enumerate()
        .filter(|(index, _)| Some(*index) != at)
        .map(|(_, line)| line)
        .collect()
}

/// The line that says what is at a path, and the value as it is written there.
fn located<'a>(conf: &'a str, path: &str) -> Option<(usize, &'a str)> {
    let mut above: Vec<(usize, &str)> = Vec::new();
    for (index, line) in conf.lines().enumerate() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (key, value) = content.split_once(':')?;
        let indent = line.len() - content.len();
        above.retain(|(it, _)| *it < indent);
        above.push((indent, key.trim()));
        let value = value.split(" #").next().unwrap_or_default().trim();
        if !value.is_empty()
            && above.iter().map(|(_, key)| *key).collect::<Vec<_>>().join(".") == path
        {
            return Some((index, value));
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

    #[test]
    fn one_value_is_exchanged_and_the_rest_stays() {
        let conf = "replication:\n  replSetName: s1280\n  oplogSizeMB: 128 # small 128\nnet:\n  port: 128\n";
        let path = "replication.oplogSizeMB";
        assert_eq!(number(conf, path), Some(128));
        assert_eq!(with_number(conf, path, 990), conf.replace("MB: 128", "MB: 990"));
        assert_eq!(without(conf, path), without(&with_number(conf, path, 990), path));
        assert_ne!(without(conf, path), without(&conf.replace("port: 128", "port: 129"), path));
        assert_eq!(with_number("net:\n  port: 1\n", path, 990), "net:\n  port: 1\n");
        assert_eq!(without("net:\n  port: 1", path), "net:\n  port: 1");
    }
}

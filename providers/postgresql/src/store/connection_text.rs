//! Connection strings in libpq's syntax, which has more parameters than the client library parses.

use crate::connection_url::PLACE;

/// Splits a connection string: the part with address and user, and the other parameters by name.
pub(super) fn parted(text: &str) -> (String, Vec<(String, String)>) {
    let mut parameters = Vec::new();
    let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let rest = if is_url { of_url(text, &mut parameters) } else { of_words(text, &mut parameters) };
    (rest, parameters)
}

fn of_url(text: &str, parameters: &mut Vec<(String, String)>) -> String {
    let Some((before, query)) = text.split_once('?') else { return text.to_owned() };
    let mut place = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some((name, value)) if !PLACE.contains(&name) => {
                parameters.push((decoded(name), decoded(value)))
            }
            _ => place.push(pair),
        }
    }
    if place.is_empty() { before.to_owned() } else { format!("{before}?{}", place.join("&")) }
}

/// A percent-decoded string.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        match digits.filter(|_| *first == b'%').and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn of_words(text: &str, parameters: &mut Vec<(String, String)>) -> String {
    let mut place = Vec::new();
    for word in words(text) {
        match word.split_once('=') {
            Some((name, value)) if is_name(name.trim()) && !PLACE.contains(&name.trim()) => {
                parameters.push((name.trim().to_owned(), unquoted(value.trim())));
            }
            _ => place.push(word),
        }
    }
    place.join(" ")
}

/// What is no name may be a part of a password that is not quoted, so it is not shown.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
}

/// A value without its quotes and escapes.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('\'').map_or(value, |it| it.strip_suffix('\'').unwrap_or(it));
    let (mut text, mut characters) = (String::new(), inner.chars());
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

/// The parts of `name = 'a value' name=value`, unparsed.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(first_word(rest));
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

/// How long the first `name = value` is.
fn first_word(text: &str) -> usize {
    let Some(equals) = text.find('=') else { return text.len() };
    let value = text[equals + 1..].trim_start();
    let from = text.len() - value.len();
    let is_quoted = value.starts_with('\'');
    let mut escaped = false;
    for (at, character) in value.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if is_quoted && at > 0 => return from + at + 1,
            _ if character.is_whitespace() && !is_quoted => return from + at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_address_says_more_than_where_the_server_is() {
        assert_eq!(parted("postgres://u@h/d"), ("postgres://u@h/d".into(), some(&[])));
        let (rest, parameters) = parted("postgres://u@h/d?sslmode=verify-full");
        assert_eq!(
            (rest.as_str(), parameters),
            ("postgres://u@h/d", some(&[("sslmode", "verify-full")]))
        );
        let whole = "postgresql://u:p%3F@h/d?hostaddr=10.0.0.1&connect_timeout=3&sslrootcert=%2Fetc%2Fca.pem&port=7";
        let (rest, parameters) = parted(whole);
        assert_eq!(rest, "postgresql://u:p%3F@h/d?hostaddr=10.0.0.1&port=7");
        assert_eq!(parameters, some(&[("connect_timeout", "3"), ("sslrootcert", "/etc/ca.pem")]));
    }

    #[test]
    fn words_say_more_than_where_the_server_is() {
        assert_eq!(parted("host=h user=u"), ("host=h user=u".into(), some(&[])));
        assert_eq!(
            parted("host=h sslmode=disable user=u"),
            ("host=h user=u".into(), some(&[("sslmode", "disable")]))
        );
        let whole = "host = h password='a \\'b sslmode=c' sslmode = 'require'  sslrootcert='/a b' options='-c a=\\'b\\'' user=u";
        let (rest, parameters) = parted(whole);
        assert_eq!(rest, "host = h password='a \\'b sslmode=c' user=u");
        assert_eq!(
            parameters,
            some(&[("sslmode", "require"), ("sslrootcert", "/a b"), ("options", "-c a='b'")])
        );
    }
}

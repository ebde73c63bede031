//! Connection texts as PostgreSQL's own programs take them: what they say of TLS is more than our client reads.

/// What a connection text says of TLS.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) mode: Option<String>,
    /// A file with the authorities to trust.
    pub(super) root: Option<String>,
}

/// A connection text without what it says of TLS, and that.
pub(super) fn without_tls(text: &str) -> (String, Tls) {
    let mut tls = Tls::default();
    let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let rest = if is_url { of_url(text, &mut tls) } else { of_words(text, &mut tls) };
    (rest, tls)
}

impl Tls {
    /// Takes a parameter that is about TLS.
    fn take(&mut self, name: &str, value: impl FnOnce() -> String) -> bool {
        match name {
            "sslmode" => self.mode = Some(value()),
            "sslrootcert" => self.root = Some(value()),
            _ => return false,
        }
        true
    }
}

fn of_url(text: &str, tls: &mut Tls) -> String {
    let Some((before, query)) = text.split_once('?') else { return text.to_owned() };
    let others = query.split('&').filter(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        !tls.take(name, || decoded(value))
    });
    let others: Vec<&str> = others.collect();
    if others.is_empty() { before.to_owned() } else { format!("{before}?{}", others.join("&")) }
}

/// A text with `%2F` and its like put back.
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

fn of_words(text: &str, tls: &mut Tls) -> String {
    let others = words(text).into_iter().filter(|word| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        !tls.take(name.trim(), || value.trim().trim_matches('\'').replace("\\'", "'"))
    });
    others.collect::<Vec<&str>>().join(" ")
}

/// The parts of `name = 'a value' name=value`, as they are.
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

    fn split(text: &str) -> (String, Option<String>, Option<String>) {
        let (rest, Tls { mode, root }) = without_tls(text);
        (rest, mode, root)
    }

    #[test]
    fn an_address_says_what_it_does_of_tls() {
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(split("postgres://u@h/d"), ("postgres://u@h/d".into(), None, None));
        assert_eq!(split("postgres://u@h/d?sslmode=verify-full"), ("postgres://u@h/d".into(), some("verify-full"), None));
        let whole = "postgresql://u:p%3F@h/d?connect_timeout=3&sslrootcert=%2Fetc%2Fca.pem&sslmode=verify-ca";
        let rest = "postgresql://u:p%3F@h/d?connect_timeout=3";
        assert_eq!(split(whole), (rest.into(), some("verify-ca"), some("/etc/ca.pem")));
    }

    #[test]
    fn words_say_what_they_do_of_tls() {
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(split("host=h user=u"), ("host=h user=u".into(), None, None));
        assert_eq!(split("host=h sslmode=disable user=u"), ("host=h user=u".into(), some("disable"), None));
        let (rest, mode, root) = split("host = h password='a \\'b sslmode=c' sslmode = 'require'  sslrootcert='/a b' user=u");
        assert_eq!(rest, "host = h password='a \\'b sslmode=c' user=u");
        assert_eq!((mode, root), (some("require"), some("/a b")));
    }
}

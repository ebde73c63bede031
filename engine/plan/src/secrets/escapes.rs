//! Undoing of escapes for URIs, JSON, shells and markup, with the positions of the original
//! string.

use std::ops::Range;

/// An unescaped string, and the original position of each of its bytes.
pub(super) struct UnescapedText {
    pub(super) text: String,
    /// The original position of each byte, and the end of the original.
    from: Vec<usize>,
}

/// A style of escaping characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EscapeStyle {
    /// `%41`
    Percent,
    /// `\n`, `\u0041`, `$${`
    Backslash,
    /// `&amp;`
    Entity,
    /// `'\''`
    Shell,
}

const ALL: [EscapeStyle; 4] =
    [EscapeStyle::Percent, EscapeStyle::Backslash, EscapeStyle::Entity, EscapeStyle::Shell];
/// How many times a string may have been escaped.
const DEEPEST: usize = 3;
/// Longer strings are not searched for two different escapes in a row, which costs 16 passes.
const SHORT: usize = 4096;

/// Returns what a string may have been before it was escaped: in one style, in two styles one after
/// the other, or in all styles up to three times. Each style is tried alone too, because a secret may
/// contain what looks like an escape.
pub(super) fn origins(text: &str) -> Vec<UnescapedText> {
    let mut found: Vec<UnescapedText> = Vec::new();
    let mut put = |plain: UnescapedText| {
        if !found.iter().any(|it| it.text == plain.text) {
            found.push(plain);
        }
    };
    let mut whole = unescaped(text, &ALL);
    for _ in 0..DEEPEST {
        let Some(plain) = whole else { break };
        whole = plain.unescaped(&ALL);
        put(plain);
    }
    for one in ALL {
        let Some(plain) = unescaped(text, &[one]) else { continue };
        if text.len() <= SHORT {
            ALL.iter().filter_map(|other| plain.unescaped(&[*other])).for_each(&mut put);
        }
        put(plain);
    }
    found
}

/// Returns a string with `%41` and the like decoded.
pub(super) fn without_percent(text: &str) -> String {
    unescaped(text, &[EscapeStyle::Percent]).map_or_else(|| text.to_owned(), |it| it.text)
}

/// Returns the unescaped string; none where it has no such escapes.
fn unescaped(text: &str, styles: &[EscapeStyle]) -> Option<UnescapedText> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut from = Vec::new();
    let (mut at, mut has_escapes) = (0, false);
    while at < text.len() {
        match escape(&text[at..], styles) {
            Some((stands_for, length)) => {
                has_escapes = true;
                from.extend(std::iter::repeat_n(at, stands_for.len()));
                bytes.extend(stands_for);
                at += length;
            }
            None => {
                from.push(at);
                bytes.push(text.as_bytes()[at]);
                at += 1;
                while !text.is_char_boundary(at) {
                    from.push(at);
                    bytes.push(text.as_bytes()[at]);
                    at += 1;
                }
            }
        }
    }
    from.push(text.len());
    // Invalid UTF-8 cannot be a part of a secret, which is a string.
    has_escapes.then(|| UnescapedText { text: lossy(&bytes), from })
}

impl UnescapedText {
    /// Returns the original range of a range in the unescaped string.
    pub(super) fn origin(&self, place: &Range<usize>) -> Range<usize> {
        self.from[place.start]..self.from[place.end]
    }

    /// Returns the string unescaped once more.
    fn unescaped(&self, styles: &[EscapeStyle]) -> Option<UnescapedText> {
        let again = unescaped(&self.text, styles)?;
        let from = again.from.iter().map(|it| self.from[*it]).collect();
        Some(UnescapedText { text: again.text, from })
    }
}

/// Returns the bytes as a string. Each invalid byte becomes one character of one byte, so that
/// positions stay valid.
fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text += chunk.valid();
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

/// Returns the characters of an escape at the beginning of a string, and the length of the escape.
fn escape(text: &str, styles: &[EscapeStyle]) -> Option<(Vec<u8>, usize)> {
    // The first byte decides the style, so most positions need one comparison.
    let style = match text.as_bytes().first()? {
        b'%' => EscapeStyle::Percent,
        b'\\' | b'$' => EscapeStyle::Backslash,
        b'&' => EscapeStyle::Entity,
        b'\'' => EscapeStyle::Shell,
        _ => return None,
    };
    if !styles.contains(&style) {
        return None;
    }
    match style {
        EscapeStyle::Percent => Some((vec![hexadecimal(text.get(1..3)?)?], 3)),
        EscapeStyle::Backslash if text.starts_with('$') => {
            text.starts_with("$${").then(|| (b"${".to_vec(), 3))
        }
        EscapeStyle::Backslash => backslash(text),
        EscapeStyle::Entity => entity(text),
        EscapeStyle::Shell => ["'\\''", "'\"'\"'"]
            .into_iter()
            .find(|it| text.starts_with(it))
            .map(|it| (vec![b'\''], it.len())),
    }
}

fn backslash(text: &str) -> Option<(Vec<u8>, usize)> {
    let plain = |byte: u8| Some((vec![byte], 2));
    match text.as_bytes().get(1)? {
        b'n' => plain(b'\n'),
        b't' => plain(b'\t'),
        b'r' => plain(b'\r'),
        b'u' => {
            let digits = match text.get(2..)?.strip_prefix('{') {
                Some(rest) => (rest.get(..rest.find('}')?)?, 4),
                None => (text.get(2..6)?, 2),
            };
            let c = char::from_u32(u32::from_str_radix(digits.0, 16).ok()?)?;
            Some((c.to_string().into_bytes(), digits.0.len() + digits.1))
        }
        b'x' => Some((vec![hexadecimal(text.get(2..4)?)?], 4)),
        other if other.is_ascii_punctuation() => plain(*other),
        _ => None,
    }
}

fn entity(text: &str) -> Option<(Vec<u8>, usize)> {
    const NAMED: [(&str, u8); 5] =
        [("&amp;", b'&'), ("&lt;", b'<'), ("&gt;", b'>'), ("&quot;", b'"'), ("&apos;", b'\'')];
    if let Some((name, byte)) = NAMED.into_iter().find(|(name, _)| text.starts_with(name)) {
        return Some((vec![byte], name.len()));
    }
    let rest = text.strip_prefix("&#")?;
    let digits = rest.get(..rest.find(';').filter(|it| *it <= 8)?)?;
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
        None => digits.parse(),
    };
    Some((char::from_u32(number.ok()?)?.to_string().into_bytes(), digits.len() + 3))
}

fn hexadecimal(digits: &str) -> Option<u8> {
    digits.bytes().all(|it| it.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

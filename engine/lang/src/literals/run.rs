//! The extent of text that cannot be read.

use std::ops::Range;

use crate::lexer::is_identifier;

/// Characters that are no part of a word at its end.
const CLOSERS: [char; 5] = [',', ')', ']', '}', ';'];

/// The extent of a word with everything that touches it; within a template up to the end of the
/// interpolation.
pub(super) fn word(text: &str, start: usize, in_template: bool) -> Range<usize> {
    let is_end = |it: char| it.is_whitespace() || it == '"' || (in_template && it == '}');
    let rest = &text[start..];
    let rest = &rest[..rest.find(is_end).unwrap_or(rest.len())];
    start..start + rest.trim_end_matches(CLOSERS).len().max(first_length(rest))
}

/// The extent of the text between foreign quotes, or else of the rest of the line.
pub(super) fn stray(text: &str, start: usize) -> Range<usize> {
    let line = &text[start..];
    let line = &line[..line.find(['\n', '\r']).unwrap_or(line.len())];
    let quote = line.chars().next().filter(|it| matches!(it, '\'' | '`' | '\u{2018}'..='\u{201f}'));
    let Some(quote) = quote else { return start..start + line.trim_end().len() };
    let inside = &line[quote.len_utf8()..];
    let closes = |it: &usize| {
        let behind = inside[*it..]
            .chars()
            .next()
            .map_or("", |quote| &inside[it + quote.len_utf8()..])
            .trim_start();
        behind.is_empty() || behind.starts_with(CLOSERS) || behind.starts_with(['#', '=', ':', '/'])
    };
    let is_quote =
        |it: char| it == quote || (quote >= '\u{2018}' && ('\u{2018}'..='\u{201f}').contains(&it));
    let end = inside.match_indices(is_quote).map(|(at, _)| at).find(closes);
    let end = end.unwrap_or_else(|| inside.trim_end().trim_end_matches(CLOSERS).trim_end().len());
    let begin = start + quote.len_utf8();
    begin..begin + end
}

/// The extent of a heredoc with a mistake in its first line: from behind the word up to the line with
/// the word.
pub(super) fn heredoc(text: &str, start: usize) -> Range<usize> {
    let opened =
        text[start..].trim_start_matches('<').trim_start_matches(['-', '~', ' ', '\t', '"', '\'']);
    let length = opened
        .find(|it: char| !(it.is_alphanumeric() || matches!(it, '_' | '-')))
        .unwrap_or(opened.len());
    let (word, rest) = opened.split_at(length);
    let begin = text.len() - rest.len();
    let line_end = rest.find('\n').map_or(text.len(), |it| begin + it + 1);
    let mut at = line_end;
    for line in text[line_end..].split_inclusive('\n') {
        if line.trim() == word && is_identifier(word) || line.trim() == "}" {
            return begin..at;
        }
        at += line.len();
    }
    begin..text.len()
}

fn first_length(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_extent_of_unreadable_text() {
        for (text, expected) in
            [("abc, d", "abc"), ("a/b#c!d) e", "a/b#c!d"), ("a\"b", "a"), (")", ")")]
        {
            assert_eq!(&text[word(text, 0, false)], expected, "{text}");
        }
        for (text, expected) in [
            ("'a b', c", "a b"),
            ("'it's' # no", "it's"),
            ("'a b\nc", "a b"),
            ("'a' }", "a"),
            ("$a b", "$a b"),
            ("\u{201c}a\u{201d}", "a"),
            ("'", ""),
        ] {
            assert_eq!(&text[stray(text, 0)], expected, "{text}");
        }
        assert_eq!(&"<< \"EOT\"\na\nEOT\nb"[heredoc("<< \"EOT\"\na\nEOT\nb", 0)], "\"\na\n");
        assert_eq!(&"<< E\na\n}\nb"[heredoc("<< E\na\n}\nb", 0)], "\na\n");
    }
}

//! Compares two long strings line by line, with secrets and unknowns in their places.

use std::collections::HashMap;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::redacted_value::{RedactedPiece, SecretToken};

/// The number of unchanged lines around a change.
const CONTEXT: usize = 3;

/// The difference between two strings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineDifference {
    pub(crate) added: usize,
    pub(crate) removed: usize,
    /// The number of lines of the new string.
    pub(crate) total: usize,
    pub(crate) hunks: Vec<DiffHunk>,
}

/// Changed lines with some unchanged ones around them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DiffHunk {
    /// The first line, counted from one, and the number of lines.
    pub(crate) old: (usize, usize),
    pub(crate) new: (usize, usize),
    pub(crate) lines: Vec<DiffLine>,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DiffLine {
    pub(crate) kind: LineKind,
    pub(crate) stretches: Vec<LineStretch>,
    /// Whether the string ends here without a line end.
    pub(crate) unended: bool,
}

/// The change of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    Kept,
    Removed,
    Added,
}

/// A part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineStretch {
    /// Whether this part is the difference within the line.
    pub(crate) emphasised: bool,
    pub(crate) content: StretchContent,
}

/// The content of a part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StretchContent {
    Clear(String),
    /// A secret; new if the old string has secrets and this is none of them.
    Secret {
        changed: bool,
    },
    Unknown {
        cause: Option<ha_value::Name>,
        secret: bool,
    },
}

/// Compares two strings.
pub(crate) fn between(before: &[RedactedPiece], after: &[RedactedPiece]) -> LineDifference {
    let mut glyphs = SecretGlyphs::default();
    let old = glyphs.write(before);
    // A secret of the new string is marked as changed if it was not in the old one, so that the old
    // secrets must be known before the new string is encoded.
    glyphs.old = glyphs.by_secret.values().copied().collect();
    let new = glyphs.write(after);
    let difference = TextDiff::configure()
        // The search for the smallest difference is quadratic. After this time a larger difference
        // is good enough.
        .timeout(Duration::from_secs(5))
        .diff_lines(old.as_str(), new.as_str());
    let mut found =
        LineDifference { added: 0, removed: 0, total: difference.new_len(), hunks: Vec::new() };
    for group in difference.grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let (old, new) = (
            first.old_range().start..last.old_range().end,
            first.new_range().start..last.new_range().end,
        );
        let place = |range: std::ops::Range<usize>| {
            (range.start + usize::from(!range.is_empty()), range.len())
        };
        let mut hunk = DiffHunk { old: place(old), new: place(new), lines: Vec::new() };
        for change in group.iter().flat_map(|op| difference.iter_inline_changes(op)) {
            let kind = match change.tag() {
                ChangeTag::Equal => LineKind::Kept,
                ChangeTag::Delete => LineKind::Removed,
                ChangeTag::Insert => LineKind::Added,
            };
            found.added += usize::from(kind == LineKind::Added);
            found.removed += usize::from(kind == LineKind::Removed);
            let mut stretches = Vec::new();
            for (emphasised, text) in change.values() {
                glyphs.read(text.trim_end_matches('\n'), *emphasised, kind, &mut stretches);
            }
            hunk.lines.push(DiffLine { kind, stretches, unended: change.missing_newline() });
        }
        found.hunks.push(hunk);
    }
    found
}

/// Cuts a string that is added or removed as a whole into lines.
pub(crate) fn lines_of(pieces: &[RedactedPiece]) -> Vec<DiffLine> {
    let mut glyphs = SecretGlyphs::default();
    let text = glyphs.write(pieces);
    let line = |line: &str| {
        let mut stretches = Vec::new();
        glyphs.read(line, false, LineKind::Kept, &mut stretches);
        DiffLine { kind: LineKind::Kept, stretches, unended: false }
    };
    text.lines().map(line).collect()
}

/// Formats a JSON string with one value per line and sorted keys; none if the string is not a JSON
/// object or array.
pub(crate) fn pretty_json(pieces: &[RedactedPiece]) -> Option<Vec<RedactedPiece>> {
    if !matches!(pieces.first(), Some(RedactedPiece::Clear(text)) if text.trim_start().starts_with(['{', '[']))
    {
        return None;
    }
    let mut glyphs = SecretGlyphs::default();
    let mut parsed: serde_json::Value = serde_json::from_str(&glyphs.write(pieces)).ok()?;
    parsed.sort_all_objects();
    let text = serde_json::to_string_pretty(&parsed).ok()?;
    Some(glyphs.pieces(&format!("{text}\n")))
}

/// Encodes each secret and unknown as one character of the private use area, so that the pieces can
/// be compared as plain strings.
#[derive(Default)]
struct SecretGlyphs {
    table: Vec<RedactedPiece>,
    by_secret: HashMap<u32, usize>,
    /// Secrets of the old string.
    old: std::collections::HashSet<usize>,
}

const FIRST: u32 = 0xF_0000;
const LAST: u32 = 0x10_FFFD;

impl SecretGlyphs {
    fn write(&mut self, pieces: &[RedactedPiece]) -> String {
        let mut text = String::new();
        for piece in pieces {
            let index = match piece {
                RedactedPiece::Clear(clear) => {
                    text.extend(clear.chars().map(|c| {
                        if u32::from(c) >= FIRST { char::REPLACEMENT_CHARACTER } else { c }
                    }));
                    continue;
                }
                RedactedPiece::Secret(SecretToken { number, .. }) => {
                    match self.by_secret.get(number) {
                        Some(index) => *index,
                        None => {
                            self.by_secret.insert(*number, self.table.len());
                            self.entry(piece)
                        }
                    }
                }
                RedactedPiece::Unknown { .. } => self.entry(piece),
            };
            text.push(glyph(index));
        }
        text
    }

    fn entry(&mut self, piece: &RedactedPiece) -> usize {
        self.table.push(piece.clone());
        self.table.len() - 1
    }

    fn index(&self, c: char) -> Option<usize> {
        let index = usize::try_from(u32::from(c).checked_sub(FIRST)?).ok()?;
        (index < self.table.len()).then_some(index)
    }

    fn read(&self, text: &str, emphasised: bool, kind: LineKind, stretches: &mut Vec<LineStretch>) {
        let mut clear = String::new();
        let mut put = |content| stretches.push(LineStretch { emphasised, content });
        for c in text.chars() {
            let Some(index) = self.index(c) else {
                clear.push(c);
                continue;
            };
            if !clear.is_empty() {
                put(StretchContent::Clear(std::mem::take(&mut clear)));
            }
            put(match &self.table[index] {
                RedactedPiece::Secret(_) => {
                    let new = kind == LineKind::Added
                        && !self.old.is_empty()
                        && !self.old.contains(&index);
                    StretchContent::Secret { changed: new }
                }
                RedactedPiece::Unknown { cause, secret } => {
                    StretchContent::Unknown { cause: cause.clone(), secret: *secret }
                }
                RedactedPiece::Clear(text) => StretchContent::Clear(text.clone()),
            });
        }
        if !clear.is_empty() {
            put(StretchContent::Clear(clear));
        }
    }

    fn pieces(&self, text: &str) -> Vec<RedactedPiece> {
        let mut pieces = vec![RedactedPiece::Clear(String::new())];
        for c in text.chars() {
            match (self.index(c), pieces.last_mut()) {
                (Some(index), _) => pieces.push(self.table[index].clone()),
                (None, Some(RedactedPiece::Clear(clear))) => clear.push(c),
                (None, _) => pieces.push(RedactedPiece::Clear(c.into())),
            }
        }
        pieces
    }
}

/// Returns the private character of an entry. Beyond the hundred thousand characters of the area,
/// all entries share the last one.
fn glyph(index: usize) -> char {
    let code = u32::try_from(index).unwrap_or(LAST).saturating_add(FIRST).min(LAST);
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(number: u32) -> RedactedPiece {
        RedactedPiece::Secret(SecretToken { number, revealed: None })
    }

    fn clear(text: &str) -> RedactedPiece {
        RedactedPiece::Clear(text.into())
    }

    /// The hunks as text, secrets as `*` and changed ones as `!`, unknowns as `?`, emphasis in
    /// brackets.
    fn sketch(difference: &LineDifference) -> String {
        let mut text = String::new();
        for hunk in &difference.hunks {
            text += &format!("@@ {},{} {},{}\n", hunk.old.0, hunk.old.1, hunk.new.0, hunk.new.1);
            for line in &hunk.lines {
                text.push(match line.kind {
                    LineKind::Kept => ' ',
                    LineKind::Removed => '-',
                    LineKind::Added => '+',
                });
                for stretch in &line.stretches {
                    let content = match &stretch.content {
                        StretchContent::Clear(text) => text.as_str(),
                        StretchContent::Secret { changed: false } => "*",
                        StretchContent::Secret { changed: true } => "!",
                        StretchContent::Unknown { .. } => "?",
                    };
                    text += &if stretch.emphasised {
                        format!("[{content}]")
                    } else {
                        content.to_owned()
                    };
                }
                text += if line.unended { "$\n" } else { "\n" };
            }
        }
        text
    }

    #[test]
    fn a_changed_secret_is_a_changed_line_and_the_same_secret_is_none() {
        let before = [clear("user=a\npassword="), secret(1), clear("\nhost=b\nport=1\n")];
        let same = between(&before, &before);
        assert_eq!(same.hunks.len(), 0);
        let after = [clear("user=a\npassword="), secret(2), clear("\nhost=b\nport=1\n")];
        let changed = between(&before, &after);
        assert_eq!((changed.added, changed.removed, changed.total), (1, 1, 4));
        assert_eq!(
            sketch(&changed),
            "@@ 1,4 1,4\n user=a\n-password=[*]\n+password=[!]\n host=b\n port=1\n"
        );
    }

    #[test]
    fn a_line_with_the_old_secret_does_not_call_it_changed() {
        let before = [clear("x://u:"), secret(1), clear("@a,b/app\n")];
        let after = [clear("x://u:"), secret(1), clear("@a,b,c/app\n")];
        assert_eq!(
            sketch(&between(&before, &after)),
            "@@ 1,1 1,1\n-x://u:*@a,b/app\n+x://u:*@a,b[,c]/app\n"
        );
    }

    #[test]
    fn unknowns_differ_even_from_themselves() {
        let unknown = RedactedPiece::Unknown { cause: Some("a.b.c".into()), secret: false };
        let text = [clear("host="), unknown, clear("\n")];
        assert_eq!(between(&text, &text).added, 1);
    }

    #[test]
    fn a_missing_last_line_end_is_reported() {
        assert_eq!(
            sketch(&between(&[clear("a\nb\n")], &[clear("a\nb")])),
            "@@ 1,2 1,2\n a\n-b\n+b$\n"
        );
    }

    #[test]
    fn json_is_set_out_with_secrets_in_place() {
        let pieces = [clear("{\"b\":[1,\""), secret(7), clear("\"],\"a\":{}}")];
        let pretty = pretty_json(&pieces).unwrap();
        assert_eq!(
            pretty,
            [
                clear("{\n  \"a\": {},\n  \"b\": [\n    1,\n    \""),
                secret(7),
                clear("\"\n  ]\n}\n")
            ]
        );
        assert_eq!(pretty_json(&[clear("[section]\nkey = 1")]), None);
    }

    #[test]
    fn private_characters_of_the_text_itself_are_harmless() {
        let before = [secret(3), clear("\u{f0000}\n")];
        assert_eq!(sketch(&between(&before, &[clear("x\n")])), "@@ 1,1 1,1\n-*\u{fffd}\n+x\n");
    }
}

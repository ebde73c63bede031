//! Source texts by file name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ha_diagnostics::SourceSpan;
use ha_plan::{blotted, passwords};
use ha_value::Value;

use super::covered::{Cover, CoveredStretch, SourceDeclarations, names};
use super::message_mask::is_short;
use super::nearby::Nearby;
use super::secrets::SecretTexts;

/// Source texts by file name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceTexts {
    texts: BTreeMap<String, Arc<SourceText>>,
    /// The declarations of all texts; collected at first use.
    declared: OnceLock<Arc<SourceDeclarations>>,
}

#[derive(Debug)]
struct SourceText {
    text: Arc<str>,
    /// The positions of line ends.
    ends: Vec<usize>,
    /// The covered ranges; computed at first use.
    cover: OnceLock<Cover>,
    /// The places of names, in order; computed at first use.
    names: OnceLock<Vec<Range<usize>>>,
}

impl SourceText {
    fn new(text: Arc<str>) -> Arc<Self> {
        let ends =
            text.bytes().enumerate().filter(|(_, it)| *it == b'\n').map(|(at, _)| at).collect();
        Arc::new(Self { text, ends, cover: OnceLock::new(), names: OnceLock::new() })
    }
}

impl SourceText {
    /// Returns the whole lines of a span.
    fn lines(&self, span: &SourceSpan) -> Range<usize> {
        let (first, last) = (self.line(span.start), self.line(span.end));
        let start = first.checked_sub(1).map_or(0, |it| self.ends[it]);
        start..self.ends.get(last).copied().unwrap_or(self.text.len())
    }

    /// Returns the line of a position, counted from zero.
    fn line(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at)
    }
}

impl SourceTexts {
    /// Returns the text of a file.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(|it| &*it.text)
    }

    /// Returns a range of a file's text with its secrets covered. The length stays the same, so
    /// that places within it stay valid.
    pub(crate) fn shown(&self, file: &str, place: Range<usize>, secrets: &SecretTexts) -> String {
        let Some(source) = self.texts.get(file) else { return String::new() };
        let covered = self.cover(file, source).within(&place);
        let (start, end, text) = (place.start, place.end, &source.text[place.clone()]);
        let inside =
            covered.map(|it| it.start.clamp(start, end) - start..it.end.clamp(start, end) - start);
        // A short secret can equal a name by accident. The parser expects a name at this place, so
        // that the word does not come from the secret.
        let is_name = |it: &Range<usize>| {
            self.is_name(file, source, start + it.start..start + it.end, &text[it.clone()])
        };
        let found = secrets.places(text).into_iter().filter(|it| !is_name(it));
        blotted(text, found.chain(inside).collect())
    }

    /// Whether a place of a file is a short name.
    fn is_name(&self, file: &str, source: &SourceText, place: Range<usize>, word: &str) -> bool {
        if !is_short(word) {
            return false;
        }
        let names = self.names(file, source);
        names.binary_search_by_key(&place.start, |it| it.start).is_ok_and(|at| names[at] == place)
    }

    fn names<'s>(&self, file: &str, source: &'s SourceText) -> &'s [Range<usize>] {
        source
            .names
            .get_or_init(|| names(file, &source.text, self.declared(), self.cover(file, source)))
    }

    /// Returns the names within some places, and the functions that are called on their lines: our
    /// own messages about these places quote them.
    pub(crate) fn names_at<'s>(
        &'s self,
        spans: impl Iterator<Item = &'s SourceSpan>,
    ) -> BTreeSet<&'s str> {
        let mut found = BTreeSet::new();
        for span in spans {
            let Some(source) = self.texts.get(&*span.file) else { continue };
            let (lines, text) = (source.lines(span), &source.text);
            let names = self.names(&span.file, source);
            let first = names.partition_point(|it| it.start < lines.start);
            let on_lines = names[first..].iter().take_while(|it| it.end <= lines.end);
            let is_quoted = |it: &&Range<usize>| {
                (span.start <= it.start && it.end <= span.end) || text[it.end..].starts_with('(')
            };
            found.extend(on_lines.filter(is_quoted).map(|it| &text[it.clone()]));
        }
        found
    }

    /// Whether a string is the name of one of the files, or of a directory with one of them.
    pub(crate) fn is_file(&self, name: &str) -> bool {
        let name = name.trim_start_matches("./").trim_end_matches('/');
        let is_within = |it: &String| it.strip_prefix(name).is_some_and(|it| it.starts_with('/'));
        !name.is_empty() && (self.texts.contains_key(name) || self.texts.keys().any(is_within))
    }

    /// Returns the secret literals of all files. The literal part of a template is not a secret,
    /// unless it has a password.
    pub(crate) fn secrets(&self) -> SecretTexts {
        let mut values = Vec::new();
        for (file, source) in &self.texts {
            for CoveredStretch { place, is_piece, .. } in self.cover(file, source).sure() {
                let text = &source.text[place.clone()];
                match is_piece {
                    true => values.extend(passwords(text).into_iter().map(Value::from)),
                    // These words are in many messages, where masking them would hide more than
                    // they reveal.
                    false if matches!(text, "true" | "false") => {}
                    false => values.push(Value::from(text)),
                }
            }
        }
        SecretTexts::within(&values.into_iter().map(Value::sensitive).collect::<Vec<_>>())
    }

    /// Returns the covered literals on the lines of some places, to be masked in the messages about
    /// them.
    pub(crate) fn nearby<'s>(&self, spans: impl Iterator<Item = &'s SourceSpan>) -> Nearby {
        let (mut texts, mut shown) = (Vec::new(), String::new());
        for span in spans {
            let Some(source) = self.texts.get(&*span.file) else { continue };
            let lines = source.lines(span);
            let covered: Vec<_> = self.cover(&span.file, source).within(&lines).collect();
            let clipped = covered.iter().map(|it| {
                it.start.max(lines.start) - lines.start..it.end.min(lines.end) - lines.start
            });
            shown += &blotted(&source.text[lines.clone()], clipped.collect());
            texts.extend(covered.into_iter().map(|it| &source.text[it]));
        }
        Nearby::new(&texts, &shown)
    }

    fn cover<'a>(&self, file: &str, source: &'a SourceText) -> &'a Cover {
        source.cover.get_or_init(|| Cover::of(file, &source.text, self.declared()))
    }

    pub(crate) fn declared(&self) -> &SourceDeclarations {
        self.declared.get_or_init(|| {
            let mut declared = SourceDeclarations::default();
            self.texts.iter().for_each(|(file, it)| declared.add(file, &it.text));
            Arc::new(declared)
        })
    }

    /// Returns the texts with one more file.
    pub(crate) fn with(&self, file: &str, text: &str) -> Self {
        let mut more = self.clone();
        more.texts.insert(file.to_owned(), SourceText::new(text.into()));
        more.declared = OnceLock::new();
        more
    }

    /// Returns the first line of a span, counted from one.
    pub(crate) fn line(&self, span: &SourceSpan) -> Option<usize> {
        let source = self.texts.get(&*span.file).filter(|it| span.start <= it.text.len())?;
        Some(source.line(span.start) + 1)
    }

    /// Returns `main.hcl:12`, or the file's name if the line is unknown.
    pub(crate) fn place(&self, span: &SourceSpan) -> String {
        match self.line(span) {
            Some(line) => format!("{}:{line}", span.file),
            None => span.file.to_string(),
        }
    }
}

impl<N: Into<String>, T: Into<Arc<str>>> FromIterator<(N, T)> for SourceTexts {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(files: I) -> Self {
        let texts = files
            .into_iter()
            .map(|(name, text)| (name.into(), SourceText::new(text.into())))
            .collect();
        Self { texts, declared: OnceLock::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one() {
        let sources: SourceTexts = [("a.hcl", "x\ny\n\nz")].into_iter().collect();
        let line = |at: usize| sources.line(&SourceSpan::new("a.hcl".into(), at..at));
        assert_eq!(
            [0, 1, 2, 4, 5, 6, 7].map(line),
            [Some(1), Some(1), Some(2), Some(3), Some(4), Some(4), None]
        );
        assert_eq!(sources.place(&SourceSpan::new("b.hcl".into(), 3..4)), "b.hcl");
    }
}

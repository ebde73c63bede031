//! Source strings by file name, for places in them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ha_diagnostics::SourceSpan;
use ha_plan::{blotted, passwords};
use ha_value::Value;

use super::covered::{Cover, CoveredStretch, SourceDeclarations};
use super::nearby::Nearby;
use super::secrets::SecretTexts;

/// Source strings by file name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceTexts {
    texts: BTreeMap<String, Arc<SourceText>>,
    /// What all of them declare.
    declared: OnceLock<Arc<SourceDeclarations>>,
}

#[derive(Debug)]
struct SourceText {
    text: Arc<str>,
    /// Where lines end.
    ends: Vec<usize>,
    /// What of it is covered.
    cover: OnceLock<Cover>,
}

impl SourceText {
    fn new(text: Arc<str>) -> Arc<Self> {
        let ends =
            text.bytes().enumerate().filter(|(_, it)| *it == b'\n').map(|(at, _)| at).collect();
        Arc::new(Self { text, ends, cover: OnceLock::new() })
    }
}

impl SourceText {
    /// The whole lines that a span is on.
    fn lines(&self, span: &SourceSpan) -> Range<usize> {
        let (first, last) = (self.line(span.start), self.line(span.end));
        let start = first.checked_sub(1).map_or(0, |it| self.ends[it]);
        start..self.ends.get(last).copied().unwrap_or(self.text.len())
    }

    /// The line that a place is on, counted from zero.
    fn line(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at)
    }
}

impl SourceTexts {
    /// The text of a file.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(|it| &*it.text)
    }

    /// A stretch of a file's text with what is secret in it covered, so that places in it stay what
    /// they are.
    pub(crate) fn shown(&self, file: &str, place: Range<usize>, secrets: &SecretTexts) -> String {
        let Some(source) = self.texts.get(file) else { return String::new() };
        let covered = self.cover(file, source).within(&place);
        let (start, end, text) = (place.start, place.end, &source.text[place.clone()]);
        let inside =
            covered.map(|it| it.start.clamp(start, end) - start..it.end.clamp(start, end) - start);
        blotted(text, secrets.places(text).into_iter().chain(inside).collect())
    }

    /// What the files themselves say that is secret. A stretch of a template is said anywhere, but
    /// for a password in it.
    pub(crate) fn secrets(&self) -> SecretTexts {
        let mut values = Vec::new();
        for (file, source) in &self.texts {
            for CoveredStretch { place, is_piece, .. } in self.cover(file, source).sure() {
                let text = &source.text[place.clone()];
                match is_piece {
                    true => values.extend(passwords(text).into_iter().map(Value::from)),
                    false if matches!(text, "true" | "false") => {}
                    false => values.push(Value::from(text)),
                }
            }
        }
        SecretTexts::within(&values.into_iter().map(Value::sensitive).collect::<Vec<_>>())
    }

    /// What is covered on the lines of some places, to be kept out of what is said of them.
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

    fn declared(&self) -> &SourceDeclarations {
        self.declared.get_or_init(|| {
            let mut declared = SourceDeclarations::default();
            self.texts.iter().for_each(|(file, it)| declared.add(file, &it.text));
            Arc::new(declared)
        })
    }

    /// With one more.
    pub(crate) fn with(&self, file: &str, text: &str) -> Self {
        let mut more = self.clone();
        more.texts.insert(file.to_owned(), SourceText::new(text.into()));
        more.declared = OnceLock::new();
        more
    }

    /// The line, counted from one, in which a span begins.
    pub(crate) fn line(&self, span: &SourceSpan) -> Option<usize> {
        let source = self.texts.get(&*span.file).filter(|it| span.start <= it.text.len())?;
        Some(source.line(span.start) + 1)
    }

    /// `main.hcl:12`, or the file alone where the line is not known.
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

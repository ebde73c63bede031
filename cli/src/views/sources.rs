//! Source texts by file name, for places in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ha_kind::{Span, Value};
use ha_plan::{blotted, passwords};

use super::secrets::{Secrets, secret_literals, sensitive_variables};

/// Source texts by file name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    texts: BTreeMap<String, Arc<Source>>,
}

#[derive(Debug)]
struct Source {
    text: Arc<str>,
    /// Where lines end.
    ends: Vec<usize>,
    /// The variables it calls sensitive.
    sensitive: OnceLock<BTreeSet<String>>,
    /// Where it says what is secret itself, each with whether it is only a stretch of that.
    hidden: OnceLock<Vec<(Range<usize>, bool)>>,
}

impl Source {
    fn new(text: Arc<str>) -> Arc<Self> {
        let ends = text.bytes().enumerate().filter(|(_, it)| *it == b'\n').map(|(at, _)| at).collect();
        Arc::new(Self { text, ends, sensitive: OnceLock::new(), hidden: OnceLock::new() })
    }
}

impl Sources {
    /// The text of a file.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(|it| &*it.text)
    }

    /// A stretch of a file's text with what is secret in it covered, so that places in it stay what they are.
    pub(crate) fn shown(&self, file: &str, place: Range<usize>, secrets: &Secrets) -> String {
        let Some(source) = self.texts.get(file) else { return String::new() };
        let hidden = self.hidden(source);
        let (start, end, text) = (place.start, place.end, &source.text[place]);
        let inside = hidden.iter().map(|(it, _)| it.start.clamp(start, end) - start..it.end.clamp(start, end) - start);
        blotted(text, secrets.places(text).into_iter().chain(inside).collect())
    }

    /// What the files themselves say that is secret. A stretch of a template is said anywhere, but for a password in it.
    pub(crate) fn secrets(&self) -> Secrets {
        let mut values = Vec::new();
        for source in self.texts.values() {
            for (place, is_piece) in self.hidden(source) {
                let text = &source.text[place.clone()];
                match is_piece {
                    true => values.extend(passwords(text).into_iter().map(Value::from)),
                    false if matches!(text, "true" | "false") => {}
                    false => values.push(Value::from(text)),
                }
            }
        }
        Secrets::within(&values.into_iter().map(Value::sensitive).collect::<Vec<_>>())
    }

    fn hidden<'a>(&self, source: &'a Source) -> &'a [(Range<usize>, bool)] {
        source.hidden.get_or_init(|| {
            let sensitive = self.texts.values().flat_map(|it| it.sensitive.get_or_init(|| sensitive_variables(&it.text)));
            secret_literals(&source.text, &sensitive.cloned().collect())
        })
    }

    /// With one more.
    pub(crate) fn with(&self, file: &str, text: &str) -> Self {
        let mut more = self.clone();
        more.texts.insert(file.to_owned(), Source::new(text.into()));
        more
    }

    /// The line, counted from one, in which a span begins.
    pub(crate) fn line(&self, span: &Span) -> Option<usize> {
        let source = self.texts.get(&*span.file).filter(|it| span.start <= it.text.len())?;
        Some(source.ends.partition_point(|end| *end < span.start) + 1)
    }

    /// `main.hcl:12`, or the file alone where the line is not known.
    pub(crate) fn place(&self, span: &Span) -> String {
        match self.line(span) {
            Some(line) => format!("{}:{line}", span.file),
            None => span.file.to_string(),
        }
    }
}

impl<N: Into<String>, T: Into<Arc<str>>> FromIterator<(N, T)> for Sources {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(files: I) -> Self {
        Self { texts: files.into_iter().map(|(name, text)| (name.into(), Source::new(text.into()))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one() {
        let sources: Sources = [("a.hcl", "x\ny\n\nz")].into_iter().collect();
        let line = |at: usize| sources.line(&Span::new("a.hcl".into(), at..at));
        assert_eq!([0, 1, 2, 4, 5, 6, 7].map(line), [Some(1), Some(1), Some(2), Some(3), Some(4), Some(4), None]);
        assert_eq!(sources.place(&Span::new("b.hcl".into(), 3..4)), "b.hcl");
    }
}

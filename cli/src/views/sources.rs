//! Source texts by file name, for places in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_kind::Span;

/// Source texts by file name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    texts: BTreeMap<String, Arc<Source>>,
}

#[derive(Debug)]
struct Source {
    text: String,
    /// Where lines end.
    ends: Vec<usize>,
}

impl Source {
    fn new(text: String) -> Arc<Self> {
        let ends = text.bytes().enumerate().filter(|(_, it)| *it == b'\n').map(|(at, _)| at).collect();
        Arc::new(Self { text, ends })
    }
}

impl Sources {
    /// The text of a file.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(|it| it.text.as_str())
    }

    /// With one more.
    pub(crate) fn with(&self, file: &str, text: &str) -> Self {
        let mut more = self.clone();
        more.texts.insert(file.to_owned(), Source::new(text.to_owned()));
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

impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for Sources {
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

//! Source texts by file name, for places in them.

use std::collections::BTreeMap;

use ha_kind::Span;

/// Source texts by file name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    texts: BTreeMap<String, String>,
}

impl Sources {
    /// The text of a file.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(String::as_str)
    }

    /// With one more.
    pub(crate) fn with(&self, file: &str, text: &str) -> Self {
        let mut more = self.clone();
        more.texts.insert(file.to_owned(), text.to_owned());
        more
    }

    /// The line, counted from one, in which a span begins.
    pub(crate) fn line(&self, span: &Span) -> Option<usize> {
        let before = self.text(&span.file)?.as_bytes().get(..span.start)?;
        Some(before.iter().filter(|it| **it == b'\n').count() + 1)
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
        Self { texts: files.into_iter().map(|(name, text)| (name.into(), text.into())).collect() }
    }
}

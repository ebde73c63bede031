//! Deduplicated diagnostics: an error in a block with many instances is reported once.

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::HashSet;

/// The location and the words of a diagnostic.
type DiagnosticKey = (Option<SourceSpan>, String, String);

/// Diagnostics without duplicates.
#[derive(Default)]
pub(crate) struct DiagnosticSet {
    all: Vec<Diagnostic>,
    keys: HashSet<DiagnosticKey>,
    /// The number of diagnostics including duplicates.
    times: usize,
}

impl DiagnosticSet {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.times += 1;
        if self.keys.insert(key(&diagnostic)) {
            self.all.push(diagnostic);
        }
    }

    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|it| self.push(it));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the number of pushed diagnostics including duplicates. It grows with every error,
    /// `len` does not.
    pub(crate) fn times(&self) -> usize {
        self.times
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Keeps the first `length` diagnostics.
    pub(crate) fn truncate(&mut self, length: usize) {
        for taken in self.all.drain(length.min(self.all.len())..) {
            self.keys.remove(&key(&taken));
        }
    }

    /// Returns the diagnostics in the order of their source locations.
    pub(crate) fn in_order(mut self) -> Vec<Diagnostic> {
        self.all.sort_by_key(|it| (it.span.is_none(), it.span.clone()));
        self.all
    }
}

fn key(diagnostic: &Diagnostic) -> DiagnosticKey {
    (diagnostic.span.clone(), diagnostic.summary.clone(), diagnostic.detail.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_diagnostic_can_be_pushed_again() {
        let mut set = DiagnosticSet::default();
        set.extend(["a", "b", "a"].map(Diagnostic::error));
        assert_eq!((set.len(), set.times()), (2, 3));
        set.truncate(1);
        set.push(Diagnostic::error("b"));
        set.push(Diagnostic::error("a"));
        assert_eq!(set.in_order().into_iter().map(|it| it.summary).collect::<Vec<_>>(), ["a", "b"]);
    }
}

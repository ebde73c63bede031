//! Compares files before and after formatting line by line, with their secrets covered.

use std::fmt::Write;
use std::sync::Arc;

use similar::{ChangeTag, TextDiff};

use super::secrets::SecretTexts;
use super::sources::SourceTexts;

/// Files before and after formatting.
pub(crate) struct Rewritten {
    before: SourceTexts,
    after: SourceTexts,
    secrets: SecretTexts,
}

impl Rewritten {
    /// Each file has a name, its old and its new text. The declarations of all files decide
    /// together which literals are secret.
    pub(crate) fn new<'f>(
        files: impl Iterator<Item = (&'f str, &'f Arc<str>, &'f str)> + Clone,
    ) -> Self {
        let before: SourceTexts =
            files.clone().map(|(name, text, _)| (name, text.clone())).collect();
        let secrets = before.secrets();
        Self { before, after: files.map(|(name, _, text)| (name, text)).collect(), secrets }
    }

    /// Returns the unified diff of a file. The lines are compared uncovered and shown covered.
    pub(crate) fn difference(&self, name: &str) -> String {
        let (Some(before), Some(after)) = (self.before.text(name), self.after.text(name)) else {
            return String::new();
        };
        // Covered lines must not be compared: two secrets of the same length would look equal.
        let diff = TextDiff::from_lines(before, after);
        let shown =
            |sources: &SourceTexts, text: &str| sources.shown(name, 0..text.len(), &self.secrets);
        let (old, new) = (shown(&self.before, before), shown(&self.after, after));
        let (old, new) = (lines(&old, diff.iter_old_slices()), lines(&new, diff.iter_new_slices()));
        let mut unified = format!("--- old/{name}\n+++ new/{name}\n");
        for hunk in diff.unified_diff().iter_hunks() {
            let _ = writeln!(unified, "{}", hunk.header());
            for change in hunk.iter_changes() {
                let line = match change.tag() {
                    ChangeTag::Insert => change.new_index().map(|it| new[it]),
                    ChangeTag::Equal | ChangeTag::Delete => change.old_index().map(|it| old[it]),
                };
                let _ = write!(unified, "{}{}", change.tag(), line.unwrap_or_default());
                if change.missing_newline() {
                    unified += "\n\\ No newline at end of file\n";
                }
            }
        }
        unified
    }
}

/// Cuts a covered text at the same places as the text, which has the same length.
fn lines<'t, 'l>(covered: &'t str, of_text: impl Iterator<Item = &'l str>) -> Vec<&'t str> {
    let mut rest = covered;
    let cut = of_text.map(|it| {
        let (line, behind) = rest.split_at_checked(it.len()).unwrap_or((rest, ""));
        rest = behind;
        line
    });
    cut.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_covered_and_keep_their_places() {
        let before: Arc<str> =
            "variable \"pin\" {\n default = \"hush\"\n sensitive=true\n}\n# hush-hush\r\nlocals {\n  a=1\n}".into();
        let after = before
            .replace(" default = ", "  default   = ")
            .replace(" sensitive=", "  sensitive = ");
        let after = after.replace("a=1", "a = 1");
        let diff = Rewritten::new([("main.hcl", &before, after.as_str())].into_iter())
            .difference("main.hcl");
        let expected = "--- old/main.hcl\n+++ new/main.hcl\n@@ -1,8 +1,8 @@\n variable \"pin\" {\n- default = \"****\"\n\
                        - sensitive=true\n+  default   = \"****\"\n+  sensitive = true\n }\n # ****-****\r\n locals {\n\
                        -  a=1\n+  a = 1\n }\n\\ No newline at end of file\n";
        assert_eq!(diff, expected);
    }
}

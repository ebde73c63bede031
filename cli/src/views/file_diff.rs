//! What differs between a file as it is and as it would be, line by line, with what is secret in it
//! covered.

use std::fmt::Write;
use std::sync::Arc;

use similar::{ChangeTag, TextDiff};

use super::secrets::SecretTexts;
use super::sources::SourceTexts;

/// Files as they are and as they would be.
pub(crate) struct Rewritten {
    before: SourceTexts,
    after: SourceTexts,
    secrets: SecretTexts,
}

impl Rewritten {
    /// Each file has a name and both strings. All of them say together what is secret.
    pub(crate) fn new<'f>(
        files: impl Iterator<Item = (&'f str, &'f Arc<str>, &'f str)> + Clone,
    ) -> Self {
        let before: SourceTexts =
            files.clone().map(|(name, text, _)| (name, text.clone())).collect();
        let secrets = before.secrets();
        Self { before, after: files.map(|(name, _, text)| (name, text)).collect(), secrets }
    }

    /// What differs between the two strings of a file. It is told by the strings themselves, and
    /// shows covered ones.
    pub(crate) fn difference(&self, name: &str) -> String {
        let (Some(before), Some(after)) = (self.before.text(name), self.after.text(name)) else {
            return String::new();
        };
        let diff = TextDiff::from_lines(before, after);
        let shown =
            |sources: &SourceTexts, text: &str| sources.shown(name, 0..text.len(), &self.secrets);
        let (old, new) = (shown(&self.before, before), shown(&self.after, after));
        let (old, new) = (lines(&old, diff.iter_old_slices()), lines(&new, diff.iter_new_slices()));
        let mut told = format!("--- old/{name}\n+++ new/{name}\n");
        for hunk in diff.unified_diff().iter_hunks() {
            let _ = writeln!(told, "{}", hunk.header());
            for change in hunk.iter_changes() {
                let line = match change.tag() {
                    ChangeTag::Insert => change.new_index().map(|it| new[it]),
                    ChangeTag::Equal | ChangeTag::Delete => change.old_index().map(|it| old[it]),
                };
                let _ = write!(told, "{}{}", change.tag(), line.unwrap_or_default());
                if change.missing_newline() {
                    told += "\n\\ No newline at end of file\n";
                }
            }
        }
        told
    }
}

/// A covered text cut as the text itself is: it is as long.
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

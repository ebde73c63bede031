//! The ids that `import` blocks give. Of some kinds an id is all that they keep: a password is
//! imported by itself.

use std::collections::BTreeMap;

use ha_lang::Literal;

use super::secrets::{has_secret_id, is_kind};

/// What an import says beside the id and what that is made of.
const OPEN: [&str; 2] = ["provider", "to"];

/// Whether the ids in each body of an import are secret, where it names a kind.
pub(super) struct ImportIds(BTreeMap<usize, bool>);

impl ImportIds {
    /// What the imports among these literals name.
    pub(super) fn of<'l, 't: 'l>(
        text: &str,
        in_imports: impl Iterator<Item = &'l Literal<'t>>,
    ) -> Self {
        let mut found = BTreeMap::new();
        for literal in in_imports {
            let Some(body) = literal.bodies.last() else { continue };
            let words =
                text[literal.place.clone()].split(|it: char| !(it.is_alphanumeric() || it == '_'));
            for word in words.filter(|it| is_kind(it)) {
                *found.entry(*body).or_default() |= has_secret_id(word);
            }
        }
        Self(found)
    }

    /// Whether a literal in an import is secret for sure; none where it is none, or no part of an
    /// id. Where no kind is named, no one knows.
    pub(super) fn standing(&self, literal: &Literal<'_>, names: &[&str]) -> Option<bool> {
        if names.iter().any(|it| OPEN.contains(it)) {
            return None;
        }
        match literal.bodies.iter().filter_map(|it| self.0.get(it)).max() {
            Some(false) => None,
            Some(true) => Some(true),
            None => Some(false),
        }
    }
}

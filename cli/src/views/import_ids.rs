//! Decides which ids of `import` blocks are secret. The id of some resource types is their only
//! value: a password is imported by itself.

use std::collections::BTreeMap;

use ha_lang::Literal;

use super::secrets::{has_secret_id, is_kind};

/// Arguments of an import that are not part of the id.
const OPEN: [&str; 2] = ["provider", "to"];

/// For each body of an import that names a resource type, whether its ids are secret.
pub(super) struct ImportIds(BTreeMap<usize, bool>);

impl ImportIds {
    /// Collects the resource types that the imports among these literals name.
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

    /// Returns whether a literal is certainly secret; none if it is not secret or not part of an
    /// id. An id without a known resource type may be secret.
    pub(super) fn certainty(&self, literal: &Literal<'_>, names: &[&str]) -> Option<bool> {
        if names.iter().any(|it| OPEN.contains(it)) {
            return None;
        }
        // Bodies can be nested, and the strictest one counts.
        match literal.bodies.iter().filter_map(|it| self.0.get(it)).max() {
            Some(false) => None,
            Some(true) => Some(true),
            None => Some(false),
        }
    }
}

//! The identity of a role or database, which a rename does not change: the cluster's identifier and
//! the object's OID. It finds an object that was renamed by hand, or by a run that was killed before
//! it recorded the rename.

use std::collections::BTreeMap;

/// The identity of an object; none where the user may not read the cluster's identifier.
pub(crate) fn identity(cluster: Option<&str>, oid: u32) -> Option<String> {
    Some(format!("{}/{oid}", cluster?))
}

/// The OID of an identity of this cluster; none of another cluster, where it is another object's.
pub(crate) fn oid_in(cluster: Option<&str>, identity: Option<&String>) -> Option<u32> {
    let (recorded, oid) = identity?.split_once('/')?;
    (recorded == cluster?).then(|| oid.parse().ok())?
}

/// Objects on the server, by name and OID.
pub(crate) struct FoundObject<T>(BTreeMap<String, (u32, T)>);

impl<T> FoundObject<T> {
    pub(crate) fn new(all: impl IntoIterator<Item = (String, u32, T)>) -> Self {
        Self(all.into_iter().map(|(name, oid, it)| (name, (oid, it))).collect())
    }

    /// The object with this name; else the one with this OID, unless its name is one of `names`.
    pub(crate) fn find(
        &self,
        name: &str,
        oid: Option<u32>,
        names: &[&str],
    ) -> Option<(&str, u32, &T)> {
        if let Some((name, (oid, it))) = self.0.get_key_value(name) {
            return Some((name, *oid, it));
        }
        let renamed = self
            .0
            .iter()
            .find(|(name, (it, _))| Some(*it) == oid && !names.contains(&name.as_str()));
        renamed.map(|(name, (oid, it))| (name.as_str(), *oid, it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oid_is_valid_only_in_its_own_cluster() {
        let recorded = identity(Some("7"), 16_384);
        assert_eq!(oid_in(Some("7"), recorded.as_ref()), Some(16_384));
        assert_eq!(oid_in(Some("8"), recorded.as_ref()), None);
        assert_eq!(
            (oid_in(None, recorded.as_ref()), oid_in(Some("7"), None), identity(None, 1)),
            (None, None, None)
        );
    }

    #[test]
    fn a_name_takes_precedence_over_an_oid() {
        let found = FoundObject::new([("a".to_owned(), 1, 'a'), ("b".to_owned(), 2, 'b')]);
        assert_eq!(found.find("a", Some(2), &["a"]), Some(("a", 1, &'a')));
        assert_eq!(found.find("old", Some(2), &["old"]), Some(("b", 2, &'b')));
        // Another block has that name.
        assert_eq!(found.find("old", Some(2), &["old", "b"]), None);
        assert_eq!(found.find("old", None, &["old"]), None);
    }
}

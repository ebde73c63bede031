//! What a server knows a thing by, whatever its name is just now: the number of the cluster and the
//! thing's own in it. By it what was renamed is found again, by a person or by a run that was
//! killed before it could say so.

use std::collections::BTreeMap;

/// The identity of a thing; none where the user may not know the cluster's number.
pub(crate) fn identity(cluster: Option<&str>, oid: u32) -> Option<String> {
    Some(format!("{}/{oid}", cluster?))
}

/// The number of a thing in this very cluster. In another one the same number is another thing.
pub(crate) fn oid_in(cluster: Option<&str>, identity: Option<&String>) -> Option<u32> {
    let (recorded, oid) = identity?.split_once('/')?;
    (recorded == cluster?).then(|| oid.parse().ok())?
}

/// What was found, by name and by number.
pub(crate) struct FoundObject<T>(BTreeMap<String, (u32, T)>);

impl<T> FoundObject<T> {
    pub(crate) fn new(all: impl IntoIterator<Item = (String, u32, T)>) -> Self {
        Self(all.into_iter().map(|(name, oid, it)| (name, (oid, it))).collect())
    }

    /// What has this name; or else what has this number, as long as no other of `names` means it.
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
    fn a_number_means_something_in_its_own_cluster_alone() {
        let recorded = identity(Some("7"), 16_384);
        assert_eq!(oid_in(Some("7"), recorded.as_ref()), Some(16_384));
        assert_eq!(oid_in(Some("8"), recorded.as_ref()), None);
        assert_eq!(
            (oid_in(None, recorded.as_ref()), oid_in(Some("7"), None), identity(None, 1)),
            (None, None, None)
        );
    }

    #[test]
    fn a_name_goes_before_a_number() {
        let found = FoundObject::new([("a".to_owned(), 1, 'a'), ("b".to_owned(), 2, 'b')]);
        assert_eq!(found.find("a", Some(2), &["a"]), Some(("a", 1, &'a')));
        assert_eq!(found.find("old", Some(2), &["old"]), Some(("b", 2, &'b')));
        // Somebody else is meant by that name.
        assert_eq!(found.find("old", Some(2), &["old", "b"]), None);
        assert_eq!(found.find("old", None, &["old"]), None);
    }
}

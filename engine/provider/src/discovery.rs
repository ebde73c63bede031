//! Search for objects of instances without a record.

use crate::{Error, ExistingResource, ImportedValue, RecordedValue};
use ha_value::{Address, Object};

/// A configured instance without a record.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscoveryTarget {
    /// The address.
    pub address: Address,
    /// The configured arguments without marks; they may be unknown.
    pub arguments: Object,
}

impl DiscoveryTarget {
    /// Returns a string argument that is known and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        known_text(&self.arguments, name)
    }
}

/// Returns a string argument that is known and not empty.
#[must_use]
pub fn known_text<'a>(arguments: &'a Object, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(ha_value::Value::as_str).filter(|it| !it.is_empty())
}

/// The mark that `ha` puts on an object it creates, to recognise it later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnershipMark {
    /// The address of the instance, [in plain letters](Address::in_plain_letters).
    pub address: String,
    /// The lineage of the state; none where the mark does not hold it.
    pub state: Option<String>,
}

/// An object with an ownership mark.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedResource {
    /// The object, before it is read.
    pub known: ExistingResource,
    /// The mark.
    pub trace: OwnershipMark,
}

/// The result of a search for one instance.
#[derive(Clone, Debug, PartialEq)]
pub enum DiscoveryResult {
    /// The object exists.
    Found(Box<DiscoveredResource>),
    /// There is no such object.
    Nothing,
    /// Several objects match: their ids and the evidence for each.
    Several(Vec<(String, DiscoveryEvidence)>),
    /// The service cannot be asked, for this reason; the object would be this one.
    Unasked(Box<RecordedValue>, String),
    /// A search by name or mark is not possible, for this reason.
    Unsearchable(String),
}

/// An object that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscoveredResource {
    /// The object as it will be recorded.
    pub imported: ImportedValue,
    /// The evidence.
    pub by: DiscoveryEvidence,
    /// The lineage in its ownership mark.
    pub state: Option<String>,
}

/// How an object was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryEvidence {
    /// By the address in its ownership mark.
    Trace,
    /// By its name and the address in its ownership mark.
    NameAndTrace,
    /// By its name alone; someone else may have created it.
    Name,
}

/// The reason for a kind that supports neither names nor marks.
pub(crate) const NOT_DISCOVERABLE: &str =
    "what is of this kind can be known neither by a name nor by a mark";

/// The object of an instance among those that are marked and the one with its name.
pub(crate) enum DiscoveryMatch {
    /// This object.
    One(ExistingResource, DiscoveryEvidence, Option<String>),
    /// No object, and the reason if no search was possible.
    None(Option<String>),
    /// Any of these.
    Several(Vec<(String, DiscoveryEvidence)>),
}

/// Chooses the object of `address`. `state` is the lost lineage, where it is known: objects of
/// other states do not match.
pub(crate) fn choose(
    address: &Address,
    named: Option<ExistingResource>,
    marked: &[OwnedResource],
    state: Option<&str>,
    can_list: bool,
) -> DiscoveryMatch {
    let is_of_another = |it: &OwnedResource| matches!((&it.trace.state, state), (Some(its), Some(ours)) if its != ours);
    let written = address.in_plain_letters();
    let bears_it: Vec<&OwnedResource> =
        marked.iter().filter(|it| it.trace.address == written && !is_of_another(it)).collect();
    if let Some(named) = &named {
        // Name and mark together are the strongest evidence, so that object wins over others with
        // the same mark.
        if let Some(both) = bears_it.iter().find(|it| it.known.id == named.id) {
            return DiscoveryMatch::One(
                both.known.clone(),
                DiscoveryEvidence::NameAndTrace,
                both.trace.state.clone(),
            );
        }
        // The object with this name belongs to another state and must not be taken over.
        if marked.iter().any(|it| it.known.id == named.id && is_of_another(it)) {
            return DiscoveryMatch::None(None);
        }
    }
    // A mark counts for more than a name, because someone else may have created an object with the
    // same name.
    match (bears_it.as_slice(), named) {
        ([one], _) => DiscoveryMatch::One(
            one.known.clone(),
            DiscoveryEvidence::Trace,
            one.trace.state.clone(),
        ),
        ([], Some(named)) => DiscoveryMatch::One(named, DiscoveryEvidence::Name, None),
        ([], None) if can_list => DiscoveryMatch::None(None),
        ([], None) => DiscoveryMatch::None(Some(NOT_DISCOVERABLE.into())),
        (several, _) => DiscoveryMatch::Several(
            several.iter().map(|it| (it.known.id.clone(), DiscoveryEvidence::Trace)).collect(),
        ),
    }
}

/// Returns the result of a search that the kind does not support.
pub(crate) fn unsearchable(sought: &[DiscoveryTarget]) -> Result<Vec<DiscoveryResult>, Error> {
    Ok(sought.iter().map(|_| DiscoveryResult::Unsearchable(NOT_DISCOVERABLE.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(id: &str, address: &str, state: Option<&str>) -> OwnedResource {
        let trace = OwnershipMark { address: address.into(), state: state.map(str::to_owned) };
        OwnedResource { known: ExistingResource::by(id), trace }
    }

    fn chosen(named: Option<&str>, marked: &[OwnedResource], state: Option<&str>) -> String {
        let address = "a.b[\"c\"]".parse().unwrap();
        match choose(&address, named.map(ExistingResource::by), marked, state, true) {
            DiscoveryMatch::One(known, by, _) => format!("{} {by:?}", known.id),
            DiscoveryMatch::None(_) => "none".into(),
            DiscoveryMatch::Several(all) => {
                all.into_iter().map(|it| it.0).collect::<Vec<_>>().join(" or ")
            }
        }
    }

    #[test]
    fn a_mark_is_stronger_than_a_name_and_two_marks_are_ambiguous() {
        let ours = marked("1", "a.b/c", None);
        assert_eq!(chosen(None, &[], None), "none");
        assert_eq!(chosen(Some("n"), &[], None), "n Name");
        assert_eq!(chosen(Some("n"), std::slice::from_ref(&ours), None), "1 Trace");
        assert_eq!(
            chosen(Some("1"), &[ours.clone(), marked("2", "a.b/c", None)], None),
            "1 NameAndTrace"
        );
        assert_eq!(
            chosen(None, &[ours, marked("2", "a.b/c", None), marked("3", "a.b/d", None)], None),
            "1 or 2"
        );
    }

    #[test]
    fn ignores_objects_of_another_state() {
        let theirs = marked("1", "a.b/c", Some("theirs"));
        assert_eq!(chosen(None, std::slice::from_ref(&theirs), Some("ours")), "none");
        assert_eq!(chosen(Some("1"), std::slice::from_ref(&theirs), Some("ours")), "none");
        assert_eq!(chosen(Some("1"), std::slice::from_ref(&theirs), None), "1 NameAndTrace");
        assert_eq!(
            chosen(None, &[theirs, marked("2", "a.b/c", Some("ours"))], Some("ours")),
            "2 Trace"
        );
    }
}

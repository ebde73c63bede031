//! What is looked for because nothing is recorded of it, and what it is known by.

use crate::{Error, ExistingResource, ImportedValue, RecordedValue};
use ha_value::{Address, Object};

/// An instance that the configuration asks for, and of which nothing is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscoveryTarget {
    /// Which instance.
    pub address: Address,
    /// What the configuration says of it, unmarked; some of it may be unknown.
    pub arguments: Object,
}

impl DiscoveryTarget {
    /// An argument that is known, and is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        known_text(&self.arguments, name)
    }
}

/// An argument that is known, and is a string.
#[must_use]
pub fn known_text<'a>(arguments: &'a Object, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(ha_value::Value::as_str).filter(|it| !it.is_empty())
}

/// What `ha` left on something that it made, to know it again by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnershipMark {
    /// The instance it was made for, [in plain letters](Address::in_plain_letters).
    pub address: String,
    /// The lineage of the state it is recorded in; none where that was not written down.
    pub state: Option<String>,
}

/// Something that bears a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedResource {
    /// It, before anybody has looked.
    pub known: ExistingResource,
    /// What it bears.
    pub trace: OwnershipMark,
}

/// What came of looking for an instance.
#[derive(Clone, Debug, PartialEq)]
pub enum DiscoveryResult {
    /// It is there.
    Found(Box<DiscoveredResource>),
    /// It is not there.
    Nothing,
    /// More than one thing may be it: their ids, each with what it was recognised by.
    Several(Vec<(String, DiscoveryEvidence)>),
    /// No one can be asked about it now, for this reason. Where it would be is known.
    Unasked(Box<RecordedValue>, String),
    /// Neither its name nor a trace of it can be looked for, for this reason.
    Unsearchable(String),
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscoveredResource {
    /// It, as it is recorded from now on.
    pub imported: ImportedValue,
    /// What it was recognised by.
    pub by: DiscoveryEvidence,
    /// The lineage of the state that it says it belongs to.
    pub state: Option<String>,
}

/// What something is recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryEvidence {
    /// The address that `ha` wrote on it.
    Trace,
    /// Its name, and the address that `ha` wrote on it.
    NameAndTrace,
    /// Its name alone: it may have been made by somebody else.
    Name,
}

/// Why a kind can neither name nor list what it made.
pub(crate) const NOWHERE: &str =
    "what is of this kind can be known neither by a name nor by a mark";

/// The thing that an instance is, among those that bear a trace and the one that has its name.
pub(crate) enum DiscoveryMatch {
    /// This one.
    One(ExistingResource, DiscoveryEvidence, Option<String>),
    /// None, for this reason where nothing could be looked for.
    None(Option<String>),
    /// Any of these.
    Several(Vec<(String, DiscoveryEvidence)>),
}

/// Chooses what `address` is. `state` is the lineage that was lost, where it is known: what bears
/// that of another state is not meant.
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
        if let Some(both) = bears_it.iter().find(|it| it.known.id == named.id) {
            return DiscoveryMatch::One(
                both.known.clone(),
                DiscoveryEvidence::NameAndTrace,
                both.trace.state.clone(),
            );
        }
        if marked.iter().any(|it| it.known.id == named.id && is_of_another(it)) {
            return DiscoveryMatch::None(None);
        }
    }
    match (bears_it.as_slice(), named) {
        ([one], _) => DiscoveryMatch::One(
            one.known.clone(),
            DiscoveryEvidence::Trace,
            one.trace.state.clone(),
        ),
        ([], Some(named)) => DiscoveryMatch::One(named, DiscoveryEvidence::Name, None),
        ([], None) if can_list => DiscoveryMatch::None(None),
        ([], None) => DiscoveryMatch::None(Some(NOWHERE.into())),
        (several, _) => DiscoveryMatch::Several(
            several.iter().map(|it| (it.known.id.clone(), DiscoveryEvidence::Trace)).collect(),
        ),
    }
}

/// What a search that no one offers comes to.
pub(crate) fn unsearchable(sought: &[DiscoveryTarget]) -> Result<Vec<DiscoveryResult>, Error> {
    Ok(sought.iter().map(|_| DiscoveryResult::Unsearchable(NOWHERE.into())).collect())
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
    fn a_trace_counts_for_more_than_a_name_and_two_traces_for_none() {
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
    fn what_another_state_has_is_not_meant() {
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

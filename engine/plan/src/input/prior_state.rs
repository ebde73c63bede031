//! The state, updated with the results of refresh and reads.

use std::collections::BTreeMap;

use ha_provider::{
    DiscoveryResult, Error, ImportedValue, ReadingValue, ResourceDescription, SchemaSet,
};
use ha_state_model::{Record, State};
use ha_value::{Address, Name, Object, Path, Value};

use crate::attributes::{attributes, id_in, is_empty, plain};
use crate::input::recorded_spelling::with_recorded_spelling;
use crate::model::Drift;
use crate::secrecy::as_recorded;

/// The results of refresh and reads.
#[derive(Debug, Default)]
pub struct Observations {
    /// What was read of recorded instances.
    pub readings: BTreeMap<Address, ReadingValue>,
    /// Outputs of data sources, with the arguments of the read.
    pub data: BTreeMap<Address, (Object, Object)>,
    /// Data sources of `check` blocks that could not be read, with the arguments of the read and
    /// the error.
    pub unread: BTreeMap<Address, (Object, Error)>,
    /// Results of imports, with the id that was looked up.
    pub imports: BTreeMap<Address, (String, Option<ImportedValue>)>,
    /// Results of the search for instances without a record.
    pub sought: BTreeMap<Address, DiscoveryResult>,
}

/// A record together with remarks of the refresh.
#[derive(Clone, Debug)]
pub(crate) struct PriorInstance {
    /// The record, updated with what was read and, for an unchanged resource, with what the
    /// configuration says.
    pub(crate) record: Record,
    /// Remarks of the refresh.
    pub(crate) remarks: Vec<String>,
}

/// The state, updated with what was read.
#[derive(Debug, Default)]
pub(crate) struct PriorState {
    /// Instances that exist.
    pub(crate) priors: BTreeMap<Address, PriorInstance>,
    /// Records of objects that do not exist any more.
    pub(crate) gone: BTreeMap<Address, Record>,
    /// Differences that `ha` did not cause.
    pub(crate) drift: Vec<Drift>,
    /// Instances that could not be read, with the reason.
    pub(crate) unchecked: Vec<(Address, String)>,
}

impl PriorState {
    /// Updates a state with observations.
    pub(crate) fn new(state: &State, observed: &Observations, schemas: &SchemaSet) -> Self {
        let mut prior_state = Self::default();
        for (address, record) in &state.records {
            let described = schemas.kind(address.block.mode, &address.block.kind);
            let (mut seen, mut remarks) = (record.clone(), Vec::new());
            match observed.readings.get(address) {
                Some(ReadingValue::Gone) => {
                    prior_state.drift.push(Drift {
                        address: address.clone(),
                        before: attributes(record),
                        after: None,
                        paths: Vec::new(),
                        remarks: Vec::new(),
                        contributes: false,
                    });
                    // The instance is left out of the priors, so that the planner creates it like
                    // a new one.
                    prior_state.gone.insert(address.clone(), record.clone());
                    continue;
                }
                Some(ReadingValue::Found { arguments, outputs, remarks: found }) => {
                    let (arguments, paths) =
                        arguments_seen(described, record, (arguments, outputs));
                    seen.arguments = match described {
                        Some(described) => as_recorded(described, &record.arguments, arguments),
                        None => arguments,
                    };
                    seen.outputs = marked_as(&record.outputs, outputs);
                    // An id that changed outside is the name by which the object is found from now
                    // on.
                    seen.id = id_in(outputs).unwrap_or_else(|| record.id.clone());
                    remarks.clone_from(found);
                    let paths: Vec<Path> = paths
                        .into_iter()
                        .chain(outputs_drifted(described, record, &seen))
                        .collect();
                    if !paths.is_empty() {
                        prior_state.drift.push(Drift {
                            address: address.clone(),
                            before: attributes(record),
                            after: Some(attributes(&seen)),
                            paths,
                            remarks: remarks.clone(),
                            contributes: false,
                        });
                    }
                }
                // An instance that could not be read counts as recorded, so that one unreachable
                // server does not prevent a plan for the others.
                Some(ReadingValue::Unchecked(reason)) => {
                    prior_state.unchecked.push((address.clone(), reason.clone()))
                }
                None => {}
            }
            prior_state.priors.insert(address.clone(), PriorInstance { record: seen, remarks });
        }
        prior_state
    }
}

impl PriorState {
    /// Replaces the values in an instance's drift by those of this record.
    pub(crate) fn update_drift(&mut self, seen: &Record) {
        // Drift is in the order of addresses, as the records are that it was found by.
        if let Ok(place) = self.drift.binary_search_by(|it| it.address.cmp(&seen.address)) {
            self.drift[place].after = Some(attributes(seen));
        }
    }
}

/// Returns the arguments as read, with the marks of the record, and the paths that differ. Values
/// that differ only in spelling keep the recorded spelling; values that the kind treats as equal
/// are no difference.
fn arguments_seen(
    described: Option<&ResourceDescription>,
    record: &Record,
    (seen, outputs): (&Object, &Object),
) -> (Object, Vec<Path>) {
    let normal = |arguments: &Object| {
        let plain = plain(arguments);
        described.and_then(|it| it.normal(&plain).ok()).unwrap_or(plain)
    };
    let (was, is) = (normal(&record.arguments), normal(seen));
    let same = |name: &Name| was.get(name) == is.get(name);
    let seen = &spelled_as_recorded(described, record, seen, same);
    let mut now = marked_as(&record.arguments, seen);
    // The recorded value is kept where both mean the same, because it has the spelling and the
    // marks of the configuration.
    for (name, value) in record.arguments.iter().filter(|(name, _)| same(name)) {
        now.insert(name.clone(), value.clone());
    }
    let good = described
        .map(|it| it.hooks().same_names(it.schema(), (seen, outputs), &record.arguments))
        .unwrap_or_default();
    let differs = |name: &&Name| was.get(*name) != is.get(*name) && !good.contains(&***name);
    // An argument that was never configured, and has no default, belongs to whoever set it.
    let claimed = |name: &&Name| {
        let has_default = described.is_some_and(|it| {
            it.schema().arguments.get(*name).is_some_and(|it| it.default.is_some())
        });
        !record.arguments.contains_key(*name) && (has_default || record.configured.contains(*name))
    };
    // A value beyond the configuration is drift only if the kind claims the argument: it has a
    // default, or it was configured before.
    let beyond =
        seen.iter().filter(|(name, it)| claimed(name) && !is_empty(it)).map(|(name, _)| name);
    let paths = record
        .arguments
        .keys()
        .chain(beyond)
        .filter(differs)
        .map(|name| Path::attribute(name.clone()))
        .collect();
    (now, paths)
}

/// The arguments seen, with the spelling of the record for elements that are the same in normal
/// form. Those that `are_same` as a whole are left out of it: the record's value replaces them.
fn spelled_as_recorded(
    described: Option<&ResourceDescription>,
    record: &Record,
    seen: &Object,
    are_same: impl Fn(&Name) -> bool,
) -> Object {
    let Some(described) = described else { return seen.clone() };
    let fields = &described.schema().arguments;
    // The normal form is one of whole arguments; without the optional ones an element costs the
    // same however much else the resource has.
    let required: Object = plain(&record.arguments)
        .into_iter()
        .filter(|(name, _)| fields.get(name).is_some_and(|it| it.required))
        .collect();
    let spelled = |(name, value): (&Name, &Value)| {
        let recorded = record.arguments.get(name).filter(|it| !it.is_marked());
        let Some(recorded) = recorded.filter(|_| !are_same(name) && !value.is_marked()) else {
            return (name.clone(), value.clone());
        };
        let normal = |value: Value| {
            let mut arguments = required.clone();
            arguments.insert(name.clone(), value);
            described.normal(&arguments).ok()?.get(name).cloned()
        };
        (name.clone(), with_recorded_spelling(recorded, value, normal))
    };
    seen.iter().map(spelled).collect()
}

fn outputs_drifted(
    described: Option<&ResourceDescription>,
    before: &Record,
    now: &Record,
) -> Vec<Path> {
    let Some(described) = described else { return Vec::new() };
    let stable =
        |name: &&Name| described.schema().outputs.get(*name).is_some_and(|it| !it.volatile);
    let (was, is) = (plain(&before.outputs), plain(&now.outputs));
    let drifted =
        before.outputs.keys().filter(stable).filter(|name| was.get(*name) != is.get(*name));
    drifted.map(|name| Path::attribute(name.clone())).collect()
}

/// Adds the marks of the recorded values to the values that were read.
fn marked_as(before: &Object, now: &Object) -> Object {
    let mark = |(name, value): (&Name, &Value)| {
        let Some(before) = before.get(name) else { return (name.clone(), value.clone()) };
        let (was, marks) = before.unmark_deep();
        let (is, own) = value.unmark_deep();
        // An unchanged value keeps its precise marks. Of a changed one nobody knows which part is
        // secret, so marks are added by position and never removed.
        let value = if was == is { before.clone() } else { is.remark(&marks).remark(&own) };
        (name.clone(), value)
    };
    now.iter().map(mark).collect()
}

//! What refresh and reads brought back, and how it stands to what is recorded.

use std::collections::BTreeMap;

use ha_provider::{
    DiscoveryResult, Error, ImportedValue, ReadingValue, ResourceDescription, SchemaSet,
};
use ha_state_model::{Record, State};
use ha_value::{Address, Name, Object, Path, Value};

use crate::attributes::{attributes, id_in, is_empty, plain};
use crate::model::Drift;

/// What the world looks like.
#[derive(Debug, Default)]
pub struct Observations {
    /// Recorded instances as they are.
    pub readings: BTreeMap<Address, ReadingValue>,
    /// Answers of data sources, with the arguments they were asked with.
    pub data: BTreeMap<Address, (Object, Object)>,
    /// Data sources of `check` blocks that could not be read, with the arguments they were asked
    /// with, and why.
    pub unread: BTreeMap<Address, (Object, Error)>,
    /// What was found of that which is to be taken over, with the id it was looked for by.
    pub imports: BTreeMap<Address, (String, Option<ImportedValue>)>,
    /// What came of looking for instances of which nothing is recorded.
    pub sought: BTreeMap<Address, DiscoveryResult>,
}

/// A record as it stands now.
#[derive(Clone, Debug)]
pub(crate) struct PriorInstance {
    /// The record, brought up to what was seen, and to what the configuration says of a thing that
    /// does not change.
    pub(crate) record: Record,
    /// What refresh remarked.
    pub(crate) remarks: Vec<String>,
}

/// The state, brought up to what was seen.
#[derive(Debug, Default)]
pub(crate) struct PriorState {
    /// What is there.
    pub(crate) priors: BTreeMap<Address, PriorInstance>,
    /// What is recorded and no longer there.
    pub(crate) gone: BTreeMap<Address, Record>,
    /// What differs although no one used `ha`.
    pub(crate) drift: Vec<Drift>,
    /// What could not be looked at.
    pub(crate) unchecked: Vec<(Address, String)>,
}

impl PriorState {
    /// The state in the light of what was observed.
    pub(crate) fn new(state: &State, observed: &Observations, schemas: &SchemaSet) -> Self {
        let mut current = Self::default();
        for (address, record) in &state.records {
            let described = schemas.kind(address.block.mode, &address.block.kind);
            let (mut seen, mut remarks) = (record.clone(), Vec::new());
            match observed.readings.get(address) {
                Some(ReadingValue::Gone) => {
                    current.drift.push(Drift {
                        address: address.clone(),
                        before: attributes(record),
                        after: None,
                        paths: Vec::new(),
                        remarks: Vec::new(),
                        contributes: false,
                    });
                    current.gone.insert(address.clone(), record.clone());
                    continue;
                }
                Some(ReadingValue::Found { arguments, outputs, remarks: found }) => {
                    let (arguments, paths) =
                        arguments_seen(described, record, (arguments, outputs));
                    seen.arguments = arguments;
                    seen.outputs = marked_as(&record.outputs, outputs);
                    // What was renamed is known by its new name.
                    seen.id = id_in(outputs).unwrap_or_else(|| record.id.clone());
                    remarks.clone_from(found);
                    let paths: Vec<Path> = paths
                        .into_iter()
                        .chain(outputs_drifted(described, record, &seen))
                        .collect();
                    if !paths.is_empty() {
                        current.drift.push(Drift {
                            address: address.clone(),
                            before: attributes(record),
                            after: Some(attributes(&seen)),
                            paths,
                            remarks: remarks.clone(),
                            contributes: false,
                        });
                    }
                }
                Some(ReadingValue::Unchecked(reason)) => {
                    current.unchecked.push((address.clone(), reason.clone()))
                }
                None => {}
            }
            current.priors.insert(address.clone(), PriorInstance { record: seen, remarks });
        }
        current
    }
}

impl PriorState {
    /// What differs of an instance is told by this record of it. Drift is in the order of
    /// addresses.
    pub(crate) fn tell_anew(&mut self, seen: &Record) {
        if let Ok(place) = self.drift.binary_search_by(|it| it.address.cmp(&seen.address)) {
            self.drift[place].after = Some(attributes(seen));
        }
    }
}

/// What was seen in the place of what was recorded, secrets marked as before, and where it differs.
/// What is only spelt otherwise stays as recorded, and what is as good as what is recorded is no
/// difference.
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
    let mut now = marked_as(&record.arguments, seen);
    for (name, value) in record.arguments.iter().filter(|(name, _)| same(name)) {
        now.insert(name.clone(), value.clone());
    }
    let good = described
        .map(|it| it.hooks().same_names(it.schema(), (seen, outputs), &record.arguments))
        .unwrap_or_default();
    let differs = |name: &&Name| was.get(*name) != is.get(*name) && !good.contains(&***name);
    // What no one has ever said anything of is no difference.
    let claimed = |name: &&Name| {
        let has_default = described.is_some_and(|it| {
            it.schema().arguments.get(*name).is_some_and(|it| it.default.is_some())
        });
        !record.arguments.contains_key(*name) && (has_default || record.configured.contains(*name))
    };
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

/// Values with the marks they bear and those they bore before.
fn marked_as(before: &Object, now: &Object) -> Object {
    let mark = |(name, value): (&Name, &Value)| {
        let Some(before) = before.get(name) else { return (name.clone(), value.clone()) };
        let (was, marks) = before.unmark_deep();
        let (is, own) = value.unmark_deep();
        let value = if was == is { before.clone() } else { is.remark(&marks).remark(&own) };
        (name.clone(), value)
    };
    now.iter().map(mark).collect()
}

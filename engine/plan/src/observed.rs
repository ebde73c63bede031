//! What refresh and reads brought back, and how it stands to what is recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_kind::{Address, Described, Name, Object, Path, ReadingValue, Schemas, Value};
use ha_state::{ProviderName, Record, State};

use crate::model::{Drift, Settled};

/// What the world looks like.
#[derive(Debug, Default)]
pub struct Observed {
    /// Recorded instances as they are.
    pub readings: BTreeMap<Address, ReadingValue>,
    /// Answers of data sources, with the arguments they were asked with.
    pub data: BTreeMap<Address, (Object, Object)>,
}

/// A data source that must be read before planning can go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The data source.
    pub address: Address,
    /// Who is asked.
    pub provider: ProviderName,
    /// With these settings.
    pub settings: Object,
    /// What is asked, without marks.
    pub arguments: Object,
}

/// A record as it stands now.
#[derive(Clone, Debug)]
pub(crate) struct Prior {
    /// The record, brought up to what was seen.
    pub(crate) record: Record,
    /// What refresh remarked.
    pub(crate) remarks: Vec<String>,
}

/// The state, brought up to what was seen.
#[derive(Debug, Default)]
pub(crate) struct Current {
    /// What is there.
    pub(crate) priors: BTreeMap<Address, Prior>,
    /// What is recorded and no longer there.
    pub(crate) gone: BTreeMap<Address, Record>,
    /// What apply writes down before its first step.
    pub(crate) settled: Vec<Settled>,
    /// What differs although nobody used `ha`.
    pub(crate) drift: Vec<Drift>,
    /// What could not be looked at.
    pub(crate) unchecked: Vec<(Address, String)>,
}

impl Current {
    /// The state in the light of what was observed.
    pub(crate) fn of(state: &State, observed: &Observed, schemas: &Schemas) -> Self {
        let mut current = Self::default();
        for (address, record) in &state.records {
            let described = schemas.kind(address.block.mode, &address.block.kind);
            match observed.readings.get(address) {
                Some(ReadingValue::Gone) => {
                    current.settled.push(Settled::Gone(address.clone()));
                    current.drift.push(Drift {
                        address: address.clone(),
                        before: attributes(record),
                        after: None,
                        paths: Vec::new(),
                        remarks: Vec::new(),
                    });
                    current.gone.insert(address.clone(), record.clone());
                }
                Some(ReadingValue::Found { arguments, outputs, remarks }) => {
                    let seen = seen(record, arguments, outputs);
                    let paths = drifted(described, record, &seen);
                    if seen != *record {
                        current.settled.push(Settled::Seen(Box::new(seen.clone())));
                    }
                    if !paths.is_empty() {
                        current.drift.push(Drift {
                            address: address.clone(),
                            before: attributes(record),
                            after: Some(attributes(&seen)),
                            paths,
                            remarks: remarks.clone(),
                        });
                    }
                    current.priors.insert(address.clone(), Prior { record: seen, remarks: remarks.clone() });
                }
                Some(ReadingValue::Unchecked(reason)) => {
                    current.unchecked.push((address.clone(), reason.clone()));
                    current.priors.insert(address.clone(), Prior { record: record.clone(), remarks: Vec::new() });
                }
                None => {
                    current.priors.insert(address.clone(), Prior { record: record.clone(), remarks: Vec::new() });
                }
            }
        }
        current
    }
}

/// All attributes of a record: outputs over arguments, and the id.
pub(crate) fn attributes(record: &Record) -> Object {
    let mut all = record.arguments.clone();
    all.extend(record.outputs.iter().map(|(name, it)| (name.clone(), it.clone())));
    all.entry("id".into()).or_insert_with(|| Value::from(record.id.as_str()));
    all
}

/// The record with what was seen in the place of what was recorded, secrets marked as before.
fn seen(record: &Record, arguments: &Object, outputs: &Object) -> Record {
    Record { arguments: marked_as(&record.arguments, arguments), outputs: marked_as(&record.outputs, outputs), ..record.clone() }
}

fn marked_as(before: &Object, now: &Object) -> Object {
    let mark = |(name, value): (&Name, &Value)| {
        let Some(before) = before.get(name) else { return (name.clone(), value.clone()) };
        let (plain, marks) = before.unmark_deep();
        let value = value.revealed();
        let value = if plain == value { before.clone() } else { value.remark(&marks) };
        (name.clone(), value)
    };
    now.iter().map(mark).collect()
}

fn drifted(described: Option<&Described>, before: &Record, now: &Record) -> Vec<Path> {
    let Some(described) = described else { return Vec::new() };
    let normal = |arguments: &Object| described.normal(&plain(arguments)).unwrap_or_else(|_| plain(arguments));
    let (was, is) = (normal(&before.arguments), normal(&now.arguments));
    let arguments = before.arguments.keys().filter(|name| was.get(*name) != is.get(*name));
    let stable = |name: &&Name| described.schema().outputs.get(*name).is_some_and(|it| !it.volatile);
    let (was, is) = (plain(&before.outputs), plain(&now.outputs));
    let outputs = before.outputs.keys().filter(stable).filter(|name| was.get(*name) != is.get(*name));
    arguments.chain(outputs).map(|name| Path::attribute(name.clone())).collect()
}

/// The same attributes without marks.
pub(crate) fn plain(attributes: &Object) -> Object {
    match Value::Object(Arc::new(attributes.clone())).revealed() {
        Value::Object(plain) => Arc::unwrap_or_clone(plain),
        _ => Object::new(),
    }
}

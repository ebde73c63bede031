//! What goes: recorded instances, old objects that replacements left behind, what interrupted runs
//! may have made, and what goes with the thing it lives inside of.

use std::collections::{BTreeMap, BTreeSet};

use ha_provider::{ImpactSeverity, PlannedChange, SchemaSet};
use ha_state_model::{Record, State, UnfinishedStep};
use ha_value::{Action, Address, ResourceMode};

use crate::attributes::attributes;
use crate::diff::containment::{ContainerInstance, ContainerKey, Containment};
use crate::input::prior_state::PriorInstance;
use crate::model::{Change, ChangeReason};

/// The deletion of an instance.
pub(crate) fn deletion(
    schemas: &SchemaSet,
    address: &Address,
    prior: &PriorInstance,
    reason: ChangeReason,
) -> Change {
    let record = &prior.record;
    let described = schemas.kind(address.block.mode, &address.block.kind);
    let names = BTreeSet::new();
    let changed = PlannedChange {
        action: Action::Delete,
        before: Some(&record.arguments),
        after: None,
        names: &names,
    };
    Change {
        address: address.clone(),
        deposed: None,
        action: Action::Delete,
        reason: Some(reason),
        before: Some(attributes(record)),
        after: None,
        differences: Vec::new(),
        impacts: described.map(|it| it.hooks().impacts(&changed)).unwrap_or_default(),
        remarks: prior.remarks.clone(),
        group: described.and_then(|it| it.hooks().group_of(it.schema(), &record.arguments)),
        gone_with: None,
        moved_from: None,
        importing: None,
        span: None,
        because: Vec::new(),
    }
}

/// Makes a deletion into leaving the thing as it is, unrecorded.
pub(crate) fn forgotten(change: &mut Change) {
    change.action = Action::Forget;
    change.impacts.clear();
    change.group = None;
    change.gone_with = None;
}

/// What all things that go have in common.
pub(crate) struct Deletions<'a> {
    pub(crate) state: &'a State,
    pub(crate) schemas: &'a SchemaSet,
    /// What is there.
    pub(crate) priors: &'a BTreeMap<Address, PriorInstance>,
}

impl Deletions<'_> {
    /// Old objects that replacements left behind, and what interrupted runs may have made, where no
    /// step of this plan takes it up (`making`).
    pub(crate) fn left_behind(&self, making: &BTreeSet<&Address>) -> Vec<Change> {
        let deposed = self.state.deposed.iter().map(|((address, key), record)| {
            let prior = PriorInstance { record: record.clone(), remarks: Vec::new() };
            Change {
                deposed: Some(key.clone()),
                ..deletion(self.schemas, address, &prior, ChangeReason::Deposed)
            }
        });
        let mut last: BTreeMap<&Address, u64> = BTreeMap::new();
        let begun = self.state.unfinished.iter().filter(|(_, it)| it.intent.action.makes());
        last.extend(begun.clone().map(|(attempt, it)| (&it.intent.address, *attempt)));
        let abandoned = begun.filter(|(attempt, it)| {
            let address = &it.intent.address;
            !(making.contains(address) && last[address] == **attempt)
        });
        let abandoned = abandoned.map(|(_, it)| {
            let remark = match &it.failure {
                Some(failure) => {
                    format!("an earlier run may have made it before it failed: {failure}")
                }
                None => "an earlier run may have made it before it was interrupted".to_owned(),
            };
            let prior = PriorInstance { record: half_made(it), remarks: vec![remark] };
            let change =
                deletion(self.schemas, &it.intent.address, &prior, ChangeReason::Abandoned);
            Change {
                deposed: Some(left_key(it)),
                before: Some(it.intent.arguments.clone()),
                ..change
            }
        });
        deposed.chain(abandoned).collect()
    }

    /// Marks deletions that need no call, because what the thing lives inside of goes too and takes
    /// it along.
    pub(crate) fn mark_gone_with(&self, changes: &mut [Change]) {
        let going = changes.iter().filter(|it| it.deposed.is_none() && it.action.destroys());
        let going: BTreeSet<Address> = going.map(|it| it.address.clone()).collect();
        let mut along = ContainedDeletions {
            going: self,
            addresses: &going,
            homes: Containment::new(self.state, self.schemas),
            taking: BTreeMap::new(),
        };
        for change in
            changes.iter_mut().filter(|it| it.deposed.is_none() && deletes_first(it.action))
        {
            change.gone_with =
                self.priors.get(&change.address).and_then(|it| along.with(&it.record));
        }
        keep_losses(changes);
    }
}

/// What goes with something that keeps its data, as a last snapshot does, loses none.
fn keep_losses(changes: &mut [Change]) {
    let loses = |it: &Change| it.impacts.iter().any(|it| it.severity == ImpactSeverity::DataLoss);
    let with: BTreeMap<Address, Address> =
        changes.iter().filter_map(|it| Some((it.address.clone(), it.gone_with.clone()?))).collect();
    let losing: BTreeSet<Address> =
        changes.iter().filter(|it| loses(it)).map(|it| it.address.clone()).collect();
    for change in changes.iter_mut().filter(|it| it.gone_with.is_some() && loses(it)) {
        let outermost = std::iter::successors(Some(&change.address), |it| with.get(*it))
            .take(with.len() + 1)
            .last();
        if !outermost.is_some_and(|it| losing.contains(it)) {
            change.impacts.retain(|it| it.severity != ImpactSeverity::DataLoss);
        }
    }
}

/// Finds out what goes along with what it lives inside of.
struct ContainedDeletions<'a> {
    going: &'a Deletions<'a>,
    /// All that goes, or makes way for a new one.
    addresses: &'a BTreeSet<Address>,
    homes: Containment<'a>,
    /// One instance of each home that goes whole and takes what is inside of it along.
    taking: BTreeMap<ContainerKey, Option<Address>>,
}

impl ContainedDeletions<'_> {
    /// What a thing goes with; none where something stays that it lives inside of, or keeps what is
    /// inside.
    fn with(&mut self, record: &Record) -> Option<Address> {
        let homes = self.homes.homes(record, self.going.priors);
        let taking = homes.iter().filter(|it| !it.instances.is_empty()).map(|it| self.taking(it));
        // No one says which of them it is in, so all must go.
        let taking: Option<Vec<Address>> = taking.collect();
        taking.and_then(|it| it.into_iter().next())
    }

    fn taking(&mut self, home: &ContainerInstance) -> Option<Address> {
        if let Some(known) = self.taking.get(&home.key) {
            return known.clone();
        }
        // Nothing lives inside itself; should a state say so, it ends here.
        self.taking.insert(home.key.clone(), None);
        let all = home.instances.iter().all(|it| self.takes(it));
        let taking = home.instances.first().filter(|_| all).cloned();
        self.taking.insert(home.key.clone(), taking.clone());
        taking
    }

    /// Whether an instance goes, and what is inside of it with it: by itself, or because it goes
    /// with something else.
    fn takes(&mut self, address: &Address) -> bool {
        let Some(prior) =
            self.going.priors.get(address).filter(|_| self.addresses.contains(address))
        else {
            return false;
        };
        takes_contents(self.going.schemas, &prior.record) || self.with(&prior.record).is_some()
    }
}

/// Whether what lives inside of a thing goes with it when it is deleted.
pub(crate) fn takes_contents(schemas: &SchemaSet, record: &Record) -> bool {
    let described = schemas.kind(ResourceMode::Managed, &record.address.block.kind);
    described.is_none_or(|it| it.hooks().takes_contents(it.schema(), &record.arguments))
}

/// Whether an action deletes before it makes anything.
fn deletes_first(action: Action) -> bool {
    matches!(action, Action::Delete | Action::DeleteThenCreate)
}

/// The name by which what an interrupted attempt may have made is spoken of.
#[must_use]
pub fn left_key(unfinished: &UnfinishedStep) -> String {
    unfinished.intent.token.chars().take(8).collect()
}

/// What an interrupted attempt may have made, as a record without what the service adds.
fn half_made(unfinished: &UnfinishedStep) -> Record {
    let intent = &unfinished.intent;
    Record {
        address: intent.address.clone(),
        provider: intent.provider.clone(),
        id: String::new(),
        arguments: intent.arguments.clone(),
        configured: intent.configured.clone(),
        outputs: ha_value::Object::new(),
        dependencies: intent.dependencies.clone(),
        tainted: false,
        create_before_destroy: intent.create_before_destroy,
        prevent_destroy: intent.prevent_destroy,
        timeouts: ha_value::Object::new(),
        version: 0,
    }
}

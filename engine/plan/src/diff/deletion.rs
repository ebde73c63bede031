//! Deletions: of recorded instances, old objects of replacements, possible results of interrupted
//! runs, and instances that are deleted with their container.

use std::collections::{BTreeMap, BTreeSet};

use ha_provider::{ImpactSeverity, PlannedChange, SchemaSet};
use ha_state_model::{Record, State, UnfinishedStep};
use ha_value::{Action, Address, ResourceMode};

use crate::attributes::attributes;
use crate::diff::containment::{ContainerInstance, ContainerKey, Containment};
use crate::input::prior_state::PriorInstance;
use crate::model::{Change, ChangeReason};

/// Returns the deletion of an instance.
pub(crate) fn deletion(
    schemas: &SchemaSet,
    address: &Address,
    prior: &PriorInstance,
    reason: ChangeReason,
) -> Change {
    let record = &prior.record;
    // The kind may be unknown to this version; the record can still be deleted from the plan's
    // point of view.
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

/// Turns a deletion into removing the record alone.
pub(crate) fn forgotten(change: &mut Change) {
    change.action = Action::Forget;
    change.impacts.clear();
    change.group = None;
    change.gone_with = None;
}

/// The inputs for planning deletions.
pub(crate) struct Deletions<'a> {
    pub(crate) state: &'a State,
    pub(crate) schemas: &'a SchemaSet,
    /// Instances that exist.
    pub(crate) priors: &'a BTreeMap<Address, PriorInstance>,
}

impl Deletions<'_> {
    /// Returns the deletions of old objects of replacements, and of what interrupted runs may have
    /// created, unless a create of this plan (`making`) continues it.
    pub(crate) fn left_behind(&self, making: &BTreeSet<&Address>) -> Vec<Change> {
        let deposed = self.state.deposed.iter().map(|((address, key), record)| {
            let prior = PriorInstance { record: record.clone(), remarks: Vec::new() };
            Change {
                deposed: Some(key.clone()),
                ..deletion(self.schemas, address, &prior, ChangeReason::Deposed)
            }
        });
        // Only the last attempt of an instance is continued by its create; objects of earlier
        // attempts are deleted.
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
                    format!("an earlier run may have created it before it failed: {failure}")
                }
                None => "an earlier run may have created it before it was interrupted".to_owned(),
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

    /// Marks deletions without a call, because deleting the container deletes its contents.
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

/// Removes data-loss impacts of contents whose outermost container keeps its data, as with a final
/// snapshot.
fn keep_losses(changes: &mut [Change]) {
    let loses = |it: &Change| it.impacts.iter().any(|it| it.severity == ImpactSeverity::DataLoss);
    let with: BTreeMap<Address, Address> =
        changes.iter().filter_map(|it| Some((it.address.clone(), it.gone_with.clone()?))).collect();
    let losing: BTreeSet<Address> =
        changes.iter().filter(|it| loses(it)).map(|it| it.address.clone()).collect();
    for change in changes.iter_mut().filter(|it| it.gone_with.is_some() && loses(it)) {
        // `take` bounds the walk: a wrong state may contain a circle of containers.
        let outermost = std::iter::successors(Some(&change.address), |it| with.get(*it))
            .take(with.len() + 1)
            .last();
        if !outermost.is_some_and(|it| losing.contains(it)) {
            change.impacts.retain(|it| it.severity != ImpactSeverity::DataLoss);
        }
    }
}

/// Finds instances that are deleted with their containers.
struct ContainedDeletions<'a> {
    going: &'a Deletions<'a>,
    /// All instances that are deleted or replaced.
    addresses: &'a BTreeSet<Address>,
    homes: Containment<'a>,
    /// One instance of each container that is wholly deleted together with its contents.
    taking: BTreeMap<ContainerKey, Option<Address>>,
}

impl ContainedDeletions<'_> {
    /// Returns the container that an instance is deleted with; none where a container stays or
    /// keeps its contents.
    fn with(&mut self, record: &Record) -> Option<Address> {
        let homes = self.homes.homes(record, self.going.priors);
        let taking = homes.iter().filter(|it| !it.instances.is_empty()).map(|it| self.taking(it));
        // The instance may be inside any of them, so all must be deleted.
        let taking: Option<Vec<Address>> = taking.collect();
        taking.and_then(|it| it.into_iter().next())
    }

    fn taking(&mut self, home: &ContainerInstance) -> Option<Address> {
        // Results are cached: a container is examined once, however many instances it contains.
        if let Some(known) = self.taking.get(&home.key) {
            return known.clone();
        }
        // A state may wrongly contain a circle of containers; the entry ends the recursion.
        self.taking.insert(home.key.clone(), None);
        let all = home.instances.iter().all(|it| self.takes(it));
        let taking = home.instances.first().filter(|_| all).cloned();
        self.taking.insert(home.key.clone(), taking.clone());
        taking
    }

    /// Whether an instance is deleted with its contents, by its own deletion or by that of its
    /// container.
    fn takes(&mut self, address: &Address) -> bool {
        let Some(prior) =
            self.going.priors.get(address).filter(|_| self.addresses.contains(address))
        else {
            return false;
        };
        takes_contents(self.going.schemas, &prior.record) || self.with(&prior.record).is_some()
    }
}

/// Whether deleting an object deletes its contents.
pub(crate) fn takes_contents(schemas: &SchemaSet, record: &Record) -> bool {
    let described = schemas.kind(ResourceMode::Managed, &record.address.block.kind);
    described.is_none_or(|it| it.hooks().takes_contents(it.schema(), &record.arguments))
}

/// Whether an action deletes before it creates.
fn deletes_first(action: Action) -> bool {
    matches!(action, Action::Delete | Action::DeleteThenCreate)
}

/// Returns the key under which the result of an interrupted attempt is shown.
#[must_use]
pub fn left_key(unfinished: &UnfinishedStep) -> String {
    unfinished.intent.token.chars().take(8).collect()
}

/// Returns a record of what an interrupted attempt may have created.
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

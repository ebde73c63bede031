//! Reasons for replacing an instance.

use ha_lang::{Reference, ReplaceTrigger};
use ha_state_model::Record;
use ha_value::{Action, Address, InstanceKey, Path, PathStep, Value};

use super::{BlockPlanning, InstancePlanning, Planner};
use crate::diff::containment::ContainerInstance;
use crate::diff::deletion::takes_contents;
use crate::evaluation::values::ConfiguredPresence;
use crate::graph::{NodeId, NodeKind};
use crate::model::{Change, ChangeReason, Difference};

/// A container that is deleted or replaced.
#[derive(Clone, Debug)]
pub(super) struct ContainerChange {
    pub(super) container: Address,
    /// Whether deleting the container deletes its contents without a call.
    pub(super) takes_along: bool,
}

impl Planner<'_> {
    /// Returns the reason for a replacement, if there is one. `within` is the container, where it
    /// is replaced or deleted.
    pub(super) fn replace_reason(
        &self,
        instance: &InstancePlanning<'_>,
        record: &Record,
        found: &[Difference],
        within: Option<&ContainerChange>,
    ) -> Option<ChangeReason> {
        let address = &instance.address;
        if record.is_lost() {
            return Some(ChangeReason::Lost);
        }
        // The order decides which reason is shown when several apply: a broken object first, then
        // the operator's request.
        if record.tainted {
            return Some(ChangeReason::Tainted);
        }
        if self.input.replace.contains(address) {
            return Some(ChangeReason::Requested);
        }
        let mut triggers = instance.planning.block.lifecycle.replace_triggered_by.iter();
        if let Some(reference) = triggers.find_map(|it| self.triggered(instance, it)) {
            return Some(ChangeReason::Triggered(reference.to_string()));
        }
        if let Some(within) = within {
            return Some(ChangeReason::Within(within.container.clone()));
        }
        found.iter().any(|it| it.replaces).then_some(ChangeReason::CannotUpdate)
    }

    /// Returns the reference of a trigger, with the key of its instance, if the target changes.
    fn triggered(
        &self,
        instance: &InstancePlanning<'_>,
        trigger: &ReplaceTrigger,
    ) -> Option<Reference> {
        let mut reference = trigger.reference.clone();
        if let Some(key) = &trigger.key {
            // An unknown key may be that of any instance, so every instance triggers.
            reference.key = match self.world.evaluate(&instance.scope(), key).ok()?.unmark().0 {
                Value::String(name) => Some(InstanceKey::Name(name)),
                Value::Number(index) => {
                    Some(InstanceKey::Index(u64::try_from(index.as_i64()?).ok()?))
                }
                _ => None,
            };
        }
        self.triggers(instance, &reference).then_some(reference)
    }

    /// Whether the target of a trigger changes: one instance, any instance of the block, or one
    /// attribute.
    fn triggers(&self, instance: &InstancePlanning<'_>, reference: &Reference) -> bool {
        let BlockPlanning { node, instance: module, .. } = *instance.planning;
        let Some(node) = self.graph.referred(self.graph.node(node).module, reference) else {
            return false;
        };
        let Some(pending) = self.pending.get(&node) else { return false };
        let NodeKind::Block(place) = self.graph.node(node).what else { return false };
        let mut changes: Box<dyn Iterator<Item = &usize>> = match &reference.key {
            None => Box::new(
                pending.changes.range((module, 0)..(module + 1, 0)).map(|(_, change)| change),
            ),
            Some(key) => {
                let at = self.world.expansion(module, place).and_then(|it| it.place(key));
                Box::new(at.and_then(|at| pending.changes.get(&(module, at))).into_iter())
            }
        };
        match reference.path.steps().is_empty() {
            // A reference to the whole resource triggers on updates and replacements, as in
            // Terraform; a first create does not trigger.
            true => changes.any(|it| {
                self.changes[*it].action == Action::Update || self.changes[*it].action.is_replace()
            }),
            false => changes.any(|it| changes_at(&self.changes[*it], &reference.path)),
        }
    }

    /// Returns the container of a record if it is deleted or replaced; its contents are then
    /// replaced too.
    pub(super) fn within(&mut self, node: NodeId, record: &Record) -> Option<ContainerChange> {
        let homes = self.containment.homes(record, &self.prior_state.priors);
        let there = homes.into_iter().filter(|it| !it.instances.is_empty());
        let mut all: Vec<ContainerChange> =
            there.map(|it| self.container_change_of(node, &it)).collect::<Option<_>>()?;
        // An instance with several containers is deleted without a call only if each of them
        // deletes its contents.
        let takes_along = all.iter().all(|it| it.takes_along);
        all.drain(..).next_back().map(|it| ContainerChange { takes_along, ..it })
    }

    /// Returns the change of a container. The result is cached for all instances of a node,
    /// because a container with many contents would otherwise be scanned once for each.
    fn container_change_of(
        &mut self,
        node: NodeId,
        home: &ContainerInstance,
    ) -> Option<ContainerChange> {
        let key = (node, home.key.clone());
        if let Some(known) = self.container_changes.get(&key) {
            return known.clone();
        }
        let mut change = None;
        for container in home.instances.iter() {
            let takes_along = match self.replaced.get(container) {
                Some(takes_along) => *takes_along,
                None if self.is_unconfigured(container) => self
                    .prior_state
                    .priors
                    .get(container)
                    .is_some_and(|it| takes_contents(self.input.schemas, &it.record)),
                None => {
                    // One container that stays is enough: the instance may live in that one.
                    change = None;
                    break;
                }
            };
            let before = change.is_none_or(|it: ContainerChange| it.takes_along);
            change = Some(ContainerChange {
                container: container.clone(),
                takes_along: takes_along && before,
            });
        }
        self.container_changes.insert(key, change.clone());
        change
    }

    /// Whether an instance is not configured any more, as far as that is known.
    fn is_unconfigured(&self, address: &Address) -> bool {
        let is_wanted = matches!(
            self.world.presence(address),
            ConfiguredPresence::Yes | ConfiguredPresence::Undecided
        );
        !is_wanted
            && self.targeting.has(&self.graph, address)
            && self.removals.at(address).is_none_or(|it| it.destroy)
    }
}

/// Whether the attribute at a path changes or may change.
fn changes_at(change: &Change, path: &Path) -> bool {
    let at = |attributes: &Option<ha_value::Object>| {
        let attributes = Value::object(attributes.clone().unwrap_or_default());
        path.steps().iter().fold(attributes.revealed(), |value, step| match step {
            PathStep::Name(name) => value.get(name),
            PathStep::Index(index) => match value.elements() {
                Some(items) => items.get(*index).map_or(Value::NULL, |it| Value::clone(it)),
                None if value.is_known() => Value::NULL,
                None => value,
            },
        })
    };
    let (before, after) = (at(&change.before), at(&change.after));
    // An unknown value may turn out to be the same. The replacement must be planned now, because
    // apply decides nothing.
    !after.is_wholly_known() || before != after
}

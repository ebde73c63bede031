//! Why an instance that is there is made anew.

use ha_kind::{Action, Address, Key, Mode, Path, Step, Value};
use ha_lang::{Reference, Trigger};
use ha_state::Record;

use super::{Instance, Many, Planner};
use crate::deletion::{containers, instances_meant};
use crate::graph::What;
use crate::model::{Change, Difference, Reason};
use crate::world::Wanted;

impl Planner<'_> {
    pub(super) fn replace_reason(&self, instance: &Instance<'_>, record: &Record, found: &[Difference]) -> Option<Reason> {
        let address = &instance.address;
        if record.is_lost() {
            return Some(Reason::Lost);
        }
        if record.tainted {
            return Some(Reason::Tainted);
        }
        if self.input.replace.contains(address) {
            return Some(Reason::Requested);
        }
        let mut triggers = instance.many.block.lifecycle.replace_triggered_by.iter();
        if let Some(reference) = triggers.find_map(|it| self.triggered(instance, it)) {
            return Some(Reason::Triggered(reference.to_string()));
        }
        if let Some(container) = self.replaced_container(address, record) {
            return Some(Reason::Within(container));
        }
        found.iter().any(|it| it.replaces).then_some(Reason::CannotUpdate)
    }

    /// What a trigger refers to, with the key of its instance, where that changes.
    fn triggered(&self, instance: &Instance<'_>, trigger: &Trigger) -> Option<Reference> {
        let mut reference = trigger.reference.clone();
        if let Some(key) = &trigger.key {
            // A key that is not known yet may be that of any instance.
            reference.key = match self.world.evaluate(&instance.standpoint(), key).ok()?.unmark().0 {
                Value::String(name) => Some(Key::Name(name)),
                Value::Number(index) => Some(Key::Index(u64::try_from(index.as_i64()?).ok()?)),
                _ => None,
            };
        }
        self.triggers(instance, &reference).then_some(reference)
    }

    /// Whether what is referred to changes: the instance, any of the block's, or one attribute.
    fn triggers(&self, instance: &Instance<'_>, reference: &Reference) -> bool {
        let Many { node, instance: module, .. } = *instance.many;
        let Some(node) = self.graph.referred(self.graph.node(node).module, reference) else { return false };
        let Some(pending) = self.pending.get(&node) else { return false };
        let What::Block(place) = self.graph.node(node).what else { return false };
        let mut changes: Box<dyn Iterator<Item = &usize>> = match &reference.key {
            None => Box::new(pending.changes.range((module, 0)..(module + 1, 0)).map(|(_, change)| change)),
            Some(key) => {
                let at = self.world.expansion(module, place).and_then(|it| it.place(key));
                Box::new(at.and_then(|at| pending.changes.get(&(module, at))).into_iter())
            }
        };
        match reference.path.steps().is_empty() {
            true => changes.any(|it| self.changes[*it].action == Action::Update || self.changes[*it].action.is_replace()),
            false => changes.any(|it| changes_at(&self.changes[*it], &reference.path)),
        }
    }

    /// What lives inside something that goes, or is made anew, is made anew with it.
    fn replaced_container(&self, address: &Address, record: &Record) -> Option<Address> {
        let within = &self.input.schemas.kind(Mode::Managed, &address.block.kind)?.within;
        let mut replaced = None;
        for block in containers(self.input.state, record, within) {
            for (container, _) in instances_meant(&self.current.priors, &block) {
                match self.replaced.contains(container) || self.is_dropped(container) {
                    true => replaced = Some(container.clone()),
                    false => return None,
                }
            }
        }
        replaced
    }

    /// Whether the configuration does not ask for an instance any more, as far as that is known by now.
    fn is_dropped(&self, address: &Address) -> bool {
        let is_wanted = matches!(self.world.wanted(address), Wanted::Yes | Wanted::Undecided);
        !is_wanted && self.removals.at(address).is_none_or(|it| it.destroy)
    }
}

/// Whether the attribute at a path is another afterwards, or may be.
fn changes_at(change: &Change, path: &Path) -> bool {
    let at = |attributes: &Option<ha_kind::Object>| {
        let attributes = Value::object(attributes.clone().unwrap_or_default());
        path.steps().iter().fold(attributes.revealed(), |value, step| match step {
            Step::Name(name) => value.get(name),
            Step::Index(index) => match value.elements() {
                Some(items) => items.get(*index).map_or(Value::Null, |it| Value::clone(it)),
                None if value.is_known() => Value::Null,
                None => value,
            },
        })
    };
    let (before, after) = (at(&change.before), at(&change.after));
    !after.is_wholly_known() || before != after
}

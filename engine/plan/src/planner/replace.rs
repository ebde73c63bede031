//! Why an instance that is there is made anew.

use ha_kind::{Action, Address, Mode, Path, Step, Value};
use ha_lang::{Reference, ResourceBlock, Target};
use ha_state::Record;

use super::Planner;
use crate::deletion::{containers, instances};
use crate::graph::name_of;
use crate::model::{Change, Difference, Reason};

impl Planner<'_> {
    pub(super) fn replace_reason(
        &self,
        block: &ResourceBlock,
        address: &Address,
        record: &Record,
        found: &[Difference],
    ) -> Option<Reason> {
        if record.tainted {
            return Some(Reason::Tainted);
        }
        if self.input.replace.contains(address) {
            return Some(Reason::Requested);
        }
        if let Some(reference) = block.lifecycle.replace_triggered_by.iter().find(|it| self.triggers(it)) {
            return Some(Reason::Triggered(reference.to_string()));
        }
        if let Some(container) = self.replaced_container(address, record) {
            return Some(Reason::Within(container));
        }
        found.iter().any(|it| it.replaces).then_some(Reason::CannotUpdate)
    }

    /// Whether what is referred to changes: the instance, any of the block's, or one attribute.
    fn triggers(&self, reference: &Reference) -> bool {
        let Target::Block(name) = &reference.target else { return false };
        let Some(pending) = self.pending.get(name) else { return false };
        let changes = pending.changes.iter().filter(|(key, _)| reference.key.as_ref().is_none_or(|it| it == *key));
        let mut changes = changes.map(|(_, index)| &self.changes[*index]);
        match reference.path.steps().is_empty() {
            true => changes.any(|it| it.action == Action::Update || it.action.is_replace()),
            false => changes.any(|it| changes_at(it, &reference.path)),
        }
    }

    /// What lives inside something that goes, or is made anew, is made anew with it.
    fn replaced_container(&self, address: &Address, record: &Record) -> Option<Address> {
        let within = &self.input.schemas.kind(Mode::Managed, &address.block.kind)?.within;
        let mut replaced = None;
        for block in containers(self.input.state, record, within) {
            for (container, _) in instances(&self.current.priors, &block) {
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
        let name = name_of(&address.block);
        let is_configured = self.input.configuration.blocks.contains_key(&name);
        !is_configured || (self.world.expansion(&name).is_some() && !self.wanted.contains(address))
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

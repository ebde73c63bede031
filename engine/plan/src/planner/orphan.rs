//! Recorded instances that no block configures. They are deleted, or forgotten where a `removed`
//! block says so.

use std::collections::BTreeMap;

use ha_value::{Action, Address, InstanceKey};

use super::Planner;
use crate::diff::deletion::{deletion, forgotten};
use crate::evaluation::expansion::Expansion;
use crate::evaluation::values::ConfiguredPresence;
use crate::input::prior_state::PriorInstance;
use crate::input::removed::Removals;
use crate::model::{Change, ChangeReason};

impl Planner<'_> {
    /// Plans the deletion of recorded instances that no block configures.
    pub(super) fn plan_orphans(&mut self) {
        let chosen = self
            .prior_state
            .priors
            .iter()
            .filter(|(address, _)| self.targeting.has(&self.graph, address));
        let orphans = chosen
            .filter_map(|(address, prior)| Some((address, prior, self.orphan_reason(address)?)));
        let gone = orphans
            .map(|(address, prior, reason)| deletion(self.input.schemas, address, prior, reason));
        self.changes.extend(gone.collect::<Vec<_>>());
    }

    /// Returns why an instance is not configured; none where it is.
    fn orphan_reason(&self, address: &Address) -> Option<ChangeReason> {
        let reason = match self.world.presence(address) {
            ConfiguredPresence::Yes => return None,
            _ if self.world.find(&address.block.module).is_none() => ChangeReason::NoModule,
            ConfiguredPresence::NoModule => ChangeReason::NoModule,
            ConfiguredPresence::NoBlock | ConfiguredPresence::Undecided => {
                ChangeReason::NoConfiguration
            }
            ConfiguredPresence::NoKey { key, by_now } => unconfigured_reason(key, by_now),
        };
        // A moved instance that is not configured most likely has a wrong target in its `moved`
        // block, which explains more than the missing block.
        Some(if self.input.moved.moved_from(address).is_some() {
            ChangeReason::NoMoveTarget
        } else {
            reason
        })
    }
}

/// Returns why a block has no instance with a key.
fn unconfigured_reason(key: &InstanceKey, by_now: &Expansion) -> ChangeReason {
    match (key, by_now) {
        (_, Expansion::Absent) => ChangeReason::NotEnabled,
        (InstanceKey::Index(_), Expansion::Count(_)) => ChangeReason::CountIndex,
        (InstanceKey::Name(_), Expansion::ForEach(_)) => ChangeReason::EachKey,
        _ => ChangeReason::WrongRepetition,
    }
}

/// Turns deletions into forgetting where a `removed` block says so.
pub(super) fn forget(
    changes: &mut [Change],
    removals: &Removals<'_>,
    priors: &BTreeMap<Address, PriorInstance>,
) {
    let is_known = |it: &Change| it.deposed.is_some() || priors.contains_key(&it.address);
    for change in changes.iter_mut().filter(|it| it.action == Action::Delete && is_known(it)) {
        if removals.at(&change.address).is_some_and(|it| !it.destroy) {
            forgotten(change);
        }
    }
}

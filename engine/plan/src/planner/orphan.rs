//! Recorded instances that no block asks for: deleted, or forgotten where the configuration says so.

use std::collections::BTreeMap;

use ha_value::{Action, Address, Key};

use super::Planner;
use crate::diff::deletion::{deletion, forgotten};
use crate::evaluation::expansion::Expansion;
use crate::evaluation::values::Wanted;
use crate::input::prior_state::Prior;
use crate::input::removed::Removals;
use crate::model::{Change, Reason};

impl Planner<'_> {
    /// Recorded instances that no block asks for.
    pub(super) fn orphans(&mut self) {
        let chosen = self.current.priors.iter().filter(|(address, _)| self.choice.has(&self.graph, address));
        let orphans = chosen.filter_map(|(address, prior)| Some((address, prior, self.orphaned(address)?)));
        let gone = orphans.map(|(address, prior, reason)| deletion(self.input.schemas, address, prior, reason));
        self.changes.extend(gone.collect::<Vec<_>>());
    }

    /// Why the configuration does not ask for an instance; none when it does.
    fn orphaned(&self, address: &Address) -> Option<Reason> {
        let reason = match self.world.wanted(address) {
            Wanted::Yes => return None,
            _ if self.world.find(&address.block.module).is_none() => Reason::NoModule,
            Wanted::NoModule => Reason::NoModule,
            Wanted::NoBlock | Wanted::Undecided => Reason::NoConfiguration,
            Wanted::NoKey { key, by_now } => no_longer_asked(key, by_now),
        };
        Some(if self.input.moved.moved_from(address).is_some() { Reason::NoMoveTarget } else { reason })
    }
}

/// Why a block does not ask for the instance of a key.
fn no_longer_asked(key: &Key, by_now: &Expansion) -> Reason {
    match (key, by_now) {
        (_, Expansion::Absent) => Reason::NotEnabled,
        (Key::Index(_), Expansion::Count(_)) => Reason::CountIndex,
        (Key::Name(_), Expansion::ForEach(_)) => Reason::EachKey,
        _ => Reason::WrongRepetition,
    }
}

/// Makes deletions of what `removed` blocks say to leave alone into that.
pub(super) fn forget(changes: &mut [Change], removals: &Removals<'_>, priors: &BTreeMap<Address, Prior>) {
    let is_known = |it: &Change| it.deposed.is_some() || priors.contains_key(&it.address);
    for change in changes.iter_mut().filter(|it| it.action == Action::Delete && is_known(it)) {
        if removals.at(&change.address).is_some_and(|it| !it.destroy) {
            forgotten(change);
        }
    }
}

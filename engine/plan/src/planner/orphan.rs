//! Recorded instances that no block asks for: deleted, or forgotten where the configuration says so.

use std::collections::BTreeMap;

use ha_kind::{Action, Address, Key};

use super::Planner;
use crate::deletion::{deletion, forgotten};
use crate::expand::Expansion;
use crate::graph::What;
use crate::model::{Change, Reason};
use crate::observed::Prior;
use crate::removed::Removals;

impl Planner<'_> {
    /// Recorded instances that no block asks for.
    pub(super) fn orphans(&mut self) {
        let is_orphan = |address: &Address| self.world.wants(address) != Some(true) && self.choice.has(&self.graph, address);
        let orphans = self.current.priors.iter().filter(|(address, _)| is_orphan(address));
        let gone = |(address, prior): (&Address, &Prior)| deletion(self.input.schemas, address, prior, self.orphaned(address));
        self.changes.extend(orphans.map(gone).collect::<Vec<_>>());
    }

    /// Why the configuration does not ask for an instance.
    fn orphaned(&self, address: &Address) -> Reason {
        if self.input.moved.moved_from(address).is_some() {
            return Reason::NoMoveTarget;
        }
        let module = self.world.find(&address.block.module);
        match (self.graph.node_of(&address.block), module) {
            (_, None) => Reason::NoModule,
            (None, Some(_)) => Reason::NoConfiguration,
            (Some(node), Some(module)) => match self.graph.node(node).what {
                What::Block(place) => {
                    self.world.expansion(module, place).map_or(Reason::NoConfiguration, |it| no_longer_asked(&address.key, it))
                }
                _ => Reason::NoConfiguration,
            },
        }
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

//! Settings of providers that are known before planning: what refresh connects with.

use std::collections::{BTreeMap, BTreeSet};

use ha_kind::{Key, Value};
use ha_lang::BlockName;
use ha_state::{ProviderName, ProviderRecord};

use super::{Input, Planner};
use crate::after::instance_value;
use crate::deletion::instances;
use crate::expand::Expansion;
use crate::graph::{Node, address_of};
use crate::observed::Current;

/// The settings of providers that are known from the configuration and what is recorded.
#[must_use]
pub fn known_settings(input: &Input<'_>) -> BTreeMap<ProviderName, ProviderRecord> {
    let Ok(mut planner) = Planner::new(input, Current::default()) else {
        return BTreeMap::new();
    };
    let wanted =
        planner.graph.order.iter().filter_map(|it| if let Node::Provider(name) = it { Some(name.clone()) } else { None });
    let wanted: Vec<ProviderName> = wanted.collect();
    let mut behind: BTreeSet<BlockName> = BTreeSet::new();
    for name in &wanted {
        behind.extend(planner.graph.blocks_behind(&Node::Provider(name.clone())).iter().cloned());
    }
    for block in behind {
        planner.show_as_recorded(&block);
    }
    for name in &wanted {
        planner.provider(name);
    }
    planner.providers
}

impl Planner<'_> {
    /// Puts a block's recorded instances where expressions see them.
    fn show_as_recorded(&self, name: &BlockName) {
        let block = address_of(name);
        let Some(described) = self.input.schemas.kind(name.mode, &name.kind) else { return };
        let records: Vec<_> = instances(&self.input.state.records, &block).map(|(address, it)| (&address.key, it)).collect();
        let named = |(key, _): &(&Key, _)| if let Key::Name(it) = key { Some((it.clone(), Value::Null)) } else { None };
        let expansion = match records.last().map(|(key, _)| key) {
            None => return,
            Some(Key::None) => Expansion::Single,
            Some(Key::Index(last)) => Expansion::Count(last + 1),
            Some(Key::Name(_)) => Expansion::ForEach(records.iter().filter_map(named).collect()),
        };
        self.world.expand(name, expansion.into());
        for (key, record) in records {
            self.world.put(name, key, instance_value(described.schema(), &record.arguments, &record.outputs));
        }
    }
}

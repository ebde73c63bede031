//! Which recorded instances the name of a block means.

use std::collections::BTreeMap;

use ha_value::{Address, BlockAddress, InstanceKey, ResourceMode};

/// Returns the instances of a block.
pub(crate) fn instances<'a, T>(
    all: &'a BTreeMap<Address, T>,
    block: &'a BlockAddress,
) -> impl Iterator<Item = (&'a Address, &'a T)> {
    // An instance without a key is the first in the order of addresses.
    all.range(block.instance(InstanceKey::None)..).take_while(move |(it, _)| it.block == *block)
}

/// Returns the instances that a recorded block name means. A reference from outside a repeated
/// module names that module without a key, which means all its instances.
#[must_use]
pub fn instances_meant<'a, T>(
    all: &'a BTreeMap<Address, T>,
    block: &'a BlockAddress,
) -> Vec<(&'a Address, &'a T)> {
    let exact: Vec<_> = instances(all, block).collect();
    let Some(keyed) = block
        .module
        .iter()
        .position(|(_, key)| *key == InstanceKey::None)
        .filter(|_| exact.is_empty())
    else {
        return exact;
    };
    let outer = &block.module[..keyed];
    // No address of the module sorts before this one, so the range begins at its first instance.
    let least = BlockAddress {
        module: outer.into(),
        mode: ResourceMode::Managed,
        kind: "".into(),
        name: "".into(),
    };
    let below = all
        .range(least.instance(InstanceKey::None)..)
        .take_while(|(it, _)| it.block.module.starts_with(outer));
    let names = |it: &BlockAddress| (it.mode, it.kind.clone(), it.name.clone(), it.module.len());
    below.filter(|(it, _)| names(&it.block) == names(block) && is_meant(block, &it.block)).collect()
}

/// Whether a block is one of those that a name without some keys of modules means.
pub(crate) fn is_meant(named: &BlockAddress, block: &BlockAddress) -> bool {
    let mut keys = named.module.iter().zip(block.module.iter());
    keys.all(|((name, named), (own, key))| {
        name == own && (*named == InstanceKey::None || named == key)
    })
}

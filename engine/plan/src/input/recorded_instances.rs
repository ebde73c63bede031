//! Which recorded instances the name of a block means.

use std::collections::BTreeMap;

use ha_value::{Address, BlockAddress, InstanceKey, ResourceMode};

/// A block's instances.
pub(crate) fn instances<'a, T>(
    all: &'a BTreeMap<Address, T>,
    block: &'a BlockAddress,
) -> impl Iterator<Item = (&'a Address, &'a T)> {
    // The least key there is.
    all.range(block.instance(InstanceKey::None)..).take_while(move |(it, _)| it.block == *block)
}

/// The instances that a name of a block in a record means. One that was recorded outside of a
/// module that is there more than once names the module without a key, for all its instances.
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

/// Whether a block is among those that a name without some of the modules' keys means.
pub(crate) fn is_meant(named: &BlockAddress, block: &BlockAddress) -> bool {
    let mut keys = named.module.iter().zip(block.module.iter());
    keys.all(|((name, named), (own, key))| {
        name == own && (*named == InstanceKey::None || named == key)
    })
}

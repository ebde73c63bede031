//! Implied moves: a block that gains or loses `count` keeps its first instance.

use std::collections::BTreeSet;

use ha_lang::{BlockName, Configuration};
use ha_state_model::State;
use ha_value::{BlockAddress, InstanceKey, Name, ResourceMode};

use super::{MoveEndpoint, MoveStatement};

pub(super) fn implied<'a>(
    state: &State,
    configuration: &'a Configuration,
    statements: &mut Vec<MoveStatement<'a>>,
) {
    let spoken_of: BTreeSet<(Vec<Name>, (ResourceMode, Name, Name))> = statements
        .iter()
        .flat_map(|it| [&it.from, &it.to])
        .filter_map(|it| it.block.clone().map(|block| (it.names(), block)))
        .collect();
    let mut last: Option<&BlockAddress> = None;
    for address in state.records.keys() {
        // Instances are in order, so the one without a key, or index 0, comes first.
        if last == Some(&address.block) {
            continue;
        }
        last = Some(&address.block);
        let BlockAddress { module, mode, kind, name } = &address.block;
        let Some(inside) = module.iter().try_fold(configuration, |it, (name, _)| {
            it.modules.get(name).map(|it| &*it.configuration)
        }) else {
            continue;
        };
        let block = BlockName { mode: *mode, kind: kind.clone(), name: name.clone() };
        let Some(block) = inside.blocks.get(&block) else { continue };
        let to = match (&address.key, &block.count, &block.for_each) {
            (InstanceKey::None, Some(_), _) => InstanceKey::Index(0),
            (InstanceKey::Index(0), None, None) => InstanceKey::None,
            _ => continue,
        };
        let names: Vec<Name> = module.iter().map(|(name, _)| name.clone()).collect();
        let block = (*mode, kind.clone(), name.clone());
        // A `moved` block for the same block takes precedence.
        if spoken_of.contains(&(names, block.clone())) {
            continue;
        }
        let module: Vec<_> =
            module.iter().map(|(name, key)| (name.clone(), Some(key.clone()))).collect();
        let end = |key: InstanceKey| MoveEndpoint {
            declared: 0,
            module: module.clone(),
            block: Some(block.clone()),
            key: Some(key),
        };
        statements.push(MoveStatement { from: end(address.key.clone()), to: end(to), span: None });
    }
}

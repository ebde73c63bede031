//! The `removed` blocks, whose instances are forgotten or deleted.

use std::collections::BTreeMap;

use ha_lang::{Configuration, RemovedBlock};
use ha_value::{Address, Name, ResourceMode};

/// A module or a block, without keys.
type RemovedTarget = (Vec<Name>, Option<(ResourceMode, Name, Name)>);

/// The `removed` blocks of a configuration and its modules, by target.
#[derive(Default)]
pub(crate) struct Removals<'a>(BTreeMap<RemovedTarget, &'a RemovedBlock>);

impl<'a> Removals<'a> {
    pub(crate) fn new(configuration: &'a Configuration) -> Self {
        let mut removals = Self::default();
        removals.enter(configuration, &mut Vec::new());
        removals
    }

    fn enter(&mut self, configuration: &'a Configuration, path: &mut Vec<Name>) {
        for it in &configuration.removed {
            let names =
                path.iter().chain(it.from.module.iter().map(|(name, _)| name)).cloned().collect();
            self.0.insert((names, it.from.block.clone()), it);
        }
        for (name, call) in &configuration.modules {
            path.push(name.clone());
            self.enter(&call.configuration, path);
            path.pop();
        }
    }

    /// Returns the `removed` block for an instance: for its block, or else for the innermost of
    /// its modules.
    pub(crate) fn at(&self, address: &Address) -> Option<&'a RemovedBlock> {
        // Most configurations have no `removed` block, and this is asked for every deletion.
        if self.0.is_empty() {
            return None;
        }
        let block = &address.block;
        let mut names: Vec<Name> = block.module.iter().map(|(name, _)| name.clone()).collect();
        let own = Some((block.mode, block.kind.clone(), block.name.clone()));
        if let Some(removed) = self.0.get(&(names.clone(), own)) {
            return Some(removed);
        }
        while !names.is_empty() {
            if let Some(removed) = self.0.get(&(names.clone(), None)) {
                return Some(removed);
            }
            names.pop();
        }
        None
    }
}

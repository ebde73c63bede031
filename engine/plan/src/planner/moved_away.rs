//! `moved` blocks whose source is still configured. Each plan would create the instance again, and
//! the next would move it.

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{BlockName, MovedBlock};
use ha_value::{BlockAddress, InstanceKey, Name, TargetAddress};

use super::Planner;
use crate::evaluation::values::{ConfiguredPresence, InstanceId};
use crate::model::PlanMode;

impl Planner<'_> {
    /// Reports `moved` blocks whose source address is still configured.
    pub(super) fn report_moves_of_configured_instances(&mut self) {
        // Other modes create nothing, so the address cannot come back.
        if self.input.mode != PlanMode::Normal {
            return;
        }
        let modules = self.graph.modules.clone();
        for module in 0..modules.len() {
            for moved in &modules.configuration(module).moved {
                if self.world.of_module(module).into_iter().any(|it| self.is_still_there(it, moved))
                {
                    self.diagnostics.push(still_there(moved));
                }
            }
        }
    }

    /// Whether the source of a `moved` block in a module instance is configured.
    fn is_still_there(&self, instance: InstanceId, moved: &MovedBlock) -> bool {
        let from = &moved.from;
        let path = self.world.path(instance).iter().chain(from.module.iter()).cloned();
        let path: Vec<(Name, InstanceKey)> = path.collect();
        let is_whole =
            last_key(from) == InstanceKey::None && last_key(&moved.to) == InstanceKey::None;
        match (&from.block, is_whole) {
            (Some((mode, kind, name)), true) => {
                let name = BlockName { mode: *mode, kind: kind.clone(), name: name.clone() };
                self.world.find(&path).is_some_and(|it| self.has_block(it, &name))
            }
            (Some((mode, kind, name)), false) => {
                let block = BlockAddress {
                    module: path.into(),
                    mode: *mode,
                    kind: kind.clone(),
                    name: name.clone(),
                };
                matches!(
                    self.world.presence(&block.instance(from.key.clone())),
                    ConfiguredPresence::Yes
                )
            }
            (None, true) => self.has_call(&path),
            (None, false) => self.world.find(&path).is_some(),
        }
    }

    fn has_block(&self, instance: InstanceId, name: &BlockName) -> bool {
        let blocks = &self.graph.modules.configuration(self.world.module(instance)).blocks;
        let expansion = blocks.get_index_of(name).and_then(|it| self.world.expansion(instance, it));
        expansion.is_some_and(|it| it.len() > 0)
    }

    fn has_call(&self, path: &[(Name, InstanceKey)]) -> bool {
        let Some(((name, _), before)) = path.split_last() else { return false };
        let Some(caller) = self.world.find(before) else { return false };
        let calls = &self.graph.modules.configuration(self.world.module(caller)).modules;
        let expansion =
            calls.get_index_of(name).and_then(|it| self.world.call_expansion(caller, it));
        expansion.is_some_and(|it| it.len() > 0)
    }
}

/// Returns the key of a block, or of the last module of an address without a block.
fn last_key(place: &TargetAddress) -> InstanceKey {
    match &place.block {
        Some(_) => place.key.clone(),
        None => place.module.last().map_or(InstanceKey::None, |(_, key)| key.clone()),
    }
}

fn still_there(moved: &MovedBlock) -> Diagnostic {
    Diagnostic::error(format!("`{}` is still in the configuration", moved.from))
        .code(code::MOVE)
        .at(moved.span.clone())
        .detail("Each plan would move it away and create it again.")
        .help("remove the block or key that has moved, or remove this `moved` block")
}

//! What several blocks say together.

use std::collections::BTreeMap;

use ha_kind::{Address, Contradiction, Placed, Severity};

use super::Planner;
use crate::arguments::located;
use crate::graph::NodeId;

impl Planner<'_> {
    /// Tells of what does not go together. What waits for an answer is looked at when that is there.
    pub(super) fn compare(&mut self) {
        if !self.reads.is_empty() && !self.only_checks {
            return;
        }
        let compared = std::mem::take(&mut self.compared);
        let graph = self.graph.clone();
        let nodes: BTreeMap<&Address, NodeId> = compared.iter().map(|(node, address, _)| (address, *node)).collect();
        for together in self.input.schemas.together() {
            let is_asked =
                |it: &Address| together.kinds.iter().any(|(mode, kind)| it.block.mode == *mode && &*it.block.kind == *kind);
            let placed: Vec<Placed<'_>> = compared
                .iter()
                .filter(|(_, address, _)| is_asked(address))
                .map(|(_, address, arguments)| Placed { address, arguments })
                .collect();
            for Contradiction { address, problem, severity } in (together.check)(&placed) {
                let Some(block) = nodes.get(&address).and_then(|it| graph.block(*it)) else { continue };
                let mut told = located(vec![problem], &block.body, Some(&address), block.head.clone());
                told.iter_mut().for_each(|it| it.severity = severity);
                match severity {
                    Severity::Error => self.diagnostics.extend(told),
                    Severity::Warning => self.warnings.extend(told),
                }
            }
        }
    }
}

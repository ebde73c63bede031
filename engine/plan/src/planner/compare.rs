//! Checks of several blocks together.

use std::collections::BTreeMap;

use ha_lang::IgnoreChanges;
use ha_provider::{BlockInstance, CrossCheckProblem, ResourceDescription};
use ha_value::{Address, Object, PathStep, Severity};

use super::Planner;
use crate::evaluation::argument_diagnostics::located;
use crate::graph::NodeId;

/// An instance that cross-checks look at.
pub(super) struct ComparisonStart {
    pub(super) node: NodeId,
    pub(super) address: Address,
    pub(super) arguments: Object,
}

impl Planner<'_> {
    /// Reports contradictions between blocks. While reads are pending nothing is checked: the next
    /// round has all the values.
    pub(super) fn cross_check(&mut self) {
        if !self.reads.is_empty() && !self.only_checks {
            return;
        }
        let compared = std::mem::take(&mut self.compared);
        let graph = self.graph.clone();
        let nodes: BTreeMap<&Address, NodeId> =
            compared.iter().map(|it| (&it.address, it.node)).collect();
        for CrossCheckProblem { address, problem, severity } in self.contradictions(&compared) {
            let Some(block) = nodes.get(&address).and_then(|it| graph.block(*it)) else { continue };
            let mut diagnostics =
                located(vec![problem], &block.body, Some(&address), block.head.clone());
            diagnostics.iter_mut().for_each(|it| it.severity = severity);
            match severity {
                Severity::Error => self.diagnostics.extend(diagnostics),
                Severity::Warning => self.warnings.extend(diagnostics),
            }
        }
    }

    fn contradictions(&self, compared: &[ComparisonStart]) -> Vec<CrossCheckProblem> {
        let mut providers: BTreeMap<NodeId, String> = BTreeMap::new();
        for it in compared {
            providers.entry(it.node).or_insert_with(|| {
                let provider = self.graph.provider_of(self.input.schemas, it.node);
                provider.map(|it| self.connection_of(&it)).unwrap_or_default()
            });
        }
        let mut found = Vec::new();
        for together in self.input.schemas.together() {
            let is_asked = |it: &Address| {
                together
                    .kinds
                    .iter()
                    .any(|(mode, kind)| it.block.mode == *mode && &*it.block.kind == *kind)
            };
            let asked: Vec<BlockInstance<'_>> = compared
                .iter()
                .filter(|it| is_asked(&it.address))
                .map(|it| self.placed(it, &providers))
                .collect();
            found.extend((together.check)(&asked));
        }
        found
    }

    fn placed<'a>(
        &'a self,
        it: &'a ComparisonStart,
        providers: &'a BTreeMap<NodeId, String>,
    ) -> BlockInstance<'a> {
        let ComparisonStart { node, address, arguments } = it;
        BlockInstance {
            address,
            arguments,
            id: self.id_that_stays(address),
            provider: &providers[node],
        }
    }

    /// Returns the id of an instance that exists and is not replaced.
    fn id_that_stays(&self, address: &Address) -> Option<&str> {
        let prior =
            self.prior_state.priors.get(address).filter(|_| !self.replaced.contains_key(address));
        prior.map(|it| it.record.id.as_str())
    }
}

/// Returns the arguments without those that are ignored after the create.
pub(super) fn lasting(
    arguments: &Object,
    ignored: Option<&IgnoreChanges>,
    described: &ResourceDescription,
) -> Object {
    let mut lasting = arguments.clone();
    match ignored {
        None => {}
        // Required arguments stay: they identify the resource to the checks.
        Some(IgnoreChanges::All) => {
            lasting.retain(|name, _| {
                described.schema().arguments.get(name).is_some_and(|it| it.required)
            });
        }
        Some(IgnoreChanges::Paths(paths)) => {
            for (path, _) in paths {
                if let [PathStep::Name(name)] = path.steps() {
                    lasting.remove(name);
                }
            }
        }
    }
    lasting
}

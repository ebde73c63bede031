//! `create_before_destroy`: it holds for the blocks that set it and for all blocks they depend on.
//! If a dependency were deleted first, the order would be a circle.

use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_lang::Expression;
use ha_value::{HashMap, HashSet, InstanceKey, Name};

use crate::evaluation::preview::Preview;
use crate::evaluation::repetition::{flag, literal_flag};
use crate::evaluation::values::EvaluationValues;
use crate::graph::{Graph, NodeId};

/// The path of a module instance.
type ModuleInstancePath = Arc<[(Name, InstanceKey)]>;

/// The blocks with `create_before_destroy`.
#[derive(Default)]
pub(crate) struct CreateBeforeDestroy {
    /// For each node, whether it holds in all instances of the module.
    everywhere: Vec<bool>,
    /// For other nodes, the module instances in which it holds. A path without its last keys
    /// stands for all instances below.
    somewhere: HashMap<NodeId, HashSet<ModuleInstancePath>>,
}

impl CreateBeforeDestroy {
    /// Evaluates the flags of a configuration.
    pub(crate) fn new(
        graph: &Graph,
        preview: &Preview<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let said = |node: &NodeId| graph.block(*node)?.lifecycle.create_before_destroy.as_ref();
        let asking = |it: &NodeId| said(it).is_some_and(|it| literal_flag(it).is_none());
        let asking: Vec<NodeId> = graph.order.iter().copied().filter(asking).collect();
        let world = preview.world(&asking);
        let mut first =
            Self { everywhere: vec![false; graph.len()], somewhere: HashMap::default() };
        // In reverse order each block is complete before it passes the flag to the blocks it
        // refers to, so one pass suffices.
        for node in graph.order.iter().copied().rev() {
            if let Some(expression) = said(&node) {
                match literal_flag(expression) {
                    Some(it) => first.everywhere[node] |= it,
                    None => first.say(graph, &world, node, expression, diagnostics),
                }
            }
            first.pass_on(graph, node);
        }
        first
    }

    /// Whether it holds for a node in an instance of its module.
    pub(crate) fn holds(&self, node: NodeId, path: &ModuleInstancePath) -> bool {
        let among = |paths: &HashSet<ModuleInstancePath>| {
            let keyed_until = |end: usize| -> ModuleInstancePath {
                let without = path[end..].iter().map(|(name, _)| (name.clone(), InstanceKey::None));
                path[..end].iter().cloned().chain(without).collect()
            };
            (0..=path.len()).any(|end| paths.contains(&keyed_until(end)))
        };
        self.everywhere[node] || self.somewhere.get(&node).is_some_and(among)
    }

    /// Evaluates the flag of a block in each instance of its module.
    fn say(
        &mut self,
        graph: &Graph,
        world: &EvaluationValues,
        node: NodeId,
        expression: &Expression,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        for instance in world.of_module(graph.node(node).module) {
            match flag(world, instance, expression, "create_before_destroy") {
                Ok(true) => {
                    self.somewhere.entry(node).or_default().insert(world.path(instance).clone());
                }
                Ok(false) => {}
                Err(undecided) => return diagnostics.extend(undecided.diagnostics),
            }
        }
    }

    fn pass_on(&mut self, graph: &Graph, node: NodeId) {
        if self.everywhere[node] {
            graph.direct_references(node).for_each(|it| self.everywhere[it] = true);
        } else if let Some(paths) = self.somewhere.remove(&node) {
            for behind in graph.direct_references(node).filter(|it| !self.everywhere[*it]) {
                let seen = paths.iter().map(|it| graph.path_from(behind, it));
                self.somewhere.entry(behind).or_default().extend(seen);
            }
            self.somewhere.insert(node, paths);
        }
    }
}

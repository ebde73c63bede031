//! What a change comes from, and what waits for changes: carried from node to node, so that no one
//! looks back further than at what it refers to itself.

use std::sync::Arc;

use ha_provider::ResourceDescription;

use super::Planner;
use crate::graph::{NodeId, NodeKind};

/// More causes than this help no one.
const CAUSES: usize = 16;

/// What flows out of a node, besides its value.
#[derive(Clone, Default)]
pub(super) struct ChangeFlow {
    /// The changed blocks that what it says may come from.
    causes: Option<Arc<[String]>>,
    /// Something of it is not there yet.
    pub(super) absent: bool,
    /// Something of it changes.
    pub(super) changes: bool,
}

impl Planner<'_> {
    /// Changed blocks whose values flow into a block; through documents by way of them.
    pub(super) fn because(&self, node: NodeId) -> Vec<String> {
        if self.only_checks {
            return Vec::new();
        }
        let is_provider = |it: &NodeId| matches!(self.graph.node(*it).what, NodeKind::Provider(_));
        let mut causes = self.causes(self.graph.direct(node).filter(|it| !is_provider(it)));
        let room = CAUSES - causes.len();
        causes.extend(
            self.causes(self.graph.direct(node).filter(is_provider)).into_iter().take(room),
        );
        causes
    }

    fn has_instances(&self, node: NodeId, place: usize) -> bool {
        let of_module = self.world.of_module(self.graph.node(node).module);
        of_module
            .into_iter()
            .any(|it| self.world.expansion(it, place).is_none_or(|it| it.len() > 0))
    }

    fn causes(&self, nodes: impl Iterator<Item = NodeId>) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        for more in nodes.filter_map(|it| self.flow[it].causes.as_ref()) {
            for cause in more.iter() {
                if causes.len() < CAUSES && !causes.contains(cause) {
                    causes.push(cause.clone());
                }
            }
        }
        causes.sort();
        causes
    }

    /// What flows out of a node that has just been planned.
    pub(super) fn flow_of(&self, node: NodeId) -> ChangeFlow {
        let shared = |causes: Vec<String>| (!causes.is_empty()).then(|| Arc::from(causes));
        match self.graph.node(node).what {
            NodeKind::Block(place) => {
                let Some(pending) = self.pending.get(&node) else {
                    let block = self.graph.block(node).expect("the node stands for a block");
                    let described = self.input.schemas.kind(block.name.mode, &block.name.kind);
                    if !described.is_some_and(ResourceDescription::is_document) {
                        return match self.has_instances(node, place) {
                            true => ChangeFlow::default(),
                            // Who waits for it waits for what it would have waited for.
                            false => ChangeFlow {
                                causes: shared(self.causes(self.graph.direct(node))),
                                absent: false,
                                changes: self.graph.direct(node).any(|it| self.flow[it].changes),
                            },
                        };
                    }
                    let name = self.graph.name(node);
                    let causes = self
                        .because(node)
                        .into_iter()
                        .map(|it| format!("{name} from {it}"))
                        .collect();
                    return ChangeFlow { causes: shared(causes), ..ChangeFlow::default() };
                };
                let causes =
                    if self.only_checks { None } else { shared(vec![self.graph.name(node)]) };
                ChangeFlow { causes, absent: pending.absent, changes: true }
            }
            NodeKind::Provider(_) => {
                let name = self.graph.name(node);
                let causes = self
                    .causes(self.graph.direct(node))
                    .into_iter()
                    .map(|it| format!("{name} from {it}"))
                    .collect();
                ChangeFlow { causes: shared(causes), ..ChangeFlow::default() }
            }
            _ => {
                let mut behind = self.graph.direct(node);
                // Most pass on what one other says.
                if let (Some(only), None) = (behind.next(), behind.next()) {
                    return self.flow[only].clone();
                }
                let flows = || self.graph.direct(node).map(|it| &self.flow[it]);
                ChangeFlow {
                    causes: shared(self.causes(self.graph.direct(node))),
                    absent: flows().any(|it| it.absent),
                    changes: flows().any(|it| it.changes),
                }
            }
        }
    }
}

//! Causes of changes, and what waits for changes. Each node passes them on to its dependents, so
//! that the work stays linear: no node looks further back than its direct references.

use std::sync::Arc;

use ha_provider::ResourceDescription;

use super::Planner;
use crate::graph::{NodeId, NodeKind};

/// Longer lists of causes are not read by operators; the limit also bounds the work of each node.
const CAUSES: usize = 16;

/// Information that a node passes to its dependents besides its value.
#[derive(Clone, Default)]
pub(super) struct ChangeFlow {
    /// The changed blocks that its value may result from.
    causes: Option<Arc<[String]>>,
    /// Whether some part does not exist yet.
    pub(super) absent: bool,
    /// Whether some part changes.
    pub(super) changes: bool,
}

impl Planner<'_> {
    /// Returns the changed blocks whose values a block uses. Documents in between are named as
    /// well.
    pub(super) fn causes_of(&self, node: NodeId) -> Vec<String> {
        if self.only_checks {
            return Vec::new();
        }
        // Providers come last: the list is cut off, and a direct reference explains more than a
        // provider that all blocks share.
        let is_provider = |it: &NodeId| matches!(self.graph.node(*it).what, NodeKind::Provider(_));
        let mut causes =
            self.causes(self.graph.direct_references(node).filter(|it| !is_provider(it)));
        let room = CAUSES - causes.len();
        causes.extend(
            self.causes(self.graph.direct_references(node).filter(is_provider))
                .into_iter()
                .take(room),
        );
        causes
    }

    fn may_have_instances(&self, node: NodeId, place: usize) -> bool {
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

    /// Returns what a node that has been planned passes on.
    pub(super) fn flow_of(&self, node: NodeId) -> ChangeFlow {
        let shared = |causes: Vec<String>| (!causes.is_empty()).then(|| Arc::from(causes));
        match self.graph.node(node).what {
            NodeKind::Block(place) => {
                let Some(pending) = self.pending.get(&node) else {
                    let block = self.graph.block(node).expect("the node is a block node");
                    let described = self.input.schemas.kind(block.name.mode, &block.name.kind);
                    if !described.is_some_and(ResourceDescription::is_document) {
                        return match self.may_have_instances(node, place) {
                            true => ChangeFlow::default(),
                            // A block without instances passes on what it waits for itself:
                            // `depends_on` on it keeps its meaning.
                            false => ChangeFlow {
                                causes: shared(self.causes(self.graph.direct_references(node))),
                                absent: false,
                                changes: self
                                    .graph
                                    .direct_references(node)
                                    .any(|it| self.flow[it].changes),
                            },
                        };
                    }
                    let name = self.graph.name(node);
                    let causes = self
                        .causes_of(node)
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
                    .causes(self.graph.direct_references(node))
                    .into_iter()
                    .map(|it| format!("{name} from {it}"))
                    .collect();
                ChangeFlow { causes: shared(causes), ..ChangeFlow::default() }
            }
            _ => {
                let mut behind = self.graph.direct_references(node);
                // Most nodes refer to one other node. Sharing its list avoids a copy for each of
                // them.
                if let (Some(only), None) = (behind.next(), behind.next()) {
                    return self.flow[only].clone();
                }
                let flows = || self.graph.direct_references(node).map(|it| &self.flow[it]);
                ChangeFlow {
                    causes: shared(self.causes(self.graph.direct_references(node))),
                    absent: flows().any(|it| it.absent),
                    changes: flows().any(|it| it.changes),
                }
            }
        }
    }
}

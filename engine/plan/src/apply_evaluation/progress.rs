//! Which nodes still wait for steps, and which for other nodes.

use crate::graph::{Graph, GraphEdges, NodeId};
use crate::model::{Plan, StepKind};

/// How far the nodes have come. A node is settled once all its steps are done and all it refers to
/// is settled.
pub(super) struct ApplyProgress {
    waiters: GraphEdges,
    /// How many of the nodes it refers to are not settled, by node.
    missing: Vec<u32>,
    /// How many of its steps are left, by node.
    left: Vec<u32>,
}

impl ApplyProgress {
    /// Nothing of a plan is done yet.
    pub(super) fn new(graph: &Graph, plan: &Plan) -> Self {
        let mut left = vec![0; graph.len()];
        for step in &plan.steps {
            if let StepKind::Create(change) | StepKind::Update(change) | StepKind::Read(change) =
                step.what
                && let Some(node) = graph.node_of(&plan.changes[change].address.block)
            {
                left[node] += 1;
            }
        }
        let mut missing = vec![0; graph.len()];
        for node in graph.order.iter().copied() {
            let waits = graph.direct(node).filter(|it| left[*it] > 0 || missing[*it] > 0);
            missing[node] = u32::try_from(waits.count()).expect("a node refers to fewer than 2^32");
        }
        Self { waiters: graph.waiters(), missing, left }
    }

    /// A step of a node is done. Whether that settles the node.
    pub(super) fn step_done(&mut self, node: NodeId) -> bool {
        self.left[node] = self.left[node].saturating_sub(1);
        self.is_settled(node)
    }

    /// The nodes that have waited for nothing but this one, which is settled.
    pub(super) fn settled(&mut self, node: NodeId) -> Vec<NodeId> {
        let mut free = Vec::new();
        for waiter in self.waiters.targets(node) {
            let waiter = *waiter as usize;
            self.missing[waiter] -= 1;
            if self.missing[waiter] == 0 {
                free.push(waiter);
            }
        }
        free
    }

    /// Whether all of a node's steps are done, and all it refers to is settled.
    pub(super) fn is_settled(&self, node: NodeId) -> bool {
        self.left[node] == 0 && self.missing[node] == 0
    }

    /// Whether a node has steps left.
    pub(super) fn has_steps(&self, node: NodeId) -> bool {
        self.left[node] > 0
    }
}

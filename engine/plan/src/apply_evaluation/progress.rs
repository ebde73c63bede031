//! Which nodes still wait for steps or for other nodes.

use crate::graph::{Graph, GraphEdges, NodeId};
use crate::model::{Plan, StepKind};

/// The progress of nodes. A node is settled once all its steps are done and all nodes it refers to
/// are settled.
pub(super) struct ApplyProgress {
    waiters: GraphEdges,
    /// For each node, the number of nodes it refers to that are not settled.
    missing: Vec<u32>,
    /// For each node, the number of its steps that are left.
    left: Vec<u32>,
}

impl ApplyProgress {
    /// Returns the progress before the first step of a plan.
    pub(super) fn new(graph: &Graph, plan: &Plan) -> Self {
        let mut left = vec![0; graph.len()];
        for step in &plan.steps {
            // Deletions change no value that an expression refers to, so they are not waited for
            // here.
            if let StepKind::Create(change) | StepKind::Update(change) | StepKind::Read(change) =
                step.what
                && let Some(node) = graph.node_of(&plan.changes[change].address.block)
            {
                left[node] += 1;
            }
        }
        let mut missing = vec![0; graph.len()];
        // One pass suffices, because the order puts each node behind those it refers to.
        for node in graph.order.iter().copied() {
            let waits =
                graph.direct_references(node).filter(|it| left[*it] > 0 || missing[*it] > 0);
            missing[node] = u32::try_from(waits.count()).expect("a node refers to fewer than 2^32");
        }
        Self { waiters: graph.waiters(), missing, left }
    }

    /// Marks a step as done. Returns whether the node is settled then.
    pub(super) fn step_done(&mut self, node: NodeId) -> bool {
        self.left[node] = self.left[node].saturating_sub(1);
        self.is_settled(node)
    }

    /// Returns the nodes that waited for this settled node alone.
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

    /// Whether a node is settled.
    pub(super) fn is_settled(&self, node: NodeId) -> bool {
        self.left[node] == 0 && self.missing[node] == 0
    }

    /// Whether a node has steps left.
    pub(super) fn has_steps(&self, node: NodeId) -> bool {
        self.left[node] > 0
    }
}

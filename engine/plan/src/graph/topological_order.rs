//! Topological order of the nodes.

use super::{GraphEdges, NodeId};

#[derive(Clone, Copy, PartialEq)]
enum VisitState {
    Unseen,
    Open,
    Done,
}

/// Returns the nodes in topological order, in source order where there is a choice. Linear in
/// nodes and edges, and without recursion, since chains may be longer than the call stack allows.
///
/// # Errors
/// The nodes of a circle.
pub(super) fn sorted(direct: &GraphEdges) -> Result<Vec<NodeId>, Vec<NodeId>> {
    let nodes = direct.starts.len() - 1;
    let mut marks = vec![VisitState::Unseen; nodes];
    let mut order = Vec::with_capacity(nodes);
    // The current path, each node with the number of its references that have been followed.
    let mut path: Vec<(NodeId, usize)> = Vec::new();
    // Nodes are numbered in source order, so visiting them by number keeps the order stable.
    for first in 0..nodes {
        if marks[first] == VisitState::Unseen {
            marks[first] = VisitState::Open;
            path.push((first, 0));
        }
        while let Some((node, followed)) = path.last_mut() {
            let node = *node;
            let Some(next) = direct.targets(node).get(*followed).map(|it| *it as usize) else {
                marks[node] = VisitState::Done;
                order.push(node);
                path.pop();
                continue;
            };
            *followed += 1;
            match marks[next] {
                VisitState::Done => {}
                VisitState::Unseen => {
                    marks[next] = VisitState::Open;
                    path.push((next, 0));
                }
                VisitState::Open => {
                    let from = path
                        .iter()
                        .position(|(it, _)| *it == next)
                        .expect("an open node is on the path");
                    return Err(path[from..].iter().map(|(it, _)| *it).collect());
                }
            }
        }
    }
    Ok(order)
}

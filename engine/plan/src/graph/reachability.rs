//! Direct dependencies for records: the managed blocks whose values reach a block without passing
//! through another managed block. The result of a node that many pass through is computed once and
//! shared.

use std::collections::BTreeSet;
use std::sync::Arc;

use ha_state_model::Dependencies;
use ha_value::{BlockAddress, HashMap, InstanceKey, Name, ResourceMode};

use super::{Graph, NodeId, NodeKind};

/// The names and keys from the root to a module instance. A module outside the path of the asking
/// instance has no key, which means all its instances.
type ReachabilityPath = Arc<[(Name, InstanceKey)]>;

/// The results so far.
#[derive(Default)]
pub(crate) struct Reachability {
    known: HashMap<(NodeId, ReachabilityPath), Dependencies>,
}

impl Reachability {
    /// Returns the dependencies of a node in an instance of its module.
    pub(crate) fn dependencies(
        &mut self,
        graph: &Graph,
        node: NodeId,
        path: &ReachabilityPath,
    ) -> Dependencies {
        // An explicit stack, since a chain of local values may be longer than the call stack
        // allows.
        let mut open = vec![((node, path.clone()), false)];
        while let Some((wanted, is_after_its_own)) = open.pop() {
            if self.known.contains_key(&wanted) {
                continue;
            }
            let (node, path) = &wanted;
            if is_after_its_own {
                let dependencies = self.joined(graph, *node, path);
                self.known.insert(wanted, dependencies);
            } else {
                let behind: Vec<_> = graph
                    .passing(*node)
                    .map(|it| ((it, graph.path_from(it, path)), false))
                    .collect();
                open.push((wanted, true));
                open.extend(behind);
            }
        }
        self.known.get(&(node, path.clone())).cloned().unwrap_or_default()
    }

    fn joined(&self, graph: &Graph, node: NodeId, path: &ReachabilityPath) -> Dependencies {
        let blocks: BTreeSet<BlockAddress> =
            graph.managed_behind(node).map(|it| graph.address_from(it, path)).collect();
        let passed =
            graph.passing(node).filter_map(|it| self.known.get(&(it, graph.path_from(it, path))));
        let passed: Vec<Dependencies> = passed.filter(|it| !it.is_empty()).cloned().collect();
        Dependencies::joined(blocks, &passed)
    }
}

impl Graph {
    fn is_managed(&self, node: NodeId) -> bool {
        self.block(node).is_some_and(|it| it.name.mode == ResourceMode::Managed)
    }

    /// Returns the managed blocks that a node refers to directly.
    fn managed_behind(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.direct_references(node).filter(|it| self.is_managed(*it))
    }

    /// Returns the references of a node that pass on their own references.
    fn passing(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let passes = |it: &NodeId| match self.nodes[*it].what {
            NodeKind::Provider(_) => false,
            NodeKind::Block(_) => !self.is_managed(*it),
            // The root's gate and expansion have no references; skipping them keeps the sets
            // small.
            NodeKind::Gate | NodeKind::Expand => self.direct_references(*it).next().is_some(),
            _ => true,
        };
        self.direct_references(node).filter(passes)
    }

    /// Returns the path of a node's module as seen from a module instance.
    pub(crate) fn path_from(&self, node: NodeId, path: &ReachabilityPath) -> ReachabilityPath {
        let module = &self.modules.get(self.nodes[node].module).path;
        if module.len() == path.len()
            && module.iter().zip(path.iter()).all(|(name, (own, _))| name == own)
        {
            return path.clone();
        }
        let common =
            module.iter().zip(path.iter()).take_while(|(name, (own, _))| *name == own).count();
        let keyed = path[..common].iter().cloned();
        keyed.chain(module[common..].iter().map(|name| (name.clone(), InstanceKey::None))).collect()
    }

    fn address_from(&self, node: NodeId, path: &ReachabilityPath) -> BlockAddress {
        let block = &self.block(node).expect("only blocks are dependencies").name;
        let module = self.path_from(node, path);
        BlockAddress {
            module,
            mode: block.mode,
            kind: block.kind.clone(),
            name: block.name.clone(),
        }
    }
}

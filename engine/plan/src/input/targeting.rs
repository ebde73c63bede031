//! The nodes and instances of a selection, closed over dependencies, so that no planned change
//! waits for something that is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_state_model::{Dependencies, DependencyGroup, DependencyGroupId, State};
use ha_value::{Address, BlockAddress, Name, ResourceMode, closest};

use crate::graph::modules::ROOT;
use crate::graph::{Graph, GraphNode, NodeId, NodeKind};
use crate::model::Plan;
use crate::model::selection::{AddressPattern, Coverage, Selection};

/// The part of the graph and of the state that a plan covers.
pub(crate) struct Targeting {
    selection: Selection,
    /// For each node, how much of it is planned; empty when everything is.
    extents: Vec<Coverage>,
    /// Recorded blocks without configuration that are selected, or deleted together with a
    /// selected block.
    going: BTreeSet<BlockPath>,
    /// Recorded blocks without configuration that stay because an excluded block depends on them.
    staying: BTreeSet<BlockPath>,
}

/// A block by its name and the names of its modules, without keys.
type BlockPath = (Vec<Name>, ResourceMode, Name, Name);

impl Targeting {
    /// Returns a targeting that covers everything.
    pub(crate) fn everything() -> Self {
        let (extents, going, staying) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        Self { selection: Selection::default(), extents, going, staying }
    }

    /// Evaluates a selection.
    pub(crate) fn new(selection: &Selection, graph: &Graph, state: &State) -> Self {
        if selection.is_everything() {
            return Self::everything();
        }
        let recorded = RecordedGraph::new(state);
        let without_node = |it: &BlockPath| graph.node_of(&recorded.blocks[it]).is_none();
        // Recorded blocks without a node cannot be selected through the graph, so they follow the
        // recorded dependencies.
        let orphans: BTreeSet<&BlockPath> =
            recorded.blocks.keys().filter(|it| without_node(it)).collect();
        let named = |patterns: &[AddressPattern]| -> BTreeSet<BlockPath> {
            let is_named = |it: &&&BlockPath| {
                patterns.iter().any(|pattern| {
                    pattern.extent(&it.0, &recorded.blocks[**it]) > Coverage::Nothing
                })
            };
            orphans.iter().filter(is_named).map(|it| BlockPath::clone(it)).collect()
        };
        // Deleting a block requires deleting the recorded blocks that depend on it.
        let going = closure(named(&selection.targets), &recorded.dependents);
        let targeted = targeted(
            selection,
            graph,
            going.iter().filter_map(|it| graph.node_of(recorded.blocks.get(it)?)),
        );
        let excluded = excluded(selection, graph);
        let mut extents: Vec<Coverage> =
            targeted.into_iter().zip(excluded).map(|(chosen, kept)| chosen.min(kept)).collect();
        // A node that is no block is planned as far as everything it refers to: an output of a
        // partly planned block would mix old and new values.
        for node in graph.order.iter().copied().filter(|it| graph.block(*it).is_none()) {
            extents[node] =
                graph.direct_references(node).map(|it| extents[it]).min().unwrap_or(Coverage::All);
        }
        // An excluded instance may depend on recorded blocks that are not configured any more.
        // They must not be deleted under it.
        let mut staying = named(&selection.excludes);
        let kept = recorded.blocks.iter().filter(|(_, block)| {
            graph.node_of(block).is_some_and(|it| extents[it] == Coverage::Nothing)
        });
        staying.extend(
            kept.map(|(shape, _)| shape.clone()).filter(|_| !selection.excludes.is_empty()),
        );
        let staying = closure(staying, &recorded.dependencies);
        Self { selection: selection.clone(), extents, going, staying }
    }

    /// Whether nothing of a node is planned. A root output that depends on something left out
    /// counts as left out.
    pub(crate) fn leaves_out(&self, graph: &Graph, node: NodeId) -> bool {
        match self.extents.get(node) {
            None | Some(Coverage::All) => false,
            Some(Coverage::Some) => {
                matches!(graph.node(node), GraphNode { module: ROOT, what: NodeKind::Output(_) })
            }
            Some(Coverage::Nothing) => true,
        }
    }

    /// Whether everything is planned.
    pub(crate) fn is_everything(&self) -> bool {
        self.extents.is_empty()
    }

    /// Whether an instance is planned.
    pub(crate) fn has(&self, graph: &Graph, address: &Address) -> bool {
        if self.is_everything() {
            return true;
        }
        let Selection { targets, excludes } = &self.selection;
        let is_named = |patterns: &[AddressPattern]| patterns.iter().any(|it| it.matches(address));
        match graph.node_of(&address.block).map(|it| self.extents[it]) {
            Some(Coverage::All) => true,
            Some(Coverage::Nothing) => false,
            Some(Coverage::Some) => {
                (targets.is_empty() || is_named(targets)) && !is_named(excludes)
            }
            None => {
                let shape = shape(&address.block);
                let goes_along = || self.going.contains(&shape);
                (targets.is_empty() || is_named(targets) || goes_along())
                    && !is_named(excludes)
                    && !self.staying.contains(&shape)
            }
        }
    }
}

/// Returns how much of each node is targeted: the targets and all their dependencies.
fn targeted(
    selection: &Selection,
    graph: &Graph,
    besides: impl Iterator<Item = NodeId>,
) -> Vec<Coverage> {
    if selection.targets.is_empty() {
        return vec![Coverage::All; graph.len()];
    }
    let mut extents = vec![Coverage::Nothing; graph.len()];
    for pattern in &selection.targets {
        let named = named(pattern, graph);
        // Expressions inside one instance of a module refer to that instance alone.
        let chosen = (0..graph.len()).filter(|it| named[*it] > Coverage::Nothing);
        let behind = graph.with_dependencies(chosen.flat_map(|it| graph.direct_references(it)));
        // A node that is both named in part and read by another named node is planned as far as it
        // is named: the reader reads from its own module instance.
        for (node, extent) in extents.iter_mut().enumerate() {
            let is_read = behind[node] && named[node] == Coverage::Nothing;
            *extent = (*extent).max(if is_read { Coverage::All } else { named[node] });
        }
    }
    let besides: Vec<NodeId> = besides.collect();
    for (extent, _) in
        extents.iter_mut().zip(graph.with_dependencies(besides)).filter(|(_, is_behind)| *is_behind)
    {
        *extent = Coverage::All;
    }
    extents
}

/// Returns how much of each node remains after the exclusions and all their dependents.
fn excluded(selection: &Selection, graph: &Graph) -> Vec<Coverage> {
    let mut kept = vec![Coverage::All; graph.len()];
    for pattern in &selection.excludes {
        let named = named(pattern, graph);
        let mut left = vec![Coverage::All; graph.len()];
        for node in graph.order.iter().copied() {
            let waits = |it: NodeId| match left[it] {
                Coverage::All => false,
                // Expressions inside one instance of a module refer to that instance alone.
                Coverage::Some => !(pattern.is_module() && named[node] == Coverage::Some),
                Coverage::Nothing => true,
            };
            left[node] = match named[node] {
                Coverage::All => Coverage::Nothing,
                _ if graph.direct_references(node).any(waits) => Coverage::Nothing,
                Coverage::Some => Coverage::Some,
                Coverage::Nothing => Coverage::All,
            };
        }
        for (kept, left) in kept.iter_mut().zip(left) {
            *kept = (*kept).min(left);
        }
    }
    kept
}

/// Returns how much of each node a pattern matches. Nodes other than blocks match with their
/// module.
fn named(pattern: &AddressPattern, graph: &Graph) -> Vec<Coverage> {
    let extent = |node: NodeId| match graph.block_address(node) {
        Some(block) => pattern.extent(&path_of(&block), &block),
        None => pattern.extent_of_module(&graph.modules.get(graph.node(node).module).path),
    };
    (0..graph.len()).map(extent).collect()
}

fn path_of(block: &BlockAddress) -> Vec<&str> {
    block.module.iter().map(|(name, _)| &**name).collect()
}

/// Returns the instances of a destroy plan: the targets and all their dependents, without the
/// exclusions and all their dependencies.
pub(crate) fn destroyed(selection: &Selection, state: &State) -> impl Fn(&Address) -> bool {
    let recorded = RecordedGraph::new(state);
    let Selection { targets, excludes } = selection.clone();
    let of = |patterns: &[AddressPattern]| {
        let is_named = |address: &&Address| patterns.iter().any(|it| it.matches(address));
        state
            .records
            .keys()
            .filter(is_named)
            .map(|it| shape(&it.block))
            .collect::<BTreeSet<BlockPath>>()
    };
    // A destroy plan follows the recorded dependencies: the configuration may not contain the
    // blocks any more.
    let dependents = reached(of(&targets), &recorded.dependents);
    let dependencies = reached(of(&excludes), &recorded.dependencies);
    move |address| {
        let is_named = |patterns: &[AddressPattern]| patterns.iter().any(|it| it.matches(address));
        let shape = shape(&address.block);
        (targets.is_empty() || is_named(&targets) || dependents.contains(&shape))
            && !is_named(&excludes)
            && !dependencies.contains(&shape)
    }
}

/// Reports patterns that match nothing.
pub(crate) fn check(
    selection: &Selection,
    graph: Option<&Graph>,
    state: &State,
) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for pattern in selection.patterns() {
        let in_state = || {
            state
                .records
                .keys()
                .chain(state.deposed.keys().map(|(it, _)| it))
                .any(|it| pattern.matches(it))
        };
        let configured = |it: BlockAddress| pattern.extent(&path_of(&it), &it) > Coverage::Nothing;
        let in_configuration = || {
            graph.is_some_and(|graph| {
                (0..graph.len()).filter_map(|it| graph.block_address(it)).any(configured)
            })
        };
        // A pattern may name recorded instances that are not configured any more, so either
        // suffices.
        if in_state() || in_configuration() {
            continue;
        }
        let written = pattern.to_string();
        let mut known: BTreeSet<String> =
            state.records.keys().map(|it| it.block.to_string()).collect();
        known.extend(
            graph
                .into_iter()
                .flat_map(|it| (0..it.len()).filter_map(|node| it.block_address(node)))
                .map(|it| it.to_string()),
        );
        let modules: BTreeSet<String> =
            known.iter().filter_map(|it| it.rsplitn(3, '.').nth(2).map(str::to_owned)).collect();
        known.extend(modules);
        let diagnostic = Diagnostic::error(format!(
            "`{written}` names nothing: neither the configuration nor the state has it"
        ));
        diagnostics.push(match closest(&written, known.iter().map(String::as_str)) {
            Some(closest) => diagnostic.help(format!("did you mean `{closest}`?")),
            None => diagnostic.help("`ha state list` shows what is recorded"),
        });
    }
    diagnostics
}

impl Plan {
    /// Returns the recorded instances that the plan changes, and their dependents.
    #[must_use]
    pub fn changed_and_dependents(&self, state: &State) -> BTreeSet<Address> {
        let changed: BTreeSet<&Address> = self.changes.iter().map(|it| &it.address).collect();
        let recorded = RecordedGraph::new(state);
        let dependents =
            reached(changed.iter().map(|it| shape(&it.block)).collect(), &recorded.dependents);
        let is_meant =
            |it: &&Address| changed.contains(*it) || dependents.contains(&shape(&it.block));
        state.records.keys().filter(is_meant).cloned().collect()
    }
}

/// Recorded dependencies between blocks. Dependencies that many share are one vertex, so that the
/// graph stays linear in the state.
struct RecordedGraph {
    /// One address of each block.
    blocks: BTreeMap<BlockPath, BlockAddress>,
    dependencies: RecordedEdges,
    dependents: RecordedEdges,
}

type RecordedEdges = BTreeMap<RecordedVertex, BTreeSet<RecordedVertex>>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RecordedVertex {
    Block(BlockPath),
    Group(DependencyGroupId),
}

impl RecordedGraph {
    fn new(state: &State) -> Self {
        let mut recorded = Self {
            blocks: BTreeMap::new(),
            dependencies: BTreeMap::new(),
            dependents: BTreeMap::new(),
        };
        let mut seen = BTreeSet::new();
        for record in state.records.values().chain(state.deposed.values()) {
            let own = shape(&record.address.block);
            let through_provider = state.providers.get(&record.provider).map(|it| &it.dependencies);
            for group in [Some(&record.dependencies), through_provider]
                .into_iter()
                .flatten()
                .filter_map(Dependencies::group)
            {
                recorded
                    .connect(RecordedVertex::Block(own.clone()), RecordedVertex::Group(group.id()));
                recorded.enter(group, &mut seen);
            }
            recorded.blocks.entry(own).or_insert_with(|| record.address.block.clone());
        }
        recorded
    }

    fn enter(&mut self, group: &Arc<DependencyGroup>, seen: &mut BTreeSet<DependencyGroupId>) {
        let mut open = vec![group];
        while let Some(group) = open.pop() {
            if !seen.insert(group.id()) {
                continue;
            }
            for block in group.blocks() {
                self.connect(
                    RecordedVertex::Group(group.id()),
                    RecordedVertex::Block(shape(block)),
                );
            }
            for inner in group.groups() {
                self.connect(RecordedVertex::Group(group.id()), RecordedVertex::Group(inner.id()));
                open.push(inner);
            }
        }
    }

    fn connect(&mut self, dependent: RecordedVertex, behind: RecordedVertex) {
        self.dependents.entry(behind.clone()).or_default().insert(dependent.clone());
        self.dependencies.entry(dependent).or_default().insert(behind);
    }
}

/// Returns these blocks and everything that the edges reach from them.
fn closure(of: BTreeSet<BlockPath>, edges: &RecordedEdges) -> BTreeSet<BlockPath> {
    let mut found = of.clone();
    found.extend(reached(of, edges));
    found
}

/// Returns everything that the edges reach from these blocks.
fn reached(from: BTreeSet<BlockPath>, edges: &RecordedEdges) -> BTreeSet<BlockPath> {
    let mut seen: BTreeSet<&RecordedVertex> = BTreeSet::new();
    let first: Vec<RecordedVertex> = from.into_iter().map(RecordedVertex::Block).collect();
    let mut open: Vec<&RecordedVertex> = first.iter().collect();
    while let Some(next) = open.pop() {
        open.extend(edges.get(next).into_iter().flatten().filter(|it| seen.insert(it)));
    }
    let block = |it: &RecordedVertex| {
        if let RecordedVertex::Block(shape) = it { Some(shape.clone()) } else { None }
    };
    seen.into_iter().filter_map(block).collect()
}

fn shape(block: &BlockAddress) -> BlockPath {
    (
        block.module.iter().map(|(name, _)| name.clone()).collect(),
        block.mode,
        block.kind.clone(),
        block.name.clone(),
    )
}

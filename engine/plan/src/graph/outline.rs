//! The nodes of a configuration and their references, for views of the graph.

use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_lang::Configuration;
use ha_provider::SchemaSet;
use ha_value::ResourceMode;

use crate::graph::modules::ROOT;
use crate::graph::{Graph, GraphNode, NodeId, NodeKind};

/// The nodes and references of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The nodes in topological order.
    pub nodes: Vec<OutlineNode>,
    /// References as pairs of places among the nodes: `(later, earlier)`, sorted.
    pub edges: Vec<(usize, usize)>,
}

/// A node. It stands for all instances of its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineNode {
    /// The name without keys: `module.db.aws_db_instance.pg`, `var.region`, `provider.aws.west`.
    pub address: String,
    /// The names of the enclosing modules, outermost first.
    pub module: Vec<String>,
    /// The kind of the node.
    pub kind: OutlineKind,
    /// The source location.
    pub span: Option<SourceSpan>,
}

/// The kind of a node in an outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutlineKind {
    /// A `variable` block.
    Variable,
    /// A `provider` block.
    Provider,
    /// A local value.
    Local,
    /// A `resource` block.
    Resource,
    /// A `data` block.
    Data,
    /// An `output` block.
    Output,
    /// A `check` block.
    Check,
    /// A `module` block, which everything in the module waits for.
    Module,
    /// All outputs of a module; a reference to the whole module refers to this node.
    ModuleOutputs,
    /// Everything in a module; `depends_on` of a module refers to this node.
    ModuleEnd,
}

/// Returns the nodes and references of a configuration.
///
/// # Errors
/// Undeclared references, and circles.
pub fn outline(
    configuration: &Arc<Configuration>,
    schemas: &SchemaSet,
) -> Result<Outline, Vec<Diagnostic>> {
    let graph = Graph::new(configuration, schemas)?;
    let mut referred = vec![false; graph.len()];
    for node in graph
        .order
        .iter()
        .copied()
        .filter(|it| !matches!(graph.node(*it).what, NodeKind::End | NodeKind::Validation(_)))
    {
        graph.direct_references(node).for_each(|it| referred[it] = true);
    }
    let mut places: Vec<Option<usize>> = vec![None; graph.len()];
    let mut nodes = Vec::new();
    for id in graph.order.iter().copied() {
        let GraphNode { module, what } = graph.node(id);
        let Some(kind) = kind(&graph, id) else { continue };
        // A node for all outputs or for the end of a module is shown only where something refers
        // to it; most modules are referred to by single outputs.
        let is_waited_for =
            !matches!(kind, OutlineKind::ModuleEnd | OutlineKind::ModuleOutputs) || referred[id];
        if is_waited_for
            && (module != ROOT || !matches!(what, NodeKind::Gate | NodeKind::End | NodeKind::Whole))
        {
            places[id] = Some(nodes.len());
            let module = graph.modules.get(module).path.iter().map(ToString::to_string).collect();
            nodes.push(OutlineNode { address: graph.name(id), module, kind, span: graph.span(id) });
        }
    }
    let mut edges = Vec::new();
    for id in graph.order.iter().copied() {
        let Some(later) = places[id] else { continue };
        let behind = match graph.node(id) {
            // The gate stands for the `module` block, and the references of its `count` and
            // `for_each` belong to that block too.
            GraphNode { module, what: NodeKind::Gate } => {
                let expand = graph.number(module, NodeKind::Expand);
                graph.direct_references(id).chain(graph.direct_references(expand)).collect()
            }
            _ => graph.direct_references(id).collect::<Vec<_>>(),
        };
        for earlier in behind {
            let shown = match graph.node(earlier) {
                GraphNode { module, what: NodeKind::Expand } => {
                    places[graph.number(module, NodeKind::Gate)]
                }
                _ => places[earlier],
            };
            edges.extend(shown.filter(|it| *it != later).map(|earlier| (later, earlier)));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    Ok(Outline { nodes, edges })
}

fn kind(graph: &Graph, id: NodeId) -> Option<OutlineKind> {
    Some(match graph.node(id).what {
        NodeKind::Variable(_) => OutlineKind::Variable,
        NodeKind::Provider(_) => OutlineKind::Provider,
        NodeKind::Local(_) => OutlineKind::Local,
        NodeKind::Block(_)
            if graph.block(id).is_some_and(|it| it.name.mode == ResourceMode::Data) =>
        {
            OutlineKind::Data
        }
        NodeKind::Block(_) => OutlineKind::Resource,
        NodeKind::Output(_) => OutlineKind::Output,
        NodeKind::Check(_) => OutlineKind::Check,
        NodeKind::Gate => OutlineKind::Module,
        NodeKind::Whole => OutlineKind::ModuleOutputs,
        NodeKind::End => OutlineKind::ModuleEnd,
        NodeKind::Expand | NodeKind::Validation(_) => return None,
    })
}

//! The nodes of a configuration and what each refers to, for who draws them.

use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_lang::Configuration;
use ha_provider::SchemaSet;
use ha_value::ResourceMode;

use crate::graph::modules::ROOT;
use crate::graph::{Graph, GraphNode, NodeId, NodeKind};

/// What a configuration is made of, and what refers to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The nodes, each after those it refers to.
    pub nodes: Vec<OutlineNode>,
    /// Who refers to whom, by places among the nodes: `(later, earlier)`, in order.
    pub edges: Vec<(usize, usize)>,
}

/// One node. It stands for all instances of what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineNode {
    /// What it is called, without keys: `module.db.aws_db_instance.pg`, `var.region`,
    /// `provider.aws.west`.
    pub address: String,
    /// The names of the modules it is in, outermost first.
    pub module: Vec<String>,
    /// What it is.
    pub kind: OutlineKind,
    /// Where it is written.
    pub span: Option<SourceSpan>,
}

/// What a node is.
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
    /// A `module` block: what everything in the module waits for.
    Module,
    /// All outputs of a module: what refers to the module as a whole refers to this.
    ModuleOutputs,
    /// Everything in a module: what waits for all of it refers to this.
    ModuleEnd,
}

/// What a configuration is made of, and what refers to what.
///
/// # Errors
/// References to what is not there, and circles.
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
        graph.direct(node).for_each(|it| referred[it] = true);
    }
    let mut places: Vec<Option<usize>> = vec![None; graph.len()];
    let mut nodes = Vec::new();
    for id in graph.order.iter().copied() {
        let GraphNode { module, what } = graph.node(id);
        let Some(kind) = kind(&graph, id) else { continue };
        // Most modules are waited for output by output.
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
            // The gate stands for the block, and what decides how often the module is there belongs
            // to it.
            GraphNode { module, what: NodeKind::Gate } => {
                let expand = graph.number(module, NodeKind::Expand);
                graph.direct(id).chain(graph.direct(expand)).collect()
            }
            _ => graph.direct(id).collect::<Vec<_>>(),
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

//! The nodes of a configuration and their references, by number. A node stands for all instances
//! of its module: edges between instances would make the graph quadratic.

mod cycle;
pub(crate) mod modules;
pub(crate) mod outline;
mod reachability;
mod reference;
mod topological_order;

use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_lang::{BlockName, Configuration, ResourceBlock};
use ha_provider::SchemaSet;
use ha_state_model::ProviderName;
use ha_value::{BlockAddress, HashMap, HashSet, InstanceKey, Name, ResourceMode};

use crate::graph::modules::{ModuleId, ModuleTree, provider_name};
pub(crate) use reachability::Reachability;
pub(crate) use reference::refers_to_itself_alone;

/// The number of a node.
pub(crate) type NodeId = usize;

/// The kind of a node, with the place of what it stands for in the configuration of its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// Determines the instances of the module.
    Expand,
    /// Waits for the `depends_on` of the module call.
    Gate,
    /// A variable.
    Variable(usize),
    /// The validations of a variable. A node of its own, because they may refer to other nodes
    /// that refer to the variable.
    Validation(usize),
    /// The settings of a provider.
    Provider(usize),
    /// A local value.
    Local(usize),
    /// A resource or data block.
    Block(usize),
    /// An output.
    Output(usize),
    /// All outputs of the module.
    Whole,
    /// A `check` block.
    Check(usize),
    /// Everything in the module.
    End,
}

/// A node: its module, and what it stands for there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GraphNode {
    pub(crate) module: ModuleId,
    pub(crate) what: NodeKind,
}

/// The nodes, their references, and an order in which each node follows those it refers to.
pub(crate) struct Graph {
    pub(crate) modules: Arc<ModuleTree>,
    layouts: Vec<NodeLayout>,
    nodes: Vec<GraphNode>,
    direct: GraphEdges,
    /// The `import` blocks into each block: their module, and their place there.
    imports: HashMap<NodeId, Vec<(ModuleId, usize)>>,
    /// All nodes in topological order.
    pub(crate) order: Vec<NodeId>,
}

/// The numbers of a module's nodes.
struct NodeLayout {
    first: NodeId,
    variables: usize,
    providers: usize,
    locals: usize,
    blocks: usize,
    outputs: usize,
    checks: usize,
}

impl NodeLayout {
    fn new(configuration: &Configuration, first: NodeId) -> Self {
        Self {
            first,
            variables: configuration.variables.len(),
            providers: configuration.providers.len(),
            locals: configuration.locals.len(),
            blocks: configuration.blocks.len(),
            outputs: configuration.outputs.len(),
            checks: configuration.checks.len(),
        }
    }

    /// Returns all nodes in the order of their numbers.
    fn all(&self) -> impl Iterator<Item = NodeKind> + use<> {
        let variables = 0..self.variables;
        [NodeKind::Expand, NodeKind::Gate]
            .into_iter()
            .chain(variables.clone().map(NodeKind::Variable))
            .chain(variables.map(NodeKind::Validation))
            .chain((0..self.providers).map(NodeKind::Provider))
            .chain((0..self.locals).map(NodeKind::Local))
            .chain((0..self.blocks).map(NodeKind::Block))
            .chain((0..self.outputs).map(NodeKind::Output))
            .chain([NodeKind::Whole])
            .chain((0..self.checks).map(NodeKind::Check))
            .chain([NodeKind::End])
    }

    fn number(&self, what: NodeKind) -> NodeId {
        let variables = self.first + 2;
        let validations = variables + self.variables;
        let providers = validations + self.variables;
        let locals = providers + self.providers;
        let blocks = locals + self.locals;
        let outputs = blocks + self.blocks;
        let whole = outputs + self.outputs;
        match what {
            NodeKind::Expand => self.first,
            NodeKind::Gate => self.first + 1,
            NodeKind::Variable(place) => variables + place,
            NodeKind::Validation(place) => validations + place,
            NodeKind::Provider(place) => providers + place,
            NodeKind::Local(place) => locals + place,
            NodeKind::Block(place) => blocks + place,
            NodeKind::Output(place) => outputs + place,
            NodeKind::Whole => whole,
            NodeKind::Check(place) => whole + 1 + place,
            NodeKind::End => whole + 1 + self.checks,
        }
    }
}

/// The references of all nodes, in one array: a vector for each node would take several times the
/// memory.
pub(crate) struct GraphEdges {
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl GraphEdges {
    fn with_capacity(nodes: usize) -> Self {
        let mut starts = Vec::with_capacity(nodes + 1);
        starts.push(0);
        Self { starts, targets: Vec::with_capacity(nodes * 2) }
    }

    fn push(&mut self, targets: &[u32]) {
        self.targets.extend_from_slice(targets);
        self.starts.push(
            u32::try_from(self.targets.len())
                .expect("a configuration has fewer references than 2^32"),
        );
    }

    pub(crate) fn targets(&self, node: NodeId) -> &[u32] {
        &self.targets[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Returns the edges in the opposite direction.
    fn reversed(&self) -> Self {
        let nodes = self.starts.len() - 1;
        let mut starts = vec![0_u32; nodes + 1];
        for target in &self.targets {
            starts[*target as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut targets = vec![0_u32; self.targets.len()];
        for node in 0..nodes {
            for target in self.targets(node) {
                let at = &mut next[*target as usize];
                targets[*at as usize] =
                    u32::try_from(node).expect("a configuration has fewer nodes than 2^32");
                *at += 1;
            }
        }
        Self { starts, targets }
    }
}

impl Graph {
    /// Builds the graph of a configuration and its modules.
    pub(crate) fn new(
        configuration: &Arc<Configuration>,
        schemas: &SchemaSet,
    ) -> Result<Self, Vec<Diagnostic>> {
        let modules = Arc::new(ModuleTree::below(configuration));
        let mut layouts = Vec::with_capacity(modules.len());
        let mut nodes: Vec<GraphNode> = Vec::new();
        for module in 0..modules.len() {
            let layout = NodeLayout::new(modules.configuration(module), nodes.len());
            nodes.extend(layout.all().map(|what| GraphNode { module, what }));
            layouts.push(layout);
        }
        // The edges are collected with the help of the unfinished graph, which already numbers all
        // nodes.
        let empty = GraphEdges::with_capacity(nodes.len());
        let imports = HashMap::default();
        let mut graph = Self { modules, layouts, nodes, direct: empty, imports, order: Vec::new() };
        let into_nothing = graph.enter_imports();
        let (direct, mut diagnostics) = reference::edges(&graph, schemas);
        diagnostics.extend(into_nothing);
        graph.direct = direct;
        match topological_order::sorted(&graph.direct) {
            Ok(order) => graph.order = order,
            Err(circle) => diagnostics.push(cycle::circular(&graph, &circle, schemas)),
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        Ok(graph)
    }

    /// Finds the blocks of `import` blocks, and reports those that do not exist.
    fn enter_imports(&mut self) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for module in 0..self.modules.len() {
            for (place, import) in self.modules.configuration(module).imports.iter().enumerate() {
                let target = import.module.iter().try_fold(module, |module, (name, _)| {
                    let at = self.modules.configuration(module).modules.get_index_of(name)?;
                    Some(self.modules.get(module).calls[at])
                });
                let block = target.and_then(|it| {
                    Some((it, self.modules.configuration(it).blocks.get_index_of(&import.block)?))
                });
                match block {
                    Some((target, block)) => {
                        let node = self.layouts[target].number(NodeKind::Block(block));
                        self.imports.entry(node).or_default().push((module, place));
                    }
                    None => {
                        let inside: String = import
                            .module
                            .iter()
                            .map(|(name, _)| format!("module.{name}."))
                            .collect();
                        let block = format!("{inside}{}", import.block);
                        let diagnostic = Diagnostic::error(format!(
                            "the configuration has no `{block}` to import into"
                        ));
                        let help = format!(
                            "write a block `resource \"{}\" \"{}\"`",
                            import.block.kind, import.block.name
                        );
                        diagnostics.push(diagnostic.at(import.span.clone()).help(help));
                    }
                }
            }
        }
        diagnostics
    }

    /// Returns the `import` blocks into a block: their module, and their place there.
    pub(crate) fn imports_into(&self, id: NodeId) -> &[(ModuleId, usize)] {
        self.imports.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, id: NodeId) -> GraphNode {
        self.nodes[id]
    }

    pub(crate) fn number(&self, module: ModuleId, what: NodeKind) -> NodeId {
        self.layouts[module].number(what)
    }

    /// Returns the nodes that a node refers to directly.
    pub(crate) fn direct_references(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.direct.targets(id).iter().map(|it| *it as usize)
    }

    /// Returns for each node the nodes that refer to it.
    pub(crate) fn waiters(&self) -> GraphEdges {
        self.direct.reversed()
    }

    /// Returns the configuration of a node's module.
    pub(crate) fn configuration(&self, id: NodeId) -> &Arc<Configuration> {
        self.modules.configuration(self.nodes[id].module)
    }

    /// Returns the block of a node; none for other nodes.
    pub(crate) fn block(&self, id: NodeId) -> Option<&ResourceBlock> {
        match self.nodes[id].what {
            NodeKind::Block(place) => {
                self.configuration(id).blocks.get_index(place).map(|(_, it)| it)
            }
            _ => None,
        }
    }

    /// Returns the node of a block address, ignoring keys of modules.
    pub(crate) fn node_of(&self, address: &BlockAddress) -> Option<NodeId> {
        let module = self.modules.find(&address.module)?;
        let place = self.modules.configuration(module).blocks.get_index_of(&name_of(address))?;
        Some(self.number(module, NodeKind::Block(place)))
    }

    /// Returns the address of a node's block, without keys of modules.
    pub(crate) fn block_address(&self, id: NodeId) -> Option<BlockAddress> {
        let block = &self.block(id)?.name;
        let path = &self.modules.get(self.nodes[id].module).path;
        let module = path.iter().map(|name| (name.clone(), InstanceKey::None)).collect();
        Some(BlockAddress {
            module,
            mode: block.mode,
            kind: block.kind.clone(),
            name: block.name.clone(),
        })
    }

    /// Returns the block at an address, ignoring keys of modules.
    pub(crate) fn block_at(&self, address: &BlockAddress) -> Option<&ResourceBlock> {
        self.node_of(address).and_then(|it| self.block(it))
    }

    /// Returns the provider of a block, as written or by its kind; none for an unknown kind.
    pub(crate) fn provider_of(&self, schemas: &SchemaSet, id: NodeId) -> Option<ProviderName> {
        let block = self.block(id)?;
        provider_of(&self.modules, schemas, self.nodes[id].module, block)
    }

    /// Marks these nodes and all nodes they refer to, directly or not.
    pub(crate) fn with_dependencies(&self, nodes: impl IntoIterator<Item = NodeId>) -> Vec<bool> {
        let mut marked = vec![false; self.len()];
        let mut open: Vec<NodeId> = nodes.into_iter().collect();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut marked[node], true) {
                open.extend(self.direct_references(node));
            }
        }
        marked
    }

    /// Returns the blocks whose values reach any of these blocks without passing through a managed
    /// block.
    pub(crate) fn read_by(&self, blocks: impl IntoIterator<Item = NodeId>) -> HashSet<NodeId> {
        let mut seen = vec![false; self.len()];
        let mut open: Vec<NodeId> =
            blocks.into_iter().flat_map(|it| self.direct_references(it)).collect();
        let mut found = HashSet::default();
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            match self.nodes[node].what {
                // Provider settings are recorded on their own, and their versions are not those of
                // records.
                NodeKind::Provider(_) => {}
                NodeKind::Block(_) => {
                    found.insert(node);
                    // A data source passes on the values that it was read with; a managed block is
                    // recorded, and its own version is checked.
                    if self.is_data(node) {
                        open.extend(self.direct_references(node));
                    }
                }
                _ => open.extend(self.direct_references(node)),
            }
        }
        found
    }

    fn is_data(&self, id: NodeId) -> bool {
        self.block(id).is_some_and(|it| it.name.mode == ResourceMode::Data)
    }

    /// Returns the name of a node, without keys of modules.
    pub(crate) fn name(&self, id: NodeId) -> String {
        let GraphNode { module, what } = self.nodes[id];
        let module = self.modules.get(module);
        let configuration = &module.configuration;
        let prefix: String = module.path.iter().map(|it| format!("module.{it}.")).collect();
        let whole = prefix.trim_end_matches('.');
        let named = |it: Option<&Name>| it.map(|it| it.to_string()).unwrap_or_default();
        match what {
            NodeKind::Expand | NodeKind::Gate | NodeKind::Whole | NodeKind::End
                if whole.is_empty() =>
            {
                "the root module".to_owned()
            }
            NodeKind::Expand | NodeKind::Gate | NodeKind::Whole | NodeKind::End => whole.to_owned(),
            NodeKind::Variable(place) | NodeKind::Validation(place) => {
                format!(
                    "{prefix}var.{}",
                    named(configuration.variables.get_index(place).map(|it| it.0))
                )
            }
            NodeKind::Provider(place) => {
                let block = &configuration.providers[place];
                let alias = block.alias.as_ref().map(|it| format!(".{it}")).unwrap_or_default();
                format!("{prefix}provider.{}{alias}", block.name)
            }
            NodeKind::Local(place) => format!(
                "{prefix}local.{}",
                named(configuration.locals.get_index(place).map(|it| it.0))
            ),
            NodeKind::Block(place) => {
                let name = configuration
                    .blocks
                    .get_index(place)
                    .map(|it| it.0.to_string())
                    .unwrap_or_default();
                format!("{prefix}{name}")
            }
            NodeKind::Output(place) => format!(
                "{prefix}output.{}",
                named(configuration.outputs.get_index(place).map(|it| it.0))
            ),
            NodeKind::Check(place) => format!(
                "{prefix}check.{}",
                named(configuration.checks.get_index(place).map(|it| it.0))
            ),
        }
    }

    /// Returns the source location of a node.
    pub(crate) fn span(&self, id: NodeId) -> Option<SourceSpan> {
        let configuration = self.configuration(id);
        match self.nodes[id].what {
            NodeKind::Local(place) => {
                configuration.locals.get_index(place).map(|(_, it)| it.span.clone())
            }
            NodeKind::Block(place) => {
                configuration.blocks.get_index(place).map(|(_, it)| it.head.clone())
            }
            NodeKind::Output(place) => {
                configuration.outputs.get_index(place).map(|(_, it)| it.span.clone())
            }
            NodeKind::Provider(place) => {
                configuration.providers.get(place).map(|it| it.span.clone())
            }
            NodeKind::Variable(place) | NodeKind::Validation(place) => {
                configuration.variables.get_index(place).map(|(_, it)| it.span.clone())
            }
            NodeKind::Check(place) => {
                configuration.checks.get_index(place).map(|(_, it)| it.span.clone())
            }
            NodeKind::Expand | NodeKind::Gate | NodeKind::Whole | NodeKind::End => {
                self.modules.call(self.nodes[id].module).map(|it| it.head.clone())
            }
        }
    }
}

/// Returns the name of a block by its address.
#[must_use]
pub fn name_of(address: &BlockAddress) -> BlockName {
    BlockName { mode: address.mode, kind: address.kind.clone(), name: address.name.clone() }
}

/// Returns the provider of a block in a module, as written or by its kind; none for an unknown
/// kind.
pub(crate) fn provider_of(
    modules: &ModuleTree,
    schemas: &SchemaSet,
    module: ModuleId,
    block: &ResourceBlock,
) -> Option<ProviderName> {
    match &block.provider {
        Some((name, alias)) => Some(modules.provider(module, name, alias.as_ref())),
        None => {
            let described = schemas.kind(block.name.mode, &block.name.kind)?;
            Some(modules.provider(module, &described.provider, None))
        }
    }
}

/// Returns the recorded name of the provider at a place of a module.
pub(crate) fn provider_at(modules: &ModuleTree, module: ModuleId, place: usize) -> ProviderName {
    let module = modules.get(module);
    let block = &module.configuration.providers[place];
    provider_name(module, &block.name, block.alias.as_ref())
}

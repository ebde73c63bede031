//! The nodes of a configuration and what each refers to. Edges name nodes and are never flattened into pairs of
//! instances.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_kind::{BlockAddress, Diagnostic, Mode, Name, Schemas, Span};
use ha_lang::{BlockName, Configuration, Reference, Target};
use ha_state::ProviderName;
use petgraph::graph::{DiGraph, NodeIndex};

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// A provider's settings.
    Provider(ProviderName),
    /// A local value.
    Local(Name),
    /// All instances of a resource or data block.
    Block(BlockName),
    /// An output of the root.
    Output(Name),
}

/// The nodes in an order in which each comes after what it refers to.
pub(crate) struct Graph {
    /// In order.
    pub(crate) order: Vec<Node>,
    direct: BTreeMap<Node, BTreeSet<Node>>,
    /// The blocks whose values reach a node: directly, or through locals.
    blocks: Sets,
    /// The managed blocks whose values reach a node: directly, through locals, or through data.
    managed: Sets,
}

/// Many nodes behind one local value share its set.
type Sets = BTreeMap<Node, Arc<BTreeSet<BlockName>>>;

impl Graph {
    /// The graph of a configuration.
    pub(crate) fn of(configuration: &Configuration, schemas: &Schemas) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let mut direct = BTreeMap::new();
        for (node, references) in nodes(configuration) {
            let mut behind = BTreeSet::new();
            for reference in references {
                match node_of(configuration, reference) {
                    Ok(target) => behind.extend(target),
                    Err(diagnostic) => diagnostics.push(*diagnostic),
                }
            }
            if let Node::Block(name) = &node {
                let provider = provider_of(configuration, schemas, name);
                behind.extend(provider.filter(|it| provider_block(configuration, it).is_some()).map(Node::Provider));
            }
            direct.insert(node, behind);
        }
        let order = in_order(&direct, configuration).map_err(|it| vec![it])?;
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let blocks = reaching(&order, &direct, |_| true, |it| matches!(it, Node::Local(_)));
        let is_data = |it: &Node| matches!(it, Node::Block(name) if name.mode == Mode::Data);
        let managed = reaching(&order, &direct, |it| it.mode == Mode::Managed, |it| matches!(it, Node::Local(_)) || is_data(it));
        Ok(Self { order, direct, blocks, managed })
    }

    /// The nodes that a node refers to itself.
    pub(crate) fn direct(&self, node: &Node) -> impl Iterator<Item = &Node> {
        self.direct.get(node).into_iter().flatten()
    }

    /// The blocks whose values reach a node: directly, or through locals.
    pub(crate) fn blocks_behind(&self, node: &Node) -> Arc<BTreeSet<BlockName>> {
        self.blocks.get(node).cloned().unwrap_or_default()
    }

    /// What a record names as its direct dependencies: the managed blocks whose values reach a node directly, through
    /// locals, or through data.
    pub(crate) fn dependencies(&self, node: &Node) -> Vec<BlockAddress> {
        self.managed.get(node).into_iter().flat_map(|it| it.iter()).map(address_of).collect()
    }

    /// These blocks, and all whose values reach them through locals and data.
    pub(crate) fn with_what_they_read(&self, blocks: impl IntoIterator<Item = BlockName>) -> BTreeSet<BlockName> {
        let mut seen: BTreeSet<Node> = blocks.into_iter().map(Node::Block).collect();
        let mut open: Vec<Node> = seen.iter().cloned().collect();
        while let Some(node) = open.pop() {
            for behind in self.direct(&node) {
                let passes = match behind {
                    Node::Local(_) => true,
                    Node::Block(name) => name.mode == Mode::Data,
                    _ => false,
                };
                if seen.insert(behind.clone()) && passes {
                    open.push(behind.clone());
                }
            }
        }
        let block = |node| if let Node::Block(name) = node { Some(name) } else { None };
        seen.into_iter().filter_map(block).collect()
    }
}

/// For each node the blocks that `counts`, directly behind it or behind nodes that `pass` on what is behind them.
fn reaching(
    order: &[Node],
    direct: &BTreeMap<Node, BTreeSet<Node>>,
    counts: impl Fn(&BlockName) -> bool,
    pass: impl Fn(&Node) -> bool,
) -> Sets {
    let mut sets = Sets::new();
    for node in order {
        let behind = direct.get(node).into_iter().flatten();
        let own = behind.clone().filter_map(|it| match it {
            Node::Block(name) if counts(name) => Some(name.clone()),
            _ => None,
        });
        let own: BTreeSet<BlockName> = own.collect();
        let passed: Vec<&Arc<BTreeSet<BlockName>>> =
            behind.filter(|it| pass(it)).filter_map(|it| sets.get(it)).filter(|it| !it.is_empty()).collect();
        let set = match (own.is_empty(), passed.as_slice()) {
            (true, [only]) => (*only).clone(),
            _ => Arc::new(own.into_iter().chain(passed.into_iter().flat_map(|it| it.iter().cloned())).collect()),
        };
        sets.insert(node.clone(), set);
    }
    sets
}

/// The root module's address of a block.
pub(crate) fn address_of(name: &BlockName) -> BlockAddress {
    BlockAddress::root(name.mode, name.kind.clone(), name.name.clone())
}

/// The name of a block by its address.
#[must_use]
pub fn name_of(address: &BlockAddress) -> BlockName {
    BlockName { mode: address.mode, kind: address.kind.clone(), name: address.name.clone() }
}

/// The provider of a block, as written or by its kind; none for a kind that nobody has.
pub(crate) fn provider_of(configuration: &Configuration, schemas: &Schemas, name: &BlockName) -> Option<ProviderName> {
    let written = configuration.blocks.get(name).and_then(|it| it.provider.clone());
    match written {
        Some((name, alias)) => Some(ProviderName { name, alias }),
        None => schemas.kind(name.mode, &name.kind).map(|it| ProviderName { name: it.provider.clone(), alias: None }),
    }
}

/// The block that configures a provider.
pub(crate) fn provider_block<'a>(configuration: &'a Configuration, name: &ProviderName) -> Option<&'a ha_lang::ProviderBlock> {
    configuration.providers.iter().find(|it| it.name == name.name && it.alias == name.alias)
}

fn nodes(configuration: &Configuration) -> Vec<(Node, Vec<&Reference>)> {
    let mut nodes = Vec::new();
    for provider in &configuration.providers {
        let name = ProviderName { name: provider.name.clone(), alias: provider.alias.clone() };
        nodes.push((Node::Provider(name), provider.body.references()));
    }
    for (name, local) in &configuration.locals {
        nodes.push((Node::Local(name.clone()), local.expression.references().iter().collect()));
    }
    for (name, block) in &configuration.blocks {
        nodes.push((Node::Block(name.clone()), block_references(block)));
    }
    for (name, output) in &configuration.outputs {
        let checks =
            output.preconditions.iter().flat_map(|it| it.condition.references().iter().chain(it.error_message.references()));
        let references = output.value.references().iter().chain(&output.depends_on).chain(checks).collect();
        nodes.push((Node::Output(name.clone()), references));
    }
    nodes
}

fn block_references(block: &ha_lang::ResourceBlock) -> Vec<&Reference> {
    let lifecycle = &block.lifecycle;
    let flags = [&lifecycle.create_before_destroy, &lifecycle.prevent_destroy, &lifecycle.enabled, &block.count, &block.for_each];
    let conditions = lifecycle.preconditions.iter().chain(&lifecycle.postconditions);
    let expressions = flags.into_iter().flatten().chain(conditions.flat_map(|it| [&it.condition, &it.error_message]));
    let own = |it: &&Reference| !matches!(&it.target, Target::Block(name) if *name == block.name);
    let mut references = block.body.references();
    references.extend(expressions.flat_map(|it| it.references()));
    references.extend(block.depends_on.iter().chain(&lifecycle.replace_triggered_by));
    // `self` in a postcondition may be written by address; a block that refers to itself elsewhere is told so below.
    let body_refers_to_itself = block.body.references().iter().any(|it| !own(it));
    if body_refers_to_itself { references } else { references.into_iter().filter(own).collect() }
}

/// The node a reference names; none for what is no node (`each.key`, `path.module`, a variable).
fn node_of(configuration: &Configuration, reference: &Reference) -> Result<Option<Node>, Box<Diagnostic>> {
    match &reference.target {
        Target::Local(name) if configuration.locals.contains_key(name) => Ok(Some(Node::Local(name.clone()))),
        Target::Local(name) => {
            let known = configuration.locals.keys().map(|it| &**it);
            Err(undeclared("local value", &format!("local.{name}"), &reference.span, name, known))
        }
        Target::Variable(name) if !configuration.variables.contains_key(name) => {
            let known = configuration.variables.keys().map(|it| &**it);
            Err(undeclared("variable", &format!("var.{name}"), &reference.span, name, known))
        }
        Target::Block(name) if configuration.blocks.contains_key(name) => Ok(Some(Node::Block(name.clone()))),
        Target::Block(name) => {
            let what = if name.mode == Mode::Data { "data source" } else { "resource" };
            let written = name.to_string();
            let known: Vec<String> = configuration.blocks.keys().map(ToString::to_string).collect();
            Err(undeclared(what, &written, &reference.span, &written, known.iter().map(String::as_str)))
        }
        _ => Ok(None),
    }
}

fn undeclared<'a>(what: &str, written: &str, span: &Span, given: &str, known: impl Iterator<Item = &'a str>) -> Box<Diagnostic> {
    let diagnostic = Diagnostic::error(format!("reference to an undeclared {what}")).at(span.clone());
    let mut diagnostic = diagnostic.label(format!("no {what} `{written}` is declared"));
    if let Some(closest) = ha_kind::closest(given, known) {
        diagnostic = diagnostic.help(format!("did you mean `{closest}`?"));
    }
    Box::new(diagnostic)
}

fn in_order(direct: &BTreeMap<Node, BTreeSet<Node>>, configuration: &Configuration) -> Result<Vec<Node>, Diagnostic> {
    let mut graph = DiGraph::<&Node, ()>::with_capacity(direct.len(), direct.len());
    let index: BTreeMap<&Node, NodeIndex> = direct.keys().map(|it| (it, graph.add_node(it))).collect();
    for (node, behind) in direct {
        for earlier in behind.iter().filter_map(|it| index.get(it)) {
            graph.add_edge(*earlier, index[node], ());
        }
    }
    match petgraph::algo::toposort(&graph, None) {
        Ok(order) => Ok(order.into_iter().map(|it| graph[it].clone()).collect()),
        Err(_) => {
            let groups = petgraph::algo::tarjan_scc(&graph);
            let circle = groups.into_iter().find(|it| it.len() > 1 || graph.contains_edge(it[0], it[0]));
            let names: Vec<&Node> = circle.unwrap_or_default().into_iter().map(|it| graph[it]).collect();
            Err(circular(&names, configuration))
        }
    }
}

fn circular(nodes: &[&Node], configuration: &Configuration) -> Diagnostic {
    let name = |node: &&Node| match node {
        Node::Provider(name) => format!("provider.{name}"),
        Node::Local(name) => format!("local.{name}"),
        Node::Block(name) => name.to_string(),
        Node::Output(name) => format!("output.{name}"),
    };
    let span = nodes.first().and_then(|node| match node {
        Node::Local(name) => configuration.locals.get(name).map(|it| it.span.clone()),
        Node::Block(name) => configuration.blocks.get(name).map(|it| it.head.clone()),
        Node::Output(name) => configuration.outputs.get(name).map(|it| it.span.clone()),
        Node::Provider(name) => provider_block(configuration, name).map(|it| it.span.clone()),
    });
    let names: Vec<String> = nodes.iter().map(name).collect();
    let diagnostic = Diagnostic::error("these refer to each other in a circle")
        .detail(format!("{} each wait for another of them.", names.join(", ")))
        .help("move what they share into a local value or a resource of its own");
    match span {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }
}

//! References of each node's expressions.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_lang::{Condition, Configuration, Expression, Reference, ReferenceTarget, ResourceBlock};
use ha_provider::SchemaSet;
use ha_value::Name;

use super::{Graph, GraphEdges, GraphNode, NodeId, NodeKind, provider_of};
use crate::graph::modules::{ModuleId, ROOT};

/// Returns the references of all nodes, and errors about them.
pub(super) fn edges(graph: &Graph, schemas: &SchemaSet) -> (GraphEdges, Vec<Diagnostic>) {
    let mut edges = GraphEdges::with_capacity(graph.len());
    let mut gathered = EdgeCollector::new(graph);
    for GraphNode { module, what } in &graph.nodes {
        gathered.targets.clear();
        gathered.node(*module, *what, schemas);
        gathered.targets.sort_unstable();
        gathered.targets.dedup();
        edges.push(&gathered.targets);
    }
    (edges, gathered.diagnostics)
}

/// Whether the conditions of a variable read nothing but the variable, so that they can be
/// evaluated with its value.
pub(crate) fn refers_to_itself_alone(configuration: &Configuration, place: usize) -> bool {
    let Some((name, variable)) = configuration.variables.get_index(place) else { return true };
    let is_itself =
        |it: &Reference| matches!(&it.target, ReferenceTarget::Variable(it) if it == name);
    variable
        .validations
        .iter()
        .flat_map(of_condition)
        .flat_map(Expression::references)
        .all(is_itself)
}

/// The source location of a reference.
#[derive(Clone)]
pub(super) struct ReferencePlace {
    /// The location of the reference.
    pub(super) reference: SourceSpan,
    /// The `import` block that contains it, if any.
    pub(super) import: Option<SourceSpan>,
}

/// Returns where a node refers to another, if the reference is written in the source.
pub(super) fn place(
    graph: &Graph,
    from: NodeId,
    to: NodeId,
    schemas: &SchemaSet,
) -> Option<ReferencePlace> {
    let GraphNode { module, what } = graph.node(from);
    let mut gathered =
        EdgeCollector { sought: u32::try_from(to).ok(), ..EdgeCollector::new(graph) };
    gathered.node(module, what, schemas);
    gathered.place
}

struct EdgeCollector<'a> {
    graph: &'a Graph,
    targets: Vec<u32>,
    diagnostics: Vec<Diagnostic>,
    /// The node whose reference is searched for, and its location once found.
    sought: Option<u32>,
    place: Option<ReferencePlace>,
    /// The `import` block whose expressions are collected.
    import: Option<SourceSpan>,
}

impl<'a> EdgeCollector<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self {
            graph,
            targets: Vec::new(),
            diagnostics: Vec::new(),
            sought: None,
            place: None,
            import: None,
        }
    }

    fn node(&mut self, module: ModuleId, what: NodeKind, schemas: &SchemaSet) {
        let graph = self.graph;
        let modules = &graph.modules;
        let configuration = modules.configuration(module);
        let caller = modules.get(module).caller.map(|(caller, _)| caller);
        let call = modules.call(module);
        // Nothing in a module can be evaluated before the instances of the module are known.
        if module != ROOT && what != NodeKind::Expand {
            self.push(module, NodeKind::Expand);
        }
        match what {
            NodeKind::Expand => {
                if let (Some(caller), Some(call)) = (caller, call) {
                    self.push(caller, NodeKind::Expand);
                    self.expressions(
                        caller,
                        [&call.count, &call.for_each, &call.enabled].into_iter().flatten(),
                    );
                }
            }
            NodeKind::Gate => {
                if let (Some(caller), Some(call)) = (caller, call) {
                    self.push(caller, NodeKind::Gate);
                    self.waits(caller, &call.depends_on);
                }
            }
            NodeKind::Variable(place) => {
                if let (Some(caller), Some(call)) = (caller, call) {
                    let argument = configuration
                        .variables
                        .get_index(place)
                        .and_then(|(name, _)| call.arguments.get(name));
                    self.expressions(caller, argument);
                }
            }
            NodeKind::Validation(place) => {
                self.push(module, NodeKind::Variable(place));
                if !refers_to_itself_alone(configuration, place) {
                    self.expressions(
                        module,
                        configuration.variables[place].validations.iter().flat_map(of_condition),
                    );
                }
            }
            NodeKind::Provider(place) => {
                self.references(module, configuration.providers[place].body.references())
            }
            NodeKind::Local(place) => {
                self.expressions(module, [&configuration.locals[place].expression])
            }
            NodeKind::Block(place) => {
                let block = &configuration.blocks[place];
                self.push(module, NodeKind::Gate);
                self.block(module, block);
                for (module, place) in graph.imports_into(graph.number(module, what)) {
                    let import = &modules.configuration(*module).imports[*place];
                    let keys =
                        import.module.iter().filter_map(|(_, key)| key.as_ref()).chain(&import.key);
                    self.import = Some(import.span.clone());
                    self.expressions(
                        *module,
                        import.for_each.iter().chain(keys).chain([&import.id]),
                    );
                    self.import = None;
                }
                let provider = provider_of(modules, schemas, module, block);
                if let Some((module, place)) = provider.and_then(|it| modules.provider_place(&it)) {
                    self.push(module, NodeKind::Provider(place));
                }
            }
            NodeKind::Output(place) => {
                let output = &configuration.outputs[place];
                self.expressions(
                    module,
                    [&output.value]
                        .into_iter()
                        .chain(output.preconditions.iter().flat_map(of_condition)),
                );
                self.waits(module, &output.depends_on);
            }
            NodeKind::Whole => (0..configuration.outputs.len())
                .for_each(|it| self.push(module, NodeKind::Output(it))),
            NodeKind::Check(place) => {
                let check = &configuration.checks[place];
                self.expressions(module, check.assertions.iter().flat_map(of_condition));
                if let Some(place) =
                    check.data.as_ref().and_then(|it| configuration.blocks.get_index_of(it))
                {
                    self.push(module, NodeKind::Block(place));
                }
            }
            NodeKind::End => {
                self.push(module, NodeKind::Gate);
                self.push(module, NodeKind::Whole);
                (0..configuration.variables.len())
                    .for_each(|it| self.push(module, NodeKind::Validation(it)));
                (0..configuration.blocks.len())
                    .for_each(|it| self.push(module, NodeKind::Block(it)));
                modules.get(module).calls.iter().for_each(|it| self.push(*it, NodeKind::End));
            }
        }
    }

    fn push(&mut self, module: ModuleId, what: NodeKind) {
        let number = self.graph.number(module, what);
        self.targets
            .push(u32::try_from(number).expect("a configuration has fewer nodes than 2^32"));
    }

    fn push_at(&mut self, module: ModuleId, what: NodeKind, reference: &Reference) {
        self.push(module, what);
        if self.sought.is_some() && self.sought == self.targets.last().copied() {
            let place =
                ReferencePlace { reference: reference.span.clone(), import: self.import.clone() };
            self.place.get_or_insert(place);
        }
    }

    fn expressions(
        &mut self,
        module: ModuleId,
        expressions: impl IntoIterator<Item = &'a Expression>,
    ) {
        self.references(module, expressions.into_iter().flat_map(Expression::references));
    }

    fn references(
        &mut self,
        module: ModuleId,
        references: impl IntoIterator<Item = &'a Reference>,
    ) {
        references.into_iter().for_each(|it| self.reference(module, it, NodeKind::Whole));
    }

    /// Collects references of `depends_on`, in which a module means everything in it.
    fn waits(&mut self, module: ModuleId, references: &'a [Reference]) {
        references.iter().for_each(|it| self.reference(module, it, NodeKind::End));
    }

    fn block(&mut self, module: ModuleId, block: &'a ResourceBlock) {
        let lifecycle = &block.lifecycle;
        let flags =
            [&lifecycle.create_before_destroy, &lifecycle.prevent_destroy, &lifecycle.enabled];
        let conditions =
            lifecycle.preconditions.iter().chain(&lifecycle.postconditions).flat_map(of_condition);
        let outside =
            flags.into_iter().chain([&block.count, &block.for_each]).flatten().chain(conditions);
        let own = |it: &&Reference| matches!(&it.target, ReferenceTarget::Block(name) if *name == block.name);
        let body = block.body.references();
        // A postcondition may refer to its own block by address, which is not a circle. A block
        // whose body refers to itself gets the error about the circle.
        let refers_to_itself = body.iter().any(own);
        let triggers = lifecycle.replace_triggered_by.iter();
        let triggers = triggers
            .flat_map(|it| it.key.iter().flat_map(Expression::references).chain([&it.reference]));
        let others = outside.flat_map(Expression::references).chain(triggers);
        self.references(
            module,
            body.into_iter().chain(others).filter(|it| refers_to_itself || !own(it)),
        );
        self.waits(module, &block.depends_on);
    }

    /// Adds the node of a reference; nothing for references without a node (`each.key`,
    /// `path.module`).
    fn reference(&mut self, module: ModuleId, reference: &Reference, of_module: NodeKind) {
        let graph = self.graph;
        let configuration = graph.modules.configuration(module);
        let found = match &reference.target {
            ReferenceTarget::Local(name) => {
                let place = configuration.locals.get_index_of(name).map(NodeKind::Local);
                let known = || configuration.locals.keys().map(ToString::to_string).collect();
                place.ok_or_else(|| {
                    undeclared(
                        "local value",
                        &format!("local.{name}"),
                        &reference.span,
                        name,
                        known(),
                    )
                })
            }
            ReferenceTarget::Variable(name) => {
                let place = configuration.variables.get_index_of(name).map(NodeKind::Variable);
                let known = || configuration.variables.keys().map(ToString::to_string).collect();
                place.ok_or_else(|| {
                    undeclared("variable", &format!("var.{name}"), &reference.span, name, known())
                })
            }
            ReferenceTarget::Block(name) => {
                let place = configuration.blocks.get_index_of(name).map(NodeKind::Block);
                let what = if name.mode == ha_value::ResourceMode::Data {
                    "data source"
                } else {
                    "resource"
                };
                let known = || configuration.blocks.keys().map(ToString::to_string).collect();
                place.ok_or_else(|| {
                    let written = name.to_string();
                    undeclared(what, &written, &reference.span, &written, known())
                })
            }
            ReferenceTarget::Module(name) => {
                let Some(place) = configuration.modules.get_index_of(name) else {
                    let known = configuration.modules.keys().map(ToString::to_string).collect();
                    let written = format!("module.{name}");
                    return self.diagnostics.push(undeclared(
                        "module",
                        &written,
                        &reference.span,
                        name,
                        known,
                    ));
                };
                let called = graph.modules.get(module).calls[place];
                let output = reference.output(&configuration.modules[place]);
                return match graph.output_of(called, output, reference) {
                    Ok(output) => self.push_at(called, output.unwrap_or(of_module), reference),
                    Err(diagnostic) => self.diagnostics.push(*diagnostic),
                };
            }
            _ => return,
        };
        match found {
            Ok(what) => self.push_at(module, what, reference),
            Err(diagnostic) => self.diagnostics.push(diagnostic),
        }
    }
}

impl Graph {
    /// Returns the output of a module that a reference names, if it names one.
    fn output_of(
        &self,
        called: ModuleId,
        output: Option<&Name>,
        reference: &Reference,
    ) -> Result<Option<NodeKind>, Box<Diagnostic>> {
        let Some(name) = output else { return Ok(None) };
        let configuration = self.modules.configuration(called);
        match configuration.outputs.get_index_of(name) {
            Some(place) => Ok(Some(NodeKind::Output(place))),
            // Inside `try` or `can`, a missing output is an ordinary result.
            None if reference.tried => Ok(None),
            None => {
                let known = configuration.outputs.keys().map(ToString::to_string).collect();
                let written = format!("{}.{name}", reference.target);
                Err(Box::new(undeclared("output", &written, &reference.span, name, known)))
            }
        }
    }

    /// Returns the node of a reference in a module.
    pub(crate) fn referred(
        &self,
        module: ModuleId,
        reference: &Reference,
    ) -> Option<super::NodeId> {
        let mut gathered = EdgeCollector::new(self);
        gathered.reference(module, reference, NodeKind::End);
        gathered.targets.first().map(|it| *it as usize)
    }
}

/// Returns the expressions of a condition.
pub(super) fn of_condition(condition: &Condition) -> [&Expression; 2] {
    [&condition.condition, &condition.error_message]
}

fn undeclared(
    what: &str,
    written: &str,
    span: &SourceSpan,
    given: &str,
    known: Vec<String>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("reference to an undeclared {what}"))
        .code(code::UNDECLARED)
        .at(span.clone());
    let mut diagnostic = diagnostic.label(format!("no {what} `{written}` is declared"));
    if let Some(closest) = ha_value::closest(given, known.iter().map(String::as_str)) {
        diagnostic = diagnostic.help(format!("did you mean `{closest}`?"));
    }
    diagnostic
}

//! What the expressions of each node refer to.

use ha_diagnostics::{Diagnostic, Span, code};
use ha_lang::{Condition, Configuration, Expression, Reference, ResourceBlock, Target};
use ha_provider::Schemas;
use ha_value::Name;

use super::{Edges, Graph, Node, NodeId, What, provider_of};
use crate::graph::modules::{ModuleId, ROOT};

/// What each node refers to, and what is wrong with that.
pub(super) fn edges(graph: &Graph, schemas: &Schemas) -> (Edges, Vec<Diagnostic>) {
    let mut edges = Edges::with_capacity(graph.len());
    let mut gathered = Gathered::new(graph);
    for Node { module, what } in &graph.nodes {
        gathered.targets.clear();
        gathered.node(*module, *what, schemas);
        gathered.targets.sort_unstable();
        gathered.targets.dedup();
        edges.push(&gathered.targets);
    }
    (edges, gathered.diagnostics)
}

/// Whether a variable's conditions read nothing but the variable itself, so that they can be looked at with its value.
pub(crate) fn refers_to_itself_alone(configuration: &Configuration, place: usize) -> bool {
    let Some((name, variable)) = configuration.variables.get_index(place) else { return true };
    let is_itself = |it: &Reference| matches!(&it.target, Target::Variable(it) if it == name);
    variable.validations.iter().flat_map(of_condition).flat_map(Expression::references).all(is_itself)
}

/// Where a node refers to another.
#[derive(Clone)]
pub(super) struct Place {
    /// The reference.
    pub(super) reference: Span,
    /// The `import` block that it is in, where it is in one.
    pub(super) import: Option<Span>,
}

/// Where a node refers to another, where that is written.
pub(super) fn place(graph: &Graph, from: NodeId, to: NodeId, schemas: &Schemas) -> Option<Place> {
    let Node { module, what } = graph.node(from);
    let mut gathered = Gathered { sought: u32::try_from(to).ok(), ..Gathered::new(graph) };
    gathered.node(module, what, schemas);
    gathered.place
}

struct Gathered<'a> {
    graph: &'a Graph,
    targets: Vec<u32>,
    diagnostics: Vec<Diagnostic>,
    /// The node of which it is asked where it is referred to, and where that is.
    sought: Option<u32>,
    place: Option<Place>,
    /// The `import` block whose expressions are being gathered.
    import: Option<Span>,
}

impl<'a> Gathered<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self { graph, targets: Vec::new(), diagnostics: Vec::new(), sought: None, place: None, import: None }
    }

    fn node(&mut self, module: ModuleId, what: What, schemas: &Schemas) {
        let graph = self.graph;
        let modules = &graph.modules;
        let configuration = modules.configuration(module);
        let caller = modules.get(module).caller.map(|(caller, _)| caller);
        let call = modules.call(module);
        if module != ROOT && what != What::Expand {
            self.push(module, What::Expand);
        }
        match what {
            What::Expand => {
                if let (Some(caller), Some(call)) = (caller, call) {
                    self.push(caller, What::Expand);
                    self.expressions(caller, [&call.count, &call.for_each, &call.enabled].into_iter().flatten());
                }
            }
            What::Gate => {
                if let (Some(caller), Some(call)) = (caller, call) {
                    self.push(caller, What::Gate);
                    self.waits(caller, &call.depends_on);
                }
            }
            What::Variable(place) => {
                if let (Some(caller), Some(call)) = (caller, call) {
                    let argument = configuration.variables.get_index(place).and_then(|(name, _)| call.arguments.get(name));
                    self.expressions(caller, argument);
                }
            }
            What::Validation(place) => {
                self.push(module, What::Variable(place));
                if !refers_to_itself_alone(configuration, place) {
                    self.expressions(module, configuration.variables[place].validations.iter().flat_map(of_condition));
                }
            }
            What::Provider(place) => self.references(module, configuration.providers[place].body.references()),
            What::Local(place) => self.expressions(module, [&configuration.locals[place].expression]),
            What::Block(place) => {
                let block = &configuration.blocks[place];
                self.push(module, What::Gate);
                self.block(module, block);
                for (module, place) in graph.imports_into(graph.number(module, what)) {
                    let import = &modules.configuration(*module).imports[*place];
                    let keys = import.module.iter().filter_map(|(_, key)| key.as_ref()).chain(&import.key);
                    self.import = Some(import.span.clone());
                    self.expressions(*module, import.for_each.iter().chain(keys).chain([&import.id]));
                    self.import = None;
                }
                let provider = provider_of(modules, schemas, module, block);
                if let Some((module, place)) = provider.and_then(|it| modules.provider_place(&it)) {
                    self.push(module, What::Provider(place));
                }
            }
            What::Output(place) => {
                let output = &configuration.outputs[place];
                self.expressions(module, [&output.value].into_iter().chain(output.preconditions.iter().flat_map(of_condition)));
                self.waits(module, &output.depends_on);
            }
            What::Whole => (0..configuration.outputs.len()).for_each(|it| self.push(module, What::Output(it))),
            What::Check(place) => {
                let check = &configuration.checks[place];
                self.expressions(module, check.assertions.iter().flat_map(of_condition));
                if let Some(place) = check.data.as_ref().and_then(|it| configuration.blocks.get_index_of(it)) {
                    self.push(module, What::Block(place));
                }
            }
            What::End => {
                self.push(module, What::Gate);
                self.push(module, What::Whole);
                (0..configuration.variables.len()).for_each(|it| self.push(module, What::Validation(it)));
                (0..configuration.blocks.len()).for_each(|it| self.push(module, What::Block(it)));
                modules.get(module).calls.iter().for_each(|it| self.push(*it, What::End));
            }
        }
    }

    fn push(&mut self, module: ModuleId, what: What) {
        let number = self.graph.number(module, what);
        self.targets.push(u32::try_from(number).expect("a configuration has fewer nodes than 2^32"));
    }

    fn push_at(&mut self, module: ModuleId, what: What, reference: &Reference) {
        self.push(module, what);
        if self.sought.is_some() && self.sought == self.targets.last().copied() {
            let place = Place { reference: reference.span.clone(), import: self.import.clone() };
            self.place.get_or_insert(place);
        }
    }

    fn expressions(&mut self, module: ModuleId, expressions: impl IntoIterator<Item = &'a Expression>) {
        self.references(module, expressions.into_iter().flat_map(Expression::references));
    }

    fn references(&mut self, module: ModuleId, references: impl IntoIterator<Item = &'a Reference>) {
        references.into_iter().for_each(|it| self.reference(module, it, What::Whole));
    }

    /// References of `depends_on`: a module stands for everything in it.
    fn waits(&mut self, module: ModuleId, references: &'a [Reference]) {
        references.iter().for_each(|it| self.reference(module, it, What::End));
    }

    fn block(&mut self, module: ModuleId, block: &'a ResourceBlock) {
        let lifecycle = &block.lifecycle;
        let flags = [&lifecycle.create_before_destroy, &lifecycle.prevent_destroy, &lifecycle.enabled];
        let conditions = lifecycle.preconditions.iter().chain(&lifecycle.postconditions).flat_map(of_condition);
        let outside = flags.into_iter().chain([&block.count, &block.for_each]).flatten().chain(conditions);
        let own = |it: &&Reference| matches!(&it.target, Target::Block(name) if *name == block.name);
        let body = block.body.references();
        // `self` in a postcondition may be written by address; a block that refers to itself elsewhere is told so.
        let refers_to_itself = body.iter().any(own);
        let triggers = lifecycle.replace_triggered_by.iter();
        let triggers = triggers.flat_map(|it| it.key.iter().flat_map(Expression::references).chain([&it.reference]));
        let others = outside.flat_map(Expression::references).chain(triggers);
        self.references(module, body.into_iter().chain(others).filter(|it| refers_to_itself || !own(it)));
        self.waits(module, &block.depends_on);
    }

    /// The node a reference names; none for what is no node (`each.key`, `path.module`).
    fn reference(&mut self, module: ModuleId, reference: &Reference, of_module: What) {
        let graph = self.graph;
        let configuration = graph.modules.configuration(module);
        let found = match &reference.target {
            Target::Local(name) => {
                let place = configuration.locals.get_index_of(name).map(What::Local);
                let known = || configuration.locals.keys().map(ToString::to_string).collect();
                place.ok_or_else(|| undeclared("local value", &format!("local.{name}"), &reference.span, name, known()))
            }
            Target::Variable(name) => {
                let place = configuration.variables.get_index_of(name).map(What::Variable);
                let known = || configuration.variables.keys().map(ToString::to_string).collect();
                place.ok_or_else(|| undeclared("variable", &format!("var.{name}"), &reference.span, name, known()))
            }
            Target::Block(name) => {
                let place = configuration.blocks.get_index_of(name).map(What::Block);
                let what = if name.mode == ha_value::Mode::Data { "data source" } else { "resource" };
                let known = || configuration.blocks.keys().map(ToString::to_string).collect();
                place.ok_or_else(|| {
                    let written = name.to_string();
                    undeclared(what, &written, &reference.span, &written, known())
                })
            }
            Target::Module(name) => {
                let Some(place) = configuration.modules.get_index_of(name) else {
                    let known = configuration.modules.keys().map(ToString::to_string).collect();
                    let written = format!("module.{name}");
                    return self.diagnostics.push(undeclared("module", &written, &reference.span, name, known));
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
    /// The output of a module that a reference names, if it names one.
    fn output_of(&self, called: ModuleId, output: Option<&Name>, reference: &Reference) -> Result<Option<What>, Box<Diagnostic>> {
        let Some(name) = output else { return Ok(None) };
        let configuration = self.modules.configuration(called);
        match configuration.outputs.get_index_of(name) {
            Some(place) => Ok(Some(What::Output(place))),
            None if reference.tried => Ok(None),
            None => {
                let known = configuration.outputs.keys().map(ToString::to_string).collect();
                let written = format!("{}.{name}", reference.target);
                Err(Box::new(undeclared("output", &written, &reference.span, name, known)))
            }
        }
    }

    /// The node that a reference written in a module names.
    pub(crate) fn referred(&self, module: ModuleId, reference: &Reference) -> Option<super::NodeId> {
        let mut gathered = Gathered::new(self);
        gathered.reference(module, reference, What::End);
        gathered.targets.first().map(|it| *it as usize)
    }
}

/// The expressions of a condition.
pub(super) fn of_condition(condition: &Condition) -> [&Expression; 2] {
    [&condition.condition, &condition.error_message]
}

fn undeclared(what: &str, written: &str, span: &Span, given: &str, known: Vec<String>) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("reference to an undeclared {what}")).code(code::UNDECLARED).at(span.clone());
    let mut diagnostic = diagnostic.label(format!("no {what} `{written}` is declared"));
    if let Some(closest) = ha_value::closest(given, known.iter().map(String::as_str)) {
        diagnostic = diagnostic.help(format!("did you mean `{closest}`?"));
    }
    diagnostic
}

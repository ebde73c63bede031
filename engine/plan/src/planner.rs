//! The planner: what must happen so that the world is as the configuration says. Pure and synchronous.

mod because;
mod data;
mod destroy;
mod known;
mod managed;
mod provider;
mod replace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_kind::{Address, Described, Diagnostic, Key, Mode, Name, Object, Schemas, Value};
use ha_lang::{BlockName, Configuration, Files, OutputBlock, ResourceBlock};
use ha_state::{ProviderName, ProviderRecord, State};

use crate::arguments::Arguments;
use crate::condition::failing;
use crate::deletion::{Going, deletion};
use crate::expand::{Expansion, Undecided, expansion};
use crate::finish::{Parts, finish};
use crate::graph::{Graph, Node, address_of, name_of};
use crate::lifecycle::{create_first, protection};
use crate::model::{Change, OutputChange, Plan, PlanMode, Reason, Snapshot};
use crate::observed::{Current, Observed, Read};
use crate::world::World;

pub use known::known_settings;

/// Everything a plan is a function of.
pub struct Input<'a> {
    /// The configuration.
    pub configuration: &'a Arc<Configuration>,
    /// What the plan keeps of it, and the values of variables.
    pub snapshot: &'a Snapshot,
    /// What functions may read.
    pub files: &'a Arc<dyn Files + Send + Sync>,
    /// What is known of kinds.
    pub schemas: &'a Schemas,
    /// What is recorded.
    pub state: &'a State,
    /// What is seen.
    pub observed: &'a Observed,
    /// What was asked for.
    pub mode: PlanMode,
    /// Instances to make anew.
    pub replace: &'a [Address],
}

/// A plan, or what must be read before there can be one.
pub enum Planned {
    /// A plan.
    Plan(Box<Plan>),
    /// Data sources whose arguments have just become known.
    Reads(Vec<Read>),
}

/// Plans.
///
/// # Errors
/// Everything that is wrong with the configuration, as far as it can be known now.
pub fn plan(input: &Input<'_>) -> Result<Planned, Vec<Diagnostic>> {
    let current = Current::of(input.state, input.observed, input.schemas);
    match input.mode {
        PlanMode::Destroy => destroy::destroy(input, current).map(|it| Planned::Plan(Box::new(it))),
        PlanMode::Normal | PlanMode::RefreshOnly => Planner::new(input, current)?.plan(),
    }
}

struct Planner<'a> {
    input: &'a Input<'a>,
    graph: Arc<Graph>,
    world: World,
    current: Current,
    changes: Vec<Change>,
    /// The instances that the configuration asks for.
    wanted: BTreeSet<Address>,
    /// Instances that are made anew.
    replaced: BTreeSet<Address>,
    /// Blocks of which an instance is made, made anew, changed or read later.
    pending: BTreeMap<BlockName, Pending>,
    create_first: BTreeSet<BlockName>,
    /// Providers that something of the configuration is made by.
    used: BTreeSet<ProviderName>,
    /// Settings that are known.
    providers: BTreeMap<ProviderName, ProviderRecord>,
    /// All settings, known or not.
    settings: BTreeMap<ProviderName, Object>,
    outputs: BTreeMap<Name, OutputChange>,
    data: BTreeMap<Address, Object>,
    reads: Vec<Read>,
    diagnostics: Vec<Diagnostic>,
}

/// How a block's pending changes look to what refers to it.
#[derive(Clone, Debug, Default)]
struct Pending {
    /// The instances that change, by their place among the changes.
    changes: BTreeMap<Key, usize>,
    /// Something is not there yet.
    absent: bool,
}

impl<'a> Planner<'a> {
    fn new(input: &'a Input<'a>, current: Current) -> Result<Self, Vec<Diagnostic>> {
        let graph = Arc::new(Graph::of(input.configuration, input.schemas)?);
        let world = World::new(input.configuration.clone(), input.snapshot.variables.clone(), input.files.clone());
        Ok(Self {
            input,
            graph,
            world,
            current,
            changes: Vec::new(),
            wanted: BTreeSet::new(),
            replaced: BTreeSet::new(),
            pending: BTreeMap::new(),
            create_first: BTreeSet::new(),
            used: BTreeSet::new(),
            providers: BTreeMap::new(),
            settings: BTreeMap::new(),
            outputs: BTreeMap::new(),
            data: BTreeMap::new(),
            reads: Vec::new(),
            diagnostics: Vec::new(),
        })
    }

    fn plan(mut self) -> Result<Planned, Vec<Diagnostic>> {
        self.create_first = create_first(self.input.configuration, &self.graph, &self.world, &mut self.diagnostics);
        let graph = self.graph.clone();
        for node in &graph.order {
            match node {
                Node::Provider(name) => self.provider(name),
                // Evaluated when something asks for it; asked for here so that a mistake in it is told.
                Node::Local(name) => self.local(name),
                Node::Block(name) => self.block(name),
                Node::Output(name) => self.output(name),
            }
        }
        self.check_diagnostics()?;
        if !self.reads.is_empty() {
            return Ok(Planned::Reads(self.reads));
        }
        self.orphans();
        let making: BTreeSet<&Address> = self.changes.iter().filter(|it| it.action.makes()).map(|it| &it.address).collect();
        let going = Going { state: self.input.state, schemas: self.input.schemas, priors: &self.current.priors };
        let left = going.left_behind(&making);
        self.changes.extend(left);
        going.mark_gone_with(&mut self.changes);
        self.protected();
        self.check_diagnostics()?;
        for (name, it) in &self.input.state.outputs {
            let gone = || OutputChange { before: Some(it.value.clone()), after: None, sensitive: it.sensitive };
            self.outputs.entry(name.clone()).or_insert_with(gone);
        }
        let Self { input, graph, current, changes, mut providers, used, outputs, data, .. } = self;
        let recorded = recorded_providers(input.state);
        providers.retain(|name, _| used.contains(name) || recorded.contains(name));
        let parts = Parts { current, changes, outputs, graph: Some(&graph), providers, data };
        Ok(Planned::Plan(Box::new(finish(input, parts)?)))
    }

    fn check_diagnostics(&mut self) -> Result<(), Vec<Diagnostic>> {
        match std::mem::take(&mut self.diagnostics) {
            none if none.is_empty() => Ok(()),
            some => Err(once_each(some)),
        }
    }

    /// Tells why something cannot be decided, unless that is because a data source has yet to answer.
    fn undecided(&mut self, undecided: Undecided) {
        if !undecided.waits || self.reads.is_empty() {
            self.diagnostics.extend(undecided.diagnostics);
        }
    }

    fn local(&mut self, name: &Name) {
        let local = &self.input.configuration.locals[name];
        if let Err(diagnostics) = self.world.evaluate(&local.expression) {
            self.diagnostics.extend(diagnostics);
        }
    }

    fn output(&mut self, name: &Name) {
        let output = &self.input.configuration.outputs[name];
        let before = self.input.state.outputs.get(name);
        let of = format!("output.{name}");
        let failing = failing(&self.world, &output.preconditions, &Key::None, &Expansion::Single, None, &of);
        self.diagnostics.extend(failing);
        match self.world.evaluate(&output.value) {
            Ok(value) => {
                if value.contains_sensitive() && !output.sensitive {
                    return self.diagnostics.push(holds_a_secret(output));
                }
                let value = if output.sensitive { value.sensitive() } else { value };
                // What is null is not there.
                let (before, after) = (before.map(|it| it.value.clone()), Some(value).filter(|it| !it.is_null()));
                if before.is_some() || after.is_some() {
                    self.outputs.insert(name.clone(), OutputChange { before, after, sensitive: output.sensitive });
                }
            }
            Err(diagnostics) => self.diagnostics.extend(diagnostics),
        }
    }

    fn block(&mut self, name: &BlockName) {
        let block = &self.input.configuration.blocks[name];
        let Some(described) = self.input.schemas.kind(name.mode, &name.kind) else {
            self.diagnostics.push(unknown_kind(self.input.schemas, block));
            return;
        };
        let Some(provider) = self.provider_for(block, described) else { return };
        let expansion = match expansion(&self.world, block) {
            Ok(expansion) => expansion,
            Err(undecided) => return self.undecided(undecided),
        };
        self.world.expand(name, expansion.clone());
        let because = self.because(name);
        let flags = if name.mode == Mode::Managed { self.flags(block) } else { Default::default() };
        for key in expansion.keys() {
            let address = address_of(name).instance(key);
            let arguments = match Arguments::of(&self.world, described, block, &expansion, &address) {
                Ok(arguments) => arguments,
                Err(diagnostics) => {
                    self.diagnostics.extend(diagnostics);
                    self.wanted.insert(address);
                    continue;
                }
            };
            let instance = Instance { described, block, expansion: &expansion, address: &address, because: &because };
            let conditions = &block.lifecycle.preconditions;
            let failing = failing(&self.world, conditions, &address.key, &expansion, None, &address.to_string());
            self.diagnostics.extend(failing);
            match name.mode {
                Mode::Managed => self.managed(&instance, arguments, &flags),
                Mode::Data if described.is_document() => self.document(&instance, &arguments.values),
                Mode::Data => self.data(&instance, &provider, arguments.values),
            }
        }
    }

    /// Tells what does not hold of an instance once it is as it will be.
    fn postconditions(&mut self, instance: &Instance<'_>, value: &Value) {
        let Instance { block, expansion, address, .. } = instance;
        let conditions = &block.lifecycle.postconditions;
        let failing = failing(&self.world, conditions, &address.key, expansion, Some(value), &address.to_string());
        self.diagnostics.extend(failing);
    }

    /// Recorded instances that no block asks for.
    fn orphans(&mut self) {
        let configured = &self.input.configuration.blocks;
        let orphans = self.current.priors.iter().filter(|(address, _)| !self.wanted.contains(*address));
        let gone = |(address, prior)| {
            let name = name_of(&Address::clone(address).block);
            let reason = match (configured.contains_key(&name), self.world.expansion(&name)) {
                (true, Some(expansion)) => no_longer_asked(&address.key, &expansion),
                _ => Reason::NoConfiguration,
            };
            deletion(self.input.schemas, address, prior, reason)
        };
        self.changes.extend(orphans.map(gone).collect::<Vec<_>>());
    }

    /// `prevent_destroy` holds against deletion and replacement, also when the block itself is gone.
    fn protected(&mut self) {
        for change in self.changes.iter().filter(|it| it.deposed.is_none() && it.action.destroys()) {
            let recorded = || self.current.priors.get(&change.address).is_some_and(|it| it.record.prevent_destroy);
            let protected = protection(self.input.configuration, &self.world, change, recorded);
            match protected {
                Ok(None) => {}
                Ok(Some(diagnostic)) => self.diagnostics.push(diagnostic),
                Err(undecided) => self.diagnostics.extend(undecided.diagnostics),
            }
        }
    }
}

/// Why a block does not ask for the instance of a key.
fn no_longer_asked(key: &Key, by_now: &Expansion) -> Reason {
    match (key, by_now) {
        (_, Expansion::Absent) => Reason::NotEnabled,
        (Key::Index(_), Expansion::Count(_)) => Reason::CountIndex,
        (Key::Name(_), Expansion::ForEach(_)) => Reason::EachKey,
        _ => Reason::WrongRepetition,
    }
}

/// The providers of everything that is recorded or begun.
pub(crate) fn recorded_providers(state: &State) -> BTreeSet<&ProviderName> {
    let records = state.records.values().chain(state.deposed.values()).map(|it| &it.provider);
    records.chain(state.unfinished.values().map(|it| &it.intent.provider)).collect()
}

/// One instance of a block while it is being planned.
struct Instance<'a> {
    described: &'a Described,
    block: &'a ResourceBlock,
    expansion: &'a Expansion,
    address: &'a Address,
    because: &'a [String],
}

/// An output that would show a secret.
pub(crate) fn holds_a_secret(output: &OutputBlock) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("the output `{}` holds a secret", output.name)).at(output.value.span().clone());
    diagnostic.help("say `sensitive = true` if it is meant to, or `nonsensitive(...)` if it is none")
}

/// Each diagnostic once, in the order of the source.
fn once_each(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    diagnostics.retain(|it| seen.insert((it.span.clone(), it.summary.clone(), it.detail.clone())));
    diagnostics.sort_by_key(|it| (it.span.is_none(), it.span.clone()));
    diagnostics
}

fn unknown_kind(schemas: &Schemas, block: &ResourceBlock) -> Diagnostic {
    let name = &block.name;
    let what = if name.mode == Mode::Data { "data source" } else { "kind of resource" };
    let diagnostic = Diagnostic::error(format!("there is no {what} `{}`", name.kind)).at(block.head.clone());
    let known: Vec<Name> = schemas.kinds().filter(|(mode, _)| *mode == name.mode).map(|(_, it)| it.kind.clone()).collect();
    diagnostic.closest(&name.kind, known.iter().map(|it| &**it)).help("`ha schema` lists all kinds")
}

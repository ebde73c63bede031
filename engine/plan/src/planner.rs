//! The planner: what must happen so that the world is as the configuration says. Pure and synchronous.

mod data;
mod destroy;
mod known;
mod managed;
mod replace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_kind::{Address, Described, Diagnostic, Key, Mode, Name, Object, Schemas, Value};
use ha_lang::{BlockName, Configuration, Expression, Files, OutputBlock, ResourceBlock};
use ha_state::{ProviderName, ProviderRecord, State};

use crate::arguments::{Arguments, located};
use crate::condition::failing;
use crate::deletion::{Going, deletion};
use crate::expand::{Expansion, Undecided, expansion, flag};
use crate::finish::{Parts, finish};
use crate::graph::{Graph, Node, address_of, name_of, provider_block, provider_of};
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
        PlanMode::Normal => Planner::new(input, current)?.plan(),
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

    fn provider(&mut self, name: &ProviderName) {
        let Some(block) = provider_block(self.input.configuration, name) else { return };
        let Some(described) = self.input.schemas.provider(&name.name) else {
            let known: Vec<&str> = self.input.schemas.providers().map(|(it, _)| &**it).collect();
            let diagnostic = Diagnostic::error(format!("there is no provider `{}`", name.name)).at(block.span.clone());
            self.diagnostics
                .push(diagnostic.closest(&name.name, known.iter().copied()).help(format!("there are {}", known.join(", "))));
            return;
        };
        let evaluated = self.world.within(&Key::None, &Expansion::Single, None, |environment| {
            block.body.evaluate(&described.schema.arguments, environment)
        });
        match evaluated.and_then(|it| {
            described.schema.conform(&it).map_err(|problems| located(problems, &block.body, None, block.span.clone()))
        }) {
            Ok(settings) => self.set(name, settings),
            Err(diagnostics) => self.diagnostics.extend(diagnostics),
        }
    }

    fn set(&mut self, name: &ProviderName, settings: Object) {
        if settings.values().all(Value::is_wholly_known) {
            let dependencies = self.graph.dependencies(&Node::Provider(name.clone()));
            self.providers.insert(name.clone(), ProviderRecord { settings: settings.clone(), dependencies });
        }
        self.settings.insert(name.clone(), settings);
    }

    /// The provider of a block. Without a block of its own it has its defaults, if they will do.
    fn provider_for(&mut self, block: &ResourceBlock, described: &Described) -> Option<ProviderName> {
        let name = provider_of(self.input.configuration, self.input.schemas, &block.name)?;
        let at = |message: String| Diagnostic::error(message).at(block.head.clone()).of(&block.name);
        if name.name != described.provider {
            let help = format!("its provider is `{}`", described.provider);
            self.diagnostics.push(at(format!("`{}` cannot be made by the provider `{}`", block.name.kind, name.name)).help(help));
            return None;
        }
        self.used.insert(name.clone());
        if self.settings.contains_key(&name) {
            return Some(name);
        }
        if provider_block(self.input.configuration, &name).is_some() {
            // What is wrong with it has been told.
            return None;
        }
        let defaults = self.input.schemas.provider(&name.name).map(|it| it.schema.conform(&Object::new()));
        match (&name.alias, defaults) {
            (None, Some(Ok(settings))) => {
                self.set(&name, settings);
                Some(name)
            }
            (None, None) => {
                self.diagnostics.push(at(format!("there is no provider `{name}`")));
                None
            }
            (alias, defaults) => {
                let missing = defaults.and_then(Result::err).into_iter().flatten().map(|it| it.message);
                let diagnostic =
                    at(format!("the provider `{name}` is not configured")).detail(missing.collect::<Vec<_>>().join("; "));
                let alias = alias.as_ref().map(|it| format!(" with `alias = \"{it}\"`")).unwrap_or_default();
                self.diagnostics.push(diagnostic.help(format!("add a block `provider \"{}\"`{alias}", name.name)));
                None
            }
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
            let reason = match configured.contains_key(&name_of(&Address::clone(address).block)) {
                true => Reason::NoKey,
                false => Reason::NoConfiguration,
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

    /// Changed blocks whose values flow into this one; through documents by way of them.
    fn because(&self, name: &BlockName) -> Vec<String> {
        let mut causes = Vec::new();
        for block in self.graph.blocks_behind(&Node::Block(name.clone())).iter() {
            if causes.len() >= CAUSES {
                break;
            }
            let is_document = self.input.schemas.kind(block.mode, &block.kind).is_some_and(Described::is_document);
            if self.pending.contains_key(block) {
                causes.push(block.to_string());
            } else if is_document {
                causes.extend(self.because(block).into_iter().map(|it| format!("{block} from {it}")));
            }
        }
        for provider in self.graph.direct(&Node::Block(name.clone())).filter(|it| matches!(it, Node::Provider(_))) {
            let Node::Provider(provider_name) = provider else { continue };
            let behind = self.graph.blocks_behind(provider);
            let pending = behind.iter().filter(|it| self.pending.contains_key(*it));
            causes
                .extend(pending.map(|it| format!("provider.{provider_name} from {it}")).take(CAUSES - causes.len().min(CAUSES)));
        }
        causes
    }
}

/// The providers of everything that is recorded or begun.
pub(crate) fn recorded_providers(state: &State) -> BTreeSet<&ProviderName> {
    let records = state.records.values().chain(state.deposed.values()).map(|it| &it.provider);
    records.chain(state.unfinished.values().map(|it| &it.intent.provider)).collect()
}

/// More causes than this help nobody.
const CAUSES: usize = 16;

/// One instance of a block while it is being planned.
struct Instance<'a> {
    described: &'a Described,
    block: &'a ResourceBlock,
    expansion: &'a Expansion,
    address: &'a Address,
    because: &'a [String],
}

/// The blocks whose new objects are made before the old ones go: those that say so, and all that these depend on, or
/// the order would be a circle.
pub(crate) fn create_first(
    configuration: &Configuration,
    graph: &Graph,
    world: &World,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeSet<BlockName> {
    let mut first: BTreeSet<BlockName> = BTreeSet::new();
    let mut inherited: BTreeSet<&Node> = BTreeSet::new();
    for node in graph.order.iter().rev() {
        let mut is_first = inherited.contains(node);
        if let Node::Block(name) = node {
            let own = |expression: &Expression| flag(world, expression, "create_before_destroy");
            match configuration.blocks[name].lifecycle.create_before_destroy.as_ref().map(own) {
                Some(Ok(own)) => is_first |= own,
                Some(Err(undecided)) => diagnostics.extend(undecided.diagnostics),
                None => {}
            }
            if is_first {
                first.insert(name.clone());
            }
        }
        if is_first {
            inherited.extend(graph.direct(node));
        }
    }
    first
}

/// What to say of a change that would destroy something protected. What the configuration says counts, and what the
/// record says where there is no configuration.
pub(crate) fn protection(
    configuration: &Configuration,
    world: &World,
    change: &Change,
    recorded: impl Fn() -> bool,
) -> Result<Option<Diagnostic>, Undecided> {
    let block = configuration.blocks.get(&name_of(&change.address.block));
    let written = block.and_then(|it| it.lifecycle.prevent_destroy.as_ref());
    let protected = match (block, written) {
        (_, Some(expression)) => flag(world, expression, "prevent_destroy")?,
        (Some(_), None) => false,
        (None, None) => recorded(),
    };
    if !protected {
        return Ok(None);
    }
    let because: Vec<String> = change.differences.iter().filter(|it| it.replaces).map(|it| format!("`{}`", it.path)).collect();
    let why = match (because.is_empty(), change.action.is_replace()) {
        (false, _) => format!("It would be replaced because of {}.", because.join(", ")),
        (true, true) => "It would be replaced.".to_owned(),
        (true, false) => "It would be deleted.".to_owned(),
    };
    let diagnostic = Diagnostic::error(format!("`{}` is protected, and this plan would destroy it", change.address));
    let diagnostic = diagnostic.detail(why).of(&change.address);
    let help = match block {
        Some(_) => "undo that change, or set `prevent_destroy = false` and plan again",
        None => "put its block back with `prevent_destroy = false`, apply that, and remove the block then",
    };
    let diagnostic = diagnostic.help(help);
    Ok(Some(match written.map(|it| it.span().clone()).or_else(|| change.span.clone()) {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }))
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

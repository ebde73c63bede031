//! The planner: what must happen so that the world is as the configuration says. Pure and synchronous.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_kind::{
    Action, Address, BlockAddress, Changed, Described, Diagnostic, Key, Mode, Name, Object, Problem, Rendered, Schemas, Type,
    Value,
};
use ha_lang::{BlockName, Body, Configuration, Environment, Files, IgnoreChanges, ResourceBlock};
use ha_state::{ProviderName, ProviderRecord, Record, State};

use crate::difference::differences;
use crate::expand::{expansion, flag};
use crate::graph::{Graph, Node, provider_block, provider_of, written};
use crate::model::{Change, Difference, OutputChange, Plan, PlanMode, Reason, Snapshot};
use crate::observed::{Current, Observed, Prior, Read, attributes, plain};
use crate::order::{self, address_of, name_of};
use crate::world::{Expansion, World, instance_value};

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
        PlanMode::Destroy => Ok(Planned::Plan(Box::new(destroy(input, current)))),
        PlanMode::Normal => Planner::new(input, current)?.plan(),
    }
}

/// The settings of providers that are known from the configuration and what is recorded; what refresh uses.
#[must_use]
pub fn known_settings(input: &Input<'_>) -> BTreeMap<ProviderName, ProviderRecord> {
    let Ok(mut planner) = Planner::new(input, Current::of(input.state, input.observed, input.schemas)) else {
        return BTreeMap::new();
    };
    let wanted: Vec<Node> = planner.graph.order.iter().filter(|it| matches!(it, Node::Provider(_))).cloned().collect();
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let mut behind: BTreeSet<BlockName> = BTreeSet::new();
    for node in &wanted {
        behind.extend(planner.graph.blocks_behind(node));
    }
    for block in behind {
        planner.show_as_recorded(&block);
    }
    for node in &wanted {
        if let Node::Provider(name) = node {
            planner.provider(name);
        }
    }
    planner.providers
}

/// A plan that deletes everything.
fn destroy(input: &Input<'_>, current: Current) -> Plan {
    let mut changes: Vec<Change> =
        current.priors.iter().map(|(address, prior)| deletion(input.schemas, address, prior, Reason::Destroy)).collect();
    changes.extend(deposed(input));
    gone_with(input, &current, &mut changes);
    let outputs = input.state.outputs.iter().map(|(name, it)| {
        let gone = OutputChange { before: Some(it.value.clone()), after: None, sensitive: it.sensitive };
        (name.clone(), gone)
    });
    finish(input, current, changes, outputs.collect(), None, BTreeMap::new(), BTreeMap::new(), Vec::new())
}

struct Planner<'a> {
    input: &'a Input<'a>,
    graph: Graph,
    world: World,
    current: Current,
    changes: Vec<Change>,
    unchanged: BTreeSet<Address>,
    /// Instances that are deleted and then made anew.
    replaced: BTreeSet<Address>,
    /// Blocks of which an instance is made, made anew, changed or read later.
    pending: BTreeMap<BlockName, Pending>,
    create_first: BTreeSet<BlockName>,
    providers: BTreeMap<ProviderName, ProviderRecord>,
    settings: BTreeMap<ProviderName, Object>,
    outputs: BTreeMap<Name, OutputChange>,
    data: BTreeMap<Address, Object>,
    reads: Vec<Read>,
    diagnostics: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

/// How a block's pending changes look to what refers to it.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    /// Something changes.
    changes: bool,
    /// Something is not there yet.
    absent: bool,
}

impl<'a> Planner<'a> {
    fn new(input: &'a Input<'a>, current: Current) -> Result<Self, Vec<Diagnostic>> {
        let graph = Graph::of(input.configuration, input.schemas)?;
        let world = World::new(input.configuration.clone(), input.snapshot.variables.clone(), input.files.clone());
        Ok(Self {
            input,
            graph,
            world,
            current,
            changes: Vec::new(),
            unchanged: BTreeSet::new(),
            replaced: BTreeSet::new(),
            pending: BTreeMap::new(),
            create_first: BTreeSet::new(),
            providers: BTreeMap::new(),
            settings: BTreeMap::new(),
            outputs: BTreeMap::new(),
            data: BTreeMap::new(),
            reads: Vec::new(),
            diagnostics: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn plan(mut self) -> Result<Planned, Vec<Diagnostic>> {
        self.find_create_first();
        let order = std::mem::take(&mut self.graph.order);
        for node in &order {
            match node {
                Node::Provider(name) => self.provider(name),
                // Evaluated when something asks for it; asked for here so that a mistake in it is told.
                Node::Local(name) => self.local(name),
                Node::Block(name) => self.block(name),
                Node::Output(name) => self.output(name),
            }
        }
        self.graph.order = order;
        if !self.diagnostics.is_empty() {
            return Err(once_each(self.diagnostics));
        }
        if !self.reads.is_empty() {
            return Ok(Planned::Reads(self.reads));
        }
        self.orphans();
        self.changes.extend(deposed(self.input));
        gone_with(self.input, &self.current, &mut self.changes);
        self.protected();
        if !self.diagnostics.is_empty() {
            return Err(once_each(self.diagnostics));
        }
        for (name, it) in &self.input.state.outputs {
            let gone = || OutputChange { before: Some(it.value.clone()), after: None, sensitive: it.sensitive };
            self.outputs.entry(name.clone()).or_insert_with(gone);
        }
        let Self { input, graph, current, changes, providers, outputs, data, warnings, .. } = self;
        Ok(Planned::Plan(Box::new(finish(input, current, changes, outputs, Some(&graph), providers, data, warnings))))
    }

    /// `create_before_destroy` holds for all that such a block depends on too, or the order would be a circle.
    fn find_create_first(&mut self) {
        let order: Vec<Node> = self.graph.order.iter().rev().cloned().collect();
        let mut inherited: BTreeSet<Node> = BTreeSet::new();
        for node in &order {
            let mut first = inherited.contains(node);
            if let Node::Block(name) = node {
                let block = &self.input.configuration.blocks[name];
                if let Some(expression) = &block.lifecycle.create_before_destroy {
                    match flag(&self.world, expression, "create_before_destroy") {
                        Ok(own) => first |= own,
                        Err(diagnostics) => self.diagnostics.extend(diagnostics),
                    }
                }
                if first {
                    self.create_first.insert(name.clone());
                }
            }
            if first {
                inherited.extend(self.graph.direct(node).cloned());
            }
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
            Ok(settings) => {
                let known = settings.values().all(Value::is_wholly_known);
                let dependencies = self.graph.blocks_behind(&Node::Provider(name.clone()));
                if known {
                    let dependencies = dependencies.iter().map(address_of).collect();
                    self.providers.insert(name.clone(), ProviderRecord { settings: settings.clone(), dependencies });
                }
                self.settings.insert(name.clone(), settings);
            }
            Err(diagnostics) => self.diagnostics.extend(diagnostics),
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
        match self.world.evaluate(&output.value) {
            Ok(value) => {
                if value.contains_sensitive() && !output.sensitive {
                    let diagnostic =
                        Diagnostic::error(format!("the output `{name}` holds a secret")).at(output.value.span().clone());
                    self.diagnostics
                        .push(diagnostic.help("say `sensitive = true` if it is meant to, or `nonsensitive(...)` if it is none"));
                    return;
                }
                let value = if output.sensitive { value.sensitive() } else { value };
                let change =
                    OutputChange { before: before.map(|it| it.value.clone()), after: Some(value), sensitive: output.sensitive };
                self.outputs.insert(name.clone(), change);
            }
            Err(diagnostics) => self.diagnostics.extend(diagnostics),
        }
        self.conditions(&output.preconditions, &Key::None, &Expansion::Single, None, &format!("output.{name}"));
    }

    fn block(&mut self, name: &BlockName) {
        let block = &self.input.configuration.blocks[name];
        let Some(described) = self.input.schemas.kind(name.mode, &name.kind) else {
            self.diagnostics.push(unknown_kind(self.input.schemas, block));
            return;
        };
        let expansion = match expansion(&self.world, block) {
            Ok(expansion) => expansion,
            Err(diagnostics) => {
                self.diagnostics.extend(diagnostics);
                return;
            }
        };
        self.world.expand(name, expansion.clone());
        let because = self.because(name);
        for key in expansion.keys() {
            let address = address_of(name).instance(key.clone());
            let arguments = match self.arguments(described, block, &key, &expansion, &address) {
                Ok(arguments) => arguments,
                Err(diagnostics) => {
                    self.diagnostics
                        .extend(diagnostics.into_iter().map(|it| if it.address.is_none() { it.of(&address) } else { it }));
                    continue;
                }
            };
            match name.mode {
                Mode::Managed => self.managed(described, block, &expansion, &address, arguments, &because),
                Mode::Data if described.is_document() => self.document(described, block, &address, &arguments),
                Mode::Data => self.data(described, block, &address, arguments, &because),
            }
        }
    }

    /// The arguments of an instance, converted and with defaults; what is wrong with them is located in the source.
    fn arguments(
        &self,
        described: &Described,
        block: &ResourceBlock,
        key: &Key,
        expansion: &Expansion,
        address: &Address,
    ) -> Result<Object, Vec<Diagnostic>> {
        let schema = described.schema();
        self.world.within(key, expansion, None, |environment: &Environment<'_>| {
            let given = block.body.evaluate(&schema.arguments, environment)?;
            let located = |problems| located(problems, &block.body, Some(address), block.head.clone());
            let arguments = schema.conform(&given).map_err(located)?;
            let problems = described.hooks().problems(schema, &arguments);
            if problems.is_empty() { Ok(arguments) } else { Err(located(problems)) }
        })
    }

    fn managed(
        &mut self,
        described: &Described,
        block: &ResourceBlock,
        expansion: &Expansion,
        address: &Address,
        mut arguments: Object,
        because: &[String],
    ) {
        let lifecycle = &block.lifecycle;
        self.conditions(&lifecycle.preconditions, &address.key, expansion, None, &address.to_string());
        let schema = described.schema();
        let prior = self.current.priors.get(address).cloned();
        let configured: BTreeSet<Name> = block.body.argument_names().cloned().collect();
        let mut reason = None;
        let mut found = Vec::new();
        if let Some(Prior { record, .. }) = &prior {
            let own = arguments.clone();
            ignore(lifecycle.ignore_changes.as_ref(), record, &mut arguments);
            match differences(described, &arguments, &record.arguments, &record.configured, &configured) {
                Ok(it) => found = it,
                Err(message) => {
                    let diagnostic = Diagnostic::error(format!("the arguments of `{address}` are wrong")).at(block.head.clone());
                    self.diagnostics.push(diagnostic.detail(message).of(address));
                    return;
                }
            }
            reason = self.replace_reason(block, address, record, &found);
            if reason.is_some() {
                arguments = own;
            }
        }
        let action = match (&prior, &reason) {
            (None, _) => Action::Create,
            (Some(_), Some(_)) if self.create_first.contains(&block.name) => Action::CreateThenDelete,
            (Some(_), Some(_)) => Action::DeleteThenCreate,
            (Some(_), None) if found.is_empty() => Action::NoOp,
            (Some(_), None) => Action::Update,
        };
        if action == Action::Create && self.current.gone.contains_key(address) {
            reason = Some(Reason::Gone);
        }
        let kept = prior.as_ref().map(|it| &it.record);
        let outputs = outputs_after(described, action, &arguments, kept, address);
        let after_arguments = arguments_after(described, action, &arguments, kept, address);
        let value = instance_value(schema, &after_arguments, &outputs);
        self.world.put(&block.name, &address.key, value.clone());
        self.conditions(&lifecycle.postconditions, &address.key, expansion, Some(&value), &address.to_string());
        if action == Action::NoOp {
            self.unchanged.insert(address.clone());
            return;
        }
        if action == Action::DeleteThenCreate {
            self.replaced.insert(address.clone());
        }
        let names = found.iter().filter_map(|it| it.path.steps().first()).filter_map(|it| match it {
            ha_kind::Step::Name(name) => Some(name.clone()),
            ha_kind::Step::Index(_) => None,
        });
        let names: BTreeSet<Name> = names.collect();
        let changed = Changed { action, before: kept.map(|it| &it.arguments), after: Some(&after_arguments), names: &names };
        let impacts = described.hooks().impacts(&changed);
        let pending = self.pending.entry(block.name.clone()).or_default();
        pending.changes = true;
        pending.absent |= action != Action::Update;
        let mut after = after_arguments;
        after.extend(outputs);
        self.changes.push(Change {
            address: address.clone(),
            deposed: None,
            action,
            reason,
            before: kept.map(attributes),
            after: Some(after),
            differences: found,
            impacts,
            remarks: prior.map(|it| it.remarks).unwrap_or_default(),
            group: described.hooks().group_of(schema, &arguments),
            gone_with: None,
            span: Some(block.head.clone()),
            because: because.to_vec(),
        });
    }

    fn replace_reason(
        &mut self,
        block: &ResourceBlock,
        address: &Address,
        record: &Record,
        found: &[Difference],
    ) -> Option<Reason> {
        if record.tainted {
            return Some(Reason::Tainted);
        }
        if self.input.replace.contains(address) {
            return Some(Reason::Requested);
        }
        for reference in &block.lifecycle.replace_triggered_by {
            if let ha_lang::Target::Block(name) = &reference.target
                && self.pending.get(name).is_some_and(|it| it.changes)
            {
                return Some(Reason::Triggered(written(name)));
            }
        }
        if let Some(container) = self.replaced_container(address, record) {
            return Some(Reason::Within(container));
        }
        found.iter().any(|it| it.replaces).then_some(Reason::CannotUpdate)
    }

    /// What lives inside something that is made anew is made anew with it.
    fn replaced_container(&self, address: &Address, record: &Record) -> Option<Address> {
        let within = &self.input.schemas.kind(Mode::Managed, &address.block.kind)?.within;
        let mut replaced = None;
        for block in containers(self.input, record, within) {
            let mut instances = self.current.priors.range(first_of(&block)..).take_while(|(it, _)| it.block == block).peekable();
            instances.peek()?;
            for (container, _) in instances {
                match self.replaced.contains(container) {
                    true => replaced = Some(container.clone()),
                    false => return None,
                }
            }
        }
        replaced
    }

    fn document(&mut self, described: &Described, block: &ResourceBlock, address: &Address, arguments: &Object) {
        let schema = described.schema();
        let outputs = match described.render(arguments).expect("only documents come here") {
            Rendered::Outputs(outputs) => outputs,
            Rendered::Unknown => {
                let cause = Value::Object(Arc::new(arguments.clone())).cause();
                let unknown =
                    |(name, field): (&Name, &ha_kind::Field)| (name.clone(), Value::unknown(field.shape.ty(), cause.clone()));
                schema.outputs.iter().map(unknown).collect()
            }
            Rendered::Problems(problems) => {
                self.diagnostics.extend(located(problems, &block.body, Some(address), block.head.clone()));
                return;
            }
        };
        self.world.put(&block.name, &address.key, instance_value(schema, arguments, &outputs));
    }

    fn data(&mut self, described: &Described, block: &ResourceBlock, address: &Address, arguments: Object, because: &[String]) {
        let schema = described.schema();
        let known = arguments.values().all(Value::is_wholly_known);
        let behind = self.graph.blocks_behind(&Node::Block(block.name.clone()));
        let pending = behind.iter().filter_map(|it| self.pending.get(it)).any(|it| it.absent);
        let explicit = block.depends_on.iter().any(|it| match &it.target {
            ha_lang::Target::Block(name) => self.pending.get(name).is_some_and(|it| it.changes),
            _ => false,
        });
        let provider = provider_of(self.input.configuration, self.input.schemas, &block.name).expect("the kind is known");
        let settings = self.settings.get(&provider).cloned().unwrap_or_default();
        let can_ask = settings.values().all(Value::is_wholly_known);
        if known && !pending && !explicit && can_ask {
            let asked = plain(&arguments);
            match self.input.observed.data.get(address) {
                Some((answered, outputs)) if *answered == asked => {
                    self.data.insert(address.clone(), outputs.clone());
                    self.world.put(&block.name, &address.key, instance_value(schema, &arguments, outputs));
                    self.conditions_of_data(block, address);
                }
                _ => self.reads.push(Read { address: address.clone(), provider, settings: plain(&settings), arguments: asked }),
            }
            return;
        }
        let reason = if known && can_ask { Reason::DependencyPending } else { Reason::ArgumentsUnknown };
        let outputs = unknown_outputs(described, &Object::new(), address);
        let value = instance_value(schema, &arguments, &outputs);
        self.world.put(&block.name, &address.key, value);
        let mut after = arguments;
        after.extend(outputs);
        self.pending.insert(block.name.clone(), Pending { changes: true, absent: true });
        self.changes.push(Change {
            address: address.clone(),
            deposed: None,
            action: Action::Read,
            reason: Some(reason),
            before: None,
            after: Some(after),
            differences: Vec::new(),
            impacts: Vec::new(),
            remarks: Vec::new(),
            group: None,
            gone_with: None,
            span: Some(block.head.clone()),
            because: because.to_vec(),
        });
    }

    fn conditions_of_data(&mut self, block: &ResourceBlock, address: &Address) {
        let value = self.world.get(&block.name, &address.key);
        let expansion = self.world.expansion(&block.name).unwrap_or(Expansion::Single);
        self.conditions(&block.lifecycle.postconditions, &address.key, &expansion, value.as_ref(), &address.to_string());
    }

    /// Conditions that are known and do not hold are told, all of them; those not known are left to apply.
    fn conditions(
        &mut self,
        conditions: &[ha_lang::Condition],
        key: &Key,
        expansion: &Expansion,
        this: Option<&Value>,
        of: &str,
    ) {
        for condition in conditions {
            let failed = self.world.within(key, expansion, this, |environment| check(condition, environment));
            match failed {
                Ok(None) => {}
                Ok(Some(message)) => {
                    let diagnostic = Diagnostic::error("a condition does not hold").at(condition.condition.span().clone());
                    self.diagnostics.push(diagnostic.detail(message).of(of));
                }
                Err(diagnostics) => self.diagnostics.extend(diagnostics),
            }
        }
    }

    /// Recorded instances that no block asks for.
    fn orphans(&mut self) {
        let configured = &self.input.configuration.blocks;
        let planned: BTreeSet<Address> = self.changes.iter().map(|it| it.address.clone()).collect();
        let orphan = |it: &&Address| !planned.contains(*it) && !self.unchanged.contains(*it);
        let orphans: Vec<Address> = self.current.priors.keys().filter(orphan).cloned().collect();
        for address in orphans {
            let reason = match configured.contains_key(&name_of(&address.block)) {
                true => Reason::NoKey,
                false => Reason::NoConfiguration,
            };
            self.changes.push(deletion(self.input.schemas, &address, &self.current.priors[&address], reason));
        }
    }

    /// `prevent_destroy` holds against deletion and replacement, also when the block itself is gone.
    fn protected(&mut self) {
        for change in self.changes.iter().filter(|it| it.action == Action::Delete || it.action.is_replace()) {
            let block = self.input.configuration.blocks.get(&name_of(&change.address.block));
            let written = block.and_then(|it| it.lifecycle.prevent_destroy.as_ref());
            let protected = match written {
                Some(expression) => flag(&self.world, expression, "prevent_destroy"),
                None if block.is_some() => Ok(false),
                None => Ok(self.current.priors.get(&change.address).is_some_and(|it| it.record.prevent_destroy)),
            };
            match protected {
                Ok(false) => {}
                Ok(true) => {
                    let why =
                        change.differences.iter().filter(|it| it.replaces).map(|it| format!("`{}`", it.path)).collect::<Vec<_>>();
                    let why = if why.is_empty() { String::new() } else { format!(" because of {}", why.join(", ")) };
                    let diagnostic =
                        Diagnostic::error(format!("`{}` is protected, and this plan would destroy it", change.address));
                    let diagnostic = diagnostic.detail(format!("It would be destroyed{why}.")).of(&change.address);
                    let diagnostic = diagnostic.help("undo that change, or set `prevent_destroy = false` and apply that first");
                    let span = written.map(|it| it.span().clone()).or_else(|| change.span.clone());
                    self.diagnostics.push(match span {
                        Some(span) => diagnostic.at(span),
                        None => diagnostic,
                    });
                }
                Err(diagnostics) => self.diagnostics.extend(diagnostics),
            }
        }
    }

    /// Changed blocks whose values flow into this one; through documents by way of them.
    fn because(&self, name: &BlockName) -> Vec<String> {
        let mut causes = Vec::new();
        for block in self.graph.blocks_behind(&Node::Block(name.clone())) {
            let is_document = self.input.schemas.kind(block.mode, &block.kind).is_some_and(Described::is_document);
            if self.pending.get(&block).is_some_and(|it| it.changes) {
                causes.push(written(&block));
            } else if is_document {
                let further = self.because(&block);
                causes.extend(further.into_iter().map(|it| format!("{} from {it}", written(&block))));
            }
        }
        causes
    }

    /// Puts a block's recorded instances where expressions see them.
    fn show_as_recorded(&mut self, name: &BlockName) {
        let block = address_of(name);
        let Some(described) = self.input.schemas.kind(name.mode, &name.kind) else { return };
        let records: Vec<(Key, &Record)> = self
            .input
            .state
            .records
            .range(first_of(&block)..)
            .take_while(|(it, _)| it.block == block)
            .map(|(address, record)| (address.key.clone(), record))
            .collect();
        let expansion = match records.first().map(|(key, _)| key) {
            None => return,
            Some(Key::None) => Expansion::Single,
            Some(Key::Index(_)) => Expansion::Count(records.len() as u64),
            Some(Key::Name(_)) => Expansion::ForEach(
                records
                    .iter()
                    .filter_map(|(key, _)| if let Key::Name(it) = key { Some((it.clone(), Value::Null)) } else { None })
                    .collect(),
            ),
        };
        self.world.expand(name, expansion);
        for (key, record) in records {
            self.world.put(name, &key, instance_value(described.schema(), &record.arguments, &record.outputs));
        }
    }
}

/// The message of a condition that does not hold; none while it holds or is not known.
pub(crate) fn check(condition: &ha_lang::Condition, environment: &Environment<'_>) -> Result<Option<String>, Vec<Diagnostic>> {
    let wrong = |message: String| vec![Diagnostic::error(message).at(condition.condition.span().clone())];
    let value = condition.condition.evaluate(environment)?.unmark().0;
    match ha_kind::convert(&value, &Type::Bool).map_err(|it| wrong(format!("a condition is true or false: {}", it.message)))? {
        Value::Bool(false) => {
            let message = condition.error_message.evaluate(environment)?;
            Ok(Some(match message.is_sensitive() {
                true => "(the message holds a secret)".to_owned(),
                false => {
                    ha_kind::Text::of(&message).and_then(|it| it.known()).unwrap_or_else(|| "(known after apply)".to_owned())
                }
            }))
        }
        Value::Null => Err(wrong("a condition is true or false, and this one is null".to_owned())),
        _ => Ok(None),
    }
}

/// Problems with arguments as diagnostics, each where the argument was written.
pub(crate) fn located(problems: Vec<Problem>, body: &Body, address: Option<&Address>, head: ha_kind::Span) -> Vec<Diagnostic> {
    let each = |problem: Problem| {
        let span = body.locate(&problem.path);
        let diagnostic = Diagnostic::error(problem.message).at(span).within(head.clone());
        match address {
            Some(address) => diagnostic.of(address),
            None => diagnostic,
        }
    };
    problems.into_iter().map(each).collect()
}

fn once_each(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut once: Vec<Diagnostic> = Vec::new();
    let mut seen = BTreeSet::new();
    for diagnostic in diagnostics {
        if seen.insert((diagnostic.span.clone(), diagnostic.summary.clone())) {
            once.push(diagnostic);
        }
    }
    once
}

fn unknown_kind(schemas: &Schemas, block: &ResourceBlock) -> Diagnostic {
    let name = &block.name;
    let what = if name.mode == Mode::Data { "data source" } else { "kind of resource" };
    let diagnostic = Diagnostic::error(format!("there is no {what} `{}`", name.kind)).at(block.head.clone());
    let known: Vec<Name> = schemas.kinds().filter(|(mode, _)| *mode == name.mode).map(|(_, it)| it.kind.clone()).collect();
    diagnostic.closest(&name.kind, known.iter().map(|it| &**it)).help("`ha schema` lists all kinds")
}

/// Keeps what the configuration says to leave alone as it is.
fn ignore(changes: Option<&IgnoreChanges>, record: &Record, arguments: &mut Object) {
    match changes {
        None => {}
        Some(IgnoreChanges::All) => *arguments = record.arguments.clone(),
        Some(IgnoreChanges::Paths(paths)) => {
            for (path, _) in paths {
                match path.steps() {
                    [ha_kind::Step::Name(name)] => match record.arguments.get(name) {
                        Some(value) => {
                            arguments.insert(name.clone(), value.clone());
                        }
                        None => {
                            arguments.remove(name);
                        }
                    },
                    [ha_kind::Step::Name(name), deeper @ ..] => {
                        let recorded = record.arguments.get(name).cloned();
                        if let Some(value) = arguments.get_mut(name) {
                            *value = kept_inside(value, recorded.as_ref(), deeper);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

fn kept_inside(value: &Value, recorded: Option<&Value>, path: &[ha_kind::Step]) -> Value {
    let Some((step, deeper)) = path.split_first() else { return recorded.cloned().unwrap_or(Value::Null) };
    match (value, step) {
        (Value::Map(items) | Value::Object(items), ha_kind::Step::Name(name)) => {
            let mut items = (**items).clone();
            let before = recorded.and_then(Value::as_object).and_then(|it| it.get(name));
            let kept = kept_inside(items.get(name).unwrap_or(&Value::Null), before, deeper);
            match kept {
                Value::Null => items.remove(name),
                kept => items.insert(name.clone(), kept),
            };
            if matches!(value, Value::Map(_)) { Value::Map(Arc::new(items)) } else { Value::Object(Arc::new(items)) }
        }
        (Value::List(items), ha_kind::Step::Index(index)) => {
            let mut items = (**items).clone();
            let before = recorded.and_then(Value::elements).and_then(|it| it.get(*index).copied().cloned());
            if let Some(item) = items.get_mut(*index) {
                *item = kept_inside(item, before.as_ref(), deeper);
            }
            Value::list(items)
        }
        _ => value.clone(),
    }
}

/// The outputs as they will be: as recorded when untouched, all but the volatile ones when updated, predicted or
/// unknown when new.
fn outputs_after(
    described: &Described,
    action: Action,
    arguments: &Object,
    record: Option<&Record>,
    address: &Address,
) -> Object {
    let schema = described.schema();
    let predicted = |arguments: &Object| {
        let predicted = described.hooks().predicted(schema, arguments);
        let marked = |(name, value): (Name, Value)| {
            let secret = schema.outputs.get(&name).is_some_and(|it| it.secret);
            (name, if secret { value.sensitive() } else { value })
        };
        predicted.into_iter().map(marked).collect::<Object>()
    };
    match (action, record) {
        (Action::NoOp, Some(record)) => record.outputs.clone(),
        (Action::Update, Some(record)) => {
            let mut outputs = unknown_outputs(described, &predicted(arguments), address);
            let stable = record.outputs.iter().filter(|(name, _)| schema.outputs.get(*name).is_some_and(|it| !it.volatile));
            let predicted: BTreeSet<Name> = described.hooks().predicted(schema, arguments).into_keys().collect();
            outputs.extend(stable.filter(|(name, _)| !predicted.contains(*name)).map(|(name, it)| (name.clone(), it.clone())));
            outputs
        }
        _ => unknown_outputs(described, &predicted(arguments), address),
    }
}

fn unknown_outputs(described: &Described, predicted: &Object, address: &Address) -> Object {
    let unknown = |(name, field): (&Name, &ha_kind::Field)| {
        let value = match predicted.get(name) {
            Some(value) => value.clone(),
            None => {
                let unknown = Value::unknown(field.shape.ty(), Some(format!("{address}.{name}").into()));
                if field.secret { unknown.sensitive() } else { unknown }
            }
        };
        (name.clone(), value)
    };
    described.schema().outputs.iter().map(unknown).collect()
}

/// The arguments as they will be: what the service chose stays when the configuration is silent.
fn arguments_after(
    described: &Described,
    action: Action,
    arguments: &Object,
    record: Option<&Record>,
    address: &Address,
) -> Object {
    let mut after = arguments.clone();
    for (name, field) in described.schema().arguments.iter().filter(|(_, it)| it.chosen) {
        if after.contains_key(name) {
            continue;
        }
        match (action, record) {
            (Action::NoOp | Action::Update, Some(record)) => {
                if let Some(value) = record.arguments.get(name) {
                    after.insert(name.clone(), value.clone());
                }
            }
            _ => {
                let cause = Some(format!("{address}.{name}").into());
                after.insert(name.clone(), Value::unknown(field.shape.ty(), cause));
            }
        }
    }
    after
}

fn deletion(schemas: &Schemas, address: &Address, prior: &Prior, reason: Reason) -> Change {
    let record = &prior.record;
    let described = schemas.kind(address.block.mode, &address.block.kind);
    let names = BTreeSet::new();
    let changed = Changed { action: Action::Delete, before: Some(&record.arguments), after: None, names: &names };
    Change {
        address: address.clone(),
        deposed: None,
        action: Action::Delete,
        reason: Some(reason),
        before: Some(attributes(record)),
        after: None,
        differences: Vec::new(),
        impacts: described.map(|it| it.hooks().impacts(&changed)).unwrap_or_default(),
        remarks: prior.remarks.clone(),
        group: described.and_then(|it| it.hooks().group_of(it.schema(), &record.arguments)),
        gone_with: None,
        span: None,
        because: Vec::new(),
    }
}

/// Old objects that an interrupted replacement left behind.
fn deposed(input: &Input<'_>) -> Vec<Change> {
    let each = |((address, key), record): (&(Address, String), &Record)| {
        let prior = Prior { record: record.clone(), remarks: Vec::new() };
        Change { deposed: Some(key.clone()), ..deletion(input.schemas, address, &prior, Reason::NoConfiguration) }
    };
    input.state.deposed.iter().map(each).collect()
}

/// Marks deletions that need no call, because all of what the thing lives inside of is deleted too.
fn gone_with(input: &Input<'_>, current: &Current, changes: &mut [Change]) {
    let deleted: BTreeSet<Address> = changes
        .iter()
        .filter(|it| it.deposed.is_none() && matches!(it.action, Action::Delete | Action::DeleteThenCreate))
        .map(|it| it.address.clone())
        .collect();
    for change in changes.iter_mut().filter(|it| it.deposed.is_none() && deleted.contains(&it.address)) {
        let Some(described) = input.schemas.kind(Mode::Managed, &change.address.block.kind) else { continue };
        let Some(prior) = current.priors.get(&change.address) else { continue };
        for block in containers(input, &prior.record, &described.within) {
            let mut instances = current.priors.range(first_of(&block)..).take_while(|(it, _)| it.block == block).peekable();
            let Some((first, _)) = instances.peek() else { continue };
            let first = (*first).clone();
            if instances.all(|(it, prior)| deleted.contains(it) && takes_contents(input, it, prior)) {
                change.gone_with = Some(first);
                break;
            }
        }
    }
}

fn takes_contents(input: &Input<'_>, address: &Address, prior: &Prior) -> bool {
    let described = input.schemas.kind(Mode::Managed, &address.block.kind);
    described.is_none_or(|it| it.hooks().takes_contents(it.schema(), &prior.record.arguments))
}

/// The recorded blocks that a thing lives inside of: among its direct dependencies, and those of its provider.
fn containers(input: &Input<'_>, record: &Record, within: &[Name]) -> Vec<BlockAddress> {
    if within.is_empty() {
        return Vec::new();
    }
    let through_provider = input.state.providers.get(&record.provider).into_iter().flat_map(|it| &it.dependencies);
    record.dependencies.iter().chain(through_provider).filter(|it| within.contains(&it.kind)).cloned().collect()
}

/// The least address of a block's instances.
pub(crate) fn first_of(block: &BlockAddress) -> Address {
    block.instance(Key::None)
}

#[expect(clippy::too_many_arguments, reason = "these are the parts of a plan, put together in one place")]
fn finish(
    input: &Input<'_>,
    current: Current,
    mut changes: Vec<Change>,
    outputs: BTreeMap<Name, OutputChange>,
    graph: Option<&Graph>,
    providers: BTreeMap<ProviderName, ProviderRecord>,
    data: BTreeMap<Address, Object>,
    warnings: Vec<Diagnostic>,
) -> Plan {
    changes.sort_by(|a, b| (&a.address, &a.deposed).cmp(&(&b.address, &b.deposed)));
    let touched: BTreeSet<&Address> = changes.iter().map(|it| &it.address).collect();
    let mut dependencies: BTreeMap<&BlockAddress, BTreeSet<&BlockAddress>> = BTreeMap::new();
    for record in input.state.records.values() {
        let through_provider = input.state.providers.get(&record.provider).into_iter().flat_map(|it| &it.dependencies);
        dependencies.entry(&record.address.block).or_default().extend(record.dependencies.iter().chain(through_provider));
    }
    let steps = order::steps(&changes, graph, &order::Recorded { dependencies });
    let untouched = current.priors.iter().filter(|(address, _)| !touched.contains(address)).filter_map(|(address, prior)| {
        let described = input.schemas.kind(Mode::Managed, &address.block.kind)?;
        described.hooks().group_of(described.schema(), &prior.record.arguments)
    });
    let untouched: BTreeSet<String> = untouched.collect();
    let rolling = order::rolling(&changes, &steps, &untouched);
    let versions = versions(input, &changes, graph);
    Plan {
        mode: input.mode,
        snapshot: input.snapshot.clone(),
        lineage: input.state.lineage.clone(),
        state_number: input.state.number,
        identities: Vec::new(),
        unchanged: current.priors.keys().filter(|it| !touched.contains(it)).count(),
        changes,
        drift: current.drift,
        unchecked: current.unchecked,
        outputs,
        steps,
        rolling,
        settled: current.settled,
        providers,
        data,
        versions,
        unfinished: input.state.unfinished.values().map(|it| it.intent.address.clone()).collect(),
        warnings,
    }
}

/// The version of every record that is touched, or whose values flow into something that is.
fn versions(input: &Input<'_>, changes: &[Change], graph: Option<&Graph>) -> BTreeMap<Address, u64> {
    let mut blocks: BTreeSet<BlockName> = changes.iter().map(|it| name_of(&it.address.block)).collect();
    if let Some(graph) = graph {
        let mut open: Vec<BlockName> = blocks.iter().cloned().collect();
        while let Some(block) = open.pop() {
            for behind in graph.blocks_behind(&Node::Block(block)) {
                if blocks.insert(behind.clone()) && behind.mode == Mode::Data {
                    open.push(behind);
                }
            }
        }
    }
    let mut versions = BTreeMap::new();
    for block in blocks.iter().map(address_of) {
        let records = input.state.records.range(first_of(&block)..).take_while(|(it, _)| it.block == block);
        versions.extend(records.map(|(address, it)| (address.clone(), it.version)));
    }
    for change in changes.iter().filter(|it| it.address.block.mode == Mode::Managed) {
        versions.entry(change.address.clone()).or_insert(0);
    }
    versions
}

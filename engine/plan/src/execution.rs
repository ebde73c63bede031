//! The values that apply works with: the plan's, with what was unknown filled in step by step. Evaluates each step's
//! arguments once its references are known, and holds them against the plan.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use ha_kind::{Action, Address, BlockAddress, Described, Diagnostic, Key, Name, Object, Rendered, Schemas, Value};
use ha_lang::{BlockName, Configuration, Files};
use ha_state::{OutputRecord, ProviderName, ProviderRecord, Record, State};

use crate::after::{arguments_after, instance_value, remarked, unrendered};
use crate::arguments::{Arguments, located};
use crate::condition::failing;
use crate::difference::{agrees, differences};
use crate::expand::{Expansion, expansion, flag};
use crate::graph::{Graph, Node, address_of, name_of, provider_block, provider_of};
use crate::lifecycle::create_first;
use crate::model::{Change, Plan};
use crate::planner::holds_a_secret;
use crate::world::World;

/// A plan under way.
pub struct Execution {
    configuration: Arc<Configuration>,
    schemas: Arc<Schemas>,
    world: World,
    graph: Graph,
    create_first: BTreeSet<BlockName>,
    /// Blocks of which everything is known, so that nothing needs to be worked out again.
    settled: RefCell<BTreeSet<BlockName>>,
}

/// What of a record comes from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromConfiguration {
    /// The names of the arguments it sets.
    pub configured: BTreeSet<Name>,
    /// Direct dependencies.
    pub dependencies: Vec<BlockAddress>,
    /// Whether a replacement is made before the old one goes.
    pub create_before_destroy: bool,
    /// Whether it is protected.
    pub prevent_destroy: bool,
}

impl FromConfiguration {
    /// The record of something that nothing happens to, with what the configuration says of it by now.
    pub(crate) fn settle(&self, described: &Described, record: &Record, wanted: &Object) -> Record {
        let (arguments, outputs) = remarked(described, record, wanted);
        Record {
            arguments,
            outputs,
            configured: self.configured.clone(),
            dependencies: self.dependencies.clone(),
            create_before_destroy: self.create_before_destroy,
            prevent_destroy: self.prevent_destroy,
            ..record.clone()
        }
    }
}

/// What a step takes from the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Its arguments, wholly known.
    pub arguments: Object,
    /// What its record gets besides.
    pub from: FromConfiguration,
    /// The record as it stays, where it is an update of which nothing is left now that all is known.
    pub unchanged: Option<Box<Record>>,
}

impl Execution {
    /// The values as the plan leaves them before its first step.
    ///
    /// # Errors
    /// When the configuration does not order or expand as it did; the plan was made from another one.
    pub fn begin(
        plan: &Plan,
        configuration: Arc<Configuration>,
        files: Arc<dyn Files + Send + Sync>,
        schemas: Arc<Schemas>,
        state: &State,
        now: SystemTime,
    ) -> Result<Self, Vec<Diagnostic>> {
        let graph = Graph::of(&configuration, &schemas)?;
        let world = World::new(configuration.clone(), plan.snapshot.variables.clone(), files).at(now);
        let mut diagnostics = Vec::new();
        let create_first = create_first(&configuration, &graph, &world, &mut diagnostics);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let execution = Self { configuration, schemas, world, graph, create_first, settled: RefCell::default() };
        let changes: BTreeMap<&Address, &Change> =
            plan.changes.iter().filter(|it| it.deposed.is_none()).map(|it| (&it.address, it)).collect();
        for node in &execution.graph.order {
            if let Node::Block(name) = node {
                execution.begin_block(name, plan, &changes, state)?;
            }
        }
        Ok(execution)
    }

    fn begin_block(
        &self,
        name: &BlockName,
        plan: &Plan,
        changes: &BTreeMap<&Address, &Change>,
        state: &State,
    ) -> Result<(), Vec<Diagnostic>> {
        let block = &self.configuration.blocks[name];
        let Some(described) = self.schemas.kind(name.mode, &name.kind) else { return Ok(()) };
        let schema = described.schema();
        let expansion = expansion(&self.world, block).map_err(|it| it.diagnostics)?;
        self.world.expand(name, expansion.clone());
        if described.is_document() {
            return self.render(name);
        }
        for key in expansion.keys() {
            let address = address_of(name).instance(key);
            let value = match (changes.get(&address).and_then(|it| it.after.as_ref()), state.records.get(&address)) {
                (Some(after), _) => instance_value(schema, after, &Object::new()),
                (None, Some(record)) => instance_value(schema, &record.arguments, &record.outputs),
                (None, None) => match plan.data.get(&address) {
                    Some(outputs) => {
                        let arguments = Arguments::of(&self.world, described, block, &expansion, &address)?;
                        instance_value(schema, &arguments.values, outputs)
                    }
                    None => continue,
                },
            };
            self.world.put(name, &address.key, value);
        }
        Ok(())
    }

    /// What a step takes from the configuration, now that all it refers to is known.
    ///
    /// # Errors
    /// What is wrong with it, or where it contradicts the plan.
    pub fn prepare(&mut self, change: &Change, record: Option<&Record>) -> Result<Prepared, Vec<Diagnostic>> {
        let name = name_of(&change.address.block);
        let block = &self.configuration.blocks[&name];
        let described = self.described(&name);
        let at = |summary: String| Diagnostic::error(summary).at(block.head.clone()).of(&change.address);
        self.render_behind(&Node::Block(name.clone()))?;
        let expansion = self.expansion_by_now(&name)?;
        if !expansion.contains(&change.address.key) {
            let diagnostic = at("the configuration no longer asks for this instance".into());
            return Err(vec![diagnostic.help("nothing was done to it; plan again and look at the new plan")]);
        }
        let conditions = &block.lifecycle.preconditions;
        let of = change.address.to_string();
        let failing = failing(&self.world, conditions, &change.address.key, &expansion, None, &of);
        if !failing.is_empty() {
            return Err(failing);
        }
        let given = Arguments::of(&self.world, described, block, &expansion, &change.address)?;
        let before = record.filter(|_| change.action == Action::Update);
        let arguments = match before {
            Some(record) => given.beside(record, described, block.lifecycle.ignore_changes.as_ref()),
            None => given.values,
        };
        self.hold_against_plan(change, described, &arguments, before).map_err(|it| vec![*it])?;
        let is_same = |record: &&Record| {
            let found = differences(described, &arguments, &record.arguments, &record.configured, &given.configured);
            found.is_ok_and(|it| it.is_empty())
        };
        let same = before.filter(is_same);
        let from = self.configured_of(&name, given.configured)?;
        let unchanged = same.map(|record| Box::new(from.settle(described, record, &arguments)));
        Ok(Prepared { arguments, from, unchanged })
    }

    /// Everything must be known by now, and what was known while planning must be the same.
    fn hold_against_plan(
        &self,
        change: &Change,
        described: &Described,
        arguments: &Object,
        record: Option<&Record>,
    ) -> Result<(), Box<Diagnostic>> {
        let block = &self.configuration.blocks[&name_of(&change.address.block)];
        let at = |name: &Name, what: &str| {
            let span = block.body.locate(&ha_kind::Path::attribute(name.clone()));
            Diagnostic::error(format!("`{name}` {what}")).at(span).within(block.head.clone()).of(&change.address)
        };
        if let Some((name, value)) = arguments.iter().find(|(_, it)| !it.is_wholly_known()) {
            let cause = value.cause().map(|it| format!(" It waits for `{it}`.")).unwrap_or_default();
            let diagnostic = at(name, "is still not known").detail(format!("Everything it refers to is done.{cause}"));
            let help = "this is a fault of the provider of what it refers to; please report it";
            return Err(Box::new(diagnostic.help(help)));
        }
        let Some(planned) = &change.after else { return Ok(()) };
        let actual = arguments_after(described, change.action, arguments, record, &change.address);
        for name in described.schema().arguments.keys() {
            let (planned, actual) = (planned.get(name).unwrap_or(&Value::Null), actual.get(name).unwrap_or(&Value::Null));
            if actual.is_known() && !agrees(planned, actual) {
                let diagnostic = at(name, "is not what the plan says");
                let detail = "What it refers to turned out otherwise than planned, or the configuration is another one.";
                let help = "nothing was done to it; plan again and look at the new plan";
                return Err(Box::new(diagnostic.detail(detail).help(help)));
            }
        }
        Ok(())
    }

    /// The block's instances, with what `each.value` is by now.
    fn expansion_by_now(&self, name: &BlockName) -> Result<Arc<Expansion>, Vec<Diagnostic>> {
        let begun = self.world.expansion(name).unwrap_or_else(|| Arc::new(Expansion::Absent));
        if self.settled.borrow().contains(name) {
            return Ok(begun);
        }
        let mut by_now = begun;
        if !by_now.is_wholly_known() {
            by_now = expansion(&self.world, &self.configuration.blocks[name]).map_err(|it| it.diagnostics)?;
            self.world.expand_again(name, by_now.clone());
        }
        if by_now.is_wholly_known() {
            self.settled.borrow_mut().insert(name.clone());
        }
        Ok(by_now)
    }

    fn described(&self, name: &BlockName) -> &Described {
        self.schemas.kind(name.mode, &name.kind).expect("the plan has only kinds that are known")
    }

    /// Renders the documents that flow into a node, since what they wait for may be known now.
    fn render_behind(&self, node: &Node) -> Result<(), Vec<Diagnostic>> {
        for behind in self.graph.blocks_behind(node).iter() {
            if self.schemas.kind(behind.mode, &behind.kind).is_some_and(Described::is_document) {
                self.render(behind)?;
            }
        }
        Ok(())
    }

    /// Renders a document, unless all of it is known already.
    fn render(&self, name: &BlockName) -> Result<(), Vec<Diagnostic>> {
        if self.settled.borrow().contains(name) {
            return Ok(());
        }
        self.render_behind(&Node::Block(name.clone()))?;
        let (described, block) = (self.described(name), &self.configuration.blocks[name]);
        let expansion = expansion(&self.world, block).map_err(|it| it.diagnostics)?;
        self.world.expand_again(name, expansion.clone());
        let mut all_known = true;
        for key in expansion.keys() {
            let address = address_of(name).instance(key);
            let of = address.to_string();
            let failing_before = failing(&self.world, &block.lifecycle.preconditions, &address.key, &expansion, None, &of);
            let arguments = Arguments::of(&self.world, described, block, &expansion, &address)?.values;
            let outputs = match described.render(&arguments).expect("only documents come here") {
                Rendered::Outputs(outputs) => outputs,
                Rendered::Unknown => unrendered(described, &arguments),
                Rendered::Problems(problems) => return Err(located(problems, &block.body, Some(&address), block.head.clone())),
            };
            let value = instance_value(described.schema(), &arguments, &outputs);
            let conditions = &block.lifecycle.postconditions;
            let failing_after = failing(&self.world, conditions, &address.key, &expansion, Some(&value), &of);
            let wrong: Vec<Diagnostic> = failing_before.into_iter().chain(failing_after).collect();
            if !wrong.is_empty() {
                return Err(wrong);
            }
            all_known &= value.is_wholly_known();
            self.world.put(name, &address.key, value);
        }
        if all_known {
            self.settled.borrow_mut().insert(name.clone());
        }
        Ok(())
    }

    /// Puts there what a step made or read.
    ///
    /// # Errors
    /// Where it is not what the plan says, and postconditions that do not hold.
    pub fn made(&mut self, change: &Change, arguments: &Object, outputs: &Object) -> Result<(), Vec<Diagnostic>> {
        let name = name_of(&change.address.block);
        let described = self.described(&name);
        let value = instance_value(described.schema(), arguments, outputs);
        self.world.put(&name, &change.address.key, value.clone());
        let block = &self.configuration.blocks[&name];
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        for (output, planned) in change.after.iter().flatten().filter(|(name, _)| described.schema().outputs.contains_key(*name))
        {
            if !agrees(planned, &value.get(output)) {
                let diagnostic = Diagnostic::error(format!("`{output}` is not what the plan says")).at(block.head.clone());
                let detail = "It was known while planning, and the service answered something else. It is done and on record.";
                let help = "plan again and look at what that changes; this is a fault of the kind, please report it";
                diagnostics.push(diagnostic.detail(detail).help(help).of(&change.address));
            }
        }
        let expansion = self.world.expansion(&name).unwrap_or_else(|| Arc::new(Expansion::Single));
        let (key, of) = (&change.address.key, change.address.to_string());
        diagnostics.extend(failing(&self.world, &block.lifecycle.postconditions, key, &expansion, Some(&value), &of));
        if diagnostics.is_empty() { Ok(()) } else { Err(diagnostics) }
    }

    fn configured_of(&self, name: &BlockName, configured: BTreeSet<Name>) -> Result<FromConfiguration, Vec<Diagnostic>> {
        let protect = &self.configuration.blocks[name].lifecycle.prevent_destroy;
        let prevent_destroy = protect.as_ref().map(|it| flag(&self.world, it, "prevent_destroy")).transpose();
        Ok(FromConfiguration {
            configured,
            dependencies: self.graph.dependencies(&Node::Block(name.clone())),
            create_before_destroy: self.create_first.contains(name),
            prevent_destroy: prevent_destroy.map_err(|it| it.diagnostics)?.unwrap_or_default(),
        })
    }

    /// The provider of an instance.
    #[must_use]
    pub fn provider_of(&self, address: &Address) -> ProviderName {
        provider_of(&self.configuration, &self.schemas, &name_of(&address.block)).expect("the plan has only kinds that are known")
    }

    /// A provider's settings, now that what they refer to is known, and the blocks they refer to.
    ///
    /// # Errors
    /// What is wrong with them, or what is still unknown.
    pub fn settings(&mut self, name: &ProviderName) -> Result<ProviderRecord, Vec<Diagnostic>> {
        let schema = &self.schemas.provider(&name.name).expect("the plan has only providers that are known").schema;
        let Some(block) = provider_block(&self.configuration, name) else {
            let settings = schema.conform(&Object::new()).unwrap_or_default();
            return Ok(ProviderRecord { settings, dependencies: Vec::new() });
        };
        let node = Node::Provider(name.clone());
        self.render_behind(&node)?;
        let settings = self.world.within(&Key::None, &Expansion::Single, None, |environment| {
            let given = block.body.evaluate(&schema.arguments, environment)?;
            schema.conform(&given).map_err(|it| located(it, &block.body, None, block.span.clone()))
        })?;
        if let Some((argument, value)) = settings.iter().find(|(_, it)| !it.is_wholly_known()) {
            let diagnostic =
                Diagnostic::error(format!("`{argument}` of provider `{name}` is still not known")).at(block.span.clone());
            let cause = value.cause().map(|it| format!("It waits for `{it}`.")).unwrap_or_default();
            return Err(vec![diagnostic.detail(cause)]);
        }
        Ok(ProviderRecord { settings, dependencies: self.graph.dependencies(&node) })
    }

    /// The root's outputs as they are now; those that are not known yet are left out.
    ///
    /// # Errors
    /// Outputs that cannot be evaluated, and conditions on them that do not hold.
    pub fn outputs(&mut self) -> Result<BTreeMap<Name, OutputRecord>, Vec<Diagnostic>> {
        let mut outputs = BTreeMap::new();
        let mut diagnostics = Vec::new();
        for (name, output) in &self.configuration.outputs {
            if let Err(it) = self.render_behind(&Node::Output(name.clone())) {
                diagnostics.extend(it);
                continue;
            }
            let of = format!("output.{name}");
            diagnostics.extend(failing(&self.world, &output.preconditions, &Key::None, &Expansion::Single, None, &of));
            match self.world.evaluate(&output.value) {
                Ok(value) if value.contains_sensitive() && !output.sensitive => diagnostics.push(holds_a_secret(output)),
                Ok(value) if value.is_wholly_known() && !value.is_null() => {
                    let value = if output.sensitive { value.sensitive() } else { value };
                    outputs.insert(name.clone(), OutputRecord { value, sensitive: output.sensitive });
                }
                Ok(_) => {}
                Err(it) => diagnostics.extend(it),
            }
        }
        if diagnostics.is_empty() { Ok(outputs) } else { Err(diagnostics) }
    }
}

//! The values that apply works with: the plan's, with what was unknown filled in step by step. Evaluates each step's
//! arguments once its references are known, and holds them against the plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_kind::{Action, Address, Diagnostic, Mode, Name, Object, Schemas};
use ha_lang::{BlockName, Configuration, Files};
use ha_state::{OutputRecord, ProviderName, ProviderRecord, State};

use crate::difference::agrees;
use crate::expand::expansion;
use crate::graph::{Graph, Node, provider_block, provider_of};
use crate::model::{Change, Plan};
use crate::observed::plain;
use crate::order::{address_of, name_of};
use crate::planner::{check, located};
use crate::world::{Expansion, World, instance_value};

/// A plan under way.
pub struct Execution {
    configuration: Arc<Configuration>,
    schemas: Arc<Schemas>,
    world: World,
    graph: Graph,
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
    ) -> Result<Self, Vec<Diagnostic>> {
        let graph = Graph::of(&configuration, &schemas)?;
        let world = World::new(configuration.clone(), plan.snapshot.variables.clone(), files);
        let execution = Self { configuration, schemas, world, graph };
        let changes: BTreeMap<&Address, &Change> =
            plan.changes.iter().filter(|it| it.deposed.is_none()).map(|it| (&it.address, it)).collect();
        for node in execution.graph.order.clone() {
            if let Node::Block(name) = node {
                execution.begin_block(&name, plan, &changes, state)?;
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
        let expansion = expansion(&self.world, block)?;
        self.world.expand(name, expansion.clone());
        for key in expansion.keys() {
            let address = address_of(name).instance(key.clone());
            let schema = described.schema();
            let value = match (changes.get(&address).and_then(|it| it.after.as_ref()), state.records.get(&address)) {
                (Some(after), _) => instance_value(schema, after, &Object::new()),
                (None, Some(record)) => instance_value(schema, &record.arguments, &record.outputs),
                (None, None) => match plan.data.get(&address) {
                    Some(outputs) => {
                        let arguments = self.evaluate(&address, &expansion)?;
                        instance_value(schema, &arguments, outputs)
                    }
                    None => continue,
                },
            };
            self.world.put(name, &key, value);
        }
        if described.is_document() {
            self.render(name)?;
        }
        Ok(())
    }

    /// The arguments of a change's instance, wholly known.
    ///
    /// # Errors
    /// What is wrong with them now that they are known, or where they contradict the plan.
    pub fn arguments(&mut self, change: &Change) -> Result<Object, Vec<Diagnostic>> {
        let name = name_of(&change.address.block);
        let block = &self.configuration.blocks[&name];
        self.render_behind(&name)?;
        // A key's value in `for_each` may have become known since.
        let expansion = expansion(&self.world, block)?;
        let arguments = self.evaluate(&change.address, &expansion)?;
        let at = |summary: String| Diagnostic::error(summary).at(block.head.clone()).of(&change.address);
        if let Some(unknown) = arguments.iter().find(|(_, it)| !it.is_wholly_known()) {
            let (argument, value) = unknown;
            let cause = value.cause().map(|it| format!(" It waits for `{it}`.")).unwrap_or_default();
            let diagnostic =
                at(format!("`{argument}` is still not known")).detail(format!("Everything it refers to is done.{cause}"));
            return Err(vec![diagnostic.help("this is a fault of the provider of what it refers to; please report it")]);
        }
        let planned = change.after.as_ref().into_iter().flatten();
        let changed = planned.filter(|(name, _)| arguments.contains_key(*name)).find(|(name, it)| !agrees(it, &arguments[*name]));
        if let Some((argument, _)) = changed {
            let diagnostic = at(format!("`{argument}` is not what the plan says"));
            return Err(vec![diagnostic.help("nothing was done to it; plan again and look at the new plan")]);
        }
        for condition in &block.lifecycle.preconditions {
            let failed = self.world.within(&change.address.key, &expansion, None, |it| check(condition, it))?;
            if let Some(message) = failed {
                return Err(vec![at("a condition does not hold".into()).detail(message).at(condition.condition.span().clone())]);
            }
        }
        Ok(arguments)
    }

    fn evaluate(&self, address: &Address, expansion: &Expansion) -> Result<Object, Vec<Diagnostic>> {
        let name = name_of(&address.block);
        let block = &self.configuration.blocks[&name];
        let described = self.schemas.kind(name.mode, &name.kind).expect("the plan has only kinds that are known");
        let schema = described.schema();
        self.world.within(&address.key, expansion, None, |environment| {
            let given = block.body.evaluate(&schema.arguments, environment)?;
            let arguments = schema.conform(&given).map_err(|it| located(it, &block.body, Some(address), block.head.clone()))?;
            let problems = described.hooks().problems(schema, &arguments);
            match problems.is_empty() {
                true => Ok(arguments),
                false => Err(located(problems, &block.body, Some(address), block.head.clone())),
            }
        })
    }

    /// Renders the documents that flow into a block again, since what they wait for may be known now.
    fn render_behind(&self, name: &BlockName) -> Result<(), Vec<Diagnostic>> {
        for behind in self.graph.blocks_behind(&Node::Block(name.clone())) {
            self.render(&behind)?;
        }
        Ok(())
    }

    fn render(&self, name: &BlockName) -> Result<(), Vec<Diagnostic>> {
        let Some(described) = self.schemas.kind(name.mode, &name.kind).filter(|it| it.is_document()) else { return Ok(()) };
        let Some(expansion) = self.world.expansion(name) else { return Ok(()) };
        let known = |key| self.world.get(name, key).is_some_and(|it| it.is_wholly_known());
        if expansion.keys().iter().all(known) {
            return Ok(());
        }
        self.render_behind(name)?;
        let schema = described.schema();
        for key in expansion.keys() {
            let address = address_of(name).instance(key.clone());
            let arguments = self.evaluate(&address, &expansion)?;
            match described.render(&arguments).expect("only documents come here") {
                ha_kind::Rendered::Outputs(outputs) => self.world.put(name, &key, instance_value(schema, &arguments, &outputs)),
                ha_kind::Rendered::Unknown => {}
                ha_kind::Rendered::Problems(problems) => {
                    let block = &self.configuration.blocks[name];
                    return Err(located(problems, &block.body, Some(&address), block.head.clone()));
                }
            }
        }
        Ok(())
    }

    /// Puts there what a step made or read.
    ///
    /// # Errors
    /// A postcondition that does not hold.
    pub fn made(&mut self, address: &Address, arguments: &Object, outputs: &Object) -> Result<(), Vec<Diagnostic>> {
        let name = name_of(&address.block);
        let described = self.schemas.kind(name.mode, &name.kind).expect("the plan has only kinds that are known");
        let value = instance_value(described.schema(), arguments, outputs);
        self.world.put(&name, &address.key, value.clone());
        let block = &self.configuration.blocks[&name];
        let expansion = self.world.expansion(&name).unwrap_or(Expansion::Single);
        for condition in &block.lifecycle.postconditions {
            if let Some(message) = self.world.within(&address.key, &expansion, Some(&value), |it| check(condition, it))? {
                let diagnostic = Diagnostic::error("a condition does not hold").at(condition.condition.span().clone());
                return Err(vec![diagnostic.detail(message).of(address)]);
            }
        }
        Ok(())
    }

    /// What of a record comes from the configuration: the names of the arguments it sets, direct dependencies, and what
    /// `lifecycle` says.
    #[must_use]
    pub fn settled_by_configuration(&self, address: &Address) -> FromConfiguration {
        let name = name_of(&address.block);
        let block = &self.configuration.blocks[&name];
        let flag = |it: &Option<ha_lang::Expression>| {
            it.as_ref().is_some_and(|it| crate::expand::flag(&self.world, it, "lifecycle").unwrap_or(false))
        };
        FromConfiguration {
            configured: block.body.argument_names().cloned().collect(),
            dependencies: self.dependencies(&name),
            create_before_destroy: flag(&block.lifecycle.create_before_destroy),
            prevent_destroy: flag(&block.lifecycle.prevent_destroy),
        }
    }

    /// The managed blocks behind a block: directly, through locals, and through data.
    fn dependencies(&self, name: &BlockName) -> Vec<ha_kind::BlockAddress> {
        let mut found = std::collections::BTreeSet::new();
        let mut open = vec![name.clone()];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(block) = open.pop() {
            for behind in self.graph.blocks_behind(&Node::Block(block)) {
                match behind.mode {
                    Mode::Managed => {
                        found.insert(address_of(&behind));
                    }
                    Mode::Data if seen.insert(behind.clone()) => open.push(behind),
                    Mode::Data => {}
                }
            }
        }
        found.into_iter().collect()
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
        let Some(block) = provider_block(&self.configuration, name) else {
            return Ok(ProviderRecord { settings: Object::new(), dependencies: Vec::new() });
        };
        let node = Node::Provider(name.clone());
        for behind in self.graph.blocks_behind(&node) {
            self.render(&behind)?;
        }
        let schema = &self.schemas.provider(&name.name).expect("the plan has only providers that are known").schema;
        let settings = self.world.within(&ha_kind::Key::None, &Expansion::Single, None, |environment| {
            let given = block.body.evaluate(&schema.arguments, environment)?;
            schema.conform(&given).map_err(|it| located(it, &block.body, None, block.span.clone()))
        })?;
        if let Some((argument, _)) = settings.iter().find(|(_, it)| !it.is_wholly_known()) {
            let diagnostic =
                Diagnostic::error(format!("`{argument}` of provider `{name}` is still not known")).at(block.span.clone());
            return Err(vec![diagnostic]);
        }
        let dependencies = self.graph.blocks_behind(&node).iter().filter(|it| it.mode == Mode::Managed).map(address_of).collect();
        Ok(ProviderRecord { settings, dependencies })
    }

    /// The root's outputs as they are now; those that are not known yet, because a step failed, are left out.
    ///
    /// # Errors
    /// Outputs that cannot be evaluated.
    pub fn outputs(&mut self) -> Result<BTreeMap<Name, OutputRecord>, Vec<Diagnostic>> {
        let mut outputs = BTreeMap::new();
        let mut diagnostics = Vec::new();
        for (name, output) in &self.configuration.outputs {
            for behind in self.graph.blocks_behind(&Node::Output(name.clone())) {
                self.render(&behind)?;
            }
            match self.world.evaluate(&output.value) {
                Ok(value) if value.is_wholly_known() => {
                    let value = if output.sensitive { value.sensitive() } else { value };
                    outputs.insert(name.clone(), OutputRecord { value, sensitive: output.sensitive });
                }
                Ok(_) => {}
                Err(it) => diagnostics.extend(it),
            }
        }
        if diagnostics.is_empty() { Ok(outputs) } else { Err(diagnostics) }
    }

    /// Whether an update is still one, now that all arguments are known.
    #[must_use]
    pub fn still_differs(&self, change: &Change, arguments: &Object, state: &State) -> bool {
        let Some(record) = state.records.get(&change.address) else { return true };
        let Some(described) = self.schemas.kind(Mode::Managed, &change.address.block.kind) else { return true };
        let configured = self.configuration.blocks[&name_of(&change.address.block)].body.argument_names().cloned().collect();
        change.action != Action::Update
            || crate::difference::differences(described, arguments, &record.arguments, &record.configured, &configured)
                .map_or(true, |it| !it.is_empty())
    }
}

/// What of a record comes from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromConfiguration {
    /// The names of the arguments it sets.
    pub configured: std::collections::BTreeSet<Name>,
    /// Direct dependencies.
    pub dependencies: Vec<ha_kind::BlockAddress>,
    /// Whether a replacement is made before the old one goes.
    pub create_before_destroy: bool,
    /// Whether it is protected.
    pub prevent_destroy: bool,
}

/// Arguments without marks, as drivers take them.
#[must_use]
pub fn revealed(arguments: &Object) -> Object {
    plain(arguments)
}

//! The values of an apply: planned values, in which unknowns are replaced as steps are done.
//! Evaluates the arguments of each step once its references are known, and compares them with the
//! plan.

mod progress;
mod settle;
mod successor;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{Configuration, FileSource, OutputBlock, ResourceBlock};
use ha_provider::{Error, ResourceDescription, SchemaSet};
use ha_state_model::{Dependencies, OutputRecord, ProviderName, ProviderRecord, Record, State};
use ha_value::{Action, Address, HashMap, HashSet, Name, Object, ResourceMode, Value};

use crate::diff::differences::{agrees, differences};
use crate::diff::planned_values::arguments_after;
use crate::diff::record_settings::RecordSettings;
use crate::evaluation::argument_diagnostics::conform;
use crate::evaluation::arguments::ConfiguredArguments;
use crate::evaluation::condition::{findings, unread};
use crate::evaluation::instance_value::instance_value;
use crate::evaluation::node::evaluate;
use crate::evaluation::preview::{Preview, show_as_recorded, world_with};
use crate::evaluation::repetition::{expansion, flag};
use crate::evaluation::values::{EvaluationScope, EvaluationValues, InstanceId};
use crate::graph::modules::ROOT;
use crate::graph::{Graph, NodeId, NodeKind, Reachability};
use crate::input::recorded_instances::instances;
use crate::input::targeting::Targeting;
use crate::model::{Change, Plan};
use crate::order::create_before_destroy::CreateBeforeDestroy;
use progress::ApplyProgress;

/// The evaluation state of an apply.
pub struct ApplyEvaluation {
    schemas: Arc<SchemaSet>,
    graph: Arc<Graph>,
    reach: Reachability,
    world: EvaluationValues,
    create_first: CreateBeforeDestroy,
    progress: ApplyProgress,
    /// Instances with conditions that the plan has steps for.
    touched: HashSet<(InstanceId, usize, usize)>,
    /// Errors of nodes that were evaluated during the apply.
    failed: HashMap<NodeId, Vec<Diagnostic>>,
    /// Diagnostics that do not stop the apply.
    warnings: Vec<Diagnostic>,
    /// The selection of the plan.
    targeting: Targeting,
    /// Outputs that depend on instances that are left out.
    kept_outputs: BTreeMap<Name, OutputRecord>,
    /// Provider settings that have been evaluated.
    settings: HashMap<ProviderName, ProviderRecord>,
}

/// The input of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedStep {
    /// Its arguments, wholly known.
    pub arguments: Object,
    /// The configured part of its record.
    pub from: RecordSettings,
    /// The record to write where an update turns out to change nothing once all values are known.
    pub unchanged: Option<Box<Record>>,
}

impl ApplyEvaluation {
    /// Returns the values of the plan before its first step.
    ///
    /// # Errors
    /// Errors when the configuration does not order or expand as it did while planning, because it
    /// is another one.
    pub fn begin(
        plan: &Plan,
        configuration: &Arc<Configuration>,
        files: &Arc<dyn FileSource + Send + Sync>,
        schemas: Arc<SchemaSet>,
        state: &State,
        now: SystemTime,
    ) -> Result<Self, Vec<Diagnostic>> {
        let graph = Arc::new(Graph::new(configuration, &schemas)?);
        let snapshot = &plan.snapshot;
        let mut diagnostics = Vec::new();
        let preview = Preview { graph: &graph, snapshot, files, recorded: None };
        let create_first = CreateBeforeDestroy::new(&graph, &preview, &mut diagnostics);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let mut execution = Self {
            world: world_with(&graph, snapshot, files).at(now),
            progress: ApplyProgress::new(&graph, plan),
            schemas,
            graph: graph.clone(),
            reach: Reachability::default(),
            create_first,
            touched: HashSet::default(),
            failed: HashMap::default(),
            warnings: Vec::new(),
            targeting: Targeting::new(&plan.selection, &graph, state),
            kept_outputs: BTreeMap::new(),
            settings: HashMap::default(),
        };
        if !execution.targeting.is_everything() {
            let is_kept = |name: &Name| {
                let place = graph.modules.configuration(ROOT).outputs.get_index_of(name);
                place.is_some_and(|it| {
                    execution.is_left_out(graph.number(ROOT, NodeKind::Output(it)))
                })
            };
            let recorded = state.outputs.iter().filter(|(name, _)| is_kept(name));
            execution.kept_outputs =
                recorded.map(|(name, it)| (name.clone(), it.clone())).collect();
        }
        let changes = plan
            .changes
            .iter()
            .filter(|it| it.deposed.is_none())
            .map(|it| (&it.address, it))
            .collect();
        let before = ApplyBasis { plan, changes, state };
        for node in graph.order.iter().copied() {
            match graph.node(node).what {
                // What the plan left out is not evaluated: it may have errors, which the plan did
                // not report either.
                NodeKind::Block(place) if execution.is_left_out(node) => {
                    execution.show(node, place, state)
                }
                NodeKind::Block(place) => execution.begin_block(node, place, &before)?,
                _ if execution.is_left_out(node) => {}
                _ => match evaluate(&graph, &mut execution.world, node).diagnostics {
                    none if none.is_empty() => {}
                    some => return Err(some),
                },
            }
        }
        Ok(execution)
    }

    /// Whether the plan leaves out a node.
    fn is_left_out(&self, node: NodeId) -> bool {
        self.targeting.leaves_out(&self.graph, node)
    }

    /// Makes the recorded values of a block that is left out visible.
    fn show(&mut self, node: NodeId, place: usize, state: &State) {
        for instance in self.world.of_module(self.graph.node(node).module) {
            let block = self.world.block_address(instance, place);
            let records: Vec<(&Address, &Record)> = instances(&state.records, &block).collect();
            show_as_recorded(&mut self.world, instance, place, &self.schemas, &records);
        }
    }

    fn begin_block(
        &mut self,
        node: NodeId,
        place: usize,
        before: &ApplyBasis<'_>,
    ) -> Result<(), Vec<Diagnostic>> {
        let (graph, schemas) = (self.graph.clone(), self.schemas.clone());
        let block = graph.block(node).expect("the node is a block node");
        let Some(described) = schemas.kind(block.name.mode, &block.name.kind) else {
            return Ok(());
        };
        if described.is_document() {
            return self.render(node, place);
        }
        let (schema, has_conditions) = (described.schema(), has_conditions(block));
        for instance in self.world.of_module(graph.node(node).module) {
            let expansion = expansion(&self.world, instance, block).map_err(|it| it.diagnostics)?;
            self.world.expand(instance, place, expansion.clone());
            let address = self.world.block_address(instance, place);
            for (at, key) in expansion.keys().enumerate() {
                let address = address.instance(key);
                let planned = before.changes.get(&address);
                if has_conditions && planned.is_some() {
                    self.touched.insert((instance, place, at));
                }
                let value = match (
                    planned.and_then(|it| it.after.as_ref()),
                    before.state.records.get(&address),
                ) {
                    (Some(after), _) => instance_value(schema, after, &Object::new()),
                    (None, Some(record)) => {
                        instance_value(schema, &record.arguments, &record.outputs)
                    }
                    (None, None) => match before.plan.data.get(&address) {
                        Some(outputs) => {
                            let here = EvaluationScope::each(instance, &expansion, at);
                            let arguments = ConfiguredArguments::evaluate(
                                &self.world,
                                &here,
                                described,
                                block,
                                &address,
                            )?;
                            instance_value(schema, &arguments.values, outputs)
                        }
                        None => continue,
                    },
                };
                self.world.set_instance(instance, place, at, value);
            }
        }
        Ok(())
    }

    /// Returns the input of a step, once everything it refers to is known.
    ///
    /// # Errors
    /// Errors of the evaluation, and contradictions to the plan.
    pub fn prepare(
        &mut self,
        change: &Change,
        record: Option<&Record>,
    ) -> Result<PreparedStep, Vec<Diagnostic>> {
        let (graph, schemas) = (self.graph.clone(), self.schemas.clone());
        let place = self.place(&graph, change)?;
        let InstancePosition { node, instance, block, at, .. } = place;
        if let Some(wrong) =
            graph.direct_references(node).chain([node]).find_map(|it| self.failed.get(&it))
        {
            return Err(wrong.clone());
        }
        let described = described(&schemas, block);
        let expansion =
            self.world.expansion(instance, place.place).cloned().expect("it has the instance");
        let here = EvaluationScope::each(instance, &expansion, at);
        let found = findings(&self.world, &block.lifecycle.preconditions, &here, &change.address);
        let (errors, warnings) = found.errors_and_warnings_in(block);
        self.warnings.extend(warnings);
        if !errors.is_empty() {
            return Err(errors);
        }
        let given =
            ConfiguredArguments::evaluate(&self.world, &here, described, block, &change.address)?;
        let given = match self.shared(node)? {
            Some(shared) => given.with_shared(shared, described),
            None => given,
        };
        // A replacement creates a new object, which takes nothing from the old record.
        let before = record.filter(|_| change.action == Action::Update);
        let ever_configured = before.map(|record| given.ever_configured(record, described));
        let arguments = match before {
            Some(record) => {
                given.merged_with_record(record, described, block.lifecycle.ignore_changes.as_ref())
            }
            None => given.values,
        };
        // The operator approved the plan, so any known value that differs now stops the step.
        hold_against_plan(block, change, described, &arguments, before).map_err(|it| vec![*it])?;
        // The comparison is repeated with the final values: an argument that was unknown may turn
        // out to be what is recorded.
        let is_same = |record: &&Record| {
            let found = differences(
                described,
                &arguments,
                (&record.arguments, &record.outputs),
                &record.configured,
                &given.configured,
            );
            found.is_ok_and(|it| it.is_empty())
        };
        let same = before.filter(is_same);
        let configured = ever_configured.unwrap_or(given.configured);
        let from = RecordSettings {
            timeouts: given.timeouts,
            ..self.configured_of(&place, configured, change)?
        };
        let unchanged = same.map(|record| Box::new(from.settle(described, record, &arguments)));
        Ok(PreparedStep { arguments, from, unchanged })
    }

    /// Returns the arguments that its provider's settings give to a resource.
    fn shared(&mut self, node: NodeId) -> Result<Option<Object>, Vec<Diagnostic>> {
        if self.graph.block(node).is_none_or(|it| it.name.mode != ResourceMode::Managed) {
            return Ok(None);
        }
        let schemas = self.schemas.clone();
        let Some(provider) = self.graph.provider_of(&schemas, node) else { return Ok(None) };
        let Some(shared) = schemas.provider(&provider.name).and_then(|it| it.shared) else {
            return Ok(None);
        };
        Ok(Some(shared(&self.settings(&provider)?.settings)))
    }

    /// Returns the position of a change's instance.
    fn place<'g>(
        &self,
        graph: &'g Graph,
        change: &Change,
    ) -> Result<InstancePosition<'g>, Vec<Diagnostic>> {
        let address = &change.address;
        let found = || {
            let node = graph.node_of(&address.block)?;
            let NodeKind::Block(place) = graph.node(node).what else { return None };
            let instance = self.world.find(&address.block.module)?;
            let at = self.world.expansion(instance, place)?.place(&address.key)?;
            Some(InstancePosition { node, place, instance, at, block: graph.block(node)? })
        };
        found().ok_or_else(|| {
            let diagnostic =
                Diagnostic::error("the configuration no longer asks for this instance")
                    .code(code::OTHER_THAN_PLANNED)
                    .address(address);
            let diagnostic = match graph.block_at(&address.block) {
                Some(block) => diagnostic.at(block.head.clone()),
                None => diagnostic,
            };
            vec![diagnostic.help("nothing was done to it; plan again and look at the new plan")]
        })
    }

    /// Stores the result of a step.
    ///
    /// # Errors
    /// Contradictions to the plan, and postconditions that do not hold.
    pub fn made(
        &mut self,
        change: &Change,
        arguments: &Object,
        outputs: &Object,
    ) -> Result<(), Vec<Diagnostic>> {
        let (graph, schemas) = (self.graph.clone(), self.schemas.clone());
        let InstancePosition { node, place, instance, at, block } = self.place(&graph, change)?;
        let described = described(&schemas, block);
        let value = instance_value(described.schema(), arguments, outputs);
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        for (output, planned) in change
            .after
            .iter()
            .flatten()
            .filter(|(name, _)| described.schema().outputs.contains_key(*name))
        {
            if !agrees(planned, &value.get(output)) {
                let diagnostic = Diagnostic::error(format!("`{output}` is not what the plan says"))
                    .code(code::OTHER_THAN_PLANNED)
                    .at(block.head.clone());
                let detail = "It was known while planning, and the service answered something else. It is done and on record.";
                let help = "plan again and look at what that changes; this is a fault of the kind, please report it";
                diagnostics.push(diagnostic.detail(detail).help(help).address(&change.address));
            }
        }
        // The value is stored before the postconditions are checked: the object exists, whatever
        // they say of it.
        let expansion =
            self.world.expansion(instance, place).cloned().expect("it has the instance");
        self.world.set_instance(instance, place, at, value.clone());
        let here = EvaluationScope::each(instance, &expansion, at).with_self(&value);
        let found = findings(&self.world, &block.lifecycle.postconditions, &here, &change.address);
        let (errors, warnings) = found.errors_and_warnings_in(block);
        diagnostics.extend(errors);
        self.warnings.extend(warnings);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        if self.progress.step_done(node) {
            self.settle(node);
        }
        Ok(())
    }

    /// Warns of a data source that could not be read, if only a `check` block uses it; its value
    /// stays unknown. Returns whether that is so.
    pub fn unread(&mut self, change: &Change, error: &Error) -> bool {
        let graph = self.graph.clone();
        let Ok(InstancePosition { node, block, .. }) = self.place(&graph, change) else {
            return false;
        };
        if block.check.is_none() {
            return false;
        }
        self.warnings.push(unread(block, &change.address, error.clone()));
        if self.progress.step_done(node) {
            self.settle(node);
        }
        true
    }

    fn configured_of(
        &mut self,
        place: &InstancePosition<'_>,
        configured: BTreeSet<Name>,
        change: &Change,
    ) -> Result<RecordSettings, Vec<Diagnostic>> {
        let protect = &place.block.lifecycle.prevent_destroy;
        let prevent_destroy = protect
            .as_ref()
            .map(|it| flag(&self.world, place.instance, it, "prevent_destroy"))
            .transpose();
        Ok(RecordSettings {
            configured,
            dependencies: self.reach.dependencies(
                &self.graph,
                place.node,
                &change.address.block.module,
            ),
            create_before_destroy: self
                .create_first
                .holds(place.node, &change.address.block.module),
            prevent_destroy: prevent_destroy.map_err(|it| it.diagnostics)?.unwrap_or_default(),
            timeouts: Object::new(),
        })
    }

    /// Returns the provider of an instance.
    #[must_use]
    pub fn provider_of(&self, address: &Address) -> ProviderName {
        let node = self.graph.node_of(&address.block);
        let provider = node.and_then(|it| self.graph.provider_of(&self.schemas, it));
        provider.expect("the plan has only blocks and kinds that are known")
    }

    /// Returns a provider's settings and dependencies, once everything they refer to is known.
    ///
    /// # Errors
    /// Errors of the evaluation, and settings that are still unknown.
    pub fn settings(&mut self, name: &ProviderName) -> Result<ProviderRecord, Vec<Diagnostic>> {
        if let Some(known) = self.settings.get(name) {
            return Ok(known.clone());
        }
        let schema = &self
            .schemas
            .provider(&name.name)
            .expect("the plan has only providers that are known")
            .schema;
        let Some((module, place)) = self.graph.modules.provider_place(name) else {
            let settings = schema.conform(&Object::new()).unwrap_or_default();
            return Ok(ProviderRecord { settings, dependencies: Dependencies::default() });
        };
        let node = self.graph.number(module, NodeKind::Provider(place));
        if let Some(wrong) = self.graph.direct_references(node).find_map(|it| self.failed.get(&it))
        {
            return Err(wrong.clone());
        }
        let block = &self.graph.modules.configuration(module).providers[place];
        // A module that configures providers has one instance at most.
        let instance = self.world.of_module(module).first().copied().unwrap_or(ROOT);
        let settings = self.world.within(&EvaluationScope::in_module(instance), |environment| {
            let given = block.body.evaluate(schema, environment)?;
            conform(schema, &given, &block.body, None, &block.span)
        })?;
        if let Some((argument, value)) = settings.iter().find(|(_, it)| !it.is_wholly_known()) {
            let diagnostic =
                Diagnostic::error(format!("`{argument}` of provider `{name}` is still not known"))
                    .code(code::OTHER_THAN_PLANNED)
                    .at(block.span.clone());
            let cause = value.cause().map(|it| format!("It waits for `{it}`.")).unwrap_or_default();
            return Err(vec![diagnostic.detail(cause)]);
        }
        let dependencies = self.reach.dependencies(&self.graph, node, self.world.path(instance));
        let record = ProviderRecord { settings, dependencies };
        self.settings.insert(name.clone(), record.clone());
        Ok(record)
    }

    /// Returns the root's outputs; those that are not known are omitted.
    ///
    /// # Errors
    /// Errors of outputs and other nodes that were evaluated during the apply.
    pub fn outputs(&mut self) -> Result<BTreeMap<Name, OutputRecord>, Vec<Diagnostic>> {
        if !self.failed.is_empty() {
            let mut failed: Vec<_> = self.failed.iter().collect();
            failed.sort_by_key(|(node, _)| **node);
            let mut diagnostics: Vec<Diagnostic> = Vec::new();
            for diagnostic in failed.into_iter().flat_map(|(_, it)| it) {
                if !diagnostics.contains(diagnostic) {
                    diagnostics.push(diagnostic.clone());
                }
            }
            return Err(diagnostics);
        }
        let mut outputs = self.kept_outputs.clone();
        for (place, (name, output)) in
            self.graph.modules.configuration(ROOT).outputs.iter().enumerate()
        {
            outputs.extend(self.known_output(place, output).map(|it| (name.clone(), it)));
        }
        Ok(outputs)
    }

    /// Returns the root's outputs as far as they are known. An output that waits for a step that
    /// was not done, or that failed, has its recorded value.
    #[must_use]
    pub fn outputs_so_far(
        &self,
        recorded: &BTreeMap<Name, OutputRecord>,
    ) -> BTreeMap<Name, OutputRecord> {
        let mut outputs = self.kept_outputs.clone();
        for (place, (name, output)) in
            self.graph.modules.configuration(ROOT).outputs.iter().enumerate()
        {
            let node = self.graph.number(ROOT, NodeKind::Output(place));
            // After an interruption, a value that depends on an undone step would be a planned
            // one, not a fact.
            let output = match self.progress.is_settled(node) && !self.failed.contains_key(&node) {
                true => self.known_output(place, output),
                false => recorded.get(name).cloned(),
            };
            outputs.extend(output.map(|it| (name.clone(), it)));
        }
        outputs
    }

    fn known_output(&self, place: usize, output: &OutputBlock) -> Option<OutputRecord> {
        let value =
            self.world.output(ROOT, place).filter(|it| it.is_wholly_known() && !it.is_null())?;
        Some(OutputRecord { value: value.clone(), sensitive: output.sensitive })
    }

    /// Returns the warnings of checks and data sources.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
}

/// The inputs of an apply.
struct ApplyBasis<'a> {
    plan: &'a Plan,
    changes: HashMap<&'a Address, &'a Change>,
    state: &'a State,
}

/// The position of an instance: its block's node and place, its module instance, and its place in
/// the block.
struct InstancePosition<'g> {
    node: NodeId,
    place: usize,
    instance: InstanceId,
    at: usize,
    block: &'g ResourceBlock,
}

fn described<'a>(schemas: &'a SchemaSet, block: &ResourceBlock) -> &'a ResourceDescription {
    schemas.kind(block.name.mode, &block.name.kind).expect("the plan has only kinds that are known")
}

fn has_conditions(block: &ResourceBlock) -> bool {
    !block.lifecycle.preconditions.is_empty() || !block.lifecycle.postconditions.is_empty()
}

/// Checks that all arguments are known, and that those that were known while planning have not
/// changed.
fn hold_against_plan(
    block: &ResourceBlock,
    change: &Change,
    described: &ResourceDescription,
    arguments: &Object,
    record: Option<&Record>,
) -> Result<(), Box<Diagnostic>> {
    let at = |name: &Name, what: &str| {
        let span = block.body.locate(&ha_value::Path::attribute(name.clone()));
        Diagnostic::error(format!("`{name}` {what}"))
            .code(code::OTHER_THAN_PLANNED)
            .at(span)
            .within(block.head.clone())
            .address(&change.address)
    };
    if let Some((name, value)) = arguments.iter().find(|(_, it)| !it.is_wholly_known()) {
        let cause = value.cause().map(|it| format!(" It waits for `{it}`.")).unwrap_or_default();
        let diagnostic = at(name, "is still not known")
            .detail(format!("Everything it refers to is done.{cause}"));
        let help = "this is a fault of the provider of what it refers to; please report it";
        return Err(Box::new(diagnostic.help(help)));
    }
    let Some(planned) = &change.after else { return Ok(()) };
    let actual = arguments_after(described, change.action, arguments, record, &change.address);
    for name in described.schema().arguments.keys() {
        let (planned, actual) =
            (planned.get(name).unwrap_or(&Value::NULL), actual.get(name).unwrap_or(&Value::NULL));
        if actual.is_known() && !agrees(planned, actual) {
            let diagnostic = at(name, "is not what the plan says");
            let detail = "What it refers to turned out otherwise than planned, or the configuration is another one.";
            let help = "nothing was done to it; plan again and look at the new plan";
            return Err(Box::new(diagnostic.detail(detail).help(help)));
        }
    }
    Ok(())
}

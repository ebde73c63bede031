//! The planner decides which changes make the world match the configuration. Pure and synchronous.

mod assemble;
mod causes;
pub(crate) mod chosen;
mod compare;
mod data;
mod destroy;
mod diagnostic_set;
mod discovery;
mod drift_secrecy;
mod duplicates;
mod excluded;
mod import;
mod ineffective;
pub(crate) mod known_settings;
mod managed;
mod moved_away;
mod orphan;
mod prevent_destroy;
mod provider;
pub(crate) mod read_request;
mod replace;
mod succession;
mod unknown;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_lang::{
    BlockName, Condition, Configuration, FileSource, ResourceBlock, kept, unknown_providers,
};
use ha_provider::{ResourceDescription, SchemaSet};
use ha_state_model::{ProviderName, ProviderRecord, State};
use ha_value::{Address, BlockAddress, HashMap, InstanceKey, Name, Object, ResourceMode, Value};

use crate::diff::containment::{ContainerKey, Containment};
use crate::diff::deletion::Deletions;
use crate::evaluation::arguments::ConfiguredArguments;
use crate::evaluation::condition::findings;
use crate::evaluation::expansion::{Expansion, ExpansionError};
use crate::evaluation::instance_value::with_origins;
use crate::evaluation::node::{EvaluationReport, evaluate};
use crate::evaluation::preview::{Preview, world_with};
use crate::evaluation::repetition::{expansion, too_many};
use crate::evaluation::values::{EvaluationScope, EvaluationValues, InstanceId};
use crate::graph::modules::ROOT;
use crate::graph::{Graph, GraphNode, NodeId, NodeKind, Reachability};
use crate::input::moves::MovedState;
use crate::input::prior_state::{Observations, PriorState};
use crate::input::recorded_instances::instances;
use crate::input::removed::Removals;
use crate::input::targeting;
use crate::input::targeting::Targeting;
use crate::model::selection::Selection;
use crate::model::{Change, CheckResult, OutputChange, Plan, PlanMode, PlanSnapshot};
use crate::order::Succession;
use crate::order::create_before_destroy::CreateBeforeDestroy;
use crate::planner::assemble::{PlanParts, finish};
use crate::planner::diagnostic_set::DiagnosticSet;
use crate::planner::prevent_destroy::protection;
use crate::planner::read_request::ReadRequest;
use causes::ChangeFlow;

pub use data::rendered;
pub use known_settings::known_settings;

/// A resource that is renamed in place: its provider and kind, the old id and the new id.
type IdentifierChange = (ProviderName, Name, String, String);

/// Everything a plan is a function of.
pub struct PlanInput<'a> {
    /// The configuration.
    pub configuration: &'a Arc<Configuration>,
    /// Source files and values of variables, stored in the plan.
    pub snapshot: &'a PlanSnapshot,
    /// The files that functions may read.
    pub files: &'a Arc<dyn FileSource + Send + Sync>,
    /// Descriptions of resource types and providers.
    pub schemas: &'a SchemaSet,
    /// The state after moves: records have the addresses of the configuration.
    pub state: &'a State,
    /// The moves that were carried out on the state.
    pub moved: &'a MovedState<'a>,
    /// Results of the refresh and of reads.
    pub observed: &'a Observations,
    /// Which kind of plan is requested.
    pub mode: PlanMode,
    /// Instances to replace (`--replace`).
    pub replace: &'a [Address],
    /// The operator's selection (`--target`, `--exclude`).
    pub selection: &'a Selection,
    /// Imports requested besides `import` blocks: the instance and its id.
    pub imports: &'a [(Address, String)],
    /// Whether instances without a record are searched for, because the state was lost.
    pub seek: bool,
}

/// A plan, or the reads that are needed before there can be one.
pub enum PlanOutcome {
    /// A plan.
    Plan(Box<Plan>),
    /// Reads whose arguments have become known.
    Reads(Vec<ReadRequest>),
}

/// Errors that prevent a plan.
#[derive(Debug)]
pub struct PlanError {
    /// All errors of the configuration that can be found with the values known now.
    pub diagnostics: Vec<Diagnostic>,
    /// What was planned apart from the failed parts; it can be shown, not applied.
    pub so_far: Option<Box<Plan>>,
}

impl From<Vec<Diagnostic>> for PlanError {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, so_far: None }
    }
}

/// Makes a plan, or returns the reads that it needs first.
///
/// # Errors
/// All errors of the configuration, with the part that could be planned.
pub fn plan(input: &PlanInput<'_>) -> Result<PlanOutcome, PlanError> {
    let prior_state = PriorState::new(input.state, input.observed, input.schemas);
    let graph = Arc::new(Graph::new(input.configuration, input.schemas)?);
    let meaningless = targeting::check(input.selection, Some(&graph), input.state);
    if !meaningless.is_empty() {
        return Err(meaningless.into());
    }
    match input.mode {
        PlanMode::Destroy => {
            Ok(PlanOutcome::Plan(Box::new(destroy::destroy(input, &graph, prior_state)?)))
        }
        PlanMode::Normal | PlanMode::RefreshOnly => Planner::new(input, graph, prior_state).plan(),
    }
}

/// Returns the errors of a configuration that do not depend on values known later.
#[must_use]
pub fn check(input: &PlanInput<'_>) -> Vec<Diagnostic> {
    let prior_state = PriorState::new(input.state, input.observed, input.schemas);
    let graph = match Graph::new(input.configuration, input.schemas) {
        Ok(graph) => Arc::new(graph),
        Err(diagnostics) => return diagnostics,
    };
    let mut planner = Planner { only_checks: true, ..Planner::new(input, graph, prior_state) };
    planner.walk();
    planner.diagnostics.in_order()
}

struct Planner<'a> {
    input: &'a PlanInput<'a>,
    /// Whether this is `check`: no value is known and no change is planned.
    only_checks: bool,
    graph: Arc<Graph>,
    /// The changes so far.
    targeting: Targeting,
    /// Blocks and instances that are not planned.
    left_out: BTreeSet<Address>,
    /// The `removed` blocks.
    removals: Removals<'a>,
    /// Requested imports by instance.
    imports: BTreeMap<Address, import::ImportRequest>,
    reach: Reachability,
    world: EvaluationValues,
    prior_state: PriorState,
    changes: Vec<Change>,
    /// Instances for the checks of several blocks together.
    compared: Vec<compare::ComparisonStart>,
    /// Resources that are renamed in place.
    renamed: BTreeSet<IdentifierChange>,
    /// Resources that are deleted and created again: provider, kind and old id.
    remade: BTreeSet<(ProviderName, Name, String)>,
    /// Replaced instances, and whether deleting the old object deletes what is inside it.
    replaced: BTreeMap<Address, bool>,
    /// Which instance lives inside which.
    containment: Containment<'a>,
    /// For each node and container, the change of the container that its contents must follow.
    container_changes: HashMap<(NodeId, ContainerKey), Option<replace::ContainerChange>>,
    /// The instance of each identity of which there can be only one.
    identities: HashMap<duplicates::ResourceIdentity, Address>,
    /// Blocks with an instance that is created, replaced, updated or read during the apply.
    pending: HashMap<NodeId, PendingChanges>,
    /// Causes and pending changes that each planned node passes to its dependents.
    flow: Vec<ChangeFlow>,
    create_first: CreateBeforeDestroy,
    /// Providers that a block of the configuration uses.
    used: BTreeSet<ProviderName>,
    /// Provider settings that are known.
    providers: BTreeMap<ProviderName, ProviderRecord>,
    /// All provider settings, unknown values included.
    settings: BTreeMap<ProviderName, Object>,
    outputs: BTreeMap<Name, OutputChange>,
    data: BTreeMap<Address, Object>,
    reads: Vec<ReadRequest>,
    /// Nodes whose values change once the pending reads are answered.
    waiting: BTreeSet<NodeId>,
    /// Nodes with an error, and all their dependents: nothing is concluded from their values.
    failed: Vec<bool>,
    diagnostics: DiagnosticSet,
    warnings: DiagnosticSet,
    checks: Vec<CheckResult>,
}

/// Pending changes of a block, as its dependents see them.
#[derive(Clone, Debug, Default)]
struct PendingChanges {
    /// Indices into the changes, by module instance and place of the instance in its block.
    changes: BTreeMap<(InstanceId, usize), usize>,
    /// Whether some object does not exist yet.
    absent: bool,
}

impl<'a> Planner<'a> {
    fn new(input: &'a PlanInput<'a>, graph: Arc<Graph>, prior_state: PriorState) -> Self {
        let world = world_with(&graph, input.snapshot, input.files);
        Self {
            targeting: Targeting::new(input.selection, &graph, input.state),
            left_out: BTreeSet::new(),
            removals: Removals::new(input.configuration),
            imports: BTreeMap::new(),
            input,
            only_checks: false,
            reach: Reachability::default(),
            world,
            prior_state,
            changes: Vec::new(),
            compared: Vec::new(),
            renamed: BTreeSet::new(),
            remade: BTreeSet::new(),
            replaced: BTreeMap::new(),
            containment: Containment::new(input.state, input.schemas),
            container_changes: HashMap::default(),
            identities: HashMap::default(),
            pending: HashMap::default(),
            flow: vec![ChangeFlow::default(); graph.len()],
            failed: vec![false; graph.len()],
            create_first: CreateBeforeDestroy::default(),
            used: BTreeSet::new(),
            providers: BTreeMap::new(),
            settings: BTreeMap::new(),
            outputs: BTreeMap::new(),
            data: BTreeMap::new(),
            reads: Vec::new(),
            waiting: BTreeSet::new(),
            diagnostics: DiagnosticSet::default(),
            warnings: DiagnosticSet::default(),
            checks: Vec::new(),
            graph,
        }
    }

    /// Plans all nodes, each after the nodes it refers to.
    fn walk(&mut self) {
        self.register_requested_imports();
        let graph = self.graph.clone();
        let (snapshot, files) = (self.input.snapshot, self.input.files);
        let preview = Preview { graph: &graph, snapshot, files, recorded: None };
        let mut wrong = Vec::new();
        // A flag passes from a block to everything it refers to, against the order of the walk, so
        // it is decided for all blocks before the first of them is planned.
        self.create_first = CreateBeforeDestroy::new(&graph, &preview, &mut wrong);
        self.diagnostics.extend(wrong);
        self.check_providers_and_ephemeral();
        for node in graph.order.iter().copied() {
            self.plan_node(node);
        }
        // These look at all blocks together, so they come after every block has been expanded.
        self.report_imports_without_instance();
        self.report_moves_of_configured_instances();
        self.cross_check();
    }

    fn plan(mut self) -> Result<PlanOutcome, PlanError> {
        self.walk();
        if !self.diagnostics.is_empty() {
            return Err(self.into_error());
        }
        // Deletions are not planned before all reads are answered: an instance whose `for_each`
        // waits for a read would look like one that is not configured.
        if !self.reads.is_empty() {
            return Ok(PlanOutcome::Reads(self.reads));
        }
        // A search adopts existing objects. Nothing may be deleted before all of them are
        // recorded.
        if self.input.mode == PlanMode::Normal && !self.input.seek {
            self.plan_deletions();
            if !self.diagnostics.is_empty() {
                return Err(self.into_error());
            }
        }
        let successions = self.successions();
        if !self.diagnostics.is_empty() {
            return Err(self.into_error());
        }
        // Outputs that are recorded and not configured any more are removed.
        for (name, it) in &self.input.state.outputs {
            let gone = || OutputChange {
                before: Some(it.value.clone()),
                after: None,
                sensitive: it.sensitive,
            };
            self.outputs.entry(name.clone()).or_insert_with(gone);
        }
        self.into_plan(successions)
            .map(|it| PlanOutcome::Plan(Box::new(it)))
            .map_err(PlanError::from)
    }

    /// Returns the errors with the part that was planned.
    fn into_error(mut self) -> PlanError {
        self.unplan_waiting();
        let diagnostics = std::mem::take(&mut self.diagnostics).in_order();
        let so_far =
            // A plan that is shown and never applied needs no order between changes, and the order
            // could fail because of the parts that are missing.
            self.into_plan(Vec::new()).ok().map(|it| Box::new(Plan { errored: true, ..it }));
        PlanError { diagnostics, so_far }
    }

    fn into_plan(mut self, successions: Vec<Succession>) -> Result<Plan, Vec<Diagnostic>> {
        self.list_left_out();
        let Self {
            input,
            graph,
            prior_state,
            changes,
            mut providers,
            used,
            outputs,
            data,
            warnings,
            left_out,
            checks,
            ..
        } = self;
        let recorded = recorded_providers(input.state);
        providers.retain(|name, _| used.contains(name) || recorded.contains(name));
        let warnings = warnings.in_order();
        let graph = Some(&*graph);
        let parts = PlanParts {
            prior_state,
            changes,
            successions,
            outputs,
            graph,
            providers,
            data,
            warnings,
            left_out,
            checks,
        };
        finish(input, parts)
    }

    /// Plans deletions, and checks that they are allowed.
    fn plan_deletions(&mut self) {
        self.plan_orphans();
        let making: BTreeSet<&Address> =
            self.changes.iter().filter(|it| it.action.makes()).map(|it| &it.address).collect();
        let going = Deletions {
            state: self.input.state,
            schemas: self.input.schemas,
            priors: &self.prior_state.priors,
        };
        let left = going
            .left_behind(&making)
            .into_iter()
            .filter(|it| self.targeting.has(&self.graph, &it.address));
        let left: Vec<Change> = left.collect();
        self.changes.extend(left);
        // Forgetting comes before the containers are looked at: an instance that is forgotten is
        // not deleted, so it takes nothing along.
        orphan::forget(&mut self.changes, &self.removals, &self.prior_state.priors);
        going.mark_gone_with(&mut self.changes);
        self.check_prevent_destroy();
    }

    fn plan_node(&mut self, id: NodeId) {
        // Diagnostics are deduplicated, so a repeated one does not change `len`. The count with
        // repetitions shows whether this node has an error too.
        let reported = (self.diagnostics.len(), self.warnings.len());
        let (planned, times) = (self.changes.len(), self.diagnostics.times());
        let depends_on_failure = self.depends_on_failure(id, times);
        self.plan_node_kind(id);
        if depends_on_failure {
            self.unplan(id, planned);
        }
        // The failure is passed on node by node, so each node looks at its direct references only.
        self.failed[id] = depends_on_failure || self.diagnostics.times() > times;
        self.flow[id] = self.flow_of(id);
        // During a search, errors that result from a pending read are dropped: the next round
        // evaluates the node with the answer and reports what remains.
        if self.input.seek && self.graph.direct_references(id).any(|it| self.waiting.contains(&it))
        {
            self.waiting.insert(id);
            self.diagnostics.truncate(reported.0);
            self.warnings.truncate(reported.1);
            self.failed[id] = false;
        }
    }

    /// Takes back the changes of a node because one of its dependencies failed: they would be
    /// planned from values that are not there. Its own errors stay reported.
    fn unplan(&mut self, id: NodeId, planned: usize) {
        for change in self.changes.drain(planned..) {
            self.replaced.remove(&change.address);
        }
        self.pending.remove(&id);
        self.list_unplanned(id);
    }

    /// Takes back what was planned of nodes whose reads have not been answered, and of all that
    /// depend on them.
    fn unplan_waiting(&mut self) {
        // After an error no more reads are made, so their values stay unknown. A change that was
        // planned with such a value would be shown although the answer may be what is recorded.
        let graph = self.graph.clone();
        let mut waits = vec![false; graph.len()];
        for node in graph.order.iter().copied() {
            waits[node] = self.waiting.contains(&node)
                || graph.direct_references(node).any(|behind| waits[behind]);
        }
        let is_waiting =
            |change: &Change| graph.node_of(&change.address.block).is_some_and(|node| waits[node]);
        self.changes.retain(|change| !is_waiting(change));
        for node in graph.order.iter().copied().filter(|node| waits[*node]) {
            self.list_unplanned(node);
            if let GraphNode { module: ROOT, what: NodeKind::Output(place) } = graph.node(node) {
                self.outputs.remove(&self.input.configuration.outputs[place].name);
                self.keep_output(place);
            }
        }
    }

    /// Lists the instances of a node of which nothing is planned as left out.
    fn list_unplanned(&mut self, id: NodeId) {
        self.left_out.extend(
            self.graph
                .block_address(id)
                .map(|it| it.instance(InstanceKey::None))
                .filter(|_| !self.is_recorded(id)),
        );
        let NodeKind::Block(place) = self.graph.node(id).what else { return };
        for instance in self.world.of_module(self.graph.node(id).module) {
            let block = self.world.block_address(instance, place);
            self.left_out
                .extend(instances(&self.prior_state.priors, &block).map(|(it, _)| it.clone()));
        }
    }

    fn plan_node_kind(&mut self, id: NodeId) {
        let GraphNode { module, what } = self.graph.node(id);
        match what {
            NodeKind::Block(place) if self.targeting.leaves_out(&self.graph, id) => {
                self.leave_out_block(id, place)
            }
            _ if self.targeting.leaves_out(&self.graph, id) => {
                if let (ROOT, NodeKind::Output(place)) = (module, what) {
                    self.keep_output(place);
                }
            }
            NodeKind::Block(place) if self.keeps_recorded_values(id) => {
                self.show_recorded(id, place)
            }
            NodeKind::Provider(place) => self.evaluate_provider(id, module, place),
            NodeKind::Block(place) => self.plan_block(id, place),
            _ => {
                let (graph, reported) = (self.graph.clone(), self.diagnostics.times());
                let EvaluationReport { diagnostics, waits, warnings, checks } =
                    evaluate(&graph, &mut self.world, id);
                self.checks.extend(checks);
                self.report_undecided(ExpansionError { diagnostics, waits });
                self.warnings.extend(warnings);
                match (module, what) {
                    (ROOT, NodeKind::Output(place)) if self.depends_on_failure(id, reported) => {
                        self.keep_output(place)
                    }
                    (ROOT, NodeKind::Output(place)) => self.plan_output(place),
                    _ => {}
                }
            }
        }
    }

    /// Whether a node or one of its dependencies has an error. `reported` is the number of errors
    /// before the node was planned.
    fn depends_on_failure(&self, id: NodeId, reported: usize) -> bool {
        self.diagnostics.times() > reported
            || self.graph.direct_references(id).any(|it| self.failed[it])
    }

    /// Reports missing providers, and ephemeral values in arguments that would be recorded.
    fn check_providers_and_ephemeral(&mut self) {
        let schemas = self.input.schemas;
        let providers = schemas
            .kinds()
            .map(|(_, it)| &*it.provider)
            .chain(schemas.providers().map(|(name, _)| &**name));
        let known: BTreeSet<&str> = providers.collect();
        let known: Vec<&str> = known.into_iter().collect();
        let configuration = &self.input.configuration;
        self.diagnostics.extend(unknown_providers(configuration, &known));
        let fields =
            |name: &BlockName| schemas.kind(name.mode, &name.kind).map(|it| &it.schema().arguments);
        self.diagnostics.extend(kept(configuration, fields));
    }

    /// Reports why something cannot be decided, unless it waits for a data source that is read
    /// next.
    fn report_undecided(&mut self, undecided: ExpansionError) {
        if undecided.waits && self.only_checks {
            return;
        }
        if !undecided.waits || self.reads.is_empty() {
            self.diagnostics.extend(undecided.diagnostics);
        }
    }

    fn plan_output(&mut self, place: usize) {
        let output = &self.input.configuration.outputs[place];
        let before = self.input.state.outputs.get(&output.name).map(|it| it.value.clone());
        // A null output is recorded as no output.
        let after = self.world.output(ROOT, place).filter(|it| !it.is_null()).cloned();
        // A refresh-only plan has no step that could make the value known, so the recorded value
        // stays.
        let is_unknown = after.as_ref().is_some_and(|it| !it.is_wholly_known());
        let after = if self.input.mode == PlanMode::RefreshOnly && is_unknown {
            before.clone()
        } else {
            after
        };
        if before.is_some() || after.is_some() {
            self.outputs.insert(
                output.name.clone(),
                OutputChange { before, after, sensitive: output.sensitive },
            );
        }
    }

    fn plan_block(&mut self, node: NodeId, place: usize) {
        let graph = self.graph.clone();
        let block = graph.block(node).expect("the node is a block node");
        let name = &block.name;
        let Some(described) = self.input.schemas.kind(name.mode, &name.kind) else {
            self.diagnostics.push(unknown::kind(self.input.schemas, block));
            return;
        };
        self.diagnostics.extend(ineffective::ignored(block, described));
        self.diagnostics.extend(ineffective::triggers(block, self.input.schemas));
        let Some(provider) = self.provider_for(node, block, described) else { return };
        self.evaluate_imports(node);
        let because = self.causes_of(node);
        let count = self.instance_count(node, block);
        // The sum over all module instances is checked before any is expanded: counts of nested
        // modules multiply, and expanding first could exhaust the memory.
        if !self.world.has_room(count) {
            let expressions = (block.count.as_ref(), block.for_each.as_ref());
            self.diagnostics.push(too_many(
                count,
                &name.to_string(),
                expressions.0,
                expressions.1,
                &block.head,
            ));
            return;
        }
        for instance in self.world.of_module(graph.node(node).module) {
            let expansion = match expansion(&self.world, instance, block) {
                Ok(expansion) => expansion,
                Err(undecided) => {
                    // `check` knows no values, so a count that waits for a data source is normal
                    // there. The arguments are evaluated once, with unknown values for the key, to
                    // find other errors.
                    let stand_in =
                        (self.only_checks && undecided.waits).then(|| Expansion::stand_in(block));
                    self.report_undecided(undecided);
                    if let Some(expansion) = stand_in {
                        let address = self.world.block_address(instance, place);
                        let planning = BlockPlanning {
                            node,
                            place,
                            instance,
                            block,
                            described,
                            provider: &provider,
                            expansion: &expansion,
                            address,
                            because: &because,
                        };
                        let one = planning.instance_at(0);
                        let arguments = ConfiguredArguments::evaluate(
                            &self.world,
                            &one.scope(),
                            described,
                            block,
                            &one.address,
                        );
                        self.diagnostics.extend(arguments.err().into_iter().flatten());
                    }
                    continue;
                }
            };
            self.world.expand(instance, place, expansion.clone());
            self.diagnostics.extend(self.no_such_triggers(instance, block));
            let address = self.world.block_address(instance, place);
            let planning = BlockPlanning {
                node,
                place,
                instance,
                block,
                described,
                provider: &provider,
                expansion: &expansion,
                address,
                because: &because,
            };
            self.plan_instances(&planning);
        }
    }

    /// Returns the number of instances in all instances of the module, as far as it is known.
    fn instance_count(&self, node: NodeId, block: &ResourceBlock) -> usize {
        let modules = self.world.of_module(self.graph.node(node).module);
        match block.count.is_some() || block.for_each.is_some() {
            true => modules
                .into_iter()
                .filter_map(|it| Some(expansion(&self.world, it, block).ok()?.len()))
                .sum(),
            false => modules.len(),
        }
    }

    /// Plans all instances of a block in one instance of its module.
    fn plan_instances(&mut self, planning: &BlockPlanning<'_>) {
        let BlockPlanning { block, described, provider, .. } = *planning;
        let mode = block.name.mode;
        let flags = if mode == ResourceMode::Managed {
            self.record_settings(planning)
        } else {
            Default::default()
        };
        if !self.only_checks {
            self.changes.reserve(planning.expansion.len());
        }
        let shared = self.shared(mode, provider);
        for at in 0..planning.expansion.len() {
            let instance = &planning.instance_at(at);
            if !self.targeting.has(&self.graph, &instance.address) {
                self.leave_out_instance(instance);
                continue;
            }
            let arguments = match ConfiguredArguments::evaluate(
                &self.world,
                &instance.scope(),
                described,
                block,
                &instance.address,
            ) {
                Ok(arguments) => match &shared {
                    Some(shared) => arguments.with_shared(shared.clone(), described),
                    None => arguments,
                },
                Err(diagnostics) => {
                    self.diagnostics.extend(diagnostics);
                    continue;
                }
            };
            self.check_conditions(instance, &block.lifecycle.preconditions, &instance.scope());
            // Most kinds take part in no cross-check, and their arguments need not be copied.
            if self.input.schemas.is_compared(mode, &block.name.kind) {
                let arguments = compare::lasting(
                    &arguments.values,
                    block.lifecycle.ignore_changes.as_ref(),
                    described,
                );
                self.compared.push(compare::ComparisonStart {
                    node: planning.node,
                    address: instance.address.clone(),
                    arguments,
                });
            }
            match mode {
                ResourceMode::Managed => self.plan_managed(instance, arguments, &flags),
                ResourceMode::Data if described.is_document() => {
                    self.evaluate_document(instance, &arguments.values)
                }
                ResourceMode::Data => self.plan_data(instance, provider, arguments),
            }
        }
    }

    /// Stores the value of an instance for expressions, and evaluates its postconditions.
    fn set_value(&mut self, instance: &InstancePlanning<'_>, value: Value) {
        let value = with_origins(value, &instance.address);
        let BlockPlanning { block, place, instance: module, .. } = *instance.planning;
        let conditions = &block.lifecycle.postconditions;
        if !conditions.is_empty() {
            self.check_conditions(instance, conditions, &instance.scope().with_self(&value));
        }
        self.world.set_instance(module, place, instance.at, value);
    }

    /// Evaluates conditions of an instance, and reports those that do not hold.
    fn check_conditions(
        &mut self,
        instance: &InstancePlanning<'_>,
        conditions: &[Condition],
        at: &EvaluationScope<'_>,
    ) {
        if conditions.is_empty() {
            return;
        }
        let found = findings(&self.world, conditions, at, &instance.address);
        self.checks.push(found.status(instance.address.clone()));
        let (errors, warnings) = found.errors_and_warnings_in(instance.planning.block);
        self.diagnostics.extend(errors);
        self.warnings.extend(warnings);
    }

    /// Reports changes that `prevent_destroy` forbids: deletions and replacements, also where the
    /// block has been removed.
    fn check_prevent_destroy(&mut self) {
        for change in self.changes.iter().filter(|it| it.deposed.is_none() && it.action.destroys())
        {
            // The record decides for a block that was removed: otherwise removing a block would
            // remove its protection.
            let recorded = || {
                self.prior_state
                    .priors
                    .get(&change.address)
                    .is_some_and(|it| it.record.prevent_destroy)
            };
            let protected = protection(&self.graph, &self.world, change, recorded);
            match protected {
                Ok(None) => {}
                Ok(Some(diagnostic)) => self.diagnostics.push(diagnostic),
                Err(undecided) => self.diagnostics.extend(undecided.diagnostics),
            }
        }
    }
}

/// Returns the providers of all records and unfinished steps.
pub(crate) fn recorded_providers(state: &State) -> BTreeSet<&ProviderName> {
    let records = state.records.values().chain(state.deposed.values()).map(|it| &it.provider);
    records.chain(state.unfinished.values().map(|it| &it.intent.provider)).collect()
}

/// A block that is being planned, in one instance of its module.
struct BlockPlanning<'a> {
    node: NodeId,
    /// The index of the block in the configuration of its module.
    place: usize,
    /// The module instance.
    instance: InstanceId,
    block: &'a ResourceBlock,
    described: &'a ResourceDescription,
    provider: &'a ProviderName,
    expansion: &'a Expansion,
    address: BlockAddress,
    because: &'a [String],
}

impl<'a> BlockPlanning<'a> {
    fn instance_at(&'a self, at: usize) -> InstancePlanning<'a> {
        InstancePlanning {
            planning: self,
            at,
            address: self.address.instance(self.expansion.key(at)),
        }
    }
}

/// One instance of a block that is being planned.
struct InstancePlanning<'a> {
    /// The block, which all its instances share.
    planning: &'a BlockPlanning<'a>,
    /// The place among the instances of the block.
    at: usize,
    address: Address,
}

impl InstancePlanning<'_> {
    fn scope(&self) -> EvaluationScope<'_> {
        EvaluationScope::each(self.planning.instance, self.planning.expansion, self.at)
    }
}

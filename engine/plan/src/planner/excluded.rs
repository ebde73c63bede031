//! Instances that are not planned: those that a selection leaves out, and all of them in a
//! refresh-only plan. Expressions see their recorded values.

use ha_diagnostics::Diagnostic;
use ha_state_model::Record;
use ha_value::{Address, InstanceKey, ResourceMode};

use super::drift_secrecy::{ConfiguredBlock, drifted};
use super::{BlockPlanning, InstancePlanning, Planner};
use crate::evaluation::instance_value::instance_value;
use crate::evaluation::preview::show_as_recorded;
use crate::graph::NodeId;
use crate::input::recorded_instances::instances;
use crate::model::{OutputChange, PlanMode};

impl Planner<'_> {
    /// Whether a block's instances keep their values whatever the configuration says, as in a
    /// refresh-only plan.
    pub(super) fn keeps_recorded_values(&self, node: NodeId) -> bool {
        self.input.mode == PlanMode::RefreshOnly
            && self.graph.block(node).is_some_and(|it| it.name.mode == ResourceMode::Managed)
    }

    /// Makes the recorded values of a block's instances visible to expressions.
    pub(super) fn show_recorded(&mut self, node: NodeId, place: usize) {
        self.mark_drift(node, place);
        for instance in self.world.of_module(self.graph.node(node).module) {
            let block = self.world.block_address(instance, place);
            let priors = instances(&self.prior_state.priors, &block);
            let records: Vec<(&Address, &Record)> =
                priors.map(|(address, it)| (address, &it.record)).collect();
            show_as_recorded(&mut self.world, instance, place, self.input.schemas, &records);
        }
    }

    /// Marks what was read of a block's instances as their configuration is marked: they are not
    /// planned, but their drift is shown and recorded.
    fn mark_drift(&mut self, node: NodeId, place: usize) {
        let graph = self.graph.clone();
        let Some(block) = graph.block(node) else { return };
        let Some(described) = self.input.schemas.kind(block.name.mode, &block.name.kind) else {
            return;
        };
        let provider = graph.provider_of(self.input.schemas, node);
        let shared = provider.and_then(|it| self.shared(block.name.mode, &it));
        for instance in self.world.of_module(graph.node(node).module) {
            let address = self.world.block_address(instance, place);
            let configured = ConfiguredBlock { instance, block, described, shared: shared.clone() };
            for address in drifted(self.input.state, &self.prior_state, &address) {
                configured.mark(&self.world, self.input.state, &mut self.prior_state, &address);
            }
        }
    }

    /// Leaves out a whole block.
    pub(super) fn leave_out_block(&mut self, node: NodeId, place: usize) {
        self.show_recorded(node, place);
        let Some(block) = self.graph.block_address(node) else { return };
        if block.mode == ResourceMode::Managed && !self.is_recorded(node) {
            self.left_out.insert(block.instance(InstanceKey::None));
        }
    }

    pub(super) fn is_recorded(&self, node: NodeId) -> bool {
        let instances_of = |instance: usize, place: usize| {
            let block = self.world.block_address(instance, place);
            instances(&self.prior_state.priors, &block).next().is_some()
        };
        let crate::graph::NodeKind::Block(place) = self.graph.node(node).what else { return false };
        self.world
            .of_module(self.graph.node(node).module)
            .into_iter()
            .any(|it| instances_of(it, place))
    }

    /// Leaves out one instance of a block of which others are planned.
    pub(super) fn leave_out_instance(&mut self, instance: &InstancePlanning<'_>) {
        let BlockPlanning { instance: module, place, described, .. } = *instance.planning;
        if let Some(prior) = self.prior_state.priors.get(&instance.address) {
            let value =
                instance_value(described.schema(), &prior.record.arguments, &prior.record.outputs);
            self.world.set_instance(module, place, instance.at, value);
        }
        if instance.address.block.mode == ResourceMode::Managed {
            self.left_out.insert(instance.address.clone());
        }
    }

    /// Keeps the recorded value of an output.
    pub(super) fn keep_output(&mut self, place: usize) {
        let name = &self.input.configuration.outputs[place].name;
        if let Some(it) = self.input.state.outputs.get(name) {
            let same = OutputChange {
                before: Some(it.value.clone()),
                after: Some(it.value.clone()),
                sensitive: it.sensitive,
            };
            self.outputs.insert(name.clone(), same);
        }
    }

    /// Lists the recorded instances that are left out, and warns that the plan is partial.
    pub(super) fn list_left_out(&mut self) {
        if self.targeting.is_everything() {
            return;
        }
        let left =
            self.prior_state.priors.iter().filter(|(it, _)| !self.targeting.has(&self.graph, it));
        let left: Vec<(Address, Record)> =
            left.map(|(address, prior)| (address.clone(), prior.record.clone())).collect();
        self.warnings.push(partial());
        for (address, record) in &left {
            // `NodeId::MAX` is no node of the graph, so the cache of container changes has no
            // entry of a planned node under it.
            let within = self.within(NodeId::MAX, record).filter(|it| it.takes_along);
            self.warnings.extend(within.map(|it| goes_all_the_same(address, &it.container)));
        }
        self.left_out.extend(left.into_iter().map(|(address, _)| address));
    }
}

/// A warning about an instance that is left out and is deleted with its container.
fn goes_all_the_same(address: &Address, container: &Address) -> Diagnostic {
    let diagnostic =
        Diagnostic::warning(format!("`{address}` is left out, but is deleted with its container"));
    let detail = format!(
        "It is inside `{container}`, which this plan replaces or deletes, and it will not be created again."
    );
    diagnostic
        .detail(detail)
        .address(address)
        .help(format!("choose it too, or leave `{container}` out as well"))
}

/// The warning on every plan with a selection.
pub(super) fn partial() -> Diagnostic {
    let detail = "What is left out keeps its recorded values, and outputs that depend on it stay as they were.";
    let help = "plan without `--target` and `--exclude` afterwards: what is configured and what is there may still differ";
    Diagnostic::warning("this plan is about a part of the configuration only")
        .detail(detail)
        .help(help)
}

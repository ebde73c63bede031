//! Values that are needed before planning or without it. Blocks are unknown, or have their
//! recorded values.

use std::sync::Arc;

use ha_lang::FileSource;
use ha_provider::SchemaSet;
use ha_state_model::{Record, State};
use ha_value::{Address, InstanceKey, Value};

use crate::evaluation::expansion::Expansion;
use crate::evaluation::instance_value::instance_value;
use crate::evaluation::node::evaluate;
use crate::evaluation::values::{EvaluationValues, InstanceId};
use crate::graph::{Graph, NodeId, NodeKind};
use crate::input::recorded_instances::instances;
use crate::model::PlanSnapshot;

/// Evaluates expressions without planning.
pub(crate) struct Preview<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) snapshot: &'a PlanSnapshot,
    pub(crate) files: &'a Arc<dyn FileSource + Send + Sync>,
    /// The records and schemas, where blocks have their recorded values; without them all blocks
    /// are unknown.
    pub(crate) recorded: Option<(&'a State, &'a SchemaSet)>,
}

impl Preview<'_> {
    /// Returns values in which everything that these nodes refer to has been evaluated. Errors are
    /// dropped: the planner reports them.
    pub(crate) fn world(&self, asking: &[NodeId]) -> EvaluationValues {
        let mut world = world_with(self.graph, self.snapshot, self.files);
        if asking.is_empty() {
            return world;
        }
        // Evaluating only what the asking nodes need keeps errors elsewhere from mattering, and
        // saves evaluating the rest twice.
        let behind = self.graph.with_dependencies(asking.iter().copied());
        for node in self.graph.order.iter().copied().filter(|it| behind[*it]) {
            match (self.graph.node(node).what, self.recorded) {
                (NodeKind::Block(place), Some((state, schemas))) => {
                    for instance in world.of_module(self.graph.node(node).module) {
                        let block = world.block_address(instance, place);
                        let records: Vec<(&Address, &Record)> =
                            instances(&state.records, &block).collect();
                        show_as_recorded(&mut world, instance, place, schemas, &records);
                    }
                }
                _ => drop(evaluate(self.graph, &mut world, node)),
            }
        }
        world
    }
}

/// Returns values that hold the root's variables alone.
pub(crate) fn world_with(
    graph: &Graph,
    snapshot: &PlanSnapshot,
    files: &Arc<dyn FileSource + Send + Sync>,
) -> EvaluationValues {
    let mut world = EvaluationValues::new(
        graph.modules.clone(),
        files.clone(),
        snapshot.environment.as_deref(),
    );
    let configuration = graph.modules.configuration(crate::graph::modules::ROOT);
    for (place, (name, variable)) in configuration.variables.iter().enumerate() {
        if let Some(value) = snapshot.value(name, variable) {
            world.set_variable(0, place, variable.marked(value));
        }
    }
    world
}

/// Makes the recorded instances of a block visible to expressions.
pub(crate) fn show_as_recorded(
    world: &mut EvaluationValues,
    instance: InstanceId,
    place: usize,
    schemas: &SchemaSet,
    records: &[(&Address, &Record)],
) {
    let block = world.block_address(instance, place);
    let Some(described) = schemas.kind(block.mode, &block.kind) else { return };
    let named = |(address, _): &(&Address, &Record)| match &address.key {
        InstanceKey::Name(it) => Some((it.clone(), Value::NULL)),
        _ => None,
    };
    // The records show which keys there were; `count` and `for_each` may have changed since, or
    // may not be known.
    let expansion = match records.last().map(|(address, _)| &address.key) {
        None => return,
        Some(InstanceKey::None) => Expansion::Single,
        Some(InstanceKey::Index(last)) => {
            Expansion::Count(usize::try_from(*last).map_or(0, |it| it + 1))
        }
        Some(InstanceKey::Name(_)) => {
            Expansion::ForEach(records.iter().filter_map(named).collect())
        }
    };
    let places: Vec<Option<usize>> =
        records.iter().map(|(address, _)| expansion.place(&address.key)).collect();
    world.expand(instance, place, expansion.into());
    for ((_, record), at) in records.iter().zip(places) {
        if let Some(at) = at {
            world.set_instance(
                instance,
                place,
                at,
                instance_value(described.schema(), &record.arguments, &record.outputs),
            );
        }
    }
}

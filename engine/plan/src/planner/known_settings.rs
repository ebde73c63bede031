//! Provider settings that are known before planning. Refresh connects with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_state_model::{ProviderName, ProviderRecord};

use super::{PlanInput, Planner};
use crate::evaluation::preview::Preview;
use crate::graph::{Graph, NodeId, NodeKind};
use crate::input::prior_state::PriorState;

/// Returns the provider settings that follow from the configuration and the recorded values.
#[must_use]
pub fn known_settings(input: &PlanInput<'_>) -> BTreeMap<ProviderName, ProviderRecord> {
    match Graph::new(input.configuration, input.schemas) {
        Ok(graph) => known_settings_in(input, &Arc::new(graph)),
        // The errors of the graph are reported by the plan that follows.
        Err(_) => BTreeMap::new(),
    }
}

/// Returns the same for an existing graph.
pub(super) fn known_settings_in(
    input: &PlanInput<'_>,
    graph: &Arc<Graph>,
) -> BTreeMap<ProviderName, ProviderRecord> {
    let is_provider = |it: &NodeId| matches!(graph.node(*it).what, NodeKind::Provider(_));
    let wanted: Vec<NodeId> = graph.order.iter().copied().filter(is_provider).collect();
    let recorded = Some((input.state, input.schemas));
    let preview = Preview { graph, snapshot: input.snapshot, files: input.files, recorded };
    // The planner's own evaluation of `provider` blocks is used, so that refresh connects with the
    // same settings as the plan.
    let mut planner = Planner::new(input, graph.clone(), PriorState::default());
    planner.world = preview.world(&wanted);
    for node in wanted {
        if let NodeKind::Provider(place) = graph.node(node).what {
            planner.evaluate_provider(node, graph.node(node).module, place);
        }
    }
    planner.providers
}

//! Settings of providers that are known before planning: what refresh connects with.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_state_model::{ProviderName, ProviderRecord};

use super::{Input, Planner};
use crate::evaluation::preview::Peek;
use crate::graph::{Graph, NodeId, What};
use crate::input::prior_state::Current;

/// The settings of providers that are known from the configuration and what is recorded.
#[must_use]
pub fn known_settings(input: &Input<'_>) -> BTreeMap<ProviderName, ProviderRecord> {
    match Graph::of(input.configuration, input.schemas) {
        Ok(graph) => known_settings_in(input, &Arc::new(graph)),
        Err(_) => BTreeMap::new(),
    }
}

/// The same, of a graph that is there already.
pub(super) fn known_settings_in(input: &Input<'_>, graph: &Arc<Graph>) -> BTreeMap<ProviderName, ProviderRecord> {
    let is_provider = |it: &NodeId| matches!(graph.node(*it).what, What::Provider(_));
    let wanted: Vec<NodeId> = graph.order.iter().copied().filter(is_provider).collect();
    let recorded = Some((input.state, input.schemas));
    let peek = Peek { graph, snapshot: input.snapshot, files: input.files, recorded };
    let mut planner = Planner::new(input, graph.clone(), Current::default());
    planner.world = peek.world(&wanted);
    for node in wanted {
        if let What::Provider(place) = graph.node(node).what {
            planner.provider(node, graph.node(node).module, place);
        }
    }
    planner.providers
}

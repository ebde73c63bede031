//! A plan that deletes everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_state_model::{ProviderName, ProviderRecord};
use ha_value::{Address, BlockAddress};

use super::drift_secrecy::{ConfiguredBlock, drifted};
use super::excluded::partial;
use super::known_settings::known_settings_in;
use super::orphan::forget;
use super::{PlanInput, recorded_providers};
use crate::diff::deletion::{Deletions, deletion};
use crate::evaluation::preview::Preview;
use crate::graph::{Graph, NodeId};
use crate::input::prior_state::PriorState;
use crate::input::removed::Removals;
use crate::input::targeting::destroyed;
use crate::model::{Change, ChangeReason, OutputChange, Plan};
use crate::planner::assemble::{PlanParts, finish};
use crate::planner::prevent_destroy::{blocks_with_protection_expression, protection};

/// Plans the deletion of everything. The configuration decides only which instances are protected,
/// which secrets are marked and how providers are reached.
pub(super) fn destroy(
    input: &PlanInput<'_>,
    graph: &Arc<Graph>,
    mut prior_state: PriorState,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut providers = known_settings_in(input, graph);
    mark_drift(input, graph, &mut prior_state, &providers);
    let is_chosen = destroyed(input.selection, input.state);
    let mut warnings = Vec::new();
    let mut left_out = BTreeSet::new();
    if !input.selection.is_everything() {
        left_out.extend(prior_state.priors.keys().filter(|it| !is_chosen(it)).cloned());
        warnings.push(partial());
    }
    let chosen = prior_state.priors.iter().filter(|(address, _)| is_chosen(address));
    let mut changes: Vec<Change> = chosen
        .map(|(address, prior)| deletion(input.schemas, address, prior, ChangeReason::Destroy))
        .collect();
    let removals = Removals::new(input.configuration);
    forget(&mut changes, &removals, &prior_state.priors);
    let preview = Preview { graph, snapshot: input.snapshot, files: input.files, recorded: None };
    let world = preview.world(&blocks_with_protection_expression(graph, &changes));
    let protected = |change: &Change| {
        let recorded = || prior_state.priors[&change.address].record.prevent_destroy;
        // A flag that depends on resources cannot be evaluated without planning them; the recorded
        // flag decides then.
        match protection(graph, &world, change, recorded) {
            Ok(diagnostic) => diagnostic,
            Err(undecided) => {
                recorded().then_some(undecided.diagnostics).into_iter().flatten().next()
            }
        }
    };
    // Forgotten instances are not destroyed, so their protection does not matter.
    let going = changes.iter().filter(|it| it.action.destroys());
    let diagnostics: Vec<Diagnostic> = going.filter_map(protected).collect();
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let going =
        Deletions { state: input.state, schemas: input.schemas, priors: &prior_state.priors };
    changes.extend(
        going.left_behind(&BTreeSet::new()).into_iter().filter(|it| is_chosen(&it.address)),
    );
    forget(&mut changes, &removals, &prior_state.priors);
    going.mark_gone_with(&mut changes);
    let outputs = input.state.outputs.iter().map(|(name, it)| {
        // With a selection some resources stay, and outputs may still refer to them.
        let after = (!left_out.is_empty()).then(|| it.value.clone());
        let gone = OutputChange { before: Some(it.value.clone()), after, sensitive: it.sensitive };
        (name.clone(), gone)
    });
    let outputs = outputs.collect();
    let recorded = recorded_providers(input.state);
    providers.retain(|name, _| recorded.contains(name));
    let data = BTreeMap::new();
    let (successions, checks) = (Vec::new(), Vec::new());
    finish(
        input,
        PlanParts {
            prior_state,
            changes,
            successions,
            outputs,
            graph: None,
            providers,
            data,
            warnings,
            left_out,
            checks,
        },
    )
}

/// Marks what was read of all instances as their configuration is marked.
fn mark_drift(
    input: &PlanInput<'_>,
    graph: &Arc<Graph>,
    prior_state: &mut PriorState,
    providers: &BTreeMap<ProviderName, ProviderRecord>,
) {
    let blocks: BTreeSet<&BlockAddress> =
        input.state.records.keys().map(|address| &address.block).collect();
    let drifted: Vec<(NodeId, Address)> = blocks
        .into_iter()
        .filter_map(|block| Some((graph.node_of(block)?, drifted(input.state, prior_state, block))))
        .flat_map(|(node, addresses)| addresses.into_iter().map(move |address| (node, address)))
        .collect();
    // Only what the drifted blocks refer to is evaluated, with recorded values for other blocks: a
    // destroy plan must come about although the rest of the configuration is incomplete.
    let nodes: Vec<NodeId> = drifted.iter().map(|(node, _)| *node).collect();
    let recorded = Some((input.state, input.schemas));
    let preview = Preview { graph, snapshot: input.snapshot, files: input.files, recorded };
    let world = preview.world(&nodes);
    for (node, address) in drifted {
        let Some(block) = graph.block(node) else { continue };
        let described = input.schemas.kind(block.name.mode, &block.name.kind);
        let (Some(described), Some(instance)) = (described, world.find(&address.block.module))
        else {
            continue;
        };
        let shared = || {
            let provider = graph.provider_of(input.schemas, node)?;
            let shared = input.schemas.provider(&provider.name)?.shared?;
            Some(shared(&providers.get(&provider)?.settings))
        };
        ConfiguredBlock { instance, block, described, shared: shared() }.mark(
            &world,
            input.state,
            prior_state,
            &address,
        );
    }
}

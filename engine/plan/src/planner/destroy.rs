//! A plan that deletes everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_diagnostics::Diagnostic;

use super::excluded::partial;
use super::known_settings::known_settings_in;
use super::orphan::forget;
use super::{PlanInput, recorded_providers};
use crate::diff::deletion::{Deletions, deletion};
use crate::evaluation::preview::Preview;
use crate::graph::Graph;
use crate::input::prior_state::PriorState;
use crate::input::removed::Removals;
use crate::input::targeting::destroyed;
use crate::model::{Change, ChangeReason, OutputChange, Plan};
use crate::planner::assemble::{PlanParts, finish};
use crate::planner::prevent_destroy::{asking_for_protection, protection};

/// A plan that deletes everything. The configuration is asked only what it protects and how
/// providers are reached.
pub(super) fn destroy(
    input: &PlanInput<'_>,
    graph: &Arc<Graph>,
    current: PriorState,
) -> Result<Plan, Vec<Diagnostic>> {
    let is_chosen = destroyed(input.selection, input.state);
    let mut warnings = Vec::new();
    let mut left_out = BTreeSet::new();
    if !input.selection.is_everything() {
        left_out.extend(current.priors.keys().filter(|it| !is_chosen(it)).cloned());
        warnings.push(partial());
    }
    let chosen = current.priors.iter().filter(|(address, _)| is_chosen(address));
    let mut changes: Vec<Change> = chosen
        .map(|(address, prior)| deletion(input.schemas, address, prior, ChangeReason::Destroy))
        .collect();
    let removals = Removals::new(input.configuration);
    forget(&mut changes, &removals, &current.priors);
    let peek = Preview { graph, snapshot: input.snapshot, files: input.files, recorded: None };
    let world = peek.world(&asking_for_protection(graph, &changes));
    let protected = |change: &Change| {
        let recorded = || current.priors[&change.address].record.prevent_destroy;
        // What cannot be known without values counts as recorded.
        match protection(graph, &world, change, recorded) {
            Ok(diagnostic) => diagnostic,
            Err(undecided) => {
                recorded().then_some(undecided.diagnostics).into_iter().flatten().next()
            }
        }
    };
    let going = changes.iter().filter(|it| it.action.destroys());
    let diagnostics: Vec<Diagnostic> = going.filter_map(protected).collect();
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let going = Deletions { state: input.state, schemas: input.schemas, priors: &current.priors };
    changes.extend(
        going.left_behind(&BTreeSet::new()).into_iter().filter(|it| is_chosen(&it.address)),
    );
    forget(&mut changes, &removals, &current.priors);
    going.mark_gone_with(&mut changes);
    let outputs = input.state.outputs.iter().map(|(name, it)| {
        // Whatever is left may still be what they tell of.
        let after = (!left_out.is_empty()).then(|| it.value.clone());
        let gone = OutputChange { before: Some(it.value.clone()), after, sensitive: it.sensitive };
        (name.clone(), gone)
    });
    let outputs = outputs.collect();
    let recorded = recorded_providers(input.state);
    let mut providers = known_settings_in(input, graph);
    providers.retain(|name, _| recorded.contains(name));
    let data = BTreeMap::new();
    let (successions, checks) = (Vec::new(), Vec::new());
    finish(
        input,
        PlanParts {
            current,
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

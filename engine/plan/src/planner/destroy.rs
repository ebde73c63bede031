//! A plan that deletes everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_kind::Diagnostic;

use super::known::known_settings_in;
use super::{Input, recorded_providers};
use crate::deletion::{Going, deletion};
use crate::finish::{Parts, finish};
use crate::graph::Graph;
use crate::lifecycle::{asking_for_protection, protection};
use crate::model::{Change, OutputChange, Plan, Reason};
use crate::observed::Current;
use crate::peek::Peek;

/// A plan that deletes everything. The configuration is asked only what it protects and how providers are reached.
pub(super) fn destroy(input: &Input<'_>, graph: &Arc<Graph>, current: Current) -> Result<Plan, Vec<Diagnostic>> {
    let mut changes: Vec<Change> =
        current.priors.iter().map(|(address, prior)| deletion(input.schemas, address, prior, Reason::Destroy)).collect();
    let peek = Peek { graph, variables: &input.snapshot.variables, files: input.files, recorded: None };
    let world = peek.world(&asking_for_protection(graph, &changes));
    let protected = |change: &Change| {
        let recorded = || current.priors[&change.address].record.prevent_destroy;
        // What cannot be told without values counts as recorded.
        match protection(graph, &world, change, recorded) {
            Ok(diagnostic) => diagnostic,
            Err(undecided) => recorded().then_some(undecided.diagnostics).into_iter().flatten().next(),
        }
    };
    let diagnostics: Vec<Diagnostic> = changes.iter().filter_map(protected).collect();
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let going = Going { state: input.state, schemas: input.schemas, priors: &current.priors };
    changes.extend(going.left_behind(&BTreeSet::new()));
    going.mark_gone_with(&mut changes);
    let outputs = input.state.outputs.iter().map(|(name, it)| {
        let gone = OutputChange { before: Some(it.value.clone()), after: None, sensitive: it.sensitive };
        (name.clone(), gone)
    });
    let outputs = outputs.collect();
    let recorded = recorded_providers(input.state);
    let mut providers = known_settings_in(input, graph);
    providers.retain(|name, _| recorded.contains(name));
    let (data, warnings) = (BTreeMap::new(), Vec::new());
    finish(input, Parts { current, changes, outputs, graph: None, providers, data, warnings })
}

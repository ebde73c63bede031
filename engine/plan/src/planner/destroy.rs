//! A plan that deletes everything.

use std::collections::{BTreeMap, BTreeSet};

use ha_kind::Diagnostic;

use super::{Input, known_settings, recorded_providers};
use crate::deletion::{Going, deletion};
use crate::finish::{Parts, finish};
use crate::lifecycle::protection;
use crate::model::{Change, OutputChange, Plan, Reason};
use crate::observed::Current;
use crate::world::World;

/// A plan that deletes everything. The configuration is asked only what it protects and how providers are reached.
pub(super) fn destroy(input: &Input<'_>, current: Current) -> Result<Plan, Vec<Diagnostic>> {
    let mut changes: Vec<Change> =
        current.priors.iter().map(|(address, prior)| deletion(input.schemas, address, prior, Reason::Destroy)).collect();
    let world = World::new(input.configuration.clone(), input.snapshot.variables.clone(), input.files.clone());
    let protected = |change: &Change| {
        let recorded = || current.priors[&change.address].record.prevent_destroy;
        // What cannot be told without values counts as recorded.
        match protection(input.configuration, &world, change, recorded) {
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
    let mut providers = known_settings(input);
    providers.retain(|name, _| recorded.contains(name));
    finish(input, Parts { current, changes, outputs, graph: None, providers, data: BTreeMap::new() })
}

//! A plan put together from its parts.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ha_kind::{Address, Diagnostic, Mode, Name, Object};
use ha_state::{ProviderName, ProviderRecord, State};

use crate::Input;
use crate::graph::{Graph, NodeId};
use crate::model::{Change, OutputChange, Plan, Settled};
use crate::observed::Current;
use crate::order;
use crate::rolling;
use crate::selection::Selection;

/// The parts of a plan.
pub(crate) struct Parts<'a> {
    pub(crate) current: Current,
    pub(crate) changes: Vec<Change>,
    pub(crate) outputs: BTreeMap<Name, OutputChange>,
    /// What refers to what in the configuration; none when everything is deleted.
    pub(crate) graph: Option<&'a Graph>,
    pub(crate) providers: BTreeMap<ProviderName, ProviderRecord>,
    pub(crate) data: BTreeMap<Address, Object>,
    pub(crate) warnings: Vec<Diagnostic>,
}

pub(crate) fn finish(input: &Input<'_>, parts: Parts<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let Parts { current, mut changes, outputs, graph, providers, data, mut warnings } = parts;
    changes.sort_by(|a, b| (&a.address, &a.deposed).cmp(&(&b.address, &b.deposed)));
    let touched: BTreeSet<&Address> = changes.iter().map(|it| &it.address).collect();
    let mut steps = order::steps(&changes, graph, input.state).map_err(|it| vec![*it])?;
    let untouched = current.priors.iter().filter(|(address, _)| !touched.contains(address)).filter_map(|(address, prior)| {
        let described = input.schemas.kind(Mode::Managed, &address.block.kind)?;
        described.hooks().group_of(described.schema(), &prior.record.arguments)
    });
    let untouched: BTreeSet<String> = untouched.collect();
    let (mut rolling, tangled) = rolling::rolling(&changes, &mut steps, &untouched);
    warnings.extend(tangled);
    let (steps, place) = order::sorted(steps, &changes).map_err(|it| vec![*it])?;
    for step in rolling.iter_mut().flat_map(|it| &mut it.chains).flatten() {
        *step = place[*step];
    }
    Ok(Plan {
        mode: input.mode,
        snapshot: input.snapshot.clone(),
        lineage: input.state.lineage.clone(),
        state_number: input.state.number,
        identities: Vec::new(),
        unchanged: current.priors.keys().filter(|it| !touched.contains(it)).count(),
        versions: versions(input, &changes, graph),
        settled: settled(input.state, &current),
        unfinished: input.state.unfinished.values().map(|it| it.intent.address.clone()).collect(),
        moves: Vec::new(),
        selection: Selection::default(),
        left_out: Vec::new(),
        errored: false,
        changes,
        drift: current.drift,
        unchecked: current.unchecked,
        outputs,
        steps,
        rolling,
        providers,
        data,
        warnings,
    })
}

/// What the state does not have yet of what was seen and is not touched otherwise.
fn settled(state: &State, current: &Current) -> Vec<Settled> {
    let differs = |(address, record): (&Address, &ha_state::Record)| match current.priors.get(address) {
        None => Some(Settled::Gone(address.clone())),
        Some(prior) => (prior.record != *record).then(|| Settled::Seen(Box::new(prior.record.clone()))),
    };
    state.records.iter().filter_map(differs).collect()
}

/// The version of every record that is touched, or whose values flow into something that is.
fn versions(input: &Input<'_>, changes: &[Change], graph: Option<&Graph>) -> BTreeMap<Address, u64> {
    let mut versions = BTreeMap::new();
    if let Some(graph) = graph {
        let touched = changes.iter().filter_map(|it| graph.node_of(&it.address.block));
        let read: HashSet<NodeId> = graph.with_what_they_read(touched).into_iter().collect();
        let is_read = |address: &Address| graph.node_of(&address.block).is_some_and(|it| read.contains(&it));
        let records = input.state.records.iter().filter(|(address, _)| is_read(address));
        versions.extend(records.map(|(address, it)| (address.clone(), it.version)));
    }
    for change in changes.iter().filter(|it| it.address.block.mode == Mode::Managed) {
        let version = || input.state.records.get(&change.address).map_or(0, |it| it.version);
        versions.entry(change.address.clone()).or_insert_with(version);
    }
    versions
}

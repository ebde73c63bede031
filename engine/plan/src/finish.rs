//! A plan put together from its parts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ha_kind::{Address, BlockAddress, Diagnostic, Key, Mode, Name, Object};
use ha_state::{ProviderName, ProviderRecord, State};

use crate::Input;
use crate::graph::{Graph, NodeId, name_of};
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
    let mut steps = order::steps(&changes, graph, &dependencies(input.state)).map_err(|it| vec![*it])?;
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

/// The recorded blocks that each recorded block depends on directly, also through its provider.
fn dependencies(state: &State) -> BTreeMap<&BlockAddress, BTreeSet<&BlockAddress>> {
    let mut dependencies: BTreeMap<&BlockAddress, BTreeSet<&BlockAddress>> = BTreeMap::new();
    let records = state.records.values().chain(state.deposed.values());
    let records = records.map(|it| (&it.address.block, &it.provider, &it.dependencies));
    let begun = state.unfinished.values().map(|it| (&it.intent.address.block, &it.intent.provider, &it.intent.dependencies));
    for (block, provider, direct) in records.chain(begun) {
        let through_provider = state.providers.get(provider).into_iter().flat_map(|it| &it.dependencies);
        dependencies.entry(block).or_default().extend(direct.iter().chain(through_provider));
    }
    // A block in a module that is there more than once is named without the module's key by what is outside of it.
    let mut in_modules: HashMap<_, Vec<&BlockAddress>> = HashMap::new();
    let shape = |it: &BlockAddress| {
        let module: Vec<Name> = it.module.iter().map(|(name, _)| name.clone()).collect();
        (module, name_of(it))
    };
    for block in dependencies.keys().copied().filter(|it| it.module.iter().any(|(_, key)| *key != Key::None)) {
        in_modules.entry(shape(block)).or_default().push(block);
    }
    if !in_modules.is_empty() {
        for behind in dependencies.values_mut() {
            let vague: Vec<&BlockAddress> = behind.iter().copied().filter(|it| !it.module.is_empty()).collect();
            for block in vague {
                let meant = in_modules.get(&shape(block)).into_iter().flatten();
                behind.extend(meant.copied().filter(|it| is_meant(block, it)));
            }
        }
    }
    dependencies
}

/// Whether a block is among those that a name without some of the modules' keys means.
fn is_meant(named: &BlockAddress, block: &BlockAddress) -> bool {
    let mut keys = named.module.iter().zip(block.module.iter());
    keys.all(|((_, named), (_, key))| *named == Key::None || named == key)
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

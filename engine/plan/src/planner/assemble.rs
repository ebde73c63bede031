//! Assembles a plan from its parts.

use std::collections::{BTreeMap, BTreeSet};

use ha_diagnostics::Diagnostic;
use ha_state_model::{AddressMove, ProviderName, ProviderRecord, Record};
use ha_value::{Action, Address, HashMap, HashSet, Name, Object, PathStep, ResourceMode, Value};

use crate::PlanInput;
use crate::graph::{Graph, NodeId};
use crate::input::prior_state::PriorState;
use crate::model::{Change, CheckResult, Drift, OutputChange, Plan, RefreshUpdate};
use crate::order;
use crate::order::Succession;
use crate::order::rolling;

/// The results of planning that make up a plan.
pub(crate) struct PlanParts<'a> {
    pub(crate) prior_state: PriorState,
    pub(crate) changes: Vec<Change>,
    /// Changes that must follow others because they take over a name.
    pub(crate) successions: Vec<Succession>,
    pub(crate) outputs: BTreeMap<Name, OutputChange>,
    /// The graph of the configuration; none for a destroy plan.
    pub(crate) graph: Option<&'a Graph>,
    pub(crate) providers: BTreeMap<ProviderName, ProviderRecord>,
    pub(crate) data: BTreeMap<Address, Object>,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) left_out: BTreeSet<Address>,
    pub(crate) checks: Vec<CheckResult>,
}

pub(crate) fn finish(input: &PlanInput<'_>, parts: PlanParts<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let PlanParts {
        mut prior_state,
        mut changes,
        successions,
        outputs,
        graph,
        providers,
        data,
        mut warnings,
        left_out,
        checks,
    } = parts;
    for change in &mut changes {
        change.moved_from = input.moved.moved_from(&change.address).cloned();
    }
    contribute(&mut prior_state.drift, &changes, graph);
    // Address order makes the plan independent of the order of blocks in the source, and
    // `order::steps` relies on it.
    changes.sort_by(|a, b| (&a.address, &a.deposed).cmp(&(&b.address, &b.deposed)));
    let touched: BTreeSet<&Address> = changes.iter().map(|it| &it.address).collect();
    let mut steps =
        order::steps(&changes, &successions, graph, input.state).map_err(|it| vec![*it])?;
    let remarks = remarks(&prior_state, &touched);
    let untouched =
        prior_state.priors.iter().filter(|(address, _)| !touched.contains(address)).filter_map(
            |(address, prior)| {
                let described = input.schemas.kind(ResourceMode::Managed, &address.block.kind)?;
                described.hooks().group_of(described.schema(), &prior.record.arguments)
            },
        );
    let untouched: BTreeSet<String> = untouched.collect();
    // Rolling groups add edges between steps, so the steps are sorted once more afterwards and the
    // groups are renumbered.
    let (mut rolling, tangled) = rolling::rolling(&changes, &mut steps, &untouched);
    warnings.extend(tangled);
    warnings.extend(input.moved.warnings.iter().cloned());
    let (steps, place) = order::sorted(steps, &changes).map_err(|it| vec![*it])?;
    for step in rolling.iter_mut().flat_map(|it| &mut it.chains).flatten() {
        *step = place[*step];
    }
    let settled = settled(input, &prior_state, &changes);
    // The saved plan must not contain ephemeral values.
    Ok(Plan {
        mode: input.mode,
        snapshot: input.snapshot.without_ephemeral_values(input.configuration),
        lineage: input.state.lineage.clone(),
        state_number: input.state.number,
        identities: Vec::new(),
        unchanged: prior_state
            .priors
            .keys()
            .filter(|it| !touched.contains(it) && !left_out.contains(it))
            .count(),
        versions: versions(input, &changes, &settled, graph),
        settled,
        unfinished: input.state.unfinished.values().map(|it| it.intent.address.clone()).collect(),
        moves: input.moved.moves.clone(),
        selection: input.selection.clone(),
        left_out: left_out.into_iter().collect(),
        errored: false,
        checks: once_each(checks),
        changes,
        drift: prior_state.drift,
        unchecked: prior_state.unchecked,
        remarks,
        outputs,
        steps,
        rolling,
        providers,
        data,
        warnings,
    })
}

/// An instance with preconditions and postconditions has two results; the worse status counts.
fn once_each(mut checks: Vec<CheckResult>) -> Vec<CheckResult> {
    checks.sort_by(|a, b| a.address.cmp(&b.address));
    checks.dedup_by(|later, one| {
        let is_same = later.address == one.address;
        if is_same {
            one.standing = one.standing.max(later.standing);
            one.problems.append(&mut later.problems);
        }
        is_same
    });
    checks
}

/// Returns the remarks on instances that neither change nor drift.
fn remarks(prior_state: &PriorState, touched: &BTreeSet<&Address>) -> Vec<(Address, String)> {
    let remarked: Vec<_> =
        prior_state.priors.iter().filter(|(_, prior)| !prior.remarks.is_empty()).collect();
    if remarked.is_empty() {
        return Vec::new();
    }
    let drifted: BTreeSet<&Address> = prior_state.drift.iter().map(|it| &it.address).collect();
    let alone = remarked
        .into_iter()
        .filter(|(address, _)| !touched.contains(address) && !drifted.contains(address));
    alone
        .flat_map(|(address, prior)| prior.remarks.iter().map(|it| (address.clone(), it.clone())))
        .collect()
}

/// Returns the results of the refresh that the state lacks and that no step writes.
fn settled(
    input: &PlanInput<'_>,
    prior_state: &PriorState,
    changes: &[Change],
) -> Vec<RefreshUpdate> {
    let is_news = |address: &Address, now: &Record, was: &Record| {
        now != was || input.moved.is_renamed(address)
    };
    let differs = |(address, record): (&Address, &Record)| match prior_state.priors.get(address) {
        None => Some(RefreshUpdate::Gone(address.clone())),
        Some(prior) => is_news(address, &prior.record, record)
            .then(|| RefreshUpdate::Seen(Box::new(prior.record.clone()))),
    };
    let imported = changes
        .iter()
        .filter(|it| it.importing.is_some())
        .filter_map(|it| prior_state.priors.get(&it.address));
    let imported = imported.map(|it| RefreshUpdate::Seen(Box::new(it.record.clone())));
    input.state.records.iter().filter_map(differs).chain(imported).collect()
}

/// Marks the drift that causes a change of the same instance or of one that reads it.
fn contribute(drift: &mut [Drift], changes: &[Change], graph: Option<&Graph>) {
    if drift.is_empty() {
        return;
    }
    let own: HashMap<&Address, &Change> =
        changes.iter().filter(|it| it.deposed.is_none()).map(|it| (&it.address, it)).collect();
    let changed = changes.iter().filter(|it| it.action != Action::NoOp);
    let read = graph
        .map(|graph| graph.read_by(changed.filter_map(|it| graph.node_of(&it.address.block))))
        .unwrap_or_default();
    for drift in drift {
        let is_read = || {
            graph
                .and_then(|it| it.node_of(&drift.address.block))
                .is_some_and(|it| read.contains(&it))
        };
        let is_undone = |change: &&Change| match change.action {
            Action::NoOp | Action::Forget => false,
            Action::Update => sets_back(drift, change),
            _ => true,
        };
        drift.contributes = own.get(&drift.address).is_some_and(is_undone) || is_read();
    }
}

/// Whether an update reverts some of the drift instead of leaving everything as it was read.
fn sets_back(drift: &Drift, change: &Change) -> bool {
    let (Some(now), Some(after)) = (&drift.after, &change.after) else { return true };
    let mut names = drift.paths.iter().filter_map(|it| match it.steps().first() {
        Some(PathStep::Name(name)) => Some(name),
        _ => None,
    });
    let of = |object: &Object, name: &Name| object.get(name).map_or(Value::NULL, Value::revealed);
    names.any(|name| brings_back(&of(&drift.before, name), &of(now, name), &of(after, name)))
}

/// Whether some part that drifted gets yet another value.
fn brings_back(was: &Value, now: &Value, after: &Value) -> bool {
    if was == now {
        return false;
    }
    match (was.as_object(), now.as_object(), after.as_object()) {
        (Some(was), Some(now), Some(after)) => {
            let of =
                |object: &Object, name: &Name| object.get(name).cloned().unwrap_or(Value::NULL);
            was.keys()
                .chain(now.keys())
                .any(|name| brings_back(&of(was, name), &of(now, name), &of(after, name)))
        }
        _ => !after.is_wholly_known() || now != after,
    }
}

/// Returns the version of every record that is changed, written again, or read by something that
/// changes.
fn versions(
    input: &PlanInput<'_>,
    changes: &[Change],
    settled: &[RefreshUpdate],
    graph: Option<&Graph>,
) -> BTreeMap<Address, u64> {
    let recorded = |address: &Address| input.state.records.get(address).map_or(0, |it| it.version);
    let mut versions: BTreeMap<Address, u64> =
        settled.iter().map(|it| (it.address().clone(), recorded(it.address()))).collect();
    if let Some(graph) = graph {
        let touched = changes.iter().filter_map(|it| graph.node_of(&it.address.block));
        let touched: HashSet<NodeId> = touched.collect();
        let mut read = graph.read_by(touched.iter().copied());
        read.extend(touched);
        let is_read =
            |address: &Address| graph.node_of(&address.block).is_some_and(|it| read.contains(&it));
        let records = input.state.records.iter().filter(|(address, _)| is_read(address));
        versions.extend(records.map(|(address, it)| (address.clone(), it.version)));
    }
    for change in changes.iter().filter(|it| it.address.block.mode == ResourceMode::Managed) {
        versions.entry(change.address.clone()).or_insert_with(|| recorded(&change.address));
    }
    // The plan is compared with the state before the moves, where the record still has its old
    // address.
    for AddressMove { from, to } in &input.moved.moves {
        versions.remove(to);
        versions.insert(from.clone(), recorded(to));
    }
    for AddressMove { to, .. } in &input.moved.moves {
        // Until the move, only the instance that moves away may be recorded at the new address.
        versions.entry(to.clone()).or_insert(0);
    }
    versions
}

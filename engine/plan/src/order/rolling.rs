//! Rolling groups: disruptive steps that must not run at the same time.

use std::collections::{BTreeMap, BTreeSet};

use ha_diagnostics::{Diagnostic, code};
use ha_provider::{Impact, ImpactSeverity};
use ha_value::{Action, ResourceMode};

use crate::model::{Change, PlanStep, RollingGroup, StepKind};

/// Returns the rolling groups, and warnings about them. Creating or deleting a whole group
/// disrupts no one. Where one member must follow another, the steps of the one wait for those of
/// the other; the steps must be sorted again then.
pub(crate) fn rolling(
    changes: &[Change],
    steps: &mut [PlanStep],
    untouched: &BTreeSet<String>,
) -> (Vec<RollingGroup>, Vec<Diagnostic>) {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, change) in
        changes.iter().enumerate().filter(|(_, it)| it.address.block.mode == ResourceMode::Managed)
    {
        if let Some(group) = &change.group {
            groups.entry(group).or_default().push(index);
        }
    }
    let mut own: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (position, step) in steps.iter().enumerate() {
        if let StepKind::Create(change) | StepKind::Update(change) | StepKind::Delete(change) =
            step.what
        {
            own.entry(change).or_default().push(position);
        }
    }
    let (mut rolling, mut warnings) = (Vec::new(), Vec::new());
    for (group, members) in groups {
        // A group whose members are all created or all deleted serves no one at that time, so its
        // steps may run in parallel. One unchanged member is enough to make it a rolling change.
        let all = |action: Action| {
            members.iter().all(|it| changes[*it].action == action) && !untouched.contains(group)
        };
        if all(Action::Create) || all(Action::Delete) {
            continue;
        }
        let chains: Vec<Vec<usize>> = members
            .iter()
            .filter(|it| is_disruptive(&changes[**it]))
            .filter_map(|it| own.get(it).cloned())
            .collect();
        // A single disruptive member cannot collide with another one.
        if chains.len() < 2 {
            continue;
        }
        let (chains, tangled) = in_turn(chains, steps);
        if tangled {
            warnings.push(tangled_members(group, &members, changes));
        }
        if chains.len() > 1 {
            rolling.push(RollingGroup { group: group.to_owned(), chains, at_most: 1 });
        }
    }
    (rolling, warnings)
}

fn is_disruptive(change: &Change) -> bool {
    let disturbs = |it: &Impact| it.severity >= ImpactSeverity::Disruption;
    change.action.destroys() || change.impacts.iter().any(disturbs)
}

fn tangled_members(group: &str, members: &[usize], changes: &[Change]) -> Diagnostic {
    let names: Vec<String> =
        members.iter().map(|it| format!("`{}`", changes[*it].address)).collect();
    Diagnostic::warning(format!("the members of `{group}` cannot all be changed one after another"))
        .code(code::WAITING)
        .detail(format!("Among {} some steps of one wait for steps of another and the other way round.", names.join(", ")))
        .help("change less at once: apply the changes without replacements first, then one resource type after another")
}

/// Orders chains so that each can be finished before the next begins. Chains that wait for each
/// other are joined into one (the second result says so); a chain that waits for another follows
/// it.
fn in_turn(chains: Vec<Vec<usize>>, steps: &mut [PlanStep]) -> (Vec<Vec<usize>>, bool) {
    let mut chain_of: BTreeMap<usize, usize> = BTreeMap::new();
    for (number, chain) in chains.iter().enumerate() {
        chain_of.extend(chain.iter().map(|step| (*step, number)));
    }
    let waits_for = waits(&chain_of, steps);
    if waits_for.is_empty() {
        return (chains, false);
    }
    let mut graph = petgraph::graph::DiGraph::<(), ()>::new();
    let nodes: Vec<_> = chains.iter().map(|_| graph.add_node(())).collect();
    for (later, earlier) in &waits_for {
        graph.add_edge(nodes[*later], nodes[*earlier], ());
    }
    // Kosaraju's algorithm returns the components in reverse topological order: what others wait
    // for comes first.
    let groups = petgraph::algo::kosaraju_scc(&graph);
    let tangled = groups.iter().any(|it| it.len() > 1);
    let mut joined_in = vec![0; chains.len()];
    for (number, members) in groups.iter().enumerate() {
        for member in members {
            joined_in[member.index()] = number;
        }
    }
    let mut joined: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
    for (number, chain) in chains.into_iter().enumerate() {
        joined[joined_in[number]].extend(chain);
    }
    for chain in &mut joined {
        chain.sort_unstable();
    }
    let pairs: BTreeSet<(usize, usize)> = waits_for
        .iter()
        .map(|(later, earlier)| (joined_in[*later], joined_in[*earlier]))
        .filter(|(a, b)| a != b)
        .collect();
    // The executor starts whole chains, so each step of the later chain must wait for all steps of
    // the earlier one; otherwise it could hold the group while it waits.
    for (later, earlier) in pairs {
        let last = joined[earlier].clone();
        for step in &joined[later] {
            steps[*step].after.extend(&last);
        }
    }
    (joined, tangled)
}

/// Returns which chains wait for which others, directly or not.
fn waits(chain_of: &BTreeMap<usize, usize>, steps: &[PlanStep]) -> BTreeSet<(usize, usize)> {
    // The steps are in topological order, so one pass in each direction finds everything between
    // two chains.
    let (Some(first), Some(last)) = (chain_of.keys().next(), chain_of.keys().next_back()) else {
        return BTreeSet::new();
    };
    let mut leads_to_a_chain = vec![false; steps.len()];
    for index in (*first..=*last).rev() {
        if chain_of.contains_key(&index) {
            leads_to_a_chain[index] = true;
        }
        if leads_to_a_chain[index] {
            for after in &steps[index].after {
                leads_to_a_chain[*after] = true;
            }
        }
    }
    let mut behind: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for index in (*first..=*last).filter(|it| leads_to_a_chain[*it]) {
        let mut chains: BTreeSet<usize> =
            steps[index].after.iter().filter_map(|it| behind.get(it)).flatten().copied().collect();
        if let Some(own) = chain_of.get(&index) {
            found.extend(chains.iter().filter(|it| *it != own).map(|it| (*own, *it)));
            chains.insert(*own);
        }
        if !chains.is_empty() {
            behind.insert(index, chains);
        }
    }
    found
}

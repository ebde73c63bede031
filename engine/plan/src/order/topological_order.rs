//! Topological order of steps and of recorded blocks.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use ha_diagnostics::{Diagnostic, code};
use petgraph::graph::{DiGraph, NodeIndex};

use super::recorded::{BlockNumber, NumberedBlocks};
use crate::model::{Change, PlanStep, StepKind};

/// Returns the steps in topological order, and the new place of each.
///
/// # Errors
/// Reports steps that wait for each other.
pub(crate) fn sorted(
    mut steps: Vec<PlanStep>,
    changes: &[Change],
) -> Result<(Vec<PlanStep>, Vec<usize>), Box<Diagnostic>> {
    let mut waiters = vec![Vec::new(); steps.len()];
    let mut missing = vec![0_usize; steps.len()];
    for (index, step) in steps.iter_mut().enumerate() {
        step.after.sort_unstable();
        step.after.dedup();
        missing[index] = step.after.len();
        for after in &step.after {
            waiters[*after].push(index);
        }
    }
    let free = missing.iter().enumerate().filter(|(_, it)| **it == 0);
    // A heap keeps the original order where there is a choice, so that the same inputs give the
    // same plan.
    let mut ready: BinaryHeap<Reverse<usize>> = free.map(|(index, _)| Reverse(index)).collect();
    let mut place = vec![usize::MAX; steps.len()];
    let mut sorted = Vec::with_capacity(steps.len());
    while let Some(Reverse(index)) = ready.pop() {
        place[index] = sorted.len();
        sorted.push(index);
        for waiter in &waiters[index] {
            missing[*waiter] -= 1;
            if missing[*waiter] == 0 {
                ready.push(Reverse(*waiter));
            }
        }
    }
    if sorted.len() < steps.len() {
        let stuck = (0..steps.len())
            .filter(|it| place[*it] == usize::MAX)
            .filter_map(|it| steps[it].what.change());
        let stuck: BTreeSet<String> =
            stuck.map(|it| format!("`{}`", changes[it].address)).collect();
        return Err(Box::new(circle(&stuck)));
    }
    let taken = sorted.into_iter().map(|index| {
        let mut step = std::mem::replace(
            &mut steps[index],
            PlanStep { what: StepKind::Junction, after: Vec::new() },
        );
        for after in &mut step.after {
            *after = place[*after];
        }
        step.after.sort_unstable();
        step
    });
    let taken = taken.collect();
    Ok((taken, place))
}

fn circle(stuck: &BTreeSet<String>) -> Diagnostic {
    let stuck: Vec<&str> = stuck.iter().map(String::as_str).collect();
    Diagnostic::error("these changes wait for each other in a circle")
        .code(code::WAITING)
        .detail(format!(
            "Each of {} can only be carried out after another of them.",
            stuck.join(", ")
        ))
        .help("take one of them out of the configuration, apply, and put it back")
}

/// Returns the recorded blocks and groups, each before those it depends on, and the dependents of
/// each. Dependencies within a circle are ignored.
pub(super) fn dependents_first(
    recorded: &NumberedBlocks<'_>,
) -> (Vec<BlockNumber>, Vec<Vec<BlockNumber>>) {
    let edges = recorded.behind().iter().map(Vec::len).sum();
    let mut graph = DiGraph::<(), ()>::with_capacity(recorded.len(), edges);
    for _ in 0..recorded.len() {
        graph.add_node(());
    }
    for (number, behind) in recorded.behind().iter().enumerate() {
        for earlier in behind {
            graph.add_edge(NodeIndex::new(number), NodeIndex::new(*earlier), ());
        }
    }
    // The components come dependencies first.
    let mut circles = petgraph::algo::kosaraju_scc(&graph);
    circles.reverse();
    let mut circle_of = vec![0; recorded.len()];
    for (circle, members) in circles.iter().enumerate() {
        for member in members {
            circle_of[member.index()] = circle;
        }
    }
    let mut dependents: Vec<Vec<BlockNumber>> = vec![Vec::new(); recorded.len()];
    for (number, behind) in recorded.behind().iter().enumerate() {
        // Records of different runs may depend on each other in a circle. Ignoring those
        // dependencies lets all of them be deleted.
        for earlier in behind.iter().filter(|it| circle_of[**it] != circle_of[number]) {
            dependents[*earlier].push(number);
        }
    }
    (circles.into_iter().flatten().map(NodeIndex::index).collect(), dependents)
}

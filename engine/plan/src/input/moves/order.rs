//! The order of moves.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use ha_diagnostics::{Diagnostic, code};
use ha_value::{InstanceKey, Name, ResourceMode};

use super::MoveStatement;
use super::endpoint::{EndpointRelation, MoveEndpoint};

/// Returns the moves in order: a move into an address before one that moves on from there, and a
/// move inside a module before one of the module.
///
/// # Errors
/// A move in a circle of moves.
pub(super) fn sorted(statements: &[MoveStatement<'_>]) -> Result<Vec<usize>, Diagnostic> {
    let after = waiters(statements);
    let mut missing = vec![0_usize; statements.len()];
    for waiter in after.iter().flatten() {
        missing[*waiter] += 1;
    }
    // The order of writing decides where nothing else does, so that the result does not depend on
    // chance.
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..statements.len()).filter(|it| missing[*it] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(statements.len());
    while let Some(Reverse(next)) = ready.pop() {
        order.push(next);
        for waiter in &after[next] {
            missing[*waiter] -= 1;
            if missing[*waiter] == 0 {
                ready.push(Reverse(*waiter));
            }
        }
    }
    if order.len() == statements.len() {
        return Ok(order);
    }
    let diagnostic = Diagnostic::error("these moves go in a circle")
        .code(code::MOVE)
        .help("write each move once, from the old address to the current one");
    let stuck =
        (0..statements.len()).filter(|it| missing[*it] > 0).find_map(|it| statements[it].span);
    Err(stuck.into_iter().fold(diagnostic, |it, span| it.at(span.clone())))
}

/// Returns for each move the moves that must follow it.
fn waiters(statements: &[MoveStatement<'_>]) -> Vec<Vec<usize>> {
    let (mut by_from, mut by_to) = (EndpointIndex::default(), EndpointIndex::default());
    for (number, statement) in statements.iter().enumerate() {
        by_from.enter(&statement.from, number);
        by_to.enter(&statement.to, number);
    }
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); statements.len()];
    let mut before = |first: usize, then: usize, is_nested: bool| {
        let (a, b) = (&statements[then], &statements[first]);
        // An address inside a module matches before and after the module gets another key, so no
        // order is needed.
        let is_key_alone =
            is_nested && a.to.declared < b.to.declared && a.from.only_another_key(&a.to);
        if first != then && !is_key_alone {
            after[first].push(then);
        }
    };
    for (number, statement) in statements.iter().enumerate() {
        let MoveStatement { from, to, .. } = statement;
        by_to.around(from, |other| match statements[other].to.relation_to(from) {
            EndpointRelation::Same => before(other, number, false),
            EndpointRelation::Around => before(other, number, true),
            _ => {}
        });
        by_from.around(to, |other| {
            if statements[other].from.relation_to(to) == EndpointRelation::Around {
                before(number, other, true);
            }
        });
        by_to.around(to, |other| {
            if statements[other].to.relation_to(to) == EndpointRelation::Around {
                before(other, number, true);
            }
        });
        by_from.around(from, |other| {
            if statements[other].from.relation_to(from) == EndpointRelation::Around {
                before(number, other, true);
            }
        });
    }
    for waiters in &mut after {
        waiters.sort_unstable();
        waiters.dedup();
    }
    after
}

/// A module or block without keys.
type MoveLevel = (Vec<Name>, Option<(ResourceMode, Name, Name)>);

/// Ends of moves by name and key.
#[derive(Default)]
struct EndpointIndex(BTreeMap<MoveLevel, BTreeMap<Option<InstanceKey>, Vec<usize>>>);

impl EndpointIndex {
    fn enter(&mut self, end: &MoveEndpoint, number: usize) {
        let key = match &end.block {
            Some(_) => end.key.clone(),
            None => end.module.last().and_then(|(_, key)| key.clone()),
        };
        self.0
            .entry((end.names(), end.block.clone()))
            .or_default()
            .entry(key)
            .or_default()
            .push(number);
    }

    /// Calls `visit` with each end that may equal or contain this one. Only names on the path are
    /// looked up, which keeps the order of n moves from taking n times n comparisons.
    fn around(&self, end: &MoveEndpoint, mut visit: impl FnMut(usize)) {
        let mut level = |level: &MoveLevel, key: Option<&InstanceKey>| {
            let Some(keys) = self.0.get(level) else { return };
            match key {
                None => keys.values().flatten().for_each(|it| visit(*it)),
                Some(key) => {
                    let meant =
                        keys.get(&Some(key.clone())).into_iter().chain(keys.get(&None)).flatten();
                    meant.for_each(|it| visit(*it));
                }
            }
        };
        let names = end.names();
        for depth in 1..=names.len() {
            level(&(names[..depth].to_vec(), None), end.module[depth - 1].1.as_ref());
        }
        if end.block.is_some() {
            level(&(names, end.block.clone()), end.key.as_ref());
        }
    }
}

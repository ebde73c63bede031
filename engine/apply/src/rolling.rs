//! Whose turn it is in each group of which only so many members may be away at a time.

use std::collections::{BTreeMap, VecDeque};

use ha_plan::{Plan, RollingGroup};

/// Whose turn it is.
pub(crate) struct RollingLimiter<'a> {
    /// The group and chain of a step.
    of: BTreeMap<usize, (usize, usize)>,
    groups: Vec<RollingProgress<'a>>,
}

struct RollingProgress<'a> {
    rolling: &'a RollingGroup,
    /// Chains at work, with how many of their steps are left.
    active: BTreeMap<usize, usize>,
    /// Chains that wait for their turn, with the steps that could begin.
    held: BTreeMap<usize, Vec<usize>>,
    queue: VecDeque<usize>,
}

impl<'a> RollingLimiter<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let mut turns = Self { of: BTreeMap::new(), groups: Vec::new() };
        for (group, rolling) in plan.rolling.iter().enumerate() {
            for (chain, steps) in rolling.chains.iter().enumerate() {
                turns.of.extend(steps.iter().map(|step| (*step, (group, chain))));
            }
            turns.groups.push(RollingProgress {
                rolling,
                active: BTreeMap::new(),
                held: BTreeMap::new(),
                queue: VecDeque::new(),
            });
        }
        turns
    }

    /// Whether a step that waits for nothing else may begin; one that may not is kept until its
    /// turn comes.
    pub(crate) fn admit(&mut self, step: usize) -> bool {
        let Some((group, chain)) = self.of.get(&step).copied() else { return true };
        let group = &mut self.groups[group];
        if !group.active.contains_key(&chain) && group.active.len() < group.rolling.at_most {
            group.active.insert(chain, group.rolling.chains[chain].len());
        }
        if group.active.contains_key(&chain) {
            return true;
        }
        if !group.held.contains_key(&chain) {
            group.queue.push_back(chain);
        }
        group.held.entry(chain).or_default().push(step);
        false
    }

    /// A step is done; these may begin now.
    pub(crate) fn done(&mut self, step: usize) -> Vec<usize> {
        let Some((group, chain)) = self.of.get(&step).copied() else { return Vec::new() };
        let group = &mut self.groups[group];
        let left = group.active.get_mut(&chain).expect("a step that is done had its turn");
        *left -= 1;
        if *left > 0 {
            return Vec::new();
        }
        group.active.remove(&chain);
        let Some(next) = group.queue.pop_front() else { return Vec::new() };
        group.active.insert(next, group.rolling.chains[next].len());
        group.held.remove(&next).unwrap_or_default()
    }

    /// The steps that do not get their turn while a step's chain is not done: one that has begun
    /// keeps its member away.
    pub(crate) fn kept_waiting_by(&self, step: usize) -> Vec<usize> {
        let Some((group, chain)) = self.of.get(&step) else { return Vec::new() };
        let group = &self.groups[*group];
        if !group.active.contains_key(chain) {
            return Vec::new();
        }
        let others = group
            .rolling
            .chains
            .iter()
            .enumerate()
            .filter(|(it, _)| !group.active.contains_key(it));
        others.flat_map(|(_, steps)| steps.iter().copied()).collect()
    }
}

//! Limits how many members of a rolling group are disrupted at a time.

use std::collections::{BTreeMap, VecDeque};

use ha_plan::{Plan, RollingGroup};

/// Admits the steps of rolling groups chain by chain: a chain is all disruptive steps of one
/// member.
pub(crate) struct RollingLimiter<'a> {
    /// The group and chain of a step.
    chain_of: BTreeMap<usize, (usize, usize)>,
    groups: Vec<RollingProgress<'a>>,
}

struct RollingProgress<'a> {
    rolling: &'a RollingGroup,
    /// The chains that have begun, with the number of their steps that are not done.
    active: BTreeMap<usize, usize>,
    /// The chains that wait for another one to end, with their steps that are ready.
    waiting: BTreeMap<usize, Vec<usize>>,
    queue: VecDeque<usize>,
}

impl<'a> RollingLimiter<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let mut limiter = Self { chain_of: BTreeMap::new(), groups: Vec::new() };
        for (group, rolling) in plan.rolling.iter().enumerate() {
            for (chain, steps) in rolling.chains.iter().enumerate() {
                limiter.chain_of.extend(steps.iter().map(|step| (*step, (group, chain))));
            }
            limiter.groups.push(RollingProgress {
                rolling,
                active: BTreeMap::new(),
                waiting: BTreeMap::new(),
                queue: VecDeque::new(),
            });
        }
        limiter
    }

    /// Whether a step whose dependencies are done may begin. A step that may not is returned by
    /// [`Self::complete`] later.
    pub(crate) fn admit(&mut self, step: usize) -> bool {
        let Some((group, chain)) = self.chain_of.get(&step).copied() else { return true };
        let group = &mut self.groups[group];
        if !group.active.contains_key(&chain) && group.active.len() < group.rolling.at_most {
            group.active.insert(chain, group.rolling.chains[chain].len());
        }
        if group.active.contains_key(&chain) {
            return true;
        }
        // Chains are admitted in the order in which they become ready.
        if !group.waiting.contains_key(&chain) {
            group.queue.push_back(chain);
        }
        group.waiting.entry(chain).or_default().push(step);
        false
    }

    /// Marks a step as done. Returns the steps that may begin because of it.
    pub(crate) fn complete(&mut self, step: usize) -> Vec<usize> {
        let Some((group, chain)) = self.chain_of.get(&step).copied() else { return Vec::new() };
        let group = &mut self.groups[group];
        let remaining = group.active.get_mut(&chain).expect("a step that is done had its turn");
        *remaining -= 1;
        // The chain keeps its place until all its steps are done: between a delete and a create
        // the member is down.
        if *remaining > 0 {
            return Vec::new();
        }
        group.active.remove(&chain);
        let Some(next) = group.queue.pop_front() else { return Vec::new() };
        group.active.insert(next, group.rolling.chains[next].len());
        group.waiting.remove(&next).unwrap_or_default()
    }

    /// The steps that cannot begin while the chain of this step is not done: a chain that has begun
    /// and failed keeps its place, because its member may be unavailable.
    pub(crate) fn blocked_by(&self, step: usize) -> Vec<usize> {
        let Some((group, chain)) = self.chain_of.get(&step) else { return Vec::new() };
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

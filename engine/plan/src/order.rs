//! Which step comes after which. Many meet in junctions, so that edges stay as few as the references are.

use std::collections::{BTreeMap, BTreeSet};

use ha_kind::{Action, Address, BlockAddress, Impact, ImpactSeverity, Mode};
use ha_lang::BlockName;

use crate::graph::{Graph, Node};
use crate::model::{Change, Rolling, Step, StepKind};

/// What orders the steps besides the configuration's graph.
pub(crate) struct Recorded<'a> {
    /// Direct dependencies by recorded block.
    pub(crate) dependencies: BTreeMap<&'a BlockAddress, BTreeSet<&'a BlockAddress>>,
}

/// The steps of a plan.
pub(crate) fn steps(changes: &[Change], graph: Option<&Graph>, recorded: &Recorded<'_>) -> Vec<Step> {
    let mut order = Order { steps: Vec::new(), made: BTreeMap::new(), deleted: BTreeMap::new() };
    let by_block = by_block(changes);
    order.makes(changes, &by_block, graph);
    order.deletes(changes, &by_block, recorded);
    order.steps
}

struct Order {
    steps: Vec<Step>,
    /// The junction behind everything that is made or changed of a block.
    made: BTreeMap<BlockAddress, usize>,
    /// The junction behind everything that is deleted of a block.
    deleted: BTreeMap<BlockAddress, usize>,
}

fn by_block(changes: &[Change]) -> BTreeMap<BlockAddress, Vec<usize>> {
    let mut by_block: BTreeMap<BlockAddress, Vec<usize>> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        by_block.entry(change.address.block.clone()).or_default().push(index);
    }
    by_block
}

impl Order {
    fn push(&mut self, what: StepKind, after: Vec<usize>) -> usize {
        self.steps.push(Step { what, after });
        self.steps.len() - 1
    }

    /// Creates, updates and reads, each block's after those it refers to.
    fn makes(&mut self, changes: &[Change], by_block: &BTreeMap<BlockAddress, Vec<usize>>, graph: Option<&Graph>) {
        let Some(graph) = graph else { return };
        let mut behind: BTreeMap<&Node, Vec<usize>> = BTreeMap::new();
        for node in &graph.order {
            let mut after: Vec<usize> = graph.direct(node).filter_map(|it| behind.get(it)).flatten().copied().collect();
            after.sort_unstable();
            after.dedup();
            if let Node::Block(name) = node {
                let address = address_of(name);
                let own: Vec<usize> = by_block.get(&address).into_iter().flatten().copied().collect();
                let makes: Vec<usize> = own.into_iter().filter(|it| make(&changes[*it], *it).is_some()).collect();
                if !makes.is_empty() {
                    let gate = self.meet(after, makes.len());
                    let steps = makes.into_iter().map(|index| {
                        let what = make(&changes[index], index).expect("only changes that make something are here");
                        self.push(what, gate.clone())
                    });
                    let steps: Vec<usize> = steps.collect();
                    after = self.meet(steps, usize::MAX);
                    self.made.insert(address, after[0]);
                }
            }
            after = self.meet(after, usize::MAX);
            behind.insert(node, after);
        }
    }

    /// Deletes, each block's after those of the blocks that depended on it.
    fn deletes(&mut self, changes: &[Change], by_block: &BTreeMap<BlockAddress, Vec<usize>>, recorded: &Recorded<'_>) {
        let mut dependents: BTreeMap<&BlockAddress, BTreeSet<&BlockAddress>> = BTreeMap::new();
        for (block, behind) in &recorded.dependencies {
            for earlier in behind.iter().filter(|it| *it != block) {
                dependents.entry(earlier).or_default().insert(block);
            }
        }
        let deleting: Vec<&BlockAddress> =
            by_block.iter().filter(|(_, own)| own.iter().any(|it| deletes(&changes[*it]))).map(|(block, _)| block).collect();
        for block in deleting {
            self.delete_block(block, changes, by_block, &dependents, &mut BTreeSet::new());
        }
        self.creates_after_deletes(changes);
        self.forgets(changes);
    }

    fn delete_block<'a>(
        &mut self,
        block: &'a BlockAddress,
        changes: &[Change],
        by_block: &BTreeMap<BlockAddress, Vec<usize>>,
        dependents: &BTreeMap<&'a BlockAddress, BTreeSet<&'a BlockAddress>>,
        open: &mut BTreeSet<&'a BlockAddress>,
    ) {
        if self.deleted.contains_key(block) || !open.insert(block) {
            return;
        }
        let mut deleted_before = Vec::new();
        let mut changed_before = Vec::new();
        for dependent in dependents.get(block).into_iter().flatten() {
            self.delete_block(dependent, changes, by_block, dependents, open);
            deleted_before.extend(self.deleted.get(dependent));
            changed_before.extend(self.made.get(dependent));
        }
        let own: Vec<usize> = by_block.get(block).into_iter().flatten().copied().filter(|it| deletes(&changes[*it])).collect();
        let mut ended = Vec::new();
        for index in own.into_iter().filter(|it| changes[*it].gone_with.is_none()) {
            let change = &changes[index];
            let mut after = deleted_before.clone();
            match change.action {
                // The new one stands and its dependents have moved over before the old one goes.
                Action::CreateThenDelete => {
                    after.extend(self.made.get(block));
                    after.extend(&changed_before);
                }
                // Those that stay have let go of it.
                Action::Delete => after.extend(&changed_before),
                _ => {}
            }
            ended.push(self.push(StepKind::Delete(index), after));
        }
        ended.extend(&deleted_before);
        if !ended.is_empty() {
            let junction = self.meet(ended, usize::MAX)[0];
            self.deleted.insert(block.clone(), junction);
        }
    }

    /// What is made anew in the place of something waits until that is gone.
    fn creates_after_deletes(&mut self, changes: &[Change]) {
        let mut gone: BTreeMap<usize, usize> = BTreeMap::new();
        for (position, step) in self.steps.iter().enumerate() {
            if let StepKind::Delete(index) = step.what {
                gone.insert(index, position);
            }
        }
        for step in &mut self.steps {
            if let StepKind::Create(index) = step.what
                && changes[index].action == Action::DeleteThenCreate
            {
                step.after.extend(gone.get(&index));
            }
        }
    }

    /// What goes with something else is written off once that is gone.
    fn forgets(&mut self, changes: &[Change]) {
        let mut gone: BTreeMap<Address, usize> = BTreeMap::new();
        for (position, step) in self.steps.iter().enumerate() {
            if let StepKind::Delete(index) = step.what {
                gone.insert(changes[index].address.clone(), position);
            }
        }
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        let mut open: Vec<usize> =
            (0..changes.len()).filter(|it| deletes(&changes[*it]) && changes[*it].gone_with.is_some()).collect();
        // What lives inside something that itself goes with a third thing comes after that one.
        while !open.is_empty() {
            let before = open.len();
            open.retain(|index| {
                let change = &changes[*index];
                let Some(container) = change.gone_with.as_ref().and_then(|it| gone.get(it)).copied() else { return true };
                let step = self.push(StepKind::Forget(*index), vec![container]);
                gone.insert(change.address.clone(), step);
                last.insert(*index, step);
                false
            });
            if open.len() == before {
                break;
            }
        }
        for step in &mut self.steps {
            if let StepKind::Create(index) = step.what {
                step.after.extend(last.get(&index));
            }
        }
    }

    /// One step to wait for in the place of many, where that saves edges.
    fn meet(&mut self, steps: Vec<usize>, waiters: usize) -> Vec<usize> {
        match steps.len() {
            0 | 1 => steps,
            _ if waiters <= 1 => steps,
            _ => vec![self.push(StepKind::Junction, steps)],
        }
    }
}

fn make(change: &Change, index: usize) -> Option<StepKind> {
    match change.action {
        Action::Create | Action::DeleteThenCreate | Action::CreateThenDelete => Some(StepKind::Create(index)),
        Action::Update => Some(StepKind::Update(index)),
        Action::Read => Some(StepKind::Read(index)),
        Action::Delete | Action::NoOp => None,
    }
}

fn deletes(change: &Change) -> bool {
    change.action == Action::Delete || change.action.is_replace()
}

/// The root module's address of a block.
pub(crate) fn address_of(name: &BlockName) -> BlockAddress {
    BlockAddress::root(name.mode, name.kind.clone(), name.name.clone())
}

/// The name of a block by its address.
#[must_use]
pub fn name_of(address: &BlockAddress) -> BlockName {
    BlockName { mode: address.mode, kind: address.kind.clone(), name: address.name.clone() }
}

/// The disruptive steps that must not run together. Making a whole group, or deleting all of it, disturbs nobody.
pub(crate) fn rolling(changes: &[Change], steps: &[Step], untouched: &BTreeSet<String>) -> Vec<Rolling> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate().filter(|(_, it)| it.address.block.mode == Mode::Managed) {
        if let Some(group) = &change.group {
            groups.entry(group).or_default().push(index);
        }
    }
    let mut own: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (position, step) in steps.iter().enumerate() {
        if let StepKind::Create(change) | StepKind::Update(change) | StepKind::Delete(change) = step.what {
            own.entry(change).or_default().push(position);
        }
    }
    let mut rolling = Vec::new();
    for (group, members) in groups {
        let all = |action: Action| members.iter().all(|it| changes[*it].action == action) && !untouched.contains(group);
        if all(Action::Create) || all(Action::Delete) {
            continue;
        }
        let chains: Vec<Vec<usize>> =
            members.iter().filter(|it| is_disruptive(&changes[**it])).filter_map(|it| own.get(it).cloned()).collect();
        if chains.len() > 1 {
            rolling.push(Rolling { group: group.to_owned(), chains, at_most: 1 });
        }
    }
    rolling
}

fn is_disruptive(change: &Change) -> bool {
    let disturbs = |it: &Impact| it.severity >= ImpactSeverity::Disruption;
    matches!(change.action, Action::Delete) || change.action.is_replace() || change.impacts.iter().any(disturbs)
}

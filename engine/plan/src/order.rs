//! Which step comes after which. Many meet in junctions, so that edges stay as few as the references are.

mod sorted;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ha_kind::{Action, BlockAddress, Diagnostic};
use petgraph::graph::DiGraph;

use crate::graph::{Graph, NodeId};
use crate::model::{Change, Step, StepKind};
use sorted::dependents_first;
pub(crate) use sorted::sorted;

/// The direct dependencies of recorded blocks.
pub(crate) type Recorded<'a> = BTreeMap<&'a BlockAddress, BTreeSet<&'a BlockAddress>>;

/// The steps of a plan, each after those it waits for.
pub(crate) fn steps(changes: &[Change], graph: Option<&Graph>, recorded: &Recorded<'_>) -> Result<Vec<Step>, Box<Diagnostic>> {
    let mut by_block: BTreeMap<&BlockAddress, Vec<usize>> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        by_block.entry(&change.address.block).or_default().push(index);
    }
    let mut order = Order {
        changes,
        by_block,
        steps: Vec::new(),
        wishes: Vec::new(),
        junctions: BTreeMap::new(),
        makes: BTreeMap::new(),
        made: BTreeMap::new(),
        passed_on: BTreeMap::new(),
        deletes: BTreeMap::new(),
        deleted: BTreeMap::new(),
        inside: BTreeMap::new(),
    };
    if let Some(graph) = graph {
        order.make(graph);
    }
    let (earlier, dependents) = dependents_first(recorded);
    for block in &earlier {
        order.delete(block, dependents.get(block));
    }
    order.forget();
    order.make_after_deleting();
    order.updates_after_dependents_are_deleted(&dependents);
    order.grant_wishes();
    sorted(order.steps, changes).map(|(steps, _)| steps)
}

struct Order<'a> {
    changes: &'a [Change],
    by_block: BTreeMap<&'a BlockAddress, Vec<usize>>,
    steps: Vec<Step>,
    /// Edges that are better kept, and dropped where they would close a circle.
    wishes: Vec<Wish>,
    /// The junctions behind the same steps, and those that wish to be, so that who waits for the same shares them.
    junctions: BTreeMap<(Option<Why>, Vec<usize>), usize>,
    /// The step that makes, changes or reads, by change.
    makes: BTreeMap<usize, usize>,
    /// What is behind everything that is made or changed of a block.
    made: BTreeMap<&'a BlockAddress, usize>,
    /// What is behind everything that is made or changed of a block and of what depends on it, at however many removes.
    passed_on: BTreeMap<&'a BlockAddress, usize>,
    /// The step that deletes or forgets, by change.
    deletes: BTreeMap<usize, usize>,
    /// What is behind everything that is deleted of a block, and of what depended on it.
    deleted: BTreeMap<&'a BlockAddress, usize>,
    /// The blocks of which something goes with a block.
    inside: BTreeMap<&'a BlockAddress, BTreeSet<&'a BlockAddress>>,
}

struct Wish {
    step: usize,
    after: usize,
    why: Why,
}

/// Why one step should come after another: the weakest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// What used a thing is gone before the thing changes.
    UserGone,
    /// What uses a thing by way of others, which may have passed on what it said, has let go of it before it goes.
    LetGoFar,
    /// What used a thing has let go of it before the thing goes.
    LetGo,
}

impl<'a> Order<'a> {
    fn push(&mut self, what: StepKind) -> usize {
        self.steps.push(Step { what, after: Vec::new() });
        self.steps.len() - 1
    }

    /// One step to wait for in the place of many; none when there are none.
    fn meet(&mut self, mut steps: Vec<usize>) -> Option<usize> {
        steps.sort_unstable();
        steps.dedup();
        match steps.as_slice() {
            [] => None,
            [only] => Some(*only),
            _ => {
                if let Some(junction) = self.junctions.get(&(None, steps.clone())) {
                    return Some(*junction);
                }
                let junction = self.push(StepKind::Junction);
                self.steps[junction].after.clone_from(&steps);
                self.junctions.insert((None, steps), junction);
                Some(junction)
            }
        }
    }

    /// Wishes that a step should come after all of these.
    fn wish(&mut self, step: usize, mut after: Vec<usize>, why: Why) {
        after.sort_unstable();
        after.dedup();
        if let [only] = after.as_slice() {
            self.wishes.push(Wish { step, after: *only, why });
        } else if !after.is_empty() {
            let key = (Some(why), after);
            let junction = match self.junctions.get(&key) {
                Some(junction) => *junction,
                None => {
                    let junction = self.push(StepKind::Junction);
                    self.wishes.extend(key.1.iter().map(|after| Wish { step: junction, after: *after, why }));
                    self.junctions.insert(key, junction);
                    junction
                }
            };
            self.steps[step].after.push(junction);
        }
    }

    /// One step that holds back many.
    fn gate(&mut self, steps: &[usize]) -> usize {
        match steps {
            [only] => *only,
            _ => {
                let junction = self.push(StepKind::Junction);
                for step in steps {
                    self.steps[*step].after.push(junction);
                }
                junction
            }
        }
    }

    /// Creates, updates and reads, each block's after those it refers to.
    fn make(&mut self, graph: &Graph) {
        let mut of_node: HashMap<NodeId, Vec<&'a BlockAddress>> = HashMap::new();
        for block in self.by_block.keys().copied() {
            if let Some(node) = graph.node_of(block) {
                of_node.entry(node).or_default().push(block);
            }
        }
        // Only what something planned comes after needs a place to meet.
        let mut needed = vec![false; graph.len()];
        for node in graph.order.iter().rev().copied() {
            if needed[node] || of_node.contains_key(&node) {
                graph.direct(node).for_each(|it| needed[it] = true);
            }
        }
        let mut behind: Vec<Option<usize>> = vec![None; graph.len()];
        for node in graph.order.iter().copied() {
            if !needed[node] && !of_node.contains_key(&node) {
                continue;
            }
            let mut after: Vec<usize> = graph.direct(node).filter_map(|it| behind[it]).collect();
            let mut steps = Vec::new();
            for block in of_node.remove(&node).unwrap_or_default() {
                let own = self.make_block(block);
                if let Some(made) = self.meet(own.clone()) {
                    self.made.insert(block, made);
                    steps.extend(own);
                }
            }
            if !steps.is_empty() {
                if !after.is_empty() {
                    let gate = self.gate(&steps);
                    self.steps[gate].after.append(&mut after);
                }
                after = steps;
            }
            behind[node] = self.meet(after);
        }
    }

    /// The steps that make, change or read what is planned of a block.
    fn make_block(&mut self, block: &'a BlockAddress) -> Vec<usize> {
        let mut steps = Vec::new();
        for index in self.by_block[block].clone() {
            if let Some(what) = making(&self.changes[index], index) {
                let step = self.push(what);
                self.makes.insert(index, step);
                steps.push(step);
            }
        }
        steps
    }

    /// What goes of a block, after what goes of the blocks that depended on it, and after those that stay have let go.
    fn delete(&mut self, block: &'a BlockAddress, dependents: Option<&BTreeSet<&'a BlockAddress>>) {
        let dependents = || dependents.into_iter().flatten();
        let before: Vec<usize> = dependents().filter_map(|it| self.deleted.get(it)).copied().collect();
        let let_go: Vec<usize> = dependents().filter_map(|it| self.made.get(it)).copied().collect();
        let far: Vec<usize> = dependents().filter_map(|it| self.passed_on.get(it)).copied().collect();
        let (mut steps, mut letting_go) = (Vec::new(), Vec::new());
        for index in self.by_block.get(block).cloned().unwrap_or_default() {
            let change = &self.changes[index];
            if !change.action.destroys() || change.gone_with.is_some() {
                continue;
            }
            let step = self.push(StepKind::Delete(index));
            self.deletes.insert(index, step);
            steps.push(step);
            // The new one stands before the old one goes.
            if change.action == Action::CreateThenDelete {
                self.steps[step].after.extend(self.makes.get(&index));
            }
            if change.action != Action::DeleteThenCreate {
                letting_go.push(step);
            }
        }
        if !letting_go.is_empty() && !far.is_empty() {
            let step = self.gate(&letting_go);
            self.wish(step, let_go, Why::LetGo);
            self.wish(step, far.clone(), Why::LetGoFar);
        }
        let far = self.meet(far);
        if let Some(passed_on) = self.meet(far.into_iter().chain(self.made.get(block).copied()).collect()) {
            self.passed_on.insert(block, passed_on);
        }
        let before = self.meet(before);
        if let (false, Some(before)) = (steps.is_empty(), before) {
            let gate = self.gate(&steps);
            self.steps[gate].after.push(before);
        }
        let ended = if steps.is_empty() { before.into_iter().collect() } else { steps };
        if let Some(deleted) = self.meet(ended) {
            self.deleted.insert(block, deleted);
        }
    }

    /// What goes with what it lives inside of is written off once all of that is gone.
    fn forget(&mut self) {
        let going = |(_, own): &(&&'a BlockAddress, &Vec<usize>)| own.iter().any(|it| self.changes[*it].gone_with.is_some());
        let mut open: Vec<&'a BlockAddress> = self.by_block.iter().filter(going).map(|(block, _)| *block).collect();
        // What lives inside something that itself goes with a third thing comes after that one.
        while !open.is_empty() {
            let waiting: BTreeSet<&BlockAddress> = open.iter().copied().collect();
            let (ready, later): (Vec<_>, Vec<_>) = open
                .iter()
                .copied()
                .partition(|block| self.containers_of(block).into_iter().all(|container| !waiting.contains(container)));
            // Nothing lives inside itself; should a state say so, all of it is written off all the same.
            for block in if ready.is_empty() { open.clone() } else { ready } {
                self.forget_block(block);
            }
            open = if later.len() < open.len() { later } else { Vec::new() };
        }
    }

    fn containers_of(&self, block: &BlockAddress) -> BTreeSet<&'a BlockAddress> {
        let own = self.by_block.get(block).into_iter().flatten();
        own.filter_map(|it| self.changes[*it].gone_with.as_ref()).map(|it| &it.block).collect()
    }

    fn forget_block(&mut self, block: &'a BlockAddress) {
        let mut by_container: BTreeMap<&'a BlockAddress, Vec<usize>> = BTreeMap::new();
        let changes = self.changes;
        for index in self.by_block[block].clone() {
            if let Some(container) = &changes[index].gone_with {
                let step = self.push(StepKind::Forget(index));
                self.deletes.insert(index, step);
                by_container.entry(&container.block).or_default().push(step);
            }
        }
        for (container, steps) in by_container {
            self.inside.entry(container).or_default().insert(block);
            let own = self.by_block.get(container).into_iter().flatten();
            let gone = own.filter_map(|it| self.deletes.get(it)).copied().collect();
            if let Some(gone) = self.meet(gone) {
                let gate = self.gate(&steps);
                self.steps[gate].after.push(gone);
            }
        }
    }

    /// What is made anew in the place of something waits until that is gone, and all that lived inside of it is written
    /// off: a record of what went must not be taken for one of what is in the new one.
    fn make_after_deleting(&mut self) {
        for (index, make) in &self.makes {
            if self.changes[*index].action == Action::DeleteThenCreate {
                self.steps[*make].after.extend(self.deletes.get(index));
            }
        }
        for container in self.inside.keys().copied().collect::<Vec<_>>() {
            let (mut went, mut open) = (BTreeSet::new(), vec![container]);
            while let Some(block) = open.pop() {
                let inside = self.inside.get(block).into_iter().flatten().copied();
                open.extend(inside.filter(|it| went.insert(*it)));
            }
            let changes = went.into_iter().filter_map(|it| self.by_block.get(it)).flatten();
            let went = changes.filter(|it| self.changes[**it].gone_with.is_some()).filter_map(|it| self.deletes.get(it));
            let went = went.copied().collect();
            let anew = self.by_block[container].iter().filter(|it| self.changes[**it].action == Action::DeleteThenCreate);
            let anew: Vec<usize> = anew.filter_map(|it| self.makes.get(it)).copied().collect();
            if let (false, Some(went)) = (anew.is_empty(), self.meet(went)) {
                let gate = self.gate(&anew);
                self.steps[gate].after.push(went);
            }
        }
    }

    /// A thing changes after what used it and goes is gone; and things that went with others count as gone by then for
    /// what they depended on.
    fn updates_after_dependents_are_deleted(&mut self, dependents: &BTreeMap<&'a BlockAddress, BTreeSet<&'a BlockAddress>>) {
        for (block, users) in dependents {
            let own = self.by_block.get(block).cloned().unwrap_or_default();
            let updates: Vec<usize> = own
                .iter()
                .filter(|it| self.changes[**it].action == Action::Update)
                .filter_map(|it| self.makes.get(it))
                .copied()
                .collect();
            let deletes: Vec<usize> = own
                .iter()
                .filter(|it| self.changes[**it].gone_with.is_none())
                .filter_map(|it| self.deletes.get(it))
                .copied()
                .collect();
            let (mut gone, mut forgotten) = (Vec::new(), Vec::new());
            for user in users {
                gone.extend(self.deleted.get(user));
                let own = self.by_block.get(user).into_iter().flatten();
                let went = own.filter(|it| self.changes[**it].gone_with.is_some()).filter_map(|it| self.deletes.get(it));
                let went = went.copied().collect();
                forgotten.extend(self.meet(went));
            }
            if !updates.is_empty() && !gone.is_empty() {
                let step = self.gate(&updates);
                self.wish(step, gone, Why::UserGone);
            }
            if !deletes.is_empty() && !forgotten.is_empty() {
                let step = self.gate(&deletes);
                self.wish(step, forgotten, Why::LetGo);
            }
        }
    }

    /// Keeps the wishes that close no circle, giving up weaker ones first.
    fn grant_wishes(&mut self) {
        let mut wishes = std::mem::take(&mut self.wishes);
        for why in [Why::UserGone, Why::LetGoFar, Why::LetGo] {
            if !wishes.iter().any(|it| it.why == why) {
                continue;
            }
            let circle = self.circles(&wishes);
            wishes.retain(|it| it.why != why || circle[it.step].is_none() || circle[it.step] != circle[it.after]);
        }
        for wish in wishes {
            self.steps[wish.step].after.push(wish.after);
        }
    }

    /// For each step which circle it is in, if any.
    fn circles(&self, wishes: &[Wish]) -> Vec<Option<usize>> {
        let mut graph = DiGraph::<(), ()>::with_capacity(self.steps.len(), self.steps.len());
        let nodes: Vec<_> = self.steps.iter().map(|_| graph.add_node(())).collect();
        for (index, step) in self.steps.iter().enumerate() {
            for after in &step.after {
                graph.add_edge(nodes[*after], nodes[index], ());
            }
        }
        for wish in wishes {
            graph.add_edge(nodes[wish.after], nodes[wish.step], ());
        }
        let mut circles = vec![None; self.steps.len()];
        for (number, members) in petgraph::algo::kosaraju_scc(&graph).into_iter().enumerate().filter(|(_, it)| it.len() > 1) {
            for member in members {
                circles[member.index()] = Some(number);
            }
        }
        circles
    }
}

fn making(change: &Change, index: usize) -> Option<StepKind> {
    match change.action {
        Action::Create | Action::DeleteThenCreate | Action::CreateThenDelete => Some(StepKind::Create(index)),
        Action::Update => Some(StepKind::Update(index)),
        Action::Read => Some(StepKind::Read(index)),
        Action::Delete | Action::Forget | Action::NoOp => None,
    }
}

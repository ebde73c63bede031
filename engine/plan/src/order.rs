//! The order of steps. Many steps share junctions, so that there are no more edges than
//! references.

pub(crate) mod create_before_destroy;
mod recorded;
pub(crate) mod rolling;
mod topological_order;

use std::collections::{BTreeMap, BTreeSet};

use ha_diagnostics::{Diagnostic, code};
use ha_state_model::State;
use ha_value::{Action, Address, HashMap};
use petgraph::graph::{DiGraph, NodeIndex};

use crate::graph::{Graph, NodeId};
use crate::model::{Change, PlanStep, StepKind};
use recorded::{BlockNumber, NumberedBlocks};
use topological_order::dependents_first;
pub(crate) use topological_order::sorted;

/// One change that comes after another one, because both are about things that cannot be
/// distinguished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Succession {
    /// What gives up its identity.
    pub(crate) giver: Address,
    /// What takes it.
    pub(crate) taker: Address,
}

/// Returns the steps of a plan, each after those it waits for. The changes must be in the order of
/// their addresses.
pub(crate) fn steps(
    changes: &[Change],
    successions: &[Succession],
    graph: Option<&Graph>,
    state: &State,
) -> Result<Vec<PlanStep>, Box<Diagnostic>> {
    let recorded = NumberedBlocks::new(changes, state);
    let mut own: Vec<Vec<usize>> = vec![Vec::new(); recorded.len()];
    for (index, change) in changes.iter().enumerate() {
        own[recorded.number_of(&change.address.block).expect("what is planned has a number")]
            .push(index);
    }
    let mut order = StepOrder {
        changes,
        recorded: &recorded,
        own,
        steps: Vec::new(),
        preferences: Vec::new(),
        junctions: HashMap::default(),
        makes: vec![None; changes.len()],
        deletes: vec![None; changes.len()],
        made: vec![None; recorded.len()],
        passed_on: vec![None; recorded.len()],
        deleted: vec![None; recorded.len()],
        went: vec![None; recorded.len()],
        inside: BTreeMap::new(),
    };
    if let Some(graph) = graph {
        order.add_creates_and_updates(graph);
    }
    // Creates and updates follow the references of the configuration. Deletions follow the
    // recorded dependencies, because the blocks of deleted instances may not exist any more.
    let (earlier, dependents) = dependents_first(&recorded);
    for number in &earlier {
        order.add_deletes(*number, &dependents[*number]);
    }
    order.forget_contents();
    order.forget_records();
    order.make_after_deleting();
    order.updates_after_dependents_are_deleted(&earlier, &dependents);
    let taken = order.take_names(successions);
    // Preferences are granted last: whether one closes a circle depends on all the other edges.
    order.apply_preferences();
    order.check_names_released(&taken, successions)?;
    // `rolling` expects the steps in topological order.
    sorted(order.steps, changes).map(|(steps, _)| steps)
}

/// The order under construction. Vectors are indexed by block and group numbers or by changes.
struct StepOrder<'a> {
    changes: &'a [Change],
    recorded: &'a NumberedBlocks<'a>,
    /// The changes of each block.
    own: Vec<Vec<usize>>,
    steps: Vec<PlanStep>,
    /// Optional edges, dropped where they would close a circle.
    preferences: Vec<OrderConstraint>,
    /// Junctions by the steps behind them, and by the reason of optional ones, so that steps with
    /// the same predecessors share a junction.
    junctions: HashMap<(Option<OrderReason>, Vec<usize>), usize>,
    /// The step that creates, updates or reads, by change.
    makes: Vec<Option<usize>>,
    /// The step that deletes or forgets, by change.
    deletes: Vec<Option<usize>>,
    /// The step after everything that is created or updated of a block, or of a group's
    /// dependents.
    made: Vec<Option<usize>>,
    /// The step after everything that is created or updated of a block and of its dependents,
    /// direct or not.
    passed_on: Vec<Option<usize>>,
    /// The step after everything that is deleted of a block and of its dependents.
    deleted: Vec<Option<usize>>,
    /// The step after everything of a block, or of a group's dependents, that is forgotten with
    /// its container.
    went: Vec<Option<usize>>,
    /// The blocks whose instances are deleted with a container.
    inside: BTreeMap<BlockNumber, BTreeSet<BlockNumber>>,
}

struct OrderConstraint {
    step: usize,
    after: usize,
    why: OrderReason,
}

/// Why a step should follow another, weakest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum OrderReason {
    /// A user is deleted before the resource is updated.
    UserDeleted,
    /// An indirect user, which may have got a value of the resource through others, is updated
    /// before the resource is deleted.
    IndirectUserUpdated,
    /// A user is updated before the resource is deleted.
    UserUpdated,
    /// A name is given up before another resource takes it.
    NameReleased,
}

impl<'a> StepOrder<'a> {
    fn push(&mut self, what: StepKind) -> usize {
        self.steps.push(PlanStep { what, after: Vec::new() });
        self.steps.len() - 1
    }

    /// Returns one step that comes after all of these; none for no steps.
    fn junction_after(&mut self, mut steps: Vec<usize>) -> Option<usize> {
        steps.sort_unstable();
        steps.dedup();
        match steps.as_slice() {
            [] => None,
            [only] => Some(*only),
            _ => {
                // Blocks that wait for the same steps share one junction, or a plan in which
                // everything depends on everything would have quadratic edges.
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

    /// Adds an optional order of a step after all of these.
    fn prefer_after(&mut self, step: usize, mut after: Vec<usize>, why: OrderReason) {
        after.sort_unstable();
        after.dedup();
        if let [only] = after.as_slice() {
            self.preferences.push(OrderConstraint { step, after: *only, why });
        } else if !after.is_empty() {
            let key = (Some(why), after);
            // A junction for preferences is kept apart from one for required edges: its incoming
            // edges may be dropped.
            let junction = match self.junctions.get(&key) {
                Some(junction) => *junction,
                None => {
                    let junction = self.push(StepKind::Junction);
                    self.preferences.extend(key.1.iter().map(|after| OrderConstraint {
                        step: junction,
                        after: *after,
                        why,
                    }));
                    self.junctions.insert(key, junction);
                    junction
                }
            };
            self.steps[step].after.push(junction);
        }
    }

    /// Returns one step that comes before all of these.
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

    /// Returns the steps of these blocks that exist.
    fn existing(&self, numbers: &[BlockNumber], of: &[Option<usize>]) -> Vec<usize> {
        numbers.iter().filter_map(|it| of[*it]).collect()
    }

    /// Adds creates, updates and reads; those of a block follow those of the blocks it refers to.
    fn add_creates_and_updates(&mut self, graph: &Graph) {
        let mut of_node: HashMap<NodeId, Vec<BlockNumber>> = HashMap::default();
        for number in (0..self.own.len()).filter(|it| !self.own[*it].is_empty()) {
            if let Some(node) = graph.node_of(&self.changes[self.own[number][0]].address.block) {
                of_node.entry(node).or_default().push(number);
            }
        }
        // Junctions are only made where a planned change depends on them.
        let mut needed = vec![false; graph.len()];
        for node in graph.order.iter().rev().copied() {
            if needed[node] || of_node.contains_key(&node) {
                graph.direct_references(node).for_each(|it| needed[it] = true);
            }
        }
        let mut behind: Vec<Option<usize>> = vec![None; graph.len()];
        for node in graph.order.iter().copied() {
            if !needed[node] && !of_node.contains_key(&node) {
                continue;
            }
            let mut after: Vec<usize> =
                graph.direct_references(node).filter_map(|it| behind[it]).collect();
            let mut steps = Vec::new();
            for number in of_node.remove(&node).unwrap_or_default() {
                let own = self.make_block(number);
                self.made[number] = self.junction_after(own.clone());
                steps.extend(own);
            }
            // A node without steps passes on what it waits for, so that order is preserved through
            // unchanged blocks and local values.
            if !steps.is_empty() {
                if !after.is_empty() {
                    let gate = self.gate(&steps);
                    self.steps[gate].after.append(&mut after);
                }
                after = steps;
            }
            behind[node] = self.junction_after(after);
        }
    }

    /// Adds the steps that create, update or read instances of a block.
    fn make_block(&mut self, number: BlockNumber) -> Vec<usize> {
        let mut steps = Vec::new();
        for index in self.own[number].clone() {
            if let Some(what) = making(&self.changes[index], index) {
                let step = self.push(what);
                self.makes[index] = Some(step);
                steps.push(step);
            }
        }
        steps
    }

    /// Adds the deletions of a block: after the deletions of its dependents, and after its other
    /// users have been updated. A group passes on the steps of its dependents.
    fn add_deletes(&mut self, number: BlockNumber, dependents: &[BlockNumber]) {
        let before = self.existing(dependents, &self.deleted);
        let users_updated = self.existing(dependents, &self.made);
        let indirect_users_updated = self.existing(dependents, &self.passed_on);
        let (mut steps, mut deletes_after_users) = (Vec::new(), Vec::new());
        for index in self.own[number].clone() {
            let change = &self.changes[index];
            if !change.action.destroys() || change.gone_with.is_some() {
                continue;
            }
            let step = self.push(StepKind::Delete(index));
            self.deletes[index] = Some(step);
            steps.push(step);
            // `create_before_destroy`: the new object exists before the old one is deleted.
            if change.action == Action::CreateThenDelete {
                self.steps[step].after.extend(self.makes[index]);
            }
            // A replaced object is created again after its deletion, and its users are updated
            // after that: they cannot come first.
            if change.action != Action::DeleteThenCreate {
                deletes_after_users.push(step);
            }
        }
        if !deletes_after_users.is_empty() && !indirect_users_updated.is_empty() {
            let step = self.gate(&deletes_after_users);
            self.prefer_after(step, users_updated, OrderReason::UserUpdated);
            self.prefer_after(
                step,
                indirect_users_updated.clone(),
                OrderReason::IndirectUserUpdated,
            );
        } else if self.recorded.is_group(number) {
            self.made[number] = self.junction_after(users_updated);
        }
        // For a group `made` holds the steps of its dependents already, so they must not be added
        // a second time.
        let own = if self.recorded.is_group(number) { None } else { self.made[number] };
        let indirect_users_updated = self.junction_after(indirect_users_updated);
        self.passed_on[number] =
            self.junction_after(indirect_users_updated.into_iter().chain(own).collect());
        let before = self.junction_after(before);
        if let (false, Some(before)) = (steps.is_empty(), before) {
            let gate = self.gate(&steps);
            self.steps[gate].after.push(before);
        }
        // A block without deletions passes on those of its dependents, so that order is preserved
        // across it.
        let ended = if steps.is_empty() { before.into_iter().collect() } else { steps };
        self.deleted[number] = self.junction_after(ended);
    }

    /// Adds the steps that forget instances which are deleted with their container, once the
    /// container is deleted.
    fn forget_contents(&mut self) {
        let going = |number: &BlockNumber| {
            self.own[*number].iter().any(|it| self.changes[*it].gone_with.is_some())
        };
        let mut open: Vec<BlockNumber> = (0..self.own.len()).filter(going).collect();
        // A container that is itself deleted with another one must be forgotten first.
        while !open.is_empty() {
            let waiting: BTreeSet<BlockNumber> = open.iter().copied().collect();
            let (ready, later): (Vec<_>, Vec<_>) = open.iter().copied().partition(|number| {
                self.containers_of(*number)
                    .into_iter()
                    .all(|container| !waiting.contains(&container))
            });
            // No record says validly that containers contain each other. If one does, all of them
            // are forgotten instead of looping forever.
            for number in if ready.is_empty() { open.clone() } else { ready } {
                self.forget_block(number);
            }
            open = if later.len() < open.len() { later } else { Vec::new() };
        }
    }

    /// Adds the steps for instances that are forgotten without deletion, which wait for nothing.
    fn forget_records(&mut self) {
        for index in 0..self.changes.len() {
            if self.changes[index].action == Action::Forget {
                self.deletes[index] = Some(self.push(StepKind::Forget(index)));
            }
        }
    }

    fn containers_of(&self, number: BlockNumber) -> BTreeSet<BlockNumber> {
        let containers = self.own[number].iter().filter_map(|it| self.container(*it));
        containers.collect()
    }

    /// Returns the block of the container that a change's instance is deleted with.
    fn container(&self, change: usize) -> Option<BlockNumber> {
        self.changes[change].gone_with.as_ref().and_then(|it| self.recorded.number_of(&it.block))
    }

    /// Returns the step after which the contents of a container may be forgotten. With
    /// `create_before_destroy` that is the create: the old container is deleted in any case.
    fn container_gone_step(&self, change: usize) -> Option<usize> {
        match self.changes[change].action {
            Action::CreateThenDelete => self.makes[change],
            _ => self.deletes[change],
        }
    }

    fn forget_block(&mut self, number: BlockNumber) {
        let mut by_container: BTreeMap<BlockNumber, Vec<usize>> = BTreeMap::new();
        let mut went = Vec::new();
        for index in self.own[number].clone() {
            if let Some(container) = self.container(index) {
                let step = self.push(StepKind::Forget(index));
                self.deletes[index] = Some(step);
                by_container.entry(container).or_default().push(step);
                went.push(step);
            }
        }
        for (container, steps) in by_container {
            self.inside.entry(container).or_default().insert(number);
            let gone =
                self.own[container].iter().filter_map(|it| self.container_gone_step(*it)).collect();
            if let Some(gone) = self.junction_after(gone) {
                let gate = self.gate(&steps);
                self.steps[gate].after.push(gone);
            }
        }
        self.went[number] = self.junction_after(went);
    }

    /// Orders a create after the deletion that it replaces, and after everything inside the old
    /// object is forgotten. Otherwise the record of old contents could be taken for the record of
    /// contents of the new object.
    fn make_after_deleting(&mut self) {
        for index in 0..self.changes.len() {
            if let (Some(make), Action::DeleteThenCreate) =
                (self.makes[index], self.changes[index].action)
            {
                self.steps[make].after.extend(self.deletes[index]);
            }
        }
        for container in self.inside.keys().copied().collect::<Vec<_>>() {
            let (mut inside, mut open) = (BTreeSet::new(), vec![container]);
            while let Some(number) = open.pop() {
                let deeper = self.inside.get(&number).into_iter().flatten().copied();
                open.extend(deeper.filter(|it| inside.insert(*it)));
            }
            let went = inside.into_iter().filter_map(|it| self.went[it]).collect();
            let recreated = self.own[container]
                .iter()
                .filter(|it| self.changes[**it].action == Action::DeleteThenCreate);
            let recreated: Vec<usize> = recreated.filter_map(|it| self.makes[*it]).collect();
            if let (false, Some(went)) = (recreated.is_empty(), self.junction_after(went)) {
                let gate = self.gate(&recreated);
                self.steps[gate].after.push(went);
            }
        }
    }

    /// Orders updates after the deletion of users, and deletions after users that are forgotten
    /// with their containers.
    fn updates_after_dependents_are_deleted(
        &mut self,
        earlier: &[BlockNumber],
        dependents: &[Vec<BlockNumber>],
    ) {
        for number in earlier.iter().copied() {
            let users = &dependents[number];
            let gone = self.existing(users, &self.deleted);
            let forgotten = self.existing(users, &self.went);
            if self.recorded.is_group(number) {
                self.went[number] = self.junction_after(forgotten);
                continue;
            }
            let updates =
                self.own[number].iter().filter(|it| self.changes[**it].action == Action::Update);
            let updates: Vec<usize> = updates.filter_map(|it| self.makes[*it]).collect();
            let deletes =
                self.own[number].iter().filter(|it| self.changes[**it].gone_with.is_none());
            let deletes: Vec<usize> = deletes.filter_map(|it| self.deletes[*it]).collect();
            // An update may remove what a user still needs, such as a port, so the user is deleted
            // first where possible.
            if !updates.is_empty() && !gone.is_empty() {
                let step = self.gate(&updates);
                self.prefer_after(step, gone, OrderReason::UserDeleted);
            }
            if !deletes.is_empty() && !forgotten.is_empty() {
                let step = self.gate(&deletes);
                self.prefer_after(step, forgotten, OrderReason::UserUpdated);
            }
        }
    }

    /// Orders a change that takes a name after the one that gives it up. Returns the steps of each
    /// succession.
    fn take_names(&mut self, successions: &[Succession]) -> Vec<Option<(usize, usize)>> {
        if successions.is_empty() {
            return Vec::new();
        }
        // An old object of a replacement has the same address, and its name has been given up
        // before.
        let current = self.changes.iter().enumerate().filter(|(_, it)| it.deposed.is_none());
        let places: HashMap<&Address, usize> = current.map(|(at, it)| (&it.address, at)).collect();
        let steps = successions.iter().map(|it| {
            let (giver, taker) = (*places.get(&it.giver)?, *places.get(&it.taker)?);
            let gives = if self.changes[giver].action == Action::Update {
                self.makes[giver]
            } else {
                self.deletes[giver]
            };
            Some((gives?, self.makes[taker]?))
        });
        let steps: Vec<_> = steps.collect();
        self.preferences.extend(steps.iter().flatten().map(|(gives, takes)| OrderConstraint {
            step: *takes,
            after: *gives,
            why: OrderReason::NameReleased,
        }));
        steps
    }

    /// # Errors
    /// Reports two resources that wait for each other's names.
    fn check_names_released(
        &self,
        taken: &[Option<(usize, usize)>],
        successions: &[Succession],
    ) -> Result<(), Box<Diagnostic>> {
        let waits = |(gives, takes): (usize, usize)| self.steps[takes].after.contains(&gives);
        let Some((_, it)) =
            taken.iter().zip(successions).find(|(steps, _)| steps.is_some_and(|it| !waits(it)))
        else {
            return Ok(());
        };
        let Succession { giver, taker } = it;
        let summary =
            format!("`{taker}` takes the name that `{giver}` gives up, and cannot wait for that");
        let diagnostic = Diagnostic::error(summary).code(code::TWICE).address(taker);
        Err(Box::new(diagnostic.help(
            "make the change in two steps: give the first one a free name and apply, then continue",
        )))
    }

    /// Turns optional edges into edges, without those that would close a circle. Weaker reasons
    /// are dropped first.
    fn apply_preferences(&mut self) {
        let mut preferences = std::mem::take(&mut self.preferences);
        for why in [
            OrderReason::UserDeleted,
            OrderReason::IndirectUserUpdated,
            OrderReason::UserUpdated,
            OrderReason::NameReleased,
        ] {
            if !preferences.iter().any(|it| it.why == why) {
                continue;
            }
            // The circles are computed again for each reason: dropping the weaker edges may have
            // resolved them.
            let circle = self.circles(&preferences);
            preferences.retain(|it| {
                it.why != why || circle[it.step].is_none() || circle[it.step] != circle[it.after]
            });
        }
        for preference in preferences {
            self.steps[preference.step].after.push(preference.after);
        }
    }

    /// Returns for each step the circle that it is in, if any.
    fn circles(&self, preferences: &[OrderConstraint]) -> Vec<Option<usize>> {
        let mut graph = DiGraph::<(), ()>::with_capacity(self.steps.len(), self.steps.len());
        for _ in &self.steps {
            graph.add_node(());
        }
        for (index, step) in self.steps.iter().enumerate() {
            for after in &step.after {
                graph.add_edge(NodeIndex::new(*after), NodeIndex::new(index), ());
            }
        }
        for preference in preferences {
            graph.add_edge(NodeIndex::new(preference.after), NodeIndex::new(preference.step), ());
        }
        let mut circles = vec![None; self.steps.len()];
        for (number, members) in petgraph::algo::kosaraju_scc(&graph)
            .into_iter()
            .enumerate()
            .filter(|(_, it)| it.len() > 1)
        {
            for member in members {
                circles[member.index()] = Some(number);
            }
        }
        circles
    }
}

fn making(change: &Change, index: usize) -> Option<StepKind> {
    match change.action {
        Action::Create | Action::DeleteThenCreate | Action::CreateThenDelete => {
            Some(StepKind::Create(index))
        }
        Action::Update => Some(StepKind::Update(index)),
        Action::Read => Some(StepKind::Read(index)),
        Action::Delete | Action::Forget | Action::NoOp => None,
    }
}

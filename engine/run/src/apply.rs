//! Follows a plan: each step once all it waits for is done, as many at a time as allowed, disruptive ones of a group
//! one after another.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use ha_kind::{Action, Address, Diagnostic};
use ha_plan::{Change, Configuration, Execution, Files, Plan, Settled, StepKind};
use ha_state::{Frame, ProviderRecord, StepOutcome, Writer};

use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::event::{Applied, Event, NotStarted, Observer, StepError};
use crate::look::Look;
use crate::recover::close_superseded;
use crate::step::{Effect, Job, Work, Workshop, earlier};

impl Engine {
    pub(crate) fn workshop(&self, writer: &Arc<Writer>, observer: &Arc<dyn Observer>, cancel: &Cancel) -> Workshop {
        Workshop {
            schemas: self.schemas.clone(),
            drivers: self.drivers.clone(),
            clients: self.clients.clone(),
            writer: writer.clone(),
            observer: observer.clone(),
            cancel: cancel.clone(),
        }
    }

    /// Applies a plan that was made from the state the writer has.
    ///
    /// # Errors
    /// What is wrong with the configuration, before anything is done. What goes wrong later is in [`Applied`].
    pub async fn apply(
        &self,
        plan: &Plan,
        configuration: &Arc<Configuration>,
        files: &Arc<dyn Files + Send + Sync>,
        writer: &Arc<Writer>,
        observer: &Arc<dyn Observer>,
        cancel: &Cancel,
    ) -> Result<Applied, Vec<Diagnostic>> {
        let workshop = self.workshop(writer, observer, cancel);
        let attempts = writer.read(|state| state.attempts);
        if let Err(error) = settle(&workshop, plan).await {
            return Ok(Applied { diagnostics: vec![unwritable(&error)], ..Applied::default() });
        }
        // Deleting everything needs no values from the configuration.
        let execution = match plan.mode {
            ha_plan::PlanMode::Destroy => None,
            ha_plan::PlanMode::Normal => Some(
                writer.read(|state| Execution::begin(plan, configuration.clone(), files.clone(), self.schemas.clone(), state))?,
            ),
        };
        let total = plan.steps.iter().filter(|it| it.what != StepKind::Junction).count();
        observer.observe(Event::ApplyStarted { total });
        let mut run = Run::new(plan, execution, workshop.clone(), self.parallelism);
        run.to_the_end().await;
        let mut applied = run.into_applied();
        if let Err(error) = write_down(&workshop, &mut applied, attempts).await {
            applied.diagnostics.push(unwritable(&error));
        }
        Ok(applied)
    }
}

fn unwritable(error: &StepError) -> Diagnostic {
    let text = match error {
        StepError::State(text) => text.clone(),
        StepError::Provider(error) => error.to_string(),
        StepError::Configuration(_) => String::new(),
    };
    Diagnostic::error("the state could not be written").detail(text)
}

/// Writes down the outputs, and closes what an earlier run left of changes and deletions.
async fn write_down(workshop: &Workshop, applied: &mut Applied, attempts: u64) -> Result<(), StepError> {
    if let Some(outputs) = &applied.outputs
        && workshop.writer.read(|state| state.outputs != *outputs)
    {
        workshop.write(Frame::Outputs(outputs.clone())).await?;
    }
    close_superseded(workshop, attempts).await
}

/// Writes down what refresh saw.
async fn settle(workshop: &Workshop, plan: &Plan) -> Result<(), StepError> {
    let frame = |it: &Settled| {
        let outcome = match it {
            Settled::Seen(record) => StepOutcome::Recorded(record.clone()),
            Settled::Gone(address) => StepOutcome::Deleted(address.clone()),
        };
        Frame::Result { attempt: None, outcome }
    };
    let written = futures::future::join_all(plan.settled.iter().map(|it| workshop.write(frame(it)))).await;
    written.into_iter().collect()
}

struct Run<'a> {
    plan: &'a Plan,
    execution: Option<Execution>,
    workshop: Workshop,
    parallelism: usize,
    /// How many steps each one still waits for.
    missing: Vec<usize>,
    /// The steps that wait for each one.
    waiters: Vec<Vec<usize>>,
    ready: VecDeque<usize>,
    /// Steps of a chain that waits for its group.
    held: VecDeque<usize>,
    rolling: Groups,
    fate: Vec<Fate>,
    applied: Applied,
    broken: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Fate {
    Waiting,
    Running,
    Done,
    Failed,
}

type Finished = (usize, Duration, Result<Effect, StepError>);

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, execution: Option<Execution>, workshop: Workshop, parallelism: usize) -> Self {
        let mut waiters = vec![Vec::new(); plan.steps.len()];
        let mut missing = Vec::with_capacity(plan.steps.len());
        for (index, step) in plan.steps.iter().enumerate() {
            let after: BTreeSet<usize> = step.after.iter().copied().collect();
            for earlier in &after {
                waiters[*earlier].push(index);
            }
            missing.push(after.len());
        }
        let ready = missing.iter().enumerate().filter(|(_, missing)| **missing == 0).map(|(index, _)| index).collect();
        Self {
            plan,
            execution,
            workshop,
            parallelism,
            missing,
            waiters,
            ready,
            held: VecDeque::new(),
            rolling: Groups::of(plan),
            fate: vec![Fate::Waiting; plan.steps.len()],
            applied: Applied::default(),
            broken: false,
        }
    }

    async fn to_the_end(&mut self) {
        let mut running: FuturesUnordered<BoxFuture<'static, Finished>> = FuturesUnordered::new();
        let mut told = false;
        loop {
            while running.len() < self.parallelism
                && !self.stopped()
                && let Some(index) = self.next()
            {
                if let Some(future) = self.start(index) {
                    running.push(future);
                }
            }
            if running.is_empty() {
                break;
            }
            let cancel = self.workshop.cancel.clone();
            if self.stopped() && !told {
                told = true;
                self.workshop.observer.observe(Event::Stopping { running: running.len() });
            }
            tokio::select! {
                Some(finished) = running.next() => self.finish(finished),
                () = cancel.asked(), if !told => {}
            }
        }
    }

    fn stopped(&self) -> bool {
        self.broken || self.workshop.cancel.is_asked()
    }

    /// A step that may begin: its chain's turn has come, if it belongs to one.
    fn next(&mut self) -> Option<usize> {
        if let Some(position) = self.held.iter().position(|it| self.rolling.may_begin(*it)) {
            let index = self.held.remove(position)?;
            self.rolling.begin(index);
            return Some(index);
        }
        while let Some(index) = self.ready.pop_front() {
            if self.rolling.may_begin(index) {
                self.rolling.begin(index);
                return Some(index);
            }
            self.held.push_back(index);
        }
        None
    }

    /// The future of a step; none for one that is over at once.
    fn start(&mut self, index: usize) -> Option<BoxFuture<'static, Finished>> {
        let what = &self.plan.steps[index].what;
        let Some((change, action)) = of_step(self.plan, what) else {
            self.done(index);
            return None;
        };
        self.fate[index] = Fate::Running;
        self.workshop.observer.observe(Event::StepStarted { address: change.address.clone(), action });
        let started = Instant::now();
        match self.job(change, what) {
            Ok(Some(job)) => {
                let workshop = self.workshop.clone();
                let work = async move { workshop.perform(job).await };
                Some(work.map(move |result| (index, started.elapsed(), result)).boxed())
            }
            Ok(None) => {
                self.applied.done.push((change.address.clone(), Action::NoOp));
                self.workshop.observer.observe(Event::StepDone {
                    address: change.address.clone(),
                    action: Action::NoOp,
                    id: None,
                    elapsed: started.elapsed(),
                });
                self.done(index);
                None
            }
            Err(diagnostics) => {
                self.failed(index, change, action, StepError::Configuration(diagnostics), started.elapsed());
                None
            }
        }
    }

    /// What a step takes; none when it turns out that nothing differs.
    fn job(&mut self, change: &Change, what: &StepKind) -> Result<Option<Job>, Vec<Diagnostic>> {
        let address = change.address.clone();
        let state = |workshop: &Workshop| workshop.writer.read(|state| state.records.get(&address).cloned());
        let work = match what {
            StepKind::Create(_) | StepKind::Update(_) | StepKind::Read(_) => {
                let execution = self.execution.as_mut().expect("a plan that makes something has a configuration");
                let arguments = execution.arguments(change)?;
                let from = execution.settled_by_configuration(&address);
                match (what, state(&self.workshop)) {
                    (StepKind::Read(_), _) => Work::Read { arguments },
                    (StepKind::Update(_), Some(before)) => {
                        let differs = self.workshop.writer.read(|state| execution.still_differs(change, &arguments, state));
                        if !differs {
                            execution.made(&address, &before.arguments, &before.outputs)?;
                            return Ok(None);
                        }
                        Work::Update { arguments, from, before: Box::new(before) }
                    }
                    _ => Work::Create { arguments, from, deposes: change.action == Action::CreateThenDelete },
                }
            }
            StepKind::Delete(_) => match self.doomed(change) {
                Some((record, deposed)) => Work::Delete { record: Box::new(record), deposed },
                None => Work::Forget,
            },
            StepKind::Forget(_) | StepKind::Junction => Work::Forget,
        };
        let provider = match (&work, state(&self.workshop)) {
            (Work::Delete { record, .. }, _) => record.provider.clone(),
            (Work::Forget, record) => record.map_or_else(|| ha_state::ProviderName::new("ha"), |it| it.provider),
            _ => self.execution.as_ref().expect("a plan that makes something has a configuration").provider_of(&address),
        };
        let settings = self.settings(&provider, &work)?;
        let earlier = self.workshop.writer.read(|state| earlier(state.unfinished_at(&address), &work));
        Ok(Some(Job { address, provider, settings, what: work, earlier }))
    }

    /// The object that a delete step deletes.
    fn doomed(&self, change: &Change) -> Option<(ha_state::Record, Option<String>)> {
        let address = &change.address;
        self.workshop.writer.read(|state| match (&change.deposed, change.action) {
            (Some(key), _) => state.deposed.get(&(address.clone(), key.clone())).map(|it| (it.clone(), Some(key.clone()))),
            (None, Action::CreateThenDelete) => {
                let mut old = state.deposed.iter().filter(|((it, _), _)| it == address);
                old.next_back().map(|((_, key), record)| (record.clone(), Some(key.clone())))
            }
            (None, _) => state.records.get(address).map(|it| (it.clone(), None)),
        })
    }

    fn settings(&mut self, provider: &ha_state::ProviderName, work: &Work) -> Result<ProviderRecord, Vec<Diagnostic>> {
        let recorded = self.workshop.writer.read(|state| state.providers.get(provider).cloned());
        if let Some(known) = self.plan.providers.get(provider) {
            return Ok(known.clone());
        }
        match (work, recorded, &mut self.execution) {
            (Work::Delete { .. } | Work::Forget, Some(recorded), _) => Ok(recorded),
            (_, _, Some(execution)) => execution.settings(provider),
            (_, recorded, None) => Ok(recorded.unwrap_or_default()),
        }
    }

    fn finish(&mut self, (index, elapsed, result): Finished) {
        let (change, action) = of_step(self.plan, &self.plan.steps[index].what).expect("only steps on instances run");
        let address = change.address.clone();
        let effect = match result {
            Ok(effect) => effect,
            Err(error) => return self.failed(index, change, action, error, elapsed),
        };
        let (id, shown) = match (&effect, &mut self.execution) {
            (Effect::Made { id, arguments, outputs }, Some(execution)) => {
                (Some(id.clone()), execution.made(&address, arguments, outputs))
            }
            (Effect::Answered { arguments, outputs }, Some(execution)) => (None, execution.made(&address, arguments, outputs)),
            _ => (None, Ok(())),
        };
        if let Err(diagnostics) = shown {
            // It is made and on record; what depends on it must not go on.
            return self.failed(index, change, action, StepError::Configuration(diagnostics), elapsed);
        }
        self.applied.done.push((address.clone(), action));
        self.workshop.observer.observe(Event::StepDone { address, action, id, elapsed });
        self.done(index);
    }

    fn failed(&mut self, index: usize, change: &Change, action: Action, error: StepError, elapsed: Duration) {
        self.broken |= matches!(error, StepError::State(_));
        let address = change.address.clone();
        self.applied.failed.push((address.clone(), action, error.clone()));
        self.workshop.observer.observe(Event::StepFailed { address, action, error, elapsed });
        self.fate[index] = Fate::Failed;
        // The next of the group does not get its turn: one member away is what the group can bear.
    }

    fn done(&mut self, index: usize) {
        self.fate[index] = Fate::Done;
        self.rolling.end(index);
        for waiter in std::mem::take(&mut self.waiters[index]) {
            self.missing[waiter] -= 1;
            if self.missing[waiter] == 0 {
                self.ready.push_back(waiter);
            }
        }
    }

    fn into_applied(mut self) -> Applied {
        let mut applied = std::mem::take(&mut self.applied);
        applied.interrupted = self.workshop.cancel.is_asked();
        let needs = self.needs();
        for (index, step) in self.plan.steps.iter().enumerate().filter(|(index, _)| self.fate[*index] == Fate::Waiting) {
            let Some((change, action)) = of_step(self.plan, &step.what) else { continue };
            let why = match needs.get(&index) {
                _ if self.broken => NotStarted::StateUnwritable,
                Some(address) => NotStarted::Needs(address.clone()),
                None => NotStarted::Interrupted,
            };
            applied.not_started.push((change.address.clone(), action, why));
        }
        if applied.failed.is_empty() && applied.not_started.is_empty() {
            self.write_outputs(&mut applied);
        }
        applied
    }

    /// For each step not begun, a failed one that it waits for.
    fn needs(&self) -> BTreeMap<usize, Address> {
        let mut needs = BTreeMap::new();
        let mut open: VecDeque<(usize, Address)> = VecDeque::new();
        for (index, step) in self.plan.steps.iter().enumerate().filter(|(index, _)| self.fate[*index] == Fate::Failed) {
            if let Some((change, _)) = of_step(self.plan, &step.what) {
                open.push_back((index, change.address.clone()));
                let group = self.rolling.others_of(index);
                needs.extend(
                    group.into_iter().filter(|it| self.fate[*it] == Fate::Waiting).map(|it| (it, change.address.clone())),
                );
            }
        }
        while let Some((index, address)) = open.pop_front() {
            for waiter in &self.waiters[index] {
                if needs.insert(*waiter, address.clone()).is_none() {
                    open.push_back((*waiter, address.clone()));
                }
            }
        }
        needs
    }

    fn write_outputs(&mut self, applied: &mut Applied) {
        let outputs = match &mut self.execution {
            None => Ok(BTreeMap::new()),
            Some(execution) => execution.outputs(),
        };
        match outputs {
            Ok(outputs) => applied.outputs = Some(outputs),
            Err(diagnostics) => applied.diagnostics.extend(diagnostics),
        }
    }
}

/// The change a step is about, and what is done; none for a junction.
fn of_step<'a>(plan: &'a Plan, what: &StepKind) -> Option<(&'a Change, Action)> {
    let (index, action) = match what {
        StepKind::Create(index) => (*index, Action::Create),
        StepKind::Update(index) => (*index, Action::Update),
        StepKind::Delete(index) | StepKind::Forget(index) => (*index, Action::Delete),
        StepKind::Read(index) => (*index, Action::Read),
        StepKind::Junction => return None,
    };
    Some((&plan.changes[index], action))
}

/// Whose turn it is in each group.
#[derive(Default)]
struct Groups {
    /// The group and chain of a step.
    of: BTreeMap<usize, (usize, usize)>,
    groups: Vec<Turns>,
}

struct Turns {
    at_most: usize,
    /// Chains at work, with how many of their steps are left.
    active: BTreeMap<usize, usize>,
    chains: Vec<Vec<usize>>,
}

impl Groups {
    fn of(plan: &Plan) -> Self {
        let mut all = Self::default();
        for (group, rolling) in plan.rolling.iter().enumerate() {
            for (chain, steps) in rolling.chains.iter().enumerate() {
                all.of.extend(steps.iter().map(|step| (*step, (group, chain))));
            }
            all.groups.push(Turns { at_most: rolling.at_most, active: BTreeMap::new(), chains: rolling.chains.clone() });
        }
        all
    }

    fn may_begin(&self, step: usize) -> bool {
        self.of.get(&step).is_none_or(|(group, chain)| {
            let turns = &self.groups[*group];
            turns.active.contains_key(chain) || turns.active.len() < turns.at_most
        })
    }

    fn begin(&mut self, step: usize) {
        if let Some((group, chain)) = self.of.get(&step) {
            let turns = &mut self.groups[*group];
            let steps = turns.chains[*chain].len();
            turns.active.entry(*chain).or_insert(steps);
        }
    }

    fn end(&mut self, step: usize) {
        if let Some((group, chain)) = self.of.get(&step) {
            let active = &mut self.groups[*group].active;
            if let Some(left) = active.get_mut(chain) {
                *left -= 1;
                if *left == 0 {
                    active.remove(chain);
                }
            }
        }
    }

    /// The steps of the other chains of a step's group.
    fn others_of(&self, step: usize) -> Vec<usize> {
        let Some((group, own)) = self.of.get(&step) else { return Vec::new() };
        let others = self.groups[*group].chains.iter().enumerate().filter(|(chain, _)| chain != own);
        others.flat_map(|(_, steps)| steps.iter().copied()).collect()
    }
}

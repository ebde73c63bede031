//! A plan under way: each step once all it waits for is done, as many at a time as allowed,
//! disruptive ones of a group one after another.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt};
use ha_diagnostics::Diagnostic;
use ha_plan::{
    ApplyEvaluation, Change, OperationTimeout, Plan, PreparedStep, StepKind, left_key, told_id,
};
use ha_provider::{CallOutcome, Error, milliseconds_since};
use ha_state_model::{ProviderName, ProviderRecord, Record};
use ha_value::{Action, Address};
use tracing::{Instrument as _, debug, debug_span};

use crate::events::{ApplyResult, Event, StepError, UnstartedStep};
use crate::rolling::RollingLimiter;
use crate::step::{
    Operation, StepExecutor, StepInput, StepResult, begun_changing, begun_deleting, begun_making,
};

/// The target of what is logged of steps.
const STEP_LOG: &str = "ha::step";
/// How many steps without an outside effect are under way at a time: they wait for nothing but the
/// journal, which puts on disk together what is written at the same time.
const PURE: usize = 256;

pub(crate) struct PlanExecutor<'a> {
    plan: &'a Plan,
    execution: Option<ApplyEvaluation>,
    workshop: StepExecutor,
    parallelism: usize,
    /// How many steps are under way that may reach external services.
    reaching: usize,
    /// How many steps each one still waits for.
    missing: Vec<usize>,
    /// The steps that wait for each one.
    waiters: Vec<Vec<usize>>,
    ready: VecDeque<usize>,
    turns: RollingLimiter<'a>,
    fate: Vec<StepStatus>,
    /// The keys of old objects whose successors were made in this run.
    deposed: BTreeMap<Address, String>,
    applied: ApplyResult,
    /// The state cannot be written.
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum StepStatus {
    Waiting,
    Running,
    Done,
    Failed,
}

type StepCompletion = (usize, Duration, Result<StepResult, StepError>);

impl<'a> PlanExecutor<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        execution: Option<ApplyEvaluation>,
        workshop: StepExecutor,
        parallelism: usize,
    ) -> Self {
        let mut waiters = vec![Vec::new(); plan.steps.len()];
        for (index, step) in plan.steps.iter().enumerate() {
            for earlier in &step.after {
                waiters[*earlier].push(index);
            }
        }
        let mut walk = Self {
            plan,
            execution,
            workshop,
            parallelism,
            reaching: 0,
            missing: plan.steps.iter().map(|it| it.after.len()).collect(),
            waiters,
            ready: VecDeque::new(),
            turns: RollingLimiter::new(plan),
            fate: vec![StepStatus::Waiting; plan.steps.len()],
            deposed: BTreeMap::new(),
            applied: ApplyResult::default(),
            broken: false,
        };
        for index in 0..plan.steps.len() {
            if walk.missing[index] == 0 {
                walk.admit(index);
            }
        }
        walk
    }

    /// Begins nothing, because the state cannot be written.
    pub(crate) fn broken(mut self) -> ApplyResult {
        self.broken = true;
        self.into_applied()
    }

    pub(crate) async fn walk(&mut self) {
        let mut running: FuturesUnordered<BoxFuture<'static, StepCompletion>> =
            FuturesUnordered::new();
        let mut told = false;
        loop {
            while !self.stopped()
                && let Some(index) = self.ready.front().copied()
                && self.has_room(index, running.len())
            {
                self.ready.pop_front();
                if let Some(work) = self.start(index) {
                    self.reaching += usize::from(!self.is_pure(index));
                    running.push(work);
                }
            }
            if running.is_empty() {
                break;
            }
            if self.stopped() && !told {
                told = true;
                self.workshop.observer.observe(Event::Stopping { running: running.len() });
            }
            let cancel = self.workshop.cancel.clone();
            tokio::select! {
                Some(finished) = running.next() => {
                    self.reaching -= usize::from(!self.is_pure(finished.0));
                    self.finish(finished);
                }
                () = cancel.asked(), if !told => {}
            }
        }
    }

    /// Whether one more step may be under way. One at a time means one at a time.
    fn has_room(&self, index: usize, running: usize) -> bool {
        match self.parallelism {
            1 => running == 0,
            _ if self.is_pure(index) => running < PURE.max(self.parallelism),
            _ => self.reaching < self.parallelism,
        }
    }

    /// Whether a step has no effect outside of the state.
    fn is_pure(&self, index: usize) -> bool {
        let Some((change, _)) = of_step(self.plan, &self.plan.steps[index].what) else {
            return true;
        };
        let block = &change.address.block;
        self.workshop.schemas.kind(block.mode, &block.kind).is_some_and(|it| it.pure)
    }

    fn stopped(&self) -> bool {
        self.broken || self.workshop.cancel.is_asked()
    }

    fn admit(&mut self, index: usize) {
        if self.turns.admit(index) {
            self.ready.push_back(index);
        }
    }

    /// The future of a step; none for one that is over at once.
    fn start(&mut self, index: usize) -> Option<BoxFuture<'static, StepCompletion>> {
        let what = &self.plan.steps[index].what;
        let Some((change, action)) = of_step(self.plan, what) else {
            self.done(index);
            return None;
        };
        self.fate[index] = StepStatus::Running;
        self.workshop
            .observer
            .observe(Event::StepStarted { address: change.address.clone(), action });
        let span = debug_span!(target: STEP_LOG, "step", address = %change.address, ?action);
        span.in_scope(|| debug!(target: STEP_LOG, "begins"));
        let started = Instant::now();
        // A step without an outside effect makes no call that would be refused.
        if let Err(error) = self.workshop.may_call() {
            self.failed(index, change, action, error, started.elapsed());
            return None;
        }
        match self.job(change, what) {
            Ok(Some(job)) => {
                let workshop = self.workshop.clone();
                let work = async move {
                    let result = workshop.perform(job).await;
                    debug!(target: STEP_LOG, duration_ms = milliseconds_since(started), ok = result.is_ok(), "ended");
                    (index, started.elapsed(), result)
                };
                Some(work.instrument(span).boxed())
            }
            Ok(None) => {
                self.ended(index, change, Action::NoOp, None, started.elapsed());
                None
            }
            Err(diagnostics) => {
                self.failed(
                    index,
                    change,
                    action,
                    StepError::Configuration(diagnostics),
                    started.elapsed(),
                );
                None
            }
        }
    }

    /// What a step takes; none when there is nothing left to do.
    fn job(
        &mut self,
        change: &Change,
        what: &StepKind,
    ) -> Result<Option<StepInput>, Vec<Diagnostic>> {
        let address = &change.address;
        let record = self.workshop.writer.read(|state| state.records.get(address).cloned());
        let work = match what {
            StepKind::Create(_) | StepKind::Update(_) | StepKind::Read(_) => {
                self.making(change, what, record.as_ref())?
            }
            StepKind::Delete(_) => match self.deleting(change, record.as_ref())? {
                Some(work) => work,
                None => return Ok(None),
            },
            StepKind::Forget(_) | StepKind::Junction => {
                Operation::Forget { deposed: change.deposed.clone() }
            }
        };
        let provider = match &work {
            Operation::Delete { record, .. } => record.provider.clone(),
            Operation::Abandon { begun } => begun.intent.provider.clone(),
            Operation::Forget { .. } => {
                record.map_or_else(|| ProviderName::new("ha"), |it| it.provider)
            }
            _ => self.execution().provider_of(address),
        };
        let settings = self.settings(&provider, &work)?;
        Ok(Some(StepInput { address: address.clone(), provider, settings, what: work }))
    }

    fn execution(&mut self) -> &mut ApplyEvaluation {
        self.execution.as_mut().expect("a plan that makes something has a configuration")
    }

    fn making(
        &mut self,
        change: &Change,
        what: &StepKind,
        record: Option<&Record>,
    ) -> Result<Operation, Vec<Diagnostic>> {
        let PreparedStep { arguments, from, unchanged } =
            self.execution().prepare(change, record)?;
        if let Some(record) = unchanged {
            return Ok(Operation::Keep { record });
        }
        Ok(self.workshop.writer.read(|state| {
            let begun = state.unfinished_at(&change.address);
            match (what, record) {
                (StepKind::Read(_), _) => Operation::Read {
                    arguments,
                    limit: OperationTimeout::from_timeouts(&from.timeouts, Action::Read),
                },
                (StepKind::Update(_), Some(before)) => {
                    let earlier = begun_changing(begun, &arguments);
                    Operation::Update { arguments, from, before: Box::new(before.clone()), earlier }
                }
                _ => {
                    let deposes = change.action == Action::CreateThenDelete;
                    Operation::Create { arguments, from, deposes, earlier: begun_making(begun) }
                }
            }
        }))
    }

    /// What deleting the object that a step is about takes; none when it is not there. What cannot
    /// be made again is not deleted.
    fn deleting(
        &self,
        change: &Change,
        record: Option<&Record>,
    ) -> Result<Option<Operation>, Vec<Diagnostic>> {
        let address = &change.address;
        let replaces = change.action == Action::DeleteThenCreate && change.deposed.is_none();
        let successor = self
            .execution
            .as_ref()
            .filter(|_| replaces)
            .map(|it| it.successor(change))
            .transpose()?;
        let key = match change.action {
            Action::CreateThenDelete => match self.deposed.get(address) {
                Some(key) => Some(key),
                None => return Ok(None),
            },
            _ => change.deposed.as_ref(),
        };
        Ok(self.workshop.writer.read(|state| {
            let delete = |record: &Record| Operation::Delete {
                record: Box::new(record.clone()),
                deposed: key.cloned(),
                earlier: begun_deleting(state.unfinished_at(address), key),
                successor: successor.clone(),
            };
            let Some(key) = key else { return record.map(delete) };
            let begun = || {
                let mut begun = state.unfinished_at(address).filter(|it| it.intent.action.makes());
                begun
                    .find(|it| left_key(it) == *key)
                    .map(|it| Operation::Abandon { begun: it.clone() })
            };
            state.deposed.get(&(address.clone(), key.clone())).map(delete).or_else(begun)
        }))
    }

    fn settings(
        &mut self,
        provider: &ProviderName,
        work: &Operation,
    ) -> Result<ProviderRecord, Vec<Diagnostic>> {
        if let Some(known) = self.plan.providers.get(provider) {
            return Ok(known.clone());
        }
        let recorded = self.workshop.writer.read(|state| state.providers.get(provider).cloned());
        match (work, &mut self.execution) {
            (
                Operation::Delete { .. } | Operation::Abandon { .. } | Operation::Forget { .. },
                _,
            )
            | (_, None) => Ok(recorded.unwrap_or_default()),
            (_, Some(execution)) => execution.settings(provider),
        }
    }

    fn finish(&mut self, (index, elapsed, result): StepCompletion) {
        let (change, action) =
            of_step(self.plan, &self.plan.steps[index].what).expect("only steps on instances run");
        let effect = match result {
            Ok(effect) => effect,
            Err(StepError::Provider(error))
                if action == Action::Read && self.can_do_without(change, &error) =>
            {
                return self.ended(index, change, action, None, elapsed);
            }
            Err(error) => return self.failed(index, change, action, error, elapsed),
        };
        let (id, shown) = match (effect, &mut self.execution) {
            (StepResult::Made { record, deposed }, Some(execution)) => {
                if let Some(key) = deposed {
                    self.deposed.insert(change.address.clone(), key);
                }
                let shown = execution.made(change, &record.arguments, &record.outputs);
                (Some(told_id(&record)), shown)
            }
            (StepResult::Answered { arguments, outputs }, Some(execution)) => {
                (None, execution.made(change, &arguments, &outputs))
            }
            _ => (None, Ok(())),
        };
        match shown {
            Ok(()) => self.ended(index, change, action, id, elapsed),
            // It is made and on record; what depends on it must not go on.
            Err(diagnostics) => {
                self.failed(index, change, action, StepError::Configuration(diagnostics), elapsed)
            }
        }
    }

    /// Whether what could not be read is asked for by a `check` block alone.
    fn can_do_without(&mut self, change: &Change, error: &Error) -> bool {
        error.outcome != CallOutcome::Interrupted && self.execution().unread(change, error)
    }

    fn ended(
        &mut self,
        index: usize,
        change: &Change,
        action: Action,
        id: Option<String>,
        elapsed: Duration,
    ) {
        let address = change.address.clone();
        self.applied.done.push((address.clone(), action));
        self.workshop.observer.observe(Event::StepDone { address, action, id, elapsed });
        self.done(index);
    }

    fn failed(
        &mut self,
        index: usize,
        change: &Change,
        action: Action,
        error: StepError,
        elapsed: Duration,
    ) {
        self.broken |= matches!(error, StepError::State(_));
        let address = change.address.clone();
        self.applied.failed.push((address.clone(), action, error.clone()));
        self.workshop.observer.observe(Event::StepFailed { address, action, error, elapsed });
        // The next of its group does not get its turn: one member away is what the group can bear.
        self.fate[index] = StepStatus::Failed;
    }

    fn done(&mut self, index: usize) {
        self.fate[index] = StepStatus::Done;
        let next = self.turns.done(index);
        self.ready.extend(next);
        for waiter in std::mem::take(&mut self.waiters[index]) {
            self.missing[waiter] -= 1;
            if self.missing[waiter] == 0 {
                self.admit(waiter);
            }
        }
    }

    pub(crate) fn into_applied(mut self) -> ApplyResult {
        let mut applied = std::mem::take(&mut self.applied);
        let needs = self.needs();
        for (index, step) in self
            .plan
            .steps
            .iter()
            .enumerate()
            .filter(|(index, _)| self.fate[*index] == StepStatus::Waiting)
        {
            let Some((change, action)) = of_step(self.plan, &step.what) else { continue };
            let why = match needs.get(&index) {
                _ if self.broken => UnstartedStep::StateUnwritable,
                Some(address) => UnstartedStep::Needs(address.clone()),
                None => UnstartedStep::Interrupted,
            };
            applied.not_started.push((change.address.clone(), action, why));
        }
        let gave_up = |(_, _, error): &(Address, Action, StepError)| matches!(error, StepError::Provider(it) if it.outcome == CallOutcome::Interrupted);
        let stopped =
            applied.not_started.iter().any(|(_, _, why)| *why == UnstartedStep::Interrupted);
        applied.interrupted =
            self.workshop.cancel.is_asked() && (stopped || applied.failed.iter().any(gave_up));
        applied
            .diagnostics
            .extend(self.execution.iter().flat_map(ApplyEvaluation::warnings).cloned());
        let is_done = applied.failed.is_empty() && applied.not_started.is_empty();
        applied.outputs = match self.execution.as_mut() {
            None => is_done.then(BTreeMap::new),
            Some(execution) => match execution.outputs() {
                Ok(outputs) if is_done => Some(outputs),
                outputs => {
                    // What failed has been told of with its step.
                    applied
                        .diagnostics
                        .extend(outputs.err().filter(|_| is_done).into_iter().flatten());
                    Some(
                        self.workshop.writer.read(|state| execution.outputs_so_far(&state.outputs)),
                    )
                }
            },
        };
        applied
    }

    /// For each step not begun because of one that failed, that one: it waits for it, or its group
    /// does.
    fn needs(&self) -> BTreeMap<usize, Address> {
        let mut needs: BTreeMap<usize, Address> = BTreeMap::new();
        let failed =
            (0..self.plan.steps.len()).filter(|index| self.fate[*index] == StepStatus::Failed);
        let address = |index: usize| {
            of_step(self.plan, &self.plan.steps[index].what).map(|(it, _)| it.address.clone())
        };
        let mut open: VecDeque<(usize, Address)> =
            failed.filter_map(|index| Some((index, address(index)?))).collect();
        while let Some((index, address)) = open.pop_front() {
            for next in self.waiters[index].iter().copied().chain(self.turns.kept_waiting_by(index))
            {
                if self.fate[next] == StepStatus::Waiting && !needs.contains_key(&next) {
                    needs.insert(next, address.clone());
                    open.push_back((next, address.clone()));
                }
            }
        }
        needs
    }
}

/// The change a step is about, and what is done; none for a junction.
fn of_step<'a>(plan: &'a Plan, what: &StepKind) -> Option<(&'a Change, Action)> {
    let change = &plan.changes[what.change()?];
    let action = match what {
        StepKind::Create(_) => Action::Create,
        StepKind::Update(_) => Action::Update,
        StepKind::Forget(_) if change.action == Action::Forget => Action::Forget,
        StepKind::Delete(_) | StepKind::Forget(_) => Action::Delete,
        StepKind::Read(_) => Action::Read,
        StepKind::Junction => return None,
    };
    Some((change, action))
}

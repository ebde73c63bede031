//! Executes a plan: each step begins once all steps it depends on are done, with a limited number
//! running at a time and the disruptive steps of a rolling group one after another.

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
    Operation, StepExecutor, StepInput, StepResult, interrupted_create, interrupted_delete,
    interrupted_update,
};

/// The `tracing` target of the steps.
const STEP_LOG: &str = "ha::step";
/// How many steps without an external effect run at a time. They wait for the journal alone, which
/// syncs everything that is appended at the same time at once, so many cost little more than one.
const MAX_PURE_STEPS: usize = 256;

pub(crate) struct PlanExecutor<'a> {
    plan: &'a Plan,
    /// None for a plan that needs no values from the configuration, such as a destroy.
    evaluation: Option<ApplyEvaluation>,
    step_executor: StepExecutor,
    parallelism: usize,
    /// How many running steps may call a service.
    external_running: usize,
    /// By step: how many steps it still waits for.
    pending_dependencies: Vec<usize>,
    /// By step: the steps that wait for it.
    dependents: Vec<Vec<usize>>,
    ready: VecDeque<usize>,
    rolling_limiter: RollingLimiter<'a>,
    statuses: Vec<StepStatus>,
    /// The keys of the objects that were deposed in this run.
    deposed: BTreeMap<Address, String>,
    result: ApplyResult,
    state_unwritable: bool,
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
        evaluation: Option<ApplyEvaluation>,
        step_executor: StepExecutor,
        parallelism: usize,
    ) -> Self {
        let mut dependents = vec![Vec::new(); plan.steps.len()];
        for (index, step) in plan.steps.iter().enumerate() {
            for dependency in &step.after {
                dependents[*dependency].push(index);
            }
        }
        let mut plan_executor = Self {
            plan,
            evaluation,
            step_executor,
            parallelism,
            external_running: 0,
            pending_dependencies: plan.steps.iter().map(|it| it.after.len()).collect(),
            dependents,
            ready: VecDeque::new(),
            rolling_limiter: RollingLimiter::new(plan),
            statuses: vec![StepStatus::Waiting; plan.steps.len()],
            deposed: BTreeMap::new(),
            result: ApplyResult::default(),
            state_unwritable: false,
        };
        for index in 0..plan.steps.len() {
            if plan_executor.pending_dependencies[index] == 0 {
                plan_executor.admit(index);
            }
        }
        plan_executor
    }

    /// The result of an apply that begins no step, because the state cannot be written.
    pub(crate) fn into_unwritable_result(mut self) -> ApplyResult {
        self.state_unwritable = true;
        self.into_result()
    }

    pub(crate) async fn execute(&mut self) {
        let mut running: FuturesUnordered<BoxFuture<'static, StepCompletion>> =
            FuturesUnordered::new();
        let mut stop_reported = false;
        loop {
            while !self.is_stopped()
                && let Some(index) = self.ready.front().copied()
                && self.has_room(index, running.len())
            {
                self.ready.pop_front();
                if let Some(step) = self.start(index) {
                    self.external_running += usize::from(!self.is_pure(index));
                    running.push(step);
                }
            }
            if running.is_empty() {
                break;
            }
            if self.is_stopped() && !stop_reported {
                stop_reported = true;
                self.step_executor.observer.observe(Event::Stopping { running: running.len() });
            }
            let cancel = self.step_executor.cancel.clone();
            // A stop never drops a running step: its call may have had its effect already, and
            // only the result frame that follows says so. Drivers see the signal and end early.
            tokio::select! {
                Some(completion) = running.next() => {
                    self.external_running -= usize::from(!self.is_pure(completion.0));
                    self.finish(completion);
                }
                () = cancel.asked(), if !stop_reported => {}
            }
        }
    }

    /// Whether one more step may run. With a parallelism of 1, steps without an external effect
    /// count as well.
    fn has_room(&self, index: usize, running: usize) -> bool {
        match self.parallelism {
            1 => running == 0,
            _ if self.is_pure(index) => running < MAX_PURE_STEPS.max(self.parallelism),
            _ => self.external_running < self.parallelism,
        }
    }

    /// Whether a step has no effect outside of the state.
    fn is_pure(&self, index: usize) -> bool {
        let Some((change, _)) = change_of(self.plan, &self.plan.steps[index].what) else {
            return true;
        };
        let block = &change.address.block;
        self.step_executor.schemas.kind(block.mode, &block.kind).is_some_and(|it| it.pure)
    }

    fn is_stopped(&self) -> bool {
        self.state_unwritable || self.step_executor.cancel.is_asked()
    }

    fn admit(&mut self, index: usize) {
        if self.rolling_limiter.admit(index) {
            self.ready.push_back(index);
        }
    }

    /// The future of a step; none for a step that ends at once.
    fn start(&mut self, index: usize) -> Option<BoxFuture<'static, StepCompletion>> {
        let kind = &self.plan.steps[index].what;
        let Some((change, action)) = change_of(self.plan, kind) else {
            self.complete(index);
            return None;
        };
        self.statuses[index] = StepStatus::Running;
        self.step_executor
            .observer
            .observe(Event::StepStarted { address: change.address.clone(), action });
        let span = debug_span!(target: STEP_LOG, "step", address = %change.address, ?action);
        span.in_scope(|| debug!(target: STEP_LOG, "begins"));
        let started = Instant::now();
        // Asked here for every step: a step without an external effect makes no call at which the
        // lease would be checked, but must write nothing under a lease that is about to end either.
        if let Err(error) = self.step_executor.may_call() {
            self.failed(index, change, action, error, started.elapsed());
            return None;
        }
        match self.step_input(change, kind) {
            Ok(Some(input)) => {
                let step_executor = self.step_executor.clone();
                let step = async move {
                    let result = step_executor.perform(input).await;
                    debug!(target: STEP_LOG, duration_ms = milliseconds_since(started), ok = result.is_ok(), "ended");
                    (index, started.elapsed(), result)
                };
                Some(step.instrument(span).boxed())
            }
            Ok(None) => {
                self.succeeded(index, change, Action::NoOp, None, started.elapsed());
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

    /// The input of a step; none when there is nothing left to do.
    fn step_input(
        &mut self,
        change: &Change,
        kind: &StepKind,
    ) -> Result<Option<StepInput>, Vec<Diagnostic>> {
        let address = &change.address;
        let record = self.step_executor.writer.read(|state| state.records.get(address).cloned());
        let operation = match kind {
            StepKind::Create(_) | StepKind::Update(_) | StepKind::Read(_) => {
                self.configured_operation(change, kind, record.as_ref())?
            }
            StepKind::Delete(_) => match self.delete_operation(change, record.as_ref())? {
                Some(operation) => operation,
                None => return Ok(None),
            },
            StepKind::Forget(_) | StepKind::Junction => {
                Operation::Forget { deposed: change.deposed.clone() }
            }
        };
        // An object is deleted through the provider that created it, which may not be the one that
        // the configuration names now.
        let provider = match &operation {
            Operation::Delete { record, .. } => record.provider.clone(),
            Operation::Abandon { interrupted } => interrupted.intent.provider.clone(),
            Operation::Forget { .. } => {
                record.map_or_else(|| ProviderName::new("ha"), |it| it.provider)
            }
            _ => self.evaluation().provider_of(address),
        };
        let settings = self.provider_settings(&provider, &operation)?;
        Ok(Some(StepInput { address: address.clone(), provider, settings, operation }))
    }

    fn evaluation(&mut self) -> &mut ApplyEvaluation {
        self.evaluation.as_mut().expect("a plan that creates something has a configuration")
    }

    /// What a step does that takes its arguments from the configuration.
    fn configured_operation(
        &mut self,
        change: &Change,
        kind: &StepKind,
        record: Option<&Record>,
    ) -> Result<Operation, Vec<Diagnostic>> {
        let PreparedStep { arguments, from: record_settings, unchanged } =
            self.evaluation().prepare(change, record)?;
        if let Some(record) = unchanged {
            return Ok(Operation::Keep { record });
        }
        Ok(self.step_executor.writer.read(|state| {
            let unfinished = state.unfinished_at(&change.address);
            match (kind, record) {
                (StepKind::Read(_), _) => Operation::Read {
                    arguments,
                    limit: OperationTimeout::from_timeouts(&record_settings.timeouts, Action::Read),
                },
                (StepKind::Update(_), Some(before)) => {
                    let interrupted = interrupted_update(unfinished, &arguments);
                    let before = Box::new(before.clone());
                    Operation::Update { arguments, record_settings, before, interrupted }
                }
                _ => Operation::Create {
                    arguments,
                    record_settings,
                    deposes: change.action == Action::CreateThenDelete,
                    interrupted: interrupted_create(unfinished),
                },
            }
        }))
    }

    /// How the object of a step is deleted; none when it no longer exists. Fails before anything is
    /// deleted when the successor of a replacement cannot be evaluated: what cannot be created
    /// again must not be deleted.
    fn delete_operation(
        &self,
        change: &Change,
        record: Option<&Record>,
    ) -> Result<Option<Operation>, Vec<Diagnostic>> {
        let address = &change.address;
        let replaces = change.action == Action::DeleteThenCreate && change.deposed.is_none();
        let successor = self
            .evaluation
            .as_ref()
            .filter(|_| replaces)
            .map(|it| it.successor(change))
            .transpose()?;
        // The plan cannot know the key under which this run deposes an object. No key in this run
        // means that the create deposed nothing, and the record is the successor: keep it.
        let key = match change.action {
            Action::CreateThenDelete => match self.deposed.get(address) {
                Some(key) => Some(key),
                None => return Ok(None),
            },
            _ => change.deposed.as_ref(),
        };
        Ok(self.step_executor.writer.read(|state| {
            let delete = |record: &Record| Operation::Delete {
                record: Box::new(record.clone()),
                deposed: key.cloned(),
                interrupted: interrupted_delete(state.unfinished_at(address), key),
                successor: successor.clone(),
            };
            let Some(key) = key else { return record.map(delete) };
            // A create that was interrupted has no record, and is planned for deletion under a key
            // that is derived from its intent.
            let abandon = || {
                state
                    .unfinished_at(address)
                    .find(|it| it.intent.action.makes() && left_key(it) == *key)
                    .map(|it| Operation::Abandon { interrupted: it.clone() })
            };
            state.deposed.get(&(address.clone(), key.clone())).map(delete).or_else(abandon)
        }))
    }

    /// The settings to connect with: as planned, else as recorded for what is deleted, else as the
    /// configuration says now that more is known.
    fn provider_settings(
        &mut self,
        provider: &ProviderName,
        operation: &Operation,
    ) -> Result<ProviderRecord, Vec<Diagnostic>> {
        if let Some(planned) = self.plan.providers.get(provider) {
            return Ok(planned.clone());
        }
        let recorded =
            self.step_executor.writer.read(|state| state.providers.get(provider).cloned());
        match (operation, &mut self.evaluation) {
            (
                Operation::Delete { .. } | Operation::Abandon { .. } | Operation::Forget { .. },
                _,
            )
            | (_, None) => Ok(recorded.unwrap_or_default()),
            (_, Some(evaluation)) => evaluation.settings(provider),
        }
    }

    fn finish(&mut self, (index, elapsed, result): StepCompletion) {
        let (change, action) = change_of(self.plan, &self.plan.steps[index].what)
            .expect("only steps on instances run");
        let result = match result {
            Ok(result) => result,
            Err(StepError::Provider(error))
                if action == Action::Read && self.is_read_for_check(change, &error) =>
            {
                return self.succeeded(index, change, action, None, elapsed);
            }
            Err(error) => return self.failed(index, change, action, error, elapsed),
        };
        // Later steps evaluate references to this instance, so its values must be known to the
        // evaluation before any dependent is admitted.
        let (id, checked) = match (result, &mut self.evaluation) {
            (StepResult::Recorded { record, deposed }, Some(evaluation)) => {
                if let Some(key) = deposed {
                    self.deposed.insert(change.address.clone(), key);
                }
                let checked = evaluation.made(change, &record.arguments, &record.outputs);
                (Some(told_id(&record)), checked)
            }
            (StepResult::Read { arguments, outputs }, Some(evaluation)) => {
                (None, evaluation.made(change, &arguments, &outputs))
            }
            _ => (None, Ok(())),
        };
        match checked {
            Ok(()) => self.succeeded(index, change, action, id, elapsed),
            // The object exists and is recorded, but not as planned, or a postcondition does not
            // hold: what depends on it must not begin.
            Err(diagnostics) => {
                self.failed(index, change, action, StepError::Configuration(diagnostics), elapsed)
            }
        }
    }

    /// Whether a data source that could not be read is used by a `check` block alone, which must
    /// not fail an apply.
    fn is_read_for_check(&mut self, change: &Change, error: &Error) -> bool {
        error.outcome != CallOutcome::Interrupted && self.evaluation().unread(change, error)
    }

    fn succeeded(
        &mut self,
        index: usize,
        change: &Change,
        action: Action,
        id: Option<String>,
        elapsed: Duration,
    ) {
        let address = change.address.clone();
        self.result.done.push((address.clone(), action));
        self.step_executor.observer.observe(Event::StepDone { address, action, id, elapsed });
        self.complete(index);
    }

    fn failed(
        &mut self,
        index: usize,
        change: &Change,
        action: Action,
        error: StepError,
        elapsed: Duration,
    ) {
        // No further step may begin: its result could not be recorded, and an object without a
        // record would be created a second time by the next run.
        self.state_unwritable |= matches!(error, StepError::State(_));
        let address = change.address.clone();
        self.result.failed.push((address.clone(), action, error.clone()));
        self.step_executor.observer.observe(Event::StepFailed { address, action, error, elapsed });
        // The limiter is not notified, so the next chain of the rolling group never begins: the
        // member that failed may still be unavailable, and a group can spare no second one.
        self.statuses[index] = StepStatus::Failed;
    }

    fn complete(&mut self, index: usize) {
        self.statuses[index] = StepStatus::Done;
        let next = self.rolling_limiter.complete(index);
        self.ready.extend(next);
        for dependent in std::mem::take(&mut self.dependents[index]) {
            self.pending_dependencies[dependent] -= 1;
            if self.pending_dependencies[dependent] == 0 {
                self.admit(dependent);
            }
        }
    }

    pub(crate) fn into_result(mut self) -> ApplyResult {
        let mut result = std::mem::take(&mut self.result);
        let blocked = self.blocked_by_failures();
        for (index, step) in self
            .plan
            .steps
            .iter()
            .enumerate()
            .filter(|(index, _)| self.statuses[*index] == StepStatus::Waiting)
        {
            let Some((change, action)) = change_of(self.plan, &step.what) else { continue };
            let why = match blocked.get(&index) {
                _ if self.state_unwritable => UnstartedStep::StateUnwritable,
                Some(address) => UnstartedStep::Needs(address.clone()),
                None => UnstartedStep::Interrupted,
            };
            result.not_started.push((change.address.clone(), action, why));
        }
        // A stop that came when the last step was nearly done interrupted nothing.
        let was_interrupted = |(_, _, error): &(Address, Action, StepError)| matches!(error, StepError::Provider(it) if it.outcome == CallOutcome::Interrupted);
        let was_stopped =
            result.not_started.iter().any(|(_, _, why)| *why == UnstartedStep::Interrupted);
        result.interrupted = self.step_executor.cancel.is_asked()
            && (was_stopped || result.failed.iter().any(was_interrupted));
        result
            .diagnostics
            .extend(self.evaluation.iter().flat_map(ApplyEvaluation::warnings).cloned());
        let is_done = result.failed.is_empty() && result.not_started.is_empty();
        result.outputs = match self.evaluation.as_mut() {
            None => is_done.then(BTreeMap::new),
            Some(evaluation) => match evaluation.outputs() {
                Ok(outputs) if is_done => Some(outputs),
                outputs => {
                    // After a failed step the outputs that wait for it cannot be evaluated either;
                    // that failure is reported once, with its step.
                    result
                        .diagnostics
                        .extend(outputs.err().filter(|_| is_done).into_iter().flatten());
                    Some(
                        self.step_executor
                            .writer
                            .read(|state| evaluation.outputs_so_far(&state.outputs)),
                    )
                }
            },
        };
        result
    }

    /// For each step that did not begin because of a failed step: the address of that step. A step
    /// waits for it through dependencies or through its rolling group.
    fn blocked_by_failures(&self) -> BTreeMap<usize, Address> {
        let mut blocked: BTreeMap<usize, Address> = BTreeMap::new();
        let failed =
            (0..self.plan.steps.len()).filter(|index| self.statuses[*index] == StepStatus::Failed);
        let address = |index: usize| {
            change_of(self.plan, &self.plan.steps[index].what).map(|(it, _)| it.address.clone())
        };
        let mut open: VecDeque<(usize, Address)> =
            failed.filter_map(|index| Some((index, address(index)?))).collect();
        while let Some((index, address)) = open.pop_front() {
            let waiting = self.dependents[index].iter().copied();
            for next in waiting.chain(self.rolling_limiter.blocked_by(index)) {
                if self.statuses[next] == StepStatus::Waiting && !blocked.contains_key(&next) {
                    blocked.insert(next, address.clone());
                    open.push_back((next, address.clone()));
                }
            }
        }
        blocked
    }
}

/// The change that a step belongs to, and the action as it is shown; none for a junction.
fn change_of<'a>(plan: &'a Plan, kind: &StepKind) -> Option<(&'a Change, Action)> {
    let change = &plan.changes[kind.change()?];
    let action = match kind {
        StepKind::Create(_) => Action::Create,
        StepKind::Update(_) => Action::Update,
        StepKind::Forget(_) if change.action == Action::Forget => Action::Forget,
        // Objects whose container is deleted are only written off, and are shown as deleted.
        StepKind::Delete(_) | StepKind::Forget(_) => Action::Delete,
        StepKind::Read(_) => Action::Read,
        StepKind::Junction => return None,
    };
    Some((change, action))
}

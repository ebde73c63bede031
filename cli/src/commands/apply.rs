use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use ha_apply::{ApplyResult, CancelSignal, Engine, EventObserver, StepError, UnfinishedWork};
use ha_lang::Configuration;
use ha_plan::{FileSource, Plan, PlanMode};
use ha_state_model::{Frame, RunEnd, RunFrame, RunOutcome, RunStart, State};
use ha_state_store::{KeyedDigest, LockInfo, StateWriter};

use super::planning::{
    PlanOptions, PlannedRun, engine, known_secrets, make, make_to_show, run, warn,
};
use super::reporter::{ProgressTicker, Reporter};
use crate::arguments::{ApprovalArgs, PlanningArgs, ReportingArgs, ScopeArgs, VariableArgs};
use crate::interrupt::listen;
use crate::invocation;
use crate::output::command_error::{CommandError, CommandResult, DONE, FAILED, INTERRUPTED};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::outcome::{
    ApplyEnding, complete_text, failures, is_hidden, outputs_text, stopped_text,
};
use crate::views::redaction::SecretVisibility;
use crate::views::report::sources_of;
use crate::views::secrets::SecretTexts;
use crate::views::sources::SourceTexts;
use crate::views::state_view::{shown_outputs, state_values};
use crate::workspace::plan_file;
use crate::workspace::project::{Project, VariableMode, given_again};
use crate::workspace::session::Session;
use crate::workspace::state_location::StateLocation;
use crate::workspace::variable_options::VariableOptions;

/// Options that would change the plan, and so cannot be combined with a plan file.
const CHANGING: [&str; 8] = [
    "destroy",
    "refresh_only",
    "replace",
    "target",
    "exclude",
    "refresh",
    "var-file",
    "allow-read",
];

/// Make what the configuration says
///
/// Takes the state's lock, finishes what an interrupted run left, plans, asks, and works. With a
/// plan file it does exactly what that says, without asking, and refuses when the record of
/// anything that the plan touches or reads has changed since. What has changed outside since then
/// is not looked at again: apply soon, or without a plan file. The first Ctrl-C lets steps under
/// way finish and begins no more; the second abandons them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha apply                            plan, ask, and apply
  ha apply --yes                      without asking
  ha apply plan.ha                    exactly what `ha plan --out plan.ha` showed
  ha apply --refresh-only             take what has changed outside into the state
  ha apply --yes --json               for programs: a JSON line for everything that happens

Exit codes: 0 done or nothing to do, 1 error, 130 interrupted.")]
pub(crate) struct ApplyArgs {
    /// A plan file that `ha plan --out FILE` wrote
    #[arg(value_name = "PLANFILE", conflicts_with_all = CHANGING)]
    plan_file: Option<PathBuf>,
    #[command(flatten)]
    approval: ApprovalArgs,
    #[command(flatten)]
    reporting: ReportingArgs,
    #[command(flatten)]
    planning: PlanningArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

pub(crate) fn apply(arguments: &ApplyArgs, session: &Session) -> CommandResult {
    let options = ApplyOptions {
        mode: arguments.planning.mode(),
        command: "ha apply",
        approval: &arguments.approval,
        reporting: &arguments.reporting,
        scope: &arguments.planning.scope,
        replace: &arguments.planning.replace,
        imports: &[],
        variable_options: arguments.variables.variable_options(),
    };
    options.execute(session, arguments.plan_file.as_deref())
}

/// What to plan and apply, as given on the command line.
pub(crate) struct ApplyOptions<'a> {
    pub(crate) mode: PlanMode,
    pub(crate) command: &'static str,
    pub(crate) approval: &'a ApprovalArgs,
    pub(crate) reporting: &'a ReportingArgs,
    pub(crate) scope: &'a ScopeArgs,
    pub(crate) replace: &'a [ha_value::Address],
    /// Objects to import; if any are given, the plan is reduced to them.
    pub(crate) imports: &'a [(ha_value::Address, String)],
    pub(crate) variable_options: &'a VariableOptions,
}

/// One run of an apply: it holds the state's lock from its creation to `finish`.
struct ApplyRun<'a> {
    session: &'a Session,
    place: &'a StateLocation,
    command: &'static str,
    /// The user and host that apply, such as `ops@bastion`.
    by: String,
    engine: Engine,
    writer: Arc<StateWriter>,
    configuration: Arc<Configuration>,
    files: Arc<dyn FileSource + Send + Sync>,
    sources: SourceTexts,
    reporter: Arc<Reporter>,
    ticker: ProgressTicker,
    cancel: CancelSignal,
}

impl ApplyOptions<'_> {
    /// Plans, asks and applies; or applies the plan file `kept` without asking.
    pub(crate) fn execute(&self, session: &Session, kept: Option<&Path>) -> CommandResult {
        let reporter = Arc::new(Reporter::new(session, self.reporting)?);
        let cancel = listen(reporter.abandon_message())?;
        reporter.ended(match kept {
            Some(path) => self.apply_saved_plan(path, session, &reporter, cancel),
            None => self.plan_and_apply(session, &reporter, cancel),
        })
    }

    fn plan_and_apply(
        &self,
        session: &Session,
        reporter: &Arc<Reporter>,
        cancel: CancelSignal,
    ) -> CommandResult {
        let can_ask = self.approval.input && session.terminal.can_ask() && reporter.is_human();
        if !self.approval.yes && !can_ask {
            let notice = RenderedDiagnostic::error(format!(
                "`{}` has no one to ask whether to go on",
                self.command
            ))
            .help("give `--yes` where no one watches")
            .help("or keep a plan with `ha plan --out FILE`, look at it, and give `ha apply FILE`");
            return Err(notice.into());
        }
        invocation::with_scope(&self.scope.selection());
        let mut project = Project::read(session, self.variable_options, VariableMode::Values)?;
        let place = session.place_of(&project)?;
        // Locking would create the store and a key, only to destroy nothing.
        if self.mode == PlanMode::Destroy && place.state()?.is_new() {
            return self.destroy_nothing(&project, session, reporter, &cancel);
        }
        let writer = place.lock(self.command, None, self.approval.lock_timeout, &cancel, |it| {
            reporter.report(it)
        })?;
        run(async {
            let apply_run = ApplyRun {
                session,
                place: &place,
                command: self.command,
                by: by(),
                engine: engine(self.scope.parallelism),
                writer: Arc::new(writer),
                configuration: project.configuration.clone(),
                files: project.files.clone(),
                sources: project.sources.clone(),
                reporter: reporter.clone(),
                ticker: reporter.ticker(),
                cancel,
            };
            apply_run.recover().await?;
            let state = apply_run.writer.snapshot();
            if state.is_new() {
                project.warnings.extend(place.left_by_terraform());
            }
            let (mode, replace, scope, imports) =
                (self.mode, self.replace, self.scope, self.imports);
            let plan_options = PlanOptions { mode, replace, scope, imports };
            let (mut planned_run, wrong) = make_to_show(
                &apply_run.engine,
                &project,
                &state,
                &plan_options,
                reporter,
                &apply_run.cancel,
            )
            .await?;
            // The writer updates the state in place while it holds the only reference; a snapshot
            // that is still alive at the first append would force a copy of the whole state.
            drop(state);
            if !self.imports.is_empty() {
                planned_run.plan = planned_run.plan.only_imports();
            }
            let report = planned_run.report(session, SecretVisibility::Redacted);
            reporter.plan(&planned_run.plan, &report, &project.configuration)?;
            warn(reporter, &project, &planned_run);
            if let Some(command_error) = wrong {
                return Err(command_error);
            }
            if planned_run.plan.is_empty() {
                return apply_run.record_refresh(&planned_run).await;
            }
            if !self.approval.yes && !apply_run.ask(self.mode).await? {
                reporter.report("Not applied: only `yes` is taken for one.\n");
                return Ok(FAILED);
            }
            apply_run.apply(&planned_run).await
        })
    }

    /// Prints the empty plan of a destroy without a state. Takes no lock and creates nothing.
    fn destroy_nothing(
        &self,
        project: &Project,
        session: &Session,
        reporter: &Arc<Reporter>,
        cancel: &CancelSignal,
    ) -> CommandResult {
        let (mode, replace, scope, imports) = (self.mode, self.replace, self.scope, self.imports);
        let plan_options = PlanOptions { mode, replace, scope, imports };
        run(async {
            let _ticking = reporter.ticker();
            let planned_run = make(
                &engine(scope.parallelism),
                project,
                &State::default(),
                &plan_options,
                reporter,
                cancel,
            )
            .await?;
            reporter.plan(
                &planned_run.plan,
                &planned_run.report(session, SecretVisibility::Redacted),
                &project.configuration,
            )?;
            warn(reporter, project, &planned_run);
            reporter.applied(
                &ApplyResult { outputs: Some(BTreeMap::new()), ..ApplyResult::default() },
                mode,
                &planned_run.secrets,
            );
            Ok(DONE)
        })
    }

    /// Applies a plan file.
    fn apply_saved_plan(
        &self,
        path: &Path,
        session: &Session,
        reporter: &Arc<Reporter>,
        cancel: CancelSignal,
    ) -> CommandResult {
        let keys = session.keys()?;
        let mut plan = plan_file::read(path, &keys)?;
        let session = &session.of_plan(&plan)?;
        invocation::like_plan(&plan);
        let (configuration, sources) =
            (plan_file::configuration(&plan)?, sources_of(&plan.snapshot));
        let kept = plan_file::files(&plan, path)?;
        if !plan.snapshot.to_give.is_empty() || !self.variable_options.asked.is_empty() {
            let given = given_again(session, self.variable_options, &configuration, &kept)?;
            plan.snapshot.give(&configuration, given);
        }
        let place = plan_file::place(&plan, &configuration, &kept, keys, session)?;
        let identity = place.identity();
        // Checked before the lock as well as under it: taking the lock of a foreign state would
        // create a store and a key here.
        if let Some(notice) = plan_file::foreignness(&plan, &place.state()?, &identity) {
            return Err(notice.into());
        }
        let writer = place.lock(
            "ha apply",
            Some(&plan.lineage),
            self.approval.lock_timeout,
            &cancel,
            |it| reporter.report(it),
        )?;
        run(async {
            let apply_run = ApplyRun {
                session,
                place: &place,
                command: self.command,
                by: by(),
                engine: engine(self.scope.parallelism),
                writer: Arc::new(writer),
                configuration: Arc::new(configuration),
                files: Arc::new(kept),
                sources,
                reporter: reporter.clone(),
                ticker: reporter.ticker(),
                cancel,
            };
            apply_run.recover().await?;
            let state = apply_run.writer.snapshot();
            let foreign = plan_file::foreignness(&plan, &state, &identity);
            if let Some(notice) = foreign.or_else(|| plan_file::staleness(&plan, &state)) {
                return Err(notice.into());
            }
            drop(state);
            let secrets = Arc::new(known_secrets(&plan, &apply_run.writer.state()));
            reporter.keep_secret(&secrets);
            let planned_run = PlannedRun { plan, secrets };
            let report = planned_run.report(session, SecretVisibility::Redacted);
            reporter.plan(&planned_run.plan, &report, &apply_run.configuration)?;
            apply_run.apply(&planned_run).await
        })
    }
}

impl ApplyRun<'_> {
    /// Finishes steps and obligations that an interrupted run left.
    ///
    /// # Errors
    /// When any of them cannot be finished: a plan over a half-done step would be wrong.
    async fn recover(&self) -> Result<(), CommandError> {
        let secrets = Arc::new(SecretTexts::within(&state_values(&self.writer.state())));
        self.reporter.keep_secret(&secrets);
        let observer: Arc<dyn EventObserver> = self.reporter.clone();
        let recovery =
            self.engine.recover(&self.configuration, &self.writer, &observer, &self.cancel).await;
        if recovery.unfinished.is_empty() {
            return if self.cancel.is_asked() { Err(CommandError::interrupted()) } else { Ok(()) };
        }
        let notice = |(address, left, error): &(ha_value::Address, UnfinishedWork, StepError)| {
            let title = match left {
                UnfinishedWork::Owing { verb, target } => {
                    format!("could not {verb} {target}, which an earlier run left to be done")
                }
                _ => format!("could not finish {address}, which an earlier run left half-way"),
            };
            match error {
                StepError::Provider(error) => vec![RenderedDiagnostic::outside(title, error)],
                StepError::Configuration(diagnostics) => {
                    diagnostics.iter().map(RenderedDiagnostic::from).collect()
                }
                StepError::State(why) => vec![RenderedDiagnostic::error(title).note("cause", why)],
            }
        };
        let notices: Vec<RenderedDiagnostic> =
            recovery.unfinished.iter().flat_map(notice).collect();
        let command_error = if self.cancel.is_asked() {
            CommandError::interrupted()
        } else {
            CommandError::default()
        };
        Err(command_error.with(notices).within(&self.sources).keeping(&secrets))
    }

    /// Whether the operator agrees.
    async fn ask(&self, mode: PlanMode) -> Result<bool, CommandError> {
        let terminal = self.session.terminal;
        let question = match mode {
            PlanMode::Normal => "\nMake these changes? Only `yes` is taken for one: ",
            PlanMode::RefreshOnly => {
                "\nTake this for what should be? Only `yes` is taken for one: "
            }
            PlanMode::Destroy => {
                "\nDestroy all of this? There is no way back. Only `yes` is taken for one: "
            }
        };
        // Reading a line cannot be cancelled, so it has a thread of its own; Ctrl-C wins the race.
        let answer = tokio::task::spawn_blocking(move || terminal.ask(question));
        tokio::select! {
            answer = answer => Ok(answer.ok().flatten().as_deref() == Some("yes")),
            () = self.cancel.asked() => Err(CommandError::interrupted()),
        }
    }

    /// Records what refresh saw when the plan has no steps. No run is started in the journal.
    async fn record_refresh(self, planned_run: &PlannedRun) -> CommandResult {
        if planned_run.plan.settled.is_empty() {
            let applied = ApplyResult {
                outputs: Some(self.writer.state().outputs.clone()),
                ..ApplyResult::default()
            };
            self.reporter.applied(&applied, planned_run.plan.mode, &planned_run.secrets);
            self.finish()?;
            return Ok(DONE);
        }
        let observer: Arc<dyn EventObserver> = self.reporter.clone();
        let applied = self
            .engine
            .apply(
                &planned_run.plan,
                &self.configuration,
                &self.files,
                &self.writer,
                &observer,
                &self.cancel,
            )
            .await;
        let applied = applied.map_err(|it| {
            CommandError::from_diagnostics(&it).within(&self.sources).keeping(&planned_run.secrets)
        })?;
        let (sources, secrets) = (self.sources.clone(), planned_run.secrets.clone());
        self.reporter.applied(&applied, planned_run.plan.mode, &planned_run.secrets);
        self.finish()?;
        match applied.is_complete() {
            true => Ok(DONE),
            false => Err(CommandError::from_diagnostics(&applied.diagnostics)
                .within(&sources)
                .keeping(&secrets)),
        }
    }

    async fn apply(self, planned_run: &PlannedRun) -> CommandResult {
        let started = Instant::now();
        let before = self.writer.state().number;
        self.write_start(planned_run).await?;
        self.reporter.follow(&planned_run.plan);
        let observer: Arc<dyn EventObserver> = self.reporter.clone();
        let applied = self
            .engine
            .apply(
                &planned_run.plan,
                &self.configuration,
                &self.files,
                &self.writer,
                &observer,
                &self.cancel,
            )
            .await;
        let applied = applied.map_err(|it| {
            CommandError::from_diagnostics(&it).within(&self.sources).keeping(&planned_run.secrets)
        })?;
        let outcome = match (applied.is_complete(), applied.interrupted) {
            (true, _) => RunOutcome::Complete,
            (_, true) => RunOutcome::Interrupted,
            _ => RunOutcome::Failed,
        };
        let ended =
            self.writer.append(Frame::Run(RunFrame::End(RunEnd { outcome, at: now() }))).await;
        let after = self.writer.state().number;
        // Values that the steps created, such as passwords, were not known when the plan was shown.
        let secrets = known_secrets(&planned_run.plan, &self.writer.state());
        let (session, place, sources, reporter) =
            (self.session, self.place, self.sources.clone(), self.reporter.clone());
        let recorded = match ended {
            Ok(_) => self.finish(),
            Err(error) => Err(error.into()),
        };
        // A first run without any completed step leaves no state, so the ending reports number 0.
        let has_no_effect =
            !applied.is_complete() && before == 0 && place.state().is_ok_and(|it| it.is_new());
        let after = if has_no_effect { 0 } else { after };
        let ending = ApplyEnding {
            mode: planned_run.plan.mode,
            elapsed: started.elapsed(),
            state: (before, after),
            is_recorded: recorded.is_ok(),
            imported: planned_run.plan.counts().import,
        };
        match (applied.is_complete(), recorded) {
            (true, Ok(())) => {
                let warnings: Vec<RenderedDiagnostic> =
                    applied.diagnostics.iter().map(RenderedDiagnostic::from).collect();
                reporter.notices(&warnings, &sources, &secrets);
                reporter.applied(&applied, planned_run.plan.mode, &secrets);
                complete(session, &reporter, &applied, &secrets, ending)?;
                Ok(DONE)
            }
            (_, recorded) => {
                let notices = failures(&applied, |address| span_of(&planned_run.plan, address));
                reporter.notices(&notices, &sources, &secrets);
                if let Err(command_error) = recorded {
                    reporter.report_error(&command_error);
                }
                reporter.applied(&applied, planned_run.plan.mode, &secrets);
                if reporter.is_human() {
                    reporter.report(&stopped_text(&applied, ending, session.terminal.err));
                }
                Ok(if applied.interrupted { INTERRUPTED } else { FAILED })
            }
        }
    }

    /// Appends the start of the run, with a keyed digest of the plan.
    async fn write_start(&self, planned_run: &PlannedRun) -> Result<(), CommandError> {
        // The digest is keyed: a plain hash would let a reader of the journal test guesses of the
        // secrets in the plan.
        let mut digest = KeyedDigest::new(self.writer.key());
        serde_json::to_writer(&mut digest, &planned_run.plan)
            .map_err(|error| anyhow::Error::new(error).context("could not write down the plan"))?;
        let start = RunStart {
            command: self.command.to_owned(),
            plan: Some(digest.finish()),
            by: self.by.clone(),
            at: now(),
        };
        self.writer.append(Frame::Run(RunFrame::Start(start))).await?;
        self.place.report_key_change(|it| self.reporter.report(it));
        Ok(())
    }

    /// Flushes the journal and releases the lock.
    fn finish(self) -> Result<(), CommandError> {
        let Self { writer, engine, ticker, place, reporter, .. } = self;
        drop((engine, ticker));
        let finished = match Arc::try_unwrap(writer) {
            Ok(writer) => writer.finish(),
            // A task that was abandoned still holds the writer and will drop it, which releases the
            // lock; every appended frame is on disk already.
            Err(_) => Ok(()),
        };
        place.report_key_change(|it| reporter.report(it));
        Ok(finished?)
    }
}

fn complete(
    session: &Session,
    reporter: &Reporter,
    applied: &ApplyResult,
    secrets: &SecretTexts,
    ending: ApplyEnding,
) -> anyhow::Result<()> {
    if !reporter.is_human() {
        return Ok(());
    }
    let terminal = session.terminal;
    let mut text = format!("\n{}", complete_text(applied, ending, terminal.out));
    let outputs = applied.outputs.as_ref().map(|it| shown_outputs(it, secrets)).unwrap_or_default();
    if !outputs.is_empty() {
        text += &format!("\nOutputs:\n\n{}", outputs_text(&outputs, terminal.out));
    }
    terminal.print(&text)?;
    if let Some((name, _)) = outputs.iter().find(|(_, it)| is_hidden(it)) {
        terminal.report(&format!(
            "\nSensitive outputs are read one by one: {}\n",
            invocation::command(["output", "--raw", name])
        ));
    }
    Ok(())
}

/// The user and host of this process, such as `ops@bastion`.
fn by() -> String {
    let LockInfo { user, host, .. } = LockInfo::here("");
    format!("{user}@{host}")
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

fn span_of(plan: &Plan, address: &ha_value::Address) -> Option<ha_diagnostics::SourceSpan> {
    plan.changes.iter().find(|it| it.address == *address).and_then(|it| it.span.clone())
}

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

/// What would make another plan than the one that was kept.
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
    /// A plan that `ha plan --out FILE` kept
    #[arg(value_name = "PLANFILE", conflicts_with_all = CHANGING)]
    plan_file: Option<PathBuf>,
    #[command(flatten)]
    approval: ApprovalArgs,
    #[command(flatten)]
    telling: ReportingArgs,
    #[command(flatten)]
    planning: PlanningArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

pub(crate) fn apply(arguments: &ApplyArgs, session: &Session) -> CommandResult {
    let order = ApplyOptions {
        mode: arguments.planning.mode(),
        command: "ha apply",
        approval: &arguments.approval,
        telling: &arguments.telling,
        scope: &arguments.planning.scope,
        replace: &arguments.planning.replace,
        imports: &[],
        wishes: arguments.variables.wishes(),
    };
    order.carry_out(session, arguments.plan_file.as_deref())
}

/// What is to be done, as asked for on the command line.
pub(crate) struct ApplyOptions<'a> {
    pub(crate) mode: PlanMode,
    pub(crate) command: &'static str,
    pub(crate) approval: &'a ApprovalArgs,
    pub(crate) telling: &'a ReportingArgs,
    pub(crate) scope: &'a ScopeArgs,
    pub(crate) replace: &'a [ha_value::Address],
    /// What is to be recorded, and nothing else is to be done.
    pub(crate) imports: &'a [(ha_value::Address, String)],
    pub(crate) wishes: &'a VariableOptions,
}

/// All that applying needs.
struct ApplyRun<'a> {
    session: &'a Session,
    place: &'a StateLocation,
    command: &'static str,
    /// Who applies, and where.
    by: String,
    engine: Engine,
    writer: Arc<StateWriter>,
    configuration: Arc<Configuration>,
    files: Arc<dyn FileSource + Send + Sync>,
    sources: SourceTexts,
    audience: Arc<Reporter>,
    ticking: ProgressTicker,
    cancel: CancelSignal,
}

impl ApplyOptions<'_> {
    /// Plans, asks, applies; or applies a plan that was kept.
    pub(crate) fn carry_out(&self, session: &Session, kept: Option<&Path>) -> CommandResult {
        let audience = Arc::new(Reporter::new(session, self.telling)?);
        let cancel = listen(audience.last_word())?;
        audience.ended(match kept {
            Some(path) => self.carry_out_kept(path, session, &audience, cancel),
            None => self.carry_out_new(session, &audience, cancel),
        })
    }

    fn carry_out_new(
        &self,
        session: &Session,
        audience: &Arc<Reporter>,
        cancel: CancelSignal,
    ) -> CommandResult {
        let can_ask = self.approval.input && session.terminal.can_ask() && audience.is_human();
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
        let mut project = Project::read(session, self.wishes, VariableMode::Values)?;
        let place = session.place_of(&project)?;
        if self.mode == PlanMode::Destroy && place.state()?.is_new() {
            return self.destroy_nothing(&project, session, audience, &cancel);
        }
        let writer = place.lock(self.command, None, self.approval.lock_timeout, &cancel, |it| {
            audience.tell(it)
        })?;
        run(async {
            let works = ApplyRun {
                session,
                place: &place,
                command: self.command,
                by: by(),
                engine: engine(self.scope.parallelism),
                writer: Arc::new(writer),
                configuration: project.configuration.clone(),
                files: project.files.clone(),
                sources: project.sources.clone(),
                audience: audience.clone(),
                ticking: audience.ticking(),
                cancel,
            };
            works.recover().await?;
            let state = works.writer.snapshot();
            if state.is_new() {
                project.warnings.extend(place.left_by_terraform());
            }
            let (mode, replace, scope, imports) =
                (self.mode, self.replace, self.scope, self.imports);
            let intention = PlanOptions { mode, replace, scope, imports };
            let (mut made, wrong) =
                make_to_show(&works.engine, &project, &state, &intention, audience, &works.cancel)
                    .await?;
            // Who still had it when the first step is written down would have to be given a copy.
            drop(state);
            if !self.imports.is_empty() {
                made.plan = made.plan.only_imports();
            }
            let report = made.report(session, SecretVisibility::Redacted);
            audience.plan(&made.plan, &report, &project.configuration)?;
            warn(audience, &project, &made);
            if let Some(trouble) = wrong {
                return Err(trouble);
            }
            if made.plan.is_empty() {
                return works.note_what_was_seen(&made).await;
            }
            if !self.approval.yes && !works.ask(self.mode).await? {
                audience.tell("Not applied: only `yes` is taken for one.\n");
                return Ok(FAILED);
            }
            works.apply(&made).await
        })
    }

    /// Tells of the plan to destroy what does not exist. Nothing is locked or made for that.
    fn destroy_nothing(
        &self,
        project: &Project,
        session: &Session,
        audience: &Arc<Reporter>,
        cancel: &CancelSignal,
    ) -> CommandResult {
        let (mode, replace, scope, imports) = (self.mode, self.replace, self.scope, self.imports);
        let intention = PlanOptions { mode, replace, scope, imports };
        run(async {
            let _ticking = audience.ticking();
            let made = make(
                &engine(scope.parallelism),
                project,
                &State::default(),
                &intention,
                audience,
                cancel,
            )
            .await?;
            audience.plan(
                &made.plan,
                &made.report(session, SecretVisibility::Redacted),
                &project.configuration,
            )?;
            warn(audience, project, &made);
            audience.applied(
                &ApplyResult { outputs: Some(BTreeMap::new()), ..ApplyResult::default() },
                mode,
                &made.secrets,
            );
            Ok(DONE)
        })
    }

    /// Applies a plan that was kept.
    fn carry_out_kept(
        &self,
        path: &Path,
        session: &Session,
        audience: &Arc<Reporter>,
        cancel: CancelSignal,
    ) -> CommandResult {
        let keys = session.keys()?;
        let mut plan = plan_file::read(path, &keys)?;
        let session = &session.of_plan(&plan)?;
        invocation::like_plan(&plan);
        let (configuration, sources) =
            (plan_file::configuration(&plan)?, sources_of(&plan.snapshot));
        let kept = plan_file::files(&plan, path)?;
        if !plan.snapshot.to_give.is_empty() || !self.wishes.asked.is_empty() {
            let given = given_again(session, self.wishes, &configuration, &kept)?;
            plan.snapshot.give(&configuration, given);
        }
        let place = plan_file::place(&plan, &configuration, &kept, keys, session)?;
        let identity = place.identity();
        // Before anything is made here.
        if let Some(notice) = plan_file::foreignness(&plan, &place.state()?, &identity) {
            return Err(notice.into());
        }
        let writer = place.lock(
            "ha apply",
            Some(&plan.lineage),
            self.approval.lock_timeout,
            &cancel,
            |it| audience.tell(it),
        )?;
        run(async {
            let works = ApplyRun {
                session,
                place: &place,
                command: self.command,
                by: by(),
                engine: engine(self.scope.parallelism),
                writer: Arc::new(writer),
                configuration: Arc::new(configuration),
                files: Arc::new(kept),
                sources,
                audience: audience.clone(),
                ticking: audience.ticking(),
                cancel,
            };
            works.recover().await?;
            let state = works.writer.snapshot();
            let foreign = plan_file::foreignness(&plan, &state, &identity);
            if let Some(notice) = foreign.or_else(|| plan_file::staleness(&plan, &state)) {
                return Err(notice.into());
            }
            drop(state);
            let secrets = Arc::new(known_secrets(&plan, &works.writer.state()));
            audience.keep_secret(&secrets);
            let made = PlannedRun { plan, secrets };
            let report = made.report(session, SecretVisibility::Redacted);
            audience.plan(&made.plan, &report, &works.configuration)?;
            works.apply(&made).await
        })
    }
}

impl ApplyRun<'_> {
    /// Finishes what an earlier run left.
    async fn recover(&self) -> Result<(), CommandError> {
        let secrets = Arc::new(SecretTexts::within(&state_values(&self.writer.state())));
        self.audience.keep_secret(&secrets);
        let observer: Arc<dyn EventObserver> = self.audience.clone();
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
        let trouble = if self.cancel.is_asked() {
            CommandError::interrupted()
        } else {
            CommandError::default()
        };
        Err(trouble.with(notices).within(&self.sources).keeping(&secrets))
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
        let answer = tokio::task::spawn_blocking(move || terminal.ask(question));
        tokio::select! {
            answer = answer => Ok(answer.ok().flatten().as_deref() == Some("yes")),
            () = self.cancel.asked() => Err(CommandError::interrupted()),
        }
    }

    /// Writes down what refresh saw, when there is nothing else to do.
    async fn note_what_was_seen(self, made: &PlannedRun) -> CommandResult {
        if made.plan.settled.is_empty() {
            let applied = ApplyResult {
                outputs: Some(self.writer.state().outputs.clone()),
                ..ApplyResult::default()
            };
            self.audience.applied(&applied, made.plan.mode, &made.secrets);
            self.finish()?;
            return Ok(DONE);
        }
        let observer: Arc<dyn EventObserver> = self.audience.clone();
        let applied = self
            .engine
            .apply(
                &made.plan,
                &self.configuration,
                &self.files,
                &self.writer,
                &observer,
                &self.cancel,
            )
            .await;
        let applied = applied.map_err(|it| {
            CommandError::from_diagnostics(&it).within(&self.sources).keeping(&made.secrets)
        })?;
        let (sources, secrets) = (self.sources.clone(), made.secrets.clone());
        self.audience.applied(&applied, made.plan.mode, &made.secrets);
        self.finish()?;
        match applied.is_complete() {
            true => Ok(DONE),
            false => Err(CommandError::from_diagnostics(&applied.diagnostics)
                .within(&sources)
                .keeping(&secrets)),
        }
    }

    async fn apply(self, made: &PlannedRun) -> CommandResult {
        let started = Instant::now();
        let before = self.writer.state().number;
        self.write_start(made).await?;
        self.audience.follow(&made.plan);
        let observer: Arc<dyn EventObserver> = self.audience.clone();
        let applied = self
            .engine
            .apply(
                &made.plan,
                &self.configuration,
                &self.files,
                &self.writer,
                &observer,
                &self.cancel,
            )
            .await;
        let applied = applied.map_err(|it| {
            CommandError::from_diagnostics(&it).within(&self.sources).keeping(&made.secrets)
        })?;
        let outcome = match (applied.is_complete(), applied.interrupted) {
            (true, _) => RunOutcome::Complete,
            (_, true) => RunOutcome::Interrupted,
            _ => RunOutcome::Failed,
        };
        let ended =
            self.writer.append(Frame::Run(RunFrame::End(RunEnd { outcome, at: now() }))).await;
        let after = self.writer.state().number;
        // What was made on the way may be secret too.
        let secrets = known_secrets(&made.plan, &self.writer.state());
        let (session, place, sources, audience) =
            (self.session, self.place, self.sources.clone(), self.audience.clone());
        let recorded = match ended {
            Ok(_) => self.finish(),
            Err(error) => Err(error.into()),
        };
        // A first run that came to nothing leaves nothing.
        let is_in_vain =
            !applied.is_complete() && before == 0 && place.state().is_ok_and(|it| it.is_new());
        let after = if is_in_vain { 0 } else { after };
        let ending = ApplyEnding {
            mode: made.plan.mode,
            elapsed: started.elapsed(),
            state: (before, after),
            is_recorded: recorded.is_ok(),
            imported: made.plan.counts().import,
        };
        match (applied.is_complete(), recorded) {
            (true, Ok(())) => {
                let warnings: Vec<RenderedDiagnostic> =
                    applied.diagnostics.iter().map(RenderedDiagnostic::from).collect();
                audience.notices(&warnings, &sources, &secrets);
                audience.applied(&applied, made.plan.mode, &secrets);
                complete(session, &audience, &applied, &secrets, ending)?;
                Ok(DONE)
            }
            (_, recorded) => {
                let notices = failures(&applied, |address| span_of(&made.plan, address));
                audience.notices(&notices, &sources, &secrets);
                if let Err(trouble) = recorded {
                    audience.trouble(&trouble);
                }
                audience.applied(&applied, made.plan.mode, &secrets);
                if audience.is_human() {
                    audience.tell(&stopped_text(&applied, ending, session.terminal.err));
                }
                Ok(if applied.interrupted { INTERRUPTED } else { FAILED })
            }
        }
    }

    /// Writes down that work begins, and by which plan.
    async fn write_start(&self, made: &PlannedRun) -> Result<(), CommandError> {
        let mut digest = KeyedDigest::new(self.writer.key());
        serde_json::to_writer(&mut digest, &made.plan)
            .map_err(|error| anyhow::Error::new(error).context("could not write down the plan"))?;
        let start = RunStart {
            command: self.command.to_owned(),
            plan: Some(digest.finish()),
            by: self.by.clone(),
            at: now(),
        };
        self.writer.append(Frame::Run(RunFrame::Start(start))).await?;
        self.place.tell_of_key(|it| self.audience.tell(it));
        Ok(())
    }

    /// Puts everything on disk and gives the lock back.
    fn finish(self) -> Result<(), CommandError> {
        let Self { writer, engine, ticking, place, audience, .. } = self;
        drop((engine, ticking));
        let finished = match Arc::try_unwrap(writer) {
            Ok(writer) => writer.finish(),
            // Whoever still holds it lets go of it soon; what was appended is on disk.
            Err(_) => Ok(()),
        };
        place.tell_of_key(|it| audience.tell(it));
        Ok(finished?)
    }
}

fn complete(
    session: &Session,
    audience: &Reporter,
    applied: &ApplyResult,
    secrets: &SecretTexts,
    ending: ApplyEnding,
) -> anyhow::Result<()> {
    if !audience.is_human() {
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
        terminal.tell(&format!(
            "\nSensitive outputs are read one by one: {}\n",
            invocation::command(["output", "--raw", name])
        ));
    }
    Ok(())
}

/// `ops@bastion`.
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

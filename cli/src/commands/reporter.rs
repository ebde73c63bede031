//! Reports what happens to a person at a terminal, to readers of the JSON stream, or to both.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use ha_apply::{ApplyResult, Event, EventObserver};
use ha_lang::Configuration;
use ha_plan::{Plan, PlanMode};
use ha_value::Severity;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::arguments::ReportingArgs;
use crate::logging;
use crate::output::command_error::{CommandError, CommandResult};
use crate::output::terminal::Terminal;
use crate::views::diagnostic::{RenderedDiagnostic, notices_text};
use crate::views::diagnostic_json::each_json;
use crate::views::events;
use crate::views::feed::EventStream;
use crate::views::outcome::abandoned_text;
use crate::views::plan_text::plan_text;
use crate::views::progress::ProgressView;
use crate::views::report::PlanReport;
use crate::views::rows::DetailLevel;
use crate::views::secrets::SecretTexts;
use crate::views::sources::SourceTexts;
use crate::workspace::session::Session;

/// The interval at which progress rows are redrawn.
const REDRAWN: Duration = Duration::from_millis(100);

/// Opens the file for the JSON stream. A pipe must have a reader already: opening does not wait.
fn for_stream(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(flags)
        .open(path);
    let file = opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NXIO) => io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a pipe (FIFO) or socket that no one reads; start its reader first, or name a regular file",
        ),
        _ => error,
    })?;
    // `O_NONBLOCK` was for opening alone: a write must wait for a slow reader, not fail.
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Reports results, messages and progress to the terminal, the JSON stream, or both.
pub(crate) struct Reporter {
    terminal: Terminal,
    detail: DetailLevel,
    compact_warnings: bool,
    /// None with `--json`, where the stream replaces the text.
    progress: Option<ProgressView>,
    feed: Option<EventStream>,
}

impl Reporter {
    /// The reporter that the command line asks for.
    ///
    /// # Errors
    /// When the file for the stream cannot be made.
    pub(crate) fn new(session: &Session, arguments: &ReportingArgs) -> anyhow::Result<Self> {
        let ReportingArgs { json, json_into, detail, compact_warnings } = arguments;
        let terminal = session.terminal;
        let feed = match (json, json_into) {
            (true, _) => Some(EventStream::new(BufWriter::new(io::stdout()))),
            (false, Some(path)) => {
                let file = for_stream(path)
                    .with_context(|| format!("could not make the file `{}`", path.display()))?;
                Some(EventStream::new(BufWriter::new(file)))
            }
            (false, None) => None,
        };
        let progress = (!json).then(|| progress(terminal));
        Ok(Self { terminal, detail: *detail, compact_warnings: *compact_warnings, progress, feed })
    }

    /// Whether text is printed for a person, who could also answer a question.
    pub(crate) fn is_human(&self) -> bool {
        self.progress.is_some()
    }

    /// Prints a result for a person.
    pub(crate) fn print(&self, text: &str) -> anyhow::Result<()> {
        if self.is_human() { self.terminal.print(text) } else { Ok(()) }
    }

    /// Prints a message: on stderr for a person, else a log line of the stream for each line.
    pub(crate) fn report(&self, text: &str) {
        match self.is_human() {
            true => self.terminal.report(text),
            false => {
                let lines = text.lines().filter(|it| !it.trim().is_empty());
                self.put(lines.map(|it| events::log(it.trim())));
            }
        }
    }

    /// Shows a plan.
    pub(crate) fn plan(
        &self,
        plan: &Plan,
        report: &PlanReport,
        configuration: &Configuration,
    ) -> anyhow::Result<()> {
        if let Some(feed) = &self.feed {
            feed.put(events::planned(plan, report, configuration));
        }
        match self.is_human() {
            true => self.terminal.print(&plan_text(report, self.detail, self.terminal.out)),
            false => Ok(()),
        }
    }

    /// Prints errors and warnings.
    pub(crate) fn notices(
        &self,
        notices: &[RenderedDiagnostic],
        sources: &SourceTexts,
        secrets: &SecretTexts,
    ) {
        self.put(each_json(notices, sources, secrets).into_iter().map(events::diagnostic));
        if !self.is_human() {
            return;
        }
        let is_short =
            |it: &&RenderedDiagnostic| self.compact_warnings && it.severity == Severity::Warning;
        let (short, long): (Vec<&RenderedDiagnostic>, Vec<&RenderedDiagnostic>) =
            notices.iter().partition(is_short);
        let long: Vec<RenderedDiagnostic> = long.into_iter().cloned().collect();
        let mut text = notices_text(&long, sources, secrets, self.terminal.err);
        for notice in short {
            let place = notice
                .span
                .as_ref()
                .map(|it| format!(" ({})", sources.place(it)))
                .unwrap_or_default();
            text += &format!("warning: {}{place}\n", secrets.masked(&notice.title));
        }
        self.terminal.report(&text);
    }

    /// Redacts these values from everything that is printed or logged from now on.
    pub(crate) fn keep_secret(&self, secrets: &Arc<SecretTexts>) {
        logging::keep_secret(secrets);
        self.progress.iter().for_each(|it| it.keep_secret(secrets.clone()));
        self.feed.iter().for_each(|it| it.keep_secret(secrets.clone()));
    }

    /// Takes the plan whose progress the stream reports from now on.
    pub(crate) fn follow(&self, plan: &Plan) {
        self.feed.iter().for_each(|it| it.follow(plan));
    }

    /// Removes the progress rows, so that other text can be printed.
    pub(crate) fn rest(&self) {
        self.progress.iter().for_each(ProgressView::rest);
    }

    /// Reports the end of an apply in the stream.
    pub(crate) fn applied(&self, applied: &ApplyResult, mode: PlanMode, secrets: &SecretTexts) {
        self.put(events::ended(applied, mode, secrets));
    }

    /// Puts the error of a command into the stream. With `--json` the error becomes its exit code;
    /// otherwise the caller prints it.
    pub(crate) fn ended(&self, ended: CommandResult) -> CommandResult {
        let Err(error) = ended else { return ended };
        self.put(error.json_each().into_iter().map(events::diagnostic));
        if error.is_interruption() {
            self.put([events::log("interrupted")]);
        }
        if self.is_human() { Err(error) } else { Ok(error.code()) }
    }

    /// Prints an error without ending the command.
    pub(crate) fn report_error(&self, error: &CommandError) {
        self.put(error.json_each().into_iter().map(events::diagnostic));
        if self.is_human() {
            error.report(&self.terminal);
        }
    }

    /// Prints what was abandoned, when the user does not wait for running steps.
    pub(crate) fn abandon_message(self: &Arc<Self>) -> impl FnOnce() + Send + 'static {
        let reporter = self.clone();
        move || {
            reporter.put([events::log("abandoned")]);
            if let Some(progress) = &reporter.progress {
                reporter
                    .terminal
                    .report(&abandoned_text(&progress.running(), reporter.terminal.err));
            }
        }
    }

    /// Redraws the progress until the guard is dropped.
    pub(crate) fn ticker(self: &Arc<Self>) -> ProgressTicker {
        let reporter = self.clone();
        let task = tokio::spawn({
            let reporter = reporter.clone();
            async move {
                loop {
                    tokio::time::sleep(REDRAWN).await;
                    reporter.tick(Instant::now());
                }
            }
        });
        ProgressTicker { reporter, task }
    }

    fn tick(&self, now: Instant) {
        self.progress.iter().for_each(|it| it.tick(now));
        self.feed.iter().for_each(|it| it.tick(now));
    }

    fn put(&self, lines: impl IntoIterator<Item = events::EventLine>) {
        if let Some(feed) = &self.feed {
            feed.put(lines);
        }
    }
}

impl EventObserver for Reporter {
    fn observe(&self, event: Event) {
        match (&self.progress, &self.feed) {
            (Some(progress), Some(feed)) => {
                feed.observe(event.clone());
                progress.observe(event);
            }
            (Some(progress), None) => progress.observe(event),
            (None, Some(feed)) => feed.observe(event),
            (None, None) => {}
        }
    }
}

/// Rows that are redrawn where the terminal can, otherwise one line for each event.
fn progress(terminal: Terminal) -> ProgressView {
    let lines = Box::new(move |line: &str| terminal.report(&format!("{line}\n")));
    // Log lines on stderr would be written into the middle of redrawn rows.
    match terminal.can_redraw() && !logging::is_on_standard_error() {
        true => ProgressView::live(terminal.err, lines),
        false => ProgressView::lines(terminal.err, lines),
    }
}

/// Redraws the progress of a reporter until it is dropped.
pub(crate) struct ProgressTicker {
    reporter: Arc<Reporter>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for ProgressTicker {
    fn drop(&mut self) {
        self.task.abort();
        self.reporter.rest();
    }
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use ha_apply::{PlanRequest, RediscoveryResult, RefreshMode};
use ha_diagnostics::code;
use ha_files::regular_file;
use ha_files::regular_file::LARGEST;
use ha_plan::{FileSource, PlanMode, RefreshUpdate, Selection};
use ha_state_model::{Record, State};
use ha_value::{Address, Value};
use zeroize::Zeroizing;

use super::rewrite::{RewriteArgs, StateRewrite, rewrite};
use crate::arguments::{ReportingArgs, VariableArgs};
use crate::commands::planning::{engine, run};
use crate::commands::reporter::Reporter;
use crate::interrupt::listen;
use crate::invocation;
use crate::output::command_error::{CommandError, CommandResult};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::rediscovered::rediscovered_lines;
use crate::views::report::plan_values;
use crate::views::secrets::{SecretTexts, environment_secrets};
use crate::workspace::project::{Project, VariableMode};
use crate::workspace::session::Session;

/// How many kinds are looked for at a time.
const AT_ONCE: std::num::NonZeroUsize = std::num::NonZeroUsize::new(10).expect("ten is not zero");

/// Make a state again that was lost
///
/// Looks for everything that the configuration asks for: by the tags that `ha` puts on what it
/// makes, by names that follow from the configuration, by the configuration of a running replica
/// set. Changes nothing outside, and writes one new state of what it found. Passwords and keys are
/// in no service and are not found: the next plan makes others, unless they are given. See
/// docs/state-recovery.md.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state recover --dry-run                 what there is, what is lost, what the next plan would make of it
  ha state recover
  ha state recover --given secrets.json      with {\"random_password.db\": \"…\"}: what was kept elsewhere

Exit codes: 0 done, 1 error, 130 interrupted.")]
pub(crate) struct RecoverArgs {
    /// What is known of what was lost: a JSON object from addresses to what `ha import` takes for
    /// them, such as a password, the id of one of several, or an authority's certificate and key;
    /// `-` for the standard input
    #[arg(long, value_name = "FILE")]
    given: Option<PathBuf>,
    /// The name of the state that was lost, where what is found belongs to several
    #[arg(long)]
    lineage: Option<String>,
    /// Also when something is recorded; a sealed copy of that is kept
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    rewrite: RewriteArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

pub(crate) fn recover(arguments: &RecoverArgs, session: &Session) -> CommandResult {
    let project =
        Project::read(session, arguments.variables.variable_options(), VariableMode::Values)?;
    let before = session.place()?.state()?;
    refuse(arguments, &before)?;
    let given = arguments.given.as_deref().map(read).transpose()?.unwrap_or_default();
    let reporter = Arc::new(Reporter::new(session, &ReportingArgs::default())?);
    let (found, secrets) = look(arguments, &project, given, &reporter)?;
    // What exists keeps its name; what is new has that of the one that was lost, and so may have
    // its key.
    let lineage = if before.is_new() { found.lineage.clone() } else { None };
    let lines = rediscovered_lines(&found, &secrets);
    let become_it = |before: &State| {
        refuse(arguments, before)?;
        Ok(StateRewrite { state: recovered(&found), changes: lines })
    };
    let count = recorded(&found).count();
    rewrite(&arguments.rewrite, ("recover", lineage.as_deref()), session, become_it, |_| {
        let command = invocation::command(["plan"]);
        format!(
            "Recorded {count}. Nothing outside was touched. Look at `{command}` before you apply."
        )
    })
}

/// Whether something is recorded that would be forgotten.
fn refuse(arguments: &RecoverArgs, before: &State) -> Result<(), CommandError> {
    let is_empty =
        before.records.is_empty() && before.deposed.is_empty() && before.unfinished.is_empty();
    if is_empty || arguments.force {
        return Ok(());
    }
    let notice =
        RenderedDiagnostic::error("there is a state, and it is not empty").code(code::OTHER_STATE);
    let notice = notice.note("recorded", format!("{} resources", before.records.len()));
    Err(notice
        .help("`ha plan` tells how it stands to what there is; single things are taken up with `ha import`")
        .help("`--force` puts what is found in its place, and keeps a sealed copy")
        .into())
}

fn look(
    arguments: &RecoverArgs,
    project: &Project,
    given: BTreeMap<String, Zeroizing<String>>,
    reporter: &Arc<Reporter>,
) -> Result<(RediscoveryResult, SecretTexts), CommandError> {
    let mut imports = Vec::new();
    let mut secret: Vec<Value> =
        project.snapshot.variables.values().cloned().chain(environment_secrets()).collect();
    for (address, it) in given {
        // It may be the secret, with its address behind it.
        let address: Address = address.parse().map_err(|_| {
            RenderedDiagnostic::error("something is given to what is no address")
                .help("before each colon stands an address, such as \"random_password.db\"; what stands there is not told here")
        })?;
        secret.push(Value::from(it.as_str()).sensitive());
        imports.push((address, it.to_string()));
    }
    let secrets = Arc::new(SecretTexts::within(&secret));
    reporter.keep_secret(&secrets);
    let files: Arc<dyn FileSource + Send + Sync> = project.files.clone();
    let request = PlanRequest {
        configuration: project.configuration.clone(),
        snapshot: project.snapshot.clone(),
        files,
        mode: PlanMode::Normal,
        replace: Vec::new(),
        refresh: RefreshMode::None,
        selection: Selection::default(),
        imports,
    };
    let engine = engine(AT_ONCE);
    run(async {
        let cancel = listen(reporter.abandon_message())?;
        let _ticking = reporter.ticker();
        let found = tokio::select! {
            found = engine.rediscover(&request, arguments.lineage.as_deref(), &**reporter) => found,
            () = cancel.asked() => return Err(CommandError::interrupted()),
        };
        reporter.rest();
        let found = found
            .map_err(|it| CommandError::from(it).within(&project.sources).keeping(&secrets))?;
        secret.extend(plan_values(&found.plan));
        Ok((found, SecretTexts::within(&secret)))
    })
}

/// Everything that is recorded from now on.
fn recorded(found: &RediscoveryResult) -> impl Iterator<Item = &Record> {
    let settled = found.plan.settled.iter().filter_map(|it| match it {
        RefreshUpdate::Seen(record) => Some(&**record),
        RefreshUpdate::Gone(_) => None,
    });
    settled.chain(&found.strays)
}

/// The state that says so.
fn recovered(found: &RediscoveryResult) -> State {
    State {
        lineage: found.lineage.clone().unwrap_or_default(),
        records: recorded(found).map(|it| (it.address.clone(), it.clone())).collect(),
        providers: found.plan.providers.clone(),
        ..State::default()
    }
}

/// What the operator has kept elsewhere.
fn read(file: &Path) -> Result<BTreeMap<String, Zeroizing<String>>, CommandError> {
    let is_input = file == Path::new("-");
    let shown =
        if is_input { "the standard input".to_owned() } else { format!("`{}`", file.display()) };
    let read = match is_input {
        true => regular_file::read_up_to(std::io::stdin().lock(), LARGEST),
        false => regular_file::read(file, LARGEST),
    };
    let bytes = Zeroizing::new(read.with_context(|| format!("could not read {shown}"))?);
    // The parser's own words may quote what it read.
    let given: BTreeMap<String, String> = serde_json::from_slice(&bytes).map_err(|error| {
        let what = format!(
            "{shown} is not what was asked for (line {}, column {})",
            error.line(),
            error.column()
        );
        RenderedDiagnostic::error(what)
            .help("write a JSON object from addresses to strings: {\"random_password.db\": \"…\"}")
    })?;
    Ok(given.into_iter().map(|(address, it)| (address, Zeroizing::new(it))).collect())
}

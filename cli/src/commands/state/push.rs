use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use ha_diagnostics::code;
use ha_files::regular_file;
use ha_state_model::{Record, State};
use ha_state_store::{KeyProvider, from_json};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::SEALED;
use super::rewrite::{RewriteArgs, StateRewrite, rewrite};
use crate::output::command_error::{CommandError, CommandResult};
use crate::views::diagnostic::{RenderedDiagnostic, notices_text};
use crate::views::secrets::SecretTexts;
use crate::views::sources::SourceTexts;
use crate::workspace::sealed_file::LARGEST_SEALED;
use crate::workspace::selected::{Workspace, workspace};
use crate::workspace::session::Session;

/// Put another state in the place of this one
///
/// Takes what `ha state pull --sealed` or `--show-sensitive` printed, or a copy in `.ha/backups`.
/// It must be a later form of this very state, and no step may be half done in this one. With
/// `--force` neither is asked; the state then keeps its own name, whatever the other was called.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state push --dry-run prod.state         what that would change
  ha state push --force .ha/backups/118.state
  ha state pull --show-sensitive | jq '…' | ha state push -

Exit codes: 0 done, 1 error.")]
pub(crate) struct PushArgs {
    /// The file with the state to store; `-` reads the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the state even if the file's is older or of another lineage
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    rewrite: RewriteArgs,
}

pub(crate) fn push(arguments: &PushArgs, session: &Session) -> CommandResult {
    let pushed = read(&arguments.file, &session.keys()?)?;
    // A state that does not exist yet gets the name of the one that is pushed.
    let is_new = session.place()?.state()?.is_new();
    let lineage = is_new.then(|| pushed.lineage.clone());
    let become_it = |before: &State| {
        let foreign = foreignness(before, &pushed, session);
        if !arguments.force {
            refuse(before, &pushed, foreign)?;
        } else if let Some(notice) = foreign {
            let notice = notice
                .warning()
                .help("this one keeps its own lineage, and everything else becomes as in that one");
            session.terminal.report(&notices_text(
                &[notice],
                &SourceTexts::default(),
                &SecretTexts::default(),
                session.terminal.err,
            ));
        }
        Ok(StateRewrite { state: pushed.clone(), changes: differences(before, &pushed) })
    };
    rewrite(&arguments.rewrite, ("push", lineage.as_deref()), session, become_it, |count| {
        format!("Replaced the state: {count} differences.")
    })
}

fn read(file: &Path, keys: &dyn KeyProvider) -> Result<State, CommandError> {
    #[derive(Deserialize)]
    struct PulledHeader {
        redacted: Option<bool>,
    }
    let shown = if file == Path::new("-") {
        "the standard input".to_owned()
    } else {
        format!("`{}`", file.display())
    };
    let read = match file == Path::new("-") {
        true => regular_file::read_up_to(std::io::stdin().lock(), LARGEST_SEALED),
        false => regular_file::read(file, LARGEST_SEALED),
    };
    let mut bytes = Zeroizing::new(read.with_context(|| format!("could not read {shown}"))?);
    if let Some(opened) = SEALED.opened(&bytes, keys)? {
        bytes = opened;
    }
    if let Ok(PulledHeader { redacted: Some(true) }) = serde_json::from_slice(&bytes) {
        let notice = RenderedDiagnostic::error(format!("{shown} is a state without its secrets"));
        return Err(notice
            .help("pull it with `--sealed` or `--show-sensitive` to push it back")
            .into());
    }
    Ok(from_json(&bytes, &shown)?)
}

/// What to say of a state that is not this one.
fn foreignness(before: &State, pushed: &State, session: &Session) -> Option<RenderedDiagnostic> {
    if before.is_new() || before.lineage == pushed.lineage {
        return None;
    }
    let own = workspace(session.environment.as_ref().map(Workspace::name));
    let title = match session.environment_of(&pushed.lineage) {
        Some(other) => format!(
            "what is pushed is the state of the environment `{other}`, and this is that of `{own}`"
        ),
        None => format!("what is pushed is another state than that of the environment `{own}`"),
    };
    let notice = RenderedDiagnostic::error(title).code(code::OTHER_STATE);
    Some(notice.note("this", before.lineage.clone()).note("pushed", pushed.lineage.clone()))
}

/// Whether it is no later form of the same state.
fn refuse(
    before: &State,
    pushed: &State,
    foreign: Option<RenderedDiagnostic>,
) -> Result<(), CommandError> {
    let mut wrong = Vec::new();
    let force = "`--force` puts it there all the same";
    if let Some(notice) = foreign {
        wrong.push(
            notice.help("make sure that this is the right directory and environment").help(force),
        );
    } else if pushed.number < before.number {
        let notice = RenderedDiagnostic::error("it is older than what is recorded");
        let numbers = [("this", before.number), ("pushed", pushed.number)];
        let notice = numbers
            .into_iter()
            .fold(notice, |notice, (what, number)| notice.note(what, format!("number {number}")));
        wrong.push(notice.help("what was recorded since would be forgotten").help(force));
    }
    for begun in before.unfinished.values() {
        let notice = RenderedDiagnostic::error(format!(
            "a step on {} was begun and is not finished",
            begun.intent.address
        ))
        .code(code::UNFINISHED);
        wrong.push(
            notice.help("run `ha apply` first: it looks into what that step left").help(force),
        );
    }
    for left in before.obligations.values() {
        let notice = RenderedDiagnostic::error(format!(
            "something is left to be done: {} {}",
            left.verb, left.target
        ));
        wrong.push(
            notice.help("run `ha apply` first: it does that before anything else").help(force),
        );
    }
    if wrong.is_empty() { Ok(()) } else { Err(CommandError::new(wrong)) }
}

/// What is other in the second, a line each.
fn differences(before: &State, after: &State) -> Vec<String> {
    let is_same = |one: &Record, other: &Record| {
        Record { version: 0, ..one.clone() } == Record { version: 0, ..other.clone() }
    };
    let mut lines = compared(&before.records, &after.records, is_same, ToString::to_string);
    let deposed =
        |(address, key): &(ha_value::Address, String)| format!("{address} (deposed {key})");
    lines.extend(compared(&before.deposed, &after.deposed, is_same, deposed));
    lines.extend(compared(&before.outputs, &after.outputs, PartialEq::eq, |name| {
        format!("output {name}")
    }));
    lines.extend(compared(&before.providers, &after.providers, PartialEq::eq, |name| {
        format!("provider {name}")
    }));
    lines.extend(compared(&before.unfinished, &after.unfinished, PartialEq::eq, |attempt| {
        format!("unfinished step {attempt}")
    }));
    lines.extend(compared(&before.obligations, &after.obligations, PartialEq::eq, |id| {
        format!("obligation {id}")
    }));
    lines
}

fn compared<K: Ord, V>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    is_same: impl Fn(&V, &V) -> bool,
    name: impl Fn(&K) -> String,
) -> Vec<String> {
    let gone = before.keys().filter(|it| !after.contains_key(it)).map(|it| (it, "-"));
    let there = after.iter().filter_map(|(key, value)| match before.get(key) {
        None => Some((key, "+")),
        Some(was) if !is_same(was, value) => Some((key, "~")),
        Some(_) => None,
    });
    let mut lines: Vec<(&K, &str)> = gone.chain(there).collect();
    lines.sort_by(|one, other| one.0.cmp(other.0));
    lines.into_iter().map(|(key, sign)| format!("{sign} {}", name(key))).collect()
}

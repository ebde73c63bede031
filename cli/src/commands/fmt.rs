use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgAction, Args};
use ha_files::regular_file;
use ha_files::regular_file::LARGEST;
use ha_lang::{SourceFile, format};

use crate::output::command_error::{CommandError, CommandResult, DONE};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::file_diff::Rewritten;
use crate::views::sources::SourceTexts;
use crate::workspace::directory_files::{not_text, text};
use crate::workspace::session::Session;

/// What is formatted, by the end of its name.
const SUFFIXES: [&str; 4] = [".hcl", ".tf", ".hclvars", ".tfvars"];
/// Some file is not as it would be.
const OTHERWISE: u8 = 3;
/// What the standard input is called in messages.
const STDIN: &str = "<stdin>";

/// Put configurations into their usual form
///
/// Only spaces change, and a few old ways to write a thing: `"${x}"` becomes `x`. The form is
/// Terraform's. Prints the names of the files that were not in it. JSON is left alone.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha fmt                              the files of this directory
  ha fmt --recursive                  and of all below it
  ha fmt --check --diff --recursive   for CI: change nothing, show what would be
  ha fmt - < main.hcl                 from the standard input to the standard output

Exit codes: 0 done, 1 a file cannot be read, 3 with --check: some file is not in its usual form.")]
pub(crate) struct FmtArgs {
    /// Files and directories; `-` for the standard input; this directory when there is none
    #[arg(value_name = "TARGET")]
    targets: Vec<PathBuf>,
    /// Write nothing, and exit with 3 if a file is not formatted
    #[arg(long)]
    check: bool,
    /// Print the difference of each file, with secrets redacted
    #[arg(long)]
    diff: bool,
    /// Format subdirectories as well
    #[arg(long)]
    recursive: bool,
    /// Whether to name the files that change
    #[arg(long, value_name = "BOOL", default_value = "true", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    list: bool,
    /// Whether to change the files
    #[arg(long, value_name = "BOOL", default_value = "true", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    write: bool,
}

pub(crate) fn fmt(arguments: &FmtArgs, session: &Session) -> CommandResult {
    if arguments.targets == [Path::new("-")] {
        return standard_input(arguments, session);
    }
    let (files, mut wrong) = files(arguments);
    let mut formatted = Vec::new();
    let mut sources = Vec::new();
    for path in &files {
        let file = match source(path) {
            Ok(file) => file,
            Err(notice) => {
                wrong.push(notice);
                continue;
            }
        };
        // Another file says which values are secret.
        sources.push((file.name.to_string(), file.text.clone()));
        match format(&file) {
            Ok(text) => formatted.push((path, file, text)),
            Err(diagnostics) => wrong.extend(diagnostics.iter().map(RenderedDiagnostic::from)),
        }
    }
    let texts = formatted.iter().map(|(_, file, text)| (&*file.name, &file.text, text.as_str()));
    let rewritten = arguments.diff.then(|| Rewritten::new(texts));
    let mut changes = false;
    for (path, _, text) in formatted.iter().filter(|(_, file, text)| *text != *file.text) {
        changes = true;
        if let Err(error) = tell(arguments, session, path, text, rewritten.as_ref()) {
            wrong.push(
                RenderedDiagnostic::error(format!("could not format `{}`", path.display()))
                    .note("cause", format!("{error:#}")),
            );
        }
    }
    if wrong.is_empty() {
        return Ok(if arguments.check && changes { OTHERWISE } else { DONE });
    }
    Err(CommandError::new(wrong).within(&sources.into_iter().collect::<SourceTexts>()))
}

/// From the standard input to the standard output.
fn standard_input(arguments: &FmtArgs, session: &Session) -> CommandResult {
    let bytes = regular_file::read_up_to(io::stdin().lock(), LARGEST)
        .context("could not read the standard input")?;
    let file = SourceFile::new(STDIN, text(bytes).map_err(|line| not_text(STDIN, line))?);
    let sources: SourceTexts =
        [(file.name.to_string(), file.text.to_string())].into_iter().collect();
    let formatted =
        format(&file).map_err(|it| CommandError::from_diagnostics(&it).within(&sources))?;
    let is_other = formatted != *file.text;
    if arguments.diff {
        let rewritten = Rewritten::new([(STDIN, &file.text, formatted.as_str())].into_iter());
        session.terminal.print(&rewritten.difference(STDIN))?;
    } else if !arguments.check {
        session.terminal.print(&formatted)?;
    }
    Ok(if arguments.check && is_other { OTHERWISE } else { DONE })
}

/// Says what changes, and changes it, as far as that was asked for.
fn tell(
    arguments: &FmtArgs,
    session: &Session,
    path: &Path,
    after: &str,
    rewritten: Option<&Rewritten>,
) -> anyhow::Result<()> {
    let name = path.display().to_string();
    if arguments.list {
        session.terminal.print(&format!("{name}\n"))?;
    }
    if arguments.write && !arguments.check {
        replace(path, after)?;
    }
    if let Some(rewritten) = rewritten {
        session.terminal.print(&rewritten.difference(&name))?;
    } else if !arguments.list && !arguments.write && !arguments.check {
        session.terminal.print(after)?;
    }
    Ok(())
}

/// The file has the one text or the other, and the mode it had; a link goes on pointing to it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let mut draft = path.clone().into_os_string();
    draft.push(".ha-fmt");
    let draft = PathBuf::from(draft);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&draft)?;
    let written = fs::metadata(&path)
        .and_then(|it| file.set_permissions(it.permissions()))
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&draft, &path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

/// All files that are meant, each directory's in order of their names, and what is wrong with the
/// targets.
fn files(arguments: &FmtArgs) -> (Vec<PathBuf>, Vec<RenderedDiagnostic>) {
    let here = [PathBuf::from(".")];
    let targets = if arguments.targets.is_empty() { &here[..] } else { &arguments.targets };
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    for target in targets {
        let found = match fs::metadata(target) {
            Ok(it) if it.is_dir() => below(target, arguments.recursive, &mut files),
            Ok(_) if !is_meant(target) => {
                let notice = RenderedDiagnostic::error(format!(
                    "`{}` is no file that `ha fmt` knows",
                    target.display()
                ));
                wrong.push(
                    notice.help(format!("it formats files that end in {}", SUFFIXES.join(", "))),
                );
                Ok(())
            }
            Ok(_) => {
                files.push(target.clone());
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = found {
            let notice =
                RenderedDiagnostic::error(format!("could not look at `{}`", target.display()));
            wrong.push(notice.note("cause", error.to_string()));
        }
    }
    (files, wrong)
}

/// The files of a directory, without hidden ones and what editors leave behind.
fn below(directory: &Path, is_recursive: bool, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let path =
            if directory == Path::new(".") { PathBuf::from(name) } else { directory.join(name) };
        // A link to a directory may lead back up.
        if entry.file_type()?.is_dir() {
            if is_recursive {
                below(&path, is_recursive, files)?;
            }
        } else if is_meant(&path) && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn is_meant(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    SUFFIXES.iter().any(|it| name.ends_with(it))
}

fn source(path: &Path) -> Result<SourceFile, RenderedDiagnostic> {
    let name = path.display().to_string();
    let bytes = regular_file::read(path, LARGEST).map_err(|error| {
        RenderedDiagnostic::error(format!("could not read `{name}`"))
            .note("cause", error.to_string())
    })?;
    Ok(SourceFile::new(name.clone(), text(bytes).map_err(|line| not_text(&name, line))?))
}

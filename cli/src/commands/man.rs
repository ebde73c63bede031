use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::Man;

use crate::output::command_error::{CommandResult, DONE};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::session::Session;

/// Print or write manual pages
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha man state mv | man -l -          the page of one command
  ha man --into ~/.local/share/man/man1

Exit codes: 0 done, 1 error.")]
pub(crate) struct ManArgs {
    /// The command whose page to print; the program's own when none is named
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,
    /// Write all pages into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "words")]
    into: Option<PathBuf>,
}

pub(crate) fn man(arguments: &ManArgs, mut program: Command, session: &Session) -> CommandResult {
    program.build();
    if let Some(directory) = &arguments.into {
        fs::create_dir_all(directory)
            .with_context(|| format!("could not make the directory `{}`", directory.display()))?;
        write_all(&program, directory)?;
        return Ok(DONE);
    }
    let mut command = &program;
    for word in &arguments.words {
        let missing = || {
            RenderedDiagnostic::error(format!(
                "there is no command `{}`",
                arguments.words.join(" ")
            ))
            .help("`ha help` lists all")
        };
        command = command.find_subcommand(word).ok_or_else(missing)?;
    }
    session.terminal.print_bytes(&page(command)?)?;
    Ok(DONE)
}

fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    let version = format!("ha {}", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone())
        .source(version)
        .manual("ha")
        .render(&mut page)
        .context("could not write a manual page")?;
    Ok(page)
}

fn write_all(command: &Command, directory: &std::path::Path) -> anyhow::Result<()> {
    let name = Man::new(command.clone()).get_filename();
    let path = directory.join(name);
    fs::write(&path, page(command)?)
        .with_context(|| format!("could not write `{}`", path.display()))?;
    command
        .get_subcommands()
        .filter(|it| it.get_name() != "help")
        .try_for_each(|it| write_all(it, directory))
}

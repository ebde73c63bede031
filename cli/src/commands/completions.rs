use clap::{Args, ValueEnum};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use crate::arguments::completion::ASKED;
use crate::output::command_error::{CommandResult, DONE};
use crate::workspace::session::Session;

/// Print what teaches a shell to complete `ha`
///
/// The shell then asks `ha` itself, so that it offers the addresses and outputs of the directory it
/// is in. Let it read this each time it starts, rather than from a file that may be of another
/// version.
#[derive(Args)]
#[command(after_help = "\
Examples:
  source <(ha completions bash)                       in ~/.bashrc
  source <(ha completions zsh)                        in ~/.zshrc, behind compinit
  ha completions fish | source                        in ~/.config/fish/config.fish
  eval (ha completions elvish | slurp)                in ~/.config/elvish/rc.elv
  ha completions powershell | Out-String | Invoke-Expression

Exit codes: 0 done, 1 error.")]
pub(crate) struct CompletionsArgs {
    /// The shell that reads the script
    shell: CompletionShell,
}

/// A shell that can be taught.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum CompletionShell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

pub(crate) fn completions(arguments: &CompletionsArgs, session: &Session) -> CommandResult {
    let shell: &dyn EnvCompleter = match arguments.shell {
        CompletionShell::Bash => &Bash,
        CompletionShell::Zsh => &Zsh,
        CompletionShell::Fish => &Fish,
        CompletionShell::Powershell => &Powershell,
        CompletionShell::Elvish => &Elvish,
    };
    // One that was called by its path is not found by its name.
    let called = std::env::args_os().next().unwrap_or_default();
    let path = std::env::current_exe().ok().filter(|_| called.to_string_lossy().contains('/'));
    let completer = path.map_or_else(|| "ha".to_owned(), |it| it.display().to_string());
    let mut script = Vec::new();
    let written = shell.write_registration(ASKED, "ha", "ha", &completer, &mut script);
    written.map_err(anyhow::Error::from)?;
    session.terminal.print_bytes(&script)?;
    Ok(DONE)
}

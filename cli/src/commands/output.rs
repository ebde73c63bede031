use std::io::IsTerminal;

use clap::Args;
use ha_state_model::OutputRecord;
use ha_value::{Name, Text, closest};

use crate::arguments::completion;
use crate::invocation;
use crate::output::command_error::{CommandError, CommandResult, DONE};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::expression::set_out;
use crate::views::json::JsonValue;
use crate::views::outcome::{is_hidden, outputs_text};
use crate::views::redacted_value::RedactedValue;
use crate::views::redaction::SecretVisibility;
use crate::views::state_view::{output_json, shown_output, shown_outputs, state_secrets};
use crate::workspace::session::Session;

/// Print outputs
///
/// As recorded by the last apply. Takes no lock and asks no one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha output                           all of them, sensitive ones hidden
  ha output --raw mongodb_uri         one as it is, secret or not, without a line end
  ha output hosts_file > hosts        a string of several lines is itself, but on a terminal
  ha output --json | jq -r .ca_file.value

Exit codes: 0 done, 1 error.")]
pub(crate) struct OutputArgs {
    /// The name of one output; all outputs if it is left out
    #[arg(add = completion::outputs())]
    name: Option<String>,
    /// Print JSON, with `null` for what is sensitive
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    /// Print a string, number or truth value as it is, secret or not
    #[arg(long, requires = "name")]
    raw: bool,
    /// Print secrets in the JSON in clear
    #[arg(long, requires = "json")]
    show_sensitive: bool,
}

pub(crate) fn output(arguments: &OutputArgs, session: &Session) -> CommandResult {
    let state = session.place()?.state()?;
    let (outputs, secrets) = (&state.outputs, state_secrets(&state));
    let sight = if arguments.show_sensitive {
        SecretVisibility::Revealed
    } else {
        SecretVisibility::Redacted
    };
    let terminal = &session.terminal;
    let Some(name) = &arguments.name else {
        if arguments.json {
            let all = outputs
                .iter()
                .map(|(name, it)| (name.to_string(), output_json(it, &secrets, sight)))
                .collect();
            terminal.print(&JsonValue::Object(all).pretty())?;
        } else if outputs.is_empty() {
            terminal
                .report("There are no outputs: none is configured, or nothing was applied yet.\n");
        } else {
            terminal.print(&outputs_text(&shown_outputs(outputs, &secrets), terminal.out))?;
        }
        return Ok(DONE);
    };
    let output = outputs.get(name.as_str()).ok_or_else(|| missing(name, outputs.keys()))?;
    if arguments.raw {
        terminal.print(&raw(name, output)?)?;
    } else if arguments.json {
        let shown = shown_output(output, &secrets, sight);
        if shown.hides_something() {
            return Err(hidden(name).into());
        }
        terminal.print(&JsonValue::from(&shown).pretty())?;
    } else {
        let shown = shown_output(output, &secrets, SecretVisibility::Redacted);
        match lines(output, &shown).filter(|_| !std::io::stdout().is_terminal()) {
            Some(text) => terminal.print(text)?,
            None => terminal.print(&format!("{}\n", set_out(&shown, 0)))?,
        }
        if is_hidden(&shown) {
            terminal.report(&format!(
                "`{}` prints it\n",
                invocation::command(["output", "--raw", name])
            ));
        }
    }
    Ok(DONE)
}

/// The value as a string; what leaves `ha` on purpose.
fn raw(name: &str, output: &OutputRecord) -> Result<String, CommandError> {
    let text = Text::from_value(&output.value).and_then(|it| it.known());
    let text =
        text.or_else(|| Text::from_value(&output.value.revealed()).and_then(|it| it.known()));
    text.ok_or_else(|| {
        let notice = RenderedDiagnostic::error(format!(
            "the output `{name}` is no string, number or truth value"
        ));
        notice.help(format!("`ha output --json --show-sensitive {name}` prints it whole")).into()
    })
}

/// The text of an output of several lines, nothing of which is secret: for a program the text, and
/// not how it is written.
fn lines<'a>(output: &'a OutputRecord, shown: &RedactedValue) -> Option<&'a str> {
    output
        .value
        .as_str()
        .filter(|it| it.trim_end_matches('\n').contains('\n') && !shown.hides_something())
}

/// A program would take what stands in the place of a secret for the value.
fn hidden(name: &str) -> RenderedDiagnostic {
    let notice = RenderedDiagnostic::error(format!(
        "the output `{name}` is sensitive, so its value is not printed"
    ));
    notice
        .help(format!("`ha output --json --show-sensitive {name}` prints it"))
        .help("`ha output --json` prints all outputs, with `null` for the values of those that are sensitive")
}

fn missing<'a>(name: &str, known: impl Iterator<Item = &'a Name>) -> CommandError {
    let known: Vec<&str> = known.map(|it| &**it).collect();
    let notice = RenderedDiagnostic::error(format!("there is no output `{name}`"));
    let notice = match (known.as_slice(), closest(name, known.iter().copied())) {
        ([], _) => notice.help("nothing was applied yet, or no output is configured"),
        (_, Some(closest)) => notice.help(format!("did you mean `{closest}`?")),
        (known, None) => notice.help(format!("there are {}", known.join(", "))),
    };
    notice.into()
}

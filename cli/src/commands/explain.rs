use clap::Args;
use ha_diagnostics::DiagnosticCode;
use ha_diagnostics::code::{CodeExplanation, EXPLANATIONS};

use crate::arguments::completion;
use crate::output::command_error::{CommandResult, DONE};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::json::JsonValue;
use crate::views::style::{Painter, TextRole};
use crate::workspace::session::Session;

/// Say what a code such as HA0203 means, and how to fix it
///
/// What goes wrong is told with a code, `error[HA0203]`; a code means the same in every version.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha explain HA0203                   what it means, what causes it, how to fix it
  ha explain                          all codes
  ha validate --json | jq -r '.diagnostics[].code' | xargs -n1 ha explain

Exit codes: 0 done, 1 there is no such code.")]
pub(crate) struct ExplainArgs {
    /// The code; all of them when none is given
    #[arg(add = completion::codes())]
    code: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn explain(arguments: &ExplainArgs, session: &Session) -> CommandResult {
    let explained = match &arguments.code {
        None => EXPLANATIONS,
        Some(text) => {
            let found = DiagnosticCode::parse(text)
                .and_then(|code| EXPLANATIONS.iter().position(|it| it.code == code));
            let at = found.ok_or_else(|| {
                RenderedDiagnostic::error(format!("there is no code `{text}`"))
                    .help("`ha explain` lists all codes; a later version may have more")
            })?;
            &EXPLANATIONS[at..=at]
        }
    };
    let paint = session.terminal.out;
    let text = match (arguments.json, explained) {
        (true, all) => JsonValue::Array(all.iter().map(json).collect()).pretty(),
        (false, [one]) => whole(one, paint),
        (false, all) => all
            .iter()
            .map(|it| {
                format!("{}  {}\n", paint.put(TextRole::Head, &it.code.to_string()), it.title)
            })
            .collect(),
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}

fn whole(explanation: &CodeExplanation, paint: Painter) -> String {
    let CodeExplanation { code, name: _, title, meaning, example, mend } = explanation;
    let mut text =
        format!("{}\n\n{meaning}\n", paint.put(TextRole::Head, &format!("{code}: {title}")));
    if !example.is_empty() {
        let example: String = example.lines().map(|it| format!("    {it}\n")).collect();
        text += &format!("\nFor example:\n\n{example}");
    }
    text + &format!("\n{mend}\n")
}

fn json(explanation: &CodeExplanation) -> JsonValue {
    let CodeExplanation { code, name: _, title, meaning, example, mend } = explanation;
    let fields = [("title", title), ("meaning", meaning), ("example", example), ("mend", mend)];
    let texts = fields.into_iter().map(|(name, text)| (name, JsonValue::from(*text)));
    JsonValue::object([("code", JsonValue::from(code.to_string()))].into_iter().chain(texts))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// All text of the program's sources below a directory.
    fn sources(directory: &Path, text: &mut String) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, text);
            } else if path.extension().is_some_and(|it| it == "rs")
                && !path.ends_with("kind/src/code.rs")
            {
                *text += &fs::read_to_string(&path).unwrap();
            }
        }
    }

    #[test]
    fn every_code_is_used() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut text = String::new();
        for room in ["cli/src", "engine/lang/src", "engine/plan/src", "engine/apply/src"] {
            sources(&root.join(room), &mut text);
        }
        let unused: Vec<&str> = EXPLANATIONS
            .iter()
            .map(|it| it.name)
            .filter(|it| !text.contains(&format!("code::{it}")))
            .collect();
        assert_eq!(unused, [""; 0]);
    }
}

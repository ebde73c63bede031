//! Where expressions are answered.

use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use ha_diagnostics::Diagnostic;
use ha_files::regular_file::LARGEST;
use ha_lang::{Configuration, EvaluationContext, FileSource, ValueScope, expression};
use ha_value::{Type, Value, closest};

use super::editor::ConsoleEditor;
use crate::output::command_error::{CommandError, CommandResult, DONE};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::expression::{as_lines, set_out};
use crate::views::function_text::function_text;
use crate::views::json::JsonValue;
use crate::views::redacted_value::RedactedValue;
use crate::views::redaction::{Redactor, SecretVisibility};
use crate::views::secrets::SecretTexts;
use crate::views::sources::SourceTexts;
use crate::views::type_text::type_text;
use crate::workspace::session::Session;

/// What an expression is called in messages.
const NAME: &str = "<console>";

const HELP: &str = "\
Type an expression, and see what it is: `1 + 2`, `upper(var.name)`, `mongodb_host.db[\"a\"]`.
  type(EXPRESSION)   its type
  help(upper)        what a function takes and is for; `ha schema functions` lists all
  exit               ends it, as Ctrl-D does
Where a bracket is open the expression goes on on the next line. Tab completes names, the arrow up
brings back what was typed before, also the last time.
";

/// Where expressions are answered.
pub(super) struct Repl<'a> {
    pub(super) scope: &'a dyn ValueScope,
    pub(super) files: &'a dyn FileSource,
    pub(super) secrets: Arc<SecretTexts>,
    pub(super) sources: SourceTexts,
    pub(super) sight: SecretVisibility,
    /// What can be referred to, in order.
    pub(super) names: Vec<String>,
}

/// What was asked for.
enum ReplAnswer {
    Value(Value),
    Type(Type),
}

impl Repl<'_> {
    /// Evaluates one expression, and prints its value.
    pub(super) fn print(self, text: &str, is_json: bool, session: &Session) -> CommandResult {
        let answer = self.evaluate(text).map_err(|it| self.trouble(text, &it))?;
        session.terminal.print(&if is_json {
            self.json(&answer).line()
        } else {
            self.text(&answer)
        })?;
        Ok(DONE)
    }

    /// Prints what something is: a string of several lines as the text, without its secrets.
    pub(super) fn show(self, reference: &str, is_json: bool, session: &Session) -> CommandResult {
        let answer = self.evaluate(reference).map_err(|it| self.trouble(reference, &it))?;
        let lines = match &answer {
            ReplAnswer::Value(value) if !is_json => Some(self.shown(value))
                .filter(RedactedValue::is_long_text)
                .as_ref()
                .and_then(as_lines),
            _ => None,
        };
        let text = match lines {
            Some(lines) => lines,
            None if is_json => self.json(&answer).line(),
            None => self.text(&answer),
        };
        session.terminal.print(&text)?;
        Ok(DONE)
    }

    /// One entry after the other, to the end of the input.
    pub(super) fn converse(&self, session: &Session) -> CommandResult {
        let terminal = &session.terminal;
        if terminal.can_ask() && std::io::stdout().is_terminal() {
            let mut editor = ConsoleEditor::new(|typed: &str| self.names_like(typed))?;
            while let Some(entry) = editor.entry()?.filter(|it| it.trim() != "exit") {
                self.answer(&entry, session)?;
            }
            return Ok(DONE);
        }
        let mut code = DONE;
        let mut input = BufReader::new(io::stdin().lock().take(LARGEST + 1));
        let mut line = String::new();
        while input.read_line(&mut line).context("could not read the standard input")? > 0 {
            if input.get_ref().limit() == 0 {
                let limit =
                    format!("it is larger than {} MiB, which is more than is read", LARGEST >> 20);
                return Err(RenderedDiagnostic::error("could not read the standard input")
                    .note("cause", limit)
                    .into());
            }
            let line = std::mem::take(&mut line);
            if line.trim() == "exit" {
                break;
            }
            code = code.max(self.answer(&line, session)?);
        }
        Ok(code)
    }

    fn answer(&self, entry: &str, session: &Session) -> CommandResult {
        let terminal = &session.terminal;
        if entry.trim().is_empty() {
            return Ok(DONE);
        }
        if let Some(help) = help(entry, session) {
            terminal.print(&help)?;
            return Ok(DONE);
        }
        match self.evaluate(entry) {
            Ok(answer) => {
                terminal.print(&self.text(&answer))?;
                Ok(DONE)
            }
            Err(diagnostics) => Ok(self.trouble(entry, &diagnostics).report(terminal)),
        }
    }

    fn evaluate(&self, text: &str) -> Result<ReplAnswer, Vec<Diagnostic>> {
        let environment = EvaluationContext::new(self.scope, self.files).at(SystemTime::now());
        // Whether the parenthesis at the end is that of `type`: only then is what is between an
        // expression.
        if let Some(inner) = call(text, "type").and_then(|it| expression(NAME, it).ok()) {
            let value = inner.evaluate(&environment)?;
            return Ok(ReplAnswer::Type(self.redactor().ty(&value)));
        }
        expression(NAME, text)?.evaluate(&environment).map(ReplAnswer::Value)
    }

    fn text(&self, answer: &ReplAnswer) -> String {
        match answer {
            ReplAnswer::Value(value) => set_out(&self.shown(value), 0) + "\n",
            ReplAnswer::Type(ty) => type_text(ty, 0) + "\n",
        }
    }

    fn shown(&self, value: &Value) -> RedactedValue {
        self.redactor().shown(value)
    }

    fn redactor(&self) -> Redactor<'_> {
        Redactor::new(&self.secrets, self.sight)
    }

    fn json(&self, answer: &ReplAnswer) -> JsonValue {
        let value = match answer {
            ReplAnswer::Type(ty) => return JsonValue::object([("type", JsonValue::from(ty))]),
            ReplAnswer::Value(value) => value,
        };
        let is_sensitive = value.is_sensitive();
        let mut fields = vec![("type", JsonValue::from(&self.redactor().ty(value)))];
        match (value.is_known(), is_sensitive) {
            (true, false) => fields.push(("value", JsonValue::from(&self.shown(value)))),
            (true, true) if self.sight == SecretVisibility::Revealed => {
                fields.extend([
                    ("value", JsonValue::from(&self.shown(value))),
                    ("sensitive", true.into()),
                ]);
            }
            (true, true) => fields.extend([("value", JsonValue::Null), ("sensitive", true.into())]),
            (false, _) => fields.extend([("value", JsonValue::Null), ("unknown", true.into())]),
        }
        JsonValue::object(fields)
    }

    fn trouble(&self, text: &str, diagnostics: &[Diagnostic]) -> CommandError {
        let sources = self.sources.with(NAME, text);
        CommandError::from_diagnostics(diagnostics).within(&sources).keeping(&self.secrets)
    }

    /// The names that begin so.
    fn names_like(&self, typed: &str) -> Vec<String> {
        let from = self.names.partition_point(|it| it.as_str() < typed);
        self.names[from..].iter().take_while(|it| it.starts_with(typed)).cloned().collect()
    }
}

/// What is in the parentheses of a call that is the whole text.
fn call<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    text.trim().strip_prefix(function)?.trim_start().strip_prefix('(')?.strip_suffix(')')
}

/// The help that is asked for: `help`, `help(upper)`, `:help upper`.
fn help(entry: &str, session: &Session) -> Option<String> {
    let entry = entry.trim();
    let entry = entry.strip_prefix(':').unwrap_or(entry);
    let name = call(entry, "help")
        .or_else(|| entry.strip_prefix("help").filter(|it| it.is_empty() || it.starts_with(' ')))?;
    let name = name.trim().trim_matches('"');
    if name.is_empty() {
        return Some(HELP.into());
    }
    let known = ha_lang::functions();
    Some(match known.iter().find(|it| it.name == name) {
        Some(function) => function_text(function, session.terminal.out),
        None => match closest(name, known.iter().map(|it| it.name)) {
            Some(closest) => format!("There is no function `{name}`. Did you mean `{closest}`?\n"),
            None => format!("There is no function `{name}`. `ha schema functions` lists all.\n"),
        },
    })
}

/// The functions as they are called, in order.
pub(super) fn functions() -> Vec<String> {
    let mut names: Vec<String> =
        ha_lang::functions().iter().map(|it| format!("{}(", it.name)).collect();
    names.extend(["help(", "type("].map(str::to_owned));
    names.sort();
    names
}

/// All that can be referred to, in order.
pub(super) fn names(configuration: &Configuration) -> Vec<String> {
    let mut names = functions();
    names.extend(configuration.variables.keys().map(|it| format!("var.{it}")));
    names.extend(configuration.locals.keys().map(|it| format!("local.{it}")));
    names.extend(configuration.blocks.keys().map(ToString::to_string));
    for (name, call) in &configuration.modules {
        names.push(format!("module.{name}"));
        names.extend(call.configuration.outputs.keys().map(|it| format!("module.{name}.{it}")));
    }
    names.extend(["path.cwd", "path.module", "path.root", "ha.workspace"].map(str::to_owned));
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_the_whole_text() {
        assert_eq!(call(" type ( 1 + 2 )", "type"), Some(" 1 + 2 "));
        assert_eq!(call("types(1)", "type"), None);
        assert_eq!(call("type(1) + 1", "type"), None);
    }
}

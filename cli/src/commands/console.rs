use std::io::BufRead;
use std::time::SystemTime;

use clap::Args;
use ha_kind::{Diagnostic, Type, Value};
use ha_lang::{Environment, Files, Nothing, Scope, expression};
use ha_state::State;

use super::Session;
use crate::arguments::VariableArgs;
use crate::files::ReadFiles;
use crate::project::{Need, Project, has_configuration};
use crate::providers::kinds;
use crate::scope::Recorded;
use crate::trouble::{DONE, Ended, FAILED, Trouble};
use crate::views::expression::set_out;
use crate::views::json::Json;
use crate::views::redact::{Redactor, Sight};
use crate::views::secrets::Secrets;
use crate::views::shown::Shown;
use crate::views::sources::Sources;
use crate::views::state_view::state_values;

/// What an expression is called in messages.
const NAME: &str = "<console>";

/// Evaluate expressions
///
/// Reads a line at a time, and prints what it is. Where there is a configuration, its variables and locals and what
/// is recorded of its resources can be referred to. Changes nothing and asks nobody.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha console                          ask away; `exit` or Ctrl-D ends it
  ha console --expr 'cidrsubnet(\"10.0.0.0/8\", 8, 2)'
  ha console --json --expr 'var.hosts'

Exit codes: 0 done, 1 an expression is wrong.")]
pub(crate) struct ConsoleArgs {
    /// Evaluate this and end
    #[arg(long, value_name = "EXPRESSION", allow_hyphen_values = true)]
    expr: Option<String>,
    /// Print type and value as JSON, or what is wrong
    #[arg(long, requires = "expr")]
    json: bool,
    /// Print secrets in clear
    #[arg(long)]
    show_sensitive: bool,
    #[command(flatten)]
    variables: VariableArgs,
}

pub(crate) fn console(arguments: &ConsoleArgs, session: &Session) -> Ended {
    match with_scope(arguments, session) {
        Err(trouble) if arguments.json => {
            session.terminal.print(&Json::object([("diagnostics", trouble.diagnostics_json())]).line())?;
            Ok(FAILED)
        }
        ended => ended,
    }
}

fn with_scope(arguments: &ConsoleArgs, session: &Session) -> Ended {
    let sight = if arguments.show_sensitive { Sight::Revealed } else { Sight::Redacted };
    if !has_configuration(&session.directory) {
        let files = ReadFiles::below(&session.directory, &arguments.variables.wishes().allow_read);
        let desk = Desk { scope: &Nothing, files: &files, secrets: Secrets::default(), sources: Sources::default(), sight };
        return desk.serve(arguments, session);
    }
    let project = Project::read(session, arguments.variables.wishes(), Need::WhatThereIs)?;
    let state: State = session.place().state()?;
    let (schemas, _) = kinds();
    let variables = &project.snapshot.variables;
    let known: Vec<Value> = variables.values().cloned().chain(state_values(&state)).collect();
    let scope = Recorded::new(&project.configuration, variables, &state, &schemas, &*project.files);
    let scope = scope.in_environment(project.snapshot.environment.as_deref());
    let desk =
        Desk { scope: &scope, files: &*project.files, secrets: Secrets::within(&known), sources: project.sources.clone(), sight };
    desk.serve(arguments, session)
}

/// Where expressions are answered.
struct Desk<'a> {
    scope: &'a dyn Scope,
    files: &'a dyn Files,
    secrets: Secrets,
    sources: Sources,
    sight: Sight,
}

impl Desk<'_> {
    fn serve(self, arguments: &ConsoleArgs, session: &Session) -> Ended {
        let Some(text) = &arguments.expr else { return self.converse(session) };
        let value = self.evaluate(text).map_err(|it| self.trouble(text, &it))?;
        let answer = match arguments.json {
            true => self.json(&value).line(),
            false => set_out(&self.shown(&value), 0) + "\n",
        };
        session.terminal.print(&answer)?;
        Ok(DONE)
    }

    /// A line at a time, to the end of the input.
    fn converse(&self, session: &Session) -> Ended {
        let terminal = &session.terminal;
        let mut code = DONE;
        if terminal.can_ask() {
            while let Some(line) = terminal.ask("> ").filter(|it| it != "exit") {
                self.answer(&line, session)?;
            }
            terminal.tell("\n");
            return Ok(DONE);
        }
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| anyhow::Error::new(error).context("could not read the standard input"))?;
            if line.trim() == "exit" {
                break;
            }
            code = code.max(self.answer(&line, session)?);
        }
        Ok(code)
    }

    fn answer(&self, line: &str, session: &Session) -> Ended {
        if line.trim().is_empty() {
            return Ok(DONE);
        }
        match self.evaluate(line) {
            Ok(value) => {
                session.terminal.print(&(set_out(&self.shown(&value), 0) + "\n"))?;
                Ok(DONE)
            }
            Err(diagnostics) => Ok(self.trouble(line, &diagnostics).tell(&session.terminal)),
        }
    }

    fn evaluate(&self, text: &str) -> Result<Value, Vec<Diagnostic>> {
        let environment = Environment::new(self.scope, self.files).at(SystemTime::now());
        expression(NAME, text)?.evaluate(&environment)
    }

    fn shown(&self, value: &Value) -> Shown {
        Redactor::new(&self.secrets, self.sight).shown(value)
    }

    fn json(&self, value: &Value) -> Json {
        let (plain, is_sensitive) = value.unmark();
        let mut fields = vec![("type", Json::from(&Type::of(&plain)))];
        match (plain.is_known(), is_sensitive) {
            (true, false) => fields.push(("value", Json::from(&self.shown(value)))),
            (true, true) => fields.extend([("value", Json::Null), ("sensitive", true.into())]),
            (false, _) => fields.extend([("value", Json::Null), ("unknown", true.into())]),
        }
        Json::object(fields)
    }

    fn trouble(&self, text: &str, diagnostics: &[Diagnostic]) -> Trouble {
        let sources = self.sources.with(NAME, text);
        Trouble::of(diagnostics).within(&sources)
    }
}

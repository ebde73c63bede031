//! Expressions, evaluated one by one.

mod editor;
mod repl;

use std::sync::Arc;

use clap::Args;
use ha_lang::EmptyScope;
use ha_state_model::State;
use ha_value::Value;

use self::repl::Repl;
use crate::arguments::VariableArgs;
use crate::output::command_error::{CommandResult, FAILED};
use crate::registry::providers::kinds;
use crate::views::json::JsonValue;
use crate::views::redaction::SecretVisibility;
use crate::views::secrets::SecretTexts;
use crate::views::sources::SourceTexts;
use crate::views::state_view::state_values;
use crate::workspace::console_scope::ConsoleScope;
use crate::workspace::directory_files::has_configuration;
use crate::workspace::files::RecordingFiles;
use crate::workspace::project::{Project, VariableMode};
use crate::workspace::session::Session;
use crate::workspace::variable_options::VariableOptions;

/// Evaluate expressions
///
/// Reads a line at a time, and prints what it is. Where there is a configuration, its variables,
/// locals and modules and what is recorded of its resources can be referred to; what is not
/// recorded is not known. `type(x)` prints a type, `help(upper)` what a function is for. On a
/// terminal, lines are edited, completed and remembered, and an expression that has something open
/// goes on on the next line. Changes nothing and asks no one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha console                          ask away; `exit` or Ctrl-D ends it
  ha console --expr 'cidrsubnet(\"10.0.0.0/8\", 8, 2)'
  ha console --json --expr 'var.hosts'
  echo 'type(var.hosts)' | ha console

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

pub(crate) fn console(arguments: &ConsoleArgs, session: &Session) -> CommandResult {
    match with_scope(arguments, session) {
        Err(trouble) if arguments.json => {
            session
                .terminal
                .print(&JsonValue::object([("diagnostics", trouble.diagnostics_json())]).line())?;
            Ok(FAILED)
        }
        ended => ended,
    }
}

fn with_scope(arguments: &ConsoleArgs, session: &Session) -> CommandResult {
    let sight = if arguments.show_sensitive {
        SecretVisibility::Revealed
    } else {
        SecretVisibility::Redacted
    };
    at_desk(arguments.variables.variable_options(), sight, session, |desk| match &arguments.expr {
        Some(text) => desk.print(text, arguments.json, session),
        None => desk.converse(session),
    })
}

/// Prints one thing that can be referred to: a document as the text that it renders to.
pub(crate) fn show_one(
    reference: &str,
    is_json: bool,
    sight: SecretVisibility,
    session: &Session,
) -> CommandResult {
    at_desk(&VariableOptions::default(), sight, session, |desk| {
        desk.show(reference, is_json, session)
    })
}

/// Whether a string refers to a block or a module.
pub(crate) fn is_reference(text: &str) -> bool {
    let (schemas, _) = kinds();
    let (first, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_kind = || schemas.kinds().any(|(_, it)| *it.kind == *first);
    !rest.is_empty() && (matches!(first, "data" | "module") || is_kind())
}

fn at_desk(
    variable_options: &VariableOptions,
    sight: SecretVisibility,
    session: &Session,
    serve: impl FnOnce(Repl<'_>) -> CommandResult,
) -> CommandResult {
    if !has_configuration(&session.directory) {
        let files = RecordingFiles::below(&session.directory, &variable_options.allow_read);
        let names = repl::functions();
        let desk = Repl {
            scope: &EmptyScope,
            files: &files,
            secrets: Arc::default(),
            sources: SourceTexts::default(),
            sight,
            names,
        };
        return serve(desk);
    }
    let project = Project::read(session, variable_options, VariableMode::WhatThereIs)?;
    let state: State = session.place_of(&project)?.state()?;
    let (schemas, _) = kinds();
    let variables = &project.snapshot.variables;
    let known: Vec<Value> = variables.values().cloned().chain(state_values(&state)).collect();
    let scope =
        ConsoleScope::new(&project.configuration, variables, &state, &schemas, &*project.files);
    let scope = scope.in_environment(project.snapshot.environment.as_deref());
    let desk = Repl {
        scope: &scope,
        files: &*project.files,
        secrets: Arc::new(SecretTexts::within(&known)),
        sources: project.sources.clone(),
        sight,
        names: repl::names(&project.configuration),
    };
    serve(desk)
}

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use ha_diagnostics::Diagnostic;
use ha_lang::Configuration;
use ha_plan::{Change, OutlineKind, PlanMode, outline};
use ha_value::closest;

use super::planning::{PlanOptions, engine, make, run};
use super::reporter::Reporter;
use crate::arguments::completion;
use crate::arguments::{ReportingArgs, ScopeArgs, VariableArgs};
use crate::interrupt::listen;
use crate::output::command_error::{CommandError, CommandResult, DONE};
use crate::registry::providers::kinds;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::graph::{GraphPicture, PictureNode, dot, json, mermaid, svg, text, without_keys};
use crate::views::sources::SourceTexts;
use crate::workspace::plan_file;
use crate::workspace::project::{Project, VariableMode, kept_configuration};
use crate::workspace::session::Session;

/// Show what refers to what
///
/// Resources and what is read, all instances of a block as one; what lies between them is left out
/// where it can be. Each stands above what it refers to. Of a saved plan, or with `--changed`, with
/// what is done to each.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha graph                            the whole, as text
  ha graph --focus mongodb_host.db    what that refers to, and what refers to it
  ha graph --changed                  plan, and show what changes with what is next to it
  ha graph plan.ha --format mermaid   a saved plan, for a comment
  ha graph --format svg > graph.svg
  ha graph --format dot | dot -Tpdf > graph.pdf

Exit codes: 0 done, 1 error, 130 interrupted.")]
pub(crate) struct GraphArgs {
    /// A plan file that `ha plan --out FILE` wrote
    #[arg(value_name = "PLANFILE")]
    plan_file: Option<PathBuf>,
    /// The format of the graph
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: GraphFormat,
    /// Only what changes and its neighbours; plans first if no plan file is given
    #[arg(long)]
    changed: bool,
    /// Only this node and its neighbours: a block, a module, `var.x`
    #[arg(long, value_name = "ADDRESS", add = completion::places())]
    focus: Vec<String>,
    /// The number of edges that `--focus` and `--changed` follow from a node
    #[arg(long, value_name = "N", default_value = "1")]
    depth: usize,
    /// Also show variables, locals, outputs, providers and modules
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

/// How a graph is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    /// Rows of text joined by lines
    Text,
    /// For Graphviz
    Dot,
    /// For comments and pages that draw it; at most 40 nodes, what changes first
    Mermaid,
    /// A drawing; at most 500 nodes
    Svg,
    /// Nodes and edges as data, every edge
    Json,
}

pub(crate) fn graph(arguments: &GraphArgs, session: &Session) -> CommandResult {
    let GraphSubject { configuration, sources, changes } = subject(arguments, session)?;
    let (schemas, _) = kinds();
    let outline = outline(&configuration, &schemas)
        .map_err(|it| CommandError::from_diagnostics(&it).within(&sources))?;
    let mut picture = GraphPicture::new(outline);
    if let Some(changes) = &changes {
        picture.mark(changes);
    }
    let focus: Vec<String> = arguments.focus.iter().map(|it| without_keys(it)).collect();
    let missing = missing(&focus, &picture);
    if !missing.is_empty() {
        return Err(CommandError::new(missing));
    }
    let is_focus = |node: &PictureNode| focus.iter().any(|it| is_at(&node.address, it));
    let is_shown = |it: &PictureNode| {
        matches!(it.kind, OutlineKind::Resource | OutlineKind::Data) || is_focus(it)
    };
    if !arguments.all {
        picture = picture.contracted(is_shown);
    }
    if arguments.changed {
        picture = picture.around(|it| it.action.is_some(), arguments.depth);
    }
    if !focus.is_empty() {
        picture = picture.around(is_focus, arguments.depth);
    }
    if arguments.format != GraphFormat::Json {
        picture = picture.reduced();
    }
    if picture.nodes.is_empty() {
        session.terminal.report(if arguments.changed {
            "Nothing changes.\n"
        } else {
            "There is nothing to show.\n"
        });
    }
    let drawn = match arguments.format {
        GraphFormat::Text => text(&picture, session.terminal.out),
        GraphFormat::Dot => dot(&picture),
        GraphFormat::Mermaid => mermaid(&picture),
        GraphFormat::Svg if picture.nodes.len() > svg::MOST => {
            let notice = RenderedDiagnostic::error(format!(
                "{} nodes are too many for a drawing",
                picture.nodes.len()
            ));
            return Err(notice
                .help("show less of it with `--focus` or `--changed`, or take another format")
                .into());
        }
        GraphFormat::Svg => svg::svg(&picture),
        GraphFormat::Json => json(&picture, &sources),
    };
    session.terminal.print(&drawn)?;
    Ok(DONE)
}

/// What is shown, and what a plan does to it where there is one.
struct GraphSubject {
    configuration: Arc<Configuration>,
    sources: SourceTexts,
    changes: Option<Vec<Change>>,
}

fn subject(arguments: &GraphArgs, session: &Session) -> Result<GraphSubject, CommandError> {
    if let Some(path) = &arguments.plan_file {
        let plan = plan_file::read(path, &session.keys()?)?;
        let sources: SourceTexts = plan.snapshot.sources.iter().cloned().collect();
        let (configuration, diagnostics) = kept_configuration(&plan.snapshot);
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(CommandError::from_diagnostics(&diagnostics).within(&sources));
        }
        return Ok(GraphSubject {
            configuration: Arc::new(configuration),
            sources,
            changes: Some(plan.changes),
        });
    }
    let need = if arguments.changed { VariableMode::Values } else { VariableMode::WhatThereIs };
    let project = Project::read(session, arguments.variables.variable_options(), need)?;
    if !arguments.changed {
        return Ok(GraphSubject {
            configuration: project.configuration,
            sources: project.sources,
            changes: None,
        });
    }
    let state = session.place_of(&project)?.state()?;
    let intention =
        PlanOptions { mode: PlanMode::Normal, replace: &[], scope: &arguments.scope, imports: &[] };
    let made = run(async {
        let reporter = Arc::new(Reporter::new(session, &ReportingArgs::default())?);
        let cancel = listen(reporter.abandon_message())?;
        make(&engine(arguments.scope.parallelism), &project, &state, &intention, &reporter, &cancel)
            .await
    })?;
    Ok(GraphSubject {
        configuration: project.configuration,
        sources: project.sources,
        changes: Some(made.plan.changes),
    })
}

/// Whether an address is this one or in it.
fn is_at(address: &str, place: &str) -> bool {
    address.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn missing(focus: &[String], picture: &GraphPicture) -> Vec<RenderedDiagnostic> {
    let of_nothing = |place: &&String| !picture.nodes.iter().any(|it| is_at(&it.address, place));
    let notice = |place: &String| {
        let notice =
            RenderedDiagnostic::error(format!("there is no `{place}` in this configuration"));
        match closest(place, picture.nodes.iter().map(|it| &*it.address)) {
            Some(closest) => notice.help(format!("did you mean `{closest}`?")),
            None => notice.help("`ha graph --all` shows all there is"),
        }
    };
    focus.iter().filter(of_nothing).map(notice).collect()
}

use std::sync::Arc;

use clap::Args;
use ha_apply::PlanRequest;
use ha_plan::{FileSource, PlanMode};

use super::planning;
use crate::arguments::VariableArgs;
use crate::output::command_error::{CommandError, CommandResult, DONE, FAILED};
use crate::registry::backends::backends;
use crate::views::diagnostic::{RenderedDiagnostic, notices_text};
use crate::workspace::backend_config::{BackendBlock, BackendConfig};
use crate::workspace::project::{Project, VariableMode};
use crate::workspace::session::Session;

/// Check the configuration without asking anybody
///
/// Reads no state, reaches no provider and needs no values: variables may be anything of their
/// types.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 nothing is wrong, 1 something is.")]
pub(crate) struct ValidateArgs {
    /// Print what is wrong as JSON, in the shape of `terraform validate -json`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    variables: VariableArgs,
}

pub(crate) fn validate(arguments: &ValidateArgs, session: &Session) -> CommandResult {
    let checked = checked(arguments, session);
    if !arguments.json {
        checked?;
        session.terminal.print("The configuration is valid.\n")?;
        return Ok(DONE);
    }
    let (json, code) = match checked {
        Ok(warnings) => (warnings.json(), DONE),
        Err(trouble) => (trouble.json(), FAILED),
    };
    session.terminal.print(&json.pretty())?;
    Ok(code)
}

/// What is worth a look.
fn checked(arguments: &ValidateArgs, session: &Session) -> Result<CommandError, CommandError> {
    let project =
        Project::read(session, arguments.variables.variable_options(), VariableMode::Anything)?;
    let said = BackendConfig::said(&BackendBlock::new(&project), &backends())
        .map_err(|it| CommandError::from_diagnostics(&it));
    let checked = said
        .and_then(|it| it.check(&backends()))
        .and_then(|()| BackendBlock::new(&project).check_key());
    checked.map_err(|it| it.within(&project.sources).keeping(&project.secrets))?;
    let files: Arc<dyn FileSource + Send + Sync> = project.files.clone();
    let request = PlanRequest {
        configuration: project.configuration.clone(),
        snapshot: project.snapshot.clone(),
        files,
        mode: PlanMode::Normal,
        replace: Vec::new(),
        refresh: ha_apply::RefreshMode::None,
        selection: ha_plan::Selection::default(),
        imports: Vec::new(),
    };
    let found = planning::engine(std::num::NonZeroUsize::MIN).validate(&request);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        found.into_iter().partition(ha_diagnostics::Diagnostic::is_error);
    if !errors.is_empty() {
        let all: Vec<_> =
            errors.into_iter().chain(warnings).chain(project.warnings.clone()).collect();
        return Err(CommandError::from_diagnostics(&all)
            .within(&project.sources)
            .keeping(&project.secrets));
    }
    if !arguments.json {
        let notices: Vec<RenderedDiagnostic> =
            project.warnings.iter().chain(&warnings).map(RenderedDiagnostic::from).collect();
        session.terminal.report(&notices_text(
            &notices,
            &project.sources,
            &project.secrets,
            session.terminal.err,
        ));
    }
    let all: Vec<_> = project.warnings.iter().chain(&warnings).cloned().collect();
    Ok(CommandError::from_diagnostics(&all).within(&project.sources).keeping(&project.secrets))
}

//! One file for each command: what it takes, and what it does.

pub(crate) mod apply;
pub(crate) mod completions;
pub(crate) mod console;
pub(crate) mod destroy;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod man;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod planning;
pub(crate) mod reporter;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod state;
pub(crate) mod validate;
pub(crate) mod version;

use std::path::PathBuf;

use ha_diagnostics::code;
use ha_plan::Plan;
use ha_state_store::lineage_of;

use crate::arguments::invocation;
use crate::output::command_error::CommandError;
use crate::output::terminal::Terminal;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::backend_config::{BackendBlock, BackendConfig};
use crate::workspace::backends::backends;
use crate::workspace::encryption::StateKeys;
use crate::workspace::project::{Project, VariableMode, VariableOptions, says_where};
use crate::workspace::selected;
use crate::workspace::selected::{Workspace, workspace};
use crate::workspace::state_location::StateLocation;

/// Where a command runs.
pub(crate) struct Session {
    pub(crate) terminal: Terminal,
    /// The configuration's directory; the one worked in.
    pub(crate) directory: PathBuf,
    /// The environment worked on; none where it is the one without a name.
    pub(crate) environment: Option<Workspace>,
    /// The name that was asked for, also where it is that of the default.
    pub(crate) asked: Option<String>,
}

impl Session {
    /// The same in the environment that a plan was made for.
    ///
    /// # Errors
    /// When another one is asked for.
    pub(crate) fn of_plan(&self, plan: &Plan) -> Result<Self, RenderedDiagnostic> {
        let made_for = workspace(plan.snapshot.environment.as_deref());
        if let Some(asked) = self.asked.as_deref().filter(|it| *it != made_for) {
            let title = format!(
                "the plan was made for the environment `{made_for}`, and `{asked}` is asked for"
            );
            return Err(RenderedDiagnostic::error(title).code(code::OTHER_STATE).help(
                "make a plan for that one with `ha plan --out FILE`, look at it, and apply it",
            ));
        }
        invocation::in_environment(made_for);
        let environment = Workspace::of_plan(plan.snapshot.environment.as_deref());
        Ok(Self {
            terminal: self.terminal,
            directory: self.directory.clone(),
            environment,
            asked: self.asked.clone(),
        })
    }

    /// The keys of what is sealed.
    ///
    /// # Errors
    /// When the configuration names them in a way that cannot be understood.
    pub(crate) fn keys(&self) -> Result<StateKeys, CommandError> {
        match self.project_that_says()? {
            Some(project) => self.keys_of(&project),
            None => Ok(StateKeys::new(None, &self.directory)?),
        }
    }

    /// Where the state is kept, for a command that needs nothing else of the configuration: where
    /// that says so, and where it says nothing or there is none, on this machine.
    ///
    /// # Errors
    /// When the configuration says so in a way that cannot be understood.
    pub(crate) fn place(&self) -> Result<StateLocation, CommandError> {
        match self.project_that_says()? {
            Some(project) => self.place_of(&project),
            None => {
                let keys = StateKeys::new(None, &self.directory)?;
                StateLocation::find(
                    &self.directory,
                    self.environment.as_ref(),
                    &BackendConfig::usual(),
                    keys,
                )
            }
        }
    }

    /// The environment whose state has this lineage, as far as that can be found out.
    pub(crate) fn environment_of(&self, lineage: &str) -> Option<String> {
        selected::all(&self.directory).into_iter().find(|name| {
            let Ok(environment) = Workspace::asked(Some(name), &self.directory) else {
                return false;
            };
            let there = Self {
                terminal: self.terminal,
                directory: self.directory.clone(),
                environment,
                asked: None,
            };
            there.place().is_ok_and(|it| {
                lineage_of(it.store()).is_ok_and(|it| it.as_deref() == Some(lineage))
            })
        })
    }

    /// Where the state of a project is kept.
    ///
    /// # Errors
    /// When what it says of that is not known, or makes no sense.
    pub(crate) fn place_of(&self, project: &Project) -> Result<StateLocation, CommandError> {
        let said = BackendConfig::said(&BackendBlock::new(project), &backends())
            .map_err(|it| CommandError::from_diagnostics(&it));
        let placed = said.and_then(|it| {
            StateLocation::find(
                &self.directory,
                self.environment.as_ref(),
                &it,
                BackendBlock::new(project).keys(&self.directory)?,
            )
        });
        placed.map_err(|it| it.within(&project.sources).keeping(&project.secrets))
    }

    /// As [`Session::place`], wherever the state was before.
    ///
    /// # Errors
    /// When the configuration says so in a way that cannot be understood.
    pub(crate) fn place_whatever_is_remembered(&self) -> Result<StateLocation, CommandError> {
        let (directory, environment) = (&self.directory, self.environment.as_ref());
        let Some(project) = self.project_that_says()? else {
            return StateLocation::whatever_is_remembered(
                directory,
                environment,
                &BackendConfig::usual(),
                StateKeys::new(None, directory)?,
            );
        };
        let said = BackendConfig::said(&BackendBlock::new(&project), &backends())
            .map_err(|it| CommandError::from_diagnostics(&it));
        let placed = said.and_then(|it| {
            StateLocation::whatever_is_remembered(
                directory,
                environment,
                &it,
                BackendBlock::new(&project).keys(directory)?,
            )
        });
        placed.map_err(|it| it.within(&project.sources).keeping(&project.secrets))
    }

    fn keys_of(&self, project: &Project) -> Result<StateKeys, CommandError> {
        let keys = BackendBlock::new(project).keys(&self.directory);
        keys.map_err(|it| it.within(&project.sources).keeping(&project.secrets))
    }

    /// The configuration, where it may say something of its state.
    fn project_that_says(&self) -> Result<Option<Project>, CommandError> {
        let says = says_where(&self.directory)?;
        says.then(|| Project::read(self, &VariableOptions::default(), VariableMode::WhatThereIs))
            .transpose()
    }
}

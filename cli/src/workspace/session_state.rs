//! Where the state of a session is, and the keys that it is sealed with.

use ha_state_store::lineage_of;

use crate::output::command_error::CommandError;
use crate::registry::backends::backends;
use crate::workspace::backend_config::{BackendBlock, BackendConfig};
use crate::workspace::directory_files::says_where;
use crate::workspace::encryption::StateKeys;
use crate::workspace::project::{Project, VariableMode};
use crate::workspace::selected;
use crate::workspace::selected::Workspace;
use crate::workspace::session::Session;
use crate::workspace::state_location::StateLocation;
use crate::workspace::variable_options::VariableOptions;

impl Session {
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
            return StateLocation::find_unchecked(
                directory,
                environment,
                &BackendConfig::usual(),
                StateKeys::new(None, directory)?,
            );
        };
        let said = BackendConfig::said(&BackendBlock::new(&project), &backends())
            .map_err(|it| CommandError::from_diagnostics(&it));
        let placed = said.and_then(|it| {
            StateLocation::find_unchecked(
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

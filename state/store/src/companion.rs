//! Files that exist as long as their state does, such as its key file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::StateError;

/// A file that exists as long as its state does. It is created just before the first write to a new
/// state, so that a command which writes nothing leaves nothing.
pub trait CompanionFile: Send {
    /// Creates the file; the state is about to exist.
    ///
    /// # Errors
    /// When it cannot be created; then nothing is written to the state.
    fn make(&mut self) -> Result<(), StateError>;

    /// Removes the file; the state was removed again.
    fn remove(&mut self);
}

/// The companions of a state that did not exist when it was opened; empty for an existing state.
#[derive(Default)]
pub(crate) struct StateCreation(Option<CreationStage>);

enum CreationStage {
    NotCreated(Vec<Box<dyn CompanionFile>>),
    Created(Vec<Box<dyn CompanionFile>>),
}

impl StateCreation {
    /// The creation of a state with these companions.
    pub(crate) fn with(companions: Vec<Box<dyn CompanionFile>>) -> Self {
        Self(Some(CreationStage::NotCreated(companions)))
    }

    pub(crate) fn is_of_new_state(&self) -> bool {
        self.0.is_some()
    }

    /// Creates the companions, where that was not done yet.
    pub(crate) fn make(&mut self) -> Result<(), StateError> {
        if let Some(CreationStage::NotCreated(companions)) = &mut self.0 {
            companions.iter_mut().try_for_each(|it| it.make())?;
            self.0 = Some(CreationStage::Created(std::mem::take(companions)));
        }
        Ok(())
    }

    /// Removes the companions that were created.
    pub(crate) fn take_back(&mut self) {
        if let Some(CreationStage::Created(companions)) = &mut self.0 {
            companions.iter_mut().rev().for_each(|it| it.remove());
        }
    }
}

/// Directories that were created for something, to be removed with it.
#[derive(Debug, Default)]
pub struct CreatedDirectories(Vec<PathBuf>);

impl CreatedDirectories {
    /// The missing ones among a directory that is about to be created and its ancestors.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        let missing = directory.ancestors().take_while(|it| *it != Path::new("") && !it.exists());
        Self(missing.map(Path::to_owned).collect())
    }

    /// Removes the directories that are empty.
    pub fn remove(&self) {
        // The innermost comes first. If one is not empty, neither are its ancestors.
        let _ = self.0.iter().try_for_each(fs::remove_dir);
    }
}

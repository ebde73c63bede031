//! What lies beside a state as long as there is one, such as the file with its key.

use std::fs;
use std::path::{Path, PathBuf};

use crate::StateError;

/// Something that lies beside a state. It is made before the first thing is written to a state that
/// does not exist yet: whoever writes nothing leaves nothing.
pub trait CompanionFile: Send {
    /// The state is about to exist.
    ///
    /// # Errors
    /// When it cannot be made; then nothing is written.
    fn make(&mut self) -> Result<(), StateError>;

    /// The state does not exist any more: nothing that was written to it stayed.
    fn remove(&mut self);
}

/// The beginning of a state that did not exist when it was opened; else nothing.
#[derive(Default)]
pub(crate) struct StateCreation(Option<CreationStage>);

enum CreationStage {
    Ahead(Vec<Box<dyn CompanionFile>>),
    Over(Vec<Box<dyn CompanionFile>>),
}

impl StateCreation {
    /// Of a state that these lie beside.
    pub(crate) fn with(companions: Vec<Box<dyn CompanionFile>>) -> Self {
        Self(Some(CreationStage::Ahead(companions)))
    }

    pub(crate) fn is_of_new_state(&self) -> bool {
        self.0.is_some()
    }

    /// Makes what lies beside the state, where that was not done yet.
    pub(crate) fn make(&mut self) -> Result<(), StateError> {
        if let Some(CreationStage::Ahead(companions)) = &mut self.0 {
            companions.iter_mut().try_for_each(|it| it.make())?;
            self.0 = Some(CreationStage::Over(std::mem::take(companions)));
        }
        Ok(())
    }

    /// Takes away what lies beside the state.
    pub(crate) fn take_back(&mut self) {
        if let Some(CreationStage::Over(companions)) = &mut self.0 {
            companions.iter_mut().rev().for_each(|it| it.remove());
        }
    }
}

/// Directories that were made for something, to be taken away with it.
#[derive(Debug, Default)]
pub struct CreatedDirectories(Vec<PathBuf>);

impl CreatedDirectories {
    /// Those that do not exist yet of a directory and of all around it, which is about to be made.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        let missing = directory.ancestors().take_while(|it| *it != Path::new("") && !it.exists());
        Self(missing.map(Path::to_owned).collect())
    }

    /// Takes them away, but for those in which others have put something.
    pub fn remove(&self) {
        // What is around one that stays is not empty either.
        let _ = self.0.iter().try_for_each(fs::remove_dir);
    }
}

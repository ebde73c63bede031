//! What the program is built with: providers, backends, and the settings of the state's key.

pub(crate) mod backends;
pub(crate) mod encryption_settings;
pub(crate) mod providers;

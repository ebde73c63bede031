//! The files of a CircleCI Services machine, as documents: text that is a pure function of its
//! arguments, so that a plan shows what a changed password, host or script does to it, line by
//! line.

mod checks;
mod circleci_customizations;
mod circleci_replicated_config;
mod circleci_settings;
mod cross_checks;
mod digest;
mod quoting;
mod script;
mod userdata;

use ha_provider::ProviderRegistry;

/// Registers the documents of this crate.
#[must_use]
pub fn register(registry: ProviderRegistry) -> ProviderRegistry {
    registry.together(cross_checks::TOGETHER).nobody("circleci", |registry| {
        registry
            .document::<circleci_customizations::Customizations>()
            .document::<circleci_replicated_config::ReplicatedConfig>()
            .document::<circleci_settings::ReplicatedSettings>()
            .document::<userdata::Userdata>()
    })
}

#[cfg(test)]
mod tests;

//! Resources of this machine alone: files, and values stored in the state.

mod file_system;
mod ha_data;
mod local_file;
mod null_resource;
mod path;
mod permission;
mod standing;
mod uuid;

use ha_provider::{ProviderRegistry, UnsupportedNames};

/// Resource types of Terraform's providers that do not exist here, and what to use instead.
const UNSUPPORTED: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["local_sensitive_file"],
        "use `local_file` with `sensitive_content` in the place of `content`",
    ),
    UnsupportedNames::new(&["null_data_source"], "use a `locals` block"),
];

/// Registers the resource types of this crate.
#[must_use]
pub fn register(registry: ProviderRegistry) -> ProviderRegistry {
    registry
        .unsupported(UNSUPPORTED)
        .resource::<ha_data::KeptValue>()
        // As Terraform calls it, so that a configuration of its own can be planned as it is.
        .twin::<ha_data::KeptValue>("terraform_data")
        .nobody("local", |registry| registry.resource::<local_file::LocalFile>())
        .nobody("null", |registry| registry.resource::<null_resource::NullResource>())
}

#[cfg(test)]
mod tests;

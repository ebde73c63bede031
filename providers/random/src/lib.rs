//! Random values: drawn once from the operating system's generator, then stored in the state.

mod characters;
mod drawn;
mod random_id;
mod random_password;
mod random_string;

use ha_provider::{ProviderRegistry, UnsupportedNames};

/// Resource types of Terraform's provider that do not exist here, and what to use instead.
const UNSUPPORTED: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["random_uuid"],
        "use the `id` of an `ha_data`, which is a UUID that is drawn once",
    ),
    UnsupportedNames::new(
        &["random_integer"],
        "use `dec` of a `random_id`, or `min + parseint(random_id.NAME.hex, 16) % (max - min + 1)`",
    ),
    UnsupportedNames::new(
        &["random_pet", "random_shuffle", "random_bytes"],
        "use a `random_string` with `upper = false` and `special = false`",
    ),
];

/// Registers the resource types of this crate.
#[must_use]
pub fn register(registry: ProviderRegistry) -> ProviderRegistry {
    registry.unsupported(UNSUPPORTED).nobody("random", |registry| {
        registry
            .resource::<random_id::RandomId>()
            .resource::<random_password::RandomPassword>()
            .resource::<random_string::RandomString>()
    })
}

#[cfg(test)]
mod tests;

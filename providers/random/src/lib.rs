//! Random values: made once from the operating system's generator, then kept in the state.

mod characters;
mod random_id;
mod random_password;
mod random_string;

use ha_kind::Registry;

/// Enters the kinds of this room.
#[must_use]
pub fn register(registry: Registry) -> Registry {
    registry.nobody("random", |registry| {
        registry
            .resource::<random_id::Identifier>()
            .resource::<random_password::Password>()
            .resource::<random_string::RandomString>()
    })
}

#[cfg(test)]
mod tests;

//! Marks of arguments and outputs, written as types of fields: `Immutable<String>`,
//! `Option<Secret<String>>`. A mark goes inside `Option`, never around it.
//!
//! The type also determines what a missing argument means, and what removing it does:
//!
//! - `#[serde(default)] T`: a missing argument has the default. Any other value at the service is
//!   a difference. Removing the argument restores the default, which `update` sees as a value.
//! - `Option<Chosen<T>>`: the service chooses the value. Removing the argument plans no change, and
//!   `update` leaves the value alone.
//! - `Option<Immutable<T>>`: removing the argument replaces the resource.
//! - `Option<T>`: an argument that was never configured keeps its value. Removing one that was
//!   configured removes the value: `update` gets none where `before` has some, and has to remove it
//!   at the service; [`crate::ArgumentChange`] distinguishes the cases. A value that is still there
//!   afterwards, or there again, is a difference in the next plan.
//!
//! [`crate::Schema::told_when_removed`] lists the arguments of the last kind, for a test that
//! removes each of them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

macro_rules! mark {
    ($(#[$doc:meta])* $name:ident = $key:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name<T>(pub T);

        impl<T: JsonSchema> JsonSchema for $name<T> {
            fn schema_name() -> Cow<'static, str> {
                format!("{}_{}", stringify!($name), T::schema_name()).into()
            }
            // Otherwise schemars caches by name and marks leak between fields.
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let mut schema = generator.subschema_for::<T>();
                schema.insert($key.into(), true.into());
                schema
            }
        }

        impl<T> Deref for $name<T> {
            type Target = T;
            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T> From<T> for $name<T> {
            fn from(it: T) -> Self {
                Self(it)
            }
        }
    };
}

mark! {
    /// A change of the value requires a replacement.
    Immutable = "x-immutable"
}
mark! {
    /// An output that any update may change.
    Volatile = "x-volatile"
}
mark! {
    /// A value that is never shown.
    Secret = "x-secret"
}
mark! {
    /// A value that is sent to the service and not stored; a keyed digest detects changes.
    WriteOnly = "x-write-only"
}
mark! {
    /// The service chooses the value when it is not configured; the chosen value is no difference.
    Chosen = "x-chosen"
}

macro_rules! shown {
    ($($name:ident),*) => {$(
        impl<T: fmt::Debug> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl<T: fmt::Display> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
shown!(Immutable, Volatile, Chosen);

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("(sensitive)")
            }
        }
    )*};
}
hidden!(Secret, WriteOnly);

/// An input of a hook that may be unknown when the hook runs.
#[derive(Clone, Debug, PartialEq)]
pub enum MaybeUnknown<T> {
    /// Known.
    Known(T),
    /// Not known yet.
    Unknown,
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for MaybeUnknown<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let unknown = value.as_object().is_some_and(|it| it.contains_key("$unknown"))
            || value.as_str() == Some(ha_value::json::UNKNOWN_FIELDS);
        match serde_json::from_value(value) {
            _ if unknown => Ok(MaybeUnknown::Unknown),
            Ok(known) => Ok(MaybeUnknown::Known(known)),
            // With an unknown part, the whole value counts as unknown.
            Err(_) => Ok(MaybeUnknown::Unknown),
        }
    }
}

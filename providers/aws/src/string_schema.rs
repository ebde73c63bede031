//! The JSON schema of types that a configuration writes as a string and that have a normal form.

/// Implements `JsonSchema` for types whose serialized form is a string: an argument of such a type
/// is a string to the planner.
macro_rules! string_schema {
    ($($ty:ty),+ $(,)?) => {$(
        impl schemars::JsonSchema for $ty {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($ty).into()
            }
            // The schema of an argument is read in place and follows no reference.
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<String>()
            }
        }
    )+};
}
pub(crate) use string_schema;

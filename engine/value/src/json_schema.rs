//! JSON schemas of arguments that are composed strings or values of any type. The extensions
//! `x-text` and `x-any` are read when the schema of a kind is derived.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

impl JsonSchema for crate::text::Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "string", "x-text": true})
    }
}

impl JsonSchema for crate::value::Value {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"x-any": true})
    }
}

//! Schemas of resource types, derived from their structs.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::{UnsupportedNames, integer};
use ha_value::AttributeType;
use ha_value::Name;
use ha_value::{ConversionError, convert};
use ha_value::{Object, Path, Type, Value};

/// The arguments and outputs of a resource type.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The description, from the doc comment.
    pub doc: String,
    /// Arguments that may be configured.
    pub arguments: BTreeMap<Name, SchemaField>,
    /// Attributes that the service adds.
    pub outputs: BTreeMap<Name, SchemaField>,
    /// Arguments and blocks of other tools that are not supported.
    pub unsupported: &'static [UnsupportedNames],
}

/// One argument or output.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaField {
    /// The description, from the doc comment.
    pub doc: String,
    /// The shape of the value.
    pub shape: FieldShape,
    /// Whether the argument must be configured.
    pub required: bool,
    /// The value when it is not configured.
    pub default: Option<Value>,
    /// Whether a change requires a replacement.
    pub immutable: bool,
    /// Whether any update may change the output.
    pub volatile: bool,
    /// Whether the value is never shown.
    pub secret: bool,
    /// Whether only a keyed digest of the value is stored.
    pub write_only: bool,
    /// Whether the service chooses the value when it is not configured.
    pub chosen: bool,
}

/// The shape of a field's value.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldShape {
    /// Any value.
    Any,
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// An integer in a range.
    Integer {
        /// The minimum.
        least: i128,
        /// The maximum.
        most: i128,
    },
    /// A string, or one of several strings.
    String {
        /// The allowed strings; empty if all are allowed.
        one_of: Vec<String>,
    },
    /// A string with separate parts for documents; see [`ha_value::Text`].
    Text,
    /// A list. Objects may be written as blocks.
    List(Box<FieldShape>),
    /// A set. Objects may be written as blocks.
    Set(Box<FieldShape>),
    /// A map from names to elements.
    Map(Box<FieldShape>),
    /// An object; may be written as a block.
    Object(BTreeMap<Name, SchemaField>),
}

/// A problem with an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentProblem {
    /// The path, from the root of the arguments.
    pub path: Path,
    /// The problem, as a sentence without a period.
    pub message: String,
}

impl FieldShape {
    /// Returns the type of values of this shape.
    #[must_use]
    pub fn ty(&self) -> Type {
        match self {
            FieldShape::Any => Type::Any,
            FieldShape::Bool => Type::Bool,
            FieldShape::Number | FieldShape::Integer { .. } => Type::Number,
            FieldShape::String { .. } | FieldShape::Text => Type::String,
            FieldShape::List(of) => Type::List(of.ty().into()),
            FieldShape::Set(of) => Type::Set(of.ty().into()),
            FieldShape::Map(of) => Type::Map(of.ty().into()),
            FieldShape::Object(fields) => {
                let attribute = |(name, field): (&Name, &SchemaField)| {
                    let it = AttributeType {
                        ty: field.shape.ty(),
                        optional: !field.required,
                        default: field.default.clone(),
                    };
                    (name.clone(), it)
                };
                Type::Object(Arc::new(fields.iter().map(attribute).collect()))
            }
        }
    }

    /// Returns the fields of a shape that may be written as a block: an object, or a list or set
    /// of objects.
    #[must_use]
    pub fn block(&self) -> Option<&BTreeMap<Name, SchemaField>> {
        match self {
            FieldShape::Object(fields) => Some(fields),
            FieldShape::List(of) | FieldShape::Set(of) => match &**of {
                FieldShape::Object(fields) => Some(fields),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Schema {
    /// Derives the schema of argument type `A` and output type `O`.
    #[must_use]
    pub fn derive<A: JsonSchema, O: JsonSchema>() -> Self {
        let arguments = derive::<A>();
        let doc =
            arguments.get("description").and_then(Json::as_str).unwrap_or_default().to_owned();
        Self {
            doc,
            arguments: fields(&arguments),
            outputs: fields(&derive::<O>()),
            unsupported: &[],
        }
    }

    /// Adds names that are not supported, with alternatives.
    #[must_use]
    pub fn with_unsupported(mut self, names: &'static [UnsupportedNames]) -> Self {
        self.unsupported = names;
        self
    }

    /// Returns an argument or output by name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&SchemaField> {
        self.arguments.get(name).or_else(|| self.outputs.get(name))
    }

    /// Converts arguments to their types, marks secret ones and fills in defaults.
    ///
    /// # Errors
    /// Every argument that is missing, unknown to the type or of a wrong type.
    pub fn conform(&self, arguments: &Object) -> Result<Object, Vec<ArgumentProblem>> {
        let mut problems = Vec::new();
        let conformed = conform_fields(&self.arguments, arguments, &Path::root(), &mut problems);
        if problems.is_empty() { Ok(conformed) } else { Err(problems) }
    }

    /// Returns the arguments and fields of blocks that `update` must remove at the service when
    /// they are removed from the configuration: those that are optional, have no default, can
    /// change in place and are not chosen by the service. Fields of elements are named by their
    /// collection: `member.tags`.
    #[must_use]
    pub fn told_when_removed(&self) -> Vec<Path> {
        let mut found = Vec::new();
        told_when_removed(&self.arguments, &Path::root(), &mut found);
        found
    }

    /// Reads the struct from arguments, which must conform and be wholly known.
    ///
    /// # Errors
    /// An error of the struct's own types, as a sentence.
    pub fn typed<T: DeserializeOwned>(&self, arguments: &Object) -> Result<T, String> {
        decode(arguments, &self.arguments)
    }

    /// Adds an empty value for each required argument that is missing.
    #[must_use]
    pub fn with_blank_arguments(&self, known: Object) -> Object {
        with_blanks(&self.arguments, known)
    }

    /// Adds an empty value for each required output that is missing.
    #[must_use]
    pub fn with_blank_outputs(&self, known: Object) -> Object {
        with_blanks(&self.outputs, known)
    }

    /// Converts outputs to their types and marks secret ones.
    ///
    /// # Errors
    /// Every output of a wrong type, which is a bug of the provider.
    pub fn conform_outputs(&self, outputs: &Object) -> Result<Object, Vec<ArgumentProblem>> {
        let mut problems = Vec::new();
        let conformed = conform_fields(&self.outputs, outputs, &Path::root(), &mut problems);
        if problems.is_empty() { Ok(conformed) } else { Err(problems) }
    }
}

fn told_when_removed(fields: &BTreeMap<Name, SchemaField>, at: &Path, found: &mut Vec<Path>) {
    for (name, field) in fields.iter().filter(|(_, it)| !it.immutable) {
        let path = at.name(name.clone());
        if let Some(inner) = field.shape.block() {
            told_when_removed(inner, &path, found);
        }
        if !field.required && field.default.is_none() && !field.chosen {
            found.push(path);
        }
    }
}

/// Reads a struct from field values.
pub(crate) fn decode<T: DeserializeOwned>(
    given: &Object,
    fields: &BTreeMap<Name, SchemaField>,
) -> Result<T, String> {
    let (plain, _) = Value::Object(Arc::new(given.clone())).unmark_deep();
    T::deserialize(crate::typed_json::typed(&plain, &FieldShape::Object(fields.clone())))
        .map_err(|it| it.to_string())
}

/// Adds empty values for required fields that are missing.
fn with_blanks(fields: &BTreeMap<Name, SchemaField>, mut values: Object) -> Object {
    for (name, field) in fields.iter().filter(|(_, it)| it.required) {
        values.entry(name.clone()).or_insert_with(|| blank(&field.shape));
    }
    values
}

/// Replaces unknown parts of a value by empty ones.
pub(crate) fn blanked(shape: &FieldShape, value: &Value) -> Value {
    match (shape, value) {
        _ if value.is_wholly_known() => value.clone(),
        (FieldShape::Object(fields), Value::Object(items)) => {
            let each = |(name, it): (&Name, &Value)| {
                (
                    name.clone(),
                    blanked(fields.get(name).map_or(&FieldShape::Any, |it| &it.shape), it),
                )
            };
            Value::object(items.iter().map(each))
        }
        (FieldShape::List(of), Value::List(items)) => {
            Value::list(items.iter().map(|it| blanked(of, it)))
        }
        (FieldShape::Set(of), Value::Set(items)) => {
            Value::set(items.iter().map(|it| blanked(of, it)))
        }
        (FieldShape::Map(of), Value::Map(items)) => Value::Map(Arc::new(
            items.iter().map(|(name, it)| (name.clone(), blanked(of, it))).collect(),
        )),
        _ => blank(shape),
    }
}

pub(crate) fn blank(shape: &FieldShape) -> Value {
    match shape {
        FieldShape::Bool => Value::Bool(false),
        FieldShape::Number | FieldShape::Integer { .. } => Value::from(0_i64),
        FieldShape::String { one_of } => Value::from(one_of.first().map_or("", String::as_str)),
        FieldShape::Text => Value::from(""),
        FieldShape::List(_) => Value::list([]),
        FieldShape::Set(_) => Value::set([]),
        FieldShape::Map(_) => Value::Map(Arc::default()),
        FieldShape::Object(fields) => Value::object(with_blanks(fields, Object::new())),
        FieldShape::Any => Value::NULL,
    }
}

fn conform_fields(
    fields: &BTreeMap<Name, SchemaField>,
    given: &Object,
    at: &Path,
    problems: &mut Vec<ArgumentProblem>,
) -> Object {
    // All problems are collected before failing, so that a block with several mistakes is fixed in
    // one round.
    for name in given.keys().filter(|name| !fields.contains_key(*name)) {
        let closest = ha_value::closest(name, fields.keys().map(|it| &**it));
        let hint = closest.map(|it| format!("; did you mean `{it}`?")).unwrap_or_default();
        problems.push(ArgumentProblem {
            path: at.name(name.clone()),
            message: format!("there is no argument `{name}`{hint}"),
        });
    }
    let mut conformed = Object::new();
    for (name, field) in fields {
        let path = at.name(name.clone());
        let value = match given.get(name) {
            Some(value) if !value.is_null() || is_kept_null(field, value) => {
                conform_value(&field.shape, value, &path, problems)
            }
            _ => match &field.default {
                Some(default) => conform_value(&field.shape, default, &path, problems),
                None if field.required => {
                    problems.push(ArgumentProblem {
                        path,
                        message: format!("the argument `{name}` is required"),
                    });
                    continue;
                }
                None => continue,
            },
        };
        conformed.insert(
            name.clone(),
            if field.secret || field.write_only { value.sensitive() } else { value },
        );
    }
    conformed
}

/// Whether a typed null is a value: in an optional argument of any type without a default.
fn is_kept_null(field: &SchemaField, value: &Value) -> bool {
    field.shape == FieldShape::Any
        && !field.required
        && field.default.is_none()
        && value.is_typed_null()
}

fn conform_value(
    shape: &FieldShape,
    value: &Value,
    at: &Path,
    problems: &mut Vec<ArgumentProblem>,
) -> Value {
    // The mark is taken off for the conversion and put back, so that a secret is checked like any
    // other value.
    if let Value::Sensitive(inner) = value {
        return conform_value(shape, inner, at, problems).sensitive();
    }
    match (shape, value) {
        // An unknown of a wrong type is an error now, not only once its value is known.
        (_, Value::Unknown(it)) => match convert_at(value, &shape.ty(), at, problems) {
            Value::Null(_) => Value::NULL,
            _ => it.of_type(shape.ty()),
        },
        (FieldShape::Any, _) => value.clone(),
        // The shape already determines the type, so records store an untyped null.
        (_, Value::Null(_)) => Value::NULL,
        (
            FieldShape::List(of) | FieldShape::Set(of),
            Value::List(_) | Value::Tuple(_) | Value::Set(_),
        ) => {
            let items: Vec<Value> = value
                .children()
                .enumerate()
                .map(|(index, it)| conform_value(of, it, &at.index(index), problems))
                .collect();
            match shape {
                FieldShape::Set(_) => Value::set(items),
                _ => Value::list(items),
            }
        }
        (FieldShape::Map(of), Value::Map(items) | Value::Object(items)) => {
            let item = |(name, it): (&Name, &Value)| {
                (name.clone(), conform_value(of, it, &at.name(name.clone()), problems))
            };
            Value::Map(Arc::new(items.iter().map(item).collect()))
        }
        (FieldShape::Object(fields), Value::Map(items) | Value::Object(items)) => {
            Value::Object(Arc::new(conform_fields(fields, items, at, problems)))
        }
        (FieldShape::Integer { least, most }, _) => {
            let number = convert_at(value, &Type::Number, at, problems);
            if let Value::Number(it) = number.unmark().0
                && let Some(message) = integer::misfit(&it, *least, *most)
            {
                problems.push(ArgumentProblem { path: at.clone(), message });
            }
            number
        }
        (FieldShape::String { one_of }, _) => {
            let value = convert_at(value, &Type::String, at, problems);
            if let Some(text) = value.as_str()
                && !one_of.is_empty()
                && !one_of.iter().any(|it| it == text)
            {
                let message = format!("`{text}` is not one of {}", one_of.join(", "));
                problems.push(ArgumentProblem { path: at.clone(), message });
            }
            value
        }
        _ => convert_at(value, &shape.ty(), at, problems),
    }
}

fn convert_at(value: &Value, ty: &Type, at: &Path, problems: &mut Vec<ArgumentProblem>) -> Value {
    match convert(value, ty) {
        Ok(converted) => converted,
        Err(ConversionError { path, message }) => {
            let mut whole = at.clone();
            for step in path.steps() {
                match step {
                    ha_value::PathStep::Name(name) => whole.push_name(name.clone()),
                    ha_value::PathStep::Index(index) => whole.push_index(*index),
                }
            }
            problems.push(ArgumentProblem { path: whole, message });
            Value::NULL
        }
    }
}

fn derive<T: JsonSchema>() -> Json {
    let mut settings = SchemaSettings::draft2020_12();
    // The functions below follow no `$ref`, so every subschema must be inline.
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn fields(schema: &Json) -> BTreeMap<Name, SchemaField> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
    properties
        .map(|(name, it)| (Name::from(name.as_str()), field(it, required.contains(&name.as_str()))))
        .collect()
}

fn field(schema: &Json, required: bool) -> SchemaField {
    let inner = without_null(schema);
    let mark = |key: &str| {
        [schema, inner].iter().any(|it| it.get(key).and_then(Json::as_bool) == Some(true))
    };
    let default = schema.get("default").filter(|it| !it.is_null()).cloned();
    let default = default.and_then(|it| serde_json::from_value::<Value>(it).ok());
    let doc = [schema, inner]
        .iter()
        .find_map(|it| it.get("description").and_then(Json::as_str))
        .unwrap_or_default();
    SchemaField {
        doc: doc.to_owned(),
        shape: shape(inner),
        // A field with a default may be left out, whatever the derived schema lists.
        required: required && default.is_none(),
        default,
        immutable: mark("x-immutable"),
        volatile: mark("x-volatile"),
        secret: mark("x-secret"),
        write_only: mark("x-write-only"),
        chosen: mark("x-chosen"),
    }
}

/// `Option<T>` is written as `anyOf: [T, null]` or as a list of two types; returns the schema of
/// `T`.
fn without_null(schema: &Json) -> &Json {
    let is_null = |it: &&Json| it.get("type").and_then(Json::as_str) == Some("null");
    match schema.get("anyOf").and_then(Json::as_array) {
        Some(options) if options.iter().any(|it| is_null(&it)) => {
            options.iter().find(|it| !is_null(it)).map_or(schema, without_null)
        }
        _ => schema,
    }
}

fn shape(schema: &Json) -> FieldShape {
    let one_of = |schema: &Json| -> Vec<String> {
        let listed = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
        let documented = schema.get("oneOf").and_then(Json::as_array).into_iter().flatten();
        let texts = |it: &Json| {
            let listed = it
                .get("enum")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
                .filter_map(Json::as_str);
            it.get("const")
                .and_then(Json::as_str)
                .into_iter()
                .chain(listed)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        listed
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .chain(documented.flat_map(texts))
            .collect()
    };
    let ty = match schema.get("type") {
        Some(Json::String(ty)) => ty.as_str(),
        Some(Json::Array(types)) => {
            types.iter().filter_map(Json::as_str).find(|it| *it != "null").unwrap_or_default()
        }
        _ if schema.get("oneOf").is_some() || schema.get("enum").is_some() => "string",
        _ => "",
    };
    let inner = |key: &str| {
        Box::new(
            schema
                .get(key)
                .filter(|it| it.is_object())
                .map_or(FieldShape::Any, |it| shape(without_null(it))),
        )
    };
    match ty {
        "boolean" => FieldShape::Bool,
        "integer" => integer::shape(schema),
        "number" => FieldShape::Number,
        "string" if schema.get("x-text").is_some() => FieldShape::Text,
        "string" => FieldShape::String { one_of: one_of(schema) },
        "array" if schema.get("uniqueItems").and_then(Json::as_bool) == Some(true) => {
            FieldShape::Set(inner("items"))
        }
        "array" => FieldShape::List(inner("items")),
        "object" if schema.get("properties").is_some() => FieldShape::Object(fields(schema)),
        "object" if schema.get("additionalProperties").is_some_and(Json::is_object) => {
            FieldShape::Map(inner("additionalProperties"))
        }
        "object" => FieldShape::Object(BTreeMap::new()),
        _ => FieldShape::Any,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Chosen, Immutable, Secret};

    /// A bucket.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Bucket {
        /// Its name.
        name: Immutable<String>,
        /// Its labels.
        #[serde(default)]
        tags: BTreeMap<String, String>,
        password: Option<Secret<String>>,
        zone: Option<Chosen<Immutable<String>>>,
        rules: Option<BTreeSet<Rule>>,
        #[serde(default = "five")]
        size: u32,
        mode: Option<Mode>,
    }

    #[derive(Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
    struct Rule {
        port: Immutable<u16>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        /// Slow.
        Slow,
        /// Fast.
        Fast,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Outputs {}

    fn five() -> u32 {
        5
    }

    #[test]
    fn derives_marks_and_shapes_from_the_struct() {
        let schema = Schema::derive::<Bucket, Outputs>();
        assert_eq!(schema.doc, "A bucket.");
        let argument = |name: &str| &schema.arguments[name];
        assert!(argument("name").immutable && argument("name").required);
        assert_eq!(argument("name").doc, "Its name.");
        assert!(!argument("tags").immutable && !argument("tags").required);
        assert!(argument("password").secret && !argument("password").required);
        assert!(argument("zone").chosen && argument("zone").immutable);
        assert_eq!(argument("size").default, Some(Value::from(5)));
        assert_eq!(
            argument("mode").shape,
            FieldShape::String { one_of: vec!["slow".into(), "fast".into()] }
        );
        let FieldShape::Set(rule) = &argument("rules").shape else { panic!("a set") };
        let FieldShape::Object(fields) = &**rule else { panic!("of objects") };
        assert!(fields["port"].immutable);
    }

    #[test]
    fn derives_arguments_to_remove_from_the_struct() {
        #[derive(Serialize, Deserialize, JsonSchema)]
        struct Group {
            name: String,
            processes: Option<BTreeSet<String>>,
            capacity: Option<Chosen<u32>>,
            zone: Option<Immutable<String>>,
            #[serde(default)]
            policy: Policy,
            member: Vec<Member>,
        }
        #[derive(Default, Serialize, Deserialize, JsonSchema)]
        struct Policy {
            limit: Option<u32>,
            #[serde(default)]
            strict: bool,
        }
        #[derive(Serialize, Deserialize, JsonSchema)]
        struct Member {
            host: String,
            tags: Option<BTreeMap<String, String>>,
        }
        let paths = Schema::derive::<Group, Outputs>().told_when_removed();
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["member.tags", "policy.limit", "processes"]);
    }

    #[test]
    fn conform_reports_all_problems() {
        let schema = Schema::derive::<Bucket, Outputs>();
        let given =
            Object::from([("nam".into(), Value::from("x")), ("size".into(), Value::from("many"))]);
        let problems = schema.conform(&given).unwrap_err();
        let messages: Vec<&str> = problems.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(messages.len(), 3, "{messages:?}");
        assert!(messages[0].contains("did you mean `name`"));
    }
}

//! The mock resource types.

use std::sync::Arc;

use ha_provider::{
    ArgumentProblem, Document, FieldShape, Impact, ImpactSeverity, PlannedChange, ProviderRegistry,
    ResourceDescription, ResourceHooks, Schema, SchemaField,
};
use ha_value::{Name, Text, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::driver::{Facts, Things, ToWorld};
use super::world::{Thing, World};

/// All mock resource types over a world.
pub(crate) fn registry(world: &World) -> ProviderRegistry {
    let settings =
        |fields: Vec<(&str, SchemaField)>| Kind::of("provider", "mock").takes_all(fields).schema;
    let mut registry = ProviderRegistry::new()
        .dynamic_provider(
            "mock",
            settings(vec![("region", text())]),
            Arc::new(ToWorld(world.clone())),
        )
        .dynamic_provider(
            "db",
            settings(vec![("address", text().required()), ("password", text().secret())]),
            Arc::new(ToWorld(world.clone())),
        )
        .document::<Letter>();
    for kind in kinds() {
        registry = kind.register(registry, world);
    }
    let fact =
        Kind::of("fact", "mock")
            .takes("key", text().required())
            .gives("value", text(), |_, _| Value::NULL);
    let described = ResourceDescription::new("fact", "mock", fact.schema, ResourceHooks::new());
    registry.dynamic_data(described, Arc::new(Facts(world.clone())))
}

fn kinds() -> Vec<Kind> {
    let revision = |_: &str, it: &Thing| Value::from(it.revision);
    let arn = |id: &str, _: &Thing| Value::from(format!("arn:{id}"));
    let rule = FieldShape::Object(
        [("port".into(), number().required().immutable()), ("note".into(), text())].into(),
    );
    let listener = FieldShape::Object(
        [("port".into(), number().required()), ("protocol".into(), text().chosen())].into(),
    );
    let thing = Kind::of("thing", "mock")
        .takes("name", text().required().immutable())
        .takes("size", number().default(1))
        .takes("note", text())
        .takes("labels", field(FieldShape::Map(Box::new(text().shape))))
        .takes("password", text().secret())
        .takes("zone", text().chosen())
        .takes("anything", field(FieldShape::Any))
        .takes("uses", field(FieldShape::List(Box::new(text().shape))))
        .takes("at", text().immutable())
        .takes("rule", field(FieldShape::Set(Box::new(rule))))
        .takes("listener", field(FieldShape::List(Box::new(listener))))
        .gives("arn", text(), arn)
        .gives("revision", number().volatile(), revision)
        .gives("digest", text(), |_, it| digest(it.arguments.get("note").and_then(Value::as_str)))
        .chooses("zone", "zone-a");
    let thing = Kind {
        hooks: ResourceHooks::new()
            .predict("digest", |it: Note| digest(it.note.as_deref()))
            .check(not_too_large),
        ..thing
    };
    let host = Kind::of("host", "mock")
        .takes("name", text().required().immutable())
        .takes("set", text())
        .takes("version", text())
        .takes("comment", text())
        .takes("size", number().immutable())
        .takes("after", field(FieldShape::List(Box::new(text().shape))))
        .gives("address", text(), |id, _| Value::from(format!("{id}.example")));
    let hooks = ResourceHooks::new().group(|it: Set| it.set.map(|it| format!("set/{it}"))).impact(
        |it: &PlannedChange<'_>| {
            let restarts = it.before.is_some() && it.names.contains("version");
            let impact =
                Impact { severity: ImpactSeverity::Disruption, message: "restarts".into() };
            restarts.then_some(impact).into_iter().collect()
        },
    );
    let host = Kind { hooks, ..host };
    let server = Kind::of("server", "mock")
        .takes("name", text().required().immutable())
        .takes("size", number().immutable())
        .takes("note", text())
        .takes("keep", field(FieldShape::Bool))
        .gives("address", text(), |id, _| Value::from(format!("{id}.example")));
    let server = Kind {
        hooks: ResourceHooks::new().contents_go(|it: Keep| !it.keep.unwrap_or(false)),
        ..server
    };
    let database = Kind::of("database", "db")
        .takes("name", text().required().immutable())
        .takes("owner", text())
        .takes("keep", field(FieldShape::Bool))
        .within(&["server"]);
    let table = Kind::of("table", "db")
        .takes("name", text().required().immutable())
        .takes("in", text().required().immutable())
        .takes("note", text())
        .within(&["server", "database"]);
    let table = Kind {
        inside: Some("in"),
        hooks: ResourceHooks::new().inside("database", &[("id", "in")]),
        ..table
    };
    let extension = Kind::of("extension", "db")
        .takes("name", text().required().immutable())
        .takes("database", text().required().immutable())
        .takes("note", text())
        .within(&["server", "database"]);
    let hooks = ResourceHooks::new()
        .inside("database", &[("name", "database")])
        .unique(&["database", "name"]);
    let extension = Kind { inside: Some("database"), hooks, ..extension };
    let item = Kind::of("item", "mock")
        .takes("name", text().required().immutable())
        .takes("in", text().required().immutable())
        .within(&["server"]);
    let item = Kind {
        inside: Some("in"),
        hooks: ResourceHooks::new().inside("server", &[("id", "in")]),
        ..item
    };
    let memo = Kind::of("memo", "mock")
        .takes("input", field(FieldShape::Any))
        .takes("triggers_replace", field(FieldShape::Any).immutable())
        .gives("output", field(FieldShape::Any), |_, it| {
            it.arguments.get("input").cloned().unwrap_or(Value::NULL)
        });
    let memo = Kind {
        pure: true,
        hooks: ResourceHooks::new().predict("output", |it: Input| it.input),
        ..memo
    };
    let drawn = Kind::of("drawn", "mock").takes("length", number().required().immutable()).gives(
        "result",
        text().secret(),
        |id, _| Value::from(format!("drawn {id}")),
    );
    let drawn = Kind { pure: true, ..drawn };
    vec![thing, host, server, database, table, extension, item, memo, drawn]
}

#[derive(Deserialize)]
struct Note {
    note: Option<String>,
}

#[derive(Deserialize)]
struct Set {
    set: Option<String>,
}

#[derive(Deserialize)]
struct Keep {
    keep: Option<bool>,
}

#[derive(Deserialize)]
struct Input {
    input: Option<Value>,
}

#[derive(Deserialize)]
struct Size {
    size: u64,
}

fn not_too_large(it: Size) -> Vec<ArgumentProblem> {
    let problem = || ArgumentProblem {
        path: ha_value::Path::attribute("size"),
        message: "that is too large".into(),
    };
    (it.size > 1_000).then(problem).into_iter().collect()
}

fn digest(note: Option<&str>) -> Value {
    Value::from(format!("digest of {}", note.unwrap_or("nothing")))
}

/// A document: a string with a line around it.
#[derive(Deserialize, JsonSchema)]
struct Letter {
    /// The content.
    text: Text,
    /// Who gets it; not a string whose parts are kept.
    to: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Rendered {
    /// All of it.
    whole: Text,
}

impl Document for Letter {
    const KIND: &'static str = "letter";
    type Outputs = Rendered;

    fn render(&self) -> Result<Rendered, Vec<ArgumentProblem>> {
        let mut whole = Text::from(format!("Dear {},\n", self.to.as_deref().unwrap_or("all")));
        whole.push(&self.text.map(str::to_uppercase));
        whole.push_str("\n");
        Ok(Rendered { whole })
    }
}

type OutputOf = Arc<dyn Fn(&str, &Thing) -> Value + Send + Sync>;

struct Kind {
    name: &'static str,
    provider: &'static str,
    schema: Schema,
    hooks: ResourceHooks,
    outputs: Vec<(Name, OutputOf)>,
    choices: Vec<(Name, Value)>,
    within: Vec<Name>,
    inside: Option<&'static str>,
    pure: bool,
}

impl Kind {
    fn of(name: &'static str, provider: &'static str) -> Self {
        let mut schema = Schema {
            doc: String::new(),
            arguments: [].into(),
            outputs: [].into(),
            unsupported: &[],
        };
        schema.outputs.insert("id".into(), text());
        let (outputs, choices, within) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            name,
            provider,
            schema,
            hooks: ResourceHooks::new(),
            outputs,
            choices,
            within,
            inside: None,
            pure: false,
        }
    }

    fn takes(mut self, name: &str, field: SchemaField) -> Self {
        self.schema.arguments.insert(name.into(), field);
        self
    }

    fn takes_all(self, fields: Vec<(&str, SchemaField)>) -> Self {
        fields.into_iter().fold(self, |it, (name, field)| it.takes(name, field))
    }

    fn gives(
        mut self,
        name: &str,
        field: SchemaField,
        of: impl Fn(&str, &Thing) -> Value + Send + Sync + 'static,
    ) -> Self {
        self.schema.outputs.insert(name.into(), field);
        self.outputs.push((name.into(), Arc::new(of)));
        self
    }

    fn chooses(mut self, name: &str, value: &str) -> Self {
        self.choices.push((name.into(), Value::from(value)));
        self
    }

    fn within(mut self, kinds: &[&str]) -> Self {
        self.within = kinds.iter().map(|it| Name::from(*it)).collect();
        self
    }

    fn register(self, registry: ProviderRegistry, world: &World) -> ProviderRegistry {
        let Kind { name, provider, schema, hooks, outputs, choices, within, inside, pure } = self;
        let mut described = ResourceDescription::new(name, provider, schema.clone(), hooks);
        (described.within, described.pure) = (within, pure);
        let things =
            Things { world: world.clone(), kind: name, schema, outputs, choices, inside, pure };
        registry.dynamic(described, Arc::new(things))
    }
}

fn field(shape: FieldShape) -> SchemaField {
    SchemaField {
        doc: String::new(),
        shape,
        required: false,
        default: None,
        immutable: false,
        volatile: false,
        secret: false,
        write_only: false,
        chosen: false,
    }
}

fn text() -> SchemaField {
    field(FieldShape::String { one_of: Vec::new() })
}

fn number() -> SchemaField {
    field(FieldShape::Number)
}

trait Marked {
    fn required(self) -> Self;
    fn immutable(self) -> Self;
    fn volatile(self) -> Self;
    fn secret(self) -> Self;
    fn chosen(self) -> Self;
    fn default(self, value: i64) -> Self;
}

impl Marked for SchemaField {
    fn required(self) -> Self {
        Self { required: true, ..self }
    }
    fn immutable(self) -> Self {
        Self { immutable: true, ..self }
    }
    fn volatile(self) -> Self {
        Self { volatile: true, ..self }
    }
    fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
    fn chosen(self) -> Self {
        Self { chosen: true, ..self }
    }
    fn default(self, value: i64) -> Self {
        Self { default: Some(Value::from(value)), ..self }
    }
}

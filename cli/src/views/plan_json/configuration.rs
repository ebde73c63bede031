//! The configuration without evaluation: constants, and for other expressions the names that they
//! refer to.

use std::collections::BTreeMap;

use ha_lang::{
    BlockName, Body, Configuration, EmptyScope, EvaluationContext, Expression, ModuleCall,
    OutputBlock, ProviderBlock, Reference, ReferenceTarget, ResourceBlock, VariableBlock,
};
use ha_provider::{FieldShape, SchemaField, SchemaSet};
use ha_value::{InstanceKey, Name, Object, Path, PathStep, ResourceMode, Value};

use super::super::json::{JsonValue, implied_provider, provider_source};
use super::super::redacted_value::SENSITIVE;
use super::super::redaction::Redactor;

/// Returns the whole configuration.
pub(super) fn configuration_json(
    root: &Configuration,
    schemas: &SchemaSet,
    redactor: &mut Redactor<'_>,
) -> JsonValue {
    let mut writer = ConfigurationWriter { schemas, redactor };
    let mut providers = BTreeMap::new();
    writer.providers(root, "", &mut providers);
    JsonValue::object([
        ("provider_config", JsonValue::Object(providers.into_iter().collect())),
        ("root_module", writer.module(root, "")),
    ])
}

struct ConfigurationWriter<'a, 'b> {
    schemas: &'a SchemaSet,
    redactor: &'a mut Redactor<'b>,
}

/// Returns the fields that are not empty.
fn put(fields: &mut Vec<(&'static str, JsonValue)>, name: &'static str, value: JsonValue) {
    let is_empty = match &value {
        JsonValue::Object(it) => it.is_empty(),
        JsonValue::Array(it) => it.is_empty(),
        _ => false,
    };
    if !is_empty {
        fields.push((name, value));
    }
}

impl ConfigurationWriter<'_, '_> {
    /// Returns the providers of a module and its child modules: configured ones, and ones that are
    /// only used.
    fn providers(
        &mut self,
        module: &Configuration,
        place: &str,
        all: &mut BTreeMap<String, JsonValue>,
    ) {
        for block in &module.providers {
            all.insert(
                provider_key(place, &block.name, block.alias.as_ref()),
                self.provider(module, block, place),
            );
        }
        for block in module.blocks.values() {
            let (name, alias) = provider_of(block);
            // A provider without a block here is passed by the caller, or has no settings.
            if alias.is_none() {
                let own = || {
                    JsonValue::object([
                        ("name", name.into()),
                        ("full_name", provider_source(name).into()),
                    ])
                };
                all.entry(name.to_owned()).or_insert_with(own);
            }
        }
        for call in module.modules.values() {
            self.providers(&call.configuration, &inside(place, &call.name), all);
        }
    }

    fn provider(
        &mut self,
        module: &Configuration,
        block: &ProviderBlock,
        place: &str,
    ) -> JsonValue {
        let ProviderBlock { name, alias, body, .. } = block;
        let mut fields =
            vec![("name", JsonValue::from(&**name)), ("full_name", provider_source(name).into())];
        if let Some(alias) = alias {
            fields.push(("alias", (&**alias).into()));
        }
        if let Some(version) = required_version(module, name) {
            fields.push(("version_constraint", version.into()));
        }
        if !place.is_empty() {
            fields.push(("module_address", place.into()));
        }
        let schema = self.schemas.provider(name).map(|it| &it.schema);
        let none = BTreeMap::new();
        put(
            &mut fields,
            "expressions",
            self.body(module, body, schema.map_or(&none, |it| &it.arguments)),
        );
        JsonValue::object(fields)
    }

    fn module(&mut self, module: &Configuration, place: &str) -> JsonValue {
        let mut fields = Vec::new();
        let outputs =
            module.outputs.iter().map(|(name, it)| (name.to_string(), self.output(module, it)));
        put(&mut fields, "outputs", sorted(outputs.collect()));
        let mut blocks: Vec<&ResourceBlock> = module.blocks.values().collect();
        blocks.sort_by(|a, b| a.name.cmp(&b.name));
        put(
            &mut fields,
            "resources",
            JsonValue::Array(blocks.into_iter().map(|it| self.block(module, it, place)).collect()),
        );
        let calls = module
            .modules
            .iter()
            .map(|(name, it)| (name.to_string(), self.call(module, it, place)));
        put(&mut fields, "module_calls", sorted(calls.collect()));
        let variables =
            module.variables.iter().map(|(name, it)| (name.to_string(), self.variable(it)));
        put(&mut fields, "variables", sorted(variables.collect()));
        JsonValue::object(fields)
    }

    fn output(&mut self, module: &Configuration, output: &OutputBlock) -> JsonValue {
        let mut fields = Vec::new();
        if output.sensitive {
            fields.push(("sensitive", true.into()));
        }
        if output.ephemeral {
            fields.push(("ephemeral", true.into()));
        }
        let expression = self.expression(module, &output.value);
        // The constant of a secret argument is itself a secret.
        let hidden = output.sensitive && output.value.references().is_empty();
        fields.push(("expression", if hidden { constant(SENSITIVE.into()) } else { expression }));
        put(&mut fields, "depends_on", named(&output.depends_on));
        if let Some(description) = &output.description {
            fields.push(("description", description.into()));
        }
        JsonValue::object(fields)
    }

    fn variable(&mut self, variable: &VariableBlock) -> JsonValue {
        let mut fields = Vec::new();
        if let Some(default) = &variable.default {
            // An ephemeral value is never stored, and a document is a place to store it.
            let shown = if variable.sensitive || variable.ephemeral {
                self.redactor.secret(default)
            } else {
                self.redactor.shown(default)
            };
            fields.push(("default", JsonValue::from(&shown)));
        }
        if let Some(description) = &variable.description {
            fields.push(("description", description.into()));
        }
        if variable.sensitive {
            fields.push(("sensitive", true.into()));
        }
        if variable.ephemeral {
            fields.push(("ephemeral", true.into()));
        }
        JsonValue::object(fields)
    }

    fn call(&mut self, module: &Configuration, call: &ModuleCall, place: &str) -> JsonValue {
        let mut fields = vec![("source", JsonValue::from(&*call.source))];
        let is_secret = |name: &Name| {
            call.configuration.variables.get(name).is_some_and(|it| it.sensitive || it.ephemeral)
        };
        let arguments: Vec<_> =
            call.arguments.iter().map(|(name, it)| (name, is_secret(name), it)).collect();
        let arguments = arguments.into_iter().map(|(name, is_secret, it)| {
            let mark = |value: Value| if is_secret { value.sensitive() } else { value };
            (name.to_string(), self.written(module, it, &mark))
        });
        put(&mut fields, "expressions", sorted(arguments.collect()));
        self.repetition(module, call.count.as_ref(), call.for_each.as_ref(), &mut fields);
        let within = inside(place, &call.name);
        fields.push(("module", self.module(&call.configuration, &within)));
        put(&mut fields, "depends_on", named(&call.depends_on));
        JsonValue::object(fields)
    }

    fn block(&mut self, module: &Configuration, block: &ResourceBlock, place: &str) -> JsonValue {
        let BlockName { mode, kind, name } = &block.name;
        let (provider, alias) = provider_of(block);
        let is_configured =
            module.providers.iter().any(|it| *it.name == *provider && it.alias.as_ref() == alias);
        let key = provider_key(if is_configured { place } else { "" }, provider, alias);
        let mut fields = vec![
            ("address", JsonValue::from(block.name.to_string())),
            ("mode", if *mode == ResourceMode::Data { "data" } else { "managed" }.into()),
            ("type", (&**kind).into()),
            ("name", (&**name).into()),
            ("provider_config_key", key.into()),
        ];
        let none = BTreeMap::new();
        let arguments = self.schemas.kind(*mode, kind).map_or(&none, |it| &it.schema().arguments);
        put(&mut fields, "expressions", self.body(module, &block.body, arguments));
        fields.push(("schema_version", 0_usize.into()));
        self.repetition(module, block.count.as_ref(), block.for_each.as_ref(), &mut fields);
        put(&mut fields, "depends_on", named(&block.depends_on));
        JsonValue::object(fields)
    }

    fn repetition(
        &mut self,
        module: &Configuration,
        count: Option<&Expression>,
        for_each: Option<&Expression>,
        fields: &mut Vec<(&'static str, JsonValue)>,
    ) {
        for (name, expression) in [("count_expression", count), ("for_each_expression", for_each)] {
            if let Some(expression) = expression {
                put(fields, name, self.expression(module, expression));
            }
        }
    }

    /// Returns arguments by name, and blocks: an object if the schema allows one, otherwise a list.
    fn body(
        &mut self,
        module: &Configuration,
        body: &Body,
        fields: &BTreeMap<Name, SchemaField>,
    ) -> JsonValue {
        let mut all: BTreeMap<String, JsonValue> = BTreeMap::new();
        for (name, expression) in body.arguments() {
            let field = fields.get(name);
            let mark = |value: Value| field.map_or(value.clone(), |it| marked(value, it));
            all.insert(name.to_string(), self.written(module, expression, &mark));
        }
        let none = BTreeMap::new();
        for (name, content) in body.blocks() {
            let shape = fields.get(name).map(|it| &it.shape);
            let written =
                self.body(module, content, shape.and_then(FieldShape::block).unwrap_or(&none));
            match (shape, all.get_mut(&**name)) {
                (_, Some(JsonValue::Array(before))) => before.push(written),
                (Some(FieldShape::Object(_)), _) => drop(all.insert(name.to_string(), written)),
                _ => drop(all.insert(name.to_string(), JsonValue::Array(vec![written]))),
            }
        }
        JsonValue::Object(all.into_iter().collect())
    }

    fn expression(&mut self, module: &Configuration, expression: &Expression) -> JsonValue {
        self.written(module, expression, &|it| it)
    }

    /// Returns the references of an expression, or its constant value with the marks of its
    /// argument.
    fn written(
        &mut self,
        module: &Configuration,
        expression: &Expression,
        mark: &dyn Fn(Value) -> Value,
    ) -> JsonValue {
        let references = references(module, expression.references());
        if !references.is_empty() {
            return JsonValue::object([("references", JsonValue::array(references))]);
        }
        match expression.evaluate(&EvaluationContext::new(&EmptyScope, &EmptyScope)) {
            Ok(value) if value.is_wholly_known() => {
                constant(JsonValue::from(&self.redactor.shown(&mark(value))))
            }
            _ => JsonValue::Object(Vec::new()),
        }
    }
}

/// Marks the secret parts of an argument's value.
fn marked(value: Value, field: &SchemaField) -> Value {
    if field.secret || field.write_only {
        value.sensitive()
    } else {
        marked_inside(value, &field.shape)
    }
}

fn marked_inside(value: Value, shape: &FieldShape) -> Value {
    let items = |items: &Object, of: &dyn Fn(&Name, Value) -> Value| {
        Value::object(items.iter().map(|(name, it)| (name.clone(), of(name, it.clone()))))
    };
    match (shape, &value) {
        (FieldShape::Object(fields), Value::Object(it) | Value::Map(it)) => {
            items(it, &|name, value| {
                fields.get(name).map_or(value.clone(), |field| marked(value, field))
            })
        }
        (FieldShape::Map(of), Value::Object(it) | Value::Map(it)) => {
            items(it, &|_, value| marked_inside(value, of))
        }
        (FieldShape::List(of) | FieldShape::Set(of), Value::List(it) | Value::Tuple(it)) => {
            Value::tuple(it.iter().map(|it| marked_inside(it.clone(), of)))
        }
        _ => value,
    }
}

fn constant(value: JsonValue) -> JsonValue {
    JsonValue::object([("constant_value", value)])
}

fn sorted(mut fields: Vec<(String, JsonValue)>) -> JsonValue {
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    JsonValue::Object(fields)
}

fn inside(place: &str, name: &str) -> String {
    if place.is_empty() { format!("module.{name}") } else { format!("{place}.module.{name}") }
}

fn provider_of(block: &ResourceBlock) -> (&str, Option<&Name>) {
    match &block.provider {
        Some((name, alias)) => (name, alias.as_ref()),
        None => (implied_provider(&block.name.kind), None),
    }
}

/// `aws`, `aws.west`, `module.network:aws`.
fn provider_key(place: &str, name: &str, alias: Option<&Name>) -> String {
    let place = if place.is_empty() { String::new() } else { format!("{place}:") };
    let alias = alias.map(|it| format!(".{it}")).unwrap_or_default();
    format!("{place}{name}{alias}")
}

fn required_version<'a>(module: &'a Configuration, name: &str) -> Option<&'a str> {
    module.settings.as_ref()?.required_providers.get(name)?.version.as_deref()
}

fn named(references: &[Reference]) -> JsonValue {
    let bare = |it: &Reference| {
        let mut bare = it.clone();
        bare.path = Path::root();
        bare.to_string()
    };
    JsonValue::array(references.iter().map(bare))
}

/// Returns the references, the most specific first, each followed by its parents.
fn references(module: &Configuration, of: &[Reference]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for reference in of {
        for name in spellings(module, reference) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

fn spellings(module: &Configuration, reference: &Reference) -> Vec<String> {
    let Reference { target, path, key, .. } = reference;
    let called =
        if let ReferenceTarget::Module(name) = target { module.modules.get(name) } else { None };
    let (key, steps) =
        called.map_or_else(|| (key.clone(), path.steps()), |it| reference.in_call(it));
    let key = key.filter(|it| *it != InstanceKey::None);
    let is_repeated = match target {
        ReferenceTarget::Block(block) => {
            module.blocks.get(block).is_some_and(|it| it.count.is_some() || it.for_each.is_some())
        }
        ReferenceTarget::Module(_) => {
            called.is_some_and(|it| it.count.is_some() || it.for_each.is_some())
        }
        // Terraform's documents give only the name of these.
        _ => return vec![target.to_string()],
    };
    let mut names = Vec::new();
    // The attributes behind a computed key belong to an unknown instance, so that the path ends
    // there.
    if key.is_some() || !is_repeated {
        let instance =
            format!("{target}{}", key.as_ref().map(ToString::to_string).unwrap_or_default());
        let steps = if called.is_some() { steps.get(..1).unwrap_or_default() } else { steps };
        if !steps.is_empty() {
            names.push(instance.clone() + &steps.iter().map(step).collect::<String>());
        }
        names.push(instance);
    }
    if key.is_none() || matches!(target, ReferenceTarget::Block(_)) {
        names.push(target.to_string());
    }
    names.dedup();
    names
}

fn step(step: &PathStep) -> String {
    match step {
        PathStep::Index(index) => format!("[{index}]"),
        PathStep::Name(name) => format!(".{name}"),
    }
}

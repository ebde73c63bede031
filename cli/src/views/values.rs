//! Writes recorded or planned values of all resources, module by module, in Terraform's JSON
//! format.

use std::collections::BTreeMap;

use ha_provider::SchemaSet;
use ha_state_model::Record;
use ha_value::{Address, Name, Object};

use super::document::JsonDocument;
use super::json::{JsonValue, address_fields, provider_source, sensitives};
use super::redacted_value::RedactedValue;
use super::redaction::Redactor;

/// Writes resources grouped by module, from the root down. They must be in the order of addresses.
pub(crate) fn write_modules<T>(
    document: &mut JsonDocument,
    resources: &[(&Address, T)],
    json: &mut dyn FnMut(&Address, &T) -> JsonValue,
) {
    write_module(document, 0, resources, json);
}

fn write_module<T>(
    document: &mut JsonDocument,
    depth: usize,
    resources: &[(&Address, T)],
    json: &mut dyn FnMut(&Address, &T) -> JsonValue,
) {
    // The format requires a module's own resources before its child modules.
    let (own, inner) =
        resources.split_at(resources.partition_point(|(it, _)| it.block.module.len() == depth));
    if !own.is_empty() {
        document.array_field("resources");
        for (address, it) in own {
            document.element(&json(address, it));
        }
        document.end();
    }
    if inner.is_empty() {
        return;
    }
    document.array_field("child_modules");
    for child in inner.chunk_by(|(a, _), (b, _)| a.block.module[depth] == b.block.module[depth]) {
        document.object();
        write_module(document, depth + 1, child, json);
        document.field("address", &module_address(&child[0].0.block.module[..=depth]).into());
        document.end();
    }
    document.end();
}

/// `module.network["a"].module.subnet`.
pub(crate) fn module_address(module: &[(Name, ha_value::InstanceKey)]) -> String {
    module.iter().map(|(name, key)| format!("module.{name}{key}")).collect::<Vec<_>>().join(".")
}

/// Returns one record as JSON.
pub(crate) fn record_json(
    address: &Address,
    record: &Record,
    schemas: &SchemaSet,
    redactor: &mut Redactor<'_>,
) -> JsonValue {
    let mut all = record.arguments.clone();
    all.extend(
        record
            .outputs
            .iter()
            .filter(|(_, it)| !it.is_null())
            .map(|(name, it)| (name.clone(), it.clone())),
    );
    let Record { provider, dependencies, tainted, version, .. } = record;
    let mut fields = resource_fields(address, &all, schemas, redactor);
    fields.retain(|(name, _)| *name != "provider_name");
    fields.insert(fields.len() - 3, ("provider_name", provider_source(&provider.name).into()));
    if !dependencies.is_empty() {
        fields.push(("depends_on", JsonValue::array(dependencies.iter().map(ToString::to_string))));
    }
    if *tainted {
        fields.push(("tainted", true.into()));
    }
    let own = [
        ("id", redactor.id(record).into()),
        ("provider", provider.to_string().into()),
        ("version", (*version).into()),
    ];
    fields.push(("ha", JsonValue::object(own)));
    JsonValue::object(fields)
}

/// Returns the present or planned values of a resource as JSON.
pub(crate) fn values_json(
    address: &Address,
    values: &Object,
    schemas: &SchemaSet,
    redactor: &mut Redactor<'_>,
) -> JsonValue {
    JsonValue::object(resource_fields(address, values, schemas, redactor))
}

fn resource_fields(
    address: &Address,
    values: &Object,
    schemas: &SchemaSet,
    redactor: &mut Redactor<'_>,
) -> Vec<(&'static str, JsonValue)> {
    let values = RedactedValue::Object(with_nulls(address, redactor.attributes(values), schemas));
    let mut fields = address_fields(address);
    fields.retain(|(name, _)| *name != "module_address");
    fields.push(("schema_version", 0_usize.into()));
    fields.push(("values", JsonValue::from(&values)));
    fields.push(("sensitive_values", sensitives(&values)));
    fields
}

/// Returns the attributes, with null for each unset one of the resource type.
pub(crate) fn with_nulls(
    address: &Address,
    mut of: BTreeMap<Name, RedactedValue>,
    schemas: &SchemaSet,
) -> BTreeMap<Name, RedactedValue> {
    if let Some(described) = schemas.kind(address.block.mode, &address.block.kind) {
        let schema = described.schema();
        for name in schema.arguments.keys().chain(schema.outputs.keys()) {
            of.entry(name.clone()).or_insert(RedactedValue::Null);
        }
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_nested_as_their_addresses_are() {
        let mut addresses: Vec<Address> = [
            "module.b.module.c.x.y",
            "a.b",
            "module.b[\"k\"].x.y",
            "module.a[0].x.y",
            "module.b.x.z",
            "module.b.x.y",
            "c.d",
        ]
        .map(|it| it.parse().unwrap())
        .into();
        addresses.sort();
        let resources: Vec<(&Address, ())> = addresses.iter().map(|it| (it, ())).collect();
        let mut document = JsonDocument::default();
        document.object();
        write_modules(&mut document, &resources, &mut |it, ()| {
            JsonValue::from(it.block.name.to_string())
        });
        assert_eq!(
            document.line(),
            "{\"resources\":[\"b\",\"d\"],\"child_modules\":[\
             {\"resources\":[\"y\"],\"address\":\"module.a[0]\"},\
             {\"resources\":[\"y\",\"z\"],\"child_modules\":[{\"resources\":[\"y\"],\"address\":\"module.b.module.c\"}],\"address\":\"module.b\"},\
             {\"resources\":[\"y\"],\"address\":\"module.b[\\\"k\\\"]\"}]}\n"
        );
    }
}

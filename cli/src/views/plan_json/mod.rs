//! The plan in Terraform's "JSON output format", for tools that read it. Our own keys are all under
//! `ha`.

mod change;
mod checks;
mod configuration;
mod relevant;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ha_lang::Configuration;
use ha_plan::{OutputChange, Plan, PlanMode, RefreshUpdate};
use ha_provider::SchemaSet;
use ha_state_model::{OutputRecord, Record, State};
use ha_value::{Action, Address, Name, Object, ResourceMode, Value};

use self::change::{change, drifted, output, unchanged};
pub(crate) use self::change::{output_action, reason_name};
use self::checks::checks;
use self::configuration::configuration_json;
use self::relevant::relevant_attributes;
use super::document::JsonDocument;
use super::json::JsonValue;
use super::redaction::Redactor;
use super::report::{ChangeReport, PlanReport};
use super::state_view::output_fields;
use super::values::{record_json, values_json, write_modules};

/// The version of Terraform whose language and document format are implemented.
pub(crate) const TERRAFORM_VERSION: &str = "1.11.4";

/// The inputs of a plan that are part of the document.
pub(crate) struct PlanBasis<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) schemas: &'a SchemaSet,
    pub(crate) state: &'a State,
    /// The time of the document: `2026-11-23T04:54:07Z`.
    pub(crate) at: &'a str,
}

/// Returns the plan as a JSON document on one line.
pub(crate) fn plan_json(
    plan: &Plan,
    report: &PlanReport,
    basis: &PlanBasis<'_>,
    redactor: &mut Redactor<'_>,
) -> String {
    let before = prior(plan, basis.state);
    let mut document = JsonDocument::default();
    document.object();
    document.field("format_version", &"1.2".into());
    document.field("terraform_version", &TERRAFORM_VERSION.into());
    document.field("ha_version", &env!("CARGO_PKG_VERSION").into());
    let value = |(name, it): (&ha_value::Name, _)| {
        (name.to_string(), JsonValue::object([("value", JsonValue::from(it))]))
    };
    document.field("variables", &JsonValue::Object(report.variables.iter().map(value).collect()));
    planned_values(plan, &before, basis, redactor, &mut document);
    if !report.drift.is_empty() {
        document.field(
            "resource_drift",
            &JsonValue::Array(report.drift.iter().map(|it| drifted(it, basis.schemas)).collect()),
        );
    }
    resource_changes(report, &before, basis, redactor, &mut document);
    let outputs = output_changes(plan, basis.configuration);
    if !outputs.is_empty() {
        let outputs = outputs.iter().map(|(name, it)| (name.to_string(), output(it, redactor)));
        document.field("output_changes", &JsonValue::Object(outputs.collect()));
    }
    prior_state(&before, basis, redactor, &mut document);
    document
        .field("configuration", &configuration_json(basis.configuration, basis.schemas, redactor));
    let relevant = relevant_attributes(plan, basis.configuration);
    if !relevant.is_empty() {
        document.field("relevant_attributes", &JsonValue::Array(relevant));
    }
    if !plan.checks.is_empty() {
        document.field("checks", &JsonValue::Array(checks(&plan.checks, redactor)));
    }
    document.field("timestamp", &basis.at.into());
    document.field("applyable", &(!report.is_empty && !report.errored).into());
    document.field("complete", &(report.left_out.is_empty() && !report.errored).into());
    document.field("errored", &report.errored.into());
    document.field("ha", &own(report));
    document.line()
}

/// Returns the changes of outputs. Null outputs are included here, because their declaration
/// exists.
pub(crate) fn output_changes<'a>(
    plan: &'a Plan,
    configuration: &'a Configuration,
) -> Vec<(&'a Name, OutputChange)> {
    let is_declared =
        |name: &Name| plan.mode != PlanMode::Destroy && configuration.outputs.contains_key(name);
    let mut all: BTreeMap<&Name, OutputChange> = BTreeMap::new();
    for (name, it) in &plan.outputs {
        let after = it.after.clone().or_else(|| is_declared(name).then_some(Value::NULL));
        all.insert(name, OutputChange { after, ..it.clone() });
    }
    // An instance that was excluded or could not be planned has no planned values.
    let is_whole = plan.mode == PlanMode::Normal && plan.left_out.is_empty() && !plan.errored;
    for (name, block) in configuration
        .outputs
        .iter()
        .filter(|(name, _)| is_whole && !plan.outputs.contains_key(*name))
    {
        let null = || Some(Value::NULL);
        all.insert(
            name,
            OutputChange { before: null(), after: null(), sensitive: block.sensitive },
        );
    }
    all.into_iter().collect()
}

/// Returns the values of a resource before the plan or after it.
enum KnownResource<'a> {
    Record(&'a Record),
    Values(&'a Object),
}

type KnownResources<'a> = BTreeMap<&'a Address, KnownResource<'a>>;

/// Returns the prior state: the recorded instances as refresh saw them, and the data sources that
/// were read.
fn prior<'a>(plan: &'a Plan, state: &'a State) -> KnownResources<'a> {
    let mut all: KnownResources<'a> =
        state.records.iter().map(|(address, it)| (address, KnownResource::Record(it))).collect();
    for settled in &plan.settled {
        match settled {
            RefreshUpdate::Seen(record) => {
                all.insert(&record.address, KnownResource::Record(record));
            }
            RefreshUpdate::Gone(address) => {
                all.remove(address);
            }
        }
    }
    // A moved instance is at its new address in the prior state too, as in Terraform's documents.
    let moved: Vec<_> =
        plan.moves.iter().filter_map(|it| Some((&it.to, all.remove(&it.from)?))).collect();
    all.extend(moved);
    all.extend(plan.data.iter().map(|(address, it)| (address, KnownResource::Values(it))));
    all
}

fn planned_values(
    plan: &Plan,
    before: &KnownResources<'_>,
    basis: &PlanBasis<'_>,
    redactor: &mut Redactor<'_>,
    document: &mut JsonDocument,
) {
    let changed: BTreeMap<&Address, Option<&Object>> = plan
        .changes
        .iter()
        .filter(|it| it.deposed.is_none())
        .map(|it| {
            (
                &it.address,
                it.after.as_ref().filter(|_| !matches!(it.action, Action::Delete | Action::Forget)),
            )
        })
        .collect();
    let kept = before.iter().filter(|(address, _)| {
        address.block.mode == ResourceMode::Managed && !changed.contains_key(*address)
    });
    let mut after: Vec<(&Address, &KnownResource<'_>)> =
        kept.map(|(address, it)| (*address, it)).collect();
    let made: Vec<(&Address, KnownResource<'_>)> = changed
        .iter()
        .filter_map(|(address, it)| Some((*address, KnownResource::Values((*it)?))))
        .collect();
    after.extend(made.iter().map(|(address, it)| (*address, it)));
    after.sort_by_key(|(address, _)| *address);
    document.object_field("planned_values");
    let outputs = output_changes(plan, basis.configuration);
    let outputs = outputs.iter().filter(|(_, it)| it.after.is_some());
    let outputs: Vec<_> =
        outputs.map(|(name, it)| (name.to_string(), planned_output(it, redactor))).collect();
    if !outputs.is_empty() {
        document.field("outputs", &JsonValue::Object(outputs));
    }
    document.object_field("root_module");
    write_modules(document, &after, &mut |address, it| {
        known_json(address, it, basis.schemas, redactor)
    });
    document.end();
    document.end();
}

fn planned_output(output: &OutputChange, redactor: &mut Redactor<'_>) -> JsonValue {
    let sensitive = output.sensitive;
    JsonValue::object(match output.after.as_ref().filter(|it| it.is_wholly_known()) {
        Some(value) => output_fields(&OutputRecord { value: value.clone(), sensitive }, redactor),
        None => vec![("sensitive", sensitive.into())],
    })
}

fn prior_state(
    before: &KnownResources<'_>,
    basis: &PlanBasis<'_>,
    redactor: &mut Redactor<'_>,
    document: &mut JsonDocument,
) {
    if before.is_empty() && basis.state.outputs.is_empty() {
        return;
    }
    document.object_field("prior_state");
    document.field("format_version", &"1.0".into());
    document.field("terraform_version", &TERRAFORM_VERSION.into());
    document.object_field("values");
    if !basis.state.outputs.is_empty() {
        let outputs =
            basis.state.outputs.iter().map(|(name, it)| {
                (name.to_string(), JsonValue::object(output_fields(it, redactor)))
            });
        document.field("outputs", &JsonValue::Object(outputs.collect()));
    }
    document.object_field("root_module");
    let all: Vec<(&Address, &KnownResource<'_>)> =
        before.iter().map(|(address, it)| (*address, it)).collect();
    write_modules(document, &all, &mut |address, it| {
        known_json(address, it, basis.schemas, redactor)
    });
    document.end();
    document.end();
    document.end();
}

fn known_json(
    address: &Address,
    known: &KnownResource<'_>,
    schemas: &SchemaSet,
    redactor: &mut Redactor<'_>,
) -> JsonValue {
    match known {
        KnownResource::Record(record) => record_json(address, record, schemas, redactor),
        KnownResource::Values(values) => values_json(address, values, schemas, redactor),
    }
}

/// Returns all changes, also those without an action.
fn resource_changes(
    report: &PlanReport,
    before: &KnownResources<'_>,
    basis: &PlanBasis<'_>,
    redactor: &mut Redactor<'_>,
    document: &mut JsonDocument,
) {
    let mut in_order: Vec<&ChangeReport> = report.changes.iter().collect();
    in_order.sort_by(|a, b| (&a.address, &a.deposed).cmp(&(&b.address, &b.deposed)));
    document.array_field("resource_changes");
    let moved: BTreeMap<&Address, &Address> =
        report.moves.iter().map(|(from, to)| (to, from)).collect();
    let mut changes = in_order.into_iter().peekable();
    for (address, known) in before {
        let KnownResource::Record(record) = known else { continue };
        while let Some(it) = changes.next_if(|it| it.address < **address) {
            document.element(&change(it, basis.schemas));
        }
        if changes.peek().is_none_or(|it| it.address != **address || it.deposed.is_some()) {
            document.element(&unchanged(
                address,
                moved.get(*address).copied(),
                record,
                basis.schemas,
                redactor,
            ));
        }
    }
    for it in changes {
        document.element(&change(it, basis.schemas));
    }
    document.end();
}

fn mode_name(mode: PlanMode) -> &'static str {
    match mode {
        PlanMode::Normal => "normal",
        PlanMode::Destroy => "destroy",
        PlanMode::RefreshOnly => "refresh-only",
    }
}

/// Returns the fields that Terraform has no keys for.
fn own(report: &PlanReport) -> JsonValue {
    let unlooked = |(address, why): &(Address, String)| {
        JsonValue::object([("address", address.to_string().into()), ("reason", why.into())])
    };
    let remarked = |(address, remark): &(Address, String)| {
        JsonValue::object([("address", address.to_string().into()), ("remark", remark.into())])
    };
    let spread = |(group, members, at_most): &(String, usize, usize)| {
        JsonValue::object([
            ("group", group.into()),
            ("members", (*members).into()),
            ("at_most", (*at_most).into()),
        ])
    };
    JsonValue::object([
        ("mode", mode_name(report.mode).into()),
        ("stack", (&report.stack).into()),
        ("identities", JsonValue::array(&report.identities)),
        ("state_number", report.state_number.into()),
        ("unchanged", report.unchanged.into()),
        ("unchecked", JsonValue::Array(report.unchecked.iter().map(unlooked).collect())),
        ("remarks", JsonValue::Array(report.remarks.iter().map(remarked).collect())),
        ("rolling", JsonValue::Array(report.rolling.iter().map(spread).collect())),
        ("unfinished", JsonValue::array(report.unfinished.iter().map(ToString::to_string))),
        ("targets", JsonValue::array(report.targets.iter())),
        ("excludes", JsonValue::array(report.excludes.iter())),
        ("left_out", JsonValue::array(report.left_out.iter().map(ToString::to_string))),
    ])
}

//! One change, of an instance or an output.

use std::collections::BTreeMap;

use ha_plan::{ChangeReason, OutputChange};
use ha_provider::{Impact, ImpactSeverity, SchemaSet};
use ha_state_model::Record;
use ha_value::{Action, Address, Name};

use super::super::json::{JsonValue, address_fields, sensitives, unknowns};
use super::super::redacted_value::RedactedValue;
use super::super::redaction::Redactor;
use super::super::report::{ChangeReport, DriftReport, OutputReport, shown_output_change};
use super::super::values::with_nulls;

/// Returns the change of an instance.
pub(super) fn change(it: &ChangeReport, schemas: &SchemaSet) -> JsonValue {
    let ChangeReport {
        address,
        deposed,
        action,
        reason: why,
        before,
        after,
        differences,
        retyped: _,
        impacts,
        remarks,
        group,
        gone_with,
        moved_from,
        importing,
        place,
        because,
    } = it;
    let mut fields = address_fields(address);
    if let Some(before) = moved_from {
        fields.insert(1, ("previous_address", before.to_string().into()));
    }
    if let Some(key) = deposed {
        fields.push(("deposed", key.into()));
    }
    let replaced: Vec<JsonValue> =
        differences.iter().filter(|it| it.replaces).map(|it| JsonValue::from(&it.path)).collect();
    let mut sides = sides(
        *action,
        all_attributes(address, before.as_ref(), schemas),
        all_attributes(address, after.as_ref(), schemas),
    );
    if !replaced.is_empty() {
        sides.push(("replace_paths", JsonValue::Array(replaced)));
    }
    if let Some(id) = importing {
        sides.push(("importing", JsonValue::object([("id", id.into())])));
    }
    fields.push(("change", JsonValue::object(sides)));
    if let Some(reason) = why.as_ref().and_then(reason_name) {
        fields.push(("action_reason", reason.into()));
    }
    let own = [
        ("impacts", JsonValue::Array(impacts.iter().map(impact).collect())),
        ("remarks", JsonValue::array(remarks)),
        ("because", JsonValue::array(because)),
        ("group", group.as_ref().into()),
        ("gone_with", gone_with.as_ref().map(ToString::to_string).into()),
        ("place", place.as_ref().into()),
    ];
    let own_fields = own
        .into_iter()
        .filter(|(_, it)| *it != JsonValue::Null && *it != JsonValue::Array(Vec::new()));
    fields.push(("ha", JsonValue::object(own_fields)));
    JsonValue::object(fields)
}

/// Returns the drift of an instance.
pub(super) fn drifted(it: &DriftReport, schemas: &SchemaSet) -> JsonValue {
    let DriftReport { address, before, after, paths, remarks, contributes } = it;
    let action = if after.is_some() { Action::Update } else { Action::Delete };
    let mut fields = address_fields(address);
    fields.push((
        "change",
        JsonValue::object(sides(
            action,
            all_attributes(address, Some(before), schemas),
            all_attributes(address, after.as_ref(), schemas),
        )),
    ));
    fields.push((
        "ha",
        JsonValue::object([
            ("paths", JsonValue::array(paths)),
            ("remarks", JsonValue::array(remarks)),
            ("contributes", (*contributes).into()),
        ]),
    ));
    JsonValue::object(fields)
}

/// Returns all attributes of one side, also unset ones.
fn all_attributes(
    address: &Address,
    side: Option<&BTreeMap<Name, RedactedValue>>,
    schemas: &SchemaSet,
) -> Option<RedactedValue> {
    side.map(|it| RedactedValue::Object(with_nulls(address, it.clone(), schemas)))
}

fn sides(
    action: Action,
    before: Option<RedactedValue>,
    after: Option<RedactedValue>,
) -> Vec<(&'static str, JsonValue)> {
    let marks =
        |side: &Option<RedactedValue>| side.as_ref().map_or(JsonValue::Bool(false), sensitives);
    vec![
        ("actions", actions(action)),
        ("before", before.as_ref().into()),
        ("after", after.as_ref().into()),
        ("after_unknown", after.as_ref().map_or(JsonValue::Object(Vec::new()), unknowns)),
        ("before_sensitive", marks(&before)),
        ("after_sensitive", marks(&after)),
    ]
}

/// Returns an instance without a change.
pub(super) fn unchanged(
    address: &Address,
    moved_from: Option<&Address>,
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
    let shown = RedactedValue::Object(with_nulls(address, redactor.attributes(&all), schemas));
    let mut fields = address_fields(address);
    if let Some(before) = moved_from {
        fields.insert(1, ("previous_address", before.to_string().into()));
    }
    fields
        .push(("change", JsonValue::object(sides(Action::NoOp, Some(shown.clone()), Some(shown)))));
    JsonValue::object(fields)
}

/// Returns the change of an output.
pub(super) fn output(it: &OutputChange, redactor: &mut Redactor<'_>) -> JsonValue {
    let OutputReport { before, after, sensitive, .. } = &shown_output_change(it, redactor);
    let action = output_action(it);
    let marks = |side: &Option<RedactedValue>, of: fn(&RedactedValue) -> JsonValue| {
        side.as_ref().map_or(JsonValue::Bool(false), of)
    };
    // Terraform marks both sides as sensitive if one of them is, even if the other does not exist.
    let sensitive = *sensitive || matches!(marks(before, sensitives), JsonValue::Bool(true));
    let hidden = |side: &Option<RedactedValue>| {
        if sensitive { JsonValue::Bool(true) } else { marks(side, sensitives) }
    };
    // A secret is null, so that no reader can take a placeholder for its value.
    let value =
        |side: &Option<RedactedValue>| side.as_ref().filter(|it| !it.hides_something()).into();
    let mut fields = vec![("actions", actions(action)), ("before", value(before))];
    if after.as_ref().is_none_or(|it| !matches!(it, RedactedValue::Unknown { .. })) {
        fields.push(("after", value(after)));
    }
    fields.push(("after_unknown", marks(after, unknowns)));
    fields.push(("before_sensitive", hidden(before)));
    fields.push(("after_sensitive", hidden(after)));
    JsonValue::object(fields)
}

/// Returns the actions on an output, in the terms of instances.
pub(crate) fn output_action(it: &OutputChange) -> Action {
    match (&it.before, &it.after) {
        _ if !it.is_change() => Action::NoOp,
        (None, _) => Action::Create,
        (_, None) => Action::Delete,
        _ => Action::Update,
    }
}

fn actions(action: Action) -> JsonValue {
    let names: &[&str] = match action {
        Action::NoOp => &["no-op"],
        Action::Read => &["read"],
        Action::Create => &["create"],
        Action::Update => &["update"],
        Action::DeleteThenCreate => &["delete", "create"],
        Action::CreateThenDelete => &["create", "delete"],
        Action::Delete => &["delete"],
        Action::Forget => &["forget"],
    };
    JsonValue::array(names.iter().copied())
}

/// Returns the reason of a change as Terraform's `action_reason`.
pub(crate) fn reason_name(reason: &ChangeReason) -> Option<&'static str> {
    Some(match reason {
        ChangeReason::Tainted | ChangeReason::Lost => "replace_because_tainted",
        ChangeReason::Requested => "replace_by_request",
        ChangeReason::Triggered(_) | ChangeReason::Within(_) => "replace_by_triggers",
        ChangeReason::CannotUpdate => "replace_because_cannot_update",
        ChangeReason::NoConfiguration => "delete_because_no_resource_config",
        ChangeReason::NoModule => "delete_because_no_module",
        ChangeReason::NoMoveTarget => "delete_because_no_move_target",
        ChangeReason::WrongRepetition => "delete_because_wrong_repetition",
        ChangeReason::CountIndex => "delete_because_count_index",
        ChangeReason::EachKey => "delete_because_each_key",
        ChangeReason::NotEnabled => "delete_because_enabled_false",
        ChangeReason::ArgumentsUnknown => "read_because_config_unknown",
        ChangeReason::DependencyPending => "read_because_dependency_pending",
        ChangeReason::ForCheck => "read_because_check_nested",
        ChangeReason::Deposed
        | ChangeReason::Abandoned
        | ChangeReason::Destroy
        | ChangeReason::Gone => return None,
    })
}

fn impact(it: &Impact) -> JsonValue {
    let severity = match it.severity {
        ImpactSeverity::Notice => "notice",
        ImpactSeverity::Disruption => "disruption",
        ImpactSeverity::DataLoss => "data_loss",
    };
    JsonValue::object([("severity", severity.into()), ("message", (&it.message).into())])
}

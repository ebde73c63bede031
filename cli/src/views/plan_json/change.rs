//! One change, of an instance or an output.

use std::collections::BTreeMap;

use ha_plan::{OutputChange, Reason};
use ha_provider::{Impact, ImpactSeverity, Schemas};
use ha_state_model::Record;
use ha_value::{Action, Address, Name};

use super::super::json::{Json, address_fields, sensitives, unknowns};
use super::super::redacted_value::Shown;
use super::super::redaction::Redactor;
use super::super::report::{ShownChange, ShownDrift, ShownOutput, shown_output_change};
use super::super::values::with_nulls;

/// What happens to an instance.
pub(super) fn change(it: &ShownChange, schemas: &Schemas) -> Json {
    let ShownChange {
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
    let replaced: Vec<Json> = differences.iter().filter(|it| it.replaces).map(|it| Json::from(&it.path)).collect();
    let mut sides = sides(*action, whole(address, before.as_ref(), schemas), whole(address, after.as_ref(), schemas));
    if !replaced.is_empty() {
        sides.push(("replace_paths", Json::Array(replaced)));
    }
    if let Some(id) = importing {
        sides.push(("importing", Json::object([("id", id.into())])));
    }
    fields.push(("change", Json::object(sides)));
    if let Some(reason) = why.as_ref().and_then(reason_name) {
        fields.push(("action_reason", reason.into()));
    }
    let own = [
        ("impacts", Json::Array(impacts.iter().map(impact).collect())),
        ("remarks", Json::array(remarks)),
        ("because", Json::array(because)),
        ("group", group.as_ref().into()),
        ("gone_with", gone_with.as_ref().map(ToString::to_string).into()),
        ("place", place.as_ref().into()),
    ];
    let said = own.into_iter().filter(|(_, it)| *it != Json::Null && *it != Json::Array(Vec::new()));
    fields.push(("ha", Json::object(said)));
    Json::object(fields)
}

/// What happened to an instance outside.
pub(super) fn drifted(it: &ShownDrift, schemas: &Schemas) -> Json {
    let ShownDrift { address, before, after, paths, remarks, contributes } = it;
    let action = if after.is_some() { Action::Update } else { Action::Delete };
    let mut fields = address_fields(address);
    fields.push((
        "change",
        Json::object(sides(action, whole(address, Some(before), schemas), whole(address, after.as_ref(), schemas))),
    ));
    fields.push((
        "ha",
        Json::object([("paths", Json::array(paths)), ("remarks", Json::array(remarks)), ("contributes", (*contributes).into())]),
    ));
    Json::object(fields)
}

/// All attributes of a side, those that nobody says anything of among them.
fn whole(address: &Address, side: Option<&BTreeMap<Name, Shown>>, schemas: &Schemas) -> Option<Shown> {
    side.map(|it| Shown::Object(with_nulls(address, it.clone(), schemas)))
}

fn sides(action: Action, before: Option<Shown>, after: Option<Shown>) -> Vec<(&'static str, Json)> {
    let marks = |side: &Option<Shown>| side.as_ref().map_or(Json::Bool(false), sensitives);
    vec![
        ("actions", actions(action)),
        ("before", before.as_ref().into()),
        ("after", after.as_ref().into()),
        ("after_unknown", after.as_ref().map_or(Json::Object(Vec::new()), unknowns)),
        ("before_sensitive", marks(&before)),
        ("after_sensitive", marks(&after)),
    ]
}

/// An instance to which nothing happens.
pub(super) fn unchanged(
    address: &Address,
    moved_from: Option<&Address>,
    record: &Record,
    schemas: &Schemas,
    redactor: &mut Redactor<'_>,
) -> Json {
    let mut all = record.arguments.clone();
    all.extend(record.outputs.iter().filter(|(_, it)| !it.is_null()).map(|(name, it)| (name.clone(), it.clone())));
    let shown = Shown::Object(with_nulls(address, redactor.attributes(&all), schemas));
    let mut fields = address_fields(address);
    if let Some(before) = moved_from {
        fields.insert(1, ("previous_address", before.to_string().into()));
    }
    fields.push(("change", Json::object(sides(Action::NoOp, Some(shown.clone()), Some(shown)))));
    Json::object(fields)
}

/// What happens to an output.
pub(super) fn output(it: &OutputChange, redactor: &mut Redactor<'_>) -> Json {
    let ShownOutput { before, after, sensitive, .. } = &shown_output_change(it, redactor);
    let action = output_action(it);
    let marks = |side: &Option<Shown>, of: fn(&Shown) -> Json| side.as_ref().map_or(Json::Bool(false), of);
    // As Terraform has it: what is or was a secret is one on both sides, whether they are there or not.
    let sensitive = *sensitive || matches!(marks(before, sensitives), Json::Bool(true));
    let hidden = |side: &Option<Shown>| if sensitive { Json::Bool(true) } else { marks(side, sensitives) };
    // Null stands for a secret, so that nobody takes anything else for its value.
    let value = |side: &Option<Shown>| side.as_ref().filter(|it| !it.hides_something()).into();
    let mut fields = vec![("actions", actions(action)), ("before", value(before))];
    if after.as_ref().is_none_or(|it| !matches!(it, Shown::Unknown { .. })) {
        fields.push(("after", value(after)));
    }
    fields.push(("after_unknown", marks(after, unknowns)));
    fields.push(("before_sensitive", hidden(before)));
    fields.push(("after_sensitive", hidden(after)));
    Json::object(fields)
}

/// What happens to an output, in the words for instances.
pub(crate) fn output_action(it: &OutputChange) -> Action {
    match (&it.before, &it.after) {
        _ if !it.is_change() => Action::NoOp,
        (None, _) => Action::Create,
        (_, None) => Action::Delete,
        _ => Action::Update,
    }
}

fn actions(action: Action) -> Json {
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
    Json::array(names.iter().copied())
}

/// Why, in the words of plans for tools.
pub(crate) fn reason_name(reason: &Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Tainted | Reason::Lost => "replace_because_tainted",
        Reason::Requested => "replace_by_request",
        Reason::Triggered(_) | Reason::Within(_) => "replace_by_triggers",
        Reason::CannotUpdate => "replace_because_cannot_update",
        Reason::NoConfiguration => "delete_because_no_resource_config",
        Reason::NoModule => "delete_because_no_module",
        Reason::NoMoveTarget => "delete_because_no_move_target",
        Reason::WrongRepetition => "delete_because_wrong_repetition",
        Reason::CountIndex => "delete_because_count_index",
        Reason::EachKey => "delete_because_each_key",
        Reason::NotEnabled => "delete_because_enabled_false",
        Reason::ArgumentsUnknown => "read_because_config_unknown",
        Reason::DependencyPending => "read_because_dependency_pending",
        Reason::ForCheck => "read_because_check_nested",
        Reason::Deposed | Reason::Abandoned | Reason::Destroy | Reason::Gone => return None,
    })
}

fn impact(it: &Impact) -> Json {
    let severity = match it.severity {
        ImpactSeverity::Notice => "notice",
        ImpactSeverity::Disruption => "disruption",
        ImpactSeverity::DataLoss => "data_loss",
    };
    Json::object([("severity", severity.into()), ("message", (&it.message).into())])
}

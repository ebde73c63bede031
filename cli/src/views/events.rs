//! Events as JSON lines, in the format of Terraform's "machine-readable UI".

use std::collections::HashSet;

use ha_apply::{ApplyResult, UnfinishedWork};
use ha_lang::Configuration;
use ha_plan::{ChangeCounts, ChangeReason, OutputChange, Plan, PlanMode};
use ha_provider::Incident;
use ha_state_model::OutputRecord;
use ha_value::{Action, Address, Name};

use super::json::{JsonValue, implied_provider};
use super::outcome::{
    done_counts, incidents_text, infinitive, not_started_because, past, taken_up, taking_up,
    was_stopped,
};
use super::plan_json::{TERRAFORM_VERSION, output_action, output_changes, reason_name};
use super::plan_text::counted;
use super::redaction::SecretVisibility;
use super::report::{ChangeReport, PlanReport};
use super::secrets::SecretTexts;
use super::state_view::output_json;
use super::values::module_address;

/// The version of the stream's format.
const SHAPE: &str = "1.2";

/// The log level of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventLevel {
    Info,
    Warn,
    Error,
}

/// One line of the stream, without its time.
#[derive(Debug)]
pub(crate) struct EventLine {
    level: EventLevel,
    message: String,
    kind: &'static str,
    fields: Vec<(&'static str, JsonValue)>,
}

impl EventLine {
    fn info(kind: &'static str, message: impl Into<String>) -> Self {
        Self { level: EventLevel::Info, message: message.into(), kind, fields: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: JsonValue) -> Self {
        self.fields.push((name, value));
        self
    }

    /// Returns the line with its time.
    pub(crate) fn at(self, time: jiff::Timestamp) -> JsonValue {
        let Self { level, message, kind, fields } = self;
        let level = match level {
            EventLevel::Info => "info",
            EventLevel::Warn => "warn",
            EventLevel::Error => "error",
        };
        let head = [
            ("@level", level.into()),
            ("@message", message.into()),
            ("@module", "ha.ui".into()),
            ("@timestamp", JsonValue::from(format!("{time:.6}"))),
        ];
        JsonValue::object(head.into_iter().chain(fields).chain([("type", kind.into())]))
    }
}

/// Creates the first line: the version of the program and of the format.
pub(crate) fn version() -> EventLine {
    let version = env!("CARGO_PKG_VERSION");
    let line = EventLine::info("version", format!("ha {version}"));
    line.with("ha", version.into())
        .with("terraform", TERRAFORM_VERSION.into())
        .with("ui", SHAPE.into())
}

/// Creates an event that has a message and no further data.
pub(crate) fn log(message: impl Into<String>) -> EventLine {
    EventLine::info("log", message)
}

/// Creates the event of one diagnostic, which `notice_json` rendered.
pub(crate) fn diagnostic(rendered: JsonValue) -> EventLine {
    let text = |name: &str| match &rendered {
        JsonValue::Object(fields) => fields.iter().find_map(|(it, value)| match value {
            JsonValue::String(text) if it == name => Some(text.clone()),
            _ => None,
        }),
        _ => None,
    };
    let (level, word) = match text("severity").as_deref() {
        Some("warning") => (EventLevel::Warn, "warning"),
        _ => (EventLevel::Error, "error"),
    };
    let message = format!("{word}: {}", text("summary").unwrap_or_default());
    EventLine { level, message, kind: "diagnostic", fields: vec![("diagnostic", rendered)] }
}

/// The refresh of an instance begins.
pub(crate) fn refresh_start(address: &Address, id: &str) -> EventLine {
    EventLine::info("refresh_start", format!("{address}: looking at it ({id})"))
        .with("hook", identified(address, id))
}

/// The refresh of an instance is complete.
pub(crate) fn refresh_complete(address: &Address, id: &str) -> EventLine {
    EventLine::info("refresh_complete", format!("{address}: looked at ({id})"))
        .with("hook", identified(address, id))
}

fn identified(address: &Address, id: &str) -> JsonValue {
    JsonValue::object([
        ("resource", resource(address)),
        ("id_key", "id".into()),
        ("id_value", id.into()),
    ])
}

/// Creates the events of a plan, without its warnings.
pub(crate) fn planned(
    plan: &Plan,
    report: &PlanReport,
    configuration: &Configuration,
) -> Vec<EventLine> {
    let mut lines = Vec::new();
    for drift in &report.drift {
        let (action, words) =
            if drift.after.is_some() { ("update", "differs") } else { ("delete", "is gone") };
        let change =
            JsonValue::object([("resource", resource(&drift.address)), ("action", action.into())]);
        let message = format!("{}: {words} although no one used ha", drift.address);
        lines.push(EventLine::info("resource_drift", message).with("change", change));
    }
    lines.extend(report.changes.iter().filter(|it| it.is_something()).map(planned_change));
    let changed: HashSet<&Address> = report.changes.iter().map(|it| &it.address).collect();
    for (from, to) in report.moves.iter().filter(|(_, to)| !changed.contains(to)) {
        let change = [
            ("resource", resource(to)),
            ("previous_resource", resource(from)),
            ("action", "move".into()),
        ];
        lines.push(
            EventLine::info("planned_change", format!("{from}: moves to {to}"))
                .with("change", JsonValue::object(change)),
        );
    }
    for (address, why) in &report.unchecked {
        let message = format!("{address}: could not be looked at, taken to be as recorded: {why}");
        lines.push(
            EventLine::info("resource_unchecked", message).with("resource", resource(address)),
        );
    }
    let unseen = match report.unchecked.len() {
        0 => String::new(),
        unseen => format!(", {unseen} not looked at"),
    };
    lines.push(summary(
        &report.counts,
        format!("plan: {}{unseen}", counted(&report.counts)),
        "plan",
    ));
    let outputs = output_changes(plan, configuration);
    if !outputs.is_empty() {
        let output = |(name, it): &(&Name, OutputChange)| {
            let action = action_name(output_action(it));
            (
                name.to_string(),
                JsonValue::object([("sensitive", it.sensitive.into()), ("action", action.into())]),
            )
        };
        lines.push(outputs_line(outputs.iter().map(output).collect()));
    }
    lines
}

fn planned_change(change: &ChangeReport) -> EventLine {
    let ChangeReport { address, action, reason, moved_from, importing, deposed, .. } = change;
    let name = match action {
        Action::NoOp if moved_from.is_some() => "move",
        Action::NoOp if importing.is_some() => "import",
        other => action_name(*other),
    };
    let mut fields = vec![("resource", resource(address))];
    if let Some(before) = moved_from {
        fields.push(("previous_resource", resource(before)));
    }
    fields.push(("action", name.into()));
    if let Some(reason) = reason.as_ref().and_then(reason_word) {
        fields.push(("reason", reason.into()));
    }
    if let Some(key) = deposed {
        fields.push(("deposed", key.into()));
    }
    if let Some(id) = importing {
        fields.push(("importing", JsonValue::object([("id", id.into())])));
    }
    let verb = if *action == Action::NoOp { name } else { infinitive(*action) };
    let message = format!("{}: plans to {verb} it", change.title());
    EventLine::info("planned_change", message).with("change", JsonValue::object(fields))
}

fn reason_word(reason: &ChangeReason) -> Option<&'static str> {
    let name = reason_name(reason)?;
    Some(match name {
        "replace_because_tainted" => "tainted",
        "replace_by_request" => "requested",
        "replace_by_triggers" => "replace_triggered_by",
        "replace_because_cannot_update" => "cannot_update",
        same => same,
    })
}

/// Creates the event with the counts of changes. Terraform counts a replacement twice: as an
/// addition and as a removal.
fn summary(counts: &ChangeCounts, message: String, operation: &str) -> EventLine {
    let changes = JsonValue::object([
        ("add", (counts.create + counts.replace).into()),
        ("change", counts.update.into()),
        ("import", counts.import.into()),
        ("remove", (counts.delete + counts.replace).into()),
        ("operation", operation.into()),
    ]);
    EventLine::info("change_summary", message).with("changes", changes)
}

fn outputs_line(outputs: Vec<(String, JsonValue)>) -> EventLine {
    EventLine::info("outputs", format!("outputs: {}", outputs.len()))
        .with("outputs", JsonValue::Object(outputs))
}

/// A step on one instance, with the id as far as it is known.
pub(crate) struct StepHook<'a> {
    pub(crate) address: &'a Address,
    pub(crate) action: Action,
    pub(crate) id: Option<&'a str>,
    pub(crate) elapsed: Option<std::time::Duration>,
}

impl StepHook<'_> {
    /// The step begins.
    pub(crate) fn start(&self) -> EventLine {
        self.line(
            "apply_start",
            format!("{}: begins to {} it", self.address, infinitive(self.action)),
        )
    }

    /// The step is in progress, and may wait for something.
    pub(crate) fn progress(&self, waits: Option<&str>) -> EventLine {
        let waits = waits.map(|it| format!(": {it}")).unwrap_or_default();
        let seconds = self.elapsed.unwrap_or_default().as_secs();
        self.line(
            "apply_progress",
            format!("{}: still at it after {seconds}s{waits}", self.address),
        )
    }

    /// The step is complete and recorded.
    pub(crate) fn complete(&self) -> EventLine {
        self.line("apply_complete", format!("{}: {}", self.address, past(self.action)))
    }

    /// The step failed.
    pub(crate) fn errored(&self, why: &str) -> EventLine {
        let message = format!("{}: could not {} it: {why}", self.address, infinitive(self.action));
        self.line("apply_errored", message)
    }

    fn line(&self, kind: &'static str, message: String) -> EventLine {
        let mut fields =
            vec![("resource", resource(self.address)), ("action", action_name(self.action).into())];
        if let Some(id) = self.id {
            fields.extend([("id_key", "id".into()), ("id_value", id.into())]);
        }
        if let Some(elapsed) = self.elapsed {
            fields.push(("elapsed_seconds", elapsed.as_secs().into()));
        }
        EventLine::info(kind, message).with("hook", JsonValue::object(fields))
    }
}

/// The recovery of an unfinished step of an earlier run begins. Terraform has no such line; readers
/// of its stream ignore unknown types.
pub(crate) fn recover_start(address: &Address, left: &UnfinishedWork) -> EventLine {
    EventLine::info("recover_start", taking_up(address, left))
        .with("hook", JsonValue::object(left_half_done(address, left)))
}

/// The step is complete and recorded.
pub(crate) fn recover_complete(address: &Address, left: &UnfinishedWork, id: &str) -> EventLine {
    let fields = left_half_done(address, left)
        .into_iter()
        .chain([("id_key", "id".into()), ("id_value", id.into())]);
    EventLine::info("recover_complete", taken_up(address, left, id))
        .with("hook", JsonValue::object(fields))
}

fn left_half_done(address: &Address, left: &UnfinishedWork) -> Vec<(&'static str, JsonValue)> {
    let resource = ("resource", resource(address));
    match left {
        UnfinishedWork::Making => vec![resource, ("action", action_name(Action::Create).into())],
        UnfinishedWork::Changing(action) => vec![resource, ("action", action_name(*action).into())],
        UnfinishedWork::Owing { verb, target } => {
            vec![resource, ("verb", (&**verb).into()), ("target", (&**target).into())]
        }
    }
}

/// Creates the event with the outcome of an apply: the steps that completed, failed and were not
/// started.
pub(crate) fn ended(
    applied: &ApplyResult,
    mode: PlanMode,
    secrets: &SecretTexts,
) -> Vec<EventLine> {
    let incidents = (!applied.incidents.is_empty()).then(|| incidents_event(&applied.incidents));
    if !applied.is_complete() {
        return incidents.into_iter().chain([stopped(applied)]).collect();
    }
    let operation = match mode {
        PlanMode::Normal => "apply",
        PlanMode::Destroy => "destroy",
        PlanMode::RefreshOnly => "refresh",
    };
    let mut lines: Vec<EventLine> = incidents.into_iter().collect();
    lines.push(summary(
        &done_counts(applied),
        format!("{operation}: everything is done"),
        operation,
    ));
    let outputs: Vec<_> = applied
        .outputs
        .iter()
        .flatten()
        .map(|(name, it)| (name.to_string(), stream_output(it, secrets)))
        .collect();
    if !outputs.is_empty() {
        lines.push(outputs_line(outputs));
    }
    lines
}

/// Creates the event with the incidents that retries got over.
fn incidents_event(incidents: &[Incident]) -> EventLine {
    let incident = |Incident { what, service, times }: &Incident| {
        JsonValue::object([
            ("what", (*what).into()),
            ("service", (*service).into()),
            ("times", (*times).into()),
        ])
    };
    EventLine::info("incidents", incidents_text(incidents))
        .with("incidents", JsonValue::Array(incidents.iter().map(incident).collect()))
}

/// Creates one output; the value of a sensitive one is omitted.
fn stream_output(output: &OutputRecord, secrets: &SecretTexts) -> JsonValue {
    let mut fields_of_output = output_json(output, secrets, SecretVisibility::Redacted);
    if let (JsonValue::Object(fields), true) = (&mut fields_of_output, output.sensitive) {
        fields.retain(|(name, _)| name != "value");
    }
    fields_of_output
}

/// Terraform has no such line; readers of its stream ignore unknown types.
fn stopped(applied: &ApplyResult) -> EventLine {
    let step = |address: &Address, action: Action| {
        vec![
            ("addr", JsonValue::from(address.to_string())),
            ("action", JsonValue::from(action_name(action))),
        ]
    };
    let done =
        applied.done.iter().map(|(address, action)| JsonValue::object(step(address, *action)));
    let ended = |is_stopped: bool| {
        let such =
            applied.failed.iter().filter(move |(.., error)| was_stopped(error) == is_stopped);
        such.map(|(address, action, _)| JsonValue::object(step(address, *action)))
            .collect::<Vec<_>>()
    };
    let (half_done, failed) = (ended(true), ended(false));
    let not_started = applied.not_started.iter().map(|(address, action, why)| {
        JsonValue::object(
            step(address, *action).into_iter().chain([("reason", not_started_because(why).into())]),
        )
    });
    let (done, not_started): (Vec<_>, Vec<_>) = (done.collect(), not_started.collect());
    let half = if half_done.is_empty() {
        String::new()
    } else {
        format!("{} half done, ", half_done.len())
    };
    let message = format!(
        "{} steps done, {half}{} failed, {} not started",
        done.len(),
        failed.len(),
        not_started.len()
    );
    let line =
        EventLine::info("apply_stopped", message).with("interrupted", applied.interrupted.into());
    let line =
        line.with("done", JsonValue::Array(done)).with("half_done", JsonValue::Array(half_done));
    line.with("failed", JsonValue::Array(failed)).with("not_started", JsonValue::Array(not_started))
}

/// Returns an address in the format of the stream.
fn resource(address: &Address) -> JsonValue {
    let module = &address.block.module;
    let mut inside = address.clone();
    inside.block.module = std::sync::Arc::new([]);
    JsonValue::object([
        ("addr", address.to_string().into()),
        ("module", module_address(module).into()),
        ("resource", inside.to_string().into()),
        ("implied_provider", implied_provider(&address.block.kind).into()),
        ("resource_type", (&*address.block.kind).into()),
        ("resource_name", (&*address.block.name).into()),
        ("resource_key", JsonValue::from(&address.key)),
    ])
}

fn action_name(action: Action) -> &'static str {
    match action {
        Action::NoOp => "noop",
        Action::Read => "read",
        Action::Create => "create",
        Action::Update => "update",
        Action::DeleteThenCreate | Action::CreateThenDelete => "replace",
        Action::Delete => "delete",
        Action::Forget => "forget",
    }
}

//! A plan in few lines.

use std::fmt::Write;

use ha_apply::{ApplyResult, PlanFailure, StepError, UnstartedStep};
use ha_diagnostics::Diagnostic;
use ha_plan::{AddressMove, Change, ChangeReason, Plan};
use ha_value::{Action, Object, TextPart, Value};

/// A plan, with a line for each change.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for AddressMove { from, to } in &plan.moves {
        writeln!(text, "> {from} {to}").unwrap();
    }
    for change in &plan.changes {
        writeln!(text, "{}", self::change(change)).unwrap();
    }
    for drift in &plan.drift {
        let paths: Vec<String> = drift.paths.iter().map(ToString::to_string).collect();
        let what = if drift.after.is_some() { paths.join(", ") } else { "gone".into() };
        writeln!(text, "! {} {what}{}", drift.address, remarks(&drift.remarks)).unwrap();
    }
    for (address, why) in &plan.unchecked {
        writeln!(text, "? {address} {why}").unwrap();
    }
    for (address, remark) in &plan.remarks {
        writeln!(text, "= {address} ({remark})").unwrap();
    }
    for (name, it) in plan.outputs.iter().filter(|(_, it)| it.is_change()) {
        let side = |it: &Option<Value>| it.as_ref().map_or("none".into(), value);
        writeln!(text, "output {name}: {} -> {}", side(&it.before), side(&it.after)).unwrap();
    }
    if !plan.left_out.is_empty() {
        let left: Vec<String> = plan.left_out.iter().map(ToString::to_string).collect();
        writeln!(text, "left out: {}", left.join(", ")).unwrap();
    }
    for warning in &plan.warnings {
        writeln!(text, "warning: {}", warning.summary).unwrap();
    }
    if text.is_empty() { "nothing\n".into() } else { text }
}

fn remarks(remarks: &[String]) -> String {
    remarks.iter().map(|it| format!(" ({it})")).collect()
}

fn change(change: &Change) -> String {
    let sign = match change.action {
        Action::Create => "+",
        Action::Update => "~",
        Action::DeleteThenCreate => "-+",
        Action::CreateThenDelete => "+-",
        Action::Delete => "-",
        Action::Read => "<=",
        Action::NoOp => "=",
        Action::Forget => ".",
    };
    let mut text = format!("{sign} {}", change.address);
    if change.deposed.is_some() {
        text.push_str(" (deposed)");
    }
    if let Some(id) = &change.importing {
        write!(text, " imported {id}").unwrap();
    }
    if let Some(reason) = &change.reason {
        write!(text, " {}", self::reason(reason)).unwrap();
    }
    if let Some(container) = &change.gone_with {
        write!(text, " gone with {container}").unwrap();
    }
    let none = Object::new();
    let (before, after) =
        (change.before.as_ref().unwrap_or(&none), change.after.as_ref().unwrap_or(&none));
    let names = change.names();
    let replaces = |name: &str| {
        change.differences.iter().any(|it| it.replaces && it.name().is_some_and(|it| &**it == name))
    };
    let mut rows = Vec::new();
    for name in before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>() {
        let (was, is) = (
            before.get(name).filter(|it| !it.is_null()),
            after.get(name).filter(|it| !it.is_null()),
        );
        let mark = if replaces(name) { "!" } else { "" };
        match (was, is) {
            _ if matches!(change.action, Action::Delete | Action::Forget) => {}
            // That a new thing's own outputs are not known yet goes without saying.
            (_, Some(Value::Unknown(it)))
                if it.cause.as_deref() == Some(&format!("{}.{name}", change.address))
                    && change.action != Action::Update => {}
            (None, Some(is)) => rows.push(format!("{name}{mark}={}", value(is))),
            (Some(was), None) => rows.push(format!("{name}{mark}: {} -> none", value(was))),
            (Some(was), Some(is)) if was != is || names.contains(name) => {
                rows.push(format!("{name}{mark}: {} -> {}", value(was), value(is)));
            }
            _ => {}
        }
    }
    if !rows.is_empty() {
        write!(text, " {}", rows.join(", ")).unwrap();
    }
    text.push_str(&remarks(&change.remarks));
    if !change.because.is_empty() {
        write!(text, " because of {}", change.because.join(", ")).unwrap();
    }
    text
}

fn reason(reason: &ChangeReason) -> String {
    match reason {
        ChangeReason::Triggered(by) => format!("[triggered by {by}]"),
        ChangeReason::Within(container) => format!("[within {container}]"),
        plain => format!("[{plain:?}]"),
    }
}

/// A value in few characters; secrets are not shown.
pub(crate) fn value(it: &Value) -> String {
    let list =
        |items: Vec<String>, open: &str, close: &str| format!("{open}{}{close}", items.join(", "));
    match it {
        Value::Null(_) => "null".into(),
        Value::Bool(it) => it.to_string(),
        Value::Number(it) => it.to_string(),
        Value::String(it) => format!("{it:?}"),
        Value::Unknown(it) => {
            format!("?{}", it.cause.as_deref().map(|it| format!("({it})")).unwrap_or_default())
        }
        Value::Sensitive(it) if it.is_known() => "secret".into(),
        Value::Sensitive(it) => format!("secret {}", value(it)),
        Value::Composed(parts) => {
            let part = |it: &TextPart| match it {
                TextPart::Clear(it) => format!("{it:?}"),
                TextPart::Secret(_) => "secret".into(),
                TextPart::Unknown { cause, secret, .. } => {
                    let cause = cause.as_deref().map(|it| format!("({it})")).unwrap_or_default();
                    format!("{}?{cause}", if *secret { "secret " } else { "" })
                }
            };
            parts.iter().map(part).collect::<Vec<_>>().join("+")
        }
        Value::List(items) | Value::Tuple(items) => {
            list(items.iter().map(value).collect(), "[", "]")
        }
        Value::Set(items) => list(items.iter().map(value).collect(), "{", "}"),
        Value::Map(items) | Value::Object(items) => list(
            items
                .iter()
                .filter(|(_, it)| !it.is_null())
                .map(|(name, it)| format!("{name}={}", value(it)))
                .collect(),
            "{",
            "}",
        ),
    }
}

/// Diagnostics, with a line for each.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic]) -> String {
    let line = |it: &Diagnostic| {
        let of = it.address.as_ref().map(|it| format!(" [{it}]")).unwrap_or_default();
        let detail = if it.detail.is_empty() { String::new() } else { format!(": {}", it.detail) };
        format!("{}{detail}{of}\n", it.summary)
    };
    diagnostics.iter().map(line).collect()
}

/// Why there is no plan.
pub(crate) fn failure(failure: &PlanFailure) -> String {
    let errors: String = failure.errors.iter().map(|it| format!("{it}\n")).collect();
    diagnostics(&failure.diagnostics) + &errors
}

/// The result of an apply, with a line for each step that was not done.
pub(crate) fn applied(applied: &ApplyResult) -> String {
    let mut text = String::new();
    let mut failed: Vec<String> = Vec::new();
    for (address, action, error) in &applied.failed {
        let why = match error {
            StepError::Provider(it) => it.to_string(),
            StepError::Configuration(it) => diagnostics(it).trim().to_owned(),
            StepError::State(it) => format!("state: {it}"),
        };
        failed.push(format!("{action:?} {address} failed: {why}\n"));
    }
    let mut waiting: Vec<String> = Vec::new();
    for (address, action, why) in &applied.not_started {
        let why = match why {
            UnstartedStep::Needs(it) => format!("needs {it}"),
            UnstartedStep::Interrupted => "interrupted".into(),
            UnstartedStep::StateUnwritable => "state unwritable".into(),
        };
        waiting.push(format!("{action:?} {address} not started: {why}\n"));
    }
    failed.sort();
    waiting.sort();
    text.extend(failed);
    text.extend(waiting);
    text.push_str(&diagnostics(&applied.diagnostics));
    if applied.interrupted {
        text.push_str("interrupted\n");
    }
    if text.is_empty() { "complete\n".into() } else { text }
}

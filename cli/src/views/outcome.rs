//! Renders the outcome of an apply: completed, failed and not started steps, and what to do next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use ha_apply::{ApplyResult, StepError, UnfinishedWork, UnstartedStep};
use ha_diagnostics::SourceSpan;
use ha_plan::{ChangeCounts, PlanMode};
use ha_provider::{CallOutcome, Incident};
use ha_value::{Action, Address, Name};
use unicode_width::UnicodeWidthStr;

use super::diagnostic::RenderedDiagnostic;
use super::duration::duration;
use super::expression::set_out;
use super::redacted_value::{RedactedValue, SENSITIVE};
use super::style::{Painter, TextRole};
use crate::invocation;

/// Facts about an apply, apart from its result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ApplyEnding {
    pub(crate) mode: PlanMode,
    pub(crate) elapsed: Duration,
    /// The number of the state's last frame before and after.
    pub(crate) state: (u64, u64),
    /// Whether every completed step is recorded.
    pub(crate) is_recorded: bool,
    /// The number of instances that were imported before the first step.
    pub(crate) imported: usize,
}

/// Returns the line for a complete apply; the caller has checked that the state is recorded.
pub(crate) fn complete_text(applied: &ApplyResult, ending: ApplyEnding, paint: Painter) -> String {
    let head = match ending.mode {
        PlanMode::Normal => "Apply complete!",
        PlanMode::RefreshOnly if ending.imported > 0 => "Import complete!",
        PlanMode::RefreshOnly => "Refresh complete!",
        PlanMode::Destroy => "Destroy complete!",
    };
    let imported =
        if ending.imported > 0 { format!("{} imported, ", ending.imported) } else { String::new() };
    let done = format!(
        "{} {imported}{} in {}.\n",
        paint.put(TextRole::Made, head),
        done_counted(applied),
        duration(ending.elapsed)
    );
    done + &incidents_line(&applied.incidents)
}

/// Returns the sentence about incidents that retries got over: `Throttled 14 times (ec2 9, rds
/// 5).`; none without incidents.
fn incidents_line(incidents: &[Incident]) -> String {
    match incidents_text(incidents) {
        text if text.is_empty() => text,
        text => format!("{}{}.\n", text[..1].to_uppercase(), &text[1..]),
    }
}

/// `throttled 14 times (ec2 9, rds 5), asked again 3 times (s3 3)`.
pub(crate) fn incidents_text(incidents: &[Incident]) -> String {
    let mut by_kind: BTreeMap<&str, Vec<&Incident>> = BTreeMap::new();
    for it in incidents.iter().filter(|it| it.times > 0) {
        by_kind.entry(it.what).or_default().push(it);
    }
    let counts = by_kind.into_iter().rev().map(|(what, mut of_services)| {
        of_services.sort_by_key(|it| std::cmp::Reverse(it.times));
        let total: u64 = of_services.iter().map(|it| it.times).sum();
        let times = if total == 1 { "once".to_owned() } else { format!("{total} times") };
        let services: Vec<String> =
            of_services.iter().map(|it| format!("{} {}", it.service, it.times)).collect();
        format!("{what} {times} ({})", services.join(", "))
    });
    counts.collect::<Vec<_>>().join(", ")
}

/// `3 created, 1 updated, 1 replaced, 2 destroyed`.
fn done_counted(applied: &ApplyResult) -> String {
    let ChangeCounts { create, update, replace, delete, forget, read: _, import: _ } =
        done_counts(applied);
    let forgotten = if forget > 0 { format!(", {forget} forgotten") } else { String::new() };
    format!("{create} created, {update} updated, {replace} replaced, {delete} destroyed{forgotten}")
}

/// The number of instances for each action.
pub(crate) fn done_counts(applied: &ApplyResult) -> ChangeCounts {
    let mut steps: BTreeMap<&Address, (bool, bool, bool)> = BTreeMap::new();
    for (address, action) in &applied.done {
        let (created, updated, deleted) = steps.entry(address).or_default();
        match action {
            Action::NoOp | Action::Read | Action::Forget => {}
            Action::Create => *created = true,
            Action::Update => *updated = true,
            Action::Delete => *deleted = true,
            Action::DeleteThenCreate | Action::CreateThenDelete => {
                (*created, *deleted) = (true, true)
            }
        }
    }
    let count = |of: fn(&(bool, bool, bool)) -> bool| steps.values().filter(|it| of(it)).count();
    ChangeCounts {
        create: count(|it| it.0 && !it.2),
        update: count(|it| it.1),
        replace: count(|it| it.0 && it.2),
        delete: count(|it| it.2 && !it.0),
        forget: applied.done.iter().filter(|(_, it)| *it == Action::Forget).count(),
        ..ChangeCounts::default()
    }
}

/// Returns why a step was not started.
pub(crate) fn not_started_because(why: &UnstartedStep) -> String {
    match why {
        UnstartedStep::Needs(other) => format!("needs {other}"),
        UnstartedStep::Interrupted => "the run was interrupted".into(),
        UnstartedStep::StateUnwritable => "the state could not be written".into(),
    }
}

/// Returns the report: completed, failed and not started steps, and what to do next.
pub(crate) fn stopped_text(applied: &ApplyResult, ending: ApplyEnding, paint: Painter) -> String {
    let what = match ending.mode {
        PlanMode::Normal => "Apply",
        PlanMode::RefreshOnly => "Refresh",
        PlanMode::Destroy => "Destroy",
    };
    let (stopped, failed): (Vec<_>, Vec<_>) =
        applied.failed.iter().partition(|(.., error)| was_stopped(error));
    let how = if applied.interrupted && failed.is_empty() { "interrupted" } else { "stopped" };
    let (before, after) = ending.state;
    let is_untouched = applied.done.is_empty() && applied.failed.is_empty();
    let record = match (ending.is_recorded, is_untouched) {
        (true, false) if after == 0 => "Nothing came of it, so nothing is recorded.".into(),
        (true, false) => format!("What was done is on record (state {before} -> {after})."),
        (true, true) => "Nothing was changed.".into(),
        (false, _) => "The state could not be written to the end.".into(),
    };
    let head = format!("{what} {how} after {}.", duration(ending.elapsed));
    let mut text = format!("{} {record}\n\n", paint.put(TextRole::Alarm, &head));
    let width = applied
        .not_started
        .iter()
        .map(|(address, ..)| address.to_string().width())
        .max()
        .unwrap_or(0)
        .min(48);
    let mut section = |name: &str, tone: TextRole, lines: Vec<String>| {
        for (index, line) in lines.into_iter().enumerate() {
            let name = paint.put(tone, &format!("{:<12}", if index == 0 { name } else { "" }));
            let _ = writeln!(text, "  {name} {}", line.trim_end());
        }
    };
    let did = |(address, action): &(Address, Action)| format!("{address}  {}", past(*action));
    section("done", TextRole::Made, applied.done.iter().map(did).collect());
    let left = |(address, action, error): &&(Address, Action, StepError)| {
        format!("{address}  not {} yet; left to do: {}", past(*action), attempted(error))
    };
    section("half done", TextRole::Notice, stopped.iter().map(left).collect());
    let could_not = |(address, action, _): &&(Address, Action, StepError)| {
        format!("{address}  could not be {}; see above", past(*action))
    };
    section("failed", TextRole::Alarm, failed.iter().map(could_not).collect());
    let waited = |(address, _, why): &(Address, Action, UnstartedStep)| {
        let why = not_started_because(why);
        let address = address.to_string();
        format!("{address}{:pad$}  {why}", "", pad = width.saturating_sub(address.width()))
    };
    section("not started", TextRole::Quiet, applied.not_started.iter().map(waited).collect());
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    let incidents = incidents_line(&applied.incidents);
    if !incidents.is_empty() {
        text += &(incidents + "\n");
    }
    text + &next_step(applied, ending)
}

/// Whether a step ended early because the operator asked to stop; the next run continues it.
pub(crate) fn was_stopped(error: &StepError) -> bool {
    matches!(error, StepError::Provider(error) if error.outcome == CallOutcome::Interrupted)
}

/// Returns the last progress of an interrupted step.
fn attempted(error: &StepError) -> &str {
    match error {
        StepError::Provider(error) => &error.attempted,
        StepError::Configuration(_) | StepError::State(_) => "",
    }
}

/// Returns the lines for steps in progress when the operator gave up waiting.
pub(crate) fn abandoned_text(running: &[(Address, Action, Duration)], paint: Painter) -> String {
    if running.is_empty() {
        return format!("\n{} Nothing was under way.\n", paint.put(TextRole::Alarm, "Abandoned."));
    }
    let mut text = format!(
        "\n{} What was done before is on record.\n\n",
        paint.put(TextRole::Alarm, "Abandoned.")
    );
    for (index, (address, action, elapsed)) in running.iter().enumerate() {
        let name = paint
            .put(TextRole::Alarm, &format!("{:<12}", if index == 0 { "under way" } else { "" }));
        let _ =
            writeln!(text, "  {name} {address}  {} for {}", present(*action), duration(*elapsed));
    }
    text + "\nNext: what became of these is found out by the next run before it does anything else.\n"
}

fn next_step(applied: &ApplyResult, ending: ApplyEnding) -> String {
    let command = match ending.mode {
        PlanMode::Normal => invocation::command(["apply"]),
        PlanMode::RefreshOnly => invocation::command(["apply", "--refresh-only"]),
        PlanMode::Destroy => invocation::command(["destroy"]),
    };
    let withheld: String = invocation::withheld()
        .iter()
        .map(|it| format!(", and give `{it}` its value again"))
        .collect();
    let unwritable = applied.failed.iter().any(|(.., error)| matches!(error, StepError::State(_)));
    let is_sound = applied.failed.iter().all(|(.., error)| was_stopped(error))
        && applied.diagnostics.is_empty();
    let first = match (unwritable || !ending.is_recorded, is_sound) {
        (true, _) => "see that the state can be written, then",
        (false, true) => "to go on,",
        (false, false) => "fix what failed, then",
    };
    format!(
        "Next: {first} run `{command}` again{withheld}: it plans again, and finishes first what was left half-way.\n"
    )
}

/// Returns a diagnostic at the block of each failed step. A step that was stopped on request is not
/// a failure.
pub(crate) fn failures(
    applied: &ApplyResult,
    span_of: impl Fn(&Address) -> Option<SourceSpan>,
) -> Vec<RenderedDiagnostic> {
    let mut notices: Vec<RenderedDiagnostic> = Vec::new();
    for (address, action, error) in applied.failed.iter().filter(|(.., error)| !was_stopped(error))
    {
        let title = format!("could not {} {address}", infinitive(*action));
        match error {
            StepError::Provider(error) => {
                notices.push(RenderedDiagnostic::outside(title, error).of_block(span_of(address).as_ref()))
            }
            StepError::Configuration(diagnostics) => {
                notices.extend(diagnostics.iter().map(|it| {
                    let mut notice = RenderedDiagnostic::from(it);
                    if it.address.is_none() {
                        notice.notes.push(("in", address.to_string()));
                    }
                    notice
                }));
            }
            StepError::State(why) => notices.push(
                RenderedDiagnostic::error("could not write the state, so nothing further was begun")
                    .note("cause", why)
                    .help("see that the state's store can be reached, or that its directory can be written and its disk has room")
                    .help(format!("what became of {address} is found out by the next run before it does anything else")),
            ),
        }
    }
    notices.extend(applied.diagnostics.iter().map(RenderedDiagnostic::from));
    notices
}

/// Returns the outputs for the terminal.
pub(crate) fn outputs_text(outputs: &BTreeMap<Name, RedactedValue>, paint: Painter) -> String {
    let width = outputs.keys().map(|it| it.width()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in outputs {
        let pad = width - name.width();
        let _ = writeln!(
            text,
            "{}{:pad$} = {}",
            paint.put(TextRole::Head, name),
            "",
            set_out(value, 0)
        );
    }
    text
}

/// Whether an output is hidden as a whole and only `--raw` shows it.
pub(crate) fn is_hidden(value: &RedactedValue) -> bool {
    set_out(value, 0) == SENSITIVE
}

/// Returns the participle of an action: `created`.
pub(crate) fn past(action: Action) -> &'static str {
    match action {
        Action::NoOp => "left as it is",
        Action::Read => "read",
        Action::Create => "created",
        Action::Update => "updated",
        Action::DeleteThenCreate | Action::CreateThenDelete => "replaced",
        Action::Delete => "destroyed",
        Action::Forget => "forgotten",
    }
}

/// Returns the infinitive of an action: `create`.
pub(crate) fn infinitive(action: Action) -> &'static str {
    match action {
        Action::NoOp => "leave",
        Action::Read => "read",
        Action::Create => "create",
        Action::Update => "update",
        Action::DeleteThenCreate | Action::CreateThenDelete => "replace",
        Action::Delete => "destroy",
        Action::Forget => "forget",
    }
}

/// Returns the present participle of an action: `creating`.
pub(crate) fn present(action: Action) -> &'static str {
    match action {
        Action::NoOp => "looking",
        Action::Read => "reading",
        Action::Create => "creating",
        Action::Update => "updating",
        Action::DeleteThenCreate | Action::CreateThenDelete => "replacing",
        Action::Delete => "destroying",
        Action::Forget => "forgetting",
    }
}

/// Returns the line for an unfinished step of a killed run whose recovery begins.
pub(crate) fn taking_up(address: &Address, left: &UnfinishedWork) -> String {
    match left {
        UnfinishedWork::Making => {
            format!("{address}: an earlier run left this unfinished; taking it up")
        }
        UnfinishedWork::Changing(action) => {
            format!(
                "{address}: an earlier run was ended while it was to {} this; looking at what became of it",
                infinitive(*action)
            )
        }
        UnfinishedWork::Owing { verb, target } => {
            format!("{address}: an earlier run left this to be done first: {verb} {target}")
        }
    }
}

/// Returns the line for a completed recovery.
pub(crate) fn taken_up(address: &Address, left: &UnfinishedWork, id: &str) -> String {
    match left {
        UnfinishedWork::Owing { verb, target } => format!("{address}: done: {verb} {target}"),
        UnfinishedWork::Making | UnfinishedWork::Changing(_) => {
            format!("{address}: finished ({id})")
        }
    }
}

#[cfg(test)]
mod tests {
    use ha_diagnostics::Diagnostic;
    use ha_provider::{CallOutcome, Error};
    use snapbox::str;

    use super::super::secrets::SecretTexts;
    use super::super::sources::SourceTexts;
    use super::super::test_data::check;
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn ending() -> ApplyEnding {
        ApplyEnding {
            mode: PlanMode::Normal,
            elapsed: Duration::from_secs(391),
            state: (118, 122),
            is_recorded: true,
            imported: 0,
        }
    }

    fn stopped() -> ApplyResult {
        let error = Error::new("create the instance", "io2 requires iops")
            .code("InvalidParameterCombination")
            .outcome(CallOutcome::Unknown);
        ApplyResult {
            done: vec![
                (address("sg.db"), Action::Update),
                (address("rds.main"), Action::Delete),
                (address("x.y[0]"), Action::Create),
            ],
            failed: vec![(address("rds.main"), Action::Create, StepError::Provider(error))],
            not_started: vec![
                (
                    address("userdata.web"),
                    Action::Update,
                    UnstartedStep::Needs(address("rds.main")),
                ),
                (address("asg.web"), Action::Update, UnstartedStep::Needs(address("userdata.web"))),
            ],
            ..ApplyResult::default()
        }
    }

    #[test]
    fn a_replacement_counts_once() {
        let mut applied = stopped();
        applied.done.push((address("rds.main"), Action::Create));
        check(
            &complete_text(&applied, ending(), Painter::PLAIN),
            str![[r#"
Apply complete! 1 created, 1 updated, 1 replaced, 0 destroyed in 6m31s.

"#]],
        );
    }

    #[test]
    fn incidents_are_counted_at_the_end() {
        let mut applied = stopped();
        let incident = |what, service, times| Incident { what, service, times };
        applied.incidents = vec![
            incident("asked again", "s3", 1),
            incident("throttled", "autoscaling", 5),
            incident("throttled", "ec2", 9),
        ];
        check(
            &complete_text(&applied, ending(), Painter::PLAIN),
            str![[r#"
Apply complete! 1 created, 1 updated, 0 replaced, 1 destroyed in 6m31s.
Throttled 14 times (ec2 9, autoscaling 5), asked again once (s3 1).

"#]],
        );
        assert!(
            stopped_text(&applied, ending(), Painter::PLAIN).contains("\n\nThrottled 14 times")
        );
    }

    #[test]
    fn a_failed_apply_says_what_is_done_and_what_is_next() {
        check(
            &stopped_text(&stopped(), ending(), Painter::PLAIN),
            str![[r#"
Apply stopped after 6m31s. What was done is on record (state 118 -> 122).

  done         sg.db  updated
               rds.main  destroyed
               x.y[0]  created
  failed       rds.main  could not be created; see above
  not started  userdata.web  needs rds.main
               asg.web       needs userdata.web

Next: fix what failed, then run `ha apply` again: it plans again, and finishes first what was left half-way.

"#]],
        );
        check(
            &stopped_text(&stopped(), ending(), Painter::COLOURED),
            str![[r#"
␛[1m␛[31mApply stopped after 6m31s.␛[0m What was done is on record (state 118 -> 122).

  ␛[32mdone        ␛[0m sg.db  updated
  ␛[32m            ␛[0m rds.main  destroyed
  ␛[32m            ␛[0m x.y[0]  created
  ␛[1m␛[31mfailed      ␛[0m rds.main  could not be created; see above
  ␛[2mnot started ␛[0m userdata.web  needs rds.main
  ␛[2m            ␛[0m asg.web       needs userdata.web

Next: fix what failed, then run `ha apply` again: it plans again, and finishes first what was left half-way.

"#]],
        );
    }

    #[test]
    fn an_interrupted_destroy() {
        let applied = ApplyResult {
            interrupted: true,
            not_started: vec![(address("a.b"), Action::Delete, UnstartedStep::Interrupted)],
            ..ApplyResult::default()
        };
        let ending = ApplyEnding { mode: PlanMode::Destroy, state: (5, 5), ..ending() };
        check(
            &stopped_text(&applied, ending, Painter::PLAIN),
            str![[r#"
Destroy interrupted after 6m31s. Nothing was changed.

  not started  a.b  the run was interrupted

Next: to go on, run `ha destroy` again: it plans again, and finishes first what was left half-way.

"#]],
        );
    }

    #[test]
    fn a_state_that_cannot_be_written() {
        let applied = ApplyResult {
            failed: vec![(
                address("a.b"),
                Action::Create,
                StepError::State("no space left on device".into()),
            )],
            not_started: vec![(address("c.d"), Action::Create, UnstartedStep::StateUnwritable)],
            ..ApplyResult::default()
        };
        let notices = failures(&applied, |_| None);
        let text = super::super::diagnostic::notices_text(
            &notices,
            &SourceTexts::default(),
            &SecretTexts::default(),
            Painter::PLAIN,
        );
        let ending = ApplyEnding { is_recorded: false, ..ending() };
        check(
            &(text + &stopped_text(&applied, ending, Painter::PLAIN)),
            str![[r#"
error: could not write the state, so nothing further was begun
 |
 = cause: no space left on device
 = help: see that the state's store can be reached, or that its directory can be written and its disk has room
 = help: what became of a.b is found out by the next run before it does anything else

Apply stopped after 6m31s. The state could not be written to the end.

  failed       a.b  could not be created; see above
  not started  c.d  the state could not be written

Next: see that the state can be written, then run `ha apply` again: it plans again, and finishes first what was left half-way.

"#]],
        );
    }

    #[test]
    fn failures_point_to_their_blocks() {
        let mut applied = stopped();
        let late = Diagnostic::error("the value is not a number")
            .at(SourceSpan::new("main.hcl".into(), 0..8));
        applied.failed.push((address("c.d"), Action::Update, StepError::Configuration(vec![late])));
        let sources: SourceTexts =
            [("main.hcl", "resource \"rds\" \"main\" {}\n")].into_iter().collect();
        let notices = failures(&applied, |_| Some(SourceSpan::new("main.hcl".into(), 0..21)));
        check(
            &super::super::diagnostic::notices_text(
                &notices,
                &sources,
                &SecretTexts::default(),
                Painter::PLAIN,
            ),
            str![[r#"
error: the value is not a number
 --> main.hcl:1:1
  |
1 | resource "rds" "main" {}
  | ^^^^^^^^
  |
  = in: c.d

error: could not create rds.main
 --> main.hcl:1:1
  |
1 | resource "rds" "main" {}
  | ^^^^^^^^^^^^^^^^^^^^^
  |
  = attempted: create the instance
  = cause: io2 requires iops
  = code: InvalidParameterCombination
  = left as: not known; the next run looks before it acts


"#]],
        );
    }

    #[test]
    fn outputs_are_set_out() {
        let hidden = RedactedValue::Secret(super::super::redacted_value::SecretToken {
            number: 0,
            revealed: None,
        });
        let outputs = BTreeMap::from([
            ("uri".into(), hidden),
            (
                "hosts".into(),
                RedactedValue::List(vec![RedactedValue::text("a"), RedactedValue::text("b")]),
            ),
            ("name".into(), RedactedValue::text("x")),
        ]);
        check(
            &outputs_text(&outputs, Painter::PLAIN),
            str![[r#"
hosts = [
  "a",
  "b",
]
name  = "x"
uri   = (sensitive)

"#]],
        );
        assert!(is_hidden(&outputs["uri"]) && !is_hidden(&outputs["name"]));
    }
}

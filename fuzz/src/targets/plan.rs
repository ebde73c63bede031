//! Serialised plans.

use std::collections::{BTreeMap, BTreeSet};

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_plan::{
    AddressMove, Change, ChangeReason, CheckResult, CheckStatus, Difference, Drift, OutputChange,
    Plan, PlanMode, PlanSnapshot, PlanStep, ProviderIdentity, RefreshUpdate, RollingGroup,
    Selection, StepKind,
};
use ha_provider::{Impact, ImpactSeverity};
use ha_state_model::{ProviderName, ProviderRecord};
use ha_value::{Action, Address, Object, Path, TextPart, Type, Value};

use super::state::record;
use crate::target::{FuzzTarget, likeness};

pub(super) const TARGET: FuzzTarget =
    FuzzTarget { name: "plan", words: WORDS, seeds: || vec![seed()], run };

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1e999",
    "18446744073709551616",
    "0.1",
    "\\u0000",
    "\\ud83d",
    "é",
    "\"a.b\"",
    "\"module.m[0].a.b[\\\"k\\\"]\"",
    "\"a.b[-1]\"",
    "data.",
    "\"$unknown\"",
    "\"$sensitive\"",
    "\"create\"",
    "\"delete\"",
    "{}",
    "[]",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "*",
    "**",
];

fn run(input: &[u8]) -> u64 {
    let plan: Plan = match serde_json::from_slice(input) {
        Ok(plan) => plan,
        // Where it is wrong is another place each time.
        Err(problem) => {
            let said = problem.to_string();
            return likeness(
                said.split(" at line")
                    .next()
                    .map(|it| it.split('`').step_by(2).collect::<String>()),
            );
        }
    };
    let written = serde_json::to_vec(&plan).expect("what was read can be written");
    let again: Plan = serde_json::from_slice(&written).expect("what was written can be read");
    assert!(again == plan, "a plan is another once it was written and read");
    likeness(plan.changes.len())
}

/// Returns a plan with every sort of content. All fields are written out, so that a new one cannot
/// be forgotten.
fn seed() -> Vec<u8> {
    let address = |text: &str| -> Address { text.parse().expect("it is an address") };
    let path = || Path::attribute("tags");
    let parts = [
        TextPart::Clear("id ".into()),
        TextPart::Secret("hush".into()),
        TextPart::unknown(Some("a.b.id".into()), false),
    ];
    let values = Object::from([
        ("name".into(), Value::from("a")),
        ("password".into(), Value::from("hush").sensitive()),
        ("open".into(), Value::unknown(Type::List(Type::String.into()), Some("a.b.id".into()))),
        ("text".into(), Value::Composed(parts.into())),
        ("ports".into(), Value::tuple([Value::from(80), Value::NULL, Value::Bool(true)])),
        ("names".into(), Value::set([Value::from("x")])),
    ]);
    let change = Change {
        address: address("module.m[\"k\"].fake_thing.a[0]"),
        deposed: Some("k1".into()),
        action: Action::DeleteThenCreate,
        reason: Some(ChangeReason::Within(address("fake_thing.b"))),
        before: Some(values.clone()),
        after: Some(values.clone()),
        differences: vec![Difference { path: path(), replaces: true }],
        impacts: vec![Impact {
            severity: ImpactSeverity::Disruption,
            message: "restarts it".into(),
        }],
        remarks: vec!["it is stopped".into()],
        group: Some("g".into()),
        gone_with: Some(address("fake_thing.b")),
        moved_from: Some(address("fake_thing.c")),
        importing: Some("i-1".into()),
        span: Some(SourceSpan::new("main.hcl".into(), 0..4)),
        because: vec!["var.x".into()],
    };
    let drift = Drift {
        address: address("data.fake_thing.d"),
        before: values.clone(),
        after: None,
        paths: vec![path()],
        remarks: Vec::new(),
        contributes: true,
    };
    let plan = Plan {
        mode: PlanMode::Normal,
        snapshot: PlanSnapshot {
            sources: vec![("main.hcl".into(), "locals {}".into())],
            variables: BTreeMap::from([("x".into(), Value::from(1))]),
            to_give: BTreeSet::from(["y".into()]),
            environment: Some("test".into()),
            files: BTreeMap::from([("a".into(), Some("YQ==".into())), ("b".into(), None)]),
            ..PlanSnapshot::default()
        },
        lineage: "0f7c".into(),
        state_number: 12,
        identities: vec![ProviderIdentity {
            provider: ProviderName::aliased("fake", "west"),
            facts: vec![("account".into(), "1".into())],
        }],
        changes: vec![change],
        unchanged: 3,
        drift: vec![drift],
        unchecked: vec![(address("fake_thing.e"), "it does not answer".into())],
        remarks: vec![(address("fake_thing.k"), "it is slow".into())],
        outputs: BTreeMap::from([(
            "o".into(),
            OutputChange { before: None, after: Some(Value::from("x")), sensitive: true },
        )]),
        steps: vec![
            PlanStep { what: StepKind::Delete(0), after: vec![] },
            PlanStep { what: StepKind::Junction, after: vec![0] },
            PlanStep { what: StepKind::Create(0), after: vec![1] },
        ],
        rolling: vec![RollingGroup {
            group: "g".into(),
            chains: vec![vec![0], vec![2]],
            at_most: 1,
        }],
        settled: vec![
            RefreshUpdate::Seen(record("a").into()),
            RefreshUpdate::Gone(address("fake_thing.f")),
        ],
        providers: BTreeMap::from([(ProviderName::new("fake"), ProviderRecord::default())]),
        data: BTreeMap::from([(address("data.fake_thing.d"), values)]),
        versions: BTreeMap::from([(address("fake_thing.a"), 7)]),
        unfinished: vec![address("fake_thing.g")],
        moves: vec![AddressMove { from: address("fake_thing.h"), to: address("fake_thing.i") }],
        selection: Selection {
            targets: vec!["module.m.*".parse().expect("it is a pattern")],
            excludes: Vec::new(),
        },
        left_out: vec![address("fake_thing.j")],
        errored: false,
        checks: vec![CheckResult {
            address: address("module.m.check.c"),
            standing: CheckStatus::Fail,
            problems: vec!["no".into()],
        }],
        warnings: vec![Diagnostic::warning("one thing to look at")],
    };
    serde_json::to_vec(&plan).expect("a plan can be written")
}

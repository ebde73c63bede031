//! The results of all conditions.

use std::collections::BTreeMap;

use ha_plan::{CheckResult, CheckStatus};
use ha_value::{Address, BlockAddress, InstanceKey, Name, ResourceMode};

use super::super::json::JsonValue;
use super::super::redaction::Redactor;

/// All instances of one resource block, output, check or variable.
type CheckedObject<'a> = (Vec<&'a Name>, ResourceMode, &'a Name, &'a Name);

/// Returns the objects that have conditions, each with the status of its instances.
pub(super) fn checks(all: &[CheckResult], redactor: &Redactor<'_>) -> Vec<JsonValue> {
    let mut objects: BTreeMap<CheckedObject<'_>, Vec<&CheckResult>> = BTreeMap::new();
    for checked in all {
        let BlockAddress { module, mode, kind, name } = &checked.address.block;
        let path = module.iter().map(|(name, _)| name).collect();
        objects.entry((path, *mode, kind, name)).or_default().push(checked);
    }
    objects.iter().map(|(of, instances)| object(of, instances, redactor)).collect()
}

fn object(
    (path, mode, kind, name): &CheckedObject<'_>,
    instances: &[&CheckResult],
    redactor: &Redactor<'_>,
) -> JsonValue {
    let module: Vec<String> = path.iter().map(|it| format!("module.{it}")).collect();
    let mut address = match &***kind {
        "output" => vec![("kind", JsonValue::from("output_value"))],
        "check" => vec![("kind", "check".into())],
        "var" => vec![("kind", "var".into())],
        kind => vec![
            ("kind", "resource".into()),
            ("mode", mode_name(*mode).into()),
            ("type", kind.into()),
        ],
    };
    address.push(("name", (&***name).into()));
    if !module.is_empty() {
        address.push(("module", module.join(".").into()));
    }
    let data = if *mode == ResourceMode::Data { "data." } else { "" };
    let shown = std::iter::once(format!("{data}{kind}.{name}"));
    address.push((
        "to_display",
        module.iter().cloned().chain(shown).collect::<Vec<_>>().join(".").into(),
    ));
    let gravest = instances.iter().map(|it| it.standing).max().unwrap_or(CheckStatus::Pass);
    JsonValue::object([
        ("address", JsonValue::object(address)),
        ("status", status(gravest).into()),
        (
            "instances",
            JsonValue::Array(instances.iter().map(|it| instance(it, redactor)).collect()),
        ),
    ])
}

fn instance(
    CheckResult { address, standing, problems }: &CheckResult,
    redactor: &Redactor<'_>,
) -> JsonValue {
    let Address { block, key } = address;
    let mut fields = vec![("to_display", JsonValue::from(address.to_string()))];
    if *key != InstanceKey::None {
        fields.push(("instance_key", JsonValue::from(key)));
    }
    if !block.module.is_empty() {
        let steps: Vec<String> =
            block.module.iter().map(|(name, key)| format!("module.{name}{key}")).collect();
        fields.push(("module", steps.join(".").into()));
    }
    let mut instance =
        vec![("address", JsonValue::object(fields)), ("status", status(*standing).into())];
    if !problems.is_empty() {
        let problem = |it: &String| JsonValue::object([("message", redactor.message(it).into())]);
        instance.push(("problems", JsonValue::Array(problems.iter().map(problem).collect())));
    }
    JsonValue::object(instance)
}

fn mode_name(mode: ResourceMode) -> &'static str {
    if mode == ResourceMode::Data { "data" } else { "managed" }
}

fn status(standing: CheckStatus) -> &'static str {
    match standing {
        CheckStatus::Pass => "pass",
        CheckStatus::Unknown => "unknown",
        CheckStatus::Fail => "fail",
        CheckStatus::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::redaction::SecretVisibility;
    use super::super::super::secrets::SecretTexts;
    use super::*;

    #[test]
    fn instances_are_below_their_block() {
        let checked = |address: &str, standing, problems: &[&str]| CheckResult {
            address: address.parse().unwrap(),
            standing,
            problems: problems.iter().map(|it| (*it).to_owned()).collect(),
        };
        let all = [
            checked("check.health", CheckStatus::Unknown, &[]),
            checked("module.m[\"a\"].data.aws_ami.x[0]", CheckStatus::Pass, &[]),
            checked("module.m[\"b\"].data.aws_ami.x[0]", CheckStatus::Fail, &["it is old"]),
            checked("output.uri", CheckStatus::Pass, &[]),
        ];
        let secrets = SecretTexts::default();
        let document =
            JsonValue::Array(checks(&all, &Redactor::new(&secrets, SecretVisibility::Redacted)));
        let document: serde_json::Value = serde_json::from_str(&document.line()).unwrap();
        let ami = |key: &str, more: serde_json::Value| {
            let module = format!("module.m[\"{key}\"]");
            let display = format!("{module}.data.aws_ami.x[0]");
            let mut instance =
                json!({"address": {"to_display": display, "instance_key": 0, "module": module}});
            instance.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            instance
        };
        let expected = json!([
            {
                "address": {"kind": "check", "name": "health", "to_display": "check.health"},
                "status": "unknown",
                "instances": [{"address": {"to_display": "check.health"}, "status": "unknown"}],
            },
            {
                "address": {"kind": "output_value", "name": "uri", "to_display": "output.uri"},
                "status": "pass",
                "instances": [{"address": {"to_display": "output.uri"}, "status": "pass"}],
            },
            {
                "address": {
                    "kind": "resource", "mode": "data", "type": "aws_ami", "name": "x", "module": "module.m",
                    "to_display": "module.m.data.aws_ami.x",
                },
                "status": "fail",
                "instances": [
                    ami("a", json!({"status": "pass"})),
                    ami("b", json!({"status": "fail", "problems": [{"message": "it is old"}]})),
                ],
            },
        ]);
        assert_eq!(document, expected);
    }
}

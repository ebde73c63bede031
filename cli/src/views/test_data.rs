//! Handwritten plans for tests of renderers.

use std::collections::BTreeMap;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_plan::{
    Change, ChangeReason, Difference, Drift, OutputChange, Plan, PlanMode, PlanSnapshot,
    ProviderIdentity, RollingGroup,
};
use ha_provider::{Impact, ImpactSeverity};
use ha_state_model::ProviderName;
use ha_value::{Action, Name, Object, Path, Text, TextPart, Type, Value};

/// The secret in the plan with secrets.
pub(crate) const SECRET: &str = "tr0ub4dor&3";

/// Creates a plan without changes.
pub(crate) fn nothing() -> Plan {
    Plan {
        mode: PlanMode::Normal,
        snapshot: PlanSnapshot::default(),
        lineage: "0f7c".into(),
        state_number: 12,
        identities: Vec::new(),
        changes: Vec::new(),
        unchanged: 0,
        drift: Vec::new(),
        unchecked: Vec::new(),
        remarks: Vec::new(),
        outputs: BTreeMap::new(),
        steps: Vec::new(),
        rolling: Vec::new(),
        settled: Vec::new(),
        providers: BTreeMap::new(),
        data: BTreeMap::new(),
        versions: BTreeMap::new(),
        unfinished: Vec::new(),
        moves: Vec::new(),
        selection: ha_plan::Selection::default(),
        left_out: Vec::new(),
        errored: false,
        checks: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Creates a change with an action only.
pub(crate) fn change(address: &str, action: Action) -> Change {
    Change {
        address: address.parse().expect("the sample's address is one"),
        deposed: None,
        action,
        reason: None,
        before: None,
        after: None,
        differences: Vec::new(),
        impacts: Vec::new(),
        remarks: Vec::new(),
        group: None,
        gone_with: None,
        moved_from: None,
        importing: None,
        span: None,
        because: Vec::new(),
    }
}

/// Attributes by name.
pub(crate) fn object(of: &[(&str, Value)]) -> Object {
    of.iter().map(|(name, it)| (Name::from(*name), it.clone())).collect()
}

/// A string of parts.
pub(crate) fn parts(of: impl IntoIterator<Item = TextPart>) -> Value {
    Value::from(Text::from_iter(of))
}

/// A clear part.
pub(crate) fn clear(text: &str) -> TextPart {
    TextPart::Clear(text.into())
}

/// A secret part.
pub(crate) fn secret(text: &str) -> TextPart {
    TextPart::Secret(text.into())
}

/// Creates an unknown value.
pub(crate) fn later(cause: &str) -> Value {
    Value::unknown(Type::String, Some(cause.into()))
}

fn difference(name: &str) -> Difference {
    Difference { path: Path::attribute(name), replaces: false }
}

const MAIN: &str =
    "# The stack.\nvariable \"size\" {}\n\nresource \"mongodb_host\" \"db\" {\n  count = 3\n}\n";

/// Creates a plan with one change of each sort.
pub(crate) fn everything() -> Plan {
    let span = Some(SourceSpan::new("main.hcl".into(), 34..61));
    let script = |port: &str, uri: TextPart| {
        let head = "#!/bin/bash\nset -eu\nservers:\n  - a\n  - b\n";
        parts([
            clear(head),
            clear(port),
            clear("MONGO_URI=mongodb://circle:"),
            uri,
            clear("@db-1,db-2/app\nexit 0\n"),
        ])
    };
    let mut create = change("mongodb_host.db[2]", Action::Create);
    create.span = span.clone();
    create.after = Some(object(&[
        ("hostname", Value::from("db-3.int")),
        ("keyfile", Value::from("a very secret key").sensitive()),
        ("bind", Value::list([Value::from("127.0.0.1"), Value::from("db-3.int")])),
        ("id", later("mongodb_host.db[2].id")),
        ("version", later("mongodb_host.db[2].version")),
        ("private_key", later("mongodb_host.db[2].private_key").sensitive()),
        ("network", later("aws_vpc.main.id")),
    ]));
    let mut update = change("aws_launch_template.app", Action::Update);
    update.span = span;
    update.before = Some(object(&[
        ("name", Value::from("app")),
        ("user_data", script("port: 80\n", secret("old password"))),
        (
            "tags",
            Value::Map(std::sync::Arc::new(object(&[
                ("team", Value::from("ops")),
                ("old", Value::from("x")),
            ]))),
        ),
        (
            "policy",
            Value::from(
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*"}]}"#,
            ),
        ),
        ("latest_version", Value::from(17)),
    ]));
    update.after = Some(object(&[
        ("name", Value::from("app")),
        ("user_data", script("port: 8080\n", secret("new password"))),
        (
            "tags",
            Value::Map(std::sync::Arc::new(object(&[
                ("team", Value::from("platform")),
                ("my key", Value::from("y")),
            ]))),
        ),
        (
            "policy",
            Value::from(
                r#"{"Version":"2012-10-17","Statement":[{"Action":"s3:*","Effect":"Allow"}]}"#,
            ),
        ),
        ("latest_version", later("aws_launch_template.app.latest_version")),
    ]));
    update.differences = vec![difference("user_data"), difference("tags"), difference("policy")];
    update.because = vec!["data.userdata.app".into(), "var.port".into()];
    update.impacts = vec![
        Impact {
            severity: ImpactSeverity::Notice,
            message: "moves the group, not its running member".into(),
        },
        Impact { severity: ImpactSeverity::Disruption, message: "restarts mongod".into() },
    ];
    update.remarks = vec!["mongod on 10.0.0.1:27017 is not running".into()];
    let mut replace = change("aws_db_instance.main", Action::DeleteThenCreate);
    replace.reason = Some(ChangeReason::CannotUpdate);
    replace.before = Some(object(&[
        ("storage_encrypted", Value::from(false)),
        ("password", Value::from("the same password").sensitive()),
        ("endpoint", Value::from("main.abc.eu-west-1")),
        ("engine", Value::from("postgres")),
    ]));
    replace.after = Some(object(&[
        ("storage_encrypted", Value::from(true)),
        ("password", Value::from("the same password").sensitive()),
        ("endpoint", later("aws_db_instance.main.endpoint")),
        ("engine", Value::from("postgres")),
    ]));
    replace.differences =
        vec![Difference { path: Path::attribute("storage_encrypted"), replaces: true }];
    replace.impacts = vec![Impact {
        severity: ImpactSeverity::DataLoss,
        message: "412 GiB, no final snapshot".into(),
    }];
    let mut delete = change("postgresql_role.old", Action::Delete);
    delete.reason = Some(ChangeReason::NoConfiguration);
    delete.before = Some(object(&[
        ("name", Value::from("old")),
        ("password", Value::from("gone password").sensitive()),
    ]));
    let mut gone = change("postgresql_database.old[\"a b\"]", Action::Delete);
    gone.gone_with = Some("aws_db_instance.old".parse().expect("an address"));
    gone.before = Some(object(&[("name", Value::from("x"))]));
    let mut deposed = change("aws_s3_bucket.b", Action::Delete);
    deposed.deposed = Some("00c0ffee".into());
    let mut read = change("data.aws_ami.app", Action::Read);
    read.reason = Some(ChangeReason::ArgumentsUnknown);
    read.after = Some(object(&[("owner", later("aws_vpc.main.owner"))]));
    let drift = Drift {
        address: "aws_security_group.db".parse().expect("an address"),
        before: object(&[
            ("ingress", Value::list([Value::from("10.0.0.0/8")])),
            ("name", Value::from("db")),
        ]),
        after: Some(object(&[
            ("ingress", Value::list([Value::from("0.0.0.0/0")])),
            ("name", Value::from("db")),
        ])),
        paths: vec![Path::attribute("ingress")],
        remarks: Vec::new(),
        contributes: true,
    };
    let output = |before: Option<Value>, after: Option<Value>, sensitive| OutputChange {
        before,
        after,
        sensitive,
    };
    Plan {
        snapshot: PlanSnapshot {
            sources: vec![("main.hcl".into(), MAIN.into())],
            ..PlanSnapshot::default()
        },
        identities: vec![ProviderIdentity {
            provider: ProviderName::new("aws"),
            facts: vec![
                ("account".into(), "123456789012".into()),
                ("region".into(), "eu-west-1".into()),
            ],
        }],
        changes: vec![create, update, replace, delete, gone, deposed, read],
        unchanged: 22,
        drift: vec![drift],
        unchecked: vec![(
            "mongodb_host.db[0]".parse().expect("an address"),
            "connection timed out after 10 s".into(),
        )],
        outputs: BTreeMap::from([
            ("ca_file".into(), output(None, Some(Value::from("/etc/ca.pem")), false)),
            ("same".into(), output(Some(Value::from(1)), Some(Value::from(1)), false)),
            (
                "uri".into(),
                output(
                    Some(Value::from("mongodb://old")),
                    Some(Value::from("mongodb://new")),
                    true,
                ),
            ),
            ("was".into(), output(Some(Value::from("gone")), None, false)),
        ]),
        rolling: vec![RollingGroup {
            group: "mongodb/rs0".into(),
            chains: vec![vec![0], vec![1], vec![2]],
            at_most: 1,
        }],
        unfinished: vec!["tls_ca.root".parse().expect("an address")],
        warnings: vec![Diagnostic::warning("one thing to look at")],
        ..nothing()
    }
}

/// Creates a plan with one secret in six derived values.
pub(crate) fn secrets() -> Plan {
    use base64::Engine as _;
    let mut plan = everything();
    let encoded = base64::engine::general_purpose::STANDARD
        .encode(format!("#!/bin/sh\nexport PASSWORD='{SECRET}'\n"));
    let mut leaky = change("postgresql_role.app", Action::Update);
    leaky.before = Some(object(&[
        ("password", Value::from("another one").sensitive()),
        ("document", Value::from("a\nb\n")),
    ]));
    leaky.after = Some(object(&[
        ("password", Value::from(SECRET).sensitive()),
        ("document", parts([clear("a\npassword="), secret(SECRET), clear("\nb\n")])),
        (
            "settings",
            Value::object([(
                "deep".into(),
                Value::tuple([Value::from(SECRET).sensitive(), Value::from(1)]).sensitive(),
            )]),
        ),
        ("unmarked", Value::from(format!("--password={SECRET}"))),
        ("percent_encoded", Value::from("postgresql://app:tr0ub4dor%263@db/app")),
        ("user_data", Value::from(encoded)),
    ]));
    leaky.remarks = vec![format!("the server logged `{SECRET}`")];
    leaky.impacts = vec![Impact {
        severity: ImpactSeverity::Notice,
        message: format!("sets the password to {SECRET}"),
    }];
    plan.changes.push(leaky);
    plan.unchecked.push(("a.b".parse().expect("an address"), format!("wrong password {SECRET}")));
    plan.outputs.insert(
        "uri".into(),
        OutputChange { before: None, after: Some(Value::from(SECRET)), sensitive: true },
    );
    plan.snapshot.variables.insert("password".into(), Value::from(SECRET).sensitive());
    plan.warnings.push(Diagnostic::warning(format!("the password {SECRET} is weak")));
    plan
}

/// Returns all encodings of the secret that must not be visible.
pub(crate) fn assert_keeps_secret(text: &str) {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(SECRET);
    for spelling in [SECRET, "tr0ub4dor%263", "tr0ub4dor\\u00263", &base64, "ub4dor"] {
        assert!(!text.contains(spelling), "`{spelling}` is in:\n{text}");
    }
}

/// Makes escape sequences readable and replaces the version.
pub(crate) fn visible(text: &str) -> String {
    text.replace('\u{1b}', "␛").replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
}

/// Compares exactly, also white space at line ends.
pub(crate) fn check(actual: &str, expected: impl Into<snapbox::Data>) {
    snapbox::Assert::new()
        .normalize_paths(false)
        .action_env("SNAPSHOTS")
        .eq(visible(actual), expected.into());
}

/// Formats a JSON document with sorted keys.
pub(crate) fn pretty(document: &str) -> String {
    let parsed: serde_json::Value = serde_json::from_str(document).expect("the document is JSON");
    serde_json::to_string_pretty(&parsed).expect("keys are strings") + "\n"
}

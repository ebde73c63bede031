use ha_provider::BlockInstance;
use ha_value::{Address, Object, Severity, Type, Value};

use crate::cross_checks::TOGETHER;

/// The problems of these blocks, as `ADDRESS.PATH: MESSAGE`, warnings with a word before.
fn reported(blocks: &[(&str, Value)]) -> Vec<String> {
    let blocks: Vec<(Address, Object)> = blocks
        .iter()
        .map(|(address, it)| (address.parse().unwrap(), it.as_object().unwrap().clone()))
        .collect();
    let placed =
        |(address, arguments)| BlockInstance { address, arguments, id: None, provider: "" };
    let placed: Vec<BlockInstance<'_>> =
        blocks.iter().map(|(address, arguments)| placed((address, arguments))).collect();
    let each = |it: ha_provider::CrossCheckProblem| {
        let severity = if it.severity == Severity::Warning { "warning " } else { "" };
        format!("{severity}{}.{}: {}", it.address, it.problem.path, it.problem.message)
    };
    (TOGETHER.check)(&placed).into_iter().map(each).collect()
}

fn object(fields: &[(&str, Value)]) -> Value {
    Value::object(fields.iter().map(|(name, it)| ((*name).into(), it.clone())))
}

fn settings(hostname: &str, bucket: &str) -> (&'static str, Value) {
    let region = ("aws_region", Value::from("eu-west-1"));
    (
        "data.circleci_settings.it",
        object(&[("hostname", hostname.into()), ("s3_bucket", bucket.into()), region]),
    )
}

fn replicated(hostname: &str, licence: &str) -> (&'static str, Value) {
    let fields = [
        ("tls_bootstrap_hostname", hostname.into()),
        ("license_file_location", licence.into()),
        ("import_settings_from", "/etc/settings.conf".into()),
    ];
    ("data.circleci_replicated_config.it", object(&fields))
}

fn userdata(paths: &[&str], commands: &[&str]) -> (&'static str, Value) {
    let files = paths.iter().map(|it| object(&[("path", (*it).into())]));
    let fields = [
        ("files", Value::tuple(files)),
        ("region", "eu-west-1".into()),
        ("extra_commands", Value::tuple(commands.iter().map(|it| Value::from(*it)))),
    ];
    ("data.userdata.it", object(&fields))
}

fn customizations(user: &str, build_state: &str) -> (&'static str, Value) {
    let mongodb = object(&[
        ("username", user.into()),
        ("auth_source", "admin".into()),
        ("main_database", "circle_ghe".into()),
        ("build_state_database", build_state.into()),
    ]);
    let postgresql = object(&[("username", "circle".into()), ("database", "circle".into())]);
    ("data.circleci_customizations.it", object(&[("mongodb", mongodb), ("postgresql", postgresql)]))
}

fn user(roles: &[(&str, &str)]) -> (&'static str, Value) {
    let roles =
        roles.iter().map(|(role, db)| object(&[("role", (*role).into()), ("db", (*db).into())]));
    (
        "mongodb_user.it",
        object(&[
            ("name", "circle".into()),
            ("database", "admin".into()),
            ("roles", Value::tuple(roles)),
        ]),
    )
}

const PATHS: [&str; 2] = ["/etc/license.rli", "/etc/settings.conf"];

#[test]
fn the_console_and_the_application_have_one_name() {
    assert!(
        reported(&[settings("ci.example.com", "b"), replicated("CI.example.com", PATHS[0])])
            .is_empty()
    );
    let [reported] =
        &reported(&[settings("ci.example.com", "b"), replicated("ci.exmaple.com", PATHS[0])])[..]
    else {
        panic!("one")
    };
    assert!(
        reported.starts_with("data.circleci_replicated_config.it.tls_bootstrap_hostname: ")
            && reported.contains("`ci.example.com` in `data.circleci_settings.it`"),
        "{reported}"
    );
}

#[test]
fn reads_back_what_was_written() {
    let good = |files: &[&str], commands: &[&str]| {
        reported(&[replicated("h", PATHS[0]), userdata(files, commands)])
    };
    assert!(good(&PATHS, &[]).is_empty());
    // The image may have it all, and a command may put it there.
    assert!(good(&[], &[]).is_empty());
    assert!(good(&[PATHS[1]], &["cp /opt/license.rli /etc/license.rli"]).is_empty());
    let [reported] = &good(&["/etc/licence.rli", PATHS[1]], &[])[..] else { panic!("one") };
    assert!(
        reported.contains("license_file_location")
            && reported.contains("did you mean `/etc/licence.rli`"),
        "{reported}"
    );
}

#[test]
fn the_user_may_write_every_database() {
    let roles = [("readWrite", "circle_ghe"), ("readWrite", "build_state_dev_ghe")];
    assert!(reported(&[customizations("circle", "build_state_dev_ghe"), user(&roles)]).is_empty());
    for enough in [("root", "admin"), ("readWriteAnyDatabase", "admin")] {
        assert!(
            reported(&[customizations("circle", "anything"), user(&[enough])]).is_empty(),
            "{enough:?}"
        );
    }
    for (build_state, roles) in [
        ("build_state", &roles[..]),
        ("build_state_dev_ghe", &roles[..1]),
        ("build_state_dev_ghe", &[roles[0], ("read", "build_state_dev_ghe")][..]),
    ] {
        let [reported] = &reported(&[customizations("circle", build_state), user(roles)])[..]
        else {
            panic!("one")
        };
        assert!(
            reported.contains(&format!(
                "`build_state_database` is `{build_state}`, but the user `circle` has no role"
            )),
            "{reported}"
        );
    }
    // A user of somebody else's, and one that is not known yet.
    assert!(reported(&[customizations("somebody", "x"), user(&roles)]).is_empty());
    let unknown = object(&[("name", Value::unknown(Type::String, None))]);
    assert!(reported(&[customizations("circle", "x"), ("mongodb_user.it", unknown)]).is_empty());
    assert!(
        reported(&[customizations("circel", "x"), user(&roles)])[0]
            .contains("did you mean `circle`")
    );
}

#[test]
fn the_role_may_log_in_and_make_tables() {
    let role = |login: bool, roles: &[&str]| {
        let roles = Value::tuple(roles.iter().map(|it| Value::from(*it)));
        let fields = [
            ("name", "circle".into()),
            ("login", login.into()),
            ("roles", roles),
            ("membership", Value::tuple([])),
        ];
        ("postgresql_role.it", object(&fields))
    };
    let database = |owner: &str| {
        ("postgresql_database.it", object(&[("name", "circle".into()), ("owner", owner.into())]))
    };
    let with = |role, database| reported(&[customizations("circle", "x"), role, database]);
    assert!(with(role(true, &[]), database("circle")).is_empty());
    assert!(with(role(true, &["owners"]), database("owners")).is_empty());
    assert!(with(role(false, &[]), database("circle"))[0].contains("may not log in"));
    assert!(with(role(true, &[]), database("owners"))[0].starts_with("warning "));
}

#[test]
fn reports_a_misspelt_bucket_or_region() {
    let bucket = ("aws_s3_bucket.it", object(&[("bucket", "circleci-artifacts".into())]));
    assert!(reported(&[settings("h", "circleci-artifacts"), bucket.clone()]).is_empty());
    assert!(reported(&[settings("h", "of-another-account"), bucket.clone()]).is_empty());
    assert!(
        reported(&[settings("h", "circleci-artifcats"), bucket])[0]
            .contains("did you mean `circleci-artifacts`")
    );
    let elsewhere = (
        "data.userdata.it",
        object(&[("region", "us-east-1".into()), ("files", Value::tuple([]))]),
    );
    assert!(
        reported(&[settings("h", "b"), elsewhere])[0]
            .starts_with("warning data.circleci_settings.it.aws_region")
    );
}

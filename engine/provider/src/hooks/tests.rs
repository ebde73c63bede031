//! Hooks with known, unknown and secret inputs.

use serde::Deserialize;

use super::*;
use crate::MaybeUnknown;
use ha_value::{Path, Type};

#[derive(schemars::JsonSchema, Serialize, Deserialize)]
struct Volume {
    iops: Option<u32>,
    size: u32,
}

#[derive(schemars::JsonSchema, Serialize, Deserialize)]
struct Nothing {}

#[derive(Deserialize)]
struct Soft {
    iops: MaybeUnknown<u32>,
    size: u32,
}

#[test]
fn predictions_from_secrets_are_secret() {
    let schema = Schema::derive::<Volume, Nothing>();
    #[derive(Deserialize)]
    struct Sized {
        size: u32,
    }
    let hooks = ResourceHooks::new()
        .predict("double", |it: Sized| it.size * 2)
        .predict("iops", |it: Volume| it.iops);
    let arguments = Object::from([
        ("iops".into(), Value::from(100).sensitive()),
        ("size".into(), Value::from(1)),
    ]);
    let predicted = hooks.predicted(&schema, &arguments);
    assert!(!predicted["double"].is_sensitive() && predicted["iops"].is_sensitive());
    let made = Object::from([("iops".into(), Value::from(100)), ("double".into(), Value::from(2))]);
    assert!(hooks.marked(&schema, &arguments, made)["iops"].is_sensitive());
}

#[test]
fn declared_outputs_of_secrets_are_secret() {
    let schema = Schema::derive::<Volume, Nothing>();
    let hooks = ResourceHooks::new().made_of(&["name", "size"], &["iops"]);
    let secret = Object::from([
        ("iops".into(), Value::from(100).sensitive()),
        ("size".into(), Value::from(1)),
    ]);
    let made =
        || Object::from([("name".into(), Value::from("a")), ("other".into(), Value::from("b"))]);
    let marked = hooks.marked(&schema, &secret, made());
    assert!(marked["name"].is_sensitive() && !marked["other"].is_sensitive());
    let other = Object::from([
        ("iops".into(), Value::from(100)),
        ("size".into(), Value::from(1).sensitive()),
    ]);
    assert_eq!(hooks.marked(&schema, &other, made()), made());
    assert!(hooks.is_made_of_secret("size", &secret) && !hooks.is_made_of_secret("size", &other));
}

#[test]
fn predictions_may_read_provider_settings() {
    #[derive(Deserialize)]
    struct Sized {
        size: u32,
    }
    #[derive(Deserialize)]
    struct Placed {
        region: Option<String>,
    }
    let schema = Schema::derive::<Volume, Nothing>();
    let arn =
        |at: Placed, it: Sized| format!("{}/{}", at.region.as_deref().unwrap_or("here"), it.size);
    let hooks = ResourceHooks::new().predict_in("arn", arn);
    let arguments = Object::from([("size".into(), Value::from(1))]);
    let region = |it: Value| Object::from([("region".into(), it)]);
    assert_eq!(
        hooks.predicted_in(&schema, &arguments, &region("there".into()))["arn"],
        Value::from("there/1")
    );
    assert_eq!(hooks.predicted(&schema, &arguments)["arn"], Value::from("here/1"));
    let unknown = region(Value::unknown(Type::String, None));
    assert!(hooks.predicted_in(&schema, &arguments, &unknown).is_empty());
}

#[test]
fn refusals_compare_recorded_and_planned_arguments() {
    #[derive(Deserialize)]
    struct Sized {
        size: u32,
    }
    let schema = Schema::derive::<Volume, Nothing>();
    let shrinks = |there: Sized, wanted: Sized| match wanted.size < there.size {
        true => vec![ArgumentProblem { path: Path::attribute("size"), message: "shrinks".into() }],
        false => vec![],
    };
    let same = |there: Sized, wanted: Sized| {
        (wanted.size + 1 == there.size).then_some("size").into_iter().collect()
    };
    let hooks = ResourceHooks::new().refuse(shrinks).same(same).renewed_by("arn", &["size"]);
    let sized = |size: i64| Object::from([("size".into(), Value::from(size))]);
    assert_eq!(hooks.refused(&schema, &sized(2), &sized(1)).len(), 1);
    assert_eq!(hooks.refused(&schema, &sized(1), &sized(2)).len(), 0);
    let unknown = Object::from([("size".into(), Value::unknown(Type::Number, None))]);
    assert_eq!(hooks.refused(&schema, &sized(2), &unknown).len(), 0);
    assert_eq!(
        hooks.same_names(&schema, (&sized(2), &Object::new()), &sized(1)),
        BTreeSet::from(["size"])
    );
    assert!(hooks.same_names(&schema, (&sized(3), &Object::new()), &sized(1)).is_empty());
    assert!(
        hooks.is_renewed("arn", &BTreeSet::from(["size".into()]))
            && !hooks.is_renewed("arn", &BTreeSet::new())
    );
}

#[test]
fn hooks_run_when_all_their_fields_are_known() {
    let schema = Schema::derive::<Volume, Nothing>();
    let too_many = |it: Volume| match it.iops.unwrap_or(0) > 50 * it.size {
        true => vec![ArgumentProblem { path: Path::attribute("iops"), message: "too many".into() }],
        false => vec![],
    };
    let hooks = ResourceHooks::new()
        .check(too_many)
        .predict("soft", |it: Soft| matches!(it.iops, MaybeUnknown::Unknown) && it.size > 0);
    let known = Object::from([("iops".into(), Value::from(100)), ("size".into(), Value::from(1))]);
    assert_eq!(hooks.problems(&schema, &known).len(), 1);
    let mut unknown = known.clone();
    unknown.insert("iops".into(), Value::unknown(Type::Number, None));
    assert_eq!(hooks.problems(&schema, &unknown).len(), 0);
    assert_eq!(hooks.predicted(&schema, &unknown)["soft"], Value::Bool(true));
}

#[test]
fn an_unknown_block_is_not_read_as_an_empty_one() {
    #[derive(schemars::JsonSchema, Serialize, Deserialize)]
    struct Subject {
        name: Option<String>,
    }
    #[derive(schemars::JsonSchema, Serialize, Deserialize)]
    struct Certificate {
        subject: Option<Subject>,
        labels: Option<std::collections::BTreeMap<String, Value>>,
    }
    #[derive(Deserialize)]
    struct Soft {
        subject: Option<MaybeUnknown<Subject>>,
    }
    let schema = Schema::derive::<Certificate, Nothing>();
    let empty = |it: Certificate| match (it.subject.is_some_and(|it| it.name.is_none()), it.labels)
    {
        (true, _) | (_, Some(_)) => vec![ArgumentProblem {
            path: Path::attribute("subject"),
            message: "it is empty".into(),
        }],
        _ => vec![],
    };
    let hooks = ResourceHooks::new()
        .check(empty)
        .predict("soft", |it: Soft| matches!(it.subject, Some(MaybeUnknown::Unknown)));
    for name in ["subject", "labels"] {
        let unknown = Value::unknown(schema.arguments[name].shape.ty(), None);
        let arguments = Object::from([(name.into(), unknown)]);
        assert_eq!(hooks.problems(&schema, &arguments), []);
        assert_eq!(hooks.predicted(&schema, &arguments)["soft"], Value::Bool(name == "subject"));
    }
    let arguments = Object::from([("subject".into(), Value::object([]))]);
    assert_eq!(hooks.problems(&schema, &arguments).len(), 1);
}

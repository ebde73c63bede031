use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::BoxFuture;
use ha_provider::{Attempt, Error, ProviderRegistry, StepObserver};
use ha_value::{Address, Object, Value};
use proptest::prelude::*;

use crate::characters::CharacterRecipe;

struct Silent;

impl StepObserver for Silent {
    fn note<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
    fn progress(&self, _: &str) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

fn arguments(given: &[(&str, Value)]) -> Object {
    given.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

async fn created(kind: &str, given: &[(&str, Value)]) -> (String, Object) {
    let (schemas, drivers) = crate::register(ProviderRegistry::new()).split();
    let schema = schemas.kind(ha_value::ResourceMode::Managed, kind).unwrap().schema();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await.unwrap();
    let address: Address = format!("{kind}.it").parse().unwrap();
    let mut attempt =
        Attempt::new(address, "0".repeat(32), false, BTreeMap::new(), Arc::new(Silent));
    let conformed = schema.conform(&arguments(given)).unwrap();
    drivers.resource(kind).unwrap().create(&client, &conformed, &mut attempt).await.unwrap()
}

async fn imported(
    kind: &str,
    id: &str,
    configured: &[(&str, Value)],
) -> Result<(Object, Object), String> {
    let (schemas, drivers) = crate::register(ProviderRegistry::new()).split();
    let schema = schemas.kind(ha_value::ResourceMode::Managed, kind).unwrap().schema();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await.unwrap();
    let conformed = schema.conform(&arguments(configured)).unwrap();
    let found = drivers
        .resource(kind)
        .unwrap()
        .import(&client, id, &conformed)
        .await
        .map_err(|it| it.to_string())?;
    let recorded = found.expect("the state is all there is of it").recorded;
    assert!(!recorded.id.contains("pass"), "a password is no name");
    Ok((recorded.arguments, recorded.outputs))
}

#[tokio::test]
async fn imports_existing_characters() {
    let configured = [("length", Value::from(8)), ("special", Value::from(false))];
    let (arguments, outputs) = imported("random_password", "passw0rd!", &configured).await.unwrap();
    assert_eq!(
        (&arguments["length"], &arguments["special"]),
        (&Value::from(9), &Value::from(false))
    );
    assert!(outputs["result"].is_sensitive());
    assert_eq!(outputs["result"].revealed(), Value::from("passw0rd!"));
    let (_, outputs) =
        imported("random_string", "abc", &[("length", Value::from(3))]).await.unwrap();
    assert_eq!(outputs["result"], Value::from("abc"));
    let (arguments, outputs) =
        imported("random_id", "my-,p-9hUg", &[("byte_length", Value::from(4))]).await.unwrap();
    assert_eq!(
        (&arguments["byte_length"], &arguments["prefix"]),
        (&Value::from(4), &Value::from("my-"))
    );
    assert_eq!(
        (&outputs["hex"], &outputs["b64_url"]),
        (&Value::from("my-a7ef6152"), &Value::from("my-p-9hUg"))
    );
    let error =
        imported("random_id", "not base64", &[("byte_length", Value::from(4))]).await.unwrap_err();
    assert!(error.contains("`PREFIX,NUMBER`"), "{error}");
}

#[test]
fn every_kind_has_its_file_and_is_registered() {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let registered: BTreeSet<String> = schemas.kinds().map(|(_, it)| it.kind.to_string()).collect();
    let mut written = BTreeSet::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let Some((_, rest)) = text.split_once("const KIND: &'static str = \"") else { continue };
        let kind = rest.split('"').next().unwrap().to_owned();
        assert_eq!(
            path.file_stem().unwrap().to_str(),
            Some(kind.as_str()),
            "the file is named as its kind"
        );
        written.insert(kind);
    }
    assert_eq!(written, registered);
}

#[tokio::test]
async fn a_password_is_secret_and_never_the_same() {
    let (id, outputs) = created("random_password", &[("length", Value::from(40))]).await;
    assert_eq!(id, "none");
    assert!(outputs["result"].is_sensitive());
    let (_, others) = created("random_password", &[("length", Value::from(40))]).await;
    assert_ne!(outputs["result"], others["result"]);
    let Value::String(text) = outputs["result"].revealed() else { panic!("a string") };
    assert_eq!(text.chars().count(), 40);
}

#[tokio::test]
async fn a_string_is_shown_and_is_its_own_id() {
    let (id, outputs) =
        created("random_string", &[("length", Value::from(8)), ("special", Value::from(false))])
            .await;
    assert_eq!(outputs["result"], Value::from(id.as_str()));
    assert!(id.chars().all(|it| it.is_ascii_alphanumeric()));
}

#[tokio::test]
async fn an_identifier_is_spelt_in_four_ways() {
    let (id, outputs) =
        created("random_id", &[("byte_length", Value::from(8)), ("prefix", Value::from("ci-"))])
            .await;
    let Value::String(hex) = &outputs["hex"] else { panic!("a string") };
    let Value::String(dec) = &outputs["dec"] else { panic!("a string") };
    let number = u64::from_str_radix(hex.strip_prefix("ci-").unwrap(), 16).unwrap();
    assert_eq!(**dec, format!("ci-{number}"));
    assert_eq!(outputs["b64_url"], Value::from(format!("ci-{id}")));
}

#[test]
fn impossible_recipes_are_refused_with_all_reasons() {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let kind = schemas.kind(ha_value::ResourceMode::Managed, "random_password").unwrap();
    let given = arguments(&[
        ("length", Value::from(3)),
        ("special", Value::from(false)),
        ("min_special", Value::from(2)),
        ("min_upper", Value::from(2)),
    ]);
    let problems = kind.hooks().problems(kind.schema(), &kind.schema().conform(&given).unwrap());
    let messages: Vec<&str> = problems.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`min_special` asks for characters that `special = false` rules out",
            "`length` is 3, but the minimums add up to 4",
        ]
    );
}

proptest! {
    #[test]
    fn a_text_keeps_to_its_recipe(
        spare in 0_u32..20, upper in 0_u32..4, lower in 0_u32..4, numeric in 0_u32..4, special in 0_u32..4, letters: bool
    ) {
        let recipe = CharacterRecipe {
            length: spare + upper + lower + numeric + special + 1,
            upper: letters || upper > 0, lower: letters || lower > 0, numeric: true, special: special > 0,
            min_upper: upper, min_lower: lower, min_numeric: numeric, min_special: special,
            override_special: Some("-_é".into()),
        };
        let drawn = recipe.draw().unwrap();
        let count = |is: fn(char) -> bool| u32::try_from(drawn.chars().filter(|it| is(*it)).count()).unwrap();
        prop_assert_eq!(count(|_| true), recipe.length);
        prop_assert!(count(|it| it.is_ascii_uppercase()) >= upper);
        prop_assert!(recipe.upper || count(|it| it.is_ascii_uppercase()) == 0);
        prop_assert!(count(|it| it.is_ascii_lowercase()) >= lower);
        prop_assert!(count(|it| it.is_ascii_digit()) >= numeric);
        prop_assert!(count(|it| "-_é".contains(it)) >= special);
        prop_assert!(recipe.special || count(|it| "-_é".contains(it)) == 0);
        prop_assert!(count(|it| !it.is_ascii_alphanumeric() && !"-_é".contains(it)) == 0);
    }
}

#[test]
fn draws_each_character_equally_often() {
    let recipe = CharacterRecipe {
        length: 4000,
        upper: false,
        lower: false,
        numeric: true,
        special: false,
        min_upper: 0,
        min_lower: 0,
        min_numeric: 0,
        min_special: 0,
        override_special: None,
    };
    let mut counts = BTreeMap::new();
    for _ in 0..5 {
        for it in recipe.draw().unwrap().chars() {
            *counts.entry(it).or_insert(0_u32) += 1;
        }
    }
    // 20,000 draws of ten digits: 2,000 each, with a deviation of 42. Eight of those is no
    // accident.
    assert_eq!(counts.len(), 10);
    assert!(counts.values().all(|it| it.abs_diff(2000) < 340), "{counts:?}");
}

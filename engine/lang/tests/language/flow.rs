//! Secrets in drawn expressions: no visible part of a value depends on them.

use ha_value::{Object, TextPart, Type, Value};
use proptest::prelude::*;

use crate::random::{NAMES, expression};
use crate::world::World;
use crate::written::written;

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(1000);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// One of three values for each name.
pub(crate) fn value(name: &str, choice: u8) -> Value {
    let one = |of: [Value; 3]| of[usize::from(choice % 3)].clone();
    let texts = |texts: &[&str]| texts.iter().map(|it| Value::from(*it)).collect::<Vec<_>>();
    let object = |name: &str, port: i64| {
        Value::object([("name".into(), Value::from(name)), ("port".into(), Value::from(port))])
    };
    let map = |items: &[(&str, &str)]| {
        Value::map_of(
            &Type::String,
            items.iter().map(|(name, it)| ((*name).into(), Value::from(*it))).collect::<Object>(),
        )
    };
    match name {
        "text" => one(["hush-1", "a", "hush-2"].map(Value::from)),
        "number" => one([1, 0, 7].map(Value::from)),
        "flag" => Value::Bool(choice.is_multiple_of(2)),
        "list" => {
            one([&["hush-1", "b"][..], &["a"], &[]]
                .map(|it| Value::list_of(&Type::String, texts(it))))
        }
        "set" => {
            one([&["hush-1", "a"][..], &["b"], &["hush-2", "c", "a"]]
                .map(|it| Value::set(texts(it))))
        }
        "map" => one([map(&[("a", "hush-1")]), map(&[]), map(&[("hush-1", "x"), ("a", "y")])]),
        _ => one([object("hush-1", 1), object("b", 2), object("hush-2", 1)]),
    }
}

/// A scope with the values of these choices, each changed by `with`.
fn world(choices: [u8; NAMES.len()], with: impl Fn(usize, Value) -> Value) -> World {
    let named = NAMES.iter().zip(choices).enumerate();
    let values = named
        .map(|(index, (name, choice))| (format!("local.{name}"), with(index, value(name, choice))))
        .collect();
    World { values, ..World::default() }
}

/// The visible part of a value.
fn shown(value: &Value) -> String {
    match value {
        Value::Sensitive(_) => "secret".into(),
        Value::Composed(parts) => {
            let mut shown: Vec<String> =
                parts
                    .iter()
                    .map(|it| {
                        if let TextPart::Clear(it) = it {
                            format!("{it:?}")
                        } else {
                            "secret".into()
                        }
                    })
                    .collect();
            shown.dedup_by(|a, b| a == "secret" && b == "secret");
            shown.join(" + ")
        }
        Value::Map(it) | Value::Object(it) => {
            it.iter().map(|(name, it)| format!("{name:?} = {}, ", shown(it))).collect()
        }
        it if it.children().next().is_some() => {
            format!("[{}]", it.children().map(shown).collect::<Vec<_>>().join(", "))
        }
        // An arm of a conditional that has no value has no type for the other to take, and that is
        // no secret either.
        it => written(it).trim_matches('"').to_owned(),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_visible_part_of_a_value_is_independent_of_secrets(
        choices in prop::collection::vec(any::<u8>(), 0..60),
        values in any::<[u8; NAMES.len()]>(),
        others in any::<[u8; NAMES.len()]>(),
        secret in 0..NAMES.len(),
    ) {
        let text = expression(&choices);
        // Whether something has a value at all is taken for no secret, as in terraform.
        prop_assume!(!text.contains("can(") && !text.contains("try("));
        // So is whether the other arm of a conditional has one, and makes a set of a list, or a
        // string of a number.
        prop_assume!(!(text.contains(" ? ") && (text.contains("set") || text.contains("encode("))));
        let mut changed = values;
        changed[secret] = others[secret];
        let marked = |values| world(values, |index, value| if index == secret { value.sensitive() } else { value }).value(&text);
        if let (Ok(one), Ok(other)) = (marked(values), marked(changed)) {
            prop_assert_eq!(shown(&one), shown(&other), "{} shows local.{}:\n{}\n{}", text, NAMES[secret], written(&one), written(&other));
        }
    }

    #[test]
    fn no_diagnostic_shows_a_secret(choices in prop::collection::vec(any::<u8>(), 0..60), secret in 0..NAMES.len()) {
        let text = expression(&choices);
        let mut values = [1; NAMES.len()];
        values[secret] = 0;
        let world = world(values, |index, value| if index == secret { value.sensitive() } else { value });
        if let Err(problems) = world.value(&text) {
            let reported = format!("{problems:?}").to_lowercase();
            prop_assert!(!reported.contains("hush"), "{text}: {reported}");
        }
    }
}

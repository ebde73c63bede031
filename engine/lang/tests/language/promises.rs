//! What is said of a value before it is known stays true once it is known: an expression is
//! evaluated with an unknown in it, and again with what the unknown turns out to be.

use std::sync::Arc;

use ha_value::{Object, TextPart, Type, Value, convert};
use proptest::prelude::*;

use crate::flow::value;
use crate::random::{NAMES, expression};
use crate::world::World;
use crate::written::written;

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(4000);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// The value with less known of it: nothing, its type, the beginning of a string, or all but a
/// part.
fn blurred(value: &Value, choices: &mut impl Iterator<Item = u8>) -> Value {
    let unknown = |ty| Value::unknown(ty, Some("a.b.id".into()));
    let choice = choices.next().unwrap_or_default();
    let mut items = |items: &[Value]| -> Vec<Value> {
        let one = choices.next().map_or(0, usize::from) % items.len();
        let mut items = items.to_vec();
        items[one] = blurred(&items[one], choices);
        items
    };
    match (choice % 4, value) {
        (0, _) => unknown(Type::Any),
        (1, _) => unknown(Type::of_value(value)),
        (_, Value::String(text)) if text.len() > 1 => Value::Composed(
            [TextPart::Clear(text[..1].into()), TextPart::unknown(None, false)].into(),
        ),
        (_, Value::List(it)) if !it.is_empty() => Value::list(items(it)),
        (_, Value::Set(it)) if !it.is_empty() => {
            Value::set(items(&it.iter().cloned().collect::<Vec<_>>()))
        }
        (_, Value::Map(it)) if !it.is_empty() => Value::Map(Arc::new(named(it, &mut items))),
        (_, Value::Object(it)) if !it.is_empty() => Value::Object(Arc::new(named(it, &mut items))),
        _ => unknown(Type::of_value(value)),
    }
}

fn named(of: &Object, items: &mut impl FnMut(&[Value]) -> Vec<Value>) -> Object {
    let values: Vec<Value> = of.values().cloned().collect();
    of.keys().cloned().zip(items(&values)).collect()
}

/// Whether a value is what was said of it before it was known, up to how the language converts: the
/// other arm of a conditional may turn out to be a string, and so make one of a number.
fn keeps(said: &Value, by_now: &Value) -> bool {
    match (said, by_now) {
        (Value::Sensitive(said), _) => keeps(said, by_now),
        (_, Value::Sensitive(by_now)) => keeps(said, by_now),
        (Value::Unknown(it), _) => convert(by_now, &it.ty).is_ok(),
        (Value::Composed(said), _) => {
            convert(&by_now.revealed(), &Type::String).is_ok_and(|it| matches(said, it.as_str()))
        }
        (Value::List(said) | Value::Tuple(said), Value::List(by_now) | Value::Tuple(by_now)) => {
            said.len() == by_now.len()
                && said.iter().zip(by_now.iter()).all(|(said, by_now)| keeps(said, by_now))
        }
        (Value::Map(said) | Value::Object(said), Value::Map(by_now) | Value::Object(by_now)) => {
            said.keys().eq(by_now.keys())
                && said.values().zip(by_now.values()).all(|(said, by_now)| keeps(said, by_now))
        }
        // Unknown elements may turn out to be the same.
        (Value::List(_) | Value::Tuple(_) | Value::Set(_), Value::Set(by_now)) => {
            by_now.iter().all(|by_now| said.children().any(|said| keeps(said, by_now)))
        }
        (said, by_now) => {
            let by_now = by_now.revealed();
            *said == by_now
                || convert(said, &Type::String)
                    .is_ok_and(|it| convert(&by_now, &Type::String) == Ok(it))
        }
    }
}

/// Whether a string consists of these parts, whatever the unknown ones are.
fn matches(parts: &[TextPart], text: Option<&str>) -> bool {
    let Some(text) = text else { return false };
    match parts {
        [] => text.is_empty(),
        [TextPart::Clear(it) | TextPart::Secret(it), rest @ ..] => {
            text.strip_prefix(&**it).is_some_and(|it| matches(rest, Some(it)))
        }
        [TextPart::Unknown { .. }, rest @ ..] => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| matches(rest, Some(&text[at..]))),
    }
}

/// The world with these values, and the same with one of them blurred.
fn worlds(values: [u8; NAMES.len()], open: usize, blur: &[u8]) -> (World, World) {
    let mut known = World::default();
    let mut unknown = World::default();
    for (index, name) in NAMES.iter().enumerate() {
        let value = value(name, values[index]);
        let less =
            if index == open { blurred(&value, &mut blur.iter().copied()) } else { value.clone() };
        unknown.values.insert(format!("local.{name}"), less);
        known.values.insert(format!("local.{name}"), value);
    }
    (known, unknown)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_known_of_a_value_stays(
        choices in prop::collection::vec(any::<u8>(), 0..60),
        values in any::<[u8; NAMES.len()]>(),
        open in 0..NAMES.len(),
        blur in prop::collection::vec(any::<u8>(), 4),
    ) {
        let text = expression(&choices);
        let (known, unknown) = worlds(values, open, &blur);
        let said = |it: &Value| format!("local.{} is {}", NAMES[open], written(it));
        let (before, after) = (&unknown.values[&format!("local.{}", NAMES[open])], &known.values[&format!("local.{}", NAMES[open])]);
        // What an arm of a conditional is converted to may hang on the other one, and on whether
        // that has a value.
        let is_chosen = text.contains(" ? ");
        let tells_types = ["==", "!=", "encode(", "set"].iter().any(|it| text.contains(it));
        match (unknown.value(&text), known.value(&text)) {
            (Ok(early), Ok(late)) => prop_assert!(
                keeps(&early, &late) || is_chosen && tells_types,
                "{}\n{} gives\n  {}\n{} gives\n  {}", text, said(before), written(&early), said(after), written(&late)
            ),
            (Err(problems), Ok(late)) => prop_assert!(
                is_chosen,
                "{}\n{} gives {:?}\n{} gives\n  {}", text, said(before), problems, said(after), written(&late)
            ),
            _ => {}
        }
    }
}

//! Everything that holds for a value while parts are unknown still holds once they are known: drawn
//! expressions are evaluated with an unknown, and again with the value of that unknown.

use std::sync::Arc;

use ha_value::{Object, TextPart, Type, Value, convert};
use proptest::prelude::*;

use crate::flow::value;
use crate::random::{NAMES, choice_of_collections, expression};
use crate::world::World;
use crate::written::written;

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(4000);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// The value with less known: nothing, only its type, the beginning of a string, or all but one
/// element.
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

/// Whether a value is consistent with its partly unknown form, up to conversions: the other arm of a
/// conditional can turn out to be a string, which converts a number.
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

/// Whether a string can consist of these parts, for some values of the unknown ones.
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

/// The scope with these values, and the same with one of them blurred.
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

/// Evaluates an expression with one of the values blurred and without, and compares the two.
fn stays(
    text: &str,
    values: [u8; NAMES.len()],
    open: usize,
    blur: &[u8],
) -> Result<(), TestCaseError> {
    let (known, unknown) = worlds(values, open, blur);
    let name = format!("local.{}", NAMES[open]);
    let (before, after) = (written(&unknown.values[&name]), written(&known.values[&name]));
    // The type of an arm can depend on the other arm and on whether that has a value.
    let is_chosen = text.contains(" ? ");
    let depends_on_types = ["==", "!=", "encode(", "set"].iter().any(|it| text.contains(it));
    match (unknown.value(text), known.value(text)) {
        (Ok(early), Ok(late)) => prop_assert!(
            keeps(&early, &late) || is_chosen && depends_on_types,
            "{text}\n{name} is {before} gives\n  {}\n{name} is {after} gives\n  {}",
            written(&early),
            written(&late)
        ),
        (Err(problems), Ok(late)) => prop_assert!(
            is_chosen,
            "{text}\n{name} is {before} gives {problems:?}\n{name} is {after} gives\n  {}",
            written(&late)
        ),
        _ => {}
    }
    Ok(())
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
        stays(&expression(&choices), values, open, &blur)?;
    }

    #[test]
    fn what_is_known_of_a_conditional_between_collections_stays(
        choices in prop::collection::vec(any::<u8>(), 0..40),
        values in any::<[u8; NAMES.len()]>(),
        open in 0..NAMES.len(),
        blur in prop::collection::vec(any::<u8>(), 4),
    ) {
        stays(&choice_of_collections(&choices), values, open, &blur)?;
    }
}

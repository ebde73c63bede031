//! Elements of a collection that are there as recorded, but that the service writes differently.

use std::collections::BTreeMap;

use ha_value::Value;

/// The value `seen`, with the spelling of the record for each element that is the same as a recorded
/// one in normal form. Otherwise one element that somebody changed would show all of a set as
/// changed: `10.1.2.3/16` beside `10.1.0.0/16`, a policy beside the same one with other spaces.
/// `normal` returns the normal form of the argument with some value, `None` where its type takes no
/// such value. It is called once for each element, so the work grows with their number.
pub(crate) fn with_recorded_spelling(
    recorded: &Value,
    seen: &Value,
    normal: impl Fn(Value) -> Option<Value>,
) -> Value {
    match (recorded, seen) {
        (Value::Set(recorded), Value::Set(seen)) => {
            let alone = |element: &Value| normal(Value::set([element.clone()]));
            let by_form: BTreeMap<Value, &Value> =
                recorded.iter().filter_map(|it| Some((alone(it)?, it))).collect();
            let spelled = |element: &Value| {
                let recorded = alone(element).and_then(|form| by_form.get(&form).copied());
                recorded.unwrap_or(element).clone()
            };
            Value::set(seen.iter().map(spelled))
        }
        // The elements of a list are compared by place, as the views show them.
        (Value::List(recorded), Value::List(seen)) => {
            let alone = |element: &Value| normal(Value::list([element.clone()]));
            let spelled = |(place, element): (usize, &Value)| {
                let recorded = recorded.get(place).filter(|it| is_same(alone(it), alone(element)));
                recorded.unwrap_or(element).clone()
            };
            Value::list(seen.iter().enumerate().map(spelled))
        }
        _ => seen.clone(),
    }
}

fn is_same(one: Option<Value>, other: Option<Value>) -> bool {
    one.is_some() && one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A type that is written in any case, and whose elements are at most one.
    fn lower_case(value: Value) -> Option<Value> {
        let lower = |it: &Value| Some(Value::from(it.as_str()?.to_lowercase().as_str()));
        value.children().map(lower).collect::<Option<Vec<_>>>().map(Value::list)
    }

    #[test]
    fn only_elements_that_differ_in_normal_form_change() {
        let of = |texts: &[&str]| Value::set(texts.iter().map(|it| Value::from(*it)));
        let seen = with_recorded_spelling(&of(&["One", "Two"]), &of(&["one", "three"]), lower_case);
        assert_eq!(seen, of(&["One", "three"]));
        let of = |texts: &[&str]| Value::list(texts.iter().map(|it| Value::from(*it)));
        let seen = with_recorded_spelling(&of(&["One", "Two"]), &of(&["one", "three"]), lower_case);
        assert_eq!(seen, of(&["One", "three"]));
    }

    #[test]
    fn an_element_without_a_normal_form_stays_as_seen() {
        let of = |number: i64| Value::set([Value::from(number)]);
        assert_eq!(with_recorded_spelling(&of(1), &of(2), lower_case), of(2));
    }
}

//! Compares the attributes of an object before and after a change, path by path.

use std::collections::BTreeMap;

use ha_plan::Difference;
use ha_value::{Name, Path, Type};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::line_diff::{LineDifference, between, pretty_json};
use super::redacted_value::RedactedValue;

/// One path whose difference is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DiffRow {
    pub(crate) path: Path,
    pub(crate) what: RowContent,
    /// Whether the difference forces a replacement.
    pub(crate) replaces: bool,
}

/// The difference at one path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RowContent {
    /// The value of an object that is created or deleted as a whole.
    Is(RedactedValue),
    /// The value is added.
    Added(RedactedValue),
    /// The value is removed.
    Removed(RedactedValue),
    /// The value is replaced by another.
    Changed(RedactedValue, RedactedValue),
    /// Some lines of a string change.
    Lines(LineDifference),
    /// A secret changes to another secret.
    SecretChanged,
    /// A secret stays the same.
    SecretUnchanged,
    /// Only the type changes.
    Retyped(Type, Type),
    /// The value stays the same and becomes sensitive, or stops being sensitive.
    Marked(bool),
}

/// Returns the attributes of an object that is created or deleted, without null and empty ones.
pub(crate) fn all(attributes: &BTreeMap<Name, RedactedValue>) -> Vec<DiffRow> {
    let row = |(name, it): (&Name, &RedactedValue)| DiffRow {
        path: Path::attribute(name.clone()),
        what: RowContent::Is(it.clone()),
        replaces: false,
    };
    attributes.iter().filter(|(_, it)| !is_nothing(it)).map(row).collect()
}

/// Returns the differences, and the number of attributes without one.
pub(crate) fn differences(
    before: &BTreeMap<Name, RedactedValue>,
    after: &BTreeMap<Name, RedactedValue>,
    named: &[Difference],
    types: &BTreeMap<Name, (Type, Type)>,
) -> (Vec<DiffRow>, usize) {
    let mut rows = Vec::new();
    let mut unchanged = 0;
    for name in names(before, after) {
        let found = rows.len();
        let path = Path::attribute(name.clone());
        compare(&path, before.get(&name), after.get(&name), &mut rows);
        if rows.len() > found {
            continue;
        }
        // The planner reports differences that the values do not show, for example of a write-only
        // argument, whose value is stored nowhere.
        let is_unseen = named.iter().any(|it| it.path.steps().starts_with(path.steps()));
        // A null argument has the same meaning as an omitted one.
        let side = |of: &'_ BTreeMap<Name, RedactedValue>| {
            of.get(&name).filter(|it| **it != RedactedValue::Null).cloned()
        };
        let (old, new) = (side(before), side(after));
        let what =
            if is_unseen { unseen(old.as_ref(), new.as_ref(), types.get(&name)) } else { None };
        match (what, after.get(&name)) {
            (Some(what), _) => rows.push(DiffRow { path, what, replaces: false }),
            (None, Some(value)) if !is_nothing(value) => unchanged += 1,
            _ => {}
        }
    }
    for row in &mut rows {
        let here = row.path.steps();
        // The planner names the argument that forces a replacement, a row may be a part of it or
        // contain it. Both get the mark.
        row.replaces = named.iter().any(|it| {
            it.replaces && (here.starts_with(it.path.steps()) || it.path.steps().starts_with(here))
        });
    }
    (rows, unchanged)
}

/// Returns how to show a difference that the values alone do not show: of empty values, a type or a
/// secret.
pub(crate) fn unseen(
    before: Option<&RedactedValue>,
    after: Option<&RedactedValue>,
    types: Option<&(Type, Type)>,
) -> Option<RowContent> {
    Some(match (before, after) {
        (None, None) => {
            types.map(|(before, after)| RowContent::Retyped(before.clone(), after.clone()))?
        }
        (None, Some(after)) => RowContent::Added(after.clone()),
        (Some(before), None) => RowContent::Removed(before.clone()),
        (Some(before), Some(after)) if !before.reads_as(after) => {
            RowContent::Changed(before.clone(), after.clone())
        }
        (Some(before), Some(after)) => match types {
            Some((before, after)) => RowContent::Retyped(before.clone(), after.clone()),
            None if before.hides_something() || after.hides_something() => {
                RowContent::SecretChanged
            }
            None => return None,
        },
    })
}

/// Collects the differences between two values at a path.
pub(crate) fn compare(
    path: &Path,
    before: Option<&RedactedValue>,
    after: Option<&RedactedValue>,
    rows: &mut Vec<DiffRow>,
) {
    let mut push = |what| rows.push(DiffRow { path: path.clone(), what, replaces: false });
    let (before, after) = match (
        before.filter(|it| **it != RedactedValue::Null),
        after.filter(|it| **it != RedactedValue::Null),
    ) {
        (None, None) => return,
        (None, Some(after)) => {
            if !is_nothing(after) {
                push(RowContent::Added(after.clone()));
            }
            return;
        }
        (Some(before), None) => {
            if !is_nothing(before) {
                push(RowContent::Removed(before.clone()));
            }
            return;
        }
        (Some(before), Some(after)) if before.is_same(after) => return,
        (Some(before), Some(after)) => (before, after),
    };
    match (before, after) {
        (RedactedValue::Object(old), RedactedValue::Object(new)) => {
            for name in names(old, new) {
                compare(&path.name(name.clone()), old.get(&name), new.get(&name), rows);
            }
        }
        (RedactedValue::List(old), RedactedValue::List(new)) => compare_lists(path, old, new, rows),
        (RedactedValue::Set(old), RedactedValue::Set(new)) => {
            let gone = old.iter().filter(|it| !new.contains(it));
            let come = new.iter().filter(|it| !old.contains(it) || !it.is_wholly_known());
            rows.extend(gone.map(|it| DiffRow {
                path: path.clone(),
                what: RowContent::Removed(it.clone()),
                replaces: false,
            }));
            rows.extend(come.map(|it| DiffRow {
                path: path.clone(),
                what: RowContent::Added(it.clone()),
                replaces: false,
            }));
        }
        _ => match (before.pieces(), after.pieces()) {
            (Some(old), Some(new)) => push(compare_texts(before, after, old, new)),
            _ if is_secret(before) && is_secret(after) => push(RowContent::SecretChanged),
            _ => push(RowContent::Changed(before.clone(), after.clone())),
        },
    }
}

fn compare_texts(
    before: &RedactedValue,
    after: &RedactedValue,
    old: &[super::redacted_value::RedactedPiece],
    new: &[super::redacted_value::RedactedPiece],
) -> RowContent {
    if let (Some(old), Some(new)) = (pretty_json(old), pretty_json(new)) {
        let difference = between(&old, &new);
        // Two strings with equal JSON differ in spelling only, so that a comparison of the parsed
        // JSON would show nothing.
        if !difference.hunks.is_empty() {
            return RowContent::Lines(difference);
        }
    }
    if is_secret(before) && is_secret(after) {
        return RowContent::SecretChanged;
    }
    match before.is_long_text() || after.is_long_text() {
        true => RowContent::Lines(between(old, new)),
        false => RowContent::Changed(before.clone(), after.clone()),
    }
}

fn compare_lists(
    path: &Path,
    old: &[RedactedValue],
    new: &[RedactedValue],
    rows: &mut Vec<DiffRow>,
) {
    let pairs = |range: usize, at_old: usize, at_new: usize, rows: &mut Vec<DiffRow>| {
        for offset in 0..range {
            let (index, after) = (at_new + offset, &new[at_new + offset]);
            compare(&path.index(index), Some(&old[at_old + offset]), Some(after), rows);
        }
    };
    let mut one_sided = |path: Path, what| rows.push(DiffRow { path, what, replaces: false });
    if old.len() == new.len() {
        return pairs(new.len(), 0, 0, rows);
    }
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        let (from, to) = (op.old_range(), op.new_range());
        let common = from.len().min(to.len());
        match op {
            DiffOp::Equal { .. } => {
                let unknown = to.clone().filter(|index| !new[*index].is_wholly_known());
                unknown.for_each(|index| {
                    one_sided(
                        path.index(index),
                        RowContent::Changed(old[from.start].clone(), new[index].clone()),
                    )
                });
            }
            DiffOp::Delete { .. } => from.for_each(|index| {
                one_sided(path.index(index), RowContent::Removed(old[index].clone()))
            }),
            DiffOp::Insert { .. } => to.for_each(|index| {
                one_sided(path.index(index), RowContent::Added(new[index].clone()))
            }),
            DiffOp::Replace { .. } => {
                let (removed, added) = (from.start + common..from.end, to.start + common..to.end);
                let mut inner = Vec::new();
                pairs(common, from.start, to.start, &mut inner);
                inner.into_iter().for_each(|row| one_sided(row.path, row.what));
                removed.for_each(|index| {
                    one_sided(path.index(index), RowContent::Removed(old[index].clone()))
                });
                added.for_each(|index| {
                    one_sided(path.index(index), RowContent::Added(new[index].clone()))
                });
            }
        }
    }
}

/// Returns the names of both sides, in order.
fn names(
    before: &BTreeMap<Name, RedactedValue>,
    after: &BTreeMap<Name, RedactedValue>,
) -> Vec<Name> {
    let both: std::collections::BTreeSet<&Name> = before.keys().chain(after.keys()).collect();
    both.into_iter().cloned().collect()
}

/// Whether a value has the same meaning as an omitted argument.
fn is_nothing(value: &RedactedValue) -> bool {
    match value {
        RedactedValue::Null => true,
        RedactedValue::List(items) | RedactedValue::Set(items) => items.is_empty(),
        RedactedValue::Object(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether a known value is hidden completely.
pub(crate) fn is_secret(value: &RedactedValue) -> bool {
    match value {
        RedactedValue::Secret(_) => true,
        RedactedValue::Text(pieces) => {
            !pieces.is_empty()
                && pieces
                    .iter()
                    .all(|it| matches!(it, super::redacted_value::RedactedPiece::Secret(_)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::redacted_value::{RedactedPiece, SecretToken};
    use super::*;

    fn attributes(of: &[(&str, RedactedValue)]) -> BTreeMap<Name, RedactedValue> {
        of.iter().map(|(name, it)| (Name::from(*name), it.clone())).collect()
    }

    fn found(before: RedactedValue, after: RedactedValue) -> Vec<(String, RowContent)> {
        let (rows, _) = differences(
            &attributes(&[("a", before)]),
            &attributes(&[("a", after)]),
            &[],
            &BTreeMap::new(),
        );
        rows.into_iter().map(|it| (it.path.to_string(), it.what)).collect()
    }

    fn list(items: &[&str]) -> RedactedValue {
        RedactedValue::List(items.iter().map(|it| RedactedValue::text(it)).collect())
    }

    #[test]
    fn only_the_deepest_place_is_named() {
        let object = |value| {
            RedactedValue::Object(attributes(&[
                ("same", RedactedValue::Null),
                ("b", RedactedValue::List(vec![value])),
            ]))
        };
        let rows = found(object(RedactedValue::Bool(true)), object(RedactedValue::Bool(false)));
        assert_eq!(
            rows,
            [(
                "a.b[0]".into(),
                RowContent::Changed(RedactedValue::Bool(true), RedactedValue::Bool(false))
            )]
        );
    }

    #[test]
    fn an_element_put_in_front_is_one_addition() {
        let rows = found(list(&["x", "y"]), list(&["new", "x", "y"]));
        assert_eq!(rows, [("a[0]".into(), RowContent::Added(RedactedValue::text("new")))]);
    }

    #[test]
    fn set_elements_are_added_and_removed() {
        let set = |items: &[&str]| {
            RedactedValue::Set(items.iter().map(|it| RedactedValue::text(it)).collect())
        };
        let rows = found(set(&["x", "y"]), set(&["y", "z"]));
        assert_eq!(
            rows,
            [
                ("a".into(), RowContent::Removed(RedactedValue::text("x"))),
                ("a".into(), RowContent::Added(RedactedValue::text("z")))
            ]
        );
    }

    #[test]
    fn the_same_json_in_another_spelling_is_shown_as_text() {
        let rows = found(RedactedValue::text("{\"a\":1}"), RedactedValue::text("{ \"a\": 1 }"));
        assert!(matches!(&rows[..], [(_, RowContent::Changed(..))]));
        let rows = found(RedactedValue::text("{\"a\":1}"), RedactedValue::text("{\"a\":2}"));
        assert!(matches!(&rows[..], [(_, RowContent::Lines(it))] if it.added == 1));
    }

    #[test]
    fn only_a_secret_is_said_to_be_a_secret_that_changed() {
        let named = [Difference { path: Path::attribute("a"), replaces: false }];
        let (list, none) =
            (attributes(&[("a", list(&["x"]))]), attributes(&[("a", RedactedValue::List(vec![]))]));
        let types = BTreeMap::from([(
            "a".into(),
            (Type::Tuple(vec![Type::String].into()), Type::List(Type::String.into())),
        )]);
        let unseen_rows = |before, after, types: &BTreeMap<Name, (Type, Type)>| {
            let (rows, _) = differences(before, after, &named, types);
            rows.into_iter().map(|it| it.what).collect::<Vec<_>>()
        };
        let (tuple, of_strings) = types["a"].clone();
        assert_eq!(unseen_rows(&list, &list, &types), [RowContent::Retyped(tuple, of_strings)]);
        assert_eq!(unseen_rows(&list, &list, &BTreeMap::new()), []);
        let (null, nothing) = (attributes(&[("a", RedactedValue::Null)]), attributes(&[]));
        assert_eq!(
            unseen_rows(&null, &none, &BTreeMap::new()),
            [RowContent::Added(RedactedValue::List(vec![]))]
        );
        assert_eq!(
            unseen_rows(&nothing, &none, &BTreeMap::new()),
            [RowContent::Added(RedactedValue::List(vec![]))]
        );
        assert_eq!(unseen_rows(&nothing, &null, &BTreeMap::new()), []);
    }

    #[test]
    fn a_difference_of_hidden_values_is_shown() {
        let secret = RedactedValue::Text(vec![RedactedPiece::Secret(SecretToken {
            number: 1,
            revealed: None,
        })]);
        let side = attributes(&[("password", secret), ("other", RedactedValue::Bool(true))]);
        let named = [Difference { path: Path::attribute("password"), replaces: true }];
        let (rows, unchanged) = differences(&side, &side, &named, &BTreeMap::new());
        assert_eq!(
            rows,
            [DiffRow {
                path: Path::attribute("password"),
                what: RowContent::SecretChanged,
                replaces: true
            }]
        );
        assert_eq!(unchanged, 1);
    }
}

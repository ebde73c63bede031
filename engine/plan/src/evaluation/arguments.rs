//! The arguments of an instance: as the configuration sets them, and as they are planned for a
//! recorded object.

use std::collections::BTreeSet;
use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_lang::{EvaluationContext, IgnoreChanges, ResourceBlock};
use ha_provider::{ArgumentProblem, ResourceDescription};
use ha_state_model::Record;
use ha_value::{Address, Name, Object, PathStep, Type, Value};

use crate::evaluation::argument_diagnostics::{conform, located};
use crate::evaluation::timeouts;
use crate::evaluation::values::{EvaluationScope, EvaluationValues};
use crate::secrets::redaction::redacted;

/// The arguments of an instance as the configuration sets them.
pub(crate) struct ConfiguredArguments {
    /// Values of the schema's types, with defaults.
    pub(crate) values: Object,
    /// The arguments that the configuration sets. An argument set to null counts as not set.
    pub(crate) configured: BTreeSet<Name>,
    /// Limits for operations, by operation.
    pub(crate) timeouts: Object,
}

impl ConfiguredArguments {
    /// Evaluates the arguments of an instance. Problems are located in the source.
    pub(crate) fn evaluate(
        world: &EvaluationValues,
        at: &EvaluationScope<'_>,
        described: &ResourceDescription,
        block: &ResourceBlock,
        address: &Address,
    ) -> Result<Self, Vec<Diagnostic>> {
        let schema = described.schema();
        let result = world.within(at, |environment: &EvaluationContext<'_>| {
            let mut given =
                block.body.evaluate(&timeouts::schema_of(described, &block.body), environment)?;
            let timeouts = timeouts::take(&mut given, described, &block.body, &block.head);
            let located =
                |problems| located(problems, &block.body, Some(address), block.head.clone());
            let values = conform(schema, &given, &block.body, Some(address), &block.head);
            let (values, timeouts) = match (values, timeouts) {
                (Ok(values), Ok(timeouts)) => (values, timeouts),
                // Both are checked before failing, so that all errors of a block are reported
                // together.
                (values, timeouts) => {
                    return Err([values.err(), timeouts.err()]
                        .into_iter()
                        .flatten()
                        .flatten()
                        .collect());
                }
            };
            // Hooks run on conformed values only, and their messages may quote arguments.
            let quoting = described.hooks().problems(schema, &values);
            if !quoting.is_empty() {
                let clean = |it: ArgumentProblem| ArgumentProblem {
                    message: redacted(&it.message, [&values]),
                    ..it
                };
                return Err(located(quoting.into_iter().map(clean).collect()));
            }
            // A typed null is a value of its own where the schema keeps types, as in an argument
            // of any type.
            let is_said = |name: &Name| values.get(name).is_some_and(Value::is_typed_null);
            let configured = given.iter().filter(|(name, it)| !it.is_null() || is_said(name));
            let configured = configured.map(|(name, _)| name.clone()).collect();
            Ok(Self { values, configured, timeouts })
        });
        let named = |it: Diagnostic| if it.address.is_none() { it.address(address) } else { it };
        result.map_err(|diagnostics: Vec<Diagnostic>| diagnostics.into_iter().map(named).collect())
    }

    /// Adds the arguments that the provider's settings give to all its resources, where the kind
    /// has them. Arguments of the block take precedence.
    pub(crate) fn with_shared(mut self, shared: Object, described: &ResourceDescription) -> Self {
        for (name, below) in shared {
            let is_taken = described.schema().arguments.contains_key(&name);
            // Shared settings name arguments that only some kinds have, such as tags.
            if is_taken && let Some(merged) = merged(self.values.get(&name), &below) {
                self.values.insert(name.clone(), merged);
                // A value from the provider counts as configured, so that removing it from the
                // provider removes it from the resource.
                self.configured.insert(name);
            }
        }
        self
    }

    /// Returns the arguments that the configuration sets or has set for an existing object. An
    /// argument that is removed from the configuration stays in the list, so that a later plan
    /// still removes its value; a value that the service chooses returns to the service.
    pub(crate) fn ever_configured(
        &self,
        record: &Record,
        described: &ResourceDescription,
    ) -> BTreeSet<Name> {
        let fields = &described.schema().arguments;
        let before = record
            .configured
            .iter()
            .filter(|it| fields.get(*it).is_some_and(|field| !field.chosen));
        self.configured.iter().chain(before).cloned().collect()
    }

    /// Returns the planned arguments of an existing object: without changes that are ignored, and
    /// with the recorded values of arguments that the configuration never set.
    pub(crate) fn merged_with_record(
        &self,
        record: &Record,
        described: &ResourceDescription,
        ignored: Option<&IgnoreChanges>,
    ) -> Object {
        let mut values = self.values.clone();
        ignore(ignored, record, &mut values);
        let arguments = &described.schema().arguments;
        for (name, value) in &record.arguments {
            let never_said = !self.configured.contains(name) && !record.configured.contains(name);
            let chosen = arguments.get(name).is_none_or(|it| it.chosen);
            // Another argument may now hold the same value in another form; keeping both would
            // send it twice.
            let is_said = described.hooks().said_by(name).any(|it| values.contains_key(it));
            if never_said && !chosen && !is_said {
                values.insert(name.clone(), value.clone());
            }
        }
        values
    }
}

/// Merges two maps, of which the first takes precedence; none where the second is empty.
fn merged(above: Option<&Value>, below: &Value) -> Option<Value> {
    let above = above.cloned().unwrap_or(Value::NULL);
    let ((above, above_marked), (below, below_marked)) = (above.unmark(), below.unmark());
    let value = match (&above, &below) {
        (_, Value::Null(_)) => return None,
        (_, Value::Map(below) | Value::Object(below)) if below.is_empty() => return None,
        (Value::Null(_), Value::Map(below) | Value::Object(below)) => Value::Map(below.clone()),
        (Value::Map(above) | Value::Object(above), Value::Map(below) | Value::Object(below)) => {
            let mut all = (**below).clone();
            all.extend(above.iter().map(|(name, it)| (name.clone(), it.clone())));
            Value::Map(Arc::new(all))
        }
        // A merge with an unknown map is unknown as a whole: its keys may be overridden.
        (above, below) => Value::unknown(
            Type::Map(Arc::new(Type::String)),
            above.cause().or_else(|| below.cause()),
        ),
    };
    Some(if above_marked || below_marked { value.sensitive() } else { value })
}

/// Applies `ignore_changes`: keeps the recorded values.
fn ignore(changes: Option<&IgnoreChanges>, record: &Record, arguments: &mut Object) {
    match changes {
        None => {}
        Some(IgnoreChanges::All) => *arguments = record.arguments.clone(),
        Some(IgnoreChanges::Paths(paths)) => {
            for (path, _) in paths {
                let Some((PathStep::Name(name), deeper)) = path.steps().split_first() else {
                    continue;
                };
                let recorded = record.arguments.get(name);
                let kept = match (deeper, arguments.get(name)) {
                    ([], _) => recorded.cloned(),
                    (_, Some(value)) => Some(kept_inside(value, recorded, deeper)),
                    (_, None) => None,
                };
                match kept {
                    Some(kept) => arguments.insert(name.clone(), kept),
                    None => arguments.remove(name),
                };
            }
        }
    }
}

fn kept_inside(value: &Value, recorded: Option<&Value>, path: &[PathStep]) -> Value {
    let Some((step, deeper)) = path.split_first() else {
        return recorded.cloned().unwrap_or(Value::NULL);
    };
    match (value, step) {
        (Value::Sensitive(inner), _) => {
            let recorded = recorded.map(|it| it.unmark().0);
            kept_inside(inner, recorded.as_ref(), path).sensitive()
        }
        (Value::Map(items) | Value::Object(items), PathStep::Name(name)) => {
            let mut items = (**items).clone();
            let before = recorded.and_then(Value::as_object).and_then(|it| it.get(name));
            match kept_inside(items.get(name).unwrap_or(&Value::NULL), before, deeper) {
                Value::Null(_) => items.remove(name),
                kept => items.insert(name.clone(), kept),
            };
            if matches!(value, Value::Map(_)) {
                Value::Map(Arc::new(items))
            } else {
                Value::Object(Arc::new(items))
            }
        }
        (Value::List(items), PathStep::Index(index)) => {
            let mut items = items.to_vec();
            let before =
                recorded.and_then(Value::elements).and_then(|it| it.get(*index).copied().cloned());
            if let Some(item) = items.get_mut(*index) {
                *item = kept_inside(item, before.as_ref(), deeper);
            }
            Value::list(items)
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_the_block_override_those_of_the_provider() {
        let map = |items: &[(&str, Value)]| {
            Value::Map(Arc::new(
                items.iter().map(|(name, it)| ((*name).into(), it.clone())).collect(),
            ))
        };
        let shared = map(&[("owner", "ops".into()), ("stage", "prod".into())]);
        let own = map(&[("stage", "test".into()), ("name", "a".into())]);
        let both = map(&[("name", "a".into()), ("owner", "ops".into()), ("stage", "test".into())]);
        assert_eq!(merged(Some(&own), &shared), Some(both.clone()));
        assert_eq!(merged(None, &shared), Some(shared.clone()));
        assert_eq!(merged(Some(&own.clone().sensitive()), &shared), Some(both.sensitive()));
        assert_eq!(merged(Some(&own), &map(&[])), None);
        assert_eq!(merged(Some(&own), &Value::NULL), None);
        let unknown = Value::unknown(Type::Any, Some("a.b.id".into()));
        assert_eq!(
            merged(Some(&own), &unknown).and_then(|it| it.cause()).as_deref(),
            Some("a.b.id")
        );
    }
}

//! `for` expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_value::{Name, Object, Type, Value, convert};

use super::operator::length;
use super::{EvaluationError, EvaluationResult, Evaluator};
use crate::compiled_expression::{ExpressionNode, ForExpression};
use crate::diagnostics::value as mistakes;

/// The value without its outermost mark, and whether it had one. Marks of elements stay.
pub(super) fn unmarked(value: &Value) -> (&Value, bool) {
    match value {
        Value::Sensitive(inner) => (inner, true),
        it => (it, false),
    }
}

/// The keys and values of a collection in iteration order; `None` for other values.
pub(crate) fn items(value: &Value) -> Option<Box<dyn Iterator<Item = (Value, Value)> + '_>> {
    let at = |index: usize| Value::from(i64::try_from(index).unwrap_or(i64::MAX));
    match value {
        Value::List(items) | Value::Tuple(items) => {
            Some(Box::new(items.iter().enumerate().map(move |(index, it)| (at(index), it.clone()))))
        }
        Value::Set(items) => Some(Box::new(items.iter().map(|it| (it.clone(), it.clone())))),
        Value::Map(items) | Value::Object(items) => {
            Some(Box::new(items.iter().map(|(name, it)| (Value::String(name.clone()), it.clone()))))
        }
        _ => None,
    }
}

/// Whether the number of elements of a set is unknown: unknown elements can turn out to be equal.
pub(crate) fn is_open(value: &Value) -> bool {
    matches!(value, Value::Set(items) if items.len() > 1 && !value.is_wholly_known())
}

/// The result of a `for` so far.
enum ForResult {
    Tuple(Vec<Value>),
    Object(Object),
    Groups(BTreeMap<Name, Vec<Value>>),
}

impl Evaluator<'_> {
    pub(super) fn each(&mut self, it: &ForExpression, node: &ExpressionNode) -> EvaluationResult {
        let collection = self.node(&it.collection)?;
        if collection.is_null() {
            return Err(self.fail(&it.collection, mistakes::iteration_over_null()));
        }
        // The mark of a collection moves to the result. Its elements are evaluated as secrets, as
        // they carry no mark of their own.
        let (plain, marked) = unmarked(&collection);
        let mut sensitive = marked;
        if let Value::Unknown(unknown) = plain {
            // An unknown of a type without elements is an error already, and not only once it is
            // known.
            if !matches!(
                unknown.ty,
                Type::Any
                    | Type::List(_)
                    | Type::Set(_)
                    | Type::Map(_)
                    | Type::Tuple(_)
                    | Type::Object(_)
            ) {
                return Err(self.fail(&it.collection, mistakes::not_iterable(plain)));
            }
            self.record_uncertainty();
            // A condition that is null for an unknown element is null for every element.
            if let Some(condition) = &it.condition
                && self
                    .with_any_element(it, |it| it.without_diagnostics(|it| it.node(condition)))
                    .is_some_and(|it| it.is_null())
            {
                return Err(self.fail(condition, mistakes::null_condition()));
            }
            let value = Value::unknown(Type::Any, unknown.cause.clone());
            return Ok(if sensitive { value.sensitive() } else { value });
        }
        if is_open(plain) {
            self.record_uncertainty();
            let value = Value::unknown(Type::Any, plain.cause());
            return Ok(if sensitive { value.sensitive() } else { value });
        }
        let Some(items) = items(plain) else {
            return Err(self.fail(&it.collection, mistakes::not_iterable(plain)));
        };
        if length(plain).1 == Some(0)
            && let Some(condition) = &it.condition
        {
            self.check_condition(it, condition)?;
        }
        let mut gathered = match (&it.result_key, it.grouping) {
            (None, _) => ForResult::Tuple(Vec::with_capacity(items.size_hint().0)),
            (Some(_), false) => ForResult::Object(Object::new()),
            (Some(_), true) => ForResult::Groups(BTreeMap::new()),
        };
        let mut unknown = None;
        for (key, item) in items {
            self.spend(node)?;
            let bound = self.slots.len();
            if it.keyed {
                self.slots.push(key);
            }
            self.slots.push(item);
            // Diagnostics about an element of a secret collection must not show it.
            let outcome = self.with_secret(marked, |evaluator| {
                evaluator.one(it, &mut gathered, &mut sensitive, node)
            });
            self.slots.truncate(bound);
            // The other elements would repeat the diagnostic.
            if let Some(cause) = outcome? {
                unknown = unknown.or(Some(cause));
            }
        }
        let value = match (unknown, gathered) {
            (Some(key), _) => Value::unknown(Type::Any, key.cause()),
            (None, ForResult::Tuple(items)) => Value::tuple(items),
            (None, ForResult::Object(items)) => Value::Object(Arc::new(items)),
            (None, ForResult::Groups(groups)) => {
                Value::object(groups.into_iter().map(|(name, items)| (name, Value::tuple(items))))
            }
        };
        Ok(if sensitive { value.sensitive() } else { value })
    }

    /// The result of `work` with an unknown element bound to each name of the `for`.
    fn with_any_element<T>(&mut self, it: &ForExpression, work: impl FnOnce(&mut Self) -> T) -> T {
        let bound = self.slots.len();
        let any = Value::unknown(Type::Any, None);
        self.slots.extend(vec![any; if it.keyed { 2 } else { 1 }]);
        let done = work(self);
        self.slots.truncate(bound);
        done
    }

    /// Reports a condition that fails whatever the elements are. Terraform does so for an empty
    /// collection too: a mistake must not wait until the collection has an element.
    fn check_condition(
        &mut self,
        it: &ForExpression,
        condition: &ExpressionNode,
    ) -> Result<(), EvaluationError> {
        // The result of an empty collection does not depend on the unknown element tried here.
        let uncertainties = std::mem::take(&mut self.uncertainties);
        let tried = self.with_any_element(it, |it| {
            it.without_diagnostics(|it| it.evaluate_condition(condition))
        });
        let may_succeed = std::mem::replace(&mut self.uncertainties, uncertainties) > 0;
        if tried.is_some() || may_succeed {
            return Ok(());
        }
        self.with_any_element(it, |it| it.evaluate_condition(condition)).map(|_| ())
    }

    /// Adds the result for one element. Returns the unknown condition or key that leaves the number
    /// of results or their names unknown, if there is one.
    fn one(
        &mut self,
        it: &ForExpression,
        gathered: &mut ForResult,
        sensitive: &mut bool,
        node: &ExpressionNode,
    ) -> Result<Option<Value>, EvaluationError> {
        if let Some(condition) = &it.condition {
            let value = self.node(condition)?;
            if value.is_null() {
                return Err(self.fail(condition, mistakes::null_condition()));
            }
            let value = match convert(&value, &Type::Bool) {
                Ok(it) => it,
                Err(_) => return Err(self.fail(condition, mistakes::condition_is_no_bool(&value))),
            };
            let (value, marked) = value.unmark();
            *sensitive |= marked;
            match value {
                Value::Bool(true) => {}
                Value::Bool(false) => return Ok(None),
                unknown => {
                    self.record_uncertainty();
                    return Ok(Some(unknown));
                }
            }
        }
        let Some(key_node) = &it.result_key else {
            let value = self.node(&it.result)?;
            if let ForResult::Tuple(items) = gathered {
                items.push(value);
            }
            return Ok(None);
        };
        let key = self.node(key_node).and_then(|key| self.object_key(&key, key_node));
        let (key, value) = super::both(key, self.node(&it.result))?;
        let (key, marked) = key.unmark();
        *sensitive |= marked;
        let Value::String(name) = key else { return Ok(Some(key)) };
        match gathered {
            ForResult::Groups(groups) => groups.entry(name).or_default().push(value),
            ForResult::Object(items) => {
                if items.contains_key(&name) {
                    let shown = if marked || self.secret { "(sensitive)".into() } else { name };
                    return Err(
                        self.fail(node, mistakes::duplicate_key(&shown).at(self.span(key_node.at)))
                    );
                }
                items.insert(name, value);
            }
            ForResult::Tuple(items) => items.push(value),
        }
        Ok(None)
    }
}

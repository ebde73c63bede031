//! `CONDITION ? VALUE : OTHER`.

use std::sync::Arc;

use ha_value::{Type, Value, convert, unify};

use super::operator::{length, range};
use super::{EvaluationResult, Evaluator};
use crate::compiled_expression::ExpressionNode;
use crate::diagnostics::value as mistakes;

impl Evaluator<'_> {
    pub(super) fn conditional(
        &mut self,
        condition: &ExpressionNode,
        then: &ExpressionNode,
        otherwise: &ExpressionNode,
    ) -> EvaluationResult {
        let decided = self.evaluate_condition(condition)?;
        let (decided, sensitive) = decided.unmark();
        // Both arms are evaluated, as the type of the result depends on both. A failure of the arm
        // that is not chosen is no error: it is often the reason for the condition.
        let (then_value, otherwise_value) = match decided {
            Value::Bool(true) => {
                (self.node(then)?, self.value_if_any(otherwise).unwrap_or(Value::NULL))
            }
            Value::Bool(false) => {
                (self.value_if_any(then).unwrap_or(Value::NULL), self.node(otherwise)?)
            }
            _ => {
                let (then, otherwise) = (self.value_if_any(then), self.value_if_any(otherwise));
                // An arm that fails never gives the value, so the other arm alone says what the
                // value can be.
                let then_value = then.clone().or_else(|| otherwise.clone());
                (then_value.unwrap_or(Value::NULL), otherwise.or(then).unwrap_or(Value::NULL))
            }
        };
        let types = [Type::of_value(&then_value), Type::of_value(&otherwise_value)];
        // While the type of one arm is unknown, the common type is too: an arm that is a string
        // later converts the other one to a string.
        let open = then_value.may_be_anything() || otherwise_value.may_be_anything();
        if open {
            self.record_uncertainty();
        }
        let Some(ty) = unify(&types) else {
            let both = self.span(then.at.to(otherwise.at));
            let values = [&then_value, &otherwise_value].map(|it| self.showable(it));
            return Err(self.fail(then, mistakes::arms_differ(&values[0], &values[1]).at(both)));
        };
        let (value, other, node) = match decided {
            Value::Bool(true) => (then_value, otherwise_value, then),
            Value::Bool(false) => (otherwise_value, then_value, otherwise),
            _ => {
                // Which arm is chosen is not known, so that a mark in either one counts.
                let marked = sensitive
                    || then_value.contains_sensitive()
                    || otherwise_value.contains_sensitive();
                let unknown = match open {
                    true => Value::unknown(Type::Any, decided.cause()),
                    false => either(&then_value, &otherwise_value, ty, decided.cause()),
                };
                return Ok(if marked { unknown.sensitive() } else { unknown });
            }
        };
        let value = match open {
            // An arm without value or elements has no type that the other one is converted to.
            true if other.is_null() || length(&other).1 == Some(0) => value,
            true => {
                let cause = value.cause().or_else(|| other.cause());
                without_nested_names(&value, cause.as_ref())
            }
            // Arms of one type need no conversion, which would copy the value.
            false if types[0] == types[1] => value,
            false => convert(&value, &ty)
                .map_err(|it| self.fail(node, mistakes::arm_does_not_convert(&it)))?,
        };
        Ok(if sensitive { value.sensitive() } else { value })
    }

    /// The value of a condition converted to a bool, which can be marked or unknown.
    pub(super) fn evaluate_condition(&mut self, condition: &ExpressionNode) -> EvaluationResult {
        let value = self.node(condition)?;
        if value.is_null() {
            return Err(self.fail(condition, mistakes::null_condition()));
        }
        if !value.is_known() {
            self.record_uncertainty();
        }
        convert(&value, &Type::Bool)
            .map_err(|_| self.fail(condition, mistakes::condition_is_no_bool(&value)))
    }
}

/// The unknown result of an unknown condition, with all that holds for both arms: whether it can be
/// null, the range of a number and the length of a collection.
fn either(then: &Value, otherwise: &Value, ty: Type, cause: Option<Arc<str>>) -> Value {
    if then.is_null() && otherwise.is_null() {
        return Value::null(&ty);
    }
    // The conversion to a common type can change the length, as a set has fewer elements than the
    // list that it is made of.
    let keeps_length = Type::of_value(then) == Type::of_value(otherwise);
    let unknown = Value::unknown(ty, cause);
    if !then.is_never_null() || !otherwise.is_never_null() {
        return unknown;
    }
    let (a, b) = (range(then), range(otherwise));
    let range = (a.0.zip(b.0).map(|(a, b)| a.min(b)), a.1.zip(b.1).map(|(a, b)| a.max(b)));
    let (a, b) = (length(then), length(otherwise));
    let length = (a.0.min(b.0), a.1.zip(b.1).map(|(a, b)| a.max(b)));
    match &unknown {
        Value::Unknown(it) if it.ty == Type::Number => unknown.in_range(range),
        Value::Unknown(it)
            if keeps_length && matches!(it.ty, Type::List(_) | Type::Set(_) | Type::Map(_)) =>
        {
            unknown.of_length(length.0, length.1)
        }
        _ => unknown.not_null(),
    }
}

/// The chosen arm as far as it is known while the common type of both arms is not. Its elements stay,
/// but an object or map inside of it becomes unknown: the common type of several objects can have
/// fewer attributes than one of them, and the conversion drops the others.
fn without_nested_names(value: &Value, cause: Option<&Arc<str>>) -> Value {
    let inner = |it: &Value| match it.unmark() {
        (Value::Object(_) | Value::Map(_), sensitive) => {
            let unknown = Value::unknown(Type::Any, cause.cloned());
            if sensitive || it.contains_sensitive() { unknown.sensitive() } else { unknown }
        }
        _ => without_nested_names(it, cause),
    };
    match value {
        Value::List(items) => Value::list(items.iter().map(inner)),
        Value::Tuple(items) => Value::tuple(items.iter().map(inner)),
        Value::Set(items) => Value::set(items.iter().map(inner)),
        Value::Map(items) => {
            let items = items.iter().map(|(name, it)| (name.clone(), inner(it)));
            Value::Map(Arc::new(items.collect()))
        }
        Value::Object(items) => {
            Value::object(items.iter().map(|(name, it)| (name.clone(), inner(it))))
        }
        Value::Sensitive(content) => without_nested_names(content, cause).sensitive(),
        other => other.clone(),
    }
}

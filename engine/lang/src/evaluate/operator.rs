//! Operators, also of unknown values: a result is known as soon as the known parts decide it.

use ha_value::{Number, NumberRange, TextPart, Type, UnknownValue, Value, convert};

use super::{EvaluationError, EvaluationResult, Evaluator, both};
use crate::compiled_expression::ExpressionNode;
use crate::diagnostics::value as mistakes;
use crate::syntax::Operator;

impl Evaluator<'_> {
    pub(super) fn not(&mut self, operand: &ExpressionNode) -> EvaluationResult {
        let (value, sensitive) = self.operand(operand, &Type::Bool, "!")?;
        let value = match value {
            Value::Bool(it) => Value::Bool(!it),
            unknown => Value::unknown(Type::Bool, unknown.cause()).not_null(),
        };
        Ok(if sensitive { value.sensitive() } else { value })
    }

    pub(super) fn negative(&mut self, operand: &ExpressionNode) -> EvaluationResult {
        let (value, sensitive) = self.operand(operand, &Type::Number, "-")?;
        let value = match value {
            Value::Number(it) => Value::Number(it.negated()),
            unknown => Value::unknown(Type::Number, unknown.cause()).not_null(),
        };
        Ok(if sensitive { value.sensitive() } else { value })
    }

    pub(super) fn binary(
        &mut self,
        operator: Operator,
        left: &ExpressionNode,
        right: &ExpressionNode,
        node: &ExpressionNode,
    ) -> EvaluationResult {
        match operator {
            Operator::Equal | Operator::NotEqual => {
                let (left, right) = both(self.node(left), self.node(right))?;
                Ok(equal(&left, &right, operator == Operator::NotEqual))
            }
            Operator::And | Operator::Or => self.logical(operator, left, right),
            _ => self.arithmetic(operator, left, right, node),
        }
    }

    /// An operand converted to the type of the operator, and whether it is sensitive.
    fn operand(
        &mut self,
        node: &ExpressionNode,
        ty: &Type,
        sign: &str,
    ) -> Result<(Value, bool), EvaluationError> {
        let value = self.node(node)?;
        match (&value, ty) {
            // The usual case, without a conversion that would copy the value.
            (Value::Number(_), Type::Number) | (Value::Bool(_), Type::Bool) => {
                return Ok((value, false));
            }
            _ => {}
        }
        if value.is_null() {
            return Err(self.fail(node, mistakes::null_operand(sign)));
        }
        if !value.is_known() {
            self.record_uncertainty();
        }
        match convert(&value, ty) {
            Ok(it) => Ok(it.unmark()),
            Err(_) => {
                Err(self.fail(node, mistakes::wrong_operand(sign, ty, &self.showable(&value))))
            }
        }
    }

    /// `&&` and `||`. The value of the right side counts only if the left one does not decide, as
    /// since Terraform 1.12; its type is always checked.
    fn logical(
        &mut self,
        operator: Operator,
        left: &ExpressionNode,
        right: &ExpressionNode,
    ) -> EvaluationResult {
        let decides = operator == Operator::Or;
        let (left, mut sensitive) = self.operand(left, &Type::Bool, operator.sign())?;
        let value = if left == Value::Bool(decides) {
            // The left side decides. The right one is evaluated for its type alone: a failure does
            // not count, and an unknown in it does not make the result uncertain.
            let (right_value, _) =
                self.tracking_uncertainty(|it| it.without_diagnostics(|it| it.node(right)));
            self.may_be_bool(right_value, right, operator)?;
            left
        } else {
            let (right, marked) = match &left {
                Value::Bool(_) => self.operand(right, &Type::Bool, operator.sign())?,
                // The left side may decide once it is known, so that a failure of the right one is
                // no error yet.
                unknown => {
                    let value = self.without_diagnostics(|it| it.node(right));
                    match self.may_be_bool(value, right, operator)? {
                        Some(it) => it.unmark(),
                        None => {
                            self.record_uncertainty();
                            (Value::unknown(Type::Bool, unknown.cause()), false)
                        }
                    }
                }
            };
            sensitive |= marked;
            match (left, right) {
                (Value::Bool(_), Value::Bool(it)) => Value::Bool(it),
                (_, it) if it == Value::Bool(decides) => it,
                (Value::Bool(_), unknown) | (unknown, _) => {
                    Value::unknown(Type::Bool, unknown.cause()).not_null()
                }
            }
        };
        Ok(if sensitive { value.sensitive() } else { value })
    }

    /// The right side converted to a bool; `None` if it has none. It is an error only if no value of
    /// its type converts.
    fn may_be_bool(
        &mut self,
        value: Option<Value>,
        node: &ExpressionNode,
        operator: Operator,
    ) -> Result<Option<Value>, EvaluationError> {
        let Some(value) = value.filter(|it| !it.is_null()) else { return Ok(None) };
        if convert(&Value::unknown(Type::of_value(&value), None), &Type::Bool).is_err() {
            return Err(self.fail(
                node,
                mistakes::wrong_operand(operator.sign(), &Type::Bool, &self.showable(&value)),
            ));
        }
        let is_open = !value.is_known();
        let value = convert(&value, &Type::Bool).ok();
        if is_open {
            self.record_uncertainty();
        }
        Ok(value)
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        left: &ExpressionNode,
        right: &ExpressionNode,
        node: &ExpressionNode,
    ) -> EvaluationResult {
        let sign = operator.sign();
        let operands = both(
            self.operand(left, &Type::Number, sign),
            self.operand(right, &Type::Number, sign),
        )?;
        let ((left, left_sensitive), (right_value, right_sensitive)) = operands;
        let value = match (&left, &right_value) {
            (Value::Number(a), Value::Number(b)) => {
                let number = match operator {
                    Operator::Add => a.add(b),
                    Operator::Subtract => a.sub(b),
                    Operator::Multiply => a.mul(b),
                    // Terraform has infinities for a division by zero, which no JSON can hold.
                    Operator::Divide | Operator::Remainder if b.as_i64() == Some(0) => {
                        return Err(self.fail(right, mistakes::division_by_nothing()));
                    }
                    Operator::Divide => a.div(b),
                    Operator::Remainder => a.rem(b),
                    Operator::Less => {
                        return Ok(marked(Value::Bool(a < b), left_sensitive || right_sensitive));
                    }
                    Operator::LessOrEqual => {
                        return Ok(marked(Value::Bool(a <= b), left_sensitive || right_sensitive));
                    }
                    Operator::Greater => {
                        return Ok(marked(Value::Bool(a > b), left_sensitive || right_sensitive));
                    }
                    _ => return Ok(marked(Value::Bool(a >= b), left_sensitive || right_sensitive)),
                };
                match number {
                    Some(number) => Value::Number(number),
                    None => return Err(self.fail(node, mistakes::result_out_of_range())),
                }
            }
            _ => {
                // A range can decide a comparison early: `length(x) >= 0` is true for every unknown
                // `x`.
                let cause = left.cause().or_else(|| right_value.cause());
                match compared(operator, &range(&left), &range(&right_value)) {
                    ComparisonResult::Not => Value::unknown(Type::Number, cause).not_null(),
                    ComparisonResult::Open => Value::unknown(Type::Bool, cause).not_null(),
                    ComparisonResult::Sure(it) => Value::Bool(it),
                }
            }
        };
        Ok(marked(value, left_sensitive || right_sensitive))
    }
}

/// The least and the greatest number that a value can be; `None` where it is unbounded.
pub(crate) fn range(value: &Value) -> NumberRange {
    match value {
        Value::Number(it) => (Some(it.clone()), Some(it.clone())),
        Value::Unknown(it) => it.range(),
        Value::Sensitive(inner) => range(inner),
        _ => (None, None),
    }
}

/// The result of comparing two numbers that are not both known.
enum ComparisonResult {
    /// The operator is no comparison.
    Not,
    Open,
    Sure(bool),
}

fn compared(operator: Operator, left: &NumberRange, right: &NumberRange) -> ComparisonResult {
    let (low, high, or_equal) = match operator {
        Operator::Less => (left, right, false),
        Operator::LessOrEqual => (left, right, true),
        Operator::Greater => (right, left, false),
        Operator::GreaterOrEqual => (right, left, true),
        _ => return ComparisonResult::Not,
    };
    let below = |a: &Option<Number>, b: &Option<Number>, or_equal: bool| match (a, b) {
        (Some(a), Some(b)) => a < b || or_equal && a == b,
        _ => false,
    };
    if below(&low.1, &high.0, or_equal) {
        return ComparisonResult::Sure(true);
    }
    if below(&high.1, &low.0, !or_equal) {
        ComparisonResult::Sure(false)
    } else {
        ComparisonResult::Open
    }
}

fn marked(value: Value, sensitive: bool) -> Value {
    if sensitive { value.sensitive() } else { value }
}

/// The result of `==` or, if `negate`, of `!=`. Nothing is converted. The result is unknown if it
/// depends on an unknown value.
pub(crate) fn equal(left: &Value, right: &Value, negate: bool) -> Value {
    let sensitive = left.contains_sensitive() || right.contains_sensitive();
    let value = match sure_equal(left, right) {
        Some(it) => Value::Bool(it != negate),
        None => Value::unknown(Type::Bool, left.cause().or_else(|| right.cause())).not_null(),
    };
    marked(value, sensitive)
}

/// Whether two values are equal; `None` if that depends on an unknown value. Nulls of all types are
/// equal; other values of different types are not.
pub(crate) fn sure_equal(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Sensitive(inner), other) | (other, Value::Sensitive(inner)) => {
            sure_equal(inner, other)
        }
        (Value::Null(_), Value::Null(_)) => Some(true),
        // The types of nested values are compared as a whole first: `[]` and `tolist([])` have
        // equal elements and differ.
        (
            Value::List(_) | Value::Set(_) | Value::Map(_) | Value::Tuple(_) | Value::Object(_),
            right,
        ) if right.is_known()
            && !right.is_null()
            && differ(&Type::of_value(left), &Type::of_value(right)) =>
        {
            Some(false)
        }
        _ => same(left, right),
    }
}

/// Whether two values whose types can be the same are equal.
fn same(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Sensitive(inner), other) | (other, Value::Sensitive(inner)) => same(inner, other),
        (Value::Composed(parts), Value::String(text))
        | (Value::String(text), Value::Composed(parts))
            if (!left.is_wholly_known() || !right.is_wholly_known()) && !could_be(parts, text) =>
        {
            Some(false)
        }
        (Value::Composed(_), other) | (other, Value::Composed(_)) => {
            let (plain, other_plain) = (left.unmark().0, right.unmark().0);
            match (&plain, &other_plain) {
                (Value::String(a), Value::String(b)) => Some(a == b),
                _ if matches!(other, Value::String(_) | Value::Composed(_) | Value::Unknown(_)) => {
                    None
                }
                // A string is equal to no number and no list, even while parts of it are unknown.
                _ => Some(false),
            }
        }
        (Value::Unknown(it), other) | (other, Value::Unknown(it)) => unknown_is(it, other),
        // Empty collections are distinguished by their element types alone, also where one of them
        // was never given a type: `tolist([])` is not equal to an empty list of strings.
        (Value::List(_), Value::List(_))
        | (Value::Set(_), Value::Set(_))
        | (Value::Map(_), Value::Map(_))
            if length(left).1 == Some(0) && length(right).1 == Some(0) =>
        {
            Some(!differs_exactly(&Type::of_value(left), &Type::of_value(right)))
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            if a.len() != b.len() {
                return Some(false);
            }
            all(a.iter().zip(b.iter()).map(|(a, b)| same(a, b)))
        }
        (Value::Map(a), Value::Map(b)) | (Value::Object(a), Value::Object(b)) => {
            if !a.keys().eq(b.keys()) {
                return Some(false);
            }
            all(a.values().zip(b.values()).map(|(a, b)| same(a, b)))
        }
        (Value::Set(a), Value::Set(b)) => {
            // Elements of sets have no position, so that unknown ones cannot be compared in pairs.
            if left.is_wholly_known() && right.is_wholly_known() {
                let plain = |it: &std::collections::BTreeSet<Value>| {
                    it.iter().map(Value::revealed).collect::<Vec<_>>()
                };
                return Some(a == b || plain(a) == plain(b));
            }
            None
        }
        // Inside of collections, nulls of different types differ.
        (Value::Null(a), Value::Null(b)) => Some(a.known() == b.known()),
        (a, b) => Some(a == b),
    }
}

/// Whether an unknown can be equal to a value, by its type, range, length and nullness.
fn unknown_is(unknown: &UnknownValue, other: &Value) -> Option<bool> {
    // Nulls of different types are equal, so that neither types nor ranges tell two values apart
    // that may both be null.
    let never_both_null = unknown.is_not_null() || other.is_never_null();
    if other.is_null() {
        return if never_both_null { Some(false) } else { None };
    }
    if never_both_null && differ(&unknown.ty, &Type::of_value(other)) {
        return Some(false);
    }
    let ((least, most), (other_least, other_most)) = (unknown.range(), range(other));
    let above =
        |a: Option<Number>, b: Option<Number>| matches!((a, b), (Some(a), Some(b)) if a > b);
    if never_both_null && (above(least, other_most) || above(other_least, most)) {
        return Some(false);
    }
    let ((least, most), (other_least, other_most)) = (unknown.length(), length(other));
    let longer = |a: usize, b: Option<usize>| b.is_some_and(|b| a > b);
    (never_both_null && (longer(least, other_most) || longer(other_least, most))).then_some(false)
}

/// The least and the greatest number of elements of a collection; `None` where it is unbounded.
pub(crate) fn length(value: &Value) -> (usize, Option<usize>) {
    let exactly = |it: usize| (it, Some(it));
    match value {
        Value::List(items) | Value::Tuple(items) => exactly(items.len()),
        // Unknown elements can turn out to be equal to others, but never vanish altogether.
        Value::Set(items) if super::is_open(value) => (1, Some(items.len())),
        Value::Set(items) => exactly(items.len()),
        Value::Map(items) | Value::Object(items) => exactly(items.len()),
        Value::Unknown(it) => it.length(),
        Value::Sensitive(inner) => length(inner),
        _ => (0, None),
    }
}

/// Whether no value is of both types.
fn differ(a: &Type, b: &Type) -> bool {
    let both = |a: &[Type], b: &[Type]| a.iter().zip(b).any(|(a, b)| differ(a, b));
    match (a, b) {
        (Type::Any, _) | (_, Type::Any) => false,
        (Type::List(a), Type::List(b))
        | (Type::Set(a), Type::Set(b))
        | (Type::Map(a), Type::Map(b)) => differ(a, b),
        (Type::Tuple(a), Type::Tuple(b)) => a.len() != b.len() || both(a, b),
        (Type::Object(a), Type::Object(b)) => {
            !a.keys().eq(b.keys()) || a.values().zip(b.values()).any(|(a, b)| differ(&a.ty, &b.ty))
        }
        (a, b) => a != b,
    }
}

/// Whether two types are not the same. A type that was never given is the same only as another one
/// that was not.
fn differs_exactly(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::List(a), Type::List(b))
        | (Type::Set(a), Type::Set(b))
        | (Type::Map(a), Type::Map(b)) => differs_exactly(a, b),
        (Type::Any, b) | (b, Type::Any) => *b != Type::Any,
        (a, b) => differ(a, b),
    }
}

/// Whether a string that is known in part can become `text`, by its known beginning and end.
fn could_be(parts: &[TextPart], text: &str) -> bool {
    let known = |part: &TextPart| match part {
        TextPart::Clear(it) | TextPart::Secret(it) => Some(it.clone()),
        TextPart::Unknown { .. } => None,
    };
    let begins: String = parts.iter().map_while(known).map(|it| it.to_string()).collect();
    let ends: Vec<_> = parts.iter().rev().map_while(known).collect();
    let ends: String = ends.iter().rev().map(|it| &**it).collect();
    // What comes next may begin with an accent, which would become one character with the letter
    // before it.
    let begins = begins
        .strip_suffix(|it: char| !it.is_ascii_punctuation() || "<=>".contains(it))
        .unwrap_or(&begins);
    let ends = if ends.starts_with(|it: char| it.is_ascii()) { &*ends } else { "" };
    text.strip_prefix(begins).is_some_and(|rest| rest.ends_with(ends))
}

fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut sure = Some(true);
    for part in parts {
        match part {
            Some(true) => {}
            Some(false) => return Some(false),
            None => sure = None,
        }
    }
    sure
}

//! Evaluation: a compiled expression and an environment give a value, or all that is wrong.

mod budget;
mod call;
mod each;
mod independent;
mod operator;
mod size;
mod step;
mod text;

use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{Object, Type, Value, convert, unify};

use crate::compiled_expression::{Expression, ExpressionKind, ExpressionNode, TemplatePiece};
use crate::describe::shown;
use crate::diagnostics::value as mistakes;
use crate::environment::EvaluationContext;
use crate::syntax::ByteSpan;
pub(crate) use budget::EvaluationBudget;
pub(crate) use each::{is_open, items as iterated};
pub(crate) use operator::{length as length_of, sure_equal};
pub(crate) use size::{MOST, TooManyElements, has_too_many};
pub(crate) use step::{common, has_open_type};
pub(crate) use text::{TextBuilder, TextTooLong};

/// A problem has been recorded.
pub(crate) struct EvaluationError;

pub(crate) type EvaluationResult = Result<Value, EvaluationError>;

/// One evaluation.
pub(crate) struct Evaluator<'e> {
    pub(crate) environment: EvaluationContext<'e>,
    pub(crate) file: &'e Arc<str>,
    /// Values bound inside the expression, innermost last.
    pub(crate) slots: Vec<Value>,
    pub(crate) problems: Vec<Diagnostic>,
    /// Greater than 0 where problems are only counted, so that nothing is looked up for their
    /// readers.
    quiet: u32,
    /// Whether what is being looked at came out of a secret and bears no mark itself, so that
    /// problems must not show it.
    pub(crate) secret: bool,
    /// How many times something went well that could still fail once an unknown in it is known.
    leaned: u32,
    /// Greater than 0 where that is asked for of calls as well.
    pub(crate) trying: u32,
    /// What it may still spend.
    effort: &'e EvaluationBudget,
}

impl Expression {
    /// Its value.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn evaluate(&self, environment: &EvaluationContext<'_>) -> Result<Value, Vec<Diagnostic>> {
        self.evaluate_with(&[], environment)
    }

    /// Its value where names are bound around it.
    pub(crate) fn evaluate_with(
        &self,
        bound: &[Value],
        environment: &EvaluationContext<'_>,
    ) -> Result<Value, Vec<Diagnostic>> {
        let root = &self.0.root;
        if let ExpressionKind::Literal(value) = &root.kind {
            return Ok(value.clone());
        }
        if let Some(effort) = environment.effort {
            return self.evaluate_within(effort, bound, environment);
        }
        let effort = EvaluationBudget::new();
        let outcome = self.evaluate_within(
            &effort,
            bound,
            &EvaluationContext { effort: Some(&effort), ..*environment },
        );
        match effort.into_problem() {
            Some(problem) => Err(vec![problem]),
            None => outcome,
        }
    }

    /// What the references in it stand for, for its reader.
    #[must_use]
    pub fn values(&self, environment: &EvaluationContext<'_>) -> Vec<(String, String)> {
        let effort = EvaluationBudget::new();
        Evaluator::new(self, &effort, &[], environment).values(&self.0.root)
    }

    fn evaluate_within(
        &self,
        effort: &EvaluationBudget,
        bound: &[Value],
        environment: &EvaluationContext<'_>,
    ) -> Result<Value, Vec<Diagnostic>> {
        let root = &self.0.root;
        let mut evaluator = Evaluator::new(self, effort, bound, environment);
        match evaluator.node(root) {
            Ok(value) if has_too_many(&value) => {
                evaluator.fail(root, mistakes::too_many_elements());
                Err(evaluator.problems)
            }
            outcome => outcome.map_err(|EvaluationError| evaluator.problems),
        }
    }
}

impl<'e> Evaluator<'e> {
    fn new(
        of: &'e Expression,
        effort: &'e EvaluationBudget,
        bound: &[Value],
        environment: &EvaluationContext<'e>,
    ) -> Self {
        Self {
            environment: *environment,
            file: &of.0.span.file,
            slots: bound.to_vec(),
            problems: Vec::new(),
            quiet: 0,
            secret: environment.secret,
            leaned: 0,
            trying: 0,
            effort,
        }
    }
}

impl Evaluator<'_> {
    pub(crate) fn node(&mut self, node: &ExpressionNode) -> EvaluationResult {
        match &node.kind {
            ExpressionKind::Literal(value) => Ok(value.clone()),
            ExpressionKind::Slot(slot, _) => Ok(self.slots[*slot as usize].clone()),
            ExpressionKind::Target(target) => {
                let value = match self.environment.clearing {
                    true => {
                        self.spend(node)?;
                        self.environment.scope.cleared(target, &self.environment)
                    }
                    false => self.environment.scope.value(target),
                };
                value.map_err(|problem| self.outside_problem(*problem, node.at))
            }
            ExpressionKind::Instance(it) => self.instance(&it.0, &it.1, node),
            ExpressionKind::Attribute(it) => {
                let of = self.node(&it.0)?;
                self.attribute(&of, &it.1, Some(it.2), node)
            }
            ExpressionKind::Index(it) => {
                let (of, key) = both(self.node(&it[0]), self.node(&it[1]))?;
                // A key that is worked out is written nowhere.
                let place = matches!(it[1].kind, ExpressionKind::Literal(_)).then_some(it[1].at);
                self.index(&of, &key, place, node)
            }
            ExpressionKind::Splat(it) => self.splat(&it[0], &it[1]),
            ExpressionKind::Template(pieces) => self.template(pieces, node),
            ExpressionKind::Tuple(items) => {
                let items: Vec<EvaluationResult> = items.iter().map(|it| self.node(it)).collect();
                Ok(Value::Tuple(Arc::new(items.into_iter().collect::<Result<_, _>>()?)))
            }
            ExpressionKind::Object(entries) => self.object(entries),
            ExpressionKind::Conditional(it) => self.conditional(&it[0], &it[1], &it[2]),
            ExpressionKind::Not(operand) => self.not(operand),
            ExpressionKind::Negative(operand) => self.negative(operand),
            ExpressionKind::Binary(operator, it) => self.binary(*operator, &it[0], &it[1], node),
            ExpressionKind::Call(call) => self.call(call, node),
            ExpressionKind::Declared(call) => self.declared(call, node),
            ExpressionKind::For(it) => self.each(it, node),
        }
    }

    pub(crate) fn span(&self, at: ByteSpan) -> SourceSpan {
        SourceSpan::new(self.file.clone(), at.start as usize..at.end as usize)
    }

    /// Counts a turn of a loop or a call, unless there were too many.
    fn spend(&self, node: &ExpressionNode) -> Result<(), EvaluationError> {
        if self.effort.spend() {
            return Ok(());
        }
        self.effort.exhausted(|| mistakes::too_much_effort().at(self.span(node.at)));
        Err(EvaluationError)
    }

    /// Takes note that what was done with an unknown could still fail.
    fn lean(&mut self) {
        self.leaned = self.leaned.saturating_add(1);
    }

    /// What `work` gives, and whether it could still fail once all is known.
    pub(crate) fn leaning<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> (T, bool) {
        let before = std::mem::take(&mut self.leaned);
        let done = work(self);
        let leaned = self.leaned > 0;
        self.leaned += before;
        (done, leaned)
    }

    /// Records a problem at a node, with what the references in it stand for.
    pub(crate) fn fail(&mut self, node: &ExpressionNode, problem: Diagnostic) -> EvaluationError {
        let mut problem = problem;
        if problem.span.is_none() {
            problem.span = Some(self.span(node.at));
        }
        if problem.values.is_empty() && self.quiet == 0 {
            problem.values = self.values(node);
        }
        self.problems.push(problem);
        EvaluationError
    }

    fn outside_problem(&mut self, problem: Diagnostic, at: ByteSpan) -> EvaluationError {
        let problem = if problem.span.is_some() { problem } else { problem.at(self.span(at)) };
        self.problems.push(problem);
        EvaluationError
    }

    fn object(&mut self, entries: &[(ExpressionNode, ExpressionNode)]) -> EvaluationResult {
        let mut object = Object::new();
        let mut sensitive = false;
        let mut unknown = None;
        let mut failed = false;
        for (key_node, value_node) in entries {
            let key = self.node(key_node).and_then(|it| self.object_key(&it, key_node));
            match both(key, self.node(value_node)) {
                Ok((key, value)) => {
                    let (key, marked) = key.unmark();
                    sensitive |= marked;
                    match key {
                        Value::String(name) => drop(object.insert(name, value)),
                        key => unknown = Some(unknown.unwrap_or(key)),
                    }
                }
                Err(EvaluationError) => failed = true,
            }
        }
        if failed {
            return Err(EvaluationError);
        }
        let value = match unknown {
            Some(key) => Value::unknown(Type::Any, key.cause()),
            None => Value::Object(Arc::new(object)),
        };
        Ok(if sensitive { value.sensitive() } else { value })
    }

    /// The name that an attribute of an object gets: a string, marked or unknown perhaps.
    pub(crate) fn object_key(&mut self, key: &Value, node: &ExpressionNode) -> EvaluationResult {
        if key.is_null() {
            return Err(self.fail(node, mistakes::null_key()));
        }
        if !key.is_known() {
            self.lean();
        }
        convert(key, &Type::String).map_err(|_| self.fail(node, mistakes::key_is_no_text(key)))
    }

    fn conditional(
        &mut self,
        condition: &ExpressionNode,
        then: &ExpressionNode,
        otherwise: &ExpressionNode,
    ) -> EvaluationResult {
        let decided = self.decided(condition)?;
        let (decided, sensitive) = decided.unmark();
        // The other arm counts for its type only, and what is wrong with it does not count at all.
        let (then_value, otherwise_value) = match decided {
            Value::Bool(true) => (self.node(then)?, self.quietly(otherwise)),
            Value::Bool(false) => (self.quietly(then), self.node(otherwise)?),
            _ => (self.quietly(then), self.quietly(otherwise)),
        };
        let types = [Type::of_value(&then_value), Type::of_value(&otherwise_value)];
        let open = then_value.may_be_anything() || otherwise_value.may_be_anything();
        if open {
            self.lean();
        }
        let Some(ty) = unify(&types) else {
            let both = self.span(then.at.to(otherwise.at));
            let values = [&then_value, &otherwise_value].map(|it| self.showable(it));
            return Err(self.fail(then, mistakes::arms_differ(&values[0], &values[1]).at(both)));
        };
        let (value, node) = match decided {
            Value::Bool(true) => (then_value, then),
            Value::Bool(false) => (otherwise_value, otherwise),
            _ => {
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
        // What the other arm makes of it is not known where that may turn out to be anything; one
        // of its type makes nothing.
        let value = match open || types[0] == types[1] {
            true => value,
            false => convert(&value, &ty)
                .map_err(|it| self.fail(node, mistakes::arm_does_not_convert(&it)))?,
        };
        Ok(if sensitive { value.sensitive() } else { value })
    }

    /// The value of a condition: a truth value, marked or unknown perhaps.
    fn decided(&mut self, condition: &ExpressionNode) -> EvaluationResult {
        let value = self.node(condition)?;
        if value.is_null() {
            return Err(self.fail(condition, mistakes::null_condition()));
        }
        if !value.is_known() {
            self.lean();
        }
        convert(&value, &Type::Bool)
            .map_err(|_| self.fail(condition, mistakes::condition_is_no_bool(&value)))
    }

    /// The value of a node with null in the place of what is ephemeral in it.
    pub(crate) fn without_ephemeral(&mut self, node: &ExpressionNode) -> EvaluationResult {
        let value = self.node(node)?;
        let cleared = self.cleared(node, &value);
        Ok(crate::ephemeral_as_null::with_nulls(&value, &cleared))
    }

    /// Whether the value of a node is marked as a secret. That it is never kept alone does not make
    /// it one.
    pub(crate) fn is_sensitive(&mut self, node: &ExpressionNode) -> EvaluationResult {
        let value = self.node(node)?;
        let is_sensitive = value.is_sensitive() && self.cleared(node, &value).is_sensitive();
        Ok(match &value {
            // Whether it will be marked is decided already.
            _ if is_sensitive => Value::Bool(true),
            Value::Unknown(it) if it.ty == Type::Any => {
                Value::unknown(Type::Bool, it.cause.clone())
            }
            _ => Value::Bool(false),
        })
    }

    /// A node's value as it is where what is ephemeral is unknown.
    fn cleared(&mut self, node: &ExpressionNode, value: &Value) -> Value {
        if self.environment.clearing {
            return value.clone();
        }
        self.environment.clearing = true;
        let (cleared, _) = self.leaning(|it| it.aside(|it| it.node(node)));
        self.environment.clearing = false;
        cleared.unwrap_or_else(|| crate::not_kept(value))
    }

    /// What is done with something that came out of a secret, so that no problem shows it.
    pub(crate) fn secretly<T>(&mut self, secret: bool, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.secret;
        self.secret |= secret;
        let done = work(self);
        self.secret = before;
        done
    }

    /// A value as problems may show it.
    pub(crate) fn showable(&self, value: &Value) -> Value {
        if self.secret { value.clone().sensitive() } else { value.clone() }
    }

    /// The value of a node, or null whatever is wrong with it; anything where that may yet be
    /// fixed.
    fn quietly(&mut self, node: &ExpressionNode) -> Value {
        match self.leaning(|it| it.aside(|it| it.node(node))) {
            (Some(value), _) => value,
            (None, true) => Value::unknown(Type::Any, None),
            (None, false) => Value::NULL,
        }
    }

    /// What `work` gives, with whatever is wrong with it left out.
    fn aside<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, EvaluationError>,
    ) -> Option<T> {
        let (before, slots) = (self.problems.len(), self.slots.len());
        self.quiet += 1;
        let done = work(self).ok();
        self.quiet -= 1;
        self.problems.truncate(before);
        self.slots.truncate(slots);
        done
    }

    /// What the references in a node stand for, for its reader.
    fn values(&mut self, node: &ExpressionNode) -> Vec<(String, String)> {
        let mut chains = Vec::new();
        gather(node, &mut chains);
        let mut values: Vec<(String, String)> = Vec::new();
        for chain in chains {
            let Some(name) = written(chain) else { continue };
            if values.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let before = self.problems.len();
            let value = match &chain.kind {
                ExpressionKind::Slot(slot, _) if !self.secret => {
                    self.slots.get(*slot as usize).cloned().ok_or(EvaluationError)
                }
                _ if self.secret && starts_in_slot(chain) => Ok(Value::NULL.sensitive()),
                _ => self.node_quietly(chain),
            };
            self.problems.truncate(before);
            if let Ok(value) = value {
                values.push((name, shown(&value)));
            }
        }
        values
    }

    /// The value of a chain of steps, without asking for the values of what it fails at.
    fn node_quietly(&mut self, node: &ExpressionNode) -> EvaluationResult {
        match &node.kind {
            ExpressionKind::Target(target) => {
                self.environment.scope.value(target).map_err(|_| EvaluationError)
            }
            ExpressionKind::Attribute(it) => {
                let value = self.node_quietly(&it.0)?;
                match &value {
                    Value::Object(attributes) | Value::Map(attributes) => {
                        attributes.get(&it.1).cloned().ok_or(EvaluationError)
                    }
                    // What has no such attribute by its type has no value for it to be told.
                    Value::Unknown(of) if !may_have(&of.ty, &it.1) => Err(EvaluationError),
                    Value::Sensitive(_) | Value::Unknown(_) => Ok(value.get(&it.1)),
                    _ => Err(EvaluationError),
                }
            }
            ExpressionKind::Slot(slot, _) => {
                self.slots.get(*slot as usize).cloned().ok_or(EvaluationError)
            }
            _ => Err(EvaluationError),
        }
    }
}

/// One of two values, as long as it is not known which.
fn either(then: &Value, otherwise: &Value, ty: Type, cause: Option<Arc<str>>) -> Value {
    if then.is_null() && otherwise.is_null() {
        return Value::null(&ty);
    }
    let keeps_length = Type::of_value(then) == Type::of_value(otherwise);
    let unknown = Value::unknown(ty, cause);
    if !then.is_never_null() || !otherwise.is_never_null() {
        return unknown;
    }
    let (a, b) = (operator::range(then), operator::range(otherwise));
    let range = (a.0.zip(b.0).map(|(a, b)| a.min(b)), a.1.zip(b.1).map(|(a, b)| a.max(b)));
    let (a, b) = (operator::length(then), operator::length(otherwise));
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

/// Whether values of a type may have an attribute.
fn may_have(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Any | Type::Map(_) => true,
        Type::Object(attributes) => attributes.contains_key(name),
        _ => false,
    }
}

/// Whether a chain of steps begins with a value bound inside the expression.
fn starts_in_slot(chain: &ExpressionNode) -> bool {
    match &chain.kind {
        ExpressionKind::Attribute(it) => starts_in_slot(&it.0),
        kind => matches!(kind, ExpressionKind::Slot(..)),
    }
}

/// The chains of steps in a node, outermost only.
fn gather<'n>(node: &'n ExpressionNode, chains: &mut Vec<&'n ExpressionNode>) {
    match &node.kind {
        ExpressionKind::Literal(_) => {}
        ExpressionKind::Slot(..) | ExpressionKind::Target(_) => chains.push(node),
        ExpressionKind::Attribute(it) => match written(node) {
            Some(_) => chains.push(node),
            None => gather(&it.0, chains),
        },
        ExpressionKind::Instance(it) => gather(&it.1, chains),
        ExpressionKind::Index(it) => it.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Splat(it) => gather(&it[0], chains),
        ExpressionKind::Template(pieces) => gather_pieces(pieces, chains),
        ExpressionKind::Tuple(items) => items.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Object(entries) => entries.iter().for_each(|(key, value)| {
            gather(key, chains);
            gather(value, chains);
        }),
        ExpressionKind::Conditional(it) => it.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Not(it) | ExpressionKind::Negative(it) => gather(it, chains),
        ExpressionKind::Binary(_, it) => it.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Call(call) => call.arguments.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::Declared(call) => call.arguments.iter().for_each(|it| gather(it, chains)),
        ExpressionKind::For(it) => gather(&it.collection, chains),
    }
}

fn gather_pieces<'n>(pieces: &'n [TemplatePiece], chains: &mut Vec<&'n ExpressionNode>) {
    for piece in pieces {
        match piece {
            TemplatePiece::Text(_) => {}
            TemplatePiece::Value(node) => gather(node, chains),
            TemplatePiece::If(it) => gather(&it.condition, chains),
            TemplatePiece::For(it) => gather(&it.collection, chains),
        }
    }
}

/// A chain of steps as it is written.
fn written(node: &ExpressionNode) -> Option<String> {
    match &node.kind {
        ExpressionKind::Slot(_, name) if &**name != "*" => Some(name.to_string()),
        ExpressionKind::Target(target) => Some(target.to_string()),
        ExpressionKind::Attribute(it) => Some(format!("{}.{}", written(&it.0)?, it.1)),
        _ => None,
    }
}

/// Both, after both have been tried.
pub(crate) fn both<A, B>(
    a: Result<A, EvaluationError>,
    b: Result<B, EvaluationError>,
) -> Result<(A, B), EvaluationError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        _ => Err(EvaluationError),
    }
}

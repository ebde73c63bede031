//! Evaluation of compiled expressions: the result is a value, or all diagnostics.

mod budget;
mod call;
mod conditional;
mod each;
mod independent;
mod operator;
mod referenced_values;
mod size;
mod step;
mod text;

use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{Object, Type, Value, convert};

use crate::compiled_expression::{Expression, ExpressionKind, ExpressionNode};
use crate::diagnostics::value as mistakes;
use crate::environment::EvaluationContext;
use crate::syntax::ByteSpan;
pub(crate) use budget::EvaluationBudget;
pub(crate) use each::{is_open, items as iterated};
pub(crate) use operator::{length as length_of, sure_equal};
pub(crate) use size::{MOST, TooManyElements, has_too_many};
pub(crate) use step::{common, has_open_type};
pub(crate) use text::{TextBuilder, TextTooLong};

/// The evaluation failed; its diagnostic is recorded in the [`Evaluator`].
pub(crate) struct EvaluationError;

pub(crate) type EvaluationResult = Result<Value, EvaluationError>;

/// The state of one evaluation.
pub(crate) struct Evaluator<'e> {
    pub(crate) environment: EvaluationContext<'e>,
    pub(crate) file: &'e Arc<str>,
    /// The values that are bound inside of the expression, innermost last.
    pub(crate) slots: Vec<Value>,
    pub(crate) problems: Vec<Diagnostic>,
    /// Greater than 0 where diagnostics are dropped, so that no values are gathered for them.
    dropping: u32,
    /// Whether an unmarked value comes from inside of a secret, so that diagnostics must not show it.
    pub(crate) secret: bool,
    /// The number of operations that succeeded but can still fail once an unknown value is known.
    uncertainties: u32,
    /// The number of `try` and `can` calls around. Only there are the results of calls searched for
    /// unknowns in them, which takes a walk through the value.
    pub(crate) trying: u32,
    /// The limit of loop iterations and calls.
    budget: &'e EvaluationBudget,
}

impl Expression {
    /// Evaluates the expression.
    ///
    /// # Errors
    /// All diagnostics, not only the first.
    pub fn evaluate(&self, environment: &EvaluationContext<'_>) -> Result<Value, Vec<Diagnostic>> {
        self.evaluate_with(&[], environment)
    }

    /// Evaluates the expression with values for the names that are bound around it.
    pub(crate) fn evaluate_with(
        &self,
        bound: &[Value],
        environment: &EvaluationContext<'_>,
    ) -> Result<Value, Vec<Diagnostic>> {
        let root = &self.0.root;
        // Most arguments are literals; they need no evaluator and no budget.
        if let ExpressionKind::Literal(value) = &root.kind {
            return Ok(value.clone());
        }
        // A part of an evaluation spends from the budget of the outermost one. A budget of its own
        // for each call would multiply with the depth of calls.
        if let Some(budget) = environment.budget {
            return self.evaluate_within(budget, bound, environment);
        }
        let budget = EvaluationBudget::new();
        let outcome = self.evaluate_within(
            &budget,
            bound,
            &EvaluationContext { budget: Some(&budget), ..*environment },
        );
        // The budget decides before the outcome: `try` may have turned its exhaustion into a value.
        match budget.into_problem() {
            Some(problem) => Err(vec![problem]),
            None => outcome,
        }
    }

    /// The references in it and their values, as diagnostics show them.
    #[must_use]
    pub fn values(&self, environment: &EvaluationContext<'_>) -> Vec<(String, String)> {
        let budget = EvaluationBudget::new();
        Evaluator::new(self, &budget, &[], environment).values(&self.0.root)
    }

    fn evaluate_within(
        &self,
        budget: &EvaluationBudget,
        bound: &[Value],
        environment: &EvaluationContext<'_>,
    ) -> Result<Value, Vec<Diagnostic>> {
        let root = &self.0.root;
        let mut evaluator = Evaluator::new(self, budget, bound, environment);
        match evaluator.node(root) {
            // The elements of a value are shared, so that a small evaluation can build a value
            // whose walk would never end.
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
        budget: &'e EvaluationBudget,
        bound: &[Value],
        environment: &EvaluationContext<'e>,
    ) -> Self {
        Self {
            environment: *environment,
            file: &of.0.span.file,
            slots: bound.to_vec(),
            problems: Vec::new(),
            dropping: 0,
            secret: environment.secret,
            uncertainties: 0,
            trying: 0,
            budget,
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
            // An index behind a block is no index of a value: the instances of a block with
            // `for_each` have keys, and only one of them is needed.
            ExpressionKind::Instance(it) => self.instance(&it.0, &it.1, node),
            ExpressionKind::Attribute(it) => {
                let of = self.node(&it.0)?;
                self.attribute(&of, &it.1, Some(it.2), node)
            }
            ExpressionKind::Index(it) => {
                let (of, key) = both(self.node(&it[0]), self.node(&it[1]))?;
                // Only a literal key has a place where a correction can be written.
                let place = matches!(it[1].kind, ExpressionKind::Literal(_)).then_some(it[1].at);
                self.index(&of, &key, place, node)
            }
            ExpressionKind::Splat(it) => self.splat(&it[0], &it[1]),
            ExpressionKind::Template(pieces) => self.template(pieces, node),
            ExpressionKind::Tuple(items) => {
                // All items are evaluated before the first failure is returned, so that one run
                // reports all mistakes.
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

    /// Counts one loop iteration or call; fails if there were too many.
    fn spend(&self, node: &ExpressionNode) -> Result<(), EvaluationError> {
        if self.budget.spend() {
            return Ok(());
        }
        self.budget.exhausted(|| mistakes::too_much_effort().at(self.span(node.at)));
        Err(EvaluationError)
    }

    /// Records that an operation on an unknown can still fail.
    fn record_uncertainty(&mut self) {
        self.uncertainties = self.uncertainties.saturating_add(1);
    }

    /// The result of `work`, and whether it can still fail once all values are known.
    pub(crate) fn tracking_uncertainty<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> T,
    ) -> (T, bool) {
        let before = std::mem::take(&mut self.uncertainties);
        let done = work(self);
        let leaned = self.uncertainties > 0;
        self.uncertainties += before;
        (done, leaned)
    }

    /// Records a diagnostic at a node, with the values of the references in it.
    pub(crate) fn fail(&mut self, node: &ExpressionNode, problem: Diagnostic) -> EvaluationError {
        let mut problem = problem;
        if problem.span.is_none() {
            problem.span = Some(self.span(node.at));
        }
        // Gathering values evaluates references again. That is wasted on diagnostics that `try` or
        // an arm that is not chosen drops.
        if problem.values.is_empty() && self.dropping == 0 {
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
        // A mark on a key moves to the whole object: the names of attributes cannot be marked, and
        // would show the secret. With an unknown key the set of attributes is unknown, so that the
        // object is.
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

    /// The key of an object converted to a string, which can be marked or unknown.
    pub(crate) fn object_key(&mut self, key: &Value, node: &ExpressionNode) -> EvaluationResult {
        if key.is_null() {
            return Err(self.fail(node, mistakes::null_key()));
        }
        if !key.is_known() {
            self.record_uncertainty();
        }
        convert(key, &Type::String).map_err(|_| self.fail(node, mistakes::key_is_no_text(key)))
    }

    /// The value of a node with null in place of its ephemeral parts.
    pub(crate) fn without_ephemeral(&mut self, node: &ExpressionNode) -> EvaluationResult {
        let value = self.node(node)?;
        let cleared = self.cleared(node, &value);
        Ok(crate::ephemeral_as_null::with_nulls(&value, &cleared))
    }

    /// Whether the value of a node is sensitive. An ephemeral value is marked in the same way, but
    /// does not count as sensitive.
    pub(crate) fn is_sensitive(&mut self, node: &ExpressionNode) -> EvaluationResult {
        let value = self.node(node)?;
        // An ephemeral value has the same mark as a sensitive one. If the mark is still there with
        // ephemeral values replaced, the value is sensitive for another reason.
        let is_sensitive = value.is_sensitive() && self.cleared(node, &value).is_sensitive();
        Ok(match &value {
            // The mark of a value is known even while the value is not.
            _ if is_sensitive => Value::Bool(true),
            Value::Unknown(it) if it.ty == Type::Any => {
                Value::unknown(Type::Bool, it.cause.clone())
            }
            _ => Value::Bool(false),
        })
    }

    /// The value of a node if ephemeral values are unknown.
    fn cleared(&mut self, node: &ExpressionNode, value: &Value) -> Value {
        // The replacement is done already when one call is nested in another.
        if self.environment.clearing {
            return value.clone();
        }
        self.environment.clearing = true;
        let (cleared, _) =
            self.tracking_uncertainty(|it| it.without_diagnostics(|it| it.node(node)));
        self.environment.clearing = false;
        cleared.unwrap_or_else(|| crate::not_kept(value))
    }

    /// The result of `work` on a value from inside of a secret, which no diagnostic may show.
    pub(crate) fn with_secret<T>(&mut self, secret: bool, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.secret;
        self.secret |= secret;
        let done = work(self);
        self.secret = before;
        done
    }

    /// A value as diagnostics may show it.
    pub(crate) fn showable(&self, value: &Value) -> Value {
        if self.secret { value.clone().sensitive() } else { value.clone() }
    }

    /// The value of a node without its diagnostics: none if it fails, and an unknown of any type if
    /// it may succeed once unknown values are known.
    fn value_if_any(&mut self, node: &ExpressionNode) -> Option<Value> {
        match self.tracking_uncertainty(|it| it.without_diagnostics(|it| it.node(node))) {
            (Some(value), _) => Some(value),
            (None, true) => Some(Value::unknown(Type::Any, None)),
            (None, false) => None,
        }
    }

    /// The result of `work` without its diagnostics.
    fn without_diagnostics<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, EvaluationError>,
    ) -> Option<T> {
        // A failure leaves the names of loops bound that it returned through.
        let (before, slots) = (self.problems.len(), self.slots.len());
        self.dropping += 1;
        let done = work(self).ok();
        self.dropping -= 1;
        self.problems.truncate(before);
        self.slots.truncate(slots);
        done
    }
}

/// Both results. Both are evaluated before one of them fails, so that all mistakes are reported.
pub(crate) fn both<A, B>(
    a: Result<A, EvaluationError>,
    b: Result<B, EvaluationError>,
) -> Result<(A, B), EvaluationError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        _ => Err(EvaluationError),
    }
}

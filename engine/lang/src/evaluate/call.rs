//! Function calls.

use std::sync::Arc;

use ha_value::{Type, Value, convert};

use super::independent::is_independent;
use super::{EvaluationError, EvaluationResult, Evaluator, has_too_many};
use crate::compiled_expression::ExpressionKind::Literal;
use crate::compiled_expression::{ExpressionNode, FunctionCall, UserFunctionCall};
use crate::diagnostics;
use crate::diagnostics::value as mistakes;
use crate::environment::EvaluationContext;
use crate::functions::{
    Function, FunctionBody, FunctionError, FunctionResult, LazyCall, ParameterKind,
};
use crate::user_functions::UserFunction;

/// The arguments of a call.
enum CallArguments {
    /// The arguments, and whether the list that is spread with `...` is sensitive.
    All(Vec<Value>, bool),
    /// The list that is spread is unknown: its cause, and whether it is sensitive.
    Unknown(Option<Arc<str>>, bool),
}

impl Evaluator<'_> {
    pub(super) fn call(&mut self, call: &FunctionCall, node: &ExpressionNode) -> EvaluationResult {
        let function = call.function;
        // `try` and `can` decide themselves which of their arguments are evaluated and what a
        // failure means.
        if let FunctionBody::Lazy(run) = function.run {
            return self.lazy(run, call, node);
        }
        let (arguments, sensitive) =
            match self.evaluate_arguments(&call.arguments, call.spread, node)? {
                CallArguments::All(arguments, sensitive) => (arguments, sensitive),
                CallArguments::Unknown(cause, sensitive) => {
                    let unknown = function.unknown(&[], cause);
                    return Ok(if sensitive { unknown.sensitive() } else { unknown });
                }
            };
        // The number of arguments was checked while compiling, except for those of a list that is
        // spread.
        if call.spread
            && let Some(problem) =
                diagnostics::argument_count(function, arguments.len(), false, || self.span(node.at))
        {
            return Err(self.fail(node, problem));
        }
        let is_open = arguments.iter().any(|it| !it.is_known());
        let value = self.call_function(function, arguments, call, node)?;
        // Searching the whole result takes a walk through it, which only `try` and `can` need.
        if is_open || self.trying > 0 && !value.is_wholly_known() {
            self.record_uncertainty();
        }
        Ok(if sensitive { value.sensitive() } else { value })
    }

    /// Calls a function that evaluates its arguments itself. The elements of a list that is spread
    /// become literals, as they are evaluated already.
    fn lazy(
        &mut self,
        run: LazyCall,
        call: &FunctionCall,
        node: &ExpressionNode,
    ) -> EvaluationResult {
        let mut expressions: Vec<&ExpressionNode> = call.arguments.iter().collect();
        let Some(list) = expressions.pop_if(|_| call.spread) else {
            return run(self, &expressions, node);
        };
        match self.evaluate_arguments(std::slice::from_ref(list), true, node)? {
            CallArguments::All(items, sensitive) => {
                let items: Vec<ExpressionNode> = items
                    .into_iter()
                    .map(|it| ExpressionNode { at: list.at, kind: Literal(it) })
                    .collect();
                expressions.extend(&items);
                if let Some(problem) =
                    diagnostics::argument_count(call.function, expressions.len(), false, || {
                        self.span(node.at)
                    })
                {
                    return Err(self.fail(node, problem));
                }
                let value = run(self, &expressions, node)?;
                Ok(if sensitive { value.sensitive() } else { value })
            }
            CallArguments::Unknown(cause, sensitive) => {
                let unknown = call.function.unknown(&[], cause);
                Ok(if sensitive { unknown.sensitive() } else { unknown })
            }
        }
    }

    /// Calls a function that the configuration declares.
    pub(super) fn declared(
        &mut self,
        call: &UserFunctionCall,
        node: &ExpressionNode,
    ) -> EvaluationResult {
        let UserFunction { name, defined } = &*call.function;
        let Some(function) = defined.get() else {
            return Err(self.fail(node, diagnostics::function::not_here(name, self.span(node.at))));
        };
        let (mut arguments, sensitive) =
            match self.evaluate_arguments(&call.arguments, call.spread, node)? {
                CallArguments::All(arguments, sensitive) => (arguments, sensitive),
                CallArguments::Unknown(cause, sensitive) => {
                    let unknown = Value::unknown(Type::Any, cause);
                    return Ok(if sensitive { unknown.sensitive() } else { unknown });
                }
            };
        if let Some(problem) = diagnostics::function::argument_count(
            name,
            function,
            arguments.len(),
            false,
            &self.span(node.at),
        ) {
            return Err(self.fail(node, problem));
        }
        // Further arguments are passed as one tuple, so that the number of slots is that of the
        // parameters.
        if function.rest.is_some() {
            let rest = arguments.split_off(function.parameters.len());
            arguments.push(Value::tuple(rest));
        }
        self.spend(node)?;
        // Within `try` a call may fail with some arguments and succeed with others, so that an
        // earlier failure says nothing.
        let drops_diagnostics =
            self.dropping > 0 || self.trying > 0 || self.environment.drops_diagnostics;
        if !drops_diagnostics && self.budget.has_failed(name) {
            return Err(EvaluationError);
        }
        let environment = EvaluationContext {
            secret: self.secret || sensitive,
            drops_diagnostics,
            ..self.environment
        };
        let value =
            function.result.evaluate_with(&arguments, &environment).map_err(|mut problems| {
                let span = self.span(node.at);
                // The diagnostic points into the function. The innermost call is shown as its
                // context, as it has the arguments that failed.
                for problem in &mut problems {
                    problem.context.get_or_insert_with(|| span.clone());
                }
                self.problems.append(&mut problems);
                if !drops_diagnostics {
                    self.budget.failed(name);
                }
                EvaluationError
            })?;
        if self.trying > 0 && !value.is_wholly_known() {
            self.record_uncertainty();
        }
        Ok(if sensitive { value.sensitive() } else { value })
    }

    /// Evaluates the arguments of a call, including those of a list that is spread.
    fn evaluate_arguments(
        &mut self,
        nodes: &[ExpressionNode],
        spread: bool,
        node: &ExpressionNode,
    ) -> Result<CallArguments, EvaluationError> {
        // All arguments are evaluated before the first failure is returned, so that one run reports
        // all mistakes.
        let given: Vec<EvaluationResult> = nodes.iter().map(|it| self.node(it)).collect();
        let mut arguments = given.into_iter().collect::<Result<Vec<Value>, EvaluationError>>()?;
        let mut sensitive = false;
        if spread && let Some(last) = arguments.pop() {
            let (plain, marked) = last.unmark();
            sensitive = marked;
            match &plain {
                Value::Unknown(it)
                    if matches!(
                        it.ty,
                        Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_)
                    ) =>
                {
                    self.record_uncertainty();
                    return Ok(CallArguments::Unknown(it.cause.clone(), marked));
                }
                _ => match plain.elements() {
                    Some(items) => arguments.extend(items.into_iter().cloned()),
                    None => {
                        let blame = nodes.last().unwrap_or(node);
                        return Err(self.fail(blame, mistakes::spread_of_no_list(&last)));
                    }
                },
            }
        }
        Ok(CallArguments::All(arguments, sensitive))
    }

    fn call_function(
        &mut self,
        function: &'static Function,
        mut arguments: Vec<Value>,
        call: &FunctionCall,
        node: &ExpressionNode,
    ) -> EvaluationResult {
        let mut failed = false;
        for (index, argument) in arguments.iter_mut().enumerate() {
            let Some(parameter) = function.parameter(index) else { continue };
            let blame = call.arguments.get(index).or(call.arguments.last()).unwrap_or(node);
            // Functions of these sorts walk through the whole argument, at least to find unknown and
            // sensitive parts.
            let looks_deep = parameter.kind != ParameterKind::Any
                || matches!(
                    function.run,
                    FunctionBody::Plain(_) | FunctionBody::Open(_) | FunctionBody::Outside(_)
                );
            if looks_deep && has_too_many(argument) {
                self.fail(blame, mistakes::too_many_elements());
                return Err(EvaluationError);
            }
            if argument.is_null() && !parameter.nullable {
                self.fail(blame, mistakes::null_argument(function, parameter));
                failed = true;
                continue;
            }
            if !parameter.kind.holds(argument) {
                match convert(argument, &parameter.kind.ty()) {
                    Ok(converted) => *argument = converted,
                    Err(mismatch) => {
                        self.fail(
                            blame,
                            mistakes::wrong_argument(
                                function,
                                parameter,
                                &mismatch,
                                &self.showable(argument),
                            ),
                        );
                        failed = true;
                    }
                }
            }
        }
        // All arguments are checked before the call fails, so that several wrong ones are reported
        // together.
        failed |= self.check_unknown_arguments(function, &arguments, call, node).is_err();
        if failed {
            return Err(EvaluationError);
        }
        let mut secret = Vec::new();
        let answer = match function.run {
            FunctionBody::Whole(run) => run(&arguments),
            FunctionBody::WholeOutside(run) => run(&arguments, &self.function_context()),
            FunctionBody::Plain(run) => {
                run_on_known_values(function, &mut arguments, &mut secret, run)
            }
            FunctionBody::Open(run) => {
                secret = reveal(&mut arguments);
                run(&arguments).map(|it| if secret.is_empty() { it } else { it.sensitive() })
            }
            FunctionBody::Outside(run) => {
                let environment = self.function_context();
                run_on_known_values(function, &mut arguments, &mut secret, |it| {
                    run(it, &environment)
                })
            }
            FunctionBody::Lazy(_) => Err(FunctionError::new("it takes expressions")),
        };
        // The origin names the attribute that an unknown value is of; the result of a function is not
        // that attribute.
        let answer = answer.map(|it| function.declared(it, &arguments).without_origin());
        answer.map_err(|refusal| {
            let blame = refusal.argument.and_then(|it| call.arguments.get(it)).unwrap_or(node);
            let parameter = refusal.argument.and_then(|it| function.parameter(it));
            let marked = arguments
                .iter()
                .enumerate()
                .filter(|(_, it)| it.contains_sensitive())
                .map(|(at, _)| at);
            secret.extend(marked);
            // A message can quote an argument. With a secret among the arguments it is shown only
            // if it is the same for every secret.
            let is_open = refusal.harmless || (secret.is_empty() && !self.secret) || {
                let plain: Vec<Value> = arguments.iter().map(Value::revealed).collect();
                !self.secret && is_independent(function, &plain, &secret, &refusal)
            };
            let message = if is_open { &refusal.message } else { mistakes::SECRET_REFUSED };
            self.fail(blame, mistakes::refused(function, parameter, message))
        })
    }

    /// Checks the types of all arguments if one of them is unknown. The function itself is not called
    /// then, so that a wrong type would show only during apply.
    fn check_unknown_arguments(
        &mut self,
        function: &Function,
        arguments: &[Value],
        call: &FunctionCall,
        node: &ExpressionNode,
    ) -> Result<(), EvaluationError> {
        let takes = |index: usize| function.parameter(index).and_then(|it| Some((it, it.takes?)));
        // Few functions restrict the types of unknown arguments, and they do so for the first two.
        // The search for unknowns takes a walk, which all other calls skip.
        if takes(0).or(takes(1)).is_none() || arguments.iter().all(Value::is_wholly_known) {
            return Ok(());
        }
        let mut outcome = Ok(());
        for (index, argument) in arguments.iter().enumerate() {
            if let Some((parameter, takes)) = takes(index)
                && !takes.allows(&Type::of_value(argument))
            {
                let blame = call.arguments.get(index).or(call.arguments.last()).unwrap_or(node);
                outcome =
                    Err(self
                        .fail(blame, mistakes::refused(function, Some(parameter), takes.wanted())));
            }
        }
        outcome
    }

    /// The context for what a function evaluates.
    fn function_context(&self) -> EvaluationContext<'_> {
        EvaluationContext { secret: self.secret, ..self.environment }
    }
}

/// Removes the marks of arguments; returns the indices of those with sensitive parts.
fn reveal(arguments: &mut [Value]) -> Vec<usize> {
    let mut secret = Vec::new();
    for (at, argument) in arguments.iter_mut().enumerate().filter(|(_, it)| it.is_marked()) {
        secret.extend(argument.contains_sensitive().then_some(at));
        *argument = argument.revealed();
    }
    secret
}

/// Runs a function that takes only known and unmarked values.
fn run_on_known_values(
    function: &Function,
    arguments: &mut [Value],
    secret: &mut Vec<usize>,
    run: impl Fn(&[Value]) -> FunctionResult,
) -> FunctionResult {
    *secret = reveal(arguments);
    let unknown = arguments.iter().find(|it| !it.is_wholly_known());
    let value = match unknown {
        Some(unknown) => function.unknown(arguments, unknown.cause()),
        None => run(arguments)?,
    };
    Ok(if secret.is_empty() { value } else { value.sensitive() })
}

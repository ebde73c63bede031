//! Function calls.

use ha_kind::{Value, convert};

use super::{Evaluator, Failed, Outcome, has_too_many};
use crate::environment::Environment;
use crate::functions::{Answer, Function, Kind, Refusal, Run};
use crate::mistake;
use crate::tree::{Call, Node};

impl Evaluator<'_> {
    pub(super) fn call(&mut self, call: &Call, node: &Node) -> Outcome {
        let function = call.function;
        if let Run::Lazy(run) = function.run {
            if call.spread {
                let message = "its arguments are expressions, which a list does not hold; write them out";
                return Err(self.fail(node, mistake::refused(function, None, message)));
            }
            return run(self, &call.arguments, node);
        }
        let given: Vec<Outcome> = call.arguments.iter().map(|it| self.node(it)).collect();
        let mut arguments = given.into_iter().collect::<Result<Vec<Value>, Failed>>()?;
        let mut sensitive = false;
        if call.spread
            && let Some(last) = arguments.pop()
        {
            let blame = call.arguments.last().unwrap_or(node);
            let (plain, marked) = last.unmark();
            sensitive = marked;
            match &plain {
                Value::Unknown(it) => {
                    let unknown = Value::unknown(function.returns.ty(), it.cause.clone());
                    return Ok(if marked { unknown.sensitive() } else { unknown });
                }
                _ => match plain.elements() {
                    Some(items) => arguments.extend(items.into_iter().cloned()),
                    None => return Err(self.fail(blame, mistake::spread_of_no_list(&last))),
                },
            }
            if let Some(problem) = mistake::argument_count(function, arguments.len(), false, || self.span(node.at)) {
                return Err(self.fail(node, problem));
            }
        }
        let value = self.applied(function, arguments, call, node)?;
        Ok(if sensitive { value.sensitive() } else { value })
    }

    fn applied(&mut self, function: &'static Function, mut arguments: Vec<Value>, call: &Call, node: &Node) -> Outcome {
        let mut failed = false;
        for (index, argument) in arguments.iter_mut().enumerate() {
            let Some(parameter) = function.parameter(index) else { continue };
            let blame = call.arguments.get(index).or(call.arguments.last()).unwrap_or(node);
            // All of it will be looked at, if only for what is unknown or secret in it.
            let looks_deep = parameter.kind != Kind::Any || matches!(function.run, Run::Plain(_) | Run::Outside(_));
            if looks_deep && has_too_many(argument) {
                self.fail(blame, mistake::too_many_elements());
                return Err(Failed);
            }
            if argument.is_null() {
                if !parameter.nullable {
                    self.fail(blame, mistake::null_argument(function, parameter));
                    failed = true;
                }
                continue;
            }
            if !parameter.kind.holds(argument) {
                match convert(argument, &parameter.kind.ty()) {
                    Ok(converted) => *argument = converted,
                    Err(mismatch) => {
                        self.fail(blame, mistake::wrong_argument(function, parameter, &mismatch, &self.showable(argument)));
                        failed = true;
                    }
                }
            }
        }
        if failed {
            return Err(Failed);
        }
        let mut secret = false;
        let answer = match function.run {
            Run::Whole(run) => run(&arguments),
            Run::WholeOutside(run) => run(&arguments, &self.within()),
            Run::Plain(run) => plainly(function, &mut arguments, &mut secret, run),
            Run::Outside(run) => {
                let environment = self.within();
                plainly(function, &mut arguments, &mut secret, |it| run(it, &environment))
            }
            Run::Lazy(_) => Err(Refusal::new("it takes expressions")),
        };
        answer.map_err(|refusal| {
            let blame = refusal.argument.and_then(|it| call.arguments.get(it)).unwrap_or(node);
            let parameter = refusal.argument.and_then(|it| function.parameter(it));
            let secret = secret || self.secret || arguments.iter().any(Value::contains_sensitive);
            let message = if secret && !refusal.harmless { mistake::SECRET_REFUSED } else { &refusal.message };
            self.fail(blame, mistake::refused(function, parameter, message))
        })
    }

    /// The environment for what a function evaluates.
    fn within(&self) -> Environment<'_> {
        Environment { secret: self.secret, ..self.environment }
    }
}

/// Runs a function that knows nothing of unknowns and marks.
fn plainly(function: &Function, arguments: &mut [Value], sensitive: &mut bool, run: impl Fn(&[Value]) -> Answer) -> Answer {
    for argument in arguments.iter_mut() {
        match argument {
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
            other if other.contains_sensitive() || matches!(other, Value::Composed(_)) => {
                *sensitive |= other.contains_sensitive();
                *other = other.revealed();
            }
            _ => {}
        }
    }
    let unknown = arguments.iter().find(|it| !it.is_wholly_known());
    let value = match unknown {
        Some(unknown) => Value::unknown(function.returns.ty(), unknown.cause()),
        None => run(arguments)?,
    };
    Ok(if *sensitive { value.sensitive() } else { value })
}

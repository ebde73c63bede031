//! Evaluation of `count`, `for_each` and `enabled`: which instances a block or a module has.

mod keys;

use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_lang::{Expression, ImportBlock, ModuleCall, ResourceBlock};
use ha_value::{Type, Value, convert};

use crate::evaluation::expansion::{Expansion, ExpansionError, MOST};
use crate::evaluation::values::{EvaluationScope, EvaluationValues, InstanceId};

/// Returns the instances of a block in a module instance.
pub(crate) fn expansion(
    world: &EvaluationValues,
    instance: InstanceId,
    block: &ResourceBlock,
) -> Result<Arc<Expansion>, ExpansionError> {
    let (count, for_each, enabled) =
        (block.count.as_ref(), block.for_each.as_ref(), block.lifecycle.enabled.as_ref());
    if count.is_none() && for_each.is_none() && enabled.is_none() {
        return Ok(world.single());
    }
    let name = format!("{}{}", world.prefix(instance), block.name);
    expanded(
        world,
        instance,
        &RepetitionArguments { count, for_each, enabled, head: &block.head, name },
    )
}

/// Returns the instances of a module call in the calling module instance.
pub(crate) fn call_expansion(
    world: &EvaluationValues,
    caller: InstanceId,
    call: &ModuleCall,
) -> Result<Arc<Expansion>, ExpansionError> {
    let name = format!("{}module.{}", world.prefix(caller), call.name);
    let (count, for_each, enabled) =
        (call.count.as_ref(), call.for_each.as_ref(), call.enabled.as_ref());
    expanded(
        world,
        caller,
        &RepetitionArguments { count, for_each, enabled, head: &call.head, name },
    )
}

/// Returns the repetitions of an `import` block.
pub(crate) fn import_expansion(
    world: &EvaluationValues,
    instance: InstanceId,
    import: &ImportBlock,
) -> Result<Arc<Expansion>, ExpansionError> {
    let name = format!("{}{}", world.prefix(instance), import.block);
    let for_each = import.for_each.as_ref();
    expanded(
        world,
        instance,
        &RepetitionArguments { count: None, for_each, enabled: None, head: &import.span, name },
    )
}

/// The arguments that repeat a block, a call or an import.
struct RepetitionArguments<'a> {
    count: Option<&'a Expression>,
    for_each: Option<&'a Expression>,
    enabled: Option<&'a Expression>,
    head: &'a SourceSpan,
    name: String,
}

impl RepetitionArguments<'_> {
    fn place(&self, diagnostic: Diagnostic) -> Diagnostic {
        diagnostic.within(self.head.clone()).address(&self.name)
    }

    fn at(&self, expression: &Expression, message: &str) -> Diagnostic {
        self.place(Diagnostic::error(message).code(code::KEYS).at(expression.span().clone()))
    }
}

impl ExpansionError {
    fn within(self, repeated: &RepetitionArguments<'_>) -> Self {
        Self {
            diagnostics: self.diagnostics.into_iter().map(|it| repeated.place(it)).collect(),
            waits: self.waits,
        }
    }
}

fn expanded(
    world: &EvaluationValues,
    instance: InstanceId,
    repeated: &RepetitionArguments<'_>,
) -> Result<Arc<Expansion>, ExpansionError> {
    // `enabled` comes first: a block that is switched off need not have a valid `count` or
    // `for_each`.
    if let Some(enabled) = repeated.enabled
        && !flag(world, instance, enabled, "enabled").map_err(|it| it.within(repeated))?
    {
        return Ok(Arc::new(Expansion::Absent));
    }
    let evaluate = |it: &Expression| world.evaluate(&EvaluationScope::in_module(instance), it);
    match (repeated.count, repeated.for_each) {
        (Some(count), _) => counted(repeated, count, &evaluate(count)?).map(Arc::new),
        (None, Some(each)) => each_of(repeated, each, &evaluate(each)?).map(Arc::new),
        (None, None) => Ok(world.single()),
    }
}

/// Evaluates a flag that must be known during planning; null is false.
pub(crate) fn flag(
    world: &EvaluationValues,
    instance: InstanceId,
    expression: &Expression,
    name: &str,
) -> Result<bool, ExpansionError> {
    // Most flags are literals, which need no evaluation scope.
    if let Some(Value::Bool(literal)) = expression.literal() {
        return Ok(*literal);
    }
    let at =
        |message: String| Diagnostic::error(message).code(code::KEYS).at(expression.span().clone());
    let value = world.evaluate(&EvaluationScope::in_module(instance), expression)?.unmark().0;
    match convert(&value, &Type::Bool) {
        Ok(Value::Bool(it)) => Ok(it),
        Ok(Value::Null(_)) => Ok(false),
        Ok(unknown) => {
            let diagnostic = at(format!("`{name}` must be known while planning"));
            let detail = format!("Whether it holds is not known yet{}.", waiting(&unknown));
            Err(ExpansionError { diagnostics: vec![diagnostic.detail(detail)], waits: true })
        }
        Err(mismatch) => Err(vec![at(format!("`{name}`: {}", mismatch.message))].into()),
    }
}

/// Returns the value of a flag that is written as a literal.
pub(crate) fn literal_flag(expression: &Expression) -> Option<bool> {
    match expression.literal() {
        Some(Value::Bool(literal)) => Some(*literal),
        _ => None,
    }
}

fn waiting(unknown: &Value) -> String {
    unknown.cause().map(|it| format!(" (it waits for `{it}`)")).unwrap_or_default()
}

fn counted(
    repeated: &RepetitionArguments<'_>,
    count: &Expression,
    value: &Value,
) -> Result<Expansion, ExpansionError> {
    let at = |message: &str| repeated.at(count, message);
    let wrong = |diagnostic: Diagnostic| Err(vec![diagnostic].into());
    // The number of instances is visible in every plan, so a secret count is accepted.
    match convert(&value.unmark().0, &Type::Number) {
        Ok(Value::Number(number)) => match number.as_i64().and_then(|it| u64::try_from(it).ok()) {
            Some(count) => match usize::try_from(count).ok().filter(|it| *it <= MOST) {
                Some(count) => Ok(Expansion::Count(count)),
                None => wrong(
                    at(&format!("`count` is {count}, and a plan has {MOST} instances at most"))
                        .code(code::TOO_MUCH),
                ),
            },
            None => wrong(at("`count` must be a whole number that is not negative")),
        },
        Ok(Value::Null(_)) => wrong(at("`count` cannot be null")),
        Ok(unknown) => {
            let detail = format!("How many there will be is not known yet{}.", waiting(&unknown));
            Err(ExpansionError {
                diagnostics: vec![at("`count` must be known while planning").detail(detail)],
                waits: true,
            })
        }
        Err(mismatch) => wrong(at(&format!("`count`: {}", mismatch.message))),
    }
}

fn each_of(
    repeated: &RepetitionArguments<'_>,
    each: &Expression,
    value: &Value,
) -> Result<Expansion, ExpansionError> {
    let at = |message: &str| repeated.at(each, message);
    let wrong = |diagnostic: Diagnostic| Err(vec![diagnostic].into());
    let (value, sensitive) = value.unmark();
    if sensitive {
        // Keys become part of addresses, which cannot be hidden.
        return wrong(
            at("`for_each` cannot be secret").help("keys become addresses, which everybody sees"),
        );
    }
    match &value {
        Value::Map(items) | Value::Object(items) => Ok(Expansion::ForEach(
            items.iter().map(|(name, it)| (name.clone(), it.clone())).collect(),
        )),
        Value::Set(items) => {
            let mut keys = Vec::with_capacity(items.len());
            for item in items.iter() {
                match item {
                    Value::String(text) => keys.push((text.clone(), item.clone())),
                    // A single secret element suffices: its key would be visible in the address.
                    it if it.is_sensitive() => return wrong(at("`for_each` cannot be secret")),
                    it if !it.is_known() => {
                        let detail = format!("An element is not known yet{}.", waiting(it));
                        let diagnostic =
                            at("the elements of `for_each` must be known while planning")
                                .detail(detail);
                        return Err(ExpansionError { diagnostics: vec![diagnostic], waits: true });
                    }
                    it if it.is_null() => {
                        return wrong(at("a set for `for_each` must hold no null"));
                    }
                    _ => return wrong(keys::rejected(at, &value)),
                }
            }
            Ok(Expansion::ForEach(keys))
        }
        Value::Null(_) => wrong(at("`for_each` cannot be null")),
        // An unknown of a type without keys is an error in any case; waiting for its value would
        // only delay the message.
        Value::Unknown(it) if !keys::is_accepted(&it.ty) => wrong(keys::rejected(at, &value)),
        Value::Unknown(_) => {
            let detail = format!(
                "Which instances there will be is not known yet{}. Give it a map whose keys are known; its values need not be.",
                waiting(&value)
            );
            let diagnostic =
                at("the keys of `for_each` must be known while planning").detail(detail);
            Err(ExpansionError { diagnostics: vec![diagnostic], waits: true })
        }
        _ => wrong(keys::rejected(at, &value)),
    }
}

/// The error for a block or call that exceeds the limit of instances.
pub(crate) fn too_many(
    asked: usize,
    name: &str,
    count: Option<&Expression>,
    for_each: Option<&Expression>,
    head: &SourceSpan,
) -> Diagnostic {
    let span = count.or(for_each).map_or(head, Expression::span);
    Diagnostic::error(format!("with {asked} instances of `{name}` there are more than {MOST}, the maximum of a plan"))
        .code(code::TOO_MUCH)
        .at(span.clone())
        .within(head.clone())
        .help("counts of modules that lie within each other multiply; divide the configuration into several")
}

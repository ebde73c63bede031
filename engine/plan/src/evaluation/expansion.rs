//! How often a block or a module is there: `count`, `for_each` and `enabled`.

mod keys;

use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_lang::{Expression, ImportBlock, ModuleCall, ResourceBlock};
use ha_value::{InstanceKey, Name, Type, Value, convert};

use crate::evaluation::values::{EvaluationScope, EvaluationValues, InstanceId};

/// More instances than this, of one block or of all together, are a mistake: they would fill any
/// memory.
pub(crate) const MOST: usize = 250_000;

/// How often a block or a module is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expansion {
    /// Once.
    Single,
    /// Not at all, where it might be once: `enabled`.
    Absent,
    /// So many times.
    Count(usize),
    /// Once for each of these, in the order of their names.
    ForEach(Vec<(Name, Value)>),
}

/// Why it cannot be said how often a block is there.
#[derive(Debug)]
pub(crate) struct ExpansionError {
    /// What to tell whoever wrote it.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether it only waits for something that is not known yet.
    pub(crate) waits: bool,
}

impl From<Vec<Diagnostic>> for ExpansionError {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, waits: false }
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

impl Expansion {
    /// One instance of a block of which no one knows yet how often it is there.
    pub(crate) fn stand_in(block: &ResourceBlock) -> Self {
        match (&block.count, &block.for_each) {
            (Some(_), _) => Expansion::Count(1),
            (None, Some(_)) => Expansion::ForEach(vec![(
                "key".into(),
                Value::unknown(Type::Any, Some("each.value".into())),
            )]),
            (None, None) => Expansion::Single,
        }
    }

    /// How many instances there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Expansion::Single => 1,
            Expansion::Absent => 0,
            Expansion::Count(count) => *count,
            Expansion::ForEach(items) => items.len(),
        }
    }

    /// The key of an instance, by its place among them.
    pub(crate) fn key(&self, place: usize) -> InstanceKey {
        match self {
            Expansion::Single | Expansion::Absent => InstanceKey::None,
            Expansion::Count(_) => InstanceKey::Index(place as u64),
            Expansion::ForEach(items) => InstanceKey::Name(items[place].0.clone()),
        }
    }

    /// The instances' keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = InstanceKey> {
        (0..self.len()).map(|place| self.key(place))
    }

    /// The place among the instances that a key has.
    pub(crate) fn place(&self, key: &InstanceKey) -> Option<usize> {
        match (self, key) {
            (Expansion::Single, InstanceKey::None) => Some(0),
            (Expansion::Count(count), InstanceKey::Index(index)) => {
                usize::try_from(*index).ok().filter(|it| it < count)
            }
            (Expansion::ForEach(items), InstanceKey::Name(name)) => {
                items.binary_search_by(|(it, _)| it.cmp(name)).ok()
            }
            _ => None,
        }
    }

    /// The place among the instances that an index has, which is a number or a string as an
    /// expression gave it.
    pub(crate) fn indexed(&self, index: &InstanceKey) -> Option<usize> {
        match (self, index) {
            (Expansion::Count(_), InstanceKey::Name(text)) => {
                let number = text.parse::<ha_value::Number>().ok()?.as_i64()?;
                self.place(&InstanceKey::Index(number.try_into().ok()?))
            }
            (Expansion::ForEach(_), InstanceKey::Index(index)) => {
                self.place(&InstanceKey::Name(index.to_string().into()))
            }
            _ => self.place(index),
        }
    }

    /// What `each.value` is for an instance.
    pub(crate) fn each(&self, place: usize) -> Option<&Value> {
        match self {
            Expansion::ForEach(items) => items.get(place).map(|(_, it)| it),
            _ => None,
        }
    }

    /// Whether every value that `each.value` can be is known.
    pub(crate) fn is_wholly_known(&self) -> bool {
        match self {
            Expansion::ForEach(items) => items.iter().all(|(_, it)| it.is_wholly_known()),
            _ => true,
        }
    }

    /// What stands for all instances together, each value by its place.
    pub(crate) fn whole(&self, value: impl Fn(usize) -> Value) -> Value {
        match self {
            Expansion::Single => value(0),
            Expansion::Absent => Value::NULL,
            Expansion::Count(count) => Value::tuple((0..*count).map(value)),
            Expansion::ForEach(items) => Value::object(
                items.iter().enumerate().map(|(place, (name, _))| (name.clone(), value(place))),
            ),
        }
    }
}

/// Something that may be there more than once.
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

/// The instances that a block has in a module instance.
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

/// The instances that a call of a module has in the instance that calls it.
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

/// What to say where a block or a call asks for so many instances that there are more than a plan
/// has.
pub(crate) fn too_many(
    asked: usize,
    name: &str,
    count: Option<&Expression>,
    for_each: Option<&Expression>,
    head: &SourceSpan,
) -> Diagnostic {
    let span = count.or(for_each).map_or(head, Expression::span);
    Diagnostic::error(format!("with {asked} instances of `{name}` there are more than {MOST}, which is the most a plan has"))
        .code(code::TOO_MUCH)
        .at(span.clone())
        .within(head.clone())
        .help("counts of modules that lie within each other multiply; divide the configuration into several")
}

/// What an `import` block is there for.
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

fn expanded(
    world: &EvaluationValues,
    instance: InstanceId,
    repeated: &RepetitionArguments<'_>,
) -> Result<Arc<Expansion>, ExpansionError> {
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

/// A truth value that must be known while planning; null is false.
pub(crate) fn flag(
    world: &EvaluationValues,
    instance: InstanceId,
    expression: &Expression,
    name: &str,
) -> Result<bool, ExpansionError> {
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
    // How many there are is plain to see, of a secret number as well.
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
                    _ => return wrong(keys::unfit(at, &value)),
                }
            }
            Ok(Expansion::ForEach(keys))
        }
        Value::Null(_) => wrong(at("`for_each` cannot be null")),
        Value::Unknown(it) if !keys::will_do(&it.ty) => wrong(keys::unfit(at, &value)),
        Value::Unknown(_) => {
            let detail = format!(
                "Which instances there will be is not known yet{}. Give it a map whose keys are known; its values need not be.",
                waiting(&value)
            );
            let diagnostic =
                at("the keys of `for_each` must be known while planning").detail(detail);
            Err(ExpansionError { diagnostics: vec![diagnostic], waits: true })
        }
        _ => wrong(keys::unfit(at, &value)),
    }
}

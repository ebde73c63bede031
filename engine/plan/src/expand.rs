//! How often a block is there: `count`, `for_each` and `enabled`.

use std::sync::Arc;

use ha_kind::{Diagnostic, Key, Object, Type, Value, convert};
use ha_lang::{Expression, ResourceBlock};

use crate::world::World;

/// How often a block is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expansion {
    /// Once.
    Single,
    /// Not at all, where it might be once: `enabled`.
    Absent,
    /// So many times.
    Count(u64),
    /// Once for each of these.
    ForEach(Object),
}

/// Why it cannot be said how often a block is there.
#[derive(Debug)]
pub(crate) struct Undecided {
    /// What to tell whoever wrote it.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether it only waits for something that is not known yet.
    pub(crate) waits: bool,
}

impl From<Vec<Diagnostic>> for Undecided {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, waits: false }
    }
}

impl Undecided {
    fn of(self, block: &ResourceBlock) -> Self {
        let placed = |it: Diagnostic| it.within(block.head.clone()).of(&block.name);
        Self { diagnostics: self.diagnostics.into_iter().map(placed).collect(), waits: self.waits }
    }
}

impl Expansion {
    /// The instances' keys, in order.
    pub(crate) fn keys(&self) -> Vec<Key> {
        match self {
            Expansion::Single => vec![Key::None],
            Expansion::Absent => Vec::new(),
            Expansion::Count(count) => (0..*count).map(Key::Index).collect(),
            Expansion::ForEach(items) => items.keys().cloned().map(Key::Name).collect(),
        }
    }

    /// Whether there is an instance of this key.
    pub(crate) fn contains(&self, key: &Key) -> bool {
        match (self, key) {
            (Expansion::Single, Key::None) => true,
            (Expansion::Count(count), Key::Index(index)) => index < count,
            (Expansion::ForEach(items), Key::Name(name)) => items.contains_key(name),
            _ => false,
        }
    }

    /// Whether every value that `each.value` can be is known.
    pub(crate) fn is_wholly_known(&self) -> bool {
        match self {
            Expansion::ForEach(items) => items.values().all(Value::is_wholly_known),
            _ => true,
        }
    }
}

/// The instances that a block has.
pub(crate) fn expansion(world: &World, block: &ResourceBlock) -> Result<Arc<Expansion>, Undecided> {
    if let Some(enabled) = &block.lifecycle.enabled
        && !flag(world, enabled, "enabled").map_err(|it| it.of(block))?
    {
        return Ok(Arc::new(Expansion::Absent));
    }
    let expansion = match (&block.count, &block.for_each) {
        (Some(count), _) => counted(world, block, count)?,
        (None, Some(each)) => each_of(world, block, each)?,
        (None, None) => Expansion::Single,
    };
    Ok(Arc::new(expansion))
}

/// A truth value that must be known while planning; null is false.
pub(crate) fn flag(world: &World, expression: &Expression, name: &str) -> Result<bool, Undecided> {
    let at = |message: String| Diagnostic::error(message).at(expression.span().clone());
    let value = world.evaluate(expression)?.unmark().0;
    match convert(&value, &Type::Bool) {
        Ok(Value::Bool(it)) => Ok(it),
        Ok(Value::Null) => Ok(false),
        Ok(unknown) => {
            let diagnostic = at(format!("`{name}` must be known while planning"));
            let detail = format!("Whether it holds is not known yet{}.", waiting(&unknown));
            Err(Undecided { diagnostics: vec![diagnostic.detail(detail)], waits: true })
        }
        Err(mismatch) => Err(vec![at(format!("`{name}`: {}", mismatch.message))].into()),
    }
}

fn waiting(unknown: &Value) -> String {
    unknown.cause().map(|it| format!(" (it waits for `{it}`)")).unwrap_or_default()
}

fn counted(world: &World, block: &ResourceBlock, count: &Expression) -> Result<Expansion, Undecided> {
    let at = |message: &str| Diagnostic::error(message).at(count.span().clone()).within(block.head.clone()).of(&block.name);
    let wrong = |diagnostic: Diagnostic| Err(vec![diagnostic].into());
    let (value, sensitive) = world.evaluate(count)?.unmark();
    if sensitive {
        let help = "how many there are is plain to see; use `nonsensitive` if that is fine";
        return wrong(at("`count` cannot be secret").help(help));
    }
    match convert(&value, &Type::Number) {
        Ok(Value::Number(number)) => match number.as_i64().and_then(|it| u64::try_from(it).ok()) {
            Some(count) => Ok(Expansion::Count(count)),
            None => wrong(at("`count` must be a whole number that is not negative")),
        },
        Ok(Value::Null) => wrong(at("`count` cannot be null")),
        Ok(unknown) => {
            let detail = format!("How many there will be is not known yet{}.", waiting(&unknown));
            Err(Undecided { diagnostics: vec![at("`count` must be known while planning").detail(detail)], waits: true })
        }
        Err(mismatch) => wrong(at(&format!("`count`: {}", mismatch.message))),
    }
}

fn each_of(world: &World, block: &ResourceBlock, each: &Expression) -> Result<Expansion, Undecided> {
    let at = |message: &str| Diagnostic::error(message).at(each.span().clone()).within(block.head.clone()).of(&block.name);
    let wrong = |diagnostic: Diagnostic| Err(vec![diagnostic].into());
    let (value, sensitive) = world.evaluate(each)?.unmark();
    if sensitive {
        return wrong(at("`for_each` cannot be secret").help("keys become addresses, which everybody sees"));
    }
    match &value {
        Value::Map(items) | Value::Object(items) => Ok(Expansion::ForEach((**items).clone())),
        Value::Set(items) => {
            let mut keys = Object::new();
            for item in items.iter() {
                match item {
                    Value::String(text) => {
                        keys.insert(text.clone(), item.clone());
                    }
                    it if it.is_sensitive() => return wrong(at("`for_each` cannot be secret")),
                    it if !it.is_known() => {
                        let detail = format!("An element is not known yet{}.", waiting(it));
                        let diagnostic = at("the elements of `for_each` must be known while planning").detail(detail);
                        return Err(Undecided { diagnostics: vec![diagnostic], waits: true });
                    }
                    _ => return wrong(at("a set for `for_each` must hold strings, none of them null")),
                }
            }
            Ok(Expansion::ForEach(keys))
        }
        Value::Null => wrong(at("`for_each` cannot be null")),
        Value::Unknown(_) => {
            let detail = format!(
                "Which instances there will be is not known yet{}. Give it a map whose keys are known; its values need not be.",
                waiting(&value)
            );
            let diagnostic = at("the keys of `for_each` must be known while planning").detail(detail);
            Err(Undecided { diagnostics: vec![diagnostic], waits: true })
        }
        _ => wrong(at("`for_each` takes a map or a set of strings").help("`toset([...])` makes a set of a list")),
    }
}

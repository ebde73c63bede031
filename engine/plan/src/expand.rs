//! How often a block is there: `count`, `for_each` and `enabled`.

use std::collections::BTreeMap;

use ha_kind::{Diagnostic, Type, Value, convert};
use ha_lang::{Expression, ResourceBlock};

use crate::graph::written;
use crate::world::{Expansion, World};

/// The instances that a block has.
pub(crate) fn expansion(world: &World, block: &ResourceBlock) -> Result<Expansion, Vec<Diagnostic>> {
    if let Some(enabled) = &block.lifecycle.enabled
        && !flag(world, enabled, "enabled")?
    {
        return Ok(Expansion::Absent);
    }
    match (&block.count, &block.for_each) {
        (Some(count), _) => counted(world, block, count),
        (None, Some(each)) => each_of(world, block, each),
        (None, None) => Ok(Expansion::Single),
    }
}

/// A truth value that must be known while planning.
pub(crate) fn flag(world: &World, expression: &Expression, name: &str) -> Result<bool, Vec<Diagnostic>> {
    let wrong = |message: String| vec![Diagnostic::error(message).at(expression.span().clone())];
    let value = world.evaluate(expression)?.unmark().0;
    match convert(&value, &Type::Bool) {
        Ok(Value::Bool(it)) => Ok(it),
        Ok(Value::Null) => Ok(false),
        Ok(_) => Err(wrong(format!("`{name}` must be known while planning"))),
        Err(mismatch) => Err(wrong(format!("`{name}`: {}", mismatch.message))),
    }
}

fn counted(world: &World, block: &ResourceBlock, count: &Expression) -> Result<Expansion, Vec<Diagnostic>> {
    let at =
        |message: &str| Diagnostic::error(message).at(count.span().clone()).within(block.head.clone()).of(written(&block.name));
    let value = world.evaluate(count)?;
    let (value, sensitive) = value.unmark();
    if sensitive {
        return Err(vec![
            at("`count` cannot be secret").help("how many there are is plain to see; use `nonsensitive` if that is fine"),
        ]);
    }
    match convert(&value, &Type::Number) {
        Ok(Value::Number(number)) => match number.as_i64().and_then(|it| u64::try_from(it).ok()) {
            Some(count) => Ok(Expansion::Count(count)),
            None => Err(vec![at("`count` must be a whole number that is not negative")]),
        },
        Ok(Value::Null) => Err(vec![at("`count` cannot be null")]),
        Ok(unknown) => {
            let wait = unknown.cause().map(|it| format!(" (it waits for `{it}`)")).unwrap_or_default();
            Err(vec![
                at("`count` must be known while planning").detail(format!("How many there will be is not known yet{wait}.")),
            ])
        }
        Err(mismatch) => Err(vec![at(&format!("`count`: {}", mismatch.message))]),
    }
}

fn each_of(world: &World, block: &ResourceBlock, each: &Expression) -> Result<Expansion, Vec<Diagnostic>> {
    let at =
        |message: &str| Diagnostic::error(message).at(each.span().clone()).within(block.head.clone()).of(written(&block.name));
    let (value, sensitive) = world.evaluate(each)?.unmark();
    if sensitive {
        return Err(vec![at("`for_each` cannot be secret").help("keys become addresses, which everybody sees")]);
    }
    match &value {
        Value::Map(items) | Value::Object(items) => Ok(Expansion::ForEach((**items).clone())),
        Value::Set(items) => {
            let mut keys = BTreeMap::new();
            for item in items.iter() {
                match item {
                    Value::String(text) => {
                        keys.insert(text.clone(), item.clone());
                    }
                    it if it.is_sensitive() => return Err(vec![at("`for_each` cannot be secret")]),
                    it if !it.is_known() => return Err(vec![at("the elements of `for_each` must be known while planning")]),
                    _ => return Err(vec![at("a set for `for_each` must hold strings, none of them null")]),
                }
            }
            Ok(Expansion::ForEach(keys))
        }
        Value::Null => Err(vec![at("`for_each` cannot be null")]),
        Value::Unknown(unknown) => {
            let wait = unknown.cause.as_ref().map(|it| format!(" (it waits for `{it}`)")).unwrap_or_default();
            let detail = format!(
                "Which instances there will be is not known yet{wait}. Give it a map whose keys are known; its values need not be."
            );
            Err(vec![at("the keys of `for_each` must be known while planning").detail(detail)])
        }
        _ => Err(vec![at("`for_each` takes a map or a set of strings").help("`toset([...])` makes a set of a list")]),
    }
}

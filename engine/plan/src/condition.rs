//! What must hold: preconditions and postconditions.

use std::fmt;

use ha_kind::{Address, Diagnostic, Error, Type, Value, code};
use ha_lang::{Condition, Environment, ResourceBlock};

use crate::world::{Standpoint, World};

/// What of these does not hold where they stand, all of it. What is not known yet is left for later.
pub(crate) fn failing(world: &World, conditions: &[Condition], at: &Standpoint<'_>, of: &dyn fmt::Display) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for condition in conditions {
        match world.within(at, |environment| message(condition, environment)) {
            Ok(None) => {}
            Ok(Some(message)) => {
                let diagnostic =
                    Diagnostic::error("a condition does not hold").code(code::CONDITION).at(condition.condition.span().clone());
                diagnostics.push(diagnostic.detail(message).of(of));
            }
            Err(more) => diagnostics.extend(more),
        }
    }
    diagnostics
}

/// The message of a condition that does not hold; none while it holds or is not known.
pub(crate) fn message(condition: &Condition, environment: &Environment<'_>) -> Result<Option<String>, Vec<Diagnostic>> {
    let wrong = |message: String| vec![Diagnostic::error(message).code(code::WRONG_TYPE).at(condition.condition.span().clone())];
    let value = condition.condition.evaluate(environment)?.unmark().0;
    match ha_kind::convert(&value, &Type::Bool).map_err(|it| wrong(format!("a condition is true or false: {}", it.message)))? {
        Value::Bool(false) => {
            let message = condition.error_message.evaluate(environment)?;
            Ok(Some(match message.is_sensitive() {
                true => "(the message holds a secret)".to_owned(),
                false => {
                    ha_kind::Text::of(&message).and_then(|it| it.known()).unwrap_or_else(|| "(known after apply)".to_owned())
                }
            }))
        }
        Value::Null => Err(wrong("a condition is true or false, and this one is null".to_owned())),
        _ => Ok(None),
    }
}

/// What to say of a data source in a `check` block that could not be read. Nothing but the check hangs on it.
pub(crate) fn unread(block: &ResourceBlock, address: &Address, error: Error) -> Diagnostic {
    let warning = Diagnostic::warning(format!("could not {}", error.attempted)).code(code::CONDITION).at(block.head.clone());
    let warning = warning.detail(error.causes.join(": ")).of(address);
    error.help.into_iter().fold(warning, Diagnostic::help)
}

/// What a `check` block says warns; everything else is an error.
pub(crate) fn weighed(block: &ResourceBlock, failing: Vec<Diagnostic>) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    match &block.check {
        Some(_) => (Vec::new(), failing.into_iter().map(Diagnostic::into_warning).collect()),
        None => (failing, Vec::new()),
    }
}

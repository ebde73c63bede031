//! What is read is as secret as the configuration makes it, also where no record says so yet.

use ha_provider::ResourceDescription;
use ha_value::{Name, Object, Value};

/// Arguments and outputs as they were read, with the marks of what the configuration says now. What
/// is recorded already keeps the marks that it has.
pub(crate) fn as_configured(
    described: &ResourceDescription,
    given: &Object,
    recorded: &Object,
    (arguments, outputs): (&Object, &Object),
) -> (Object, Object) {
    let is_secret = |name: &Name| {
        let mut ways = described.hooks().said_by(name);
        ways.any(|it| {
            given.get(it).is_some_and(|value| value.contains_sensitive() && !value.is_null())
        })
    };
    let mark = |(name, value): (&Name, &Value)| {
        let is_news = recorded.get(name).is_none_or(|it| it.revealed() != value.revealed());
        (
            name.clone(),
            if is_news && is_secret(name) { value.clone().sensitive() } else { value.clone() },
        )
    };
    let arguments: Object = arguments.iter().map(mark).collect();
    let outputs = described.hooks().marked(described.schema(), &arguments, outputs.clone());
    (arguments, outputs)
}

//! Whether there are the providers that a configuration requires.

use std::collections::HashSet;

use ha_kind::Diagnostic;

use crate::configuration::Configuration;
use crate::mistake::module as mistakes;

/// What a configuration and its modules require that is none of the providers there are.
#[must_use]
pub fn unknown_providers(configuration: &Configuration, known: &[&str]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut seen = HashSet::new();
    let mut open = vec![configuration];
    while let Some(configuration) = open.pop() {
        if !seen.insert(std::ptr::from_ref(configuration)) {
            continue;
        }
        for (name, required) in configuration.settings.iter().flat_map(|it| &it.required_providers) {
            let source = required.source.as_deref().and_then(|it| it.rsplit('/').next()).unwrap_or(name);
            if !known.contains(&source) {
                problems.push(mistakes::unknown_provider(source, known, required.span.clone()));
            } else if source != &**name {
                problems.push(mistakes::provider_by_other_name(name, source, required.span.clone()));
            }
        }
        open.extend(configuration.modules.values().rev().map(|it| &*it.configuration));
    }
    problems
}

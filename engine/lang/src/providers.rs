//! Checks that the providers that a configuration requires exist.

use std::collections::HashSet;

use ha_diagnostics::Diagnostic;

use crate::configuration::Configuration;
use crate::diagnostics::module as mistakes;

/// Terraform's built-in provider. Its one resource type is a kind of the provider [`OWN`].
pub(crate) const BUILT_IN: &str = "terraform";
/// The name of the built-in provider in `ha`.
pub(crate) const OWN: &str = "ha";

/// A diagnostic for each provider that a configuration or one of its modules requires and that is
/// not one of `known`.
#[must_use]
pub fn unknown_providers(configuration: &Configuration, known: &[&str]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for module in modules(configuration) {
        for (name, required) in module.settings.iter().flat_map(|it| &it.required_providers) {
            let source =
                required.source.as_deref().and_then(|it| it.rsplit('/').next()).unwrap_or(name);
            let source = if source == BUILT_IN { OWN } else { source };
            if !known.contains(&source) && source != OWN {
                problems.push(mistakes::unknown_provider(source, known, required.span.clone()));
            } else if source != &**name {
                problems.push(mistakes::provider_by_other_name(
                    name,
                    source,
                    required.span.clone(),
                ));
            }
        }
    }
    problems
}

/// A configuration and all modules in it, in the order of their calls. Modules that several calls
/// share are included once.
pub(crate) fn modules(configuration: &Configuration) -> Vec<&Configuration> {
    let mut modules = Vec::new();
    let mut seen = HashSet::new();
    let mut open = vec![configuration];
    while let Some(module) = open.pop() {
        if seen.insert(std::ptr::from_ref(module)) {
            modules.push(module);
            open.extend(module.modules.values().rev().map(|it| &*it.configuration));
        }
    }
    modules
}

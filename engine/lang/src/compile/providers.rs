//! Checks the providers that modules are passed.

use std::collections::{BTreeSet, HashSet};

use ha_diagnostics::Diagnostic;
use ha_value::Name;

use crate::configuration::{Configuration, ModuleCall, RequiredProvider, SettingsBlock};
use crate::diagnostics::module as mistakes;

type ProviderName = (Name, Option<Name>);

/// Checks the providers that modules are passed, except for `unsound` modules. The planner checks
/// those that resources use, as the default provider follows from the resource type.
pub(super) fn providers(
    configuration: &Configuration,
    unsound: &HashSet<Name>,
    problems: &mut Vec<Diagnostic>,
) {
    let own = configuration.providers.iter().filter_map(|it| Some((&it.name, it.alias.as_ref()?)));
    let required = configuration.settings.iter().flat_map(|it| &it.required_providers);
    let handed_in =
        required.flat_map(|(name, it)| it.aliases.iter().map(move |alias| (name, alias)));
    let there: BTreeSet<(&Name, &Name)> = own.chain(handed_in).collect();
    for handed in configuration.modules.values().flat_map(|it| &it.providers) {
        if let (of, Some(alias)) = &handed.outside
            && !there.contains(&(of, alias))
        {
            let known = there
                .iter()
                .filter(|(name, _)| *name == of)
                .map(|(name, alias)| format!("{name}.{alias}"));
            let known: Vec<String> = known.collect();
            problems.push(mistakes::no_such_provider(&handed.outside, &known, handed.span.clone()));
        }
    }
    for call in configuration.modules.values().filter(|it| !unsound.contains(&it.name)) {
        handed(call, problems);
    }
}

/// Checks the providers of a call against the `configuration_aliases` of the module.
fn handed(call: &ModuleCall, problems: &mut Vec<Diagnostic>) {
    let inside = &call.configuration;
    let required = inside.settings.iter().flat_map(|it| &it.required_providers);
    let asked: HashSet<ProviderName> = required
        .flat_map(|(name, it)| it.aliases.iter().map(|alias| (name.clone(), Some(alias.clone()))))
        .collect();
    let own: HashSet<(&Name, Option<&Name>)> =
        inside.providers.iter().map(|it| (&it.name, it.alias.as_ref())).collect();
    for handed in &call.providers {
        let (name, alias) = &handed.inside;
        if own.contains(&(name, alias.as_ref())) {
            problems.push(
                mistakes::configures_itself(&call.name, &handed.inside, handed.span.clone())
                    .within(call.head.clone()),
            );
        } else if alias.is_some() && !asked.contains(&handed.inside) {
            problems.push(
                mistakes::not_asked_for(&call.name, &handed.inside, handed.span.clone())
                    .within(call.head.clone()),
            );
        }
    }
    let given: HashSet<&ProviderName> = call.providers.iter().map(|it| &it.inside).collect();
    let mut missing: Vec<&ProviderName> = asked.iter().filter(|it| !given.contains(it)).collect();
    // A hash set has no order, and the same mistakes must be reported in the same order in each
    // run.
    missing.sort();
    problems.extend(
        missing
            .into_iter()
            .map(|it| mistakes::provider_is_missing(&call.name, it, call.head.clone())),
    );
}

/// Turns empty `provider` blocks of a module into `configuration_aliases`. Before Terraform 0.15 a
/// module declared in this way that it is passed a provider.
pub(crate) fn aliases_from_empty_providers(configuration: &mut Configuration) {
    let (empty, own) =
        std::mem::take(&mut configuration.providers).into_iter().partition(|it| it.body.is_empty());
    configuration.providers = own;
    for provider in empty {
        let Some(alias) = provider.alias else { continue };
        let settings =
            configuration.settings.get_or_insert_with(|| SettingsBlock::new(provider.span.clone()));
        let required = settings.required_providers.entry(provider.name);
        let required = required.or_insert_with(|| RequiredProvider::new(provider.span));
        if !required.aliases.contains(&alias) {
            required.aliases.push(alias);
        }
    }
}

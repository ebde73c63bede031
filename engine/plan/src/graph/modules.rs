//! The static tree of modules: one for each call on the way from the root, whatever number of
//! instances it will have.

use std::sync::Arc;

use ha_lang::{Configuration, ModuleCall, ProviderBlock};
use ha_state_model::ProviderName;
use ha_value::{HashMap, InstanceKey, Name};

/// A module's number in the tree. The root is 0, and every module comes after the one that calls
/// it.
pub(crate) type ModuleId = usize;

/// The root.
pub(crate) const ROOT: ModuleId = 0;

/// All modules.
pub(crate) struct ModuleTree {
    all: Vec<ConfiguredModule>,
    /// Where each provider configuration is written: the module, and its place among the module's
    /// providers.
    providers: HashMap<ProviderName, (ModuleId, usize)>,
}

/// One module.
pub(crate) struct ConfiguredModule {
    /// What it says.
    pub(crate) configuration: Arc<Configuration>,
    /// Who calls it, and by which of its calls; none for the root.
    pub(crate) caller: Option<(ModuleId, usize)>,
    /// The modules it calls, by the place of the call.
    pub(crate) calls: Vec<ModuleId>,
    /// The names on the way to it.
    pub(crate) path: Arc<[Name]>,
}

impl ModuleTree {
    /// The tree below a root.
    pub(crate) fn below(root: &Arc<Configuration>) -> Self {
        let root = ConfiguredModule {
            configuration: root.clone(),
            caller: None,
            calls: Vec::new(),
            path: Arc::new([]),
        };
        let mut all = vec![root];
        let mut next = 0;
        while next < all.len() {
            let (configuration, path) = (all[next].configuration.clone(), all[next].path.clone());
            for (place, (name, call)) in configuration.modules.iter().enumerate() {
                let id = all.len();
                all[next].calls.push(id);
                let path = path.iter().cloned().chain([name.clone()]).collect();
                let configuration = call.configuration.clone();
                all.push(ConfiguredModule {
                    configuration,
                    caller: Some((next, place)),
                    calls: Vec::new(),
                    path,
                });
            }
            next += 1;
        }
        let mut providers = HashMap::default();
        for (id, module) in all.iter().enumerate() {
            for (place, block) in module.configuration.providers.iter().enumerate() {
                providers
                    .entry(provider_name(module, &block.name, block.alias.as_ref()))
                    .or_insert((id, place));
            }
        }
        Self { all, providers }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get(&self, module: ModuleId) -> &ConfiguredModule {
        &self.all[module]
    }

    pub(crate) fn configuration(&self, module: ModuleId) -> &Arc<Configuration> {
        &self.all[module].configuration
    }

    /// The call that a module is there by; none for the root.
    pub(crate) fn call(&self, module: ModuleId) -> Option<&ModuleCall> {
        let (caller, place) = self.all[module].caller?;
        self.all[caller].configuration.modules.get_index(place).map(|(_, it)| it)
    }

    /// The module on a path of names and keys, as far as there is one.
    pub(crate) fn find(&self, path: &[(Name, InstanceKey)]) -> Option<ModuleId> {
        path.iter().try_fold(ROOT, |module, (name, _)| {
            let module = &self.all[module];
            module.configuration.modules.get_index_of(name).map(|place| module.calls[place])
        })
    }

    /// What a provider that a module names `name` and `alias` is: one of its own, one handed in, or
    /// the caller's.
    pub(crate) fn provider(
        &self,
        mut module: ModuleId,
        name: &Name,
        alias: Option<&Name>,
    ) -> ProviderName {
        let (mut name, mut alias) = (name, alias);
        loop {
            let here = provider_name(&self.all[module], name, alias);
            let (Some((caller, _)), false) =
                (self.all[module].caller, self.providers.contains_key(&here))
            else {
                return here;
            };
            let handed_in = self.call(module).map(|it| it.providers.as_slice()).unwrap_or_default();
            match handed_in.iter().find(|it| (&it.inside.0, it.inside.1.as_ref()) == (name, alias))
            {
                Some(it) => (name, alias) = (&it.outside.0, it.outside.1.as_ref()),
                None if alias.is_none() => {}
                // No one handed it in.
                None => return here,
            }
            module = caller;
        }
    }

    /// Where a provider is configured: the module, and its place among the module's providers.
    pub(crate) fn provider_place(&self, name: &ProviderName) -> Option<(ModuleId, usize)> {
        self.providers.get(name).copied()
    }

    /// The block that configures a provider.
    pub(crate) fn provider_block(&self, name: &ProviderName) -> Option<&ProviderBlock> {
        let (module, place) = self.provider_place(name)?;
        self.all[module].configuration.providers.get(place)
    }
}

/// What a provider configured in a module is called in records.
pub(crate) fn provider_name(
    module: &ConfiguredModule,
    name: &Name,
    alias: Option<&Name>,
) -> ProviderName {
    ProviderName { module: module.path.clone(), name: name.clone(), alias: alias.cloned() }
}

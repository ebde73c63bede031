//! The static tree of modules: one module for each call, whatever the number of its instances.

use std::sync::Arc;

use ha_lang::{Configuration, ModuleCall, ProviderBlock};
use ha_state_model::ProviderName;
use ha_value::{HashMap, InstanceKey, Name};

/// The number of a module. The root is 0, and each module follows the one that calls it.
pub(crate) type ModuleId = usize;

/// The root module.
pub(crate) const ROOT: ModuleId = 0;

/// All modules of a configuration.
pub(crate) struct ModuleTree {
    all: Vec<ConfiguredModule>,
    /// The place of each provider configuration: its module, and its place among the providers
    /// there.
    providers: HashMap<ProviderName, (ModuleId, usize)>,
}

/// One module.
pub(crate) struct ConfiguredModule {
    /// The configuration of the module.
    pub(crate) configuration: Arc<Configuration>,
    /// The calling module and the place of the call; none for the root.
    pub(crate) caller: Option<(ModuleId, usize)>,
    /// The called modules, by the place of the call.
    pub(crate) calls: Vec<ModuleId>,
    /// The names from the root to the module.
    pub(crate) path: Arc<[Name]>,
}

impl ModuleTree {
    /// Returns the tree of a root configuration.
    pub(crate) fn below(root: &Arc<Configuration>) -> Self {
        let root = ConfiguredModule {
            configuration: root.clone(),
            caller: None,
            calls: Vec::new(),
            path: Arc::new([]),
        };
        let mut all = vec![root];
        let mut next = 0;
        // The list grows while it is walked, so each module comes after the one that calls it.
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
                    // Duplicate `provider` blocks are reported when the configuration is compiled;
                    // the first one counts here.
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

    /// Returns the call of a module; none for the root.
    pub(crate) fn call(&self, module: ModuleId) -> Option<&ModuleCall> {
        let (caller, place) = self.all[module].caller?;
        self.all[caller].configuration.modules.get_index(place).map(|(_, it)| it)
    }

    /// Returns the module at a path of names, if it exists.
    pub(crate) fn find(&self, path: &[(Name, InstanceKey)]) -> Option<ModuleId> {
        path.iter().try_fold(ROOT, |module, (name, _)| {
            let module = &self.all[module];
            module.configuration.modules.get_index_of(name).map(|place| module.calls[place])
        })
    }

    /// Resolves a provider name in a module: its own configuration, one that the call passes in,
    /// or that of the calling module.
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
                // A provider with an alias is only available where the call passes it in.
                None => return here,
            }
            module = caller;
        }
    }

    /// Returns where a provider is configured: its module, and its place among the providers
    /// there.
    pub(crate) fn provider_place(&self, name: &ProviderName) -> Option<(ModuleId, usize)> {
        self.providers.get(name).copied()
    }

    /// Returns the block of a provider.
    pub(crate) fn provider_block(&self, name: &ProviderName) -> Option<&ProviderBlock> {
        let (module, place) = self.provider_place(name)?;
        self.all[module].configuration.providers.get(place)
    }
}

/// Returns the recorded name of a provider that a module configures.
pub(crate) fn provider_name(
    module: &ConfiguredModule,
    name: &Name,
    alias: Option<&Name>,
) -> ProviderName {
    ProviderName { module: module.path.clone(), name: name.clone(), alias: alias.cloned() }
}

//! Provider settings.

use ha_diagnostics::{Diagnostic, code};
use ha_lang::ResourceBlock;
use ha_provider::ResourceDescription;
use ha_state_model::{Dependencies, ProviderName, ProviderRecord};
use ha_value::{Object, ResourceMode, Value};

use super::Planner;
use crate::evaluation::argument_diagnostics::{conform, located};
use crate::evaluation::values::{EvaluationScope, InstanceId};
use crate::graph::modules::ModuleId;
use crate::graph::{NodeId, provider_at};

impl Planner<'_> {
    /// Evaluates a `provider` block in the instance of its module. A module with `provider` blocks
    /// has one instance at most.
    pub(super) fn evaluate_provider(&mut self, node: NodeId, module: ModuleId, place: usize) {
        let graph = self.graph.clone();
        let block = &graph.configuration(node).providers[place];
        let Some(described) = self.input.schemas.provider(&block.name) else {
            let known: Vec<&str> = self.input.schemas.providers().map(|(it, _)| &**it).collect();
            let diagnostic = Diagnostic::error(format!("there is no provider `{}`", block.name))
                .code(code::PROVIDER)
                .at(block.name_span.clone());
            let help = format!(
                "there are {}; none is downloaded, and README.md lists what is not supported yet",
                known.join(", ")
            );
            self.diagnostics
                .push(diagnostic.closest(&block.name, known.iter().copied()).help(help));
            return;
        };
        for instance in self.world.of_module(module) {
            let evaluated =
                self.world.within(&EvaluationScope::in_module(instance), |environment| {
                    block.body.evaluate(&described.schema, environment)
                });
            let wrong = |problems| located(problems, &block.body, None, block.span.clone());
            let conformed = evaluated
                .and_then(|it| conform(&described.schema, &it, &block.body, None, &block.span));
            match conformed.and_then(|it| match described.hooks.problems(&described.schema, &it) {
                problems if problems.is_empty() => Ok(it),
                problems => Err(wrong(problems)),
            }) {
                Ok(settings) => self.set_provider(
                    Some((node, instance)),
                    provider_at(&graph.modules, module, place),
                    settings,
                ),
                Err(diagnostics) => self.diagnostics.extend(diagnostics),
            }
        }
    }

    fn set_provider(
        &mut self,
        node: Option<(NodeId, InstanceId)>,
        name: ProviderName,
        settings: Object,
    ) {
        if settings.values().all(Value::is_wholly_known) {
            let dependencies = match node {
                Some((node, instance)) => {
                    self.reach.dependencies(&self.graph, node, self.world.path(instance))
                }
                None => Dependencies::default(),
            };
            self.providers
                .insert(name.clone(), ProviderRecord { settings: settings.clone(), dependencies });
        }
        self.settings.insert(name, settings);
    }

    /// Returns the arguments that a provider's settings give to all its resources.
    pub(super) fn shared(&self, mode: ResourceMode, provider: &ProviderName) -> Option<Object> {
        let shared = self
            .input
            .schemas
            .provider(&provider.name)?
            .shared
            .filter(|_| mode == ResourceMode::Managed)?;
        self.settings.get(provider).map(shared)
    }

    /// Returns the provider of a block. Without a `provider` block the defaults are used, where no
    /// setting is required.
    pub(super) fn provider_for(
        &mut self,
        node: NodeId,
        block: &ResourceBlock,
        described: &ResourceDescription,
    ) -> Option<ProviderName> {
        let name = self.graph.provider_of(self.input.schemas, node)?;
        let at = |message: String| {
            Diagnostic::error(message)
                .code(code::PROVIDER)
                .at(block.head.clone())
                .address(&block.name)
        };
        if name.name != described.provider {
            let help = format!("its provider is `{}`", described.provider);
            self.diagnostics.push(
                at(format!("`{}` cannot be made by the provider `{}`", block.name.kind, name.name))
                    .help(help),
            );
            return None;
        }
        if !self.used.contains(&name) {
            self.used.insert(name.clone());
        }
        if self.settings.contains_key(&name) {
            return Some(name);
        }
        if self.graph.modules.provider_block(&name).is_some() {
            // The errors of its block have been reported already.
            return None;
        }
        let defaults =
            self.input.schemas.provider(&name.name).map(|it| it.schema.conform(&Object::new()));
        match (&name.alias, defaults) {
            (None, Some(Ok(settings))) => {
                self.set_provider(None, name.clone(), settings);
                Some(name)
            }
            (None, None) => {
                self.diagnostics.push(at(format!("there is no provider `{name}`")));
                None
            }
            (alias, defaults) => {
                let missing =
                    defaults.and_then(Result::err).into_iter().flatten().map(|it| it.message);
                let diagnostic = at(format!("the provider `{name}` is not configured"))
                    .detail(missing.collect::<Vec<_>>().join("; "));
                let alias = alias
                    .as_ref()
                    .map(|it| format!(" with `alias = \"{it}\"`"))
                    .unwrap_or_default();
                self.diagnostics.push(
                    diagnostic.help(format!("add a block `provider \"{}\"`{alias}", name.name)),
                );
                None
            }
        }
    }
}

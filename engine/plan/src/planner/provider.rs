//! Settings of providers.

use ha_kind::{Described, Diagnostic, Key, Object, Value};
use ha_lang::ResourceBlock;
use ha_state::{ProviderName, ProviderRecord};

use super::Planner;
use crate::arguments::located;
use crate::expand::Expansion;
use crate::graph::{Node, provider_block, provider_of};

impl Planner<'_> {
    pub(super) fn provider(&mut self, name: &ProviderName) {
        let Some(block) = provider_block(self.input.configuration, name) else { return };
        let Some(described) = self.input.schemas.provider(&name.name) else {
            let known: Vec<&str> = self.input.schemas.providers().map(|(it, _)| &**it).collect();
            let diagnostic = Diagnostic::error(format!("there is no provider `{}`", name.name)).at(block.span.clone());
            self.diagnostics
                .push(diagnostic.closest(&name.name, known.iter().copied()).help(format!("there are {}", known.join(", "))));
            return;
        };
        let evaluated = self.world.within(&Key::None, &Expansion::Single, None, |environment| {
            block.body.evaluate(&described.schema.arguments, environment)
        });
        match evaluated.and_then(|it| {
            described.schema.conform(&it).map_err(|problems| located(problems, &block.body, None, block.span.clone()))
        }) {
            Ok(settings) => self.set(name, settings),
            Err(diagnostics) => self.diagnostics.extend(diagnostics),
        }
    }

    fn set(&mut self, name: &ProviderName, settings: Object) {
        if settings.values().all(Value::is_wholly_known) {
            let dependencies = self.graph.dependencies(&Node::Provider(name.clone()));
            self.providers.insert(name.clone(), ProviderRecord { settings: settings.clone(), dependencies });
        }
        self.settings.insert(name.clone(), settings);
    }

    /// The provider of a block. Without a block of its own it has its defaults, if they will do.
    pub(super) fn provider_for(&mut self, block: &ResourceBlock, described: &Described) -> Option<ProviderName> {
        let name = provider_of(self.input.configuration, self.input.schemas, &block.name)?;
        let at = |message: String| Diagnostic::error(message).at(block.head.clone()).of(&block.name);
        if name.name != described.provider {
            let help = format!("its provider is `{}`", described.provider);
            self.diagnostics.push(at(format!("`{}` cannot be made by the provider `{}`", block.name.kind, name.name)).help(help));
            return None;
        }
        self.used.insert(name.clone());
        if self.settings.contains_key(&name) {
            return Some(name);
        }
        if provider_block(self.input.configuration, &name).is_some() {
            // What is wrong with it has been told.
            return None;
        }
        let defaults = self.input.schemas.provider(&name.name).map(|it| it.schema.conform(&Object::new()));
        match (&name.alias, defaults) {
            (None, Some(Ok(settings))) => {
                self.set(&name, settings);
                Some(name)
            }
            (None, None) => {
                self.diagnostics.push(at(format!("there is no provider `{name}`")));
                None
            }
            (alias, defaults) => {
                let missing = defaults.and_then(Result::err).into_iter().flatten().map(|it| it.message);
                let diagnostic =
                    at(format!("the provider `{name}` is not configured")).detail(missing.collect::<Vec<_>>().join("; "));
                let alias = alias.as_ref().map(|it| format!(" with `alias = \"{it}\"`")).unwrap_or_default();
                self.diagnostics.push(diagnostic.help(format!("add a block `provider \"{}\"`{alias}", name.name)));
                None
            }
        }
    }
}

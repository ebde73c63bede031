//! `ha` blocks.

use ha_kind::{Name, Type, Value};
use indexmap::IndexMap;

use super::Compiler;
use crate::configuration::{Backend, RequiredProvider, Settings};
use crate::mistake;
use crate::syntax::{Block, Node};
use crate::types;

impl Compiler<'_> {
    pub(super) fn settings(&mut self, mut block: Block) {
        let span = self.span(&block);
        if self.labels(&mut block, []).is_none() {
            return;
        }
        let mut settings = match self.configuration.settings.take() {
            Some(settings) => settings,
            None => Settings { required_version: None, required_providers: IndexMap::new(), backend: None, span },
        };
        for argument in block.body.arguments {
            match &*argument.name.name {
                "required_version" => {
                    let span = self.resolver.span(argument.value.at);
                    settings.required_version = self.text(argument.value).map(|it| (it, span));
                }
                _ => self.unexpected(&argument.name, &["required_version"]),
            }
        }
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "required_providers" => self.required_providers(inner, &mut settings),
                "backend" => self.backend(inner, &mut settings),
                _ => self.no_blocks(vec![inner], &["required_providers", "backend"]),
            }
        }
        self.configuration.settings = Some(settings);
    }

    fn backend(&mut self, mut block: Block, settings: &mut Settings) {
        let span = self.span(&block);
        let Some([kind]) = self.labels(&mut block, ["KIND"]) else { return };
        if let Some(first) = &settings.backend {
            let problem = mistake::declared_twice("backend", &first.span, span);
            self.problem(problem);
            return;
        }
        let body = self.body(block.body, span.clone());
        settings.backend = Some(Backend { kind: kind.name, body, span });
    }

    fn required_providers(&mut self, mut block: Block, settings: &mut Settings) {
        if self.labels(&mut block, []).is_none() {
            return;
        }
        self.no_blocks(std::mem::take(&mut block.body.blocks), &[]);
        for argument in block.body.arguments {
            if let Some(required) = self.required_provider(argument.value) {
                settings.required_providers.insert(argument.name.name, required);
            }
        }
    }

    /// `{ source = "…", version = "…" }`, or a version alone.
    fn required_provider(&mut self, value: Node) -> Option<RequiredProvider> {
        let span = self.resolver.span(value.at);
        let value = types::constant(value, &Type::Any, &mut self.resolver)?;
        let attributes = match &value {
            Value::String(version) => {
                return Some(RequiredProvider { source: None, version: Some(version.to_string()), span });
            }
            it => it.as_object(),
        };
        let Some(attributes) = attributes else {
            self.problem(mistake::not_a_required_provider(span));
            return None;
        };
        let text = |name: &str| attributes.get(&Name::from(name)).and_then(Value::as_str).map(str::to_owned);
        Some(RequiredProvider { source: text("source"), version: text("version"), span })
    }
}

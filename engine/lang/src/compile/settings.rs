//! `ha` and `terraform` blocks.

use ha_diagnostics::SourceSpan;
use ha_value::{Name, Value};

use super::Compiler;
use super::module::{own_provider, provider_name};
use crate::body::BlockSchema;
use crate::configuration::{BackendBlock, EncryptionBlock, RequiredProvider, SettingsBlock};
use crate::diagnostics;
use crate::diagnostics::settings as mistakes;
use crate::source::FileFamily;
use crate::syntax::{BlockSyntax, SyntaxKind, SyntaxNode};
use crate::version;

impl Compiler<'_> {
    pub(super) fn settings(&mut self, mut block: BlockSyntax) {
        const KNOWN: BlockSchema = BlockSchema {
            arguments: &["required_version"],
            blocks: &["required_providers", "backend", "encryption"],
        };
        let span = self.span(&block);
        if self.labels(&mut block, []).is_none() {
            return;
        }
        if *block.kind.name != *self.family.settings() {
            let problem = mistakes::settings_of_other_family(
                self.family.settings(),
                self.resolver.span(block.kind.at),
            );
            self.problem(problem);
        }
        // Several blocks of settings are merged, as Terraform does.
        let mut settings = match self.configuration.settings.take() {
            Some(settings) => settings,
            None => SettingsBlock::new(span),
        };
        for argument in block.body.arguments {
            match &*argument.name.name {
                "required_version" => {
                    let span = self.resolver.span(argument.value.at);
                    if let Some(constraint) = self.text(argument.value) {
                        self.required_version(&constraint, &span);
                        settings.required_version = Some((constraint, span));
                    }
                }
                _ => self.unexpected(&argument.name, KNOWN),
            }
        }
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "required_providers" => self.required_providers(inner, &mut settings),
                "backend" => self.backend(inner, &mut settings),
                "cloud" => {
                    let problem = mistakes::no_cloud(self.family.settings(), self.span(&inner));
                    self.problem(problem);
                }
                "encryption" => self.encryption(inner, &mut settings),
                // `provider_meta` passes facts about a module to its provider, which none of the
                // providers of `ha` reads.
                "provider_meta" if self.family == FileFamily::Terraform => {}
                _ => self.no_blocks(vec![inner], KNOWN),
            }
        }
        self.configuration.settings = Some(settings);
    }

    fn required_version(&mut self, constraint: &str, span: &SourceSpan) {
        let version = match self.family {
            FileFamily::Ha => version::HA,
            FileFamily::Terraform => version::TERRAFORM,
        };
        let problem = match version::meets(version, constraint) {
            Ok(true) => return,
            Ok(false) => mistakes::other_version(self.family, version, constraint, span.clone()),
            Err(part) => mistakes::not_a_version_constraint(&part, span.clone()),
        };
        self.problem(problem);
    }

    fn backend(&mut self, mut block: BlockSyntax, settings: &mut SettingsBlock) {
        let span = self.span(&block);
        let Some([kind]) = self.labels(&mut block, ["KIND"]) else { return };
        if let Some(first) = &settings.backend {
            let problem = diagnostics::declared_twice("backend", &first.span, span);
            self.problem(problem);
            return;
        }
        let body = self.body(block.body, span.clone(), &BlockSchema::NESTED);
        let kind_span = self.resolver.span(kind.at);
        settings.backend = Some(BackendBlock { kind: kind.name, body, kind_span, span });
    }

    fn encryption(&mut self, mut block: BlockSyntax, settings: &mut SettingsBlock) {
        let span = self.span(&block);
        if self.labels(&mut block, []).is_none() {
            return;
        }
        if let Some(first) = &settings.encryption {
            let problem = diagnostics::declared_twice("encryption", &first.span, span);
            self.problem(problem);
            return;
        }
        let body = self.body(block.body, span.clone(), &BlockSchema::NESTED);
        settings.encryption = Some(EncryptionBlock { body, span });
    }

    fn required_providers(&mut self, mut block: BlockSyntax, settings: &mut SettingsBlock) {
        if self.labels(&mut block, []).is_none() {
            return;
        }
        self.no_blocks(std::mem::take(&mut block.body.blocks), BlockSchema::NONE);
        for argument in block.body.arguments {
            let name = own_provider(argument.name.name);
            if let Some(required) = self.required_provider(&name, argument.value) {
                settings.required_providers.insert(name, required);
            }
        }
    }

    /// `{ source = "…", version = "…", configuration_aliases = [aws.east] }`, or a version alone.
    fn required_provider(&mut self, name: &Name, value: SyntaxNode) -> Option<RequiredProvider> {
        let span = self.resolver.span(value.at);
        let mut required = RequiredProvider::new(span.clone());
        let entries = match value.kind {
            SyntaxKind::Object(entries) => entries,
            // A version alone is the notation of Terraform 0.12.
            kind => {
                if let SyntaxKind::Literal(Value::String(version)) = kind {
                    required.version = Some(version.to_string());
                    return Some(required);
                }
                self.problem(mistakes::not_a_required_provider(span));
                return None;
            }
        };
        for (key, value) in entries {
            match key.text() {
                Some("source") => required.source = self.text(value),
                Some("version") => required.version = self.text(value),
                Some("configuration_aliases") => required.aliases = self.aliases(name, value),
                given => {
                    let known = BlockSchema {
                        arguments: &["source", "version", "configuration_aliases"],
                        blocks: &[],
                    };
                    let problem = diagnostics::body::unexpected_argument(
                        given.unwrap_or_default(),
                        known,
                        self.resolver.span(key.at),
                    );
                    self.problem(problem);
                }
            }
        }
        Some(required)
    }

    /// `[aws.east, aws.west]`
    fn aliases(&mut self, name: &Name, value: SyntaxNode) -> Vec<Name> {
        let span = self.resolver.span(value.at);
        let SyntaxKind::Tuple(items) = value.kind else {
            self.problem(mistakes::not_a_list_of_aliases(name, span));
            return Vec::new();
        };
        let mut aliases = Vec::with_capacity(items.len());
        for item in items {
            let span = self.resolver.span(item.at);
            match provider_name(item) {
                Some((of, Some(alias))) if of == *name => aliases.push(alias),
                _ => self.problem(mistakes::not_a_list_of_aliases(name, span)),
            }
        }
        aliases
    }
}

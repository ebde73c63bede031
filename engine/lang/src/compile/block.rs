//! `resource`, `data` and `provider` blocks, and the bodies inside.

use ha_diagnostics::SourceSpan;
use ha_value::{Name, ResourceMode, slips};
use indexmap::map::Entry;

use super::Compiler;
use super::module::own_provider;
use crate::body::{self, BlockSchema, Body, DynamicBlock, NestedBlock};
use crate::compiled_expression::BlockName;
use crate::configuration::{Lifecycle, ProviderBlock, ResourceBlock};
use crate::diagnostics;
use crate::syntax::{self, ArgumentSyntax, BlockSyntax};

impl Compiler<'_> {
    /// Compiles a `resource` or `data` block; returns its name unless it is invalid or declared
    /// already. `check` is the block that a data source is nested in.
    pub(super) fn resource(
        &mut self,
        mode: ResourceMode,
        mut block: BlockSyntax,
        check: Option<&Name>,
    ) -> Option<BlockName> {
        let head = self.span(&block);
        let span = self.resolver.span(block.at);
        let [kind, name] = self.labels(&mut block, ["KIND", "NAME"])?;
        // This data source is part of Terraform and of no provider, so that no schema can explain
        // that it is missing.
        if mode == ResourceMode::Data && &*kind.name == "terraform_remote_state" {
            self.problem(diagnostics::no_remote_state(head));
            return None;
        }
        let kind_span = self.resolver.span(kind.at);
        let name = BlockName { mode, kind: kind.name, name: name.name };
        let (mut count, mut for_each, mut provider) = (None, None, None);
        let mut depends_on = Vec::new();
        let mut lifecycle: Option<(Lifecycle, SourceSpan)> = None;
        let mut rest = syntax::BodySyntax::default();
        // Meta-arguments are taken out of the body, which is later evaluated by the schema of the
        // resource type alone.
        for argument in block.body.arguments {
            match &*argument.name.name {
                "count" => count = Some(self.expression(argument.value)),
                "for_each" => for_each = Some(self.expression(argument.value)),
                "depends_on" => depends_on = self.references(argument.value),
                "provider" => provider = self.provider_name(argument.value),
                _ => rest.arguments.push(argument),
            }
        }
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "lifecycle" => match &lifecycle {
                    None => {
                        let place = self.span(&inner);
                        lifecycle = Some((self.lifecycle(mode, inner), place));
                    }
                    Some((_, first)) => {
                        let problem = diagnostics::body::one_block_only(
                            "lifecycle",
                            first,
                            self.span(&inner),
                        );
                        self.problem(problem);
                    }
                },
                // A provisioner runs commands that no plan can show. It is refused with an
                // explanation, as many configurations of Terraform have one.
                "provisioner" | "connection" => {
                    let problem =
                        diagnostics::body::no_provisioners(&inner.kind.name, self.span(&inner));
                    self.problem(problem);
                }
                _ => rest.blocks.push(inner),
            }
        }
        let lifecycle = lifecycle.map(|it| it.0).unwrap_or_default();
        self.one_way_to_repeat(
            count.as_ref(),
            for_each.as_ref(),
            lifecycle.enabled.as_ref(),
            &head,
        );
        // The assertions of the check refer to the data source without a key.
        if check.is_some()
            && let Some(many) = count.as_ref().or(for_each.as_ref())
        {
            self.problem(diagnostics::many_in_check(many.span().clone()).within(head.clone()));
        }
        let body = self.body(rest, head.clone(), &BlockSchema::RESOURCE);
        match self.configuration.blocks.entry(name.clone()) {
            Entry::Occupied(first) => {
                let problem =
                    diagnostics::declared_twice(&format!("`{name}`"), &first.get().head, head);
                self.problem(problem);
                None
            }
            Entry::Vacant(place) => {
                let (check, key) = (check.cloned(), name.clone());
                place.insert(ResourceBlock {
                    name,
                    body,
                    count,
                    for_each,
                    depends_on,
                    provider,
                    lifecycle,
                    check,
                    kind_span,
                    head,
                    span,
                });
                Some(key)
            }
        }
    }

    pub(super) fn provider(&mut self, mut block: BlockSyntax) {
        let span = self.span(&block);
        let Some([name]) = self.labels(&mut block, ["NAME"]) else { return };
        let name_span = self.resolver.span(name.at);
        let name = own_provider(name.name);
        let mut alias = None;
        let mut rest = syntax::BodySyntax { arguments: Vec::new(), blocks: block.body.blocks };
        for argument in block.body.arguments {
            match &*argument.name.name {
                "alias" => alias = self.text(argument.value).map(Name::from),
                // Terraform deprecates `version` since 0.13; otherwise it would be passed to
                // the provider.
                "version" => self.unexpected(&argument.name, BlockSchema::PROVIDER),
                _ => rest.arguments.push(argument),
            }
        }
        let body = self.body(rest, span.clone(), &BlockSchema::PROVIDER);
        // Settings of one provider differ in their alias. There are few of them, so that a search
        // is enough.
        let twin =
            self.configuration.providers.iter().find(|it| it.name == name && it.alias == alias);
        if let Some(first) = twin {
            let problem = diagnostics::provider_twice(&name, alias.as_deref(), &first.span, span);
            self.problem(problem);
            return;
        }
        self.configuration.providers.push(ProviderBlock { name, alias, body, name_span, span });
    }

    pub(super) fn body(
        &mut self,
        written: syntax::BodySyntax,
        span: SourceSpan,
        meta: &'static BlockSchema,
    ) -> Body {
        let arguments = written.arguments.into_iter().map(|ArgumentSyntax { name, value }| {
            body::CompiledArgument {
                name: name.name,
                at: self.resolver.within_file(name.at),
                value: self.resolver.expression(value),
            }
        });
        let arguments = arguments.collect();
        let blocks = written.blocks.into_iter().filter_map(|it| self.nested(it)).collect();
        Body { arguments, blocks, span, meta }
    }

    fn nested(&mut self, mut block: BlockSyntax) -> Option<NestedBlock> {
        if &*block.kind.name == "dynamic" {
            return self.dynamic(block);
        }
        // Nested blocks have no labels, so that a label shows that `dynamic` is meant.
        if !block.labels.is_empty() && slips(&block.kind.name, "dynamic").is_some() {
            let span = self.resolver.span(block.kind.at);
            self.problem(diagnostics::body::dynamic_misspelt(&block.kind.name, span));
            return None;
        }
        self.labels(&mut block, [])?;
        let head = self.span(&block);
        Some(NestedBlock {
            name: block.kind.name,
            at: self.resolver.within_file(block.kind.at),
            content: self.body(block.body, head, &BlockSchema::NESTED),
            dynamic: None,
        })
    }

    fn dynamic(&mut self, mut block: BlockSyntax) -> Option<NestedBlock> {
        const KNOWN: BlockSchema =
            BlockSchema { arguments: &["for_each", "iterator"], blocks: &["content"] };
        let head = self.span(&block);
        let [name] = self.labels(&mut block, ["BLOCK"])?;
        // These blocks are read before expressions have values, so that they cannot be generated.
        if matches!(&*name.name, "lifecycle" | "provisioner" | "connection") {
            let span = self.resolver.span(name.at);
            self.problem(diagnostics::body::dynamic_of_meta(&name.name, span));
            return None;
        }
        let before = self.resolver.problems.len();
        let mut for_each = None;
        let mut iterator = name.name.clone();
        for argument in block.body.arguments {
            match &*argument.name.name {
                "for_each" => for_each = Some(self.expression(argument.value)),
                "iterator" => match argument.value.keyword() {
                    Some(name) => iterator = name.clone(),
                    None => {
                        // The content uses the name without quotes, so that the name is bound for it
                        // and the mistake is reported only once.
                        iterator = argument.value.text().map_or(iterator, Name::from);
                        let problem = diagnostics::body::iterator_is_no_name(
                            self.resolver.span(argument.value.at),
                        );
                        self.problem(problem);
                    }
                },
                _ => self.unexpected(&argument.name, KNOWN),
            }
        }
        let (contents, others): (Vec<BlockSyntax>, Vec<BlockSyntax>) =
            block.body.blocks.into_iter().partition(|it| &*it.kind.name == "content");
        self.no_blocks(others, KNOWN);
        let Some(for_each) = for_each else {
            self.missing("for_each", before, &head);
            return None;
        };
        let content = match <[BlockSyntax; 1]>::try_from(contents) {
            Ok([content]) => content,
            Err(_) => {
                self.problem(diagnostics::body::one_content(head));
                return None;
            }
        };
        // The iterator is bound in the content alone: `for_each` is resolved before, and cannot
        // refer to it.
        self.resolver.bind(iterator);
        let inner = self.span(&content);
        let content = self.body(content.body, inner, &BlockSchema::NESTED);
        self.resolver.unbind();
        Some(NestedBlock {
            name: name.name,
            at: self.resolver.within_file(name.at),
            content,
            dynamic: Some(DynamicBlock { for_each }),
        })
    }
}

//! `module` blocks.

use std::sync::Arc;

use ha_diagnostics::SourceSpan;
use ha_value::{Name, Value, slips};
use indexmap::map::Entry;

use super::{Compiler, ModuleSource};
use crate::body::BlockSchema;
use crate::compiled_expression::Expression;
use crate::configuration::{Configuration, IndexMap, ModuleCall, PassedProvider};
use crate::diagnostics;
use crate::diagnostics::module as mistakes;
use crate::providers;
use crate::syntax::{ArgumentSyntax, BlockSyntax, SyntaxKind, SyntaxNode};

impl Compiler<'_> {
    pub(super) fn module(&mut self, mut block: BlockSyntax) {
        let head = self.span(&block);
        let span = self.resolver.span(block.at);
        let Some([name]) = self.labels(&mut block, ["NAME"]) else { return };
        let name = name.name;
        let mut call = ModuleCall {
            name: name.clone(),
            source: "".into(),
            configuration: Arc::new(Configuration::default()),
            arguments: IndexMap::default(),
            argument_names: Vec::new(),
            count: None,
            for_each: None,
            enabled: None,
            depends_on: Vec::new(),
            providers: Vec::new(),
            head: head.clone(),
            span,
        };
        let mut source = None;
        for argument in block.body.arguments {
            match &*argument.name.name {
                "source" => source = Some(self.expression(argument.value)),
                // Only modules of a registry have versions.
                "version" => {
                    let problem = mistakes::version(self.resolver.span(argument.name.at));
                    self.problem(problem);
                }
                "count" => call.count = Some(self.expression(argument.value)),
                "for_each" => call.for_each = Some(self.expression(argument.value)),
                "depends_on" => call.depends_on = self.references(argument.value),
                "providers" => call.providers = self.passed_providers(argument.value),
                _ => {
                    let value = self.expression(argument.value);
                    call.arguments.insert(argument.name.name, value);
                    call.argument_names.push(self.resolver.span(argument.name.at));
                }
            }
        }
        let mut lifecycle = None;
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "lifecycle" => match &lifecycle {
                    None => {
                        lifecycle = Some(self.span(&inner));
                        call.enabled = self.enabled(inner);
                    }
                    Some(first) => {
                        let problem = diagnostics::body::one_block_only(
                            "lifecycle",
                            first,
                            self.span(&inner),
                        );
                        self.problem(problem);
                    }
                },
                _ => self.no_blocks(
                    vec![inner],
                    BlockSchema { arguments: &mistakes::META, blocks: &["lifecycle"] },
                ),
            }
        }
        self.one_way_to_repeat(
            call.count.as_ref(),
            call.for_each.as_ref(),
            call.enabled.as_ref(),
            &head,
        );
        // A misspelt `source` is an input of the module as far as can be known; without the module
        // no other check would find it.
        let Some(source) = source else {
            let misspelt = call
                .arguments
                .keys()
                .zip(&call.argument_names)
                .find(|(name, _)| slips(name, "source").is_some());
            if let Some((name, span)) = misspelt {
                let problem = mistakes::source_misspelt(name, span.clone());
                return self.problem(problem.within(head));
            }
            self.problem(
                diagnostics::body::missing_argument("source", head)
                    .help("for example `source = \"./modules/network\"`"),
            );
            return;
        };
        match self.configuration.modules.entry(name.clone()) {
            Entry::Occupied(first) => {
                let problem = diagnostics::declared_twice(
                    &format!("module `{name}`"),
                    &first.get().head,
                    head,
                );
                self.problem(problem);
            }
            Entry::Vacant(place) => {
                // The source is evaluated by the loader, which knows the values of variables.
                self.sources.push(ModuleSource { module: name, expression: source });
                place.insert(call);
            }
        }
    }

    /// Reports a block with more than one of `count`, `for_each` and `enabled`.
    pub(super) fn one_way_to_repeat(
        &mut self,
        count: Option<&Expression>,
        for_each: Option<&Expression>,
        enabled: Option<&Expression>,
        head: &SourceSpan,
    ) {
        if let (Some(_), Some(each)) = (count, for_each) {
            self.problem(diagnostics::count_and_for_each(each.span().clone()).within(head.clone()));
        }
        if let (Some(enabled), true) = (enabled, count.is_some() || for_each.is_some()) {
            self.problem(
                diagnostics::enabled_and_many(enabled.span().clone()).within(head.clone()),
            );
        }
    }

    /// The `lifecycle` block of a module, whose one argument is `enabled`.
    fn enabled(&mut self, mut block: BlockSyntax) -> Option<Expression> {
        const KNOWN: BlockSchema = BlockSchema { arguments: &["enabled"], blocks: &[] };
        self.labels(&mut block, [])?;
        self.no_blocks(block.body.blocks, KNOWN);
        let mut enabled = None;
        for ArgumentSyntax { name, value } in block.body.arguments {
            match &*name.name {
                "enabled" => enabled = Some(self.expression(value)),
                _ => self.unexpected(&name, KNOWN),
            }
        }
        enabled
    }

    /// `{ aws = aws.west, aws.east = aws }`
    fn passed_providers(&mut self, value: SyntaxNode) -> Vec<PassedProvider> {
        let span = self.resolver.span(value.at);
        let SyntaxKind::Object(entries) = value.kind else {
            self.problem(mistakes::providers_are_no_object(span));
            return Vec::new();
        };
        let mut handed: Vec<PassedProvider> = Vec::with_capacity(entries.len());
        for (inside, outside) in entries {
            let span = self.resolver.span(inside.at.to(outside.at));
            let (Some(inside), Some(outside)) =
                (self.provider_name(inside), self.provider_name(outside))
            else {
                continue;
            };
            if handed.iter().any(|it| it.inside == inside) {
                self.problem(mistakes::handed_in_twice(&inside, span));
                continue;
            }
            handed.push(PassedProvider { inside, outside, span });
        }
        handed
    }

    /// `aws`, `aws.east`, or either in quotes.
    pub(super) fn provider_name(&mut self, value: SyntaxNode) -> Option<(Name, Option<Name>)> {
        let span = self.resolver.span(value.at);
        let name = provider_name(value);
        if name.is_none() {
            self.problem(diagnostics::not_a_provider(span));
        }
        name
    }
}

/// The name of a provider in `ha`: Terraform's built-in provider has another one.
pub(super) fn own_provider(name: Name) -> Name {
    if &*name == providers::BUILT_IN { providers::OWN.into() } else { name }
}

pub(super) fn provider_name(value: SyntaxNode) -> Option<(Name, Option<Name>)> {
    let (name, alias) = written_provider(value)?;
    Some((own_provider(name), alias))
}

fn written_provider(value: SyntaxNode) -> Option<(Name, Option<Name>)> {
    match value.kind {
        SyntaxKind::Root(name) => Some((name, None)),
        SyntaxKind::Attribute(of, alias) => match of.kind {
            SyntaxKind::Root(name) => Some((name, Some(alias.name))),
            _ => None,
        },
        SyntaxKind::Literal(Value::String(text)) => Some(match text.split_once('.') {
            Some((name, alias)) => (name.into(), Some(alias.into())),
            None => (text, None),
        }),
        _ => None,
    }
}

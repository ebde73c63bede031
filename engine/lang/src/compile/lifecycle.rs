//! `lifecycle` blocks.

use ha_diagnostics::SourceSpan;
use ha_value::{Path, ResourceMode, Value};

use super::Compiler;
use crate::body::BlockSchema;
use crate::compiled_expression::ReferenceTarget;
use crate::configuration::{IgnoreChanges, Lifecycle, ReplaceTrigger};
use crate::diagnostics;
use crate::syntax::{BlockSyntax, SyntaxKind, SyntaxNode};

const CONDITIONS: &[&str] = &["precondition", "postcondition"];
const OF_RESOURCE: BlockSchema = BlockSchema {
    arguments: &[
        "create_before_destroy",
        "prevent_destroy",
        "ignore_changes",
        "replace_triggered_by",
        "enabled",
    ],
    blocks: CONDITIONS,
};
const OF_DATA: BlockSchema = BlockSchema { arguments: &["enabled"], blocks: CONDITIONS };

impl Compiler<'_> {
    pub(super) fn lifecycle(&mut self, mode: ResourceMode, mut block: BlockSyntax) -> Lifecycle {
        let mut lifecycle = Lifecycle::default();
        let labels = self.labels(&mut block, []);
        if labels.is_none() {
            return lifecycle;
        }
        for argument in block.body.arguments {
            match (&*argument.name.name, mode) {
                ("enabled", _) => lifecycle.enabled = Some(self.expression(argument.value)),
                ("create_before_destroy", ResourceMode::Managed) => {
                    lifecycle.create_before_destroy = Some(self.expression(argument.value));
                }
                ("prevent_destroy", ResourceMode::Managed) => {
                    lifecycle.prevent_destroy = Some(self.expression(argument.value))
                }
                ("ignore_changes", ResourceMode::Managed) => {
                    lifecycle.ignore_changes = self.ignore_changes(argument.value)
                }
                ("replace_triggered_by", ResourceMode::Managed) => {
                    lifecycle.replace_triggered_by = self.triggers(argument.value);
                }
                (_, ResourceMode::Managed) => self.unexpected(&argument.name, OF_RESOURCE),
                // A data source is only read, so that most arguments of `lifecycle` have no meaning
                // for it.
                (_, ResourceMode::Data) => self.unexpected(&argument.name, OF_DATA),
            }
        }
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "precondition" => lifecycle.preconditions.extend(self.condition(inner)),
                "postcondition" => lifecycle.postconditions.extend(self.condition(inner)),
                _ => {
                    let known = if mode == ResourceMode::Data { OF_DATA } else { OF_RESOURCE };
                    self.no_blocks(vec![inner], known);
                }
            }
        }
        lifecycle
    }

    fn triggers(&mut self, value: SyntaxNode) -> Vec<ReplaceTrigger> {
        let mut triggers = Vec::new();
        for item in self.items(value) {
            let span = self.resolver.span(item.at);
            let Some((reference, key)) = self.resolver.keyed_reference(item) else { continue };
            match reference.target {
                ReferenceTarget::Block(_) | ReferenceTarget::Module(_) => {
                    triggers.push(ReplaceTrigger { reference, key })
                }
                _ => self.problem(diagnostics::not_a_trigger(&reference, span)),
            }
        }
        triggers
    }

    fn ignore_changes(&mut self, value: SyntaxNode) -> Option<IgnoreChanges> {
        let span = self.resolver.span(value.at);
        match value.kind {
            SyntaxKind::Root(name) if &*name == "all" => Some(IgnoreChanges::All),
            SyntaxKind::Tuple(items) => {
                let mut paths = Vec::with_capacity(items.len());
                for item in items {
                    let span = self.resolver.span(item.at);
                    match path(&item) {
                        Some(path) => paths.push((path, span)),
                        None => self.problem(diagnostics::not_a_path(span)),
                    }
                }
                Some(IgnoreChanges::Paths(paths))
            }
            _ => {
                self.report_no_list(span);
                None
            }
        }
    }

    fn report_no_list(&mut self, span: SourceSpan) {
        self.problem(diagnostics::ignores_no_list(span));
    }
}

/// The path of an entry of `ignore_changes`: `tags`, `tags["Name"]`, `rule[0].port`.
fn path(written: &SyntaxNode) -> Option<Path> {
    match &written.kind {
        SyntaxKind::Root(name) => Some(Path::attribute(name.clone())),
        SyntaxKind::Literal(Value::String(name)) => Some(Path::attribute(name.clone())),
        SyntaxKind::Attribute(of, word) => Some(path(of)?.name(word.name.clone())),
        SyntaxKind::Index(of, key) => match &key.kind {
            SyntaxKind::Literal(Value::String(name)) => Some(path(of)?.name(name.clone())),
            SyntaxKind::Literal(Value::Number(index)) => {
                Some(path(of)?.index(usize::try_from(index.as_i64()?).ok()?))
            }
            _ => None,
        },
        _ => None,
    }
}

//! `lifecycle` blocks.

use ha_diagnostics::Span;
use ha_value::{Mode, Path, Value};

use super::Compiler;
use crate::body::Names;
use crate::compiled_expression::Target;
use crate::configuration::{IgnoreChanges, Lifecycle, Trigger};
use crate::diagnostics;
use crate::syntax::{Block, Kind, Node};

const CONDITIONS: &[&str] = &["precondition", "postcondition"];
const OF_RESOURCE: Names = Names {
    arguments: &["create_before_destroy", "prevent_destroy", "ignore_changes", "replace_triggered_by", "enabled"],
    blocks: CONDITIONS,
};
const OF_DATA: Names = Names { arguments: &["enabled"], blocks: CONDITIONS };

impl Compiler<'_> {
    pub(super) fn lifecycle(&mut self, mode: Mode, mut block: Block) -> Lifecycle {
        let mut lifecycle = Lifecycle::default();
        let labels = self.labels(&mut block, []);
        if labels.is_none() {
            return lifecycle;
        }
        for argument in block.body.arguments {
            match (&*argument.name.name, mode) {
                ("enabled", _) => lifecycle.enabled = Some(self.expression(argument.value)),
                ("create_before_destroy", Mode::Managed) => {
                    lifecycle.create_before_destroy = Some(self.expression(argument.value));
                }
                ("prevent_destroy", Mode::Managed) => lifecycle.prevent_destroy = Some(self.expression(argument.value)),
                ("ignore_changes", Mode::Managed) => lifecycle.ignore_changes = self.ignore_changes(argument.value),
                ("replace_triggered_by", Mode::Managed) => {
                    lifecycle.replace_triggered_by = self.triggers(argument.value);
                }
                (_, Mode::Managed) => self.unexpected(&argument.name, OF_RESOURCE),
                (_, Mode::Data) => self.unexpected(&argument.name, OF_DATA),
            }
        }
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "precondition" => lifecycle.preconditions.extend(self.condition(inner)),
                "postcondition" => lifecycle.postconditions.extend(self.condition(inner)),
                _ => {
                    let known = if mode == Mode::Data { OF_DATA } else { OF_RESOURCE };
                    self.no_blocks(vec![inner], known);
                }
            }
        }
        lifecycle
    }

    fn triggers(&mut self, value: Node) -> Vec<Trigger> {
        let mut triggers = Vec::new();
        for item in self.items(value) {
            let span = self.resolver.span(item.at);
            let Some((reference, key)) = self.resolver.keyed_reference(item) else { continue };
            match reference.target {
                Target::Block(_) | Target::Module(_) => triggers.push(Trigger { reference, key }),
                _ => self.problem(diagnostics::not_a_trigger(&reference, span)),
            }
        }
        triggers
    }

    fn ignore_changes(&mut self, value: Node) -> Option<IgnoreChanges> {
        let span = self.resolver.span(value.at);
        match value.kind {
            Kind::Root(name) if &*name == "all" => Some(IgnoreChanges::All),
            Kind::Tuple(items) => {
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
                self.not_a_list(span);
                None
            }
        }
    }

    fn not_a_list(&mut self, span: Span) {
        self.problem(diagnostics::ignores_no_list(span));
    }
}

/// A place in the block's own arguments: `tags`, `tags["Name"]`, `rule[0].port`.
fn path(written: &Node) -> Option<Path> {
    match &written.kind {
        Kind::Root(name) => Some(Path::attribute(name.clone())),
        Kind::Literal(Value::String(name)) => Some(Path::attribute(name.clone())),
        Kind::Attribute(of, word) => Some(path(of)?.name(word.name.clone())),
        Kind::Index(of, key) => match &key.kind {
            Kind::Literal(Value::String(name)) => Some(path(of)?.name(name.clone())),
            Kind::Literal(Value::Number(index)) => Some(path(of)?.index(usize::try_from(index.as_i64()?).ok()?)),
            _ => None,
        },
        _ => None,
    }
}

//! `check` blocks.

use ha_value::ResourceMode;
use indexmap::map::Entry;

use super::Compiler;
use crate::body::BlockSchema;
use crate::configuration::CheckBlock;
use crate::diagnostics;
use crate::syntax::BlockSyntax;

impl Compiler<'_> {
    pub(super) fn check(&mut self, mut block: BlockSyntax) {
        const KNOWN: BlockSchema = BlockSchema { arguments: &[], blocks: &["assert", "data"] };
        let span = self.span(&block);
        let Some([name]) = self.labels(&mut block, ["NAME"]) else { return };
        let name = name.name;
        for argument in &block.body.arguments {
            self.unexpected(&argument.name, KNOWN);
        }
        let mut check = CheckBlock {
            name: name.clone(),
            data: None,
            assertions: Vec::new(),
            span: span.clone(),
        };
        let mut asserted = false;
        let mut inside: Option<BlockSyntax> = None;
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "assert" => {
                    asserted = true;
                    check.assertions.extend(self.condition(inner));
                }
                "data" => match &inside {
                    None => inside = Some(inner),
                    Some(first) => {
                        let problem = diagnostics::body::one_block_only(
                            "data",
                            &self.span(first),
                            self.span(&inner),
                        );
                        self.problem(problem);
                    }
                },
                _ => self.no_blocks(vec![inner], KNOWN),
            }
        }
        if !asserted {
            self.problem(diagnostics::check_without_assertion(&name, span.clone()));
        }
        match self.configuration.checks.entry(name.clone()) {
            Entry::Occupied(first) => {
                let problem = diagnostics::declared_twice(
                    &format!("check `{name}`"),
                    &first.get().span,
                    span,
                );
                self.problem(problem);
            }
            Entry::Vacant(place) => {
                place.insert(check);
                if let Some(data) = inside {
                    let data = self.resource(ResourceMode::Data, data, Some(&name));
                    self.configuration.checks[&name].data = data;
                }
            }
        }
    }
}

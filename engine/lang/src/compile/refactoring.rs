//! `moved`, `removed` and `import` blocks: changes to the records of existing objects.

use std::collections::HashMap;

use ha_value::{InstanceKey, ResourceMode, TargetAddress};

use super::Compiler;
use crate::body::BlockSchema;
use crate::configuration::{ImportBlock, MovedBlock, RemovedBlock};
use crate::diagnostics;
use crate::diagnostics::place as mistakes;
use crate::syntax::{ArgumentSyntax, BlockSyntax};

impl Compiler<'_> {
    pub(super) fn moved(&mut self, mut block: BlockSyntax) {
        const KNOWN: BlockSchema = BlockSchema { arguments: &["from", "to"], blocks: &[] };
        let span = self.span(&block);
        if self.labels(&mut block, []).is_none() {
            return;
        }
        self.no_blocks(block.body.blocks, KNOWN);
        let before = self.resolver.problems.len();
        let (mut from, mut to) = (None, None);
        for ArgumentSyntax { name, value } in block.body.arguments {
            match &*name.name {
                "from" => from = Some(self.place(value)),
                "to" => to = Some(self.place(value)),
                _ => self.unexpected(&name, KNOWN),
            }
        }
        for (name, given) in [("from", &from), ("to", &to)] {
            if given.is_none() {
                self.missing(name, before, &span);
            }
        }
        // The outer `None` is a missing argument and the inner one an invalid address; both are
        // reported.
        let (Some(Some(from)), Some(Some(to))) = (from, to) else { return };
        // A module has many objects and a block one kind of them, so that neither can become the
        // other.
        if from.block.is_some() != to.block.is_some() {
            self.problem(mistakes::module_and_block(&from, &to, span));
            return;
        }
        if let Some(data) = [&from, &to].into_iter().find(|it| is_data(it)) {
            self.problem(mistakes::data_do_not_move(data, span));
            return;
        }
        self.configuration.moved.push(MovedBlock { from, to, span });
    }

    pub(super) fn removed(&mut self, mut block: BlockSyntax) {
        const KNOWN: BlockSchema = BlockSchema { arguments: &["from"], blocks: &["lifecycle"] };
        let span = self.span(&block);
        if self.labels(&mut block, []).is_none() {
            return;
        }
        let before = self.resolver.problems.len();
        let mut from = None;
        for ArgumentSyntax { name, value } in block.body.arguments {
            match &*name.name {
                "from" => {
                    let written = self.resolver.span(value.at);
                    from = Some(self.place(value).map(|it| (it, written)));
                }
                _ => self.unexpected(&name, KNOWN),
            }
        }
        // As in Terraform, objects are destroyed unless `destroy = false` is written.
        let (mut destroy, mut first) = (true, None);
        for inner in block.body.blocks {
            match &*inner.kind.name {
                "lifecycle" => match &first {
                    None => {
                        first = Some(self.span(&inner));
                        destroy = self.whether_destroyed(inner);
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
                "provisioner" | "connection" => {
                    let problem =
                        diagnostics::body::no_provisioners(&inner.kind.name, self.span(&inner));
                    self.problem(problem);
                }
                _ => self.no_blocks(vec![inner], KNOWN),
            }
        }
        let (from, written) = match from {
            Some(Some(from)) => from,
            Some(None) => return,
            None => {
                return self.missing("from", before, &span);
            }
        };
        // All instances of a removed block are gone from the configuration, so that one alone
        // cannot be removed.
        if from.key != InstanceKey::None
            || from.module.iter().any(|(_, key)| *key != InstanceKey::None)
        {
            self.problem(mistakes::removed_has_keys(&from, written));
            return;
        }
        if is_data(&from) {
            self.problem(mistakes::data_are_not_removed(&from, written));
            return;
        }
        self.configuration.removed.push(RemovedBlock { from, destroy, span });
    }

    fn whether_destroyed(&mut self, mut block: BlockSyntax) -> bool {
        const KNOWN: BlockSchema = BlockSchema { arguments: &["destroy"], blocks: &[] };
        if self.labels(&mut block, []).is_none() {
            return true;
        }
        self.no_blocks(block.body.blocks, KNOWN);
        let mut destroy = true;
        for ArgumentSyntax { name, value } in block.body.arguments {
            match &*name.name {
                "destroy" => destroy = self.flag(value),
                _ => self.unexpected(&name, KNOWN),
            }
        }
        destroy
    }

    pub(super) fn import(&mut self, mut block: BlockSyntax) {
        const KNOWN: BlockSchema =
            BlockSchema { arguments: &["to", "id", "for_each", "provider"], blocks: &[] };
        let span = self.span(&block);
        if self.labels(&mut block, []).is_none() {
            return;
        }
        self.no_blocks(block.body.blocks, KNOWN);
        let before = self.resolver.problems.len();
        let (mut to, mut id, mut for_each, mut provider) = (None, None, None, None);
        for ArgumentSyntax { name, value } in block.body.arguments {
            match &*name.name {
                "to" => {
                    let written = self.resolver.span(value.at);
                    to = Some(self.target(value).map(|it| (it, written)));
                }
                "id" => id = Some(self.expression(value)),
                "for_each" => for_each = Some(self.expression(value)),
                "provider" => provider = self.provider_name(value),
                _ => self.unexpected(&name, KNOWN),
            }
        }
        if to.is_none() {
            self.missing("to", before, &span);
        }
        if id.is_none() {
            self.missing("id", before, &span);
        }
        let (Some(Some((to, written))), Some(id)) = (to, id) else { return };
        if to.block.mode == ResourceMode::Data {
            self.problem(mistakes::data_are_not_imported(&to.block, written));
            return;
        }
        let import = ImportBlock {
            module: to.module,
            block: to.block,
            key: to.key,
            id,
            for_each,
            provider,
            to: written,
            span,
        };
        self.configuration.imports.push(import);
    }
}

fn is_data(place: &TargetAddress) -> bool {
    matches!(place.block, Some((ResourceMode::Data, ..)))
}

/// Reports `moved` blocks that are wrong for every state: by themselves or with others of the module.
pub(super) fn moves(moved: &[MovedBlock], problems: &mut Vec<ha_diagnostics::Diagnostic>) {
    let mut by_from: HashMap<&TargetAddress, &MovedBlock> = HashMap::with_capacity(moved.len());
    let mut by_to: HashMap<&TargetAddress, &MovedBlock> = HashMap::with_capacity(moved.len());
    for it in moved {
        if it.from == it.to {
            problems.push(mistakes::moved_nowhere(it));
            continue;
        }
        match by_from.get(&it.from) {
            Some(first) if first.to == it.to => {}
            Some(first) => problems.push(mistakes::moved_to_two(first, it)),
            None => {
                by_from.insert(&it.from, it);
                if let Some(first) = by_to.insert(&it.to, it) {
                    problems.push(mistakes::two_moved_to_one(first, it));
                }
            }
        }
    }
    cycles(moved, &by_from, problems);
}

/// Reports cycles of `moved` blocks. Each address has at most one move away from it, so that a walk
/// from address to address meets at most one cycle, and no address needs a second walk: the search is
/// linear.
fn cycles(
    moved: &[MovedBlock],
    by_from: &HashMap<&TargetAddress, &MovedBlock>,
    problems: &mut Vec<ha_diagnostics::Diagnostic>,
) {
    let mut walked: HashMap<&TargetAddress, usize> = HashMap::with_capacity(moved.len());
    for (walk, start) in moved.iter().enumerate().filter(|(_, it)| it.from != it.to) {
        let mut path = Vec::new();
        let mut place = &start.from;
        while let Some(next) = by_from.get(place) {
            match walked.get(place) {
                Some(earlier) if *earlier == walk => {
                    let begin =
                        path.iter().position(|it: &&MovedBlock| it.from == *place).unwrap_or(0);
                    problems.push(mistakes::moved_in_a_circle(&path[begin..]));
                    break;
                }
                Some(_) => break,
                None => {
                    walked.insert(place, walk);
                    path.push(*next);
                    place = &next.to;
                }
            }
        }
    }
}

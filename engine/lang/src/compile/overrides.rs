//! Override files: what they say takes the place of what the primary files say, block by block.

use std::collections::HashSet;
use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_value::Name;
use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::SourceFile;
use crate::diagnostics::file as mistakes;
use crate::resolve::NameResolver;
use crate::syntax::{ArgumentSyntax, BlockSyntax, BodySyntax, SpanRelocator};

use super::files;

/// The content of all override files, by the block that it replaces parts of.
#[derive(Default)]
pub(super) struct Overrides {
    /// The files, each with the offset of its byte spans.
    bases: Vec<(u32, Arc<str>)>,
    /// The blocks by block type, labels and, for a provider, alias.
    blocks: IndexMap<OverrideKey, OverrideBlock>,
    locals: IndexMap<Name, (ArgumentSyntax, bool)>,
}

type OverrideKey = (Name, Vec<Name>);

struct OverrideBlock {
    /// The block; `None` once it is merged.
    block: Option<BlockSyntax>,
    there: bool,
}

impl Overrides {
    /// Parses override files. `begin` is an offset behind the byte spans of all primary files.
    pub(super) fn read(files: &[&SourceFile], begin: u32, problems: &mut Vec<Diagnostic>) -> Self {
        let mut overrides = Self::default();
        let mut base = begin;
        for file in files {
            let length = u32::try_from(file.text.len()).ok();
            let Some(next) = length.and_then(|it| base.checked_add(it)?.checked_add(1)) else {
                problems.push(crate::diagnostics::too_large(&file.name));
                continue;
            };
            let (mut body, unreadable) = files::body(file);
            body.place(&|at| at.plus(base));
            problems.extend(unreadable);
            overrides.bases.push((base, file.name.clone()));
            base = next;
            overrides.gather(body, problems);
        }
        overrides
    }

    /// The resolver for a primary file into which overrides are merged.
    pub(super) fn resolver(&self, file: &SourceFile) -> NameResolver {
        let first = std::iter::once((0, file.name.clone()));
        NameResolver::over(first.chain(self.bases.iter().cloned()).collect())
    }

    /// The resolver for blocks that come from override files alone.
    fn own_resolver(&self) -> Option<NameResolver> {
        (!self.bases.is_empty()).then(|| NameResolver::over(self.bases.clone()))
    }

    fn gather(&mut self, body: BodySyntax, problems: &mut Vec<Diagnostic>) {
        let Some(resolver) = self.own_resolver() else { return };
        for argument in body.arguments {
            problems.push(crate::diagnostics::body::argument_at_top(
                &argument.name.name,
                resolver.span(argument.name.at),
            ));
        }
        for block in body.blocks {
            match &*block.kind.name {
                "locals" => {
                    for argument in block.body.arguments {
                        // Of several overrides the last one wins: files are read in the order of
                        // their names.
                        self.locals.insert(argument.name.name.clone(), (argument, false));
                    }
                }
                "moved" | "removed" | "import" | "check" | "function" => {
                    problems.push(mistakes::not_overridden(
                        &block.kind.name,
                        resolver.span(block.head),
                    ));
                }
                _ => {
                    let depends_on =
                        block.body.arguments.iter().find(|it| &*it.name.name == "depends_on");
                    // Terraform refuses `depends_on` here: it would be unclear whether it adds to
                    // the dependencies or replaces them.
                    if let (Some(argument), "resource" | "data" | "module" | "output") =
                        (depends_on, &*block.kind.name)
                    {
                        problems
                            .push(mistakes::depends_on_overridden(resolver.span(argument.name.at)));
                        continue;
                    }
                    match self.blocks.entry(key(&block)) {
                        Entry::Occupied(mut over) => match &mut over.get_mut().block {
                            Some(first) => merge(first, block),
                            place => *place = Some(block),
                        },
                        Entry::Vacant(place) => {
                            place.insert(OverrideBlock { block: Some(block), there: false });
                        }
                    }
                }
            }
        }
    }

    /// Merges overrides into the blocks of a primary file.
    pub(super) fn apply(&mut self, body: &mut BodySyntax) {
        // Most directories have no override files, whose search would visit each block.
        if self.bases.is_empty() {
            return;
        }
        for block in &mut body.blocks {
            if &*block.kind.name == "locals" {
                for argument in &mut block.body.arguments {
                    if let Some((over, there)) = self.locals.get_mut(&argument.name.name)
                        // A second local value of the name is a mistake, which is reported as such
                        // when it is compiled.
                        && !std::mem::replace(there, true)
                    {
                        std::mem::swap(argument, over);
                    }
                }
                continue;
            }
            let Some(over) = self.blocks.get_mut(&key(block)) else { continue };
            match &*block.kind.name {
                // A module can have several of these blocks, which count together. The override
                // becomes a further one, so that its arguments are removed from all others.
                "ha" | "terraform" => {
                    if let Some(over) = &over.block {
                        remove_overridden(block, over);
                    }
                }
                _ => {
                    over.there = true;
                    if let Some(over) = over.block.take() {
                        merge(block, over);
                    }
                }
            }
        }
    }

    /// The blocks that were not merged and are valid by themselves. Reports those that override
    /// nothing.
    pub(super) fn unmerged(
        self,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<(BodySyntax, NameResolver)> {
        let resolver = self.own_resolver()?;
        let mut rest = BodySyntax::default();
        for (name, (argument, there)) in self.locals {
            if !there {
                problems.push(mistakes::nothing_to_override(
                    &format!("local value `{name}`"),
                    resolver.span(argument.name.at),
                ));
            }
        }
        for ((kind, labels), OverrideBlock { block, there }) in self.blocks {
            let Some(block) = block.filter(|_| !there) else { continue };
            let needs_another = match &*kind {
                "variable" | "output" | "module" | "resource" | "data" => true,
                "provider" => labels.len() > 1,
                // Settings need no other block. For unknown block types the compiler reports the mistake.
                _ => false,
            };
            if needs_another {
                let what = labels
                    .iter()
                    .fold(kind.to_string(), |what, label| format!("{what} \"{label}\""));
                problems.push(mistakes::nothing_to_override(
                    &format!("`{what}`"),
                    resolver.span(block.head),
                ));
            } else {
                rest.blocks.push(block);
            }
        }
        Some((rest, resolver))
    }
}

/// The key under which an override and the block that it is merged into are the same.
fn key(block: &BlockSyntax) -> OverrideKey {
    let mut labels: Vec<Name> = block.labels.iter().map(|it| it.name.clone()).collect();
    if &*block.kind.name == "provider" {
        let alias = block.body.arguments.iter().find(|it| &*it.name.name == "alias");
        labels.extend(alias.and_then(|it| it.value.text()).map(Name::from));
    }
    (block.kind.name.clone(), labels)
}

/// Merges an override into a block. An argument replaces the one of its name; nested blocks replace
/// all nested blocks of their name, except `lifecycle`, which is merged argument by argument.
fn merge(block: &mut BlockSyntax, over: BlockSyntax) {
    for argument in over.body.arguments {
        match block.body.arguments.iter_mut().find(|it| it.name.name == argument.name.name) {
            Some(place) => *place = argument,
            None => block.body.arguments.push(argument),
        }
    }
    let (deep, flat): (Vec<BlockSyntax>, Vec<BlockSyntax>) = over
        .body
        .blocks
        .into_iter()
        .partition(|it| matches!(&*it.kind.name, "lifecycle" | "required_providers"));
    for inner in deep {
        match block.body.blocks.iter_mut().find(|it| it.kind.name == inner.kind.name) {
            Some(place) => merge(place, inner),
            None => block.body.blocks.push(inner),
        }
    }
    // A `dynamic` block generates blocks of its label, so that it replaces and is replaced by
    // these.
    let replaced: HashSet<&Name> = flat.iter().map(generated_name).collect();
    block.body.blocks.retain(|it| !replaced.contains(generated_name(it)));
    block.body.blocks.extend(flat);
}

/// Removes the arguments and nested blocks that an override sets.
fn remove_overridden(block: &mut BlockSyntax, over: &BlockSyntax) {
    let given: HashSet<&Name> = over.body.arguments.iter().map(|it| &it.name.name).collect();
    block.body.arguments.retain(|it| !given.contains(&it.name.name));
    for inner in &over.body.blocks {
        match &*inner.kind.name {
            "required_providers" => {
                let own = block.body.blocks.iter_mut().filter(|it| it.kind.name == inner.kind.name);
                own.for_each(|it| remove_overridden(it, inner));
            }
            _ => block.body.blocks.retain(|it| it.kind.name != inner.kind.name),
        }
    }
}

/// The name of a nested block; for `dynamic` that of the blocks that it generates.
fn generated_name(block: &BlockSyntax) -> &Name {
    match (&*block.kind.name, block.labels.first()) {
        ("dynamic", Some(label)) => &label.name,
        _ => &block.kind.name,
    }
}

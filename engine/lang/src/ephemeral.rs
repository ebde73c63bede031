//! Ephemeral values: those of ephemeral variables and outputs, and everything that depends on them.
//! They are followed statically by reference, so that a mistake is found before any value is known.

use std::collections::{BTreeMap, HashMap, HashSet};

use ha_diagnostics::Diagnostic;
use ha_provider::SchemaField;
use ha_value::{Name, Path, PathStep, ResourceMode};

use crate::body::Body;
use crate::compiled_expression::{BlockName, Expression, Reference, ReferenceTarget};
use crate::configuration::{Configuration, ResourceBlock};
use crate::diagnostics;
use crate::providers::modules;

/// The ephemeral values of a module.
#[derive(Debug)]
pub(crate) struct EphemeralValues<'a> {
    configuration: &'a Configuration,
    locals: HashSet<&'a Name>,
    /// Whether the module has any ephemeral value. Most have none, and need no search then.
    any: bool,
}

impl<'a> EphemeralValues<'a> {
    /// Finds the ephemeral values of a module.
    pub(crate) fn new(configuration: &'a Configuration) -> Self {
        let outputs =
            configuration.modules.values().flat_map(|it| it.configuration.outputs.values());
        let any = configuration.variables.values().any(|it| it.ephemeral)
            || outputs.into_iter().any(|it| it.ephemeral);
        let mut ephemeral = Self { configuration, locals: HashSet::new(), any };
        if any {
            ephemeral.follow();
        }
        ephemeral
    }

    /// The first reference that makes the value of an expression ephemeral.
    pub(crate) fn reference<'e>(&self, expression: &'e Expression) -> Option<&'e Reference> {
        if !self.any {
            return None;
        }
        expression
            .references()
            .iter()
            .find(|it| self.is_ephemeral(it) && !expression.is_cleared(it))
    }

    /// The ephemeral arguments in a body and its nested blocks, each with the reference that is the
    /// reason. The paths have no indices of nested blocks.
    pub(crate) fn arguments<'e>(&self, body: &'e Body) -> Vec<(Path, &'e Reference)> {
        let mut found = Vec::new();
        if self.any {
            self.gather(body, &Path::root(), &mut found);
        }
        found
    }

    /// Diagnostics for the ephemeral arguments of a resource that are not write-only.
    fn stored_arguments(
        &self,
        block: &ResourceBlock,
        fields: &BTreeMap<Name, SchemaField>,
    ) -> Vec<Diagnostic> {
        let found = self
            .arguments(&block.body)
            .into_iter()
            .filter(|(path, _)| !is_write_only(path.steps(), fields));
        found
            .map(|(path, it)| {
                diagnostics::ephemeral::argument(&path.to_string(), it).within(block.head.clone())
            })
            .collect()
    }

    fn gather<'e>(&self, body: &'e Body, within: &Path, found: &mut Vec<(Path, &'e Reference)>) {
        for argument in &body.arguments {
            if let Some(reference) = self.reference(&argument.value) {
                found.push((within.clone().name(argument.name.clone()), reference));
            }
        }
        for block in &body.blocks {
            let path = within.clone().name(block.name.clone());
            // An ephemeral `for_each` decides how many blocks there are, so that the whole argument
            // is ephemeral, whatever is in its content.
            match block.dynamic.as_ref().and_then(|it| self.reference(&it.for_each)) {
                Some(reference) => found.push((path, reference)),
                None => self.gather(&block.content, &path, found),
            }
        }
    }

    fn is_ephemeral(&self, reference: &Reference) -> bool {
        match &reference.target {
            ReferenceTarget::Variable(name) => {
                self.configuration.variables.get(name).is_some_and(|it| it.ephemeral)
            }
            ReferenceTarget::Local(name) => self.locals.contains(name),
            ReferenceTarget::Module(name) => {
                self.configuration.modules.get(name).is_some_and(|call| {
                    let outputs = &call.configuration.outputs;
                    // A reference to the whole module, or one with a computed step, can read every
                    // output.
                    match reference.output(call) {
                        Some(output) => outputs.get(output).is_some_and(|it| it.ephemeral),
                        None => outputs.values().any(|it| it.ephemeral),
                    }
                })
            }
            _ => false,
        }
    }

    /// Finds the local values that depend on ephemeral values.
    fn follow(&mut self) {
        // Edges from a local value to those that read it. Following them from the ephemeral ones
        // visits each once, where repeated passes over all local values would be quadratic for a
        // long chain.
        let mut readers: HashMap<&Name, Vec<&'a Name>> = HashMap::new();
        for (name, local) in &self.configuration.locals {
            for reference in local.expression.references() {
                if let ReferenceTarget::Local(read) = &reference.target
                    && !local.expression.is_cleared(reference)
                {
                    readers.entry(read).or_default().push(name);
                }
            }
        }
        let own = self
            .configuration
            .locals
            .iter()
            .filter(|(_, it)| self.reference(&it.expression).is_some());
        let mut open: Vec<&'a Name> = own.map(|(name, _)| name).collect();
        while let Some(name) = open.pop() {
            if self.locals.insert(name) {
                open.extend(readers.get(name).into_iter().flatten());
            }
        }
    }
}

/// Diagnostics for the arguments of resources in a configuration and its modules that would store an
/// ephemeral value: only write-only arguments take one. `fields` gives the arguments of the resource
/// type of a block; unknown resource types are skipped, as they have a diagnostic already.
pub fn kept<'f>(
    configuration: &Configuration,
    fields: impl Fn(&BlockName) -> Option<&'f BTreeMap<Name, SchemaField>>,
) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for module in modules(configuration) {
        let ephemeral = EphemeralValues::new(module);
        if ephemeral.any {
            for block in module.blocks.values().filter(|it| it.name.mode == ResourceMode::Managed) {
                problems.extend(
                    fields(&block.name)
                        .into_iter()
                        .flat_map(|fields| ephemeral.stored_arguments(block, fields)),
                );
            }
        }
    }
    problems
}

/// Whether an argument, or a nested block around it, is write-only.
fn is_write_only(path: &[PathStep], fields: &BTreeMap<Name, SchemaField>) -> bool {
    let Some((PathStep::Name(name), rest)) = path.split_first() else { return false };
    let Some(field) = fields.get(name) else { return false };
    field.write_only || field.shape.block().is_some_and(|inner| is_write_only(rest, inner))
}

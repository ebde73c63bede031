//! Suggestions for references to undeclared targets.

use std::collections::HashSet;

use ha_value::ResourceMode;

use super::ReferenceContext;
use crate::compiled_expression::{BlockName, Expression, Reference, ReferenceTarget};
use crate::configuration::Configuration;
use crate::reference_words;

/// The declarations that can be suggested in a place.
#[derive(Clone, Copy)]
pub(super) struct SearchedConfiguration<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) place: ReferenceContext<'a>,
}

impl<'a> SearchedConfiguration<'a> {
    /// Whether a target can be suggested in the place: it is declared, can be referred to, and does not
    /// depend on the place itself.
    pub(super) fn can_be_suggested(self, target: &ReferenceTarget) -> bool {
        let configuration = self.configuration;
        let is_there = match target {
            ReferenceTarget::Variable(name) => configuration.variables.contains_key(name),
            ReferenceTarget::Local(name) => configuration.locals.contains_key(name),
            ReferenceTarget::Module(name) => configuration.modules.contains_key(name),
            ReferenceTarget::Block(name) => {
                let check = configuration.blocks.get(name).map(|it| it.check.as_ref());
                check.is_some_and(|it| it.is_none() || it == self.place.check)
            }
            ReferenceTarget::EachKey | ReferenceTarget::EachValue => self.place.each,
            ReferenceTarget::CountIndex => self.place.count,
            ReferenceTarget::SelfValue => self.place.self_value,
            ReferenceTarget::PathModule
            | ReferenceTarget::PathRoot
            | ReferenceTarget::PathCwd
            | ReferenceTarget::Workspace => true,
        };
        is_there && !self.depends_on_declaration(target)
    }

    /// Whether a target depends on the declaration that the place belongs to.
    fn depends_on_declaration(self, target: &ReferenceTarget) -> bool {
        let Some(declaration) = self.place.declaration else { return false };
        // Each target is visited once, so that cycles end and shared dependencies cost nothing.
        let mut seen: HashSet<&ReferenceTarget> = HashSet::from([target]);
        let mut open = vec![target];
        while let Some(next) = open.pop() {
            if next == declaration {
                return true;
            }
            open.extend(
                self.direct_references(next)
                    .into_iter()
                    .map(|it| &it.target)
                    .filter(|it| seen.insert(it)),
            );
        }
        false
    }

    /// The direct references of a target. Those of a module are in its arguments.
    fn direct_references(self, target: &ReferenceTarget) -> Vec<&'a Reference> {
        let configuration = self.configuration;
        let mut referred = Vec::new();
        match target {
            ReferenceTarget::Local(name) => {
                referred.extend(
                    configuration.locals.get(name).iter().flat_map(|it| it.expression.references()),
                );
            }
            ReferenceTarget::Block(name) => {
                if let Some(block) = configuration.blocks.get(name) {
                    referred.extend(block.body.references());
                    referred.extend(
                        block.count.iter().chain(&block.for_each).flat_map(Expression::references),
                    );
                    referred.extend(&block.depends_on);
                }
            }
            ReferenceTarget::Module(name) => {
                if let Some(call) = configuration.modules.get(name) {
                    let given = call.arguments.values().chain(&call.count).chain(&call.for_each);
                    referred.extend(given.flat_map(Expression::references));
                    referred.extend(&call.depends_on);
                }
            }
            _ => {}
        }
        referred
    }

    /// The suggestion for a wrong root before a declared name, such as `locals.a` or `vra.a`.
    pub(super) fn with_other_root(self, name: &BlockName) -> Option<String> {
        let BlockName { mode, kind, name } = name;
        if *mode == ResourceMode::Data {
            return None;
        }
        let of =
            |root: &str| reference_words::target(root, name).filter(|it| self.can_be_suggested(it));
        let roots = ["each", "count", "path", "var", "local", "module"];
        // `ecah.key`, `vra.a`
        if let Some(root) = ha_value::closest(kind, roots.into_iter().filter(|it| of(it).is_some()))
        {
            return of(&root).map(|it| it.to_string());
        }
        let root = match &*kind.to_lowercase() {
            "var" | "vars" | "variable" | "variables" | "input" | "inputs" => "var",
            "local" | "locals" => "local",
            "module" | "modules" => "module",
            "resources"
                if self
                    .configuration
                    .blocks
                    .keys()
                    .any(|it| it.kind == *name && it.mode == ResourceMode::Managed) =>
            {
                return Some(name.to_string());
            }
            _ => return None,
        };
        of(root).map(|it| it.to_string())
    }
}

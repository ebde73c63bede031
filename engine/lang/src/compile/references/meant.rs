//! Which of the things that are declared can be meant in a place where something else is named.

use std::collections::HashSet;

use ha_value::{Name, ResourceMode};

use super::ReferenceContext;
use crate::compiled_expression::{BlockName, Expression, Reference, ReferenceTarget};
use crate::configuration::Configuration;

/// A configuration that is searched for what is meant in a place.
#[derive(Clone, Copy)]
pub(super) struct SearchedConfiguration<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) place: ReferenceContext<'a>,
}

impl<'a> SearchedConfiguration<'a> {
    /// Whether something can stand in the place: it is declared, may be referred to, and does not
    /// lead back to the place.
    pub(super) fn may_be(self, target: &ReferenceTarget) -> bool {
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
            ReferenceTarget::SelfValue => self.place.own,
            ReferenceTarget::PathModule
            | ReferenceTarget::PathRoot
            | ReferenceTarget::PathCwd
            | ReferenceTarget::Workspace => true,
        };
        is_there && !self.leads_back(target)
    }

    /// Whether something is, or refers by others to, what the place belongs to.
    fn leads_back(self, target: &ReferenceTarget) -> bool {
        let Some(itself) = self.place.itself else { return false };
        let mut seen: HashSet<&ReferenceTarget> = HashSet::from([target]);
        let mut open = vec![target];
        while let Some(next) = open.pop() {
            if next == itself {
                return true;
            }
            open.extend(
                self.referred(next).into_iter().map(|it| &it.target).filter(|it| seen.insert(it)),
            );
        }
        false
    }

    /// What something refers to by itself. A module refers to what it is given.
    fn referred(self, target: &ReferenceTarget) -> Vec<&'a Reference> {
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

    /// What is meant where a word like `locals` stands in front of a name that is declared.
    pub(super) fn by_root(self, name: &BlockName) -> Option<String> {
        let BlockName { mode, kind, name } = name;
        if *mode == ResourceMode::Data {
            return None;
        }
        let of = |root: &str| target_of(root, name).filter(|it| self.may_be(it));
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

/// What a root and a name behind it stand for.
fn target_of(root: &str, name: &Name) -> Option<ReferenceTarget> {
    Some(match (root, &**name) {
        ("each", "key") => ReferenceTarget::EachKey,
        ("each", "value") => ReferenceTarget::EachValue,
        ("count", "index") => ReferenceTarget::CountIndex,
        ("path", "module") => ReferenceTarget::PathModule,
        ("path", "root") => ReferenceTarget::PathRoot,
        ("path", "cwd") => ReferenceTarget::PathCwd,
        ("var", _) => ReferenceTarget::Variable(name.clone()),
        ("local", _) => ReferenceTarget::Local(name.clone()),
        ("module", _) => ReferenceTarget::Module(name.clone()),
        _ => return None,
    })
}

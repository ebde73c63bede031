//! Checks that the targets of references are declared and can be referred to in their place.

mod meant;

use std::cell::Cell;
use std::collections::HashSet;

use ha_diagnostics::Diagnostic;
use ha_value::{InstanceKey, Name, ResourceMode, TargetAddress, slips};

use crate::compiled_expression::{BlockName, Expression, Reference, ReferenceTarget};
use crate::configuration::{Condition, Configuration, ImportBlock, ModuleCall, ResourceBlock};
use crate::diagnostics::reference as mistakes;
use crate::diagnostics::reference::Meant;
use crate::diagnostics::{module, place};
use meant::SearchedConfiguration;

/// What can be referred to in a place beyond the declarations of the module.
#[derive(Clone, Copy, Default)]
struct ReferenceContext<'a> {
    /// The declaration that the place belongs to, which is not suggested there.
    declaration: Option<&'a ReferenceTarget>,
    each: bool,
    count: bool,
    self_value: bool,
    /// The `check` block around the place.
    check: Option<&'a Name>,
}

/// Checks all references of a module whose called modules are loaded. References to the outputs of
/// `unsound` modules are not checked, as a missing output may be in a block with an error.
pub(crate) fn references(
    configuration: &Configuration,
    unsound: &HashSet<Name>,
    problems: &mut Vec<Diagnostic>,
) {
    let mut checker =
        ReferenceChecker { configuration, unsound, problems, suggested: Cell::new(0) };
    let nowhere = ReferenceContext::default();
    for variable in configuration.variables.values() {
        checker.conditions(&variable.validations, nowhere);
    }
    for local in configuration.locals.values() {
        let declaration = ReferenceTarget::Local(local.name.clone());
        checker.expression(
            &local.expression,
            ReferenceContext { declaration: Some(&declaration), ..nowhere },
        );
    }
    for output in configuration.outputs.values() {
        checker.expression(&output.value, nowhere);
        checker.all(&output.depends_on, nowhere);
        checker.conditions(&output.preconditions, nowhere);
    }
    for provider in &configuration.providers {
        checker.all(provider.body.references(), nowhere);
    }
    for call in configuration.modules.values() {
        checker.call(call);
    }
    for block in configuration.blocks.values() {
        checker.block(block);
    }
    for check in configuration.checks.values() {
        checker.conditions(
            &check.assertions,
            ReferenceContext { check: Some(&check.name), ..nowhere },
        );
    }
    for import in &configuration.imports {
        checker.import(import);
    }
    checker.refactored();
    super::providers::providers(configuration, unsound, checker.problems);
    super::ephemeral::ephemeral(configuration, unsound, checker.problems);
    if let Some(settings) = &configuration.settings {
        let (backend, encryption) = (settings.backend.as_ref(), settings.encryption.as_ref());
        for body in backend.map(|it| &it.body).into_iter().chain(encryption.map(|it| &it.body)) {
            checker.all(body.references(), nowhere);
        }
    }
}

struct ReferenceChecker<'a> {
    configuration: &'a Configuration,
    unsound: &'a HashSet<Name>,
    problems: &'a mut Vec<Diagnostic>,
    /// The number of searches for similar names so far.
    suggested: Cell<usize>,
}

/// The limit of searches for similar names. Each search compares all declared names, so that many
/// mistakes among many names would take quadratic time.
const SUGGESTIONS: usize = 50;

impl ReferenceChecker<'_> {
    fn block(&mut self, block: &ResourceBlock) {
        let before = self.problems.len();
        let declaration = ReferenceTarget::Block(block.name.clone());
        let nowhere = ReferenceContext {
            declaration: Some(&declaration),
            check: block.check.as_ref(),
            ..ReferenceContext::default()
        };
        let inside = ReferenceContext {
            each: block.for_each.is_some(),
            count: block.count.is_some(),
            ..nowhere
        };
        // `each` and `count` have no value in the expressions that decide how many instances there
        // are.
        for expression in block.count.iter().chain(&block.for_each).chain(&block.lifecycle.enabled)
        {
            self.expression(expression, nowhere);
        }
        self.all(&block.depends_on, nowhere);
        self.all(block.body.references(), inside);
        let lifecycle = &block.lifecycle;
        for expression in lifecycle.create_before_destroy.iter().chain(&lifecycle.prevent_destroy) {
            self.expression(expression, inside);
        }
        for trigger in &lifecycle.replace_triggered_by {
            self.all([&trigger.reference], inside);
            self.all(trigger.key.iter().flat_map(Expression::references), inside);
        }
        self.conditions(&lifecycle.preconditions, inside);
        // `self` is the new value of the instance, which only a postcondition can see.
        self.conditions(&lifecycle.postconditions, ReferenceContext { self_value: true, ..inside });
        for problem in &mut self.problems[before..] {
            problem.context.get_or_insert_with(|| block.head.clone());
        }
    }

    fn call(&mut self, call: &ModuleCall) {
        let before = self.problems.len();
        let declaration = ReferenceTarget::Module(call.name.clone());
        let nowhere =
            ReferenceContext { declaration: Some(&declaration), ..ReferenceContext::default() };
        let inside = ReferenceContext {
            each: call.for_each.is_some(),
            count: call.count.is_some(),
            ..nowhere
        };
        for expression in call.count.iter().chain(&call.for_each).chain(&call.enabled) {
            self.expression(expression, nowhere);
        }
        self.all(&call.depends_on, nowhere);
        for argument in call.arguments.values() {
            self.expression(argument, inside);
        }
        // A missing input is not reported if one with a wrong name was corrected to it: both have
        // one cause.
        if !self.unsound.contains(&call.name) {
            let variables = &call.configuration.variables;
            for (name, span) in call.arguments.keys().zip(&call.argument_names) {
                if !variables.contains_key(name) {
                    let known =
                        self.suggestible(variables.keys().map(|it| &**it).chain(module::META));
                    let problem = module::no_such_input(&call.name, name, span.clone(), known);
                    self.problems.push(problem);
                }
            }
            let meant: Vec<String> = self.problems[before..]
                .iter()
                .filter_map(|it| Some(it.suggestion.as_ref()?.text.clone()))
                .collect();
            let is_given = |name: &Name| {
                call.arguments.contains_key(name) || meant.iter().any(|it| **it == **name)
            };
            let missing =
                variables.values().filter(|it| it.default.is_none() && !is_given(&it.name));
            self.problems.extend(
                missing.map(|it| module::missing_input(&call.name, &it.name, call.head.clone())),
            );
        }
        for problem in &mut self.problems[before..] {
            problem.context.get_or_insert_with(|| call.head.clone());
        }
    }

    fn import(&mut self, import: &ImportBlock) {
        let nowhere = ReferenceContext::default();
        let inside = ReferenceContext { each: import.for_each.is_some(), ..nowhere };
        if let Some(expression) = &import.for_each {
            self.expression(expression, nowhere);
        }
        let keys = import.module.iter().filter_map(|(_, key)| key.as_ref()).chain(&import.key);
        for expression in keys.chain([&import.id]) {
            self.expression(expression, inside);
        }
        let calls = import.module.iter().map(|(name, _)| name);
        if let Some(None) = self.module_at(calls).map(|it| it.blocks.get(&import.block)) {
            let modules: String =
                import.module.iter().map(|(name, _)| format!("module.{name}.")).collect();
            self.problems.push(place::imports_into_nothing(
                &format!("{modules}{}", import.block),
                import.to.clone(),
            ));
        }
    }

    /// Reports `moved` and `removed` blocks whose object is still in the configuration.
    fn refactored(&mut self) {
        for moved in &self.configuration.moved {
            if self.is_alone(&moved.from) && moved.from != moved.to {
                self.problems.push(place::still_there("moved", &moved.from, moved.span.clone()));
            }
        }
        for removed in &self.configuration.removed {
            let calls = removed.from.module.iter().map(|(name, _)| name);
            let there = match (self.module_at(calls), &removed.from.block) {
                (Some(_), None) => true,
                (Some(module), Some((mode, kind, name))) => {
                    module.blocks.contains_key(&BlockName {
                        mode: *mode,
                        kind: kind.clone(),
                        name: name.clone(),
                    })
                }
                (None, _) => false,
            };
            if there {
                self.problems.push(place::still_there(
                    "removed",
                    &removed.from,
                    removed.span.clone(),
                ));
            }
        }
    }

    /// The module at the end of a chain of calls.
    fn module_at<'n>(&self, calls: impl IntoIterator<Item = &'n Name>) -> Option<&Configuration> {
        let mut module = self.configuration;
        for name in calls {
            module = &module.modules.get(name)?.configuration;
        }
        Some(module)
    }

    /// Whether an address names a block or module without `count`, `for_each` and `enabled`, so that
    /// the instance surely exists.
    fn is_alone(&self, place: &TargetAddress) -> bool {
        let mut module = self.configuration;
        for (name, key) in place.module.iter() {
            match module.modules.get(name) {
                Some(it)
                    if *key == InstanceKey::None
                        && it.count.is_none()
                        && it.for_each.is_none()
                        && it.enabled.is_none() =>
                {
                    module = &it.configuration;
                }
                _ => return false,
            }
        }
        let Some((mode, kind, name)) = &place.block else { return true };
        let block =
            module.blocks.get(&BlockName { mode: *mode, kind: kind.clone(), name: name.clone() });
        place.key == InstanceKey::None
            && block.is_some_and(|it| {
                it.count.is_none() && it.for_each.is_none() && it.lifecycle.enabled.is_none()
            })
    }

    fn conditions(&mut self, conditions: &[Condition], place: ReferenceContext<'_>) {
        for condition in conditions {
            self.expression(&condition.condition, place);
            self.expression(&condition.error_message, place);
        }
    }

    fn expression(&mut self, expression: &Expression, place: ReferenceContext<'_>) {
        self.all(expression.references(), place);
    }

    fn all<'r>(
        &mut self,
        references: impl IntoIterator<Item = &'r Reference>,
        place: ReferenceContext<'_>,
    ) {
        for reference in references {
            let problem = self.reference(reference, place);
            self.problems.extend(problem);
        }
    }

    fn reference(&self, reference: &Reference, place: ReferenceContext<'_>) -> Option<Diagnostic> {
        let span = || reference.span.clone();
        let configuration = self.configuration;
        match &reference.target {
            ReferenceTarget::Variable(name) if !configuration.variables.contains_key(name) => {
                // `var.a` for `local.a` is as common a mistake as a misspelt name.
                let twin = ReferenceTarget::Local(name.clone());
                let meant = self.meant(
                    name,
                    configuration.variables.keys(),
                    ReferenceTarget::Variable,
                    twin,
                    place,
                );
                Some(mistakes::not_declared("variable", name, reference, meant))
            }
            ReferenceTarget::Local(name) if !configuration.locals.contains_key(name) => {
                let twin = ReferenceTarget::Variable(name.clone());
                let meant = self.meant(
                    name,
                    configuration.locals.keys(),
                    ReferenceTarget::Local,
                    twin,
                    place,
                );
                Some(mistakes::not_declared("local value", name, reference, meant))
            }
            ReferenceTarget::Block(name) => {
                match configuration.blocks.get(name).map(|it| &it.check) {
                    None => Some(self.no_such_block(name, reference, place)),
                    Some(Some(check)) if place.check != Some(check) => {
                        Some(mistakes::of_another_check(name, check, span()))
                    }
                    Some(_) => None,
                }
            }
            ReferenceTarget::Module(name) => self.module(name, reference, place),
            ReferenceTarget::EachKey | ReferenceTarget::EachValue if !place.each => {
                Some(mistakes::no_each(&reference.target, span()))
            }
            ReferenceTarget::CountIndex if !place.count => Some(mistakes::no_count(span())),
            ReferenceTarget::SelfValue if !place.self_value => Some(mistakes::no_self(span())),
            _ => None,
        }
    }

    fn module(
        &self,
        name: &Name,
        reference: &Reference,
        place: ReferenceContext<'_>,
    ) -> Option<Diagnostic> {
        let Some(call) = self.configuration.modules.get(name) else {
            let twin = ReferenceTarget::Module(name.clone());
            let meant = self.meant(
                name,
                self.configuration.modules.keys(),
                ReferenceTarget::Module,
                twin,
                place,
            );
            return Some(mistakes::not_declared("module", name, reference, meant));
        };
        let outputs = &call.configuration.outputs;
        let output = reference.output(call).filter(|it| !outputs.contains_key(*it))?;
        // Within `try` a missing output is no mistake.
        if self.unsound.contains(name) || reference.tried {
            return None;
        }
        let known = self.suggestible(outputs.keys().map(|it| &**it));
        let is_first = reference.in_call(call).1.len() == reference.path.steps().len();
        let span = if is_first { reference.step_span() } else { reference.span.clone() };
        Some(module::no_such_output(name, output, span, known))
    }

    fn suggestible<T>(&self, names: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        let so_far = self.suggested.get();
        self.suggested.set(so_far + 1);
        names.take(if so_far < SUGGESTIONS { usize::MAX } else { 0 })
    }

    /// The suggestion for an undeclared name: `twin`, the same name with another root, if it is
    /// declared, and otherwise a similar name.
    fn meant<'n>(
        &self,
        name: &Name,
        known: impl Iterator<Item = &'n Name>,
        sort: fn(Name) -> ReferenceTarget,
        twin: ReferenceTarget,
        place: ReferenceContext<'_>,
    ) -> Option<Meant> {
        let searched = SearchedConfiguration { configuration: self.configuration, place };
        if searched.can_be_suggested(&twin) {
            return Some(Meant::Other(twin));
        }
        let others =
            self.suggestible(known).filter(|it| place.declaration != Some(&sort((*it).clone())));
        let meant = Name::from(ha_value::closest(name, others.map(|it| &**it))?);
        searched.can_be_suggested(&sort(meant.clone())).then_some(Meant::Name(meant))
    }

    fn no_such_block(
        &self,
        name: &BlockName,
        reference: &Reference,
        place: ReferenceContext<'_>,
    ) -> Diagnostic {
        let configuration = self.configuration;
        let searched = SearchedConfiguration { configuration, place };
        if let Some(meant) = searched.with_other_root(name) {
            return mistakes::wrong_root(&name.kind, reference, &meant);
        }
        // A forgotten `data.` is the most likely mistake, then a misspelt name, then a misspelt kind.
        let other = match name.mode {
            ResourceMode::Managed => ResourceMode::Data,
            ResourceMode::Data => ResourceMode::Managed,
        };
        let twin = BlockName { mode: other, ..name.clone() };
        if searched.can_be_suggested(&ReferenceTarget::Block(twin.clone())) {
            return mistakes::block_of_other_mode(name, &twin, reference);
        }
        let is_itself = |it: &&BlockName| matches!(place.declaration, Some(ReferenceTarget::Block(declaration)) if declaration == *it);
        let others = self
            .suggestible(configuration.blocks.keys())
            .filter(|it| it.mode == name.mode && !is_itself(it));
        let others: Vec<&BlockName> = others.collect();
        let slips =
            |it: &&BlockName| Some(slips(&name.kind, &it.kind)? + slips(&name.name, &it.name)?);
        let meant = others.iter().copied().filter(|it| slips(it).is_some()).min_by_key(slips);
        let meant =
            meant.filter(|it| searched.can_be_suggested(&ReferenceTarget::Block((*it).clone())));
        let alike: Vec<&BlockName> =
            others.iter().filter(|it| it.kind == name.kind).take(5).copied().collect();
        mistakes::no_such_block_declared(name, reference, meant, &alike)
    }
}

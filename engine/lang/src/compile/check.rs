//! Whether what is referred to is there, and may be referred to where it is.

use std::cell::Cell;

use ha_kind::{Diagnostic, Mode};

use crate::configuration::{Condition, Configuration, ResourceBlock};
use crate::mistake;
use crate::tree::{BlockName, Expression, Reference, Target};

/// What a place may refer to beyond what is declared.
#[derive(Clone, Copy, Default)]
struct Place {
    each: bool,
    count: bool,
    own: bool,
}

pub(super) fn references(configuration: &Configuration, problems: &mut Vec<Diagnostic>) {
    let mut checker = Checker { configuration, problems, suggested: Cell::new(0) };
    let nowhere = Place::default();
    for variable in configuration.variables.values() {
        checker.conditions(&variable.validations, nowhere);
    }
    for local in configuration.locals.values() {
        checker.expression(&local.expression, nowhere);
    }
    for output in configuration.outputs.values() {
        checker.expression(&output.value, nowhere);
        checker.all(&output.depends_on, nowhere);
        checker.conditions(&output.preconditions, nowhere);
    }
    for provider in &configuration.providers {
        checker.all(provider.body.references(), nowhere);
    }
    for block in configuration.blocks.values() {
        checker.block(block);
    }
    if let Some(backend) = configuration.settings.as_ref().and_then(|it| it.backend.as_ref()) {
        checker.all(backend.body.references(), nowhere);
    }
}

struct Checker<'a> {
    configuration: &'a Configuration,
    problems: &'a mut Vec<Diagnostic>,
    /// How often the names that there are have been searched for a similar one.
    suggested: Cell<usize>,
}

/// Similar names are searched for so many mistakes; searching for all would take too long where there are very many.
const SUGGESTIONS: usize = 50;

impl Checker<'_> {
    fn block(&mut self, block: &ResourceBlock) {
        let before = self.problems.len();
        let nowhere = Place::default();
        let inside = Place { each: block.for_each.is_some(), count: block.count.is_some(), own: false };
        for expression in block.count.iter().chain(&block.for_each).chain(&block.lifecycle.enabled) {
            self.expression(expression, nowhere);
        }
        self.all(&block.depends_on, nowhere);
        self.all(block.body.references(), inside);
        let lifecycle = &block.lifecycle;
        for expression in lifecycle.create_before_destroy.iter().chain(&lifecycle.prevent_destroy) {
            self.expression(expression, inside);
        }
        self.all(&lifecycle.replace_triggered_by, inside);
        self.conditions(&lifecycle.preconditions, inside);
        self.conditions(&lifecycle.postconditions, Place { own: true, ..inside });
        for problem in &mut self.problems[before..] {
            problem.context.get_or_insert_with(|| block.head.clone());
        }
    }

    fn conditions(&mut self, conditions: &[Condition], place: Place) {
        for condition in conditions {
            self.expression(&condition.condition, place);
            self.expression(&condition.error_message, place);
        }
    }

    fn expression(&mut self, expression: &Expression, place: Place) {
        self.all(expression.references(), place);
    }

    fn all<'r>(&mut self, references: impl IntoIterator<Item = &'r Reference>, place: Place) {
        for reference in references {
            let problem = self.reference(reference, place);
            self.problems.extend(problem);
        }
    }

    fn reference(&self, reference: &Reference, place: Place) -> Option<Diagnostic> {
        let span = || reference.span.clone();
        let configuration = self.configuration;
        match &reference.target {
            Target::Variable(name) if !configuration.variables.contains_key(name) => {
                let known = self.suggestible(configuration.variables.keys().map(|it| &**it));
                Some(mistake::not_declared("variable", name, span(), known))
            }
            Target::Local(name) if !configuration.locals.contains_key(name) => {
                let known = self.suggestible(configuration.locals.keys().map(|it| &**it));
                Some(mistake::not_declared("local value", name, span(), known))
            }
            Target::Block(name) if !configuration.blocks.contains_key(name) => Some(self.no_such_block(name, reference)),
            Target::Module(name) => Some(mistake::not_declared("module", name, span(), std::iter::empty())),
            Target::EachKey | Target::EachValue if !place.each => Some(mistake::no_each(&reference.target, span())),
            Target::CountIndex if !place.count => Some(mistake::no_count(span())),
            Target::SelfValue if !place.own => Some(mistake::no_self(span())),
            _ => None,
        }
    }

    fn suggestible<T>(&self, names: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        let so_far = self.suggested.get();
        self.suggested.set(so_far + 1);
        names.take(if so_far < SUGGESTIONS { usize::MAX } else { 0 })
    }

    fn no_such_block(&self, name: &BlockName, reference: &Reference) -> Diagnostic {
        let span = reference.span.clone();
        let names = self.configuration.blocks.keys();
        // The most likely slip is the mode, the next the name, the next the kind.
        let other = match name.mode {
            Mode::Managed => Mode::Data,
            Mode::Data => Mode::Managed,
        };
        let twin = BlockName { mode: other, ..name.clone() };
        if self.configuration.blocks.contains_key(&twin) {
            return mistake::block_of_other_mode(name, &twin, span);
        }
        let known: Vec<String> = self.suggestible(names.map(ToString::to_string)).collect();
        mistake::no_such_block_declared(name, span, known.iter().map(String::as_str))
    }
}

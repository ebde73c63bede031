//! Checks that no ephemeral value is stored.

use std::collections::HashSet;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{Name, ResourceMode};

use crate::compiled_expression::Expression;
use crate::configuration::{Condition, Configuration};
use crate::diagnostics::ephemeral as mistakes;
use crate::ephemeral::EphemeralValues;

/// Checks everything except the arguments of resources, which need the schemas ([`crate::kept`]).
/// Arguments of `unsound` modules are skipped, as their variables may be missing.
pub(super) fn ephemeral(
    configuration: &Configuration,
    unsound: &HashSet<Name>,
    problems: &mut Vec<Diagnostic>,
) {
    let ephemeral = &EphemeralValues::new(configuration);
    let mut refuse = |what: &str, expression: &Expression, head: &SourceSpan| {
        if let Some(reference) = ephemeral.reference(expression) {
            problems.push(mistakes::not_here(what, reference).within(head.clone()));
        }
    };
    let messages = |conditions: &[Condition],
                    refuse: &mut dyn FnMut(&str, &Expression, &SourceSpan)| {
        for condition in conditions {
            refuse("error_message", &condition.error_message, &condition.span);
        }
    };
    for variable in configuration.variables.values() {
        messages(&variable.validations, &mut refuse);
    }
    // The number of instances and what happens to them is part of the plan and of the state.
    // Conditions may read ephemeral values, as only their outcome is stored; messages may not, as
    // they are shown.
    for block in configuration.blocks.values() {
        let lifecycle = &block.lifecycle;
        for (what, expression) in [
            ("count", &block.count),
            ("for_each", &block.for_each),
            ("enabled", &lifecycle.enabled),
            ("prevent_destroy", &lifecycle.prevent_destroy),
            ("create_before_destroy", &lifecycle.create_before_destroy),
        ] {
            expression.iter().for_each(|it| refuse(what, it, &block.head));
        }
        messages(&lifecycle.preconditions, &mut refuse);
        messages(&lifecycle.postconditions, &mut refuse);
    }
    for import in &configuration.imports {
        let keys = import.module.iter().filter_map(|(_, key)| key.as_ref()).chain(&import.key);
        keys.for_each(|it| refuse("to", it, &import.span));
        import.for_each.iter().for_each(|it| refuse("for_each", it, &import.span));
        refuse("id", &import.id, &import.span);
    }
    for call in configuration.modules.values() {
        for (what, expression) in
            [("count", &call.count), ("for_each", &call.for_each), ("enabled", &call.enabled)]
        {
            expression.iter().for_each(|it| refuse(what, it, &call.head));
        }
    }
    for check in configuration.checks.values() {
        messages(&check.assertions, &mut refuse);
    }
    for output in configuration.outputs.values() {
        messages(&output.preconditions, &mut refuse);
    }
    for output in configuration.outputs.values().filter(|it| !it.ephemeral) {
        if let Some(reference) = ephemeral.reference(&output.value) {
            problems.push(mistakes::output(&output.name, reference).within(output.span.clone()));
        }
    }
    // An ephemeral value can be passed to an ephemeral variable, so that the module decides.
    for call in configuration.modules.values().filter(|it| !unsound.contains(&it.name)) {
        for (name, argument) in &call.arguments {
            if let Some(reference) = ephemeral.reference(argument)
                && call.configuration.variables.get(name).is_some_and(|it| !it.ephemeral)
            {
                problems
                    .push(mistakes::input(&call.name, name, reference).within(call.head.clone()));
            }
        }
    }
    for provider in &configuration.providers {
        for (path, reference) in ephemeral.arguments(&provider.body) {
            problems.push(
                mistakes::argument(&path.to_string(), reference).within(provider.span.clone()),
            );
        }
    }
    for block in configuration.blocks.values().filter(|it| it.name.mode == ResourceMode::Data) {
        for (path, reference) in ephemeral.arguments(&block.body) {
            problems
                .push(mistakes::not_here(&path.to_string(), reference).within(block.head.clone()));
        }
    }
}

/// Checks the root module, whose outputs cannot be ephemeral: there is no caller to take them.
pub(crate) fn root(configuration: &Configuration, problems: &mut Vec<Diagnostic>) {
    for output in configuration.outputs.values().filter(|it| it.ephemeral) {
        problems.push(mistakes::output_of_root(&output.name, output.span.clone()));
    }
}

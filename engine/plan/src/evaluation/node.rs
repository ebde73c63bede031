//! Evaluation of all nodes other than blocks and providers.

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{OutputBlock, VariableBlock};
use ha_value::{Address, BlockAddress, InstanceKey, Name, ResourceMode, Value, convert};

use crate::evaluation::condition::{ConditionFindings, ConditionOutcome, findings, outcome};
use crate::evaluation::expansion::ExpansionError;
use crate::evaluation::repetition::{call_expansion, too_many};
use crate::evaluation::values::{EvaluationScope, EvaluationValues, InstanceId};
use crate::graph::modules::{ModuleId, ROOT};
use crate::graph::{Graph, NodeId, NodeKind, refers_to_itself_alone};
use crate::model::CheckResult;

/// The result of evaluating a node.
#[derive(Default)]
pub(crate) struct EvaluationReport {
    /// The errors.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether the only reason of all errors is a value that is not known yet.
    pub(crate) waits: bool,
    /// Diagnostics that do not prevent the apply.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The status of conditions.
    pub(crate) checks: Vec<CheckResult>,
}

impl EvaluationReport {
    fn wrong(&mut self, diagnostics: Vec<Diagnostic>) {
        self.diagnostics.extend(diagnostics);
    }
}

/// Evaluates a node in all instances of its module. Blocks and providers are skipped: they need
/// schemas.
pub(crate) fn evaluate(
    graph: &Graph,
    world: &mut EvaluationValues,
    node: NodeId,
) -> EvaluationReport {
    let (module, what) = (graph.node(node).module, graph.node(node).what);
    let mut evaluated = EvaluationReport::default();
    match what {
        NodeKind::Expand => expand(graph, world, module, &mut evaluated),
        NodeKind::Gate
        | NodeKind::Whole
        | NodeKind::End
        | NodeKind::Provider(_)
        | NodeKind::Block(_) => {}
        _ => {
            for instance in world.of_module(module) {
                evaluate_in(graph, world, instance, what, &mut evaluated);
            }
        }
    }
    evaluated
}

/// Determines the instances of a module.
fn expand(
    graph: &Graph,
    world: &mut EvaluationValues,
    module: ModuleId,
    evaluated: &mut EvaluationReport,
) {
    let (Some((caller, place)), Some(call)) =
        (graph.modules.get(module).caller, graph.modules.call(module))
    else {
        return;
    };
    for instance in world.of_module(caller) {
        match call_expansion(world, instance, call) {
            // During the apply the call has been expanded already. Its keys were planned and must
            // stay; the values of `each.value` may become known.
            Ok(expansion) => match world.call_expansion(instance, place) {
                None if !world.has_room(expansion.len()) => {
                    let name = format!("{}module.{}", world.prefix(instance), call.name);
                    let (count, for_each) = (call.count.as_ref(), call.for_each.as_ref());
                    return evaluated.wrong(vec![too_many(
                        expansion.len(),
                        &name,
                        count,
                        for_each,
                        &call.head,
                    )]);
                }
                None => world.expand_call(instance, place, expansion),
                Some(before) if before.keys().eq(expansion.keys()) => {
                    world.expand_call_again(instance, place, expansion)
                }
                Some(_) => {
                    let what = format!(
                        "`{}module.{}` has other instances than planned",
                        world.prefix(instance),
                        call.name
                    );
                    let diagnostic = Diagnostic::error(what)
                        .code(code::OTHER_THAN_PLANNED)
                        .at(call.head.clone());
                    evaluated
                        .diagnostics
                        .push(diagnostic.help("plan again and look at the new plan"));
                }
            },
            Err(ExpansionError { diagnostics, waits }) => {
                // One error that does not wait makes the whole report an error: waiting would not
                // resolve it.
                evaluated.waits = waits && (evaluated.diagnostics.is_empty() || evaluated.waits);
                evaluated.wrong(diagnostics);
            }
        }
    }
}

fn evaluate_in(
    graph: &Graph,
    world: &mut EvaluationValues,
    instance: InstanceId,
    what: NodeKind,
    evaluated: &mut EvaluationReport,
) {
    let module = world.module(instance);
    let configuration = graph.modules.configuration(module).clone();
    let here = EvaluationScope::in_module(instance);
    match what {
        NodeKind::Variable(place) => {
            let (name, variable) =
                configuration.variables.get_index(place).expect("the node is a variable node");
            match input(graph, world, instance, name, variable) {
                Ok(Some(value)) => world.set_variable(instance, place, value),
                Ok(None) => {}
                Err(diagnostics) => evaluated.wrong(diagnostics),
            }
            // Most validations read only their variable. They run with it, so that a wrong input
            // is reported before everything that it breaks.
            if !variable.validations.is_empty() && refers_to_itself_alone(&configuration, place) {
                validate(graph, world, instance, variable, evaluated);
            }
        }
        NodeKind::Validation(place) => {
            let variable = &configuration.variables[place];
            if !variable.validations.is_empty() && !refers_to_itself_alone(&configuration, place) {
                validate(graph, world, instance, variable, evaluated);
            }
        }
        NodeKind::Local(place) => {
            match world.evaluate(&here, &configuration.locals[place].expression) {
                Ok(value) => world.set_local(instance, place, value),
                Err(diagnostics) => evaluated.wrong(diagnostics),
            }
        }
        NodeKind::Output(place) => {
            let output = &configuration.outputs[place];
            if !output.preconditions.is_empty() {
                let of = named(world, instance, "output", &output.name);
                let found = findings(world, &output.preconditions, &here, &of);
                evaluated.checks.push(found.status(of));
                evaluated.wrong(found.all());
            }
            match world.evaluate(&here, &output.value) {
                // Only root outputs are shown; an output of another module passes its marks on.
                Ok(value) if module == ROOT && value.contains_sensitive() && !output.sensitive => {
                    evaluated.diagnostics.push(holds_a_secret(output));
                }
                Ok(value) => world.set_output(
                    instance,
                    place,
                    if output.sensitive { value.sensitive() } else { value },
                ),
                Err(diagnostics) => evaluated.wrong(diagnostics),
            }
        }
        NodeKind::Check(place) => {
            let check = &configuration.checks[place];
            let of = named(world, instance, "check", &check.name);
            let found = findings(world, &check.assertions, &here, &of);
            evaluated.checks.push(found.status(of));
            let (errors, warnings) = found.errors_and_warnings();
            evaluated.wrong(errors);
            evaluated.warnings.extend(warnings);
        }
        NodeKind::Expand
        | NodeKind::Gate
        | NodeKind::Whole
        | NodeKind::End
        | NodeKind::Provider(_)
        | NodeKind::Block(_) => {}
    }
}

/// Returns the value of a variable in a module instance; none for the root, whose variables have
/// been set.
fn input(
    graph: &Graph,
    world: &EvaluationValues,
    instance: InstanceId,
    name: &Name,
    variable: &VariableBlock,
) -> Result<Option<Value>, Vec<Diagnostic>> {
    let (Some((caller, expansion, place)), Some(call)) =
        (world.caller(instance), graph.modules.call(world.module(instance)))
    else {
        return Ok(None);
    };
    let of = || format!("{}module.{}{}", world.prefix(caller), call.name, expansion.key(place));
    let argument = call.arguments.get(name);
    let at = |message: String| {
        let span = argument.map_or(&call.head, |it| it.span());
        Diagnostic::error(message)
            .code(code::WRONG_TYPE)
            .at(span.clone())
            .within(call.head.clone())
            .address(of())
    };
    let given = match argument {
        Some(argument) => {
            Some(world.evaluate(&EvaluationScope::each(caller, &expansion, place), argument)?)
        }
        None => None,
    };
    let value = match (given, &variable.default) {
        (Some(value), _) if !value.is_null() => value,
        // A null argument counts as missing, unless the variable accepts null as a value.
        (Some(value), _) if variable.nullable => value,
        (_, Some(default)) => default.clone(),
        (Some(_), None) => return Err(vec![at(format!("`{name}` cannot be null"))]),
        (None, None) => return Err(vec![at(format!("the module needs a value for `{name}`"))]),
    };
    let value = convert(&value, &variable.ty).map_err(|it| {
        // The path of a problem inside a secret value contains the keys of that value, which may
        // be secret too.
        let hides_place =
            variable.sensitive || value.contains_sensitive() || it.path.steps().is_empty();
        let place = if hides_place { String::new() } else { format!(" ({})", it.path) };
        vec![at(format!("the value of `{name}` will not do{place}: {}", it.message))]
    })?;
    Ok(Some(variable.marked(value)))
}

/// Evaluates the `validation` blocks of a variable.
fn validate(
    graph: &Graph,
    world: &EvaluationValues,
    instance: InstanceId,
    variable: &VariableBlock,
    evaluated: &mut EvaluationReport,
) {
    let call = graph.modules.call(world.module(instance));
    let written = call.and_then(|it| it.arguments.get(&variable.name)).map(|it| it.span());
    let of = named(world, instance, "var", &variable.name);
    let mut found = ConditionFindings::default();
    for condition in &variable.validations {
        match world.within(&EvaluationScope::in_module(instance), |environment| {
            outcome(condition, environment)
        }) {
            Ok(ConditionOutcome::Holds) => {}
            Ok(ConditionOutcome::Open) => found.is_open = true,
            Ok(ConditionOutcome::Fails { message, values }) => {
                let diagnostic =
                    Diagnostic::error(format!("the value of `var.{}` will not do", variable.name))
                        .code(code::CONDITION);
                let diagnostic = diagnostic
                    .at(written.unwrap_or(&variable.span).clone())
                    .detail(message)
                    .address(&of);
                let diagnostic =
                    diagnostic.related(condition.condition.span().clone(), "this must hold");
                found.unmet.push(Diagnostic { values, ..diagnostic });
            }
            Err(more) => found.wrong.extend(more),
        }
    }
    evaluated.checks.push(found.status(of));
    evaluated.wrong(found.all());
}

/// Returns the address under which conditions of outputs, checks and variables are reported.
fn named(world: &EvaluationValues, instance: InstanceId, what: &str, name: &Name) -> Address {
    let module = world.path(instance).clone();
    BlockAddress { module, mode: ResourceMode::Managed, kind: what.into(), name: name.clone() }
        .instance(InstanceKey::None)
}

/// The error for an output that would show a secret.
fn holds_a_secret(output: &OutputBlock) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("the output `{}` holds a secret", output.name))
        .code(code::SECRET)
        .at(output.value.span().clone());
    diagnostic.help(
        "set `sensitive = true` if that is intended, or use `nonsensitive(...)` if it is no secret",
    )
}

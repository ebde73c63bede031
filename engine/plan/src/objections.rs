//! Objections of services to a plan. Planning cannot ask them: this module lists the changes to
//! ask about, and locates the answers in the source.

use std::collections::BTreeMap;

use ha_diagnostics::Diagnostic;
use ha_provider::{ArgumentProblem, IntendedChange, Schema};
use ha_state_model::ProviderName;
use ha_value::{Address, Name, Object, ResourceMode, Value};

use crate::PlanInput;
use crate::evaluation::argument_diagnostics::located;
use crate::graph::Graph;
use crate::model::{Change, Plan};
use crate::secrets::redaction::redacted;

/// Returns the changes to ask each provider about, with their places in the plan. A change that an
/// interrupted run has begun is not asked about, because its object may exist already.
#[must_use]
pub fn intended(
    input: &PlanInput<'_>,
    plan: &Plan,
) -> BTreeMap<ProviderName, (Vec<usize>, Vec<IntendedChange>)> {
    let mut all: BTreeMap<ProviderName, (Vec<usize>, Vec<IntendedChange>)> = BTreeMap::new();
    let described = |place: usize| {
        let address = &plan.changes[place].address;
        input
            .schemas
            .kind(address.block.mode, &address.block.kind)
            .filter(|_| address.block.mode == ResourceMode::Managed)
    };
    // Most plans have no kind that objects, and building the graph again is the expensive part.
    if !(0..plan.changes.len()).any(|it| described(it).is_some_and(|it| it.objects)) {
        return all;
    }
    let Ok(graph) = Graph::new(input.configuration, input.schemas) else { return all };
    // What goes with its container is not deleted by a call, so its service cannot refuse that.
    let has_call = |change: &Change| change.deposed.is_none() && change.gone_with.is_none();
    for (place, change) in plan.changes.iter().enumerate().filter(|(_, it)| has_call(it)) {
        let address = &change.address;
        let Some(described) = described(place).filter(|_| !plan.unfinished.contains(address))
        else {
            continue;
        };
        let configured =
            graph.node_of(&address.block).and_then(|it| graph.provider_of(input.schemas, it));
        let Some(provider) =
            configured.or_else(|| Some(input.state.records.get(address)?.provider.clone()))
        else {
            continue;
        };
        let (places, intended) = all.entry(provider).or_default();
        places.push(place);
        let after =
            change.after.as_ref().map(|it| without_choices(described.schema(), it, address));
        intended.push(IntendedChange::new(
            described,
            change.action,
            change.before.as_ref(),
            after.as_ref(),
        ));
    }
    all
}

/// Returns the attributes without unknown values that the service will choose.
fn without_choices(schema: &Schema, after: &Object, address: &Address) -> Object {
    let of = address.to_string();
    let is_choice = |name: &Name, value: &Value| {
        let chosen = schema.arguments.get(name).is_some_and(|it| it.chosen);
        chosen
            && value.cause().is_some_and(|it| {
                it.strip_prefix(&*of).and_then(|it| it.strip_prefix('.')) == Some(&**name)
            })
    };
    after
        .iter()
        .filter(|(name, it)| !is_choice(name, it))
        .map(|(name, it)| (name.clone(), it.clone()))
        .collect()
}

/// Returns the objections as diagnostics, each where its argument is written.
#[must_use]
pub fn objected(
    input: &PlanInput<'_>,
    plan: &Plan,
    objections: Vec<(usize, ArgumentProblem)>,
) -> Vec<Diagnostic> {
    let Ok(graph) = Graph::new(input.configuration, input.schemas) else { return Vec::new() };
    let each = |(place, problem): (usize, ArgumentProblem)| {
        let change = &plan.changes[place];
        let known = change.before.iter().chain(&change.after);
        let problem = ArgumentProblem { message: redacted(&problem.message, known), ..problem };
        match graph.block_at(&change.address.block) {
            Some(block) => {
                located(vec![problem], &block.body, Some(&change.address), block.head.clone())
            }
            None => vec![
                Diagnostic::error(problem.message)
                    .code(ha_diagnostics::code::KIND_RULE)
                    .address(&change.address),
            ],
        }
    };
    objections.into_iter().flat_map(each).collect()
}

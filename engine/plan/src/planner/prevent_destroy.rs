//! `prevent_destroy`.

use ha_diagnostics::{Diagnostic, code};

use crate::evaluation::expansion::ExpansionError;
use crate::evaluation::repetition::{flag, literal_flag};
use crate::evaluation::values::EvaluationValues;
use crate::graph::{Graph, NodeId};
use crate::model::Change;

/// Returns the blocks of these changes whose protection is an expression.
pub(crate) fn blocks_with_protection_expression(graph: &Graph, changes: &[Change]) -> Vec<NodeId> {
    let mut asking: Vec<NodeId> =
        changes.iter().filter_map(|it| graph.node_of(&it.address.block)).collect();
    asking.sort_unstable();
    asking.dedup();
    let said = |it: &NodeId| graph.block(*it).and_then(|it| it.lifecycle.prevent_destroy.as_ref());
    asking.retain(|it| said(it).is_some_and(|it| literal_flag(it).is_none()));
    asking
}

/// Reports a change that would destroy a protected instance. The configuration decides; the record
/// decides where there is none.
pub(crate) fn protection(
    graph: &Graph,
    world: &EvaluationValues,
    change: &Change,
    recorded: impl Fn() -> bool,
) -> Result<Option<Diagnostic>, ExpansionError> {
    let block = graph.block_at(&change.address.block);
    let written = block.and_then(|it| it.lifecycle.prevent_destroy.as_ref());
    let protected = match (block, written) {
        (_, Some(expression)) => {
            match (literal_flag(expression), world.find(&change.address.block.module)) {
                (Some(literal), _) => literal,
                (_, Some(instance)) => flag(world, instance, expression, "prevent_destroy")?,
                // The module instance is removed, so the expression has nothing to be evaluated
                // in.
                (_, None) => recorded(),
            }
        }
        // A block without the flag is not protected, whatever the record says: the operator
        // removed the protection.
        (Some(_), None) => false,
        (None, None) => recorded(),
    };
    if !protected {
        return Ok(None);
    }
    // Naming the arguments that force the replacement shows which edit to undo.
    let because: Vec<String> = change
        .differences
        .iter()
        .filter(|it| it.replaces)
        .map(|it| format!("`{}`", it.path))
        .collect();
    let why = match (because.is_empty(), change.action.is_replace()) {
        (false, _) => format!("It would be replaced because of {}.", because.join(", ")),
        (true, true) => "It would be replaced.".to_owned(),
        (true, false) => "It would be deleted.".to_owned(),
    };
    let diagnostic = Diagnostic::error(format!(
        "`{}` is protected, and this plan would destroy it",
        change.address
    ))
    .code(code::PROTECTED);
    let diagnostic = diagnostic.detail(why).address(&change.address);
    let help = match block {
        Some(_) => "undo that change, or set `prevent_destroy = false` and plan again",
        None => {
            "put its block back with `prevent_destroy = false`, apply that, and remove the block then"
        }
    };
    let diagnostic = diagnostic.help(help);
    Ok(Some(match written.map(|it| it.span().clone()).or_else(|| change.span.clone()) {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }))
}

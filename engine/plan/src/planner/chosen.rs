//! What a plan is about, before there is one.

use std::collections::BTreeSet;

use ha_diagnostics::Diagnostic;
use ha_value::Address;

use super::PlanInput;
use crate::graph::Graph;
use crate::input::targeting::{self, Targeting, destroyed};
use crate::model::PlanMode;

/// Returns the recorded instances that a plan will cover; none when that is all of them.
///
/// # Errors
/// Patterns that match nothing, and errors of the configuration's references.
pub fn chosen(input: &PlanInput<'_>) -> Result<Option<BTreeSet<Address>>, Vec<Diagnostic>> {
    if input.selection.is_everything() {
        return Ok(None);
    }
    let graph = Graph::new(input.configuration, input.schemas)?;
    let wrong = targeting::check(input.selection, Some(&graph), input.state);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let records = input.state.records.keys();
    Ok(Some(match input.mode {
        PlanMode::Destroy => {
            let is_chosen = destroyed(input.selection, input.state);
            records.filter(|it| is_chosen(it)).cloned().collect()
        }
        PlanMode::Normal | PlanMode::RefreshOnly => {
            let targeting = Targeting::new(input.selection, &graph, input.state);
            records.filter(|it| targeting.has(&graph, it)).cloned().collect()
        }
    }))
}

//! All readers of untrusted input.

mod evaluator;
mod json;
mod language;
mod plan;
mod problems;
mod state;

use crate::target::FuzzTarget;

pub(crate) const ALL: &[FuzzTarget] =
    &[language::TARGET, json::TARGET, evaluator::TARGET, state::TARGET, plan::TARGET];

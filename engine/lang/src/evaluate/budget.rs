//! The limit of one evaluation. A few lines with functions that call each other twice can ask for
//! more calls than any machine can make.

use std::cell::{Cell, RefCell};

use ha_diagnostics::Diagnostic;
use ha_value::{HashSet, Name};

use super::MOST;

/// The remaining loop iterations and calls of an expression, shared with all functions that it calls
/// and templates that it renders.
pub(crate) struct EvaluationBudget {
    left: Cell<usize>,
    /// The diagnostic once the budget is exhausted. It fails the outermost evaluation even within
    /// `try`, which would otherwise hide it and go on.
    problem: RefCell<Option<Box<Diagnostic>>>,
    /// The functions of which a call has failed with a recorded diagnostic.
    failed: RefCell<HashSet<Name>>,
}

impl EvaluationBudget {
    pub(super) fn new() -> Self {
        Self { left: Cell::new(MOST), problem: RefCell::new(None), failed: RefCell::default() }
    }

    /// Counts one iteration or call; `false` if the budget is exhausted.
    pub(super) fn spend(&self) -> bool {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return false,
        }
        true
    }

    /// Records the diagnostic of the first place where the budget was exhausted.
    pub(super) fn exhausted(&self, problem: impl FnOnce() -> Diagnostic) {
        // The first place is the innermost loop that ran too long; outer ones fail because of it.
        self.problem.borrow_mut().get_or_insert_with(|| Box::new(problem()));
    }

    /// Whether a call of this function has failed before. Another one would repeat the diagnostic, and
    /// functions that call it twice would double the number at each level.
    pub(super) fn has_failed(&self, function: &Name) -> bool {
        self.failed.borrow().contains(function)
    }

    /// Records a call that has failed.
    pub(super) fn failed(&self, function: &Name) {
        self.failed.borrow_mut().insert(function.clone());
    }

    pub(super) fn into_problem(self) -> Option<Diagnostic> {
        self.problem.into_inner().map(|it| *it)
    }
}

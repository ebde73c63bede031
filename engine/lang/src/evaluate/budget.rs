//! How much one evaluation may take: a few lines of functions that call each other ask for more
//! than any machine does.

use std::cell::{Cell, RefCell};

use ha_diagnostics::Diagnostic;
use ha_value::{HashSet, Name};

use super::MOST;

/// What an expression has left to spend, with all functions it calls and templates it renders.
pub(crate) struct EvaluationBudget {
    left: Cell<usize>,
    /// What is told once there is nothing left. It fails the whole, whatever `try` would make of
    /// it.
    problem: RefCell<Option<Box<Diagnostic>>>,
    /// The functions that a call has failed of, and that was told.
    failed: RefCell<HashSet<Name>>,
}

impl EvaluationBudget {
    pub(super) fn new() -> Self {
        Self { left: Cell::new(MOST), problem: RefCell::new(None), failed: RefCell::default() }
    }

    /// Spends a turn or a call, unless there is nothing left.
    pub(super) fn spend(&self) -> bool {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return false,
        }
        true
    }

    /// Keeps what is wrong where it ran out first.
    pub(super) fn exhausted(&self, problem: impl FnOnce() -> Diagnostic) {
        self.problem.borrow_mut().get_or_insert_with(|| Box::new(problem()));
    }

    /// Whether a call of this function has failed before, and that was told: another one would say
    /// the same, and those of functions that call it twice each twice as often.
    pub(super) fn has_failed(&self, function: &Name) -> bool {
        self.failed.borrow().contains(function)
    }

    /// Takes note of a call that has failed.
    pub(super) fn failed(&self, function: &Name) {
        self.failed.borrow_mut().insert(function.clone());
    }

    pub(super) fn into_problem(self) -> Option<Diagnostic> {
        self.problem.into_inner().map(|it| *it)
    }
}

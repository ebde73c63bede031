//! Evaluation of the nodes of the graph: expansion, arguments, conditions and the values that
//! references see.

pub(crate) mod argument_diagnostics;
pub(crate) mod arguments;
pub(crate) mod condition;
pub(crate) mod expansion;
pub(crate) mod instance_value;
pub(crate) mod node;
pub(crate) mod preview;
pub(crate) mod repetition;
pub(crate) mod timeouts;
pub(crate) mod values;

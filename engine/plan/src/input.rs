//! What planning is given: the prior state, moves and removals that the configuration declares,
//! what a selection means, what is recorded.

pub(crate) mod moves;
pub(crate) mod prior_state;
pub(crate) mod recorded_instances;
pub(crate) mod recorded_spelling;
pub(crate) mod removed;
pub(crate) mod targeting;

//! What planning is given: the prior state, moves and removals that the configuration declares,
//! what is selected.

pub(crate) mod moves;
pub(crate) mod prior_state;
pub(crate) mod removed;
pub(crate) mod selection;
pub(crate) mod targeting;

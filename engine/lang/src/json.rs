//! Configuration written as JSON: read with the places of everything, then taken for what it says
//! in the other syntax.

mod body;
mod read;

pub(crate) use body::{body, values};

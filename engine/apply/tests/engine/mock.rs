//! A mock service: types described at run time, and a world that counts calls and fails on request.

mod driver;
mod kinds;
mod store;
mod world;

pub(crate) use kinds::registry;
pub(crate) use store::FailingStore;
pub(crate) use world::{Fault, Pace, Thing, World};

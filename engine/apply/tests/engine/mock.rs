//! A made-up service: kinds described at run time, a world that counts and can be told to fail.

mod driver;
mod kinds;
mod store;
mod world;

pub(crate) use kinds::registry;
pub(crate) use store::FailingStore;
pub(crate) use world::{Fault, Pace, Thing, World};

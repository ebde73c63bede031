//! A made-up service: kinds described at run time, a world that counts and can be told to fail.

mod driver;
mod kinds;
mod world;

pub(crate) use kinds::registry;
pub(crate) use world::{Fault, World};

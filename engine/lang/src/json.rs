//! Configuration in JSON: parsed with the places of all values, then converted to the same syntax
//! tree as HCL.

mod body;
mod read;

pub(crate) use body::{body, values};

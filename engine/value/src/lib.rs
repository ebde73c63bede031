//! Values and what describes them: numbers, strings whose parts are kept apart, objects, types, paths, addresses,
//! conversions, and their form as JSON. This crate depends on no other of the project.

mod action;
mod address;
mod convert;
pub mod duration;
mod element_types;
mod facts;
mod hashing;
pub mod json;
mod json_schema;
mod number;
mod object;
mod path;
mod severity;
mod shell;
mod similar_names;
mod text;
mod types;
mod unknown;
mod value;

pub use action::Action;
pub use address::{Address, BlockAddress, Key, Mode, NotAnAddress, Place};
pub use convert::{Mismatch, convert, unify, unify_elements, unify_open};
pub use element_types::{Declared, Elements};
pub use hashing::{HashMap, HashSet, Hashing};
pub use number::{Digits, NotANumber, Number};
pub use object::Object;
pub use path::{Path, Step};
pub use severity::Severity;
pub use shell::shell_word;
pub use similar_names::{closest, slips};
pub use text::{Part, Text};
pub use types::{Attribute, Type};
pub use unknown::{Origin, Range, Stretch, Unknown};
pub use value::{Mark, Marks, Name, Value};

//! The data model of the language: values, numbers, strings with separate parts, objects, types,
//! paths, addresses, conversions, and their JSON form. This crate depends on no other crate of the
//! project.

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
pub use address::{
    Address, AddressParseError, BlockAddress, InstanceKey, ResourceMode, TargetAddress,
};
pub use convert::{ConversionError, convert, unify, unify_elements, unify_open};
pub use element_types::{DeclaredType, Elements};
pub use hashing::{HashMap, HashSet, TableHasher};
pub use number::{DecimalPrecision, Number, NumberParseError};
pub use object::Object;
pub use path::{Path, PathStep};
pub use severity::Severity;
pub use shell::shell_word;
pub use similar_names::{closest, slips};
pub use text::{Text, TextPart};
pub use types::{AttributeType, Type};
pub use unknown::{NumberRange, Origin, Stretch, UnknownValue};
pub use value::{Mark, Marks, Name, Value};

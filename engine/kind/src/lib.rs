//! What the author of a provider reads: values and their marks, schemas derived from structs, the traits a kind
//! implements, errors and diagnostics. Everything else in the engine stands on this and nothing here on anything else.

mod action;
mod address;
mod argument_change;
mod attempt;
pub mod code;
mod convert;
mod declared;
mod diagnostic;
pub mod duration;
mod error;
mod facts;
mod finding;
mod hashing;
mod hooks;
mod integer;
mod intended;
mod json;
mod json_schema;
mod marks;
mod number;
mod object;
mod path;
mod permit;
mod registry;
pub mod regular_file;
mod remote_call;
mod resource;
mod schema;
mod severity;
mod shell;
mod similar;
mod text;
mod together;
mod typed_json;
mod types;
mod unknown;
mod unsupported;
mod value;

pub use action::Action;
pub use address::{Address, BlockAddress, Key, Mode, NotAnAddress, Place};
pub use argument_change::ArgumentChange;
pub use attempt::{Attempt, Witness};
pub use code::Code;
pub use convert::{Mismatch, convert, unify, unify_elements, unify_open};
pub use declared::{Declared, Elements};
pub use diagnostic::{Diagnostic, Span, Suggestion};
pub use error::{Attempting, Error, Outcome};
pub use finding::{Found, Marked, Recognised, Search, Sought, Trace, known_text};
pub use hashing::{HashMap, HashSet, Hashing};
pub use hooks::{Changed, Hooks, Impact, ImpactSeverity, Inside};
pub use intended::Intended;
pub use marks::{Chosen, Immutable, Maybe, Secret, Volatile, WriteOnly};
pub use number::{Digits, NotANumber, Number};
pub use object::Object;
pub use path::{Path, Step};
pub use permit::Permit;
pub use registry::{
    Client, Connected, Connector, Described, DescribedProvider, Driver, Drivers, ImportedValue, Reader, ReadingValue,
    RecordedValue, Registry, Rendered, Schemas,
};
pub use remote_call::{CALL_LOG, RemoteCall, milliseconds_since};
pub use resource::{Created, Data, Document, Incident, Known, NoSettings, Nobody, Provider, Reading, Recorded, Resource, Shared};
pub use schema::{Field, Problem, Schema, Shape};
pub use severity::Severity;
pub use shell::shell_word;
pub use similar::{closest, slips};
pub use text::{Part, Text};
pub use together::{ByAttribute, Contradiction, Placed, Together};
pub use types::{Attribute, Type};
pub use unknown::{Origin, Range, Stretch, Unknown};
pub use unsupported::UnsupportedNames;
pub use value::{Mark, Marks, Name, Value};

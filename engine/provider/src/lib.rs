//! What the author of a provider reads: the traits that a resource type implements, schemas derived from structs, marks of
//! arguments, errors, and the registry.

mod argument_change;
mod attempt;
mod cross_check;
mod discovery;
mod error;
mod hooks;
mod integer;
mod intended;
pub mod marks;
mod permit;
mod registry;
mod remote_call;
mod resource;
mod schema;
mod typed_json;
mod unsupported;

pub use argument_change::ArgumentChange;
pub use attempt::{Attempt, Witness};
pub use cross_check::{ByAttribute, Contradiction, Placed, Together};
pub use discovery::{Found, Marked, Recognised, Search, Sought, Trace, known_text};
pub use error::{Attempting, Error, Outcome};
pub use hooks::{Changed, Hooks, Impact, ImpactSeverity, Inside};
pub use intended::Intended;
pub use marks::{Chosen, Immutable, Maybe, Secret, Volatile, WriteOnly};
pub use permit::Permit;
pub use registry::{
    Client, Connected, Connector, Described, DescribedProvider, Driver, Drivers, ImportedValue, Reader, ReadingValue,
    RecordedValue, Registry, Rendered, Schemas,
};
pub use remote_call::{CALL_LOG, RemoteCall, milliseconds_since};
pub use resource::{Created, Data, Document, Incident, Known, NoSettings, Nobody, Provider, Reading, Recorded, Resource, Shared};
pub use schema::{Field, Problem, Schema, Shape};
pub use unsupported::UnsupportedNames;

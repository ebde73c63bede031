//! The interface for authors of providers: traits of resource types, schemas derived from structs,
//! marks of arguments, errors and the registry.

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
pub use attempt::{Attempt, StepObserver};
pub use cross_check::{BlockInstance, ByAttribute, CrossCheck, CrossCheckProblem};
pub use discovery::{
    DiscoveredResource, DiscoveryEvidence, DiscoveryResult, DiscoveryTarget, OwnedResource,
    OwnershipMark, known_text,
};
pub use error::{CallOutcome, Error, ErrorContext};
pub use hooks::{ContainerReference, Impact, ImpactSeverity, PlannedChange, ResourceHooks};
pub use intended::IntendedChange;
pub use marks::{Chosen, Immutable, MaybeUnknown, Secret, Volatile, WriteOnly};
pub use permit::Permit;
pub use registry::{
    ConnectedClient, DataReader, DriverSet, ImportedValue, ProviderClient, ProviderConnector,
    ProviderDescription, ProviderRegistry, ReadingValue, RecordedValue, RenderResult,
    ResourceDescription, ResourceDriver, SchemaSet,
};
pub use remote_call::{CALL_LOG, RemoteCall, milliseconds_since};
pub use resource::{
    CreatedResource, DataSource, Document, ExistingResource, Incident, NoProvider, NoSettings,
    Provider, RecordedResource, Resource, ResourceReading, SharedSettings,
};
pub use schema::{ArgumentProblem, FieldShape, Schema, SchemaField};
pub use unsupported::UnsupportedNames;

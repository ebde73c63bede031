//! The language: text is read ([`load`]), compiled to a [`Configuration`] whose expressions have all names resolved,
//! and evaluated against an [`Environment`]. Values may be unknown or secret, wholly or in part, through all of it.

mod body;
mod clearing;
mod compile;
mod configuration;
mod declared;
mod environment;
mod ephemeral;
mod evaluate;
mod format;
mod functions;
mod inputs;
mod json;
mod lexer;
mod load;
mod mistake;
mod parse;
mod providers;
mod resolve;
mod shown;
mod source;
mod syntax;
mod template;
mod tree;
mod types;
mod unfinished;
mod unreadable;
mod version;
mod written;

pub use body::Body;
pub use clearing::not_kept;
pub use configuration::{
    Backend, Check, Condition, Configuration, Encryption, IgnoreChanges, Import, IndexMap, Lifecycle, Local, ModuleCall, Moved,
    OutputBlock, ProviderBlock, ProviderHandedIn, Removed, RequiredProvider, ResourceBlock, Settings, Trigger, Variable,
};
pub use environment::{Environment, Fact, Files, Nothing, Scope};
pub use ephemeral::kept;
pub use format::format;
pub use functions::{Function, Kind as ParameterKind, Parameter, functions};
pub use inputs::{expression, value_of_text, values_file};
pub use load::{Directories, Loaded, compile, load};
pub use providers::unknown_providers;
pub use shown::a_kind;
pub use source::{Family, Role, SourceFile};
pub use tree::{BlockName, Expression, Reference, Target};
pub use unfinished::is_unfinished;
pub use written::{Literal, Written, literals};

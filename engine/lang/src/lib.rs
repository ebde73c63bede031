//! The language: text is read ([`load`]), compiled to a [`Configuration`] whose expressions have all names resolved,
//! and evaluated against an [`Environment`]. Values may be unknown or secret, wholly or in part, through all of it.

mod body;
mod compile;
mod compiled_expression;
mod configuration;
mod describe;
mod diagnostics;
mod environment;
mod ephemeral;
mod ephemeral_as_null;
mod evaluate;
mod format;
mod functions;
mod inputs;
mod is_incomplete;
mod json;
mod lexer;
mod literals;
mod load;
mod parse;
mod providers;
mod resolve;
mod source;
mod syntax;
mod syntax_errors;
mod template;
mod types;
mod user_functions;
mod version;

pub use body::Body;
pub use compiled_expression::{BlockName, Expression, Reference, Target};
pub use configuration::{
    Backend, Check, Condition, Configuration, Encryption, IgnoreChanges, Import, IndexMap, Lifecycle, Local, ModuleCall, Moved,
    OutputBlock, ProviderBlock, ProviderHandedIn, Removed, RequiredProvider, ResourceBlock, Settings, Trigger, Variable,
};
pub use describe::a_kind;
pub use environment::{Environment, Fact, Files, Nothing, Scope};
pub use ephemeral::kept;
pub use ephemeral_as_null::not_kept;
pub use format::format;
pub use functions::{Function, Kind as ParameterKind, Parameter, functions};
pub use inputs::{expression, value_of_text, values_file};
pub use is_incomplete::is_unfinished;
pub use literals::{Literal, Written, literals};
pub use load::{Directories, Loaded, compile, load};
pub use providers::unknown_providers;
pub use source::{Family, Role, SourceFile};

//! The language: source files are parsed ([`load`]), compiled to a [`Configuration`] whose
//! expressions have all names resolved, and evaluated in an [`EvaluationContext`]. A value may be
//! unknown or sensitive, as a whole or in part, at every step.

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
mod family_files;
mod format;
mod functions;
mod identifiers;
mod inputs;
mod is_incomplete;
mod json;
mod lexer;
mod literals;
mod load;
mod parse;
mod providers;
mod reference_words;
mod resolve;
mod source;
mod syntax;
mod syntax_errors;
mod template;
mod types;
mod user_functions;
mod version;

pub use body::Body;
pub use compiled_expression::{BlockName, Expression, Reference, ReferenceTarget};
pub use configuration::{
    BackendBlock, CheckBlock, Condition, Configuration, EncryptionBlock, IgnoreChanges,
    ImportBlock, IndexMap, Lifecycle, LocalValue, ModuleCall, MovedBlock, OutputBlock,
    PassedProvider, ProviderBlock, RemovedBlock, ReplaceTrigger, RequiredProvider, ResourceBlock,
    SettingsBlock, VariableBlock,
};
pub use describe::a_kind;
pub use environment::{EmptyScope, EvaluationContext, FileSource, MachineFact, ValueScope};
pub use ephemeral::kept;
pub use ephemeral_as_null::not_kept;
pub use format::format;
pub use functions::{Function, Parameter, ParameterKind, functions, written_time};
pub use identifiers::identifiers;
pub use inputs::{expression, value_of_text, values_file};
pub use is_incomplete::is_unfinished;
pub use literals::{Literal, LiteralForm, literals};
pub use load::{DirectorySource, LoadedConfiguration, compile, load};
pub use providers::unknown_providers;
pub use source::{FileFamily, FileRole, SourceFile};

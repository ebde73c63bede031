//! Diagnostics for the author of a configuration: the error, its place, a fix, and the explanation
//! of each code. Providers do not depend on this crate, so that a new diagnostic does not rebuild
//! them.

pub mod code;
mod diagnostic;

pub use code::DiagnosticCode;
pub use diagnostic::{Diagnostic, SourceSpan, Suggestion};

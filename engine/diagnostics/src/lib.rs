//! Diagnostics for the person who writes a configuration: what is wrong, where, what to do, and the
//! explanation of each code. Providers do not depend on this crate, so that a new diagnostic
//! rebuilds none of them.

pub mod code;
mod diagnostic;

pub use code::DiagnosticCode;
pub use diagnostic::{Diagnostic, SourceSpan, Suggestion};

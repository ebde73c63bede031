//! How things look: plain data in, text out. Only what `redact` lets through is ever rendered.

pub(crate) mod compare;
mod covered;
pub(crate) mod diagnostic;
pub(crate) mod diagnostic_json;
pub(crate) mod document;
pub(crate) mod duration;
pub(crate) mod events;
pub(crate) mod expression;
pub(crate) mod feed;
pub(crate) mod file_diff;
pub(crate) mod function_text;
pub(crate) mod graph;
pub(crate) mod heredoc;
mod import_ids;
pub(crate) mod json;
pub(crate) mod line_diff;
mod nearby;
pub(crate) mod outcome;
pub(crate) mod plan_json;
pub(crate) mod plan_text;
pub(crate) mod progress;
pub(crate) mod pulled;
pub(crate) mod redacted_value;
pub(crate) mod redaction;
pub(crate) mod rediscovered;
pub(crate) mod report;
pub(crate) mod rows;
pub(crate) mod schema_text;
pub(crate) mod secrets;
mod source_excerpt;
pub(crate) mod sources;
pub(crate) mod state_view;
pub(crate) mod style;
#[cfg(test)]
pub(crate) mod test_data;
pub(crate) mod type_text;
pub(crate) mod values;

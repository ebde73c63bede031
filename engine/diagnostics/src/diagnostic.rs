//! The data of a diagnostic. It is plain data, rendered in the command line, so that all output
//! formats show the same content.

use ha_value::Severity;
use ha_value::closest;
#[cfg(test)]
use ha_value::slips;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::code::DiagnosticCode;

/// A part of a source file, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceSpan {
    /// The name of the file as the user gave it.
    pub file: Arc<str>,
    /// The offset of the first byte.
    pub start: usize,
    /// The offset after the last byte.
    pub end: usize,
}

impl SourceSpan {
    /// A part of `file`.
    #[must_use]
    pub fn new(file: Arc<str>, range: Range<usize>) -> Self {
        Self { file, start: range.start, end: range.end }
    }

    /// Whether another span lies completely inside this one.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }
}

/// One error or warning, with its place and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The code for `ha explain`; `None` where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<DiagnosticCode>,
    /// Whether it is an error or a warning.
    pub severity: Severity,
    /// The problem in one line: lower case, no period.
    pub summary: String,
    /// Further explanation in full sentences; empty where the summary suffices.
    pub detail: String,
    /// The place of the problem; `None` where it is not in a source file.
    pub span: Option<SourceSpan>,
    /// A short text at that place; may be empty.
    pub label: String,
    /// The head of the block that contains the place.
    pub context: Option<SourceSpan>,
    /// The address of the instance for which the problem occurred.
    pub address: Option<String>,
    /// Expressions in the span and their values, without secrets.
    pub values: Vec<(String, String)>,
    /// Ways to fix the problem.
    pub help: Vec<String>,
    /// A text that fixes the problem when it is inserted into the source.
    pub suggestion: Option<Box<Suggestion>>,
    /// Related places, each with a short text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<(SourceSpan, String)>,
}

/// A replacement for a part of the source that fixes a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The replacement.
    pub text: String,
    /// The part to replace, without quotes around it; `None` where it is not in a source file.
    pub span: Option<SourceSpan>,
    /// The message for the user: ``did you mean `name`?``
    pub help: String,
}

impl Diagnostic {
    /// An error with this summary.
    #[must_use]
    pub fn error(summary: impl Into<String>) -> Self {
        Self {
            code: None,
            severity: Severity::Error,
            summary: summary.into(),
            detail: String::new(),
            span: None,
            label: String::new(),
            context: None,
            address: None,
            values: Vec::new(),
            help: Vec::new(),
            suggestion: None,
            related: Vec::new(),
        }
    }

    /// A warning with this summary.
    #[must_use]
    pub fn warning(summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary) }
    }

    /// Turns the diagnostic into a warning, which does not stop the command.
    #[must_use]
    pub fn into_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Sets the code.
    #[must_use]
    pub fn code(mut self, code: DiagnosticCode) -> Self {
        self.code = Some(code);
        self
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, span: SourceSpan) -> Self {
        self.span = Some(span);
        self
    }

    /// Sets the text at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets the head of the block that contains the place.
    #[must_use]
    pub fn within(mut self, head: SourceSpan) -> Self {
        self.context = Some(head);
        self
    }

    /// Sets the explanation, in full sentences.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a way to fix the problem.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Sets the instance for which the problem occurred.
    #[must_use]
    pub fn address(mut self, address: impl fmt::Display) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// Adds a related place with a short text.
    #[must_use]
    pub fn related(mut self, span: SourceSpan, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Sets a replacement for a part of the source.
    #[must_use]
    pub fn suggest(
        mut self,
        span: SourceSpan,
        text: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        self.suggestion =
            Some(Box::new(Suggestion { text: text.into(), span: Some(span), help: help.into() }));
        self
    }

    /// Suggests the name of `known` that `given` most likely misspells; unchanged where none is
    /// close enough.
    #[must_use]
    pub fn closest<'a>(self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(given, known) {
            Some(meant) => self.meant(given, &meant),
            None => self,
        }
    }

    /// Suggests the name `meant` for `given`. The suggestion has a span only where the place of the
    /// diagnostic covers exactly `given`, with or without quotes.
    #[must_use]
    pub fn meant(mut self, given: &str, meant: &str) -> Self {
        let help = format!("did you mean `{meant}`?");
        // A wider place, such as a whole reference, must not be replaced by a single name. Lengths
        // are compared because the source text is not available here.
        let length = self.span.as_ref().map_or(0, |it| it.end.saturating_sub(it.start));
        let in_quotes = given.is_ascii() && length == given.len() + 2;
        let text = if in_quotes { format!("\"{meant}\"") } else { meant.to_owned() };
        let span = self.span.clone().filter(|_| in_quotes || length == given.len());
        self.suggestion = Some(Box::new(Suggestion { text, span, help }));
        self
    }

    /// Whether the diagnostic is an error, which stops the command.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_names_with_few_typing_errors() {
        let known = ["tags", "name", "region", "instance_type", "Length"];
        for (given, meant) in [
            ("nmae", Some("name")),
            ("regoin", Some("region")),
            ("instance-type", Some("instance_type")),
            ("instance_typ", Some("instance_type")),
            ("instanceType", Some("instance_type")),
            ("length", Some("Length")),
            ("tag", Some("tags")),
            ("etag", None),
            ("size", None),
            ("id", None),
            ("name", None),
            ("tag_s", Some("tags")),
            ("ntags", Some("tags")),
            ("user_data", None),
        ] {
            assert_eq!(closest(given, known).as_deref(), meant, "{given}");
        }
    }

    #[test]
    fn does_not_suggest_a_different_word() {
        for (given, known) in [
            ("aws_instance", "aws_db_instance"),
            ("aws_iam_user", "aws_iam_role"),
            ("aws_rds_instance", "aws_db_instance"),
            ("snapshot_identifier", "ca_cert_identifier"),
            ("identifier_prefix", "identifier"),
            ("user_data_base64", "user_data_text"),
            ("ingress", "egress"),
            ("min_size", "max_size"),
            ("subnet_a", "subnet_b"),
            ("x", "y"),
            ("public_ips", "private_ips"),
        ] {
            assert_eq!(slips(given, known), None, "{given} {known}");
            assert_eq!(slips(known, given), None, "{known} {given}");
        }
        for (given, known) in [
            ("aws_db_instnace", "aws_db_instance"),
            ("aws_dbinstance", "aws_db_instance"),
            ("aws_s3bucket", "aws_s3_bucket"),
            ("instanceTypes", "instance_type"),
            ("INSTANCE_TYPE", "instance_type"),
            ("vpc_secruity_group_ids", "vpc_security_group_ids"),
            ("a", "ab"),
            ("web_sever", "web_server"),
        ] {
            assert!(slips(given, known).is_some(), "{given} {known}");
        }
    }
}

//! What is wrong with a configuration, for the person who writes it.

use ha_value::Severity;
use ha_value::closest;
#[cfg(test)]
use ha_value::slips;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::code::DiagnosticCode;

/// A stretch of a source file, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceSpan {
    /// The file's name as the user gave it.
    pub file: Arc<str>,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl SourceSpan {
    /// A stretch of `file`.
    #[must_use]
    pub fn new(file: Arc<str>, range: Range<usize>) -> Self {
        Self { file, start: range.start, end: range.end }
    }

    /// Whether all of another stretch is within this one.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }
}

/// One thing that is wrong, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// What it goes by, where it has been given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<DiagnosticCode>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in a line: lower case, no period.
    pub summary: String,
    /// More, in whole sentences; empty when the summary says it all.
    pub detail: String,
    /// Where it is wrong.
    pub span: Option<SourceSpan>,
    /// What is said at that place.
    pub label: String,
    /// The head of the block it is in.
    pub context: Option<SourceSpan>,
    /// The instance it was met in.
    pub address: Option<String>,
    /// What the expressions in it were, already redacted.
    pub values: Vec<(String, String)>,
    /// How to fix it.
    pub help: Vec<String>,
    /// A string that would fix it.
    pub suggestion: Option<Box<Suggestion>>,
    /// Other places that have to do with it, each with what is said there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<(SourceSpan, String)>,
}

/// A string that should stand in the source, so that what is wrong is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The text.
    pub text: String,
    /// What it takes the place of, and nothing else; quotes around that stay. None where that is in
    /// no source.
    pub span: Option<SourceSpan>,
    /// What is said with it: ``did you mean `name`?``
    pub help: String,
}

impl Diagnostic {
    /// An error.
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

    /// A warning.
    #[must_use]
    pub fn warning(summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary) }
    }

    /// The same as a warning, for what is not to stop anything.
    #[must_use]
    pub fn into_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Under this code.
    #[must_use]
    pub fn code(mut self, code: DiagnosticCode) -> Self {
        self.code = Some(code);
        self
    }

    /// At this place.
    #[must_use]
    pub fn at(mut self, span: SourceSpan) -> Self {
        self.span = Some(span);
        self
    }

    /// With this said at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Inside the block whose head is here.
    #[must_use]
    pub fn within(mut self, head: SourceSpan) -> Self {
        self.context = Some(head);
        self
    }

    /// With more, in whole sentences.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// With a way to fix it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Met in this instance.
    #[must_use]
    pub fn address(mut self, address: impl fmt::Display) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// With another place that has to do with it, and what is said there.
    #[must_use]
    pub fn related(mut self, span: SourceSpan, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// With a string for a place of the source.
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

    /// With the closest of `known` suggested in the place of `given`, where one is close.
    #[must_use]
    pub fn closest<'a>(self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(given, known) {
            Some(meant) => self.meant(given, &meant),
            None => self,
        }
    }

    /// With a name suggested in the place of `given`. It is put there only where the place that
    /// this is said at is that of `given` and no more, in quotes or without.
    #[must_use]
    pub fn meant(mut self, given: &str, meant: &str) -> Self {
        let help = format!("did you mean `{meant}`?");
        let length = self.span.as_ref().map_or(0, |it| it.end.saturating_sub(it.start));
        let in_quotes = given.is_ascii() && length == given.len() + 2;
        let text = if in_quotes { format!("\"{meant}\"") } else { meant.to_owned() };
        let span = self.span.clone().filter(|_| in_quotes || length == given.len());
        self.suggestion = Some(Box::new(Suggestion { text, span, help }));
        self
    }

    /// Whether it stops the work.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_close_is_a_slip_of_the_hand() {
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
    fn another_word_is_no_slip() {
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

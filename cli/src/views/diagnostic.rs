//! Renders diagnostics as text: errors of the configuration and failures of services look the same.

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Message, Origin, Patch, Renderer, Snippet,
};
use ha_diagnostics::{Diagnostic, DiagnosticCode, SourceSpan, Suggestion};
use ha_provider::{CallOutcome, Error};
use ha_value::Severity;

use super::message_mask::MessageMask;
use super::redacted_value::printable;
use super::secrets::SecretTexts;
use super::source_excerpt::{SourceExcerpt, fitting};
use super::sources::SourceTexts;
use super::style::Painter;
use crate::invocation::in_text;

/// A diagnostic that is ready to be rendered; its strings are not masked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RenderedDiagnostic {
    /// The code of the diagnostic, if it has one.
    pub(crate) code: Option<DiagnosticCode>,
    pub(crate) severity: Severity,
    pub(crate) title: String,
    pub(crate) span: Option<SourceSpan>,
    pub(crate) label: String,
    pub(crate) context: Option<SourceSpan>,
    /// Notes below the excerpt, each with its heading.
    pub(crate) notes: Vec<(&'static str, String)>,
    /// Expressions of the excerpt with their values.
    pub(crate) values: Vec<(String, String)>,
    /// Lines of help.
    pub(crate) help: Vec<String>,
    pub(crate) suggestion: Option<Box<Suggestion>>,
    /// Further places, each with its label.
    pub(crate) related: Vec<(SourceSpan, String)>,
}

impl RenderedDiagnostic {
    /// Creates an error without a place.
    pub(crate) fn error(title: impl Into<String>) -> Self {
        Self {
            code: None,
            severity: Severity::Error,
            title: title.into(),
            span: None,
            label: String::new(),
            context: None,
            notes: Vec::new(),
            values: Vec::new(),
            help: Vec::new(),
            suggestion: None,
            related: Vec::new(),
        }
    }

    /// Sets the code.
    pub(crate) fn code(mut self, code: DiagnosticCode) -> Self {
        self.code = Some(code);
        self
    }

    /// Turns it into a warning.
    pub(crate) fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// Adds a note.
    pub(crate) fn note(mut self, what: &'static str, text: impl Into<String>) -> Self {
        self.notes.push((what, text.into()));
        self
    }

    /// Adds a line of help.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Sets the place to the head of a block.
    pub(crate) fn of_block(mut self, head: Option<&SourceSpan>) -> Self {
        self.span = head.cloned();
        self
    }

    /// Returns all places of the diagnostic, also that of the suggestion.
    pub(crate) fn places(&self) -> impl Iterator<Item = &SourceSpan> {
        let suggested = self.suggestion.iter().filter_map(|it| it.span.as_ref());
        self.span.iter().chain(self.related.iter().map(|(span, _)| span)).chain(suggested)
    }

    /// Creates an error for a failed call to a service, with the causes as the service reported
    /// them.
    pub(crate) fn outside(title: impl Into<String>, error: &Error) -> Self {
        let Error { attempted, causes, code, request, help, outcome } = error;
        let mut notice = Self::error(title);
        if !notice.title.contains(attempted.as_str()) {
            notice = notice.note("attempted", attempted);
        }
        let causes: Vec<&str> =
            causes.iter().map(|it| it.trim()).filter(|it| !it.is_empty()).collect();
        if !causes.is_empty() {
            notice = notice.note("cause", causes.join(": "));
        }
        match (code, request) {
            (Some(code), Some(request)) => {
                notice = notice.note("code", format!("{code} · request {request}"))
            }
            (Some(code), None) => notice = notice.note("code", code),
            (None, Some(request)) => notice = notice.note("request", request),
            (None, None) => {}
        }
        notice = match outcome {
            CallOutcome::Refused => notice,
            CallOutcome::Unknown => {
                notice.note("left as", "not known; the next run looks before it acts")
            }
            CallOutcome::Interrupted => {
                notice.note("left as", "stopped on request; the next run takes it up")
            }
        };
        notice.help.clone_from(help);
        notice
    }
}

impl From<&Error> for RenderedDiagnostic {
    fn from(error: &Error) -> Self {
        let mut notice = Self::outside(format!("could not {}", error.attempted), error);
        // The call did not change anything, so that there is no outcome to report.
        notice.notes.retain(|(what, _)| *what != "left as");
        notice
    }
}

impl From<&Diagnostic> for RenderedDiagnostic {
    fn from(diagnostic: &Diagnostic) -> Self {
        let Diagnostic {
            code,
            severity,
            summary,
            detail,
            span,
            label,
            context,
            address,
            values,
            help,
            suggestion,
            related,
        } = diagnostic;
        let mut notes: Vec<(&'static str, String)> = Vec::new();
        if !detail.is_empty() {
            notes.push(("note", detail.clone()));
        }
        if let Some(address) = address {
            notes.push(("in", address.clone()));
        }
        Self {
            code: *code,
            severity: *severity,
            title: summary.clone(),
            span: span.clone(),
            label: label.clone(),
            context: context.clone(),
            notes,
            values: values.clone(),
            help: help.clone(),
            suggestion: suggestion.clone(),
            related: related.clone(),
        }
    }
}

/// Renders diagnostics as text: errors first, then by file and place.
pub(crate) fn notices_text(
    notices: &[RenderedDiagnostic],
    sources: &SourceTexts,
    secrets: &SecretTexts,
    paint: Painter,
) -> String {
    // Diagnostics come from several stages. Sorted, the output does not depend on their
    // order, and repeated ones are adjacent.
    let mut in_order: Vec<&RenderedDiagnostic> = notices.iter().collect();
    in_order.sort_by_key(|it| {
        (it.severity, it.span.clone().map_or((true, None), |span| (false, Some(span))))
    });
    in_order.dedup();
    if in_order.is_empty() {
        return String::new();
    }
    let literals = sources.secrets();
    let rendered = in_order.iter().map(|it| {
        let mask = MessageMask::new(it, sources, [secrets, &literals]);
        notice_text(it, sources, secrets, &mask, paint) + "\n"
    });
    rendered.collect()
}

fn notice_text(
    notice: &RenderedDiagnostic,
    sources: &SourceTexts,
    secrets: &SecretTexts,
    mask: &MessageMask<'_>,
    paint: Painter,
) -> String {
    let safe = |text: &str| printable(&mask.message(text)).into_owned();
    let safe_help = |text: &str| printable(&mask.help(&in_text(text))).into_owned();
    let safe_note = |what: &str, text: &str| match what {
        "in" => printable(&mask.address(text)).into_owned(),
        _ => printable(&mask.foreign(text)).into_owned(),
    };
    let level = match notice.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(safe(&notice.title));
    let mut group = Group::with_title(match notice.code {
        Some(code) => title.id(code.to_string()),
        None => title,
    });
    for snippet in snippets(notice, sources, secrets, &safe) {
        group = group.element(snippet);
    }
    if let (Some(span), true) = (&notice.span, group_is_bare(notice, sources, secrets)) {
        group = group.element(Origin::path(span.file.to_string()));
    }
    for (what, text) in &notice.notes {
        group = group.element(note(what, safe_note(what, text)));
    }
    if !notice.values.is_empty() {
        let values: Vec<String> =
            notice.values.iter().map(|(what, value)| format!("{what} is {value}")).collect();
        group = group.element(note("values", safe_note("values", &values.join(", "))));
    }
    for text in &notice.help {
        group = group.element(Level::HELP.message(safe_help(text)));
    }
    let mut groups = Vec::new();
    if let Some(Suggestion { text, span, help }) = notice.suggestion.as_deref() {
        // A masked suggestion is not valid code, so that it must not be offered as a replacement.
        let quoted = format!("`{text}`");
        let is_whole = mask.message(&quoted) == quoted;
        match span
            .as_ref()
            .filter(|_| is_whole)
            .and_then(|it| SourceExcerpt::new(it, sources, secrets))
        {
            Some(SourceExcerpt { text: lines, line, places }) => {
                let patch = Patch::new(places[0].clone(), safe_lines(text));
                let snippet = Snippet::source(lines).line_start(line).patch(patch);
                groups.push(Level::HELP.secondary_title(safe_help(help)).element(snippet));
            }
            None => group = group.element(Level::HELP.message(safe_help(help))),
        }
    }
    groups.insert(0, group);
    let renderer = if paint.is_on() { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&groups) + "\n"
}

/// Escapes control characters, apart from line ends.
fn safe_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Whether no line of the place can be shown.
fn group_is_bare(
    notice: &RenderedDiagnostic,
    sources: &SourceTexts,
    secrets: &SecretTexts,
) -> bool {
    notice.span.as_ref().is_none_or(|it| SourceExcerpt::new(it, sources, secrets).is_none())
}

/// Returns the excerpts of a diagnostic; places that are close to each other share one.
fn snippets(
    notice: &RenderedDiagnostic,
    sources: &SourceTexts,
    secrets: &SecretTexts,
    safe: &dyn Fn(&str) -> String,
) -> Vec<Snippet<'static, Annotation<'static>>> {
    let Some(span) = &notice.span else { return Vec::new() };
    let mut all: Vec<(&SourceSpan, AnnotationKind, String)> =
        vec![(span, AnnotationKind::Primary, safe(&notice.label))];
    if let Some(context) = notice.context.as_ref().filter(|it| is_above(it, span, sources)) {
        all.push((context, AnnotationKind::Context, "in this block".to_owned()));
    }
    all.extend(
        notice.related.iter().map(|(span, label)| (span, AnnotationKind::Context, safe(label))),
    );
    let mut snippets = Vec::new();
    while let Some((first, _, _)) = all.first() {
        let file = first.file.clone();
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            all.drain(..).partition(|(it, _, _)| it.file == file);
        let together = SourceExcerpt::of_all(
            &here.iter().map(|(it, _, _)| *it).collect::<Vec<_>>(),
            sources,
            secrets,
        );
        match together {
            Some(window) => snippets.push(annotated(&file, window, here)),
            None => snippets.extend(here.into_iter().filter_map(|it| {
                Some(annotated(&file, SourceExcerpt::new(it.0, sources, secrets)?, vec![it]))
            })),
        }
        all = elsewhere;
    }
    snippets
}

fn annotated(
    file: &str,
    window: SourceExcerpt,
    places: Vec<(&SourceSpan, AnnotationKind, String)>,
) -> Snippet<'static, Annotation<'static>> {
    let SourceExcerpt { text, line, places: ranges } = window;
    let mut snippet = Snippet::source(text).path(file.to_owned()).line_start(line);
    for (range, (_, kind, label)) in ranges.into_iter().zip(places) {
        let annotation = kind.span(range);
        snippet =
            snippet.annotation(if label.is_empty() { annotation } else { annotation.label(label) });
    }
    snippet
}

/// Whether the head of a block is on a line above a place in it.
fn is_above(head: &SourceSpan, place: &SourceSpan, sources: &SourceTexts) -> bool {
    let on = |it: &SourceSpan| {
        sources.text(&it.file).and_then(|text| fitting(it, text)).and(sources.line(it))
    };
    head.file == place.file && head.end <= place.start && on(head) < on(place)
}

fn note(what: &'static str, text: String) -> Message<'static> {
    match what {
        "note" => Level::NOTE.message(text),
        other => Level::NOTE.with_name(other).message(text),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use ha_value::Value;
    use snapbox::str;

    use super::super::test_data::check;
    use super::*;

    const MAIN: &str = "mongodb_host \"db1\" {\n  version      = 6\n  instance_typ = \"m6i.large\"\n  password = \"hunter2hunter2\"\n}\n";

    fn sources() -> SourceTexts {
        [("prod.hcl", MAIN)].into_iter().collect()
    }

    fn span(range: Range<usize>) -> SourceSpan {
        SourceSpan::new("prod.hcl".into(), range)
    }

    fn rendered(notices: &[RenderedDiagnostic], paint: Painter) -> String {
        let secret = Value::from("hunter2hunter2").sensitive();
        notices_text(notices, &sources(), &SecretTexts::within([&secret]), paint)
    }

    fn misspelt() -> Diagnostic {
        Diagnostic::error("unknown argument `instance_typ`")
            .at(span(42..54))
            .label("not an argument of `mongodb_host`")
            .within(span(0..18))
            .closest("instance_typ", ["instance_type", "version"])
    }

    #[test]
    fn an_error_is_shown_with_its_line_its_block_and_the_fixed_line() {
        check(
            &rendered(&[RenderedDiagnostic::from(&misspelt())], Painter::PLAIN),
            str![[r#"
error: unknown argument `instance_typ`
 --> prod.hcl:3:3
  |
1 | mongodb_host "db1" {
  | ------------------ in this block
2 |   version      = 6
3 |   instance_typ = "*********"
  |   ^^^^^^^^^^^^ not an argument of `mongodb_host`
  |
help: did you mean `instance_type`?
  |
3 |   instance_type = "*********"
  |               +


"#]],
        );
        check(
            &rendered(&[RenderedDiagnostic::from(&misspelt())], Painter::COLOURED),
            str![[r#"
␛[1m␛[91merror␛[0m␛[1m: unknown argument `instance_typ`␛[0m
 ␛[1m␛[94m--> ␛[0mprod.hcl:3:3
  ␛[1m␛[94m|␛[0m
␛[1m␛[94m1␛[0m ␛[1m␛[94m|␛[0m mongodb_host "db1" {
  ␛[1m␛[94m|␛[0m ␛[1m␛[94m------------------␛[0m ␛[1m␛[94min this block␛[0m
␛[1m␛[94m2␛[0m ␛[1m␛[94m|␛[0m   version      = 6
␛[1m␛[94m3␛[0m ␛[1m␛[94m|␛[0m   instance_typ = "*********"
  ␛[1m␛[94m|␛[0m   ␛[1m␛[91m^^^^^^^^^^^^␛[0m ␛[1m␛[91mnot an argument of `mongodb_host`␛[0m
  ␛[1m␛[94m|␛[0m
␛[1m␛[96mhelp␛[0m: did you mean `instance_type`?
  ␛[1m␛[94m|␛[0m
␛[1m␛[94m3␛[0m ␛[1m␛[94m| ␛[0m  instance_typ␛[92me␛[0m = "*********"
  ␛[1m␛[94m|␛[0m               ␛[92m+␛[0m


"#]],
        );
    }

    #[test]
    fn errors_first_then_by_place() {
        let diagnostics = [
            Diagnostic::warning("a warning").at(span(0..5)),
            Diagnostic::error("without a place")
                .detail("It has details. Two of them.")
                .address("module.a.b.c[0]"),
            Diagnostic::error("later").at(span(87..97)).label("is hunter2hunter2"),
            Diagnostic::error("sooner").at(span(23..30)).help("do this").help("or that"),
            Diagnostic::error("sooner").at(span(23..30)).help("do this").help("or that"),
        ];
        check(
            &rendered(
                &diagnostics.iter().map(RenderedDiagnostic::from).collect::<Vec<_>>(),
                Painter::PLAIN,
            ),
            str![[r#"
error: sooner
 --> prod.hcl:2:3
  |
2 |   version      = 6
  |   ^^^^^^^
  |
  = help: do this
  = help: or that

error: later
 --> prod.hcl:4:19
  |
4 |   password = "**************"
  |                   ^^^^^^^^^^ is (sensitive)

error: without a place
 |
 = note: It has details. Two of them.
 = in: module.a.b.c[0]

warning: a warning
 --> prod.hcl:1:1
  |
1 | mongodb_host "db1" {
  | ^^^^^


"#]],
        );
    }

    #[test]
    fn values_are_shown() {
        let mut diagnostic = Diagnostic::error("iops is required").at(span(23..30));
        diagnostic.values =
            vec![("var.env".into(), "\"prod\"".into()), ("local.iops".into(), "null".into())];
        check(
            &rendered(&[RenderedDiagnostic::from(&diagnostic)], Painter::PLAIN),
            str![[r#"
error: iops is required
 --> prod.hcl:2:3
  |
2 |   version      = 6
  |   ^^^^^^^
  |
  = values: var.env is "prod", local.iops is null


"#]],
        );
    }

    #[test]
    fn a_failed_call_is_shown_with_its_attempt_and_help() {
        let error =
            Error::new("create the instance", "io2 requires iops; password was hunter2hunter2")
                .code("InvalidParameterCombination")
                .request("1f0c")
                .help("set `iops`, then run `ha apply`")
                .outcome(CallOutcome::Refused);
        let notice = RenderedDiagnostic::outside("could not create aws_db_instance.main", &error)
            .of_block(Some(&span(0..18)));
        check(
            &rendered(&[notice, RenderedDiagnostic::from(&error)], Painter::PLAIN),
            str![[r#"
error: could not create aws_db_instance.main
 --> prod.hcl:1:1
  |
1 | mongodb_host "db1" {
  | ^^^^^^^^^^^^^^^^^^
  |
  = attempted: create the instance
  = cause: io2 requires iops; password was (sensitive)
  = code: InvalidParameterCombination · request 1f0c
  = help: set `iops`, then run `ha apply`

error: could not create the instance
 |
 = cause: io2 requires iops; password was (sensitive)
 = code: InvalidParameterCombination · request 1f0c
 = help: set `iops`, then run `ha apply`


"#]],
        );
    }

    #[test]
    fn no_span_causes_a_panic() {
        let text = "ä = 1\n".to_owned() + &"x".repeat(100_000);
        let sources: SourceTexts =
            [("a.hcl", text.as_str()), ("empty.hcl", "")].into_iter().collect();
        let places = [0, 1, 2, 5, 6, 7, 8, 5_000, 100_006, 100_007, 100_008, usize::MAX];
        for file in ["a.hcl", "empty.hcl", "nowhere.hcl"] {
            for (start, end) in
                places.iter().flat_map(|start| places.iter().map(move |end| (*start, *end)))
            {
                let place = SourceSpan::new(file.into(), start..end);
                let mut notice = RenderedDiagnostic::error("x").help("did you mean `y`?");
                notice.span = Some(place.clone());
                notice.context = Some(SourceSpan::new(file.into(), end..start));
                notice.related = vec![
                    (SourceSpan::new(file.into(), end..end), "here".into()),
                    (place.clone(), String::new()),
                ];
                notice.suggestion = Some(Box::new(Suggestion {
                    text: "y".into(),
                    span: Some(place),
                    help: "so".into(),
                }));
                let text =
                    notices_text(&[notice], &sources, &SecretTexts::default(), Painter::PLAIN);
                assert!(text.len() < 5_000, "{file} {start}..{end}: {}", text.len());
            }
        }
    }
}

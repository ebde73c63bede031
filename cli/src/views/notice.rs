//! What is wrong, on whose line, and what to do: one look for mistakes in the configuration and for what went wrong
//! outside.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Message, Origin, Patch, Renderer, Snippet};
use ha_kind::{Code, Diagnostic, Error, Outcome, Severity, Span};

use super::paint::Paint;
use super::secrets::Secrets;
use super::shown::printable;
use super::sources::Sources;

/// More of a line than this is not shown.
const LONGEST_LINE: usize = 2000;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// What it goes by, where it has been given one.
    pub(crate) code: Option<Code>,
    pub(crate) severity: Severity,
    pub(crate) title: String,
    pub(crate) span: Option<Span>,
    pub(crate) label: String,
    pub(crate) context: Option<Span>,
    /// Lines below, each with what it is.
    pub(crate) notes: Vec<(&'static str, String)>,
    /// What expressions at the place were.
    pub(crate) values: Vec<(String, String)>,
    /// How to mend it, the last of them said with the suggestion.
    pub(crate) help: Vec<String>,
    pub(crate) suggestion: Option<String>,
}

impl Notice {
    /// An error without a place.
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
        }
    }

    /// Under this code.
    pub(crate) fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// With a line below.
    pub(crate) fn note(mut self, what: &'static str, text: impl Into<String>) -> Self {
        self.notes.push((what, text.into()));
        self
    }

    /// With a way to mend it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// At the head of the block.
    pub(crate) fn of_block(mut self, head: Option<&Span>) -> Self {
        self.span = head.cloned();
        self
    }

    /// A failure outside, in the words of who saw it.
    pub(crate) fn outside(title: impl Into<String>, error: &Error) -> Self {
        let Error { attempted, causes, code, request, help, outcome } = error;
        let mut notice = Self::error(title);
        if !notice.title.contains(attempted.as_str()) {
            notice = notice.note("attempted", attempted);
        }
        let causes: Vec<&str> = causes.iter().map(|it| it.trim()).filter(|it| !it.is_empty()).collect();
        if !causes.is_empty() {
            notice = notice.note("cause", causes.join(": "));
        }
        match (code, request) {
            (Some(code), Some(request)) => notice = notice.note("code", format!("{code} · request {request}")),
            (Some(code), None) => notice = notice.note("code", code),
            (None, Some(request)) => notice = notice.note("request", request),
            (None, None) => {}
        }
        notice = match outcome {
            Outcome::Refused => notice,
            Outcome::Unknown => notice.note("left as", "not known; the next run looks before it acts"),
            Outcome::Interrupted => notice.note("left as", "stopped on request; the next run takes it up"),
        };
        notice.help.clone_from(help);
        notice
    }
}

impl From<&Error> for Notice {
    fn from(error: &Error) -> Self {
        let mut notice = Self::outside(format!("could not {}", error.attempted), error);
        // Nothing was being changed, so nothing was left.
        notice.notes.retain(|(what, _)| *what != "left as");
        notice
    }
}

impl From<&Diagnostic> for Notice {
    fn from(diagnostic: &Diagnostic) -> Self {
        let Diagnostic { code, severity, summary, detail, span, label, context, address, values, help, suggestion } = diagnostic;
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
        }
    }
}

/// All of them as text: errors first, by file and place.
pub(crate) fn notices_text(notices: &[Notice], sources: &Sources, secrets: &Secrets, paint: Paint) -> String {
    let mut in_order: Vec<&Notice> = notices.iter().collect();
    in_order.sort_by_key(|it| (it.severity, it.span.clone().map_or((true, None), |span| (false, Some(span)))));
    in_order.dedup();
    if in_order.is_empty() {
        return String::new();
    }
    let literals = sources.secrets();
    let masked = |text: &str| literals.masked(&secrets.masked(text));
    in_order.iter().map(|it| notice_text(it, sources, secrets, &masked, paint) + "\n").collect()
}

fn notice_text(notice: &Notice, sources: &Sources, secrets: &Secrets, masked: &dyn Fn(&str) -> String, paint: Paint) -> String {
    let safe = |text: &str| printable(&masked(text)).into_owned();
    let level = match notice.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let window = notice.span.as_ref().and_then(|it| Window::around(it, notice.context.as_ref(), sources, secrets));
    let (label, title) = (safe(&notice.label), safe(&notice.title));
    let title = level.primary_title(title);
    let mut group = Group::with_title(match notice.code {
        Some(code) => title.id(code.to_string()),
        None => title,
    });
    match (&window, &notice.span) {
        (Some(window), Some(span)) => {
            let primary = AnnotationKind::Primary.span(window.span.clone());
            let mut snippet = Snippet::source(&window.text).path(&*span.file).line_start(window.line);
            snippet = snippet.annotation(if label.is_empty() { primary } else { primary.label(&label) });
            if let Some(context) = window.context.clone() {
                snippet = snippet.annotation(AnnotationKind::Context.span(context).label("in this block"));
            }
            group = group.element(snippet);
        }
        (None, Some(span)) => group = group.element(Origin::path(&*span.file)),
        (_, None) => {}
    }
    let (last, help) = match (&window, &notice.suggestion, notice.help.split_last()) {
        (Some(_), Some(_), Some((last, rest))) => (Some(last), rest),
        _ => (None, notice.help.as_slice()),
    };
    for (what, text) in &notice.notes {
        group = group.element(note(what, safe(text)));
    }
    if !notice.values.is_empty() {
        let values: Vec<String> = notice.values.iter().map(|(what, value)| format!("{what} is {value}")).collect();
        group = group.element(note("values", safe(&values.join(", "))));
    }
    for text in help {
        group = group.element(Level::HELP.message(safe(text)));
    }
    let mut groups = vec![group];
    let suggestion = notice.suggestion.as_deref().map(safe);
    if let (Some(window), Some(suggestion)) = (&window, suggestion) {
        let title = last.map_or_else(|| "write this instead".to_owned(), |it| safe(it));
        let patch = Patch::new(window.misspelt(&suggestion), suggestion);
        let snippet = Snippet::source(&window.text).line_start(window.line).patch(patch);
        groups.push(Level::HELP.secondary_title(title).element(snippet));
    }
    let renderer = if paint.is_on() { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&groups) + "\n"
}

fn note(what: &'static str, text: String) -> Message<'static> {
    match what {
        "note" => Level::NOTE.message(text),
        other => Level::NOTE.with_name(other).message(text),
    }
}

/// The lines that a notice is about, and places in them.
struct Window {
    text: String,
    line: usize,
    span: Range<usize>,
    context: Option<Range<usize>>,
}

impl Window {
    /// None where the file is not known or the span does not fit it.
    fn around(span: &Span, context: Option<&Span>, sources: &Sources, secrets: &Secrets) -> Option<Self> {
        let text = sources.text(&span.file)?;
        let place = fitting(span, text)?;
        let from_line = |at: usize| text[..at].rfind('\n').map_or(0, |it| it + 1);
        // A span that ends with its line ends before the line end.
        let last = if place.end > place.start { place.end - 1 } else { place.start };
        let line_end = text.as_bytes()[last..].iter().position(|it| *it == b'\n').map_or(text.len(), |it| last + it);
        let (mut start, end) = (from_line(place.start), line_end.max(place.end));
        let context = context.filter(|it| it.file == span.file).and_then(|it| fitting(it, text));
        let context = context.filter(|it| it.end <= place.start && from_line(it.start) < start);
        if let Some(context) = &context {
            start = from_line(context.start);
        }
        if text[start..end].split('\n').any(|it| it.len() > LONGEST_LINE) {
            return Self::narrow(&span.file, place, sources, secrets);
        }
        let within = |it: Range<usize>| it.start - start..it.end - start;
        Some(Self {
            text: sources.shown(&span.file, start..end, secrets),
            line: line_of(text, start),
            span: within(place),
            context: context.map(within),
        })
    }

    /// What a suggestion takes the place of: the word that it is most like, where it is a word itself.
    fn misspelt(&self, suggestion: &str) -> Range<usize> {
        let is_part = |it: char| it.is_alphanumeric() || it == '_' || it == '-';
        let whole = &self.text[self.span.clone()];
        let words = || whole.split(|it| !is_part(it)).filter(|it| !it.is_empty());
        let word = suggestion.chars().all(is_part).then(|| ha_kind::closest(suggestion, words())).flatten();
        let place = word.and_then(|word| {
            let ends = |at: usize| !whole[at + word.len()..].starts_with(is_part) && !whole[..at].ends_with(is_part);
            whole.match_indices(&*word).map(|(at, _)| at).find(|at| ends(*at)).map(|at| at..at + word.len())
        });
        place.map_or(self.span.clone(), |it| self.span.start + it.start..self.span.start + it.end)
    }

    /// A little on both sides, for lines that are too long to be shown.
    fn narrow(file: &str, place: Range<usize>, sources: &Sources, secrets: &Secrets) -> Option<Self> {
        let text = sources.text(file)?;
        let boundary = |mut at: usize| {
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(place.start.saturating_sub(40));
        let start = text[start..place.start].rfind('\n').map_or(start, |it| start + it + 1);
        let end = boundary((place.start + 40).min(text.len()));
        let end = text[place.start..end].find('\n').map_or(end, |it| place.start + it);
        let span = place.start - start..place.end.min(end) - start;
        Some(Self { text: sources.shown(file, start..end, secrets), line: line_of(text, start), span, context: None })
    }
}

/// The span as a range of the text; none where it does not fit.
fn fitting(span: &Span, text: &str) -> Option<Range<usize>> {
    let fits = span.start <= span.end && text.is_char_boundary(span.start) && text.is_char_boundary(span.end);
    fits.then_some(span.start..span.end)
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|it| **it == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use ha_kind::Value;
    use snapbox::str;

    use super::super::samples::check;
    use super::*;

    const MAIN: &str =
        "mongodb_host \"db1\" {\n  version      = 6\n  instance_typ = \"m6i.large\"\n  password = \"hunter2hunter2\"\n}\n";

    fn sources() -> Sources {
        [("prod.hcl", MAIN)].into_iter().collect()
    }

    fn span(range: Range<usize>) -> Span {
        Span::new("prod.hcl".into(), range)
    }

    fn rendered(notices: &[Notice], paint: Paint) -> String {
        let secret = Value::from("hunter2hunter2").sensitive();
        notices_text(notices, &sources(), &Secrets::within([&secret]), paint)
    }

    fn misspelt() -> Diagnostic {
        Diagnostic::error("unknown argument `instance_typ`")
            .at(span(42..54))
            .label("not an argument of `mongodb_host`")
            .within(span(0..18))
            .closest("instance_typ", ["instance_type", "version"])
    }

    #[test]
    fn only_the_word_that_is_misspelt_is_mended() {
        let text = "resourc \"a\" \"b\" {\n  x = upperr(\"x\")\n}\n";
        let sources: Sources = [("prod.hcl", text)].into_iter().collect();
        let told = |place: Range<usize>, given: &str, known: &str| {
            let notice = Notice::from(&Diagnostic::error("no").at(span(place)).closest(given, [known]));
            notices_text(&[notice], &sources, &Secrets::default(), Paint::PLAIN)
        };
        let (block, call) = (told(0..15, "resourc", "resource"), told(24..35, "upperr", "upper"));
        assert!(block.contains(" resource \"a\" \"b\" {\n"), "{block}");
        assert!(call.contains(" x = upper(\"x\")\n"), "{call}");
    }

    #[test]
    fn a_mistake_with_its_line_its_block_and_the_mended_line() {
        check(
            &rendered(&[Notice::from(&misspelt())], Paint::PLAIN),
            str![[r#"
error: unknown argument `instance_typ`
 --> prod.hcl:3:3
  |
1 | mongodb_host "db1" {
  | ------------------ in this block
2 |   version      = 6
3 |   instance_typ = "m6i.large"
  |   ^^^^^^^^^^^^ not an argument of `mongodb_host`
  |
help: did you mean `instance_type`?
  |
3 |   instance_type = "m6i.large"
  |               +


"#]],
        );
        check(
            &rendered(&[Notice::from(&misspelt())], Paint::COLOURED),
            str![[r#"
␛[1m␛[91merror␛[0m␛[1m: unknown argument `instance_typ`␛[0m
 ␛[1m␛[94m--> ␛[0mprod.hcl:3:3
  ␛[1m␛[94m|␛[0m
␛[1m␛[94m1␛[0m ␛[1m␛[94m|␛[0m mongodb_host "db1" {
  ␛[1m␛[94m|␛[0m ␛[1m␛[94m------------------␛[0m ␛[1m␛[94min this block␛[0m
␛[1m␛[94m2␛[0m ␛[1m␛[94m|␛[0m   version      = 6
␛[1m␛[94m3␛[0m ␛[1m␛[94m|␛[0m   instance_typ = "m6i.large"
  ␛[1m␛[94m|␛[0m   ␛[1m␛[91m^^^^^^^^^^^^␛[0m ␛[1m␛[91mnot an argument of `mongodb_host`␛[0m
  ␛[1m␛[94m|␛[0m
␛[1m␛[96mhelp␛[0m: did you mean `instance_type`?
  ␛[1m␛[94m|␛[0m
␛[1m␛[94m3␛[0m ␛[1m␛[94m| ␛[0m  instance_typ␛[92me␛[0m = "m6i.large"
  ␛[1m␛[94m|␛[0m               ␛[92m+␛[0m


"#]],
        );
    }

    #[test]
    fn errors_first_then_by_place() {
        let diagnostics = [
            Diagnostic::warning("a warning").at(span(0..5)),
            Diagnostic::error("without a place").detail("It has details. Two of them.").of("module.a.b.c[0]"),
            Diagnostic::error("later").at(span(87..97)).label("is hunter2hunter2"),
            Diagnostic::error("sooner").at(span(23..30)).help("do this").help("or that"),
            Diagnostic::error("sooner").at(span(23..30)).help("do this").help("or that"),
        ];
        check(
            &rendered(&diagnostics.iter().map(Notice::from).collect::<Vec<_>>(), Paint::PLAIN),
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
    fn values_are_told() {
        let mut diagnostic = Diagnostic::error("iops is required").at(span(23..30));
        diagnostic.values = vec![("var.env".into(), "\"prod\"".into()), ("local.iops".into(), "null".into())];
        check(
            &rendered(&[Notice::from(&diagnostic)], Paint::PLAIN),
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
    fn a_failure_outside_says_what_was_attempted_and_what_to_do() {
        let error = Error::new("create the instance", "io2 requires iops; password was hunter2hunter2")
            .code("InvalidParameterCombination")
            .request("1f0c")
            .help("set `iops`, then run `ha apply`")
            .outcome(Outcome::Refused);
        let notice = Notice::outside("could not create aws_db_instance.main", &error).of_block(Some(&span(0..18)));
        check(
            &rendered(&[notice, Notice::from(&error)], Paint::PLAIN),
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
    fn no_span_makes_it_panic() {
        let text = "ä = 1\n".to_owned() + &"x".repeat(100_000);
        let sources: Sources = [("a.hcl", text.as_str()), ("empty.hcl", "")].into_iter().collect();
        let places = [0, 1, 2, 5, 6, 7, 8, 5_000, 100_006, 100_007, 100_008, usize::MAX];
        for file in ["a.hcl", "empty.hcl", "nowhere.hcl"] {
            for (start, end) in places.iter().flat_map(|start| places.iter().map(move |end| (*start, *end))) {
                let mut notice = Notice::error("x").help("did you mean `y`?");
                notice.span = Some(Span::new(file.into(), start..end));
                notice.context = Some(Span::new(file.into(), end..start));
                notice.suggestion = Some("y".into());
                let text = notices_text(&[notice], &sources, &Secrets::default(), Paint::PLAIN);
                assert!(text.len() < 5_000, "{file} {start}..{end}: {}", text.len());
            }
        }
    }
}

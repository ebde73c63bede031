//! Attributes of a change as lines of text.

use std::fmt::Write as _;

use ha_value::{Path, PathStep};

use super::compare::{DiffRow, RowContent};
use super::expression::{inline, inline_after, is_identifier, key, set_out};
use super::line_diff::{
    DiffLine, LineDifference, LineKind, StretchContent, between, lines_of, pretty_json,
};
use super::redacted_value::{
    RedactedValue, SENSITIVE, SENSITIVE_CHANGED, SENSITIVE_UNCHANGED, columns, printable, unknown,
};
use super::style::{Painter, TextRole};

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DetailLevel {
    /// Addresses only.
    None,
    /// Changes, with long strings cut.
    #[default]
    Changed,
    /// Changes, complete.
    Full,
}

/// The indentation of attributes.
const INDENT: usize = 6;
/// Longer names do not widen their column.
const NAMES: usize = 28;
/// Longer values are written on several lines.
const WIDE: usize = 90;

/// The limits of a cut value.
struct RowBudget {
    rows: usize,
    lines: usize,
    preview: usize,
    characters: usize,
}

impl RowBudget {
    fn new(detail: DetailLevel) -> Self {
        match detail {
            DetailLevel::Full => Self {
                rows: usize::MAX,
                lines: usize::MAX,
                preview: usize::MAX,
                characters: usize::MAX,
            },
            _ => Self { rows: 100, lines: 200, preview: 10, characters: 400 },
        }
    }
}

/// Writes rows.
pub(crate) struct RowWriter {
    paint: Painter,
    budget: RowBudget,
    width: usize,
}

impl RowWriter {
    pub(crate) fn new<'a>(
        rows: impl IntoIterator<Item = &'a DiffRow>,
        detail: DetailLevel,
        paint: Painter,
    ) -> Self {
        let width =
            rows.into_iter().map(|it| columns(&place(&it.path))).max().unwrap_or(0).min(NAMES);
        Self { paint, budget: RowBudget::new(detail), width }
    }

    /// Appends the rows.
    pub(crate) fn write(&self, rows: &[DiffRow], text: &mut String) {
        for row in rows.iter().take(self.budget.rows) {
            self.row(row, text);
        }
        if let Some(more) = rows.len().checked_sub(self.budget.rows).filter(|it| *it > 0) {
            self.more(&format!("{more} more places"), INDENT, text);
        }
    }

    /// A line of the same shape as those of attributes.
    pub(crate) fn line(&self, name: &str, value: &str, text: &mut String) {
        let _ = writeln!(text, "{:INDENT$}{name:width$}  {value}", "", width = self.width);
    }

    fn row(&self, row: &DiffRow, text: &mut String) {
        let name = place(&row.path);
        let head = format!(
            "{:INDENT$}{name}{:pad$}  ",
            "",
            "",
            pad = self.width.saturating_sub(columns(&name))
        );
        let note = match row.replaces {
            true => format!("  {}", self.paint.put(TextRole::Alarm, "forces replacement")),
            false => String::new(),
        };
        let mut line = |value: &str| {
            let written = format!("{head}{value}{note}");
            let _ = writeln!(text, "{}", written.trim_end());
        };
        let sign = |tone, sign: &str, value: &RedactedValue| {
            format!("{} {}", self.paint.put(tone, sign), self.short(value))
        };
        match &row.what {
            RowContent::Is(value) => self.whole(&head, value, text),
            RowContent::Added(value) if value.is_long_text() => {
                line(&format!("{} {}", self.paint.put(TextRole::Made, "+"), self.count(value)));
                self.preview(value, text);
            }
            RowContent::Added(value) => line(&sign(TextRole::Made, "+", value)),
            RowContent::Removed(value) if value.is_long_text() => {
                line(&format!("{} {}", self.paint.put(TextRole::Gone, "-"), self.count(value)));
            }
            RowContent::Removed(value) => line(&sign(TextRole::Gone, "-", value)),
            RowContent::SecretChanged => line(SENSITIVE_CHANGED),
            RowContent::SecretUnchanged => line(SENSITIVE_UNCHANGED),
            RowContent::Retyped(before, after) => {
                let types = format!("{before} {} {after}", self.paint.put(TextRole::Changed, "->"));
                line(&format!("{types}  {}", self.paint.put(TextRole::Quiet, "its type alone")));
            }
            RowContent::Marked(true) => line("sensitive from now on"),
            RowContent::Marked(false) => line("not sensitive any more"),
            RowContent::Lines(difference) => {
                line(&format!(
                    "+{} -{} of {} lines",
                    difference.added, difference.removed, difference.total
                ));
                self.hunks(difference, text);
            }
            RowContent::Changed(before, after) => {
                let (old, new) = (inline(before), inline_after(before, after));
                if columns(&old) + columns(&new) <= WIDE {
                    line(&format!("{old} {} {new}", self.paint.put(TextRole::Changed, "->")));
                } else if let (Some(old), Some(new)) = (before.pieces(), after.pieces()) {
                    line("");
                    // A string of one line usually has no line end, so that its absence is not
                    // worth a note.
                    let lines = between(old, new).hunks.into_iter().flat_map(|it| it.lines);
                    self.hunk_lines(lines.map(|it| DiffLine { unended: false, ..it }), text);
                } else {
                    line(&sign(TextRole::Gone, "-", before));
                    let after =
                        format!("{} {}", self.paint.put(TextRole::Made, "+"), self.clipped(&new));
                    let _ = writeln!(text, "{:indent$}  {after}", "", indent = INDENT + self.width);
                }
            }
        }
    }

    /// Writes the value of an attribute of a created or deleted object.
    fn whole(&self, head: &str, value: &RedactedValue, text: &mut String) {
        let pretty = value.pieces().and_then(pretty_json).map(RedactedValue::Text);
        let value = pretty.as_ref().filter(|_| columns(&inline(value)) > WIDE).unwrap_or(value);
        if value.is_long_text() {
            let _ = writeln!(text, "{head}{}", self.count(value));
            return self.preview(value, text);
        }
        let short = inline(value);
        if columns(&short) <= WIDE || value.pieces().is_some() {
            let _ = writeln!(text, "{head}{}", self.clipped(&short));
            return;
        }
        let set_out = set_out(value, INDENT + 2);
        let lines: Vec<&str> = set_out.lines().collect();
        let shown = self.budget.lines.min(lines.len());
        let _ = writeln!(
            text,
            "{head}{}",
            lines[..shown].iter().map(|it| self.clipped(it)).collect::<Vec<_>>().join("\n")
        );
        if lines.len() > shown {
            self.more(&format!("{} more lines", lines.len() - shown), INDENT + 4, text);
        }
    }

    fn count(&self, value: &RedactedValue) -> String {
        let lines = lines_of(value.pieces().unwrap_or_default()).len();
        self.paint.put(TextRole::Quiet, &format!("{lines} lines"))
    }

    /// Writes the first lines of a string. The bar in front keeps a list (`- item`) from looking
    /// like removed lines.
    fn preview(&self, value: &RedactedValue, text: &mut String) {
        let lines = lines_of(value.pieces().unwrap_or_default());
        let shown = if lines.len() <= self.budget.preview.saturating_add(2) {
            lines.len()
        } else {
            self.budget.preview
        };
        for line in &lines[..shown] {
            let _ =
                writeln!(text, "{:indent$}| {}", "", self.content(line, None), indent = INDENT + 2);
        }
        if lines.len() > shown {
            self.more(&format!("{} more lines", lines.len() - shown), INDENT + 2, text);
        }
    }

    fn hunks(&self, difference: &LineDifference, text: &mut String) {
        let mut left = self.budget.lines;
        let total: usize = difference.hunks.iter().map(|it| it.lines.len()).sum();
        for hunk in &difference.hunks {
            if left == 0 {
                break;
            }
            let ((old, olds), (new, news)) = (hunk.old, hunk.new);
            let place = format!("@@ {old},{olds} -> {new},{news} @@");
            let _ = writeln!(
                text,
                "{:indent$}{}",
                "",
                self.paint.put(TextRole::Read, &place),
                indent = INDENT + 2
            );
            self.hunk_lines(hunk.lines.iter().take(left), text);
            left = left.saturating_sub(hunk.lines.len());
        }
        if let Some(more) = total.checked_sub(self.budget.lines).filter(|it| *it > 0) {
            self.more(&format!("{more} more lines"), INDENT + 2, text);
        }
    }

    fn hunk_lines(
        &self,
        lines: impl Iterator<Item = impl std::borrow::Borrow<DiffLine>>,
        text: &mut String,
    ) {
        for line in lines {
            let line = line.borrow();
            let (sign, tone) = match line.kind {
                LineKind::Kept => (" ", None),
                LineKind::Removed => ("-", Some((TextRole::Gone, TextRole::GoneHere))),
                LineKind::Added => ("+", Some((TextRole::Made, TextRole::MadeHere))),
            };
            let sign = tone.map_or_else(|| sign.to_owned(), |(tone, _)| self.paint.put(tone, sign));
            let end = if line.unended && line.kind != LineKind::Kept {
                self.paint.put(TextRole::Quiet, " (no line end)")
            } else {
                String::new()
            };
            let written = format!(
                "{:indent$}{sign} {}{end}",
                "",
                self.content(line, tone),
                indent = INDENT + 2
            );
            let _ = writeln!(text, "{}", written.trim_end());
        }
    }

    fn content(&self, line: &DiffLine, tone: Option<(TextRole, TextRole)>) -> String {
        let mut left = self.budget.characters;
        let mut cut = 0;
        let mut written = String::new();
        for stretch in &line.stretches {
            let content = match &stretch.content {
                StretchContent::Clear(text) => printable(text).into_owned(),
                StretchContent::Secret { changed: false } => SENSITIVE.into(),
                StretchContent::Secret { changed: true } => SENSITIVE_CHANGED.into(),
                StretchContent::Unknown { cause, secret } => unknown(cause.as_deref(), *secret),
            };
            let length = content.chars().count();
            let kept: String =
                if length > left { content.chars().take(left).collect() } else { content };
            cut += length.saturating_sub(left);
            left = left.saturating_sub(length);
            written += &match tone {
                Some((_, here)) if stretch.emphasised => self.paint.put(here, &kept),
                Some((tone, _)) => self.paint.put(tone, &kept),
                None => kept,
            };
        }
        if cut > 0 {
            written += &self.paint.put(TextRole::Quiet, &format!("… {cut} more characters"));
        }
        written
    }

    fn short(&self, value: &RedactedValue) -> String {
        self.clipped(&inline(value))
    }

    fn clipped(&self, text: &str) -> String {
        let length = text.chars().count();
        match length.checked_sub(self.budget.characters) {
            None | Some(0) => text.to_owned(),
            Some(cut) => {
                let kept: String = text.chars().take(self.budget.characters).collect();
                kept + &self.paint.put(TextRole::Quiet, &format!("… {cut} more characters"))
            }
        }
    }

    fn more(&self, what: &str, indent: usize, text: &mut String) {
        let note = format!("… {what}; `--detail full` shows all");
        let _ = writeln!(text, "{:indent$}{}", "", self.paint.put(TextRole::Quiet, &note));
    }
}

/// Writes a path in the syntax of the language: `tags["my key"]`.
pub(crate) fn place(path: &Path) -> String {
    let mut text = String::new();
    for step in path.steps() {
        match step {
            PathStep::Index(index) => text += &format!("[{index}]"),
            PathStep::Name(name) if text.is_empty() => text += name,
            PathStep::Name(name) if is_identifier(name) => text += &format!(".{name}"),
            PathStep::Name(name) => text += &format!("[{}]", key(name)),
        }
    }
    printable(&text).into_owned()
}

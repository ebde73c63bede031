//! Renders one change: its heading, attributes and reason.

use std::fmt::Write as _;

use ha_plan::ChangeReason;
use ha_provider::ImpactSeverity;
use ha_value::{Action, Address, Name, Path};

use super::super::compare::{DiffRow, RowContent, all, differences, is_secret};
use super::super::expression::inline;
use super::super::redacted_value::{RedactedPiece, RedactedValue, SENSITIVE, columns, printable};
use super::super::report::ChangeReport;
use super::super::rows::{DetailLevel, RowWriter, place};
use super::super::style::{TextRole, sign, tone};
use super::{FOLD, PlanView, folded};

/// The most attributes of a deleted object that are shown.
const OF_DELETED: usize = 8;

impl PlanView<'_> {
    pub(super) fn change(&self, change: &ChangeReport, text: &mut String) {
        self.change_head(change, text);
        let (rows, unchanged, later) = self.rows_of(change);
        let notes = self.notes(change);
        let names = notes.iter().map(|(name, _)| named(name)).collect::<Vec<_>>();
        let writer = RowWriter::new(rows.iter().chain(&names), self.detail, self.paint);
        writer.write(&rows, text);
        if !later.is_empty() {
            let names: Vec<&str> = later.iter().map(String::as_str).collect();
            for line in folded(&names, ", ", FOLD - 32) {
                writer.line("(known after apply)", &line, text);
            }
        }
        for (name, note) in &notes {
            writer.line(name, note, text);
        }
        if unchanged > 0 {
            let _ = writeln!(
                text,
                "      {}",
                self.paint.put(TextRole::Quiet, &format!("{unchanged} unchanged"))
            );
        }
        text.push('\n');
    }

    fn change_head(&self, change: &ChangeReport, text: &mut String) {
        let phrase = match (change.action, change.loses_data()) {
            (Action::NoOp, _) if change.importing.is_some() => "take over as it is",
            (Action::NoOp, _) => "unchanged",
            (Action::Update, false) if change.importing.is_some() => "take over and update",
            (Action::Read, _) => "read during apply",
            (Action::Create, _) => "create",
            (Action::Update, false) => "update in place",
            (Action::Update, true) => "UPDATE, LOSES DATA",
            (Action::DeleteThenCreate | Action::CreateThenDelete, true) => "REPLACE, LOSES DATA",
            (Action::DeleteThenCreate, false) => "replace: delete, then create",
            (Action::CreateThenDelete, false) => "replace: create, then delete",
            (Action::Forget, _) => "forget: it stays as it is, and is looked after no longer",
            (Action::Delete, false) => "destroy",
            (Action::Delete, true) => "DESTROY, LOSES DATA",
        };
        let tone = if change.loses_data() { TextRole::Alarm } else { tone(change.action) };
        let title = change.title();
        let pad = self.width.saturating_sub(columns(&title));
        let signed = self.paint.put(tone, &format!("{:<4}", sign(change.action)));
        let place = change
            .place
            .as_deref()
            .map(|it| self.paint.put(TextRole::Quiet, it))
            .unwrap_or_default();
        let phrase = match place.is_empty() {
            true => self.paint.put(tone, phrase),
            false => {
                self.paint.put(tone, phrase) + &" ".repeat(30_usize.saturating_sub(columns(phrase)))
            }
        };
        let title = self.paint.put(TextRole::Head, &printable(&title));
        let line = format!("{signed}{title}{:pad$}  {phrase}{place}", "");
        let _ = writeln!(text, "{}", line.trim_end());
    }

    /// Returns the rows of a change, the number of unchanged attributes, and the outputs that are
    /// known after apply.
    fn rows_of(&self, change: &ChangeReport) -> (Vec<DiffRow>, usize, Vec<String>) {
        let (mut rows, mut unchanged) = match (&change.before, &change.after) {
            (Some(before), None) => {
                let mut rows = all(before);
                let total = rows.len();
                if self.detail != DetailLevel::Full {
                    rows.retain(|it| !matches!(&it.what, RowContent::Is(value) if value.is_long_text() || is_secret(value)));
                    rows.truncate(OF_DELETED);
                }
                let hidden = total - rows.len();
                return (rows, hidden, Vec::new());
            }
            (None, Some(after)) => (all(after), 0),
            (Some(before), Some(after)) => {
                differences(before, after, &change.differences, &change.retyped)
            }
            (None, None) => (Vec::new(), 0),
        };
        if change.action.is_replace()
            && let Some(after) = &change.after
        {
            let stay = |(name, value): (&Name, &RedactedValue)| {
                let is_row = rows.iter().any(|row| row.path == Path::attribute(name.clone()));
                (is_secret(value) && !is_row).then(|| DiffRow {
                    path: Path::attribute(name.clone()),
                    what: RowContent::SecretUnchanged,
                    replaces: false,
                })
            };
            let secrets: Vec<DiffRow> = after.iter().filter_map(stay).collect();
            unchanged -= secrets.len().min(unchanged);
            rows.extend(secrets);
        }
        let is_own = |row: &DiffRow| {
            let (RowContent::Is(value) | RowContent::Added(value) | RowContent::Changed(_, value)) =
                &row.what
            else {
                return false;
            };
            let cause = match (value, value.pieces()) {
                (RedactedValue::Unknown { cause, .. }, _)
                | (_, Some([RedactedPiece::Unknown { cause, .. }])) => cause,
                _ => return false,
            };
            let own = cause.as_deref().is_none_or(|it| {
                it.strip_prefix(&change.address.to_string()).is_some_and(|it| it.starts_with('.'))
            });
            own && !change
                .differences
                .iter()
                .any(|it| it.path.steps().starts_with(row.path.steps()))
        };
        let (later, rows): (Vec<DiffRow>, Vec<DiffRow>) = rows.into_iter().partition(is_own);
        let is_secret = |row: &DiffRow| match &row.what {
            RowContent::Is(value) | RowContent::Added(value) | RowContent::Changed(_, value) => {
                inline(value).starts_with("(sensitive")
            }
            _ => false,
        };
        let name = |row: &DiffRow| match is_secret(row) {
            true => format!("{} {SENSITIVE}", place(&row.path)),
            false => place(&row.path),
        };
        (rows, unchanged, later.iter().map(name).collect())
    }

    fn notes(&self, change: &ChangeReport) -> Vec<(&'static str, String)> {
        let mut notes: Vec<(&'static str, String)> = Vec::new();
        for remark in &change.remarks {
            notes.push(("seen", self.paint.put(TextRole::Notice, &printable(remark))));
        }
        if let Some(reason) = change.reason.as_ref().and_then(|it| reason(it, change)) {
            notes.push(("because", reason));
        }
        if !change.because.is_empty() {
            notes.push(("because of", printable(&change.because.join(" <- ")).into_owned()));
        }
        if let Some(before) = &change.moved_from {
            notes.push(("moved", format!("from {before}")));
        }
        if let Some(id) = &change.importing {
            notes.push(("taken over", format!("by its id {}", printable(id))));
        }
        if let Some(host) = &change.gone_with {
            notes.push(("goes with", format!("{host}, without a call of its own")));
        }
        for impact in &change.impacts {
            let message = printable(&impact.message);
            notes.push(match impact.severity {
                ImpactSeverity::Notice => ("then", message.into_owned()),
                ImpactSeverity::Disruption => {
                    ("disrupts", self.paint.put(TextRole::Notice, &message))
                }
                ImpactSeverity::DataLoss => {
                    ("loses data", self.paint.put(TextRole::Alarm, &message))
                }
            });
        }
        notes
    }
}

fn named(name: &str) -> DiffRow {
    DiffRow { path: Path::attribute(name), what: RowContent::SecretUnchanged, replaces: false }
}

/// Returns the reason of a change, unless the differences show it.
fn reason(reason: &ChangeReason, change: &ChangeReport) -> Option<String> {
    Some(match reason {
        ChangeReason::Tainted => "the last try at it failed half-way".into(),
        ChangeReason::Lost => {
            "what it was is lost with the state, so another one takes its place".into()
        }
        ChangeReason::Requested => "`--replace` asks for it".into(),
        ChangeReason::Triggered(what) => format!("`{what}` in `replace_triggered_by` changes"),
        ChangeReason::Within(Address { .. }) if change.gone_with.is_some() => return None,
        ChangeReason::Within(address) => format!("it lives inside of {address}"),
        ChangeReason::CannotUpdate if change.differences.iter().any(|it| it.replaces) => {
            return None;
        }
        ChangeReason::CannotUpdate => "it cannot change in place".into(),
        ChangeReason::NoConfiguration => "its block is no longer in the configuration".into(),
        ChangeReason::NoModule => "its module is no longer in the configuration".into(),
        ChangeReason::NoMoveTarget => {
            "it was moved to where the configuration asks for nothing".into()
        }
        ChangeReason::WrongRepetition => {
            "its block has `count` or `for_each` where it had not, or the other way round".into()
        }
        ChangeReason::CountIndex => "its index is beyond `count`".into(),
        ChangeReason::EachKey => "its key is no longer in `for_each`".into(),
        ChangeReason::NotEnabled => "its block says `enabled = false`".into(),
        ChangeReason::Deposed => "it was replaced before, and is still there".into(),
        ChangeReason::Abandoned => "what an earlier run began to make is no longer wanted".into(),
        ChangeReason::Destroy => return None,
        ChangeReason::Gone => "it is no longer there".into(),
        ChangeReason::ArgumentsUnknown => "its arguments are known only during apply".into(),
        ChangeReason::DependencyPending => "something it depends on changes first".into(),
        ChangeReason::ForCheck => "a `check` block reads it at the end".into(),
    })
}

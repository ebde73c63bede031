//! One change: its head, its attributes, and why.

use std::fmt::Write as _;

use ha_plan::Reason;
use ha_provider::ImpactSeverity;
use ha_value::{Action, Address, Name, Path};

use super::super::compare::{Row, What, all, differences, is_secret};
use super::super::expression::inline;
use super::super::redacted_value::{Piece, SENSITIVE, Shown, columns, printable};
use super::super::report::ShownChange;
use super::super::rows::{Detail, Rows, place};
use super::super::style::{Tone, sign, tone};
use super::{FOLD, View, folded};

/// How many attributes of something that goes are shown.
const OF_DELETED: usize = 8;

impl View<'_> {
    pub(super) fn change(&self, change: &ShownChange, text: &mut String) {
        self.change_head(change, text);
        let (rows, unchanged, later) = self.rows_of(change);
        let notes = self.notes(change);
        let names = notes.iter().map(|(name, _)| named(name)).collect::<Vec<_>>();
        let writer = Rows::new(rows.iter().chain(&names), self.detail, self.paint);
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
            let _ = writeln!(text, "      {}", self.paint.put(Tone::Quiet, &format!("{unchanged} unchanged")));
        }
        text.push('\n');
    }

    fn change_head(&self, change: &ShownChange, text: &mut String) {
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
        let tone = if change.loses_data() { Tone::Alarm } else { tone(change.action) };
        let title = change.title();
        let pad = self.width.saturating_sub(columns(&title));
        let signed = self.paint.put(tone, &format!("{:<4}", sign(change.action)));
        let place = change.place.as_deref().map(|it| self.paint.put(Tone::Quiet, it)).unwrap_or_default();
        let phrase = match place.is_empty() {
            true => self.paint.put(tone, phrase),
            false => self.paint.put(tone, phrase) + &" ".repeat(30_usize.saturating_sub(columns(phrase))),
        };
        let title = self.paint.put(Tone::Head, &printable(&title));
        let line = format!("{signed}{title}{:pad$}  {phrase}{place}", "");
        let _ = writeln!(text, "{}", line.trim_end());
    }

    /// The rows of a change, how many attributes stay, and the outputs that only apply will tell.
    fn rows_of(&self, change: &ShownChange) -> (Vec<Row>, usize, Vec<String>) {
        let (mut rows, mut unchanged) = match (&change.before, &change.after) {
            (Some(before), None) => {
                let mut rows = all(before);
                let total = rows.len();
                if self.detail != Detail::Full {
                    rows.retain(|it| !matches!(&it.what, What::Is(value) if value.is_long_text() || is_secret(value)));
                    rows.truncate(OF_DELETED);
                }
                let hidden = total - rows.len();
                return (rows, hidden, Vec::new());
            }
            (None, Some(after)) => (all(after), 0),
            (Some(before), Some(after)) => differences(before, after, &change.differences, &change.retyped),
            (None, None) => (Vec::new(), 0),
        };
        if change.action.is_replace()
            && let Some(after) = &change.after
        {
            let stay = |(name, value): (&Name, &Shown)| {
                let is_row = rows.iter().any(|row| row.path == Path::attribute(name.clone()));
                (is_secret(value) && !is_row).then(|| Row {
                    path: Path::attribute(name.clone()),
                    what: What::SecretUnchanged,
                    replaces: false,
                })
            };
            let secrets: Vec<Row> = after.iter().filter_map(stay).collect();
            unchanged -= secrets.len().min(unchanged);
            rows.extend(secrets);
        }
        let is_own = |row: &Row| {
            let (What::Is(value) | What::Added(value) | What::Changed(_, value)) = &row.what else { return false };
            let cause = match (value, value.pieces()) {
                (Shown::Unknown { cause, .. }, _) | (_, Some([Piece::Unknown { cause, .. }])) => cause,
                _ => return false,
            };
            let own = cause
                .as_deref()
                .is_none_or(|it| it.strip_prefix(&change.address.to_string()).is_some_and(|it| it.starts_with('.')));
            own && !change.differences.iter().any(|it| it.path.steps().starts_with(row.path.steps()))
        };
        let (later, rows): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(is_own);
        let is_secret = |row: &Row| match &row.what {
            What::Is(value) | What::Added(value) | What::Changed(_, value) => inline(value).starts_with("(sensitive"),
            _ => false,
        };
        let name = |row: &Row| match is_secret(row) {
            true => format!("{} {SENSITIVE}", place(&row.path)),
            false => place(&row.path),
        };
        (rows, unchanged, later.iter().map(name).collect())
    }

    fn notes(&self, change: &ShownChange) -> Vec<(&'static str, String)> {
        let mut notes: Vec<(&'static str, String)> = Vec::new();
        for remark in &change.remarks {
            notes.push(("seen", self.paint.put(Tone::Notice, &printable(remark))));
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
                ImpactSeverity::Disruption => ("disrupts", self.paint.put(Tone::Notice, &message)),
                ImpactSeverity::DataLoss => ("loses data", self.paint.put(Tone::Alarm, &message)),
            });
        }
        notes
    }
}

fn named(name: &str) -> Row {
    Row { path: Path::attribute(name), what: What::SecretUnchanged, replaces: false }
}

/// Why, where the differences do not say it.
fn reason(reason: &Reason, change: &ShownChange) -> Option<String> {
    Some(match reason {
        Reason::Tainted => "the last try at it failed half-way".into(),
        Reason::Lost => "what it was is lost with the state, so another one takes its place".into(),
        Reason::Requested => "`--replace` asks for it".into(),
        Reason::Triggered(what) => format!("`{what}` in `replace_triggered_by` changes"),
        Reason::Within(Address { .. }) if change.gone_with.is_some() => return None,
        Reason::Within(address) => format!("it lives inside of {address}"),
        Reason::CannotUpdate if change.differences.iter().any(|it| it.replaces) => return None,
        Reason::CannotUpdate => "it cannot change in place".into(),
        Reason::NoConfiguration => "its block is no longer in the configuration".into(),
        Reason::NoModule => "its module is no longer in the configuration".into(),
        Reason::NoMoveTarget => "it was moved to where the configuration asks for nothing".into(),
        Reason::WrongRepetition => "its block has `count` or `for_each` where it had not, or the other way round".into(),
        Reason::CountIndex => "its index is beyond `count`".into(),
        Reason::EachKey => "its key is no longer in `for_each`".into(),
        Reason::NotEnabled => "its block says `enabled = false`".into(),
        Reason::Deposed => "it was replaced before, and is still there".into(),
        Reason::Abandoned => "what an earlier run began to make is no longer wanted".into(),
        Reason::Destroy => return None,
        Reason::Gone => "it is no longer there".into(),
        Reason::ArgumentsUnknown => "its arguments are known only during apply".into(),
        Reason::DependencyPending => "something it depends on changes first".into(),
        Reason::ForCheck => "a `check` block reads it at the end".into(),
    })
}

//! Renders the summary of a plan: the number of changes, and their addresses.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ha_plan::PlanMode;
use ha_value::{Address, InstanceKey};

use super::super::redacted_value::printable;
use super::super::report::ChangeReport;
use super::super::rows::DetailLevel;
use super::super::style::{TextRole, sign, tone};
use super::{FOLD, PlanView, folded};

/// Longer lists of counted instances are shown as ranges.
const MANY: usize = 1000;
/// The most lines of addresses whose changes are harmless.
const LINES: usize = 200;
/// The lowest rank of a change that may do harm.
const RISKY: u8 = 3;

/// `1 to create, 3 to update, 1 to replace, 0 to destroy`.
pub(crate) fn counted(counts: &ha_plan::ChangeCounts) -> String {
    let ha_plan::ChangeCounts { create, update, replace, delete, read, forget, import } = counts;
    let mut text = format!(
        "{create} to create, {update} to update, {replace} to replace, {delete} to destroy"
    );
    if *read > 0 {
        let _ = write!(text, ", {read} to read");
    }
    if *forget > 0 {
        let _ = write!(text, ", {forget} to forget");
    }
    if *import > 0 {
        let _ = write!(text, ", {import} to import");
    }
    text
}

impl PlanView<'_> {
    pub(super) fn summary(&self, text: &mut String) {
        let report = self.report;
        let head = |it: &str| self.paint.put(TextRole::Head, it);
        if report.errored {
            let failed =
                "Planning failed. This is what was planned until then; it cannot be applied.";
            let _ = writeln!(text, "{}", self.paint.put(TextRole::Alarm, failed));
        }
        if report.is_empty && !report.errored {
            let _ = writeln!(
                text,
                "{} {}{}",
                head("No changes."),
                self.nothing(),
                self.not_looked_at()
            );
            self.unminded(text);
            return;
        }
        let unchanged = match (self.seen_unchanged(), report.unchecked.len()) {
            (0, 0) => String::new(),
            (0, unchecked) => format!(" · {unchecked} not looked at"),
            (unchanged, 0) => format!(" · {unchanged} unchanged"),
            (unchanged, unchecked) => {
                format!(" · {unchanged} unchanged, {unchecked} not looked at")
            }
        };
        let moved = if report.moves.is_empty() {
            String::new()
        } else {
            format!(", {} to move", report.moves.len())
        };
        let _ = writeln!(text, "{} {}{moved}{unchanged}", head("Plan:"), counted(&report.counts));
        self.addresses(text);
    }

    /// Returns the summary of a plan without changes.
    fn nothing(&self) -> String {
        match (self.report.mode, self.seen_unchanged()) {
            (PlanMode::Destroy, _) => "There is nothing to destroy.".into(),
            (PlanMode::RefreshOnly, _) if self.report.unchecked.is_empty() => {
                "What is there is as recorded.".into()
            }
            (PlanMode::RefreshOnly, 0) => "Nothing could be seen.".into(),
            (PlanMode::RefreshOnly, _) => "What could be seen is as recorded.".into(),
            (PlanMode::Normal, 0) if !self.report.unchecked.is_empty() => {
                "Nothing could be seen.".into()
            }
            (PlanMode::Normal, 0) => "Nothing is configured and nothing is there.".into(),
            (PlanMode::Normal, 1) => "1 resource is as configured.".into(),
            (PlanMode::Normal, many) => format!("{many} resources are as configured."),
        }
    }

    /// Returns the number of unchanged resources that were refreshed.
    fn seen_unchanged(&self) -> usize {
        let touched = |address: &Address| self.changed.contains_key(address);
        let unseen = self.report.unchecked.iter().filter(|(address, _)| !touched(address)).count();
        self.report.unchanged.saturating_sub(unseen)
    }

    /// Returns the note on resources that could not be refreshed, in a plan without changes.
    fn not_looked_at(&self) -> String {
        match self.report.unchecked.len() {
            0 => String::new(),
            1 => " 1 resource could not be looked at and is taken to be as recorded.".into(),
            many => {
                format!(" {many} resources could not be looked at and are taken to be as recorded.")
            }
        }
    }

    /// Adds the note on drift that is hidden because the configuration does not set those
    /// arguments.
    fn unminded(&self, text: &mut String) {
        let count = self.report.drift.iter().filter(|it| !self.shows_drift(it)).count();
        if count > 0 {
            let what = if count == 1 {
                "1 resource has".to_owned()
            } else {
                format!("{count} resources have")
            };
            let _ = writeln!(
                text,
                "{what} changed outside in ways that the configuration does not mind; `--refresh-only` shows and takes them over."
            );
        }
    }

    /// Adds the addresses for each action. Harmful changes are listed completely.
    fn addresses(&self, text: &mut String) {
        let mut by_sign: BTreeMap<(u8, &str), Vec<&ChangeReport>> = BTreeMap::new();
        for change in self.report.changes.iter().filter(|it| it.is_something()) {
            by_sign.entry((change.rank(), sign(change.action))).or_default().push(change);
        }
        for ((rank, signed), changes) in by_sign {
            let tone = tone(changes[0].action);
            let signed = self.paint.put(tone, &format!("{signed:<3}"));
            // A harmful change gets its own line, so that it cannot be missed, unless there are too
            // many of them.
            let lines = match rank {
                RISKY.. if changes.len() <= MANY => {
                    changes.iter().map(|it| self.risky(it)).collect()
                }
                RISKY.. => {
                    let worst =
                        changes.iter().filter(|it| it.loses_data()).map(|it| self.risky(it));
                    let others = changes.iter().filter(|it| !it.loses_data()).map(|it| &it.address);
                    worst.chain(self.all_named(others)).collect()
                }
                _ if changes.iter().all(|it| it.deposed.is_none()) => {
                    self.named(changes.iter().map(|it| &it.address))
                }
                _ => changes.iter().map(|it| printable(&it.title()).into_owned()).collect(),
            };
            for line in lines {
                let _ = writeln!(text, "  {signed}  {line}");
            }
        }
    }

    fn risky(&self, change: &ChangeReport) -> String {
        let title = printable(&change.title()).into_owned();
        match change.loses_data() {
            true => format!("{title}  {}", self.paint.put(TextRole::Alarm, "<- loses data")),
            false => title,
        }
    }

    /// Returns addresses, several per line; a long list is cut.
    pub(super) fn named<'a>(&self, addresses: impl Iterator<Item = &'a Address>) -> Vec<String> {
        let mut lines = self.all_named(addresses);
        if lines.len() > LINES && self.detail != DetailLevel::Full {
            let more = lines.len() - LINES;
            lines.truncate(LINES);
            lines.push(
                self.paint.put(
                    TextRole::Quiet,
                    &format!("… {more} more lines; `--detail full` shows all"),
                ),
            );
        }
        lines
    }

    /// Returns addresses, several per line; in a long list counted instances become ranges.
    fn all_named<'a>(&self, addresses: impl Iterator<Item = &'a Address>) -> Vec<String> {
        let all: Vec<&Address> = addresses.collect();
        let names: Vec<String> = match all.len() {
            0..=MANY => all.iter().map(|it| printable(&it.to_string()).into_owned()).collect(),
            _ => all.chunk_by(|a, b| follows(a, b)).map(range).collect(),
        };
        folded(&names.iter().map(String::as_str).collect::<Vec<_>>(), "  ", FOLD)
    }
}

/// Whether `next` is the instance that follows `one`.
fn follows(one: &Address, next: &Address) -> bool {
    match (&one.key, &next.key) {
        (InstanceKey::Index(one_index), InstanceKey::Index(index)) => {
            one.block == next.block && one_index + 1 == *index
        }
        _ => false,
    }
}

fn range(of: &[&Address]) -> String {
    match of {
        [first, .., last] => format!("{}{} to {}", first.block, first.key, last.key),
        other => other.iter().map(ToString::to_string).collect(),
    }
}

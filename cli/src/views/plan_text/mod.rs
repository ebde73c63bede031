//! The plan as a person reads it: what changes and why, the worst last, and at the very end what happens to what.

mod alike;
mod change;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ha_kind::{Action, Address, Name, Path};
use ha_plan::PlanMode;

use self::alike::stretches;
pub(crate) use self::summary::counted;
use super::compare::{Row, What, compare, unseen};
use super::paint::{Paint, Tone};
use super::report::{Report, ShownDrift, ShownOutput};
use super::rows::{Detail, Rows};
use super::shown::{Shown, columns, printable};

/// Addresses longer than this do not push what follows to the right.
const ADDRESSES: usize = 48;
/// Lists of addresses are folded at this width.
const FOLD: usize = 100;

/// The plan as text.
pub(crate) fn plan_text(report: &Report, detail: Detail, paint: Paint) -> String {
    let width = report.changes.iter().map(|it| columns(&it.title())).max().unwrap_or(0).min(ADDRESSES);
    let changed = report.changes.iter().filter(|it| it.deposed.is_none()).map(|it| (&it.address, it.action)).collect();
    let view = View { report, detail, paint, width, changed };
    let mut text = view.head();
    if detail != Detail::None {
        view.unfinished(&mut text);
        view.changes(&mut text);
        view.moves(&mut text);
        view.drift(&mut text);
        view.unchecked(&mut text);
        view.remarks(&mut text);
        view.outputs(&mut text);
        view.rolling(&mut text);
    }
    view.left_out(&mut text);
    view.summary(&mut text);
    text
}

struct View<'a> {
    report: &'a Report,
    detail: Detail,
    paint: Paint,
    /// How wide the column of addresses is.
    width: usize,
    changed: BTreeMap<&'a Address, Action>,
}

impl View<'_> {
    fn head(&self) -> String {
        let mut facts = vec![format!("ha {}", env!("CARGO_PKG_VERSION")), self.report.stack.clone()];
        facts.extend(self.report.identities.iter().cloned());
        facts.push(match self.report.state_number {
            0 => "no state yet".into(),
            number => format!("state {number}"),
        });
        match self.report.mode {
            PlanMode::Normal => {}
            PlanMode::Destroy => facts.push("destroy".into()),
            PlanMode::RefreshOnly => facts.push("refresh only".into()),
        }
        format!("{}\n\n", self.paint.put(Tone::Head, &printable(&facts.join(" · "))))
    }

    fn unfinished(&self, text: &mut String) {
        if self.report.unfinished.is_empty() {
            return;
        }
        let head = "An earlier run stopped half-way; apply finishes these first";
        let _ = writeln!(text, "{}", self.paint.put(Tone::Notice, head));
        for address in &self.report.unfinished {
            let _ = writeln!(text, "      {address}");
        }
        text.push('\n');
    }

    fn changes(&self, text: &mut String) {
        let changes = &self.report.changes;
        for stretch in stretches(changes, self.detail) {
            for change in stretch.shown {
                self.change(change, text);
            }
            if let [first, .., last] | [first @ last] = stretch.alike {
                let many = format!("{} more like these: {} to {}", stretch.alike.len(), first.title(), last.title());
                let note = format!("    … {}; `--detail full` shows all", printable(&many));
                let _ = writeln!(text, "{}\n", self.paint.put(Tone::Quiet, &note));
            }
        }
    }

    fn moves(&self, text: &mut String) {
        for (from, to) in &self.report.moves {
            let _ = writeln!(text, "{from} has moved to {}", self.paint.put(Tone::Head, &printable(&to.to_string())));
        }
        if !self.report.moves.is_empty() {
            text.push('\n');
        }
    }

    fn left_out(&self, text: &mut String) {
        let Report { left_out, targets, excludes, .. } = self.report;
        if targets.is_empty() && excludes.is_empty() {
            return;
        }
        let asked = [("--target", targets), ("--exclude", excludes)];
        let asked = asked.iter().flat_map(|(option, of)| of.iter().map(move |it| format!("{option} {it}")));
        let head = format!("Not the whole: {}; {} left out", asked.collect::<Vec<_>>().join(" "), left_out.len());
        let _ = writeln!(text, "{}", self.paint.put(Tone::Notice, &printable(&head)));
        for line in self.named(left_out.iter()) {
            let _ = writeln!(text, "      {line}");
        }
        text.push('\n');
    }

    /// Whether something that changed outside is worth telling: where the plan follows from it, or was asked about it.
    fn tells(&self, drift: &ShownDrift) -> bool {
        self.report.mode == PlanMode::RefreshOnly || (!self.report.is_empty && drift.contributes)
    }

    fn drift(&self, text: &mut String) {
        let told: Vec<&ShownDrift> = self.report.drift.iter().filter(|it| self.tells(it)).collect();
        if told.is_empty() {
            return;
        }
        let _ = writeln!(text, "{}", self.paint.put(Tone::Notice, &format!("Changed outside ha ({})", told.len())));
        for drift in told {
            self.drifted(drift, text);
        }
        text.push('\n');
    }

    fn drifted(&self, drift: &ShownDrift, text: &mut String) {
        let then = match self.changed.get(&drift.address) {
            _ if self.report.mode == PlanMode::RefreshOnly => "the state is to say so",
            None | Some(Action::NoOp) => "the configuration does not mind",
            Some(Action::Update) => "this plan sets it back",
            Some(Action::Delete) => "this plan deletes it",
            Some(Action::Forget) => "this plan forgets it",
            Some(_) => "this plan makes it anew",
        };
        let what = if drift.after.is_none() { "is gone" } else { "differs" };
        let _ = writeln!(text, "    {} {what}; {then}", printable(&drift.address.to_string()));
        let mut rows = Vec::new();
        if let Some(after) = &drift.after {
            compare(&Path::root(), Some(&Shown::Object(drift.before.clone())), Some(&Shown::Object(after.clone())), &mut rows);
            let named = |row: &Row| {
                let here = row.path.steps();
                drift.paths.iter().any(|it| here.starts_with(it.steps()) || it.steps().starts_with(here))
            };
            rows.retain(named);
        }
        Rows::new(rows.iter(), self.detail, self.paint).write(&rows, text);
        for remark in &drift.remarks {
            let _ = writeln!(text, "      {}", self.paint.put(Tone::Notice, &printable(remark)));
        }
    }

    fn remarks(&self, text: &mut String) {
        for (address, remark) in &self.report.remarks {
            let _ = writeln!(text, "    {address}  {}", self.paint.put(Tone::Notice, &printable(remark)));
        }
        text.push_str(if self.report.remarks.is_empty() { "" } else { "\n" });
    }

    fn unchecked(&self, text: &mut String) {
        if self.report.unchecked.is_empty() {
            return;
        }
        let head = format!("Could not be looked at; taken to be as recorded ({})", self.report.unchecked.len());
        let _ = writeln!(text, "{}", self.paint.put(Tone::Notice, &head));
        for (address, why) in &self.report.unchecked {
            let _ = writeln!(text, "?   {address}  {}", printable(why));
        }
        text.push('\n');
    }

    fn outputs(&self, text: &mut String) {
        let rows: Vec<Row> = self.report.outputs.iter().filter_map(|(name, it)| output_row(name, it)).collect();
        if rows.is_empty() {
            return;
        }
        let _ = writeln!(text, "{}", self.paint.put(Tone::Head, "Outputs"));
        Rows::new(rows.iter(), self.detail, self.paint).write(&rows, text);
        text.push('\n');
    }

    fn rolling(&self, text: &mut String) {
        for (group, members, at_most) in &self.report.rolling {
            let head = self.paint.put(Tone::Notice, &printable(group));
            let _ = writeln!(text, "{head}: {members} members are disrupted, at most {at_most} at a time\n");
        }
    }
}

fn output_row(name: &Name, output: &ShownOutput) -> Option<Row> {
    let ShownOutput { before, after, sensitive: _, retyped, marked } = output;
    let mut rows = Vec::new();
    compare(&Path::attribute(name.clone()), before.as_ref(), after.as_ref(), &mut rows);
    match rows.len() {
        0 => {
            let marked = marked.map(What::Marked);
            let what = marked.or_else(|| unseen(before.as_ref(), after.as_ref(), retyped.as_ref()))?;
            Some(Row { path: Path::attribute(name.clone()), what, replaces: false })
        }
        1 => rows.pop(),
        // Outputs are shown whole: who reads them reads their names.
        _ => {
            let what = What::Changed(before.clone().unwrap_or(Shown::Null), after.clone().unwrap_or(Shown::Null));
            Some(Row { path: Path::attribute(name.clone()), what, replaces: false })
        }
    }
}

/// Words in lines of at most so many columns.
fn folded(words: &[&str], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if columns(line) + columns(between) + columns(word) <= width => {
                line.push_str(between);
                line.push_str(word);
            }
            _ => lines.push((*word).to_owned()),
        }
    }
    lines
}

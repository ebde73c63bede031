//! Renders a plan as text: changes with their reasons, the most severe last, and a summary at the
//! end.

mod change;
mod grouping;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ha_plan::PlanMode;
use ha_value::{Action, Address, Name, Path};

use self::grouping::stretches;
pub(crate) use self::summary::counted;
use super::compare::{DiffRow, RowContent, compare, unseen};
use super::redacted_value::{RedactedValue, columns, printable};
use super::report::{ChangeReport, DriftReport, OutputReport, PlanReport};
use super::rows::{DetailLevel, RowWriter};
use super::style::{Painter, TextRole};

/// Longer addresses do not widen their column.
const ADDRESSES: usize = 48;
/// The remark on a difference without an action.
const NOT_MINDED: &str = "the configuration does not mind";
/// The width at which lists of addresses are wrapped.
const FOLD: usize = 100;

/// Returns the plan as text.
pub(crate) fn plan_text(report: &PlanReport, detail: DetailLevel, paint: Painter) -> String {
    let width =
        report.changes.iter().map(|it| columns(&it.title())).max().unwrap_or(0).min(ADDRESSES);
    let changed = report
        .changes
        .iter()
        .filter(|it| it.deposed.is_none())
        .map(|it| (&it.address, it))
        .collect();
    let view = PlanView { report, detail, paint, width, changed };
    let mut text = view.head();
    if detail != DetailLevel::None {
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

struct PlanView<'a> {
    report: &'a PlanReport,
    detail: DetailLevel,
    paint: Painter,
    /// The width of the column of addresses.
    width: usize,
    changed: BTreeMap<&'a Address, &'a ChangeReport>,
}

impl PlanView<'_> {
    fn head(&self) -> String {
        let mut facts =
            vec![format!("ha {}", env!("CARGO_PKG_VERSION")), self.report.stack.clone()];
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
        format!("{}\n\n", self.paint.put(TextRole::Head, &printable(&facts.join(" · "))))
    }

    fn unfinished(&self, text: &mut String) {
        if self.report.unfinished.is_empty() {
            return;
        }
        let head = "An earlier run stopped half-way; apply finishes these first";
        let _ = writeln!(text, "{}", self.paint.put(TextRole::Notice, head));
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
                let many = format!(
                    "{} more like these: {} to {}",
                    stretch.alike.len(),
                    first.title(),
                    last.title()
                );
                let note = format!("    … {}; `--detail full` shows all", printable(&many));
                let _ = writeln!(text, "{}\n", self.paint.put(TextRole::Quiet, &note));
            }
        }
    }

    fn moves(&self, text: &mut String) {
        for (from, to) in &self.report.moves {
            let _ = writeln!(
                text,
                "{from} has moved to {}",
                self.paint.put(TextRole::Head, &printable(&to.to_string()))
            );
        }
        if !self.report.moves.is_empty() {
            text.push('\n');
        }
    }

    fn left_out(&self, text: &mut String) {
        let PlanReport { left_out, targets, excludes, .. } = self.report;
        let asked = [("--target", targets), ("--exclude", excludes)];
        let asked: Vec<String> = asked
            .iter()
            .flat_map(|(option, of)| of.iter().map(move |it| format!("{option} {it}")))
            .collect();
        let head = match (asked.is_empty(), self.report.errored) {
            (true, true) if !left_out.is_empty() => {
                format!("Not planned; depends on what is wrong ({})", left_out.len())
            }
            (true, _) => return,
            (false, _) => {
                format!("Not the whole: {}; {} left out", asked.join(" "), left_out.len())
            }
        };
        let _ = writeln!(text, "{}", self.paint.put(TextRole::Notice, &printable(&head)));
        for line in self.named(left_out.iter()) {
            let _ = writeln!(text, "      {line}");
        }
        text.push('\n');
    }

    /// Whether drift is shown: if the plan results from it, or the operator asked for it.
    fn shows_drift(&self, drift: &DriftReport) -> bool {
        self.report.mode == PlanMode::RefreshOnly || (!self.report.is_empty && drift.contributes)
    }

    fn drift(&self, text: &mut String) {
        let shown: Vec<&DriftReport> =
            self.report.drift.iter().filter(|it| self.shows_drift(it)).collect();
        if shown.is_empty() {
            return;
        }
        let _ = writeln!(
            text,
            "{}",
            self.paint.put(TextRole::Notice, &format!("Changed outside ha ({})", shown.len()))
        );
        for drift in shown {
            self.drifted(drift, text);
        }
        text.push('\n');
    }

    fn drifted(&self, drift: &DriftReport, text: &mut String) {
        let change = self.changed.get(&drift.address);
        let then = match change.map(|it| it.action) {
            _ if self.report.mode == PlanMode::RefreshOnly => "the state is to say so",
            None | Some(Action::NoOp) => NOT_MINDED,
            Some(Action::Update) => "this plan sets it back",
            Some(Action::Delete) => "this plan deletes it",
            Some(Action::Forget) => "this plan forgets it",
            Some(_) => "this plan makes it again",
        };
        let rows = differing(drift);
        // An update reverts the drift of the arguments that it changes, and keeps that of unset
        // ones.
        let update = change
            .filter(|it| it.action == Action::Update && self.report.mode != PlanMode::RefreshOnly);
        let (set_back, left): (Vec<DiffRow>, Vec<DiffRow>) = match update {
            Some(change) => rows.into_iter().partition(|it| changes_at(change, &it.path)),
            None => (rows, Vec::new()),
        };
        let is_shown = !set_back.is_empty() || left.is_empty();
        if is_shown {
            self.drifted_so(drift, then, &set_back, text);
        }
        if !left.is_empty() {
            self.drifted_so(drift, NOT_MINDED, &left, text);
        }
        // An attribute that is shown with the change is not part of the drift that the change
        // reverts.
        let is_shown_below = change.is_some_and(|it| it.action != Action::NoOp)
            && self.report.mode != PlanMode::RefreshOnly;
        for remark in drift.remarks.iter().filter(|_| !is_shown_below) {
            let _ =
                writeln!(text, "      {}", self.paint.put(TextRole::Notice, &printable(remark)));
        }
    }

    fn drifted_so(&self, drift: &DriftReport, then: &str, rows: &[DiffRow], text: &mut String) {
        let what = if drift.after.is_none() { "is gone" } else { "differs" };
        let _ = writeln!(text, "    {} {what}; {then}", printable(&drift.address.to_string()));
        RowWriter::new(rows.iter(), self.detail, self.paint).write(rows, text);
    }

    fn remarks(&self, text: &mut String) {
        for (address, remark) in &self.report.remarks {
            let _ = writeln!(
                text,
                "    {address}  {}",
                self.paint.put(TextRole::Notice, &printable(remark))
            );
        }
        text.push_str(if self.report.remarks.is_empty() { "" } else { "\n" });
    }

    fn unchecked(&self, text: &mut String) {
        if self.report.unchecked.is_empty() {
            return;
        }
        let head = format!(
            "Could not be looked at; taken to be as recorded ({})",
            self.report.unchecked.len()
        );
        let _ = writeln!(text, "{}", self.paint.put(TextRole::Notice, &head));
        for (address, why) in &self.report.unchecked {
            let _ = writeln!(text, "?   {address}  {}", printable(why));
        }
        text.push('\n');
    }

    fn outputs(&self, text: &mut String) {
        let rows: Vec<DiffRow> =
            self.report.outputs.iter().filter_map(|(name, it)| output_row(name, it)).collect();
        if rows.is_empty() {
            return;
        }
        let _ = writeln!(text, "{}", self.paint.put(TextRole::Head, "Outputs"));
        RowWriter::new(rows.iter(), self.detail, self.paint).write(&rows, text);
        text.push('\n');
    }

    fn rolling(&self, text: &mut String) {
        for (group, members, at_most) in &self.report.rolling {
            let head = self.paint.put(TextRole::Notice, &printable(group));
            let _ = writeln!(
                text,
                "{head}: {members} members are disrupted, at most {at_most} at a time\n"
            );
        }
    }
}

/// Returns the drift, at the paths where it is shown.
fn differing(drift: &DriftReport) -> Vec<DiffRow> {
    let mut rows = Vec::new();
    let Some(after) = &drift.after else { return rows };
    compare(
        &Path::root(),
        Some(&RedactedValue::Object(drift.before.clone())),
        Some(&RedactedValue::Object(after.clone())),
        &mut rows,
    );
    let named = |row: &DiffRow| drift.paths.iter().any(|it| is_one_inside(it, &row.path));
    rows.retain(named);
    rows
}

/// Whether a change alters the value at a path.
fn changes_at(change: &ChangeReport, path: &Path) -> bool {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return true };
    let mut rows = Vec::new();
    compare(
        &Path::root(),
        Some(&RedactedValue::Object(before.clone())),
        Some(&RedactedValue::Object(after.clone())),
        &mut rows,
    );
    rows.iter().any(|it| is_one_inside(&it.path, path))
}

/// Whether two paths are equal or one contains the other.
fn is_one_inside(one: &Path, other: &Path) -> bool {
    one.steps().starts_with(other.steps()) || other.steps().starts_with(one.steps())
}

fn output_row(name: &Name, output: &OutputReport) -> Option<DiffRow> {
    let OutputReport { before, after, sensitive: _, retyped, marked } = output;
    let mut rows = Vec::new();
    compare(&Path::attribute(name.clone()), before.as_ref(), after.as_ref(), &mut rows);
    match rows.len() {
        0 => {
            let marked = marked.map(RowContent::Marked);
            let what =
                marked.or_else(|| unseen(before.as_ref(), after.as_ref(), retyped.as_ref()))?;
            Some(DiffRow { path: Path::attribute(name.clone()), what, replaces: false })
        }
        1 => rows.pop(),
        // Several differences within an output are shown as one change of the whole value, because
        // readers look outputs up by their names.
        _ => {
            let what = RowContent::Changed(
                before.clone().unwrap_or(RedactedValue::Null),
                after.clone().unwrap_or(RedactedValue::Null),
            );
            Some(DiffRow { path: Path::attribute(name.clone()), what, replaces: false })
        }
    }
}

/// Wraps words at a number of columns.
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

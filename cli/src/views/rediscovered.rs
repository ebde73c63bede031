//! What was found after a state was lost, as lines of text.

use std::collections::BTreeMap;

use ha_apply::Rediscovered;
use ha_plan::{Change, Reason, Settled, told_id};
use ha_provider::{Recognised, Search};
use ha_value::{Action, Address};

use super::secrets::Secrets;

/// Sections of one line for each thing, those that hold something.
pub(crate) fn rediscovered_lines(found: &Rediscovered, secrets: &Secrets) -> Vec<String> {
    let ids = ids(found);
    let mut sections: BTreeMap<Section, Vec<Vec<String>>> = BTreeMap::new();
    let mut enter = |section, address: &Address, more: Vec<String>| {
        let cells = std::iter::once(address.to_string()).chain(more).map(|it| secrets.masked(&it)).collect();
        sections.entry(section).or_default().push(cells);
    };
    for change in &found.plan.changes {
        let (section, more) = entry(change, found.searches.get(&change.address), &ids);
        if let Some(section) = section {
            enter(section, &change.address, more);
        }
        let is_lost = change.reason == Some(Reason::Lost);
        if change.importing.is_some() && change.action.is_replace() && !is_lost {
            let names = change.differences.iter().filter(|it| it.replaces).map(|it| format!("`{}`", it.path));
            let because = names.collect::<Vec<_>>().join(", ");
            enter(Section::Replaced, &change.address, vec![format!("because of {because}")]);
        }
    }
    for stray in &found.strays {
        enter(Section::Stray, &stray.address, vec![told_id(stray)]);
    }
    let unlisted: Vec<Vec<String>> = found.unlisted.iter().map(|it| vec![secrets.masked(&it.to_string())]).collect();
    if !unlisted.is_empty() {
        sections.insert(Section::Unlisted, unlisted);
    }
    let mut lines = Vec::new();
    if let Some(lineage) = &found.lineage {
        lines.push(format!("What was found says that it belongs to the state {lineage}."));
    }
    for (section, rows) in sections {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(format!("{} ({})", section.title(), rows.len()));
        lines.extend(aligned(rows).into_iter().map(|it| format!("  {it}")));
    }
    lines
}

/// What may be said of an instance, in the order in which it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Found,
    Given,
    Supposed,
    Lost,
    Several,
    Absent,
    Stray,
    Unlisted,
    Replaced,
}

impl Section {
    fn title(self) -> &'static str {
        match self {
            Section::Found => "Found, and recorded from now on",
            Section::Given => "Given, and recorded from now on",
            Section::Supposed => "Taken to be where its name says, because nobody could be asked; recorded from now on",
            Section::Lost => "Lost, and in no service: the next plan makes another. `--given` takes what was kept elsewhere",
            Section::Several => "More than one thing may be it, so none is recorded: say with `--given` which",
            Section::Absent => "Not found: the next plan makes it",
            Section::Stray => "Made for this state and not configured any more: recorded, and the next plan deletes it",
            Section::Unlisted => "Not all could be listed that may not be configured any more; it is left alone",
            Section::Replaced => "Found, and the next plan would make it anew: see that this is what you want",
        }
    }
}

/// The service's names for what is recorded, but for those that are secret themselves.
fn ids(found: &Rediscovered) -> BTreeMap<&Address, String> {
    let seen = found.plan.settled.iter().filter_map(|it| match it {
        Settled::Seen(record) if !record.is_lost() => Some((&record.address, told_id(record))),
        _ => None,
    });
    seen.collect()
}

fn entry(change: &Change, search: Option<&Search>, ids: &BTreeMap<&Address, String>) -> (Option<Section>, Vec<String>) {
    let id = || ids.get(&change.address).cloned().unwrap_or_default();
    match search {
        _ if change.reason == Some(Reason::Lost) => (Some(Section::Lost), Vec::new()),
        Some(Search::Found(found)) => (Some(Section::Found), vec![id(), said(found.by).to_owned()]),
        Some(Search::Unasked(_, why)) => (Some(Section::Supposed), vec![id(), why.clone()]),
        Some(Search::Several(all)) => {
            let each = all.iter().map(|(id, by)| format!("{id} {}", said(*by)));
            (Some(Section::Several), vec![each.collect::<Vec<_>>().join("; ")])
        }
        Some(Search::Unsearchable(why)) => (Some(Section::Absent), vec![why.clone()]),
        Some(Search::Nothing) => (Some(Section::Absent), Vec::new()),
        None if change.importing.is_some() => (Some(Section::Given), vec![id()]),
        None if change.action == Action::Create => (Some(Section::Absent), Vec::new()),
        None => (None, Vec::new()),
    }
}

fn said(by: Recognised) -> &'static str {
    match by {
        Recognised::Trace => "by the address that `ha` wrote on it",
        Recognised::NameAndTrace => "by its name and the address that `ha` wrote on it",
        Recognised::Name => "by its name",
    }
}

/// Cells longer than this push those behind them.
const WIDE: usize = 60;

/// Rows whose cells begin under each other, but for the last ones.
fn aligned(rows: Vec<Vec<String>>) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let lengths = |at: usize| rows.iter().filter(move |it| it.len() > at + 1).map(move |it| it[at].chars().count());
    let width = |at: usize| lengths(at).filter(|it| *it <= WIDE).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let row = |cells: &Vec<String>| {
        let last = cells.len() - 1;
        let cell =
            |(at, it): (usize, &String)| if at == last { it.clone() } else { format!("{it:<width$}  ", width = widths[at]) };
        cells.iter().enumerate().map(cell).collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_begin_under_each_other() {
        let rows = [vec!["a.b", "1", "by its name"], vec!["a.long", "", "x"], vec!["a.c"]];
        let rows = rows.map(|it| it.into_iter().map(str::to_owned).collect()).into();
        assert_eq!(aligned(rows), ["a.b     1  by its name", "a.long     x", "a.c"]);
    }
}

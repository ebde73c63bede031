//! Renders the result of a state recovery as lines of text.

use std::collections::BTreeMap;

use ha_apply::RediscoveryResult;
use ha_plan::{Change, ChangeReason, RefreshUpdate, told_id};
use ha_provider::{DiscoveryEvidence, DiscoveryResult};
use ha_value::{Action, Address};

use super::secrets::SecretTexts;

/// Returns the sections that are not empty, with one line for each instance.
pub(crate) fn rediscovered_lines(found: &RediscoveryResult, secrets: &SecretTexts) -> Vec<String> {
    let ids = ids(found);
    let mut sections: BTreeMap<RecoverySection, Vec<Vec<String>>> = BTreeMap::new();
    let mut enter = |section, address: &Address, more: Vec<String>| {
        let cells = std::iter::once(address.to_string())
            .chain(more)
            .map(|it| secrets.masked(&it))
            .collect();
        sections.entry(section).or_default().push(cells);
    };
    for change in &found.plan.changes {
        let (section, more) = entry(change, found.searches.get(&change.address), &ids);
        if let Some(section) = section {
            enter(section, &change.address, more);
        }
        let is_lost = change.reason == Some(ChangeReason::Lost);
        if change.importing.is_some() && change.action.is_replace() && !is_lost {
            let names = change
                .differences
                .iter()
                .filter(|it| it.replaces)
                .map(|it| format!("`{}`", it.path));
            let because = names.collect::<Vec<_>>().join(", ");
            enter(
                RecoverySection::Replaced,
                &change.address,
                vec![format!("because of {because}")],
            );
        }
    }
    for stray in &found.strays {
        enter(RecoverySection::Stray, &stray.address, vec![told_id(stray)]);
    }
    let unlisted: Vec<Vec<String>> =
        found.unlisted.iter().map(|it| vec![secrets.masked(&it.to_string())]).collect();
    if !unlisted.is_empty() {
        sections.insert(RecoverySection::Unlisted, unlisted);
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

/// The results for an instance, in the order of display.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RecoverySection {
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

impl RecoverySection {
    fn title(self) -> &'static str {
        match self {
            RecoverySection::Found => "Found, and recorded from now on",
            RecoverySection::Given => "Given, and recorded from now on",
            RecoverySection::Supposed => {
                "Taken to be where its name says, because no one could be asked; recorded from now on"
            }
            RecoverySection::Lost => {
                "Lost, and in no service: the next plan makes another. `--given` takes what was kept elsewhere"
            }
            RecoverySection::Several => {
                "More than one thing may be it, so none is recorded: say with `--given` which"
            }
            RecoverySection::Absent => "Not found: the next plan makes it",
            RecoverySection::Stray => {
                "Made for this state and not configured any more: recorded, and the next plan deletes it"
            }
            RecoverySection::Unlisted => {
                "Not all could be listed that may not be configured any more; it is left alone"
            }
            RecoverySection::Replaced => {
                "Found, and the next plan would make it again: see that this is what you want"
            }
        }
    }
}

/// Returns the ids of recorded instances, with secret ones masked.
fn ids(found: &RediscoveryResult) -> BTreeMap<&Address, String> {
    let seen = found.plan.settled.iter().filter_map(|it| match it {
        RefreshUpdate::Seen(record) if !record.is_lost() => {
            Some((&record.address, told_id(record)))
        }
        _ => None,
    });
    seen.collect()
}

fn entry(
    change: &Change,
    search: Option<&DiscoveryResult>,
    ids: &BTreeMap<&Address, String>,
) -> (Option<RecoverySection>, Vec<String>) {
    let id = || ids.get(&change.address).cloned().unwrap_or_default();
    match search {
        _ if change.reason == Some(ChangeReason::Lost) => (Some(RecoverySection::Lost), Vec::new()),
        Some(DiscoveryResult::Found(found)) => {
            (Some(RecoverySection::Found), vec![id(), evidence_text(found.by).to_owned()])
        }
        Some(DiscoveryResult::Unasked(_, why)) => {
            (Some(RecoverySection::Supposed), vec![id(), why.clone()])
        }
        Some(DiscoveryResult::Several(all)) => {
            let each = all.iter().map(|(id, by)| format!("{id} {}", evidence_text(*by)));
            (Some(RecoverySection::Several), vec![each.collect::<Vec<_>>().join("; ")])
        }
        Some(DiscoveryResult::Unsearchable(why)) => {
            (Some(RecoverySection::Absent), vec![why.clone()])
        }
        Some(DiscoveryResult::Nothing) => (Some(RecoverySection::Absent), Vec::new()),
        None if change.importing.is_some() => (Some(RecoverySection::Given), vec![id()]),
        None if change.action == Action::Create => (Some(RecoverySection::Absent), Vec::new()),
        None => (None, Vec::new()),
    }
}

fn evidence_text(by: DiscoveryEvidence) -> &'static str {
    match by {
        DiscoveryEvidence::Trace => "by the address that `ha` wrote on it",
        DiscoveryEvidence::NameAndTrace => "by its name and the address that `ha` wrote on it",
        DiscoveryEvidence::Name => "by its name",
    }
}

/// Longer cells do not widen their column.
const WIDE: usize = 60;

/// Aligns the cells of rows, apart from the last cell.
fn aligned(rows: Vec<Vec<String>>) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let lengths = |at: usize| {
        rows.iter().filter(move |it| it.len() > at + 1).map(move |it| it[at].chars().count())
    };
    let width = |at: usize| lengths(at).filter(|it| *it <= WIDE).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let row = |cells: &Vec<String>| {
        let last = cells.len() - 1;
        let cell = |(at, it): (usize, &String)| {
            if at == last { it.clone() } else { format!("{it:<width$}  ", width = widths[at]) }
        };
        cells.iter().enumerate().map(cell).collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned() {
        let rows = [vec!["a.b", "1", "by its name"], vec!["a.long", "", "x"], vec!["a.c"]];
        let rows = rows.map(|it| it.into_iter().map(str::to_owned).collect()).into();
        assert_eq!(aligned(rows), ["a.b     1  by its name", "a.long     x", "a.c"]);
    }
}

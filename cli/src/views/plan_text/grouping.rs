//! Groups equal changes to instances of one block, of which only the first few are shown.

use std::collections::HashSet;

use ha_value::Path;

use super::super::report::ChangeReport;
use super::super::rows::DetailLevel;

/// Larger groups are cut to the first changes and a count.
const MANY: usize = 10;
/// The number of changes that are shown of a larger group.
const SHOWN: usize = 3;

/// Consecutive changes.
pub(super) struct ChangeGroup<'a> {
    /// The changes to show.
    pub(super) shown: &'a [ChangeReport],
    /// The changes that equal the last shown ones.
    pub(super) alike: &'a [ChangeReport],
}

/// Returns the changes in order, with repeated ones apart.
pub(super) fn stretches(changes: &[ChangeReport], detail: DetailLevel) -> Vec<ChangeGroup<'_>> {
    if detail == DetailLevel::Full {
        return vec![ChangeGroup { shown: changes, alike: &[] }];
    }
    let apart = |group: &'_ [ChangeReport]| group.len() > MANY;
    let mut all = Vec::new();
    for group in changes.chunk_by(are_alike) {
        let (shown, alike) = group.split_at(if apart(group) { SHOWN } else { group.len() });
        all.push(ChangeGroup { shown, alike });
    }
    all
}

/// Whether two instances of one block have the same action, attributes and reason.
fn are_alike(one: &ChangeReport, other: &ChangeReport) -> bool {
    let plain = |it: &ChangeReport| {
        it.deposed.is_none()
            && it.gone_with.is_none()
            && it.remarks.is_empty()
            && it.importing.is_none()
            && !it.loses_data()
    };
    plain(one)
        && plain(other)
        && one.address.block == other.address.block
        && one.action == other.action
        && one.reason == other.reason
        && one.moved_from.is_some() == other.moved_from.is_some()
        && paths(one) == paths(other)
        && one.impacts == other.impacts
}

fn paths(change: &ChangeReport) -> HashSet<(&Path, bool)> {
    change.differences.iter().map(|it| (&it.path, it.replaces)).collect()
}

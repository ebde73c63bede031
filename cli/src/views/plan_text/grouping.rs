//! Changes that are the same but for the instance they are made to: of many, the first few tell it
//! all.

use std::collections::HashSet;

use ha_value::Path;

use super::super::report::ChangeReport;
use super::super::rows::DetailLevel;

/// Of more than this the first are shown and the others counted.
const MANY: usize = 10;
/// So many are shown.
const SHOWN: usize = 3;

/// Changes in a row.
pub(super) struct ChangeGroup<'a> {
    /// Those to show.
    pub(super) shown: &'a [ChangeReport],
    /// Those that are like the ones shown last.
    pub(super) alike: &'a [ChangeReport],
}

/// The changes in their order, those apart that are told by the ones before them.
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

/// Whether the same happens to the same attributes of two instances of one block, for the same
/// reason.
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

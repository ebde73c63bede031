//! What records depend on. Records that depend on the same blocks share one group, in memory and on
//! disk: written out for each record, a thousand records that depend on a thousand others would be
//! a million names.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use ha_value::BlockAddress;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A group of at most so many blocks is written in place; a larger one is written once and named.
const MAX_BLOCKS_IN_PLACE: usize = 8;
/// The largest depth of nested groups, so that recursion over them cannot overflow the stack.
const MAX_DEPTH: usize = 256;

/// The blocks that something depends on.
#[derive(Clone, Default)]
pub struct Dependencies(Option<GroupLink>);

#[derive(Clone)]
enum GroupLink {
    Resolved(Arc<DependencyGroup>),
    /// Read from disk as a name; [`Dependencies::resolve`] replaces it by the group.
    Unresolved(DependencyGroupId),
}

/// Blocks, and other groups of blocks.
#[derive(Debug)]
pub struct DependencyGroup {
    /// Computed at first use: most groups are never written.
    id: OnceLock<DependencyGroupId>,
    blocks: Box<[BlockAddress]>,
    groups: Box<[Arc<DependencyGroup>]>,
    depth: usize,
}

/// The name of a group: a digest of its content, so that equal groups are written once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DependencyGroupId([u8; 16]);

/// All groups of a state, by name.
pub type DependencyGroups = BTreeMap<DependencyGroupId, Arc<DependencyGroup>>;

/// A group in its serialised form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    blocks: Vec<BlockAddress>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<DependencyGroupId>,
}

impl Dependencies {
    /// The union of blocks and of other dependencies.
    #[must_use]
    pub fn joined(blocks: BTreeSet<BlockAddress>, others: &[Self]) -> Self {
        let mut groups: Vec<Arc<DependencyGroup>> =
            others.iter().filter_map(|it| it.group().cloned()).collect();
        if groups.len() > 1 {
            // Sorted, so that the same groups give the same name whatever order they were joined
            // in.
            groups.sort_unstable_by_key(|it| it.id());
            groups.dedup_by_key(|it| it.id());
        }
        if blocks.is_empty() && groups.len() <= 1 {
            return Self(groups.pop().map(GroupLink::Resolved));
        }
        // A name is as long as a few blocks, so small groups are merged instead of nested.
        let is_small = |it: &Arc<DependencyGroup>| {
            it.groups.is_empty() && it.blocks.len() <= MAX_BLOCKS_IN_PLACE
        };
        let (small, large): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_small);
        let small = small.iter().flat_map(|it| it.blocks.iter().cloned());
        let mut blocks: BTreeSet<BlockAddress> = blocks.into_iter().chain(small).collect();
        // Long chains would nest one level for each link, so that groups at the limit are
        // flattened.
        let (large, too_deep) = large.into_iter().partition::<Vec<_>, _>(|it| it.depth < MAX_DEPTH);
        for group in too_deep {
            blocks.extend(Self(Some(GroupLink::Resolved(group))).iter().cloned());
        }
        Self(Some(GroupLink::Resolved(DependencyGroup::new(blocks.into_iter().collect(), large))))
    }

    /// The group of all blocks; none when there are no blocks.
    #[must_use]
    pub fn group(&self) -> Option<&Arc<DependencyGroup>> {
        match &self.0 {
            Some(GroupLink::Resolved(group)) => Some(group),
            _ => None,
        }
    }

    fn id(&self) -> Option<DependencyGroupId> {
        match &self.0 {
            Some(GroupLink::Resolved(group)) => Some(group.id()),
            Some(GroupLink::Unresolved(id)) => Some(*id),
            None => None,
        }
    }

    /// Whether there are no blocks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The blocks, in no particular order. A group that is nested several times is visited once,
    /// but a block of several groups is repeated.
    pub fn iter(&self) -> impl Iterator<Item = &BlockAddress> {
        let mut seen: HashSet<DependencyGroupId> = HashSet::new();
        let mut open: Vec<&Arc<DependencyGroup>> = self.group().into_iter().collect();
        let groups = std::iter::from_fn(move || {
            let group = open.pop()?;
            open.extend(group.groups.iter().filter(|it| seen.insert(it.id())));
            Some(group)
        });
        groups.flat_map(|it| it.blocks.iter())
    }

    /// Replaces blocks by others. `done` caches the replaced groups for all dependencies of a
    /// state, so that a shared group is rewritten once and stays shared.
    pub fn replace(
        &mut self,
        by: &impl Fn(&BlockAddress) -> Option<Vec<BlockAddress>>,
        done: &mut HashMap<DependencyGroupId, Dependencies>,
    ) {
        if let Some(group) = self.group() {
            *self = group.replaced(by, done);
        }
    }

    /// Replaces a name by the group.
    pub fn resolve(&mut self, groups: &DependencyGroups) {
        if let Some(GroupLink::Unresolved(id)) = &self.0
            && let Some(group) = groups.get(id)
        {
            self.0 = Some(GroupLink::Resolved(group.clone()));
        }
    }

    /// The groups that must be written before this can be, without the `known` ones; each after the
    /// groups that it contains.
    pub fn to_write(&self, known: &HashSet<DependencyGroupId>) -> Vec<Arc<DependencyGroup>> {
        let mut order = Vec::new();
        let Some(group) =
            self.group().filter(|it| !it.is_written_in_place() && !known.contains(&it.id()))
        else {
            return order;
        };
        // A depth-first walk in which a group comes up twice: the second time, its own are written.
        let mut seen = HashSet::new();
        let mut open = vec![(group, false)];
        while let Some((group, is_after_its_own)) = open.pop() {
            if is_after_its_own {
                order.push(group.clone());
            } else if seen.insert(group.id()) {
                open.push((group, true));
                open.extend(
                    group
                        .groups
                        .iter()
                        .filter(|it| !known.contains(&it.id()))
                        .map(|it| (it, false)),
                );
            }
        }
        order
    }
}

impl DependencyGroup {
    fn new(blocks: Vec<BlockAddress>, groups: Vec<Arc<DependencyGroup>>) -> Arc<Self> {
        let depth = groups.iter().map(|it| it.depth + 1).max().unwrap_or(0);
        Arc::new(Self { id: OnceLock::new(), blocks: blocks.into(), groups: groups.into(), depth })
    }

    /// The name of the group.
    #[must_use]
    pub fn id(&self) -> DependencyGroupId {
        *self.id.get_or_init(|| {
            let mut digest = Sha256::new();
            for block in &self.blocks {
                digest.update(block.to_string());
                // A separator, so that two lists of blocks never give the same bytes.
                digest.update(b"\n");
            }
            for group in &self.groups {
                digest.update(b"=");
                digest.update(group.id().0);
            }
            let digest: [u8; 32] = digest.finalize().into();
            DependencyGroupId(*digest.first_chunk().expect("a digest is longer than a name"))
        })
    }

    /// The blocks of the group itself, without those of nested groups.
    #[must_use]
    pub fn blocks(&self) -> &[BlockAddress] {
        &self.blocks
    }

    /// The nested groups.
    #[must_use]
    pub fn groups(&self) -> &[Arc<DependencyGroup>] {
        &self.groups
    }

    fn is_written_in_place(&self) -> bool {
        self.groups.is_empty() && self.blocks.len() <= MAX_BLOCKS_IN_PLACE
    }

    fn replaced(
        &self,
        by: &impl Fn(&BlockAddress) -> Option<Vec<BlockAddress>>,
        done: &mut HashMap<DependencyGroupId, Dependencies>,
    ) -> Dependencies {
        if let Some(done) = done.get(&self.id()) {
            return done.clone();
        }
        let replacements = |it: &BlockAddress| by(it).unwrap_or_else(|| vec![it.clone()]);
        let blocks = self.blocks.iter().flat_map(replacements).collect();
        // The recursion is bounded by the largest depth.
        let groups: Vec<Dependencies> =
            self.groups.iter().map(|it| it.replaced(by, done)).collect();
        let replaced = Dependencies::joined(blocks, &groups);
        done.insert(self.id(), replaced.clone());
        replaced
    }

    /// The serialised form.
    pub fn record(&self) -> GroupRecord {
        GroupRecord {
            blocks: self.blocks.to_vec(),
            groups: self.groups.iter().map(|it| it.id()).collect(),
        }
    }
}

impl GroupRecord {
    /// The group; nested groups are found among those that were written before it.
    pub fn group(self, known: &DependencyGroups) -> Arc<DependencyGroup> {
        // A name that is missing here cannot occur in an intact state: groups precede what names
        // them.
        let groups = self.groups.iter().filter_map(|it| known.get(it).cloned()).collect();
        DependencyGroup::new(self.blocks, groups)
    }
}

impl FromIterator<BlockAddress> for Dependencies {
    fn from_iter<T: IntoIterator<Item = BlockAddress>>(blocks: T) -> Self {
        Self::joined(blocks.into_iter().collect(), &[])
    }
}

impl PartialEq for DependencyGroup {
    fn eq(&self, other: &Self) -> bool {
        // Without nested groups, comparing the blocks is cheaper than two digests.
        match self.groups.is_empty() && other.groups.is_empty() {
            true => self.blocks == other.blocks,
            false => self.id() == other.id(),
        }
    }
}

impl PartialEq for Dependencies {
    fn eq(&self, other: &Self) -> bool {
        match (self.group(), other.group()) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other) || own == other,
            _ => self.id() == other.id(),
        }
    }
}

impl Eq for Dependencies {}

impl fmt::Debug for Dependencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(GroupLink::Unresolved(id)) => write!(f, "{id:?}"),
            _ => f.debug_list().entries(self.iter().map(ToString::to_string)).finish(),
        }
    }
}

impl fmt::Display for DependencyGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for DependencyGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {self}")
    }
}

impl Serialize for DependencyGroupId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DependencyGroupId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let byte = |at: usize| text.get(at..at + 2).and_then(|it| u8::from_str_radix(it, 16).ok());
        let mut id = [0; 16];
        for (place, slot) in id.iter_mut().enumerate() {
            *slot = byte(place * 2).ok_or_else(|| {
                serde::de::Error::custom("the name of a group is 32 hexadecimal digits")
            })?;
        }
        Ok(Self(id))
    }
}

/// A few blocks, or the name of a group.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SerializedDependencies {
    Blocks(Vec<BlockAddress>),
    Group { group: DependencyGroupId },
}

impl Serialize for Dependencies {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match (self.group(), self.id()) {
            (Some(group), _) if group.is_written_in_place() => {
                SerializedDependencies::Blocks(group.blocks.to_vec())
            }
            (_, Some(group)) => SerializedDependencies::Group { group },
            (_, None) => SerializedDependencies::Blocks(Vec::new()),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dependencies {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match SerializedDependencies::deserialize(deserializer)? {
            SerializedDependencies::Blocks(blocks) => blocks.into_iter().collect(),
            SerializedDependencies::Group { group } => Self(Some(GroupLink::Unresolved(group))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(range: std::ops::Range<usize>) -> BTreeSet<BlockAddress> {
        range
            .map(|it| BlockAddress::root(ha_value::ResourceMode::Managed, "a", format!("b{it:02}")))
            .collect()
    }

    #[test]
    fn a_large_group_is_written_once_and_named() {
        let large: Dependencies = blocks(0..20).into_iter().collect();
        let more = Dependencies::joined(
            blocks(30..31),
            &[large.clone(), blocks(40..42).into_iter().collect()],
        );
        assert_eq!(more.iter().count(), 23);
        let written = more.to_write(&HashSet::new());
        assert_eq!(
            written.iter().map(|it| it.id()).collect::<Vec<_>>(),
            [large.id().unwrap(), more.id().unwrap()]
        );
        assert_eq!(more.to_write(&[large.id().unwrap()].into()).len(), 1);

        let mut groups = DependencyGroups::new();
        for group in written {
            let record: GroupRecord =
                serde_json::from_str(&serde_json::to_string(&group.record()).unwrap()).unwrap();
            groups.insert(group.id(), record.group(&groups));
        }
        let text = serde_json::to_string(&more).unwrap();
        assert!(text.len() < 60, "{text}");
        let mut read: Dependencies = serde_json::from_str(&text).unwrap();
        read.resolve(&groups);
        assert_eq!((&read, read.iter().count()), (&more, 23));
    }

    #[test]
    fn a_small_group_is_written_in_place() {
        let small = Dependencies::joined(blocks(0..2), &[blocks(1..4).into_iter().collect()]);
        assert_eq!(serde_json::to_string(&small).unwrap(), r#"["a.b00","a.b01","a.b02","a.b03"]"#);
        assert_eq!(
            serde_json::from_str::<Dependencies>(r#"["a.b03","a.b02","a.b01","a.b00"]"#).unwrap(),
            small
        );
        assert!(small.to_write(&HashSet::new()).is_empty() && Dependencies::default().is_empty());
        assert_eq!(
            Dependencies::joined(BTreeSet::new(), &[Dependencies::default()]),
            Dependencies::default()
        );
    }

    #[test]
    fn blocks_are_replaced_in_all_groups() {
        let large: Dependencies = blocks(0..20).into_iter().collect();
        let mut more = Dependencies::joined(blocks(30..31), &[large]);
        let other = BlockAddress::root(ha_value::ResourceMode::Managed, "a", "other");
        more.replace(&|it| (&*it.name == "b07").then(|| vec![other.clone()]), &mut HashMap::new());
        assert_eq!(more.iter().count(), 21);
        assert!(more.iter().any(|it| *it == other) && !more.iter().any(|it| &*it.name == "b07"));
    }
}

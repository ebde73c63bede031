//! Recorded dependencies between blocks, and between groups of blocks that many depend on
//! together.

use ha_lang::BlockName;
use ha_state_model::{Dependencies, DependencyGroup, DependencyGroupId, State};
use ha_value::{BlockAddress, HashMap, InstanceKey, Name};

use crate::graph::name_of;
use crate::input::recorded_instances::is_meant;
use crate::model::Change;

/// The number of a block or group. Blocks with changes come first, in the order of their
/// addresses.
pub(super) type BlockNumber = usize;

/// Blocks with changes or records, and the groups they depend on.
pub(super) struct NumberedBlocks<'a> {
    numbers: HashMap<&'a BlockAddress, BlockNumber>,
    groups: HashMap<DependencyGroupId, BlockNumber>,
    /// What each depends on: blocks, and groups that stand for several blocks.
    behind: Vec<Vec<BlockNumber>>,
    /// Recorded blocks in modules with keys, by their names without keys.
    keyed: HashMap<(Vec<&'a Name>, BlockName), Vec<&'a BlockAddress>>,
}

impl<'a> NumberedBlocks<'a> {
    /// Numbers the blocks of changes and records.
    pub(super) fn new(changes: &'a [Change], state: &'a State) -> Self {
        let mut recorded = Self {
            numbers: HashMap::default(),
            groups: HashMap::default(),
            behind: Vec::new(),
            keyed: HashMap::default(),
        };
        // Blocks of changes are numbered first, so that those numbers are also an order of
        // addresses.
        for change in changes {
            recorded.number(&change.address.block);
        }
        let records = state.records.values().chain(state.deposed.values());
        let records = records.map(|it| (&it.address.block, &it.provider, &it.dependencies));
        let begun = state
            .unfinished
            .values()
            .map(|it| (&it.intent.address.block, &it.intent.provider, &it.intent.dependencies));
        let all = || records.clone().chain(begun.clone());
        let mut last: Option<&BlockAddress> = None;
        for (block, ..) in all() {
            if last != Some(block) {
                recorded.number(block);
                recorded.note_keyed(block);
                last = Some(block);
            }
        }
        for (block, provider, dependencies) in all() {
            let number = recorded.number(block);
            let through_provider = state.providers.get(provider).map(|it| &it.dependencies);
            // A record depends on what its provider's settings came from, too: the provider's
            // server must outlive the records made through it.
            for dependencies in [Some(dependencies), through_provider].into_iter().flatten() {
                if let Some(behind) = recorded.of_dependencies(dependencies) {
                    recorded.behind[number].push(behind);
                }
            }
        }
        for behind in &mut recorded.behind {
            behind.sort_unstable();
            behind.dedup();
        }
        recorded
    }

    /// Returns the number of blocks and groups.
    pub(super) fn len(&self) -> usize {
        self.behind.len()
    }

    /// Returns what each depends on.
    pub(super) fn behind(&self) -> &[Vec<BlockNumber>] {
        &self.behind
    }

    /// Returns the number of a block.
    pub(super) fn number_of(&self, block: &BlockAddress) -> Option<BlockNumber> {
        self.numbers.get(block).copied()
    }

    /// Whether a number is that of a group.
    pub(super) fn is_group(&self, number: BlockNumber) -> bool {
        number >= self.numbers.len()
    }

    fn number(&mut self, block: &'a BlockAddress) -> BlockNumber {
        let next = self.behind.len();
        let number = *self.numbers.entry(block).or_insert(next);
        if number == next {
            self.behind.push(Vec::new());
        }
        number
    }

    fn note_keyed(&mut self, block: &'a BlockAddress) {
        if block.module.iter().any(|(_, key)| *key != InstanceKey::None) {
            self.keyed.entry(without_keys(block)).or_default().push(block);
        }
    }

    fn of_dependencies(&mut self, dependencies: &'a Dependencies) -> Option<BlockNumber> {
        dependencies.group().map(|it| self.of_group(it))
    }

    fn of_group(&mut self, group: &'a DependencyGroup) -> BlockNumber {
        if let Some(number) = self.groups.get(&group.id()) {
            return *number;
        }
        let mut behind: Vec<BlockNumber> =
            group.groups().iter().map(|it| self.of_group(it)).collect();
        for block in group.blocks() {
            behind.extend(self.numbers.get(block));
            if !block.module.is_empty() {
                // A block outside a repeated module refers to that module without a key, which
                // means all its instances.
                let meant = self
                    .keyed
                    .get(&without_keys(block))
                    .into_iter()
                    .flatten()
                    .filter(|it| is_meant(block, it));
                behind.extend(meant.filter_map(|it| self.numbers.get(it)));
            }
        }
        let number = self.behind.len();
        self.behind.push(behind);
        self.groups.insert(group.id(), number);
        number
    }
}

fn without_keys(block: &BlockAddress) -> (Vec<&Name>, BlockName) {
    (block.module.iter().map(|(name, _)| name).collect(), name_of(block))
}

//! Recording instances under other addresses: what `ha state mv`, a `moved` block and the frame
//! `Moved` have in common.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ha_value::{Address, BlockAddress, InstanceKey};
use serde::{Deserialize, Serialize};

use crate::{Record, State};

/// An instance that is recorded under another address from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressMove {
    /// The address it is recorded under so far.
    pub from: Address,
    /// The address it is recorded under from now on.
    pub to: Address,
}

impl State {
    /// Carries out all moves at once, and renames the moved blocks in what records, deposed objects
    /// and providers depend on. Versions stay. Returns the addresses of the records whose
    /// dependencies changed.
    pub fn relocate(&mut self, moves: &[AddressMove]) -> BTreeSet<Address> {
        // Which blocks keep an instance can only be seen while the old addresses are still there.
        let renames = BlockRenames::new(self, moves);
        self.move_instances(moves, None);
        let replacement = |block: &BlockAddress| renames.replacement(block);
        // Records share groups of dependencies; each group is rewritten once.
        let mut replaced = HashMap::new();
        let mut changed = BTreeSet::new();
        for (address, record) in &mut self.records {
            let before = record.dependencies.clone();
            record.dependencies.replace(&replacement, &mut replaced);
            if record.dependencies != before {
                changed.insert(address.clone());
            }
        }
        for record in self.deposed.values_mut() {
            record.dependencies.replace(&replacement, &mut replaced);
        }
        for provider in self.providers.values_mut() {
            provider.dependencies.replace(&replacement, &mut replaced);
        }
        changed
    }

    /// Moves records, deposed objects and obligations, and nothing that only refers to them: a
    /// frame of the journal does no more, so that its cost does not depend on the size of the
    /// state. With a version, the moved records get it.
    pub(crate) fn move_instances(&mut self, moves: &[AddressMove], version: Option<u64>) {
        let targets: BTreeMap<&Address, &Address> =
            moves.iter().map(|it| (&it.from, &it.to)).collect();
        let moved = |record: Record, to: &Address| Record {
            address: to.clone(),
            version: version.unwrap_or(record.version),
            ..record
        };
        // All are taken out before the first is put back: the target of one move may be the
        // source of another.
        let (mut records, mut deposed) = (Vec::new(), Vec::new());
        for AddressMove { from, to } in moves {
            if let Some(record) = self.records.remove(from) {
                records.push((to.clone(), moved(record, to)));
            }
            let first = (from.clone(), String::new());
            let of_instance =
                self.deposed.range(first..).map(|it| it.0).take_while(|it| it.0 == *from);
            for place in of_instance.cloned().collect::<Vec<_>>() {
                if let Some(record) = self.deposed.remove(&place) {
                    deposed.push(((to.clone(), place.1), moved(record, to)));
                }
            }
        }
        self.records.extend(records);
        self.deposed.extend(deposed);
        for address in self.obligations.values_mut().filter_map(|it| it.address.as_mut()) {
            if let Some(to) = targets.get(address) {
                *address = Address::clone(to);
            }
        }
    }
}

/// The blocks that take the place of a block in what depends on it.
#[derive(Default)]
struct BlockRenames(BTreeMap<BlockAddress, BlockTargets>);

#[derive(Default)]
struct BlockTargets {
    blocks: BTreeSet<BlockAddress>,
    /// Whether an instance of the block does not move.
    keeps_instances: bool,
}

impl BlockRenames {
    fn new(state: &State, moves: &[AddressMove]) -> Self {
        let mut renames = Self::default();
        for AddressMove { from, to } in moves {
            renames.insert(from.block.clone(), to.block.clone());
            // From outside, a module with several instances is named without its key.
            if let Some(named) = without_keys(&from.block) {
                let target = without_keys(&to.block).unwrap_or_else(|| to.block.clone());
                renames.insert(named, target);
            }
        }
        let sources: BTreeSet<&Address> = moves.iter().map(|it| &it.from).collect();
        let recorded = state.records.keys().chain(state.deposed.keys().map(|it| &it.0));
        for address in recorded.filter(|it| !sources.contains(it)) {
            renames.keep(&address.block);
            if let Some(named) = without_keys(&address.block) {
                renames.keep(&named);
            }
        }
        renames
    }

    fn insert(&mut self, from: BlockAddress, to: BlockAddress) {
        self.0.entry(from).or_default().blocks.insert(to);
    }

    fn keep(&mut self, block: &BlockAddress) {
        if let Some(targets) = self.0.get_mut(block) {
            targets.keeps_instances = true;
        }
    }

    /// What a dependency on this block becomes; none where none of its instances moves.
    fn replacement(&self, block: &BlockAddress) -> Option<Vec<BlockAddress>> {
        let BlockTargets { blocks, keeps_instances } = self.0.get(block)?;
        Some(blocks.iter().cloned().chain(keeps_instances.then(|| block.clone())).collect())
    }
}

/// The block as it is named from outside of its modules; none where no module has a key.
fn without_keys(block: &BlockAddress) -> Option<BlockAddress> {
    if block.module.iter().all(|(_, key)| *key == InstanceKey::None) {
        return None;
    }
    let module = block.module.iter().map(|(name, _)| (name.clone(), InstanceKey::None)).collect();
    Some(BlockAddress { module, ..block.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::record;
    use crate::{Dependencies, Frame, StepOutcome};

    fn address(written: &str) -> Address {
        written.parse().unwrap()
    }

    fn moves(all: &[(&str, &str)]) -> Vec<AddressMove> {
        all.iter().map(|(from, to)| AddressMove { from: address(from), to: address(to) }).collect()
    }

    fn state(recorded: &[(&str, &[&str])]) -> State {
        let mut state = State::default();
        for (number, (at, dependencies)) in (1..).zip(recorded) {
            let dependencies = dependencies.iter().map(|it| address(it).block).collect();
            let record = Record { dependencies, ..record(at, at) };
            let outcome = StepOutcome::Recorded(record.into());
            state.apply(number, Frame::Result { attempt: None, outcome });
        }
        state
    }

    fn dependencies(state: &State, at: &str) -> Vec<String> {
        let dependencies: &Dependencies = &state.records[&address(at)].dependencies;
        dependencies.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn moves_in_a_chain_do_not_overwrite_each_other() {
        let mut state = state(&[("a.b", &[]), ("a.c", &[]), ("a.user", &["a.b"])]);
        let changed = state.relocate(&moves(&[("a.b", "a.c"), ("a.c", "a.d")]));
        assert_eq!(state.records[&address("a.c")].id, "a.b");
        assert_eq!(state.records[&address("a.d")].id, "a.c");
        assert_eq!(dependencies(&state, "a.user"), ["a.c"]);
        assert_eq!(changed, [address("a.user")].into());
    }

    #[test]
    fn a_block_that_keeps_an_instance_stays_a_dependency() {
        let mut state = state(&[("a.b[0]", &[]), ("a.b[1]", &[]), ("a.user", &["a.b"])]);
        state.relocate(&moves(&[("a.b[0]", "a.c")]));
        assert_eq!(dependencies(&state, "a.user"), ["a.b", "a.c"]);
    }

    #[test]
    fn a_module_named_without_its_key_is_renamed_too() {
        let mut state = state(&[
            ("module.m[\"x\"].a.b", &[]),
            ("module.m[\"y\"].a.b", &[]),
            ("a.user", &["module.m.a.b"]),
        ]);
        state.relocate(&moves(&[("module.m[\"x\"].a.b", "module.n[\"x\"].a.b")]));
        assert_eq!(dependencies(&state, "a.user"), ["module.m.a.b", "module.n.a.b"]);
        state.relocate(&moves(&[("module.m[\"y\"].a.b", "module.n[\"y\"].a.b")]));
        assert_eq!(dependencies(&state, "a.user"), ["module.n.a.b"]);
    }
}

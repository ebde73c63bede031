//! What becomes of a state when something in it gets another address.

use std::collections::{BTreeMap, BTreeSet};

use ha_state_model::{AddressMove, State};
use ha_value::{Address, BlockAddress, InstanceKey, TargetAddress, shell_word};

use super::nothing_at;
use super::rewrite::{StateRewrite, unfinished};
use crate::output::command_error::CommandError;
use crate::views::diagnostic::RenderedDiagnostic;

/// A move of all that is at one place to another.
#[derive(Debug)]
pub(super) struct StateMove<'a> {
    from: &'a TargetAddress,
    to: &'a TargetAddress,
}

impl<'a> StateMove<'a> {
    /// # Errors
    /// When the one cannot become the other.
    pub(super) fn new(
        from: &'a TargetAddress,
        to: &'a TargetAddress,
    ) -> Result<Self, RenderedDiagnostic> {
        let refused =
            |why: &str| RenderedDiagnostic::error(format!("could not move {from} to {to}: {why}"));
        if from == to {
            return Err(refused("that is where it is"));
        }
        match (&from.block, &to.block) {
            (None, None) => {}
            (Some((mode, kind, _)), Some((other_mode, other_kind, _)))
                if (mode, kind) == (other_mode, other_kind) => {}
            (Some(_), Some(_)) => {
                return Err(refused("they are of different kinds")
                    .help("a thing stays of the kind that it is"));
            }
            (Some(_), None) => {
                return Err(refused("the one is in a block, the other is a module")
                    .help("name the block in there too"));
            }
            (None, Some(_)) => return Err(refused("the one is a module, the other is in a block")),
        }
        Ok(Self { from, to })
    }

    /// The address that an instance has afterwards; none when it is not meant.
    fn new_address(&self, address: &Address) -> Result<Option<Address>, RenderedDiagnostic> {
        let Self { from, to } = self;
        if !from.contains(address) {
            return Ok(None);
        }
        let ambiguous = || {
            RenderedDiagnostic::error(format!(
                "could not move {from} to {to}: {address} is one of several"
            ))
            .help(format!(
                "say which of them, as in `{}`, or move them all to a place without a key",
                TargetAddress::from(address.clone())
            ))
        };
        // What was named without a key keeps the one it has, where nothing else is said.
        let carried =
            |given: &InstanceKey, own: &InstanceKey, to: &InstanceKey| match (given, own, to) {
                (InstanceKey::None, own, InstanceKey::None) => Some(own.clone()),
                (InstanceKey::None, InstanceKey::None, to) => Some(to.clone()),
                (InstanceKey::None, ..) => None,
                (_, _, to) => Some(to.clone()),
            };
        let own_module = &address.block.module;
        let named = from.module.iter().zip(own_module.iter());
        let mut module = Vec::with_capacity(own_module.len());
        if from.module.len() == to.module.len() {
            for (((_, given), (_, own)), (name, key)) in named.zip(to.module.iter()) {
                module.push((name.clone(), carried(given, own, key).ok_or_else(ambiguous)?));
            }
        } else if named.into_iter().all(|((_, given), (_, own))| given == own) {
            module.extend(to.module.iter().cloned());
        } else {
            return Err(ambiguous());
        }
        module.extend(own_module[from.module.len()..].iter().cloned());
        let BlockAddress { mode, kind, name, .. } = address.block.clone();
        let block = |name| BlockAddress { module: module.into(), mode, kind, name };
        Ok(Some(match &to.block {
            Some((.., to_name)) => {
                let key = carried(&from.key, &address.key, &to.key).ok_or_else(ambiguous)?;
                block(to_name.clone()).instance(key)
            }
            None => block(name).instance(address.key.clone()),
        }))
    }

    /// The state afterwards.
    pub(super) fn done_to(&self, before: &State) -> Result<StateRewrite, CommandError> {
        let Self { from, to } = self;
        if let Some(notice) = unfinished(before, |it| from.contains(it) || to.contains(it)) {
            return Err(notice.into());
        }
        let known: BTreeSet<&Address> =
            before.records.keys().chain(before.deposed.keys().map(|it| &it.0)).collect();
        let mut moves = BTreeMap::new();
        for address in &known {
            if let Some(to) = self.new_address(address)? {
                moves.insert((*address).clone(), to);
            }
        }
        if moves.is_empty() {
            return Err(nothing_at(&from.to_string(), before.records.keys()).into());
        }
        let taken = moves.values().filter(|to| known.contains(to) && !moves.contains_key(*to));
        let taken = taken.map(|to| {
            let address = to.to_string();
            let word = shell_word(&address);
            RenderedDiagnostic::error(format!("something is recorded at {to} already"))
                .help(format!("`ha state rm {word}` forgets it, `ha state mv {word} ADDRESS` puts it elsewhere"))
        });
        let taken: Vec<RenderedDiagnostic> = taken.collect();
        if !taken.is_empty() {
            return Err(CommandError::new(taken));
        }
        let address_moves: Vec<AddressMove> = moves
            .iter()
            .map(|(from, to)| AddressMove { from: from.clone(), to: to.clone() })
            .collect();
        let mut state = before.clone();
        state.relocate(&address_moves);
        let changes = moves.iter().map(|(from, to)| format!("{from} -> {to}")).collect();
        Ok(StateRewrite { state, changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: &str, to: &str, address: &str) -> String {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let moving = match StateMove::new(&from, &to) {
            Ok(moving) => moving,
            Err(notice) => return notice.title,
        };
        match moving.new_address(&address.parse().unwrap()) {
            Ok(Some(address)) => address.to_string(),
            Ok(None) => "stays".into(),
            Err(notice) => notice.title,
        }
    }

    #[test]
    fn instances_blocks_and_modules_keep_what_is_not_renamed() {
        for (from, to, address, expected) in [
            ("a.b", "a.c", "a.b[3]", "a.c[3]"),
            ("a.b", "a.c[\"k\"]", "a.b", "a.c[\"k\"]"),
            ("a.b[0]", "a.b", "a.b[0]", "a.b"),
            ("a.b[0]", "a.b", "a.b[1]", "stays"),
            ("a.b", "module.m[0].a.b", "a.b", "module.m[0].a.b"),
            (
                "module.m",
                "module.n",
                "module.m[\"k\"].module.i.data.a.b[0]",
                "module.n[\"k\"].module.i.data.a.b[0]",
            ),
            ("module.m", "module.n[1]", "module.m.a.b", "module.n[1].a.b"),
            ("module.m.a.b", "a.b", "module.m.a.b[0]", "a.b[0]"),
        ] {
            assert_eq!(moved(from, to, address), expected, "{from} -> {to}");
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        assert!(moved("a.b", "a.c[0]", "a.b[3]").ends_with("a.b[3] is one of several"));
        assert!(moved("module.m", "module.n[0]", "module.m[3].a.b").ends_with("is one of several"));
        assert!(moved("module.m.a.b", "a.b", "module.m[0].a.b").ends_with("is one of several"));
        assert!(moved("a.b", "c.b", "a.b").ends_with("different kinds"));
        assert!(moved("a.b", "module.m", "a.b").ends_with("is a module"));
        assert!(moved("a.b", "a.b", "a.b").ends_with("that is where it is"));
    }
}

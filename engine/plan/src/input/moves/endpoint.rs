//! One end of a move.

use ha_value::{InstanceKey, Name, ResourceMode, TargetAddress};

use super::ModulePath;

/// One end of a move, as seen from the root module.
#[derive(Clone, Debug)]
pub(super) struct MoveEndpoint {
    /// The number of modules from the root to the module that contains the move; their keys do not
    /// matter.
    pub(super) declared: usize,
    /// The modules from the root. A key of `None` matches any key.
    pub(super) module: Vec<(Name, Option<InstanceKey>)>,
    /// The block; none for the module itself.
    pub(super) block: Option<(ResourceMode, Name, Name)>,
    /// The key of the instance; none for all instances.
    pub(super) key: Option<InstanceKey>,
}

/// The relation between the ends of two moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndpointRelation {
    Apart,
    Same,
    /// The other end is inside this one.
    Around,
    /// This end is inside the other one.
    Within,
}

impl MoveEndpoint {
    /// Returns both ends of a move in the module at `path`. If neither has a key, both mean all
    /// instances; if one has a key, the other means the instance without a key.
    pub(super) fn both(path: &[Name], from: &TargetAddress, to: &TargetAddress) -> (Self, Self) {
        let last = |it: &TargetAddress| match &it.block {
            Some(_) => it.key.clone(),
            None => it.module.last().map_or(InstanceKey::None, |(_, key)| key.clone()),
        };
        let is_whole = last(from) == InstanceKey::None && last(to) == InstanceKey::None;
        (Self::new(path, from, is_whole), Self::new(path, to, is_whole))
    }

    fn new(path: &[Name], place: &TargetAddress, is_whole: bool) -> Self {
        let written = place.module.iter().map(|(name, key)| (name.clone(), Some(key.clone())));
        let mut module: Vec<(Name, Option<InstanceKey>)> =
            path.iter().map(|name| (name.clone(), None)).chain(written).collect();
        let key = match (&place.block, is_whole) {
            (Some(_), false) => Some(place.key.clone()),
            (None, true) => {
                if let Some((_, key)) = module.last_mut() {
                    *key = None;
                }
                None
            }
            _ => None,
        };
        Self { declared: path.len(), module, block: place.block.clone(), key }
    }

    /// Returns the names of the modules.
    pub(super) fn names(&self) -> Vec<Name> {
        self.module.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Whether a module instance matches. The names must be equal already.
    pub(super) fn has_module(&self, path: &ModulePath) -> bool {
        self.module
            .iter()
            .zip(path.iter())
            .all(|((_, wanted), (_, key))| wanted.as_ref().is_none_or(|it| it == key))
    }

    /// Returns the target of a module instance that matches the source of the move.
    pub(super) fn module_for(&self, from: &ModulePath) -> ModulePath {
        let on_the_way = from[..self.declared].iter().cloned();
        let own = self.module[self.declared..].iter().map(|(name, key)| match key {
            Some(key) => (name.clone(), key.clone()),
            // A whole module moves, and each instance keeps its key.
            None => (name.clone(), from.last().map_or(InstanceKey::None, |(_, key)| key.clone())),
        });
        on_the_way.chain(own).collect()
    }

    /// Returns the number of names, without keys.
    pub(super) fn levels(&self) -> usize {
        self.module.len() + usize::from(self.block.is_some())
    }

    /// Returns the relation to another end.
    pub(super) fn relation_to(&self, other: &Self) -> EndpointRelation {
        let common = self.module.len().min(other.module.len());
        let meet =
            |a: &Option<InstanceKey>, b: &Option<InstanceKey>| a.is_none() || b.is_none() || a == b;
        let on_the_way = self
            .module
            .iter()
            .zip(&other.module)
            .all(|((name, key), (of, its))| name == of && meet(key, its));
        if !on_the_way {
            return EndpointRelation::Apart;
        }
        match (
            self.module.len() == common && self.block.is_none(),
            other.module.len() == common && other.block.is_none(),
        ) {
            (true, true) => self.by_key(
                self.module.last().and_then(|(_, it)| it.as_ref()),
                other.module.last().and_then(|(_, it)| it.as_ref()),
            ),
            (true, false) => EndpointRelation::Around,
            (false, true) => EndpointRelation::Within,
            (false, false)
                if self.block == other.block
                    && self.levels() == other.levels()
                    && meet(&self.key, &other.key) =>
            {
                self.by_key(self.key.as_ref(), other.key.as_ref())
            }
            (false, false) => EndpointRelation::Apart,
        }
    }

    fn by_key(&self, own: Option<&InstanceKey>, other: Option<&InstanceKey>) -> EndpointRelation {
        match (own, other) {
            (None, Some(_)) => EndpointRelation::Around,
            (Some(_), None) => EndpointRelation::Within,
            _ => EndpointRelation::Same,
        }
    }

    /// Whether the move changes only the key of a module.
    pub(super) fn only_another_key(&self, to: &Self) -> bool {
        let same_names = self.module.len() == to.module.len()
            && self.module.iter().zip(&to.module).all(|(a, b)| a.0 == b.0);
        self.block.is_none() && to.block.is_none() && same_names
    }
}

//! Containment: which instance lives inside which, as schemas declare it and records show it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ha_provider::{ContainerReference, ResourceHooks, SchemaSet};
use ha_state_model::{Record, State};
use ha_value::{Address, BlockAddress, Name, ResourceMode, Value};

use crate::attributes::attributes;
use crate::input::prior_state::PriorInstance;
use crate::input::recorded_instances::instances_meant;

/// A value with a record.
pub trait HasRecord {
    /// Returns the record.
    fn record(&self) -> &Record;
}

impl HasRecord for Record {
    fn record(&self) -> &Record {
        self
    }
}

impl HasRecord for PriorInstance {
    fn record(&self) -> &Record {
        &self.record
    }
}

/// The container of an instance: one instance of a block where the schema identifies it, or else
/// all instances.
#[derive(Clone, Debug)]
pub struct ContainerInstance {
    /// Equal for all instances inside the same container.
    pub key: ContainerKey,
    /// The instances; empty where none exists any more.
    pub instances: Rc<[Address]>,
}

/// The block, and the values that identify its instance.
pub type ContainerKey = (BlockAddress, Option<Rc<str>>);

/// Finds containers, and caches the results.
pub struct Containment<'a> {
    state: &'a State,
    schemas: &'a SchemaSet,
    /// For each block, the blocks that it lives inside of, directly or not.
    outer: RefCell<BTreeMap<BlockAddress, Rc<BTreeSet<BlockAddress>>>>,
    instances: RefCell<BTreeMap<BlockAddress, Rc<[Address]>>>,
    by_values: RefCell<BTreeMap<BlockAttributes, Rc<InstancesByValues>>>,
}

/// Attributes that identify the instances of a block.
type BlockAttributes = (BlockAddress, Vec<Name>);
type InstancesByValues = BTreeMap<Rc<str>, Rc<[Address]>>;

impl<'a> Containment<'a> {
    /// Uses the dependencies of a state.
    #[must_use]
    pub fn new(state: &'a State, schemas: &'a SchemaSet) -> Self {
        let (outer, instances, by_values) = Default::default();
        Self { state, schemas, outer, instances, by_values }
    }

    /// Returns the containers of a record, innermost only. `all` must be the same map in each
    /// call, because results are cached.
    pub fn homes<T: HasRecord>(
        &self,
        record: &Record,
        all: &BTreeMap<Address, T>,
    ) -> Vec<ContainerInstance> {
        let Some(described) = self.schemas.kind(ResourceMode::Managed, &record.address.block.kind)
        else {
            return Vec::new();
        };
        let blocks = containers(self.state, record, &described.within);
        let mut homes: Vec<ContainerInstance> = blocks
            .into_iter()
            .filter_map(|it| self.home(record, described.hooks(), it, all))
            .collect();
        // A block that refers to a database and to the server of that database lives in the
        // database alone.
        if homes.len() > 1 {
            let outer: Vec<Rc<BTreeSet<BlockAddress>>> =
                homes.iter().map(|it| self.outer(&it.key.0, all)).collect();
            let blocks: Vec<BlockAddress> = homes.iter().map(|it| it.key.0.clone()).collect();
            // A state in which two containers contain each other is wrong; neither is dropped
            // then.
            let is_around = |block: &BlockAddress| {
                let inner = blocks.iter().zip(&outer).find(|(_, outer)| outer.contains(block));
                inner.is_some_and(|(inner, _)| !self.outer(block, all).contains(inner))
            };
            homes.retain(|it| !is_around(&it.key.0));
        }
        homes
    }

    /// Returns the containing instance of a block, or all instances; none where the record refers
    /// to the block without living inside it.
    fn home<T: HasRecord>(
        &self,
        record: &Record,
        hooks: &ResourceHooks,
        block: BlockAddress,
        all: &BTreeMap<Address, T>,
    ) -> Option<ContainerInstance> {
        let instances = self.instances(&block, all);
        let Some(inside) = hooks.inside_of(&block.kind).filter(|_| !instances.is_empty()) else {
            return Some(ContainerInstance { key: (block, None), instances });
        };
        let one = self.values(record, inside).and_then(|values| {
            let instances = self.by_values(&block, inside, all).get(&values)?.clone();
            Some(ContainerInstance { key: (block.clone(), Some(values)), instances })
        });
        // A provider may reach its server under another name than the container's attribute has,
        // so no match proves nothing.
        one.or_else(|| {
            inside.through_provider.then_some(ContainerInstance { key: (block, None), instances })
        })
    }

    /// Returns the values by which a record identifies its container.
    fn values(&self, record: &Record, inside: &ContainerReference) -> Option<Rc<str>> {
        let said = match inside.through_provider {
            true => &self.state.providers.get(&record.provider)?.settings,
            false => &record.arguments,
        };
        written(inside.same.iter().map(|(_, name)| said.get(name)))
    }

    fn instances<T>(&self, block: &BlockAddress, all: &BTreeMap<Address, T>) -> Rc<[Address]> {
        if let Some(known) = self.instances.borrow().get(block) {
            return known.clone();
        }
        let found: Rc<[Address]> =
            instances_meant(all, block).into_iter().map(|(it, _)| it.clone()).collect();
        self.instances.borrow_mut().insert(block.clone(), found.clone());
        found
    }

    /// Returns the instances of a block by their identifying values.
    fn by_values<T: HasRecord>(
        &self,
        block: &BlockAddress,
        inside: &ContainerReference,
        all: &BTreeMap<Address, T>,
    ) -> Rc<InstancesByValues> {
        let names: Vec<Name> = inside.same.iter().map(|(attribute, _)| attribute.clone()).collect();
        let key = (block.clone(), names);
        if let Some(known) = self.by_values.borrow().get(&key) {
            return known.clone();
        }
        let mut found: BTreeMap<Rc<str>, Vec<Address>> = BTreeMap::new();
        for address in self.instances(block, all).iter() {
            let attributes = all.get(address).map(|it| attributes(it.record())).unwrap_or_default();
            if let Some(values) = written(key.1.iter().map(|it| attributes.get(it))) {
                found.entry(values).or_default().push(address.clone());
            }
        }
        let found: Rc<InstancesByValues> =
            Rc::new(found.into_iter().map(|(values, all)| (values, all.into())).collect());
        self.by_values.borrow_mut().insert(key, found.clone());
        found
    }

    /// Returns the blocks that a block lives inside of, directly or not.
    fn outer<T: HasRecord>(
        &self,
        block: &BlockAddress,
        all: &BTreeMap<Address, T>,
    ) -> Rc<BTreeSet<BlockAddress>> {
        if let Some(known) = self.outer.borrow().get(block) {
            return known.clone();
        }
        // A state may wrongly contain a circle of containers; the empty entry ends the recursion.
        self.outer.borrow_mut().insert(block.clone(), Rc::default());
        let mut outer = BTreeSet::new();
        let within = self
            .schemas
            .kind(ResourceMode::Managed, &block.kind)
            .map(|it| it.within.as_slice())
            .unwrap_or_default();
        // All instances of a block have the same references, so one of them suffices.
        if let Some(one) = self.instances(block, all).first().and_then(|it| all.get(it)) {
            for container in containers(self.state, one.record(), within) {
                outer.extend(self.outer(&container, all).iter().cloned());
                outer.insert(container);
            }
        }
        let outer = Rc::new(outer);
        self.outer.borrow_mut().insert(block.clone(), outer.clone());
        outer
    }
}

/// Combines values into one string; none where one of them is missing.
fn written<'v>(values: impl Iterator<Item = Option<&'v Value>>) -> Option<Rc<str>> {
    let values: Option<Vec<Value>> =
        values.map(|it| it.map(Value::revealed).filter(|it| !it.is_null())).collect();
    values.map(|it| format!("{it:?}").into())
}

/// Returns the blocks that contain a recorded instance: those among its direct dependencies and
/// its provider's dependencies.
fn containers(state: &State, record: &Record, within: &[Name]) -> Vec<BlockAddress> {
    if within.is_empty() {
        return Vec::new();
    }
    let through_provider =
        state.providers.get(&record.provider).into_iter().flat_map(|it| it.dependencies.iter());
    let found =
        record.dependencies.iter().chain(through_provider).filter(|it| within.contains(&it.kind));
    let found: BTreeSet<&BlockAddress> = found.collect();
    found.into_iter().cloned().collect()
}

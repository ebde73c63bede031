//! The values that expressions see: what will be true by then while planning, what is true while applying.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use ha_kind::{Diagnostic, Key, Name, Type, Value};
use ha_lang::{BlockName, Configuration, Environment, Expression, Files, Scope, Target};

use crate::expand::Expansion;

/// The instances of a block, as far as they are known.
#[derive(Clone, Debug)]
struct Instances {
    expansion: Arc<Expansion>,
    values: BTreeMap<Key, Value>,
    whole: Option<Value>,
}

/// All values by name.
pub(crate) struct World {
    configuration: Arc<Configuration>,
    variables: BTreeMap<Name, Value>,
    files: Arc<dyn Files + Send + Sync>,
    /// None while planning.
    now: Option<SystemTime>,
    blocks: RefCell<BTreeMap<BlockName, Instances>>,
    /// Each with whether it is wholly known.
    locals: RefCell<BTreeMap<Name, (Value, bool)>>,
    /// The locals that refer to each block or local themselves.
    readers: BTreeMap<Target, Vec<Name>>,
    open: RefCell<BTreeSet<Name>>,
}

impl World {
    /// A world with only variables in it.
    pub(crate) fn new(
        configuration: Arc<Configuration>,
        variables: BTreeMap<Name, Value>,
        files: Arc<dyn Files + Send + Sync>,
    ) -> Self {
        let mut readers: BTreeMap<Target, Vec<Name>> = BTreeMap::new();
        for (name, local) in &configuration.locals {
            for reference in local.expression.references() {
                readers.entry(reference.target.clone()).or_default().push(name.clone());
            }
        }
        let (blocks, locals, open) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { configuration, variables, files, now: None, blocks, locals, readers, open }
    }

    /// With a time, as there is one during apply.
    pub(crate) fn at(mut self, now: SystemTime) -> Self {
        self.now = Some(now);
        self
    }

    fn environment<'a>(&'a self, scope: &'a dyn Scope) -> Environment<'a> {
        let environment = Environment::new(scope, &*self.files);
        match self.now {
            Some(now) => environment.at(now),
            None => environment,
        }
    }

    /// Says which instances a block has. Their values are unknown until they are put there.
    pub(crate) fn expand(&self, block: &BlockName, expansion: Arc<Expansion>) {
        let instances = Instances { expansion, values: BTreeMap::new(), whole: None };
        self.blocks.borrow_mut().insert(block.clone(), instances);
        self.forget_readers(block);
    }

    /// Says what is known by now of a block's instances; their values stay.
    pub(crate) fn expand_again(&self, block: &BlockName, expansion: Arc<Expansion>) {
        if let Some(instances) = self.blocks.borrow_mut().get_mut(block) {
            instances.expansion = expansion;
        }
    }

    /// Puts an instance's value there; what was computed from an earlier one is forgotten.
    pub(crate) fn put(&self, block: &BlockName, key: &Key, value: Value) {
        if let Some(instances) = self.blocks.borrow_mut().get_mut(block) {
            instances.values.insert(key.clone(), value);
            instances.whole = None;
        }
        self.forget_readers(block);
    }

    /// Forgets the locals that a block's values reach, unless they were wholly known: then they stay as they are.
    fn forget_readers(&self, block: &BlockName) {
        let mut locals = self.locals.borrow_mut();
        let mut open = vec![Target::Block(block.clone())];
        while let Some(target) = open.pop() {
            for name in self.readers.get(&target).into_iter().flatten() {
                // What is not there has no readers that are: they would have brought it here.
                if locals.get(name).is_some_and(|(_, known)| !known) {
                    locals.remove(name);
                    open.push(Target::Local(name.clone()));
                }
            }
        }
    }

    /// An instance's value, where it has one.
    pub(crate) fn get(&self, block: &BlockName, key: &Key) -> Option<Value> {
        self.blocks.borrow().get(block).and_then(|it| it.values.get(key).cloned())
    }

    /// How often a block is there, where that is known.
    pub(crate) fn expansion(&self, block: &BlockName) -> Option<Arc<Expansion>> {
        self.blocks.borrow().get(block).map(|it| it.expansion.clone())
    }

    /// The value of an expression outside of any instance.
    pub(crate) fn evaluate(&self, expression: &Expression) -> Result<Value, Vec<Diagnostic>> {
        expression.evaluate(&self.environment(self))
    }

    /// Runs `with` in the surroundings of one instance of a block.
    pub(crate) fn within<T>(
        &self,
        key: &Key,
        expansion: &Expansion,
        this: Option<&Value>,
        with: impl FnOnce(&Environment<'_>) -> T,
    ) -> T {
        let each = match (key, expansion) {
            (Key::Name(name), Expansion::ForEach(items)) => items.get(name).cloned(),
            _ => None,
        };
        let scope = InstanceScope { world: self, key, each, this };
        with(&self.environment(&scope))
    }

    fn local(&self, name: &Name) -> Result<Value, Box<Diagnostic>> {
        if let Some((value, _)) = self.locals.borrow().get(name) {
            return Ok(value.clone());
        }
        let Some(local) = self.configuration.locals.get(name) else {
            return Err(Box::new(Diagnostic::error(format!("there is no local value `{name}`"))));
        };
        if !self.open.borrow_mut().insert(name.clone()) {
            return Err(Box::new(Diagnostic::error(format!("`local.{name}` refers to itself")).at(local.span.clone())));
        }
        let result = self.evaluate(&local.expression);
        self.open.borrow_mut().remove(name);
        let value = result.map_err(|it| Box::new(it.into_iter().next().expect("a failure has a diagnostic")))?;
        let known = value.is_wholly_known();
        self.locals.borrow_mut().insert(name.clone(), (value.clone(), known));
        Ok(value)
    }

    fn whole(&self, block: &BlockName) -> Value {
        let mut blocks = self.blocks.borrow_mut();
        let Some(instances) = blocks.get_mut(block) else {
            return Value::unknown(Type::Any, Some(block.to_string().into()));
        };
        if let Some(whole) = &instances.whole {
            return whole.clone();
        }
        let unknown = |key: &Key| Value::unknown(Type::Any, Some(format!("{block}{key}").into()));
        let value = |key: &Key| instances.values.get(key).cloned().unwrap_or_else(|| unknown(key));
        let whole = match &*instances.expansion {
            Expansion::Single => value(&Key::None),
            Expansion::Absent => Value::Null,
            Expansion::Count(count) => Value::tuple((0..*count).map(|index| value(&Key::Index(index)))),
            Expansion::ForEach(items) => Value::object(items.keys().map(|name| (name.clone(), value(&Key::Name(name.clone()))))),
        };
        instances.whole = Some(whole.clone());
        whole
    }

    fn one(&self, block: &BlockName, key: &Key) -> Result<Value, Box<Diagnostic>> {
        if let Some(value) = self.get(block, key) {
            return Ok(value);
        }
        let cause = Some(format!("{block}{key}").into());
        match self.expansion(block) {
            Some(expansion) if !expansion.contains(key) => {
                let known: Vec<String> = expansion.keys().iter().take(8).map(|it| format!("`{block}{it}`")).collect();
                let diagnostic = Diagnostic::error(format!("there is no instance `{block}{key}`"));
                Err(Box::new(match known.is_empty() {
                    true => diagnostic.help("the block has no instances"),
                    false => diagnostic.help(format!("there are {}", known.join(", "))),
                }))
            }
            _ => Ok(Value::unknown(Type::Any, cause)),
        }
    }
}

impl Scope for World {
    fn value(&self, target: &Target) -> Result<Value, Box<Diagnostic>> {
        match target {
            Target::Variable(name) => match self.variables.get(name) {
                Some(value) => Ok(value.clone()),
                None => Err(Box::new(Diagnostic::error(format!("there is no variable `{name}`")))),
            },
            Target::Local(name) => self.local(name),
            Target::Block(name) => Ok(self.whole(name)),
            Target::PathModule | Target::PathRoot | Target::PathCwd => Ok(Value::from(".")),
            Target::Workspace => Ok(Value::from("default")),
            Target::EachKey | Target::EachValue => Err(out_of_place("each", "for_each")),
            Target::CountIndex => Err(out_of_place("count.index", "count")),
            Target::SelfValue => Err(Box::new(
                Diagnostic::error("`self` means nothing here").help("`self` is the instance in its own `postcondition`"),
            )),
            Target::Module(name) => Err(Box::new(Diagnostic::error(format!("there is no module `{name}`")))),
        }
    }

    fn instance(&self, block: &BlockName, key: &Key) -> Result<Value, Box<Diagnostic>> {
        self.one(block, key)
    }
}

fn out_of_place(written: &str, argument: &str) -> Box<Diagnostic> {
    let summary = format!("`{written}` means nothing here");
    Box::new(Diagnostic::error(summary).help(format!("it is there only in a block that has `{argument}`")))
}

/// The surroundings of one instance.
struct InstanceScope<'a> {
    world: &'a World,
    key: &'a Key,
    each: Option<Value>,
    this: Option<&'a Value>,
}

impl Scope for InstanceScope<'_> {
    fn value(&self, target: &Target) -> Result<Value, Box<Diagnostic>> {
        match (target, self.key, &self.each, self.this) {
            (Target::EachKey, Key::Name(name), _, _) => Ok(Value::String(name.clone())),
            (Target::EachValue, _, Some(value), _) => Ok(value.clone()),
            (Target::CountIndex, Key::Index(index), _, _) => Ok(Value::from(i64::try_from(*index).unwrap_or(i64::MAX))),
            (Target::SelfValue, _, _, Some(value)) => Ok(value.clone()),
            _ => self.world.value(target),
        }
    }

    fn instance(&self, block: &BlockName, key: &Key) -> Result<Value, Box<Diagnostic>> {
        self.world.one(block, key)
    }
}

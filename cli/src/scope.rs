//! What expressions at the console may refer to: variables, locals, and what is recorded.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use ha_kind::{Address, BlockAddress, Diagnostic, Key, Name, Object, Schemas, Type, Value};
use ha_lang::{BlockName, Configuration, Environment, Files, Scope, Target};
use ha_state::{Record, State};

use crate::environment::workspace;

/// A configuration and its state, as they are.
pub(crate) struct Recorded<'a> {
    configuration: &'a Configuration,
    variables: &'a BTreeMap<Name, Value>,
    state: &'a State,
    schemas: &'a Schemas,
    files: &'a dyn Files,
    open: RefCell<BTreeSet<Name>>,
    workspace: &'a str,
}

impl<'a> Recorded<'a> {
    pub(crate) fn new(
        configuration: &'a Configuration,
        variables: &'a BTreeMap<Name, Value>,
        state: &'a State,
        schemas: &'a Schemas,
        files: &'a dyn Files,
    ) -> Self {
        Self { configuration, variables, state, schemas, files, open: RefCell::default(), workspace: workspace(None) }
    }

    /// In this environment.
    pub(crate) fn in_environment(mut self, environment: Option<&'a str>) -> Self {
        self.workspace = workspace(environment);
        self
    }

    fn local(&self, name: &Name) -> Result<Value, Box<Diagnostic>> {
        let Some(local) = self.configuration.locals.get(name) else {
            let known = self.configuration.locals.keys().map(|it| &**it);
            return Err(Box::new(Diagnostic::error(format!("there is no local value `{name}`")).closest(name, known)));
        };
        if !self.open.borrow_mut().insert(name.clone()) {
            return Err(Box::new(Diagnostic::error(format!("`local.{name}` refers to itself")).at(local.span.clone())));
        }
        let value = local.expression.evaluate(&Environment::new(self, self.files));
        self.open.borrow_mut().remove(name);
        value.map_err(|it| Box::new(it.into_iter().next().expect("a failure has a diagnostic")))
    }

    /// The instances of a block that are recorded, in order.
    fn instances(&self, block: &BlockName) -> impl Iterator<Item = (&'a Address, &'a Record)> {
        let wanted = BlockAddress::root(block.mode, block.kind.clone(), block.name.clone());
        let from = wanted.instance(Key::None);
        self.state.records.range(from..).take_while(move |(address, _)| address.block == wanted)
    }

    /// Its arguments, its outputs over them, and null for every other attribute of its kind.
    fn value_of(&self, record: &Record) -> Value {
        let block = &record.address.block;
        let mut all = Object::new();
        if let Some(described) = self.schemas.kind(block.mode, &block.kind) {
            let schema = described.schema();
            all.extend(schema.arguments.keys().chain(schema.outputs.keys()).map(|name| (name.clone(), Value::Null)));
        }
        all.extend(record.arguments.clone());
        all.extend(record.outputs.iter().filter(|(_, it)| !it.is_null()).map(|(name, it)| (name.clone(), it.clone())));
        Value::Object(all.into())
    }
}

impl Scope for Recorded<'_> {
    fn value(&self, target: &Target) -> Result<Value, Box<Diagnostic>> {
        match target {
            Target::Variable(name) => self.variables.get(name).cloned().ok_or_else(|| {
                let known = self.variables.keys().map(|it| &**it);
                Box::new(Diagnostic::error(format!("there is no variable `{name}`")).closest(name, known))
            }),
            Target::Local(name) => self.local(name),
            Target::Block(block) => {
                let instances: Vec<(&Key, Value)> =
                    self.instances(block).map(|(address, it)| (&address.key, self.value_of(it))).collect();
                match instances.first() {
                    Some((Key::None, value)) => Ok(value.clone()),
                    Some((Key::Index(_), _)) => Ok(Value::tuple(instances.into_iter().map(|(_, it)| it))),
                    Some((Key::Name(_), _)) => Ok(Value::object(instances.into_iter().filter_map(|(key, it)| match key {
                        Key::Name(name) => Some((name.clone(), it)),
                        _ => None,
                    }))),
                    None if self.configuration.blocks.contains_key(block) => {
                        Ok(Value::unknown(Type::Any, Some(block.to_string().into())))
                    }
                    None => Err(Box::new(Diagnostic::error(format!("there is no `{block}`, neither configured nor recorded")))),
                }
            }
            Target::PathModule | Target::PathRoot | Target::PathCwd => Ok(Value::from(".")),
            Target::Workspace => Ok(Value::from(self.workspace)),
            other => Err(Box::new(Diagnostic::error(format!("`{other}` means nothing here")))),
        }
    }

    fn instance(&self, block: &BlockName, key: &Key) -> Result<Value, Box<Diagnostic>> {
        match self.instances(block).find(|(address, _)| address.key == *key) {
            Some((_, record)) => Ok(self.value_of(record)),
            None if self.configuration.blocks.contains_key(block) => {
                Ok(Value::unknown(Type::Any, Some(format!("{block}{key}").into())))
            }
            None => self.value(&Target::Block(block.clone())),
        }
    }
}

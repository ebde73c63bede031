//! What expressions at the console may refer to: variables, locals, modules, and what is recorded.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_kind::{Address, BlockAddress, Diagnostic, Key, Name, Object, Schemas, Type, Value, code, convert};
use ha_lang::{BlockName, Configuration, Environment, Expression, Fact, Files, ModuleCall, Scope, Target, not_kept};
use ha_state::{Record, State};

use crate::environment::workspace;

/// A configuration and its state, as they are.
pub(crate) struct Recorded<'a> {
    configuration: &'a Configuration,
    variables: Cow<'a, BTreeMap<Name, Value>>,
    state: &'a State,
    schemas: &'a Schemas,
    files: &'a dyn Files,
    open: RefCell<BTreeSet<Name>>,
    workspace: &'a str,
    /// The module instance that this is seen from.
    module: Arc<[(Name, Key)]>,
}

impl<'a> Recorded<'a> {
    pub(crate) fn new(
        configuration: &'a Configuration,
        variables: &'a BTreeMap<Name, Value>,
        state: &'a State,
        schemas: &'a Schemas,
        files: &'a dyn Files,
    ) -> Self {
        Self {
            configuration,
            variables: Cow::Borrowed(variables),
            state,
            schemas,
            files,
            open: RefCell::default(),
            workspace: workspace(None),
            module: Arc::new([]),
        }
    }

    /// In this environment.
    pub(crate) fn in_environment(mut self, environment: Option<&'a str>) -> Self {
        self.workspace = workspace(environment);
        self
    }

    /// The outputs of a module, for each of its instances.
    fn module(&self, name: &Name) -> Result<Value, Box<Diagnostic>> {
        let Some(call) = self.configuration.modules.get(name) else {
            let known = self.configuration.modules.keys().map(|it| &**it);
            return Err(Box::new(
                Diagnostic::error(format!("there is no module `{name}`")).code(code::UNDECLARED).closest(name, known),
            ));
        };
        let not_known = || Ok(Value::unknown(Type::Any, Some(format!("module.{name}").into())));
        if let Some(enabled) = &call.enabled {
            match evaluated(enabled, self, self.files)?.unmark().0 {
                Value::Bool(false) => return Ok(Value::NULL),
                value if !value.is_known() => return not_known(),
                _ => {}
            }
        }
        if let Some(count) = &call.count {
            let Value::Number(count) = evaluated(count, self, self.files)?.unmark().0 else { return not_known() };
            let instance = |index: i64| self.module_instance(call, Key::Index(index.unsigned_abs()), Value::from(index));
            return (0..count.as_i64().unwrap_or_default()).map(instance).collect::<Result<Vec<_>, _>>().map(Value::tuple);
        }
        let Some(for_each) = &call.for_each else { return self.module_instance(call, Key::None, Value::NULL) };
        let items: Vec<(Name, Value)> = match evaluated(for_each, self, self.files)?.unmark().0 {
            Value::Map(items) | Value::Object(items) => items.iter().map(|(name, it)| (name.clone(), it.clone())).collect(),
            Value::Set(items) => items.iter().filter_map(|it| Some((Name::from(it.as_str()?), it.clone()))).collect(),
            _ => return not_known(),
        };
        let instance = |(key, it): (Name, Value)| Ok((key.clone(), self.module_instance(call, Key::Name(key), it)?));
        items.into_iter().map(instance).collect::<Result<Vec<_>, _>>().map(Value::object)
    }

    fn module_instance(&self, call: &ModuleCall, key: Key, item: Value) -> Result<Value, Box<Diagnostic>> {
        let caller = Repeated { scope: self, key: &key, item };
        let mut variables = BTreeMap::new();
        for (name, variable) in &call.configuration.variables {
            let given = call.arguments.get(name).map(|it| evaluated(it, &caller, self.files)).transpose()?;
            let given = given.filter(|it| variable.nullable || !it.is_null());
            let value = given.or_else(|| variable.default.clone()).unwrap_or(Value::NULL);
            let value = convert(&value, &variable.ty).unwrap_or(value);
            variables.insert(name.clone(), if variable.sensitive { value.sensitive() } else { value });
        }
        let module = self.module.iter().cloned().chain([(call.name.clone(), key)]).collect();
        let inside = Recorded {
            configuration: &call.configuration,
            variables: Cow::Owned(variables),
            open: RefCell::default(),
            module,
            ..*self
        };
        let outputs = call.configuration.outputs.values().map(|it| {
            let value = evaluated(&it.value, &inside, self.files)?;
            Ok((it.name.clone(), if it.sensitive { value.sensitive() } else { value }))
        });
        outputs.collect::<Result<Vec<_>, Box<Diagnostic>>>().map(Value::object)
    }

    fn local(&self, name: &Name) -> Result<Value, Box<Diagnostic>> {
        let Some(local) = self.configuration.locals.get(name) else {
            let known = self.configuration.locals.keys().map(|it| &**it);
            return Err(Box::new(
                Diagnostic::error(format!("there is no local value `{name}`")).code(code::UNDECLARED).closest(name, known),
            ));
        };
        if !self.open.borrow_mut().insert(name.clone()) {
            return Err(Box::new(
                Diagnostic::error(format!("`local.{name}` refers to itself")).code(code::CIRCLE).at(local.span.clone()),
            ));
        }
        let value = evaluated(&local.expression, self, self.files);
        self.open.borrow_mut().remove(name);
        value
    }

    /// The instances of a block that are recorded, in order.
    fn instances(&self, block: &BlockName) -> impl Iterator<Item = (&'a Address, &'a Record)> {
        let BlockName { mode, kind, name } = block.clone();
        let wanted = BlockAddress { module: self.module.clone(), mode, kind, name };
        let from = wanted.instance(Key::None);
        self.state.records.range(from..).take_while(move |(address, _)| address.block == wanted)
    }

    /// Its arguments, its outputs over them, and null for every other attribute of its kind.
    fn value_of(&self, record: &Record) -> Value {
        let block = &record.address.block;
        let mut all = Object::new();
        if let Some(described) = self.schemas.kind(block.mode, &block.kind) {
            let schema = described.schema();
            all.extend(schema.arguments.keys().chain(schema.outputs.keys()).map(|name| (name.clone(), Value::NULL)));
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
                Box::new(Diagnostic::error(format!("there is no variable `{name}`")).code(code::UNDECLARED).closest(name, known))
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
                    None => Err(Box::new(
                        Diagnostic::error(format!("there is no `{block}`, neither configured nor recorded"))
                            .code(code::UNDECLARED),
                    )),
                }
            }
            Target::Module(name) => self.module(name),
            Target::PathModule if !self.configuration.directory.is_empty() => Ok(Value::from(&*self.configuration.directory)),
            Target::PathModule | Target::PathRoot => Ok(Value::from(".")),
            Target::PathCwd => {
                let told = self.files.machine(Fact::WorkingDirectory).map(Value::String);
                told.map_err(|why| Box::new(Diagnostic::error(format!("`path.cwd` cannot be told: {why}"))))
            }
            Target::Workspace => Ok(Value::from(self.workspace)),
            other => Err(Box::new(Diagnostic::error(format!("`{other}` means nothing here")).code(code::NOT_HERE))),
        }
    }

    fn cleared(&self, target: &Target, environment: &Environment<'_>) -> Result<Value, Box<Diagnostic>> {
        let value = self.value(target)?;
        Ok(match target {
            Target::Variable(name) if self.configuration.variables.get(name).is_some_and(|it| it.ephemeral) => not_kept(&value),
            Target::Local(name) => match self.configuration.locals.get(name) {
                Some(local) => local.expression.evaluate(environment).unwrap_or_else(|_| not_kept(&value)),
                None => value,
            },
            Target::Module(name) => match self.configuration.modules.get(name) {
                Some(call) => call.without_ephemeral(&value),
                None => value,
            },
            _ => value,
        })
    }

    fn instance(&self, block: &BlockName, key: &Key) -> Result<Value, Box<Diagnostic>> {
        match self.instances(block).find(|(address, _)| address.key.is_indexed_by(key)) {
            Some((_, record)) => Ok(self.value_of(record)),
            None if self.configuration.blocks.contains_key(block) => {
                Ok(Value::unknown(Type::Any, Some(format!("{block}{key}").into())))
            }
            None => self.value(&Target::Block(block.clone())),
        }
    }
}

/// What is seen where a module is called: its repetition too.
struct Repeated<'s, 'a> {
    scope: &'s Recorded<'a>,
    key: &'s Key,
    item: Value,
}

impl Scope for Repeated<'_, '_> {
    fn value(&self, target: &Target) -> Result<Value, Box<Diagnostic>> {
        match (target, self.key) {
            (Target::CountIndex, Key::Index(_)) | (Target::EachValue, Key::Name(_)) => Ok(self.item.clone()),
            (Target::EachKey, Key::Name(name)) => Ok(Value::from(&**name)),
            _ => self.scope.value(target),
        }
    }

    fn instance(&self, block: &BlockName, key: &Key) -> Result<Value, Box<Diagnostic>> {
        self.scope.instance(block, key)
    }
}

/// The value of an expression, or the first thing that is wrong with it.
fn evaluated(expression: &Expression, scope: &dyn Scope, files: &dyn Files) -> Result<Value, Box<Diagnostic>> {
    let value = expression.evaluate(&Environment::new(scope, files));
    value.map_err(|it| Box::new(it.into_iter().next().expect("a failure has a diagnostic")))
}

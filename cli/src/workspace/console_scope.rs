//! What expressions at the console may refer to: variables, locals, modules, and what is recorded.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{
    BlockName, Configuration, EvaluationContext, Expression, FileSource, MachineFact, ModuleCall,
    ReferenceTarget, ResourceBlock, ValueScope, not_kept,
};
use ha_plan::rendered;
use ha_provider::{ArgumentProblem, ResourceDescription, SchemaSet};
use ha_state_model::{Record, State};
use ha_value::{Address, BlockAddress, InstanceKey, Name, Object, Type, Value, convert};

use crate::workspace::selected::workspace;

/// A value, or what is wrong with it.
type ScopeResult = Result<Value, Box<Diagnostic>>;

/// What comes of something that may be asked for many times, found out once; `again` where that
/// asks for itself.
fn once(
    known: &RefCell<BTreeMap<Name, Option<ScopeResult>>>,
    name: &Name,
    again: impl FnOnce() -> Box<Diagnostic>,
    work: impl FnOnce() -> ScopeResult,
) -> ScopeResult {
    if let Some(known) = known.borrow().get(name) {
        return known.clone().unwrap_or_else(|| Err(again()));
    }
    known.borrow_mut().insert(name.clone(), None);
    let outcome = work();
    known.borrow_mut().insert(name.clone(), Some(outcome.clone()));
    outcome
}

/// A configuration and its state, as they are.
pub(crate) struct ConsoleScope<'a> {
    configuration: &'a Configuration,
    variables: Cow<'a, BTreeMap<Name, Value>>,
    state: &'a State,
    schemas: &'a SchemaSet,
    files: &'a dyn FileSource,
    /// Local values and modules that were asked for, with what came of that; none while it is being
    /// found out.
    locals: RefCell<BTreeMap<Name, Option<ScopeResult>>>,
    modules: RefCell<BTreeMap<Name, Option<ScopeResult>>>,
    /// The documents that were rendered already.
    rendered: RefCell<BTreeMap<Name, Option<ScopeResult>>>,
    workspace: &'a str,
    /// The module instance that this is seen from.
    module: Arc<[(Name, InstanceKey)]>,
}

impl<'a> ConsoleScope<'a> {
    pub(crate) fn new(
        configuration: &'a Configuration,
        variables: &'a BTreeMap<Name, Value>,
        state: &'a State,
        schemas: &'a SchemaSet,
        files: &'a dyn FileSource,
    ) -> Self {
        Self {
            configuration,
            variables: Cow::Borrowed(variables),
            state,
            schemas,
            files,
            locals: RefCell::default(),
            modules: RefCell::default(),
            rendered: RefCell::default(),
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
    fn module(&self, name: &Name) -> ScopeResult {
        let again = || {
            Box::new(
                Diagnostic::error(format!("`module.{name}` refers to itself")).code(code::CIRCLE),
            )
        };
        once(&self.modules, name, again, || self.worked_out(name))
    }

    fn worked_out(&self, name: &Name) -> Result<Value, Box<Diagnostic>> {
        let Some(call) = self.configuration.modules.get(name) else {
            let known = self.configuration.modules.keys().map(|it| &**it);
            return Err(Box::new(
                Diagnostic::error(format!("there is no module `{name}`"))
                    .code(code::UNDECLARED)
                    .closest(name, known),
            ));
        };
        let repetition = RepetitionArguments {
            enabled: call.enabled.as_ref(),
            count: call.count.as_ref(),
            for_each: call.for_each.as_ref(),
        };
        self.repeated(&format!("module.{name}"), repetition, &|key, item| {
            self.module_instance(call, key, item)
        })
    }

    /// What there is of something for each of its instances: a tuple, an object, or the only one.
    fn repeated(
        &self,
        name: &str,
        RepetitionArguments { enabled, count, for_each }: RepetitionArguments<'_>,
        instance: &dyn Fn(InstanceKey, Value) -> Result<Value, Box<Diagnostic>>,
    ) -> Result<Value, Box<Diagnostic>> {
        let not_known = || Ok(Value::unknown(Type::Any, Some(name.into())));
        if let Some(enabled) = enabled {
            match evaluated(enabled, self, self.files)?.unmark().0 {
                Value::Bool(false) => return Ok(Value::NULL),
                value if !value.is_known() => return not_known(),
                _ => {}
            }
        }
        if let Some(count) = count {
            let Value::Number(count) = evaluated(count, self, self.files)?.unmark().0 else {
                return not_known();
            };
            let indexed =
                |index: i64| instance(InstanceKey::Index(index.unsigned_abs()), Value::from(index));
            return (0..count.as_i64().unwrap_or_default())
                .map(indexed)
                .collect::<Result<Vec<_>, _>>()
                .map(Value::tuple);
        }
        let Some(for_each) = for_each else { return instance(InstanceKey::None, Value::NULL) };
        let items: Vec<(Name, Value)> = match evaluated(for_each, self, self.files)?.unmark().0 {
            Value::Map(items) | Value::Object(items) => {
                items.iter().map(|(name, it)| (name.clone(), it.clone())).collect()
            }
            Value::Set(items) => {
                items.iter().filter_map(|it| Some((Name::from(it.as_str()?), it.clone()))).collect()
            }
            _ => return not_known(),
        };
        let named =
            |(key, it): (Name, Value)| Ok((key.clone(), instance(InstanceKey::Name(key), it)?));
        items.into_iter().map(named).collect::<Result<Vec<_>, _>>().map(Value::object)
    }

    /// A document, which is recorded nowhere: it renders to the same again.
    fn document(&self, block: &ResourceBlock, described: &ResourceDescription) -> ScopeResult {
        let name: Name = block.name.to_string().into();
        let circle = Diagnostic::error(format!("`{name}` refers to itself"))
            .code(code::CIRCLE)
            .at(block.head.clone());
        once(
            &self.rendered,
            &name,
            || Box::new(circle.clone()),
            || self.rendered_anew(&name, block, described),
        )
    }

    fn rendered_anew(
        &self,
        name: &Name,
        block: &ResourceBlock,
        described: &ResourceDescription,
    ) -> ScopeResult {
        let enabled = block.lifecycle.enabled.as_ref();
        let repetition = RepetitionArguments {
            enabled,
            count: block.count.as_ref(),
            for_each: block.for_each.as_ref(),
        };
        self.repeated(name, repetition, &|key, item| {
            let scope = RepetitionScope { scope: self, key: &key, item };
            let wrong = |it: Vec<Diagnostic>| {
                Box::new(it.into_iter().next().expect("a failure has a diagnostic"))
            };
            let located = |it: Vec<ArgumentProblem>| {
                wrong(it.into_iter().map(|it| problem(&it, block)).collect())
            };
            let schema = described.schema();
            let given = block
                .body
                .evaluate(schema, &EvaluationContext::new(&scope, self.files))
                .map_err(wrong)?;
            rendered(described, &schema.conform(&given).map_err(located)?).map_err(located)
        })
    }

    /// A block that is a document, with its kind.
    fn document_block(
        &self,
        block: &BlockName,
    ) -> Option<(&'a ResourceBlock, &'a ResourceDescription)> {
        let described = self.schemas.kind(block.mode, &block.kind).filter(|it| it.is_document())?;
        Some((self.configuration.blocks.get(block)?, described))
    }

    fn module_instance(
        &self,
        call: &ModuleCall,
        key: InstanceKey,
        item: Value,
    ) -> Result<Value, Box<Diagnostic>> {
        let caller = RepetitionScope { scope: self, key: &key, item };
        let mut variables = BTreeMap::new();
        for (name, variable) in &call.configuration.variables {
            let given = call
                .arguments
                .get(name)
                .map(|it| evaluated(it, &caller, self.files))
                .transpose()?;
            let given = given.filter(|it| variable.nullable || !it.is_null());
            let value = given.or_else(|| variable.default.clone()).unwrap_or(Value::NULL);
            let value = convert(&value, &variable.ty).unwrap_or(value);
            variables
                .insert(name.clone(), if variable.sensitive { value.sensitive() } else { value });
        }
        let module = self.module.iter().cloned().chain([(call.name.clone(), key)]).collect();
        let inside = ConsoleScope {
            configuration: &call.configuration,
            variables: Cow::Owned(variables),
            locals: RefCell::default(),
            modules: RefCell::default(),
            rendered: RefCell::default(),
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
                Diagnostic::error(format!("there is no local value `{name}`"))
                    .code(code::UNDECLARED)
                    .closest(name, known),
            ));
        };
        let again = Diagnostic::error(format!("`local.{name}` refers to itself"))
            .code(code::CIRCLE)
            .at(local.span.clone());
        once(
            &self.locals,
            name,
            || Box::new(again.clone()),
            || evaluated(&local.expression, self, self.files),
        )
    }

    /// The instances of a block that are recorded, in order.
    fn instances(&self, block: &BlockName) -> impl Iterator<Item = (&'a Address, &'a Record)> {
        let BlockName { mode, kind, name } = block.clone();
        let wanted = BlockAddress { module: self.module.clone(), mode, kind, name };
        let from = wanted.instance(InstanceKey::None);
        self.state.records.range(from..).take_while(move |(address, _)| address.block == wanted)
    }

    /// Its arguments, its outputs over them, and null for every other attribute of its kind.
    fn value_of(&self, record: &Record) -> Value {
        let block = &record.address.block;
        let mut all = Object::new();
        if let Some(described) = self.schemas.kind(block.mode, &block.kind) {
            let schema = described.schema();
            all.extend(
                schema
                    .arguments
                    .keys()
                    .chain(schema.outputs.keys())
                    .map(|name| (name.clone(), Value::NULL)),
            );
        }
        all.extend(record.arguments.clone());
        all.extend(
            record
                .outputs
                .iter()
                .filter(|(_, it)| !it.is_null())
                .map(|(name, it)| (name.clone(), it.clone())),
        );
        Value::Object(all.into())
    }
}

impl ValueScope for ConsoleScope<'_> {
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>> {
        match target {
            ReferenceTarget::Variable(name) => self.variables.get(name).cloned().ok_or_else(|| {
                let known = self.variables.keys().map(|it| &**it);
                Box::new(
                    Diagnostic::error(format!("there is no variable `{name}`"))
                        .code(code::UNDECLARED)
                        .closest(name, known),
                )
            }),
            ReferenceTarget::Local(name) => self.local(name),
            ReferenceTarget::Block(block)
                if let Some((block, described)) = self.document_block(block) =>
            {
                self.document(block, described)
            }
            ReferenceTarget::Block(block) => {
                let instances: Vec<(&InstanceKey, Value)> = self
                    .instances(block)
                    .map(|(address, it)| (&address.key, self.value_of(it)))
                    .collect();
                match instances.first() {
                    Some((InstanceKey::None, value)) => Ok(value.clone()),
                    Some((InstanceKey::Index(_), _)) => {
                        Ok(Value::tuple(instances.into_iter().map(|(_, it)| it)))
                    }
                    Some((InstanceKey::Name(_), _)) => {
                        Ok(Value::object(instances.into_iter().filter_map(|(key, it)| match key {
                            InstanceKey::Name(name) => Some((name.clone(), it)),
                            _ => None,
                        })))
                    }
                    None if self.configuration.blocks.contains_key(block) => {
                        Ok(Value::unknown(Type::Any, Some(block.to_string().into())))
                    }
                    None => Err(Box::new(
                        Diagnostic::error(format!(
                            "there is no `{block}`, neither configured nor recorded"
                        ))
                        .code(code::UNDECLARED),
                    )),
                }
            }
            ReferenceTarget::Module(name) => self.module(name),
            ReferenceTarget::PathModule if !self.configuration.directory.is_empty() => {
                Ok(Value::from(&*self.configuration.directory))
            }
            ReferenceTarget::PathModule | ReferenceTarget::PathRoot => Ok(Value::from(".")),
            ReferenceTarget::PathCwd => {
                let told = self.files.machine(MachineFact::WorkingDirectory).map(Value::String);
                told.map_err(|why| {
                    Box::new(Diagnostic::error(format!("`path.cwd` cannot be known: {why}")))
                })
            }
            ReferenceTarget::Workspace => Ok(Value::from(self.workspace)),
            other => Err(Box::new(
                Diagnostic::error(format!("`{other}` means nothing here")).code(code::NOT_HERE),
            )),
        }
    }

    fn cleared(
        &self,
        target: &ReferenceTarget,
        environment: &EvaluationContext<'_>,
    ) -> Result<Value, Box<Diagnostic>> {
        let value = self.value(target)?;
        Ok(match target {
            ReferenceTarget::Variable(name) => match self.configuration.variables.get(name) {
                Some(variable) => variable.without_ephemeral(value),
                None => value,
            },
            ReferenceTarget::Local(name) => match self.configuration.locals.get(name) {
                Some(local) => {
                    local.expression.evaluate(environment).unwrap_or_else(|_| not_kept(&value))
                }
                None => value,
            },
            ReferenceTarget::Module(name) => match self.configuration.modules.get(name) {
                Some(call) => call.without_ephemeral(&value),
                None => value,
            },
            _ => value,
        })
    }

    fn instance(&self, block: &BlockName, key: &InstanceKey) -> Result<Value, Box<Diagnostic>> {
        if let Some((document, described)) = self.document_block(block) {
            let all = self.document(document, described)?;
            let one = match (key, &all) {
                (InstanceKey::None, _) => Some(all),
                (_, Value::Tuple(items)) => {
                    let mut indexed = (0..).map(InstanceKey::Index).zip(items.iter());
                    indexed.find(|(it, _)| it.is_indexed_by(key)).map(|(_, it)| it.clone())
                }
                (_, Value::Object(items)) => {
                    let mut named =
                        items.iter().map(|(name, it)| (InstanceKey::Name(name.clone()), it));
                    named.find(|(it, _)| it.is_indexed_by(key)).map(|(_, it)| it.clone())
                }
                _ => Some(all),
            };
            let missing = || {
                Box::new(
                    Diagnostic::error(format!("there is no `{block}{key}`")).code(code::UNDECLARED),
                )
            };
            return one.ok_or_else(missing);
        }
        match self.instances(block).find(|(address, _)| address.key.is_indexed_by(key)) {
            Some((_, record)) => Ok(self.value_of(record)),
            None if self.configuration.blocks.contains_key(block) => {
                Ok(Value::unknown(Type::Any, Some(format!("{block}{key}").into())))
            }
            None => self.value(&ReferenceTarget::Block(block.clone())),
        }
    }
}

/// How often there is something.
struct RepetitionArguments<'a> {
    enabled: Option<&'a Expression>,
    count: Option<&'a Expression>,
    for_each: Option<&'a Expression>,
}

/// What is wrong with an argument of a block, where it is written.
fn problem(problem: &ArgumentProblem, block: &ResourceBlock) -> Diagnostic {
    let at = block.body.locate(&problem.path);
    Diagnostic::error(problem.message.clone())
        .code(code::MISPLACED)
        .at(at)
        .within(block.head.clone())
}

/// What is seen where a module is called or a document is: its repetition too.
struct RepetitionScope<'s, 'a> {
    scope: &'s ConsoleScope<'a>,
    key: &'s InstanceKey,
    item: Value,
}

impl ValueScope for RepetitionScope<'_, '_> {
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>> {
        match (target, self.key) {
            (ReferenceTarget::CountIndex, InstanceKey::Index(_))
            | (ReferenceTarget::EachValue, InstanceKey::Name(_)) => Ok(self.item.clone()),
            (ReferenceTarget::EachKey, InstanceKey::Name(name)) => Ok(Value::from(&**name)),
            _ => self.scope.value(target),
        }
    }

    fn instance(&self, block: &BlockName, key: &InstanceKey) -> Result<Value, Box<Diagnostic>> {
        self.scope.instance(block, key)
    }
}

/// The value of an expression, or the first thing that is wrong with it.
fn evaluated(
    expression: &Expression,
    scope: &dyn ValueScope,
    files: &dyn FileSource,
) -> Result<Value, Box<Diagnostic>> {
    let value = expression.evaluate(&EvaluationContext::new(scope, files));
    value.map_err(|it| Box::new(it.into_iter().next().expect("a failure has a diagnostic")))
}

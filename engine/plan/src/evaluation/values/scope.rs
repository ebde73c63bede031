//! Resolution of names in expressions.

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{
    BlockName, EvaluationContext, FileSource, MachineFact, ReferenceTarget, ValueScope, not_kept,
};
use ha_value::{InstanceKey, Type, Value};

use super::{EvaluationValues, InstanceId};
use crate::evaluation::expansion::Expansion;

/// Where an expression is evaluated: a module instance, and perhaps one instance of a block or
/// call in it.
#[derive(Clone, Copy)]
pub(crate) struct EvaluationScope<'a> {
    instance: InstanceId,
    each: Option<(&'a Expansion, usize)>,
    this: Option<&'a Value>,
}

impl<'a> EvaluationScope<'a> {
    /// The scope of a module instance.
    pub(crate) fn in_module(instance: InstanceId) -> Self {
        Self { instance, each: None, this: None }
    }

    /// The scope of one instance of a block or call.
    pub(crate) fn each(instance: InstanceId, expansion: &'a Expansion, place: usize) -> Self {
        Self { instance, each: Some((expansion, place)), this: None }
    }

    /// Sets the value of `self`.
    pub(crate) fn with_self(self, this: &'a Value) -> Self {
        Self { this: Some(this), ..self }
    }
}

pub(super) struct ScopeView<'a> {
    pub(super) world: &'a EvaluationValues,
    pub(super) at: &'a EvaluationScope<'a>,
}

impl ScopeView<'_> {
    fn unknown(&self, target: &ReferenceTarget) -> Value {
        let cause = format!("{}{target}", self.world.prefix(self.at.instance));
        Value::unknown(Type::Any, Some(cause.into()))
    }
}

impl ValueScope for ScopeView<'_> {
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>> {
        let (world, instance) = (self.world, self.at.instance);
        let it = &world.instances[instance];
        let configuration = world.modules.configuration(it.module);
        let known =
            |value: Option<&Value>| Ok(value.cloned().unwrap_or_else(|| self.unknown(target)));
        let missing = |what: &str, name: &str| {
            Err(Box::new(
                Diagnostic::error(format!("there is no {what} `{name}`")).code(code::UNDECLARED),
            ))
        };
        match target {
            ReferenceTarget::Variable(name) => match configuration.variables.get_index_of(name) {
                Some(place) => known(world.variable(instance, place)),
                None => missing("variable", name),
            },
            ReferenceTarget::Local(name) => match configuration.locals.get_index_of(name) {
                Some(place) => known(world.local(instance, place)),
                None => missing("local value", name),
            },
            ReferenceTarget::Block(name) => match configuration.blocks.get_index_of(name) {
                Some(place) => Ok(world.whole_block(instance, place)),
                None => missing("block", &name.to_string()),
            },
            ReferenceTarget::Module(name) => match configuration.modules.get_index_of(name) {
                Some(place) => Ok(world.whole_call(instance, place)),
                None => missing("module", name),
            },
            ReferenceTarget::PathModule if !configuration.directory.is_empty() => {
                Ok(Value::String(configuration.directory.clone()))
            }
            ReferenceTarget::PathModule | ReferenceTarget::PathRoot => Ok(Value::from(".")),
            ReferenceTarget::PathCwd => working_directory(&*world.files),
            ReferenceTarget::Workspace => Ok(Value::String(world.workspace.clone())),
            ReferenceTarget::EachKey => match self.at.each {
                Some((Expansion::ForEach(items), place)) => {
                    Ok(Value::String(items[place].0.clone()))
                }
                _ => Err(out_of_place("each", "for_each")),
            },
            ReferenceTarget::EachValue => {
                match self.at.each.and_then(|(expansion, place)| expansion.each(place)) {
                    Some(value) => Ok(value.clone()),
                    None => Err(out_of_place("each", "for_each")),
                }
            }
            ReferenceTarget::CountIndex => match self.at.each {
                Some((Expansion::Count(_), place)) => {
                    Ok(Value::from(i64::try_from(place).unwrap_or(i64::MAX)))
                }
                _ => Err(out_of_place("count.index", "count")),
            },
            ReferenceTarget::SelfValue => self.at.this.cloned().ok_or_else(|| {
                let diagnostic =
                    Diagnostic::error("`self` means nothing here").code(code::NOT_HERE);
                Box::new(diagnostic.help("`self` is the instance in its own `postcondition`"))
            }),
        }
    }

    fn cleared(
        &self,
        target: &ReferenceTarget,
        environment: &EvaluationContext<'_>,
    ) -> Result<Value, Box<Diagnostic>> {
        let (world, instance) = (self.world, self.at.instance);
        let configuration = world.modules.configuration(world.instances[instance].module);
        // The plain value comes first, so that a wrong reference is reported as usual.
        let value = self.value(target)?;
        Ok(match target {
            ReferenceTarget::Variable(name) => match configuration.variables.get(name) {
                Some(variable) => variable.without_ephemeral(value),
                None => value,
            },
            ReferenceTarget::Local(name) => match configuration.locals.get(name) {
                Some(local) => {
                    local.expression.evaluate(environment).unwrap_or_else(|_| not_kept(&value))
                }
                None => value,
            },
            ReferenceTarget::Module(name) => match configuration.modules.get(name) {
                Some(call) => call.without_ephemeral(&value),
                None => value,
            },
            _ => value,
        })
    }

    fn has_for_each(&self, target: &ReferenceTarget) -> bool {
        let module = self.world.instances[self.at.instance].module;
        self.world.modules.configuration(module).has_for_each(target)
    }

    fn instance(&self, block: &BlockName, key: &InstanceKey) -> Result<Value, Box<Diagnostic>> {
        let (world, instance) = (self.world, self.at.instance);
        let configuration = world.modules.configuration(world.instances[instance].module);
        let Some(place) = configuration.blocks.get_index_of(block) else {
            return Err(Box::new(
                Diagnostic::error(format!("there is no block `{block}`")).code(code::UNDECLARED),
            ));
        };
        let unknown = || {
            let address = world.block_address(instance, place).instance(key.clone());
            Ok(Value::unknown(Type::Any, Some(address.to_string().into())))
        };
        let Some(expansion) = world.expansion(instance, place) else { return unknown() };
        match expansion.indexed(key) {
            Some(of_key) => world.value(instance, place, of_key).cloned().map_or_else(unknown, Ok),
            None => {
                let known: Vec<String> =
                    expansion.keys().take(8).map(|it| format!("`{block}{it}`")).collect();
                let diagnostic = Diagnostic::error(format!("there is no instance `{block}{key}`"))
                    .code(code::OUT_OF_RANGE);
                Err(Box::new(match known.is_empty() {
                    true => diagnostic.help("the block has no instances"),
                    false => diagnostic.help(format!("there are {}", known.join(", "))),
                }))
            }
        }
    }
}

fn working_directory(files: &dyn FileSource) -> Result<Value, Box<Diagnostic>> {
    let directory = files.machine(MachineFact::WorkingDirectory);
    directory.map(Value::String).map_err(|why| {
        Box::new(
            Diagnostic::error(format!("`path.cwd` cannot be known: {why}")).code(code::NOT_HERE),
        )
    })
}

fn out_of_place(written: &str, argument: &str) -> Box<Diagnostic> {
    let summary = format!("`{written}` means nothing here");
    Box::new(
        Diagnostic::error(summary)
            .code(code::NOT_HERE)
            .help(format!("it is available only in a block with `{argument}`")),
    )
}

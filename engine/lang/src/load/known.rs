//! What is known of a module before anything is planned: variables that are given, and what follows
//! from them alone.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use ha_diagnostics::Diagnostic;
use ha_value::{InstanceKey, Name, Value, convert};

use crate::compiled_expression::{BlockName, Expression, ReferenceTarget};
use crate::configuration::{Configuration, IndexMap};
use crate::diagnostics;
use crate::environment::{EmptyScope, EvaluationContext, ValueScope};

/// Where the values of a module's variables come from.
pub(super) enum VariableInputs<'a> {
    /// From outside.
    Values(BTreeMap<Name, Value>),
    /// From the block that calls it.
    Arguments { call: &'a IndexMap<Name, Expression>, outer: &'a ModuleSourceScope<'a> },
}

/// The scope that sources of modules are worked out in.
pub(super) struct ModuleSourceScope<'a> {
    configuration: &'a Configuration,
    given: VariableInputs<'a>,
    /// Local values that were asked for; none where there is no value, or while it is being worked
    /// out.
    locals: RefCell<HashMap<Name, Option<Value>>>,
    /// Variables that were asked for; none where there is no value.
    used: RefCell<BTreeMap<Name, Option<Value>>>,
}

impl<'a> ModuleSourceScope<'a> {
    pub(super) fn new(configuration: &'a Configuration, given: VariableInputs<'a>) -> Self {
        Self { configuration, given, locals: RefCell::default(), used: RefCell::default() }
    }

    /// The arguments of the block that calls a module.
    pub(super) fn call(&self, module: &Name) -> Option<&IndexMap<Name, Expression>> {
        self.configuration.modules.get(module).map(|it| &it.arguments)
    }

    /// The variables that were asked for, with their values.
    pub(super) fn into_used(self) -> BTreeMap<Name, Option<Value>> {
        self.used.into_inner()
    }

    /// The value of a variable, where it has one that is known.
    pub(super) fn variable(&self, name: &Name) -> Option<Value> {
        if let Some(value) = self.used.borrow().get(name) {
            return value.clone();
        }
        let value = self.worked_out(name);
        self.used.borrow_mut().insert(name.clone(), value.clone());
        value
    }

    fn worked_out(&self, name: &Name) -> Option<Value> {
        let variable = self.configuration.variables.get(name)?;
        let given = match &self.given {
            VariableInputs::Values(values) => values.get(name).cloned(),
            VariableInputs::Arguments { call, outer } => match call.get(name) {
                Some(argument) => {
                    Some(argument.evaluate(&EvaluationContext::new(*outer, &EmptyScope)).ok()?)
                }
                None => None,
            },
        };
        let value = match given {
            Some(Value::Null(_)) if !variable.nullable => variable.default.clone()?,
            Some(value) => convert(&value, &variable.ty).ok()?,
            None => variable.default.clone()?,
        };
        Some(if variable.sensitive { value.sensitive() } else { value })
    }

    fn local(&self, name: &Name) -> Option<Value> {
        if let Some(value) = self.locals.borrow().get(name) {
            return value.clone();
        }
        self.locals.borrow_mut().insert(name.clone(), None);
        let local = self.configuration.locals.get(name)?;
        let value = local.expression.evaluate(&EvaluationContext::new(self, &EmptyScope)).ok()?;
        self.locals.borrow_mut().insert(name.clone(), Some(value.clone()));
        Some(value)
    }
}

impl ValueScope for ModuleSourceScope<'_> {
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>> {
        let value = match target {
            ReferenceTarget::Variable(name) => self.variable(name),
            ReferenceTarget::Local(name) => self.local(name),
            _ => None,
        };
        value.ok_or_else(|| Box::new(diagnostics::module::not_known_yet(target)))
    }

    fn instance(&self, block: &BlockName, _: &InstanceKey) -> Result<Value, Box<Diagnostic>> {
        self.value(&ReferenceTarget::Block(block.clone()))
    }
}

//! The values that are known before anything is planned: given variables, and local values that
//! depend only on them. Sources of modules are evaluated with these.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use ha_diagnostics::Diagnostic;
use ha_value::{InstanceKey, Name, Value, convert};

use crate::compiled_expression::{BlockName, Expression, ReferenceTarget};
use crate::configuration::{Configuration, IndexMap};
use crate::diagnostics;
use crate::environment::{EmptyScope, EvaluationContext, ValueScope};

/// The origin of the values of a module's variables.
pub(super) enum VariableInputs<'a> {
    /// Given by the user.
    Values(BTreeMap<Name, Value>),
    /// The arguments of the `module` block.
    Arguments { call: &'a IndexMap<Name, Expression>, outer: &'a ModuleSourceScope<'a> },
}

/// The scope in which sources of modules are evaluated.
pub(super) struct ModuleSourceScope<'a> {
    configuration: &'a Configuration,
    given: VariableInputs<'a>,
    /// The local values that were read. `None` if there is no value, and while it is being evaluated,
    /// so that a cycle ends.
    locals: RefCell<HashMap<Name, Option<Value>>>,
    /// The variables that were read; `None` if there is no value.
    used: RefCell<BTreeMap<Name, Option<Value>>>,
}

impl<'a> ModuleSourceScope<'a> {
    pub(super) fn new(configuration: &'a Configuration, given: VariableInputs<'a>) -> Self {
        Self { configuration, given, locals: RefCell::default(), used: RefCell::default() }
    }

    /// The arguments of the `module` block of this name.
    pub(super) fn call(&self, module: &Name) -> Option<&IndexMap<Name, Expression>> {
        self.configuration.modules.get(module).map(|it| &it.arguments)
    }

    /// The variables that were read, with their values: calls with the same ones share a module.
    pub(super) fn into_used(self) -> BTreeMap<Name, Option<Value>> {
        self.used.into_inner()
    }

    /// The value of a variable; `None` if it has no known value.
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
            // A null stands for the default of a variable that is not nullable, as in the planner.
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
        // The entry stops a local value that refers to itself, which the planner reports as a
        // cycle.
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

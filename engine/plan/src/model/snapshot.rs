//! Values of variables in a plan. Those of ephemeral variables exist only while the command runs.

use std::collections::BTreeMap;

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{Configuration, VariableBlock};
use ha_value::{Name, Value};

use crate::model::PlanSnapshot;

impl PlanSnapshot {
    /// Returns the value of a variable of the root. An ephemeral variable without a value in this
    /// run has its default.
    pub(crate) fn value(&self, name: &Name, variable: &VariableBlock) -> Option<Value> {
        let given = self.variables.get(name).or_else(|| self.ephemeral.get(name)).cloned();
        given.or_else(|| variable.ephemeral.then(|| default(variable)).flatten())
    }

    /// Returns the snapshot to save, with ephemeral values in the part that is not serialised.
    pub(crate) fn without_ephemeral_values(&self, configuration: &Configuration) -> Self {
        let mut kept = self.clone();
        for (name, variable) in configuration.variables.iter().filter(|(_, it)| it.ephemeral) {
            kept.ephemeral.extend(kept.variables.remove(name).map(|it| (name.clone(), it)));
            // A value equal to the default need not be passed again when the saved plan is
            // applied.
            if kept.ephemeral.get(name).is_some_and(|it| !is_default(variable, it)) {
                kept.to_give.insert(name.clone());
            }
        }
        kept
    }

    /// Sets the values of ephemeral variables of a saved plan. Values of other variables are ignored:
    /// the plan has its own.
    pub fn give(&mut self, configuration: &Configuration, values: BTreeMap<Name, Value>) {
        let is_ephemeral =
            |name: &Name| configuration.variables.get(name).is_some_and(|it| it.ephemeral);
        self.ephemeral.extend(values.into_iter().filter(|(name, _)| is_ephemeral(name)));
    }

    /// Reports ephemeral variables whose values must be passed again and are not.
    #[must_use]
    pub fn not_given(&self, configuration: &Configuration) -> Vec<Diagnostic> {
        // A variable is listed only if its value differed from the default, so the default now means
        // that the value was not passed.
        let is_given = |name: &Name| {
            let variable = configuration.variables.get(name);
            self.ephemeral
                .get(name)
                .is_some_and(|it| variable.is_none_or(|variable| !is_default(variable, it)))
        };
        let diagnostics = self.to_give.iter().filter(|it| !is_given(it)).map(|name| {
            let diagnostic =
                Diagnostic::error(format!("the variable `{name}` needs its value again"))
                    .code(code::NO_VALUE)
                    .detail("It is ephemeral: the plan was made with it and does not keep it.")
                    .help(format!("give the value that the plan was made with: `--var {name}=…`"));
            match configuration.variables.get(name) {
                Some(variable) => diagnostic.at(variable.span.clone()),
                None => diagnostic,
            }
        });
        diagnostics.collect()
    }
}

fn is_default(variable: &VariableBlock, value: &Value) -> bool {
    variable.default.as_ref().is_some_and(|it| it.revealed() == value.revealed())
}

fn default(variable: &VariableBlock) -> Option<Value> {
    let default = variable.default.clone()?;
    Some(variable.marked(default))
}

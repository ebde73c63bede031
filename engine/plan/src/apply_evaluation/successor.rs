//! The replacement of an object that is deleted first.

use ha_diagnostics::Diagnostic;
use ha_value::Object;

use super::{ApplyEvaluation, InstancePosition, described};
use crate::evaluation::arguments::ConfiguredArguments;
use crate::evaluation::condition::findings;
use crate::evaluation::values::EvaluationScope;
use crate::model::Change;

impl ApplyEvaluation {
    /// Returns the arguments of the object that replaces the one that a change deletes first, as
    /// far as they are known.
    ///
    /// # Errors
    /// Errors of the arguments or preconditions: the replacement could not be created, so the old
    /// object must not be deleted.
    pub fn successor(&self, change: &Change) -> Result<Object, Vec<Diagnostic>> {
        let (graph, schemas) = (self.graph.clone(), self.schemas.clone());
        let InstancePosition { place, instance, at, block, .. } = self.place(&graph, change)?;
        let expansion =
            self.world.expansion(instance, place).cloned().expect("it has the instance");
        let here = EvaluationScope::each(instance, &expansion, at);
        // Warnings are reported when the replacement is created; here they would appear twice.
        let (errors, _) =
            findings(&self.world, &block.lifecycle.preconditions, &here, &change.address)
                .errors_and_warnings_in(block);
        if !errors.is_empty() {
            return Err(errors);
        }
        let given = ConfiguredArguments::evaluate(
            &self.world,
            &here,
            described(&schemas, block),
            block,
            &change.address,
        )?;
        Ok(given.values)
    }
}

//! Values that become known during the apply. Each node is evaluated again exactly once, when all
//! nodes it refers to are settled.

use ha_diagnostics::{Diagnostic, code};
use ha_lang::ResourceBlock;
use ha_provider::RenderResult;

use super::{ApplyEvaluation, described, has_conditions};
use crate::diff::planned_values::unrendered;
use crate::evaluation::argument_diagnostics::located;
use crate::evaluation::arguments::ConfiguredArguments;
use crate::evaluation::condition::findings;
use crate::evaluation::instance_value::instance_value;
use crate::evaluation::node::{EvaluationReport, evaluate};
use crate::evaluation::repetition::expansion;
use crate::evaluation::values::{EvaluationScope, InstanceId};
use crate::graph::{NodeId, NodeKind};

impl ApplyEvaluation {
    /// Settles a node: evaluates the nodes that waited for it alone, and settles them in turn.
    pub(super) fn settle(&mut self, node: NodeId) {
        // An explicit stack, since a chain of local values may be longer than the call stack
        // allows.
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            for free in self.progress.settled(node) {
                if let Err(wrong) = self.arrive(free) {
                    // A failed node is settled too, so that its dependents get its error instead
                    // of waiting forever.
                    self.failed.insert(free, wrong);
                }
                if !self.progress.has_steps(free) {
                    open.push(free);
                }
            }
        }
    }

    /// Evaluates a node, all of whose references are settled.
    fn arrive(&mut self, node: NodeId) -> Result<(), Vec<Diagnostic>> {
        let graph = self.graph.clone();
        if self.is_left_out(node) {
            return Ok(());
        }
        if let Some(wrong) = graph.direct_references(node).find_map(|it| self.failed.get(&it)) {
            return Err(wrong.clone());
        }
        let NodeKind::Block(place) = graph.node(node).what else {
            let EvaluationReport { diagnostics, warnings, .. } =
                evaluate(&graph, &mut self.world, node);
            self.warnings.extend(warnings);
            return if diagnostics.is_empty() { Ok(()) } else { Err(diagnostics) };
        };
        let schemas = self.schemas.clone();
        let block = graph.block(node).expect("the node is a block node");
        // A document has no step, so it is rendered as soon as its arguments are settled.
        if described(&schemas, block).is_document() {
            return self.render(node, place);
        }
        for instance in self.world.of_module(graph.node(node).module) {
            self.expand_again(instance, place, block)?;
            if has_conditions(block) {
                self.untouched(instance, place, block)?;
            }
        }
        Ok(())
    }

    /// Updates `each.value`. The keys were known while planning and must not change.
    fn expand_again(
        &mut self,
        instance: InstanceId,
        place: usize,
        block: &ResourceBlock,
    ) -> Result<(), Vec<Diagnostic>> {
        let Some(planned) =
            self.world.expansion(instance, place).filter(|it| !it.is_wholly_known()).cloned()
        else {
            return Ok(());
        };
        let by_now = expansion(&self.world, instance, block).map_err(|it| it.diagnostics)?;
        if !planned.keys().eq(by_now.keys()) {
            let address = self.world.block_address(instance, place);
            let diagnostic =
                Diagnostic::error(format!("`{address}` has other instances than planned"))
                    .code(code::OTHER_THAN_PLANNED)
                    .at(block.head.clone());
            return Err(vec![
                diagnostic
                    .help("nothing was done to it; plan again and look at the new plan")
                    .address(address),
            ]);
        }
        self.world.expand_again(instance, place, by_now);
        Ok(())
    }

    /// Evaluates the conditions of instances without a step; they may not have been known while
    /// planning.
    fn untouched(
        &self,
        instance: InstanceId,
        place: usize,
        block: &ResourceBlock,
    ) -> Result<(), Vec<Diagnostic>> {
        let Some(expansion) = self.world.expansion(instance, place) else { return Ok(()) };
        let address = self.world.block_address(instance, place);
        let mut wrong = Vec::new();
        for at in (0..expansion.len()).filter(|at| !self.touched.contains(&(instance, place, *at)))
        {
            let address = address.instance(expansion.key(at));
            let here = EvaluationScope::each(instance, expansion, at);
            wrong.extend(
                findings(&self.world, &block.lifecycle.preconditions, &here, &address).all(),
            );
            if let Some(value) = self.world.value(instance, place, at) {
                let here = here.with_self(value);
                wrong.extend(
                    findings(&self.world, &block.lifecycle.postconditions, &here, &address).all(),
                );
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Renders a document in all instances of its module.
    pub(super) fn render(&mut self, node: NodeId, place: usize) -> Result<(), Vec<Diagnostic>> {
        let (graph, schemas) = (self.graph.clone(), self.schemas.clone());
        let block = graph.block(node).expect("the node is a block node");
        let described = described(&schemas, block);
        for instance in self.world.of_module(graph.node(node).module) {
            let expansion = expansion(&self.world, instance, block).map_err(|it| it.diagnostics)?;
            self.world.expand(instance, place, expansion.clone());
            let address = self.world.block_address(instance, place);
            for (at, key) in expansion.keys().enumerate() {
                let (address, here) =
                    (address.instance(key), EvaluationScope::each(instance, &expansion, at));
                let mut wrong =
                    findings(&self.world, &block.lifecycle.preconditions, &here, &address).all();
                let arguments =
                    ConfiguredArguments::evaluate(&self.world, &here, described, block, &address)?
                        .values;
                let outputs = match described.render(&arguments).expect("only documents come here")
                {
                    RenderResult::Outputs(outputs) => outputs,
                    RenderResult::Unknown => unrendered(described, &arguments),
                    RenderResult::Problems(problems) => {
                        return Err(located(
                            problems,
                            &block.body,
                            Some(&address),
                            block.head.clone(),
                        ));
                    }
                };
                let value = instance_value(described.schema(), &arguments, &outputs);
                let here = here.with_self(&value);
                wrong.extend(
                    findings(&self.world, &block.lifecycle.postconditions, &here, &address).all(),
                );
                if !wrong.is_empty() {
                    return Err(wrong);
                }
                self.world.set_instance(instance, place, at, value);
            }
        }
        Ok(())
    }
}

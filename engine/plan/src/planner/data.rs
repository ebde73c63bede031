//! One instance of a data source or document.

use ha_lang::Reference;
use ha_provider::{ArgumentProblem, RenderResult, ResourceDescription};
use ha_state_model::ProviderName;
use ha_value::{Action, Object, Value};

use super::{BlockPlanning, InstancePlanning, Planner};
use crate::attributes::plain;
use crate::diff::planned_values::{unknown_outputs, unrendered};
use crate::evaluation::argument_diagnostics::located;
use crate::evaluation::arguments::ConfiguredArguments;
use crate::evaluation::condition::unread;
use crate::evaluation::instance_value::instance_value;
use crate::evaluation::timeouts::OperationTimeout;
use crate::graph::NodeKind;
use crate::model::{Change, ChangeReason, PlanMode};
use crate::planner::read_request::ReadRequest;
use crate::secrets::redaction::redacted_error;

/// Returns the value of a document: its arguments and, as far as they are known, its outputs. For
/// other data sources, the arguments alone.
///
/// # Errors
/// Problems of the arguments.
pub fn rendered(
    described: &ResourceDescription,
    arguments: &Object,
) -> Result<Value, Vec<ArgumentProblem>> {
    let outputs = match described.render(arguments) {
        Some(RenderResult::Outputs(outputs)) => outputs,
        Some(RenderResult::Problems(problems)) => return Err(problems),
        Some(RenderResult::Unknown) | None => unrendered(described, arguments),
    };
    Ok(instance_value(described.schema(), arguments, &outputs))
}

impl Planner<'_> {
    /// Evaluates a document, which needs no read.
    pub(super) fn evaluate_document(
        &mut self,
        instance: &InstancePlanning<'_>,
        arguments: &Object,
    ) {
        let BlockPlanning { described, block, .. } = *instance.planning;
        if self.only_checks && matches!(described.render(arguments), Some(RenderResult::Unknown)) {
            // Whether the result holds secrets is only known once it is rendered, so the check
            // does not mark it.
            let outputs = unknown_outputs(described, arguments, &instance.address);
            self.set_value(instance, instance_value(described.schema(), arguments, &outputs));
            return;
        }
        match rendered(described, arguments) {
            Ok(value) => self.set_value(instance, value),
            Err(problems) => {
                self.diagnostics.extend(located(
                    problems,
                    &block.body,
                    Some(&instance.address),
                    block.head.clone(),
                ));
            }
        }
    }

    /// Requests the read of a data source if its arguments are known and its dependencies exist;
    /// otherwise plans a step that reads it.
    pub(super) fn plan_data(
        &mut self,
        instance: &InstancePlanning<'_>,
        provider: &ProviderName,
        given: ConfiguredArguments,
    ) {
        let BlockPlanning { node, instance: module, described, block, because, .. } =
            *instance.planning;
        let ConfiguredArguments { values: arguments, timeouts, .. } = given;
        let address = &instance.address;
        let schema = described.schema();
        let settings = self.settings.get(provider).cloned().unwrap_or_default();
        let known = arguments.values().chain(settings.values()).all(Value::is_wholly_known);
        // A known argument is not enough: the object to read may be created or changed by this
        // plan, and reading it now would return the old values.
        if known && !self.waits_for_changes(instance) {
            let asked = plain(&arguments);
            match self.input.observed.data.get(address) {
                // An answer is reused only for the same arguments. They can differ between rounds
                // when they depend on another data source.
                Some((answered, outputs)) if *answered == asked => {
                    self.data.insert(address.clone(), outputs.clone());
                    let value = instance_value(schema, &arguments, outputs);
                    self.set_value(instance, value);
                }
                _ if let Some((tried, error)) = self.input.observed.unread.get(address)
                    && *tried == asked =>
                {
                    self.warnings.push(unread(
                        block,
                        address,
                        redacted_error(error.clone(), [&arguments]),
                    ));
                    let value = instance_value(
                        schema,
                        &arguments,
                        &unknown_outputs(described, &arguments, address),
                    );
                    self.set_value(instance, value);
                }
                _ => {
                    let (address, provider, settings) =
                        (address.clone(), provider.clone(), plain(&settings));
                    let for_check = block.check.is_some();
                    let limit = OperationTimeout::from_timeouts(&timeouts, Action::Read);
                    let read = ReadRequest {
                        address,
                        provider,
                        settings,
                        arguments: asked,
                        import: None,
                        seek: None,
                        for_check,
                        limit,
                    };
                    self.reads.push(read);
                    self.waiting.insert(node);
                }
            }
            return;
        }
        let outputs = unknown_outputs(described, &arguments, address);
        let value = instance_value(schema, &arguments, &outputs);
        self.set_value(instance, value);
        // A refresh-only plan has no steps, so the value stays unknown.
        if self.input.mode == PlanMode::RefreshOnly {
            return;
        }
        let pending = self.pending.entry(node).or_default();
        pending.changes.insert((module, instance.at), self.changes.len());
        pending.absent = true;
        let mut after = arguments;
        after.extend(outputs);
        self.changes.push(Change {
            address: address.clone(),
            deposed: None,
            action: Action::Read,
            reason: Some(match (known, &block.check) {
                (false, _) => ChangeReason::ArgumentsUnknown,
                (true, Some(_)) => ChangeReason::ForCheck,
                (true, None) => ChangeReason::DependencyPending,
            }),
            before: None,
            after: Some(after),
            differences: Vec::new(),
            impacts: Vec::new(),
            remarks: Vec::new(),
            group: None,
            gone_with: None,
            moved_from: None,
            importing: None,
            span: Some(block.head.clone()),
            because: because.to_vec(),
        });
    }

    /// Whether a dependency does not exist yet, or something in `depends_on` changes.
    fn waits_for_changes(&self, instance: &InstancePlanning<'_>) -> bool {
        let BlockPlanning { node, block, .. } = *instance.planning;
        let module = self.graph.node(node).module;
        // `depends_on` of a module call makes every data source of the module wait for the changes
        // it names.
        let gate = self.graph.number(module, NodeKind::Gate);
        let waits = |it: &Reference| {
            self.graph.referred(module, it).is_some_and(|it| self.flow[it].changes)
        };
        self.graph.direct_references(node).any(|it| self.flow[it].absent)
            || self.flow[gate].changes
            || block.depends_on.iter().any(waits)
    }
}

//! One instance of a data source or document.

use ha_kind::{Action, Object, Rendered, Value};
use ha_state::ProviderName;

use super::{Instance, Pending, Planner};
use crate::after::{instance_value, unknown_outputs, unrendered};
use crate::arguments::located;
use crate::graph::Node;
use crate::model::{Change, Reason};
use crate::observed::{Read, plain};

impl Planner<'_> {
    /// A document is evaluated like a function.
    pub(super) fn document(&mut self, instance: &Instance<'_>, arguments: &Object) {
        let Instance { described, block, address, .. } = *instance;
        let outputs = match described.render(arguments).expect("only documents come here") {
            Rendered::Outputs(outputs) => outputs,
            Rendered::Unknown => unrendered(described, arguments),
            Rendered::Problems(problems) => {
                self.diagnostics.extend(located(problems, &block.body, Some(address), block.head.clone()));
                return;
            }
        };
        let value = instance_value(described.schema(), arguments, &outputs);
        self.world.put(&block.name, &address.key, value.clone());
        self.postconditions(instance, &value);
    }

    /// A data source is read now when all it takes is known and there; otherwise it is a step.
    pub(super) fn data(&mut self, instance: &Instance<'_>, provider: &ProviderName, arguments: Object) {
        let Instance { described, block, address, because, .. } = *instance;
        let schema = described.schema();
        let settings = self.settings.get(provider).cloned().unwrap_or_default();
        let known = arguments.values().chain(settings.values()).all(Value::is_wholly_known);
        if known && !self.waits_for_changes(instance) {
            let asked = plain(&arguments);
            match self.input.observed.data.get(address) {
                Some((answered, outputs)) if *answered == asked => {
                    self.data.insert(address.clone(), outputs.clone());
                    let value = instance_value(schema, &arguments, outputs);
                    self.world.put(&block.name, &address.key, value.clone());
                    self.postconditions(instance, &value);
                }
                _ => {
                    let (provider, settings) = (provider.clone(), plain(&settings));
                    self.reads.push(Read { address: address.clone(), provider, settings, arguments: asked });
                }
            }
            return;
        }
        let outputs = unknown_outputs(described, &arguments, address);
        let value = instance_value(schema, &arguments, &outputs);
        self.world.put(&block.name, &address.key, value.clone());
        self.postconditions(instance, &value);
        let pending = self.pending.entry(block.name.clone()).or_default();
        pending.changes.insert(address.key.clone(), self.changes.len());
        pending.absent = true;
        let mut after = arguments;
        after.extend(outputs);
        self.changes.push(Change {
            address: address.clone(),
            deposed: None,
            action: Action::Read,
            reason: Some(if known { Reason::DependencyPending } else { Reason::ArgumentsUnknown }),
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

    /// Whether something that it reads is not there yet, or something it says it depends on changes.
    fn waits_for_changes(&self, instance: &Instance<'_>) -> bool {
        let node = Node::Block(instance.block.name.clone());
        let absent = |it: &Pending| it.absent;
        let reads = self.graph.blocks_behind(&node);
        let reads = reads.iter().filter_map(|it| self.pending.get(it)).any(absent);
        reads
            || instance.block.depends_on.iter().any(|it| match &it.target {
                ha_lang::Target::Block(name) => self.pending.contains_key(name),
                _ => false,
            })
    }
}

//! The plan of one instance of a managed resource: no change, create, update or replace.

use std::collections::BTreeSet;

use ha_diagnostics::{Diagnostic, code};
use ha_provider::{ArgumentProblem, PlannedChange, ResourceDescription};
use ha_state_model::{Dependencies, Record};
use ha_value::{Action, Address, Name, Object, Value};

use super::import::ImportLookup;
use super::{BlockPlanning, InstancePlanning, Planner};
use crate::attributes::{attributes, id_in};
use crate::diff::deletion::takes_contents;
use crate::diff::differences::differences;
use crate::diff::planned_values::{arguments_after, outputs_after};
use crate::diff::record_settings::RecordSettings;
use crate::evaluation::argument_diagnostics::located;
use crate::evaluation::arguments::ConfiguredArguments;
use crate::evaluation::instance_value::instance_value;
use crate::evaluation::repetition::flag;
use crate::input::prior_state::PriorInstance;
use crate::model::{Change, ChangeReason, Difference};
use crate::secrecy::as_configured;
use crate::secrets::redaction::redacted;

impl Planner<'_> {
    pub(super) fn plan_managed(
        &mut self,
        instance: &InstancePlanning<'_>,
        given: ConfiguredArguments,
        flags: &RecordSettings,
    ) {
        let BlockPlanning { described, block, .. } = *instance.planning;
        let address = &instance.address;
        let mut importing = None;
        let prior = match self.prior_state.priors.get(address).cloned() {
            Some(prior) => self.as_secret_as_configured(instance, prior, &given.values),
            None => match self.lookup_import(instance, &given, flags) {
                ImportLookup::There(prior, id) => {
                    importing = Some(id);
                    *prior
                }
                ImportLookup::NotAsked => {
                    // Identities are registered also for creates, so that two blocks for one
                    // object are reported before the second create fails at the service.
                    self.register_identity(instance, &given.values);
                    let reason =
                        self.prior_state.gone.contains_key(address).then_some(ChangeReason::Gone);
                    let doing = ChangeDraft {
                        action: Action::Create,
                        reason,
                        prior: None,
                        ..ChangeDraft::with(given.values)
                    };
                    return self.push_change(instance, doing);
                }
                ImportLookup::Not => return,
            },
        };
        // The order of these steps matters: marks first, so that no message below quotes a secret;
        // then the references, so that the comparison sees what the service will have by then.
        let prior = self.without_deleted_references(described, address, prior);
        let record = &prior.record;
        let kept =
            given.merged_with_record(record, described, block.lifecycle.ignore_changes.as_ref());
        self.register_identity(instance, &kept);
        let there = (&record.arguments, &record.outputs);
        let mut found =
            match differences(described, &kept, there, &record.configured, &given.configured) {
                Ok(found) => found,
                Err(message) => {
                    let diagnostic =
                        Diagnostic::error(format!("the arguments of `{address}` are wrong"))
                            .code(code::WRONG_ARGUMENTS)
                            .at(block.head.clone());
                    self.diagnostics.push(
                        diagnostic
                            .detail(redacted(&message, [&kept, &record.arguments]))
                            .address(address),
                    );
                    return;
                }
            };
        // A container that is renamed in place takes its contents along, so their reference to it
        // changes without a replacement.
        for difference in found.iter_mut().filter(|it| it.replaces) {
            difference.replaces = !self.follows_container(described, record, &kept, difference);
        }
        let within = self.within(instance.planning.node, record);
        let goes_along = within.as_ref().is_some_and(|it| it.takes_along);
        let reason = self.replace_reason(instance, record, &found, within.as_ref());
        let action = match &reason {
            // The old object is deleted with its container, or is deleted already, so a new one
            // cannot be created before that.
            Some(_) if goes_along => Action::DeleteThenCreate,
            Some(_) if flags.create_before_destroy => Action::CreateThenDelete,
            Some(_) => Action::DeleteThenCreate,
            None if found.is_empty() => {
                let remarks = prior.remarks.clone();
                let configured = given.ever_configured(record, described);
                let from = RecordSettings { configured, timeouts: given.timeouts, ..flags.clone() };
                let record = self.keep_unchanged(instance, prior, &kept, &from);
                if let Some(id) = importing {
                    self.plan_import(instance, &record, remarks, id);
                }
                return;
            }
            // Refusals of the service are checked for updates alone: a replacement never asks the
            // service to change the old object.
            None => Action::Update,
        };
        if action == Action::Update {
            let refused = self.refusals(instance, record, &kept);
            if !refused.is_empty() {
                self.diagnostics.extend(refused);
                return;
            }
        }
        if action.is_replace() {
            let takes_along = goes_along || takes_contents(self.input.schemas, record);
            self.replaced.insert(address.clone(), takes_along);
            if action == Action::DeleteThenCreate {
                self.remade.insert((
                    record.provider.clone(),
                    address.block.kind.clone(),
                    record.id.clone(),
                ));
            }
        }
        // A new object gets none of the values that an argument without configuration has in the
        // record.
        let arguments = if action.is_replace() { given.values } else { kept };
        self.push_change(
            instance,
            ChangeDraft {
                action,
                reason,
                prior: Some(prior),
                found,
                importing,
                ..ChangeDraft::with(arguments)
            },
        );
    }

    /// Marks what was read as the configuration marks it, where the configuration makes a value
    /// secret that is not secret in the record.
    fn as_secret_as_configured(
        &mut self,
        instance: &InstancePlanning<'_>,
        mut prior: PriorInstance,
        given: &Object,
    ) -> PriorInstance {
        let Some(recorded) = self.input.state.records.get(&instance.address) else { return prior };
        if !given.values().any(Value::contains_sensitive)
            || (recorded.arguments == prior.record.arguments
                && recorded.outputs == prior.record.outputs)
        {
            return prior;
        }
        let described = instance.planning.described;
        let Record { arguments, outputs, .. } = &prior.record;
        let (arguments, outputs) =
            as_configured(described, given, &recorded.arguments, (arguments, outputs));
        prior.record.arguments = arguments;
        prior.record.outputs = outputs;
        self.prior_state.update_drift(&prior.record);
        self.prior_state.priors.insert(instance.address.clone(), prior.clone());
        prior
    }

    /// Returns the prior instance without arguments that refer to a deleted and recreated
    /// resource. The service detaches the resource from it, so the update must attach the new one.
    fn without_deleted_references(
        &mut self,
        described: &ResourceDescription,
        address: &Address,
        mut prior: PriorInstance,
    ) -> PriorInstance {
        let record = &mut prior.record;
        let goes = |argument: &Name, kind: &Name| {
            let id = record.arguments.get(argument).map(Value::revealed);
            let id = id.as_ref().and_then(Value::as_str)?;
            self.remade
                .contains(&(record.provider.clone(), kind.clone(), id.to_owned()))
                .then(|| argument.clone())
        };
        let gone: Vec<Name> = described
            .hooks()
            .held()
            .iter()
            .filter_map(|(argument, kind)| goes(argument, kind))
            .collect();
        if !gone.is_empty() {
            record.arguments.retain(|name, _| !gone.contains(name));
            self.prior_state.priors.insert(address.clone(), prior.clone());
        }
        prior
    }

    /// Whether a difference is only the new id of the container that this plan renames in place.
    fn follows_container(
        &self,
        described: &ResourceDescription,
        record: &Record,
        kept: &Object,
        difference: &Difference,
    ) -> bool {
        let renamed = || {
            let name = difference.name()?;
            let kind = described.hooks().followed(name)?.clone();
            let text = |of: &Object| Some(of.get(name)?.unmark().0.as_str()?.to_owned());
            Some((record.provider.clone(), kind, text(&record.arguments)?, text(kept)?))
        };
        renamed().is_some_and(|it| self.renamed.contains(&it))
    }

    /// Returns changes in place that the service always refuses.
    fn refusals(
        &self,
        instance: &InstancePlanning<'_>,
        record: &Record,
        kept: &ha_value::Object,
    ) -> Vec<Diagnostic> {
        let BlockPlanning { described, block, .. } = *instance.planning;
        let address = &instance.address;
        let before = attributes(record);
        let after = arguments_after(described, Action::Update, kept, Some(record), address);
        let problems = described.hooks().refused(described.schema(), &before, &after);
        let clean = |it: ArgumentProblem| ArgumentProblem {
            message: redacted(&it.message, [&before, &after]),
            ..it
        };
        located(
            problems.into_iter().map(clean).collect(),
            &block.body,
            Some(address),
            block.head.clone(),
        )
    }

    /// Evaluates the `lifecycle` flags and dependencies, which all instances of the block share.
    pub(super) fn record_settings(&mut self, planning: &BlockPlanning<'_>) -> RecordSettings {
        let BlockPlanning { node, instance, block, .. } = *planning;
        let protects = block.lifecycle.prevent_destroy.as_ref();
        let prevent_destroy =
            match protects.map(|it| flag(&self.world, instance, it, "prevent_destroy")) {
                Some(Ok(it)) => it,
                Some(Err(undecided)) => {
                    self.report_undecided(undecided);
                    false
                }
                None => false,
            };
        RecordSettings {
            configured: BTreeSet::new(),
            dependencies: self.dependencies(planning),
            create_before_destroy: self.create_first.holds(node, &planning.address.module),
            prevent_destroy,
            timeouts: Object::new(),
        }
    }

    /// Returns the dependencies for the record; none during `check`, which records nothing.
    fn dependencies(&mut self, planning: &BlockPlanning<'_>) -> Dependencies {
        match self.only_checks {
            true => Dependencies::default(),
            false => self.reach.dependencies(&self.graph, planning.node, &planning.address.module),
        }
    }

    /// Plans no change. The record may still get new marks, dependencies and flags from the
    /// configuration.
    fn keep_unchanged(
        &mut self,
        instance: &InstancePlanning<'_>,
        prior: PriorInstance,
        kept: &ha_value::Object,
        from: &RecordSettings,
    ) -> Record {
        let described = instance.planning.described;
        let record = from.settle(described, &prior.record, kept);
        let value = instance_value(described.schema(), &record.arguments, &record.outputs);
        self.prior_state.priors.insert(
            instance.address.clone(),
            PriorInstance { record: record.clone(), remarks: prior.remarks },
        );
        self.set_value(instance, value);
        record
    }

    fn push_change(&mut self, instance: &InstancePlanning<'_>, doing: ChangeDraft) {
        let BlockPlanning { node, instance: module, described, block, because, .. } =
            *instance.planning;
        let address = &instance.address;
        let ChangeDraft { action, reason, prior, arguments, found, importing } = doing;
        let schema = described.schema();
        let record = prior.as_ref().map(|it| &it.record);
        let names: BTreeSet<Name> = found.iter().filter_map(|it| it.name().cloned()).collect();
        let nothing = ha_value::Object::new();
        let settings = self.settings.get(instance.planning.provider).unwrap_or(&nothing);
        let outputs =
            outputs_after(described, action, &arguments, record, (&names, settings), address);
        // An update can give the resource a new id; what is inside it must then not be replaced
        // because of that id.
        if let (Action::Update, Some(record), Some(id)) = (action, record, id_in(&outputs))
            && id != record.id
        {
            self.renamed.insert((
                record.provider.clone(),
                address.block.kind.clone(),
                record.id.clone(),
                id,
            ));
        }
        let mut after = arguments_after(described, action, &arguments, record, address);
        let value = instance_value(schema, &after, &outputs);
        self.set_value(instance, value);
        let pending = self.pending.entry(node).or_default();
        pending.absent |= action != Action::Update;
        // `check` has no state, so every instance would be a create; its dependents only need to
        // know that it is pending.
        if self.only_checks {
            return;
        }
        pending.changes.insert((module, instance.at), self.changes.len());
        let changed = PlannedChange {
            action,
            before: record.map(|it| &it.arguments),
            after: Some(&after),
            names: &names,
        };
        let impacts = described.hooks().impacts(&changed);
        // Where the new group is unknown, the recorded one decides what must not run at the same
        // time.
        let group = described.hooks().group_of(schema, &arguments);
        // Two members of one group must not be disrupted together although one of them does not
        // know its group yet.
        let group = group.or_else(|| described.hooks().group_of(schema, &record?.arguments));
        after.extend(outputs);
        self.changes.push(Change {
            address: address.clone(),
            deposed: None,
            action,
            reason,
            before: record.map(attributes),
            after: Some(after),
            differences: found,
            impacts,
            group,
            remarks: prior.map(|it| it.remarks).unwrap_or_default(),
            gone_with: None,
            moved_from: None,
            importing,
            span: Some(block.head.clone()),
            because: because.to_vec(),
        });
    }
}

/// A change before it is complete.
struct ChangeDraft {
    action: Action,
    reason: Option<ChangeReason>,
    prior: Option<PriorInstance>,
    arguments: ha_value::Object,
    found: Vec<crate::model::Difference>,
    importing: Option<String>,
}

impl ChangeDraft {
    fn with(arguments: ha_value::Object) -> Self {
        Self {
            action: Action::NoOp,
            reason: None,
            prior: None,
            arguments,
            found: Vec::new(),
            importing: None,
        }
    }
}

//! Search for the objects of instances without a record, after the state was lost.

use ha_provider::{DiscoveryResult, ImportedValue, RecordedValue, ResourceDescription};
use ha_state_model::{Dependencies, ProviderName};
use ha_value::{BlockAddress, Object};

use super::import::{ImportLookup, from_configuration, record_of};
use super::{BlockPlanning, InstancePlanning, Planner};
use crate::attributes::plain;
use crate::diff::record_settings::RecordSettings;
use crate::evaluation::arguments::ConfiguredArguments;
use crate::graph::NodeKind;
use crate::input::prior_state::PriorInstance;
use crate::input::recorded_instances::instances_meant;
use crate::planner::read_request::{DiscoveryMethod, ReadRequest};

impl Planner<'_> {
    /// Returns the object that was found for an instance, or requests the search.
    pub(super) fn discovered(
        &mut self,
        instance: &InstancePlanning<'_>,
        given: &ConfiguredArguments,
        flags: &RecordSettings,
    ) -> ImportLookup {
        let BlockPlanning { node, described, .. } = *instance.planning;
        let address = &instance.address;
        let provider = self
            .graph
            .provider_of(self.input.schemas, node)
            .unwrap_or_else(|| ProviderName::new(described.provider.clone()));
        // A pure kind has no service to search. A value that follows from its arguments is
        // computed again; a random one is lost and must be replaced.
        if described.pure {
            return match is_drawn(described) {
                true => self.lost_object(instance, provider, given, flags),
                false => ImportLookup::NotAsked,
            };
        }
        let (found, remarks) = match self.input.observed.sought.get(address) {
            Some(DiscoveryResult::Found(found)) => {
                let ImportedValue { recorded, remarks } = &found.imported;
                (recorded.clone(), remarks.clone())
            }
            Some(DiscoveryResult::Unasked(supposed, _)) => ((**supposed).clone(), Vec::new()),
            Some(
                DiscoveryResult::Nothing
                | DiscoveryResult::Several(_)
                | DiscoveryResult::Unsearchable(_),
            ) => {
                return ImportLookup::NotAsked;
            }
            None => {
                // An object inside a missing container cannot exist, and the service may answer
                // such a search with an error.
                if self.container_is_missing(instance, flags) {
                    return ImportLookup::NotAsked;
                }
                self.request_discovery(instance, provider, given);
                return ImportLookup::Not;
            }
        };
        let record = from_configuration(
            record_of((address, described), provider, &found, given),
            given,
            flags,
        );
        let prior = PriorInstance { record, remarks };
        self.prior_state.priors.insert(address.clone(), prior.clone());
        ImportLookup::There(Box::new(prior), found.id)
    }

    /// Whether the container of an instance was searched for and does not exist.
    fn container_is_missing(
        &mut self,
        instance: &InstancePlanning<'_>,
        flags: &RecordSettings,
    ) -> bool {
        let BlockPlanning { node, described, .. } = *instance.planning;
        if described.within.is_empty() {
            return false;
        }
        let graph = self.graph.clone();
        let providers = graph
            .direct_references(node)
            .filter(|it| matches!(graph.node(*it).what, NodeKind::Provider(_)));
        let through: Vec<Dependencies> =
            providers.map(|it| self.reach.dependencies(&graph, it, &[].into())).collect();
        let blocks = flags.dependencies.iter().chain(through.iter().flat_map(Dependencies::iter));
        let containers: Vec<&BlockAddress> =
            blocks.filter(|it| described.within.contains(&it.kind)).collect();
        // A container that is still being searched for may exist, so nothing is concluded from its
        // absence yet.
        let waits = graph.direct_references(node).any(|it| self.waiting.contains(&it));
        !waits
            && !containers.is_empty()
            && containers.iter().all(|it| instances_meant(&self.prior_state.priors, it).is_empty())
    }

    /// Requests the search for an instance, once all its dependencies have been found.
    fn request_discovery(
        &mut self,
        instance: &InstancePlanning<'_>,
        provider: ProviderName,
        given: &ConfiguredArguments,
    ) {
        let node = instance.planning.node;
        let waits = self.graph.direct_references(node).any(|it| self.waiting.contains(&it));
        // The node waits in either case, so that its dependents are searched for only after it.
        self.waiting.insert(node);
        if waits {
            return;
        }
        let settings = self.settings.get(&provider).cloned().unwrap_or_default();
        let unknown = settings.iter().find(|(_, it)| !it.is_wholly_known());
        let seek = match unknown {
            None => DiscoveryMethod::Ask,
            Some((name, value)) => {
                let cause = value.cause().map(|it| format!(", from `{it}`")).unwrap_or_default();
                DiscoveryMethod::Suppose(format!(
                    "`{name}` of provider `{provider}`{cause} is not known"
                ))
            }
        };
        self.reads.push(ReadRequest {
            address: instance.address.clone(),
            provider,
            settings,
            arguments: given.values.clone(),
            import: None,
            seek: Some(seek),
            for_check: false,
            limit: None,
        });
    }

    /// Returns the record of a value that existed in the lost state only, such as a password. It
    /// is replaced by a new one.
    fn lost_object(
        &mut self,
        instance: &InstancePlanning<'_>,
        provider: ProviderName,
        given: &ConfiguredArguments,
        flags: &RecordSettings,
    ) -> ImportLookup {
        let schema = instance.planning.described.schema();
        let known = given.values.iter().filter(|(_, it)| it.is_wholly_known());
        let known = plain(&known.map(|(name, it)| (name.clone(), it.clone())).collect());
        let blank = schema.with_blank_outputs(Object::new());
        let nothing = RecordedValue {
            id: String::new(),
            arguments: schema.with_blank_arguments(known),
            outputs: schema.conform_outputs(&blank).unwrap_or(blank),
        };
        let record = from_configuration(
            record_of((&instance.address, instance.planning.described), provider, &nothing, given),
            given,
            flags,
        )
        .lost();
        let prior = PriorInstance { record, remarks: Vec::new() };
        self.prior_state.priors.insert(instance.address.clone(), prior.clone());
        let id = prior.record.id.clone();
        ImportLookup::There(Box::new(prior), id)
    }
}

/// Whether an output of a kind does not follow from its arguments.
fn is_drawn(described: &ResourceDescription) -> bool {
    let hooks = described.hooks();
    described.schema().outputs.keys().any(|name| &**name != "id" && !hooks.predicts(name))
}

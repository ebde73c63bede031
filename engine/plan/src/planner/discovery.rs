//! Instances of which nothing is recorded, looked for because the state was lost.

use ha_provider::{Described, ImportedValue, RecordedValue, Search};
use ha_state_model::{Dependencies, ProviderName};
use ha_value::{BlockAddress, Object};

use super::import::{Found, from_configuration, record_of};
use super::{Instance, Many, Planner};
use crate::apply_evaluation::FromConfiguration;
use crate::diff::deletion::instances_meant;
use crate::evaluation::arguments::Arguments;
use crate::graph::What;
use crate::input::prior_state::{Prior, Read, Seek, plain};

impl Planner<'_> {
    /// What was found of an instance; none where it is not there, or nobody has looked yet.
    pub(super) fn sought(&mut self, instance: &Instance<'_>, given: &Arguments, flags: &FromConfiguration) -> Found {
        let Many { node, described, .. } = *instance.many;
        let address = &instance.address;
        let provider =
            self.graph.provider_of(self.input.schemas, node).unwrap_or_else(|| ProviderName::new(described.provider.clone()));
        if described.pure {
            return match is_drawn(described) {
                true => self.lost(instance, provider, given, flags),
                false => Found::NotAsked,
            };
        }
        let (found, remarks) = match self.input.observed.sought.get(address) {
            Some(Search::Found(found)) => {
                let ImportedValue { recorded, remarks } = &found.imported;
                (recorded.clone(), remarks.clone())
            }
            Some(Search::Unasked(supposed, _)) => ((**supposed).clone(), Vec::new()),
            Some(Search::Nothing | Search::Several(_) | Search::Unsearchable(_)) => return Found::NotAsked,
            None => {
                if self.container_is_missing(instance, flags) {
                    return Found::NotAsked;
                }
                self.seek(instance, provider, given);
                return Found::Not;
            }
        };
        let record = from_configuration(record_of((address, described), provider, &found, given), given, flags);
        let prior = Prior { record, remarks };
        self.current.priors.insert(address.clone(), prior.clone());
        Found::There(Box::new(prior), found.id)
    }

    /// Whether what an instance lives inside of has been looked for and is not there.
    fn container_is_missing(&mut self, instance: &Instance<'_>, flags: &FromConfiguration) -> bool {
        let Many { node, described, .. } = *instance.many;
        if described.within.is_empty() {
            return false;
        }
        let graph = self.graph.clone();
        let providers = graph.direct(node).filter(|it| matches!(graph.node(*it).what, What::Provider(_)));
        let through: Vec<Dependencies> = providers.map(|it| self.reach.dependencies(&graph, it, &[].into())).collect();
        let blocks = flags.dependencies.iter().chain(through.iter().flat_map(Dependencies::iter));
        let containers: Vec<&BlockAddress> = blocks.filter(|it| described.within.contains(&it.kind)).collect();
        let waits = graph.direct(node).any(|it| self.waiting.contains(&it));
        !waits && !containers.is_empty() && containers.iter().all(|it| instances_meant(&self.current.priors, it).is_empty())
    }

    /// Asks for an instance, once all that it depends on has been found.
    fn seek(&mut self, instance: &Instance<'_>, provider: ProviderName, given: &Arguments) {
        let node = instance.many.node;
        let waits = self.graph.direct(node).any(|it| self.waiting.contains(&it));
        self.waiting.insert(node);
        if waits {
            return;
        }
        let settings = self.settings.get(&provider).cloned().unwrap_or_default();
        let unknown = settings.iter().find(|(_, it)| !it.is_wholly_known());
        let seek = match unknown {
            None => Seek::Ask,
            Some((name, value)) => {
                let cause = value.cause().map(|it| format!(", from `{it}`")).unwrap_or_default();
                Seek::Suppose(format!("`{name}` of provider `{provider}`{cause} is not known"))
            }
        };
        self.reads.push(Read {
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

    /// What was drawn or made up once, and is nowhere but in a state: another one is to take its place.
    fn lost(&mut self, instance: &Instance<'_>, provider: ProviderName, given: &Arguments, flags: &FromConfiguration) -> Found {
        let schema = instance.many.described.schema();
        let known = given.values.iter().filter(|(_, it)| it.is_wholly_known());
        let known = plain(&known.map(|(name, it)| (name.clone(), it.clone())).collect());
        let blank = schema.with_blank_outputs(Object::new());
        let nothing = RecordedValue {
            id: String::new(),
            arguments: schema.with_blank_arguments(known),
            outputs: schema.conform_outputs(&blank).unwrap_or(blank),
        };
        let record =
            from_configuration(record_of((&instance.address, instance.many.described), provider, &nothing, given), given, flags)
                .lost();
        let prior = Prior { record, remarks: Vec::new() };
        self.current.priors.insert(instance.address.clone(), prior.clone());
        let id = prior.record.id.clone();
        Found::There(Box::new(prior), id)
    }
}

/// Whether what is made of a kind does not follow from its arguments.
fn is_drawn(described: &Described) -> bool {
    let hooks = described.hooks();
    described.schema().outputs.keys().any(|name| &**name != "id" && !hooks.predicts(name))
}

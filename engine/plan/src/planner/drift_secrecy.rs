//! Secrecy of what was read of instances that are not planned: in a refresh-only plan and in a
//! destroy plan.

use ha_lang::ResourceBlock;
use ha_provider::ResourceDescription;
use ha_state_model::State;
use ha_value::{Address, BlockAddress, Object};

use crate::evaluation::arguments::ConfiguredArguments;
use crate::evaluation::repetition::expansion;
use crate::evaluation::values::{EvaluationScope, EvaluationValues, InstanceId};
use crate::input::prior_state::PriorState;
use crate::input::recorded_instances::instances;
use crate::secrecy::as_configured;

/// The instances of a block of which something else was read than is recorded.
pub(super) fn drifted(
    state: &State,
    prior_state: &PriorState,
    block: &BlockAddress,
) -> Vec<Address> {
    let differs = |address: &Address| {
        let (recorded, prior) = (state.records.get(address), prior_state.priors.get(address));
        recorded.zip(prior).is_some_and(|(recorded, prior)| {
            recorded.arguments != prior.record.arguments || recorded.outputs != prior.record.outputs
        })
    };
    instances(&prior_state.priors, block)
        .map(|(address, _)| address)
        .filter(|it| differs(it))
        .cloned()
        .collect()
}

/// A block in one instance of its module.
pub(super) struct ConfiguredBlock<'a> {
    pub(super) instance: InstanceId,
    pub(super) block: &'a ResourceBlock,
    pub(super) described: &'a ResourceDescription,
    /// Arguments that the provider's settings give to all its resources.
    pub(super) shared: Option<Object>,
}

impl ConfiguredBlock<'_> {
    /// Marks what was read of an instance as its configuration is marked. An instance that the
    /// configuration cannot be evaluated for keeps the marks of its record.
    pub(super) fn mark(
        &self,
        world: &EvaluationValues,
        state: &State,
        prior_state: &mut PriorState,
        address: &Address,
    ) {
        let Self { instance, block, described, shared } = self;
        // What is wrong with the configuration is no concern of a plan that does not follow it.
        let given = || {
            let expansion = expansion(world, *instance, block).ok()?;
            let place = expansion.place(&address.key)?;
            let scope = EvaluationScope::each(*instance, &expansion, place);
            let given =
                ConfiguredArguments::evaluate(world, &scope, described, block, address).ok()?;
            Some(match shared {
                Some(shared) => given.with_shared(shared.clone(), described).values,
                None => given.values,
            })
        };
        let Some(given) = given() else { return };
        let (Some(recorded), Some(prior)) =
            (state.records.get(address), prior_state.priors.get_mut(address))
        else {
            return;
        };
        let read = (&prior.record.arguments, &prior.record.outputs);
        let (arguments, outputs) = as_configured(described, &given, &recorded.arguments, read);
        prior.record.arguments = arguments;
        prior.record.outputs = outputs;
        let seen = prior.record.clone();
        prior_state.update_drift(&seen);
    }
}

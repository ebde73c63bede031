//! The connected clients of providers: one for each provider and settings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ha_plan::{ProviderIdentity, redacted_error, revealed};
use ha_provider::{CallOutcome, DriverSet, Error, Incident, ProviderClient};
use ha_state_model::ProviderName;
use ha_state_store::LeaseGuard;
use ha_value::Object;
use tokio::sync::OnceCell;

use crate::driver_call::MAX_CALL_DURATION;

type ConnectedProvider = (ProviderClient, Vec<(&'static str, String)>);

/// A provider and its settings, secrets included.
type ConfiguredProvider = (ProviderName, Object);

/// All clients of a run. Refresh, reads and steps share them.
pub(crate) struct ProviderClients {
    drivers: DriverSet,
    connected: Mutex<BTreeMap<ConfiguredProvider, Arc<OnceCell<ConnectedProvider>>>>,
    /// The lease of the lock under which the clients change something; none while planning.
    lease_guard: Arc<RwLock<Option<LeaseGuard>>>,
}

impl ProviderClients {
    /// Without any client.
    pub(crate) fn new(drivers: DriverSet) -> Arc<Self> {
        Arc::new(Self { drivers, connected: Mutex::default(), lease_guard: Arc::default() })
    }

    /// From now on, no call that changes something begins unless this lease outlasts it. Holds for
    /// clients that are connected already as well.
    pub(crate) fn set_lease_guard(&self, lease_guard: &LeaseGuard) {
        *self.lease_guard.write().unwrap_or_else(PoisonError::into_inner) =
            Some(lease_guard.clone());
    }

    /// Whether a call may begin that changes something.
    fn may_call(lease_guard: &RwLock<Option<LeaseGuard>>) -> Result<(), Error> {
        let lease_guard = lease_guard.read().unwrap_or_else(PoisonError::into_inner);
        let outlasts_call =
            lease_guard.as_ref().map_or(Ok(()), |it| it.outlasts(MAX_CALL_DURATION));
        // The step may have made other calls before this one, so it must not count as refused:
        // only a refusal closes its intent.
        outlasts_call.map_err(|error| Error::from(error).outcome(CallOutcome::Interrupted))
    }

    /// The client of a provider with these settings. Concurrent callers share one connection
    /// attempt; after a failure the next caller tries again.
    pub(crate) async fn client(
        &self,
        provider: &ProviderName,
        settings: &Object,
    ) -> Result<ProviderClient, Error> {
        let (marked, settings) = (settings, revealed(settings));
        let connected = {
            let mut all = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry((provider.clone(), settings.clone())).or_default().clone()
        };
        let connect = || async {
            let connector = self.drivers.connector(&provider.name).ok_or_else(|| {
                let what = format!("connect to provider `{provider}`");
                Error::new(what, "this `ha` has no such provider")
                    .help("the state may come from another version of `ha`")
            })?;
            let connected =
                connector.connect(&settings).await.map_err(|it| redacted_error(it, [marked]))?;
            // Drivers ask the permit before each call that changes something, also in the middle of
            // a step that makes several.
            if let Some(permit) = connector.permit(&connected.0) {
                let lease_guard = self.lease_guard.clone();
                permit.decided_by(move || Self::may_call(&lease_guard));
            }
            Ok(connected)
        };
        connected.get_or_try_init(connect).await.map(|(client, _)| client.clone())
    }

    /// The incidents of all clients so far, summed by description and service.
    pub(crate) fn incidents(&self) -> Vec<Incident> {
        let all = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let incidents = all.iter().filter_map(|((provider, _), it)| {
            Some(self.drivers.connector(&provider.name)?.incidents(&it.get()?.0))
        });
        let mut counts = BTreeMap::new();
        for Incident { what, service, times } in incidents.flatten() {
            *counts.entry((what, service)).or_default() += times;
        }
        counts
            .into_iter()
            .map(|((what, service), times)| Incident { what, service, times })
            .collect()
    }

    /// The accounts and servers that the clients are connected to.
    pub(crate) fn identities(&self) -> Vec<ProviderIdentity> {
        let all = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = all.iter().filter_map(|((provider, _), it)| Some((provider, &it.get()?.1)));
        let named = connected.filter(|(_, facts)| !facts.is_empty()).map(|(provider, facts)| {
            ProviderIdentity {
                provider: provider.clone(),
                facts: facts
                    .iter()
                    .map(|(name, fact)| ((*name).to_owned(), fact.clone()))
                    .collect(),
            }
        });
        named.collect()
    }
}

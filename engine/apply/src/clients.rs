//! Clients of providers, each connected once for the settings it has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ha_plan::{ProviderIdentity, redacted_error, revealed};
use ha_provider::{CallOutcome, DriverSet, Error, Incident, ProviderClient};
use ha_state_model::ProviderName;
use ha_state_store::LeaseGuard;
use ha_value::Object;
use tokio::sync::OnceCell;

use crate::driver_call::CALL;

type ConnectedProvider = (ProviderClient, Vec<(&'static str, String)>);

/// A provider and the settings it has, unmarked.
type ConfiguredProvider = (ProviderName, Object);

/// All clients of a run.
pub(crate) struct ProviderClients {
    drivers: DriverSet,
    connected: Mutex<BTreeMap<ConfiguredProvider, Arc<OnceCell<ConnectedProvider>>>>,
    /// The lock under which they change things; none while nothing is changed.
    tenure: Arc<RwLock<Option<LeaseGuard>>>,
}

impl ProviderClients {
    /// No clients yet.
    pub(crate) fn new(drivers: DriverSet) -> Arc<Self> {
        Arc::new(Self { drivers, connected: Mutex::default(), tenure: Arc::default() })
    }

    /// From now on what they change is changed under this lock, and no call that does begins unless
    /// the lock outlasts it.
    pub(crate) fn work_under(&self, tenure: &LeaseGuard) {
        *self.tenure.write().unwrap_or_else(PoisonError::into_inner) = Some(tenure.clone());
    }

    /// Whether a call may begin that changes something.
    fn may_call(tenure: &RwLock<Option<LeaseGuard>>) -> Result<(), Error> {
        let tenure = tenure.read().unwrap_or_else(PoisonError::into_inner);
        let lasts = tenure.as_ref().map_or(Ok(()), |it| it.outlasts(CALL));
        // What came before may have had an effect.
        lasts.map_err(|error| Error::from(error).outcome(CallOutcome::Interrupted))
    }

    /// The client of a provider with these settings. Many that ask at once wait for one to connect.
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
            if let Some(permit) = connector.permit(&connected.0) {
                let tenure = self.tenure.clone();
                permit.decided_by(move || Self::may_call(&tenure));
            }
            Ok(connected)
        };
        connected.get_or_try_init(connect).await.map(|(client, _)| client.clone())
    }

    /// What the clients have met so far, summed up by what it was and the service.
    pub(crate) fn incidents(&self) -> Vec<Incident> {
        let all = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let met = all.iter().filter_map(|((provider, _), it)| {
            Some(self.drivers.connector(&provider.name)?.incidents(&it.get()?.0))
        });
        let mut counts = BTreeMap::new();
        for Incident { what, service, times } in met.flatten() {
            *counts.entry((what, service)).or_default() += times;
        }
        counts
            .into_iter()
            .map(|((what, service), times)| Incident { what, service, times })
            .collect()
    }

    /// Whom the clients talk to.
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

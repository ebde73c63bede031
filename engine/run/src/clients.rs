//! Clients of providers, each connected once for the settings it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_kind::{Client, Drivers, Error, Object};
use ha_plan::{Identity, revealed};
use ha_state::ProviderName;
use tokio::sync::Mutex;

type Connected = (Client, Vec<(&'static str, String)>);

/// All clients of a run.
pub(crate) struct Clients {
    drivers: Drivers,
    connected: Mutex<BTreeMap<(ProviderName, Object), Connected>>,
}

impl Clients {
    /// No clients yet.
    pub(crate) fn new(drivers: Drivers) -> Arc<Self> {
        Arc::new(Self { drivers, connected: Mutex::default() })
    }

    /// The client of a provider with these settings.
    pub(crate) async fn client(&self, provider: &ProviderName, settings: &Object) -> Result<Client, Error> {
        let key = (provider.clone(), revealed(settings));
        // Held while connecting, so that many steps at once connect once.
        let mut connected = self.connected.lock().await;
        if let Some((client, _)) = connected.get(&key) {
            return Ok(client.clone());
        }
        let connector = self.drivers.connector(&provider.name).ok_or_else(|| {
            let what = format!("connect to provider `{provider}`");
            Error::new(what, "this `ha` has no such provider").help("the state may come from another version of `ha`")
        })?;
        let (client, identity) = connector.connect(&key.1).await?;
        connected.insert(key, (client.clone(), identity));
        Ok(client)
    }

    /// Whom the clients talk to.
    pub(crate) async fn identities(&self) -> Vec<Identity> {
        let connected = self.connected.lock().await;
        let named = connected.iter().filter(|(_, (_, facts))| !facts.is_empty());
        named
            .map(|((provider, _), (_, facts))| Identity {
                provider: provider.clone(),
                facts: facts.iter().map(|(name, fact)| ((*name).to_owned(), fact.clone())).collect(),
            })
            .collect()
    }
}

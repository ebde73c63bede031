//! MongoDB: hosts that run mongod, replica sets, users, and the strings around them.
//!
//! No listener is ever open to a client that has not proved who it is: every mongod starts with
//! TLS, authorization and x509 from the first moment, and what is done inside it is done as a
//! short-lived member of the cluster.

mod authority;
mod availability_gate;
mod certificate;
mod conf;
mod error;
mod kinds;
mod layout;
mod machine;
mod member;
mod memory_file;
mod mongod;
mod names;
mod percent;
mod reconfigure;
mod release;
mod replica_set_status;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ha_provider::{CallOutcome, Error, NoSettings, Permit, Provider, ProviderRegistry};

use crate::authority::{CertificateAuthority, ClientAccess};

/// Reaches mongods; each kind says which and as whom.
#[derive(Debug, Default)]
pub(crate) struct MongodbProvider {
    /// The access that the certificates on each machine give, by endpoint, of those machines that
    /// were looked at.
    own: Mutex<BTreeMap<String, ClientAccess>>,
    permit: Permit,
}

impl MongodbProvider {
    /// Remembers the access that the certificate on a machine gives.
    pub(crate) fn remember(&self, endpoint: &str, access: ClientAccess) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint.to_owned(), access);
    }

    /// A member's access to a set: by a certificate of its authority, or, where that was lost with
    /// the state, by the one that a member's own machine has.
    pub(crate) fn access(
        &self,
        authority: &CertificateAuthority,
        hosts: &[String],
    ) -> Result<ClientAccess, Error> {
        if !authority.is_lost() {
            return Ok(authority.member_access()?.permitted_by(&self.permit));
        }
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let own = hosts.iter().find_map(|it| own.get(it)).cloned();
        own.map(|it| it.permitted_by(&self.permit)).ok_or_else(|| {
            let cause = "the key of its authority is lost, and no certificate of a member was found on a machine";
            Error::new("reach the members of the replica set", cause)
                .help("give the authority back to `ha state recover` with `--given FILE`, or bring the machines of the members back")
                .outcome(CallOutcome::Refused)
        })
    }
}

impl Provider for MongodbProvider {
    const NAME: &'static str = "mongodb";
    type Settings = NoSettings;

    async fn connect(_: NoSettings) -> Result<Self, Error> {
        Ok(Self::default())
    }

    fn permit(&self) -> Option<&Permit> {
        Some(&self.permit)
    }
}

/// Enters this provider and its kinds.
#[must_use]
pub fn register(registry: ProviderRegistry) -> ProviderRegistry {
    registry
        .provider::<MongodbProvider>()
        .document::<kinds::mongodb_config::MongodbConfig>()
        .document::<kinds::mongodb_uri::MongodbUri>()
        .resource::<kinds::mongodb_host::MongodbHost>()
        .resource::<kinds::mongodb_replica_set::MongodbReplicaSet>()
        .resource::<kinds::mongodb_user::MongodbUser>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_a_kind_is_registered() {
        let (schemas, _) = register(ProviderRegistry::new()).split();
        let registered: BTreeSet<String> =
            schemas.kinds().map(|(_, it)| it.kind.to_string()).collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kinds");
        let files = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
        let files: BTreeSet<String> =
            files.map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        assert_eq!(registered, files);
    }
}

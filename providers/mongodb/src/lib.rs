//! MongoDB: hosts that run mongod, replica sets, users, and the texts around them.
//!
//! No listener is ever open to a client that has not proved who it is: every mongod starts with TLS, authorization and
//! x509 from the first moment, and what is done inside it is done as a short-lived member of the cluster.

mod authority;
mod certificate;
mod conf;
mod failure;
mod gate;
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
mod set;

use ha_kind::{Error, NoSettings, Provider, Registry};

/// Reaches mongods; each kind says which and as whom.
#[derive(Debug)]
pub(crate) struct Mongodb;

impl Provider for Mongodb {
    const NAME: &'static str = "mongodb";
    type Settings = NoSettings;

    async fn connect(_: NoSettings) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// Enters this provider and its kinds.
#[must_use]
pub fn register(registry: Registry) -> Registry {
    registry
        .provider::<Mongodb>()
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
        let (schemas, _) = register(Registry::new()).split();
        let registered: BTreeSet<String> = schemas.kinds().map(|(_, it)| it.kind.to_string()).collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kinds");
        let files = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
        let files: BTreeSet<String> = files.map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        assert_eq!(registered, files);
    }
}

//! Roles, databases and extensions of a PostgreSQL server.

mod connect;
mod connection_url;
mod encoding;
mod error;
mod identity;
mod locale;
mod membership;
mod objections;
mod owned;
mod parameters;
mod postgresql_database;
mod postgresql_extension;
mod postgresql_role;
mod provider;
mod replacement;
mod role_names;
mod scram;
mod session;
mod sql;
mod statement_log;
mod store;
mod tls;
mod valid_until;

use ha_provider::{ProviderRegistry, UnsupportedNames};

pub use store::{PostgresBackend, PostgresSettings, PostgresStore};

/// Resource types of Terraform's provider that do not exist here, and what to use instead.
const UNSUPPORTED: &[UnsupportedNames] = &[
    UnsupportedNames::new(&["postgresql_grant_role"], "use `roles` of `postgresql_role`"),
    UnsupportedNames::new(
        &[
            "postgresql_grant",
            "postgresql_default_privileges",
            "postgresql_schema",
            "postgresql_publication",
            "postgresql_subscription",
            "postgresql_function",
            "postgresql_*",
        ],
        "it is not there yet: what is made so outside of `ha` stays as it is",
    ),
];

/// Registers the provider and the resource types of this crate.
#[must_use]
pub fn register(registry: ProviderRegistry) -> ProviderRegistry {
    registry
        .provider::<provider::PostgresqlProvider>()
        .unsupported(UNSUPPORTED)
        .resource::<postgresql_database::Database>()
        .resource::<postgresql_extension::Extension>()
        .resource::<postgresql_role::Role>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ha_provider::ProviderRegistry;

    #[test]
    fn every_kind_has_its_file_and_is_registered() {
        let (schemas, _) = crate::register(ProviderRegistry::new()).split();
        let registered: BTreeSet<String> =
            schemas.kinds().map(|(_, it)| it.kind.to_string()).collect();
        let mut written = BTreeSet::new();
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let head = ["const KIND: &'static", " str = \""].concat();
            let Some((_, rest)) = source.split_once(&head) else { continue };
            let kind = rest.split('"').next().unwrap().to_owned();
            assert_eq!(
                path.file_stem().unwrap().to_str(),
                Some(kind.as_str()),
                "the file is named as its kind"
            );
            written.insert(kind);
        }
        assert_eq!(written, registered);
    }
}

//! Every provider that the program knows.

use ha_provider::{DriverSet, ProviderRegistry, SchemaSet, UnsupportedNames};

/// Kinds of providers that are not here at all, for which the language or another kind has
/// something.
const UNSUPPORTED: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["template_file", "template_dir"],
        "use the function `templatefile(\"FILE\", { NAME = VALUE })` where its text is wanted",
    ),
    UnsupportedNames::new(
        &["template_cloudinit_config", "cloudinit_config"],
        "give the text to `user_data_text` of `aws_launch_template`, made by `templatefile` or a heredoc",
    ),
    UnsupportedNames::new(
        &["http", "external", "archive_file"],
        "nothing is run or fetched while planning: give what it says by a variable, or a file that is read by `file`",
    ),
    UnsupportedNames::new(
        &["time_*"],
        "`plantimestamp()` gives the time of the plan; an `ha_data` with `ignore_changes = [input]` keeps that of the first",
    ),
    UnsupportedNames::new(
        &["mongodbatlas_*"],
        "use `mongodb_host` and `mongodb_replica_set`, which run MongoDB on machines of one's own",
    ),
];

/// All kinds: what planning may know of them, and what can act.
pub(crate) fn kinds() -> (SchemaSet, DriverSet) {
    let registry = ProviderRegistry::new().unsupported(UNSUPPORTED);
    #[cfg(feature = "aws")]
    let registry = ha_aws::register(registry);
    #[cfg(feature = "circleci")]
    let registry = ha_circleci::register(registry);
    #[cfg(feature = "local")]
    let registry = ha_local::register(registry);
    #[cfg(feature = "mongodb")]
    let registry = ha_mongodb::register(registry);
    #[cfg(feature = "postgresql")]
    let registry = ha_postgresql::register(registry);
    #[cfg(feature = "random")]
    let registry = ha_random::register(registry);
    #[cfg(feature = "tls")]
    let registry = ha_tls::register(registry);
    registry.split()
}

#[cfg(test)]
mod tests {
    use ha_provider::Schema;

    use super::*;

    #[test]
    fn what_is_not_here_is_not_here_and_says_what_to_do() {
        let (schemas, _) = kinds();
        let backends = crate::registry::backends::backends();
        let kinds = schemas.kinds().map(|(_, it)| (&it.kind, it.schema()));
        let providers = schemas.providers().map(|(name, it)| (name, &it.schema));
        let backends = backends.iter().map(|(name, it)| (name, it.schema()));
        let all: Vec<(_, &Schema)> = kinds.chain(providers).chain(backends).collect();
        for (of, schema) in all {
            for names in schema.unsupported {
                let taken = schema.arguments.keys().find(|it| names.holds(it));
                assert_eq!(taken, None, "`{of}` takes it");
                assert!(
                    names.instead.starts_with("leave it out")
                        || names.instead.starts_with("write "),
                    "{names:?}"
                );
            }
        }
    }
}

//! Knows the secret arguments of all schemas, and the secrets of the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

pub(crate) use ha_plan::SecretTexts;
use ha_provider::{FieldShape, NoSettings, ResourceDescription, Schema, SchemaField};
use ha_state_store::RedactionMask;
use ha_value::{Name, Object, Value, closest};

use super::similar_words::SimilarWords;
use crate::registry::backends::backends;
use crate::registry::encryption_settings::EncryptionSettings;
use crate::registry::providers::kinds;

/// Environment variables with secrets for stores, keys and providers.
const VARIABLES: [&str; 6] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "HA_STATE_FALLBACK_PASSPHRASE",
    "HA_STATE_PASSPHRASE",
    "PGPASSWORD",
    "PG_CONN_STR",
];

/// The arguments of something, by name.
pub(crate) type Fields = BTreeMap<Name, SchemaField>;

/// Arguments and blocks that every resource can have.
const META: [&str; 10] = [
    "alias",
    "connection",
    "count",
    "depends_on",
    "dynamic",
    "for_each",
    "lifecycle",
    "provider",
    "provisioner",
    "timeouts",
];

/// Words that name secrets.
const SECRET_WORDS: [&str; 13] = [
    "credential",
    "credentials",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pin",
    "pw",
    "pwd",
    "secret",
    "secrets",
    "token",
    "tokens",
];

/// The arguments of each resource type, provider and backend that has secret ones, by name.
static HOLDERS: LazyLock<BTreeMap<String, Fields>> = LazyLock::new(|| {
    let ((schemas, _), backends) = (kinds(), backends());
    let of_kinds = schemas.kinds().map(|(_, it)| (it.kind.to_string(), &it.schema().arguments));
    let of_providers =
        schemas.providers().map(|(name, it)| (name.to_string(), &it.schema.arguments));
    let of_backends = backends.iter().map(|(name, it)| (name.to_string(), &it.schema().arguments));
    let encryption = Schema::derive::<EncryptionSettings, NoSettings>();
    let all = of_kinds
        .chain(of_providers)
        .chain(of_backends)
        .chain([("encryption".to_owned(), &encryption.arguments)]);
    let mut holders: BTreeMap<String, Fields> = BTreeMap::new();
    for (name, fields) in all.filter(|(_, it)| !secret_fields(it).is_empty()) {
        // A resource and a data source, or a provider and a backend, can have the same name.
        holders.entry(name).or_default().extend(fields.clone());
    }
    holders
});

/// The names of arguments of all resource types.
struct ArgumentNames {
    /// Arguments with secret values.
    secret: BTreeSet<String>,
    /// Arguments without secret values.
    open: BTreeSet<String>,
}

static ARGUMENTS: LazyLock<ArgumentNames> = LazyLock::new(|| {
    let secret = secret_arguments()
        .into_iter()
        .filter_map(|(_, path)| path.last().map(ToString::to_string))
        .collect();
    let (schemas, _) = kinds();
    let of_kinds = schemas.kinds().map(|(_, it)| &it.schema().arguments);
    let all = of_kinds.chain(schemas.providers().map(|(_, it)| &it.schema.arguments));
    let names = all.flat_map(BTreeMap::keys).map(ToString::to_string);
    ArgumentNames { open: names.filter(|it| !BTreeSet::contains(&secret, it)).collect(), secret }
});

/// The names of all resource types.
static KINDS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| kinds().0.kinds().map(|(_, it)| it.kind.to_string()).collect());

/// Resource types that exist in the state only and have secret outputs: the id of an import is the
/// secret itself.
static SECRET_IDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let (schemas, _) = kinds();
    let is_secret =
        |it: &ResourceDescription| it.pure && !secret_fields(&it.schema().outputs).is_empty();
    schemas.kinds().filter(|(_, it)| is_secret(it)).map(|(_, it)| it.kind.to_string()).collect()
});

/// The names that a misspelt word is compared with.
struct SimilarNames {
    kinds: SimilarWords,
    secret_ids: SimilarWords,
    holders: SimilarWords,
    secret_arguments: SimilarWords,
}

static SIMILAR: LazyLock<SimilarNames> = LazyLock::new(|| SimilarNames {
    kinds: SimilarWords::new(KINDS.iter().map(String::as_str)),
    secret_ids: SimilarWords::new(SECRET_IDS.iter().map(String::as_str)),
    holders: SimilarWords::new(HOLDERS.keys().map(String::as_str)),
    secret_arguments: SimilarWords::new(ARGUMENTS.secret.iter().map(String::as_str)),
});

/// Returns the secrets of the environment.
pub(crate) fn environment_secrets() -> Vec<Value> {
    let given = VARIABLES.iter().filter_map(|it| std::env::var(it).ok());
    given.map(|it| Value::from(it).sensitive()).collect()
}

/// Returns a mask for the secrets of the environment and of a block's settings.
pub(crate) fn mask_of(settings: &Object) -> RedactionMask {
    let of_block = settings.values().filter(|it| it.contains_sensitive()).cloned();
    let secrets = SecretTexts::within(&of_block.chain(environment_secrets()).collect::<Vec<_>>());
    Arc::new(move |text| secrets.masked(text))
}

/// Returns each secret argument: its owner and its path.
fn secret_arguments() -> Vec<(String, Vec<Name>)> {
    let of = |owner: &str, schema: &Schema| -> Vec<(String, Vec<Name>)> {
        secret_fields(&schema.arguments).into_iter().map(|path| (owner.to_owned(), path)).collect()
    };
    let ((schemas, _), backends) = (kinds(), backends());
    let of_kinds = schemas.kinds().flat_map(|(_, it)| of(&it.kind, it.schema()));
    let of_providers = schemas.providers().flat_map(|(name, it)| of(name, &it.schema));
    let of_backends =
        backends.iter().flat_map(|(name, it)| of(&format!("backend.{name}"), it.schema()));
    let of_encryption = of("encryption", &Schema::derive::<EncryptionSettings, NoSettings>());
    of_kinds.chain(of_providers).chain(of_backends).chain(of_encryption).collect()
}

/// Returns the paths of all secret fields, also nested ones.
fn secret_fields(fields: &BTreeMap<Name, SchemaField>) -> Vec<Vec<Name>> {
    let mut found = Vec::new();
    for (name, field) in fields {
        if field.secret || field.write_only {
            found.push(vec![name.clone()]);
        }
        let mut shape = &field.shape;
        while let FieldShape::List(of) | FieldShape::Set(of) | FieldShape::Map(of) = shape {
            shape = of;
        }
        if let FieldShape::Object(inner) = shape {
            found.extend(
                secret_fields(inner)
                    .into_iter()
                    .map(|path| [std::slice::from_ref(name), path.as_slice()].concat()),
            );
        }
    }
    found
}

/// Returns the arguments of a resource type, provider or backend that has secret ones.
pub(crate) fn fields_of_holder(name: &str) -> Option<&'static Fields> {
    HOLDERS.get(name)
}

/// Whether a word is the name of a resource type.
pub(crate) fn is_exact_kind(word: &str) -> bool {
    KINDS.contains(word)
}

/// Whether a word is the name of a resource type, also a misspelt one.
pub(crate) fn is_kind(word: &str) -> bool {
    KINDS.contains(word) || (word.len() > 4 && SIMILAR.kinds.closest(word).is_some())
}

/// Whether the import ids of a resource type are secret, also of a misspelt one.
pub(crate) fn has_secret_id(kind: &str) -> bool {
    let is_misspelt = || !KINDS.contains(kind) && SIMILAR.secret_ids.closest(kind).is_some();
    SECRET_IDS.contains(kind) || is_misspelt()
}

/// Returns the resource type, provider or backend with secret arguments that a misspelt word means.
pub(crate) fn closest_holder(word: &str) -> Option<String> {
    (word.len() > 4).then(|| SIMILAR.holders.closest(word)).flatten()
}

/// Whether a path does not exist in these arguments.
pub(crate) fn is_unknown_within(path: &[&str], fields: &Fields) -> bool {
    let [name, rest @ ..] = path else { return false };
    if matches!(*name, "dynamic" | "content") {
        return is_unknown_within(rest, fields);
    }
    let Some(field) = fields.get(*name) else {
        return !META.contains(name) && !means_open(name, fields);
    };
    let mut shape = &field.shape;
    while let FieldShape::List(of) | FieldShape::Set(of) | FieldShape::Map(of) = shape {
        shape = of;
    }
    match shape {
        FieldShape::Object(inner) => is_unknown_within(rest, inner),
        _ => false,
    }
}

/// Whether an unknown name is closest to an argument without secrets.
fn means_open(name: &str, fields: &Fields) -> bool {
    let is_open = |meant: &str| {
        let meant = fields.get_key_value(meant).map(|(name, field)| (name.clone(), field.clone()));
        secret_fields(&meant.into_iter().collect()).is_empty()
    };
    !sounds_secret(name)
        && closest(name, fields.keys().map(|it| &**it)).is_some_and(|it| is_open(&it))
}

/// Whether a name contains a word for a secret.
pub(crate) fn sounds_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let is_key =
        ["private_key", "api_key", "access_key", "apikey"].iter().any(|it| name.ends_with(it));
    is_key || name.split(['_', '-', '.']).any(|it| SECRET_WORDS.contains(&it))
}

/// Whether a resource type has an argument of this name, and none has a secret one.
pub(crate) fn is_open_argument(name: &str) -> bool {
    ARGUMENTS.open.contains(name) || META.contains(&name)
}

/// Whether a local value has the name of a secret argument.
pub(crate) fn is_secret_local(name: &str) -> bool {
    ARGUMENTS.secret.contains(name)
}

/// Whether a resource type has an argument of this name.
pub(crate) fn is_argument(name: &str) -> bool {
    ARGUMENTS.secret.contains(name) || ARGUMENTS.open.contains(name)
}

/// Whether an argument of this name is secret, also a misspelt one.
pub(crate) fn is_secret_argument(name: &str) -> bool {
    let ArgumentNames { secret, open } = &*ARGUMENTS;
    let is_misspelt = || {
        name.len() > 4 && !open.contains(name) && SIMILAR.secret_arguments.closest(name).is_some()
    };
    secret.contains(name) || is_misspelt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/system/canaries` gives a canary to each secret argument; a new argument must be added
    /// there too.
    #[test]
    #[cfg(all(
        feature = "aws",
        feature = "local",
        feature = "mongodb",
        feature = "postgresql",
        feature = "random",
        feature = "tls"
    ))]
    fn all_that_is_secret_has_a_canary() {
        let (schemas, _) = kinds();
        let outputs = schemas.kinds().flat_map(|(_, it)| {
            let of_kind = |path| (it.kind.to_string(), path);
            secret_fields(&it.schema().outputs).into_iter().map(of_kind).collect::<Vec<_>>()
        });
        let all = secret_arguments().into_iter().chain(outputs);
        let found: BTreeSet<String> =
            all.map(|(owner, path)| format!("{owner}.{}", path.join("."))).collect();
        let listed: Vec<&str> =
            include_str!("../../../tests/system/canaries/secrets.txt").lines().collect();
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), listed);
    }
}

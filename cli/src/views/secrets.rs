//! What must not be shown: secret values, wherever they are said, and the arguments that hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

pub(crate) use ha_plan::SecretTexts;
use ha_provider::{FieldShape, NoSettings, ResourceDescription, Schema, SchemaField};
use ha_state_store::RedactionMask;
use ha_value::{Name, Object, Value, closest};

use crate::workspace::backends::backends;
use crate::workspace::encryption::EncryptionSettings;
use crate::workspace::providers::kinds;

/// The variables of the environment that hold secrets which stores, keys and providers take from
/// there.
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

/// What may stand in any block of a resource, whatever its kind.
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

/// The arguments of all that has secret ones, by what it is called: a kind, a provider, a place for
/// states.
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
        // A resource and a data source, or a provider and a place for states, of one name.
        holders.entry(name).or_default().extend(fields.clone());
    }
    holders
});

/// The names of arguments, whatever the kind.
struct ArgumentNames {
    /// Of those whose values are secret.
    secret: BTreeSet<String>,
    /// Of those whose values are not.
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

/// What every kind is called.
static KINDS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| kinds().0.kinds().map(|(_, it)| it.kind.to_string()).collect());

/// The kinds that are made of nothing but what they keep, and that is secret: it is what an import
/// of one is given.
static SECRET_IDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let (schemas, _) = kinds();
    let is_secret =
        |it: &ResourceDescription| it.pure && !secret_fields(&it.schema().outputs).is_empty();
    schemas.kinds().filter(|(_, it)| is_secret(it)).map(|(_, it)| it.kind.to_string()).collect()
});

/// What is secret in the environment.
pub(crate) fn environment_secrets() -> Vec<Value> {
    let given = VARIABLES.iter().filter_map(|it| std::env::var(it).ok());
    given.map(|it| Value::from(it).sensitive()).collect()
}

/// Takes out of a string what is secret in the environment and in the settings of a block.
pub(crate) fn mask_of(settings: &Object) -> RedactionMask {
    let of_block = settings.values().filter(|it| it.contains_sensitive()).cloned();
    let secrets = SecretTexts::within(&of_block.chain(environment_secrets()).collect::<Vec<_>>());
    Arc::new(move |text| secrets.masked(text))
}

/// Every secret argument: whose it is, and its path.
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

/// The paths of all fields that are secret, also inside of others.
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

/// The arguments of what is called so, where some of them are secret.
pub(crate) fn fields_of_holder(name: &str) -> Option<&'static Fields> {
    HOLDERS.get(name)
}

/// Whether a word is the name of a kind, or was meant to be.
pub(crate) fn is_kind(word: &str) -> bool {
    KINDS.contains(word)
        || (word.len() > 4 && closest(word, KINDS.iter().map(String::as_str)).is_some())
}

/// Whether the ids by which things of a kind are imported are secret, also of one that was meant.
pub(crate) fn has_secret_id(kind: &str) -> bool {
    let is_misspelt =
        || !KINDS.contains(kind) && closest(kind, SECRET_IDS.iter().map(String::as_str)).is_some();
    SECRET_IDS.contains(kind) || is_misspelt()
}

/// What has secret arguments and is meant by a misspelt word.
pub(crate) fn closest_holder(word: &str) -> Option<String> {
    closest(word, HOLDERS.keys().map(String::as_str)).filter(|_| word.len() > 4)
}

/// Whether a path of names leads to nothing in these arguments.
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

/// Whether an unknown name is closest to that of an argument in which nothing is secret.
fn means_open(name: &str, fields: &Fields) -> bool {
    let is_open = |meant: &str| {
        let meant = fields.get_key_value(meant).map(|(name, field)| (name.clone(), field.clone()));
        secret_fields(&meant.into_iter().collect()).is_empty()
    };
    !sounds_secret(name)
        && closest(name, fields.keys().map(|it| &**it)).is_some_and(|it| is_open(&it))
}

/// Whether a name sounds like that of a secret.
pub(crate) fn sounds_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let is_key =
        ["private_key", "api_key", "access_key", "apikey"].iter().any(|it| name.ends_with(it));
    is_key || name.split(['_', '-', '.']).any(|it| SECRET_WORDS.contains(&it))
}

/// Whether some kind has an argument of this name, and none has a secret one.
pub(crate) fn is_open_argument(name: &str) -> bool {
    ARGUMENTS.open.contains(name) || META.contains(&name)
}

/// Whether a local value is called as a secret argument is.
pub(crate) fn is_secret_local(name: &str) -> bool {
    ARGUMENTS.secret.contains(name)
}

/// Whether some kind has an argument of this name.
pub(crate) fn is_argument(name: &str) -> bool {
    ARGUMENTS.secret.contains(name) || ARGUMENTS.open.contains(name)
}

/// Whether an argument of this name is secret, or one that is was meant.
pub(crate) fn is_secret_argument(name: &str) -> bool {
    let ArgumentNames { secret, open } = &*ARGUMENTS;
    let is_misspelt = || {
        name.len() > 4
            && !open.contains(name)
            && closest(name, secret.iter().map(String::as_str)).is_some()
    };
    secret.contains(name) || is_misspelt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is given a canary by `tests/system/canaries`; a new one belongs there, too.
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
        let told: Vec<&str> =
            include_str!("../../../tests/system/canaries/secrets.txt").lines().collect();
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), told);
    }
}

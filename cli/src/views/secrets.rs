//! What must not be told: secret values, wherever they are said, and what a source text itself says of secret arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use ha_kind::{Field, Name, NoSettings, Object, Schema, Shape, Value, closest};
use ha_lang::literals;
pub(crate) use ha_plan::Secrets;
use ha_state::Mask;

use crate::backends::backends;
use crate::keys::Encryption;
use crate::providers::kinds;

/// The variables of the environment that hold secrets which stores, keys and providers take from there.
const VARIABLES: [&str; 6] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "HA_STATE_FALLBACK_PASSPHRASE",
    "HA_STATE_PASSPHRASE",
    "PGPASSWORD",
    "PG_CONN_STR",
];

/// What stands at the outermost level of a configuration.
const BLOCKS: [&str; 9] = ["check", "data", "ha", "locals", "module", "output", "provider", "resource", "terraform"];

/// The names of arguments, whatever the kind.
struct Arguments {
    /// Of those whose values are secret.
    secret: BTreeSet<String>,
    /// Of those whose values are not.
    open: BTreeSet<String>,
}

static ARGUMENTS: LazyLock<Arguments> = LazyLock::new(|| {
    let secret = secret_arguments().into_iter().filter_map(|(_, path)| path.last().map(ToString::to_string)).collect();
    let (schemas, _) = kinds();
    let of_kinds = schemas.kinds().map(|(_, it)| &it.schema().arguments);
    let all = of_kinds.chain(schemas.providers().map(|(_, it)| &it.schema.arguments));
    let names = all.flat_map(BTreeMap::keys).map(ToString::to_string);
    Arguments { open: names.filter(|it| !BTreeSet::contains(&secret, it)).collect(), secret }
});

/// What is secret in the environment.
pub(crate) fn environment_secrets() -> Vec<Value> {
    let given = VARIABLES.iter().filter_map(|it| std::env::var(it).ok());
    given.map(|it| Value::from(it).sensitive()).collect()
}

/// Takes out of a text what is secret in the environment and in the settings of a block.
pub(crate) fn mask_of(settings: &Object) -> Mask {
    let of_block = settings.values().filter(|it| it.contains_sensitive()).cloned();
    let secrets = Secrets::within(&of_block.chain(environment_secrets()).collect::<Vec<_>>());
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
    let of_backends = backends.iter().flat_map(|(name, it)| of(&format!("backend.{name}"), it.schema()));
    let of_encryption = of("encryption", &Schema::of::<Encryption, NoSettings>());
    of_kinds.chain(of_providers).chain(of_backends).chain(of_encryption).collect()
}

/// The paths of all fields that are secret, also inside of others.
fn secret_fields(fields: &BTreeMap<Name, Field>) -> Vec<Vec<Name>> {
    let mut found = Vec::new();
    for (name, field) in fields {
        if field.secret || field.write_only {
            found.push(vec![name.clone()]);
        }
        let mut shape = &field.shape;
        while let Shape::List(of) | Shape::Set(of) | Shape::Map(of) = shape {
            shape = of;
        }
        if let Shape::Object(inner) = shape {
            found.extend(secret_fields(inner).into_iter().map(|path| [std::slice::from_ref(name), path.as_slice()].concat()));
        }
    }
    found
}

/// The variables that a source text calls sensitive.
pub(crate) fn sensitive_variables(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for literal in literals(text) {
        if let ["variable", name, "sensitive" | "ephemeral"] = literal.path[..]
            && &text[literal.place] == "true"
        {
            names.insert(name.to_owned());
        }
    }
    names
}

/// Where a source text itself says what is secret: literals of secret arguments, also of misspelt ones, and of variables
/// that are sensitive. Each with whether it is only a stretch of what is secret.
pub(crate) fn secret_literals(text: &str, variables: &BTreeSet<String>) -> Vec<(Range<usize>, bool)> {
    let of_variable = |name: &str| variables.contains(name);
    let is_secret = |path: &[&str]| match path {
        ["variable", name, argument, ..] => *argument == "default" && of_variable(name),
        // A file of values, or the arguments of a module. In JSON the module's name stands before them.
        [name, ..] if of_variable(name) && !BLOCKS.contains(name) => true,
        ["module", name, ..] if of_variable(name) => true,
        ["module", _, name, ..] if of_variable(name) => true,
        // Locals have the names that people give them.
        ["locals", names @ ..] => names.iter().any(|name| ARGUMENTS.secret.contains(*name)),
        names => names.iter().any(|name| is_secret_argument(name)),
    };
    literals(text).into_iter().filter(|it| is_secret(&it.path)).map(|it| (it.place, it.is_piece)).collect()
}

/// Whether some kind has an argument of this name.
pub(crate) fn is_argument(name: &str) -> bool {
    ARGUMENTS.secret.contains(name) || ARGUMENTS.open.contains(name)
}

fn is_secret_argument(name: &str) -> bool {
    let Arguments { secret, open } = &*ARGUMENTS;
    let is_misspelt = || name.len() > 4 && !open.contains(name) && closest(name, secret.iter().map(String::as_str)).is_some();
    secret.contains(name) || is_misspelt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        secret_literals(text, &sensitive_variables(text)).into_iter().map(|(it, _)| &text[it]).collect()
    }

    #[test]
    #[cfg(feature = "local")]
    fn literals_of_secret_arguments_are_hidden() {
        let text = "resource \"local_file\" \"a\" {\n  filename = \"b\"\n  sensitive_content = \"c ${upper(\"d\")}\"\n}\n";
        assert_eq!(hidden(text), ["c ", "d"]);
        assert_eq!(hidden("resource \"local_file\" \"a\" {\n  sensitve_content = \"no end\n"), ["no end"]);
    }

    #[test]
    fn so_are_those_of_sensitive_variables() {
        let text = "variable \"pin\" {\n  default = \"1\"\n  sensitive = true\n}\nvariable \"port\" {\n  default = \"2\"\n}\n\
                    module \"m\" {\n  pin = \"3\"\n  port = \"4\"\n}\n";
        assert_eq!(hidden(text), ["1", "3"]);
        let json = r#"{"variable": {"pin": {"default": {"a": 1}, "sensitive": true}}}"#;
        assert_eq!(hidden(json), ["1"]);
    }

    #[test]
    #[cfg(all(feature = "local", feature = "postgresql"))]
    fn names_that_only_look_secret_hide_nothing() {
        for text in [
            "locals {\n  passwords = toset([\"circle\", \"billing\"])\n  tokens = { main = \"eu-west-1\" }\n}\n",
            "resource \"random_password\" \"a\" {\n  for_each = toset([\"circle\"])\n  length = 32\n}\n",
            "resource \"postgresql_role\" \"a\" {\n  password = random_password.drawn[\"circle\"].result\n}\n",
            "variable \"name\" {\n  sensitive = true\n}\nresource \"a\" \"b\" {\n  name = \"open\"\n}\n",
        ] {
            assert_eq!(hidden(text), ["true"; 0], "{text}");
        }
        assert_eq!(hidden("resource \"postgresql_role\" \"a\" {\n  pasword = \"hush\"\n}\n"), ["hush"]);
        assert_eq!(hidden("locals {\n  password = \"hush\"\n}\n"), ["hush"]);
    }

    #[test]
    fn values_of_sensitive_variables_are_hidden_wherever_they_are_given() {
        let variables = BTreeSet::from(["pin".to_owned()]);
        for text in
            ["pin = \"1\"\n", "module \"m\" {\n  pin = \"1\"\n}\n", r#"{"module": {"m": {"pin": "1"}}}"#, r#"{"pin": "1"}"#]
        {
            assert_eq!(secret_literals(text, &variables).len(), 1, "{text}");
        }
    }

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
        let found: BTreeSet<String> = all.map(|(owner, path)| format!("{owner}.{}", path.join("."))).collect();
        let told: Vec<&str> = include_str!("../../../tests/system/canaries/secrets.txt").lines().collect();
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), told);
    }
}

//! Server settings that a role or a database gives its sessions: `ALTER … SET`.

use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, MaybeUnknown};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sql::{identifier, literal};

/// Settings whose value is a list of names. The server stores each name, quoted where needed, so
/// the values of the configuration are normalised the same way before they are compared.
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Settings by lower-case name, with lists in normal form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
#[schemars(with = "BTreeMap<String, String>", inline)]
pub(crate) struct ServerParameters(BTreeMap<String, String>);

impl From<BTreeMap<String, String>> for ServerParameters {
    fn from(given: BTreeMap<String, String>) -> Self {
        let each = |(name, value): (String, String)| {
            let name = name.to_lowercase();
            let value = if LISTS.contains(&name.as_str()) { spelt(&names(&value)) } else { value };
            (name, value)
        };
        Self(given.into_iter().map(each).collect())
    }
}

impl From<ServerParameters> for BTreeMap<String, String> {
    fn from(it: ServerParameters) -> Self {
        it.0
    }
}

impl ServerParameters {
    /// Parses `setconfig` of the catalogs: `name=value`.
    pub(crate) fn listed(list: Option<Vec<String>>) -> Self {
        let each = |it: &String| {
            it.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        list.unwrap_or_default().iter().filter_map(each).collect::<BTreeMap<_, _>>().into()
    }

    /// The clauses that turn `from` into these settings, each to follow `ALTER ROLE "name"`.
    pub(crate) fn changes(&self, from: &Self) -> Vec<String> {
        let reset = from
            .0
            .keys()
            .filter(|name| !self.0.contains_key(*name))
            .map(|name| format!("RESET {}", quoted(name)));
        let differ = self.0.iter().filter(|(name, value)| from.0.get(*name) != Some(value));
        let set =
            differ.map(|(name, value)| format!("SET {} TO {}", quoted(name), written(name, value)));
        reset.chain(set).collect()
    }
}

/// The problems of settings that can be found without a server.
pub(crate) fn problems(settings: &BTreeMap<String, MaybeUnknown<String>>) -> Vec<ArgumentProblem> {
    let mut problems = Vec::new();
    let mut seen = BTreeMap::new();
    for (name, value) in settings {
        let mut wrong = |message: String| {
            problems.push(ArgumentProblem {
                path: Path::attribute("settings").name(name.as_str()),
                message,
            });
        };
        let is_part = |it: &str| {
            it.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
                && it.chars().all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '$')
        };
        if !name.split('.').all(is_part) {
            wrong(format!("`{name}` is not the name of a setting"));
        }
        if matches!(value, MaybeUnknown::Known(it) if it.contains('\0')) {
            wrong(format!("the value of `{name}` has a zero byte in it"));
        }
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            wrong(format!("`{other}` and `{name}` are the same setting"));
        }
    }
    problems
}

fn quoted(name: &str) -> String {
    name.split('.').map(identifier).collect::<Vec<_>>().join(".")
}

fn written(name: &str, value: &str) -> String {
    if !LISTS.contains(&name) {
        return literal(value);
    }
    match names(value) {
        // `SET name TO ''` is the server's way to write an empty list.
        names if names.is_empty() => "''".to_owned(),
        names => names.iter().map(|it| literal(it)).collect::<Vec<_>>().join(", "),
    }
}

/// The names in a list, unquoted, and in lower case where they were not quoted: the server folds
/// them the same way.
fn names(text: &str) -> Vec<String> {
    let (mut names, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let mut name = String::new();
        if let Some(inner) = rest.strip_prefix('"') {
            let mut characters = inner.char_indices().peekable();
            let mut end = inner.len();
            while let Some((at, character)) = characters.next() {
                match character {
                    '"' if characters.peek().is_some_and(|(_, it)| *it == '"') => {
                        characters.next();
                        name.push('"');
                    }
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    other => name.push(other),
                }
            }
            rest = &inner[end..];
            rest = rest.find(',').map_or("", |at| &rest[at..]);
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            name.push_str(&rest[..end].trim().to_lowercase());
            rest = &rest[end..];
        }
        if !name.is_empty() {
            names.push(name);
        }
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    names
}

fn spelt(names: &[String]) -> String {
    let is_plain = |it: &str| {
        it.starts_with(|it: char| it.is_ascii_lowercase() || it == '_')
            && it.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_')
    };
    let each = |it: &String| if is_plain(it) { it.clone() } else { identifier(it) };
    names.iter().map(each).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[(&str, &str)]) -> ServerParameters {
        given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>()
            .into()
    }

    #[test]
    fn lists_are_compared_in_normal_form() {
        let one = of(&[("search_path", "\"$user\",  public, \"Mixed, one\"")]);
        assert_eq!(one, of(&[("Search_Path", "\"$user\", \"public\", \"Mixed, one\"")]));
        assert_eq!(
            one.changes(&of(&[])),
            ["SET \"search_path\" TO '$user', 'public', 'Mixed, one'"]
        );
        assert_eq!(of(&[("search_path", "")]).changes(&of(&[])), ["SET \"search_path\" TO ''"]);
    }

    #[test]
    fn changes_only_what_differs() {
        let from = of(&[("work_mem", "4MB"), ("timezone", "UTC"), ("geqo", "off")]);
        let to = of(&[("work_mem", "8MB"), ("TimeZone", "UTC"), ("my.own", "it's")]);
        assert_eq!(
            to.changes(&from),
            ["RESET \"geqo\"", "SET \"my\".\"own\" TO 'it''s'", "SET \"work_mem\" TO '8MB'"]
        );
        assert!(to.changes(&to).is_empty());
    }

    #[test]
    fn refuses_invalid_names() {
        let problems = |name: &str| {
            problems(&BTreeMap::from([(name.to_owned(), MaybeUnknown::Known("1".to_owned()))]))
        };
        assert!(problems("work_mem").is_empty() && problems("my.own").is_empty());
        for wrong in ["", "a b", "a;b", "1a", "a..b"] {
            assert_eq!(problems(wrong).len(), 1, "{wrong}");
        }
        // One that is not known yet is one of two as well.
        let twice = [
            ("work_mem".to_owned(), MaybeUnknown::Unknown),
            ("WORK_MEM".to_owned(), MaybeUnknown::Known("1".to_owned())),
        ];
        assert_eq!(super::problems(&BTreeMap::from(twice)).len(), 1);
    }
}

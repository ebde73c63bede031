//! Which room may build on which. An edit in the planner recompiles no provider, and planning cannot reach one, only as
//! long as there are no other arrows than these.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may depend on. Rooms that are not listed here are providers.
const ROOMS: [(&str, &[&str]); 6] = [
    ("ha", &["*"]),
    ("ha-apply", &["ha-kind", "ha-plan", "ha-state"]),
    ("ha-plan", &["ha-kind", "ha-lang", "ha-state"]),
    ("ha-lang", &["ha-kind"]),
    ("ha-state", &["ha-kind"]),
    ("ha-kind", &[]),
];

/// The providers that may also keep states, with the clients they have already.
const STORES: [&str; 2] = ["ha-aws", "ha-postgresql"];

/// The provider that makes certificates as another one does, and that one.
const NAMES: (&str, &str) = ("ha-mongodb", "ha-tls");

/// Rooms that work on data alone and have neither a runtime nor a way out.
const PURE: [&str; 3] = ["ha-kind", "ha-lang", "ha-plan"];

/// Crates that reach the world outside.
const OUTSIDE: [&str; 6] = ["tokio", "aws-config", "mongodb", "tokio-postgres", "rustls", "rustix"];

struct Room {
    name: String,
    folder: PathBuf,
    /// Without those that only its tests have.
    dependencies: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rooms() -> Vec<Room> {
    let below = |folder: &str| fs::read_dir(root().join(folder)).unwrap().map(|it| it.unwrap().path());
    let folders = below("engine").chain(below("providers")).chain([root().join("cli"), root().join("state")]);
    folders.filter(|it| it.is_dir()).map(|it| room(&it)).collect()
}

/// A room's manifest, as far as its name and its dependencies go.
fn room(folder: &Path) -> Room {
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut section = "";
    for line in text.lines() {
        match line.strip_prefix('[').and_then(|it| it.split(']').next()) {
            Some(name) => section = name,
            None => sections.entry(section).or_default().push(line),
        }
    }
    let key =
        |line: &&str| line.split(['=', '.', ' ']).next().filter(|it| !it.is_empty() && !it.starts_with('#')).map(str::to_owned);
    let shipped = sections.iter().filter(|(name, _)| name.ends_with("dependencies") && !name.starts_with("dev-"));
    let dependencies = shipped.flat_map(|(_, lines)| lines).filter_map(key);
    let name = sections["package"].iter().find_map(|it| it.strip_prefix("name = ")).unwrap().trim_matches('"');
    Room { name: name.to_owned(), folder: folder.to_owned(), dependencies: dependencies.collect() }
}

fn may_depend_on(room: &Room, dependency: &str) -> bool {
    match ROOMS.iter().find(|(name, _)| *name == room.name) {
        Some((_, allowed)) => allowed.contains(&"*") || allowed.contains(&dependency),
        None => {
            let keeps_states = dependency == "ha-state" && STORES.contains(&room.name.as_str());
            dependency == "ha-kind" || keeps_states || (room.name.as_str(), dependency) == NAMES
        }
    }
}

#[test]
fn there_are_no_other_arrows() {
    let rooms = rooms();
    let names: BTreeSet<&str> = rooms.iter().map(|it| it.name.as_str()).collect();
    assert!(names.len() >= ROOMS.len() + 7, "rooms are missing: {names:?}");
    for room in &rooms {
        for dependency in room.dependencies.iter().filter(|it| names.contains(it.as_str())) {
            assert!(may_depend_on(room, dependency), "`{}` must not build on `{dependency}`", room.name);
        }
    }
}

#[test]
fn what_decides_cannot_reach_the_world() {
    for room in rooms().iter().filter(|it| PURE.contains(&it.name.as_str())) {
        for dependency in OUTSIDE {
            assert!(!room.dependencies.contains(dependency), "`{}` must not depend on `{dependency}`", room.name);
        }
    }
}

#[test]
fn every_provider_is_registered() {
    let registry = fs::read_to_string(root().join("cli/src/workspace/providers.rs")).unwrap();
    let providers: Vec<Room> =
        rooms().into_iter().filter(|it| it.folder.parent().is_some_and(|it| it.ends_with("providers"))).collect();
    assert!(providers.len() >= 7);
    for provider in providers {
        let call = format!("{}::register(", provider.name.replace('-', "_"));
        assert!(registry.contains(&call), "`{}` is not in cli/src/workspace/providers.rs", provider.name);
    }
}

//! Which crate may depend on which, also through others. An edit in the planner or a new diagnostic
//! recompiles no provider, and planning cannot reach a provider, only as long as these rules hold.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate of the project may name in its manifest. Crates that are not listed are
/// providers.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("ha", &["*"]),
    ("ha-fuzz", &["*"]),
    (
        "ha-apply",
        &[
            "ha-value",
            "ha-diagnostics",
            "ha-provider",
            "ha-plan",
            "ha-state-model",
            "ha-state-store",
        ],
    ),
    ("ha-plan", &["ha-value", "ha-diagnostics", "ha-provider", "ha-lang", "ha-state-model"]),
    ("ha-lang", &["ha-value", "ha-diagnostics", "ha-provider"]),
    ("ha-state-store", &["ha-value", "ha-provider", "ha-files", "ha-state-model"]),
    ("ha-state-model", &["ha-value"]),
    ("ha-provider", &["ha-value"]),
    ("ha-diagnostics", &["ha-value"]),
    ("ha-files", &[]),
];

/// What a provider may name.
const FOR_PROVIDERS: [&str; 3] = ["ha-value", "ha-provider", "ha-files"];

/// The providers that also keep states, with the clients they have.
const STORES: [&str; 2] = ["ha-aws", "ha-postgresql"];

/// The provider whose certificates are issued as those of another provider are, and that one.
const ISSUES_CERTIFICATES: (&str, &str) = ("ha-mongodb", "ha-tls");

/// What nothing that planning is made of may depend on, directly or through others.
const OUT_OF_PLANNING: [&str; 8] =
    ["tokio", "rustix", "argon2", "aes-gcm", "aws-config", "mongodb", "tokio-postgres", "rustls"];

struct Package {
    name: String,
    manifest: PathBuf,
    /// Without those of its tests alone.
    dependencies: BTreeSet<String>,
    is_ours: bool,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All packages that cargo resolves, by their ids.
fn packages() -> BTreeMap<String, Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut packages: BTreeMap<String, Package> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let package = Package {
                name: text(&it["name"]),
                manifest: text(&it["manifest_path"]).into(),
                dependencies: BTreeSet::new(),
                is_ours: it["source"].is_null(),
            };
            (text(&it["id"]), package)
        })
        .collect();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let is_shipped =
            |it: &Value| it["dep_kinds"].as_array().unwrap().iter().any(|it| it["kind"] != "dev");
        let shipped = node["deps"].as_array().unwrap().iter().filter(|it| is_shipped(it));
        packages.get_mut(node["id"].as_str().unwrap()).unwrap().dependencies =
            shipped.map(|it| text(&it["pkg"])).collect();
    }
    packages
}

/// The names of all that a package depends on, through others too.
fn closure(packages: &BTreeMap<String, Package>, name: &str) -> BTreeSet<String> {
    let mut open: Vec<&String> =
        packages.iter().filter(|(_, it)| it.name == name).map(|(id, _)| id).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(&packages[id].dependencies);
        }
    }
    seen.into_iter().map(|id| packages[id].name.clone()).collect()
}

fn may_depend_on(name: &str, dependency: &str) -> bool {
    match ALLOWED.iter().find(|(it, _)| *it == name) {
        Some((_, allowed)) => allowed.contains(&"*") || allowed.contains(&dependency),
        None if dependency.starts_with("ha-state-") => STORES.contains(&name),
        None => FOR_PROVIDERS.contains(&dependency) || (name, dependency) == ISSUES_CERTIFICATES,
    }
}

#[test]
fn no_crate_depends_on_another_than_the_rules_allow() {
    let packages = packages();
    let ours: BTreeMap<&String, &Package> = packages.iter().filter(|(_, it)| it.is_ours).collect();
    assert!(ours.len() >= ALLOWED.len() + 7, "crates are missing");
    for package in ours.values() {
        for dependency in package.dependencies.iter().filter_map(|id| ours.get(id)) {
            let (name, dependency) = (&package.name, &dependency.name);
            let allowed = name == "ha-value" || may_depend_on(name, dependency);
            assert!(allowed && name != "ha-value", "`{name}` must not depend on `{dependency}`");
        }
    }
}

#[test]
fn planning_depends_on_nothing_that_reaches_the_system() {
    let packages = packages();
    for name in ["ha-value", "ha-diagnostics", "ha-lang", "ha-state-model", "ha-plan"] {
        let closure = closure(&packages, name);
        assert!(closure.contains(name), "`{name}` is missing");
        for dependency in OUT_OF_PLANNING {
            assert!(
                !closure.contains(dependency),
                "`{name}` must not depend on `{dependency}`, through others either"
            );
        }
    }
}

#[test]
fn a_new_diagnostic_rebuilds_no_provider() {
    let packages = packages();
    let providers = packages.values().filter(|it| {
        it.is_ours && it.manifest.starts_with(root().canonicalize().unwrap().join("providers"))
    });
    let names: Vec<&String> = providers.map(|it| &it.name).collect();
    assert!(names.len() >= 7, "providers are missing: {names:?}");
    for name in names {
        let closure = closure(&packages, name);
        for other in ["ha-diagnostics", "ha-lang", "ha-plan", "ha-apply"] {
            assert!(!closure.contains(other), "`{name}` must not depend on `{other}`");
        }
    }
}

#[test]
fn every_provider_is_registered() {
    let registry = fs::read_to_string(root().join("cli/src/registry/providers.rs")).unwrap();
    for package in packages()
        .values()
        .filter(|it| it.manifest.starts_with(root().canonicalize().unwrap().join("providers")))
    {
        let call = format!("{}::register(", package.name.replace('-', "_"));
        assert!(
            registry.contains(&call),
            "`{}` is not in cli/src/registry/providers.rs",
            package.name
        );
    }
}

/// The modules of the program, each of which may use those before it alone.
const CLI_MODULES: [&str; 11] = [
    "registry",
    "invocation",
    "views",
    "output",
    "logging",
    "interrupt",
    "workspace",
    "arguments",
    "commands",
    "cli",
    "main",
];

/// The source files of the program by their module paths, such as `workspace::project`, without
/// their tests.
fn cli_files() -> BTreeMap<String, String> {
    let source = root().join("cli/src");
    let mut open = vec![source.clone()];
    let mut files = BTreeMap::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()));
            continue;
        }
        let name = path.strip_prefix(&source).unwrap().with_extension("");
        let steps: Vec<&str> = name.iter().map(|it| it.to_str().unwrap()).collect();
        let steps = steps.strip_suffix(&["mod"]).unwrap_or(&steps);
        if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // A test may go through the whole program.
            let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            files.insert(steps.join("::"), shipped.to_owned());
        }
    }
    files
}

/// The modules of the program that a file uses by their full paths, as far as they are files.
fn uses<'a>(text: &str, files: &'a BTreeMap<String, String>) -> BTreeSet<&'a str> {
    let is_path = |it: char| it.is_alphanumeric() || matches!(it, '_' | ':');
    let paths = text.split("crate::").skip(1).map(|it| it.split(|it| !is_path(it)).next().unwrap());
    let file = |path: &str| {
        let ends = path.match_indices("::").map(|(at, _)| at).chain([path.len()]);
        let longest_first = ends.collect::<Vec<_>>().into_iter().rev();
        longest_first.map(|end| &path[..end]).find_map(|it| files.get_key_value(it))
    };
    paths.filter_map(|it| file(it).map(|(name, _)| name.as_str())).collect()
}

#[test]
fn modules_of_the_program_use_only_those_below_them() {
    let files = cli_files();
    assert!(files.len() > 100, "files are missing");
    let rank = |path: &str| {
        let module = path.split("::").next().unwrap();
        let at = CLI_MODULES.iter().position(|it| *it == module);
        at.unwrap_or_else(|| panic!("`{module}` has no place in CLI_MODULES"))
    };
    for (file, text) in files.iter().filter(|(name, _)| name.as_str() != "cli::help") {
        for used in uses(text, &files) {
            let is_below =
                rank(used) < rank(file) || file.split("::").next() == used.split("::").next();
            assert!(is_below, "`{file}` must not use `{used}`, which is above it");
        }
    }
}

#[test]
fn no_files_of_the_program_use_each_other_in_a_circle() {
    let files = cli_files();
    // A file that none of the others uses is in no circle; without it others become such files.
    let mut open: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, text) in &files {
        let used = uses(text, &files).into_iter().filter(|it| it != name).collect();
        open.insert(name, used);
    }
    loop {
        let used: BTreeSet<&str> = open.values().flatten().copied().collect();
        let before = open.len();
        open.retain(|name, _| used.contains(name));
        if open.len() == before {
            break;
        }
    }
    loop {
        let left: BTreeSet<&str> = open.keys().copied().collect();
        let before = open.len();
        open.retain(|_, uses| uses.iter().any(|it| left.contains(it)));
        if open.len() == before {
            break;
        }
    }
    assert!(open.is_empty(), "these use each other in a circle: {:#?}", open.keys());
}

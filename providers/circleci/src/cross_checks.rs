//! Checks of the documents against each other, and against the databases, users and buckets of the
//! same configuration.

use std::collections::{BTreeMap, BTreeSet};

use ha_provider::{ArgumentProblem, BlockInstance, CrossCheck, CrossCheckProblem};
use ha_value::{Path, ResourceMode, Severity, Value, closest};

const SETTINGS: &str = "circleci_settings";
const REPLICATED: &str = "circleci_replicated_config";
const CUSTOMIZATIONS: &str = "circleci_customizations";
const USERDATA: &str = "userdata";
const USER: &str = "mongodb_user";
const ROLE: &str = "postgresql_role";
const DATABASE: &str = "postgresql_database";
const BUCKET: &str = "aws_s3_bucket";

pub(crate) const TOGETHER: CrossCheck = CrossCheck {
    kinds: &[
        (ResourceMode::Data, SETTINGS),
        (ResourceMode::Data, REPLICATED),
        (ResourceMode::Data, CUSTOMIZATIONS),
        (ResourceMode::Data, USERDATA),
        (ResourceMode::Managed, USER),
        (ResourceMode::Managed, ROLE),
        (ResourceMode::Managed, DATABASE),
        (ResourceMode::Managed, BUCKET),
    ],
    check,
};

/// Roles that let their holder write one database, and those that let it write all when they are of
/// `admin`.
const WRITE: [&str; 2] = ["readWrite", "dbOwner"];
const WRITE_ALL: [&str; 3] = ["root", "readWriteAnyDatabase", "__system"];
/// Roles that do not. Custom roles may do either, so they are not checked.
const NO_WRITE: [&str; 5] = ["read", "dbAdmin", "userAdmin", "enableSharding", "readAnyDatabase"];

fn check(all: &[BlockInstance<'_>]) -> Vec<CrossCheckProblem> {
    let mut found = ProblemList(Vec::new());
    let of = |kind: &str| {
        all.iter().filter(|it| &*it.address.block.kind == kind).copied().collect::<Vec<_>>()
    };
    let mut modules: BTreeMap<_, Vec<BlockInstance<'_>>> = BTreeMap::new();
    for it in all.iter().filter(|it| it.address.block.mode == ResourceMode::Data) {
        modules.entry(&it.address.block.module).or_default().push(*it);
    }
    for documents in modules.values() {
        let here = |kind: &str| {
            documents
                .iter()
                .filter(|it| &*it.address.block.kind == kind)
                .copied()
                .collect::<Vec<_>>()
        };
        let (settings, userdata) = (here(SETTINGS), here(USERDATA));
        for replicated in here(REPLICATED) {
            found.hostname(replicated, &settings);
            found.paths(replicated, &userdata);
        }
        for settings in settings {
            found.region(settings, &userdata);
        }
    }
    let buckets = of(BUCKET);
    for settings in of(SETTINGS) {
        found.bucket(settings, &["s3_bucket"], &buckets);
    }
    let (users, roles, databases) = (of(USER), of(ROLE), of(DATABASE));
    for customizations in of(CUSTOMIZATIONS) {
        found.mongodb(customizations, &users);
        found.postgresql(customizations, &roles, &databases);
    }
    found.0
}

/// What was found so far.
struct ProblemList(Vec<CrossCheckProblem>);

impl ProblemList {
    fn tell(&mut self, at: BlockInstance<'_>, names: &[&str], severity: Severity, message: String) {
        let (first, rest) = names.split_first().expect("every place has a name");
        let path = rest.iter().fold(Path::attribute(*first), |path, name| path.name(*name));
        self.0.push(CrossCheckProblem {
            address: at.address.clone(),
            problem: ArgumentProblem { path, message },
            severity,
        });
    }

    fn error(&mut self, at: BlockInstance<'_>, names: &[&str], message: String) {
        self.tell(at, names, Severity::Error, message);
    }

    fn warning(&mut self, at: BlockInstance<'_>, names: &[&str], message: String) {
        self.tell(at, names, Severity::Warning, message);
    }

    /// The console's certificate is for the name under which people reach the application.
    fn hostname(&mut self, replicated: BlockInstance<'_>, settings: &[BlockInstance<'_>]) {
        let at = ["tls_bootstrap_hostname"];
        let Some(name) = replicated.text(&at) else { return };
        let Some(others) = texts(settings, &["hostname"]) else { return };
        if !others.is_empty() && !others.iter().any(|(it, _)| it.eq_ignore_ascii_case(name)) {
            let others: Vec<String> =
                others.iter().map(|(it, at)| format!("`{it}` in `{}`", at.address)).collect();
            let message = format!(
                "`tls_bootstrap_hostname` is `{name}`, but `hostname` is {}: the certificate would be for another name than people \
                 use",
                others.join(", ")
            );
            self.error(replicated, &at, message);
        }
    }

    /// What Replicated reads is what the user data writes.
    fn paths(&mut self, replicated: BlockInstance<'_>, userdata: &[BlockInstance<'_>]) {
        let Some(written) = written(userdata).filter(|it| !it.is_empty()) else { return };
        for name in [
            "license_file_location",
            "import_settings_from",
            "license_bootstrap_airgap_package_path",
        ] {
            let Some(path) = replicated.text(&[name]) else { continue };
            // A custom command may create the file.
            let by_command = || {
                userdata
                    .iter()
                    .any(|it| it.get(&["extra_commands"]).is_some_and(|it| mentions(it, path)))
            };
            if !written.contains(path) && !by_command() {
                let hint = closest(path, written.iter().copied())
                    .map(|it| format!("; did you mean `{it}`?"))
                    .unwrap_or_default();
                let message = format!(
                    "`{name}` is `{path}`, but no file of `{}` goes there{hint}",
                    userdata[0].address
                );
                self.error(replicated, &[name], message);
            }
        }
    }

    fn region(&mut self, settings: BlockInstance<'_>, userdata: &[BlockInstance<'_>]) {
        let Some(region) = settings.text(&["aws_region"]) else { return };
        let Some(others) = texts(userdata, &["region"]) else { return };
        if !others.is_empty() && !others.iter().any(|(it, _)| *it == region) {
            let message = format!(
                "`aws_region` is `{region}`, but the machine of `{}` is set up for `{}`",
                others[0].1.address, others[0].0
            );
            self.warning(settings, &["aws_region"], message);
        }
    }

    /// A bucket that is nearly one of this configuration's is a slip.
    fn bucket(&mut self, at: BlockInstance<'_>, names: &[&str], buckets: &[BlockInstance<'_>]) {
        let (Some(name), Some(known)) = (at.text(names), texts(buckets, &["bucket"])) else {
            return;
        };
        if known.iter().any(|(it, _)| *it == name) {
            return;
        }
        if let Some(meant) = closest(name, known.iter().map(|(it, _)| *it)) {
            let message = format!(
                "no bucket of this configuration is called `{name}`; did you mean `{meant}`?"
            );
            self.warning(at, names, message);
        }
    }

    /// The application's user may write each of its databases.
    fn mongodb(&mut self, at: BlockInstance<'_>, users: &[BlockInstance<'_>]) {
        let Some(username) = at.text(&["mongodb", "username"]) else { return };
        let Some(known) = texts(users, &["name"]) else { return };
        let mine: Vec<BlockInstance<'_>> =
            known.iter().filter(|(name, _)| *name == username).map(|(_, it)| *it).collect();
        if mine.is_empty() {
            if let Some(meant) = closest(username, known.iter().map(|(name, _)| *name)) {
                let message = format!(
                    "no `{USER}` of this configuration is called `{username}`; did you mean `{meant}`?"
                );
                self.error(at, &["mongodb", "username"], message);
            }
            return;
        }
        if let (Some(source), Some(homes)) =
            (at.text(&["mongodb", "auth_source"]), texts(&mine, &["database"]))
            && !homes.iter().any(|(home, _)| *home == source)
        {
            let message = format!(
                "`auth_source` is `{source}`, but the user `{username}` lives in `{}`",
                homes[0].0
            );
            self.error(at, &["mongodb", "auth_source"], message);
        }
        let Some(roles) = mine.iter().map(|it| roles(*it)).collect::<Option<Vec<_>>>() else {
            return;
        };
        let roles: Vec<(&str, &str)> = roles.into_iter().flatten().collect();
        for name in [
            "main_database",
            "build_state_database",
            "containers_database",
            "remote_containers_database",
        ] {
            let Some(database) = at.text(&["mongodb", name]) else { continue };
            if !roles.iter().any(|(role, of)| may_write(role, of, database)) {
                let message = format!(
                    "`{name}` is `{database}`, but the user `{username}` has no role there that lets it write"
                );
                self.error(at, &["mongodb", name], message);
            }
        }
    }

    /// The application's role may log in, and make tables in its database.
    fn postgresql(
        &mut self,
        at: BlockInstance<'_>,
        roles: &[BlockInstance<'_>],
        databases: &[BlockInstance<'_>],
    ) {
        let Some(username) = at.text(&["postgresql", "username"]) else { return };
        let Some(known) = texts(roles, &["name"]) else { return };
        let mine = known.iter().find(|(name, _)| *name == username).map(|(_, it)| *it);
        if let Some(role) = mine
            && role.get(&["login"]) == Some(&Value::from(false))
        {
            let message = format!(
                "the role `{username}` may not log in: set `login = true` in `{}`",
                role.address
            );
            self.error(at, &["postgresql", "username"], message);
        }
        if let (None, Some(meant)) = (mine, closest(username, known.iter().map(|(name, _)| *name)))
        {
            let message = format!(
                "no `{ROLE}` of this configuration is called `{username}`; did you mean `{meant}`?"
            );
            self.error(at, &["postgresql", "username"], message);
        }
        let (Some(database), Some(known)) =
            (at.text(&["postgresql", "database"]), texts(databases, &["name"]))
        else {
            return;
        };
        let Some((_, its)) = known.iter().find(|(name, _)| *name == database) else {
            if let Some(meant) = closest(database, known.iter().map(|(name, _)| *name)) {
                let message = format!(
                    "no `{DATABASE}` of this configuration is called `{database}`; did you mean `{meant}`?"
                );
                self.error(at, &["postgresql", "database"], message);
            }
            return;
        };
        let (Some(owner), Some(role)) = (its.text(&["owner"]), mine) else { return };
        let belongs = |names: &[&str]| {
            role.get(names).is_none_or(|it| !it.is_wholly_known() || mentions(it, owner))
        };
        if owner != username && !belongs(&["roles"]) && !belongs(&["membership"]) {
            let message = format!(
                "the database `{database}` belongs to `{owner}`, to whom `{username}` does not belong: it can make no tables there"
            );
            self.warning(at, &["postgresql", "username"], message);
        }
    }
}

/// What each says at a place; none unless all of it is known and no secret.
fn texts<'a>(
    all: &[BlockInstance<'a>],
    names: &[&str],
) -> Option<Vec<(&'a str, BlockInstance<'a>)>> {
    all.iter().map(|it| Some((it.text(names)?, *it))).collect()
}

/// The paths that user data writes; none unless all of them are known.
fn written<'a>(userdata: &[BlockInstance<'a>]) -> Option<BTreeSet<&'a str>> {
    let mut paths = BTreeSet::new();
    for it in userdata {
        let files = it.get(&["files"])?;
        for file in files.elements()? {
            paths.insert(file.as_object()?.get("path")?.as_str()?);
        }
    }
    Some(paths)
}

/// A user's roles with their databases; none unless all of them are known.
fn roles<'a>(user: BlockInstance<'a>) -> Option<Vec<(&'a str, &'a str)>> {
    let each = |role: &'a Value| {
        let role = role.as_object()?;
        Some((role.get("role")?.as_str()?, role.get("db")?.as_str()?))
    };
    user.get(&["roles"])?.elements()?.into_iter().map(each).collect()
}

fn may_write(role: &str, of: &str, database: &str) -> bool {
    (of == "admin" && WRITE_ALL.contains(&role))
        || (of == database && (WRITE.contains(&role) || !NO_WRITE.contains(&role)))
}

/// Whether a string is somewhere in a value, or may be in what is not known of it.
fn mentions(value: &Value, text: &str) -> bool {
    match value.as_str() {
        Some(it) => it.contains(text),
        None if !value.is_wholly_known()
            && value.elements().is_none()
            && value.as_object().is_none() =>
        {
            true
        }
        None => value.children().any(|it| mentions(it, text)),
    }
}

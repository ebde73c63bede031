use std::collections::{BTreeMap, BTreeSet};

use ha_provider::{ArgumentProblem, Error, IntendedChange};
use ha_value::Action;
use serde::Deserialize;

use super::names::Names;
use super::privileges::Privileges;
use super::{ATTEMPTED, DATABASE, EXTENSION, Name, changed, problem};
use crate::provider::PostgresqlProvider;
use crate::session::DatabaseSession;

#[derive(Deserialize)]
struct Version {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Place {
    database: String,
}

#[derive(Deserialize)]
struct SchemaName {
    schema: String,
}

#[derive(Deserialize)]
struct Cascade {
    #[serde(default)]
    create_cascade: bool,
}

/// An extension as the plan would leave it, and the database that it is in.
struct Target<'a> {
    name: &'a str,
    database: &'a str,
    available: &'a AvailableExtension,
    contents: Option<&'a DatabaseContents>,
}

/// Extensions and versions that the server does not have, those in databases that it does not
/// have, and those that the user may not create or change there.
pub(super) async fn refused(
    session: &DatabaseSession<'_>,
    privileges: &Privileges,
    contents: &BTreeMap<String, DatabaseContents>,
    default_database: &str,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let databases = Names::of_databases(session, planned).await?;
    let catalog = ExtensionCatalog::of(session).await?;
    let database_of = |change: &IntendedChange| database_of(change, default_database);
    let created: BTreeSet<(String, String)> = changed(EXTENSION, planned)
        .filter(|(_, change)| change.action.makes())
        .filter_map(|(_, change)| Some((database_of(change), change.after::<Name>()?.name)))
        .collect();
    let mut problems = Vec::new();
    for (place, change) in changed(EXTENSION, planned) {
        let Some(Name { name }) = change.after() else { continue };
        if !catalog.defaults.contains_key(&name) {
            let message = format!("the server does not have the extension `{name}`");
            problems.push((place, problem("name", message)));
            continue;
        }
        let wanted = change.after::<Version>();
        if let Some(wanted) = &wanted {
            let message =
                match change.before::<Version>().filter(|_| change.action == Action::Update) {
                    Some(now) if now.version != wanted.version => {
                        unreachable(session, &now, &wanted.version).await?
                    }
                    Some(_) => None,
                    None => catalog.missing_version(wanted),
                };
            if let Some(message) = message {
                problems.push((place, problem("version", message)));
                continue;
            }
        }
        let database = database_of(change);
        // An unknown database may turn out to be any.
        if change.after::<KnownExtensionArguments>().is_none() {
            continue;
        }
        if change.action.makes() && databases.will_be_missing(&database) {
            problems
                .push((place, problem("database", format!("there is no database `{database}`"))));
            continue;
        }
        let Some(available) = catalog.version(&name, wanted.as_ref()) else { continue };
        let (name, contents) = (name.as_str(), contents.get(&database));
        let target = Target { name, database: &database, available, contents };
        let found = match change.action.makes() {
            true => creation_problem(privileges, &catalog, &target, change, &created),
            false => update_problem(privileges, &target, change),
        };
        problems.extend(found.map(|it| (place, it)));
    }
    Ok(problems)
}

/// The database that an extension is in, or will be in.
fn database_of(change: &IntendedChange, default_database: &str) -> String {
    let place = change.after::<Place>().or_else(|| change.before());
    place.map_or_else(|| default_database.to_owned(), |it| it.database)
}

/// Why an extension cannot be created.
fn creation_problem(
    privileges: &Privileges,
    catalog: &ExtensionCatalog,
    target: &Target<'_>,
    change: &IntendedChange,
    created: &BTreeSet<(String, String)>,
) -> Option<ArgumentProblem> {
    let Target { name, database, available, contents } = *target;
    let is_same = |old: Name| old.name == name;
    let is_replaced = change.action.destroys() && change.before().is_none_or(is_same);
    if contents.is_some_and(|it| it.extensions.contains_key(name)) && !is_replaced {
        return Some(problem(
            "name",
            format!(
                "the database `{database}` has the extension `{name}` without this configuration; import it with the id \
                 `{database}.{name}`, or remove the block: the extension can be used as it is"
            ),
        ));
    }
    if !available.is_allowed_to_all() && !privileges.is_unlimited() {
        return Some(problem(
            "name",
            format!(
                "`{name}` is not a trusted extension, so only a superuser can create it, which `{}` is not; connect as \
                 one, or let one run `CREATE EXTENSION` and import it with the id `{database}.{name}`",
                privileges.user()
            ),
        ));
    }
    if let Some(it) = schema_problem(target, change) {
        return Some(it);
    }
    let cascades = change.after::<Cascade>()?.create_cascade;
    for required in &available.requires {
        let is_there = contents.is_none_or(|it| it.extensions.contains_key(required))
            || created.contains(&(database.to_owned(), required.clone()));
        if is_there {
            continue;
        }
        let Some(it) = catalog.version(required, None) else {
            let message = format!(
                "`{name}` needs the extension `{required}`, which the server does not have"
            );
            return Some(problem("name", message));
        };
        if !cascades {
            return Some(problem(
                "name",
                format!(
                    "`{name}` needs the extension `{required}`, which the database `{database}` does not have; set \
                     `create_cascade = true`, or add a block for `{required}` and name it in `depends_on`"
                ),
            ));
        }
        if !it.is_allowed_to_all() && !privileges.is_unlimited() {
            return Some(problem(
                "create_cascade",
                format!(
                    "`{name}` needs the extension `{required}`, which is not trusted, so only a superuser can create it"
                ),
            ));
        }
    }
    None
}

/// Why an extension cannot be changed.
fn update_problem(
    privileges: &Privileges,
    target: &Target<'_>,
    change: &IntendedChange,
) -> Option<ArgumentProblem> {
    let Target { name, available, contents, .. } = *target;
    let moves = change
        .after::<SchemaName>()
        .zip(change.before::<SchemaName>())
        .is_some_and(|(after, before)| after.schema != before.schema);
    let updates = change
        .after::<Version>()
        .zip(change.before::<Version>())
        .is_some_and(|(after, before)| after.version != before.version);
    // A change of `drop_cascade` alone is not sent to the server.
    if !moves && !updates {
        return None;
    }
    let argument = if moves { "schema" } else { "version" };
    if let Some(owner) = contents.and_then(|it| it.extensions.get(name))
        && let Some(message) = privileges.owner_problem(owner)
    {
        return Some(problem(argument, format!("`{name}` belongs to `{owner}`: {message}")));
    }
    if !moves {
        return None;
    }
    if !available.is_relocatable {
        let message = format!(
            "`{name}` cannot be moved to another schema; delete it and create it there, or keep its schema"
        );
        return Some(problem("schema", message));
    }
    // The server creates the members of a trusted extension as its own superuser, and who moves
    // them must own them.
    if available.is_trusted && available.takes_superuser && !privileges.is_unlimited() {
        let message = format!(
            "only a superuser can move `{name}` to another schema, because its functions belong to one; keep its schema, \
             or connect as a superuser"
        );
        return Some(problem("schema", message));
    }
    schema_problem(target, change)
}

/// Why an extension cannot be in the schema that is asked for.
fn schema_problem(target: &Target<'_>, change: &IntendedChange) -> Option<ArgumentProblem> {
    let Target { name, database, available, contents } = *target;
    let SchemaName { schema } = change.after()?;
    let message = match &available.schema {
        Some(fixed) if *fixed != schema => {
            format!("`{name}` is always created in the schema `{fixed}`; leave `schema` out")
        }
        // The server creates the schema that an extension fixes.
        Some(_) => return None,
        None if contents.is_none_or(|it| it.schemas.contains(&schema)) => return None,
        None => format!(
            "the database `{database}` has no schema `{schema}`, and no resource type creates one; run `CREATE SCHEMA` \
             there first, or leave `schema` out"
        ),
    };
    Some(problem("schema", message))
}

/// What can be read only where the database is known, or is not said.
#[derive(Deserialize)]
struct KnownExtensionArguments {
    #[serde(rename = "database")]
    _database: Option<String>,
}

/// The extensions that a server can create.
struct ExtensionCatalog {
    /// The version that is created where none is asked for, by name.
    defaults: BTreeMap<String, String>,
    versions: BTreeMap<(String, String), AvailableExtension>,
}

/// One version of an extension, by its control file.
struct AvailableExtension {
    takes_superuser: bool,
    is_trusted: bool,
    is_relocatable: bool,
    /// The schema that the extension is always in.
    schema: Option<String>,
    requires: Vec<String>,
}

impl AvailableExtension {
    /// Whether a user who may create objects in a database may create it there.
    fn is_allowed_to_all(&self) -> bool {
        !self.takes_superuser || self.is_trusted
    }
}

impl ExtensionCatalog {
    async fn of(session: &DatabaseSession<'_>) -> Result<Self, Error> {
        let query = "SELECT name::text, default_version FROM pg_catalog.pg_available_extensions \
                     WHERE default_version IS NOT NULL";
        let rows = session.rows(ATTEMPTED, query, &[]).await?;
        let defaults = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let query = "SELECT name::text, version, superuser, trusted, relocatable, schema::text, \
                     coalesce(requires::text[], '{}') FROM pg_catalog.pg_available_extension_versions";
        let available = |row: &tokio_postgres::Row| AvailableExtension {
            takes_superuser: row.get(2),
            is_trusted: row.get(3),
            is_relocatable: row.get(4),
            schema: row.get(5),
            requires: row.get(6),
        };
        let rows = session.rows(ATTEMPTED, query, &[]).await?;
        let versions = rows.iter().map(|row| ((row.get(0), row.get(1)), available(row))).collect();
        Ok(Self { defaults, versions })
    }

    fn version(&self, name: &str, wanted: Option<&Version>) -> Option<&AvailableExtension> {
        let version = wanted.map(|it| &it.version).or_else(|| self.defaults.get(name))?;
        self.versions.get(&(name.to_owned(), version.clone()))
    }

    fn missing_version(&self, wanted: &Version) -> Option<String> {
        let Version { name, version } = wanted;
        if self.version(name, Some(wanted)).is_some() {
            return None;
        }
        let of_name = self.versions.keys().filter(|(it, _)| it == name);
        let has: Vec<String> = of_name.map(|(_, version)| format!("`{version}`")).collect();
        Some(format!(
            "the server does not have version `{version}` of `{name}`; it has {}",
            has.join(", ")
        ))
    }
}

/// What a database has before the plan is carried out.
#[derive(Default)]
pub(super) struct DatabaseContents {
    /// The owner of each extension, by its name.
    extensions: BTreeMap<String, String>,
    schemas: BTreeSet<String>,
}

#[derive(Deserialize)]
struct NewDatabase {
    name: String,
    template: String,
}

/// The contents of the databases that extensions are planned in, as far as they can be known.
pub(super) async fn contents(
    server: &PostgresqlProvider,
    planned: &[IntendedChange],
) -> Result<BTreeMap<String, DatabaseContents>, Error> {
    let of_databases = || planned.iter().filter(|change| *change.kind == *DATABASE);
    let made: BTreeMap<String, String> = of_databases()
        .filter(|change| change.action.makes())
        .filter_map(|change| change.after::<NewDatabase>())
        .map(|it| (it.name, it.template))
        .collect();
    let old_names: BTreeMap<String, String> = of_databases()
        .filter(|change| change.action == Action::Update)
        .filter_map(|change| Some((change.after::<Name>()?.name, change.before::<Name>()?.name)))
        .collect();
    let names: BTreeSet<String> = changed(EXTENSION, planned)
        .map(|(_, change)| database_of(change, server.database()))
        .collect();
    let mut all = BTreeMap::new();
    for name in names {
        let contents = match made.get(&name).map(String::as_str) {
            Some("template0") => Some(DatabaseContents::of_empty_template()),
            // A connection to a template would keep the server from copying it.
            Some(_) => None,
            None => read_contents(server, old_names.get(&name).unwrap_or(&name)).await?,
        };
        all.extend(contents.map(|it| (name, it)));
    }
    Ok(all)
}

impl DatabaseContents {
    /// What `template0` has, which no one can add to.
    fn of_empty_template() -> Self {
        Self {
            extensions: BTreeMap::from([("plpgsql".to_owned(), "postgres".to_owned())]),
            schemas: ["public", "pg_catalog", "information_schema"].map(str::to_owned).into(),
        }
    }
}

async fn read_contents(
    server: &PostgresqlProvider,
    database: &str,
) -> Result<Option<DatabaseContents>, Error> {
    let Some(session) = server.reading(database).await? else { return Ok(None) };
    let query = "SELECT extname::text, pg_catalog.pg_get_userbyid(extowner)::text FROM pg_catalog.pg_extension";
    let rows = session.rows(ATTEMPTED, query, &[]).await?;
    let extensions = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let query = "SELECT nspname::text FROM pg_catalog.pg_namespace";
    let rows = session.rows(ATTEMPTED, query, &[]).await?;
    let schemas = rows.iter().map(|row| row.get(0)).collect();
    Ok(Some(DatabaseContents { extensions, schemas }))
}

/// Why an extension cannot go from one version to another.
async fn unreachable(
    session: &DatabaseSession<'_>,
    now: &Version,
    wanted: &str,
) -> Result<Option<String>, Error> {
    let query = "SELECT FROM pg_catalog.pg_extension_update_paths($1) WHERE source = $2 AND target = $3 AND path IS NOT NULL";
    let Version { name, version } = now;
    let rows = session.rows(ATTEMPTED, query, &[name, version, &wanted]).await?;
    let message = || {
        format!(
            "the server cannot bring `{name}` from version `{version}` to `{wanted}`: an extension goes from version to version \
             as its scripts lead, as a rule never back"
        )
    };
    Ok(rows.is_empty().then(message))
}

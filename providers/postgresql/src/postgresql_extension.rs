use std::collections::{BTreeMap, BTreeSet};

use ha_provider::{
    ArgumentProblem, Attempt, CallOutcome, Chosen, CreatedResource, Error, ExistingResource,
    Immutable, Impact, ImpactSeverity, IntendedChange, PlannedChange, RecordedResource, Resource,
    ResourceHooks, ResourceReading, known_text,
};
use ha_value::{Action, Object, Path, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::identity::{identity, oid_in};
use crate::objections;
use crate::postgresql_role::DEPENDED_ON;
use crate::provider::PostgresqlProvider;
use crate::session::{DatabaseSession, retry_lost_connections};
use crate::sql::{identifier, literal, problem};

/// The note that no such extension existed before this step, so that one found by a resumed attempt
/// is this step's own.
const ABSENT: &str = "extension was absent";

/// An extension of a database. The owner of the database can create trusted extensions, such as
/// `pgcrypto` and `uuid-ossp`; a provider's user without that right acts as the owner.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Extension {
    /// Its name.
    name: Immutable<String>,
    /// The database that it is in; the provider's `database` by default.
    database: Option<Immutable<String>>,
    /// The schema of its objects.
    schema: Option<Chosen<String>>,
    /// Its version.
    version: Option<Chosen<String>>,
    /// Whether the extensions that it requires are created with it.
    #[serde(default)]
    create_cascade: bool,
    /// Whether the objects that need it are deleted with it, columns of tables included.
    #[serde(default)]
    drop_cascade: bool,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ExtensionOutputs {
    /// The identity of its database, which a rename does not change: the cluster's identifier and
    /// the database's OID.
    database_identity: Option<String>,
}

#[derive(Deserialize)]
struct ExtensionNameArguments {
    name: String,
}

#[derive(Deserialize)]
struct ExtensionDatabaseArguments {
    database: String,
}

#[derive(Deserialize)]
struct ExtensionIdArguments {
    name: String,
    database: String,
}

impl Resource for Extension {
    const KIND: &'static str = "postgresql_extension";
    const WITHIN: &'static [&'static str] = &["aws_db_instance", "postgresql_database"];
    type Provider = PostgresqlProvider;
    type Outputs = ExtensionOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
            .unique(&["database", "name"])
            .check(|ExtensionNameArguments { name }| problem("name", &name).into_iter().collect())
            .check(|ExtensionDatabaseArguments { database }| {
                problem("database", &database).into_iter().collect()
            })
            .inside_through_provider("aws_db_instance", &[("address", "host"), ("port", "port")])
            .inside("postgresql_database", &[("name", "database")])
            .follows("database", "postgresql_database")
            .impact(impact)
            .predict("id", |it: ExtensionIdArguments| format!("{}.{}", it.database, it.name))
    }

    async fn create(
        &self,
        server: &PostgresqlProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        retry_lost_connections!(server, attempt, self.create_or_finish(server, attempt))
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        let (database, name) =
            id.split_once('.').ok_or("the id of an extension is `DATABASE.NAME`")?;
        Ok(ExistingResource::by(id).argument("database", database).argument("name", name))
    }

    fn import_id(arguments: &Object) -> Option<String> {
        Some(format!("{}.{}", known_text(arguments, "database")?, known_text(arguments, "name")?))
    }

    async fn read(
        server: &PostgresqlProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        let places: BTreeSet<(&str, Option<&String>)> =
            known.iter().map(|it| place(it, server)).collect();
        let mut seen = BTreeMap::new();
        for (database, identity) in places {
            seen.insert((database, identity), extensions(server, database, identity).await);
        }
        let each = |it: &RecordedResource<Self>| {
            let place = place(it, server);
            match &seen[&place] {
                Err(error) => ResourceReading::Unchecked(error.to_string()),
                Ok(found) => match found.all.get(it.arguments.name.as_str()) {
                    None => ResourceReading::Gone,
                    Some((schema, version)) => {
                        let mut arguments = it.arguments.clone();
                        arguments.schema = Some(Chosen(schema.clone()));
                        arguments.version = Some(Chosen(version.clone()));
                        if found.database != place.0 {
                            arguments.database = Some(Immutable(found.database.clone()));
                        }
                        let database_identity =
                            found.identity.clone().or_else(|| it.outputs.database_identity.clone());
                        ResourceReading::found(arguments, ExtensionOutputs { database_identity })
                    }
                },
            }
        };
        Ok(known.iter().map(each).collect())
    }

    async fn update(
        &self,
        server: &PostgresqlProvider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<ExtensionOutputs, Error> {
        retry_lost_connections!(server, attempt, self.change(server, before, attempt))
    }

    async fn delete(
        server: &PostgresqlProvider,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        retry_lost_connections!(server, attempt, drop_recorded(server, recorded, attempt))
    }

    const OBJECTS: bool = true;

    async fn objections(
        server: &PostgresqlProvider,
        planned: &[IntendedChange],
    ) -> Vec<(usize, ArgumentProblem)> {
        objections::to(Self::KIND, server, planned).await
    }
}

impl Extension {
    /// Creates the extension, or returns the one that an earlier attempt of this step created.
    async fn create_or_finish(
        &self,
        server: &PostgresqlProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let database = self.database_of(server);
        let attempted = self.attempting("create", database);
        let session = server.writing(database, attempt).await?;
        let was_absent = attempt.is_resumed() && attempt.noted(ABSENT).is_some();
        match exists(&session, &attempted, &self.name).await? {
            true if was_absent => {}
            true => {
                return Err(Error::new(
                    attempted,
                    "it is there already, and this configuration did not make it",
                )
                .help("it can be used as it is: remove the block, or import the extension")
                .outcome(CallOutcome::Refused));
            }
            false => {
                attempt.note(ABSENT, "yes").await?;
                act_as_owner(&session, &attempted).await?;
                match session.execute(&attempted, &self.statement()).await {
                    // An earlier attempt was killed while the server still ran its statement, and
                    // the server completed it.
                    Err(error)
                        if was_absent
                            && error.code.as_deref().is_some_and(|it| EXISTS.contains(&it)) => {}
                    Err(error) if error.code.as_deref() == Some(NOT_SUPPORTED) => {
                        return Err(error.help("see `SELECT name FROM pg_available_extensions` for what the server has"));
                    }
                    made => made?,
                }
            }
        }
        session.pass_on_warnings(attempt);
        let database_identity = database_identity(&session, &attempted).await?;
        Ok(CreatedResource {
            id: format!("{database}.{}", *self.name),
            outputs: ExtensionOutputs { database_identity },
        })
    }

    /// Brings the extension to these arguments.
    async fn change(
        &self,
        server: &PostgresqlProvider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<ExtensionOutputs, Error> {
        let database = self.database_of(server);
        let attempted = self.attempting("change", database);
        let session = server.writing(database, attempt).await?;
        act_as_owner_of_extension(&session, &attempted, &self.name).await?;
        let name = identifier(&self.name);
        let mut statements = Vec::new();
        if let Some(version) = &self.version
            && before.arguments.version.as_ref() != Some(version)
        {
            statements.push(format!("ALTER EXTENSION {name} UPDATE TO {}", literal(version)));
        }
        if let Some(schema) = &self.schema
            && before.arguments.schema.as_ref() != Some(schema)
        {
            statements.push(format!("ALTER EXTENSION {name} SET SCHEMA {}", identifier(schema)));
        }
        if !statements.is_empty() {
            session.in_transaction(&attempted, &statements).await.map_err(|error| match error.code.as_deref() {
                Some(NO_PATH) => error.help(
                    "an extension goes from version to version as its scripts lead, as a rule never back; delete it and make it \
                     again, or leave `version` out",
                ),
                Some(NOT_SUPPORTED) => error.help("it cannot be moved to another schema; delete it and make it again there"),
                _ => error,
            })?;
        }
        session.pass_on_warnings(attempt);
        Ok(before.outputs.clone())
    }
}

/// Drops the extension; one that does not exist is no error.
async fn drop_recorded(
    server: &PostgresqlProvider,
    recorded: &RecordedResource<Extension>,
    attempt: &mut Attempt,
) -> Result<(), Error> {
    let it = &recorded.arguments;
    let database = it.database_of(server);
    let attempted = it.attempting("delete", database);
    // The look at its successor takes connections of its own, so this holds none meanwhile: those
    // of several deletions could otherwise wait for each other for ever.
    if let Some(problem) = successor_problem(server, it, attempt).await {
        let error =
            Error::new(attempted, format!("what takes its place would be refused: {problem}"));
        return Err(error.help("nothing was deleted").outcome(CallOutcome::Refused));
    }
    let session = match server.writing(database, attempt).await {
        // The extension was dropped with its database.
        Err(error) if error.code.as_deref() == Some(NO_SUCH_DATABASE) => return Ok(()),
        session => session?,
    };
    act_as_owner_of_extension(&session, &attempted, &it.name).await?;
    let how = if it.drop_cascade { "CASCADE" } else { "RESTRICT" };
    let done = session
        .execute(&attempted, &format!("DROP EXTENSION IF EXISTS {} {how}", identifier(&it.name)))
        .await;
    session.pass_on_warnings(attempt);
    done.map_err(|error| match error.code.as_deref() {
        Some(DEPENDED_ON) => error.help(
            "delete what needs it first; or set `drop_cascade = true` in its block and apply that before the block goes: what needs \
             it, columns of tables included, is then deleted with it",
        ),
        _ => error,
    })
}

/// Why the server would refuse the replacement of an extension.
async fn successor_problem(
    server: &PostgresqlProvider,
    old: &Extension,
    attempt: &Attempt,
) -> Option<String> {
    let mut successor = attempt.successor()?.clone();
    // One of the same name is there until this deletion, and is no reason to refuse its successor.
    if successor.after().is_some_and(|it: ExtensionNameArguments| it.name == *old.name) {
        successor.action = Action::DeleteThenCreate;
    }
    let objections = objections::to(Extension::KIND, server, &[successor]).await;
    // A database that the same plan creates may not exist yet.
    objections
        .into_iter()
        .map(|(_, it)| it)
        .find(|it| it.path != Path::attribute("database"))
        .map(|it| it.message)
}

/// The data that is lost with the extension.
fn impact(changed: &PlannedChange<'_>) -> Vec<Impact> {
    let cascades = changed.before.and_then(|it| it.get("drop_cascade")) == Some(&Value::Bool(true));
    match changed.action.destroys() && cascades {
        true => {
            vec![Impact {
                severity: ImpactSeverity::DataLoss,
                message: "all that needs it, columns of tables included".into(),
            }]
        }
        false => Vec::new(),
    }
}

/// The extension exists; the second code is that of two concurrent `CREATE EXTENSION`.
const EXISTS: [&str; 2] = ["42710", "23505"];
const NO_SUCH_DATABASE: &str = "3D000";
/// No update path leads from the installed version to that one.
const NO_PATH: &str = "22023";
const NOT_SUPPORTED: &str = "0A000";

impl Extension {
    fn database_of<'a>(&'a self, server: &'a PostgresqlProvider) -> &'a str {
        self.database.as_ref().map_or(server.database(), |it| it.as_str())
    }

    fn attempting(&self, what: &str, database: &str) -> String {
        format!("{what} the extension `{}` in the database `{database}`", *self.name)
    }

    fn statement(&self) -> String {
        let mut statement = format!("CREATE EXTENSION {}", identifier(&self.name));
        if let Some(schema) = &self.schema {
            statement.push_str(&format!(" SCHEMA {}", identifier(schema)));
        }
        if let Some(version) = &self.version {
            statement.push_str(&format!(" VERSION {}", literal(version)));
        }
        if self.create_cascade {
            statement.push_str(" CASCADE");
        }
        statement
    }
}

/// Acts as the database's owner from here on, where the user has no CREATE right in the database.
/// With that right the user acts as itself: the master user of RDS may create extensions that a
/// plain owner may not.
async fn act_as_owner(session: &DatabaseSession<'_>, attempted: &str) -> Result<(), Error> {
    let query = "SELECT pg_catalog.pg_get_userbyid(datdba)::text, pg_catalog.has_database_privilege(datname, 'CREATE') \
                 FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let rows = session.rows(attempted, query, &[]).await?;
    let Some(row) = rows.first().filter(|row| !row.get::<_, bool>(1)) else { return Ok(()) };
    act_as(session, attempted, row.get(0)).await
}

/// Acts as the extension's owner from here on, where that is another role.
async fn act_as_owner_of_extension(
    session: &DatabaseSession<'_>,
    attempted: &str,
    name: &str,
) -> Result<(), Error> {
    let query = "SELECT pg_catalog.pg_get_userbyid(extowner)::text, pg_catalog.pg_has_role(extowner, 'USAGE') \
                 FROM pg_catalog.pg_extension WHERE extname = $1";
    let rows = session.rows(attempted, query, &[&name]).await?;
    let Some(row) = rows.first().filter(|row| !row.get::<_, bool>(1)) else { return Ok(()) };
    act_as(session, attempted, row.get(0)).await
}

async fn act_as(session: &DatabaseSession<'_>, attempted: &str, role: String) -> Result<(), Error> {
    session.become_member_of(&role).await?;
    session.execute(attempted, &format!("SET ROLE {}", identifier(&role))).await
}

async fn exists(session: &DatabaseSession<'_>, attempted: &str, name: &str) -> Result<bool, Error> {
    let query = "SELECT FROM pg_catalog.pg_extension WHERE extname = $1";
    Ok(!session.rows(attempted, query, &[&name]).await?.is_empty())
}

/// The database that an extension is in, by name and identity.
fn place<'a>(
    it: &'a RecordedResource<Extension>,
    server: &'a PostgresqlProvider,
) -> (&'a str, Option<&'a String>) {
    (it.arguments.database_of(server), it.outputs.database_identity.as_ref())
}

async fn database_identity(
    session: &DatabaseSession<'_>,
    attempted: &str,
) -> Result<Option<String>, Error> {
    let query =
        "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let rows = session.rows(attempted, query, &[]).await?;
    Ok(rows.first().and_then(|row| identity(session.cluster.as_deref(), row.get(0))))
}

/// The extensions in a database.
#[derive(Default)]
struct InstalledExtensions {
    /// The database's current name.
    database: String,
    identity: Option<String>,
    /// Schema and version of each.
    all: BTreeMap<String, (String, String)>,
}

/// The extensions in a database, which may have been renamed; none where no such database exists.
async fn extensions(
    server: &PostgresqlProvider,
    database: &str,
    recorded: Option<&String>,
) -> Result<InstalledExtensions, Error> {
    let attempted = format!("look at the extensions in the database `{database}`");
    let session = match server.reading(database).await? {
        Some(session) => session,
        None => match renamed_to(server, &attempted, recorded).await? {
            Some(session) => session,
            None => return Ok(InstalledExtensions::default()),
        },
    };
    let query = "SELECT extname::text, nspname::text, extversion, pg_catalog.current_database()::text FROM pg_catalog.pg_extension \
                 JOIN pg_catalog.pg_namespace n ON n.oid = extnamespace";
    let rows = session.rows(&attempted, query, &[]).await?;
    let database = rows.first().map_or_else(|| database.to_owned(), |row| row.get(3));
    let identity = database_identity(&session, &attempted).await?;
    Ok(InstalledExtensions {
        database,
        identity,
        all: rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect(),
    })
}

/// A connection to the recorded database under its new name, found by its OID.
async fn renamed_to<'a>(
    server: &'a PostgresqlProvider,
    attempted: &str,
    recorded: Option<&String>,
) -> Result<Option<DatabaseSession<'a>>, Error> {
    if recorded.is_none() {
        return Ok(None);
    }
    let Some(session) = server.reading(server.database()).await? else { return Ok(None) };
    let Some(oid) = oid_in(session.cluster.as_deref(), recorded) else { return Ok(None) };
    let rows = session
        .rows(attempted, "SELECT datname::text FROM pg_catalog.pg_database WHERE oid = $1", &[&oid])
        .await?;
    let Some(name) = rows.first().map(|row| row.get::<_, String>(0)) else { return Ok(None) };
    drop(session);
    server.reading(&name).await
}

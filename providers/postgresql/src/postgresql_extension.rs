use std::collections::{BTreeMap, BTreeSet};

use ha_kind::{
    Attempt, Chosen, Created, Error, Hooks, Immutable, Known, Object, Outcome, Reading, Recorded, Resource, known_text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::provider::Postgresql;
use crate::session::{Session, steadily};
use crate::sql::{identifier, literal, problem};

/// Noted before it is made: there was no such extension, so what is found later is ours.
const ABSENT: &str = "extension was absent";

/// An extension of a database. Those that are trusted, such as `pgcrypto` and `uuid-ossp`, can be made by the database's
/// owner; where the provider's user may not, it acts as the owner.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Extension {
    /// Its name.
    name: Immutable<String>,
    /// The database it is in; the provider's where nothing is said.
    database: Option<Immutable<String>>,
    /// The schema its functions go to.
    schema: Option<Chosen<String>>,
    /// Its version.
    version: Option<Chosen<String>>,
    /// Whether what it needs is made with it.
    #[serde(default)]
    create_cascade: bool,
    /// Whether what needs it is deleted with it.
    #[serde(default)]
    drop_cascade: bool,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Place {
    database: String,
}

#[derive(Deserialize)]
struct Placed {
    name: String,
    database: String,
}

impl Resource for Extension {
    const KIND: &'static str = "postgresql_extension";
    const WITHIN: &'static [&'static str] = &["aws_db_instance", "postgresql_database"];
    type Provider = Postgresql;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        Hooks::new()
            .unique(&["database", "name"])
            .check(|Name { name }| problem("name", &name).into_iter().collect())
            .check(|Place { database }| problem("database", &database).into_iter().collect())
            .inside_through_provider("aws_db_instance", &[("address", "host"), ("port", "port")])
            .inside("postgresql_database", &[("name", "database")])
            .predict("id", |it: Placed| format!("{}.{}", it.database, it.name))
    }

    async fn create(&self, server: &Postgresql, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        steadily!(server, attempt, self.made(server, attempt))
    }

    fn known_by(id: &str) -> Result<Known, String> {
        let (database, name) = id.split_once('.').ok_or("the id of an extension is `DATABASE.NAME`")?;
        Ok(Known::by(id).argument("database", database).argument("name", name))
    }

    fn named(arguments: &Object) -> Option<String> {
        Some(format!("{}.{}", known_text(arguments, "database")?, known_text(arguments, "name")?))
    }

    async fn read(server: &Postgresql, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        let databases: BTreeSet<&str> = known.iter().map(|it| it.arguments.database_of(server)).collect();
        let mut seen = BTreeMap::new();
        for database in databases {
            seen.insert(database, extensions(server, database).await);
        }
        let each = |it: &Recorded<Self>| {
            let database = it.arguments.database_of(server);
            match &seen[database] {
                Err(error) => Reading::Unchecked(error.to_string()),
                Ok(found) => match found.get(it.arguments.name.as_str()) {
                    None => Reading::Gone,
                    Some((schema, version)) => {
                        let mut arguments = it.arguments.clone();
                        arguments.schema = Some(Chosen(schema.clone()));
                        arguments.version = Some(Chosen(version.clone()));
                        Reading::found(arguments, it.outputs.clone())
                    }
                },
            }
        };
        Ok(known.iter().map(each).collect())
    }

    async fn update(&self, server: &Postgresql, before: &Recorded<Self>, attempt: &mut Attempt) -> Result<Outputs, Error> {
        steadily!(server, attempt, self.changed(server, before, attempt))
    }

    async fn delete(server: &Postgresql, recorded: &Recorded<Self>, attempt: &mut Attempt) -> Result<(), Error> {
        steadily!(server, attempt, deleted(server, recorded, attempt))
    }
}

impl Extension {
    /// Makes it, or finishes what an earlier try made of it.
    async fn made(&self, server: &Postgresql, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        let database = self.database_of(server);
        let attempted = self.attempting("create", database);
        let session = server.writing(database, attempt).await?;
        let was_absent = attempt.is_resumed() && attempt.noted(ABSENT).is_some();
        match is_there(&session, &attempted, &self.name).await? {
            true if was_absent => {}
            true => {
                return Err(Error::new(attempted, "it is there already, and this configuration did not make it")
                    .help("nothing needs to be done for it to be used; take it out of the configuration")
                    .outcome(Outcome::Refused));
            }
            false => {
                attempt.note(ABSENT, "yes").await?;
                act_as_owner(&session, &attempted).await?;
                match session.alone(&attempted, &self.statement()).await {
                    // An earlier try was killed while the server still worked on it, and the server went on.
                    Err(error) if was_absent && error.code.as_deref().is_some_and(|it| EXISTS.contains(&it)) => {}
                    made => made?,
                }
            }
        }
        Ok(Created { id: format!("{database}.{}", *self.name), outputs: Outputs {} })
    }

    /// Changes it to these arguments.
    async fn changed(&self, server: &Postgresql, before: &Recorded<Self>, attempt: &mut Attempt) -> Result<Outputs, Error> {
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
            session.together(&attempted, &statements).await?;
        }
        Ok(Outputs {})
    }
}

/// Deletes it, where it is there.
async fn deleted(server: &Postgresql, recorded: &Recorded<Extension>, attempt: &mut Attempt) -> Result<(), Error> {
    let it = &recorded.arguments;
    let database = it.database_of(server);
    let attempted = it.attempting("delete", database);
    let session = match server.writing(database, attempt).await {
        // It went with its database.
        Err(error) if error.code.as_deref() == Some(NO_SUCH_DATABASE) => return Ok(()),
        session => session?,
    };
    act_as_owner_of_extension(&session, &attempted, &it.name).await?;
    let how = if it.drop_cascade { "CASCADE" } else { "RESTRICT" };
    session.alone(&attempted, &format!("DROP EXTENSION IF EXISTS {} {how}", identifier(&it.name))).await
}

/// The extension is there; or it came to be there while the server was at this one.
const EXISTS: [&str; 2] = ["42710", "23505"];
const NO_SUCH_DATABASE: &str = "3D000";

impl Extension {
    fn database_of<'a>(&'a self, server: &'a Postgresql) -> &'a str {
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

/// Goes on as the database's owner where the user may make nothing in it but could be the owner. Otherwise the user
/// stays who it is: the master user of RDS may make extensions that no owner may.
async fn act_as_owner(session: &Session<'_>, attempted: &str) -> Result<(), Error> {
    let query = "SELECT pg_catalog.pg_get_userbyid(datdba)::text, pg_catalog.has_database_privilege(datname, 'CREATE') \
                 FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let rows = session.rows(attempted, query, &[]).await?;
    let Some(row) = rows.first().filter(|row| !row.get::<_, bool>(1)) else { return Ok(()) };
    act_as(session, attempted, row.get(0)).await
}

/// Goes on as the extension's owner where that is somebody else.
async fn act_as_owner_of_extension(session: &Session<'_>, attempted: &str, name: &str) -> Result<(), Error> {
    let query = "SELECT pg_catalog.pg_get_userbyid(extowner)::text, pg_catalog.pg_has_role(extowner, 'USAGE') \
                 FROM pg_catalog.pg_extension WHERE extname = $1";
    let rows = session.rows(attempted, query, &[&name]).await?;
    let Some(row) = rows.first().filter(|row| !row.get::<_, bool>(1)) else { return Ok(()) };
    act_as(session, attempted, row.get(0)).await
}

async fn act_as(session: &Session<'_>, attempted: &str, role: String) -> Result<(), Error> {
    session.belong_to(&role).await?;
    session.alone(attempted, &format!("SET ROLE {}", identifier(&role))).await
}

async fn is_there(session: &Session<'_>, attempted: &str, name: &str) -> Result<bool, Error> {
    let query = "SELECT FROM pg_catalog.pg_extension WHERE extname = $1";
    Ok(!session.rows(attempted, query, &[&name]).await?.is_empty())
}

/// Schema and version of every extension in a database; nothing where there is no such database.
async fn extensions(server: &Postgresql, database: &str) -> Result<BTreeMap<String, (String, String)>, Error> {
    let Some(session) = server.reading(database).await? else { return Ok(BTreeMap::new()) };
    let query = "SELECT extname::text, nspname::text, extversion FROM pg_catalog.pg_extension \
                 JOIN pg_catalog.pg_namespace n ON n.oid = extnamespace";
    let rows = session.rows(&format!("look at the extensions in the database `{database}`"), query, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use ha_kind::{
    Attempt, Chosen, Created, Error, Hooks, Immutable, Known, Object, Outcome, Reading, Recorded, Resource, known_text,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::postgresql_role::{any_number, limit_problem};
use crate::provider::Postgresql;
use crate::session::{Session, steadily};
use crate::sql::{identifier, literal, problem};

/// Noted before it is made: there was no such database, so what is found later is ours.
const ABSENT: &str = "database was absent";
/// For how long others are given to leave a database that is to go, or to be copied.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Database {
    /// Its name.
    name: Immutable<String>,
    /// Whom it belongs to; the provider's user where nothing is said. A user that is no superuser is made a member of
    /// this role first.
    owner: Option<Chosen<String>>,
    /// How it encodes text, such as `UTF8`.
    encoding: Option<Chosen<Immutable<Encoding>>>,
    /// How it sorts text.
    lc_collate: Option<Chosen<Immutable<String>>>,
    /// What it takes for letters.
    lc_ctype: Option<Chosen<Immutable<String>>>,
    /// What it is a copy of.
    #[serde(default = "empty")]
    template: Immutable<String>,
    /// How many connections it takes at once; -1 is any number.
    #[serde(default = "any_number")]
    connection_limit: i32,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {}

/// The one template that goes with every encoding and locale.
fn empty() -> Immutable<String> {
    Immutable("template0".into())
}

/// A name of an encoding, in the server's own spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct Encoding(String);

impl From<String> for Encoding {
    fn from(text: String) -> Self {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
        Self(match plain.as_str() {
            "UTF8" | "UNICODE" => "UTF8".into(),
            "SQLASCII" => "SQL_ASCII".into(),
            _ => text.to_uppercase(),
        })
    }
}

impl From<Encoding> for String {
    fn from(it: Encoding) -> Self {
        it.0
    }
}

impl JsonSchema for Encoding {
    fn schema_name() -> Cow<'static, str> {
        "Encoding".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "string"})
    }
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Owner {
    owner: String,
}

#[derive(Deserialize)]
struct Limit {
    connection_limit: i32,
}

impl Resource for Database {
    const KIND: &'static str = "postgresql_database";
    const WITHIN: &'static [&'static str] = &["aws_db_instance"];
    type Provider = Postgresql;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        Hooks::new()
            .unique(&["name"])
            .check(|Name { name }| problem("name", &name).into_iter().collect())
            .check(|Owner { owner }| problem("owner", &owner).into_iter().collect())
            .check(|Limit { connection_limit }| limit_problem(connection_limit).into_iter().collect())
            .inside_through_provider("aws_db_instance", &[("address", "host"), ("port", "port")])
            .predict("id", |Name { name }| name)
    }

    async fn create(&self, server: &Postgresql, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        steadily!(server, attempt, self.made(server, attempt))
    }

    fn known_by(id: &str) -> Result<Known, String> {
        Ok(Known::by(id).argument("name", id))
    }

    fn named(arguments: &Object) -> Option<String> {
        known_text(arguments, "name").map(str::to_owned)
    }

    async fn read(server: &Postgresql, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        let names: Vec<&str> = known.iter().map(|it| it.arguments.name.as_str()).collect();
        let seen = match seen(server, &names).await {
            Ok(seen) => seen,
            Err(error) => return Ok(known.iter().map(|_| Reading::Unchecked(error.to_string())).collect()),
        };
        let each = |it: &Recorded<Self>| match seen.get(it.arguments.name.as_str()) {
            // What it was copied from is nowhere to be read.
            Some(found) => Reading::found(Self { template: it.arguments.template.clone(), ..found.clone() }, it.outputs.clone()),
            None => Reading::Gone,
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

impl Database {
    /// Makes it, or finishes what an earlier try made of it.
    async fn made(&self, server: &Postgresql, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        let attempted = format!("create the database `{}`", *self.name);
        let session = server.writing(server.database(), attempt).await?;
        if let Some(owner) = &self.owner {
            session.belong_to(owner).await?;
        }
        let was_absent = attempt.is_resumed() && attempt.noted(ABSENT).is_some();
        match is_there(&session, &attempted, &self.name).await? {
            true if was_absent => {}
            true => return Err(self.taken(&attempted)),
            false => {
                attempt.note(ABSENT, "yes").await?;
                self.make(&session, &attempted, was_absent).await?;
            }
        }
        Ok(Created { id: self.name.to_string(), outputs: Outputs {} })
    }

    /// Changes it to these arguments.
    async fn changed(&self, server: &Postgresql, before: &Recorded<Self>, attempt: &mut Attempt) -> Result<Outputs, Error> {
        let name = identifier(&self.name);
        let attempted = format!("change the database `{}`", *self.name);
        let session = server.writing(server.database(), attempt).await?;
        if let Some(owner) = owner(&session, &attempted, &self.name).await? {
            session.belong_to(&owner).await?;
        }
        // The owner comes last: the user may change nothing more once the database belongs to somebody else.
        let mut statements = vec![format!("ALTER DATABASE {name} WITH CONNECTION LIMIT {}", self.connection_limit)];
        if let Some(owner) = &self.owner
            && before.arguments.owner.as_ref() != Some(owner)
        {
            session.belong_to(owner).await?;
            statements.push(format!("ALTER DATABASE {name} OWNER TO {}", identifier(owner)));
        }
        session.together(&attempted, &statements).await?;
        Ok(Outputs {})
    }
}

/// Deletes it, where it is there.
async fn deleted(server: &Postgresql, recorded: &Recorded<Database>, attempt: &mut Attempt) -> Result<(), Error> {
    let name = &recorded.arguments.name;
    let attempted = format!("delete the database `{}`", **name);
    // The database one is in cannot be deleted.
    let elsewhere = match server.database() {
        it if it != name.as_str() => it,
        "postgres" => "template1",
        _ => "postgres",
    };
    let session = server.writing(elsewhere, attempt).await?;
    if let Some(owner) = owner(&session, &attempted, name).await? {
        session.belong_to(&owner).await?;
    }
    let statement = format!("DROP DATABASE IF EXISTS {}", identifier(name));
    match patiently(&session, &attempted, &statement).await {
        Err(error) if error.code.as_deref() == Some(IN_USE) => Err(who_is_there(&session, error, name).await),
        dropped => dropped,
    }
}

const IN_USE: &str = "55006";
/// The database is there; or it came to be there while the server was at this one.
const EXISTS: [&str; 2] = ["42P04", "23505"];

impl Database {
    async fn make(&self, session: &Session<'_>, attempted: &str, may_be_ours: bool) -> Result<(), Error> {
        match patiently(session, attempted, &self.statement()).await {
            // An earlier try was killed while the server still worked on it, and the server went on.
            Err(error) if may_be_ours && error.code.as_deref().is_some_and(|it| EXISTS.contains(&it)) => Ok(()),
            made => made,
        }
    }

    fn statement(&self) -> String {
        let Self { name, owner, encoding, lc_collate, lc_ctype, template, connection_limit } = self;
        let mut statement = format!("CREATE DATABASE {} WITH TEMPLATE {}", identifier(name), identifier(template));
        if let Some(owner) = owner {
            statement.push_str(&format!(" OWNER {}", identifier(owner)));
        }
        let texts = [
            ("ENCODING", encoding.as_ref().map(|it| it.0.0.0.as_str())),
            ("LC_COLLATE", lc_collate.as_ref().map(|it| it.as_str())),
            ("LC_CTYPE", lc_ctype.as_ref().map(|it| it.as_str())),
        ];
        for (word, text) in texts {
            if let Some(text) = text {
                statement.push_str(&format!(" {word} {}", literal(text)));
            }
        }
        statement.push_str(&format!(" CONNECTION LIMIT {connection_limit}"));
        statement
    }

    fn taken(&self, attempted: &str) -> Error {
        Error::new(attempted, "there is such a database already, and this configuration did not make it")
            .help(format!("give this one another name, or remove `{}` if nobody needs it", *self.name))
            .outcome(Outcome::Refused)
    }
}

async fn is_there(session: &Session<'_>, attempted: &str, name: &str) -> Result<bool, Error> {
    Ok(owner(session, attempted, name).await?.is_some())
}

async fn owner(session: &Session<'_>, attempted: &str, name: &str) -> Result<Option<String>, Error> {
    let query = "SELECT pg_catalog.pg_get_userbyid(datdba)::text FROM pg_catalog.pg_database WHERE datname = $1";
    Ok(session.rows(attempted, query, &[&name]).await?.first().map(|row| row.get(0)))
}

/// Somebody may just be leaving the database; a connection that was closed lives on for some milliseconds.
async fn patiently(session: &Session<'_>, attempted: &str, statement: &str) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match session.alone(attempted, statement).await {
            Err(error) if error.code.as_deref() == Some(IN_USE) && Instant::now() < deadline => {
                sleep(Duration::from_millis(250)).await;
            }
            done => return done,
        }
    }
}

async fn who_is_there(session: &Session<'_>, error: Error, name: &str) -> Error {
    let query = "SELECT DISTINCT pg_catalog.format('%s from %s (%s)', usename, coalesce(pg_catalog.host(client_addr), 'the server'), \
                 application_name) FROM pg_catalog.pg_stat_activity WHERE datname = $1";
    match session.rows("see who is connected", query, &[&name]).await {
        Ok(rows) if !rows.is_empty() => {
            let who: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            error.help(format!("connected are: {}", who.join(", ")))
        }
        _ => error,
    }
}

async fn seen(server: &Postgresql, names: &[&str]) -> Result<BTreeMap<String, Database>, Error> {
    let attempted = "look at the databases";
    let Some(session) = server.reading(server.database()).await? else {
        return Err(Error::new(attempted, format!("there is no database `{}` to connect to", server.database())));
    };
    let query = "SELECT datname::text, pg_catalog.pg_get_userbyid(datdba)::text, pg_catalog.pg_encoding_to_char(encoding)::text, \
                 datcollate::text, datctype::text, datconnlimit FROM pg_catalog.pg_database WHERE datname::text = ANY($1)";
    let rows = session.rows(attempted, query, &[&names]).await?;
    let database = |row: &tokio_postgres::Row| {
        let name: String = row.get(0);
        let encoding = Encoding::from(row.get::<_, String>(2));
        let database = Database {
            name: Immutable(name.clone()),
            owner: Some(Chosen(row.get(1))),
            encoding: Some(Chosen(Immutable(encoding))),
            lc_collate: row.get::<_, Option<String>>(3).map(|it| Chosen(Immutable(it))),
            lc_ctype: row.get::<_, Option<String>>(4).map(|it| Chosen(Immutable(it))),
            template: empty(),
            connection_limit: row.get(5),
        };
        (name, database)
    };
    Ok(rows.iter().map(database).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_encoding_has_many_names() {
        for name in ["UTF8", "utf-8", "Unicode"] {
            assert_eq!(String::from(Encoding::from(name.to_owned())), "UTF8");
        }
        assert_eq!(String::from(Encoding::from("latin1".to_owned())), "LATIN1");
    }
}

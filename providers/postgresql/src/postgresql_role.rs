use std::collections::{BTreeMap, BTreeSet};

use ha_kind::{
    Attempt, Created, Error, Hooks, Immutable, Known, Object, Outcome, Path, Problem, Reading, Recorded, Resource, Secret,
    known_text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::membership::lock;
use crate::provider::Postgresql;
use crate::scram;
use crate::session::{Session, steadily};
use crate::sql::{identifier, literal, problem};

/// A role: somebody who may log in, or a group of rights. The server never sees its password, only what proves it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Role {
    /// Its name.
    name: Immutable<String>,
    /// Whether it may log in.
    #[serde(default)]
    login: bool,
    /// Its password, in ASCII. What the server has cannot be read back, so a change made there is not seen.
    password: Option<Secret<String>>,
    /// Whether it may make databases.
    #[serde(default)]
    create_database: bool,
    /// Whether it may make roles.
    #[serde(default)]
    create_role: bool,
    /// Whether it has the rights of the roles it belongs to without asking for them.
    #[serde(default = "yes")]
    inherit: bool,
    /// How many connections it may have at once; -1 is any number.
    #[serde(default = "any_number")]
    connection_limit: i32,
    /// The roles it belongs to.
    #[serde(default)]
    roles: BTreeSet<String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {}

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn any_number() -> i32 {
    -1
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Password {
    password: String,
}

#[derive(Deserialize)]
struct Limit {
    connection_limit: i32,
}

impl Resource for Role {
    const KIND: &'static str = "postgresql_role";
    const WITHIN: &'static [&'static str] = &["aws_db_instance"];
    type Provider = Postgresql;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        Hooks::new()
            .unique(&["name"])
            .check(|Name { name }| problem("name", &name).into_iter().collect())
            .check(|Limit { connection_limit }| limit_problem(connection_limit).into_iter().collect())
            .check(|Password { password }| {
                let problem = |wrong| Problem { path: Path::attribute("password"), message: format!("`password` {wrong}") };
                scram::problem(&password).map(problem).into_iter().collect()
            })
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
            Some(found) => Reading::found(Self { password: it.arguments.password.clone(), ..found.clone() }, it.outputs.clone()),
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

impl Role {
    /// Makes it, or finishes what an earlier try made of it.
    async fn made(&self, server: &Postgresql, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        let attempted = format!("create the role `{}`", *self.name);
        let session = server.writing(server.database(), attempt).await?;
        let created = || Created { id: self.name.to_string(), outputs: Outputs {} };
        let mark = format!("made by ha, step {}", attempt.token());
        // All of it is made in one transaction, so what bears our mark is whole.
        if attempt.is_resumed() && comment(&session, &attempted, &self.name).await?.as_deref() == Some(&mark) {
            return Ok(created());
        }
        let mut statements = vec![lock(), format!("CREATE ROLE {} WITH {}", identifier(&self.name), self.attributes().join(" "))];
        if let Some(Secret(password)) = &self.password {
            statements.push(self.set_password(Some(password))?);
        }
        statements.extend(self.roles.iter().map(|it| grant(it, &self.name)));
        statements.push(format!("COMMENT ON ROLE {} IS {}", identifier(&self.name), literal(&mark)));
        match session.together(&attempted, &statements).await {
            // An earlier try was killed while the server still worked on it, and the server went on.
            Err(error)
                if error.code.as_deref() == Some(EXISTS)
                    && attempt.is_resumed()
                    && comment(&session, &attempted, &self.name).await?.as_deref() == Some(&mark) =>
            {
                Ok(created())
            }
            made => made.map(|()| created()),
        }
    }

    /// Changes it to these arguments.
    async fn changed(&self, server: &Postgresql, before: &Recorded<Self>, attempt: &mut Attempt) -> Result<Outputs, Error> {
        let attempted = format!("change the role `{}`", *self.name);
        let session = server.writing(server.database(), attempt).await?;
        let now = on_server(&session, &attempted, &[&self.name]).await?.remove(self.name.as_str()).ok_or_else(|| {
            Error::new(&attempted, "there is no such role any more")
                .help("plan again: it will be made anew")
                .outcome(Outcome::Refused)
        })?;
        let mut statements = vec![lock()];
        let attributes = self.attributes_unlike(&now);
        if !attributes.is_empty() {
            statements.push(format!("ALTER ROLE {} WITH {attributes}", identifier(&self.name)));
        }
        if self.password != before.arguments.password {
            statements.push(self.set_password(self.password.as_ref().map(|it| it.0.as_str()))?);
        }
        statements.extend(now.roles.difference(&self.roles).map(|it| revoke(it, &self.name)));
        statements.extend(self.roles.difference(&now.roles).map(|it| grant(it, &self.name)));
        session.together(&attempted, &statements).await?;
        Ok(Outputs {})
    }
}

/// Deletes it, where it is there.
async fn deleted(server: &Postgresql, recorded: &Recorded<Role>, attempt: &mut Attempt) -> Result<(), Error> {
    let name = &recorded.arguments.name;
    let attempted = format!("delete the role `{}`", **name);
    let session = server.writing(server.database(), attempt).await?;
    session.together(&attempted, &[lock(), format!("DROP ROLE IF EXISTS {}", identifier(name))]).await
}

impl Role {
    fn attributes(&self) -> [String; 5] {
        let flag = |set: bool, name: &str| if set { name.to_owned() } else { format!("NO{name}") };
        [
            flag(self.login, "LOGIN"),
            flag(self.create_database, "CREATEDB"),
            flag(self.create_role, "CREATEROLE"),
            flag(self.inherit, "INHERIT"),
            format!("CONNECTION LIMIT {}", self.connection_limit),
        ]
    }

    /// The attributes that differ. To name others may be refused, even when they stay as they are.
    fn attributes_unlike(&self, other: &Self) -> String {
        let differ = self.attributes().into_iter().zip(other.attributes()).filter(|(wanted, is)| wanted != is);
        differ.map(|(wanted, _)| wanted).collect::<Vec<_>>().join(" ")
    }

    fn set_password(&self, password: Option<&str>) -> Result<String, Error> {
        let verifier = match password {
            Some(password) => literal(&scram::verifier(password)?),
            None => "NULL".to_owned(),
        };
        Ok(format!("ALTER ROLE {} WITH PASSWORD {verifier}", identifier(&self.name)))
    }
}

const EXISTS: &str = "42710";

/// What is wrong with a limit.
pub(crate) fn limit_problem(limit: i32) -> Option<Problem> {
    let message = "`connection_limit` must be -1 for any number, or how many".to_owned();
    (limit < -1).then(|| Problem { path: Path::attribute("connection_limit"), message })
}

fn grant(role: &str, to: &str) -> String {
    format!("GRANT {} TO {}", identifier(role), identifier(to))
}

fn revoke(role: &str, from: &str) -> String {
    format!("REVOKE {} FROM {}", identifier(role), identifier(from))
}

/// The comment on a role, where there is one.
async fn comment(session: &Session<'_>, attempted: &str, name: &str) -> Result<Option<String>, Error> {
    let query = "SELECT pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = $1";
    Ok(session.rows(attempted, query, &[&name]).await?.first().and_then(|row| row.get(0)))
}

async fn seen(server: &Postgresql, names: &[&str]) -> Result<BTreeMap<String, Role>, Error> {
    let attempted = "look at the roles";
    match server.reading(server.database()).await? {
        Some(session) => on_server(&session, attempted, names).await,
        None => Err(Error::new(attempted, format!("there is no database `{}` to connect to", server.database()))),
    }
}

/// The roles of these names as they are, but for their passwords.
async fn on_server(session: &Session<'_>, attempted: &str, names: &[&str]) -> Result<BTreeMap<String, Role>, Error> {
    let query = "SELECT rolname::text, rolcanlogin, rolcreatedb, rolcreaterole, rolinherit, rolconnlimit, \
                 ARRAY(SELECT DISTINCT g.rolname::text FROM pg_catalog.pg_auth_members m \
                       JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) \
                 FROM pg_catalog.pg_roles r WHERE rolname::text = ANY($1)";
    let rows = session.rows(attempted, query, &[&names]).await?;
    let role = |row: &tokio_postgres::Row| {
        let name: String = row.get(0);
        let role = Role {
            name: Immutable(name.clone()),
            login: row.get(1),
            password: None,
            create_database: row.get(2),
            create_role: row.get(3),
            inherit: row.get(4),
            connection_limit: row.get(5),
            roles: row.get::<_, Vec<String>>(6).into_iter().collect(),
        };
        (name, role)
    };
    Ok(rows.iter().map(role).collect())
}

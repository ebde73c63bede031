use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use ha_kind::{
    Action, Attempt, Changed, Chosen, Created, Error, Hooks, Immutable, Impact, ImpactSeverity, Known, Object, Outcome, Reading,
    Recorded, Resource, Value, known_text,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::identity::{Found, identity, oid_in};
use crate::parameters::{self, Parameters};
use crate::postgresql_role::{any_number, limit_problem, renamed, yes};
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
    name: String,
    /// Whom it belongs to; the provider's user where nothing is said. A user that is no superuser is made a member of
    /// this role first.
    owner: Option<Chosen<String>>,
    /// How it encodes text, such as `UTF8`.
    encoding: Option<Chosen<Immutable<Encoding>>>,
    /// How it sorts text, by the name of a locale of the operating system: whoever says so gets a database that sorts by
    /// it, also where the cluster's others sort by ICU.
    lc_collate: Option<Chosen<Immutable<String>>>,
    /// What it takes for letters, by the name of a locale of the operating system.
    lc_ctype: Option<Chosen<Immutable<String>>>,
    /// What it is a copy of.
    #[serde(default = "empty")]
    template: Immutable<String>,
    /// How many connections it takes at once; -1 is any number.
    #[serde(default = "any_number")]
    connection_limit: i32,
    /// Whether anybody may connect to it at all.
    #[serde(default = "yes")]
    allow_connections: bool,
    /// Whether everybody who may make databases may copy it.
    #[serde(default)]
    is_template: bool,
    /// Where its files are.
    tablespace_name: Option<Chosen<String>>,
    /// What sessions in it are set to at their start: `statement_timeout = "5min"`.
    #[serde(default)]
    settings: Parameters,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {
    /// What the server knows it by, whatever its name: the cluster's number and the database's own.
    identity: Option<String>,
}

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

#[derive(Deserialize)]
struct Set {
    settings: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Tablespace {
    tablespace_name: String,
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
            .check(|Set { settings }| parameters::problems(&settings))
            .check(|it: Tablespace| problem("tablespace_name", &it.tablespace_name).into_iter().collect())
            .impact(impact)
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
        match seen(server, known).await {
            Ok(readings) => Ok(readings),
            Err(error) => Ok(known.iter().map(|_| Reading::Unchecked(error.to_string())).collect()),
        }
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
        let attempted = format!("create the database `{}`", self.name);
        let session = server.writing(server.database(), attempt).await?;
        if let Some(owner) = &self.owner {
            session.belong_to(owner).await?;
        }
        let was_absent = attempt.is_resumed() && attempt.noted(ABSENT).is_some();
        match on_server(&session, &attempted, &[&self.name], &[]).await?.is_empty() {
            false if was_absent => {}
            false => return Err(self.taken(&attempted)),
            true => {
                attempt.note(ABSENT, "yes").await?;
                self.make(&session, &attempted, was_absent).await?;
            }
        }
        let made = on_server(&session, &attempted, &[&self.name], &[]).await?;
        let made = made.get(&self.name).ok_or_else(|| Error::new(&attempted, "somebody deletes it just now"))?;
        // What `CREATE DATABASE` does not take.
        let settings = self.settings.changes(&made.database.settings);
        if !settings.is_empty() {
            let name = identifier(&self.name);
            let statements: Vec<String> = settings.iter().map(|it| format!("ALTER DATABASE {name} {it}")).collect();
            session.together(&attempted, &statements).await?;
        }
        session.pass_on_warnings(attempt);
        let identity = identity(session.cluster.as_deref(), made.oid);
        Ok(Created { id: self.name.clone(), outputs: Outputs { identity } })
    }

    /// Changes it to these arguments.
    async fn changed(&self, server: &Postgresql, before: &Recorded<Self>, attempt: &mut Attempt) -> Result<Outputs, Error> {
        let old = &before.arguments.name;
        let attempted = format!("change the database `{old}`");
        // The database one is in can neither be renamed nor moved.
        let session = server.writing(elsewhere(server, &[old, &self.name]), attempt).await?;
        let names = [old.as_str(), self.name.as_str()];
        let mut on_server = on_server(&session, &attempted, &names, &[]).await?;
        // Renamed by an earlier try, it has its new name already.
        let now = names.iter().find_map(|it| on_server.remove(*it)).ok_or_else(|| {
            Error::new(&attempted, "there is no such database any more")
                .help("plan again: it will be made anew")
                .outcome(Outcome::Refused)
        })?;
        if let Some(owner) = &now.database.owner {
            session.belong_to(owner).await?;
        }
        let name = identifier(&self.name);
        if now.database.name != self.name {
            let statement = format!("ALTER DATABASE {} RENAME TO {name}", identifier(&now.database.name));
            undisturbed(&session, &attempted, &statement, &now.database.name).await?;
        }
        if let Some(tablespace) = self.tablespace_name.as_ref().filter(|it| now.database.tablespace_name.as_ref() != Some(*it)) {
            let statement = format!("ALTER DATABASE {name} SET TABLESPACE {}", identifier(tablespace));
            undisturbed(&session, &attempted, &statement, &self.name).await?;
        }
        let options = self.options_unlike(&now.database);
        let mut statements = Vec::new();
        if !options.is_empty() {
            statements.push(format!("ALTER DATABASE {name} WITH {options}"));
        }
        statements.extend(self.settings.changes(&now.database.settings).iter().map(|it| format!("ALTER DATABASE {name} {it}")));
        // The owner comes last: the user may change nothing more once the database belongs to somebody else.
        if let Some(owner) = self.owner.as_ref().filter(|it| now.database.owner.as_ref() != Some(*it)) {
            session.belong_to(owner).await?;
            statements.push(format!("ALTER DATABASE {name} OWNER TO {}", identifier(owner)));
        }
        if !statements.is_empty() {
            session.together(&attempted, &statements).await?;
        }
        session.pass_on_warnings(attempt);
        Ok(before.outputs.clone())
    }
}

/// Deletes it, where it is there.
async fn deleted(server: &Postgresql, recorded: &Recorded<Database>, attempt: &mut Attempt) -> Result<(), Error> {
    let name = &recorded.arguments.name;
    let attempted = format!("delete the database `{name}`");
    let session = server.writing(elsewhere(server, &[name]), attempt).await?;
    let Some(now) = on_server(&session, &attempted, &[name], &[]).await?.remove(name) else { return Ok(()) };
    if let Some(owner) = &now.database.owner {
        session.belong_to(owner).await?;
    }
    if now.database.is_template {
        // The server deletes no template.
        session.alone(&attempted, &format!("ALTER DATABASE {} WITH IS_TEMPLATE false", identifier(name))).await?;
    }
    let done = undisturbed(&session, &attempted, &format!("DROP DATABASE IF EXISTS {}", identifier(name)), name).await;
    session.pass_on_warnings(attempt);
    done
}

/// A database to be in while something is done to those of these names.
fn elsewhere<'a>(server: &'a Postgresql, names: &[&String]) -> &'a str {
    let is_free = |it: &&str| names.iter().all(|name| name.as_str() != *it);
    [server.database(), "postgres", "template1"].into_iter().find(is_free).unwrap_or("template1")
}

/// What a change does to those who use it.
fn impact(changed: &Changed<'_>) -> Vec<Impact> {
    let mut impacts = renamed(changed, "clients are locked out until they connect to it by its new name");
    let name = |arguments: Option<&Object>| known_text(arguments?, "name").map(str::to_owned);
    if changed.action.destroys()
        && let Some(name) = name(changed.before)
    {
        let message = format!("all that is in the database {name}");
        impacts.push(Impact { severity: ImpactSeverity::DataLoss, message });
    }
    let locks_out = changed.after.and_then(|it| it.get("allow_connections")) == Some(&Value::Bool(false));
    if changed.action == Action::Update && changed.names.contains("allow_connections") && locks_out {
        let message = "nobody can connect to it any more".to_owned();
        impacts.push(Impact { severity: ImpactSeverity::Disruption, message });
    }
    impacts
}

const IN_USE: &str = "55006";
/// The database is there; or it came to be there while the server was at this one.
const EXISTS: [&str; 2] = ["42P04", "23505"];

impl Database {
    async fn make(&self, session: &Session<'_>, attempted: &str, may_be_ours: bool) -> Result<(), Error> {
        match patiently(session, attempted, &self.statement(session.version)).await {
            // An earlier try was killed while the server still worked on it, and the server went on.
            Err(error) if may_be_ours && error.code.as_deref().is_some_and(|it| EXISTS.contains(&it)) => Ok(()),
            made => made,
        }
    }

    fn statement(&self, version: i32) -> String {
        let Self { name, owner, encoding, lc_collate, lc_ctype, template, tablespace_name, .. } = self;
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
        // A cluster that sorts by ICU would record these names, and sort by ICU all the same.
        if version >= WITH_PROVIDERS && (lc_collate.is_some() || lc_ctype.is_some()) {
            statement.push_str(" LOCALE_PROVIDER libc");
        }
        if let Some(tablespace) = tablespace_name {
            statement.push_str(&format!(" TABLESPACE {}", identifier(tablespace)));
        }
        statement.push_str(&format!(" {}", self.options().join(" ")));
        statement
    }

    /// What can be said when it is made and later on.
    fn options(&self) -> [String; 3] {
        let Self { connection_limit, allow_connections, is_template, .. } = self;
        [
            format!("CONNECTION LIMIT {connection_limit}"),
            format!("ALLOW_CONNECTIONS {allow_connections}"),
            format!("IS_TEMPLATE {is_template}"),
        ]
    }

    fn options_unlike(&self, other: &Self) -> String {
        let differ = self.options().into_iter().zip(other.options()).filter(|(wanted, is)| wanted != is);
        differ.map(|(wanted, _)| wanted).collect::<Vec<_>>().join(" ")
    }

    fn taken(&self, attempted: &str) -> Error {
        Error::new(attempted, "there is such a database already, and this configuration did not make it")
            .help(format!("give this one another name, or remove `{}` if nobody needs it", self.name))
            .outcome(Outcome::Refused)
    }
}

/// Runs a statement that needs a database without connections; says who has them where there are some.
async fn undisturbed(session: &Session<'_>, attempted: &str, statement: &str, name: &str) -> Result<(), Error> {
    match patiently(session, attempted, statement).await {
        Err(error) if error.code.as_deref() == Some(IN_USE) => Err(who_is_there(session, error, name).await),
        done => done,
    }
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

/// What is there of what is recorded.
async fn seen(server: &Postgresql, known: &[Recorded<Database>]) -> Result<Vec<Reading<Database>>, Error> {
    let attempted = "look at the databases";
    let Some(session) = server.reading(server.database()).await? else {
        return Err(Error::new(attempted, format!("there is no database `{}` to connect to", server.database())));
    };
    let cluster = session.cluster.as_deref();
    let names: Vec<&str> = known.iter().map(|it| it.arguments.name.as_str()).collect();
    let oids: Vec<u32> = known.iter().filter_map(|it| oid_in(cluster, it.outputs.identity.as_ref())).collect();
    let on_server = on_server(&session, attempted, &names, &oids).await?;
    let found = Found::of(on_server.into_iter().map(|(name, it)| (name, it.oid, it)));
    let each = |it: &Recorded<Database>| {
        let oid = oid_in(cluster, it.outputs.identity.as_ref());
        match found.find(&it.arguments.name, oid, &names) {
            Some((_, oid, found)) => {
                let identity = identity(cluster, oid).or_else(|| it.outputs.identity.clone());
                found.reading(&it.arguments, Outputs { identity })
            }
            None => Reading::Gone,
        }
    };
    Ok(known.iter().map(each).collect())
}

/// A database as the server has it.
struct OnServer {
    oid: u32,
    database: Database,
    /// Whether it sorts as the operating system does.
    sorts_by_locale: bool,
}

impl OnServer {
    fn reading(&self, recorded: &Database, outputs: Outputs) -> Reading<Database> {
        // What it was copied from is nowhere to be read.
        let mut arguments = Database { template: recorded.template.clone(), ..self.database.clone() };
        let mut remarks = Vec::new();
        if !self.sorts_by_locale {
            // These are recorded, and nothing goes by them.
            arguments.lc_collate = arguments.lc_collate.filter(|_| recorded.lc_collate.is_some());
            arguments.lc_ctype = arguments.lc_ctype.filter(|_| recorded.lc_ctype.is_some());
            if arguments.lc_collate.is_some() {
                remarks
                    .push("it sorts by a locale of its own kind, not by `lc_collate`, which only a new database can".to_owned());
            }
        }
        Reading::Found { arguments, outputs, remarks }
    }
}

/// From this version on a database may sort by something else than the operating system.
const WITH_PROVIDERS: i32 = 150_000;

/// The databases of these names, or with these numbers.
async fn on_server(
    session: &Session<'_>,
    attempted: &str,
    names: &[&str],
    oids: &[u32],
) -> Result<BTreeMap<String, OnServer>, Error> {
    let provider = if session.version >= WITH_PROVIDERS { "datlocprovider::text" } else { "'c'" };
    let query = format!(
        "SELECT datname::text, pg_catalog.pg_get_userbyid(datdba)::text, pg_catalog.pg_encoding_to_char(encoding)::text, \
         datcollate::text, datctype::text, datconnlimit, datallowconn, datistemplate, spcname::text, \
         (SELECT setconfig FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole = 0), d.oid, {provider} \
         FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace \
         WHERE datname::text = ANY($1) OR d.oid = ANY($2)"
    );
    let rows = session.rows(attempted, &query, &[&names, &oids]).await?;
    let on_server = |row: &tokio_postgres::Row| {
        let name: String = row.get(0);
        let encoding = Encoding::from(row.get::<_, String>(2));
        let database = Database {
            name: name.clone(),
            owner: Some(Chosen(row.get(1))),
            encoding: Some(Chosen(Immutable(encoding))),
            lc_collate: row.get::<_, Option<String>>(3).map(|it| Chosen(Immutable(it))),
            lc_ctype: row.get::<_, Option<String>>(4).map(|it| Chosen(Immutable(it))),
            template: empty(),
            connection_limit: row.get(5),
            allow_connections: row.get(6),
            is_template: row.get(7),
            tablespace_name: Some(Chosen(row.get(8))),
            settings: Parameters::listed(row.get(9)),
        };
        (name, OnServer { oid: row.get(10), database, sorts_by_locale: row.get::<_, String>(11) == "c" })
    };
    Ok(rows.iter().map(on_server).collect())
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

use std::collections::BTreeMap;
use std::time::Duration;

use ha_provider::{
    ArgumentChange, ArgumentProblem, Attempt, CallOutcome, Chosen, CreatedResource, Error,
    ExistingResource, Immutable, Impact, ImpactSeverity, IntendedChange, MaybeUnknown,
    PlannedChange, RecordedResource, Resource, ResourceHooks, ResourceReading, known_text,
};
use ha_value::{Action, Object, Path, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::encoding::Encoding;
use crate::identity::{FoundObject, identity, oid_in};
use crate::locale::Locale;
use crate::objections;
use crate::parameters::{self, ServerParameters};
use crate::postgresql_role::{limit_problem, renamed, unlimited, yes};
use crate::provider::PostgresqlProvider;
use crate::replacement::{self, CreationOptions};
use crate::role_names::role_problem;
use crate::session::{DatabaseSession, retry_lost_connections};
use crate::sql::{identifier, problem};

/// The note that no such database existed before this step. `CREATE DATABASE` runs outside of
/// transactions, so a database found by a resumed attempt is this step's own only with this note.
const ABSENT: &str = "database was absent";
/// How long a statement that needs a database without connections is tried again.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Database {
    /// Its name.
    name: String,
    /// The role that owns it; the provider's user by default, and again once this is removed. A user
    /// that is no superuser is made a member of this role first.
    owner: Option<String>,
    /// Its character encoding, such as `UTF8`.
    encoding: Option<Chosen<Immutable<Encoding>>>,
    /// Its collation order, as a locale of the operating system. With this set, the database
    /// uses the `libc` provider, also in a cluster whose default is ICU.
    lc_collate: Option<Chosen<Immutable<Locale>>>,
    /// Its character classification, as a locale of the operating system.
    lc_ctype: Option<Chosen<Immutable<Locale>>>,
    /// The database that it is copied from; `template0` by default.
    #[serde(default = "template0")]
    template: Immutable<String>,
    /// How many concurrent connections it accepts; -1, the default, is no limit.
    #[serde(default = "unlimited")]
    connection_limit: i32,
    /// Whether it accepts connections.
    #[serde(default = "yes")]
    allow_connections: bool,
    /// Whether every role with CREATEDB may copy it.
    #[serde(default)]
    is_template: bool,
    /// The tablespace of its files.
    tablespace_name: Option<Chosen<String>>,
    /// Server settings of sessions in it: `statement_timeout = "5min"`.
    #[serde(default)]
    settings: ServerParameters,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DatabaseOutputs {
    /// Its identity, which a rename does not change: the cluster's identifier and the database's OID.
    identity: Option<String>,
}

/// `template0`, the one template that accepts every encoding and locale.
fn template0() -> Immutable<String> {
    Immutable("template0".into())
}

#[derive(Deserialize)]
struct DatabaseNameArguments {
    name: String,
}

#[derive(Deserialize)]
struct DatabaseOwnerArguments {
    owner: String,
}

#[derive(Deserialize)]
struct DatabaseLimitArguments {
    connection_limit: i32,
}

#[derive(Deserialize)]
struct DatabaseSettingsArguments {
    settings: BTreeMap<String, MaybeUnknown<String>>,
}

#[derive(Deserialize)]
struct TablespaceArguments {
    tablespace_name: String,
}

#[derive(Deserialize)]
struct Locales {
    lc_collate: Option<String>,
    lc_ctype: Option<String>,
}

impl Locales {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let given = [("lc_collate", &self.lc_collate), ("lc_ctype", &self.lc_ctype)];
        let empty = given.into_iter().filter(|(_, it)| it.as_deref() == Some(""));
        let problem = |(argument, _)| ArgumentProblem {
            path: Path::attribute(argument),
            message: format!("`{argument}` is empty; leave it out for the server's own locale"),
        };
        empty.map(problem).collect()
    }
}

impl Resource for Database {
    const KIND: &'static str = "postgresql_database";
    const WITHIN: &'static [&'static str] = &["aws_db_instance"];
    type Provider = PostgresqlProvider;
    type Outputs = DatabaseOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
            .unique(&["name"])
            .check(|DatabaseNameArguments { name }| problem("name", &name).into_iter().collect())
            .check(|DatabaseOwnerArguments { owner }| {
                role_problem("owner", &owner).into_iter().collect()
            })
            .check(|DatabaseLimitArguments { connection_limit }| {
                limit_problem(connection_limit).into_iter().collect()
            })
            .inside_through_provider("aws_db_instance", &[("address", "host"), ("port", "port")])
            .check(|DatabaseSettingsArguments { settings }| parameters::problems(&settings))
            .check(|it: Locales| it.problems())
            .check(|it: TablespaceArguments| {
                problem("tablespace_name", &it.tablespace_name).into_iter().collect()
            })
            .impact(impact)
            .predict("id", |DatabaseNameArguments { name }| name)
    }

    async fn create(
        &self,
        server: &PostgresqlProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        retry_lost_connections!(server, attempt, self.create_or_finish(server, attempt))
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id).argument("name", id))
    }

    fn import_id(arguments: &Object) -> Option<String> {
        known_text(arguments, "name").map(str::to_owned)
    }

    async fn read(
        server: &PostgresqlProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        match read_recorded(server, known).await {
            Ok(readings) => Ok(readings),
            Err(error) => {
                Ok(known.iter().map(|_| ResourceReading::Unchecked(error.to_string())).collect())
            }
        }
    }

    async fn update(
        &self,
        server: &PostgresqlProvider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<DatabaseOutputs, Error> {
        retry_lost_connections!(server, attempt, self.change(server, before, attempt))
    }

    async fn delete(
        server: &PostgresqlProvider,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        retry_lost_connections!(server, attempt, drop_recorded(server, recorded, attempt))
    }

    async fn clean_up(
        server: &PostgresqlProvider,
        _: &RecordedResource<Self>,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        replacement::clean_up(server, attempt.token()).await
    }

    const OBJECTS: bool = true;

    async fn objections(
        server: &PostgresqlProvider,
        planned: &[IntendedChange],
    ) -> Vec<(usize, ArgumentProblem)> {
        objections::to(Self::KIND, server, planned).await
    }
}

impl Database {
    /// Creates the database, or finishes what an earlier attempt of this step began.
    async fn create_or_finish(
        &self,
        server: &PostgresqlProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let attempted = format!("create the database `{}`", self.name);
        let session = server.writing(server.database(), attempt).await?;
        if let Some(owner) = &self.owner {
            session.become_member_of(owner).await?;
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
        let made = made.get(&self.name).ok_or_else(|| {
            Error::new(&attempted, "the database was deleted right after it was created")
        })?;
        // `CREATE DATABASE` accepts no settings, and a database that was created in advance has
        // none of the options yet.
        let statements = self.statements_from(&made.database, self.owner.as_deref());
        if !statements.is_empty() {
            session.in_transaction(&attempted, &statements).await?;
        }
        session.pass_on_warnings(attempt);
        let identity = identity(session.cluster.as_deref(), made.oid);
        Ok(CreatedResource { id: self.name.clone(), outputs: DatabaseOutputs { identity } })
    }

    /// Brings the database to these arguments.
    async fn change(
        &self,
        server: &PostgresqlProvider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<DatabaseOutputs, Error> {
        let old = &before.arguments.name;
        let attempted = format!("change the database `{old}`");
        // A session can neither rename nor move the database that it is connected to.
        let session = server.writing(other_database(server, &[old, &self.name]), attempt).await?;
        let names = [old.as_str(), self.name.as_str()];
        let mut on_server = on_server(&session, &attempted, &names, &[]).await?;
        // An earlier attempt may have renamed it already.
        let now = names.iter().find_map(|it| on_server.remove(*it)).ok_or_else(|| {
            Error::new(&attempted, "there is no such database any more")
                .help("plan again: it will be created again")
                .outcome(CallOutcome::Refused)
        })?;
        if let Some(owner) = &now.database.owner {
            session.become_member_of(owner).await?;
        }
        let name = identifier(&self.name);
        if now.database.name != self.name {
            let statement =
                format!("ALTER DATABASE {} RENAME TO {name}", identifier(&now.database.name));
            execute_without_connections(&session, &attempted, &statement, &now.database.name)
                .await?;
        }
        if let Some(tablespace) = self
            .tablespace_name
            .as_ref()
            .filter(|it| now.database.tablespace_name.as_ref() != Some(*it))
        {
            let statement =
                format!("ALTER DATABASE {name} SET TABLESPACE {}", identifier(tablespace));
            execute_without_connections(&session, &attempted, &statement, &self.name).await?;
        }
        let owner =
            match ArgumentChange::between(before.arguments.owner.as_ref(), self.owner.as_ref()) {
                // Without `owner` a new database would belong to the provider's user.
                ArgumentChange::Removed => Some(session.user.as_str()),
                _ => self.owner.as_deref(),
            };
        if let Some(owner) = owner.filter(|it| now.database.owner.as_deref() != Some(*it)) {
            session.become_member_of(owner).await?;
        }
        let statements = self.statements_from(&now.database, owner);
        if !statements.is_empty() {
            session.in_transaction(&attempted, &statements).await?;
        }
        session.pass_on_warnings(attempt);
        Ok(before.outputs.clone())
    }
}

/// Drops the database; a database that does not exist is no error.
async fn drop_recorded(
    server: &PostgresqlProvider,
    recorded: &RecordedResource<Database>,
    attempt: &mut Attempt,
) -> Result<(), Error> {
    let name = &recorded.arguments.name;
    let attempted = format!("delete the database `{name}`");
    let session = server.writing(other_database(server, &[name]), attempt).await?;
    let Some(now) = on_server(&session, &attempted, &[name], &[]).await?.remove(name) else {
        return Ok(());
    };
    if let Some(owner) = &now.database.owner {
        session.become_member_of(owner).await?;
    }
    // The server may refuse the replacement. Creating it before the drop means that a refusal
    // loses no data.
    let successor = match attempt.successor() {
        Some(it) => Some(replacement::make(&session, name, it, attempt.token()).await?),
        None => None,
    };
    let done = dropped(&session, &attempted, &now.database).await;
    if done.is_err() && successor.is_some() {
        // The error of the drop is reported. A failure to clean up would only hide it.
        let _ = replacement::drop_unused(&session, attempt.token()).await;
    }
    session.pass_on_warnings(attempt);
    done
}

async fn dropped(
    session: &DatabaseSession<'_>,
    attempted: &str,
    database: &Database,
) -> Result<(), Error> {
    let name = &database.name;
    if database.is_template {
        // The server refuses to drop a template.
        session
            .execute(
                attempted,
                &format!("ALTER DATABASE {} WITH IS_TEMPLATE false", identifier(name)),
            )
            .await?;
    }
    execute_without_connections(
        session,
        attempted,
        &format!("DROP DATABASE IF EXISTS {}", identifier(name)),
        name,
    )
    .await
}

/// A database to connect to while the databases with these names are changed.
fn other_database<'a>(server: &'a PostgresqlProvider, names: &[&String]) -> &'a str {
    let is_free = |it: &&str| names.iter().all(|name| name.as_str() != *it);
    [server.database(), "postgres", "template1"].into_iter().find(is_free).unwrap_or("template1")
}

/// The impact of a change on clients and data.
fn impact(changed: &PlannedChange<'_>) -> Vec<Impact> {
    let mut impacts =
        renamed(changed, "clients are locked out until they connect to it by its new name");
    let name = |arguments: Option<&Object>| known_text(arguments?, "name").map(str::to_owned);
    if changed.action.destroys()
        && let Some(name) = name(changed.before)
    {
        let message = format!("all that is in the database {name}");
        impacts.push(Impact { severity: ImpactSeverity::DataLoss, message });
    }
    let locks_out =
        changed.after.and_then(|it| it.get("allow_connections")) == Some(&Value::Bool(false));
    if changed.action == Action::Update && changed.names.contains("allow_connections") && locks_out
    {
        let message = "no one can connect to it any more".to_owned();
        impacts.push(Impact { severity: ImpactSeverity::Disruption, message });
    }
    impacts
}

const IN_USE: &str = "55006";
/// The name is taken; the second code is that of two concurrent `CREATE DATABASE`.
const EXISTS: [&str; 2] = ["42P04", "23505"];

impl Database {
    async fn make(
        &self,
        session: &DatabaseSession<'_>,
        attempted: &str,
        may_be_ours: bool,
    ) -> Result<(), Error> {
        let blank = self.creation_options();
        if replacement::take(session, attempted, &blank).await? {
            return Ok(());
        }
        let owner =
            self.owner.as_ref().map(|it| format!(" OWNER {}", identifier(it))).unwrap_or_default();
        let statement = format!(
            "{}{owner} {}",
            blank.statement(&self.name, session.version),
            self.options().join(" ")
        );
        match execute_when_unused(session, attempted, &statement).await {
            // An earlier attempt was killed while the server still ran its statement, and the
            // server completed it.
            Err(error)
                if may_be_ours && error.code.as_deref().is_some_and(|it| EXISTS.contains(&it)) =>
            {
                Ok(())
            }
            made => made,
        }
    }

    /// The arguments that only `CREATE DATABASE` accepts.
    fn creation_options(&self) -> CreationOptions {
        let Self { name, encoding, lc_collate, lc_ctype, template, tablespace_name, .. } =
            self.clone();
        let plain = |it: Option<Chosen<Immutable<Locale>>>| it.map(|it| it.0.0.into());
        CreationOptions {
            name,
            encoding: encoding.map(|it| it.0.0),
            lc_collate: plain(lc_collate),
            lc_ctype: plain(lc_ctype),
            template: template.0,
            tablespace_name: tablespace_name.map(|it| it.0),
        }
    }

    /// The statements that bring options, settings and owner of a database with this name to these
    /// arguments.
    fn statements_from(&self, now: &Self, owner: Option<&str>) -> Vec<String> {
        let name = identifier(&self.name);
        let options = self.options_unlike(now);
        let mut statements = Vec::new();
        if !options.is_empty() {
            statements.push(format!("ALTER DATABASE {name} WITH {options}"));
        }
        statements.extend(
            self.settings
                .changes(&now.settings)
                .iter()
                .map(|it| format!("ALTER DATABASE {name} {it}")),
        );
        // The owner comes last: once the database belongs to another role, the user may change
        // nothing more.
        if let Some(owner) = owner.filter(|it| now.owner.as_deref() != Some(*it)) {
            statements.push(format!("ALTER DATABASE {name} OWNER TO {}", identifier(owner)));
        }
        statements
    }

    /// The options that `CREATE DATABASE` and `ALTER DATABASE` both accept.
    fn options(&self) -> [String; 3] {
        let Self { connection_limit, allow_connections, is_template, .. } = self;
        [
            format!("CONNECTION LIMIT {connection_limit}"),
            format!("ALLOW_CONNECTIONS {allow_connections}"),
            format!("IS_TEMPLATE {is_template}"),
        ]
    }

    fn options_unlike(&self, other: &Self) -> String {
        let differ =
            self.options().into_iter().zip(other.options()).filter(|(wanted, is)| wanted != is);
        differ.map(|(wanted, _)| wanted).collect::<Vec<_>>().join(" ")
    }

    fn taken(&self, attempted: &str) -> Error {
        Error::new(
            attempted,
            "there is such a database already, and this configuration did not make it",
        )
        .help(format!("give this one another name, or remove `{}` if no one needs it", self.name))
        .outcome(CallOutcome::Refused)
    }
}

/// Runs a statement that needs a database without connections. The error lists the connections
/// that are open.
pub(crate) async fn execute_without_connections(
    session: &DatabaseSession<'_>,
    attempted: &str,
    statement: &str,
    name: &str,
) -> Result<(), Error> {
    match execute_when_unused(session, attempted, statement).await {
        Err(error) if error.code.as_deref() == Some(IN_USE) => {
            Err(with_open_connections(session, error, name).await)
        }
        done => done,
    }
}

/// Runs a statement, again while the database is in use: the server ends a closed connection some
/// milliseconds after its client has.
pub(crate) async fn execute_when_unused(
    session: &DatabaseSession<'_>,
    attempted: &str,
    statement: &str,
) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match session.execute(attempted, statement).await {
            Err(error) if error.code.as_deref() == Some(IN_USE) && Instant::now() < deadline => {
                sleep(Duration::from_millis(250)).await;
            }
            done => return done,
        }
    }
}

async fn with_open_connections(session: &DatabaseSession<'_>, error: Error, name: &str) -> Error {
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

/// The recorded databases as they are on the server.
async fn read_recorded(
    server: &PostgresqlProvider,
    known: &[RecordedResource<Database>],
) -> Result<Vec<ResourceReading<Database>>, Error> {
    let attempted = "look at the databases";
    let Some(session) = server.reading(server.database()).await? else {
        return Err(Error::new(
            attempted,
            format!("there is no database `{}` to connect to", server.database()),
        ));
    };
    let cluster = session.cluster.as_deref();
    let names: Vec<&str> = known.iter().map(|it| it.arguments.name.as_str()).collect();
    let oids: Vec<u32> =
        known.iter().filter_map(|it| oid_in(cluster, it.outputs.identity.as_ref())).collect();
    let on_server = on_server(&session, attempted, &names, &oids).await?;
    let found = FoundObject::new(on_server.into_iter().map(|(name, it)| (name, it.oid, it)));
    let each = |it: &RecordedResource<Database>| {
        let oid = oid_in(cluster, it.outputs.identity.as_ref());
        match found.find(&it.arguments.name, oid, &names) {
            Some((_, now, found)) => {
                let identity = identity(cluster, now).or_else(|| it.outputs.identity.clone());
                let is_another = oid.is_some_and(|it| it != now);
                found.reading(
                    &it.arguments,
                    &session.user,
                    DatabaseOutputs { identity },
                    is_another,
                )
            }
            None => ResourceReading::Gone,
        }
    };
    Ok(known.iter().map(each).collect())
}

/// A database as it is on the server.
struct ServerDatabase {
    oid: u32,
    database: Database,
    /// Whether its locale provider is `libc`.
    sorts_by_locale: bool,
}

impl ServerDatabase {
    fn reading(
        &self,
        recorded: &Database,
        user: &str,
        outputs: DatabaseOutputs,
        is_another: bool,
    ) -> ResourceReading<Database> {
        // No catalog records the template that a database was copied from.
        let mut arguments =
            Database { template: recorded.template.clone(), ..self.database.clone() };
        // A configuration without `owner` means the provider's user, so that is no difference.
        arguments.owner = arguments.owner.filter(|it| recorded.owner.is_some() || it != user);
        let mut remarks = Vec::new();
        if is_another {
            remarks.push(
                "the recorded database was dropped, and this is another one with its name"
                    .to_owned(),
            );
        }
        if !self.sorts_by_locale {
            // The catalog has these columns, but the database does not sort by them.
            arguments.lc_collate = arguments.lc_collate.filter(|_| recorded.lc_collate.is_some());
            arguments.lc_ctype = arguments.lc_ctype.filter(|_| recorded.lc_ctype.is_some());
            if arguments.lc_collate.is_some() {
                remarks
                    .push("it sorts by a locale of its own kind, not by `lc_collate`, which only a new database can".to_owned());
            }
        }
        ResourceReading::Found { arguments, outputs, remarks }
    }
}

/// The first version in which a database has a locale provider: `libc`, or ICU.
pub(crate) const WITH_PROVIDERS: i32 = 150_000;

/// The databases with these names or OIDs, by name.
async fn on_server(
    session: &DatabaseSession<'_>,
    attempted: &str,
    names: &[&str],
    oids: &[u32],
) -> Result<BTreeMap<String, ServerDatabase>, Error> {
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
            owner: Some(row.get(1)),
            encoding: Some(Chosen(Immutable(encoding))),
            lc_collate: row.get::<_, Option<String>>(3).map(|it| Chosen(Immutable(it.into()))),
            lc_ctype: row.get::<_, Option<String>>(4).map(|it| Chosen(Immutable(it.into()))),
            template: template0(),
            connection_limit: row.get(5),
            allow_connections: row.get(6),
            is_template: row.get(7),
            tablespace_name: Some(Chosen(row.get(8))),
            settings: ServerParameters::listed(row.get(9)),
        };
        (
            name,
            ServerDatabase {
                oid: row.get(10),
                database,
                sorts_by_locale: row.get::<_, String>(11) == "c",
            },
        )
    };
    Ok(rows.iter().map(on_server).collect())
}

//! One connection for one piece of work. None is kept: a connection that outlives a fail-over leads
//! nowhere.

use std::time::Duration;

use ha_provider::{Attempt, CallOutcome, Error, Permit};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::connect::{OpenError, ServerWarnings};
use crate::connection_url::ConnectionSettings;
use crate::error::{failed, passes};
use crate::provider::{PostgresqlProvider, ServerSettings};
use crate::statement_log;

/// For how long a look at what is there waits: a plan should come about while the server is away.
const PATIENCE_OF_READS: Duration = Duration::from_secs(3);
const PATIENCE_OF_ONE_TRY: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection to one database.
pub(crate) struct DatabaseSession<'a> {
    client: Client,
    /// Its host and port, for the log.
    server: String,
    warnings: ServerWarnings,
    /// The user as the server calls it.
    pub(crate) user: String,
    /// The server's version: 150004 is 15.4.
    pub(crate) version: i32,
    pub(crate) is_superuser: bool,
    /// The number of the server's cluster, where the user may know it. Copies of the files have the
    /// same.
    pub(crate) cluster: Option<String>,
    permit: &'a Permit,
    _room: SemaphorePermit<'a>,
}

impl PostgresqlProvider {
    /// The database to work in where none is named.
    pub(crate) fn database(&self) -> &str {
        &self.settings.database
    }

    /// A connection for a change. Waits for a server that is not there yet, or moves.
    pub(crate) async fn writing(
        &self,
        database: &str,
        attempt: &Attempt,
    ) -> Result<DatabaseSession<'_>, Error> {
        let patience = Duration::from_secs(self.settings.connect_timeout.into());
        self.session(database, patience, Some(attempt)).await.map_err(|it| it.1)
    }

    /// A connection to look at what is there. None when there is no such database.
    pub(crate) async fn reading(
        &self,
        database: &str,
    ) -> Result<Option<DatabaseSession<'_>>, Error> {
        match self.session(database, PATIENCE_OF_READS, None).await {
            Ok(session) => Ok(Some(session)),
            Err((ConnectRefusal::NoSuchDatabase, _)) => Ok(None),
            Err((ConnectRefusal::Other, error)) => Err(error),
        }
    }

    async fn session(
        &self,
        database: &str,
        patience: Duration,
        attempt: Option<&Attempt>,
    ) -> Result<DatabaseSession<'_>, (ConnectRefusal, Error)> {
        let room = self.room.acquire().await.expect("it is never closed");
        let deadline = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let (passes, refusal, error) = match self.connect(database, attempt.is_some()).await {
                Ok(ConnectedServer {
                    client,
                    warnings,
                    user,
                    version,
                    is_superuser,
                    cluster,
                    ..
                }) => {
                    let (server, permit) = (self.settings.server(), &self.permit);
                    return Ok(DatabaseSession {
                        client,
                        server,
                        warnings,
                        user,
                        version,
                        is_superuser,
                        cluster,
                        permit,
                        _room: room,
                    });
                }
                Err(ConnectError { passes, refusal, error }) => (passes, refusal, error),
            };
            if attempt.is_some_and(Attempt::is_cancelled) {
                return Err((refusal, error.outcome(CallOutcome::Interrupted)));
            }
            if !passes || Instant::now() + pause > deadline {
                return Err((refusal, error));
            }
            if let Some(attempt) = attempt {
                let ServerSettings { host, port, .. } = &self.settings;
                attempt.progress(&format!(
                    "waiting for PostgreSQL at {host}:{port}: {}",
                    error.causes.join(": ")
                ));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// A piece of work that a lost connection may cut short, and that is then done again on another
/// one.
pub(crate) struct RetriableWork {
    deadline: Instant,
}

impl RetriableWork {
    /// For as long as the server is waited for.
    pub(crate) fn new(server: &PostgresqlProvider) -> Self {
        Self {
            deadline: Instant::now() + Duration::from_secs(server.settings.connect_timeout.into()),
        }
    }

    /// Whether the work failed because its connection was lost, and is worth another try. What it
    /// did until then may have taken effect, so the attempt counts as resumed.
    pub(crate) async fn another(&self, error: &Error, attempt: &mut Attempt) -> bool {
        let is_lost = error.code.as_deref().is_some_and(|it| LOST.contains(&it));
        if !is_lost || attempt.is_cancelled() || Instant::now() > self.deadline {
            return false;
        }
        attempt.progress(&format!("{} again: {}", error.attempted, error.causes.join(": ")));
        attempt.resume();
        sleep(FIRST_PAUSE).await;
        true
    }
}

/// Does something, and again as long as it is cut short by lost connections.
macro_rules! steadily {
    ($server:expr, $attempt:ident, $work:expr) => {{
        let tries = $crate::session::RetriableWork::new($server);
        loop {
            match $work.await {
                Err(error) if tries.another(&error, $attempt).await => {}
                done => break done,
            }
        }
    }};
}
pub(crate) use steadily;

/// The code of a connection that was lost without a word.
const CONNECTION_FAILURE: &str = "08006";
/// That, and a server that is told to stop, has crashed, or is not up again.
const LOST: [&str; 4] = [CONNECTION_FAILURE, "57P01", "57P02", "57P03"];

/// A connection, and what the server said of itself and the user.
struct ConnectedServer {
    client: Client,
    warnings: ServerWarnings,
    user: String,
    version: i32,
    is_superuser: bool,
    follows: bool,
    cluster: Option<String>,
}

/// Why there is no connection.
struct ConnectError {
    passes: bool,
    refusal: ConnectRefusal,
    error: Error,
}

enum ConnectRefusal {
    NoSuchDatabase,
    Other,
}

impl ConnectError {
    fn for_good(error: Error) -> Self {
        Self {
            passes: false,
            refusal: ConnectRefusal::Other,
            error: error.outcome(CallOutcome::Refused),
        }
    }
}

impl PostgresqlProvider {
    async fn connect(&self, database: &str, writes: bool) -> Result<ConnectedServer, ConnectError> {
        let attempted = self.settings.attempted(database);
        let tried = timeout(PATIENCE_OF_ONE_TRY, self.open(database)).await;
        let Ok(opened) = tried else {
            return Err(late(attempted, PATIENCE_OF_ONE_TRY));
        };
        let connected = opened?;
        if self.settings.superuser && !connected.is_superuser {
            let cause = format!(
                "`{}` is not a superuser, but the provider says `superuser = true`",
                connected.user
            );
            return Err(ConnectError::for_good(
                Error::new(attempted, cause).help("on RDS no one is; leave `superuser` out"),
            ));
        }
        if writes && connected.follows {
            let error =
                Error::new(attempted, "this server only follows another and takes no changes")
                    .outcome(CallOutcome::Refused);
            return Err(ConnectError { passes: true, refusal: ConnectRefusal::Other, error });
        }
        Ok(connected)
    }

    async fn open(&self, database: &str) -> Result<ConnectedServer, ConnectError> {
        let attempted = || self.settings.attempted(database);
        let refused = |error: tokio_postgres::Error| {
            let refusal = match error.code() {
                Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
                    ConnectRefusal::NoSuchDatabase
                }
                _ => ConnectRefusal::Other,
            };
            let explained = failed(attempted(), &error).outcome(CallOutcome::Refused);
            ConnectError { passes: passes(&error), refusal, error: explained }
        };
        let way = ConnectionSettings { database: database.to_owned(), ..self.way.clone() };
        let opened = statement_log::connecting(&self.settings.server(), way.open()).await;
        let (client, warnings) = opened.map_err(|it| match it {
            OpenError::Failed(error) => refused(error),
            OpenError::Wrong(error) => ConnectError::for_good(error),
            OpenError::Late(patience) => late(attempted(), patience),
            OpenError::Unfit(why) => {
                let error = Error::new(
                    attempted(),
                    format!("{why}, but `target_session_attrs` asks for another"),
                );
                ConnectError {
                    passes: true,
                    refusal: ConnectRefusal::Other,
                    error: error.outcome(CallOutcome::Refused),
                }
            }
        })?;
        // A statement that waits for somebody's lock should say so one day.
        client.batch_execute("SET lock_timeout = '60s'").await.map_err(refused)?;
        let about = "SELECT current_user::text, current_setting('server_version_num')::int, rolsuper, pg_is_in_recovery() \
                     FROM pg_catalog.pg_roles WHERE rolname = current_user";
        let row = client.query_one(about, &[]).await.map_err(refused)?;
        let (user, version, is_superuser, follows) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let about = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()";
        let cluster = client.query_opt(about, &[]).await.ok().flatten().map(|row| row.get(0));
        Ok(ConnectedServer { client, warnings, user, version, is_superuser, follows, cluster })
    }

    /// Whether the server lets a role in with this password. None where that cannot be known from
    /// its answer.
    pub(crate) async fn lets_in(&self, role: &str, password: &str) -> Option<bool> {
        let _room = self.room.acquire().await.expect("it is never closed");
        let way = ConnectionSettings {
            user: role.to_owned(),
            password: Some(password.to_owned()),
            ..self.way.clone()
        };
        match timeout(PATIENCE_OF_READS, way.open()).await.ok()? {
            Ok(_) => Some(true),
            Err(OpenError::Failed(error)) => match error.code() {
                Some(code) if *code == SqlState::INVALID_PASSWORD => Some(false),
                // What else it has against the role it says only to those who have proven who they
                // are.
                Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => Some(true),
                _ => None,
            },
            Err(_) => None,
        }
    }
}

fn late(attempted: String, patience: Duration) -> ConnectError {
    let error = Error::new(attempted, format!("no answer within {} seconds", patience.as_secs()))
        .help("look whether a firewall or security group lets this machine through")
        .outcome(CallOutcome::Refused);
    ConnectError { passes: true, refusal: ConnectRefusal::Other, error }
}

impl DatabaseSession<'_> {
    /// Runs statements as one: all of them take effect or none.
    pub(crate) async fn together(
        &self,
        attempted: &str,
        statements: &[String],
    ) -> Result<(), Error> {
        self.may_change(attempted)?;
        let whole = format!("BEGIN; {}; COMMIT", statements.join("; "));
        let operation =
            statements.iter().map(|it| statement_log::operation(it)).collect::<Vec<_>>().join("; ");
        match statement_log::running(&self.server, &operation, self.client.batch_execute(&whole))
            .await
        {
            Ok(()) => Ok(()),
            Err(error) => {
                // The session ends here in any case; this only ends the transaction a moment
                // earlier.
                let _ = self.client.batch_execute("ROLLBACK").await;
                Err(self.failed(attempted, &error))
            }
        }
    }

    async fn logged<T>(
        &self,
        statement: &str,
        asking: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, tokio_postgres::Error> {
        statement_log::running(&self.server, &statement_log::operation(statement), asking).await
    }

    /// Whether a change may begin now.
    fn may_change(&self, attempted: &str) -> Result<(), Error> {
        let within = |it: Error| Error {
            attempted: attempted.to_owned(),
            causes: vec![it.to_string()],
            ..it
        };
        self.permit.ask().map_err(within)
    }

    /// An attempt that was refused, or whose connection was lost.
    fn failed(&self, attempted: &str, error: &tokio_postgres::Error) -> Error {
        let failed = failed(attempted, error);
        match failed.code {
            None => failed.code(CONNECTION_FAILURE),
            Some(_) => failed,
        }
    }

    /// Runs a statement that cannot be part of a transaction.
    pub(crate) async fn alone(&self, attempted: &str, statement: &str) -> Result<(), Error> {
        self.may_change(attempted)?;
        self.logged(statement, self.client.batch_execute(statement))
            .await
            .map_err(|it| self.failed(attempted, &it))
    }

    /// Tells the operator what the server has warned of.
    pub(crate) fn pass_on_warnings(&self, attempt: &Attempt) {
        self.warnings.taken().iter().for_each(|it| attempt.warn(it));
    }

    /// The rows of a query.
    pub(crate) async fn rows(
        &self,
        attempted: &str,
        query: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.logged(query, self.client.query(query, parameters))
            .await
            .map_err(|it| self.failed(attempted, &it))
    }
}

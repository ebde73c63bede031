//! One connection for one operation. None is reused: after a fail-over an old connection leads to a
//! server that is no longer the primary.

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

/// How long a read waits for the server. Short, because planning must work while it is away.
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
    /// The connected user's role.
    pub(crate) user: String,
    /// The server's version: 150004 is 15.4.
    pub(crate) version: i32,
    pub(crate) is_superuser: bool,
    /// The cluster's system identifier, where the user may read it. A physical copy has the same.
    pub(crate) cluster: Option<String>,
    permit: &'a Permit,
    _connection: SemaphorePermit<'a>,
}

impl PostgresqlProvider {
    /// The database of resources that name none.
    pub(crate) fn database(&self) -> &str {
        &self.settings.database
    }

    /// A connection for a change. Waits for a server that is starting or failing over.
    pub(crate) async fn writing(
        &self,
        database: &str,
        attempt: &Attempt,
    ) -> Result<DatabaseSession<'_>, Error> {
        let patience = Duration::from_secs(self.settings.connect_timeout.into());
        self.session(database, patience, Some(attempt)).await.map_err(|it| it.1)
    }

    /// A connection for reads; none where there is no such database.
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
        let connections = self.connections.acquire().await.expect("it is never closed");
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
                        _connection: connections,
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

/// An operation that is tried again on another connection when its own is lost.
pub(crate) struct RetriableWork {
    deadline: Instant,
}

impl RetriableWork {
    /// Retries for as long as `connect_timeout` allows.
    pub(crate) fn new(server: &PostgresqlProvider) -> Self {
        Self {
            deadline: Instant::now() + Duration::from_secs(server.settings.connect_timeout.into()),
        }
    }

    /// Whether the operation failed because its connection was lost, and is to be tried again. The
    /// lost attempt may have taken effect on the server, so the next one counts as resumed.
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

/// Runs an operation, again for as long as its connections are lost.
macro_rules! retry_lost_connections {
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
pub(crate) use retry_lost_connections;

/// The code given to a connection that ended without an answer from the server.
const CONNECTION_FAILURE: &str = "08006";
/// That, and a server that is shutting down, has crashed, or is starting.
const LOST: [&str; 4] = [CONNECTION_FAILURE, "57P01", "57P02", "57P03"];

/// A connection, and what the server reported about itself and the user.
struct ConnectedServer {
    client: Client,
    warnings: ServerWarnings,
    user: String,
    version: i32,
    is_superuser: bool,
    follows: bool,
    cluster: Option<String>,
}

/// A connection that failed; `passes` where trying again may succeed.
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
                "`{}` is not a superuser, but the provider has `superuser = true`",
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
        let connection_settings = ConnectionSettings {
            database: database.to_owned(),
            ..self.connection_settings.clone()
        };
        let opened =
            statement_log::connecting(&self.settings.server(), connection_settings.open()).await;
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
        // Without a limit a statement would wait for a lock of another session for ever, in silence.
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

    /// Whether a role can log in with this password; none where the answer does not show that.
    pub(crate) async fn accepts_password(&self, role: &str, password: &str) -> Option<bool> {
        let _connection = self.connections.acquire().await.expect("it is never closed");
        let connection_settings = ConnectionSettings {
            user: role.to_owned(),
            password: Some(password.to_owned()),
            ..self.connection_settings.clone()
        };
        match timeout(PATIENCE_OF_READS, connection_settings.open()).await.ok()? {
            Ok(_) => Some(true),
            Err(OpenError::Failed(error)) => match error.code() {
                Some(code) if *code == SqlState::INVALID_PASSWORD => Some(false),
                // The server refuses for other reasons only after the password was proven.
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
    /// Runs statements in one transaction.
    pub(crate) async fn in_transaction(
        &self,
        attempted: &str,
        statements: &[String],
    ) -> Result<(), Error> {
        self.ask_permit(attempted)?;
        let whole = format!("BEGIN; {}; COMMIT", statements.join("; "));
        let operation =
            statements.iter().map(|it| statement_log::operation(it)).collect::<Vec<_>>().join("; ");
        match statement_log::running(&self.server, &operation, self.client.batch_execute(&whole))
            .await
        {
            Ok(()) => Ok(()),
            Err(error) => {
                // The session is dropped soon and the transaction with it. Ending it here frees its
                // locks earlier, so a failure of the rollback does not matter.
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

    /// Asks for the permit to change something.
    fn ask_permit(&self, attempted: &str) -> Result<(), Error> {
        let within = |it: Error| Error {
            attempted: attempted.to_owned(),
            causes: vec![it.to_string()],
            ..it
        };
        self.permit.ask().map_err(within)
    }

    /// The error of a statement; without a code the connection was lost.
    fn failed(&self, attempted: &str, error: &tokio_postgres::Error) -> Error {
        let failed = failed(attempted, error);
        match failed.code {
            None => failed.code(CONNECTION_FAILURE),
            Some(_) => failed,
        }
    }

    /// Runs a statement that cannot be part of a transaction.
    pub(crate) async fn execute(&self, attempted: &str, statement: &str) -> Result<(), Error> {
        self.ask_permit(attempted)?;
        self.logged(statement, self.client.batch_execute(statement))
            .await
            .map_err(|it| self.failed(attempted, &it))
    }

    /// Passes the server's warnings on to the operator.
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

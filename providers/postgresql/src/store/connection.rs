//! One connection to the database.

use std::time::Duration;

use ha_provider::{CallOutcome, Error};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::settings::StoreDatabase;
use crate::connect::OpenError;
use crate::error::failed;
use crate::statement_log;

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection, and what it is for messages.
pub(super) struct StoreConnection {
    client: Client,
    target: String,
}

/// Why a statement failed, or its result is unknown.
pub(super) enum StatementError {
    /// The server refused it.
    Refused(Error, tokio_postgres::error::SqlState),
    /// The connection is lost, and the result unknown.
    Lost(Error),
}

impl From<StatementError> for Error {
    fn from(failed: StatementError) -> Self {
        match failed {
            StatementError::Refused(error, _) | StatementError::Lost(error) => error,
        }
    }
}

impl StoreConnection {
    pub(super) async fn open(connection_settings: &StoreDatabase) -> Result<Self, Error> {
        let what = || format!("connect to `{}`", connection_settings.target);
        let late = |patience: Duration| {
            let error =
                Error::new(what(), format!("no answer within {} seconds", patience.as_secs()));
            error.help("look whether a firewall or security group lets this machine through")
        };
        let opened = timeout(
            PATIENCE,
            statement_log::connecting(
                &connection_settings.target,
                connection_settings.connection_settings.open(),
            ),
        )
        .await
        .map_err(|_| late(PATIENCE))?;
        let (client, _) = opened.map_err(|it| match it {
            OpenError::Failed(error) => failed(what(), &error),
            OpenError::Late(patience) => late(patience),
            OpenError::Wrong(error) => error,
            OpenError::Unfit(why) => {
                Error::new(what(), format!("{why}, but `target_session_attrs` asks for another"))
            }
        })?;
        let connection = Self { client, target: connection_settings.target.clone() };
        // An acknowledged write must be on disk, whatever the server's default. The keepalives free
        // the locks of a client that disappeared.
        let settings = "SET synchronous_commit = 'on'; SET lock_timeout = '20s'; SET statement_timeout = '50s'; \
                        SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";
        connection.run(settings).await?;
        Ok(connection)
    }

    /// Runs statements that answer nothing.
    pub(super) async fn run(&self, statements: &str) -> Result<(), StatementError> {
        self.heard(statements, self.client.batch_execute(statements)).await
    }

    /// Runs one statement; how many rows it was about.
    pub(super) async fn execute(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StatementError> {
        self.heard(statement, self.client.execute(statement, parameters)).await
    }

    /// The rows of a query.
    pub(super) async fn rows(
        &self,
        query: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StatementError> {
        self.heard(query, self.client.query(query, parameters)).await
    }

    async fn heard<T>(
        &self,
        statement: &str,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StatementError> {
        let what = format!("keep the state in `{}`", self.target);
        let operation = statement_log::operation(statement);
        let asked = statement_log::running(&self.target, &operation, asked);
        match timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let explained = failed(what, &error);
                match error.code() {
                    // The server is shutting down, or has ended this session.
                    Some(code)
                        if code.code().starts_with("57P") || code.code().starts_with("08") =>
                    {
                        Err(StatementError::Lost(explained))
                    }
                    Some(code) => Err(StatementError::Refused(explained, code.clone())),
                    None => Err(StatementError::Lost(explained.outcome(CallOutcome::Unknown))),
                }
            }
            Err(_) => Err(StatementError::Lost(Error::new(
                what,
                format!("no answer within {} seconds", PATIENCE.as_secs()),
            ))),
        }
    }
}

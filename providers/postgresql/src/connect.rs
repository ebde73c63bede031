//! Opens connections: tries one server after the other until one has the required role.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ha_provider::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket};

use crate::connection_url::{ConnectionSettings, ServerAddress, SessionRequirement};
use crate::tls::{SslMode, connector};

/// The notices that the server sends while it runs statements.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerWarnings(Arc<Mutex<BTreeSet<String>>>);

impl ServerWarnings {
    /// The warnings since the last call.
    pub(crate) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
            .into_iter()
            .collect()
    }

    fn hear(&self, message: &AsyncMessage) {
        let AsyncMessage::Notice(notice) = message else { return };
        // Old servers translate the severity, but the code of a warning is the same in each
        // language.
        let is_warning = match notice.parsed_severity() {
            Some(severity) => severity == tokio_postgres::error::Severity::Warning,
            None => notice.code().code().starts_with("01"),
        };
        if is_warning {
            let detail = notice
                .detail()
                .map(|it| format!(" ({})", it.replace('\n', "; ")))
                .unwrap_or_default();
            let said = format!("{}{detail}", notice.message());
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(said);
        }
    }
}

/// Why there is no connection.
pub(crate) enum OpenError {
    /// The server refused, or could not be reached.
    Failed(tokio_postgres::Error),
    /// The server does not have the required role.
    Unfit(&'static str),
    /// The connection took longer than the limit.
    Late(Duration),
    /// The settings of the connection are wrong.
    Wrong(Error),
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(error)
    }
}

impl ConnectionSettings {
    /// A connection to the first server with the required role.
    pub(crate) async fn open(&self) -> Result<(Client, ServerWarnings), OpenError> {
        let turns = match self.session {
            SessionRequirement::PreferStandby => {
                vec![SessionRequirement::Standby, SessionRequirement::Any]
            }
            session => vec![session],
        };
        let mut last = OpenError::Unfit("there is no server to try");
        for session in turns {
            for server in self.ordered() {
                match self.fit(server, session).await {
                    Ok(opened) => return Ok(opened),
                    // A wrong password is wrong on the other servers too, so they are not tried.
                    Err(OpenError::Failed(error)) if is_about_the_user(&error) => {
                        return Err(OpenError::Failed(error));
                    }
                    Err(OpenError::Wrong(error)) => return Err(OpenError::Wrong(error)),
                    Err(other) => last = other,
                }
            }
        }
        Err(last)
    }

    async fn fit(
        &self,
        server: &ServerAddress,
        session: SessionRequirement,
    ) -> Result<(Client, ServerWarnings), OpenError> {
        let opened = match self.connect_timeout {
            None => self.one(server).await?,
            Some(patience) => timeout(patience, self.one(server))
                .await
                .map_err(|_| OpenError::Late(patience))??,
        };
        if session != SessionRequirement::Any {
            let about = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only') = 'on'";
            let row = opened.0.query_one(about, &[]).await?;
            if let Some(why) = session.refuses(row.get(0), row.get(1)) {
                return Err(OpenError::Unfit(why));
            }
        }
        Ok(opened)
    }

    async fn one(&self, server: &ServerAddress) -> Result<(Client, ServerWarnings), OpenError> {
        // PostgreSQL has no TLS on Unix sockets, and no one can listen in on them.
        let mode =
            if matches!(server.host, Host::Unix(_)) { SslMode::Disable } else { self.tls.mode };
        if mode == SslMode::Disable {
            return Ok(driven(&self.config(server, mode), NoTls).await?);
        }
        if mode == SslMode::Allow {
            match driven(&self.config(server, mode), NoTls).await {
                Err(error) if is_about_the_user(&error) => {}
                opened => return Ok(opened?),
            }
        }
        let tls = connector(&self.tls).map_err(OpenError::Wrong)?;
        let mode = if mode == SslMode::Allow { SslMode::Require } else { mode };
        Ok(driven(&self.config(server, mode), tls).await?)
    }
}

/// Drives a connection for as long as its client exists.
async fn driven<T>(
    config: &Config,
    tls: T,
) -> Result<(Client, ServerWarnings), tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, mut connection) = config.connect(tls).await?;
    let warnings = ServerWarnings::default();
    let heard = warnings.clone();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            heard.hear(&message);
        }
    });
    Ok((client, warnings))
}

fn is_about_the_user(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|it| {
        *it == SqlState::INVALID_PASSWORD || *it == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
    })
}

//! A connection to one mongod, whatever state its set is in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ha_provider::RemoteCall;
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind, Result};
use mongodb::options::{AuthMechanism, ClientOptions, Credential, ServerAddress, Tls, TlsOptions};

use tokio::net::TcpStream;

use crate::authority::ClientAccess;
use crate::names::split_endpoint;

/// How long a mongod on a reachable machine takes to answer at worst.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The commands that only look.
const LOOKS: &[&str] = &[
    "buildInfo",
    "collStats",
    "connectionStatus",
    "currentOp",
    "getParameter",
    "hello",
    "isMaster",
    "ping",
    "replSetGetConfig",
    "replSetGetStatus",
    "serverStatus",
    "usersInfo",
];

/// One mongod.
#[derive(Clone, Debug)]
pub(crate) struct MemberClient {
    /// `host:port`, as the set knows it.
    pub(crate) endpoint: String,
    client: Client,
    answered: Arc<AtomicBool>,
    /// The driver opens the keys by path, now and when it connects again.
    access: ClientAccess,
}

/// What any client may know of a mongod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HelloResponse {
    /// The set it is in; none before initiation.
    pub(crate) set: Option<String>,
    /// Whether it takes writes.
    pub(crate) is_primary: bool,
    pub(crate) is_secondary: bool,
    pub(crate) is_arbiter: bool,
}

impl HelloResponse {
    /// Whether it does its part in a set.
    pub(crate) fn serves(&self) -> bool {
        self.is_primary || self.is_secondary || self.is_arbiter
    }
}

/// What came of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginResult {
    /// The password is right.
    Taken,
    /// It is not.
    Refused,
    /// No one was there to say.
    Untold,
}

impl MemberClient {
    /// A client of this one mongod; connects at the first command.
    pub(crate) fn new(endpoint: &str, access: &ClientAccess) -> Result<Self> {
        let client = Client::with_options(Self::options(endpoint, access)?)?;
        Ok(Self {
            endpoint: endpoint.to_owned(),
            client,
            answered: Arc::default(),
            access: access.clone(),
        })
    }

    fn options(endpoint: &str, access: &ClientAccess) -> Result<ClientOptions> {
        let mut tls = TlsOptions::default();
        tls.ca_file_path = Some(access.authority.path());
        tls.cert_key_file_path = access.bundle.as_ref().map(|it| it.path());
        let mut options = ClientOptions::default();
        options.hosts = vec![ServerAddress::parse(endpoint)?];
        options.direct_connection = Some(true);
        options.tls = Some(Tls::Enabled(tls));
        options.credential = access
            .bundle
            .as_ref()
            .map(|_| Credential::builder().mechanism(AuthMechanism::MongoDbX509).build());
        options.app_name = Some("ha".into());
        options.connect_timeout = Some(PATIENCE);
        options.server_selection_timeout = Some(PATIENCE);
        options.retry_reads = Some(false);
        options.retry_writes = Some(false);
        Ok(options)
    }

    /// Runs a command on the database `admin`.
    pub(crate) async fn run(&self, command: Document) -> Result<Document> {
        self.run_on("admin", command).await
    }

    /// Runs a command on a database.
    pub(crate) async fn run_on(&self, database: &str, command: Document) -> Result<Document> {
        // The driver goes on knocking at a closed door for as long as it may; one look tells.
        if !self.answered.load(Ordering::Relaxed) {
            self.knock().await?;
        }
        if command.keys().next().is_some_and(|it| !LOOKS.contains(&it.as_str())) {
            self.access.permit.ask().map_err(Error::custom)?;
        }
        let operation = command.keys().next().cloned().unwrap_or_default();
        let call = RemoteCall { service: "mongodb", server: &self.endpoint, operation: &operation };
        let asked = async { self.client.database(database).run_command(command).await };
        let answer = call.logged(asked, |error| code(error).map(|it| it.to_string())).await;
        let lost = answer.as_ref().is_err_and(|error| code(error).is_none());
        self.answered.store(!lost, Ordering::Relaxed);
        answer
    }

    async fn knock(&self) -> Result<()> {
        let (host, port) = split_endpoint(&self.endpoint);
        let connected = TcpStream::connect((host.trim_matches(['[', ']']), port));
        match tokio::time::timeout(PATIENCE, connected).await {
            Ok(connected) => connected.map(drop).map_err(Into::into),
            Err(_) => {
                Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "the connection timed out")
                    .into())
            }
        }
    }

    /// Who it is in its set. Needs no credential.
    pub(crate) async fn hello(&self) -> Result<HelloResponse> {
        let answer = match self.run(doc! { "hello": 1 }).await {
            // Early releases of 4.2 know the old name only.
            Err(error) if code(&error) == Some(59) => self.run(doc! { "isMaster": 1 }).await?,
            other => other?,
        };
        let is = |name: &str| answer.get_bool(name).unwrap_or(false);
        Ok(HelloResponse {
            set: answer.get_str("setName").ok().map(str::to_owned),
            is_primary: is("isWritablePrimary") || is("ismaster"),
            is_secondary: is("secondary"),
            is_arbiter: is("arbiterOnly"),
        })
    }

    /// Its version. Needs no credential.
    pub(crate) async fn version(&self) -> Result<String> {
        Ok(self
            .run(doc! { "buildInfo": 1 })
            .await?
            .get_str("version")
            .unwrap_or_default()
            .to_owned())
    }

    /// Tries to log in with a name and a password: `(database, name, password)`.
    pub(crate) async fn log_in(
        endpoint: &str,
        access: &ClientAccess,
        mechanism: AuthMechanism,
        (database, name, password): (&str, &str, &str),
    ) -> LoginResult {
        let Ok(mut options) = Self::options(endpoint, access) else { return LoginResult::Untold };
        options.credential = Some(
            Credential::builder()
                .mechanism(mechanism)
                .source(database.to_owned())
                .username(name.to_owned())
                .password(password.to_owned())
                .build(),
        );
        let Ok(client) = Client::with_options(options) else { return LoginResult::Untold };
        let answer = client.database("admin").run_command(doc! { "ping": 1 }).await;
        client.shutdown().immediate(true).await;
        match answer {
            Ok(_) => LoginResult::Taken,
            Err(error) if matches!(&*error.kind, ErrorKind::Authentication { .. }) => {
                LoginResult::Refused
            }
            Err(_) => LoginResult::Untold,
        }
    }

    /// Lets go of its connections.
    pub(crate) async fn close(self) {
        self.client.shutdown().immediate(true).await;
    }
}

/// The server's code for a command that it refused.
pub(crate) fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(it) => Some(it.code),
        _ => None,
    }
}

/// NotWritablePrimary, PrimarySteppedDown, InterruptedDueToReplStateChange, ShutdownInProgress,
/// InterruptedAtShutdown, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary.
pub(crate) const PASSING: [i32; 7] = [10107, 189, 11602, 91, 11600, 13435, 13436];

/// Whether the member that was asked is not, or no longer, the one to ask, or went away while it
/// was asked: another look at the set may find one that answers.
pub(crate) fn is_passing(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Command(it) => PASSING.contains(&it.code),
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. } => true,
        _ => false,
    }
}

/// A number, however the server chose to write it.
pub(crate) fn number(document: &Document, name: &str) -> Option<f64> {
    match document.get(name)? {
        Bson::Int32(it) => Some(f64::from(*it)),
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts and settings are far below the limit"
        )]
        Bson::Int64(it) => Some(*it as f64),
        Bson::Double(it) => Some(*it),
        _ => None,
    }
}

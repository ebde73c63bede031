use ha_kind::{Error, Permit, Provider, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::tls::SslMode;

/// So many connections at once at most; servers have few, and the application needs them.
const CONNECTIONS: usize = 4;

/// Where a server is and who asks it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Settings {
    /// The server's name or address. A name is resolved for every connection, because it moves in a fail-over.
    pub(crate) host: String,
    /// The server's port.
    #[serde(default = "usual_port")]
    pub(crate) port: u16,
    /// Who asks: a superuser, or a role with `CREATEROLE` and `CREATEDB` such as the master user of RDS.
    pub(crate) username: String,
    /// The user's password.
    pub(crate) password: Option<Secret<String>>,
    /// The database to connect to where none is named.
    #[serde(default = "usual_database")]
    pub(crate) database: String,
    /// How much TLS to insist on.
    #[serde(default)]
    pub(crate) sslmode: SslMode,
    /// A file with the certificates of the authorities to trust.
    pub(crate) sslrootcert: Option<String>,
    /// The certificates of the authorities to trust, as text.
    pub(crate) ca_certificate: Option<String>,
    /// Says that the user is a superuser, which is then checked. Nothing else depends on it: the server is asked.
    #[serde(default)]
    pub(crate) superuser: bool,
    /// For how many seconds a change waits for a server that does not answer yet, or not any more.
    #[serde(default = "usual_patience")]
    pub(crate) connect_timeout: u32,
}

fn usual_port() -> u16 {
    5432
}

fn usual_database() -> String {
    "postgres".into()
}

fn usual_patience() -> u32 {
    180
}

/// A PostgreSQL server.
pub(crate) struct Postgresql {
    pub(crate) settings: Settings,
    pub(crate) room: Semaphore,
    pub(crate) permit: Permit,
}

impl Provider for Postgresql {
    const NAME: &'static str = "postgresql";
    type Settings = Settings;

    /// Contacts nobody: a plan must come about while the server is away.
    async fn connect(settings: Settings) -> Result<Self, Error> {
        let attempted = "configure the provider `postgresql`";
        if settings.host.is_empty() || settings.username.is_empty() || settings.database.is_empty() {
            return Err(Error::new(attempted, "`host`, `username` and `database` must not be empty"));
        }
        if settings.sslrootcert.is_some() && settings.ca_certificate.is_some() {
            return Err(Error::new(attempted, "`sslrootcert` and `ca_certificate` are both given; one is enough"));
        }
        let has_authority = settings.sslrootcert.is_some() || settings.ca_certificate.is_some();
        if settings.sslmode.verifies(false) && !has_authority {
            let cause = "`sslmode` asks for a certificate of a trusted authority, but none is given";
            return Err(Error::new(attempted, cause).help("set `ca_certificate` to its text or `sslrootcert` to its file"));
        }
        Ok(Self { settings, room: Semaphore::new(CONNECTIONS), permit: Permit::default() })
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        let Settings { host, port, username, .. } = &self.settings;
        vec![("server", format!("{host}:{port}")), ("user", username.clone())]
    }

    fn permit(&self) -> Option<&Permit> {
        Some(&self.permit)
    }
}

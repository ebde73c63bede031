//! Settings of a `backend "postgres"` block, with the names of Terraform's `pg` backend.

use std::time::Duration;

use ha_provider::{CallOutcome, Error, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::connection_text::parted;
use crate::connection_url::{ServerAddress, host_problem};
use crate::tls::{SslMode, TrustedAuthorities};

/// A state in the tables of a PostgreSQL database.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct PostgresSettings {
    /// The database and the user: `postgres://ops@db.example.com/states`, or `host=… user=…
    /// dbname=…`. From `PG_CONN_STR` by default.
    conn_str: Option<Secret<String>>,
    /// The user's password, where `conn_str` does not have it.
    password: Option<Secret<String>>,
    /// The schema of the tables. It has the states of one configuration, one for each workspace.
    #[serde(default = "usual_schema")]
    pub(super) schema_name: String,
    /// Whether the schema exists and is not created.
    #[serde(default)]
    pub(super) skip_schema_creation: bool,
    /// Whether the tables exist and are not created.
    #[serde(default)]
    pub(super) skip_table_creation: bool,
    /// Has no effect: the only indexes are those of the primary keys.
    #[serde(default)]
    skip_index_creation: bool,
    /// The TLS mode; takes precedence over `conn_str`.
    sslmode: Option<SslMode>,
    /// A file with the certificates of the authorities to trust; takes precedence over `conn_str`.
    sslrootcert: Option<String>,
    /// The certificates of the authorities to trust, in PEM.
    ca_certificate: Option<String>,
    /// The lease of the lock, in seconds after its last renewal. A run begins no call that may take
    /// longer than its lease.
    #[serde(default = "usual_lease")]
    lock_lease: u32,
}

fn usual_schema() -> String {
    "ha".to_owned()
}

fn usual_lease() -> u32 {
    180
}

/// The settings of connections to a database.
#[derive(Clone)]
pub(super) struct StoreDatabase {
    pub(super) connection_settings: crate::connection_url::ConnectionSettings,
    /// Server and database, for messages.
    pub(super) target: String,
}

impl PostgresSettings {
    /// The settings of connections. Opens none.
    pub(super) fn connection_settings(&self) -> Result<StoreDatabase, Error> {
        let refused = |cause: &str| {
            Error::new("open the state in PostgreSQL", cause).outcome(CallOutcome::Refused)
        };
        if self.schema_name.is_empty() || self.schema_name.contains(['"', '\0']) {
            return Err(refused("`schema_name` must be a name, without quotes"));
        }
        if self.lock_lease == 0 {
            return Err(refused("`lock_lease` is zero: such a lock keeps no one out"));
        }
        let given = self
            .conn_str
            .as_ref()
            .map(|it| it.0.clone())
            .or_else(|| std::env::var("PG_CONN_STR").ok());
        let given = given.ok_or_else(|| {
            refused("it is not said where the database is").help("set `conn_str`, or PG_CONN_STR")
        })?;
        let unreadable = |why: &str| {
            refused(&format!("`conn_str` cannot be read: {why}"))
                .help("for example `postgres://ops@db.example.com/states`")
                .help("give the password in `password`; within `conn_str` it needs `%40` for `@`, or quotes around it")
        };
        if has_second_at(&given) {
            return Err(unreadable(
                "it has more than one `@`, and what is behind the first may be a part of the password",
            ));
        }
        let (text, parameters) = parted(&given);
        let config: Config = text.parse().map_err(|error| unreadable(&said(&error)))?;
        let servers = servers(&config).map_err(|problem| refused(&problem))?;
        let sockets_only = servers.iter().all(|it| matches!(it.host, Host::Unix(_)));
        let mut connection_settings = crate::connection_url::ConnectionSettings {
            servers,
            user: config.get_user().unwrap_or_default().to_owned(),
            database: config.get_dbname().or(config.get_user()).unwrap_or_default().to_owned(),
            password: config.get_password().map(|it| String::from_utf8_lossy(it).into_owned()),
            connect_timeout: Some(Duration::from_secs(10)),
            ..crate::connection_url::ConnectionSettings::default()
        };
        if let Some(Secret(password)) = &self.password {
            connection_settings.password = Some(password.clone());
        }
        if sockets_only {
            connection_settings.tls.mode = SslMode::Disable;
        }
        // libpq has the same rule: public authorities sign for everyone, so the host name must be
        // checked.
        if parameters.iter().any(|(name, value)| name == "sslrootcert" && value == "system") {
            connection_settings.tls.mode = SslMode::VerifyFull;
        }
        for (name, value) in &parameters {
            connection_settings.set(name, value).map_err(|problem| unreadable(&problem))?;
        }
        self.settle_tls(&mut connection_settings).map_err(|problem| refused(&problem))?;
        // The authorities are read now, so that a missing file is reported before anything is done.
        connection_settings.tls.authorities.read()?;
        let target = target(&connection_settings);
        Ok(StoreDatabase { connection_settings, target })
    }

    /// Applies the TLS arguments, which take precedence over the connection string.
    fn settle_tls(
        &self,
        connection_settings: &mut crate::connection_url::ConnectionSettings,
    ) -> Result<(), String> {
        if let Some(mode) = self.sslmode {
            connection_settings.tls.mode = mode;
        }
        if let Some(file) = &self.sslrootcert {
            connection_settings.tls.set("sslrootcert", file)?;
        }
        if let Some(text) = &self.ca_certificate {
            if connection_settings.tls.authorities != TrustedAuthorities::None {
                return Err(
                    "`sslrootcert` and `ca_certificate` are both given; one is enough".into()
                );
            }
            connection_settings.tls.authorities = TrustedAuthorities::Text(text.clone());
        }
        match connection_settings.problem() {
            Some(problem) => Err(problem.into()),
            None => Ok(()),
        }
    }

    /// The lease of the lock.
    pub(super) fn lease(&self) -> u32 {
        self.lock_lease
    }
}

/// Whether an address has a second `@` that is not escaped: then a part of the password would be
/// parsed as the host name, which messages show.
fn has_second_at(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.matches('@').count() > 1)
}

/// The parser's message without what it quotes: where quotes are missing, that may be a part of the
/// password.
fn said(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match cause.starts_with("invalid value for option") {
        true => cause,
        false => {
            "it is neither an address nor a row of `name=value`, or has an option that is not known"
                .to_owned()
        }
    }
}

/// The servers of a connection string.
fn servers(config: &Config) -> Result<Vec<ServerAddress>, String> {
    let (hosts, addresses, ports) =
        (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let many = hosts.len().max(addresses.len());
    if many == 0 {
        return Err("`conn_str` names no host".into());
    }
    if (!hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len())
        || (ports.len() > 1 && ports.len() != many)
    {
        return Err("`conn_str` does not name as many hosts as addresses and ports".into());
    }
    let each = |index: usize| {
        let address = addresses.get(index).copied();
        let host = hosts.get(index).cloned();
        if let Some(Host::Tcp(name)) = &host
            && let Some(problem) = host_problem(name)
        {
            return Err(format!("the host of `conn_str` {problem}"));
        }
        let host = host
            .or_else(|| address.map(|it| Host::Tcp(it.to_string())))
            .ok_or("`conn_str` names no host")?;
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        if port == 0 {
            return Err("the port of `conn_str` must be from 1 to 65535".into());
        }
        Ok(ServerAddress { host, address, port })
    };
    (0..many).map(each).collect()
}

/// `postgres://db.example.com:5432/states`, without user and password.
fn target(connection_settings: &crate::connection_url::ConnectionSettings) -> String {
    let host = |server: &ServerAddress| match &server.host {
        Host::Tcp(name) => format!("{name}:{}", server.port),
        Host::Unix(path) => path.display().to_string(),
    };
    let hosts: Vec<String> = connection_settings.servers.iter().map(host).collect();
    format!("postgres://{}/{}", hosts.join(","), connection_settings.database)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection_settings(conn_str: &str) -> Result<StoreDatabase, Error> {
        serde_json::from_value::<PostgresSettings>(serde_json::json!({ "conn_str": conn_str }))
            .expect("they are settings")
            .connection_settings()
    }

    #[test]
    fn a_password_that_is_not_escaped_is_quoted_by_nobody() {
        for text in [
            "postgres://ops:hu@sh@h/d",
            "postgres://ops:hu@sh/hush@h/d",
            "postgres://ops:hu?sh@hush@h/d",
            "host=h password=hu sh=hush user=ops",
            "host=h password=hu sh user=ops",
            "host=h password='hu sh user=ops",
            "hush",
        ] {
            let reported = match connection_settings(text) {
                Ok(connection_settings) => panic!("{text}: {}", connection_settings.target),
                Err(error) => format!("{error} {:?}", error.help),
            };
            assert!(
                reported.contains("`conn_str` cannot be read") && !reported.contains("sh"),
                "{text}: {reported}"
            );
        }
    }

    #[test]
    fn every_parameter_is_honoured_or_refused_by_its_name() {
        for (form, separator) in [("postgres://u@h/d?", "&"), ("host=h user=u dbname=d ", " ")] {
            let with = |parameters: &[&str]| {
                connection_settings(&format!("{form}{}", parameters.join(separator)))
            };
            let honoured = with(&[
                "sslmode=require",
                "sslnegotiation=direct",
                "keepalives_count=3",
                "keepalives_idle=7",
                "tcp_user_timeout=4000",
                "target_session_attrs=primary",
                "connect_timeout=4",
                "application_name=me",
            ]);
            let honoured =
                honoured.map(|it| it.connection_settings).unwrap_or_else(|error| panic!("{error}"));
            let config = honoured.config(&honoured.servers[0], honoured.tls.mode);
            assert!(
                honoured.tls.is_direct
                    && honoured.session == crate::connection_url::SessionRequirement::Primary
            );
            assert_eq!(
                (config.get_keepalives_retries(), config.get_application_name()),
                (Some(3), Some("me"))
            );
            assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(4)));
            for refused in [
                "require_auth=none",
                "gssencmode=require",
                "passfile=x",
                "service=x",
                "keepalives_count=x",
            ] {
                let reported = with(&[refused]).err().map(|it| it.to_string()).unwrap_or_default();
                let name = refused.split('=').next().unwrap_or_default();
                assert!(reported.contains(&format!("`{name}`")), "{refused}: {reported}");
            }
        }
        let system = connection_settings("postgres://u@h/d?sslrootcert=system")
            .map(|it| it.connection_settings.tls.mode)
            .ok();
        assert_eq!(system, Some(SslMode::VerifyFull));
        assert!(
            connection_settings("postgres://u@h/d?sslrootcert=system&sslmode=require").is_err()
        );
        for refused in ["host=h:5432 user=u", "host='h h' user=u", "host=h port=0 user=u"] {
            assert!(connection_settings(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_target_is_shown_without_the_user() {
        for text in [
            "postgres://ops:hu%40sh@h:7/d?connect_timeout=3",
            "host=h port=7 user=ops password='hu sh' dbname=d",
        ] {
            assert_eq!(
                connection_settings(text).map(|it| it.target).ok().as_deref(),
                Some("postgres://h:7/d"),
                "{text}"
            );
        }
    }
}

//! What a `backend "postgres"` block says, by the names that Terraform's `pg` has.

use std::time::Duration;

use ha_kind::{Attempting, Error, Outcome, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::connection_text::without_tls;
use crate::tls::SslMode;

/// A state in the tables of a PostgreSQL database.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// Where the database is and who asks: `postgres://ops@db.example.com/states`, or `host=… user=… dbname=…`. From
    /// `PG_CONN_STR` when left out.
    conn_str: Option<Secret<String>>,
    /// The user's password, where `conn_str` is not to hold it.
    password: Option<Secret<String>>,
    /// The schema that the tables are in. The states of one configuration lie in it, one for each environment.
    #[serde(default = "usual_schema")]
    pub(super) schema_name: String,
    /// Whether the schema is there already.
    #[serde(default)]
    pub(super) skip_schema_creation: bool,
    /// Whether the tables are there already.
    #[serde(default)]
    pub(super) skip_table_creation: bool,
    /// Says nothing: there is no index but those of the tables' keys.
    #[serde(default)]
    skip_index_creation: bool,
    /// How much TLS to insist on; goes before what `conn_str` says.
    sslmode: Option<SslMode>,
    /// A file with the certificates of the authorities to trust; goes before what `conn_str` says.
    sslrootcert: Option<String>,
    /// The certificates of the authorities to trust, as text.
    ca_certificate: Option<String>,
    /// For how many seconds the lock lasts after its holder was last heard of. Nothing is changed by a run whose lock
    /// may not outlast a call.
    #[serde(default = "usual_lease")]
    lock_lease: u32,
}

fn usual_schema() -> String {
    "ha".to_owned()
}

fn usual_lease() -> u32 {
    180
}

/// A way to the database.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) config: Config,
    pub(super) mode: SslMode,
    pub(super) authorities: Option<String>,
    /// Server and database, for messages.
    pub(super) target: String,
}

impl Settings {
    /// The way to the database. Contacts nobody.
    pub(super) fn way(&self) -> Result<Way, Error> {
        let refused = |cause: &str| Error::new("open the state in PostgreSQL", cause).outcome(Outcome::Refused);
        if self.schema_name.is_empty() || self.schema_name.contains(['"', '\0']) {
            return Err(refused("`schema_name` must be a name, without quotes"));
        }
        if self.lock_lease == 0 {
            return Err(refused("`lock_lease` is zero: such a lock keeps nobody out"));
        }
        let given = self.conn_str.as_ref().map(|it| it.0.clone()).or_else(|| std::env::var("PG_CONN_STR").ok());
        let given =
            given.ok_or_else(|| refused("it is not said where the database is").help("set `conn_str`, or PG_CONN_STR"))?;
        let unreadable = |why: &str| {
            refused(&format!("`conn_str` cannot be read: {why}"))
                .help("for example `postgres://ops@db.example.com/states`")
                .help("give the password in `password`; within `conn_str` it needs `%40` for `@`, or quotes around it")
        };
        if has_second_at(&given) {
            return Err(unreadable("it has more than one `@`, and what is behind the first may be a part of the password"));
        }
        let (text, tls) = without_tls(&given);
        let mut config: Config = text.parse().map_err(|error| unreadable(&said(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(refused("`conn_str` names no host"));
        }
        if let Some(Secret(password)) = &self.password {
            config.password(password);
        }
        let sockets_only = config.get_hosts().iter().all(|it| matches!(it, Host::Unix(_)));
        let mode = match (self.sslmode, tls.mode) {
            (Some(mode), _) => mode,
            (None, Some(mode)) => {
                serde::Deserialize::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&mode))
                    .map_err(|_| refused(&format!("there is no `sslmode` `{mode}`")))?
            }
            (None, None) if sockets_only => SslMode::Disable,
            (None, None) => SslMode::default(),
        };
        let authorities = match (&self.ca_certificate, self.sslrootcert.as_ref().or(tls.root.as_ref())) {
            (Some(_), Some(_)) => return Err(refused("`sslrootcert` and `ca_certificate` are both given; one is enough")),
            (Some(text), None) => Some(text.clone()),
            (None, Some(file)) => {
                Some(std::fs::read_to_string(file).attempting(format!("read the file `{file}` (`sslrootcert`)"))?)
            }
            (None, None) => None,
        };
        config.application_name("ha").connect_timeout(Duration::from_secs(10));
        config.ssl_mode(mode.for_connection());
        // A server that vanished in a fail-over closes nothing.
        config.tcp_user_timeout(Duration::from_secs(30)).keepalives_idle(Duration::from_secs(15));
        let target = target(&config);
        Ok(Way { config, mode, authorities, target })
    }

    /// How long the lock lasts.
    pub(super) fn lease(&self) -> u32 {
        self.lock_lease
    }
}

/// Whether an address has a `@` that is not escaped besides the one behind who asks: what is between them would be a part
/// of the host's name, which is told.
fn has_second_at(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.matches('@').count() > 1)
}

/// What the parser says, but for what it quotes: where quotes are missing, that may be a part of the password.
fn said(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match cause.starts_with("invalid value for option") {
        true => cause,
        false => "it is neither an address nor a row of `name=value`, or has an option that is not known".to_owned(),
    }
}

/// `postgres://db.example.com:5432/states`, without who asks.
fn target(config: &Config) -> String {
    let port = |index: usize| config.get_ports().get(index).or(config.get_ports().first()).copied().unwrap_or(5432);
    let host = |(index, host): (usize, &Host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        Host::Unix(path) => path.display().to_string(),
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or("");
    format!("postgres://{}/{database}", hosts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(conn_str: &str) -> Result<Way, Error> {
        serde_json::from_value::<Settings>(serde_json::json!({ "conn_str": conn_str })).expect("they are settings").way()
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
            let told = match way(text) {
                Ok(way) => panic!("{text}: {}", way.target),
                Err(error) => format!("{error} {:?}", error.help),
            };
            assert!(told.contains("`conn_str` cannot be read") && !told.contains("sh"), "{text}: {told}");
        }
    }

    #[test]
    fn what_is_told_of_the_way_is_where_it_leads() {
        for text in ["postgres://ops:hu%40sh@h:7/d?connect_timeout=3", "host=h port=7 user=ops password='hu sh' dbname=d"] {
            assert_eq!(way(text).map(|it| it.target).ok().as_deref(), Some("postgres://h:7/d"), "{text}");
        }
    }
}

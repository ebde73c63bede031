use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, Error, Permit, Provider, ResourceHooks, Secret};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::Semaphore;
use tokio_postgres::config::Host;

use crate::connection_url::{ConnectionSettings, ServerAddress, host_problem, misconfigured};
use crate::sql;
use crate::tls::{SslMode, TrustedAuthorities};

/// The most connections at once. Servers have few, and the application needs them.
const CONNECTIONS: usize = 4;
/// The longest `connect_timeout`, in seconds: a day.
const LONGEST_PATIENCE: u64 = 86_400;

/// The address of a server and the user that connects to it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ServerSettings {
    /// The server's name or address, without a port, or the folder of its socket. A name is
    /// resolved for every connection, because it moves in a fail-over.
    pub(crate) host: String,
    /// The server's port.
    #[serde(default = "default_port")]
    pub(crate) port: u16,
    /// The user: a superuser, or a role with `CREATEROLE` and `CREATEDB` such as the master user of
    /// RDS.
    pub(crate) username: String,
    /// The user's password.
    pub(crate) password: Option<Secret<String>>,
    /// The database to connect to for resources that name none.
    #[serde(default = "default_database")]
    pub(crate) database: String,
    /// The TLS mode, with libpq's names.
    #[serde(default)]
    pub(crate) sslmode: SslMode,
    /// A file with the certificates of the authorities to trust; `system` for those that this
    /// machine trusts.
    pub(crate) sslrootcert: Option<String>,
    /// The certificates of the authorities to trust, in PEM.
    pub(crate) ca_certificate: Option<String>,
    /// Whether the user must be a superuser; checked on each connection. Nothing else depends on it:
    /// the server reports what the user is.
    #[serde(default)]
    pub(crate) superuser: bool,
    /// How many seconds a change waits for a server that does not answer.
    #[serde(default = "default_patience")]
    pub(crate) connect_timeout: u32,
    /// A file with the client's own certificate.
    sslcert: Option<String>,
    /// A file with the key of the client's certificate, in clear.
    sslkey: Option<String>,
    /// A file with the list of certificates that the authorities have revoked.
    sslcrl: Option<String>,
    /// `direct` begins TLS at once, which PostgreSQL 17 and later accept; `postgres` requests it
    /// first.
    sslnegotiation: Option<String>,
    /// The oldest accepted TLS version: `TLSv1.2` or `TLSv1.3`.
    ssl_min_protocol_version: Option<String>,
    /// The newest accepted TLS version.
    ssl_max_protocol_version: Option<String>,
    /// Whether SCRAM is bound to the TLS connection: `disable`, `prefer` or `require`.
    channel_binding: Option<String>,
    /// `disable` or `prefer`: GSSAPI is not supported.
    gssencmode: Option<String>,
    /// The required role of the server: `any`, `read-write`, `read-only`, `primary`, `standby` or
    /// `prefer-standby`. A change needs a primary, whatever this is.
    target_session_attrs: Option<String>,
    /// The name of the connections in `pg_stat_activity`.
    application_name: Option<String>,
    /// Settings of the sessions, in the syntax of the server's command line: `-c
    /// statement_timeout=5min`.
    options: Option<String>,
    /// Whether TCP keepalives are sent.
    keepalives: Option<bool>,
    /// Seconds without traffic before the first keepalive.
    keepalives_idle: Option<u32>,
    /// Seconds between two keepalives.
    keepalives_interval: Option<u32>,
    /// Keepalives without an answer after which the connection counts as lost.
    keepalives_count: Option<u32>,
    /// Milliseconds without an acknowledgement after which the connection counts as lost.
    tcp_user_timeout: Option<u32>,
}

fn default_port() -> u16 {
    5432
}

fn default_database() -> String {
    "postgres".into()
}

fn default_patience() -> u32 {
    180
}

/// A PostgreSQL server.
pub(crate) struct PostgresqlProvider {
    pub(crate) settings: ServerSettings,
    pub(crate) connection_settings: ConnectionSettings,
    pub(crate) connections: Semaphore,
    pub(crate) permit: Permit,
}

impl Provider for PostgresqlProvider {
    const NAME: &'static str = "postgresql";
    type Settings = ServerSettings;

    fn hooks() -> ResourceHooks {
        // Users and databases of one server see the same roles and databases, so only where the
        // server is tells two aliases apart.
        ResourceHooks::new()
            .unique(&["host", "port"])
            .check(|given: BTreeMap<String, Json>| problems(&given))
    }

    /// Opens no connection: planning must work while the server is away.
    async fn connect(settings: ServerSettings) -> Result<Self, Error> {
        let connection_settings = settings
            .connection_settings()
            .map_err(|it| misconfigured("configure the provider `postgresql`", it))?;
        Ok(Self {
            settings,
            connection_settings,
            connections: Semaphore::new(CONNECTIONS),
            permit: Permit::default(),
        })
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        let ServerSettings { host, port, username, .. } = &self.settings;
        vec![("server", format!("{host}:{port}")), ("user", username.clone())]
    }

    fn permit(&self) -> Option<&Permit> {
        Some(&self.permit)
    }
}

impl ServerSettings {
    /// The settings of connections, or the problem of the settings taken together.
    fn connection_settings(&self) -> Result<ConnectionSettings, String> {
        let mut connection_settings = ConnectionSettings {
            servers: vec![ServerAddress { host: host(&self.host), address: None, port: self.port }],
            user: self.username.clone(),
            password: self.password.as_ref().map(|it| it.0.clone()),
            database: self.database.clone(),
            ..ConnectionSettings::default()
        };
        let given = serde_json::to_value(self).unwrap_or_default();
        for (name, value) in
            given.as_object().into_iter().flatten().filter(|(it, _)| is_parameter(it))
        {
            if let Some(text) = text(value) {
                connection_settings.set(name, &text)?;
            }
        }
        if let Some(text) = &self.ca_certificate {
            if self.sslrootcert.is_some() {
                return Err(
                    "`sslrootcert` and `ca_certificate` are both given; one is enough".into()
                );
            }
            connection_settings.tls.authorities = TrustedAuthorities::Text(text.clone());
        }
        if connection_settings.tls.verifies()
            && connection_settings.tls.authorities == TrustedAuthorities::None
        {
            return Err(
                "`sslmode` asks for a certificate of a trusted authority, but none is given; set `ca_certificate` to its \
                        text, or `sslrootcert` to its file"
                    .into(),
            );
        }
        match connection_settings.problem() {
            Some(problem) => Err(problem.into()),
            None => Ok(connection_settings),
        }
    }

    /// The attempted operation, for messages.
    pub(crate) fn attempted(&self, database: &str) -> String {
        format!("connect to the database `{database}` at {} as `{}`", self.server(), self.username)
    }

    /// The host and port.
    pub(crate) fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

fn host(name: &str) -> Host {
    match name.starts_with('/') {
        true => Host::Unix(name.into()),
        false => Host::Tcp(name.to_owned()),
    }
}

/// Whether a setting is a parameter of the connection as libpq has it.
fn is_parameter(name: &str) -> bool {
    let own = [
        "host",
        "port",
        "username",
        "password",
        "database",
        "ca_certificate",
        "superuser",
        "connect_timeout",
    ];
    !own.contains(&name)
}

/// A setting as a string, where it is given and known.
fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(it) => Some(it.to_string()),
        _ => None,
    }
}

/// The problems of single settings, as far as they are known.
fn problems(given: &BTreeMap<String, Json>) -> Vec<ArgumentProblem> {
    let mut problems = Vec::new();
    let mut wrong = |name: &str, message: String| {
        problems.push(ArgumentProblem { path: Path::attribute(name), message })
    };
    for (name, value) in given {
        let Some(text) = text(value) else { continue };
        match name.as_str() {
            "host" => {
                if let Some(problem) = host_problem(&text) {
                    wrong(name, format!("`host` {problem}"));
                }
            }
            "port"
                if !value
                    .as_f64()
                    .is_some_and(|it| it.fract() == 0.0 && (1.0..=65_535.0).contains(&it)) =>
            {
                wrong(name, "`port` must be a whole number from 1 to 65535".into());
            }
            "username" | "database" => {
                if let Some(problem) = sql::problem(name, &text) {
                    wrong(name, problem.message);
                }
            }
            "connect_timeout"
                if !value.as_f64().is_some_and(|it| {
                    it.fract() == 0.0 && (1.0..=LONGEST_PATIENCE as f64).contains(&it)
                }) =>
            {
                wrong(
                    name,
                    format!(
                        "`connect_timeout` must be a whole number of seconds from 1 to {LONGEST_PATIENCE}"
                    ),
                );
            }
            _ if is_parameter(name) => {
                if let Err(message) = ConnectionSettings::default().set(name, &text) {
                    wrong(name, message);
                }
            }
            _ => {}
        }
    }
    if let Some(text) = given.get("ca_certificate").and_then(Json::as_str)
        && !text.contains("-----BEGIN CERTIFICATE-----")
    {
        wrong(
            "ca_certificate",
            "`ca_certificate` has no `-----BEGIN CERTIFICATE-----` in it; a file's name goes to `sslrootcert`".into(),
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The settings that are wrong, each alone among settings that are right.
    fn wrong(name: &str, value: Json) -> Vec<String> {
        let mut given = json!({ "host": "db", "username": "u", "sslmode": "require" });
        given[name] = value;
        let given = serde_json::from_value(given).unwrap_or_default();
        problems(&given).into_iter().map(|it| it.path.to_string()).collect()
    }

    #[test]
    fn the_shape_of_every_setting_is_checked() {
        let bad = [
            (
                "host",
                vec![
                    json!(""),
                    json!("db:5432"),
                    json!("postgres://db"),
                    json!("[::1]"),
                    json!("a,b"),
                    json!("u@db"),
                ],
            ),
            ("port", vec![json!(0), json!(65_536), json!(-1), json!(5432.5)]),
            ("username", vec![json!(""), json!("a".repeat(64)), json!("a\0")]),
            ("database", vec![json!(""), json!("a".repeat(64))]),
            ("sslmode", vec![json!("on"), json!("verify_full")]),
            ("sslrootcert", vec![json!(""), json!("-----BEGIN CERTIFICATE-----\nMII")]),
            ("ca_certificate", vec![json!("ca.pem"), json!("")]),
            ("connect_timeout", vec![json!(0), json!(-1), json!(0.5), json!(100_000)]),
            ("sslnegotiation", vec![json!("requiredirect")]),
            ("ssl_min_protocol_version", vec![json!("SSLv3")]),
            ("ssl_max_protocol_version", vec![json!("TLSv1")]),
            ("channel_binding", vec![json!("yes")]),
            ("gssencmode", vec![json!("require")]),
            ("target_session_attrs", vec![json!("master")]),
            ("keepalives_idle", vec![json!(-1), json!(1.5)]),
            ("keepalives_interval", vec![json!(-1)]),
            ("keepalives_count", vec![json!(-1)]),
            ("tcp_user_timeout", vec![json!(-1)]),
        ];
        for (name, values) in bad {
            for value in values {
                assert_eq!(wrong(name, value.clone()), [name], "{name} = {value}");
            }
        }
        let good = [
            ("host", vec![json!("db.example.com"), json!("::1"), json!("/var/run/postgresql")]),
            ("port", vec![json!(1), json!(65_535)]),
            ("connect_timeout", vec![json!(1), json!(600)]),
            ("sslrootcert", vec![json!("system"), json!("not-there-yet.pem")]),
            ("keepalives", vec![json!(true), json!(false)]),
            ("target_session_attrs", vec![json!("primary")]),
            ("sslnegotiation", vec![json!("direct")]),
            ("host", vec![json!({ "$unknown": "string" }), Json::Null]),
        ];
        for (name, values) in good {
            for value in values {
                assert!(wrong(name, value.clone()).is_empty(), "{name} = {value}");
            }
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let refused = |given: Json| {
            let mut whole = json!({ "host": "db", "username": "u" });
            for (name, value) in given.as_object().into_iter().flatten() {
                whole[name.as_str()] = value.clone();
            }
            serde_json::from_value::<ServerSettings>(whole)
                .map(|it| it.connection_settings().is_err())
                .unwrap_or(true)
        };
        for given in [
            json!({ "sslrootcert": "ca.pem", "ca_certificate": "-----BEGIN CERTIFICATE-----" }),
            json!({ "sslmode": "verify-full" }),
            json!({ "sslmode": "require", "sslrootcert": "system" }),
            json!({ "sslmode": "prefer", "sslnegotiation": "direct" }),
            json!({ "sslcert": "client.pem" }),
        ] {
            assert!(refused(given.clone()), "{given}");
        }
        for given in [
            json!({}),
            json!({ "sslmode": "verify-full", "sslrootcert": "system", "sslnegotiation": "direct" }),
        ] {
            assert!(!refused(given.clone()), "{given}");
        }
    }
}

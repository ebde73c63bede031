//! Settings of connections. Every parameter of libpq is either applied or refused by name; none is
//! ignored silently.

use std::net::IpAddr;
use std::time::Duration;

use ha_provider::Error;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, LoadBalanceHosts};

use crate::tls::{SslMode, TlsSettings, TrustedAuthorities};

/// The address of a server, and the settings of connections to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionSettings {
    /// The servers, in the order in which they are tried.
    pub(crate) servers: Vec<ServerAddress>,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) database: String,
    pub(crate) tls: TlsSettings,
    pub(crate) session: SessionRequirement,
    /// How long one server is tried.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) options: Option<String>,
    pub(crate) application_name: Option<String>,
    pub(crate) fallback_application_name: Option<String>,
    pub(crate) channel_binding: Option<ChannelBinding>,
    pub(crate) any_order: bool,
    pub(crate) keepalives: KeepaliveSettings,
}

/// One server.
#[derive(Clone, Debug)]
pub(crate) struct ServerAddress {
    pub(crate) host: Host,
    /// The IP address of the name, where it is given (`hostaddr`).
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

/// The role that the server must have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SessionRequirement {
    #[default]
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// TCP keepalives, and when a connection counts as lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepaliveSettings {
    are_sent: bool,
    idle: Option<Duration>,
    interval: Option<Duration>,
    count: Option<u32>,
    user_timeout: Option<Duration>,
}

impl Default for KeepaliveSettings {
    /// A server that disappears in a fail-over closes no connection, so keepalives are on by
    /// default.
    fn default() -> Self {
        let (idle, user_timeout) = (Some(Duration::from_secs(15)), Some(Duration::from_secs(30)));
        Self { are_sent: true, idle, interval: None, count: None, user_timeout }
    }
}

/// The parameters for address and user, which the provider and the backend each set in their own
/// way.
pub(crate) const PLACE: [&str; 6] = ["host", "hostaddr", "port", "user", "password", "dbname"];

impl ConnectionSettings {
    /// Sets a parameter by its name in libpq. No message repeats a value, which may be secret.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "sslmode"
            | "ssl"
            | "sslnegotiation"
            | "sslrootcert"
            | "sslcert"
            | "sslkey"
            | "sslcrl"
            | "sslsni"
            | "sslcertmode"
            | "ssl_min_protocol_version"
            | "ssl_max_protocol_version" => self.tls.set(name, value)?,
            "connect_timeout" => self.connect_timeout = seconds(name, value)?,
            "options" => self.options = Some(value.to_owned()),
            "application_name" => self.application_name = Some(value.to_owned()),
            "fallback_application_name" => self.fallback_application_name = Some(value.to_owned()),
            "keepalives" => self.keepalives.are_sent = flag(name, value)?,
            "keepalives_idle" => self.keepalives.idle = seconds(name, value)?,
            "keepalives_interval" => self.keepalives.interval = seconds(name, value)?,
            "keepalives_count" => {
                self.keepalives.count = Some(number(name, value)?).filter(|it| *it > 0)
            }
            "tcp_user_timeout" => {
                let milliseconds = Some(number(name, value)?).filter(|it| *it > 0);
                self.keepalives.user_timeout =
                    milliseconds.map(|it| Duration::from_millis(it.into()));
            }
            "channel_binding" => {
                self.channel_binding = Some(match value {
                    "disable" => ChannelBinding::Disable,
                    "prefer" => ChannelBinding::Prefer,
                    "require" => ChannelBinding::Require,
                    _ => return Err(one_of(name, "disable, prefer, require")),
                });
            }
            "target_session_attrs" => self.session = SessionRequirement::from_value(value)?,
            "load_balance_hosts" => {
                self.any_order = match value {
                    "disable" => false,
                    "random" => true,
                    _ => return Err(one_of(name, "disable, random")),
                }
            }
            _ => return harmless(name, value),
        }
        Ok(())
    }

    /// The problem of the parameters taken together.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let TlsSettings { mode, authorities, .. } = &self.tls;
        if self.tls.is_direct && matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer)
        {
            return Some(
                "`sslnegotiation = \"direct\"` needs an `sslmode` of `require` or stricter: there is nothing to fall back to",
            );
        }
        if *authorities == TrustedAuthorities::System && *mode != SslMode::VerifyFull {
            return Some(
                "`sslrootcert = \"system\"` needs `sslmode = \"verify-full\"`: anybody can have a certificate of an authority that \
                 everybody trusts, for a name of their own",
            );
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return Some("`sslcert` and `sslkey` belong together; give both");
        }
        if self.channel_binding == Some(ChannelBinding::Require) && *mode == SslMode::Disable {
            return Some(
                "`channel_binding = \"require\"` binds to TLS, but `sslmode` is `disable`",
            );
        }
        None
    }

    /// The settings for one of the servers.
    pub(crate) fn config(&self, server: &ServerAddress, mode: SslMode) -> Config {
        let mut config = Config::new();
        match &server.host {
            Host::Tcp(name) => config.host(name),
            Host::Unix(path) => config.host_path(path),
        };
        if let Some(address) = server.address {
            config.hostaddr(address);
        }
        config.port(server.port).user(&self.user).dbname(&self.database);
        if let Some(password) = &self.password {
            config.password(password);
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        let name = self.application_name.as_ref().or(self.fallback_application_name.as_ref());
        config.application_name(name.map_or("ha", String::as_str));
        if let Some(binding) = self.channel_binding {
            config.channel_binding(binding);
        }
        if self.any_order {
            config.load_balance_hosts(LoadBalanceHosts::Random);
        }
        config.ssl_mode(mode.for_connection());
        if self.tls.is_direct {
            config.ssl_negotiation(tokio_postgres::config::SslNegotiation::Direct);
        }
        let KeepaliveSettings { are_sent, idle, interval, count, user_timeout } = self.keepalives;
        config.keepalives(are_sent);
        if let Some(idle) = idle {
            config.keepalives_idle(idle);
        }
        if let Some(interval) = interval {
            config.keepalives_interval(interval);
        }
        if let Some(count) = count {
            config.keepalives_retries(count);
        }
        if let Some(timeout) = user_timeout {
            config.tcp_user_timeout(timeout);
        }
        if let Some(timeout) = self.connect_timeout {
            config.connect_timeout(timeout);
        }
        config
    }

    /// The servers in the order in which they are to be tried now.
    pub(crate) fn ordered(&self) -> Vec<&ServerAddress> {
        use rand::seq::SliceRandom;
        let mut servers: Vec<&ServerAddress> = self.servers.iter().collect();
        if self.any_order {
            servers.shuffle(&mut rand::rng());
        }
        servers
    }
}

impl SessionRequirement {
    fn from_value(value: &str) -> Result<Self, String> {
        Ok(match value {
            "any" => Self::Any,
            "read-write" => Self::ReadWrite,
            "read-only" => Self::ReadOnly,
            "primary" => Self::Primary,
            "standby" => Self::Standby,
            "prefer-standby" => Self::PreferStandby,
            _ => {
                return Err(one_of(
                    "target_session_attrs",
                    "any, read-write, read-only, primary, standby, prefer-standby",
                ));
            }
        })
    }

    /// Why a server with this role is not accepted.
    pub(crate) fn refuses(self, follows: bool, is_read_only: bool) -> Option<&'static str> {
        match self {
            Self::ReadWrite if is_read_only => Some("the session is read-only"),
            Self::ReadOnly if !is_read_only => Some("the session is not read-only"),
            Self::Primary if follows => Some("the server only follows another"),
            Self::Standby if !follows => Some("the server does not follow another"),
            _ => None,
        }
    }
}

/// Checks a parameter that has no effect here: only values that ask for the behaviour that is fixed
/// are accepted.
fn harmless(name: &str, value: &str) -> Result<(), String> {
    let unless = |is_harmless: bool, why: &str| match is_harmless {
        true => Ok(()),
        false => Err(format!("`{name}` is not supported with this value: {why}")),
    };
    let is_no = || matches!(value, "0" | "false" | "off" | "no" | "");
    match name {
        "gssencmode" => unless(
            matches!(value, "disable" | "prefer"),
            "this client does not speak GSSAPI; use TLS, and `disable` or `prefer`",
        ),
        "gssdelegation" => unless(is_no(), "this client does not speak GSSAPI"),
        "sslcompression" => unless(is_no(), "TLS is not compressed"),
        "replication" => unless(is_no(), "this client sends statements, and replicates nothing"),
        "client_encoding" => {
            let plain: String = value
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
                .to_lowercase();
            unless(matches!(plain.as_str(), "utf8" | "unicode" | "auto"), "this client speaks UTF8")
        }
        "min_protocol_version" => unless(matches!(value, "3.0"), "this client speaks version 3.0"),
        "max_protocol_version" => {
            unless(matches!(value, "3.0" | "3.2" | "latest"), "this client speaks version 3.0")
        }
        _ => Err(refusal(name)),
    }
}

/// Why a parameter is refused with any value.
fn refusal(name: &str) -> String {
    let why = match name {
        "require_auth" => {
            "which way of logging in is used is the server's choice; `channel_binding = \"require\"` makes it SCRAM over TLS"
        }
        "passfile" => "no file of passwords is read; give the password itself",
        "service" | "servicefile" => "no service file is read; write here what it says",
        "sslpassword" => {
            "a key that is encrypted cannot be used; give `sslkey` a key in clear that no one else can read"
        }
        "sslcrldir" => "give the list of revoked certificates as a file, in `sslcrl`",
        "sslkeylogfile" => "the keys of a connection are not written down",
        "requiressl" => "it is of the past; use `sslmode = \"require\"`",
        "requirepeer" => "the owner of a socket is not looked at",
        "krbsrvname" | "gsslib" => "this client does not speak GSSAPI",
        "scram_client_key" | "scram_server_key" => "only a password can be proven; give `password`",
        _ if name.starts_with("oauth_") => "this client does not log in with OAuth",
        // An unknown name may be a part of a password that is not quoted, so it is not repeated.
        _ => return "it has a parameter that is not known".to_owned(),
    };
    format!("`{name}` is not supported: {why}")
}

/// The problem of the name or address of one server, to follow the argument's name.
pub(crate) fn host_problem(host: &str) -> Option<&'static str> {
    let is_address = host.parse::<IpAddr>().is_ok()
        || host.split_once('%').is_some_and(|(it, _)| it.parse::<IpAddr>().is_ok());
    if host.is_empty() {
        return Some("is empty");
    }
    if host.starts_with('/') || is_address {
        return None;
    }
    if host.contains("://") {
        return Some("has a scheme in it; give the name or the address alone");
    }
    if host.contains('@') {
        return Some("has a `@` in it; the user is an argument of its own");
    }
    if host.contains(|it: char| it.is_whitespace() || it.is_control()) {
        return Some("has white space or a control character in it");
    }
    if host.starts_with('[') {
        return Some(
            "has brackets in it; give the address without them, and the port as an argument of its own",
        );
    }
    if host.contains(',') {
        return Some("names several servers; give one");
    }
    if host.contains(':') {
        return Some(
            "has a port in it; it is a name or an address alone, and the port is an argument of its own",
        );
    }
    host.contains(['/', '?', '#', '\\', '"', '\'', '='])
        .then_some("has more in it than a name or an address")
}

/// On or off.
pub(crate) fn flag(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "1" | "true" | "on" | "yes" => Ok(true),
        "0" | "false" | "off" | "no" => Ok(false),
        _ => Err(one_of(name, "0, 1")),
    }
}

fn number(name: &str, value: &str) -> Result<u32, String> {
    value
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` must be a whole number that is not negative"))
}

/// Seconds; none for the system's default, which libpq writes as zero.
fn seconds(name: &str, value: &str) -> Result<Option<Duration>, String> {
    // libpq treats negative numbers as zero.
    if name == "connect_timeout" && value.trim().parse::<i32>().is_ok_and(|it| it <= 0) {
        return Ok(None);
    }
    Ok(Some(number(name, value)?).filter(|it| *it > 0).map(|it| Duration::from_secs(it.into())))
}

pub(crate) fn one_of(name: &str, values: &str) -> String {
    format!("`{name}` must be one of {values}")
}

/// An error of settings, found before any connection.
pub(crate) fn misconfigured(attempted: &str, problem: impl std::fmt::Display) -> Error {
    Error::new(attempted, problem).outcome(ha_provider::CallOutcome::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every parameter of libpq 18, with a value that is taken; none for those that are refused by
    /// their name.
    const PARAMETERS: [(&str, &[&str], &[&str]); 47] = [
        ("passfile", &[], &["/p"]),
        ("require_auth", &[], &["scram-sha-256", "none"]),
        ("channel_binding", &["disable", "prefer", "require"], &["maybe"]),
        ("connect_timeout", &["10", "0", "-1"], &["soon", "1.5"]),
        ("client_encoding", &["UTF8", "utf-8", "auto"], &["LATIN1"]),
        ("options", &["-c geqo=off"], &[]),
        ("application_name", &["me"], &[]),
        ("fallback_application_name", &["me"], &[]),
        ("keepalives", &["0", "1"], &["2"]),
        ("keepalives_idle", &["0", "7"], &["-1", "x"]),
        ("keepalives_interval", &["7"], &["x"]),
        ("keepalives_count", &["0", "3"], &["many"]),
        ("tcp_user_timeout", &["0", "5000"], &["1s"]),
        ("replication", &["false", "0"], &["database", "true"]),
        ("gssencmode", &["disable", "prefer"], &["require"]),
        ("gssdelegation", &["0"], &["1"]),
        ("krbsrvname", &[], &["postgres"]),
        ("gsslib", &[], &["gssapi"]),
        (
            "sslmode",
            &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
            &["verify_full", "on", ""],
        ),
        ("ssl", &["true"], &["maybe"]),
        ("requiressl", &[], &["1"]),
        ("sslnegotiation", &["postgres", "direct"], &["requiredirect"]),
        ("sslcompression", &["0"], &["1"]),
        ("sslcert", &["/c"], &[""]),
        ("sslkey", &["/k"], &["", "-----BEGIN PRIVATE KEY-----"]),
        ("sslkeylogfile", &[], &["/l"]),
        ("sslpassword", &[], &["hush"]),
        ("sslcertmode", &["disable", "allow"], &["require", "x"]),
        ("sslrootcert", &["/ca.pem", "system"], &[""]),
        ("sslcrl", &["/crl.pem"], &[""]),
        ("sslcrldir", &[], &["/crl"]),
        ("sslsni", &["0", "1"], &["x"]),
        ("requirepeer", &[], &["postgres"]),
        (
            "ssl_min_protocol_version",
            &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "tlsv1.3", ""],
            &["SSLv3"],
        ),
        ("ssl_max_protocol_version", &["TLSv1.2", "TLSv1.3", ""], &["TLSv1.1", "TLSv1"]),
        ("min_protocol_version", &["3.0"], &["3.2", "latest"]),
        ("max_protocol_version", &["3.0", "3.2", "latest"], &["2.0"]),
        ("scram_client_key", &[], &["x"]),
        ("scram_server_key", &[], &["x"]),
        ("service", &[], &["it"]),
        ("servicefile", &[], &["/s"]),
        (
            "target_session_attrs",
            &["any", "read-write", "read-only", "primary", "standby", "prefer-standby"],
            &["prefer-primary", ""],
        ),
        ("load_balance_hosts", &["disable", "random"], &["yes"]),
        ("oauth_issuer", &[], &["x"]),
        ("oauth_client_id", &[], &["x"]),
        ("oauth_client_secret", &[], &["x"]),
        ("oauth_scope", &[], &["x"]),
    ];

    #[test]
    fn every_parameter_is_honoured_or_refused_by_its_name() {
        for (name, taken, refused) in PARAMETERS {
            for value in taken {
                assert_eq!(
                    ConnectionSettings::default().set(name, value),
                    Ok(()),
                    "{name}={value}"
                );
            }
            for value in refused {
                let reported = ConnectionSettings::default().set(name, value).unwrap_err();
                assert!(
                    reported.contains(&format!("`{name}`")) && !reported.contains("hush"),
                    "{name}={value}: {reported}"
                );
            }
        }
    }

    #[test]
    fn contradicting_parameters_are_refused() {
        let problem = |given: &[(&str, &str)]| {
            let mut connection_settings = ConnectionSettings::default();
            given.iter().for_each(|(name, value)| connection_settings.set(name, value).unwrap());
            connection_settings.problem()
        };
        for mode in ["disable", "allow", "prefer"] {
            assert!(
                problem(&[("sslnegotiation", "direct"), ("sslmode", mode)]).is_some(),
                "{mode}"
            );
        }
        assert_eq!(problem(&[("sslnegotiation", "direct"), ("sslmode", "require")]), None);
        assert!(problem(&[("sslrootcert", "system"), ("sslmode", "verify-ca")]).is_some());
        assert_eq!(problem(&[("sslrootcert", "system"), ("sslmode", "verify-full")]), None);
        assert!(problem(&[("sslcert", "/c")]).is_some() && problem(&[("sslkey", "/k")]).is_some());
        assert!(problem(&[("channel_binding", "require"), ("sslmode", "disable")]).is_some());
    }

    #[test]
    fn accepted_parameters_reach_the_client() {
        let mut connection_settings = ConnectionSettings {
            database: "d".into(),
            user: "u".into(),
            ..ConnectionSettings::default()
        };
        for (name, value) in [
            ("keepalives_count", "3"),
            ("keepalives_idle", "7"),
            ("keepalives_interval", "5"),
            ("tcp_user_timeout", "4000"),
            ("connect_timeout", "9"),
            ("application_name", "me"),
            ("options", "-c geqo=off"),
            ("channel_binding", "require"),
        ] {
            connection_settings.set(name, value).unwrap();
        }
        let server = ServerAddress { host: Host::Tcp("h".into()), address: None, port: 7 };
        let config = connection_settings.config(&server, SslMode::Require);
        assert_eq!(config.get_keepalives_retries(), Some(3));
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(7));
        assert_eq!(config.get_keepalives_interval(), Some(Duration::from_secs(5)));
        assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_secs(4)));
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(9)));
        assert_eq!(config.get_application_name(), Some("me"));
        assert_eq!(config.get_options(), Some("-c geqo=off"));
        assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
    }

    #[test]
    fn a_host_is_a_name_or_an_address_alone() {
        for good in [
            "db.example.com",
            "10.0.0.1",
            "::1",
            "fe80::1%eth0",
            "/var/run/postgresql",
            "db_1",
            "xn--bcher-kva.example",
        ] {
            assert_eq!(host_problem(good), None, "{good}");
        }
        for bad in [
            "",
            " ",
            "db.example.com:5432",
            "postgres://db",
            "https://db/",
            "db/path",
            "u@db",
            "[::1]",
            "[::1]:5432",
            "a b",
            "db\n",
            "a,b",
            "db?x",
            "10.0.0.1:5432",
            "host=db",
        ] {
            assert!(host_problem(bad).is_some(), "{bad:?}");
        }
    }
}

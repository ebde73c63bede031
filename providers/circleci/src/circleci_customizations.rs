use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, Document};
use ha_value::{Path, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::ProblemCollector;
use crate::digest::sha256;
use crate::quoting::{joined, percent_encoded, shell_word};

/// `circle-installation-customizations`: where the application finds its databases, as a file for
/// `sh` to source.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Customizations {
    /// The replica set.
    mongodb: MongodbBlock,
    /// The PostgreSQL server.
    postgresql: PostgresqlBlock,
    /// More variables to export, by name.
    #[serde(default)]
    extra: BTreeMap<String, Text>,
}

/// How the application reaches its replica set.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct MongodbBlock {
    /// All members, as `HOST:PORT`. With only one of them the application does not start while that
    /// member is down.
    hosts: Vec<Text>,
    /// The name of the set.
    replica_set: Text,
    /// The user's name.
    username: Text,
    /// The user's password.
    password: Text,
    /// The authentication database of the user.
    #[serde(default = "admin")]
    auth_source: Text,
    /// The database of what is built and who did what.
    #[serde(default = "circle_ghe")]
    main_database: Text,
    /// The database of running builds.
    #[serde(default = "build_state")]
    build_state_database: Text,
    /// The database of build containers.
    #[serde(default = "containers")]
    containers_database: Text,
    /// The database of remote containers, where the release has them; the user needs a role on it.
    remote_containers_database: Option<Text>,
}

/// How the application reaches PostgreSQL.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PostgresqlBlock {
    /// The server's name or address.
    host: Text,
    /// The server's port.
    #[serde(default = "usual_port")]
    port: Text,
    /// The database.
    #[serde(default = "circle")]
    database: Text,
    /// The user's name.
    username: Text,
    /// The user's password.
    password: Text,
    /// The TLS mode.
    #[serde(default)]
    sslmode: SslMode,
}

/// The TLS mode, with libpq's names.
#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SslMode {
    /// Encryption without a check of the certificate.
    #[default]
    Require,
    /// A certificate of a trusted authority.
    VerifyCa,
    /// A certificate of a trusted authority for this very host.
    VerifyFull,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct CustomizationsOutputs {
    /// The file.
    content: Text,
    /// The SHA-256 of the file in hexadecimal; not secret, although the file holds secrets.
    sha256: Text,
    /// The application's main URI of the replica set.
    mongodb_uri: Text,
    /// The application's URI of PostgreSQL.
    postgresql_uri: Text,
}

fn admin() -> Text {
    "admin".into()
}

fn circle_ghe() -> Text {
    "circle_ghe".into()
}

fn build_state() -> Text {
    "build_state_dev_ghe".into()
}

fn containers() -> Text {
    "containers_dev_ghe".into()
}

fn usual_port() -> Text {
    "5432".into()
}

fn circle() -> Text {
    "circle".into()
}

impl Document for Customizations {
    const KIND: &'static str = "circleci_customizations";
    type Outputs = CustomizationsOutputs;

    fn render(&self) -> Result<CustomizationsOutputs, Vec<ArgumentProblem>> {
        let mut checks = ProblemCollector::default();
        self.mongodb.check(&mut checks);
        self.postgresql.check(&mut checks);
        self.check_extra(&mut checks);
        checks.rendering(|| {
            let content = self.content();
            CustomizationsOutputs {
                sha256: sha256(&content),
                content,
                mongodb_uri: self.mongodb.uri(&self.mongodb.main_database),
                postgresql_uri: self.postgresql.uri(),
            }
        })
    }
}

impl Customizations {
    fn exports(&self) -> Vec<(&str, Text)> {
        let mongodb = &self.mongodb;
        let mut exports = vec![
            ("CIRCLE_SECRETS_MONGODB_MAIN_URI", mongodb.uri(&mongodb.main_database)),
            ("CIRCLE_SECRETS_MONGODB_ACTION_LOGS_URI", mongodb.uri(&mongodb.main_database)),
            ("CIRCLE_SECRETS_MONGODB_BUILD_STATE_URI", mongodb.uri(&mongodb.build_state_database)),
            ("CIRCLE_SECRETS_MONGODB_CONTAINERS_URI", mongodb.uri(&mongodb.containers_database)),
        ];
        if let Some(database) = &mongodb.remote_containers_database {
            exports.push(("CIRCLE_SECRETS_MONGODB_REMOTE_CONTAINERS_URI", mongodb.uri(database)));
        }
        exports.push(("CIRCLE_SECRETS_POSTGRES_MAIN_URI", self.postgresql.uri()));
        exports.extend(self.extra.iter().map(|(name, value)| (name.as_str(), value.clone())));
        exports
    }

    fn content(&self) -> Text {
        let mut content =
            Text::from("# Where CircleCI finds its databases. Rendered by ha; holds passwords.\n");
        for (name, value) in self.exports() {
            content.push_str(&format!("export {name}="));
            content.push(&shell_word(&value));
            content.push_str("\n");
        }
        content
    }

    fn check_extra(&self, checks: &mut ProblemCollector) {
        for (name, value) in &self.extra {
            let at = Path::attribute("extra").name(name.as_str());
            let is_name = name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
                && name.chars().next().is_some_and(|it| !it.is_ascii_digit());
            if !is_name {
                checks.problem(at.clone(), format!("`{name}` is no name of a shell variable"));
            }
            if self.exports().iter().filter(|(other, _)| other == name).count() > 1 {
                checks.problem(at.clone(), format!("`{name}` is exported already"));
            }
            if value.known().is_some_and(|it| it.contains('\0')) {
                checks.problem(at, format!("`extra.{name}` has a zero byte in it"));
            }
        }
    }
}

impl MongodbBlock {
    fn uri(&self, database: &Text) -> Text {
        let mut uri = Text::from("mongodb://");
        uri.push(&percent_encoded(&self.username));
        uri.push_str(":");
        uri.push(&percent_encoded(&self.password));
        uri.push_str("@");
        uri.push(&joined(&self.hosts, ","));
        uri.push_str("/");
        uri.push(&percent_encoded(database));
        uri.push_str("?replicaSet=");
        uri.push(&percent_encoded(&self.replica_set));
        // All drivers accept `ssl`; the ones in old releases of CircleCI do not know `tls`.
        uri.push_str("&ssl=true&authSource=");
        uri.push(&percent_encoded(&self.auth_source));
        uri
    }

    fn check(&self, checks: &mut ProblemCollector) {
        let at = |name: &str| Path::attribute("mongodb").name(name);
        if self.hosts.len() < 3 {
            let message = format!(
                "`mongodb.hosts` has {} of the three members that a highly available set has at least; the application must know \
                 all, or it cannot start while the ones it knows are away",
                self.hosts.len()
            );
            checks.problem(at("hosts"), message);
        }
        for (index, host) in self.hosts.iter().enumerate() {
            checks.host_and_port(at("hosts").index(index), host);
            if host.known().is_some()
                && self.hosts[..index].iter().any(|other| other.known() == host.known())
            {
                checks.problem(at("hosts").index(index), "the same member is there twice");
            }
        }
        checks.word(at("replica_set"), &self.replica_set);
        checks.word(at("username"), &self.username);
        checks.password(at("password"), &self.password);
        checks.word(at("auth_source"), &self.auth_source);
        let databases = [
            ("main_database", Some(&self.main_database)),
            ("build_state_database", Some(&self.build_state_database)),
            ("containers_database", Some(&self.containers_database)),
            ("remote_containers_database", self.remote_containers_database.as_ref()),
        ];
        for (name, database) in databases.into_iter().filter_map(|(name, it)| Some((name, it?))) {
            checks.word(at(name), database);
            if database.known().is_some_and(|it| it.contains(['/', '\\', '.', ' ', '"', '$'])) {
                checks.problem(
                    at(name),
                    format!("`mongodb.{name}` has a character that no name of a database may have"),
                );
            }
        }
    }
}

impl PostgresqlBlock {
    fn uri(&self) -> Text {
        let mode = serde_json::json!(self.sslmode);
        let mut uri = Text::from("postgres://");
        uri.push(&percent_encoded(&self.username));
        uri.push_str(":");
        uri.push(&percent_encoded(&self.password));
        uri.push_str("@");
        uri.push(&self.host);
        uri.push_str(":");
        uri.push(&self.port);
        uri.push_str("/");
        uri.push(&percent_encoded(&self.database));
        uri.push_str("?sslmode=");
        uri.push_str(mode.as_str().unwrap_or_default());
        uri
    }

    fn check(&self, checks: &mut ProblemCollector) {
        let at = |name: &str| Path::attribute("postgresql").name(name);
        checks.host(at("host"), &self.host);
        checks.port(at("port"), &self.port);
        checks.word(at("database"), &self.database);
        checks.word(at("username"), &self.username);
        checks.password(at("password"), &self.password);
    }
}

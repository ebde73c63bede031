//! `mongod.conf`, as each release wants it.

use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, Document};
use ha_value::{Path, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::conf::scalar;
use crate::release::{FRACTIONAL_CACHE, JOURNAL_ALWAYS, ReleaseSeries, TLS_NAMES};

/// Renders mongod.conf for MongoDB 3.2 to 8.0: the guide's directories and log settings, TLS and
/// x509 required from the first start, and no way in for a client that has not proved who it is.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct MongodbConfig {
    /// The version of mongod that will read it, such as `6.0` or `6.0.5`.
    version: String,
    /// A folder that the guide's paths are put below; leave it out for the paths as the guide has
    /// them.
    root: Option<Text>,
    /// The replica set's name.
    replica_set: Text,
    /// The addresses and names to listen on. mongod from 3.6 listens on the loopback address alone
    /// when it is not told.
    bind_ip: Vec<Text>,
    /// The port to listen on.
    #[serde(default = "mongod_port")]
    port: u16,
    /// The storage engine's cache in gigabytes; half of the memory but one gigabyte when left out.
    cache_size_gb: Option<f64>,
    /// The oplog's size in megabytes; a twentieth of the disk when left out.
    oplog_size_mb: Option<u32>,
    /// Whether mongod puts itself into the background; leave it to false where a service manager
    /// starts it.
    #[serde(default)]
    fork: bool,
    /// Further server parameters by name.
    #[serde(default)]
    set_parameter: BTreeMap<String, Text>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MongodbConfigOutputs {
    /// The file's text.
    content: Text,
    /// The text's SHA-256, in hexadecimal.
    sha256: Text,
}

fn mongod_port() -> u16 {
    27017
}

impl Document for MongodbConfig {
    const KIND: &'static str = "mongodb_config";
    type Outputs = MongodbConfigOutputs;

    fn render(&self) -> Result<MongodbConfigOutputs, Vec<ArgumentProblem>> {
        let release = self.checked()?;
        let mut file = ConfigFile(Text::new());
        file.0.push_str(&format!("# mongod.conf for MongoDB {release}, rendered by ha.\n"));
        self.storage(release, &mut file);
        self.system_log(&mut file);
        self.network(release, &mut file);
        file.section("security");
        file.line(1, "authorization", "enabled");
        file.line(1, "clusterAuthMode", "x509");
        file.section("replication");
        file.text(1, "replSetName", &self.replica_set);
        if let Some(size) = self.oplog_size_mb {
            file.line(1, "oplogSizeMB", &size.to_string());
        }
        if self.fork {
            file.section("processManagement");
            file.line(1, "fork", "true");
        }
        file.section("setParameter");
        // With mongod's default an anonymous client on the host itself could initiate the set and
        // make itself root.
        file.line(1, BYPASS, "false");
        for (name, value) in &self.set_parameter {
            file.text(1, name, value);
        }
        let sha256 = match file.0.known() {
            Some(whole) => Text::from(
                Sha256::digest(whole).iter().map(|it| format!("{it:02x}")).collect::<String>(),
            ),
            None => Text::unknown(None),
        };
        Ok(MongodbConfigOutputs { content: file.0, sha256 })
    }
}

const BYPASS: &str = "enableLocalhostAuthBypass";

impl MongodbConfig {
    fn checked(&self) -> Result<ReleaseSeries, Vec<ArgumentProblem>> {
        let mut problems = Vec::new();
        let mut wrong = |name: &str, message: String| {
            problems.push(ArgumentProblem { path: Path::attribute(name), message })
        };
        let release = ReleaseSeries::from_version(&self.version)
            .map_err(|message| wrong("version", message))
            .ok();
        if self.bind_ip.is_empty() {
            wrong(
                "bind_ip",
                "mongod must listen somewhere; name the host's own address or `0.0.0.0`".into(),
            );
        }
        if let Some(root) = self.root.as_ref().and_then(Text::known)
            && !root.is_empty()
            && !root.starts_with('/')
        {
            wrong(
                "root",
                format!(
                    "`{root}` must begin with a slash: mongod changes its working directory when it forks"
                ),
            );
        }
        if self.replica_set.known().is_some_and(|it| it.is_empty() || it.contains(['/', ' '])) {
            wrong(
                "replica_set",
                "a replica set's name is not empty and holds no slash and no space".into(),
            );
        }
        if self.set_parameter.contains_key(BYPASS) {
            let message = format!(
                "`{BYPASS}` is always false: otherwise whoever reaches the host first is its administrator"
            );
            wrong("set_parameter", message);
        }
        if let (Some(size), Some(release)) = (self.cache_size_gb, release) {
            if release < FRACTIONAL_CACHE && (size < 1.0 || size.fract() != 0.0) {
                wrong(
                    "cache_size_gb",
                    format!("MongoDB {release} takes whole gigabytes only, got {size}"),
                );
            } else if size < 0.25 {
                wrong(
                    "cache_size_gb",
                    format!("the storage engine needs at least 0.25 gigabytes, got {size}"),
                );
            }
        }
        match release {
            Some(release) if problems.is_empty() => Ok(release),
            _ => Err(problems),
        }
    }

    fn below_root(&self, path: &str) -> Text {
        // Cutting the slash off the last known part is enough: a root that ends in an unknown is
        // taken as it is.
        let mut whole = match self.root.as_ref().map(|it| (it, it.known())) {
            Some((_, Some(known))) => Text::from(known.trim_end_matches('/')),
            Some((root, None)) => root.clone(),
            None => Text::new(),
        };
        whole.push_str(path);
        whole
    }

    fn storage(&self, release: ReleaseSeries, file: &mut ConfigFile) {
        file.section("storage");
        file.text(1, "dbPath", &self.below_root("/mongo/data"));
        file.line(1, "engine", "wiredTiger");
        if release < JOURNAL_ALWAYS {
            file.line(1, "journal", "");
            file.line(2, "enabled", "true");
        }
        if let Some(size) = self.cache_size_gb {
            file.line(1, "wiredTiger", "");
            file.line(2, "engineConfig", "");
            file.line(3, "cacheSizeGB", &size.to_string());
        }
    }

    fn system_log(&self, file: &mut ConfigFile) {
        file.section("systemLog");
        file.line(1, "destination", "file");
        file.text(1, "path", &self.below_root("/mongo/logs/mongod.log"));
        file.line(1, "logAppend", "true");
        file.line(1, "logRotate", "reopen");
        file.line(1, "timeStampFormat", "iso8601-utc");
    }

    fn network(&self, release: ReleaseSeries, file: &mut ConfigFile) {
        file.section("net");
        file.line(1, "port", &self.port.to_string());
        let mut addresses = Text::new();
        for (index, address) in self.bind_ip.iter().enumerate() {
            addresses.push_str(if index > 0 { "," } else { "" });
            addresses.push(address);
        }
        file.text(1, "bindIp", &addresses);
        if addresses.known().is_some_and(|it| it.contains("::") || it.matches(':').count() > 1) {
            file.line(1, "ipv6", "true");
        }
        // A socket file would be a way in past TLS.
        file.line(1, "unixDomainSocket", "");
        file.line(2, "enabled", "false");
        let (section, mode, key_file) = match release >= TLS_NAMES {
            true => ("tls", "requireTLS", "certificateKeyFile"),
            false => ("ssl", "requireSSL", "PEMKeyFile"),
        };
        let certificate = self.below_root("/etc/mongodb/mongodb.pem");
        file.line(1, section, "");
        file.line(2, "mode", mode);
        file.text(2, key_file, &certificate);
        file.text(2, "clusterFile", &certificate);
        file.text(2, "CAFile", &self.below_root("/etc/mongodb/ca.pem"));
        // The application proves itself by password; the members by certificate.
        file.line(2, "allowConnectionsWithoutCertificates", "true");
        file.line(2, "disabledProtocols", "TLS1_0,TLS1_1");
    }
}

struct ConfigFile(Text);

impl ConfigFile {
    fn section(&mut self, name: &str) {
        self.0.push_str(&format!("\n{name}:\n"));
    }

    fn line(&mut self, depth: usize, key: &str, value: &str) {
        let space = if value.is_empty() { "" } else { " " };
        self.0.push_str(&format!("{:1$}{key}:{space}{value}\n", "", depth * 2));
    }

    fn text(&mut self, depth: usize, key: &str, value: &Text) {
        self.0.push_str(&format!("{:1$}{key}: ", "", depth * 2));
        self.0.push(&scalar(value));
        self.0.push_str("\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::setting;

    fn config(version: &str) -> MongodbConfig {
        MongodbConfig {
            version: version.into(),
            root: Some("/srv/a/".into()),
            replica_set: "circle".into(),
            bind_ip: vec!["127.0.0.11".into()],
            port: 27117,
            cache_size_gb: None,
            oplog_size_mb: Some(128),
            fork: true,
            set_parameter: BTreeMap::new(),
        }
    }

    fn rendered(version: &str) -> String {
        config(version).render().unwrap().content.known().unwrap()
    }

    #[test]
    fn a_current_release_gets_the_current_names() {
        let expected = "\
# mongod.conf for MongoDB 6.0, rendered by ha.

storage:
  dbPath: /srv/a/mongo/data
  engine: wiredTiger
  journal:
    enabled: true
  wiredTiger:
    engineConfig:
      cacheSizeGB: 0.25

systemLog:
  destination: file
  path: /srv/a/mongo/logs/mongod.log
  logAppend: true
  logRotate: reopen
  timeStampFormat: iso8601-utc

net:
  port: 27117
  bindIp: \"127.0.0.11\"
  unixDomainSocket:
    enabled: false
  tls:
    mode: requireTLS
    certificateKeyFile: /srv/a/etc/mongodb/mongodb.pem
    clusterFile: /srv/a/etc/mongodb/mongodb.pem
    CAFile: /srv/a/etc/mongodb/ca.pem
    allowConnectionsWithoutCertificates: true
    disabledProtocols: TLS1_0,TLS1_1

security:
  authorization: enabled
  clusterAuthMode: x509

replication:
  replSetName: circle
  oplogSizeMB: 128

processManagement:
  fork: true

setParameter:
  enableLocalhostAuthBypass: false
";
        let config = MongodbConfig { cache_size_gb: Some(0.25), ..config("6.0.5") };
        assert_eq!(config.render().unwrap().content.known().unwrap(), expected);
    }

    #[test]
    fn each_release_gets_the_names_it_knows() {
        for (version, ssl, journal) in [
            ("3.2", true, true),
            ("4.0", true, true),
            ("4.2", false, true),
            ("6.0", false, true),
            ("6.1", false, false),
            ("8.0", false, false),
        ] {
            let text = rendered(version);
            assert_eq!(
                setting(&text, "net.ssl.mode").as_deref(),
                ssl.then_some("requireSSL"),
                "{version}"
            );
            assert_eq!(setting(&text, "net.ssl.PEMKeyFile").is_some(), ssl, "{version}");
            assert_eq!(
                setting(&text, "net.tls.mode").as_deref(),
                (!ssl).then_some("requireTLS"),
                "{version}"
            );
            assert_eq!(setting(&text, "net.tls.certificateKeyFile").is_some(), !ssl, "{version}");
            assert_eq!(setting(&text, "storage.journal.enabled").is_some(), journal, "{version}");
            assert_eq!(setting(&text, "net.bindIp").as_deref(), Some("127.0.0.11"), "{version}");
        }
    }

    #[test]
    fn without_a_root_the_paths_are_the_guides() {
        let config = MongodbConfig { root: None, ..config("6.0") };
        let text = config.render().unwrap().content.known().unwrap();
        assert_eq!(setting(&text, "storage.dbPath").as_deref(), Some("/mongo/data"));
        assert_eq!(setting(&text, "systemLog.path").as_deref(), Some("/mongo/logs/mongod.log"));
    }

    #[test]
    fn an_unknown_address_leaves_the_rest_readable() {
        let config =
            MongodbConfig { bind_ip: vec![Text::unknown(Some("it.is".into()))], ..config("6.0") };
        let outputs = config.render().unwrap();
        assert_eq!(outputs.content.known(), None);
        assert!(outputs.content.parts().len() == 3);
        assert_eq!(outputs.sha256.known(), None);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let config = MongodbConfig {
            root: Some("srv".into()),
            bind_ip: vec![],
            cache_size_gb: Some(0.5),
            set_parameter: [(BYPASS.to_owned(), Text::from("true"))].into(),
            ..config("3.2")
        };
        let names: Vec<String> =
            config.render().unwrap_err().iter().map(|it| it.path.to_string()).collect();
        assert_eq!(names, ["bind_ip", "root", "set_parameter", "cache_size_gb"]);
        let problems =
            MongodbConfig { version: "9.9".into(), ..self::config("6.0") }.render().unwrap_err();
        assert!(problems[0].message.contains("9.9"));
    }
}

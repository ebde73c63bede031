use ha_provider::{ArgumentProblem, Document};
use ha_value::{Path, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::ProblemCollector;
use crate::digest::sha256;
use crate::quoting::json_string;

/// `replicated.conf`: how Replicated installs itself and the application. It is read once, when
/// Replicated starts for the first time, so it must be there before Replicated is.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ReplicatedConfig {
    /// Who may use the console: those with a password, or anybody who reaches it.
    #[serde(default)]
    daemon_authentication_type: DaemonAuthenticationType,
    /// The console's password.
    daemon_authentication_password: Option<Text>,
    /// What other hosts join with.
    daemon_token: Option<Text>,
    /// How the console and the application get their certificate.
    #[serde(default)]
    tls_bootstrap_type: TlsBootstrapType,
    /// The name in the certificate; the same as `hostname` of `circleci_settings`.
    tls_bootstrap_hostname: Text,
    /// Where the certificate is on the machine, with `server-path`.
    tls_bootstrap_cert: Option<Text>,
    /// Where the certificate's key is on the machine, with `server-path`.
    tls_bootstrap_key: Option<Text>,
    /// How much Replicated writes to its log.
    #[serde(default)]
    log_level: LogLevel,
    /// The channel of releases.
    #[serde(default = "stable")]
    channel: Text,
    /// Which release to install. Without it a machine that replaces another may come up with a
    /// newer CircleCI.
    release_sequence: Option<u64>,
    /// Where the licence is on the machine.
    #[serde(default = "licence")]
    license_file_location: Text,
    /// Where the package for an installation without a network is on the machine.
    license_bootstrap_airgap_package_path: Option<Text>,
    /// The channel of the licence, when it allows several.
    license_bootstrap_channel_id: Option<Text>,
    /// Where `settings.conf` is on the machine.
    #[serde(default = "settings")]
    import_settings_from: Text,
    /// Whether the settings are removed from the disk once they are imported; they hold secrets.
    remove_import_settings_from: Option<bool>,
    /// Whether to install even where the machine does not meet the requirements.
    #[serde(default)]
    bypass_preflight_checks: bool,
}

/// Who may use the console.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DaemonAuthenticationType {
    /// Those with the password.
    #[default]
    Password,
    /// Anybody.
    Anonymous,
}

/// Where the certificate comes from.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TlsBootstrapType {
    /// Made by Replicated.
    #[default]
    SelfSigned,
    /// Files on the machine.
    ServerPath,
}

/// How much is logged.
#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogLevel {
    /// Everything.
    Debug,
    /// What is worth knowing.
    #[default]
    Info,
    /// What went wrong.
    Error,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ReplicatedConfigOutputs {
    /// The file.
    content: Text,
    /// The SHA-256 of the file in hexadecimal; in the clear, although the file holds secrets.
    sha256: Text,
}

fn stable() -> Text {
    "stable".into()
}

fn licence() -> Text {
    "/etc/license.rli".into()
}

fn settings() -> Text {
    "/etc/settings.conf".into()
}

impl Document for ReplicatedConfig {
    const KIND: &'static str = "circleci_replicated_config";
    type Outputs = ReplicatedConfigOutputs;

    fn render(&self) -> Result<ReplicatedConfigOutputs, Vec<ArgumentProblem>> {
        self.checked().rendering(|| {
            let content = self.content();
            ReplicatedConfigOutputs { sha256: sha256(&content), content }
        })
    }
}

impl ReplicatedConfig {
    /// Every key with its value as JSON, in the order of the file.
    fn entries(&self) -> Vec<(&'static str, Option<Text>)> {
        let Self {
            daemon_authentication_type, daemon_authentication_password, daemon_token, ..
        } = self;
        let Self {
            tls_bootstrap_type,
            tls_bootstrap_hostname,
            tls_bootstrap_cert,
            tls_bootstrap_key,
            ..
        } = self;
        let Self { log_level, channel, release_sequence, license_file_location, .. } = self;
        let Self { license_bootstrap_airgap_package_path, license_bootstrap_channel_id, .. } = self;
        let Self {
            import_settings_from, remove_import_settings_from, bypass_preflight_checks, ..
        } = self;
        let text = |it: &Option<Text>| it.as_ref().map(json_string);
        let plain = |it: serde_json::Value| (!it.is_null()).then(|| Text::from(it.to_string()));
        vec![
            ("DaemonAuthenticationType", plain(serde_json::json!(daemon_authentication_type))),
            ("DaemonAuthenticationPassword", text(daemon_authentication_password)),
            ("DaemonToken", text(daemon_token)),
            ("TlsBootstrapType", plain(serde_json::json!(tls_bootstrap_type))),
            ("TlsBootstrapHostname", Some(json_string(tls_bootstrap_hostname))),
            ("TlsBootstrapCert", text(tls_bootstrap_cert)),
            ("TlsBootstrapKey", text(tls_bootstrap_key)),
            ("LogLevel", plain(serde_json::json!(log_level))),
            ("Channel", Some(json_string(channel))),
            ("ReleaseSequence", plain(serde_json::json!(release_sequence))),
            ("LicenseFileLocation", Some(json_string(license_file_location))),
            ("LicenseBootstrapAirgapPackagePath", text(license_bootstrap_airgap_package_path)),
            ("LicenseBootstrapChannelID", text(license_bootstrap_channel_id)),
            ("ImportSettingsFrom", Some(json_string(import_settings_from))),
            ("RemoveImportSettingsFrom", plain(serde_json::json!(remove_import_settings_from))),
            ("BypassPreflightChecks", plain(serde_json::json!(bypass_preflight_checks))),
        ]
    }

    fn content(&self) -> Text {
        let mut content = Text::from("{");
        let given = self.entries().into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (index, (name, value)) in given.enumerate() {
            content.push_str(if index == 0 { "\n  " } else { ",\n  " });
            content.push_str(&format!("\"{name}\": "));
            content.push(&value);
        }
        content.push_str("\n}\n");
        content
    }

    fn checked(&self) -> ProblemCollector {
        let at = Path::attribute;
        let mut checks = ProblemCollector::default();
        checks.host(at("tls_bootstrap_hostname"), &self.tls_bootstrap_hostname);
        checks.word(at("channel"), &self.channel);
        checks.absolute_path(at("license_file_location"), &self.license_file_location);
        checks.absolute_path(at("import_settings_from"), &self.import_settings_from);
        if let Some(path) = &self.license_bootstrap_airgap_package_path {
            checks.absolute_path(at("license_bootstrap_airgap_package_path"), path);
        }
        for (name, value) in [
            ("daemon_token", &self.daemon_token),
            ("license_bootstrap_channel_id", &self.license_bootstrap_channel_id),
        ] {
            if let Some(value) = value {
                checks.word(at(name), value);
            }
        }
        match (self.daemon_authentication_type, &self.daemon_authentication_password) {
            (DaemonAuthenticationType::Password, Some(it)) => checks.password(at("daemon_authentication_password"), it),
            (DaemonAuthenticationType::Password, None) => checks.problem(
                at("daemon_authentication_password"),
                "`daemon_authentication_password` is required with `daemon_authentication_type = \"password\"`",
            ),
            (DaemonAuthenticationType::Anonymous, Some(_)) => checks.problem(
                at("daemon_authentication_password"),
                "`daemon_authentication_password` has no meaning with `daemon_authentication_type = \"anonymous\"`",
            ),
            (DaemonAuthenticationType::Anonymous, None) => {}
        }
        for (name, path) in [
            ("tls_bootstrap_cert", &self.tls_bootstrap_cert),
            ("tls_bootstrap_key", &self.tls_bootstrap_key),
        ] {
            match (self.tls_bootstrap_type, path) {
                (TlsBootstrapType::ServerPath, Some(path)) => checks.absolute_path(at(name), path),
                (TlsBootstrapType::ServerPath, None) => {
                    checks.problem(
                        at(name),
                        format!("`{name}` is required with `tls_bootstrap_type = \"server-path\"`"),
                    );
                }
                (TlsBootstrapType::SelfSigned, Some(_)) => {
                    checks.problem(
                        at(name),
                        format!(
                            "`{name}` has no meaning with `tls_bootstrap_type = \"self-signed\"`"
                        ),
                    );
                }
                (TlsBootstrapType::SelfSigned, None) => {}
            }
        }
        if self.license_file_location.known().is_some()
            && self.license_file_location.known() == self.import_settings_from.known()
        {
            let message = "`license_file_location` and `import_settings_from` are the same file";
            checks.problem(at("import_settings_from"), message);
        }
        checks
    }
}

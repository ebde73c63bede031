use ha_value::{Object, Value};

use super::{object, render, secret, shown, text};

fn config(more: &[(&str, Value)]) -> Object {
    let mut given = object(&[
        ("tls_bootstrap_hostname", Value::from("ci.example.com")),
        ("daemon_authentication_password", secret("hush\"")),
        ("release_sequence", Value::from(177)),
    ]);
    given.extend(object(more));
    given.into_iter().filter(|(_, it)| !it.is_null()).collect()
}

#[test]
fn the_file_is_the_guides_with_the_release_pinned() {
    let outputs = render("circleci_replicated_config", &config(&[])).unwrap();
    let wanted = r#"{
  "DaemonAuthenticationType": "password",
  "DaemonAuthenticationPassword": "(secret)",
  "TlsBootstrapType": "self-signed",
  "TlsBootstrapHostname": "ci.example.com",
  "LogLevel": "info",
  "Channel": "stable",
  "ReleaseSequence": 177,
  "LicenseFileLocation": "/etc/license.rli",
  "ImportSettingsFrom": "/etc/settings.conf",
  "BypassPreflightChecks": false
}
"#;
    assert_eq!(shown(&outputs["content"]), wanted);
    let parsed: serde_json::Value = serde_json::from_str(&text(&outputs["content"])).unwrap();
    assert_eq!(parsed["DaemonAuthenticationPassword"], "hush\"");
}

#[test]
fn every_key_has_an_argument() {
    let more = [
        ("bypass_preflight_checks", Value::from(true)),
        ("daemon_token", secret("token")),
        ("license_bootstrap_airgap_package_path", Value::from("/opt/ci.airgap")),
        ("license_bootstrap_channel_id", Value::from("294c68")),
        ("log_level", Value::from("debug")),
        ("channel", Value::from("beta")),
        ("tls_bootstrap_type", Value::from("server-path")),
        ("tls_bootstrap_cert", Value::from("/etc/server.crt")),
        ("tls_bootstrap_key", Value::from("/etc/server.key")),
        ("remove_import_settings_from", Value::from(true)),
    ];
    let outputs = render("circleci_replicated_config", &config(&more)).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&text(&outputs["content"])).unwrap();
    let wanted = serde_json::json!({
        "DaemonAuthenticationType": "password", "DaemonAuthenticationPassword": "hush\"", "DaemonToken": "token",
        "TlsBootstrapType": "server-path", "TlsBootstrapHostname": "ci.example.com", "TlsBootstrapCert": "/etc/server.crt",
        "TlsBootstrapKey": "/etc/server.key", "LogLevel": "debug", "Channel": "beta", "ReleaseSequence": 177,
        "LicenseFileLocation": "/etc/license.rli", "LicenseBootstrapAirgapPackagePath": "/opt/ci.airgap",
        "LicenseBootstrapChannelID": "294c68", "ImportSettingsFrom": "/etc/settings.conf", "RemoveImportSettingsFrom": true,
        "BypassPreflightChecks": true,
    });
    assert_eq!(parsed, wanted);
}

#[test]
fn mistakes_are_found() {
    let wrong =
        |more: &[(&str, Value)]| render("circleci_replicated_config", &config(more)).unwrap_err();
    assert!(
        wrong(&[("release_sequense", Value::from(1))])[0]
            .contains("did you mean `release_sequence`?")
    );
    assert_eq!(
        wrong(&[("license_file_location", Value::from("license.rli"))]),
        ["license_file_location: `license.rli` is no absolute path of a file"]
    );
    assert!(wrong(&[("daemon_authentication_password", Value::NULL)])[0].contains("is required"));
    assert!(
        wrong(&[("daemon_authentication_type", Value::from("anonymous"))])[0]
            .contains("has no meaning")
    );
    assert_eq!(wrong(&[("tls_bootstrap_type", Value::from("server-path"))]).len(), 2);
    assert_eq!(wrong(&[("import_settings_from", Value::from("/etc/license.rli"))]).len(), 1);
    assert_eq!(
        wrong(&[("log_level", Value::from("loud"))]),
        ["log_level: `loud` is not one of debug, info, error"]
    );
}

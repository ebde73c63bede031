use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, Document};
use ha_value::{Path, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::ProblemCollector;
use crate::digest::sha256;
use crate::quoting::json_string;

/// `settings.conf`: the application's settings, which Replicated imports when it starts for the
/// first time.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ReplicatedSettings {
    /// The name under which people reach CircleCI; the same as `tls_bootstrap_hostname` of
    /// `circleci_replicated_config`.
    hostname: Text,
    /// Whether builds run on machines of their own.
    #[serde(default = "yes")]
    allow_cluster: bool,
    /// The key that the application encrypts its own secrets with. Without it they cannot be
    /// recovered.
    secret_passphrase: Text,
    /// Which GitHub it builds from.
    #[serde(default)]
    ghe_type: GithubType,
    /// The name of the GitHub Enterprise server, when it is one.
    ghe_domain: Option<Text>,
    /// The id of the OAuth application at GitHub.
    ghe_client_id: Text,
    /// The secret of the OAuth application at GitHub.
    ghe_client_secret: Text,
    /// Where artifacts are stored. Only S3 outlives the Services machine.
    #[serde(default)]
    storage_backend: StorageBackend,
    /// The region of bucket and queue.
    aws_region: Text,
    /// The bucket for artifacts.
    s3_bucket: Text,
    /// The queue that announces finished builders.
    sqs_queue_url: Text,
    /// The answer to the licence agreement.
    #[serde(default)]
    license_agreement: LicenseAgreement,
    /// Settings that have no argument of their own, by name.
    #[serde(default)]
    extra: BTreeMap<String, Text>,
}

/// Which GitHub.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GithubType {
    /// github.com.
    #[default]
    GithubTypePublic,
    /// GitHub Enterprise.
    GithubTypeEnterprise,
}

/// Where artifacts are stored.
#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) enum StorageBackend {
    /// In a bucket.
    #[default]
    #[serde(rename = "storage_backend_s3")]
    S3,
}

/// The answer to the licence agreement.
#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) enum LicenseAgreement {
    /// Yes.
    #[default]
    #[serde(rename = "license_agreement_agree")]
    Agree,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ReplicatedSettingsOutputs {
    /// The file.
    content: Text,
    /// The SHA-256 of the file in hexadecimal; not secret, although the file holds secrets.
    sha256: Text,
}

fn yes() -> bool {
    true
}

impl Document for ReplicatedSettings {
    const KIND: &'static str = "circleci_settings";
    type Outputs = ReplicatedSettingsOutputs;

    fn render(&self) -> Result<ReplicatedSettingsOutputs, Vec<ArgumentProblem>> {
        self.checked().rendering(|| {
            let content = self.content();
            ReplicatedSettingsOutputs { sha256: sha256(&content), content }
        })
    }
}

impl ReplicatedSettings {
    /// Every setting, in the order of the file.
    fn settings(&self) -> Vec<(&str, Text)> {
        let Self {
            hostname,
            allow_cluster,
            secret_passphrase,
            ghe_type,
            ghe_domain,
            ghe_client_id,
            ghe_client_secret,
            ..
        } = self;
        let Self {
            storage_backend,
            aws_region,
            s3_bucket,
            sqs_queue_url,
            license_agreement,
            extra,
            ..
        } = self;
        let spelt = |choice: serde_json::Value| Text::from(choice.as_str().unwrap_or_default());
        let mut settings = vec![
            ("hostname", hostname.clone()),
            ("allow_cluster", Text::from(if *allow_cluster { "1" } else { "0" })),
            ("secret_passphrase", secret_passphrase.clone()),
            ("ghe_type", spelt(serde_json::json!(ghe_type))),
        ];
        settings.extend(ghe_domain.clone().map(|it| ("ghe_domain", it)));
        settings.extend([
            ("ghe_client_id", ghe_client_id.clone()),
            ("ghe_client_secret", ghe_client_secret.clone()),
            ("storage_backend", spelt(serde_json::json!(storage_backend))),
            ("aws_region", aws_region.clone()),
            ("s3_bucket", s3_bucket.clone()),
            ("sqs_queue_url", sqs_queue_url.clone()),
            ("license_agreement", spelt(serde_json::json!(license_agreement))),
        ]);
        settings.extend(extra.iter().map(|(name, value)| (name.as_str(), value.clone())));
        settings
    }

    fn content(&self) -> Text {
        let mut content = Text::from("{");
        for (index, (name, value)) in self.settings().into_iter().enumerate() {
            content.push_str(if index == 0 { "\n  " } else { ",\n  " });
            content.push(&json_string(&name.into()));
            content.push_str(": {\n    \"value\": ");
            content.push(&json_string(&value));
            content.push_str("\n  }");
        }
        content.push_str("\n}\n");
        content
    }

    fn checked(&self) -> ProblemCollector {
        let at = Path::attribute;
        let mut checks = ProblemCollector::default();
        checks.host(at("hostname"), &self.hostname);
        checks.password(at("secret_passphrase"), &self.secret_passphrase);
        checks.word(at("ghe_client_id"), &self.ghe_client_id);
        checks.word(at("ghe_client_secret"), &self.ghe_client_secret);
        checks.word(at("aws_region"), &self.aws_region);
        checks.word(at("s3_bucket"), &self.s3_bucket);
        checks.word(at("sqs_queue_url"), &self.sqs_queue_url);
        if self
            .sqs_queue_url
            .known()
            .is_some_and(|it| !it.is_empty() && !it.starts_with("https://"))
        {
            checks.problem(at("sqs_queue_url"), "`sqs_queue_url` must begin with `https://`");
        }
        match (&self.ghe_domain, self.ghe_type) {
            (Some(domain), GithubType::GithubTypeEnterprise) => {
                checks.host(at("ghe_domain"), domain)
            }
            (None, GithubType::GithubTypeEnterprise) => {
                checks.problem(
                    at("ghe_domain"),
                    "`ghe_domain` is required with `ghe_type = \"github_type_enterprise\"`",
                );
            }
            (Some(_), GithubType::GithubTypePublic) => {
                checks.problem(
                    at("ghe_domain"),
                    "`ghe_domain` has no meaning with `ghe_type = \"github_type_public\"`",
                );
            }
            (None, GithubType::GithubTypePublic) => {}
        }
        for (name, value) in &self.extra {
            let here = at("extra").name(name.as_str());
            if self.settings().iter().filter(|(other, _)| other == name).count() > 1
                || name == "ghe_domain"
            {
                checks.problem(
                    here.clone(),
                    format!("`{name}` is an argument of its own; give it there"),
                );
            }
            if name.is_empty()
                || !name.chars().all(|it| it.is_ascii_alphanumeric() || "_-.".contains(it))
            {
                checks.problem(here.clone(), format!("`{name}` is no name of a setting"));
            }
            if value.known().is_some_and(|it| it.contains('\0')) {
                checks.problem(here, format!("`extra.{name}` has a zero byte in it"));
            }
        }
        checks
    }
}

//! The settings of a `backend "s3"` block, with the names of Terraform's.

use std::time::Duration;

use ha_provider::{CallOutcome, Error, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::provider::AccountAccess;

/// A state in a bucket of S3, or of an S3-compatible service with conditional writes.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct S3Settings {
    /// Name of the bucket, which must exist. With its versioning on, an object that is deleted by
    /// mistake can be restored.
    pub(super) bucket: String,
    /// Name of the state in the bucket, such as `network/ha.state`. It is the prefix of the state's
    /// objects.
    key: String,
    /// The region of the bucket. From `AWS_REGION` or the profile when left out.
    region: Option<String>,
    /// Profile in the shared configuration files.
    profile: Option<String>,
    /// Access key. Credentials come from the environment, the profile, SSO, a web identity or the
    /// instance when left out.
    access_key: Option<Secret<String>>,
    /// Secret of the access key.
    secret_key: Option<Secret<String>>,
    /// Session token, with temporary credentials.
    token: Option<Secret<String>>,
    /// Endpoint URL, where it is not that of AWS: `http://127.0.0.1:24777`.
    endpoint: Option<String>,
    /// Endpoint URLs of single services; they take precedence over `endpoint`.
    endpoints: Option<S3Endpoints>,
    /// Whether requests have the bucket in the path and not in the host name. True by default with
    /// a custom endpoint.
    pub(super) use_path_style: Option<bool>,
    /// Whether S3 encrypts the objects too, in addition to the encryption by `ha`.
    #[serde(default)]
    pub(super) encrypt: bool,
    /// KMS key for the encryption by S3.
    pub(super) kms_key_id: Option<String>,
    /// Only `true` is allowed: a state is always locked.
    use_lockfile: Option<bool>,
    /// Prefix of the states of environments, each under its name: `env:/staging/network/ha.state`.
    #[serde(default = "usual_prefix")]
    workspace_key_prefix: String,
    /// Maximum number of tries of a call when the service is busy or cannot be reached.
    #[serde(default = "usual_retries")]
    max_retries: u32,
    /// Length of the lock's lease in seconds. A run changes nothing while its lease may expire
    /// during a call.
    #[serde(default = "usual_lease")]
    lock_lease: u32,
}

/// Endpoint URLs of single services.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct S3Endpoints {
    /// S3.
    s3: Option<String>,
}

fn usual_prefix() -> String {
    "env:".to_owned()
}

fn usual_retries() -> u32 {
    5
}

fn usual_lease() -> u32 {
    180
}

impl S3Settings {
    /// An error when the settings contradict each other.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refused = |cause: &str| {
            Err(Error::new("open the state in S3", cause).outcome(CallOutcome::Refused))
        };
        if self.bucket.is_empty() {
            return refused("`bucket` is empty");
        }
        if self.key.is_empty() || self.key.starts_with('/') || self.key.ends_with('/') {
            return refused("`key` must be a name, without `/` at either end");
        }
        if self.use_lockfile == Some(false) {
            return refused(
                "`use_lockfile` is false, and a state is always locked while it is written",
            );
        }
        if self.kms_key_id.is_some() && !self.encrypt {
            return refused("`kms_key_id` is set, but `encrypt` is not true");
        }
        if self.lock_lease == 0 {
            return refused("`lock_lease` is zero: such a lock keeps no one out");
        }
        Ok(())
    }

    /// Name of the state in the bucket.
    pub(super) fn name(&self, environment: Option<&str>) -> String {
        match environment {
            Some(environment) => {
                format!("{}/{environment}/{}", self.workspace_key_prefix, self.key)
            }
            None => self.key.clone(),
        }
    }

    /// Prefix of the states of environments.
    pub(super) fn folder_of_environments(&self) -> String {
        format!("{}/", self.workspace_key_prefix)
    }

    /// Length of the lock's lease.
    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(self.lock_lease.into())
    }

    pub(super) fn endpoint(&self) -> Option<&str> {
        self.endpoints.as_ref().and_then(|it| it.s3.as_deref()).or(self.endpoint.as_deref())
    }

    /// The account, credentials and endpoint.
    pub(super) fn access(&self) -> AccountAccess {
        AccountAccess {
            block: "backend \"s3\"",
            region: self.region.clone(),
            profile: self.profile.clone(),
            access_key: self.access_key.as_ref().map(|it| it.0.clone()),
            secret_key: self.secret_key.as_ref().map(|it| it.0.clone()),
            token: self.token.as_ref().map(|it| it.0.clone()),
            endpoint: self.endpoint().map(str::to_owned),
            attempts: self.max_retries,
            patience: Duration::from_mins(1),
        }
    }
}

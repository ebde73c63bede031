//! What a `backend "s3"` block says, by the names that Terraform's has.

use std::time::Duration;

use ha_provider::{CallOutcome, Error, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::provider::AccountAccess;

/// A state in a bucket of S3, or of a service that speaks as S3 does and knows conditional writes.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct S3Settings {
    /// The bucket. It must be there. Turn its versioning on: then nothing that is deleted by
    /// mistake is lost.
    pub(super) bucket: String,
    /// The state's name in the bucket, such as `network/ha.state`. What is kept lies below it.
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
    /// Address of the service, where it is not Amazon's: `http://127.0.0.1:24777`.
    endpoint: Option<String>,
    /// Addresses of single services; they go before `endpoint`.
    endpoints: Option<S3Endpoints>,
    /// Whether the bucket is in the path and not in the host name. True with an endpoint of one's
    /// own.
    pub(super) use_path_style: Option<bool>,
    /// Whether the bucket is to encrypt what it keeps, besides what `ha` does.
    #[serde(default)]
    pub(super) encrypt: bool,
    /// The KMS key that the bucket is to encrypt it with.
    pub(super) kms_key_id: Option<String>,
    /// There is always a lock; only `true` makes sense.
    use_lockfile: Option<bool>,
    /// What the states of environments lie below, each under its name:
    /// `env:/staging/network/ha.state`.
    #[serde(default = "usual_prefix")]
    workspace_key_prefix: String,
    /// How often a call is tried when the service is busy or cannot be reached.
    #[serde(default = "usual_retries")]
    max_retries: u32,
    /// For how many seconds the lock lasts after its holder was last heard of. Nothing is changed
    /// by a run whose lock may not outlast a call.
    #[serde(default = "usual_lease")]
    lock_lease: u32,
}

/// Addresses of single services.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct S3Endpoints {
    /// Objects.
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
    /// Says so when they make no sense together.
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

    /// The state's name in the bucket.
    pub(super) fn name(&self, environment: Option<&str>) -> String {
        match environment {
            Some(environment) => {
                format!("{}/{environment}/{}", self.workspace_key_prefix, self.key)
            }
            None => self.key.clone(),
        }
    }

    /// What the states of environments lie below.
    pub(super) fn folder_of_environments(&self) -> String {
        format!("{}/", self.workspace_key_prefix)
    }

    /// How long the lock lasts.
    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(self.lock_lease.into())
    }

    pub(super) fn endpoint(&self) -> Option<&str> {
        self.endpoints.as_ref().and_then(|it| it.s3.as_deref()).or(self.endpoint.as_deref())
    }

    /// How to get in.
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

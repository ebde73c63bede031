//! The `aws` provider: its settings, and the clients with them.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::{Provider as Tls, rustls_provider::CryptoMode};
use ha_provider::{
    Attempt, CallOutcome, Error, Incident, Permit, Provider, Secret, SharedSettings,
    UnsupportedNames,
};
use ha_value::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call_log::CallLog;
use crate::error::AwsErrorContext as _;
use crate::partition::AwsPartition;
use crate::recently_created::RecentlyCreated;
use crate::retries::{PermitInterceptor, RetryCounter, ThrottleIncidents, partition, retries};
use crate::unsupported;

/// The clients that resource types call.
pub struct AwsClients {
    pub(crate) autoscaling: aws_sdk_autoscaling::Client,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) rds: aws_sdk_rds::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    sts: aws_sdk_sts::Client,
    pub(crate) region: String,
    /// Objects that this run has created recently.
    pub(crate) recently_created: RecentlyCreated,
    incidents: Arc<ThrottleIncidents>,
    permit: Permit,
    caller: Option<AwsCaller>,
    endpoint: Option<String>,
}

/// The identity of the credentials.
#[derive(Clone, Debug)]
pub(crate) struct AwsCaller {
    pub(crate) account: String,
    pub(crate) arn: String,
    pub(crate) user: String,
}

/// The settings of the provider for Amazon Web Services.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct AwsSettings {
    /// The region, such as `eu-west-1`. From `AWS_REGION` or the profile when left out.
    region: Option<String>,
    /// Access key. Credentials come from the environment, the profile, SSO, a web identity or the
    /// instance when left out.
    access_key: Option<String>,
    /// Secret of the access key.
    secret_key: Option<Secret<String>>,
    /// Session token, with temporary credentials.
    token: Option<Secret<String>>,
    /// Profile in the shared configuration files.
    profile: Option<String>,
    /// Endpoint URL for all services, for an emulator: `http://127.0.0.1:24777`.
    endpoint: Option<String>,
    /// Endpoint URLs of single services; they take precedence over `endpoint`.
    endpoints: Option<ServiceEndpoints>,
    /// Whether S3 requests have the bucket in the path and not in the host name. True by default
    /// with a custom endpoint.
    s3_use_path_style: Option<bool>,
    /// Ids of accounts that may be used; any other is refused.
    allowed_account_ids: Option<std::collections::BTreeSet<String>>,
    /// Ids of accounts that are refused.
    forbidden_account_ids: Option<std::collections::BTreeSet<String>>,
    /// Tags for all resources that have tags.
    default_tags: Option<DefaultTags>,
    /// Maximum number of tries of a call when AWS is busy or cannot be reached.
    #[serde(default = "ten")]
    max_retries: u32,
    /// Whether the provider connects without a call to GetCallerIdentity.
    #[serde(default)]
    skip_credentials_validation: bool,
}

/// The block `default_tags`: tags for all resources that have tags.
#[derive(Serialize, Deserialize, JsonSchema)]
struct DefaultTags {
    /// The tags. A resource's own tag with the same key takes precedence; plans show both among the
    /// resource's tags.
    #[serde(default)]
    tags: std::collections::BTreeMap<String, String>,
}

/// The default tags of all resources.
fn default_tags(settings: &Object) -> Object {
    let tags = settings.get("default_tags").map(|it| it.get("tags"));
    tags.map(|it| ("tags".into(), it)).into_iter().collect()
}

/// Endpoint URLs of single services.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct ServiceEndpoints {
    /// EC2 Auto Scaling.
    autoscaling: Option<String>,
    /// EC2: instances, networks, images.
    ec2: Option<String>,
    /// IAM: identities and permissions.
    iam: Option<String>,
    /// RDS: databases.
    rds: Option<String>,
    /// S3: buckets and objects.
    s3: Option<String>,
    /// STS: the caller's identity.
    sts: Option<String>,
}

fn ten() -> u32 {
    10
}

/// The time limit of one try. Without it a connection that is silently dropped would block an apply
/// for ever.
const SLOWEST_ANSWER: Duration = Duration::from_mins(2);

impl Provider for AwsClients {
    const NAME: &'static str = "aws";
    type Settings = AwsSettings;
    const SHARED: Option<SharedSettings> = Some(default_tags);
    const UNSUPPORTED: &'static [UnsupportedNames] = unsupported::PROVIDER;

    async fn connect(settings: AwsSettings) -> Result<Self, Error> {
        let access = settings.access();
        let shared = shared(&access).await?;
        let region = shared.region().map(ToString::to_string).ok_or_else(|| access.no_region())?;
        let its = AwsPartition::from_region(&region);
        if !its.is_common() && settings.region.is_none() {
            // Planning predicts ARNs from the settings alone, so a region from the environment must
            // not be in another partition.
            let cause = format!(
                "the region `{region}` is in the partition `{}`, and the block does not name it",
                its.name
            );
            let block = access.block;
            return Err(refused("connect to AWS", cause)
                .help(format!("set `region = \"{region}\"` in the block `{block}`")));
        }
        let own = settings.endpoints.unwrap_or_default();
        let endpoint = shared.endpoint_url().map(str::to_owned);
        // Emulators and S3-compatible services mostly have no host name for each bucket.
        let path_style =
            settings.s3_use_path_style.unwrap_or(endpoint.is_some() || own.s3.is_some());
        let (incidents, permit) = (Arc::new(ThrottleIncidents::default()), Permit::default());
        macro_rules! client {
            ($service:ident, $name:literal, $at:expr $(, $more:ident($value:expr))*) => {{
                let counter = RetryCounter { service: $name, incidents: incidents.clone() };
                let config = $service::config::Builder::from(&shared)$(.$more($value))*;
                let mut config = config.retry_partition(partition($name)).interceptor(counter).interceptor(PermitInterceptor(permit.clone()));
                config = config.interceptor(CallLog { service: $name });
                if let Some(at) = $at {
                    config = config.endpoint_url(at);
                }
                $service::Client::from_conf(config.build())
            }};
        }
        let aws = Self {
            autoscaling: client!(aws_sdk_autoscaling, "autoscaling", own.autoscaling),
            ec2: client!(aws_sdk_ec2, "ec2", own.ec2),
            iam: client!(aws_sdk_iam, "iam", own.iam),
            rds: client!(aws_sdk_rds, "rds", own.rds),
            s3: client!(aws_sdk_s3, "s3", own.s3, force_path_style(path_style)),
            sts: client!(aws_sdk_sts, "sts", own.sts),
            region,
            recently_created: RecentlyCreated::default(),
            incidents,
            permit,
            // The identity is asked for with the client itself, and the checked value replaces this
            // one below.
            caller: None,
            endpoint,
        };
        let caller = match settings.skip_credentials_validation {
            true => None,
            false => Some(aws.caller().await?),
        };
        check_account(
            caller.as_ref(),
            settings.allowed_account_ids,
            settings.forbidden_account_ids,
        )?;
        Ok(Self { caller, ..aws })
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        let account = self.caller.as_ref().map(|it| ("account", it.account.clone()));
        let endpoint = self.endpoint.as_ref().map(|it| ("endpoint", it.clone()));
        account.into_iter().chain([("region", self.region.clone())]).chain(endpoint).collect()
    }

    fn incidents(&self) -> Vec<Incident> {
        self.incidents.counted()
    }

    fn permit(&self) -> Option<&Permit> {
        Some(&self.permit)
    }
}

impl AwsClients {
    /// The partition that the region is in.
    pub(crate) fn partition(&self) -> AwsPartition {
        AwsPartition::from_region(&self.region)
    }

    /// Whether AWS may not show this object everywhere yet: this run has created it recently, or an
    /// interrupted run may have.
    pub(crate) fn is_recently_created(&self, name: &str, attempt: &Attempt) -> bool {
        attempt.is_resumed() || self.recently_created.has(name)
    }

    /// The account id, where GetCallerIdentity was called.
    pub(crate) fn account(&self) -> Option<&str> {
        self.caller.as_ref().map(|it| it.account.as_str())
    }

    /// The identity of the credentials.
    pub(crate) async fn caller(&self) -> Result<AwsCaller, Error> {
        if let Some(known) = &self.caller {
            return Ok(known.clone());
        }
        // A failure of this first call is mostly a wrong endpoint or no network, so it is repeated
        // less often than others.
        let retries =
            RetryConfig::standard().with_max_attempts(3).with_max_backoff(Duration::from_secs(2));
        let hasty = aws_sdk_sts::config::Builder::new().retry_config(retries);
        let place = self.endpoint.as_ref().map_or_else(String::new, |it| format!(" at {it}"));
        let what = format!("ask AWS{place} in {} for the identity of the credentials", self.region);
        let call = self.sts.get_caller_identity().customize().config_override(hasty);
        let answer = call.send().await.attempting_first(what)?;
        Ok(AwsCaller {
            account: answer.account.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
            user: answer.user_id.unwrap_or_default(),
        })
    }
}

/// The account, credentials and endpoint of a client.
#[derive(Clone)]
pub(crate) struct AccountAccess {
    /// The configuration block with these settings, for messages.
    pub(crate) block: &'static str,
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) endpoint: Option<String>,
    /// Maximum number of tries of a call.
    pub(crate) attempts: u32,
    /// Time limit of one try.
    pub(crate) patience: Duration,
}

impl AccountAccess {
    /// The error where no region is configured.
    pub(crate) fn no_region(&self) -> Error {
        refused("find out the AWS region", "no region is configured").help(format!(
            "set `region` in the block `{}`, or AWS_REGION, or `region` in the profile",
            self.block
        ))
    }
}

impl AwsSettings {
    fn access(&self) -> AccountAccess {
        AccountAccess {
            block: "provider \"aws\"",
            region: self.region.clone(),
            profile: self.profile.clone(),
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.as_ref().map(|it| it.0.clone()),
            token: self.token.as_ref().map(|it| it.0.clone()),
            endpoint: self.endpoint.clone(),
            attempts: self.max_retries,
            patience: SLOWEST_ANSWER,
        }
    }
}

/// The configuration that all clients share.
pub(crate) async fn shared(access: &AccountAccess) -> Result<SdkConfig, Error> {
    let AccountAccess {
        block,
        region,
        profile,
        access_key,
        secret_key,
        token,
        endpoint,
        attempts,
        patience,
    } = access;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Tls::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        // A wrong endpoint shows within seconds; only responses may be slow.
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(*patience)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(retries(*attempts))
        .timeout_config(timeouts);
    if let Some(region) = region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    match (access_key, secret_key) {
        // Without explicit keys the SDK's default chain applies: environment, profile, SSO, web
        // identity, instance role.
        (Some(access), Some(secret)) => {
            loader = loader.credentials_provider(Credentials::new(
                access,
                secret,
                token.clone(),
                None,
                block,
            ));
        }
        (None, None) => {}
        _ => {
            let cause = "only one of access_key and secret_key is set";
            return Err(refused(format!("read the credentials of `{block}`"), cause)
                .help("set both, or neither"));
        }
    }
    Ok(loader.load().await)
}

type AccountIds = Option<std::collections::BTreeSet<String>>;

fn check_account(
    caller: Option<&AwsCaller>,
    allowed: AccountIds,
    forbidden: AccountIds,
) -> Result<(), Error> {
    if allowed.is_none() && forbidden.is_none() {
        return Ok(());
    }
    let Some(AwsCaller { account, arn, .. }) = caller else {
        let cause = "account ids are allowed or forbidden, but skip_credentials_validation skips the call that returns the account id";
        return Err(refused("check the AWS account", cause).help("remove one of the two"));
    };
    let welcome = allowed.is_none_or(|it| it.contains(account))
        && !forbidden.is_some_and(|it| it.contains(account));
    if welcome {
        return Ok(());
    }
    let cause =
        format!("these credentials are those of {arn}, and the account {account} is not allowed");
    Err(refused("connect to AWS", cause).help(
        "use the credentials of another account, or change allowed_account_ids and forbidden_account_ids",
    ))
}

fn refused(attempted: impl Into<String>, cause: impl std::fmt::Display) -> Error {
    Error::new(attempted, cause).outcome(CallOutcome::Refused)
}

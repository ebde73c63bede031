//! State keys that are data keys of AWS KMS, wrapped by a KMS key that never leaves KMS.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::types::DataKeySpec;
use aws_smithy_types::Blob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ha_provider::{CallOutcome, Error, Secret};
use ha_state_store::{KeyName, KeyProvider, StateError, StateErrorReason, StateKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::call_log::CallLog;
use crate::error::AwsErrorContext as _;
use crate::provider::{AccountAccess, shared};

/// The name of this key source in a sealed state.
const METHOD: &str = "aws_kms";
/// The encryption context key that binds a wrapped key to a state. It also shows in CloudTrail.
const CONTEXT: &str = "ha:lineage";
/// Error codes of KMS for a wrapped key of another KMS key or another encryption context.
const WRONG: [&str; 2] = ["InvalidCiphertextException", "IncorrectKeyException"];
/// Error codes of KMS for a key that the caller may not use or that does not exist.
const MISSING: [&str; 6] = [
    "AccessDeniedException",
    "NotFoundException",
    "DisabledException",
    "KMSInvalidStateException",
    "InvalidArnException",
    "KeyUnavailableException",
];

/// A data key of AWS KMS. Reading the state needs `kms:Decrypt` on the KMS key, writing it
/// `kms:GenerateDataKey` too.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct KmsSettings {
    /// KMS key: id, ARN or alias.
    kms_key_id: String,
    /// The region of the key. From `AWS_REGION` or the profile when left out.
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
    /// Maximum number of tries of a call when the service is busy or cannot be reached.
    #[serde(default = "usual_retries")]
    max_retries: u32,
}

fn usual_retries() -> u32 {
    5
}

/// The key provider for data keys of AWS KMS.
pub struct KmsKeys {
    settings: KmsSettings,
    known: Mutex<Vec<(KeyName, StateKey)>>,
}

impl KmsKeys {
    /// The key provider with these settings. Makes no call.
    #[must_use]
    pub fn new(settings: KmsSettings) -> Self {
        Self { settings, known: Mutex::default() }
    }

    fn access(&self) -> AccountAccess {
        let KmsSettings {
            kms_key_id: _,
            region,
            profile,
            access_key,
            secret_key,
            token,
            endpoint,
            max_retries,
        } = &self.settings;
        AccountAccess {
            block: "aws_kms",
            region: region.clone(),
            profile: profile.clone(),
            access_key: access_key.as_ref().map(|it| it.0.clone()),
            secret_key: secret_key.as_ref().map(|it| it.0.clone()),
            token: token.as_ref().map(|it| it.0.clone()),
            endpoint: endpoint.clone(),
            attempts: *max_retries,
            patience: Duration::from_secs(30),
        }
    }

    /// The result of `work` with a client. Blocks, and may be called inside another runtime.
    fn wait<T: Send>(
        &self,
        work: impl AsyncFnOnce(Client) -> Result<T, Error> + Send,
    ) -> Result<T, StateError> {
        let access = self.access();
        let waited = std::thread::scope(|scope| {
            // A thread of its own, because a runtime cannot be started inside of another one.
            let thread = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime
                    .map_err(|error| Error::from_error("start the runtime for AWS KMS", &error))?;
                runtime.block_on(async {
                    let shared = shared(&access).await?;
                    shared.region().ok_or_else(|| access.no_region())?;
                    let config = aws_sdk_kms::config::Builder::from(&shared)
                        .interceptor(CallLog { service: "kms" });
                    work(Client::from_conf(config.build())).await
                })
            });
            thread.join().expect("the work does not panic")
        });
        waited.map_err(|error| {
            let is = |codes: &[&str]| error.code.as_deref().is_some_and(|it| codes.contains(&it));
            let reason = match () {
                () if is(&WRONG) => StateErrorReason::WrongKey,
                () if is(&MISSING) => StateErrorReason::MissingKey,
                () => StateErrorReason::Store,
            };
            StateError::new(reason, error.outcome(CallOutcome::Refused))
        })
    }

    fn unwrapped(&self, lineage: &str, name: &KeyName) -> Result<StateKey, StateError> {
        let refused = |cause: &str| {
            let attempted = format!("open the key of the state of lineage {lineage}");
            StateError::new(
                StateErrorReason::NotAKey,
                Error::new(attempted, cause).outcome(CallOutcome::Refused),
            )
        };
        let parameter = |what: &str| name.parameters.get(what).cloned();
        let wrapped = parameter("wrapped").and_then(|it| STANDARD.decode(it).ok());
        let (Some(arn), Some(wrapped)) = (parameter("key"), wrapped) else {
            return Err(refused("the state's key is not a wrapped data key of AWS KMS"));
        };
        let plain = self.wait(async |kms| {
            let call = kms
                .decrypt()
                // The KMS key is named in the call, so that KMS does not unwrap with any other key
                // that the ciphertext may name.
                .key_id(&arn)
                .ciphertext_blob(Blob::new(wrapped))
                .encryption_context(CONTEXT, lineage);
            let answer = call
                .send()
                .await
                .attempting_first(format!("unwrap the key of the state with the KMS key {arn}"))?;
            Ok(Zeroizing::new(answer.plaintext.map(Blob::into_inner).unwrap_or_default()))
        })?;
        let key =
            key(&plain).ok_or_else(|| refused("KMS returned a key that does not have 32 bytes"))?;
        // The id is derived from the key itself. Its check shows a swapped ciphertext before any
        // part of the state is read.
        match key.id() == name.id {
            true => Ok(key),
            false => {
                Err(refused("KMS returned another key than the one that the state was sealed with"))
            }
        }
    }

    /// A new data key. It is unwrapped once before it is used: a caller may have the permission to
    /// wrap and not to unwrap, and could then never read the state again.
    fn made(&self, lineage: &str) -> Result<(KeyName, StateKey), StateError> {
        let wrapping = &self.settings.kms_key_id;
        let what = format!("create a data key for the state with the KMS key {wrapping}");
        let (plain, wrapped, arn) = self.wait(async |kms| {
            let call = kms
                .generate_data_key()
                .key_id(wrapping)
                .key_spec(DataKeySpec::Aes256)
                .encryption_context(CONTEXT, lineage);
            let answer = call.send().await.attempting_first(&what)?;
            let plain = Zeroizing::new(answer.plaintext.map(Blob::into_inner).unwrap_or_default());
            Ok((
                plain,
                answer.ciphertext_blob.map(Blob::into_inner).unwrap_or_default(),
                answer.key_id.unwrap_or_default(),
            ))
        })?;
        let odd = || {
            StateError::new(
                StateErrorReason::Store,
                Error::new(&what, "KMS returned no key of 32 bytes").outcome(CallOutcome::Refused),
            )
        };
        let key = key(&plain).ok_or_else(odd)?;
        let parameters = [("key", arn), ("wrapped", STANDARD.encode(wrapped))];
        let parameters: BTreeMap<String, String> =
            parameters.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
        let name = KeyName { id: key.id().to_owned(), method: METHOD.into(), parameters };
        self.unwrapped(lineage, &name)?;
        self.keep(&name, &key);
        Ok((name, key))
    }

    fn keep(&self, name: &KeyName, key: &StateKey) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).push((name.clone(), key.clone()));
    }
}

impl KeyProvider for KmsKeys {
    fn named(&self, lineage: &str, name: &KeyName) -> Result<StateKey, StateError> {
        if name.method != METHOD {
            return Err(StateError::other_source(
                lineage,
                name,
                "the configured key is a data key of AWS KMS",
            ));
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = known.iter().find(|(it, _)| it == name) {
            return Ok(key.clone());
        }
        // The lock is not held during the call to KMS.
        drop(known);
        let key = self.unwrapped(lineage, name)?;
        self.keep(name, &key);
        Ok(key)
    }

    fn current(
        &self,
        lineage: &str,
        used: Option<&KeyName>,
    ) -> Result<(KeyName, StateKey), StateError> {
        let is_ours = |it: &&KeyName| {
            it.method == METHOD && wraps(&self.settings.kms_key_id, it.parameters.get("key"))
        };
        match used.filter(is_ours) {
            Some(used) => Ok((used.clone(), self.named(lineage, used)?)),
            None => self.made(lineage),
        }
    }
}

/// Whether a key of this name can be the one of this ARN. Only KMS knows which key an alias means,
/// so an alias matches any.
fn wraps(named: &str, arn: Option<&String>) -> bool {
    let is_alias = named.starts_with("alias/") || named.contains(":alias/");
    arn.is_some_and(|arn| is_alias || arn == named || arn.ends_with(&format!("/{named}")))
}

fn key(plain: &[u8]) -> Option<StateKey> {
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(Some(plain).filter(|it| it.len() == 32)?);
    Some(StateKey::from_secret(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_matches_by_id_arn_and_alias() {
        let arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd".to_owned();
        for named in ["1234abcd", &arn, "alias/ha", "arn:aws:kms:eu-west-1:123456789012:alias/ha"] {
            assert!(wraps(named, Some(&arn)), "{named}");
        }
        for named in ["1234abc", "234abcd", "arn:aws:kms:eu-west-1:123456789012:key/other"] {
            assert!(!wraps(named, Some(&arn)), "{named}");
        }
        assert!(!wraps("alias/ha", None));
    }
}

//! Keys of states that are data keys of AWS KMS: wrapped by a key that never leaves it.

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

/// How such a key is named in what it seals.
const METHOD: &str = "aws_kms";
/// What the wrapped key is bound to, which also shows in CloudTrail.
const CONTEXT: &str = "ha:lineage";
/// KMS says so of a wrapped key that is not one of this key's, for this state.
const WRONG: [&str; 2] = ["InvalidCiphertextException", "IncorrectKeyException"];
/// KMS says so to those who may not use a key, or where there is none.
const MISSING: [&str; 6] = [
    "AccessDeniedException",
    "NotFoundException",
    "DisabledException",
    "KMSInvalidStateException",
    "InvalidArnException",
    "KeyUnavailableException",
];

/// A data key of AWS KMS. Whoever opens the state needs `kms:Decrypt` on the key that wraps it,
/// whoever seals it `kms:GenerateDataKey` too.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct KmsSettings {
    /// The key that wraps it: its id, ARN or alias.
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
    /// Address of the service, where it is not Amazon's: `http://127.0.0.1:24777`.
    endpoint: Option<String>,
    /// How often a call is tried when the service is busy or cannot be reached.
    #[serde(default = "usual_retries")]
    max_retries: u32,
}

fn usual_retries() -> u32 {
    5
}

/// Keys that are data keys of AWS KMS.
pub struct KmsKeys {
    settings: KmsSettings,
    known: Mutex<Vec<(KeyName, StateKey)>>,
}

impl KmsKeys {
    /// Those of these settings. Contacts no one.
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

    /// What comes of the work with a client. Blocks; also where another runtime is at work.
    fn wait<T: Send>(
        &self,
        work: impl AsyncFnOnce(Client) -> Result<T, Error> + Send,
    ) -> Result<T, StateError> {
        let access = self.access();
        let waited = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime
                    .map_err(|error| Error::from_error("start what talks to AWS KMS", &error))?;
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
            return Err(refused("what stands beside what it opens is no data key of AWS KMS"));
        };
        let plain = self.wait(async |kms| {
            let call = kms
                .decrypt()
                .key_id(&arn)
                .ciphertext_blob(Blob::new(wrapped))
                .encryption_context(CONTEXT, lineage);
            let answer = call
                .send()
                .await
                .attempting_first(format!("unwrap the key of the state with the KMS key {arn}"))?;
            Ok(Zeroizing::new(answer.plaintext.map(Blob::into_inner).unwrap_or_default()))
        })?;
        let key = key(&plain)
            .ok_or_else(|| refused("KMS unwrapped something else than a key of 32 bytes"))?;
        match key.id() == name.id {
            true => Ok(key),
            false => Err(refused("KMS unwrapped another key than the one that it was sealed with")),
        }
    }

    /// A new data key. It is unwrapped once before anything is sealed with it: some may wrap and
    /// not unwrap.
    fn made(&self, lineage: &str) -> Result<(KeyName, StateKey), StateError> {
        let wrapping = &self.settings.kms_key_id;
        let what = format!("make a key for the state with the KMS key {wrapping}");
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
                Error::new(&what, "KMS answered no key of 32 bytes").outcome(CallOutcome::Refused),
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
                "a data key of AWS KMS is what there is",
            ));
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = known.iter().find(|(it, _)| it == name) {
            return Ok(key.clone());
        }
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

/// Whether a key that is named so may be the one of this ARN. Which one an alias means, only KMS
/// knows.
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
    fn a_key_is_known_by_its_id_its_arn_and_its_alias() {
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

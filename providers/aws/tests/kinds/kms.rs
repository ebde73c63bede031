//! Keys of states that KMS wraps.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::{Provider as Tls, rustls_provider::CryptoMode};
use aws_smithy_types::Blob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ha_aws::KmsKeys;
use ha_state_store::{KeyName, KeyProvider, StateErrorReason, new_lineage};
use serde_json::json;

use crate::emulator::emulator;

fn keys(named: &str) -> KmsKeys {
    let settings = json!({
        "kms_key_id": named, "region": "eu-west-1", "endpoint": emulator().endpoint, "access_key": "test", "secret_key": "test"
    });
    KmsKeys::new(serde_json::from_value(settings).expect("the settings are right"))
}

/// The client of another caller.
async fn client() -> aws_sdk_kms::Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Tls::Rustls(CryptoMode::Ring))
        .build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new("eu-west-1"));
    let loader = loader.endpoint_url(&emulator().endpoint);
    aws_sdk_kms::Client::new(
        &loader
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .load()
            .await,
    )
}

async fn kms_key() -> (String, String) {
    let made = client().await.create_key().send().await.expect("KMS makes keys");
    let metadata = made.key_metadata.expect("it says which");
    (metadata.key_id, metadata.arn.expect("it has a name"))
}

#[tokio::test]
async fn a_data_key_is_wrapped_for_its_state_and_found_again() {
    let _emulator = emulator();
    let (id, arn) = kms_key().await;
    let lineage = new_lineage();
    let (name, key) = keys(&id).current(&lineage, None).unwrap();
    assert_eq!((&*name.method, &name.parameters["key"]), ("aws_kms", &arn));
    assert_eq!(keys(&id).named(&lineage, &name).unwrap().id(), key.id());
    // A run takes the key that there is; a rotation takes a new one.
    assert_eq!(keys(&arn).current(&lineage, Some(&name)).unwrap().0, name);
    assert_ne!(keys(&arn).next(&lineage).unwrap().0.id, name.id);

    // What is wrapped is the key and nothing else, bound to the lineage: so says another client.
    let wrapped = STANDARD.decode(&name.parameters["wrapped"]).unwrap();
    let unwrap = |lineage: String| {
        let wrapped = Blob::new(wrapped.clone());
        async move {
            client()
                .await
                .decrypt()
                .ciphertext_blob(wrapped)
                .encryption_context("ha:lineage", lineage)
                .send()
                .await
        }
    };
    assert_eq!(unwrap(lineage.clone()).await.unwrap().plaintext.unwrap().into_inner().len(), 32);
    assert!(unwrap(new_lineage()).await.is_err());
    assert_eq!(
        keys(&id).named(&new_lineage(), &name).unwrap_err().reason(),
        &StateErrorReason::WrongKey
    );
}

#[tokio::test]
async fn an_alias_is_distinguished_from_another_key() {
    let _emulator = emulator();
    let ((id, _), (other, _)) = (kms_key().await, kms_key().await);
    let lineage = new_lineage();
    let alias = format!("alias/{lineage}");
    client().await.create_alias().alias_name(&alias).target_key_id(&id).send().await.unwrap();
    let (name, _) = keys(&alias).current(&lineage, None).unwrap();
    assert!(name.parameters["key"].ends_with(&id), "{name:?}");
    assert_eq!(keys(&alias).current(&lineage, Some(&name)).unwrap().0, name);
    // With another KMS key, the next data key is wrapped by that one.
    let (moved, _) = keys(&other).current(&lineage, Some(&name)).unwrap();
    assert!(moved.parameters["key"].ends_with(&other), "{moved:?}");
}

#[tokio::test]
async fn what_cannot_be_unwrapped_is_refused() {
    let _emulator = emulator();
    let (id, _) = kms_key().await;
    let lineage = new_lineage();
    let missing = keys("no-such-key").current(&lineage, None).unwrap_err();
    assert_eq!(missing.reason(), &StateErrorReason::MissingKey);
    assert!(missing.to_string().contains("no-such-key"), "{missing}");
    let (name, _) = keys(&id).current(&lineage, None).unwrap();
    let with = |what: &str, value: &str| {
        let mut parameters = name.parameters.clone();
        parameters.insert(what.into(), value.into());
        keys(&id)
            .named(&lineage, &KeyName { parameters, ..name.clone() })
            .unwrap_err()
            .reason()
            .clone()
    };
    assert_eq!(with("wrapped", "!"), StateErrorReason::NotAKey);
    assert_eq!(
        with("wrapped", &STANDARD.encode("something else altogether")),
        StateErrorReason::WrongKey
    );
    let renamed = KeyName { id: "0123456789abcdef".into(), ..name.clone() };
    assert_eq!(
        keys(&id).named(&lineage, &renamed).unwrap_err().reason(),
        &StateErrorReason::NotAKey
    );
}

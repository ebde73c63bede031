//! Connecting, and the registry.

use std::collections::BTreeSet;
use std::path::Path;

use ha_provider::{CallOutcome, ProviderRegistry};
use ha_value::ResourceMode;
use serde_json::json;

use crate::emulator::emulator;
use crate::world::{World, object, settings};

#[tokio::test]
async fn the_client_says_whom_it_talks_to() {
    let emulator = emulator();
    let (schemas, drivers) = ha_aws::register(ProviderRegistry::new()).split();
    let given = schemas
        .provider("aws")
        .unwrap()
        .schema
        .conform(&object(&settings(&emulator.endpoint)))
        .unwrap();
    let (_, identity) = drivers.connector("aws").unwrap().connect(&given).await.unwrap();
    let expected = [
        ("account", "123456789012".into()),
        ("region", "eu-west-1".into()),
        ("endpoint", emulator.endpoint.clone()),
    ];
    assert_eq!(identity, expected);
}

#[tokio::test]
async fn nobody_there_is_an_error_that_says_so_soon() {
    let emulator = emulator();
    let began = std::time::Instant::now();
    let error = World::at(emulator, "http://127.0.0.1:9").await.err().unwrap();
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    let said = error.to_string();
    assert!(said.contains("http://127.0.0.1:9") && said.contains("refused"), "{said}");
}

#[tokio::test]
async fn accounts_that_may_not_be_touched_are_not() {
    let emulator = emulator();
    let (schemas, drivers) = ha_aws::register(ProviderRegistry::new()).split();
    let mut given = settings(&emulator.endpoint);
    given["allowed_account_ids"] = json!(["210987654321"]);
    let given = schemas.provider("aws").unwrap().schema.conform(&object(&given)).unwrap();
    let error = drivers.connector("aws").unwrap().connect(&given).await.err().unwrap();
    assert!(error.to_string().contains("123456789012"), "{error}");
    assert_eq!(error.outcome, CallOutcome::Refused);
}

#[tokio::test]
async fn half_of_a_key_is_refused_without_showing_it() {
    let (schemas, drivers) = ha_aws::register(ProviderRegistry::new()).split();
    let given = json!({"region": "eu-west-1", "secret_key": "hush-hush"});
    let given = schemas.provider("aws").unwrap().schema.conform(&object(&given)).unwrap();
    assert!(given["secret_key"].is_sensitive());
    let error = drivers.connector("aws").unwrap().connect(&given).await.err().unwrap();
    assert!(error.to_string().contains("only one of access_key and secret_key"), "{error}");
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
}

#[test]
fn default_tags_are_those_of_everything() {
    let (schemas, _) = ha_aws::register(ProviderRegistry::new()).split();
    let provider = schemas.provider("aws").unwrap();
    let shared = |settings: serde_json::Value| {
        let settings = provider.schema.conform(&object(&settings)).unwrap();
        provider.shared.unwrap()(&settings)
    };
    let tagged = shared(json!({"default_tags": {"tags": {"owner": "ops"}}}));
    assert_eq!(tagged["tags"].get("owner"), "ops".into());
    assert!(shared(json!({})).values().all(ha_value::Value::is_null));
}

#[test]
fn every_file_is_a_kind_and_every_kind_has_its_file() {
    let kinds = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kinds");
    let files = |folder: &Path| -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
        let names = entries.filter(|it| it.extension().is_some_and(|it| it == "rs"));
        names
            .map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned())
            .filter(|it| it != "mod")
            .collect()
    };
    let (schemas, _) = ha_aws::register(ProviderRegistry::new()).split();
    let kinds_of = |wanted: ResourceMode| -> BTreeSet<String> {
        schemas
            .kinds()
            .filter(|(mode, _)| *mode == wanted)
            .map(|(_, it)| it.kind.to_string())
            .collect()
    };
    assert_eq!(files(&kinds), kinds_of(ResourceMode::Managed));
    assert_eq!(files(&kinds.join("data")), kinds_of(ResourceMode::Data));
}

#[test]
fn everything_is_documented() {
    let (schemas, _) = ha_aws::register(ProviderRegistry::new()).split();
    for (_, kind) in schemas.kinds() {
        assert!(!kind.schema().doc.is_empty(), "{}", kind.kind);
        let fields = kind.schema().arguments.iter().chain(&kind.schema().outputs);
        for (name, field) in fields {
            assert!(!field.doc.is_empty(), "{}.{name}", kind.kind);
        }
    }
}

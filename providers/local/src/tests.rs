use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use ha_provider::{Attempt, Error, ProviderRegistry, ReadingValue, RecordedValue, StepObserver};
use ha_value::{Address, Object, ResourceMode, Type, Value};

struct Silent;

impl StepObserver for Silent {
    fn note<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
    fn progress(&self, _: &str) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

fn attempt() -> Attempt {
    let address: Address = "local_file.it".parse().unwrap();
    Attempt::new(address, "c0ffee".into(), false, BTreeMap::new(), Arc::new(Silent))
}

fn object(given: &[(&str, Value)]) -> Object {
    given.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

fn file(path: &Path, content: &str, more: &[(&str, Value)]) -> Object {
    let mut given = object(&[
        ("filename", Value::from(path.to_str().unwrap())),
        ("content", Value::from(content)),
    ]);
    given.extend(object(more));
    given.into_iter().filter(|(_, it)| !it.is_null()).collect()
}

fn problems(kind: &str, given: &Object) -> Vec<String> {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let kind = schemas.kind(ResourceMode::Managed, kind).unwrap();
    match kind.schema().conform(given) {
        Ok(conformed) => kind.hooks().problems(kind.schema(), &conformed),
        Err(problems) => problems,
    }
    .into_iter()
    .map(|it| it.message)
    .collect()
}

fn conformed(kind: &str, given: &Object) -> Object {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let kind = schemas.kind(ResourceMode::Managed, kind).unwrap();
    let marked = kind.schema().conform(given).unwrap();
    kind.normal(&marked.into_iter().map(|(name, it)| (name, it.revealed())).collect()).unwrap()
}

async fn create(kind: &str, given: &Object) -> Result<RecordedValue, Error> {
    let (_, drivers) = crate::register(ProviderRegistry::new()).split();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await?;
    let arguments = conformed(kind, given);
    let (id, outputs) =
        drivers.resource(kind).unwrap().create(&client, &arguments, &mut attempt()).await?;
    Ok(RecordedValue { id, arguments, outputs })
}

async fn update(
    kind: &str,
    given: &Object,
    before: &RecordedValue,
) -> Result<RecordedValue, Error> {
    let (_, drivers) = crate::register(ProviderRegistry::new()).split();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await?;
    let arguments = conformed(kind, given);
    let outputs =
        drivers.resource(kind).unwrap().update(&client, &arguments, before, &mut attempt()).await?;
    Ok(RecordedValue { id: before.id.clone(), arguments, outputs })
}

async fn delete(kind: &str, known: &RecordedValue) -> Result<(), Error> {
    let (_, drivers) = crate::register(ProviderRegistry::new()).split();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await?;
    drivers.resource(kind).unwrap().delete(&client, known, &mut attempt()).await
}

async fn read(kind: &str, known: &RecordedValue) -> ReadingValue {
    let (_, drivers) = crate::register(ProviderRegistry::new()).split();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await.unwrap();
    drivers
        .resource(kind)
        .unwrap()
        .read(&client, std::slice::from_ref(known))
        .await
        .unwrap()
        .remove(0)
}

fn found(reading: ReadingValue) -> (Object, Object) {
    match reading {
        ReadingValue::Found { arguments, outputs, .. } => (arguments, outputs),
        other => panic!("{other:?}"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_kind_has_its_file_and_is_registered() {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let registered: BTreeSet<String> = schemas
        .kinds()
        .filter(|(_, it)| it.twin_of.is_none())
        .map(|(_, it)| it.kind.to_string())
        .collect();
    let mut written = BTreeSet::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let path = file.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let Some((_, rest)) = source.split_once("const KIND: &'static str = \"") else { continue };
        let kind = rest.split('"').next().unwrap().to_owned();
        assert_eq!(
            path.file_stem().unwrap().to_str(),
            Some(kind.as_str()),
            "the file is named as its kind"
        );
        written.insert(kind);
    }
    assert_eq!(written, registered);
}

#[tokio::test]
async fn creates_reads_changes_and_removes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/ca.pem");
    let made = create("local_file", &file(&path, "one\n", &[])).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(made.id, path.to_str().unwrap());
    let digest = "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806";
    assert_eq!(made.outputs["content_sha256"], Value::from(digest));
    let (arguments, outputs) = found(read("local_file", &made).await);
    assert_eq!(
        (&arguments, &outputs),
        (&made.arguments, &made.outputs),
        "apply, then read, is no difference"
    );

    let changed = file(&path, "two\n", &[("file_permission", Value::from("644"))]);
    let changed = update("local_file", &changed, &made).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    let (arguments, _) = found(read("local_file", &changed).await);
    assert_eq!(arguments, changed.arguments);
    assert_eq!(names(path.parent().unwrap()), ["ca.pem"], "nothing is left beside it");

    delete("local_file", &changed).await.unwrap();
    assert!(!path.exists());
    delete("local_file", &changed).await.unwrap();
    assert_eq!(read("local_file", &changed).await, ReadingValue::Gone);
}

#[tokio::test]
async fn drift_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    let made = create("local_file", &file(&path, "one", &[])).await.unwrap();
    std::fs::write(&path, b"\xffother").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    let (arguments, outputs) = found(read("local_file", &made).await);
    assert_eq!(arguments["content"], Value::from("\u{fffd}other"));
    assert_eq!(arguments["file_permission"], Value::from("0666"));
    assert_ne!(outputs["content_sha256"], made.outputs["content_sha256"]);
}

#[tokio::test]
async fn a_file_of_somebody_else_is_neither_overwritten_nor_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    std::fs::write(&path, "theirs").unwrap();
    let error = create("local_file", &file(&path, "ours", &[])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "could not write the file `{}`: there is a file with other content already, which this configuration did not create",
            path.display()
        )
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
    // What an earlier, killed try of the same step left is taken over, with the permission it
    // should have.
    std::fs::write(folder.path().join(".ha-c0ffee.new"), "half a fi").unwrap();
    std::fs::write(&path, "ours").unwrap();
    create("local_file", &file(&path, "ours", &[])).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(names(folder.path()), ["it"]);
}

#[tokio::test]
async fn removes_the_temporary_file_of_a_killed_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    let made = create("local_file", &file(&path, "one", &[])).await.unwrap();
    std::fs::write(folder.path().join(".ha-c0ffee.new"), "tw").unwrap();
    std::fs::write(folder.path().join(".ha-another.new"), "of another step").unwrap();
    let (_, drivers) = crate::register(ProviderRegistry::new()).split();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await.unwrap();
    for _ in 0..2 {
        drivers.resource("local_file").unwrap().clean_up(&client, &made, &attempt()).await.unwrap();
        assert_eq!(names(folder.path()), [".ha-another.new", "it"]);
    }
}

#[tokio::test]
async fn a_file_that_was_there_before_a_step_that_is_given_up_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    let (_, drivers) = crate::register(ProviderRegistry::new()).split();
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await.unwrap();
    let driver = drivers.resource("local_file").unwrap();
    let arguments = conformed("local_file", &file(&path, "same", &[]));
    for (was_there, stays) in [(true, true), (false, false)] {
        if was_there {
            std::fs::write(&path, "same").unwrap();
        }
        // One attempt finishes what was begun, and takes it away again.
        let mut attempt = attempt();
        let (id, outputs) = driver.create(&client, &arguments, &mut attempt).await.unwrap();
        let made = RecordedValue { id, arguments: arguments.clone(), outputs };
        driver.delete(&client, &made, &mut attempt).await.unwrap();
        assert_eq!(path.exists(), stays);
        let _ = std::fs::remove_file(&path);
    }
}

#[tokio::test]
async fn a_symbolic_link_is_never_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, path) = (folder.path().join("theirs"), folder.path().join("it"));
    std::fs::write(&theirs, "same").unwrap();
    symlink(&theirs, &path).unwrap();
    let error = create("local_file", &file(&path, "same", &[])).await.unwrap_err();
    assert!(error.to_string().contains("a symbolic link"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let made = create("local_file", &file(&path, "same", &[])).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    symlink(&theirs, &path).unwrap();
    assert!(
        matches!(read("local_file", &made).await, ReadingValue::Unchecked(it) if it.contains("a symbolic link"))
    );
    assert!(update("local_file", &file(&path, "new", &[]), &made).await.is_err());
    assert!(delete("local_file", &made).await.unwrap_err().to_string().contains("a symbolic link"));
    assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "same");
}

#[tokio::test]
async fn a_sensitive_content_is_marked_and_has_no_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let given =
        file(&path, "", &[("content", Value::NULL), ("sensitive_content", Value::from("hush"))]);
    let made = create("local_file", &given).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "hush");
    assert!(!made.outputs.contains_key("content_sha256"));
    let (arguments, _) = found(read("local_file", &made).await);
    assert!(arguments["sensitive_content"].is_sensitive());
}

#[tokio::test]
async fn bytes_are_given_in_base64() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("licence.rli");
    let given =
        file(&path, "", &[("content", Value::NULL), ("content_base64", Value::from("AP8="))]);
    let made = create("local_file", &given).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), [0, 255]);
    let (arguments, _) = found(read("local_file", &made).await);
    assert_eq!(arguments, made.arguments);
}

#[test]
fn predicts_the_outputs_in_the_plan() {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let kind = schemas.kind(ResourceMode::Managed, "local_file").unwrap();
    let given = kind.schema().conform(&file(Path::new("it"), "one\n", &[])).unwrap();
    let predicted = kind.hooks().predicted(kind.schema(), &given);
    assert_eq!(predicted["id"], Value::from("it"));
    let digest = "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806";
    assert_eq!(predicted["content_sha256"], Value::from(digest));
    let unknown = file(Path::new("it"), "", &[("content", Value::unknown(Type::String, None))]);
    let predicted =
        kind.hooks().predicted(kind.schema(), &kind.schema().conform(&unknown).unwrap());
    assert_eq!(predicted.keys().map(|it| &**it).collect::<Vec<_>>(), ["id"]);
}

#[test]
fn finds_invalid_arguments_before_a_change() {
    let wrong = |more: &[(&str, Value)]| problems("local_file", &file(Path::new("it"), "", more));
    assert_eq!(wrong(&[]), Vec::<String>::new());
    assert_eq!(wrong(&[("content", Value::unknown(Type::String, None))]), Vec::<String>::new());
    assert_eq!(wrong(&[("content", Value::NULL)]).len(), 1);
    assert_eq!(wrong(&[("content_base64", Value::from(""))]).len(), 1);
    assert_eq!(wrong(&[("content", Value::NULL), ("content_base64", Value::from("*"))]).len(), 1);
    assert_eq!(wrong(&[("filename", Value::from("folder/"))]), ["`filename` names a folder"]);
    assert_eq!(
        wrong(&[("file_permission", Value::from("rw"))]),
        ["`rw` is no permission; write it in octal, such as \"0640\""]
    );
}

#[tokio::test]
async fn a_stored_value_is_its_input_of_any_type() {
    let input = Value::object([
        ("ports".into(), Value::tuple([Value::from(1), Value::from("x")])),
        ("none".into(), Value::NULL),
    ]);
    let made = create("ha_data", &object(&[("input", input.clone())])).await.unwrap();
    assert_eq!(made.outputs["output"], input);
    let (arguments, outputs) = found(read("ha_data", &made).await);
    assert_eq!((&arguments, &outputs), (&made.arguments, &made.outputs));
    let changed = update("ha_data", &object(&[("input", Value::from(true))]), &made).await.unwrap();
    assert_eq!((changed.outputs["output"].clone(), &changed.id), (Value::from(true), &made.id));
    let empty = create("ha_data", &object(&[])).await.unwrap();
    assert!(!empty.outputs.contains_key("output"));
}

#[test]
fn a_stored_value_is_as_known_as_its_input() {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let kind = schemas.kind(ResourceMode::Managed, "ha_data").unwrap();
    assert!(kind.pure);
    assert!(kind.schema().arguments["triggers_replace"].immutable);
    let unknown = Value::unknown(Type::String, Some("aws_db_instance.pg.address".into()));
    let input = Value::object([("known".into(), Value::from(1)), ("unknown".into(), unknown)]);
    let given = kind.schema().conform(&object(&[("input", input.clone())])).unwrap();
    assert_eq!(kind.hooks().predicted(kind.schema(), &given)["output"], input);
}

#[tokio::test]
async fn terraform_data_is_an_alias_of_ha_data() {
    let (schemas, drivers) = crate::register(ProviderRegistry::new()).split();
    let kind = |name: &str| schemas.kind(ResourceMode::Managed, name).unwrap();
    assert!(
        kind("terraform_data").is_twin_of(kind("ha_data"))
            && kind("ha_data").is_twin_of(kind("terraform_data"))
    );
    assert!(!kind("terraform_data").is_twin_of(kind("local_file")));
    assert_eq!(kind("terraform_data").schema(), kind("ha_data").schema());
    let made = create("terraform_data", &object(&[("input", Value::from(1))])).await.unwrap();
    assert_eq!(made.outputs["output"], Value::from(1));
    let (client, _) = drivers.connector("ha").unwrap().connect(&Object::new()).await.unwrap();
    let configured = object(&[("input", Value::from(2))]);
    let found = drivers
        .resource("terraform_data")
        .unwrap()
        .import(&client, "an-id", &configured)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.recorded.id.as_str(), &found.recorded.outputs["output"]),
        ("an-id", &Value::from(2))
    );
}

#[tokio::test]
async fn a_null_resource_has_triggers() {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let kind = schemas.kind(ResourceMode::Managed, "null_resource").unwrap();
    assert!(kind.pure && kind.schema().arguments["triggers"].immutable);
    assert_eq!(&*kind.provider, "null");
    let triggers =
        Value::Map(std::sync::Arc::new([("a".into(), Value::from("1"))].into_iter().collect()));
    let made = create("null_resource", &object(&[("triggers", triggers.clone())])).await.unwrap();
    let (arguments, _) = found(read("null_resource", &made).await);
    assert_eq!((&arguments, &arguments["triggers"]), (&made.arguments, &triggers));
    assert!(!create("null_resource", &object(&[])).await.unwrap().id.is_empty());
}

#[test]
fn a_moved_null_resource_keeps_its_triggers() {
    use ha_provider::ProviderRegistry;
    use ha_value::{Object, ResourceMode, Value};

    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let triggers = Value::Map(std::sync::Arc::new(Object::from([("v".into(), Value::from("1"))])));
    for kind in ["ha_data", "terraform_data"] {
        let described = schemas.kind(ResourceMode::Managed, kind).unwrap();
        let moved = described
            .moved_from("null_resource", &Object::from([("triggers".into(), triggers.clone())]))
            .unwrap();
        assert_eq!(
            moved,
            Object::from([(
                "triggers_replace".into(),
                Value::object([("v".into(), Value::from("1"))])
            )])
        );
        assert_eq!(described.moved_from("null_resource", &Object::new()), Some(Object::new()));
        assert_eq!(described.moved_from("local_file", &Object::new()), None);
    }
}

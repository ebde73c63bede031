mod cross_checks;
mod customizations;
mod replicated_config;
mod settings;
mod userdata;

use std::collections::BTreeSet;

use ha_provider::{ProviderRegistry, RenderResult};
use ha_value::{Object, ResourceMode, Text, TextPart, Type, Value};

/// What a document renders to, or what is wrong, one message each.
fn render(kind: &str, given: &Object) -> Result<Object, Vec<String>> {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let kind = schemas.kind(ResourceMode::Data, kind).unwrap();
    let messages = |problems: Vec<ha_provider::ArgumentProblem>| {
        problems.into_iter().map(|it| format!("{}: {}", it.path, it.message)).collect()
    };
    let conformed = kind.schema().conform(given).map_err(messages)?;
    match kind.render(&conformed).unwrap() {
        RenderResult::Outputs(outputs) => Ok(outputs),
        RenderResult::Problems(problems) => Err(messages(problems)),
        RenderResult::Unknown => panic!("unknown as a whole"),
    }
}

fn object(given: &[(&str, Value)]) -> Object {
    given.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

fn value(given: &[(&str, Value)]) -> Value {
    Value::object(object(given))
}

fn list(given: &[&str]) -> Value {
    Value::tuple(given.iter().map(|it| Value::from(*it)))
}

fn secret(text: &str) -> Value {
    Value::from(text).sensitive()
}

fn unknown(cause: &str) -> Value {
    Value::unknown(Type::String, Some(cause.into()))
}

/// The clear text of an output, secrets included.
fn text(of: &Value) -> String {
    of.revealed().as_str().expect("known").to_owned()
}

/// The text as a plan would show it.
fn shown(of: &Value) -> String {
    let part = |it: &TextPart| match it {
        TextPart::Clear(text) => text.to_string(),
        TextPart::Secret(_) => "(secret)".into(),
        TextPart::Unknown { cause, .. } => format!("(after {})", cause.as_deref().unwrap_or("?")),
    };
    Text::from_value(of).expect("a string").parts().iter().map(part).collect()
}

#[test]
fn every_document_has_its_file_and_is_registered() {
    let (schemas, _) = crate::register(ProviderRegistry::new()).split();
    let registered: BTreeSet<String> = schemas.kinds().map(|(_, it)| it.kind.to_string()).collect();
    let mut written = BTreeSet::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let path = file.unwrap().path();
        let Ok(source) = std::fs::read_to_string(&path) else { continue };
        let Some((_, rest)) = source.split_once("const KIND: &'static str = \"") else { continue };
        let kind = rest.split('"').next().unwrap().to_owned();
        if path.file_stem().unwrap() != "tests" {
            assert_eq!(
                path.file_stem().unwrap().to_str(),
                Some(kind.as_str()),
                "the file is named as its kind"
            );
            written.insert(kind);
        }
    }
    assert_eq!(written, registered);
}

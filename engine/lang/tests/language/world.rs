//! A scope for expressions: a few blocks and variables, some of them unknown or secret, and files in
//! memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_diagnostics::Diagnostic;
use ha_lang::{
    BlockName, EvaluationContext, FileSource, MachineFact, ReferenceTarget, ValueScope, expression,
};
use ha_value::{InstanceKey, Type, Value};

use crate::written::written;

#[derive(Default)]
pub(crate) struct World {
    pub(crate) values: BTreeMap<String, Value>,
    pub(crate) instances: BTreeMap<String, Value>,
    pub(crate) files: BTreeMap<String, String>,
}

impl World {
    /// A scope with `local.secret`, `local.open` (an unknown string) and other names that tests use.
    pub(crate) fn new() -> Self {
        let unknown = |ty: Type| Value::unknown(ty, Some("aws_x.y.id".into()));
        let mut world = Self::default();
        let mut set = |name: &str, value: Value| drop(world.values.insert(name.to_owned(), value));
        set("local.secret", Value::from("hush").sensitive());
        set("local.open", unknown(Type::String));
        set("local.open_secret", unknown(Type::String).sensitive());
        set("local.open_number", unknown(Type::Number));
        set("local.open_list", unknown(Type::List(Arc::new(Type::String))));
        set("local.open_any", unknown(Type::Any));
        set("local.secret_number", Value::from(7).sensitive());
        set("local.secret_list", Value::list([Value::from("a"), Value::from("b")]).sensitive());
        set(
            "local.object",
            Value::object([("name".into(), Value::from("n")), ("port".into(), Value::from(80))]),
        );
        set("var.region", Value::from("eu"));
        set("count.index", Value::from(3));
        set(
            "aws_x.y",
            Value::object([
                ("id".into(), unknown(Type::String)),
                ("name".into(), Value::from("y")),
            ]),
        );
        world
    }

    pub(crate) fn value(&self, text: &str) -> Result<Value, Vec<Diagnostic>> {
        expression("<test>", text)?.evaluate(&EvaluationContext::new(self, self))
    }

    /// The value as the console prints it, or the diagnostics.
    pub(crate) fn of(&self, text: &str) -> String {
        match self.value(text) {
            Ok(value) => written(&value),
            Err(problems) => {
                let said: Vec<String> = problems.into_iter().map(|it| it.summary).collect();
                format!("error: {}", said.join("; "))
            }
        }
    }
}

impl ValueScope for World {
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>> {
        let known = self.values.get(&target.to_string()).cloned();
        known.ok_or_else(|| Box::new(Diagnostic::error(format!("nothing is known of {target}"))))
    }

    fn instance(&self, block: &BlockName, key: &InstanceKey) -> Result<Value, Box<Diagnostic>> {
        let known = self.instances.get(&format!("{block}{key}")).cloned();
        known.ok_or_else(|| {
            Box::new(Diagnostic::error(format!("there is no instance {block}{key}")))
        })
    }
}

impl FileSource for World {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        let text = self.files.get(path).ok_or("there is no such file")?;
        Ok(text.as_bytes().into())
    }

    fn machine(&self, fact: MachineFact) -> Result<Arc<str>, String> {
        Ok(match fact {
            MachineFact::Directory | MachineFact::WorkingDirectory => "/stacks/prod".into(),
            MachineFact::Home => "/home/me".into(),
            MachineFact::PlanTime => "2026-11-30T12:00:00Z".into(),
        })
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let below = |it: &String| it.strip_prefix(&format!("{directory}/")).map(str::to_owned);
        Ok(self.files.keys().filter_map(below).collect())
    }
}

/// Asserts the values of a table of expressions; reports all that differ.
pub(crate) fn assert_table(world: &World, table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .map(|(text, wanted)| (text, wanted, world.of(text)))
        .filter(|(_, wanted, given)| given != *wanted)
        .map(|(text, wanted, given)| format!("{text}\n  wanted {wanted}\n  given  {given}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

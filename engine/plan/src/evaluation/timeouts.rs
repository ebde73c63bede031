//! `timeouts`, which every resource takes beside the arguments of its kind: how long each operation
//! may take. A change of them alone is no change to the thing; they are recorded, so that a
//! deletion without a block knows them too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_lang::Body;
use ha_provider::{
    ArgumentProblem, CallOutcome, Error, FieldShape, ResourceDescription, Schema, SchemaField,
};
use ha_value::{Action, Name, Object, Path, Value, duration};

use crate::evaluation::argument_diagnostics::{conform, located};
use crate::secrets::redaction::redacted;

/// What it is called.
pub(crate) const TIMEOUTS: &str = "timeouts";

/// As a schema of its own.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let optional = |doc: &str, shape| SchemaField {
        doc: doc.into(),
        shape,
        required: false,
        default: None,
        immutable: false,
        volatile: false,
        secret: false,
        write_only: false,
        chosen: false,
    };
    let operation = |name: &str| {
        (name.into(), optional("How long it may take", FieldShape::String { one_of: Vec::new() }))
    };
    let operations = ["create", "read", "update", "delete"].map(operation);
    let timeouts =
        optional("How long each operation may take", FieldShape::Object(operations.into()));
    let arguments = [(TIMEOUTS.into(), timeouts)].into();
    Schema { doc: String::new(), arguments, outputs: BTreeMap::new(), unsupported: &[] }
});

/// Whether a kind takes it: it acts on something, and calls no argument of its own so.
#[must_use]
pub fn are_taken_by(described: &ResourceDescription) -> bool {
    !described.is_document() && !described.schema().arguments.contains_key(TIMEOUTS)
}

/// What may stand in the block of a resource.
pub(crate) fn schema_of<'a>(described: &'a ResourceDescription, body: &Body) -> Cow<'a, Schema> {
    let schema = described.schema();
    // Most blocks say nothing of it, and there may be very many of them. Who writes `timeout` is
    // told what it is called.
    if !body.argument_names().any(|it| it.starts_with("timeout")) || !are_taken_by(described) {
        return Cow::Borrowed(schema);
    }
    let mut schema = schema.clone();
    schema.arguments.extend(SCHEMA.arguments.clone());
    Cow::Owned(schema)
}

/// Takes it out of what a block says; what is not known yet is left out.
pub(crate) fn take(
    given: &mut Object,
    described: &ResourceDescription,
    body: &Body,
    head: &SourceSpan,
) -> Result<Object, Vec<Diagnostic>> {
    if !are_taken_by(described) {
        return Ok(Object::new());
    }
    let Some(said) = given.remove(TIMEOUTS) else { return Ok(Object::new()) };
    let said = Object::from_iter([(Name::from(TIMEOUTS), said)]);
    let conformed = conform(&SCHEMA, &said, body, None, head)?;
    let Some(timeouts) = conformed.get(TIMEOUTS).and_then(|it| it.unmark().0.as_object().cloned())
    else {
        return Ok(Object::new());
    };
    let timeouts: Object =
        timeouts.into_iter().filter(|(_, it)| it.is_wholly_known() && !it.is_null()).collect();
    let wrong = |(name, value): (&Name, &Value)| {
        let message = duration::parse(value.revealed().as_str()?).err()?;
        let path = Path::attribute(TIMEOUTS).name(name.clone());
        Some(ArgumentProblem { path, message: redacted(&message, [&said]) })
    };
    let problems: Vec<ArgumentProblem> = timeouts.iter().filter_map(wrong).collect();
    match problems.is_empty() {
        true => Ok(timeouts),
        false => Err(located(problems, body, None, head.clone())),
    }
}

/// How long an operation may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationTimeout {
    /// Which one: `create`.
    pub operation: &'static str,
    /// How long.
    pub duration: Duration,
    /// As the configuration says it.
    said: String,
}

impl OperationTimeout {
    /// Of what is done, where it is said.
    #[must_use]
    pub fn from_timeouts(timeouts: &Object, action: Action) -> Option<Self> {
        let operation = match action {
            Action::Update => "update",
            Action::Delete => "delete",
            Action::Read => "read",
            _ if action.makes() => "create",
            _ => return None,
        };
        let said = timeouts.get(operation)?.revealed().as_str()?.to_owned();
        Some(Self { operation, duration: duration::parse(&said).ok()?, said })
    }

    /// What to say of what was given up because of it, and of what was waited for last.
    #[must_use]
    pub fn given_up(&self, error: Error, last: Option<String>) -> Error {
        let seen = last.map(|it| format!("; the last that was seen: {it}")).unwrap_or_default();
        let cause = format!(
            "it takes longer than the {} that `timeouts` gives `{}`{seen}",
            self.said, self.operation
        );
        let help = format!(
            "apply again to go on with it, with a longer `{}` in `timeouts` if it needs one",
            self.operation
        );
        Error { causes: vec![cause], outcome: CallOutcome::Unknown, ..error.help(help) }
    }
}

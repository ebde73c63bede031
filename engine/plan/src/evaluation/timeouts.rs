//! `timeouts`, a block that every resource takes besides the arguments of its kind: a limit for
//! each operation. A change of timeouts alone is no change of the resource. They are recorded, so
//! that the deletion of a resource without a block has its limit too.

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

/// The name of the block.
pub(crate) const TIMEOUTS: &str = "timeouts";

/// The schema of the block.
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

/// Whether a kind takes `timeouts`: it is no document, and has no argument of that name.
#[must_use]
pub fn are_taken_by(described: &ResourceDescription) -> bool {
    !described.is_document() && !described.schema().arguments.contains_key(TIMEOUTS)
}

/// Returns the schema of a resource block, with `timeouts` where the kind takes it.
pub(crate) fn schema_of<'a>(described: &'a ResourceDescription, body: &Body) -> Cow<'a, Schema> {
    let schema = described.schema();
    // Copying the schema for each of many blocks is slow, and most of them set no timeouts. The
    // prefix is compared, so that a misspelt `timeout` gets a suggestion.
    if !body.argument_names().any(|it| it.starts_with("timeout")) || !are_taken_by(described) {
        return Cow::Borrowed(schema);
    }
    let mut schema = schema.clone();
    schema.arguments.extend(SCHEMA.arguments.clone());
    Cow::Owned(schema)
}

/// Removes `timeouts` from the arguments and returns its known values.
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
    // A limit that is not known yet is dropped instead of delaying the resource: it only guards
    // against waiting too long.
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

/// A limit for an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationTimeout {
    /// The name of the operation: `create`.
    pub operation: &'static str,
    /// The limit.
    pub duration: Duration,
    /// The limit as the configuration writes it.
    said: String,
}

impl OperationTimeout {
    /// Returns the limit for an action, where the configuration sets one.
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

    /// Turns an error into one that names the limit and the last progress message.
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
        // The operation may still finish at the service after it was given up, so the outcome is
        // unknown.
        Error { causes: vec![cause], outcome: CallOutcome::Unknown, ..error.help(help) }
    }
}

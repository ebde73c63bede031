//! Names in `lifecycle` that do not exist. Without an error they would silently have no effect.

use ha_diagnostics::{Diagnostic, SourceSpan, code};
use ha_lang::{IgnoreChanges, ReferenceTarget, ResourceBlock};
use ha_provider::{FieldShape, ResourceDescription, Schema, SchemaField, SchemaSet};
use ha_value::{InstanceKey, Name, Path, PathStep};

use super::Planner;
use crate::evaluation::timeouts::{TIMEOUTS, are_taken_by};
use crate::evaluation::values::InstanceId;

/// Reports attributes in `ignore_changes` that the kind does not have.
pub(super) fn ignored(block: &ResourceBlock, described: &ResourceDescription) -> Vec<Diagnostic> {
    let Some(IgnoreChanges::Paths(paths)) = &block.lifecycle.ignore_changes else {
        return Vec::new();
    };
    let problem_of = |(path, span): &(Path, SourceSpan)| {
        // Timeouts are never compared, so ignoring them has no effect; configurations written for
        // Terraform name them, and an error would reject those.
        let is_of_timeouts =
            matches!(path.steps().first(), Some(PathStep::Name(name)) if &**name == TIMEOUTS);
        if is_of_timeouts && are_taken_by(described) {
            return None;
        }
        let problem = lacking(described.schema(), &block.name.kind, path, span)?;
        Some(problem.within(block.head.clone()).address(&block.name))
    };
    paths.iter().filter_map(problem_of).collect()
}

/// Reports attributes in `replace_triggered_by` that the other block's kind does not have.
pub(super) fn triggers(block: &ResourceBlock, schemas: &SchemaSet) -> Vec<Diagnostic> {
    let problem_of = |trigger: &ha_lang::ReplaceTrigger| {
        let ReferenceTarget::Block(name) = &trigger.reference.target else { return None };
        let described = schemas.kind(name.mode, &name.kind)?;
        let span = match trigger.reference.path.steps().len() {
            1 => trigger.reference.step_span(),
            _ => trigger.reference.span.clone(),
        };
        let problem = lacking(described.schema(), &name.kind, &trigger.reference.path, &span)?;
        Some(problem.within(block.head.clone()).address(&block.name))
    };
    block.lifecycle.replace_triggered_by.iter().filter_map(problem_of).collect()
}

impl Planner<'_> {
    /// Reports instances in `replace_triggered_by` that do not exist.
    pub(super) fn no_such_triggers(
        &self,
        instance: InstanceId,
        block: &ResourceBlock,
    ) -> Vec<Diagnostic> {
        let problem_of = |trigger: &ha_lang::ReplaceTrigger| {
            let reference = &trigger.reference;
            let (ReferenceTarget::Block(name), Some(key)) = (&reference.target, &reference.key)
            else {
                return None;
            };
            let module = self.world.module(instance);
            let place = self.graph.modules.configuration(module).blocks.get_index_of(name)?;
            let expansion = self.world.expansion(instance, place)?;
            if *key == InstanceKey::None || expansion.place(key).is_some() {
                return None;
            }
            let problem = Diagnostic::error(format!("there is no instance `{name}{key}`"))
                .code(code::OUT_OF_RANGE);
            let known: Vec<String> =
                expansion.keys().take(8).map(|it| format!("`{name}{it}`")).collect();
            let problem = match known.is_empty() {
                true => problem.help("the block has no instances"),
                false => problem.help(format!("there are {}", known.join(", "))),
            };
            Some(problem.at(reference.span.clone()).within(block.head.clone()).address(&block.name))
        };
        block.lifecycle.replace_triggered_by.iter().filter_map(problem_of).collect()
    }
}

/// Returns the error for a path that the schema does not have.
fn lacking(schema: &Schema, kind: &Name, path: &Path, span: &SourceSpan) -> Option<Diagnostic> {
    let (PathStep::Name(first), deeper) = path.steps().split_first()? else { return None };
    let Some(field) = schema.arguments.get(first).or_else(|| schema.outputs.get(first)) else {
        let known = schema.arguments.keys().chain(schema.outputs.keys()).map(|it| &**it);
        let problem = Diagnostic::error(format!("`{kind}` has no attribute `{first}`"))
            .code(code::NO_ATTRIBUTE)
            .at(span.clone());
        return Some(problem.closest(first, known));
    };
    let mut so_far = first.to_string();
    let mut shape: &FieldShape = &field.shape;
    for step in deeper {
        shape = match (shape, step) {
            (FieldShape::Any, _) => return None,
            (FieldShape::Object(fields), PathStep::Name(name)) => match fields.get(name) {
                Some(SchemaField { shape, .. }) => shape,
                None => {
                    return Some(
                        nothing_inside(kind, &so_far, name, span)
                            .closest(name, fields.keys().map(|it| &**it)),
                    );
                }
            },
            (FieldShape::List(of) | FieldShape::Set(of), PathStep::Index(_))
            | (FieldShape::Map(of), PathStep::Name(_)) => of,
            // Terraform accepts an attribute of a list's elements without an index.
            (FieldShape::List(of) | FieldShape::Set(of), PathStep::Name(name)) => match &**of {
                FieldShape::Object(fields) if fields.contains_key(name) => &fields[name].shape,
                _ => return Some(nothing_inside(kind, &so_far, name, span)),
            },
            (_, PathStep::Name(name)) => return Some(nothing_inside(kind, &so_far, name, span)),
            (_, PathStep::Index(index)) => {
                return Some(nothing_inside(kind, &so_far, &index.to_string(), span));
            }
        };
        so_far += &match step {
            PathStep::Name(name) => format!(".{name}"),
            PathStep::Index(index) => format!("[{index}]"),
        };
    }
    None
}

fn nothing_inside(kind: &str, whole: &str, part: &str, span: &SourceSpan) -> Diagnostic {
    Diagnostic::error(format!("`{whole}` of `{kind}` has no `{part}`"))
        .code(code::NO_ATTRIBUTE)
        .at(span.clone())
}

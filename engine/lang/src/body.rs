//! The body of a block: arguments and nested blocks, which are evaluated by a schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_provider::{FieldShape, Schema, SchemaField, UnsupportedNames};
use ha_value::{Name, Object, Path, PathStep, Type, Value};

use crate::compiled_expression::{Expression, ExpressionKind, ExpressionNode, Reference};
use crate::diagnostics;
use crate::environment::EvaluationContext;
use crate::evaluate::{is_open, iterated};
use crate::source::is_json;
use crate::syntax::ByteSpan;

/// The body of a block.
#[derive(Clone, Debug)]
pub struct Body {
    pub(crate) arguments: Vec<CompiledArgument>,
    pub(crate) blocks: Vec<NestedBlock>,
    /// The head of the block around it, or the place where the body begins.
    pub(crate) span: SourceSpan,
    /// The meta-arguments and blocks that are allowed beside those of the schema.
    pub(crate) meta: &'static BlockSchema,
}

/// The arguments and blocks that a schema allows, and those of Terraform that are not supported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AcceptedContents<'a> {
    pub(crate) fields: &'a BTreeMap<Name, SchemaField>,
    pub(crate) unsupported: &'static [UnsupportedNames],
}

impl<'a> AcceptedContents<'a> {
    /// The contents of a nested block.
    fn inside(fields: &'a BTreeMap<Name, SchemaField>) -> Self {
        Self { fields, unsupported: &[] }
    }
}

/// The arguments and blocks that the language itself allows in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockSchema {
    pub(crate) arguments: &'static [&'static str],
    pub(crate) blocks: &'static [&'static str],
}

impl BlockSchema {
    /// No arguments and no blocks.
    pub(crate) const NONE: Self = Self { arguments: &[], blocks: &[] };
    /// For nested blocks and for settings.
    pub(crate) const NESTED: Self = Self { arguments: &[], blocks: &["dynamic"] };
    /// For resources and data sources.
    pub(crate) const RESOURCE: Self = Self {
        arguments: &["count", "for_each", "depends_on", "provider"],
        blocks: &["lifecycle", "dynamic"],
    };
    /// For providers.
    pub(crate) const PROVIDER: Self = Self { arguments: &["alias"], blocks: &["dynamic"] };
}

/// `name = value`
#[derive(Clone, Debug)]
pub(crate) struct CompiledArgument {
    pub(crate) name: Name,
    pub(crate) at: ByteSpan,
    pub(crate) value: Expression,
}

/// A nested block, or a `dynamic` block that generates some.
#[derive(Clone, Debug)]
pub(crate) struct NestedBlock {
    pub(crate) name: Name,
    /// The place of the name.
    pub(crate) at: ByteSpan,
    pub(crate) content: Body,
    pub(crate) dynamic: Option<DynamicBlock>,
}

/// A `dynamic` block: one block for each element of `for_each`, which is bound in its content.
#[derive(Clone, Debug)]
pub(crate) struct DynamicBlock {
    pub(crate) for_each: Expression,
}

impl Body {
    /// A body without arguments and blocks.
    #[must_use]
    pub fn empty(span: SourceSpan) -> Self {
        Self { arguments: Vec::new(), blocks: Vec::new(), span, meta: &BlockSchema::NESTED }
    }

    /// Whether it has no arguments and no blocks.
    pub(crate) fn is_empty(&self) -> bool {
        self.arguments.is_empty() && self.blocks.is_empty()
    }

    /// The names of its arguments and nested blocks, sorted, without duplicates.
    pub fn argument_names(&self) -> impl Iterator<Item = &Name> {
        let names: BTreeSet<&Name> = self
            .arguments
            .iter()
            .map(|it| &it.name)
            .chain(self.blocks.iter().map(|it| &it.name))
            .collect();
        names.into_iter()
    }

    /// The expression of an argument; `None` if it is not set.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&Expression> {
        self.arguments.iter().find(|it| &*it.name == name).map(|it| &it.value)
    }

    /// The arguments in source order.
    pub fn arguments(&self) -> impl Iterator<Item = (&Name, &Expression)> {
        self.arguments.iter().map(|it| (&it.name, &it.value))
    }

    /// The nested blocks in source order. A `dynamic` block is included once, with its content.
    pub fn blocks(&self) -> impl Iterator<Item = (&Name, &Body)> {
        self.blocks.iter().map(|it| (&it.name, &it.content))
    }

    /// The place of the head of the block around it.
    #[must_use]
    pub fn span(&self) -> &SourceSpan {
        &self.span
    }

    /// The references in all of its expressions.
    #[must_use]
    pub fn references(&self) -> Vec<&Reference> {
        self.expressions().into_iter().flat_map(Expression::references).collect()
    }

    /// All expressions in it, block by block in source order.
    pub(crate) fn expressions(&self) -> Vec<&Expression> {
        let mut all: Vec<&Expression> = self.arguments.iter().map(|it| &it.value).collect();
        for block in &self.blocks {
            all.extend(block.dynamic.iter().map(|it| &it.for_each));
            all.extend(block.content.expressions());
        }
        all
    }

    /// The values of arguments and nested blocks. Where the schema has an object, the block is that
    /// object; where it has a list or set of objects, the blocks are a tuple of objects.
    ///
    /// # Errors
    /// All diagnostics of it, not only the first.
    pub fn evaluate(
        &self,
        schema: &Schema,
        environment: &EvaluationContext<'_>,
    ) -> Result<Object, Vec<Diagnostic>> {
        self.evaluate_with(
            &[],
            AcceptedContents { fields: &schema.arguments, unsupported: schema.unsupported },
            environment,
        )
    }

    fn evaluate_with(
        &self,
        bound: &[Value],
        accepted: AcceptedContents<'_>,
        environment: &EvaluationContext<'_>,
    ) -> Result<Object, Vec<Diagnostic>> {
        let mut object = Object::new();
        let mut problems = Vec::new();
        for argument in &self.arguments {
            // An argument without a field is not evaluated: its value would be used nowhere, and
            // its own diagnostics would distract from the wrong name.
            let Some(field) = accepted.fields.get(&argument.name) else {
                problems.push(diagnostics::body::no_such_argument(
                    &argument.name,
                    argument.place(),
                    self,
                    accepted,
                ));
                continue;
            };
            match argument.value.evaluate_with(bound, environment) {
                Ok(value) => {
                    // The file of the argument decides, and not that of the block: a JSON override
                    // file can replace an argument of an HCL block.
                    let value = if is_json(&argument.value.span().file) {
                        as_blocks(value, &field.shape)
                    } else {
                        value
                    };
                    object.insert(argument.name.clone(), value);
                }
                Err(more) => problems.extend(more),
            }
        }
        // Blocks of one name form one value. A list is enough for the names, as a block has few of
        // them.
        let mut seen: Vec<&Name> = Vec::new();
        for block in &self.blocks {
            if seen.contains(&&block.name) {
                continue;
            }
            seen.push(&block.name);
            match self.blocks_named(block, bound, accepted, environment) {
                Ok(value) => {
                    // An attribute that is a list of objects can be written as an argument or as
                    // blocks. With both it is unclear which elements are meant.
                    if object.contains_key(&block.name) {
                        problems.push(diagnostics::body::argument_and_block(
                            &block.name,
                            block.place(),
                        ));
                    }
                    object.insert(block.name.clone(), value);
                }
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(object) } else { Err(problems) }
    }

    /// The value of all nested blocks of one name.
    fn blocks_named(
        &self,
        first: &NestedBlock,
        bound: &[Value],
        accepted: AcceptedContents<'_>,
        environment: &EvaluationContext<'_>,
    ) -> Result<Value, Vec<Diagnostic>> {
        let Some(field) = accepted.fields.get(&first.name) else {
            return Err(vec![diagnostics::body::no_such_block(
                &first.name,
                first.place(),
                self,
                accepted,
            )]);
        };
        let Some(inner) = field.shape.block() else {
            return Err(vec![diagnostics::body::argument_as_block(
                &first.name,
                first.place(),
                &field.shape,
            )]);
        };
        let mut made = BuiltBlocks::default();
        let mut problems = Vec::new();
        for block in self.blocks.iter().filter(|it| it.name == first.name) {
            if let Err(more) = block.evaluate_into(&mut made, bound, inner, environment) {
                problems.extend(more);
            }
        }
        if let (FieldShape::Object(_), true) = (&field.shape, made.items.len() > 1) {
            let second =
                self.blocks.iter().filter(|it| it.name == first.name).nth(1).unwrap_or(first);
            problems.push(diagnostics::body::one_block_only(
                &first.name,
                &first.place(),
                second.place(),
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let value = match (made.unknown, &field.shape) {
            (Some(cause), shape) => Value::unknown(shape.ty(), cause),
            // A `dynamic` block over an empty collection generates no block, which is null for a
            // single object.
            (None, FieldShape::Object(_)) => made.items.pop().unwrap_or(Value::NULL),
            (None, _) => Value::tuple(made.items),
        };
        Ok(if made.sensitive { value.sensitive() } else { value })
    }

    /// The place of the value at `path` in the source, or of the nearest part around it.
    #[must_use]
    pub fn locate(&self, path: &Path) -> SourceSpan {
        self.locate_steps(path.steps())
    }

    fn locate_steps(&self, steps: &[PathStep]) -> SourceSpan {
        let Some((PathStep::Name(name), rest)) = steps.split_first() else {
            return self.span.clone();
        };
        if let Some(argument) = self.arguments.iter().find(|it| it.name == *name) {
            return argument.span_at(locate_node(&argument.value.0.root, rest));
        }
        let blocks: Vec<&NestedBlock> = self.blocks.iter().filter(|it| it.name == *name).collect();
        let Some(first) = blocks.first() else { return self.span.clone() };
        let (index, rest) = match rest.split_first() {
            Some((PathStep::Index(index), rest)) => (*index, rest),
            _ => (0, rest),
        };
        // The number of blocks that a dynamic block generates shows only in its value, so that the
        // index of a later block is not known: the dynamic block is the nearest part then.
        let before = blocks.iter().take(index + 1).find(|it| it.dynamic.is_some());
        let block = before.or(blocks.get(index)).unwrap_or(first);
        match rest.is_empty() {
            true => block.place(),
            false => block.content.locate_steps(rest),
        }
    }
}

/// The values of the blocks of one name so far.
#[derive(Default)]
struct BuiltBlocks {
    items: Vec<Value>,
    sensitive: bool,
    /// The cause, if the number of blocks is unknown.
    unknown: Option<Option<Arc<str>>>,
}

impl CompiledArgument {
    /// The place of the name.
    fn place(&self) -> SourceSpan {
        self.span_at(self.at)
    }

    /// A place in the file of the argument. That file can differ from the one of the block, as an
    /// override file replaces single arguments.
    fn span_at(&self, at: ByteSpan) -> SourceSpan {
        SourceSpan::new(self.value.span().file.clone(), at.start as usize..at.end as usize)
    }
}

impl NestedBlock {
    /// The place of the name.
    fn place(&self) -> SourceSpan {
        SourceSpan::new(
            self.content.span.file.clone(),
            self.at.start as usize..self.at.end as usize,
        )
    }

    fn evaluate_into(
        &self,
        made: &mut BuiltBlocks,
        bound: &[Value],
        fields: &BTreeMap<Name, SchemaField>,
        environment: &EvaluationContext<'_>,
    ) -> Result<(), Vec<Diagnostic>> {
        let Some(dynamic) = &self.dynamic else {
            let object =
                self.content.evaluate_with(bound, AcceptedContents::inside(fields), environment)?;
            made.items.push(Value::Object(Arc::new(object)));
            return Ok(());
        };
        let each = dynamic.for_each.evaluate_with(bound, environment)?;
        let (plain, sensitive) = each.unmark();
        made.sensitive |= sensitive;
        // The number of blocks is unknown, so that the whole argument is. A type without elements
        // is an error at once.
        if let Value::Unknown(it) = &plain {
            if !can_be_iterated(&it.ty) {
                return Err(vec![
                    diagnostics::body::dynamic_over(&plain).at(dynamic.for_each.span().clone()),
                ]);
            }
            made.unknown = Some(it.cause.clone());
            return Ok(());
        }
        // Unknown elements of a set can turn out to be equal, so that their number is unknown too.
        if is_open(&plain) {
            made.unknown = Some(plain.cause());
            return Ok(());
        }
        let Some(items) = iterated(&plain) else {
            return Err(vec![
                diagnostics::body::dynamic_over(&plain).at(dynamic.for_each.span().clone()),
            ]);
        };
        let mut problems = Vec::new();
        let environment =
            &EvaluationContext { secret: environment.secret || sensitive, ..*environment };
        for (key, value) in items {
            // One mistake in the content fails for each element; it is reported once.
            let iterator = Value::object([("key".into(), key), ("value".into(), value)]);
            let inner: Vec<Value> = bound.iter().cloned().chain([iterator]).collect();
            match self.content.evaluate_with(&inner, AcceptedContents::inside(fields), environment)
            {
                Ok(object) => made.items.push(Value::Object(Arc::new(object))),
                Err(more) => problems.extend(
                    more.into_iter().filter(|it| !problems.contains(it)).collect::<Vec<_>>(),
                ),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// Whether values of a type can be iterated.
fn can_be_iterated(ty: &Type) -> bool {
    !matches!(ty, Type::Bool | Type::Number | Type::String)
}

/// The value of an argument of a JSON file where the schema has blocks. JSON has no blocks; one
/// block can be written as an object or as a list of one.
fn as_blocks(value: Value, shape: &FieldShape) -> Value {
    match (shape, value) {
        (FieldShape::Object(_), Value::Tuple(items)) if items.len() == 1 => items[0].clone(),
        (FieldShape::List(_) | FieldShape::Set(_), one @ Value::Object(_))
            if shape.block().is_some() =>
        {
            Value::tuple([one])
        }
        (_, value) => value,
    }
}

fn locate_node(node: &ExpressionNode, steps: &[PathStep]) -> ByteSpan {
    let Some((step, rest)) = steps.split_first() else { return node.at };
    match (&node.kind, step) {
        (ExpressionKind::Object(entries), PathStep::Name(name)) => {
            let named = |(key, _): &&(ExpressionNode, ExpressionNode)| matches!(&key.kind, ExpressionKind::Literal(Value::String(it)) if it == name);
            // The last entry of a name wins, as in the value.
            entries.iter().rfind(named).map_or(node.at, |(_, value)| locate_node(value, rest))
        }
        (ExpressionKind::Tuple(items), PathStep::Index(index)) => {
            items.get(*index).map_or(node.at, |it| locate_node(it, rest))
        }
        _ => node.at,
    }
}

//! Compiled expressions: every name is resolved, to a target outside or to a slot inside.

use std::fmt;
use std::sync::Arc;

use ha_diagnostics::SourceSpan;
use ha_value::{InstanceKey, Name, Path, PathStep, ResourceMode, Value};

use crate::configuration::ModuleCall;
use crate::functions::Function;
use crate::syntax::{ByteSpan, Operator};
use crate::user_functions::UserFunction;

/// A compiled expression. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression(pub(crate) Arc<ExpressionData>);

#[derive(Debug)]
pub(crate) struct ExpressionData {
    pub(crate) span: SourceSpan,
    pub(crate) references: Box<[Reference]>,
    /// Those that are read by `ephemeralasnull` alone.
    pub(crate) cleared: Box<[Reference]>,
    pub(crate) root: ExpressionNode,
}

impl Expression {
    /// Where it is written.
    #[must_use]
    pub fn span(&self) -> &SourceSpan {
        &self.0.span
    }

    /// Everything it may read, each once; the variables of its own `for` are not among it.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// Whether one of its references is read by `ephemeralasnull` alone.
    pub(crate) fn is_cleared(&self, reference: &Reference) -> bool {
        self.0.cleared.contains(reference)
    }

    /// The value it always has, where nothing needs to be worked out.
    #[must_use]
    pub fn literal(&self) -> Option<&Value> {
        match &self.0.root.kind {
            ExpressionKind::Literal(value) => Some(value),
            _ => None,
        }
    }
}

/// Something outside that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What is read.
    pub target: ReferenceTarget,
    /// The static steps that follow, as far as they are static. They begin behind the instance key
    /// of a block or module, whether that is literal, worked out or `[*]`.
    pub path: Path,
    /// The instance key, where it is literal.
    pub key: Option<InstanceKey>,
    /// Whether a key in brackets follows the name, literal or not.
    pub indexed: bool,
    /// Whether it is read within `try` or `can` alone, so that it need not be there.
    pub tried: bool,
    /// Where it is written.
    pub span: SourceSpan,
    /// Where the name of what is read is written: `b` in `var.b.c`, all of `aws_vpc.main` in
    /// `aws_vpc.main.id`.
    pub(crate) name: ByteSpan,
    /// Where the first step of the path is written, behind the key.
    pub(crate) step: Option<ByteSpan>,
}

impl Reference {
    /// The instance key of a module, where it is literal, and the steps behind it. An instance of
    /// `for_each` is an attribute of the whole too: `module.zone.west.id`.
    #[must_use]
    pub fn in_call(&self, call: &ModuleCall) -> (Option<InstanceKey>, &[PathStep]) {
        match self.path.steps() {
            [PathStep::Name(key), behind @ ..] if call.for_each.is_some() && !self.indexed => {
                (Some(InstanceKey::Name(key.clone())), behind)
            }
            steps => (self.key.clone(), steps),
        }
    }

    /// What makes it the same as another one.
    pub(crate) fn identity(&self) -> (&ReferenceTarget, &Path, Option<&InstanceKey>, bool) {
        (&self.target, &self.path, self.key.as_ref(), self.indexed)
    }

    /// The output of a module that is read, where it is one.
    #[must_use]
    pub fn output(&self, call: &ModuleCall) -> Option<&Name> {
        match self.in_call(call).1.first() {
            Some(PathStep::Name(output)) => Some(output),
            _ => None,
        }
    }

    /// Where the name of what is read is written: `b` in `var.b.c`, all of `aws_vpc.main` in
    /// `aws_vpc.main.id`.
    #[must_use]
    pub fn name_span(&self) -> SourceSpan {
        self.span_at(self.name)
    }

    /// Where the first step of the path is written, or all of the reference where it is not to be
    /// seen.
    #[must_use]
    pub fn step_span(&self) -> SourceSpan {
        self.step.map_or_else(|| self.span.clone(), |it| self.span_at(it))
    }

    fn span_at(&self, at: ByteSpan) -> SourceSpan {
        SourceSpan::new(self.span.file.clone(), at.start as usize..at.end as usize)
    }
}

/// What a reference can name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceTarget {
    /// `var.NAME`
    Variable(Name),
    /// `local.NAME`
    Local(Name),
    /// `KIND.NAME` or `data.KIND.NAME`
    Block(BlockName),
    /// `module.NAME`
    Module(Name),
    /// `each.key`
    EachKey,
    /// `each.value`
    EachValue,
    /// `count.index`
    CountIndex,
    /// `self`
    SelfValue,
    /// `path.module`
    PathModule,
    /// `path.root`
    PathRoot,
    /// `path.cwd`
    PathCwd,
    /// `ha.workspace`
    Workspace,
}

/// A resource or data block of one module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockName {
    /// Made or read.
    pub mode: ResourceMode,
    /// Its kind, such as `aws_s3_bucket`.
    pub kind: Name,
    /// Its name.
    pub name: Name,
}

impl fmt::Display for BlockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            ResourceMode::Managed => write!(f, "{}.{}", self.kind, self.name),
            ResourceMode::Data => write!(f, "data.{}.{}", self.kind, self.name),
        }
    }
}

impl fmt::Display for ReferenceTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReferenceTarget::Variable(name) => write!(f, "var.{name}"),
            ReferenceTarget::Local(name) => write!(f, "local.{name}"),
            ReferenceTarget::Block(name) => write!(f, "{name}"),
            ReferenceTarget::Module(name) => write!(f, "module.{name}"),
            ReferenceTarget::EachKey => f.write_str("each.key"),
            ReferenceTarget::EachValue => f.write_str("each.value"),
            ReferenceTarget::CountIndex => f.write_str("count.index"),
            ReferenceTarget::SelfValue => f.write_str("self"),
            ReferenceTarget::PathModule => f.write_str("path.module"),
            ReferenceTarget::PathRoot => f.write_str("path.root"),
            ReferenceTarget::PathCwd => f.write_str("path.cwd"),
            ReferenceTarget::Workspace => f.write_str("ha.workspace"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target)?;
        if let Some(key) = &self.key {
            write!(f, "{key}")?;
        }
        for step in self.path.steps() {
            match step {
                ha_value::PathStep::Index(index) => write!(f, "[{index}]")?,
                ha_value::PathStep::Name(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct ExpressionNode {
    pub(crate) at: ByteSpan,
    pub(crate) kind: ExpressionKind,
}

#[derive(Debug)]
pub(crate) enum ExpressionKind {
    Literal(Value),
    /// A value bound inside the expression, by its place on the evaluator's stack, and its name.
    Slot(u32, Name),
    Target(Box<ReferenceTarget>),
    /// One instance of a block.
    Instance(Box<(BlockName, ExpressionNode)>),
    /// With where the name is written.
    Attribute(Box<(ExpressionNode, Name, ByteSpan)>),
    Index(Box<[ExpressionNode; 2]>),
    /// What is done with each element finds it on top of the stack.
    Splat(Box<[ExpressionNode; 2]>),
    Template(Box<[TemplatePiece]>),
    Tuple(Box<[ExpressionNode]>),
    Object(Box<[(ExpressionNode, ExpressionNode)]>),
    Conditional(Box<[ExpressionNode; 3]>),
    Not(Box<ExpressionNode>),
    Negative(Box<ExpressionNode>),
    Binary(Operator, Box<[ExpressionNode; 2]>),
    Call(Box<FunctionCall>),
    /// A call of a function that the configuration declares.
    Declared(Box<UserFunctionCall>),
    For(Box<ForExpression>),
}

#[derive(Debug)]
pub(crate) struct FunctionCall {
    pub(crate) function: &'static Function,
    pub(crate) arguments: Box<[ExpressionNode]>,
    pub(crate) spread: bool,
}

#[derive(Debug)]
pub(crate) struct UserFunctionCall {
    pub(crate) function: Arc<UserFunction>,
    pub(crate) arguments: Box<[ExpressionNode]>,
    pub(crate) spread: bool,
}

/// The key (when `keyed`) and then the value are pushed for each element.
#[derive(Debug)]
pub(crate) struct ForExpression {
    pub(crate) keyed: bool,
    pub(crate) collection: ExpressionNode,
    pub(crate) result_key: Option<ExpressionNode>,
    pub(crate) result: ExpressionNode,
    pub(crate) condition: Option<ExpressionNode>,
    pub(crate) grouping: bool,
}

#[derive(Debug)]
pub(crate) enum TemplatePiece {
    Text(Arc<str>),
    Value(ExpressionNode),
    If(Box<IfDirective>),
    For(Box<ForDirective>),
}

#[derive(Debug)]
pub(crate) struct IfDirective {
    pub(crate) condition: ExpressionNode,
    pub(crate) then: Box<[TemplatePiece]>,
    pub(crate) otherwise: Box<[TemplatePiece]>,
}

/// The key (when `keyed`) and then the value are pushed for each element.
#[derive(Debug)]
pub(crate) struct ForDirective {
    pub(crate) keyed: bool,
    pub(crate) collection: ExpressionNode,
    pub(crate) body: Box<[TemplatePiece]>,
}

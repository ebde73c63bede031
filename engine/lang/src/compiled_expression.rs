//! Compiled expressions: every name is resolved, either to a target outside of the expression or to
//! a slot of a value that is bound inside of it.

use std::fmt;
use std::sync::Arc;

use ha_diagnostics::SourceSpan;
use ha_value::{InstanceKey, Name, Path, PathStep, ResourceMode, Value};

use crate::configuration::ModuleCall;
use crate::functions::Function;
use crate::syntax::{ByteSpan, Operator};
use crate::user_functions::UserFunction;

/// A compiled expression. A clone shares the data.
#[derive(Clone, Debug)]
pub struct Expression(pub(crate) Arc<ExpressionData>);

#[derive(Debug)]
pub(crate) struct ExpressionData {
    pub(crate) span: SourceSpan,
    pub(crate) references: Box<[Reference]>,
    /// The references that cannot make the value ephemeral: they are read only within
    /// `ephemeralasnull`, `issensitive` or `can`, or behind an argument of `try` that never fails.
    pub(crate) cleared: Box<[Reference]>,
    pub(crate) root: ExpressionNode,
}

impl Expression {
    /// The place in the source.
    #[must_use]
    pub fn span(&self) -> &SourceSpan {
        &self.0.span
    }

    /// The references to targets outside of the expression, without duplicates. Names that a `for`
    /// inside of it binds are not included.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// Whether a reference cannot make the value ephemeral.
    pub(crate) fn is_cleared(&self, reference: &Reference) -> bool {
        self.0.cleared.contains(reference)
    }

    /// The value, if the expression is a literal.
    #[must_use]
    pub fn literal(&self) -> Option<&Value> {
        match &self.0.root.kind {
            ExpressionKind::Literal(value) => Some(value),
            _ => None,
        }
    }
}

/// A reference from an expression to a target outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The target, without instance key and attributes.
    pub target: ReferenceTarget,
    /// The attributes and indices that follow, up to the first one that is not literal. They begin
    /// behind the instance key of a block or module, whether that is literal, computed or `[*]`.
    pub path: Path,
    /// The instance key, if it is literal.
    pub key: Option<InstanceKey>,
    /// Whether a key in brackets follows the name, literal or computed.
    pub indexed: bool,
    /// Whether it is read only within `try` or `can`, so that a missing attribute is no error.
    pub tried: bool,
    /// The place in the source.
    pub span: SourceSpan,
    /// The place of the name of the target: `b` in `var.b.c`, all of `aws_vpc.main` in
    /// `aws_vpc.main.id`.
    pub(crate) name: ByteSpan,
    /// The place of the first step of the path, behind the key.
    pub(crate) step: Option<ByteSpan>,
}

impl Reference {
    /// The literal instance key of a module and the steps behind it. An instance of `for_each` can
    /// also be named like an attribute: `module.zone.west.id`.
    #[must_use]
    pub fn in_call(&self, call: &ModuleCall) -> (Option<InstanceKey>, &[PathStep]) {
        match self.path.steps() {
            [PathStep::Name(key), behind @ ..] if call.for_each.is_some() && !self.indexed => {
                (Some(InstanceKey::Name(key.clone())), behind)
            }
            steps => (self.key.clone(), steps),
        }
    }

    /// The parts by which two references are the same; the place and `tried` are not among them.
    pub(crate) fn identity(&self) -> (&ReferenceTarget, &Path, Option<&InstanceKey>, bool) {
        (&self.target, &self.path, self.key.as_ref(), self.indexed)
    }

    /// The output of the module that is read; `None` for a reference to the whole module.
    #[must_use]
    pub fn output(&self, call: &ModuleCall) -> Option<&Name> {
        match self.in_call(call).1.first() {
            Some(PathStep::Name(output)) => Some(output),
            _ => None,
        }
    }

    /// The place of the name of the target: `b` in `var.b.c`, all of `aws_vpc.main` in
    /// `aws_vpc.main.id`.
    #[must_use]
    pub fn name_span(&self) -> SourceSpan {
        self.span_at(self.name)
    }

    /// The place of the first step of the path; that of the whole reference if it has no path.
    #[must_use]
    pub fn step_span(&self) -> SourceSpan {
        self.step.map_or_else(|| self.span.clone(), |it| self.span_at(it))
    }

    fn span_at(&self, at: ByteSpan) -> SourceSpan {
        SourceSpan::new(self.span.file.clone(), at.start as usize..at.end as usize)
    }
}

/// The target of a reference.
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
    /// Whether it is a `resource` or a `data` block.
    pub mode: ResourceMode,
    /// The resource type, such as `aws_s3_bucket`.
    pub kind: Name,
    /// The second label.
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
    /// A value that is bound inside the expression: its index in the stack of the evaluator, and
    /// its name for diagnostics.
    Slot(u32, Name),
    Target(Box<ReferenceTarget>),
    /// One instance of a block. It is a node of its own so that the evaluator asks for one instance
    /// and does not build the value of all of them.
    Instance(Box<(BlockName, ExpressionNode)>),
    /// The value, the name of the attribute and the place of that name.
    Attribute(Box<(ExpressionNode, Name, ByteSpan)>),
    Index(Box<[ExpressionNode; 2]>),
    /// The source, and the expression that is evaluated for each element, which is on top of the
    /// stack then.
    Splat(Box<[ExpressionNode; 2]>),
    Template(Box<[TemplatePiece]>),
    Tuple(Box<[ExpressionNode]>),
    Object(Box<[(ExpressionNode, ExpressionNode)]>),
    Conditional(Box<[ExpressionNode; 3]>),
    Not(Box<ExpressionNode>),
    Negative(Box<ExpressionNode>),
    Binary(Operator, Box<[ExpressionNode; 2]>),
    Call(Box<FunctionCall>),
    /// A call of a function that the configuration declares in a `function` block.
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

/// For each element the key (if `keyed`) and then the value are pushed onto the stack.
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

/// For each element the key (if `keyed`) and then the value are pushed onto the stack.
#[derive(Debug)]
pub(crate) struct ForDirective {
    pub(crate) keyed: bool,
    pub(crate) collection: ExpressionNode,
    pub(crate) body: Box<[TemplatePiece]>,
}

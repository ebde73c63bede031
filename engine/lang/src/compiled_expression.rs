//! Compiled expressions: every name is resolved, to a target outside or to a slot inside.

use std::fmt;
use std::sync::Arc;

use ha_diagnostics::Span;
use ha_value::{Key, Mode, Name, Path, Step, Value};

use crate::configuration::ModuleCall;
use crate::functions::Function;
use crate::syntax::{At, Operator};
use crate::user_functions::Declared;

/// A compiled expression. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression(pub(crate) Arc<Compiled>);

#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) span: Span,
    pub(crate) references: Box<[Reference]>,
    /// Those that are read by `ephemeralasnull` alone.
    pub(crate) cleared: Box<[Reference]>,
    pub(crate) root: Node,
}

impl Expression {
    /// Where it is written.
    #[must_use]
    pub fn span(&self) -> &Span {
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
            Kind::Literal(value) => Some(value),
            _ => None,
        }
    }
}

/// Something outside that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What is read.
    pub target: Target,
    /// The static steps that follow, as far as they are static. They begin behind the instance key of a block or
    /// module, whether that is literal, worked out or `[*]`.
    pub path: Path,
    /// The instance key, where it is literal.
    pub key: Option<Key>,
    /// Whether a key in brackets follows the name, literal or not.
    pub indexed: bool,
    /// Whether it is read within `try` or `can` alone, so that it need not be there.
    pub tried: bool,
    /// Where it is written.
    pub span: Span,
    /// Where the name of what is read is written: `b` in `var.b.c`, all of `aws_vpc.main` in `aws_vpc.main.id`.
    pub(crate) name: At,
    /// Where the first step of the path is written, behind the key.
    pub(crate) step: Option<At>,
}

impl Reference {
    /// The instance key of a module, where it is literal, and the steps behind it. An instance of `for_each` is an attribute
    /// of the whole too: `module.zone.west.id`.
    #[must_use]
    pub fn in_call(&self, call: &ModuleCall) -> (Option<Key>, &[Step]) {
        match self.path.steps() {
            [Step::Name(key), behind @ ..] if call.for_each.is_some() && !self.indexed => (Some(Key::Name(key.clone())), behind),
            steps => (self.key.clone(), steps),
        }
    }

    /// What makes it the same as another one.
    pub(crate) fn identity(&self) -> (&Target, &Path, Option<&Key>, bool) {
        (&self.target, &self.path, self.key.as_ref(), self.indexed)
    }

    /// The output of a module that is read, where it is one.
    #[must_use]
    pub fn output(&self, call: &ModuleCall) -> Option<&Name> {
        match self.in_call(call).1.first() {
            Some(Step::Name(output)) => Some(output),
            _ => None,
        }
    }

    /// Where the name of what is read is written: `b` in `var.b.c`, all of `aws_vpc.main` in `aws_vpc.main.id`.
    #[must_use]
    pub fn name_span(&self) -> Span {
        self.span_at(self.name)
    }

    /// Where the first step of the path is written, or all of the reference where it is not to be seen.
    #[must_use]
    pub fn step_span(&self) -> Span {
        self.step.map_or_else(|| self.span.clone(), |it| self.span_at(it))
    }

    fn span_at(&self, at: At) -> Span {
        Span::new(self.span.file.clone(), at.start as usize..at.end as usize)
    }
}

/// What a reference can name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
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
    pub mode: Mode,
    /// Its kind, such as `aws_s3_bucket`.
    pub kind: Name,
    /// Its name.
    pub name: Name,
}

impl fmt::Display for BlockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            Mode::Managed => write!(f, "{}.{}", self.kind, self.name),
            Mode::Data => write!(f, "data.{}.{}", self.kind, self.name),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Variable(name) => write!(f, "var.{name}"),
            Target::Local(name) => write!(f, "local.{name}"),
            Target::Block(name) => write!(f, "{name}"),
            Target::Module(name) => write!(f, "module.{name}"),
            Target::EachKey => f.write_str("each.key"),
            Target::EachValue => f.write_str("each.value"),
            Target::CountIndex => f.write_str("count.index"),
            Target::SelfValue => f.write_str("self"),
            Target::PathModule => f.write_str("path.module"),
            Target::PathRoot => f.write_str("path.root"),
            Target::PathCwd => f.write_str("path.cwd"),
            Target::Workspace => f.write_str("ha.workspace"),
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
                ha_value::Step::Index(index) => write!(f, "[{index}]")?,
                ha_value::Step::Name(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Literal(Value),
    /// A value bound inside the expression, by its place on the evaluator's stack, and its name.
    Slot(u32, Name),
    Target(Box<Target>),
    /// One instance of a block.
    Instance(Box<(BlockName, Node)>),
    /// With where the name is written.
    Attribute(Box<(Node, Name, At)>),
    Index(Box<[Node; 2]>),
    /// What is done with each element finds it on top of the stack.
    Splat(Box<[Node; 2]>),
    Template(Box<[Piece]>),
    Tuple(Box<[Node]>),
    Object(Box<[(Node, Node)]>),
    Conditional(Box<[Node; 3]>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
    Call(Box<Call>),
    /// A call of a function that the configuration declares.
    Declared(Box<DeclaredCall>),
    For(Box<For>),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: &'static Function,
    pub(crate) arguments: Box<[Node]>,
    pub(crate) spread: bool,
}

#[derive(Debug)]
pub(crate) struct DeclaredCall {
    pub(crate) function: Arc<Declared>,
    pub(crate) arguments: Box<[Node]>,
    pub(crate) spread: bool,
}

/// The key (when `keyed`) and then the value are pushed for each element.
#[derive(Debug)]
pub(crate) struct For {
    pub(crate) keyed: bool,
    pub(crate) collection: Node,
    pub(crate) result_key: Option<Node>,
    pub(crate) result: Node,
    pub(crate) condition: Option<Node>,
    pub(crate) grouping: bool,
}

#[derive(Debug)]
pub(crate) enum Piece {
    Text(Arc<str>),
    Value(Node),
    If(Box<If>),
    For(Box<Repeated>),
}

#[derive(Debug)]
pub(crate) struct If {
    pub(crate) condition: Node,
    pub(crate) then: Box<[Piece]>,
    pub(crate) otherwise: Box<[Piece]>,
}

/// The key (when `keyed`) and then the value are pushed for each element.
#[derive(Debug)]
pub(crate) struct Repeated {
    pub(crate) keyed: bool,
    pub(crate) collection: Node,
    pub(crate) body: Box<[Piece]>,
}

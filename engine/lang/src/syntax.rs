//! What a source text says, before names mean anything. Made by [`crate::parse`], consumed by the compiler.

use ha_kind::{Name, Value};

/// A stretch of the source, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl At {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let narrow = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    pub(crate) fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// A word of the source and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) name: Name,
    pub(crate) at: At,
}

/// A file or the inside of a block.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) arguments: Vec<Argument>,
    pub(crate) blocks: Vec<Block>,
}

/// `name = value`
#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: Word,
    pub(crate) value: Node,
}

/// `kind "label" { … }`
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: Word,
    pub(crate) labels: Vec<Word>,
    pub(crate) body: Body,
    /// The kind and the labels.
    pub(crate) head: At,
    pub(crate) at: At,
}

/// An expression.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Literal(Value),
    /// The first name of a reference.
    Root(Name),
    Attribute(Box<Node>, Word),
    Index(Box<Node>, Box<Node>),
    /// The second node is what is done with each element; [`Kind::Element`] stands for that element.
    Splat(Box<Node>, Box<Node>),
    Element,
    Template(Vec<Piece>),
    Tuple(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Parenthesis(Box<Node>),
    Conditional(Box<[Node; 3]>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
    Call(Call),
    For(Box<For>),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: Word,
    pub(crate) arguments: Vec<Node>,
    /// Whether `...` follows the last argument.
    pub(crate) spread: bool,
}

#[derive(Debug)]
pub(crate) struct For {
    pub(crate) key: Option<Word>,
    pub(crate) value: Word,
    pub(crate) collection: Node,
    /// Present when the result is an object.
    pub(crate) result_key: Option<Node>,
    pub(crate) result: Node,
    pub(crate) condition: Option<Node>,
    /// Whether `...` follows the result.
    pub(crate) grouping: bool,
}

/// A stretch of a template.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(String),
    Value(Node),
    If { condition: Node, then: Vec<Piece>, otherwise: Vec<Piece> },
    For { key: Option<Word>, value: Word, collection: Node, body: Vec<Piece> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl Operator {
    /// As it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::And => "&&",
            Operator::Or => "||",
        }
    }
}

impl Node {
    pub(crate) fn new(at: At, kind: Kind) -> Self {
        Self { at, kind }
    }

    /// The one name this is, where it is nothing but a name.
    pub(crate) fn keyword(&self) -> Option<&Name> {
        match &self.kind {
            Kind::Root(name) => Some(name),
            _ => None,
        }
    }

    /// The text this is, where it is a text without anything to work out.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Literal(value) => value.as_str(),
            _ => None,
        }
    }
}

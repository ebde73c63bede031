//! What a source text says, before names mean anything. Made by [`crate::parse`], consumed by the compiler.

use ha_value::{Name, Value};
use unicode_normalization::UnicodeNormalization;

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

    /// The same behind what comes before.
    pub(crate) fn plus(self, base: u32) -> Self {
        Self { start: self.start.saturating_add(base), end: self.end.saturating_add(base) }
    }

    /// The same without what comes before.
    pub(crate) fn minus(self, base: u32) -> Self {
        Self { start: self.start.saturating_sub(base), end: self.end.saturating_sub(base) }
    }
}

/// A text in its composed normal form, as all texts of the language are.
pub(crate) fn composed(text: &str) -> Name {
    if text.is_ascii() { text.into() } else { text.nfc().collect::<String>().into() }
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

/// Puts everything somewhere else, for what is read from the middle of a file or behind other files.
pub(crate) trait Placed {
    fn place(&mut self, to: &dyn Fn(At) -> At);
}

impl<T: Placed> Placed for Vec<T> {
    fn place(&mut self, to: &dyn Fn(At) -> At) {
        self.iter_mut().for_each(|it| it.place(to));
    }
}

impl<T: Placed> Placed for Option<T> {
    fn place(&mut self, to: &dyn Fn(At) -> At) {
        self.iter_mut().for_each(|it| it.place(to));
    }
}

impl Placed for Word {
    fn place(&mut self, to: &dyn Fn(At) -> At) {
        self.at = to(self.at);
    }
}

impl Placed for Body {
    fn place(&mut self, to: &dyn Fn(At) -> At) {
        self.arguments.place(to);
        self.blocks.place(to);
    }
}

impl Placed for Argument {
    fn place(&mut self, to: &dyn Fn(At) -> At) {
        self.name.place(to);
        self.value.place(to);
    }
}

impl Placed for Block {
    fn place(&mut self, to: &dyn Fn(At) -> At) {
        self.kind.place(to);
        self.labels.place(to);
        self.body.place(to);
        self.head = to(self.head);
        self.at = to(self.at);
    }
}

impl Placed for Node {
    fn place(&mut self, to: &dyn Fn(At) -> At) {
        self.at = to(self.at);
        match &mut self.kind {
            Kind::Literal(_) | Kind::Root(_) | Kind::Element => {}
            Kind::Attribute(of, word) => {
                of.place(to);
                word.place(to);
            }
            Kind::Index(of, with) | Kind::Splat(of, with) => {
                of.place(to);
                with.place(to);
            }
            Kind::Template(pieces) => pieces.place(to),
            Kind::Tuple(items) => items.place(to),
            Kind::Object(entries) => entries.iter_mut().for_each(|(key, value)| {
                key.place(to);
                value.place(to);
            }),
            Kind::Parenthesis(inner) | Kind::Not(inner) | Kind::Negative(inner) => inner.place(to),
            Kind::Conditional(it) => it.iter_mut().for_each(|it| it.place(to)),
            Kind::Binary(_, it) => it.iter_mut().for_each(|it| it.place(to)),
            Kind::Call(Call { name, arguments, spread: _ }) => {
                name.place(to);
                arguments.place(to);
            }
            Kind::For(it) => {
                let For { key, value, collection, result_key, result, condition, grouping: _ } = &mut **it;
                key.place(to);
                value.place(to);
                collection.place(to);
                result_key.place(to);
                result.place(to);
                condition.place(to);
            }
        }
    }
}

impl Placed for Piece {
    fn place(&mut self, to: &dyn Fn(At) -> At) {
        match self {
            Piece::Text(_) => {}
            Piece::Value(node) => node.place(to),
            Piece::If { condition, then, otherwise } => {
                condition.place(to);
                then.place(to);
                otherwise.place(to);
            }
            Piece::For { key, value, collection, body } => {
                key.place(to);
                value.place(to);
                collection.place(to);
                body.place(to);
            }
        }
    }
}

//! The syntax tree: the result of [`crate::parse`], with names not yet resolved.

use ha_value::{Name, Value};
use unicode_normalization::UnicodeNormalization;

/// A range of the source in bytes. 32 bits keep the nodes small; larger files are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteSpan {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl ByteSpan {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let narrow = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    pub(crate) fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }

    /// The range shifted behind the files that come before.
    pub(crate) fn plus(self, base: u32) -> Self {
        Self { start: self.start.saturating_add(base), end: self.end.saturating_add(base) }
    }

    /// The range relative to its own file.
    pub(crate) fn minus(self, base: u32) -> Self {
        Self { start: self.start.saturating_sub(base), end: self.end.saturating_sub(base) }
    }
}

/// A string in normalisation form C, as all strings of the language are.
pub(crate) fn composed(text: &str) -> Name {
    if text.is_ascii() { text.into() } else { text.nfc().collect::<String>().into() }
}

/// A word of the source and its place.
#[derive(Clone, Debug)]
pub(crate) struct SourceWord {
    pub(crate) name: Name,
    pub(crate) at: ByteSpan,
}

/// The body of a file or block.
#[derive(Debug, Default)]
pub(crate) struct BodySyntax {
    pub(crate) arguments: Vec<ArgumentSyntax>,
    pub(crate) blocks: Vec<BlockSyntax>,
}

/// `name = value`
#[derive(Debug)]
pub(crate) struct ArgumentSyntax {
    pub(crate) name: SourceWord,
    pub(crate) value: SyntaxNode,
}

/// `kind "label" { … }`
#[derive(Debug)]
pub(crate) struct BlockSyntax {
    pub(crate) kind: SourceWord,
    pub(crate) labels: Vec<SourceWord>,
    pub(crate) body: BodySyntax,
    /// The kind and the labels.
    pub(crate) head: ByteSpan,
    pub(crate) at: ByteSpan,
}

/// An expression.
#[derive(Debug)]
pub(crate) struct SyntaxNode {
    pub(crate) at: ByteSpan,
    pub(crate) kind: SyntaxKind,
}

#[derive(Debug)]
pub(crate) enum SyntaxKind {
    Literal(Value),
    /// The first name of a reference.
    Root(Name),
    Attribute(Box<SyntaxNode>, SourceWord),
    Index(Box<SyntaxNode>, Box<SyntaxNode>),
    /// The source, and the expression for each element, in which [`SyntaxKind::Element`] is the
    /// element.
    Splat(Box<SyntaxNode>, Box<SyntaxNode>),
    Element,
    Template(Vec<TemplateSyntax>),
    Tuple(Vec<SyntaxNode>),
    Object(Vec<(SyntaxNode, SyntaxNode)>),
    Parenthesis(Box<SyntaxNode>),
    Conditional(Box<[SyntaxNode; 3]>),
    Not(Box<SyntaxNode>),
    Negative(Box<SyntaxNode>),
    Binary(Operator, Box<[SyntaxNode; 2]>),
    Call(CallSyntax),
    For(Box<ForSyntax>),
}

#[derive(Debug)]
pub(crate) struct CallSyntax {
    pub(crate) name: SourceWord,
    pub(crate) arguments: Vec<SyntaxNode>,
    /// Whether `...` follows the last argument.
    pub(crate) spread: bool,
}

#[derive(Debug)]
pub(crate) struct ForSyntax {
    pub(crate) key: Option<SourceWord>,
    pub(crate) value: SourceWord,
    pub(crate) collection: SyntaxNode,
    /// The expression of the key; present if the result is an object.
    pub(crate) result_key: Option<SyntaxNode>,
    pub(crate) result: SyntaxNode,
    pub(crate) condition: Option<SyntaxNode>,
    /// Whether `...` follows the result.
    pub(crate) grouping: bool,
}

/// A part of a template.
#[derive(Debug)]
pub(crate) enum TemplateSyntax {
    Text(String),
    Value(SyntaxNode),
    If {
        condition: SyntaxNode,
        then: Vec<TemplateSyntax>,
        otherwise: Vec<TemplateSyntax>,
    },
    For {
        key: Option<SourceWord>,
        value: SourceWord,
        collection: SyntaxNode,
        body: Vec<TemplateSyntax>,
    },
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
    /// The operator in the source.
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

impl SyntaxNode {
    pub(crate) fn new(at: ByteSpan, kind: SyntaxKind) -> Self {
        Self { at, kind }
    }

    /// The name, if the expression is one name without attributes.
    pub(crate) fn keyword(&self) -> Option<&Name> {
        match &self.kind {
            SyntaxKind::Root(name) => Some(name),
            _ => None,
        }
    }

    /// The string, if the expression is a literal string.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            SyntaxKind::Literal(value) => value.as_str(),
            _ => None,
        }
    }
}

/// Shifts all places of a syntax tree, for text that is parsed from the middle of a file or is placed
/// behind other files.
pub(crate) trait SpanRelocator {
    fn place(&mut self, to: &dyn Fn(ByteSpan) -> ByteSpan);
}

impl<T: SpanRelocator> SpanRelocator for Vec<T> {
    fn place(&mut self, to: &dyn Fn(ByteSpan) -> ByteSpan) {
        self.iter_mut().for_each(|it| it.place(to));
    }
}

impl<T: SpanRelocator> SpanRelocator for Option<T> {
    fn place(&mut self, to: &dyn Fn(ByteSpan) -> ByteSpan) {
        self.iter_mut().for_each(|it| it.place(to));
    }
}

impl SpanRelocator for SourceWord {
    fn place(&mut self, to: &dyn Fn(ByteSpan) -> ByteSpan) {
        self.at = to(self.at);
    }
}

impl SpanRelocator for BodySyntax {
    fn place(&mut self, to: &dyn Fn(ByteSpan) -> ByteSpan) {
        self.arguments.place(to);
        self.blocks.place(to);
    }
}

impl SpanRelocator for ArgumentSyntax {
    fn place(&mut self, to: &dyn Fn(ByteSpan) -> ByteSpan) {
        self.name.place(to);
        self.value.place(to);
    }
}

impl SpanRelocator for BlockSyntax {
    fn place(&mut self, to: &dyn Fn(ByteSpan) -> ByteSpan) {
        self.kind.place(to);
        self.labels.place(to);
        self.body.place(to);
        self.head = to(self.head);
        self.at = to(self.at);
    }
}

impl SpanRelocator for SyntaxNode {
    fn place(&mut self, to: &dyn Fn(ByteSpan) -> ByteSpan) {
        self.at = to(self.at);
        match &mut self.kind {
            SyntaxKind::Literal(_) | SyntaxKind::Root(_) | SyntaxKind::Element => {}
            SyntaxKind::Attribute(of, word) => {
                of.place(to);
                word.place(to);
            }
            SyntaxKind::Index(of, with) | SyntaxKind::Splat(of, with) => {
                of.place(to);
                with.place(to);
            }
            SyntaxKind::Template(pieces) => pieces.place(to),
            SyntaxKind::Tuple(items) => items.place(to),
            SyntaxKind::Object(entries) => entries.iter_mut().for_each(|(key, value)| {
                key.place(to);
                value.place(to);
            }),
            SyntaxKind::Parenthesis(inner)
            | SyntaxKind::Not(inner)
            | SyntaxKind::Negative(inner) => inner.place(to),
            SyntaxKind::Conditional(it) => it.iter_mut().for_each(|it| it.place(to)),
            SyntaxKind::Binary(_, it) => it.iter_mut().for_each(|it| it.place(to)),
            SyntaxKind::Call(CallSyntax { name, arguments, spread: _ }) => {
                name.place(to);
                arguments.place(to);
            }
            SyntaxKind::For(it) => {
                let ForSyntax {
                    key,
                    value,
                    collection,
                    result_key,
                    result,
                    condition,
                    grouping: _,
                } = &mut **it;
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

impl SpanRelocator for TemplateSyntax {
    fn place(&mut self, to: &dyn Fn(ByteSpan) -> ByteSpan) {
        match self {
            TemplateSyntax::Text(_) => {}
            TemplateSyntax::Value(node) => node.place(to),
            TemplateSyntax::If { condition, then, otherwise } => {
                condition.place(to);
                then.place(to);
                otherwise.place(to);
            }
            TemplateSyntax::For { key, value, collection, body } => {
                key.place(to);
                value.place(to);
                collection.place(to);
                body.place(to);
            }
        }
    }
}

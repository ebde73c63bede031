//! Templates between the reader and the tree: trimming at `~`, taking indentation off, and nesting.

use unicode_segmentation::UnicodeSegmentation;

use crate::syntax::{Kind, Node, Piece, Word};

/// What `~` takes the space off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// All of the text beside it, as between quotes.
    Whole,
    /// The rest of the line only, as everywhere else.
    Line,
}

/// On which sides of a marker a `~` stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strips {
    pub(crate) left: bool,
    pub(crate) right: bool,
}

/// A template as a flat sequence.
#[derive(Debug)]
pub(crate) enum Token {
    Text(String),
    Value(Node, Strips),
    If(Node, Strips),
    Else(Strips),
    For { key: Option<Word>, value: Word, collection: Node, strips: Strips },
    End(Strips),
}

impl Token {
    /// The same with these strips.
    pub(crate) fn with(mut self, strips: Strips) -> Self {
        match &mut self {
            Token::Text(_) => {}
            Token::Value(_, it) | Token::If(_, it) | Token::Else(it) | Token::End(it) => *it = strips,
            Token::For { strips: it, .. } => *it = strips,
        }
        self
    }

    fn strips(&self) -> Strips {
        match self {
            Token::Text(_) => Strips::default(),
            Token::Value(_, it) | Token::If(_, it) | Token::Else(it) | Token::End(it) => *it,
            Token::For { strips, .. } => *strips,
        }
    }
}

/// The expression that a template is.
pub(crate) fn node(tokens: Vec<Token>, unit: Unit) -> Kind {
    nested(trimmed(tokens, unit))
}

/// The expression that a heredoc with `<<-` is.
pub(crate) fn outdented_node(tokens: Vec<Token>) -> Kind {
    nested(outdented(trimmed(tokens, Unit::Line)))
}

fn nested(mut tokens: Vec<Token>) -> Kind {
    // A template that is nothing but one value is that value, not its text.
    if let [Token::Value(..)] = tokens.as_slice()
        && let Some(Token::Value(only, _)) = tokens.pop()
    {
        return Kind::Parenthesis(Box::new(only));
    }
    let mut tokens = tokens.into_iter().peekable();
    let pieces = pieces(&mut tokens);
    Kind::Template(pieces)
}

fn trimmed(tokens: Vec<Token>, unit: Unit) -> Vec<Token> {
    let mut tokens: Vec<Token> = tokens.into_iter().flat_map(|it| units(it, unit)).collect();
    let strips: Vec<Strips> = tokens.iter().map(Token::strips).collect();
    for (index, token) in tokens.iter_mut().enumerate() {
        let Token::Text(text) = token else { continue };
        if index > 0 && strips[index - 1].right {
            *text = text.trim_start().to_owned();
        }
        if strips.get(index + 1).is_some_and(|it| it.left) {
            text.truncate(text.trim_end().len());
        }
    }
    tokens
}

fn units(token: Token, unit: Unit) -> Vec<Token> {
    match token {
        Token::Text(text) if unit == Unit::Line => text.split_inclusive('\n').map(|it| Token::Text(it.to_owned())).collect(),
        it => vec![it],
    }
}

/// The same with the indentation that all lines share taken off; lines of nothing but space neither count nor change.
fn outdented(mut tokens: Vec<Token>) -> Vec<Token> {
    let mut shared = usize::MAX;
    let mut indented = Vec::new();
    let mut line_start = true;
    for (index, token) in tokens.iter().enumerate() {
        if std::mem::take(&mut line_start) {
            match token {
                Token::Text(text) => {
                    let rest = text.trim_start();
                    if !(rest.is_empty() && text.ends_with('\n')) {
                        let space = &text[..text.len() - rest.len()];
                        shared = shared.min(space.graphemes(true).count());
                        indented.push(index);
                    }
                }
                _ => shared = 0,
            }
        }
        line_start = matches!(token, Token::Text(text) if text.ends_with('\n'));
    }
    for index in indented {
        if let Token::Text(text) = &mut tokens[index] {
            let cut: usize = text.graphemes(true).take(shared).map(str::len).sum();
            text.drain(..cut);
        }
    }
    tokens
}

/// Pieces up to the marker that ends or divides the directive they are in, which is left in place.
fn pieces(tokens: &mut std::iter::Peekable<std::vec::IntoIter<Token>>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    while let Some(token) = tokens.next_if(|it| !matches!(it, Token::Else(_) | Token::End(_))) {
        match token {
            Token::Text(text) => match pieces.last_mut() {
                Some(Piece::Text(last)) => last.push_str(&text),
                _ => pieces.push(Piece::Text(text)),
            },
            Token::Value(node, _) => pieces.push(Piece::Value(node)),
            Token::If(condition, _) => {
                let then = self::pieces(tokens);
                let otherwise = match tokens.next() {
                    Some(Token::Else(_)) => {
                        let otherwise = self::pieces(tokens);
                        tokens.next();
                        otherwise
                    }
                    _ => Vec::new(),
                };
                pieces.push(Piece::If { condition, then, otherwise });
            }
            Token::For { key, value, collection, .. } => {
                let body = self::pieces(tokens);
                tokens.next();
                pieces.push(Piece::For { key, value, collection, body });
            }
            Token::Else(_) | Token::End(_) => {}
        }
    }
    pieces.retain(|it| !matches!(it, Piece::Text(text) if text.is_empty()));
    pieces
}

//! Templates between the reader and the tree: trimming at `~`, taking indentation off, and nesting.

use unicode_segmentation::UnicodeSegmentation;

use crate::syntax::{SourceWord, SyntaxKind, SyntaxNode, TemplateSyntax};

/// What `~` takes the space off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StripExtent {
    /// All of the text beside it, as between quotes.
    Whole,
    /// The rest of the line only, as everywhere else.
    Line,
}

/// On which sides of a marker a `~` stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StripMarkers {
    pub(crate) left: bool,
    pub(crate) right: bool,
}

/// A template as a flat sequence.
#[derive(Debug)]
pub(crate) enum TemplateToken {
    Text(String),
    Value(SyntaxNode, StripMarkers),
    If(SyntaxNode, StripMarkers),
    Else(StripMarkers),
    For { key: Option<SourceWord>, value: SourceWord, collection: SyntaxNode, strips: StripMarkers },
    End(StripMarkers),
}

impl TemplateToken {
    /// The same with these strips.
    pub(crate) fn with(mut self, strips: StripMarkers) -> Self {
        match &mut self {
            TemplateToken::Text(_) => {}
            TemplateToken::Value(_, it)
            | TemplateToken::If(_, it)
            | TemplateToken::Else(it)
            | TemplateToken::End(it) => *it = strips,
            TemplateToken::For { strips: it, .. } => *it = strips,
        }
        self
    }

    fn strips(&self) -> StripMarkers {
        match self {
            TemplateToken::Text(_) => StripMarkers::default(),
            TemplateToken::Value(_, it)
            | TemplateToken::If(_, it)
            | TemplateToken::Else(it)
            | TemplateToken::End(it) => *it,
            TemplateToken::For { strips, .. } => *strips,
        }
    }
}

/// The expression that a template is.
pub(crate) fn node(tokens: Vec<TemplateToken>, unit: StripExtent) -> SyntaxKind {
    nested(trimmed(tokens, unit))
}

/// The expression that a heredoc with `<<-` is.
pub(crate) fn outdented_node(tokens: Vec<TemplateToken>) -> SyntaxKind {
    nested(outdented(trimmed(tokens, StripExtent::Line)))
}

fn nested(mut tokens: Vec<TemplateToken>) -> SyntaxKind {
    // A template that is nothing but one value is that value, not its text.
    if let [TemplateToken::Value(..)] = tokens.as_slice()
        && let Some(TemplateToken::Value(only, _)) = tokens.pop()
    {
        return SyntaxKind::Parenthesis(Box::new(only));
    }
    let mut tokens = tokens.into_iter().peekable();
    let pieces = pieces(&mut tokens);
    SyntaxKind::Template(pieces)
}

fn trimmed(tokens: Vec<TemplateToken>, unit: StripExtent) -> Vec<TemplateToken> {
    let mut tokens: Vec<TemplateToken> =
        tokens.into_iter().flat_map(|it| units(it, unit)).collect();
    let strips: Vec<StripMarkers> = tokens.iter().map(TemplateToken::strips).collect();
    for (index, token) in tokens.iter_mut().enumerate() {
        let TemplateToken::Text(text) = token else { continue };
        if index > 0 && strips[index - 1].right {
            *text = text.trim_start().to_owned();
        }
        if strips.get(index + 1).is_some_and(|it| it.left) {
            text.truncate(text.trim_end().len());
        }
    }
    tokens
}

fn units(token: TemplateToken, unit: StripExtent) -> Vec<TemplateToken> {
    match token {
        TemplateToken::Text(text) if unit == StripExtent::Line => {
            text.split_inclusive('\n').map(|it| TemplateToken::Text(it.to_owned())).collect()
        }
        it => vec![it],
    }
}

/// The same with the indentation that all lines share taken off; lines of nothing but space neither
/// count nor change.
fn outdented(mut tokens: Vec<TemplateToken>) -> Vec<TemplateToken> {
    let mut shared = usize::MAX;
    let mut indented = Vec::new();
    let mut line_start = true;
    for (index, token) in tokens.iter().enumerate() {
        if std::mem::take(&mut line_start) {
            match token {
                TemplateToken::Text(text) => {
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
        line_start = matches!(token, TemplateToken::Text(text) if text.ends_with('\n'));
    }
    for index in indented {
        if let TemplateToken::Text(text) = &mut tokens[index] {
            let cut: usize = text.graphemes(true).take(shared).map(str::len).sum();
            text.drain(..cut);
        }
    }
    tokens
}

/// Pieces up to the marker that ends or divides the directive they are in, which is left in place.
fn pieces(
    tokens: &mut std::iter::Peekable<std::vec::IntoIter<TemplateToken>>,
) -> Vec<TemplateSyntax> {
    let mut pieces = Vec::new();
    while let Some(token) =
        tokens.next_if(|it| !matches!(it, TemplateToken::Else(_) | TemplateToken::End(_)))
    {
        match token {
            TemplateToken::Text(text) => match pieces.last_mut() {
                Some(TemplateSyntax::Text(last)) => last.push_str(&text),
                _ => pieces.push(TemplateSyntax::Text(text)),
            },
            TemplateToken::Value(node, _) => pieces.push(TemplateSyntax::Value(node)),
            TemplateToken::If(condition, _) => {
                let then = self::pieces(tokens);
                let otherwise = match tokens.next() {
                    Some(TemplateToken::Else(_)) => {
                        let otherwise = self::pieces(tokens);
                        tokens.next();
                        otherwise
                    }
                    _ => Vec::new(),
                };
                pieces.push(TemplateSyntax::If { condition, then, otherwise });
            }
            TemplateToken::For { key, value, collection, .. } => {
                let body = self::pieces(tokens);
                tokens.next();
                pieces.push(TemplateSyntax::For { key, value, collection, body });
            }
            TemplateToken::Else(_) | TemplateToken::End(_) => {}
        }
    }
    pieces.retain(|it| !matches!(it, TemplateSyntax::Text(text) if text.is_empty()));
    pieces
}

//! Templates between parser and syntax tree: `~` strips spaces, `<<-` removes indentation, and
//! directives are nested.

use unicode_segmentation::UnicodeSegmentation;

use crate::syntax::{SourceWord, SyntaxKind, SyntaxNode, TemplateSyntax};

/// The extent of the text that `~` strips spaces from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StripExtent {
    /// All of the text next to it, as in quoted strings.
    Whole,
    /// Only the rest of the line, as in heredocs and template files.
    Line,
}

/// The sides of a sequence that have a `~`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StripMarkers {
    pub(crate) left: bool,
    pub(crate) right: bool,
}

/// One part of a template before directives are nested.
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
    /// The same token with these strip markers.
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

/// The expression of a template.
pub(crate) fn node(tokens: Vec<TemplateToken>, unit: StripExtent) -> SyntaxKind {
    nested(trimmed(tokens, unit))
}

/// The expression of a heredoc with `<<-`.
pub(crate) fn outdented_node(tokens: Vec<TemplateToken>) -> SyntaxKind {
    nested(outdented(trimmed(tokens, StripExtent::Line)))
}

fn nested(mut tokens: Vec<TemplateToken>) -> SyntaxKind {
    // `"${x}"` is the value of `x` with its type, and no string.
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
    // Text is split by line first where `~` reaches only to the end of the line.
    let mut tokens: Vec<TemplateToken> =
        tokens.into_iter().flat_map(|it| units(it, unit)).collect();
    // The markers are gathered before any text changes: a text has a marker on either side.
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

/// Removes the indentation that all lines share. Lines with nothing but spaces do not count and do
/// not change.
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
                // A line that begins with an interpolation has no indentation, so that there is
                // none that all lines share.
                _ => shared = 0,
            }
        }
        line_start = matches!(token, TemplateToken::Text(text) if text.ends_with('\n'));
    }
    for index in indented {
        if let TemplateToken::Text(text) = &mut tokens[index] {
            // Indentation is counted in graphemes, as HCL does.
            let cut: usize = text.graphemes(true).take(shared).map(str::len).sum();
            text.drain(..cut);
        }
    }
    tokens
}

/// Nests the tokens up to the `else` or end of the directive around them, which is not consumed.
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

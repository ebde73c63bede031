//! Reads source text. What cannot be read is told, and reading goes on with the next block at the
//! start of a line.

mod body;
mod cursor;
mod expression;
mod likely_error;
#[cfg(test)]
mod oracle;
mod quote;

use ha_diagnostics::Diagnostic;
use ha_value::Name;
use unicode_normalization::UnicodeNormalization;

use crate::SourceFile;
use crate::diagnostics;
use crate::lexer::{self, TokenKind};
use crate::syntax::{BodySyntax, ByteSpan, SyntaxNode};
use crate::template::StripExtent;
use cursor::TokenCursor;

/// How many brackets, blocks and directives can be open at once.
const LEVELS: usize = 64;

/// How high the tree of an expression can be, to which chains of operators add as well.
const HEIGHT: usize = 400;

/// That something could not be read, which was reported already.
struct ParseError;

type ParseResult<T> = Result<T, ParseError>;

/// A whole file, as far as it can be read.
pub(crate) fn body(file: &SourceFile) -> (BodySyntax, Vec<Diagnostic>) {
    if let Err(problem) = bounded(file) {
        return (BodySyntax::default(), vec![*problem]);
    }
    let mut cursor = TokenCursor::new(file, lexer::tokens(&file.text));
    let body = cursor.file();
    (body, cursor.problems)
}

/// One expression.
pub(crate) fn expression(file: &SourceFile) -> Result<SyntaxNode, Vec<Diagnostic>> {
    whole(file, lexer::tokens, |cursor| {
        // There is nothing that a line end could end.
        let node = cursor.over_lines(TokenCursor::expression)?;
        cursor.over_lines(|it| it.expect(TokenKind::End, "the end of the expression"))?;
        Ok(node)
    })
}

/// A template that is a whole text by itself.
pub(crate) fn template(file: &SourceFile) -> Result<SyntaxNode, Vec<Diagnostic>> {
    let at = ByteSpan::new(0, file.text.len());
    whole(file, lexer::template_tokens, |cursor| {
        let start = cursor.peek();
        let tokens = cursor.template(start, TokenKind::End)?;
        Ok(SyntaxNode::new(at, crate::template::node(tokens, StripExtent::Line)))
    })
}

fn whole(
    file: &SourceFile,
    tokens: fn(&str) -> Vec<lexer::Token>,
    read: impl FnOnce(&mut TokenCursor<'_>) -> ParseResult<SyntaxNode>,
) -> Result<SyntaxNode, Vec<Diagnostic>> {
    bounded(file).map_err(|it| vec![*it])?;
    let mut cursor = TokenCursor::new(file, tokens(&file.text));
    match read(&mut cursor) {
        Ok(node) if cursor.problems.is_empty() => Ok(node),
        _ => Err(cursor.problems),
    }
}

fn bounded(file: &SourceFile) -> Result<(), Box<Diagnostic>> {
    if file.text.len() < u32::MAX as usize {
        Ok(())
    } else {
        Err(Box::new(diagnostics::too_large(&file.name)))
    }
}

/// A string in its composed normal form, as all strings of the language are.
fn normal(text: &str) -> Name {
    if text.is_ascii() { text.into() } else { text.nfc().collect::<String>().into() }
}

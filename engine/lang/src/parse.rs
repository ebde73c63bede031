//! The parser. After a syntax error it continues with the next block or argument at the start of a
//! line, so that one run reports all errors of a file, and a broken block does not make the rest of
//! the configuration undeclared.

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

/// Most brackets, blocks and directives that can be open at once. The parser is recursive, so the
/// bound protects the stack.
const MAX_LEVELS: usize = 64;

/// Greatest height of the tree of an expression. Chains of operators are parsed in a loop but give
/// a high tree, through which later stages recurse.
const MAX_HEIGHT: usize = 400;

/// Marks a part that could not be parsed; its diagnostic is recorded already.
struct ParseError;

type ParseResult<T> = Result<T, ParseError>;

/// Parses a file; the body contains every item without a syntax error.
pub(crate) fn body(file: &SourceFile) -> (BodySyntax, Vec<Diagnostic>) {
    if let Err(problem) = check_size(file) {
        return (BodySyntax::default(), vec![*problem]);
    }
    let mut cursor = TokenCursor::new(file, lexer::tokens(&file.text));
    let body = cursor.file();
    (body, cursor.problems)
}

/// Parses one expression.
pub(crate) fn expression(file: &SourceFile) -> Result<SyntaxNode, Vec<Diagnostic>> {
    parse_all(file, lexer::tokens, |cursor| {
        // A line end cannot end the expression, as nothing may follow it.
        let node = cursor.ignoring_lines(TokenCursor::expression)?;
        cursor.ignoring_lines(|it| it.expect(TokenKind::End, "the end of the expression"))?;
        Ok(node)
    })
}

/// Parses a file that is one template, without quotes around it.
pub(crate) fn template(file: &SourceFile) -> Result<SyntaxNode, Vec<Diagnostic>> {
    let at = ByteSpan::new(0, file.text.len());
    parse_all(file, lexer::template_tokens, |cursor| {
        let start = cursor.peek();
        let tokens = cursor.template(start, TokenKind::End)?;
        Ok(SyntaxNode::new(at, crate::template::node(tokens, StripExtent::Line)))
    })
}

/// Parses a file with one of the functions, without recovery.
fn parse_all(
    file: &SourceFile,
    tokens: fn(&str) -> Vec<lexer::Token>,
    read: impl FnOnce(&mut TokenCursor<'_>) -> ParseResult<SyntaxNode>,
) -> Result<SyntaxNode, Vec<Diagnostic>> {
    check_size(file).map_err(|it| vec![*it])?;
    let mut cursor = TokenCursor::new(file, tokens(&file.text));
    match read(&mut cursor) {
        Ok(node) if cursor.problems.is_empty() => Ok(node),
        _ => Err(cursor.problems),
    }
}

/// Rejects files whose offsets do not fit into 32 bits, which is the size of the offsets in a
/// token.
fn check_size(file: &SourceFile) -> Result<(), Box<Diagnostic>> {
    if file.text.len() < u32::MAX as usize {
        Ok(())
    } else {
        Err(Box::new(diagnostics::too_large(&file.name)))
    }
}

/// A string in Unicode's normal form C, as all strings of the language are.
fn normal(text: &str) -> Name {
    if text.is_ascii() { text.into() } else { text.nfc().collect::<String>().into() }
}

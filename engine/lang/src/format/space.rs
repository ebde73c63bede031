//! The spaces between the tokens of a line.

use super::SpacedToken;
use crate::lexer::TokenKind;

/// Whether there is a space between two tokens. `before` is the token before them on the line.
pub(super) fn between(
    before: Option<TokenKind>,
    left: &SpacedToken<'_>,
    right: &SpacedToken<'_>,
) -> bool {
    match (left.kind, right.kind) {
        (_, TokenKind::Newline | TokenKind::End) => false,
        // No space between the name of a function and its parenthesis, or within the name.
        (TokenKind::Identifier, TokenKind::ParenthesisOpen | TokenKind::DoubleColon)
        | (TokenKind::DoubleColon, TokenKind::Identifier) => false,
        (TokenKind::Dot, _) | (_, TokenKind::Dot | TokenKind::Comma | TokenKind::Ellipsis) => false,
        (TokenKind::Comma, _) => true,
        // In a template every space is part of the string.
        (TokenKind::Text | TokenKind::QuoteOpen | TokenKind::HeredocOpen, _)
        | (_, TokenKind::Text | TokenKind::QuoteClose | TokenKind::HeredocClose) => false,
        // `in` behind a name is the keyword of `for`, so that a bracket behind it is no index.
        (TokenKind::Identifier, _)
            if left.text == "in" && before == Some(TokenKind::Identifier) =>
        {
            true
        }
        (left, TokenKind::BracketOpen)
            if matches!(left, TokenKind::Identifier | TokenKind::Number) || left.depth() < 0 =>
        {
            false
        }
        (TokenKind::Not, _) => false,
        (TokenKind::Minus, _) => before.is_some_and(ends_operand),
        (TokenKind::BraceOpen, TokenKind::BraceClose) => false,
        (TokenKind::BraceOpen, _) | (_, TokenKind::BraceClose) => true,
        // An object in an interpolation is separated from the braces of the interpolation.
        (TokenKind::Interpolation | TokenKind::Directive, TokenKind::BraceOpen)
        | (TokenKind::BraceClose, TokenKind::SequenceEnd) => true,
        (TokenKind::SequenceEnd, TokenKind::Interpolation | TokenKind::Directive) => false,
        (left, right) => left.depth() <= 0 && right.depth() >= 0,
    }
}

/// Whether a minus behind a token of this kind is the operator, and not the sign of a number.
fn ends_operand(before: TokenKind) -> bool {
    !matches!(
        before,
        TokenKind::ParenthesisOpen
            | TokenKind::BraceOpen
            | TokenKind::BracketOpen
            | TokenKind::Assign
            | TokenKind::Colon
            | TokenKind::Comma
            | TokenKind::Question
            | TokenKind::Plus
            | TokenKind::Star
            | TokenKind::Slash
            | TokenKind::Percent
            | TokenKind::Minus
            | TokenKind::Equal
            | TokenKind::NotEqual
            | TokenKind::Greater
            | TokenKind::GreaterOrEqual
            | TokenKind::Less
            | TokenKind::LessOrEqual
            | TokenKind::And
            | TokenKind::Or
            | TokenKind::Not
    )
}

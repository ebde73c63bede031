//! Whether there is a space between two tokens of a line.

use super::Piece;
use crate::lexer::Kind;

/// Whether a space stands between two neighbours, of which the first follows another on the same line or none.
pub(super) fn between(before: Option<Kind>, left: &Piece<'_>, right: &Piece<'_>) -> bool {
    match (left.kind, right.kind) {
        (_, Kind::Newline | Kind::End) => false,
        // A call's parenthesis is at its name, whose parts are not parted either.
        (Kind::Identifier, Kind::ParenthesisOpen | Kind::DoubleColon) | (Kind::DoubleColon, Kind::Identifier) => false,
        (Kind::Dot, _) | (_, Kind::Dot | Kind::Comma | Kind::Ellipsis) => false,
        (Kind::Comma, _) => true,
        // Within a template every space means something.
        (Kind::Text | Kind::QuoteOpen | Kind::HeredocOpen, _) | (_, Kind::Text | Kind::QuoteClose | Kind::HeredocClose) => false,
        // `in` behind a name is the keyword, so that what follows is no index.
        (Kind::Identifier, _) if left.text == "in" && before == Some(Kind::Identifier) => true,
        (left, Kind::BracketOpen) if matches!(left, Kind::Identifier | Kind::Number) || left.depth() < 0 => false,
        (Kind::Not, _) => false,
        (Kind::Minus, _) => before.is_some_and(ends_operand),
        (Kind::BraceOpen, Kind::BraceClose) => false,
        (Kind::BraceOpen, _) | (_, Kind::BraceClose) => true,
        // An object alone in a sequence is kept apart from the braces of the sequence.
        (Kind::Interpolation | Kind::Directive, Kind::BraceOpen) | (Kind::BraceClose, Kind::SequenceEnd) => true,
        (Kind::SequenceEnd, Kind::Interpolation | Kind::Directive) => false,
        (left, right) => left.depth() <= 0 && right.depth() >= 0,
    }
}

/// Whether a minus behind such a token takes something away from it, and is not the sign of what follows.
fn ends_operand(before: Kind) -> bool {
    !matches!(
        before,
        Kind::ParenthesisOpen
            | Kind::BraceOpen
            | Kind::BracketOpen
            | Kind::Assign
            | Kind::Colon
            | Kind::Comma
            | Kind::Question
            | Kind::Plus
            | Kind::Star
            | Kind::Slash
            | Kind::Percent
            | Kind::Minus
            | Kind::Equal
            | Kind::NotEqual
            | Kind::Greater
            | Kind::GreaterOrEqual
            | Kind::Less
            | Kind::LessOrEqual
            | Kind::And
            | Kind::Or
            | Kind::Not
    )
}

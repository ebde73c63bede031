//! Replaces the deprecated notations that `terraform fmt` replaces.

use super::SpacedToken;
use crate::lexer::TokenKind;

/// The tokens with deprecated notations replaced.
pub(super) fn modern(pieces: Vec<SpacedToken<'_>>) -> Vec<SpacedToken<'_>> {
    let mut written = Vec::with_capacity(pieces.len());
    let mut rest = pieces.as_slice();
    // The types of the blocks around the remaining tokens.
    let mut blocks: Vec<&str> = Vec::new();
    while let Some((first, behind)) = rest.split_first() {
        written.push(*first);
        rest = behind;
        match first.kind {
            TokenKind::BraceClose => drop(blocks.pop()),
            TokenKind::Identifier => {
                let comments = behind.iter().take_while(|it| it.kind == TokenKind::Comment).count();
                if behind.get(comments).is_some_and(|it| it.kind == TokenKind::Assign) {
                    written.extend_from_slice(&behind[..=comments]);
                    let (whole, after) =
                        behind[comments + 1..].split_at(value_length(&behind[comments + 1..]));
                    let value = without(whole, TokenKind::Comment);
                    let lead = whole.iter().take_while(|it| it.kind == TokenKind::Comment).count();
                    written.extend_from_slice(&whole[..lead]);
                    match (blocks.as_slice(), first.text) {
                        (["variable"], "type") => type_expression(value, &mut written),
                        _ => value_expression(value, &mut written),
                    }
                    written.extend_from_slice(whole.get(lead + value.len()..).unwrap_or_default());
                    rest = after;
                } else {
                    rest = labels(behind, &mut written);
                    blocks.push(first.text);
                }
            }
            _ => {}
        }
    }
    written
}

/// The number of tokens of the value of an argument, which ends with the line or with the block.
fn value_length(pieces: &[SpacedToken<'_>]) -> usize {
    let mut depth = 0;
    for (index, piece) in pieces.iter().enumerate() {
        depth += quoted_depth(piece.kind);
        if depth < 0 || (depth == 0 && piece.ends_line()) || piece.kind == TokenKind::End {
            return index;
        }
    }
    pieces.len()
}

fn quoted_depth(kind: TokenKind) -> isize {
    match kind {
        TokenKind::QuoteOpen | TokenKind::HeredocOpen => 1,
        TokenKind::QuoteClose | TokenKind::HeredocClose => -1,
        _ => kind.depth(),
    }
}

/// Writes labels in quotes and drops the comments between them. Returns the tokens that follow.
fn labels<'b, 'a>(
    rest: &'b [SpacedToken<'a>],
    written: &mut Vec<SpacedToken<'a>>,
) -> &'b [SpacedToken<'a>] {
    let head = rest
        .iter()
        .take_while(|it| !matches!(it.kind, TokenKind::BraceOpen | TokenKind::End))
        .count();
    let (labels, behind) = rest.split_at(
        rest[..head].iter().rposition(|it| it.kind != TokenKind::Comment).map_or(0, |it| it + 1),
    );
    for label in labels {
        match label.kind {
            TokenKind::Comment => {}
            TokenKind::Identifier => written.extend([
                SpacedToken::new(TokenKind::QuoteOpen, "\""),
                SpacedToken::new(TokenKind::Text, label.text),
                SpacedToken::new(TokenKind::QuoteClose, "\""),
            ]),
            _ => written.push(*label),
        }
    }
    behind
}

/// Removes `"${` and `}"` from a value that is one interpolation.
fn value_expression<'a>(value: &[SpacedToken<'a>], written: &mut Vec<SpacedToken<'a>>) {
    let [
        SpacedToken { kind: TokenKind::QuoteOpen, .. },
        SpacedToken { kind: TokenKind::Interpolation, .. },
        inner @ ..,
        end,
        quote,
    ] = value
    else {
        return written.extend_from_slice(value);
    };
    if end.kind != TokenKind::SequenceEnd
        || quote.kind != TokenKind::QuoteClose
        || !is_one_sequence(inner)
    {
        return written.extend_from_slice(value);
    }
    let inner = without(inner, TokenKind::Newline);
    let in_parentheses = inner.first().is_some_and(|it| it.kind == TokenKind::ParenthesisOpen)
        && inner.last().is_some_and(|it| it.kind == TokenKind::ParenthesisClose);
    if inner.iter().any(|it| it.kind == TokenKind::Newline) && !in_parentheses {
        written.push(SpacedToken::new(TokenKind::ParenthesisOpen, "("));
        written.extend_from_slice(inner);
        written.push(SpacedToken::new(TokenKind::ParenthesisClose, ")"));
    } else {
        written.extend_from_slice(inner);
    }
}

/// Whether the first interpolation of a template ends behind all of these tokens.
fn is_one_sequence(inner: &[SpacedToken<'_>]) -> bool {
    let mut quotes = 0;
    inner.iter().all(|it| {
        match it.kind {
            TokenKind::QuoteOpen => quotes += 1,
            TokenKind::QuoteClose => quotes -= 1,
            TokenKind::Interpolation | TokenKind::SequenceEnd if quotes <= 0 => return false,
            _ => {}
        }
        true
    })
}

/// The tokens without those of a kind at both ends.
fn without<'b, 'a>(mut pieces: &'b [SpacedToken<'a>], kind: TokenKind) -> &'b [SpacedToken<'a>] {
    while let [first, rest @ ..] = pieces
        && first.kind == kind
    {
        pieces = rest;
    }
    while let [rest @ .., last] = pieces
        && last.kind == kind
    {
        pieces = rest;
    }
    pieces
}

/// Removes the quotes of a type and adds the element type of a collection without one.
fn type_expression<'a>(value: &[SpacedToken<'a>], written: &mut Vec<SpacedToken<'a>>) {
    let (name, element) = match value {
        [SpacedToken { kind: TokenKind::Identifier, text, .. }]
            if matches!(*text, "list" | "map" | "set") =>
        {
            (*text, "any")
        }
        [_, SpacedToken { kind: TokenKind::Text, text: "string", .. }, _] => {
            return written.push(SpacedToken::new(TokenKind::Identifier, "string"));
        }
        [_, SpacedToken { kind: TokenKind::Text, text, .. }, _]
            if matches!(*text, "list" | "map") =>
        {
            (*text, "string")
        }
        _ => return written.extend_from_slice(value),
    };
    written.extend([
        SpacedToken::new(TokenKind::Identifier, name),
        SpacedToken::new(TokenKind::ParenthesisOpen, "("),
        SpacedToken::new(TokenKind::Identifier, element),
        SpacedToken::new(TokenKind::ParenthesisClose, ")"),
    ]);
}

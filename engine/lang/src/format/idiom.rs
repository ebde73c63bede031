//! Old ways to write a thing, in today's.

use super::Piece;
use crate::lexer::Kind;

/// The same pieces with what is written in an old way rewritten.
pub(super) fn modern(pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let mut written = Vec::with_capacity(pieces.len());
    let mut rest = pieces.as_slice();
    // The kinds of the blocks that the rest is in.
    let mut blocks: Vec<&str> = Vec::new();
    while let Some((first, behind)) = rest.split_first() {
        written.push(*first);
        rest = behind;
        match first.kind {
            Kind::BraceClose => drop(blocks.pop()),
            Kind::Identifier => {
                let comments = behind.iter().take_while(|it| it.kind == Kind::Comment).count();
                if behind.get(comments).is_some_and(|it| it.kind == Kind::Assign) {
                    written.extend_from_slice(&behind[..=comments]);
                    let (whole, after) = behind[comments + 1..].split_at(value_length(&behind[comments + 1..]));
                    let value = without(whole, Kind::Comment);
                    let lead = whole.iter().take_while(|it| it.kind == Kind::Comment).count();
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

/// How many pieces are the value of an argument, which goes to the end of the line or of the block it is in.
fn value_length(pieces: &[Piece<'_>]) -> usize {
    let mut depth = 0;
    for (index, piece) in pieces.iter().enumerate() {
        depth += quoted_depth(piece.kind);
        if depth < 0 || (depth == 0 && piece.ends_line()) || piece.kind == Kind::End {
            return index;
        }
    }
    pieces.len()
}

fn quoted_depth(kind: Kind) -> isize {
    match kind {
        Kind::QuoteOpen | Kind::HeredocOpen => 1,
        Kind::QuoteClose | Kind::HeredocClose => -1,
        _ => kind.depth(),
    }
}

/// Writes labels in quotes, with no comments between them. What follows them is returned.
fn labels<'b, 'a>(rest: &'b [Piece<'a>], written: &mut Vec<Piece<'a>>) -> &'b [Piece<'a>] {
    let head = rest.iter().take_while(|it| !matches!(it.kind, Kind::BraceOpen | Kind::End)).count();
    let (labels, behind) = rest.split_at(rest[..head].iter().rposition(|it| it.kind != Kind::Comment).map_or(0, |it| it + 1));
    for label in labels {
        match label.kind {
            Kind::Comment => {}
            Kind::Identifier => written.extend([
                Piece::new(Kind::QuoteOpen, "\""),
                Piece::new(Kind::Text, label.text),
                Piece::new(Kind::QuoteClose, "\""),
            ]),
            _ => written.push(*label),
        }
    }
    behind
}

/// Takes `"${` and `}"` off a value that is nothing else.
fn value_expression<'a>(value: &[Piece<'a>], written: &mut Vec<Piece<'a>>) {
    let [Piece { kind: Kind::QuoteOpen, .. }, Piece { kind: Kind::Interpolation, .. }, inner @ .., end, quote] = value else {
        return written.extend_from_slice(value);
    };
    if end.kind != Kind::SequenceEnd || quote.kind != Kind::QuoteClose || !is_one_sequence(inner) {
        return written.extend_from_slice(value);
    }
    let inner = without(inner, Kind::Newline);
    let in_parentheses = inner.first().is_some_and(|it| it.kind == Kind::ParenthesisOpen)
        && inner.last().is_some_and(|it| it.kind == Kind::ParenthesisClose);
    if inner.iter().any(|it| it.kind == Kind::Newline) && !in_parentheses {
        written.push(Piece::new(Kind::ParenthesisOpen, "("));
        written.extend_from_slice(inner);
        written.push(Piece::new(Kind::ParenthesisClose, ")"));
    } else {
        written.extend_from_slice(inner);
    }
}

/// Whether the first sequence of a template ends only behind all of these pieces.
fn is_one_sequence(inner: &[Piece<'_>]) -> bool {
    let mut quotes = 0;
    inner.iter().all(|it| {
        match it.kind {
            Kind::QuoteOpen => quotes += 1,
            Kind::QuoteClose => quotes -= 1,
            Kind::Interpolation | Kind::SequenceEnd if quotes <= 0 => return false,
            _ => {}
        }
        true
    })
}

/// The pieces without those of a kind at both ends.
fn without<'b, 'a>(mut pieces: &'b [Piece<'a>], kind: Kind) -> &'b [Piece<'a>] {
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

/// Takes the quotes off a type, and says what a collection without a type holds.
fn type_expression<'a>(value: &[Piece<'a>], written: &mut Vec<Piece<'a>>) {
    let (name, element) = match value {
        [Piece { kind: Kind::Identifier, text, .. }] if matches!(*text, "list" | "map" | "set") => (*text, "any"),
        [_, Piece { kind: Kind::Text, text: "string", .. }, _] => return written.push(Piece::new(Kind::Identifier, "string")),
        [_, Piece { kind: Kind::Text, text, .. }, _] if matches!(*text, "list" | "map") => (*text, "string"),
        _ => return written.extend_from_slice(value),
    };
    written.extend([
        Piece::new(Kind::Identifier, name),
        Piece::new(Kind::ParenthesisOpen, "("),
        Piece::new(Kind::Identifier, element),
        Piece::new(Kind::ParenthesisClose, ")"),
    ]);
}

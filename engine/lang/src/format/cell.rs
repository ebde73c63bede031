//! Splits lines into up to three cells: lead, assignment and comment. Lines are indented by open
//! brackets; the assignments and comments of neighbouring lines are aligned.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::{SpacedToken, space};
use crate::lexer::TokenKind;

/// The cells of a line as ranges of tokens. All but the lead can be empty.
pub(super) struct LineLayout {
    lead: Range<usize>,
    assign: Range<usize>,
    comment: Range<usize>,
}

/// The lines of a string.
pub(super) fn lines(pieces: &[SpacedToken<'_>]) -> Vec<LineLayout> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (index, piece) in pieces.iter().enumerate() {
        if piece.kind == TokenKind::End {
            lines.push(line(pieces, start..index));
        } else if piece.ends_line() {
            lines.push(line(pieces, start..index + 1));
            start = index + 1;
        }
    }
    lines
}

fn line(pieces: &[SpacedToken<'_>], whole: Range<usize>) -> LineLayout {
    let Range { start, end } = whole;
    let has_comment = end > start + 1 && pieces[end - 1].kind == TokenKind::Comment;
    let code_end = end - usize::from(has_comment);
    // `terraform fmt` does not align an assignment that goes on over several lines.
    let assign = (start + 1..code_end)
        .find(|it| pieces[*it].kind == TokenKind::Assign)
        .filter(|it| depth(&pieces[*it..code_end]) == 0)
        .unwrap_or(code_end);
    LineLayout { lead: start..assign, assign: assign..code_end, comment: code_end..end }
}

fn depth(pieces: &[SpacedToken<'_>]) -> isize {
    pieces.iter().map(|it| it.kind.depth()).sum()
}

/// Indents each line by two spaces for each earlier line with brackets that are still open. Several
/// brackets that one line opens count once.
pub(super) fn indent(lines: &[LineLayout], pieces: &mut [SpacedToken<'_>]) {
    // The number of brackets of each such line that are still open.
    let mut open: Vec<isize> = Vec::new();
    for line in lines {
        let Some(first) = pieces[line.lead.clone()].first() else { continue };
        if first.kind == TokenKind::Newline {
            pieces[line.lead.start].spaces = 0;
            continue;
        }
        // An aligned assignment closes as many brackets as it opens, so that the lead decides.
        let change = before_heredoc(&pieces[line.lead.clone()]);
        let mut closed = -change;
        while closed > 0
            && let Some(last) = open.last_mut()
        {
            let taken = closed.min(*last);
            closed -= taken;
            *last -= taken;
            if *last == 0 {
                open.pop();
            }
        }
        pieces[line.lead.start].spaces = 2 * open.len();
        if change > 0 {
            open.push(change);
        }
    }
}

fn before_heredoc(pieces: &[SpacedToken<'_>]) -> isize {
    pieces.iter().take_while(|it| it.kind != TokenKind::HeredocOpen).map(|it| it.kind.depth()).sum()
}

/// Puts one space or none between the tokens of a cell.
pub(super) fn space(lines: &[LineLayout], pieces: &mut [SpacedToken<'_>]) {
    for line in lines {
        for cell in [&line.lead, &line.assign] {
            for index in cell.clone().skip(1) {
                let before = (index >= cell.start + 2).then(|| pieces[index - 2].kind);
                pieces[index].spaces =
                    usize::from(space::between(before, &pieces[index - 1], &pieces[index]));
            }
        }
    }
}

/// Aligns the assignments of neighbouring lines, then their comments.
pub(super) fn align(lines: &[LineLayout], pieces: &mut [SpacedToken<'_>]) {
    align_cells(lines, pieces, |it| (it.lead.start..it.lead.end, it.assign.clone()));
    align_cells(lines, pieces, |it| (it.lead.start..it.assign.end, it.comment.clone()));
}

fn align_cells(
    lines: &[LineLayout],
    pieces: &mut [SpacedToken<'_>],
    cells: fn(&LineLayout) -> (Range<usize>, Range<usize>),
) {
    // Only neighbouring lines that all have the cell are aligned; a line without it ends the run.
    for run in lines.chunk_by(|left, right| cells(left).1.is_empty() == cells(right).1.is_empty()) {
        if run.first().is_none_or(|it| cells(it).1.is_empty()) {
            continue;
        }
        let columns: Vec<usize> = run.iter().map(|it| columns(&pieces[cells(it).0])).collect();
        let widest = columns.iter().copied().max().unwrap_or(0);
        for (line, columns) in run.iter().zip(columns) {
            pieces[cells(line).1.start].spaces = widest - columns + 1;
        }
    }
}

fn columns(pieces: &[SpacedToken<'_>]) -> usize {
    pieces.iter().map(|it| it.spaces + characters(it.text)).sum()
}

fn characters(text: &str) -> usize {
    // A carriage return and the line feed behind it are one grapheme, as `terraform fmt` counts them.
    if text.is_ascii() && !text.contains('\r') { text.len() } else { text.graphemes(true).count() }
}

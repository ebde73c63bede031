//! The literals that were found, and the names around them.

use std::ops::Range;

use super::frame::Frame;
use super::reader::LiteralReader;
use super::{Literal, LiteralForm};

pub(super) struct Found<'a> {
    pub(super) literal: Literal<'a>,
    /// The number of frames around it.
    pub(super) depth: usize,
    pub(super) behind: Option<Behind>,
}

/// The limit of surplus closing brackets that are considered for one literal.
const SURPLUS: usize = 4;

/// The body that was closed before a literal, and that is around it if a bracket is one too many.
pub(super) struct Behind {
    pub(super) closed: usize,
    /// The indices at which its names, head and number would be inserted into those of the literal.
    pub(super) path: usize,
    pub(super) heads: usize,
    pub(super) bodies: usize,
    pub(super) is_outermost: bool,
}

/// A closed body.
pub(super) struct Closed<'a> {
    pub(super) names: Vec<&'a str>,
    pub(super) head: Vec<&'a str>,
    pub(super) body: usize,
    /// Whether it is the body of a block.
    pub(super) is_block: bool,
    /// The nested body that was closed last.
    pub(super) last: Option<usize>,
}

impl<'a> LiteralReader<'a> {
    pub(super) fn slip(&mut self, place: Range<usize>, written: LiteralForm) {
        let frame = self.frame();
        (frame.has_slipped, frame.has_value) = (true, true);
        self.found_at(place, written);
    }

    pub(super) fn found_at(&mut self, place: Range<usize>, written: LiteralForm) {
        let literal = self.literal_at(place, written);
        self.push(literal);
    }

    pub(super) fn literal_at(&self, place: Range<usize>, written: LiteralForm) -> Literal<'a> {
        let frames = || self.frames.iter();
        Literal {
            path: frames().flat_map(|it| it.names.iter().copied().chain(it.arguments())).collect(),
            heads: frames().flat_map(|it| it.head.iter().copied()).collect(),
            bodies: frames().filter_map(|it| it.body).collect(),
            place,
            is_piece: self.frames.last().is_some_and(|it| it.role.is_format()),
            is_marked: self.is_marked(),
            written,
        }
    }

    pub(super) fn push(&mut self, literal: Literal<'a>) {
        let (depth, behind) = (self.frames.len(), self.behind_closed());
        self.found.push(Found { literal, depth, behind });
    }

    /// The last body that was closed before the current argument.
    fn behind_closed(&self) -> Option<Behind> {
        let at = self.frames.iter().rposition(|it| it.closed.is_some())?;
        let (frame, around) = (&self.frames[at], &self.frames[..at]);
        let is_argument = frame.is_value || at + 1 == self.frames.len();
        let names = |it: &Frame<'a>| it.names.len() + it.arguments().count();
        frame.closed.filter(|_| is_argument).map(|closed| Behind {
            closed,
            path: around.iter().map(names).sum::<usize>() + frame.names.len(),
            heads: around.iter().map(|it| it.head.len()).sum::<usize>() + frame.head.len(),
            bodies: self.frames[..=at].iter().filter(|it| it.body.is_some()).count(),
            is_outermost: at == 0,
        })
    }

    pub(super) fn note_closed(&mut self, frame: Option<Frame<'a>>) {
        let Some(Frame { names: own, head, body: Some(body), closed: last, .. }) = frame else {
            return;
        };
        let number = self.closed.len();
        let around = self.frame();
        around.closed = Some(number);
        let (names, is_block) = (around.arguments().chain(own).collect(), !around.is_value);
        self.closed.push(Closed { names, head, body, is_block, last });
    }

    /// The literal with the names it would have without one or more of the closing brackets before it.
    pub(super) fn before_brackets(&self, found: &Found<'a>) -> Vec<Literal<'a>> {
        let Some(behind) = &found.behind else { return Vec::new() };
        // At the outermost level there are no arguments, so that one behind a block belongs into it.
        let is_outside = behind.is_outermost && self.closed[behind.closed].is_block;
        let (mut path, mut heads, mut bodies) = (behind.path, behind.heads, behind.bodies);
        let mut literal = found.literal.clone();
        let closed = std::iter::successors(Some(behind.closed), |it| self.closed[*it].last);
        let within = |at: usize| {
            let closed = &self.closed[at];
            literal.path.splice(path..path, closed.names.iter().copied());
            literal.heads.splice(heads..heads, closed.head.iter().copied());
            literal.bodies.insert(bodies, closed.body);
            (path, heads, bodies) =
                (path + closed.names.len(), heads + closed.head.len(), bodies + 1);
            literal.clone()
        };
        closed.take(self.surplus.min(SURPLUS).max(usize::from(is_outside))).map(within).collect()
    }
}

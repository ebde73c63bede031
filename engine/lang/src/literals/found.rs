//! The literals that were found, and under which names they are.

use std::ops::Range;

use super::frame::Frame;
use super::reader::LiteralReader;
use super::{Literal, LiteralForm};

pub(super) struct Found<'a> {
    pub(super) literal: Literal<'a>,
    /// How many frames there are around it.
    pub(super) depth: usize,
    pub(super) behind: Option<Behind>,
}

/// More closing brackets than so many are not looked behind for one literal.
const SURPLUS: usize = 4;

/// What is closed before a literal, and belongs around it if its bracket is one too many.
pub(super) struct Behind {
    pub(super) closed: usize,
    /// Where its names, its head and its number would stand among the literal's.
    pub(super) path: usize,
    pub(super) heads: usize,
    pub(super) bodies: usize,
    pub(super) is_outermost: bool,
}

/// A body that was closed.
pub(super) struct Closed<'a> {
    pub(super) names: Vec<&'a str>,
    pub(super) head: Vec<&'a str>,
    pub(super) body: usize,
    /// Whether it was that of a block.
    pub(super) is_block: bool,
    /// The one in it that was closed last.
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

    /// What is closed before the argument that is being read.
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

    /// A literal as it would be if one or more of the brackets before it were not there.
    pub(super) fn before_brackets(&self, found: &Found<'a>) -> Vec<Literal<'a>> {
        let Some(behind) = &found.behind else { return Vec::new() };
        // No argument can stand behind a block at the outermost level.
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

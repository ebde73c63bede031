//! Excerpts of source lines with highlighted places.

use std::ops::Range;

use ha_diagnostics::SourceSpan;

use super::secrets::SecretTexts;
use super::sources::SourceTexts;

/// The longest line that is shown completely, in bytes.
const LONGEST_LINE: usize = 2000;

/// The largest excerpt for several places, in bytes; more distant places get excerpts of their own.
const FARTHEST: usize = 16 * 1024;

/// The lines of one or more places in a file.
pub(super) struct SourceExcerpt {
    pub(super) text: String,
    /// The number of the first line.
    pub(super) line: usize,
    /// The places within the text.
    pub(super) places: Vec<Range<usize>>,
}

impl SourceExcerpt {
    /// Returns the lines of a place; none if the file is unknown or the span is outside of it.
    pub(super) fn new(
        span: &SourceSpan,
        sources: &SourceTexts,
        secrets: &SecretTexts,
    ) -> Option<Self> {
        let text = sources.text(&span.file)?;
        let place = fitting(span, text)?;
        let lines = lines(text, &place);
        match text[lines.clone()].split('\n').any(|it| it.len() > LONGEST_LINE) {
            true => Some(Self::narrow(&span.file, text, place, sources, secrets)),
            false => Some(Self::over(&span.file, text, lines, vec![place], sources, secrets)),
        }
    }

    /// Returns the lines of several places together; none if they are too far apart or too long.
    pub(super) fn of_all(
        spans: &[&SourceSpan],
        sources: &SourceTexts,
        secrets: &SecretTexts,
    ) -> Option<Self> {
        let file = &spans.first()?.file;
        let text = sources.text(file)?;
        let places: Option<Vec<Range<usize>>> =
            spans.iter().map(|it| fitting(it, text).filter(|_| it.file == *file)).collect();
        let places = places?;
        let all = places.iter().map(|it| lines(text, it));
        let all = all.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))?;
        let is_shown = all.len() <= FARTHEST
            && text[all.clone()].split('\n').all(|it| it.len() <= LONGEST_LINE);
        is_shown.then(|| Self::over(file, text, all, places, sources, secrets))
    }

    fn over(
        file: &str,
        text: &str,
        lines: Range<usize>,
        places: Vec<Range<usize>>,
        sources: &SourceTexts,
        secrets: &SecretTexts,
    ) -> Self {
        let start = lines.start;
        let places = places.into_iter().map(|it| it.start - start..it.end - start).collect();
        Self { text: sources.shown(file, lines, secrets), line: line_of(text, start), places }
    }

    /// Returns some text on both sides of a place, for lines that are too long.
    fn narrow(
        file: &str,
        text: &str,
        place: Range<usize>,
        sources: &SourceTexts,
        secrets: &SecretTexts,
    ) -> Self {
        let boundary = |mut at: usize| {
            // A place in bytes may be within a character, where a string cannot be cut.
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(place.start.saturating_sub(40));
        // The excerpt stays within the lines of the place, because lines are numbered from its
        // start.
        let start = text[start..place.start].rfind('\n').map_or(start, |it| start + it + 1);
        let end = boundary((place.start + 40).min(text.len()));
        let end = text[place.start..end].find('\n').map_or(end, |it| place.start + it);
        let span = place.start - start..place.end.min(end) - start;
        Self {
            text: sources.shown(file, start..end, secrets),
            line: line_of(text, start),
            places: vec![span],
        }
    }
}

/// Returns the whole lines of a place, without the last line end.
fn lines(text: &str, place: &Range<usize>) -> Range<usize> {
    let start = text[..place.start].rfind('\n').map_or(0, |it| it + 1);
    // A span that includes the line end must not add the next line.
    let last = if place.end > place.start { place.end - 1 } else { place.start };
    let end = text.as_bytes()[last..]
        .iter()
        .position(|it| *it == b'\n')
        .map_or(text.len(), |it| last + it);
    start..end.max(place.end)
}

/// Returns the span as a range of the text; none if it is outside of it.
pub(super) fn fitting(span: &SourceSpan, text: &str) -> Option<Range<usize>> {
    let fits = span.start <= span.end
        && text.is_char_boundary(span.start)
        && text.is_char_boundary(span.end);
    fits.then_some(span.start..span.end)
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|it| **it == b'\n').count() + 1
}

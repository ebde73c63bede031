//! Takes secrets out of the messages of one diagnostic, and leaves the names of the configuration
//! in them that are equal to a short secret by accident.

use std::collections::BTreeSet;
use std::ops::Range;

use ha_plan::masked;

use super::diagnostic::RenderedDiagnostic;
use super::nearby::Nearby;
use super::secrets::{SecretTexts, is_argument};
use super::sources::SourceTexts;

/// A secret of at least so many characters is masked everywhere: no name is equal to it by accident.
const LONG: usize = 8;

/// Whether a secret is short enough to be equal to a name by accident.
pub(super) fn is_short(word: &str) -> bool {
    word.chars().count() < LONG
}

/// Masks the messages of one diagnostic.
pub(crate) struct MessageMask<'a> {
    /// Secrets that were marked, and secrets that the sources themselves have.
    known: [&'a SecretTexts; 2],
    nearby: Nearby,
    sources: &'a SourceTexts,
    /// The names at the places of the diagnostic.
    names: BTreeSet<&'a str>,
    /// Whether a service or a provider wrote the help.
    has_foreign_help: bool,
}

impl<'a> MessageMask<'a> {
    /// The mask for the messages of a diagnostic.
    pub(crate) fn new(
        notice: &'a RenderedDiagnostic,
        sources: &'a SourceTexts,
        known: [&'a SecretTexts; 2],
    ) -> Self {
        Self {
            known,
            nearby: sources.nearby(notice.places()),
            sources,
            names: if known.iter().all(|it| it.is_empty()) {
                BTreeSet::new()
            } else {
                sources.names_at(notice.places())
            },
            has_foreign_help: notice.notes.iter().any(|(what, _)| !matches!(*what, "note" | "in")),
        }
    }

    /// Masks a string that others wrote or that has a value in it: names are not left.
    pub(crate) fn foreign(&self, text: &str) -> String {
        self.masked_unless(text, |_, _| false)
    }

    /// Masks a message of our own, which quotes names between backticks.
    pub(crate) fn message(&self, text: &str) -> String {
        self.masked_unless(text, |text, place| self.is_name(text, place))
    }

    /// Masks a line of help, which may be a service's.
    pub(crate) fn help(&self, text: &str) -> String {
        if self.has_foreign_help { self.foreign(text) } else { self.message(text) }
    }

    /// Masks an address without quotes.
    pub(crate) fn address(&self, address: &str) -> String {
        self.masked_unless(address, |text, place| {
            is_short(&text[place.clone()]) && self.is_segment(text, place)
        })
    }

    fn masked_unless(&self, text: &str, is_name: impl Fn(&str, &Range<usize>) -> bool) -> String {
        let mut text = text.to_owned();
        for secrets in self.known {
            let places = secrets.places(&text);
            let found = places.into_iter().filter(|it| !is_name(&text, it)).collect();
            text = masked(&text, found);
        }
        // What is covered on these very lines may be what the message quotes, so that no name is an
        // exception to it.
        self.nearby.masked(&text)
    }

    /// Whether a place of a message is a name: quoted by itself where the diagnostic points to it,
    /// a segment of an address, or a part of a file's name. A value is quoted with `"` around it.
    fn is_name(&self, text: &str, place: &Range<usize>) -> bool {
        if !is_short(&text[place.clone()]) {
            return false;
        }
        let Some(quoted) = quoted(text, place) else { return false };
        let (content, inside) =
            (&text[quoted.clone()], place.start - quoted.start..place.end - quoted.start);
        // A name by itself, or that of a function in front of its arguments.
        let is_alone =
            inside.start == 0 && matches!(content[inside.end..].chars().next(), None | Some('('));
        if is_alone && self.names.contains(&content[inside.clone()]) {
            return true;
        }
        let file = content.split(':').next().unwrap_or_default();
        inside.end <= file.len() && self.sources.is_file(file) || self.is_segment(content, &inside)
    }

    /// Whether a place of an address is a segment of it behind its first, and declared somewhere.
    fn is_segment(&self, address: &str, place: &Range<usize>) -> bool {
        let word = &address[place.clone()];
        let (before, behind) = (&address[..place.start], &address[place.end..]);
        let is_whole =
            before.ends_with('.') && (behind.is_empty() || behind.starts_with(['.', '[']));
        let declared = self.sources.declared();
        let root = address.split(['.', '[']).next().unwrap_or_default();
        is_whole
            && declared.begins_reference(root)
            && (declared.is_in_addresses(word) || is_argument(word))
    }
}

/// The place between backticks that holds a place, if it does.
fn quoted(text: &str, place: &Range<usize>) -> Option<Range<usize>> {
    let before = &text[..place.start];
    let start = before.rfind('`')? + 1;
    let is_open = before.matches('`').count() % 2 == 1;
    let end = text[place.end..].find('`')? + place.end;
    is_open.then_some(start..end)
}

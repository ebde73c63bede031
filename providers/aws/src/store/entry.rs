//! One object of the log: a line of JSON that says what it is, and the bytes behind it.

use ha_state_store::StateError;
use serde::{Deserialize, Serialize};

/// The latest format that is understood.
const FORMAT: u32 = 1;

/// What an object says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogEntry {
    format: u32,
    /// The lock under which it was written.
    pub(super) by: String,
    pub(super) what: EntryKind,
}

/// What an object is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EntryKind {
    /// Somebody took the lock: whoever had it before can append nothing any more.
    Opening,
    /// A segment of the journal.
    Segment {
        /// The number of its first frame.
        number: u64,
        /// How much of the journal before it counts, where that was found out again.
        cut: Option<JournalCut>,
    },
    /// All frames up to this number.
    Checkpoint {
        /// Of the last frame in it.
        number: u64,
        #[serde(flatten)]
        trail: LogIndex,
    },
}

/// How much of a journal counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JournalCut {
    /// Nothing.
    Whole,
    /// What is behind so many bytes of the segment of this number does not.
    Behind {
        /// The segment's number.
        segment: u64,
        /// How many of its bytes count.
        length: usize,
    },
}

/// The places in the log of what is kept although a checkpoint covers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogIndex {
    /// Checkpoints, to go back to by hand.
    pub(super) checkpoints: Vec<u64>,
    /// Openings: whoever was shut out by one still is.
    pub(super) openings: Vec<u64>,
}

impl LogEntry {
    pub(super) fn new(by: &str, what: EntryKind) -> Self {
        Self { format: FORMAT, by: by.to_owned(), what }
    }

    /// The whole object.
    pub(super) fn to_bytes(&self, content: &[u8]) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("an entry has only text keys");
        bytes.push(b'\n');
        bytes.extend_from_slice(content);
        bytes
    }

    /// What an object says, and how long its first line is. `place` is for messages.
    pub(super) fn parse(bytes: &[u8], place: &str) -> Result<(Self, usize), StateError> {
        #[derive(Deserialize)]
        struct EntryFormat {
            format: u32,
        }
        let foreign = || StateError::not_a_state(place, "object of a state");
        let end = bytes.iter().position(|it| *it == b'\n').ok_or_else(foreign)?;
        let EntryFormat { format } =
            serde_json::from_slice(&bytes[..end]).map_err(|_| foreign())?;
        if format > FORMAT {
            return Err(StateError::newer_format(place, format, FORMAT));
        }
        let entry = serde_json::from_slice(&bytes[..end]).map_err(|_| foreign())?;
        Ok((entry, end + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ha_state_store::StateErrorReason;

    #[test]
    fn an_object_reads_back_as_written() {
        let trail = LogIndex { checkpoints: vec![3], openings: vec![1, 4] };
        for what in [
            EntryKind::Opening,
            EntryKind::Segment { number: 7, cut: None },
            EntryKind::Segment { number: 7, cut: Some(JournalCut::Whole) },
            EntryKind::Segment {
                number: 7,
                cut: Some(JournalCut::Behind { segment: 5, length: 12 }),
            },
            EntryKind::Checkpoint { number: 9, trail },
        ] {
            let entry = LogEntry::new("ab", what);
            let bytes = entry.to_bytes(b"\n{\"x\"\n");
            let (read, behind) = LogEntry::parse(&bytes, "x").unwrap();
            assert_eq!((&read, &bytes[behind..]), (&entry, &b"\n{\"x\"\n"[..]));
        }
    }

    #[test]
    fn what_is_foreign_or_newer_is_told_apart() {
        let reason = |bytes: &[u8]| LogEntry::parse(bytes, "x").unwrap_err().reason().clone();
        assert_eq!(reason(b""), StateErrorReason::NotAState);
        assert_eq!(reason(b"{\"version\": 4}\n"), StateErrorReason::NotAState);
        assert_eq!(reason(b"{\"format\": 1, \"by\": 7}\n"), StateErrorReason::NotAState);
        assert_eq!(reason(b"{\"format\": 2, \"whatever\": []}\n"), StateErrorReason::NewerFormat);
    }
}

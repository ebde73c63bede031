//! One object of the log: a line of JSON, its header, and the content behind it.

use ha_state_store::StateError;
use serde::{Deserialize, Serialize};

/// The latest supported format.
const FORMAT: u32 = 1;

/// The header of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogEntry {
    format: u32,
    /// Id of the lock under which the object was written.
    pub(super) by: String,
    pub(super) what: EntryKind,
}

/// The kind of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EntryKind {
    /// A holder took the lock: an earlier holder can append nothing after this.
    Opening,
    /// A segment of the journal.
    Segment {
        /// Number of its first frame.
        number: u64,
        /// How much of the journal before it is valid, where a recovery determined that.
        cut: Option<JournalCut>,
    },
    /// A checkpoint: all frames up to a number.
    Checkpoint {
        /// Number of its last frame.
        number: u64,
        #[serde(flatten)]
        trail: LogIndex,
    },
}

/// How much of the earlier journal is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JournalCut {
    /// Nothing.
    Whole,
    /// Everything up to a number of bytes of one segment; the rest is void.
    Behind {
        /// Number of the segment.
        segment: u64,
        /// Number of valid bytes in it.
        length: usize,
    },
}

/// The places of objects that are retained although a checkpoint covers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogIndex {
    /// Earlier checkpoints, for a manual restore.
    pub(super) checkpoints: Vec<u64>,
    /// Openings: a holder that one of them locked out still finds its place taken.
    pub(super) openings: Vec<u64>,
}

impl LogEntry {
    pub(super) fn new(by: &str, what: EntryKind) -> Self {
        Self { format: FORMAT, by: by.to_owned(), what }
    }

    /// The bytes of an object with this header.
    pub(super) fn to_bytes(&self, content: &[u8]) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("an entry has only text keys");
        bytes.push(b'\n');
        bytes.extend_from_slice(content);
        bytes
    }

    /// The header of an object, and the length of its first line. `place` names the object in
    /// errors.
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
    fn foreign_and_newer_objects_are_distinguished() {
        let reason = |bytes: &[u8]| LogEntry::parse(bytes, "x").unwrap_err().reason().clone();
        assert_eq!(reason(b""), StateErrorReason::NotAState);
        assert_eq!(reason(b"{\"version\": 4}\n"), StateErrorReason::NotAState);
        assert_eq!(reason(b"{\"format\": 1, \"by\": 7}\n"), StateErrorReason::NotAState);
        assert_eq!(reason(b"{\"format\": 2, \"whatever\": []}\n"), StateErrorReason::NewerFormat);
    }
}

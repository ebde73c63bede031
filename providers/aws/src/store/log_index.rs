//! A state as a log of objects that are numbered from 1 without gaps. A writer appends the next
//! object on the condition that it does not exist. An existing object is never changed.
//!
//! A checkpoint makes all objects before it obsolete. The last few checkpoints are retained for a
//! manual restore. The last openings are retained so that a holder that was locked out and
//! suspended for long still finds its place taken.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt};
use ha_provider::Error;
use ha_state_store::{JournalSegment, StateError, StateErrorReason, StoreContents};

use super::bucket::{FoundObject, PutOutcome, StateBucket, WriteCondition};
use super::entry::{EntryKind, JournalCut, LogEntry, LogIndex};

/// Maximum number of reads of the log while others delete objects from it.
const TRIES: u32 = 20;
/// Number of concurrent reads of objects.
const TOGETHER: usize = 16;
const CHECKPOINTS: usize = 5;
const OPENINGS: usize = 16;

/// The log of a state.
#[derive(Clone)]
pub(super) struct StateLog {
    pub(super) bucket: StateBucket,
    /// Name of the state, the prefix of its objects.
    pub(super) name: String,
    /// Location of the state, for messages.
    pub(super) place: String,
}

/// The valid content of a log.
#[derive(Default)]
pub(super) struct LogContents {
    pub(super) loaded: StoreContents,
    pub(super) trail: LogIndex,
}

impl StateLog {
    fn object(&self, at: u64) -> String {
        format!("{}/{at:020}", self.name)
    }

    /// The places of existing objects, sorted.
    async fn places(&self) -> Result<Vec<u64>, StateError> {
        let prefix = format!("{}/", self.name);
        let names = self.bucket.list(&prefix).await.map_err(away)?;
        let place = |name: &String| {
            name.strip_prefix(&prefix).filter(|it| it.len() == 20).and_then(|it| it.parse().ok())
        };
        Ok(names.iter().filter_map(place).collect())
    }

    /// The place after the last object.
    pub(super) async fn end(&self) -> Result<u64, StateError> {
        Ok(self.places().await?.last().map_or(1, |it| it + 1))
    }

    /// Writes an object at a free place; returns the existing object where the place is taken.
    pub(super) async fn put(
        &self,
        at: u64,
        entry: &LogEntry,
        content: &[u8],
    ) -> Result<Option<FoundObject>, StateError> {
        match self
            .bucket
            .put(&self.object(at), WriteCondition::Nothing, &entry.to_bytes(content), None)
            .await
            .map_err(away)?
        {
            PutOutcome::Done { .. } => Ok(None),
            PutOutcome::Refused(found) => Ok(Some(found.unwrap_or(FoundObject {
                bytes: Vec::new(),
                etag: String::new(),
                age: None,
            }))),
        }
    }

    /// Reads the last checkpoint and the objects after it.
    pub(super) async fn read(&self) -> Result<LogContents, StateError> {
        let mut missing = 0;
        for _ in 0..TRIES {
            match self.read_to_checkpoint(&self.places().await?).await? {
                Ok(read) => return Ok(read),
                Err(at) => missing = at,
            }
        }
        let why = format!("its object `{}` is missing", self.object(missing));
        let help = "restore an earlier version of it, where the bucket has versioning, or restore the state from a backup";
        Err(StateError::incomplete(&self.place, why).help(help))
    }

    /// Reads from the end back to the last checkpoint. The inner error is the place of a missing
    /// object: a later checkpoint may have made it obsolete since the places were listed.
    async fn read_to_checkpoint(
        &self,
        places: &[u64],
    ) -> Result<Result<LogContents, u64>, StateError> {
        let Some(newest) = places.last() else { return Ok(Ok(LogContents::default())) };
        // Objects are requested in order and a few at a time. The common case needs one request,
        // and a long journal is not limited by the latency of each.
        let get = |at: u64| async move { (at, self.bucket.get(&self.object(at), None).await) };
        // The newest object is usually a checkpoint, so it is read alone before others are
        // requested.
        let first = stream::once(get(*newest));
        let older: Vec<u64> = places[..places.len() - 1].iter().rev().copied().collect();
        let others = stream::iter(older).map(get).buffered(TOGETHER);
        let mut objects = Box::pin(first.chain(others));
        let (mut expected, mut behind) = (*newest, Vec::new());
        while let Some((at, found)) = objects.next().await {
            let Some(FoundObject { mut bytes, .. }) =
                found.map_err(away)?.filter(|_| at == expected)
            else {
                return Ok(Err(expected));
            };
            let (entry, start) = LogEntry::parse(
                &bytes,
                &format!("`s3://{}/{}`", self.bucket.name, self.object(at)),
            )?;
            bytes.drain(..start);
            if let EntryKind::Checkpoint { trail, .. } = entry.what {
                let trail =
                    LogIndex { checkpoints: [trail.checkpoints, vec![at]].concat(), ..trail };
                return Ok(Ok(valid_content(Some(bytes), trail, behind)));
            }
            behind.push((at, entry.what, bytes));
            expected = at - 1;
        }
        // Without a checkpoint the log must reach back to its first object.
        Ok(if expected == 0 {
            Ok(valid_content(None, LogIndex::default(), behind))
        } else {
            Err(expected)
        })
    }

    /// Deletes the objects that the checkpoint at this place makes obsolete.
    pub(super) async fn prune(&self, checkpoint: u64, trail: &LogIndex) -> Result<(), StateError> {
        let kept: BTreeSet<u64> =
            trail.checkpoints.iter().chain(&trail.openings).copied().collect();
        let obsolete = |at: &u64| *at < checkpoint && !kept.contains(at);
        let obsolete: Vec<String> =
            self.places().await?.into_iter().filter(obsolete).map(|it| self.object(it)).collect();
        self.bucket.delete_all(&obsolete).await.map_err(away)
    }
}

impl LogIndex {
    /// The part that a new checkpoint retains.
    pub(super) fn shortened(mut self) -> Self {
        let excess = |all: &[u64], most: usize| all.len().saturating_sub(most);
        // The new checkpoint is itself one of the retained ones.
        self.checkpoints.drain(..excess(&self.checkpoints, CHECKPOINTS - 1));
        self.openings.drain(..excess(&self.openings, OPENINGS));
        self
    }
}

/// The valid content of a checkpoint and the objects after it, newest first.
fn valid_content(
    checkpoint: Option<Vec<u8>>,
    mut trail: LogIndex,
    behind: Vec<(u64, EntryKind, Vec<u8>)>,
) -> LogContents {
    let mut segments: Vec<JournalSegment> = Vec::new();
    for (at, what, bytes) in behind.into_iter().rev() {
        match what {
            EntryKind::Opening => trail.openings.push(at),
            EntryKind::Segment { number, cut } => {
                match cut {
                    None => {}
                    // A recovery that found the journal's end damaged appends a segment with a cut.
                    // Objects are never altered, so the damaged ones stay until a checkpoint covers
                    // them.
                    Some(JournalCut::Whole) => segments.clear(),
                    Some(JournalCut::Behind { segment, length }) => {
                        segments.retain(|it| it.number <= segment);
                        if let Some(last) = segments.last_mut().filter(|it| it.number == segment) {
                            last.bytes.truncate(length);
                        }
                        segments.retain(|it| !it.bytes.is_empty());
                    }
                }
                segments.push(JournalSegment { number, bytes });
            }
            EntryKind::Checkpoint { .. } => unreachable!("reading back ends with the first one"),
        }
    }
    LogContents { loaded: StoreContents { checkpoint, segments }, trail }
}

/// The error of a store that could not be reached or that refused a call.
pub(super) fn away(error: Error) -> StateError {
    StateError::new(StateErrorReason::Store, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(number: u64, cut: Option<JournalCut>) -> EntryKind {
        EntryKind::Segment { number, cut }
    }

    #[test]
    fn segments_behind_a_cut_are_void() {
        let behind = vec![
            (6, segment(3, Some(JournalCut::Behind { segment: 2, length: 1 })), b"new".to_vec()),
            (5, EntryKind::Opening, Vec::new()),
            (4, segment(5, None), b"gone".to_vec()),
            (3, segment(2, None), b"two".to_vec()),
            (2, segment(1, None), b"one".to_vec()),
            (1, EntryKind::Opening, Vec::new()),
        ];
        let LogContents { loaded, trail } = valid_content(None, LogIndex::default(), behind);
        let segment = |number, bytes: &str| JournalSegment { number, bytes: bytes.into() };
        assert_eq!(loaded.segments, [segment(1, "one"), segment(2, "t"), segment(3, "new")]);
        assert_eq!(trail.openings, [1, 5]);
    }

    #[test]
    fn retains_only_the_last_few() {
        let trail =
            LogIndex { checkpoints: (1..=9).collect(), openings: (1..=40).collect() }.shortened();
        assert_eq!(trail.checkpoints, [6, 7, 8, 9]);
        assert_eq!(trail.openings, (25..=40).collect::<Vec<_>>());
    }
}

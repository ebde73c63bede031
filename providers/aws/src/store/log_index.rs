//! A state as a log of objects, numbered from one on without a gap: whoever wants to change
//! something writes the next one, on the condition that no one else has. An object that is there is
//! never altered.
//!
//! A checkpoint makes everything before it needless. The last few checkpoints stay, to go back to;
//! so do the last openings, so that someone who was shut out and slept through all that came after
//! still finds their place taken.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt};
use ha_provider::Error;
use ha_state_store::{JournalSegment, StateError, StateErrorReason, StoreContents};

use super::bucket::{FoundObject, PutOutcome, StateBucket, WriteCondition};
use super::entry::{EntryKind, JournalCut, LogEntry, LogIndex};

/// How often the log is read again because part of it went away meanwhile.
const TRIES: u32 = 20;
/// How many objects are read at a time.
const TOGETHER: usize = 16;
const CHECKPOINTS: usize = 5;
const OPENINGS: usize = 16;

/// A state's log.
#[derive(Clone)]
pub(super) struct StateLog {
    pub(super) bucket: StateBucket,
    /// The state's name; the objects lie below it.
    pub(super) name: String,
    /// For messages.
    pub(super) place: String,
}

/// What a log amounts to.
#[derive(Default)]
pub(super) struct LogContents {
    pub(super) loaded: StoreContents,
    pub(super) trail: LogIndex,
}

impl StateLog {
    fn object(&self, at: u64) -> String {
        format!("{}/{at:020}", self.name)
    }

    /// The places that are taken, in order.
    async fn places(&self) -> Result<Vec<u64>, StateError> {
        let below = format!("{}/", self.name);
        let names = self.bucket.list(&below).await.map_err(away)?;
        let place = |name: &String| {
            name.strip_prefix(&below).filter(|it| it.len() == 20).and_then(|it| it.parse().ok())
        };
        Ok(names.iter().filter_map(place).collect())
    }

    /// The place behind all others.
    pub(super) async fn end(&self) -> Result<u64, StateError> {
        Ok(self.places().await?.last().map_or(1, |it| it + 1))
    }

    /// Takes a place. Answers what is there where somebody else did.
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

    /// Everything that counts.
    pub(super) async fn read(&self) -> Result<LogContents, StateError> {
        let mut missing = 0;
        for _ in 0..TRIES {
            match self.read_back(&self.places().await?).await? {
                Ok(read) => return Ok(read),
                Err(at) => missing = at,
            }
        }
        let why = format!("its object `{}` is missing", self.object(missing));
        let help = "put it back from an earlier version of it, where the bucket keeps versions, or restore the state from a backup";
        Err(StateError::incomplete(&self.place, why).help(help))
    }

    /// Reads from the end back to the last checkpoint, or says which object is missing: a
    /// checkpoint that has made it needless may have come meanwhile.
    async fn read_back(&self, places: &[u64]) -> Result<Result<LogContents, u64>, StateError> {
        let Some(newest) = places.last() else { return Ok(Ok(LogContents::default())) };
        let get = |at: u64| async move { (at, self.bucket.get(&self.object(at), None).await) };
        // Mostly the newest is a checkpoint, and what is before it need not be looked at.
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
                return Ok(Ok(amount(Some(bytes), trail, behind)));
            }
            behind.push((at, entry.what, bytes));
            expected = at - 1;
        }
        // The log begins with its first object, or something is missing.
        Ok(if expected == 0 {
            Ok(amount(None, LogIndex::default(), behind))
        } else {
            Err(expected)
        })
    }

    /// Deletes what the checkpoint at this place makes needless.
    pub(super) async fn prune(&self, checkpoint: u64, trail: &LogIndex) -> Result<(), StateError> {
        let kept: BTreeSet<u64> =
            trail.checkpoints.iter().chain(&trail.openings).copied().collect();
        let needless = |at: &u64| *at < checkpoint && !kept.contains(at);
        let needless: Vec<String> =
            self.places().await?.into_iter().filter(needless).map(|it| self.object(it)).collect();
        self.bucket.delete_all(&needless).await.map_err(away)
    }
}

impl LogIndex {
    /// As much of it as is kept.
    pub(super) fn shortened(mut self) -> Self {
        let excess = |all: &[u64], most: usize| all.len().saturating_sub(most);
        // The new checkpoint is one of them.
        self.checkpoints.drain(..excess(&self.checkpoints, CHECKPOINTS - 1));
        self.openings.drain(..excess(&self.openings, OPENINGS));
        self
    }
}

/// What a checkpoint and the objects behind it, the newest first, amount to.
fn amount(
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

/// The store could not be reached, or refused.
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
    fn what_was_cut_off_does_not_count() {
        let behind = vec![
            (6, segment(3, Some(JournalCut::Behind { segment: 2, length: 1 })), b"new".to_vec()),
            (5, EntryKind::Opening, Vec::new()),
            (4, segment(5, None), b"gone".to_vec()),
            (3, segment(2, None), b"two".to_vec()),
            (2, segment(1, None), b"one".to_vec()),
            (1, EntryKind::Opening, Vec::new()),
        ];
        let LogContents { loaded, trail } = amount(None, LogIndex::default(), behind);
        let segment = |number, bytes: &str| JournalSegment { number, bytes: bytes.into() };
        assert_eq!(loaded.segments, [segment(1, "one"), segment(2, "t"), segment(3, "new")]);
        assert_eq!(trail.openings, [1, 5]);
    }

    #[test]
    fn only_the_last_few_are_kept() {
        let trail =
            LogIndex { checkpoints: (1..=9).collect(), openings: (1..=40).collect() }.shortened();
        assert_eq!(trail.checkpoints, [6, 7, 8, 9]);
        assert_eq!(trail.openings, (25..=40).collect::<Vec<_>>());
    }
}

//! Reads a journal: finds the frames that count, and folds them.

use crate::envelope::{FrameEnvelope, FrameSealer, VERSION, find};
use crate::session::{KeyCache, SessionHeader, SessionPart};
use crate::store::{JournalExtent, JournalSegment};
use crate::{KeyName, StateError};
use ha_state_model::Frame;
use ha_state_model::frame::FrameKind;

/// The frames of a journal that were acknowledged, or at least written whole.
#[derive(Debug)]
pub(crate) struct JournalScan {
    /// Each frame with the index of its segment.
    frames: Vec<(usize, FrameEnvelope)>,
    /// The end of the last frame; none without frames.
    pub(crate) kept: Option<JournalExtent>,
    /// The bytes of all frames together.
    pub(crate) length: usize,
}

impl JournalScan {
    /// The number of the last frame.
    pub(crate) fn last(&self) -> Option<u64> {
        self.frames.last().map(|(_, it)| it.number)
    }
}

/// The lineage in the session header at the start of these bytes, if there is one.
pub(crate) fn lineage(bytes: &[u8], place: &str) -> Option<String> {
    let head = FrameEnvelope::at(bytes, 0).filter(|it| it.kind == FrameKind::Session as u8)?;
    SessionHeader::parse(&bytes[head.body..head.end], place).ok().map(|it| it.lineage)
}

/// Separates the frames from a torn tail.
///
/// A bad frame that a later frame states to have been on disk was altered, which is an error. A bad
/// frame without such a witness was being written when the writer was killed. It was never
/// acknowledged, so it is dropped with everything behind it.
pub(crate) fn scan(segments: &[JournalSegment], place: &str) -> Result<JournalScan, StateError> {
    let mut scan = JournalScan { frames: Vec::new(), kept: None, length: 0 };
    let Some(first) = segments.first() else { return Ok(scan) };
    let mut expected = first.number;
    for (index, JournalSegment { number, bytes }) in segments.iter().enumerate() {
        // Segments follow each other without gaps, so a gap is a segment that the store has lost.
        if *number != expected {
            let why = format!(
                "its journal jumps from frame {} to frame {number}",
                expected.saturating_sub(1)
            );
            return Err(StateError::incomplete(place, why).help("restore the state from a backup"));
        }
        let mut at = 0;
        while let Some(envelope) = FrameEnvelope::at(bytes, at) {
            if envelope.version > VERSION {
                return Err(StateError::newer_format(
                    place,
                    envelope.version.into(),
                    VERSION.into(),
                ));
            }
            if envelope.number != expected {
                let why = format!("frame {} is where frame {expected} belongs", envelope.number);
                return Err(StateError::damaged(place, why));
            }
            scan.frames.push((index, envelope));
            expected += 1;
            at = envelope.end;
        }
        scan.kept = Some(JournalExtent { segment: *number, length: at });
        scan.length += at;
        // The preallocated zeros of a local journal are the normal end.
        if bytes[at..].iter().all(|it| *it == 0) {
            continue;
        }
        let is_witness = |it: &FrameEnvelope| {
            it.number > expected && (expected..it.number).contains(&it.synced_through)
        };
        // The length of a bad frame cannot be trusted, so the witness is searched byte by byte.
        let later = segments[index + 1..].iter().map(|it| (&it.bytes, 0));
        let witness = std::iter::once((bytes, at + 1))
            .chain(later)
            .find_map(|(bytes, from)| find(bytes, from, is_witness));
        if let Some(witness) = witness {
            let why = format!(
                "frame {expected} at byte {at} of the journal is not what was written there (frame {} knows it was whole)",
                witness.number
            );
            return Err(StateError::damaged(place, why));
        }
        break;
    }
    Ok(scan)
}

/// How far the folding of a state has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct JournalPosition {
    /// Empty before the first frame.
    pub(crate) lineage: String,
    pub(crate) number: u64,
    /// The keys that it is sealed with, the latest last.
    pub(crate) keys: Vec<KeyName>,
}

/// Passes the frames behind `position` to `fold`. Decrypts the segments in place, so that no copies
/// of secrets are left in freed memory.
pub(crate) fn replay(
    position: &mut JournalPosition,
    segments: &mut [JournalSegment],
    scan: &JournalScan,
    keys: &mut KeyCache<'_>,
    place: &str,
    mut fold: impl FnMut(u64, Frame),
) -> Result<(), StateError> {
    // Frames between the checkpoint and the journal are missing. Folding the others would give a
    // state that never existed.
    if let Some(first) = segments.first().filter(|it| it.number > position.number + 1) {
        let why = match position.number {
            0 => format!(
                "its journal begins with frame {}, and the checkpoint before it is missing",
                first.number
            ),
            last => format!(
                "its checkpoint ends with frame {last} and its journal begins with frame {}",
                first.number
            ),
        };
        return Err(StateError::incomplete(place, why)
            .help("put back the checkpoint that belongs to this journal"));
    }
    let mut session: Option<(SessionHeader, Option<FrameSealer>)> = None;
    for (index, envelope) in &scan.frames {
        let frame = &mut segments[*index].bytes[envelope.start..envelope.end];
        // A frame up to `position` is in the checkpoint, but its session header is still needed for
        // the frames behind it.
        if envelope.kind == FrameKind::Session as u8 {
            let header = SessionHeader::parse(&frame[envelope.body - envelope.start..], place)?;
            // Files of two states may have been mixed in one directory, and their numbers may
            // even fit.
            if !position.lineage.is_empty() && header.lineage != position.lineage {
                return Err(StateError::other_lineage(
                    &format!("the journal of {place}"),
                    &position.lineage,
                    &header.lineage,
                ));
            }
            // The number is bound to the data key, so it proves that the header belongs to this
            // place.
            if header.number != envelope.number {
                return Err(StateError::damaged(
                    place,
                    format!("frame {} says it is frame {}", envelope.number, header.number),
                ));
            }
            position.lineage.clone_from(&header.lineage);
            session = Some((header, None));
        } else if envelope.number > position.number {
            let headless = || {
                StateError::damaged(place, format!("no session heads frame {}", envelope.number))
            };
            let (session, sealer) = session.as_mut().ok_or_else(headless)?;
            let sealer = match sealer {
                Some(sealer) => sealer,
                none => none.insert(session.sealer(SessionPart::Journal, keys, place)?),
            };
            if position.keys.last() != Some(&session.key) {
                position.keys.push(session.key.clone());
            }
            if let Some(frame) = open(envelope, frame, sealer, place)? {
                fold(envelope.number, frame);
            }
        }
        position.number = position.number.max(envelope.number);
    }
    Ok(())
}

/// Opens one frame; none for `Closed`, which only states that all frames before it are on disk.
fn open(
    envelope: &FrameEnvelope,
    bytes: &mut [u8],
    sealer: &FrameSealer,
    place: &str,
) -> Result<Option<Frame>, StateError> {
    let number = envelope.number;
    let kind = envelope.kind;
    let altered = || {
        StateError::damaged(
            place,
            format!("frame {number} was altered: it does not open under the state's key"),
        )
    };
    let body = envelope.open(bytes, sealer).ok_or_else(altered)?;
    // An unknown kind cannot be skipped: it may have changed the state.
    if kind > FrameKind::LAST as u8 {
        return Err(StateError::newer_frame(place, number, kind));
    }
    if kind == FrameKind::Closed as u8 {
        return Ok(None);
    }
    // The message of serde may quote the content, which may be secret.
    let unreadable = |it: serde_json::Error| {
        StateError::damaged(
            place,
            format!("frame {number} is unreadable at column {} ({:?})", it.column(), it.classify()),
        )
    };
    let frame: Frame = serde_json::from_slice(body).map_err(unreadable)?;
    // The kind in the header is what readers without a key see, so it must match.
    if frame.kind() as u8 != kind {
        return Err(StateError::damaged(
            place,
            format!("frame {number} is not of the kind it says"),
        ));
    }
    Ok(Some(frame))
}

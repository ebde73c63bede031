//! Reading a journal: which of its frames count, and what they amount to.

use crate::envelope::{FrameEnvelope, FrameSealer, VERSION, find};
use crate::session::{KeyCache, SessionHeader, SessionPart};
use crate::store::{JournalExtent, JournalSegment};
use crate::{KeyName, StateError};
use ha_state_model::Frame;
use ha_state_model::frame::FrameKind;

/// The frames of a journal that count.
#[derive(Debug)]
pub(crate) struct JournalScan {
    /// The segment each is in, and where there.
    frames: Vec<(usize, FrameEnvelope)>,
    /// How much of the journal they are.
    pub(crate) kept: Option<JournalExtent>,
    /// How many bytes they take.
    pub(crate) length: usize,
}

impl JournalScan {
    /// The number of the last frame.
    pub(crate) fn last(&self) -> Option<u64> {
        self.frames.last().map(|(_, it)| it.number)
    }
}

/// The lineage that the first session in these bytes says, if one does.
pub(crate) fn lineage(bytes: &[u8], place: &str) -> Option<String> {
    let head = FrameEnvelope::at(bytes, 0).filter(|it| it.kind == FrameKind::Session as u8)?;
    SessionHeader::parse(&bytes[head.body..head.end], place).ok().map(|it| it.lineage)
}

/// Tells the frames that were acknowledged from a tail that never was.
///
/// A bad frame that a later one knows to have been on disk was altered: that is refused. A bad
/// frame that none knows of was being written when the writer was killed, and no one was told that
/// it was there: it is dropped with all behind it.
pub(crate) fn scan(segments: &[JournalSegment], place: &str) -> Result<JournalScan, StateError> {
    let mut scan = JournalScan { frames: Vec::new(), kept: None, length: 0 };
    let Some(first) = segments.first() else { return Ok(scan) };
    let mut expected = first.number;
    for (index, JournalSegment { number, bytes }) in segments.iter().enumerate() {
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
        if bytes[at..].iter().all(|it| *it == 0) {
            continue;
        }
        let knows = |it: &FrameEnvelope| {
            it.number > expected && (expected..it.number).contains(&it.synced_through)
        };
        let later = segments[index + 1..].iter().map(|it| (&it.bytes, 0));
        let witness = std::iter::once((bytes, at + 1))
            .chain(later)
            .find_map(|(bytes, from)| find(bytes, from, knows));
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

/// How far a state has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct JournalPosition {
    /// Empty before the first frame.
    pub(crate) lineage: String,
    pub(crate) number: u64,
    /// What it is sealed with, the last last.
    pub(crate) keys: Vec<KeyName>,
}

/// Gives the frames that count to `fold`, past those before `position`. The segments' bytes are
/// opened in place.
pub(crate) fn replay(
    position: &mut JournalPosition,
    segments: &mut [JournalSegment],
    scan: &JournalScan,
    keys: &mut KeyCache<'_>,
    place: &str,
    mut fold: impl FnMut(u64, Frame),
) -> Result<(), StateError> {
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
        if envelope.kind == FrameKind::Session as u8 {
            let begun = SessionHeader::parse(&frame[envelope.body - envelope.start..], place)?;
            if !position.lineage.is_empty() && begun.lineage != position.lineage {
                return Err(StateError::other_lineage(
                    &format!("the journal of {place}"),
                    &position.lineage,
                    &begun.lineage,
                ));
            }
            if begun.number != envelope.number {
                return Err(StateError::damaged(
                    place,
                    format!("frame {} says it is frame {}", envelope.number, begun.number),
                ));
            }
            position.lineage.clone_from(&begun.lineage);
            session = Some((begun, None));
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

/// Opens one frame; none when it says nothing but that all before it is on disk.
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
    if kind > FrameKind::LAST as u8 {
        return Err(StateError::newer_frame(place, number, kind));
    }
    if kind == FrameKind::Closed as u8 {
        return Ok(None);
    }
    // What serde says may quote the content, which may be secret.
    let unreadable = |it: serde_json::Error| {
        StateError::damaged(
            place,
            format!("frame {number} is unreadable at column {} ({:?})", it.column(), it.classify()),
        )
    };
    let frame: Frame = serde_json::from_slice(body).map_err(unreadable)?;
    if frame.kind() as u8 != kind {
        return Err(StateError::damaged(
            place,
            format!("frame {number} is not of the kind it says"),
        ));
    }
    Ok(Some(frame))
}

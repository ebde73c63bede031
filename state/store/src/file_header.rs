//! The first bytes of a file: what it is, before anything of it is believed.
//!
//! ```text
//! magic 16 bytes | format u32 | zero u32 | number u64 | length u64 | zero u32 | crc u32
//! ```

use crate::StateError;
use crate::session::FORMAT;

pub(crate) const PREAMBLE: usize = 48;

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateFileKind {
    Checkpoint,
    Journal,
}

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) file: StateFileKind,
    /// Of the last frame folded into a checkpoint; of the first frame of a journal.
    pub(crate) number: u64,
    /// How many bytes a checkpoint has behind its head; how many a journal was made to have, with
    /// its head. It may have more than that, and never less; earlier versions said zero.
    pub(crate) length: u64,
}

impl StateFileKind {
    fn magic(self) -> &'static [u8; 16] {
        match self {
            StateFileKind::Checkpoint => b"ha checkpoint  \n",
            StateFileKind::Journal => b"ha journal     \n",
        }
    }

    fn name(self) -> &'static str {
        match self {
            StateFileKind::Checkpoint => "checkpoint",
            StateFileKind::Journal => "journal",
        }
    }
}

impl FileHeader {
    pub(crate) fn to_bytes(self) -> [u8; PREAMBLE] {
        let mut bytes = [0; PREAMBLE];
        bytes[..16].copy_from_slice(self.file.magic());
        bytes[16..20].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.number.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.length.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..44]);
        bytes[44..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the head of a file that should be of this kind. `place` is for messages.
    pub(crate) fn parse(
        file: StateFileKind,
        bytes: &[u8],
        place: &str,
    ) -> Result<Self, StateError> {
        let name = file.name();
        if bytes.is_empty() {
            let why = format!("the file is empty, and a {name} never is");
            return Err(StateError::incomplete(place, why).help(lost(file)));
        }
        let seen = bytes.len().min(16);
        if bytes[..seen] != file.magic()[..seen] {
            // One bit off is a damaged file of ours, everything else is somebody else's.
            let off: u32 =
                bytes[..seen].iter().zip(file.magic()).map(|(a, b)| (a ^ b).count_ones()).sum();
            return Err(match seen == 16 && off <= 4 {
                true => StateError::damaged(
                    place,
                    format!("its first bytes are almost, but not quite, those of a {name}"),
                ),
                false if bytes.starts_with(b"{") => StateError::of_another(place, name),
                false => StateError::not_a_state(place, name),
            });
        }
        let Some(bytes) = bytes.first_chunk::<PREAMBLE>() else {
            let why = format!("it is cut off after {} bytes", bytes.len());
            return Err(StateError::incomplete(place, why).help(lost(file)));
        };
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        if crc32fast::hash(&bytes[..44]) != u32_at(44) {
            return Err(StateError::damaged(place, "its first bytes were altered"));
        }
        if u32_at(16) > FORMAT {
            return Err(StateError::newer_format(place, u32_at(16), FORMAT));
        }
        Ok(Self { file, number: u64_at(24), length: u64_at(32) })
    }
}

fn lost(file: StateFileKind) -> &'static str {
    match file {
        StateFileKind::Checkpoint => {
            "`ha` never leaves one like this; restore it from a backup, or from `ha.state.previous` beside it"
        }
        StateFileKind::Journal => {
            "`ha` never leaves one like this; restore the state's files from a backup"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateErrorReason;

    const HEAD: FileHeader = FileHeader { file: StateFileKind::Checkpoint, number: 7, length: 99 };

    #[test]
    fn a_head_reads_back_and_no_altered_bit_goes_unseen() {
        let bytes = HEAD.to_bytes();
        assert_eq!(FileHeader::parse(StateFileKind::Checkpoint, &bytes, "x").unwrap(), HEAD);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = FileHeader::parse(StateFileKind::Checkpoint, &flipped, "x").unwrap_err();
            assert_eq!(error.reason(), &StateErrorReason::Damaged, "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_state_is_told_from_what_is_cut_off_or_newer() {
        let reason = |bytes: &[u8]| {
            FileHeader::parse(StateFileKind::Checkpoint, bytes, "x").unwrap_err().reason().clone()
        };
        assert_eq!(reason(b""), StateErrorReason::Incomplete);
        assert_eq!(reason(&HEAD.to_bytes()[..20]), StateErrorReason::Incomplete);
        assert_eq!(
            reason(b"{\"version\": 4, \"terraform_version\": \"1.11.4\"}"),
            StateErrorReason::NotAState
        );
        assert_eq!(
            reason(&FileHeader { file: StateFileKind::Journal, ..HEAD }.to_bytes()),
            StateErrorReason::NotAState
        );
        let mut newer = HEAD.to_bytes();
        newer[16] = 2;
        let crc = crc32fast::hash(&newer[..44]);
        newer[44..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(reason(&newer), StateErrorReason::NewerFormat);
    }
}

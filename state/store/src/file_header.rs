//! The first bytes of a state's file, which are checked before anything else in it is used.
//!
//! ```text
//! magic 16 bytes | format u32 | zero u32 | number u64 | length u64 | zero u32 | crc u32
//! ```

use crate::StateError;
use crate::session::FORMAT;

pub(crate) const HEADER_SIZE: usize = 48;

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateFileKind {
    Checkpoint,
    Journal,
}

/// The header of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) file: StateFileKind,
    /// The number of the last frame in a checkpoint, or of the first frame of a journal.
    pub(crate) number: u64,
    /// The size in bytes: the exact one of a checkpoint, the least one of a journal, which grows
    /// before its header is updated. 0 in journals of earlier versions.
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
    pub(crate) fn to_bytes(self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        bytes[..16].copy_from_slice(self.file.magic());
        bytes[16..20].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.number.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.length.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..44]);
        bytes[44..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Parses the header of a file of this kind. `place` is for messages.
    pub(crate) fn parse(
        file: StateFileKind,
        bytes: &[u8],
        place: &str,
    ) -> Result<Self, StateError> {
        let name = file.name();
        if bytes.is_empty() {
            let why = format!("the file is empty, and a {name} never is");
            return Err(StateError::incomplete(place, why).help(restore_help(file)));
        }
        let available = bytes.len().min(16);
        if bytes[..available] != file.magic()[..available] {
            // A few wrong bits are damage to a state; anything else is a file of another program,
            // and needs another advice.
            let wrong_bits: u32 = bytes[..available]
                .iter()
                .zip(file.magic())
                .map(|(a, b)| (a ^ b).count_ones())
                .sum();
            return Err(match available == 16 && wrong_bits <= 4 {
                true => StateError::damaged(
                    place,
                    format!("its first bytes are almost, but not quite, those of a {name}"),
                ),
                false if bytes.starts_with(b"{") => StateError::of_another(place, name),
                false => StateError::not_a_state(place, name),
            });
        }
        let Some(bytes) = bytes.first_chunk::<HEADER_SIZE>() else {
            let why = format!("it is cut off after {} bytes", bytes.len());
            return Err(StateError::incomplete(place, why).help(restore_help(file)));
        };
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        if crc32fast::hash(&bytes[..44]) != u32_at(44) {
            return Err(StateError::damaged(place, "its first bytes were altered"));
        }
        // The format counts only after the checksum: a damaged field must not look like a later
        // version.
        if u32_at(16) > FORMAT {
            return Err(StateError::newer_format(place, u32_at(16), FORMAT));
        }
        Ok(Self { file, number: u64_at(24), length: u64_at(32) })
    }
}

fn restore_help(file: StateFileKind) -> &'static str {
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

    const HEADER: FileHeader =
        FileHeader { file: StateFileKind::Checkpoint, number: 7, length: 99 };

    #[test]
    fn every_altered_bit_of_a_header_is_detected() {
        let bytes = HEADER.to_bytes();
        assert_eq!(FileHeader::parse(StateFileKind::Checkpoint, &bytes, "x").unwrap(), HEADER);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = FileHeader::parse(StateFileKind::Checkpoint, &flipped, "x").unwrap_err();
            assert_eq!(error.reason(), &StateErrorReason::Damaged, "bit {bit}");
        }
    }

    #[test]
    fn foreign_cut_off_and_newer_files_are_distinguished() {
        let reason = |bytes: &[u8]| {
            FileHeader::parse(StateFileKind::Checkpoint, bytes, "x").unwrap_err().reason().clone()
        };
        assert_eq!(reason(b""), StateErrorReason::Incomplete);
        assert_eq!(reason(&HEADER.to_bytes()[..20]), StateErrorReason::Incomplete);
        assert_eq!(
            reason(b"{\"version\": 4, \"terraform_version\": \"1.11.4\"}"),
            StateErrorReason::NotAState
        );
        assert_eq!(
            reason(&FileHeader { file: StateFileKind::Journal, ..HEADER }.to_bytes()),
            StateErrorReason::NotAState
        );
        let mut newer = HEADER.to_bytes();
        newer[16] = 2;
        let crc = crc32fast::hash(&newer[..44]);
        newer[44..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(reason(&newer), StateErrorReason::NewerFormat);
    }
}

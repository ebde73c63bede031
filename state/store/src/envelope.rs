//! The bytes of one frame, in a journal and in a checkpoint:
//!
//! ```text
//! length u32 | crc u32 | number u64 | synced through u64 | version u8 | kind u8 | address length
//! u16 | address | body | tag
//! ```
//!
//! Little-endian. The length is that of the whole frame; the checksum covers everything but itself.
//! Everything before the body is readable without the key, and authenticated together with the
//! sealed body. The number is that of a frame of the journal, or counts the entries of a
//! checkpoint.

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use zeroize::Zeroizing;

/// The size of a frame's header, without the address.
pub(crate) const HEADER: usize = 28;
/// The size of the tag that sealing adds.
pub(crate) const TAG: usize = 16;
/// The version of this layout, which is written to each frame.
pub(crate) const VERSION: u8 = 1;

/// A frame's header, and the offsets of its parts in the bytes it was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameEnvelope {
    pub(crate) number: u64,
    /// The highest number that was on disk when this frame was written.
    pub(crate) synced_through: u64,
    pub(crate) version: u8,
    pub(crate) kind: u8,
    pub(crate) start: usize,
    pub(crate) body: usize,
    pub(crate) end: usize,
}

/// The header fields of a frame that is about to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameLabel<'a> {
    pub(crate) number: u64,
    pub(crate) synced_through: u64,
    pub(crate) kind: u8,
    pub(crate) address: &'a str,
}

/// Seals the bodies of one session or checkpoint. The nonce is a salt and the frame's number; each
/// session has its own data key, because the numbers of a torn tail are used again.
pub(crate) struct FrameSealer {
    cipher: Aes256Gcm,
    salt: [u8; 4],
}

impl FrameSealer {
    pub(crate) fn new(data_key: &Zeroizing<[u8; 32]>, salt: [u8; 4]) -> Self {
        Self { cipher: Aes256Gcm::new((&**data_key).into()), salt }
    }

    fn nonce(&self, number: u64) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.salt);
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        nonce
    }
}

/// A length does not fit into its field.
#[derive(Debug)]
pub(crate) struct TooLarge;

/// Appends a frame, with an unencrypted body where there is no sealer. On an error nothing is
/// appended.
pub(crate) fn append(
    bytes: &mut Vec<u8>,
    label: FrameLabel<'_>,
    sealer: Option<&FrameSealer>,
    write_body: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLarge> {
    let start = bytes.len();
    let address_length = u16::try_from(label.address.len()).map_err(|_| TooLarge)?;
    bytes.extend([0; 8]);
    bytes.extend(label.number.to_le_bytes());
    bytes.extend(label.synced_through.to_le_bytes());
    bytes.extend([VERSION, label.kind]);
    bytes.extend(address_length.to_le_bytes());
    bytes.extend(label.address.as_bytes());
    let body = bytes.len();
    write_body(bytes);
    let Ok(length) = u32::try_from(bytes.len() - start + sealer.map_or(0, |_| TAG)) else {
        bytes.truncate(start);
        return Err(TooLarge);
    };
    if let Some(sealer) = sealer {
        let (before, text) = bytes.split_at_mut(body);
        let nonce = sealer.nonce(label.number);
        // The authenticated data begins behind the length and the checksum, which are computed
        // from the sealed bytes.
        let tag = sealer.cipher.encrypt_inout_detached(
            (&nonce).into(),
            &before[start + 8..],
            text.into(),
        );
        bytes.extend_from_slice(&tag.expect("four gigabytes are not too long to encrypt"));
    }
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(&bytes[start..]);
    bytes[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

impl FrameEnvelope {
    /// The frame that begins at `start`; none unless it is complete with a valid checksum.
    pub(crate) fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let rest = bytes.get(start..)?;
        let header: &[u8; HEADER] = rest.first_chunk()?;
        let length = usize::try_from(u32_at(header, 0)).ok()?;
        let address_length = usize::from(u16::from_le_bytes([header[26], header[27]]));
        let frame = rest.get(..length)?;
        // The checksum is no protection against changes, which the tag is. It lets a reader
        // without a key find the end of a journal.
        if length < HEADER + address_length || checksum(frame) != u32_at(header, 4) {
            return None;
        }
        Some(Self {
            number: u64_at(header, 8),
            synced_through: u64_at(header, 16),
            version: header[24],
            kind: header[25],
            start,
            body: start + HEADER + address_length,
            end: start + length,
        })
    }

    /// Decrypts the body in place; none when it is not what was sealed.
    pub(crate) fn open<'a>(&self, frame: &'a mut [u8], sealer: &FrameSealer) -> Option<&'a [u8]> {
        let (before, sealed) = frame.split_at_mut(self.body - self.start);
        let (text, tag) = sealed.split_last_chunk_mut::<TAG>()?;
        let nonce = sealer.nonce(self.number);
        let tag: &[u8; TAG] = tag;
        sealer
            .cipher
            .decrypt_inout_detached((&nonce).into(), &before[8..], (&mut *text).into(), tag.into())
            .ok()?;
        Some(text)
    }
}

/// The first valid frame at or behind `from` that `wanted` accepts. Tries every offset, because the
/// length of the bad frame before it cannot be trusted.
pub(crate) fn find(
    bytes: &[u8],
    from: usize,
    wanted: impl Fn(&FrameEnvelope) -> bool,
) -> Option<FrameEnvelope> {
    let mut start = from;
    while start + HEADER <= bytes.len() {
        // Most of the bytes are preallocated zeros, which are skipped in runs.
        if bytes[start..start + 4] == [0; 4] {
            let zeros = bytes[start..].iter().take_while(|it| **it == 0).count();
            start += zeros.saturating_sub(3).max(1);
            continue;
        }
        // No frame has a version or kind of 0; this saves most of the checksums.
        if bytes[start + 24] != 0
            && bytes[start + 25] != 0
            && let Some(envelope) = FrameEnvelope::at(bytes, start)
            && wanted(&envelope)
        {
            return Some(envelope);
        }
        start += 1;
    }
    None
}

fn checksum(frame: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[..4]);
    crc.update(&frame[8..]);
    crc.finalize()
}

fn u32_at(bytes: &[u8; HEADER], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

fn u64_at(bytes: &[u8; HEADER], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> FrameSealer {
        FrameSealer::new(&Zeroizing::new([7; 32]), [1, 2, 3, 4])
    }

    fn two_frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        let label = FrameLabel { number: 5, synced_through: 4, kind: 2, address: "a.b" };
        append(&mut bytes, label, Some(&sealer()), |body| body.extend(b"hush")).unwrap();
        append(&mut bytes, FrameLabel { number: 6, ..label }, None, |body| body.extend(b"clear"))
            .unwrap();
        bytes
    }

    #[test]
    fn a_frame_parses_back() {
        let mut bytes = two_frames();
        let first = FrameEnvelope::at(&bytes, 0).unwrap();
        assert_eq!(
            (first.number, first.synced_through, first.version, first.kind),
            (5, 4, VERSION, 2)
        );
        assert_eq!(&bytes[HEADER..first.body], b"a.b");
        assert!(!bytes.windows(4).any(|it| it == b"hush"));
        assert_eq!(first.open(&mut bytes[..first.end], &sealer()), Some(&b"hush"[..]));
        let second = FrameEnvelope::at(&bytes, first.end).unwrap();
        assert_eq!(&bytes[second.body..second.end], b"clear");
    }

    #[test]
    fn every_altered_bit_is_detected() {
        let bytes = two_frames();
        let first = FrameEnvelope::at(&bytes, 0).unwrap();
        for bit in 0..first.end * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameEnvelope::at(&flipped, 0), None, "bit {bit}");
        }
    }

    #[test]
    fn a_header_altered_together_with_its_checksum_does_not_open() {
        for at in (8..HEADER + 3).filter(|it| ![26, 27].contains(it)) {
            let mut bytes = two_frames();
            bytes[at] ^= 1;
            let end = usize::try_from(u32::from_le_bytes(*bytes.first_chunk().unwrap())).unwrap();
            let crc = checksum(&bytes[..end]);
            bytes[4..8].copy_from_slice(&crc.to_le_bytes());
            let altered = FrameEnvelope::at(&bytes, 0).unwrap();
            assert_eq!(altered.open(&mut bytes[..end], &sealer()), None, "byte {at}");
        }
    }

    #[test]
    fn a_frame_is_found_behind_garbage_and_zeros() {
        let frames = two_frames();
        for before in [
            vec![0; 1],
            vec![0; 4],
            vec![0; 5],
            vec![0xff; 9],
            [vec![0; 1000], vec![3; 2], vec![0; 7]].concat(),
        ] {
            let bytes = [before.clone(), frames.clone()].concat();
            assert_eq!(find(&bytes, 0, |_| true).unwrap().start, before.len());
            assert_eq!(find(&bytes, 0, |it| it.number == 6).unwrap().number, 6);
            assert_eq!(find(&bytes, before.len() + 1, |it| it.number == 5), None);
        }
    }
}

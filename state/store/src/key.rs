//! The key of a state: sealing and digests with it.

use std::path::Path;

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::StateError;
use crate::lineage::{from_hex, to_hex};

const FILE_MARK: &str = "ha-state-key-1";
const SEALED_MARK: &[u8; 8] = b"ha-seal1";
const ID: usize = 8;
const NONCE: usize = 12;
const TAG: usize = 16;

/// The key of a state and of the files that belong to it. Zeroed when dropped; never shown.
#[derive(Clone)]
pub struct StateKey {
    id: String,
    secret: Zeroizing<[u8; 32]>,
}

impl StateKey {
    /// A new random key.
    ///
    /// # Panics
    /// When the system has no randomness to give, which no system in use does.
    #[must_use]
    pub fn random() -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut *secret)
            .expect("the system gives random bytes");
        Self::from_secret(secret)
    }

    /// The key with these secret bytes.
    #[must_use]
    pub fn from_secret(secret: Zeroizing<[u8; 32]>) -> Self {
        // Long enough to tell the keys of one user apart, and too short to help in guessing the
        // secret.
        let id = to_hex(&Sha256::digest(&secret[..])[..ID]);
        Self { id, secret }
    }

    /// The key's id: a truncated digest, which reveals nothing about the secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The content of a key file.
    #[must_use]
    pub fn to_file(&self) -> Zeroizing<String> {
        let hex = Zeroizing::new(to_hex(&self.secret[..]));
        Zeroizing::new(format!("{FILE_MARK} {}\n", *hex))
    }

    /// Parses the content of a key file; `path` is for messages.
    pub(crate) fn from_file(text: &str, path: &Path) -> Result<Self, StateError> {
        let hex = text.trim().strip_prefix(FILE_MARK).filter(|it| it.starts_with(' '));
        let hex = hex.ok_or_else(|| StateError::not_a_key(path, "it holds no key of `ha`"))?;
        let bytes = from_hex(hex.trim()).map(Zeroizing::new);
        let bytes = bytes
            .filter(|it| it.len() == 32)
            .ok_or_else(|| StateError::not_a_key(path, "its key is not whole"))?;
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(&bytes);
        Ok(Self::from_secret(secret))
    }

    /// A key that is derived for one purpose, so that what is sealed for one opens for no other.
    fn for_purpose(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        authenticate(&self.secret[..], purpose.as_bytes())
    }
}

impl std::fmt::Debug for StateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// Encrypts and authenticates bytes for a purpose, such as `plan`; they open for the same purpose
/// only. The key's id precedes them unencrypted.
#[must_use]
pub fn seal(key: &StateKey, purpose: &str, bytes: &[u8]) -> Vec<u8> {
    seal_with(key, purpose, &[], bytes)
}

/// Opens what [`seal`] sealed.
///
/// # Errors
/// When it was sealed with another key or for another purpose, or is incomplete.
pub fn open(
    key: &StateKey,
    purpose: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StateError> {
    open_with(key, purpose, &[], sealed)
}

/// The id of the key that [`seal`] used.
#[must_use]
pub fn sealed_with(sealed: &[u8]) -> Option<String> {
    sealed.strip_prefix(SEALED_MARK).and_then(|rest| rest.get(..ID)).map(to_hex)
}

/// A digest to compare values that are not stored. It is keyed, because a short value could be
/// guessed from a plain digest.
#[must_use]
pub fn keyed_digest(key: &StateKey, bytes: &[u8]) -> String {
    let mut digest = KeyedDigest::new(key);
    digest.0.update(bytes);
    digest.finish()
}

/// A [`keyed_digest`] of what is written to it; nothing of that is stored.
pub struct KeyedDigest(Hmac<Sha256>);

impl KeyedDigest {
    /// A digest without input.
    #[must_use]
    pub fn new(key: &StateKey) -> Self {
        Self(mac(&key.for_purpose("digest")[..]))
    }

    /// The digest of everything that was written.
    #[must_use]
    pub fn finish(self) -> String {
        to_hex(&self.0.finalize().into_bytes())
    }
}

impl std::io::Write for KeyedDigest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Seals bytes, authenticated together with associated data: it is not stored, and must be the same
/// when they are opened.
pub(crate) fn seal_with(
    key: &StateKey,
    purpose: &str,
    associated_data: &[u8],
    bytes: &[u8],
) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    // Sealed files have no numbers to derive a nonce from. A random one is safe for as many files
    // as one key ever seals.
    rand::fill(nonce.as_mut_slice());
    let mut sealed = Vec::with_capacity(SEALED_MARK.len() + ID + NONCE + bytes.len() + TAG);
    sealed.extend_from_slice(SEALED_MARK);
    sealed.extend(from_hex(&key.id).expect("an id is hexadecimal"));
    sealed.extend(nonce);
    let start = sealed.len();
    sealed.extend_from_slice(bytes);
    let tag = cipher(key, purpose)
        .encrypt_inout_detached((&nonce).into(), associated_data, (&mut sealed[start..]).into())
        .expect("no string in memory is too long to encrypt");
    sealed.extend_from_slice(&tag);
    sealed
}

/// Opens what [`seal_with`] sealed.
pub(crate) fn open_with(
    key: &StateKey,
    purpose: &str,
    associated_data: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StateError> {
    let place = "a sealed file";
    let id = sealed_with(sealed).ok_or_else(|| StateError::not_a_state(place, "sealed file"))?;
    // Compared before decryption, which could only report damage: a wrong key has another remedy.
    if id != key.id {
        return Err(StateError::wrong_key_for_file(&id, &key.id));
    }
    let rest = &sealed[SEALED_MARK.len() + ID..];
    let damaged = || {
        StateError::damaged(
            place,
            "it was altered since it was sealed, or it was sealed for another purpose",
        )
    };
    let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
    let (text, tag) = rest.split_last_chunk::<TAG>().ok_or_else(damaged)?;
    // In a buffer that is zeroed when dropped, also when decryption fails.
    let mut opened = Zeroizing::new(text.to_vec());
    let buffer = opened.as_mut_slice().into();
    cipher(key, purpose)
        .decrypt_inout_detached(nonce.into(), associated_data, buffer, tag.into())
        .map_err(|_| damaged())?;
    Ok(opened)
}

fn cipher(key: &StateKey, purpose: &str) -> Aes256Gcm {
    let derived = key.for_purpose(&format!("seal {purpose}"));
    Aes256Gcm::new((&*derived).into())
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("a key of any length will do")
}

fn authenticate(key: &[u8], bytes: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut mac = mac(key);
    mac.update(bytes);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateErrorReason;

    #[test]
    fn sealed_bytes_open_with_the_same_key_and_purpose_only() {
        let (key, other) = (StateKey::random(), StateKey::random());
        let sealed = seal(&key, "plan", b"hush");
        assert_eq!(&**open(&key, "plan", &sealed).unwrap(), b"hush");
        assert_eq!(sealed_with(&sealed).as_deref(), Some(key.id()));
        assert!(!sealed.windows(4).any(|it| it == b"hush"));

        let wrong = open(&other, "plan", &sealed).unwrap_err();
        assert_eq!(wrong.reason(), &StateErrorReason::WrongKey);
        assert!(
            wrong.to_string().contains(key.id()) && wrong.to_string().contains(other.id()),
            "{wrong}"
        );
        assert_eq!(open(&key, "backup", &sealed).unwrap_err().reason(), &StateErrorReason::Damaged);
    }

    #[test]
    fn altered_or_truncated_sealed_bytes_do_not_open() {
        let key = StateKey::random();
        let sealed = seal(&key, "plan", b"hush");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            open(&key, "plan", &flipped).unwrap_err();
        }
        for length in 0..sealed.len() {
            open(&key, "plan", &sealed[..length]).unwrap_err();
        }
    }

    #[test]
    fn a_digest_depends_on_value_and_key() {
        let (key, other) = (StateKey::random(), StateKey::random());
        assert_eq!(keyed_digest(&key, b"hush"), keyed_digest(&key, b"hush"));
        assert_ne!(keyed_digest(&key, b"hush"), keyed_digest(&key, b"hust"));
        assert_ne!(keyed_digest(&key, b"hush"), keyed_digest(&other, b"hush"));
        let mut piecewise = KeyedDigest::new(&key);
        std::io::Write::write_all(&mut piecewise, b"hu")
            .and_then(|()| std::io::Write::write_all(&mut piecewise, b"sh"))
            .unwrap();
        assert_eq!(piecewise.finish(), keyed_digest(&key, b"hush"));
    }

    #[test]
    fn a_key_file_parses_back_and_debug_shows_no_secret() {
        let key = StateKey::random();
        let path = Path::new("k");
        let text = key.to_file();
        assert_eq!(StateKey::from_file(&text, path).unwrap().id(), key.id());
        assert!(!format!("{key:?}").contains(text.trim().split(' ').next_back().unwrap()));
        for wrong in [
            "",
            "ha-state-key-1",
            "ha-state-key-1 00",
            "ha-state-key-2 00",
            &text[..text.len() - 3],
            "hello",
        ] {
            assert_eq!(
                StateKey::from_file(wrong, path).unwrap_err().reason(),
                &StateErrorReason::NotAKey,
                "{wrong}"
            );
        }
    }
}

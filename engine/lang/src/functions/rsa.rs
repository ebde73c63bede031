//! RSA decryption for `rsadecrypt`, which is used for the initial passwords of EC2 instances.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;

/// Longest modulus, in bits. The time for the exponentiation grows with the cube of the length.
const MAX_KEY_BITS: u64 = 16_384;

/// Decrypts a ciphertext of PKCS #1 v1.5 with a private key in PEM; the error is a sentence.
pub(super) fn decrypted(ciphertext: &[u8], pem: &str) -> Result<String, String> {
    let key = RsaKey::parse(pem)?;
    let length =
        usize::try_from(key.modulus.bits().div_ceil(8)).map_err(|_| "the key is too long")?;
    let cipher = BigUint::from_bytes_be(ciphertext);
    if ciphertext.len() != length || cipher >= key.modulus {
        return Err("the text was not encrypted for this key".into());
    }
    let plain = cipher.modpow(&key.exponent, &key.modulus).to_bytes_be();
    // PKCS #1 v1.5: 0, 2, at least eight random bytes that are not 0, a 0, and the message. The
    // first 0 is lost in the number, so one byte is missing.
    let padding = plain.strip_prefix(&[2]).filter(|_| plain.len() == length - 1);
    let text = padding.and_then(|it| {
        let end = it.iter().position(|it| *it == 0)?;
        (end >= 8).then(|| &it[end + 1..])
    });
    let text = text.ok_or("the text was not encrypted for this key")?;
    String::from_utf8(text.to_vec()).map_err(|_| "the decrypted bytes are not text (UTF-8)".into())
}

struct RsaKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl RsaKey {
    fn parse(pem: &str) -> Result<Self, String> {
        let inside = |kind: &str| {
            let begin = pem.split_once(&format!("-----BEGIN {kind}-----"))?.1;
            let text: String = begin.split_once("-----END")?.0.split_whitespace().collect();
            STANDARD.decode(text).ok()
        };
        if pem.contains("ENCRYPTED") {
            return Err("the key is protected by a passphrase".into());
        }
        let key = match (inside("RSA PRIVATE KEY"), inside("PRIVATE KEY")) {
            (Some(bytes), _) => Self::pkcs1(&bytes),
            (None, Some(bytes)) => Self::pkcs8(&bytes),
            (None, None) => None,
        };
        key.filter(|it| it.modulus.bits() <= MAX_KEY_BITS && it.modulus > BigUint::from(1u32))
            .ok_or_else(|| "this is not a private RSA key in PEM".into())
    }

    /// RSAPrivateKey of PKCS #1 (RFC 8017): version, modulus, public exponent, private exponent,
    /// and more that is not needed.
    fn pkcs1(bytes: &[u8]) -> Option<Self> {
        let (mut inside, _) = element(0x30, bytes)?;
        let mut number = || {
            let (content, rest) = element(0x02, inside)?;
            inside = rest;
            Some(BigUint::from_bytes_be(content))
        };
        let (_version, modulus, _public, exponent) = (number()?, number()?, number()?, number()?);
        Some(Self { modulus, exponent })
    }

    /// PrivateKeyInfo of PKCS #8 (RFC 5208): version, algorithm, and the key in an octet string.
    fn pkcs8(bytes: &[u8]) -> Option<Self> {
        let (inside, _) = element(0x30, bytes)?;
        let (_version, inside) = element(0x02, inside)?;
        let (_algorithm, inside) = element(0x30, inside)?;
        let (key, _) = element(0x04, inside)?;
        Self::pkcs1(key)
    }
}

/// The content of a DER element with a tag, and the bytes after it.
fn element(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], mut rest) = bytes.split_first_chunk::<2>()?;
    let mut length = usize::from(first);
    // A length from 128 on is written in as many bytes as the first byte says.
    if first >= 0x80 {
        let (digits, behind) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(it, _)| it.len() <= 4)?;
        length = digits.iter().fold(0, |length, it| length << 8 | usize::from(*it));
        rest = behind;
    }
    rest.split_at_checked(length).filter(|_| found == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_what_is_not_a_key() {
        for pem in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END",
        ] {
            assert!(decrypted(b"x", pem).unwrap_err().contains("not a private RSA key"));
        }
        assert!(
            decrypted(b"x", "-----BEGIN ENCRYPTED PRIVATE KEY-----")
                .unwrap_err()
                .contains("passphrase")
        );
    }
}

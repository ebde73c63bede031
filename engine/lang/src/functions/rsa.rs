//! Decrypts what was encrypted with an RSA key, as EC2 does with the passwords of its instances.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;

/// Longer keys are refused: raising to a power takes the cube of the length.
const LONGEST: u64 = 16_384;

/// The text that was encrypted by PKCS #1 v1.5, with the private key in PEM.
pub(super) fn decrypted(ciphertext: &[u8], pem: &str) -> Result<String, String> {
    let key = RsaKey::parse(pem)?;
    let length =
        usize::try_from(key.modulus.bits().div_ceil(8)).map_err(|_| "the key is too long")?;
    let cipher = BigUint::from_bytes_be(ciphertext);
    if ciphertext.len() != length || cipher >= key.modulus {
        return Err("the text was not encrypted for this key".into());
    }
    let plain = cipher.modpow(&key.exponent, &key.modulus).to_bytes_be();
    // 0 2 and at least eight random bytes other than 0 come first, then a 0.
    let padding = plain.strip_prefix(&[2]).filter(|_| plain.len() == length - 1);
    let text = padding.and_then(|it| {
        let end = it.iter().position(|it| *it == 0)?;
        (end >= 8).then(|| &it[end + 1..])
    });
    let text = text.ok_or("the text was not encrypted for this key")?;
    String::from_utf8(text.to_vec()).map_err(|_| "what was encrypted is not text (UTF-8)".into())
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
            (Some(bytes), _) => Self::plain(&bytes),
            (None, Some(bytes)) => Self::wrapped(&bytes),
            (None, None) => None,
        };
        key.filter(|it| it.modulus.bits() <= LONGEST && it.modulus > BigUint::from(1u32))
            .ok_or_else(|| "this is no private RSA key in PEM".into())
    }

    /// RSAPrivateKey: version, modulus, public exponent, private exponent, and more.
    fn plain(bytes: &[u8]) -> Option<Self> {
        let (mut inside, _) = element(0x30, bytes)?;
        let mut number = || {
            let (content, rest) = element(0x02, inside)?;
            inside = rest;
            Some(BigUint::from_bytes_be(content))
        };
        let (_version, modulus, _public, exponent) = (number()?, number()?, number()?, number()?);
        Some(Self { modulus, exponent })
    }

    /// PrivateKeyInfo: version, algorithm, and the key in an octet string.
    fn wrapped(bytes: &[u8]) -> Option<Self> {
        let (inside, _) = element(0x30, bytes)?;
        let (_version, inside) = element(0x02, inside)?;
        let (_algorithm, inside) = element(0x30, inside)?;
        let (key, _) = element(0x04, inside)?;
        Self::plain(key)
    }
}

/// The content of a DER element of one kind, and what follows it.
fn element(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], mut rest) = bytes.split_first_chunk::<2>()?;
    let mut length = usize::from(first);
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
    fn what_is_no_key_is_refused() {
        for pem in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END",
        ] {
            assert!(decrypted(b"x", pem).unwrap_err().contains("no private RSA key"));
        }
        assert!(
            decrypted(b"x", "-----BEGIN ENCRYPTED PRIVATE KEY-----")
                .unwrap_err()
                .contains("passphrase")
        );
    }
}

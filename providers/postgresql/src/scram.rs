//! SCRAM verifiers, which PostgreSQL stores instead of passwords. They are computed here, because
//! servers write failed statements to their logs, and with them a password in clear.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ha_provider::Error;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use pbkdf2::pbkdf2_hmac_array;
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};

/// PostgreSQL's default number of iterations.
const ITERATIONS: u32 = 4096;

/// Why a password cannot be stored.
pub(crate) fn problem(password: &str) -> Option<&'static str> {
    match password {
        "" => Some("is empty; PostgreSQL would take that for none"),
        // The server would apply SASLprep, which this code does not implement.
        _ if !password.is_ascii() => Some(
            "has letters beyond ASCII; clients normalise such in different ways, so it might work with one and not with another",
        ),
        _ if password.chars().any(|it| it.is_ascii_control()) => {
            Some("has a control character in it")
        }
        _ => None,
    }
}

/// A new verifier for a password, with a salt of its own.
pub(crate) fn verifier(password: &str) -> Result<String, Error> {
    if let Some(problem) = problem(password) {
        return Err(Error::new("store a password", format!("it {problem}")));
    }
    let mut salt = [0; 16];
    SysRng
        .try_fill_bytes(&mut salt)
        .map_err(|it| Error::new("draw a salt from the operating system", it))?;
    let keys = ScramKeys::derive(password, &salt, ITERATIONS);
    let [salt, stored, server] =
        [&salt[..], &keys.stored, &keys.server].map(|it| STANDARD.encode(it));
    Ok(format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}"))
}

/// Whether a stored verifier belongs to this password: a SCRAM verifier, or the MD5 hash of old
/// servers.
pub(crate) fn proves(stored: &str, role: &str, password: &str) -> bool {
    if let Some(digest) = stored.strip_prefix("md5") {
        let salted = format!("{password}{role}");
        return Md5::digest(salted).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            == digest;
    }
    let proven = || {
        let (iterations, rest) = stored.strip_prefix("SCRAM-SHA-256$")?.split_once(':')?;
        let (salt, keys) = rest.split_once('$')?;
        let (stored, server) = keys.split_once(':')?;
        let [salt, stored, server] = [salt, stored, server].map(|it| STANDARD.decode(it).ok());
        let keys = ScramKeys::derive(password, &salt?, iterations.parse().ok()?);
        Some(
            keys.stored.as_slice() == stored?.as_slice()
                && keys.server.as_slice() == server?.as_slice(),
        )
    };
    proven().unwrap_or(false)
}

struct ScramKeys {
    stored: [u8; 32],
    server: [u8; 32],
}

impl ScramKeys {
    /// Derives the keys by RFC 5802, section 3.
    fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let salted: [u8; 32] =
            pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations);
        let client = keyed(&salted, b"Client Key");
        Self { stored: Sha256::digest(client).into(), server: keyed(&salted, b"Server Key") }
    }
}

fn keyed(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut digest = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    digest.update(message);
    digest.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3.
    #[test]
    fn the_keys_are_those_of_the_standard() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = ScramKeys::derive("pencil", &salt, 4096);
        let exchange = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
                        r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                        c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signature = STANDARD.encode(keyed(&keys.server, exchange.as_bytes()));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let of_client = keyed(&keys.stored, exchange.as_bytes());
        let client: Vec<u8> = proof.iter().zip(of_client).map(|(one, other)| one ^ other).collect();
        assert_eq!(Sha256::digest(client).as_slice(), keys.stored);
    }

    #[test]
    fn a_verifier_is_never_the_same_and_never_the_password() {
        let one = verifier("hush hush").unwrap();
        assert!(one.starts_with("SCRAM-SHA-256$4096:") && !one.contains("hush"));
        assert_ne!(one, verifier("hush hush").unwrap());
    }

    #[test]
    fn a_verifier_accepts_one_password() {
        let stored = verifier("hush hush").unwrap();
        assert!(proves(&stored, "r", "hush hush") && !proves(&stored, "r", "hush"));
        // As `md5('pencil' || 'r')` has it.
        let old = "md5".to_owned()
            + &Md5::digest("pencilr").iter().map(|it| format!("{it:02x}")).collect::<String>();
        assert!(proves(&old, "r", "pencil") && !proves(&old, "q", "pencil"));
        assert!(!proves("", "r", "") && !proves("SCRAM-SHA-256$x", "r", "x"));
    }

    #[test]
    fn ambiguous_connection_strings_are_refused() {
        for refused in ["", "pässword", "tab\there", "nul\0"] {
            assert!(verifier(refused).is_err(), "{refused}");
        }
        assert!(verifier(" !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").is_ok());
    }
}

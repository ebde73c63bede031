use ha_value::{Text, TextPart};
use sha2::{Digest, Sha256};

/// The SHA-256 of a string in hexadecimal, secrets included; unknown while the string is, with the
/// same cause.
///
/// The digest itself is not secret: object keys and user data contain it. It is computed over whole
/// files whose secrets are long and random; a guessable password in such a file could be found by it.
pub(crate) fn sha256(content: &Text) -> Text {
    match content.known() {
        Some(whole) => Text::from(hexadecimal(&Sha256::digest(whole))),
        None => Text::unknown(cause(content)),
    }
}

/// The cause of the first unknown part of a string.
pub(crate) fn cause(content: &Text) -> Option<std::sync::Arc<str>> {
    content.parts().iter().find_map(|part| match part {
        TextPart::Unknown { cause, .. } => cause.clone(),
        TextPart::Clear(_) | TextPart::Secret(_) => None,
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

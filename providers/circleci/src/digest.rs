use ha_value::{Text, TextPart};
use sha2::{Digest, Sha256};

/// The SHA-256 of a string in hexadecimal, secrets included; unknown, for the same reason, while
/// the text is.
///
/// It is no secret itself: object keys and userdata carry it in the clear. It is computed over
/// whole files whose secrets are long and random; who puts a guessable password into such a file
/// lets it be guessed.
pub(crate) fn sha256(content: &Text) -> Text {
    match content.known() {
        Some(whole) => Text::from(hexadecimal(&Sha256::digest(whole))),
        None => Text::unknown(cause(content)),
    }
}

/// What the first unknown part of a string waits for.
pub(crate) fn cause(content: &Text) -> Option<std::sync::Arc<str>> {
    content.parts().iter().find_map(|part| match part {
        TextPart::Unknown { cause, .. } => cause.clone(),
        TextPart::Clear(_) | TextPart::Secret(_) => None,
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

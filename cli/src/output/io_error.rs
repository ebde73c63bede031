//! What the system says of a file.

use std::io;

/// The system's words without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    // What we say of a file ourselves is said as it is.
    let text = if error.raw_os_error().is_some() {
        error.to_string().to_lowercase()
    } else {
        error.to_string()
    };
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

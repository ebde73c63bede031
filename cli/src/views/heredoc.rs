//! Strings of several lines as heredocs.

use super::redacted_value::{RedactedPiece, SENSITIVE, is_harmful, unknown};

/// Writes a string as an indented heredoc; none if a heredoc cannot represent it: if it does not
/// end with a line end, all lines are indented, or it has characters that a terminal does not show.
pub(crate) fn heredoc(pieces: &[RedactedPiece], outer: &str) -> Option<String> {
    let whole: String = pieces.iter().map(piece).collect();
    let lines: Vec<&str> = whole.strip_suffix('\n')?.split('\n').collect();
    let is_blank = |it: &&str| it.chars().all(char::is_whitespace);
    let is_indented = |it: &&str| it.starts_with(char::is_whitespace);
    let is_sayable = |it: &&str| it.is_empty() || !is_blank(it);
    let says_all =
        !whole.contains(|it| is_harmful(it) || it == '\r') && lines.iter().all(is_sayable);
    if !says_all || lines.iter().filter(|it| !is_blank(it)).all(is_indented) {
        return None;
    }
    let mut word = "EOT".to_owned();
    while lines.iter().any(|it| it.trim() == word) {
        word.push('_');
    }
    let line = |it: &&str| if it.is_empty() { "\n".to_owned() } else { format!("{outer}  {it}\n") };
    Some(format!("<<-{word}\n{}{outer}{word}", lines.iter().map(line).collect::<String>()))
}

fn escaped(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

fn piece(piece: &RedactedPiece) -> String {
    match piece {
        RedactedPiece::Clear(text) => escaped(text),
        RedactedPiece::Secret(it) => {
            it.revealed.as_deref().map_or_else(|| SENSITIVE.into(), escaped)
        }
        RedactedPiece::Unknown { cause, secret } => unknown(cause.as_deref(), *secret),
    }
}

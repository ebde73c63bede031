//! Checks of user data by the rules of cloud-init. It accepts any data, and ignores data that it
//! does not recognise by their beginning: the instance starts, and none of it has run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The beginnings of user data that cloud-init recognises only at the first byte. `#cloud-config`
/// may have white space before it.
const BEGINNINGS: [&str; 5] =
    ["#!", "#cloud-boothook", "#include", "#part-handler", "## template:"];
/// The headers that a multipart MIME message begins with.
const HEADERS: [&str; 2] = ["content-type:", "mime-version:"];
const COMPRESSED: [u8; 2] = [0x1f, 0x8b];

/// Why cloud-init would run nothing of this user data; `None` where it would.
pub(super) fn fault(bytes: &[u8]) -> Option<String> {
    if let Some(inner) = encoded_again(bytes) {
        return Some(format!(
            "this is Base64 of Base64: {inner}, and cloud-init ignores it; leave one `base64encode` out, or use `user_data_text`"
        ));
    }
    let text = std::str::from_utf8(bytes).ok()?;
    behind_space(text).or_else(|| parts(text).into_iter().find_map(part))
}

/// The kind of data inside user data that are encoded in Base64 twice.
fn encoded_again(bytes: &[u8]) -> Option<&'static str> {
    let text: String = std::str::from_utf8(bytes).ok()?.split_whitespace().collect();
    let inner = BASE64.decode(text).ok()?;
    if inner.starts_with(&COMPRESSED) {
        return Some("compressed data are encoded twice");
    }
    let inner = String::from_utf8(inner).ok()?;
    let is_known = starts_with_any(&inner, &BEGINNINGS)
        || inner.starts_with("#cloud-config")
        || is_mail(&inner);
    is_known.then_some("a cloud-init format is encoded twice")
}

fn starts_with_any(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|it| text.starts_with(it))
}

fn is_mail(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default().to_lowercase();
    starts_with_any(&first, &HEADERS)
}

/// A recognised beginning with white space before it.
fn behind_space(text: &str) -> Option<String> {
    let begun = text.trim_start_matches(|it: char| it.is_whitespace() || it == '\u{feff}');
    if begun.len() == text.len() {
        return None;
    }
    if let Some(beginning) = BEGINNINGS.iter().find(|it| begun.starts_with(**it)) {
        return Some(format!(
            "there is white space before `{beginning}`: cloud-init then ignores the data, and the instance runs none of it; begin with `{beginning}`"
        ));
    }
    is_mail(begun).then(|| {
        "there is white space before the headers of MIME: cloud-init then reads no headers, and runs nothing; begin with the headers"
            .to_owned()
    })
}

/// The parts of a multipart message, each with its headers.
fn parts(text: &str) -> Vec<&str> {
    if !is_mail(text) {
        return Vec::new();
    }
    let boundary = text.split_once("boundary=").map(|(_, rest)| rest.trim_start_matches('"'));
    let Some(boundary) =
        boundary.and_then(|it| it.split(['"', '\r', '\n', ';']).next()).filter(|it| !it.is_empty())
    else {
        return Vec::new();
    };
    text.split(&format!("--{boundary}")).skip(1).filter(|it| !it.starts_with("--")).collect()
}

/// A problem of one part: exactly one empty line may separate its headers from its script.
fn part(part: &str) -> Option<String> {
    let part = part.strip_prefix("\r\n").or_else(|| part.strip_prefix('\n'))?;
    let (headers, body) = part.split_once("\n\n").or_else(|| part.split_once("\r\n\r\n"))?;
    if headers.to_lowercase().contains("base64") {
        return None;
    }
    let fault = behind_space(body)?;
    Some(format!("in one of its parts {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "Content-Type: multipart/mixed; boundary=\"==b==\"\nMIME-Version: 1.0\n\n--==b==\n\
        Content-Type: text/x-shellscript; charset=\"us-ascii\"\n\nBODY\n--==b==--\n";

    fn with(body: &str) -> String {
        MAIL.replace("BODY", body)
    }

    #[test]
    fn accepts_user_data_that_cloud_init_runs() {
        for text in [
            "#!/bin/sh\necho\n",
            "#cloud-config\nruncmd: [date]\n",
            "\n#cloud-config\nruncmd: [date]\n",
            "<powershell>\n</powershell>\n",
            "settings = 1\n",
            "",
            "  \n",
            "YWJj",
            &with("#!/bin/sh\ndate"),
        ] {
            assert_eq!(fault(text.as_bytes()), None, "{text}");
        }
        assert_eq!(fault(&[0x1f, 0x8b, 8, 0]), None);
    }

    #[test]
    fn refuses_user_data_that_cloud_init_ignores() {
        let twice = |text: &str| BASE64.encode(text);
        let folded = twice("#!/bin/sh\necho hello\n").split_at(8).0.to_owned()
            + "\n"
            + twice("#!/bin/sh\necho hello\n").split_at(8).1;
        for text in [
            " #!/bin/sh\n".to_owned(),
            "\n#!/bin/sh\n".to_owned(),
            "\t\r\n#!/bin/sh\n".to_owned(),
            "\u{feff}#!/bin/sh\n".to_owned(),
            "\n#cloud-boothook\n#!/bin/sh\n".to_owned(),
            "\n#include\nhttps://example.com\n".to_owned(),
            "\n## template: jinja\n#cloud-config\n".to_owned(),
            format!("\n{}", with("#!/bin/sh")),
            with("\n#!/bin/sh\ndate"),
            with("  #!/bin/sh\ndate"),
            twice("#!/bin/sh\n"),
            twice("#cloud-config\n{}\n"),
            twice(MAIL),
            folded,
        ] {
            assert!(fault(text.as_bytes()).is_some(), "{text:?}");
        }
        assert!(fault(BASE64.encode([0x1f, 0x8b, 8, 0]).as_bytes()).is_some());
    }
}

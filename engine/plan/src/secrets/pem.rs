//! Keys in a string with several lines, in which private keys occur among public certificates and
//! settings.

/// The minimum length of a line of base64 outside PEM blocks that counts as a key, such as a
/// keyfile of mongod.
const UNNAMED: usize = 40;
/// The minimum length of a secret line in a PEM block: the last line may be short, and still
/// shorter ones reveal nothing.
const SHORTEST: usize = 8;

/// Returns the lines that hold private keys. In PEM blocks the label decides: certificates,
/// requests and public keys are not secret.
pub(super) fn key_lines(text: &str) -> Vec<&str> {
    let mut label: Option<&str> = None;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(begun) = between(line, "-----BEGIN ") {
            label = Some(begun);
        } else if between(line, "-----END ").is_some() {
            label = None;
        } else if is_base64(line) {
            let least = match label {
                None => UNNAMED,
                Some(label) if label.contains("PRIVATE KEY") => SHORTEST,
                // Nothing inside a public PEM block is secret.
                Some(_) => usize::MAX,
            };
            found.extend((line.len() >= least).then_some(line));
        }
    }
    found
}

fn between<'a>(line: &'a str, begin: &str) -> Option<&'a str> {
    line.strip_prefix(begin)?.strip_suffix("-----")
}

fn is_base64(line: &str) -> bool {
    !line.is_empty()
        && line.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/' | b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, lines: &[&str]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }

    #[test]
    fn only_private_keys_in_pem_blocks_are_secret() {
        let long = "A".repeat(64);
        let lines = [&*long, "tailtailtail=="];
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
        ] {
            assert_eq!(key_lines(&block(label, &lines)), lines, "{label}");
        }
        for label in [
            "CERTIFICATE",
            "PUBLIC KEY",
            "RSA PUBLIC KEY",
            "CERTIFICATE REQUEST",
            "X509 CRL",
            "DH PARAMETERS",
        ] {
            assert_eq!(key_lines(&block(label, &lines)), [""; 0], "{label}");
        }
        assert_eq!(
            key_lines(&format!("  {}", block("PRIVATE KEY", &lines).replace('\n', "\r\n  "))),
            lines
        );
    }

    #[test]
    fn finds_keys_outside_pem_blocks() {
        let (long, short) = ("k".repeat(64), "word");
        assert_eq!(key_lines(&format!("{long}\n{short}\nkey = {long}\n")), [&*long]);
        assert_eq!(
            key_lines(&(block("CERTIFICATE", &[&long]) + &"z".repeat(40))),
            ["z".repeat(40)]
        );
    }
}

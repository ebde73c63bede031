//! User data: text or Base64 in the configuration, always Base64 in a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ha_provider::ArgumentProblem;
use ha_value::Path;
use serde::Deserialize;

use super::cloud_init;

/// Maximum size in bytes, before Base64.
const LARGEST: usize = 16384;

#[derive(Deserialize)]
pub(super) struct UserDataArguments {
    user_data: Option<String>,
    user_data_text: Option<String>,
}

/// The user data in Base64, for a request.
pub(super) fn encoded(user_data: Option<&str>, text: Option<&str>) -> Option<String> {
    text.map(|it| BASE64.encode(it)).or_else(|| user_data.map(str::to_owned))
}

/// The user data of a response in the form that the configuration uses: (Base64, text), one of
/// which is `None`.
pub(super) fn answered(
    answer: Option<&str>,
    user_data: Option<&str>,
) -> (Option<String>, Option<String>) {
    let Some(answer) = answer.filter(|it| !it.is_empty()) else { return (None, None) };
    let decode = |it: &str| BASE64.decode(it.split_whitespace().collect::<String>()).ok();
    let bytes = decode(answer);
    match (user_data, bytes.clone().and_then(|it| String::from_utf8(it).ok())) {
        // The same bytes can be written with other line breaks in Base64; that is no difference.
        (Some(known), _) if bytes.is_some() && decode(known) == bytes => {
            (Some(known.to_owned()), None)
        }
        (None, Some(text)) => (None, Some(text)),
        _ => (Some(answer.to_owned()), None),
    }
}

/// Checks form and size.
pub(super) fn check(it: UserDataArguments) -> Vec<ArgumentProblem> {
    let problem =
        |at: &str, message: String| vec![ArgumentProblem { path: Path::attribute(at), message }];
    let (at, bytes) = match (it.user_data, it.user_data_text) {
        (Some(_), Some(_)) => {
            return problem(
                "user_data",
                "user data comes as `user_data` (Base64) or as `user_data_text`, not both".into(),
            );
        }
        (None, None) => return Vec::new(),
        (None, Some(text)) => ("user_data_text", text.into_bytes()),
        (Some(encoded), None) => {
            match BASE64.decode(encoded.split_whitespace().collect::<String>()) {
                Ok(bytes) => ("user_data", bytes),
                Err(_) => {
                    return problem(
                        "user_data",
                        "this is not Base64; text goes into `user_data_text`".into(),
                    );
                }
            }
        }
    };
    if bytes.len() <= LARGEST {
        return cloud_init::fault(&bytes).map(|it| problem(at, it)).unwrap_or_default();
    }
    let largest = largest_passages(&String::from_utf8_lossy(&bytes));
    let most = if largest.is_empty() {
        String::new()
    } else {
        format!("; most of it is in {}", largest.join(", "))
    };
    let size = bytes.len();
    problem(
        at,
        format!(
            "user data has at most {LARGEST} bytes, and this has {size}{most}; fetch large files from S3 instead"
        ),
    )
}

/// The places of the largest paragraphs, for a message. Their text may be secret and is not shown.
fn largest_passages(text: &str) -> Vec<String> {
    let mut passages: Vec<(usize, usize, usize)> = Vec::new();
    let mut after_blank = true;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        if line.trim().is_empty() {
            after_blank = true;
            continue;
        }
        match passages.last_mut().filter(|_| !after_blank) {
            Some((_, last, size)) => {
                *last = number;
                *size += line.len();
            }
            None => passages.push((number, number, line.len())),
        }
        after_blank = false;
    }
    passages.sort_by_key(|(first, _, size)| (std::cmp::Reverse(*size), *first));
    let written = |(first, last, size): &(usize, usize, usize)| match first == last {
        true => format!("line {first} ({size} bytes)"),
        false => format!("lines {first} to {last} ({size} bytes)"),
    };
    passages.iter().take(3).map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_user_data_is_refused_with_its_place() {
        let text = format!("#!/bin/sh\n\nsecret={}\n\necho a\necho b\n", "x".repeat(17000));
        let problems = check(UserDataArguments { user_data: None, user_data_text: Some(text) });
        assert_eq!(problems.len(), 1);
        let message = &problems[0].message;
        assert!(
            message.contains("this has 17034")
                && message.contains("line 3 (17008 bytes), lines 5 to 6"),
            "{message}"
        );
        assert!(!message.contains("xxx"), "{message}");
        let fits = UserDataArguments { user_data: None, user_data_text: Some("x".repeat(LARGEST)) };
        assert!(check(fits).is_empty());
    }

    #[test]
    fn user_data_read_back_in_the_configured_form() {
        let sent = encoded(None, Some("#!/bin/sh\n")).unwrap();
        assert_eq!(answered(Some(&sent), None), (None, Some("#!/bin/sh\n".into())));
        assert_eq!(
            answered(Some(&sent), Some("IyEvYmlu\nL3NoCg==")),
            (Some("IyEvYmlu\nL3NoCg==".into()), None)
        );
        assert_eq!(answered(Some(&sent), Some("b3RoZXI=")), (Some(sent.clone()), None));
        assert_eq!(answered(None, Some("b3RoZXI=")), (None, None));
    }

    #[test]
    fn user_data_is_set_by_one_argument() {
        let both =
            UserDataArguments { user_data: Some("YQ==".into()), user_data_text: Some("a".into()) };
        assert_eq!(check(both).len(), 1);
        assert_eq!(
            check(UserDataArguments { user_data: Some("#!/bin/sh".into()), user_data_text: None })
                .len(),
            1
        );
    }

    #[test]
    fn user_data_is_checked_by_the_rules_of_cloud_init() {
        let text = |it: &str| {
            check(UserDataArguments { user_data: None, user_data_text: Some(it.into()) })
        };
        let encoded = |it: &str| {
            check(UserDataArguments { user_data: Some(BASE64.encode(it)), user_data_text: None })
        };
        assert!(text("#!/bin/sh\n").is_empty() && encoded("#!/bin/sh\n").is_empty());
        assert_eq!((text("\n#!/bin/sh\n").len(), encoded("\n#!/bin/sh\n").len()), (1, 1));
        assert_eq!(
            (
                text(&BASE64.encode("#!/bin/sh\n")).len(),
                encoded(&BASE64.encode("#!/bin/sh\n")).len()
            ),
            (1, 1)
        );
    }
}

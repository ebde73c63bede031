//! Checks and constants that several IAM resource types use.

use std::time::Duration;

use ha_provider::ArgumentProblem;
use ha_value::Path;

/// How long IAM may take until a new role, profile or policy is visible everywhere. Usually it
/// takes some seconds.
pub(crate) const PROPAGATION: Duration = crate::wait::PROPAGATION;

/// The problems of a name in IAM.
pub(crate) fn name_problems(at: &str, name: &str, longest: usize) -> Vec<ArgumentProblem> {
    let problem = |message: String| vec![ArgumentProblem { path: Path::attribute(at), message }];
    let odd = name.chars().find(|it| !(it.is_ascii_alphanumeric() || "+=,.@_-".contains(*it)));
    match odd {
        Some(odd) => problem(format!(
            "a name in IAM is made of letters, digits and `+=,.@_-`, and `{name}` holds `{odd}`"
        )),
        None if name.is_empty() || name.len() > longest => problem(format!(
            "this name has 1 to {longest} characters, and `{name}` has {}",
            name.len()
        )),
        None => Vec::new(),
    }
}

/// The problems of a path in IAM.
pub(crate) fn path_problems(path: &str) -> Vec<ArgumentProblem> {
    let is_one = path == "/" || (path.len() > 2 && path.starts_with('/') && path.ends_with('/'));
    if is_one && path.len() <= 512 && path.chars().all(|it| it.is_ascii_graphic()) {
        return Vec::new();
    }
    let message =
        format!("a path begins and ends with `/` and holds no spaces, and `{path}` does not");
    vec![ArgumentProblem { path: Path::attribute("path"), message }]
}

/// The default path.
pub(crate) fn root() -> ha_provider::Immutable<String> {
    "/".to_owned().into()
}

/// A time in the format of IAM.
pub(crate) fn written(moment: &aws_smithy_types::DateTime) -> String {
    moment.fmt(aws_smithy_types::date_time::Format::DateTime).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_and_end_with_a_slash() {
        for good in ["/", "/service/", "/a/b/"] {
            assert!(path_problems(good).is_empty(), "{good}");
        }
        for bad in ["", "service", "/service", "service/", "/a b/", "//"] {
            assert_eq!(path_problems(bad).len(), 1, "{bad}");
        }
    }
}

//! Checks of single arguments. Parts that are not known yet are taken to be valid, and no message
//! repeats a secret.

use ha_provider::ArgumentProblem;
use ha_value::{Path, Text};

/// Collects problems.
#[derive(Default)]
pub(crate) struct ProblemCollector {
    problems: Vec<ArgumentProblem>,
}

impl ProblemCollector {
    /// Adds a problem.
    pub(crate) fn problem(&mut self, path: Path, message: impl Into<String>) {
        self.problems.push(ArgumentProblem { path, message: message.into() });
    }

    /// The problems, or the rendering where there are none.
    pub(crate) fn rendering<T>(
        self,
        render: impl FnOnce() -> T,
    ) -> Result<T, Vec<ArgumentProblem>> {
        if self.problems.is_empty() { Ok(render()) } else { Err(self.problems) }
    }

    /// Whether there are no problems so far.
    pub(crate) fn is_fine(&self) -> bool {
        self.problems.is_empty()
    }

    /// The text must not be empty, have spaces around it, or break a line.
    pub(crate) fn word(&mut self, path: Path, text: &Text) {
        let Some(known) = text.known() else { return };
        let name = path.to_string();
        if known.is_empty() {
            self.problem(path, format!("`{name}` is empty"));
        } else if known.trim() != known {
            self.problem(path, format!("`{name}` has spaces or line ends around it"));
        } else if known.chars().any(char::is_control) {
            self.problem(
                path,
                format!("`{name}` has a line end or another control character in it"),
            );
        }
    }

    /// The text must be a password: anything that is not empty and has no zero byte.
    pub(crate) fn password(&mut self, path: Path, text: &Text) {
        let Some(known) = text.known() else { return };
        let name = path.to_string();
        if known.is_empty() {
            self.problem(path, format!("`{name}` is empty"));
        } else if known.contains('\0') {
            self.problem(path, format!("`{name}` has a zero byte in it"));
        }
    }

    /// The text must be a host name or an address, without a scheme, port or path.
    pub(crate) fn host(&mut self, path: Path, text: &Text) {
        self.word(path.clone(), text);
        let Some(known) = text.known().filter(|it| !it.is_empty()) else { return };
        if !is_host(&known) {
            let message = format!(
                "{} is no host name: give it without `https://`, port or path",
                shown(text)
            );
            self.problem(path, message);
        }
    }

    /// The text must be a host name or an address, with a port or without.
    pub(crate) fn host_and_port(&mut self, path: Path, text: &Text) {
        self.word(path.clone(), text);
        let Some(known) = text.known().filter(|it| !it.is_empty()) else { return };
        let host = match known.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && is_port(port) => host,
            _ => &known,
        };
        if !is_host(host) {
            self.problem(path, format!("{} is no `HOST:PORT`", shown(text)));
        }
    }

    /// The text must be a port.
    pub(crate) fn port(&mut self, path: Path, text: &Text) {
        let Some(known) = text.known() else { return };
        if !is_port(&known) {
            self.problem(path, format!("{} is no port", shown(text)));
        }
    }

    /// The text must be a path from the root.
    pub(crate) fn absolute_path(&mut self, path: Path, text: &Text) {
        self.word(path.clone(), text);
        let Some(known) = text.known().filter(|it| !it.is_empty()) else { return };
        if !known.starts_with('/') || known.ends_with('/') || known.split('/').any(|it| it == "..")
        {
            self.problem(path, format!("{} is no absolute path of a file", shown(text)));
        }
    }
}

/// The text as a message may show it.
pub(crate) fn shown(text: &Text) -> String {
    match text.known() {
        Some(known) if text.is_clear() => format!("`{known}`"),
        _ => "what is given".into(),
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|it| it > 0 && it.to_string() == text)
}

fn is_host(text: &str) -> bool {
    let address = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !text.is_empty()
                && text.chars().all(|it| it.is_ascii_alphanumeric() || "-._".contains(it))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(check: impl FnOnce(&mut ProblemCollector)) -> Vec<String> {
        let mut checks = ProblemCollector::default();
        check(&mut checks);
        checks.problems.into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn distinguishes_hosts_from_similar_strings() {
        let host =
            |text: &str| messages(|it| it.host(Path::attribute("host"), &text.into())).is_empty();
        let host_and_port = |text: &str| {
            messages(|it| it.host_and_port(Path::attribute("hosts"), &text.into())).is_empty()
        };
        for good in ["ci.example.com", "10.0.0.1", "[::1]", "db_1"] {
            assert!(host(good) && host_and_port(good), "{good}");
        }
        for bad in ["", "https://ci", "ci/path", " ci", "a b", "a@b", "::1"] {
            assert!(!host(bad) && !host_and_port(bad), "{bad}");
        }
        for good in ["ci:27017", "[::1]:1"] {
            assert!(!host(good) && host_and_port(good), "{good}");
        }
        for bad in ["ci:", "ci:0", "ci:65536", "ci:+1", ":1", "a:1:2"] {
            assert!(!host_and_port(bad), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_repeated() {
        let secret = Text::secret("https://hush");
        assert_eq!(
            messages(|it| it.host(Path::attribute("host"), &secret)),
            ["what is given is no host name: give it without `https://`, port or path"]
        );
    }
}

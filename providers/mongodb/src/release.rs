//! Which releases of MongoDB there are, and what each wants.

use std::fmt;

/// A release series: 4.2, 6.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release(u16, u16);

/// `net.tls` instead of `net.ssl`; also the oldest server that the driver talks to.
pub(crate) const TLS_NAMES: Release = Release(4, 2);
/// The journal can no longer be switched off, and the option for it is gone.
pub(crate) const JOURNAL_ALWAYS: Release = Release(6, 1);
/// The cache's size may be a fraction of a gigabyte.
pub(crate) const FRACTIONAL_CACHE: Release = Release(3, 4);

/// The series whose options are known here, with their quarterly releases.
const KNOWN: &[Release] = &[
    Release(3, 2),
    Release(3, 4),
    Release(3, 6),
    Release(4, 0),
    Release(4, 2),
    Release(4, 4),
    Release(5, 0),
    Release(5, 1),
    Release(5, 2),
    Release(5, 3),
    Release(6, 0),
    Release(6, 1),
    Release(6, 2),
    Release(6, 3),
    Release(7, 0),
    Release(7, 1),
    Release(7, 2),
    Release(7, 3),
    Release(8, 0),
];

impl Release {
    /// The series of a version such as `6.0` or `6.0.5`.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    pub(crate) fn of(version: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u16>> = version.split('.').map(|it| it.parse().ok()).collect();
        let release = match numbers.as_deref() {
            Some([major, minor] | [major, minor, _]) => Release(*major, *minor),
            _ => return Err(format!("`{version}` is no version of MongoDB; write it as `6.0` or `6.0.5`")),
        };
        match KNOWN.contains(&release) {
            true => Ok(release),
            false => Err(format!(
                "the options of MongoDB {release} are not known here, and a wrong one keeps mongod from starting; \
                 known are 3.2, 3.4, 3.6, 4.0, 4.2, 4.4, 5.0 to 5.3, 6.0 to 6.3, 7.0 to 7.3 and 8.0"
            )),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Whether a server of version `actual` is what was asked for: `6.0` asks for any `6.0.x`.
pub(crate) fn is_version(asked: &str, actual: &str) -> bool {
    actual == asked || actual.strip_prefix(asked).is_some_and(|rest| rest.starts_with(['.', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_asked_for_in_full_or_by_its_series() {
        assert!(is_version("6.0", "6.0.5"));
        assert!(is_version("6.0.5", "6.0.5"));
        assert!(is_version("6.0.5", "6.0.5-ent"));
        assert!(!is_version("6.0.5", "6.0.50"));
        assert!(!is_version("6.0.5", "6.0.6"));
    }

    #[test]
    fn an_unknown_release_is_refused_with_those_that_are_known() {
        assert_eq!(Release::of("6.0.5"), Ok(Release(6, 0)));
        assert!(Release::of("9.0").unwrap_err().contains("8.0"));
        assert!(Release::of("6").unwrap_err().contains("`6.0`"));
        assert!(Release::of("6.x").is_err());
    }
}

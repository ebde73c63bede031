//! Which releases of MongoDB there are, and what each wants.

use std::fmt;

/// A release series: 4.2, 6.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReleaseSeries(u16, u16);

/// `net.tls` instead of `net.ssl`; also the oldest server that the driver talks to.
pub(crate) const TLS_NAMES: ReleaseSeries = ReleaseSeries(4, 2);
/// The journal can no longer be switched off, and the option for it is gone.
pub(crate) const JOURNAL_ALWAYS: ReleaseSeries = ReleaseSeries(6, 1);
/// The cache's size may be a fraction of a gigabyte.
pub(crate) const FRACTIONAL_CACHE: ReleaseSeries = ReleaseSeries(3, 4);

/// `secondaryDelaySecs` instead of `slaveDelay`.
pub(crate) const SECONDARY_NAMES: ReleaseSeries = ReleaseSeries(5, 0);
/// Certificates are taken into use without a restart.
pub(crate) const ROTATES: ReleaseSeries = ReleaseSeries(5, 0);
/// A change of the feature compatibility version has to be confirmed, and the binaries do not go
/// back.
const CONFIRMS: ReleaseSeries = ReleaseSeries(7, 0);

/// The series whose options are known here, with their quarterly releases.
const KNOWN: &[ReleaseSeries] = &[
    ReleaseSeries(3, 2),
    ReleaseSeries(3, 4),
    ReleaseSeries(3, 6),
    ReleaseSeries(4, 0),
    ReleaseSeries(4, 2),
    ReleaseSeries(4, 4),
    ReleaseSeries(5, 0),
    ReleaseSeries(5, 1),
    ReleaseSeries(5, 2),
    ReleaseSeries(5, 3),
    ReleaseSeries(6, 0),
    ReleaseSeries(6, 1),
    ReleaseSeries(6, 2),
    ReleaseSeries(6, 3),
    ReleaseSeries(7, 0),
    ReleaseSeries(7, 1),
    ReleaseSeries(7, 2),
    ReleaseSeries(7, 3),
    ReleaseSeries(8, 0),
];

impl ReleaseSeries {
    /// The series of a version such as `6.0` or `6.0.5`.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    pub(crate) fn from_version(version: &str) -> Result<Self, String> {
        // Builds may say more after a dash: `6.0.5-ent`.
        let numbers: Option<Vec<u16>> = version
            .split('-')
            .next()
            .unwrap_or_default()
            .split('.')
            .map(|it| it.parse().ok())
            .collect();
        let release = match numbers.as_deref() {
            Some([major, minor] | [major, minor, _]) => ReleaseSeries(*major, *minor),
            _ => {
                return Err(format!(
                    "`{version}` is no version of MongoDB; write it as `6.0` or `6.0.5`"
                ));
            }
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

impl ReleaseSeries {
    /// Whether it wants `confirm: true` with a new feature compatibility version.
    pub(crate) fn confirms(self) -> bool {
        self >= CONFIRMS
    }
}

/// The releases that data goes through one after the other.
const MAJORS: &[ReleaseSeries] = &[
    ReleaseSeries(3, 2),
    ReleaseSeries(3, 4),
    ReleaseSeries(3, 6),
    ReleaseSeries(4, 0),
    ReleaseSeries(4, 2),
    ReleaseSeries(4, 4),
    ReleaseSeries(5, 0),
    ReleaseSeries(6, 0),
    ReleaseSeries(7, 0),
    ReleaseSeries(8, 0),
];

/// Why a mongod of version `wanted` would not start with the data of one of version `running`,
/// which stores it as the feature compatibility version `storing` did, where that is known.
pub(crate) fn would_not_start(
    wanted: &str,
    running: &str,
    storing: Option<&str>,
) -> Option<String> {
    let (wanted, running) =
        (ReleaseSeries::from_version(wanted).ok()?, ReleaseSeries::from_version(running).ok()?);
    let storing = storing.and_then(|it| ReleaseSeries::from_version(it).ok());
    let stored = storing.unwrap_or(running);
    if wanted == running {
        return None;
    }
    let place = |release: ReleaseSeries| MAJORS.iter().filter(|it| **it <= release).count();
    let exit = "it would exit with status 62";
    if stored > wanted {
        let way = match storing {
            Some(_) => format!(
                "set the feature compatibility version to {wanted} first, while {running} still runs, if that is the release before it"
            ),
            None => {
                "the data of a newer release goes back by a restore of a backup only".to_owned()
            }
        };
        return Some(format!(
            "MongoDB {wanted} does not start with data that is stored as {stored} does it: {exit}; {way}"
        ));
    }
    if place(wanted) <= place(stored) + 1 {
        return None;
    }
    let next = MAJORS.get(place(stored)).copied().unwrap_or(wanted);
    let way = match stored < running {
        true => format!(
            "the feature compatibility version is still {stored}: set it to {running} first, with \
             `db.adminCommand({{ setFeatureCompatibilityVersion: \"{running}\" }})`"
        ),
        false => {
            format!("upgrade to {next} first, and set the feature compatibility version to {next}")
        }
    };
    Some(format!(
        "MongoDB {wanted} does not start with data that is stored as {stored} does it: {exit}; {way}"
    ))
}

/// The oldest of these versions.
pub(crate) fn oldest(versions: impl IntoIterator<Item = String>) -> Option<String> {
    let numbers = |it: &String| -> Vec<u32> {
        it.split(['.', '-']).map_while(|it| it.parse().ok()).collect()
    };
    versions.into_iter().min_by_key(numbers)
}

impl fmt::Display for ReleaseSeries {
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
        assert_eq!(ReleaseSeries::from_version("6.0.5"), Ok(ReleaseSeries(6, 0)));
        assert!(ReleaseSeries::from_version("9.0").unwrap_err().contains("8.0"));
        assert!(ReleaseSeries::from_version("6").unwrap_err().contains("`6.0`"));
        assert!(ReleaseSeries::from_version("6.x").is_err());
    }

    #[test]
    fn data_goes_through_one_major_release_after_the_other() {
        let why = |wanted: &str, running: &str, storing: Option<&str>| {
            would_not_start(wanted, running, storing)
        };
        for (wanted, running, storing) in [
            ("4.4", "4.2.6", Some("4.2")),
            ("5.0", "4.4.2", None),
            ("6.0.5", "5.0", Some("5.0")),
            ("6.0.5", "6.0.27", Some("5.0")),
            ("6.0", "5.3.1", Some("5.3")),
            ("5.0", "6.0.5", Some("5.0")),
            ("7.0", "6.3", None),
        ] {
            assert_eq!(why(wanted, running, storing), None, "{running} -> {wanted}");
        }
        assert!(why("5.0", "4.2.6", None).unwrap().contains("upgrade to 4.4 first"));
        assert!(why("6.0", "4.2.6", Some("4.2")).unwrap().contains("upgrade to 4.4 first"));
        assert!(
            why("6.0", "5.0.4", Some("4.4")).unwrap().contains("is still 4.4: set it to 5.0 first")
        );
        assert!(why("5.0", "6.0.5", None).unwrap().contains("restore"));
        assert!(
            why("5.0", "6.0.5", Some("6.0"))
                .unwrap()
                .contains("set the feature compatibility version to 5.0")
        );
        assert!(why("4.4", "6.0.5", Some("5.0")).unwrap().contains("status 62"));
    }

    #[test]
    fn the_oldest_version_is_found_by_its_numbers() {
        let versions = ["6.0.27", "6.0.5", "10.0.1"].map(str::to_owned);
        assert_eq!(oldest(versions).as_deref(), Some("6.0.5"));
        assert_eq!(oldest([]), None);
    }
}

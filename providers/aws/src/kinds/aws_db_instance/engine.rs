//! What differs between database engines.

use crate::engine_version::EngineVersion;

/// Engines for which RDS has the same rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DbEngine {
    Db2,
    MariaDb,
    MySql,
    Oracle,
    Postgres,
    SqlServer,
}

impl DbEngine {
    /// The engine of this name; `None` for one whose rules are not known here.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name.split('-').next()? {
            "db2" => Self::Db2,
            "mariadb" => Self::MariaDb,
            "mysql" => Self::MySql,
            "oracle" => Self::Oracle,
            "postgres" => Self::Postgres,
            "sqlserver" => Self::SqlServer,
            _ => return None,
        })
    }

    /// Maximum length of a master password.
    pub(super) fn longest_password(self) -> usize {
        match self {
            Self::MariaDb | Self::MySql => 41,
            Self::Oracle => 30,
            Self::Postgres | Self::SqlServer => 128,
            Self::Db2 => 255,
        }
    }

    /// Maximum length of the master user's name.
    pub(super) fn longest_user_name(self) -> usize {
        match self {
            Self::MariaDb | Self::MySql => 16,
            _ => 63,
        }
    }

    /// Maximum length of `db_name`; `None` where RDS creates no database.
    pub(super) fn longest_database_name(self) -> Option<usize> {
        match self {
            Self::MariaDb | Self::MySql => Some(64),
            Self::Postgres => Some(63),
            Self::Db2 | Self::Oracle => Some(8),
            Self::SqlServer => None,
        }
    }

    /// The logs that RDS can export to CloudWatch.
    pub(super) fn logs(self) -> &'static [&'static str] {
        match self {
            Self::Db2 => &["diag.log", "notify.log", "iam-db-auth-error"],
            Self::MariaDb | Self::MySql => {
                &["audit", "error", "general", "slowquery", "iam-db-auth-error"]
            }
            Self::Oracle => &["alert", "audit", "listener", "trace", "oemagent"],
            Self::Postgres => &["postgresql", "upgrade", "iam-db-auth-error"],
            Self::SqlServer => &["agent", "error"],
        }
    }

    /// Size in GiB from which `iops` and `storage_throughput` can be set with gp3; `None` for any
    /// size.
    pub(super) fn gp3_threshold(self) -> Option<i32> {
        match self {
            Self::Db2 | Self::MariaDb | Self::MySql | Self::Postgres => Some(400),
            Self::Oracle => Some(200),
            Self::SqlServer => None,
        }
    }

    /// The major version that a version belongs to.
    pub(super) fn major(self, version: &EngineVersion) -> Vec<u64> {
        let numbers = version.numbers();
        let many = match self {
            Self::MariaDb | Self::MySql | Self::Db2 => 2,
            Self::Postgres if numbers.first().is_some_and(|it| *it < 10) => 2,
            Self::Oracle | Self::Postgres | Self::SqlServer => 1,
        };
        numbers.into_iter().take(many).collect()
    }
}

/// Whether a parameter or option group family, such as `postgres15`, `oracle-ee-19` or `mysql-8-0`,
/// is for an engine, and for its version where one is given.
pub(crate) fn takes_family(engine: &str, version: Option<&EngineVersion>, family: &str) -> bool {
    let Some(rest) = family.strip_prefix(engine) else { return false };
    let numbers =
        rest.strip_prefix('-').unwrap_or(rest).split(['.', '-']).map(|it| it.parse().ok());
    let Some(numbers) = numbers.collect::<Option<Vec<u64>>>() else { return false };
    version.is_none_or(|version| {
        version.numbers().iter().zip(&numbers).all(|(own, of_family)| own == of_family)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_versions_are_those_of_the_engine() {
        let major = |engine: &str, version: &str| {
            DbEngine::from_name(engine).unwrap().major(&EngineVersion::from(version))
        };
        assert_eq!(major("postgres", "15.4"), [15]);
        assert_eq!(major("postgres", "9.6.24"), [9, 6]);
        assert_eq!(major("mysql", "8.0.35"), [8, 0]);
        assert_eq!(major("mariadb", "10.11"), [10, 11]);
        assert_eq!(major("oracle-ee", "19.0.0.0.ru-2024-01.rur-2024-01.r1"), [19]);
        assert_eq!(major("sqlserver-se", "15.00.4073.23.v1"), [15]);
        assert_eq!(DbEngine::from_name("aurora-postgresql"), None);
    }
}

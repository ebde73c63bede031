//! Checks of a DB instance's arguments while planning, by the rules that RDS applies to a call.

use std::collections::BTreeSet;

use ha_provider::{ArgumentProblem, MaybeUnknown, ResourceHooks};
use ha_value::Path;
use serde::Deserialize;

use super::engine::DbEngine;
use super::{named, refused_changes, storage};
use crate::windows::{DailyWindow, WeeklyWindow};
use crate::{forms, rds};

/// The hooks with all checks.
pub(super) fn all(hooks: ResourceHooks) -> ResourceHooks {
    let hooks = hooks
        .check(names)
        .check(master)
        .check(user_name)
        .check(password)
        .check(storage::check)
        .check(key);
    let hooks = hooks
        .check(backups)
        .check(windows)
        .check(end)
        .check(monitoring)
        .check(port)
        .check(engine_features)
        .check(choices);
    let hooks =
        hooks.check(forms::check(&named::FORMS)).check(named::engine).check(named::first_database);
    let hooks = hooks.check(named::reached).check(named::grouped).check(measuring_key);
    hooks
        .refuse(refused_changes::version)
        .refuse(refused_changes::storage)
        .refuse(refused_changes::secret_key)
}

/// A problem of one argument.
pub(super) fn problem(at: &str, message: impl Into<String>) -> ArgumentProblem {
    ArgumentProblem { path: Path::attribute(at), message: message.into() }
}

#[derive(Deserialize)]
struct IdentifierArguments {
    identifier: String,
}

fn names(it: IdentifierArguments) -> Vec<ArgumentProblem> {
    rds::name_problems("identifier", &it.identifier, 63)
}

#[derive(Deserialize)]
struct MasterArguments {
    username: Option<MaybeUnknown<String>>,
    password: Option<MaybeUnknown<String>>,
    manage_master_user_password: Option<bool>,
    master_user_authentication_type: Option<String>,
}

fn master(it: MasterArguments) -> Vec<ArgumentProblem> {
    let managed = it.manage_master_user_password == Some(true);
    let by_iam = it.master_user_authentication_type.as_deref() == Some(BY_IAM);
    let mut problems = Vec::new();
    if it.username.is_none() {
        problems.push(problem("username", "a database needs a master user"));
    }
    match (it.password.is_some(), managed, by_iam) {
        (false, false, false) => {
            let message = "a database needs a `password`, `manage_master_user_password = true`, or `master_user_authentication_type = \"iam-db-auth\"`";
            problems.push(problem("password", message));
        }
        (true, true, _) => problems.push(problem(
            "password",
            "RDS generates the password: manage_master_user_password is true",
        )),
        (true, _, true) => {
            problems.push(problem("password", "the master user logs in by IAM and has no password"))
        }
        (_, true, true) => {
            problems.push(problem(
                "manage_master_user_password",
                "the master user logs in by IAM and has no password",
            ));
        }
        _ => {}
    }
    problems
}

/// The authentication type for IAM credentials.
pub(super) const BY_IAM: &str = "iam-db-auth";

#[derive(Deserialize)]
struct UsernameArguments {
    engine: String,
    username: String,
}

fn user_name(it: UsernameArguments) -> Vec<ArgumentProblem> {
    let longest = DbEngine::from_name(&it.engine).map_or(63, DbEngine::longest_user_name);
    let reserved = ["admin", "rdsadmin", "rds_superuser", "postgres_admin"];
    let name = it.username.as_str();
    let is_one = (1..=longest).contains(&name.len())
        && name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
        && !(reserved.contains(&name.to_lowercase().as_str()));
    if is_one {
        return Vec::new();
    }
    let message = format!(
        "a master user's name has 1 to {longest} letters, digits and `_`, the first a letter, and is not reserved"
    );
    vec![problem("username", message)]
}

#[derive(Deserialize)]
struct PasswordArguments {
    engine: String,
    password: Option<String>,
}

/// Checks the password. The message never holds a part of it.
fn password(it: PasswordArguments) -> Vec<ArgumentProblem> {
    let Some(password) = it.password else { return Vec::new() };
    let engine = DbEngine::from_name(&it.engine);
    let longest = engine.map_or(128, DbEngine::longest_password);
    if !(8..=longest).contains(&password.chars().count()) {
        let message = format!(
            "RDS takes passwords of 8 to {longest} characters with this engine, and this is shorter or longer"
        );
        return vec![problem("password", message)];
    }
    let (odd, named) = match engine {
        Some(DbEngine::Oracle) => ("/@\"&'", "`/`, `@`, `\"`, `&`, `'` or space"),
        _ => ("/@\"", "`/`, `@`, `\"` or space"),
    };
    match password.chars().any(|it| !it.is_ascii_graphic() || odd.contains(it)) {
        true => vec![problem(
            "password",
            format!("RDS takes printable ASCII only, and no {named}; this holds one of them"),
        )],
        false => Vec::new(),
    }
}

#[derive(Deserialize)]
struct KmsKeyArguments {
    kms_key_id: Option<String>,
    storage_encrypted: bool,
}

fn key(it: KmsKeyArguments) -> Vec<ArgumentProblem> {
    match it.kms_key_id {
        // RDS returns an ARN also for an alias or id, and that difference would replace the
        // instance.
        Some(key) if !key.starts_with("arn:") => {
            vec![problem("kms_key_id", "write the ARN of the key, `arn:aws:kms:…`")]
        }
        Some(_) if !it.storage_encrypted => {
            vec![problem("kms_key_id", "a key needs `storage_encrypted = true`")]
        }
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct MeasuringKey {
    performance_insights_kms_key_id: Option<String>,
}

fn measuring_key(it: MeasuringKey) -> Vec<ArgumentProblem> {
    let odd = it.performance_insights_kms_key_id.filter(|it| !it.starts_with("arn:"));
    // As with the key of the disk: RDS returns an ARN, and the difference would replace the
    // instance.
    let problem =
        |_| problem("performance_insights_kms_key_id", "write the ARN of the key, `arn:aws:kms:…`");
    odd.map(problem).into_iter().collect()
}

#[derive(Deserialize)]
struct BackupArguments {
    backup_retention_period: Option<i32>,
}

fn backups(it: BackupArguments) -> Vec<ArgumentProblem> {
    match it.backup_retention_period {
        Some(days) if !(0..=35).contains(&days) => {
            vec![problem(
                "backup_retention_period",
                format!("backups are retained for 0 to 35 days, not {days}"),
            )]
        }
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct MonitoringArguments {
    monitoring_interval: i32,
    monitoring_role_arn: Option<MaybeUnknown<String>>,
    performance_insights_enabled: bool,
    performance_insights_retention_period: Option<i32>,
    performance_insights_kms_key_id: Option<MaybeUnknown<String>>,
}

fn monitoring(it: MonitoringArguments) -> Vec<ArgumentProblem> {
    let mut problems = Vec::new();
    let interval = it.monitoring_interval;
    if ![0, 1, 5, 10, 15, 30, 60].contains(&interval) {
        let message = format!(
            "the monitoring interval is 1, 5, 10, 15, 30 or 60 seconds, or 0 to turn it off, not {interval}"
        );
        problems.push(problem("monitoring_interval", message));
    } else if interval != 0 && it.monitoring_role_arn.is_none() {
        problems.push(problem(
            "monitoring_role_arn",
            "Enhanced Monitoring needs `monitoring_role_arn`",
        ));
    } else if interval == 0 && it.monitoring_role_arn.is_some() {
        let message = "a monitoring role needs a `monitoring_interval` other than 0";
        problems.push(problem("monitoring_role_arn", message));
    }
    let days = it.performance_insights_retention_period;
    if let Some(days) =
        days.filter(|it| *it != 7 && *it != 731 && !(it % 31 == 0 && (1..=23).contains(&(it / 31))))
    {
        let message = format!(
            "Performance Insights data are retained for 7 or 731 days, or 1 to 23 times 31, such as 372, not {days}"
        );
        problems.push(problem("performance_insights_retention_period", message));
    }
    if !it.performance_insights_enabled {
        let said = [
            ("performance_insights_retention_period", days.is_some()),
            ("performance_insights_kms_key_id", it.performance_insights_kms_key_id.is_some()),
        ];
        let message = "this needs `performance_insights_enabled = true`";
        problems.extend(
            said.into_iter().filter(|(_, is_said)| *is_said).map(|(at, _)| problem(at, message)),
        );
    }
    problems
}

#[derive(Deserialize)]
struct PortArguments {
    engine: String,
    port: Option<i32>,
}

fn port(it: PortArguments) -> Vec<ArgumentProblem> {
    let Some(port) = it.port else { return Vec::new() };
    let taken = matches!(port, 1234 | 1434 | 3260 | 3343 | 3389 | 47001 | 49152..=49156);
    let message = match DbEngine::from_name(&it.engine) {
        _ if !(1150..=65535).contains(&port) => {
            format!("RDS takes ports from 1150 to 65535, not {port}")
        }
        Some(DbEngine::SqlServer) if taken => {
            format!("RDS does not take the port {port} for SQL Server")
        }
        _ => return Vec::new(),
    };
    vec![problem("port", message)]
}

#[derive(Deserialize)]
struct EngineArguments {
    engine: String,
    db_name: Option<MaybeUnknown<String>>,
    #[serde(default)]
    enabled_cloudwatch_logs_exports: BTreeSet<String>,
    #[serde(default)]
    iam_database_authentication_enabled: bool,
    master_user_authentication_type: Option<String>,
}

fn engine_features(it: EngineArguments) -> Vec<ArgumentProblem> {
    let Some(engine) = DbEngine::from_name(&it.engine) else { return Vec::new() };
    let mut problems = Vec::new();
    let odd =
        it.enabled_cloudwatch_logs_exports.iter().find(|it| !engine.logs().contains(&it.as_str()));
    if let Some(odd) = odd {
        let message = format!(
            "{} has no log `{odd}` to export; it has {}",
            it.engine,
            engine.logs().join(", ")
        );
        problems.push(problem("enabled_cloudwatch_logs_exports", message));
    }
    if it.iam_database_authentication_enabled
        && !matches!(engine, DbEngine::MariaDb | DbEngine::MySql | DbEngine::Postgres)
    {
        let message = format!("IAM database authentication is not available for {}", it.engine);
        problems.push(problem("iam_database_authentication_enabled", message));
    }
    if it.master_user_authentication_type.as_deref() == Some(BY_IAM) && engine != DbEngine::Postgres
    {
        let message = format!(
            "IAM authentication of the master user is available for postgres, not for {}",
            it.engine
        );
        problems.push(problem("master_user_authentication_type", message));
    }
    if it.db_name.is_some() && engine == DbEngine::SqlServer {
        problems.push(problem("db_name", "RDS creates no database for SQL Server; leave it out"));
    }
    problems
}

#[derive(Deserialize)]
struct ChoiceArguments {
    engine: String,
    network_type: Option<String>,
    license_model: Option<String>,
    master_user_authentication_type: Option<String>,
}

fn choices(it: ChoiceArguments) -> Vec<ArgumentProblem> {
    let licences: &[&str] = match DbEngine::from_name(&it.engine) {
        Some(DbEngine::Db2) => &["bring-your-own-license", "marketplace-license"],
        Some(DbEngine::MariaDb | DbEngine::MySql) => &["general-public-license"],
        Some(DbEngine::Oracle) => &["bring-your-own-license", "license-included"],
        Some(DbEngine::Postgres) => &["postgresql-license"],
        Some(DbEngine::SqlServer) => {
            &["license-included", "bring-your-own-media", "bring-your-own-license"]
        }
        None => &[],
    };
    let said = [
        ("network_type", it.network_type, ["IPV4", "DUAL"].as_slice()),
        ("license_model", it.license_model, licences),
        (
            "master_user_authentication_type",
            it.master_user_authentication_type,
            &["password", BY_IAM],
        ),
    ];
    let wrong = |(at, said, known): (&str, Option<String>, &[&str])| {
        let said = said.filter(|_| !known.is_empty())?;
        crate::choices::problem(Path::attribute(at), Some(&said), known)
    };
    said.into_iter().filter_map(wrong).collect()
}

#[derive(Deserialize)]
struct WindowArguments {
    backup_window: Option<String>,
    maintenance_window: Option<String>,
}

fn windows(it: WindowArguments) -> Vec<ArgumentProblem> {
    let backup = it.backup_window.map(|it| it.parse::<DailyWindow>());
    let maintenance = it.maintenance_window.map(|it| it.parse::<WeeklyWindow>());
    match (backup, maintenance) {
        (Some(Ok(backup)), Some(Ok(maintenance))) if backup.overlaps(maintenance) => {
            let message =
                format!("the backup window {backup} overlaps the maintenance window {maintenance}");
            vec![problem("backup_window", message)]
        }
        (backup, maintenance) => {
            let wrong = |at: &str, message: String| problem(at, message);
            let backup = backup.and_then(Result::err).map(|it| wrong("backup_window", it));
            let maintenance =
                maintenance.and_then(Result::err).map(|it| wrong("maintenance_window", it));
            backup.into_iter().chain(maintenance).collect()
        }
    }
}

#[derive(Deserialize)]
struct FinalSnapshotArguments {
    skip_final_snapshot: bool,
    final_snapshot_identifier: Option<String>,
}

fn end(it: FinalSnapshotArguments) -> Vec<ArgumentProblem> {
    match (it.final_snapshot_identifier, it.skip_final_snapshot) {
        (None, false) => {
            let message = "decide what happens to the data when this is destroyed: name a final snapshot, or set `skip_final_snapshot = true`";
            vec![problem("final_snapshot_identifier", message)]
        }
        (Some(name), _) => {
            let lower = name.to_lowercase();
            rds::name_problems("final_snapshot_identifier", &lower, 255)
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_problem_does_not_show_the_password() {
        let judged = |engine: &str, text: &str| {
            password(PasswordArguments { engine: engine.into(), password: Some(text.into()) })
        };
        assert!(judged("postgres", "correct-horse-battery").is_empty());
        for text in ["brief", "with a space", "with@at-sign", "mit-ümlaut"] {
            let problems = judged("postgres", text);
            assert_eq!(problems.len(), 1, "{text}");
            assert!(!problems[0].message.contains(text));
        }
        let long = "x".repeat(42);
        assert_eq!(
            (
                judged("postgres", &long).len(),
                judged("mysql", &long).len(),
                judged("oracle-ee", "it's-one").len()
            ),
            (0, 1, 1)
        );
    }

    #[test]
    fn a_master_user_has_a_name_and_one_authentication() {
        let judged = |username: Option<&str>, password: Option<&str>, managed, by_iam: bool| {
            let known = |it: Option<&str>| it.map(|it| MaybeUnknown::Known(it.to_owned()));
            let (username, password) = (known(username), known(password));
            let master_user_authentication_type = by_iam.then(|| BY_IAM.to_owned());
            master(MasterArguments {
                username,
                password,
                manage_master_user_password: managed,
                master_user_authentication_type,
            })
            .len()
        };
        assert_eq!(judged(Some("circle"), Some("x"), None, false), 0);
        assert_eq!(judged(Some("circle"), None, Some(true), false), 0);
        assert_eq!(judged(Some("circle"), None, None, true), 0);
        assert_eq!(judged(None, None, None, false), 2);
        assert_eq!(judged(Some("circle"), Some("x"), Some(true), false), 1);
        assert_eq!(judged(Some("circle"), Some("x"), None, true), 1);
        assert_eq!(judged(Some("circle"), None, Some(true), true), 1);
        let named = |engine: &str, name: &str| {
            user_name(UsernameArguments { engine: engine.into(), username: name.into() }).len()
        };
        assert_eq!(
            (named("postgres", "circle"), named("postgres", "rdsadmin"), named("postgres", "1st")),
            (0, 1, 1)
        );
        assert_eq!(
            (named("mysql", "a_name_of_more_than"), named("postgres", "a_name_of_more_than")),
            (1, 0)
        );
    }

    #[test]
    fn monitoring_has_few_intervals_and_periods() {
        let judged = |interval, role: Option<&str>, enabled, days| {
            let arguments = MonitoringArguments {
                monitoring_interval: interval,
                monitoring_role_arn: role.map(|it| MaybeUnknown::Known(it.to_owned())),
                performance_insights_enabled: enabled,
                performance_insights_retention_period: days,
                performance_insights_kms_key_id: None,
            };
            monitoring(arguments).len()
        };
        for days in [7, 31, 372, 713, 731] {
            assert_eq!(judged(60, Some("role"), true, Some(days)), 0, "{days}");
        }
        for days in [0, 14, 365, 744] {
            assert_eq!(judged(0, None, true, Some(days)), 1, "{days}");
        }
        assert_eq!(
            (
                judged(20, Some("role"), false, None),
                judged(60, None, false, None),
                judged(0, Some("role"), false, None)
            ),
            (1, 1, 1)
        );
        assert_eq!(judged(0, None, false, Some(7)), 1);
    }

    #[test]
    fn an_engine_has_its_own_ports_logs_and_licences() {
        let ported = |engine: &str, number| {
            port(PortArguments { engine: engine.into(), port: Some(number) }).len()
        };
        assert_eq!(
            (ported("postgres", 5432), ported("postgres", 443), ported("postgres", 1434)),
            (0, 1, 0)
        );
        assert_eq!((ported("sqlserver-se", 1434), ported("mysql", 65536)), (1, 1));
        let logging = |engine: &str, log: &str| {
            let (db_name, master_user_authentication_type) = (None, None);
            let enabled_cloudwatch_logs_exports = BTreeSet::from([log.to_owned()]);
            let iam_database_authentication_enabled = engine.starts_with("oracle");
            let engine = engine.to_owned();
            let given = EngineArguments {
                engine,
                db_name,
                enabled_cloudwatch_logs_exports,
                iam_database_authentication_enabled,
                master_user_authentication_type,
            };
            engine_features(given).len()
        };
        assert_eq!(
            (
                logging("postgres", "upgrade"),
                logging("postgres", "slowquery"),
                logging("oracle-ee", "alert")
            ),
            (0, 1, 1)
        );
        let licensed = |engine: &str, licence: &str| {
            let license_model = Some(licence.to_owned());
            let (network_type, master_user_authentication_type) = (Some("DUAL".to_owned()), None);
            choices(ChoiceArguments {
                engine: engine.into(),
                network_type,
                license_model,
                master_user_authentication_type,
            })
            .len()
        };
        assert_eq!(
            (licensed("postgres", "postgresql-license"), licensed("mysql", "postgresql-license")),
            (0, 1)
        );
    }

    #[test]
    fn windows_do_not_overlap() {
        let judged = |backup: &str, maintenance: &str| {
            windows(WindowArguments {
                backup_window: Some(backup.into()),
                maintenance_window: Some(maintenance.into()),
            })
            .len()
        };
        assert_eq!(judged("02:00-03:00", "sun:04:00-sun:05:00"), 0);
        assert_eq!(judged("04:30-05:30", "sun:04:00-sun:05:00"), 1);
        assert_eq!(judged("x", "y"), 2);
    }

    #[test]
    fn a_final_snapshot_is_named_or_declined() {
        let judged = |skip, name: Option<&str>| {
            end(FinalSnapshotArguments {
                skip_final_snapshot: skip,
                final_snapshot_identifier: name.map(str::to_owned),
            })
            .len()
        };
        assert_eq!(judged(true, None) + judged(false, Some("last-1")), 0);
        assert_eq!(judged(false, None), 1);
        assert_eq!(judged(false, Some("last--1")), 1);
    }
}

//! What is wrong with a database's arguments, said before RDS says it.

use ha_kind::{Hooks, Maybe, Path, Problem};
use serde::Deserialize;

use crate::windows::{BackupWindow, MaintenanceWindow};
use crate::{ec2, rds};

/// With all checks.
pub(super) fn all(hooks: Hooks) -> Hooks {
    hooks.check(names).check(master).check(password).check(storage).check(key).check(backups).check(windows).check(end)
}

fn problem(at: &str, message: impl Into<String>) -> Problem {
    Problem { path: Path::attribute(at), message: message.into() }
}

#[derive(Deserialize)]
struct Names {
    identifier: String,
}

fn names(it: Names) -> Vec<Problem> {
    rds::name_problems("identifier", &it.identifier, 63)
}

#[derive(Deserialize)]
struct Master {
    username: Option<Maybe<String>>,
    password: Option<Maybe<String>>,
    manage_master_user_password: Option<bool>,
}

fn master(it: Master) -> Vec<Problem> {
    let managed = it.manage_master_user_password == Some(true);
    let mut problems = Vec::new();
    match it.username {
        None => problems.push(problem("username", "a database needs a master user")),
        Some(Maybe::Known(name)) if !is_user_name(&name) => {
            let message = "a master user's name has 1 to 63 letters, digits and `_`, the first a letter, and is not reserved";
            problems.push(problem("username", message));
        }
        Some(_) => {}
    }
    match (it.password.is_some(), managed) {
        (false, false) => {
            problems.push(problem("password", "a database needs a `password`, or `manage_master_user_password = true`"))
        }
        (true, true) => problems.push(problem("password", "RDS makes the password itself: manage_master_user_password is true")),
        _ => {}
    }
    problems
}

fn is_user_name(name: &str) -> bool {
    let reserved = ["admin", "rdsadmin", "rds_superuser", "postgres_admin"];
    (1..=63).contains(&name.len())
        && name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
        && !(reserved.contains(&name.to_lowercase().as_str()))
}

#[derive(Deserialize)]
struct Password {
    password: Option<String>,
}

/// Says what is wrong without a word of the password.
fn password(it: Password) -> Vec<Problem> {
    let Some(password) = it.password else { return Vec::new() };
    if !(8..=128).contains(&password.chars().count()) {
        return vec![problem("password", "RDS takes passwords of 8 to 128 characters, and this is shorter or longer")];
    }
    let odd = password.chars().any(|it| !it.is_ascii_graphic() || "/@\"".contains(it));
    match odd {
        true => {
            vec![problem("password", "RDS takes printable ASCII only, and no `/`, `@`, `\"` or space; this holds one of them")]
        }
        false => Vec::new(),
    }
}

#[derive(Deserialize)]
struct Storage {
    engine: String,
    storage_type: Option<String>,
    allocated_storage: Option<i32>,
    max_allocated_storage: Option<i32>,
    iops: Option<i32>,
    storage_throughput: Option<i32>,
}

fn storage(it: Storage) -> Vec<Problem> {
    let mut problems = Vec::new();
    let ty = it.storage_type.as_deref().unwrap_or(if it.iops.is_some() { "io1" } else { "gp2" });
    match it.allocated_storage {
        None => problems.push(problem("allocated_storage", "a database needs `allocated_storage`, in GiB")),
        Some(size) => {
            if let Some(limit) = it.max_allocated_storage.filter(|limit| *limit != 0 && *limit < size) {
                let message = format!("max_allocated_storage ({limit}) is less than allocated_storage ({size})");
                problems.push(problem("max_allocated_storage", message));
            }
            if ty == "gp3" && it.engine == "postgres" && size < 400 && (it.iops.is_some() || it.storage_throughput.is_some()) {
                let at = if it.iops.is_some() { "iops" } else { "storage_throughput" };
                problems.push(problem(at, format!("with gp3 this can be chosen from 400 GiB, and allocated_storage is {size}")));
                return problems;
            }
        }
    }
    if let Some(message) = ec2::too_many_iops(ty, it.allocated_storage, it.iops) {
        problems.push(problem("iops", message));
    }
    if it.storage_throughput.is_some() && ty != "gp3" {
        problems.push(problem("storage_throughput", format!("storage_throughput goes with gp3, not {ty}")));
    }
    problems
}

#[derive(Deserialize)]
struct Key {
    kms_key_id: Option<String>,
    storage_encrypted: bool,
}

fn key(it: Key) -> Vec<Problem> {
    match it.kms_key_id {
        // Anything else would come back as this, and a difference here replaces the database.
        Some(key) if !key.starts_with("arn:") => {
            vec![problem("kms_key_id", "the key is named by its ARN, `arn:aws:kms:…`")]
        }
        Some(_) if !it.storage_encrypted => vec![problem("kms_key_id", "a key goes with `storage_encrypted = true`")],
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct Backups {
    backup_retention_period: Option<i32>,
}

fn backups(it: Backups) -> Vec<Problem> {
    match it.backup_retention_period {
        Some(days) if !(0..=35).contains(&days) => {
            vec![problem("backup_retention_period", format!("backups are kept 0 to 35 days, not {days}"))]
        }
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct Windows {
    backup_window: Option<String>,
    maintenance_window: Option<String>,
}

fn windows(it: Windows) -> Vec<Problem> {
    let backup = it.backup_window.map(|it| it.parse::<BackupWindow>());
    let maintenance = it.maintenance_window.map(|it| it.parse::<MaintenanceWindow>());
    match (backup, maintenance) {
        (Some(Ok(backup)), Some(Ok(maintenance))) if backup.overlaps(maintenance) => {
            let message = format!("the backup window {backup} overlaps the maintenance window {maintenance}");
            vec![problem("backup_window", message)]
        }
        (backup, maintenance) => {
            let wrong = |at: &str, message: String| problem(at, message);
            let backup = backup.and_then(Result::err).map(|it| wrong("backup_window", it));
            let maintenance = maintenance.and_then(Result::err).map(|it| wrong("maintenance_window", it));
            backup.into_iter().chain(maintenance).collect()
        }
    }
}

#[derive(Deserialize)]
struct End {
    skip_final_snapshot: bool,
    final_snapshot_identifier: Option<String>,
}

fn end(it: End) -> Vec<Problem> {
    match (it.final_snapshot_identifier, it.skip_final_snapshot) {
        (None, false) => {
            let message =
                "say what becomes of the data when this is destroyed: name a last snapshot, or set `skip_final_snapshot = true`";
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
    fn a_password_is_judged_without_being_told() {
        let judged = |text: &str| password(Password { password: Some(text.into()) });
        assert!(judged("correct-horse-battery").is_empty());
        for text in ["brief", "with a space", "with@at-sign", "mit-ümlaut"] {
            let problems = judged(text);
            assert_eq!(problems.len(), 1, "{text}");
            assert!(!problems[0].message.contains(text));
        }
    }

    #[test]
    fn a_master_has_a_name_and_one_password() {
        let judged = |username: Option<&str>, password: Option<&str>, managed| {
            let known = |it: Option<&str>| it.map(|it| Maybe::Known(it.to_owned()));
            master(Master { username: known(username), password: known(password), manage_master_user_password: managed }).len()
        };
        assert_eq!(judged(Some("circle"), Some("x"), None), 0);
        assert_eq!(judged(Some("circle"), None, Some(true)), 0);
        assert_eq!(judged(None, None, None), 2);
        assert_eq!(judged(Some("rdsadmin"), Some("x"), None), 1);
        assert_eq!(judged(Some("circle"), Some("x"), Some(true)), 1);
    }

    #[test]
    fn disks_are_judged() {
        let judged = |ty: &str, size, iops| {
            let storage_type = Some(ty.to_owned());
            storage(Storage {
                engine: "postgres".into(),
                storage_type,
                allocated_storage: Some(size),
                max_allocated_storage: Some(500),
                iops,
                storage_throughput: None,
            })
        };
        assert!(judged("io1", 300, Some(15000)).is_empty());
        assert_eq!(judged("io1", 300, Some(15001)).len(), 1);
        assert_eq!(judged("gp3", 100, Some(12000)).len(), 1);
        assert_eq!(judged("gp2", 501, None).len(), 1);
    }

    #[test]
    fn windows_do_not_overlap() {
        let judged = |backup: &str, maintenance: &str| {
            windows(Windows { backup_window: Some(backup.into()), maintenance_window: Some(maintenance.into()) }).len()
        };
        assert_eq!(judged("02:00-03:00", "sun:04:00-sun:05:00"), 0);
        assert_eq!(judged("04:30-05:30", "sun:04:00-sun:05:00"), 1);
        assert_eq!(judged("x", "y"), 2);
    }

    #[test]
    fn the_end_is_thought_of() {
        let judged = |skip, name: Option<&str>| {
            end(End { skip_final_snapshot: skip, final_snapshot_identifier: name.map(str::to_owned) }).len()
        };
        assert_eq!(judged(true, None) + judged(false, Some("last-1")), 0);
        assert_eq!(judged(false, None), 1);
        assert_eq!(judged(false, Some("last--1")), 1);
    }
}

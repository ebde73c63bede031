//! The holder of a lock: for messages only, never for decisions.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The holder of a state's lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// A random id of this acquisition.
    pub id: String,
    /// The process id.
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// The id of the machine's current boot, where the system has one: a process of an earlier boot
    /// no longer exists.
    #[serde(default)]
    pub boot: Option<String>,
    /// The user's name.
    pub user: String,
    /// The command, without anything secret: `ha apply`.
    pub command: String,
    /// When it was acquired, in seconds since 1970.
    pub since: i64,
}

impl LockInfo {
    /// This process, running `command` from now on. The command is shown to others, so it must hold
    /// nothing secret.
    #[must_use]
    pub fn here(command: impl Into<String>) -> Self {
        let user = ["USER", "LOGNAME"]
            .iter()
            .find_map(|it| std::env::var(it).ok().filter(|it| !it.is_empty()));
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        Self {
            id: crate::lineage::random_hex(8),
            pid: std::process::id(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot: boot.map(|it| it.trim().to_owned()),
            user: user.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw())),
            command: command.into(),
            since: jiff::Timestamp::now().as_second(),
        }
    }
}

impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, pid, host, boot: _, user, command, since } = self;
        write!(f, "`{command}`, process {pid} of {user} on {host}")?;
        if let Ok(since) = jiff::Timestamp::from_second(*since) {
            write!(f, ", since {since}")?;
        }
        write!(f, " (lock {id})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_user_host_command_and_start() {
        let holder = LockInfo {
            id: "ab12".into(),
            pid: 4711,
            host: "bastion".into(),
            boot: None,
            user: "ops".into(),
            command: "ha apply".into(),
            since: 1_700_000_000,
        };
        assert_eq!(
            holder.to_string(),
            "`ha apply`, process 4711 of ops on bastion, since 2023-11-14T22:13:20Z (lock ab12)"
        );
        assert_eq!(LockInfo::here("ha apply").pid, std::process::id());
    }
}

//! Runs Terraform if it is installed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

static IS_INSTALLED: LazyLock<bool> = LazyLock::new(|| {
    let version = Command::new("terraform").arg("version").env("CHECKPOINT_DISABLE", "1").output();
    version.is_ok_and(|it| it.status.success())
});

/// A command of Terraform in a directory; `None` if it is not installed.
pub(crate) fn terraform(directory: &Path) -> Option<Command> {
    let mut command = Command::new("terraform");
    command
        .current_dir(directory)
        .env("TF_CLI_CONFIG_FILE", "/dev/null")
        .env("CHECKPOINT_DISABLE", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !*IS_INSTALLED {
        skipped();
        return None;
    }
    Some(command)
}

#[expect(clippy::print_stderr, reason = "who runs the tests must know what they did not do")]
fn skipped() {
    eprintln!("skipped: terraform is not installed");
}

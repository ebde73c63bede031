//! A mongod on this machine, started by us and left running.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ha_files::regular_file;
use ha_files::regular_file::LARGEST;
use ha_provider::{CallOutcome, Error};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::process::Command;

use super::startup_failure::{complaints, said};
use super::{CommandOutput, Machine, ServiceStatus, StopMode, port};
use crate::layout::FileLayout;

/// A mongod on this machine.
#[derive(Clone, Debug)]
pub(crate) struct LocalProcess {
    pub(crate) layout: FileLayout,
    /// The program.
    pub(crate) mongod: String,
}

/// A large set of data is checked before mongod listens.
const START_LIMIT: Duration = Duration::from_secs(15 * 60);

fn failed(attempted: impl Into<String>, error: &io::Error) -> Error {
    let failure = Error::from_error(attempted, error).outcome(CallOutcome::Refused);
    match error.kind() {
        ErrorKind::PermissionDenied => {
            failure.help("this user may not do that here; run as another, or choose another `root`")
        }
        ErrorKind::StorageFull => failure.help("the disk is full; make room, then apply again"),
        ErrorKind::ReadOnlyFilesystem => {
            failure.help("the file system is read-only; choose another `root`")
        }
        _ => failure,
    }
}

impl Machine for LocalProcess {
    fn described(&self) -> String {
        "this machine".to_owned()
    }

    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match regular_file::read(path.as_ref(), LARGEST) {
            Ok(content) => Ok(Some(content)),
            Err(error)
                if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(format!("read `{path}`"), &error)),
        }
    }

    async fn put(&self, path: &str, content: &[u8], mode: u32) -> Result<(), Error> {
        let beside = format!("{path}.new");
        let whole = || -> io::Result<()> {
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            write_new(&beside, content, mode)?;
            fs::rename(&beside, path)?;
            sync_folder(path)
        };
        whole().map_err(|error| failed(format!("write `{path}`"), &error))
    }

    async fn put_new(&self, path: &str, content: &[u8], mode: u32) -> Result<bool, Error> {
        // A link fails where the name is taken, so the file is there whole or not at all, and ours
        // or not ours.
        let beside = format!("{path}.new");
        let whole = || -> io::Result<bool> {
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            write_new(&beside, content, mode)?;
            let linked = fs::hard_link(&beside, path);
            fs::remove_file(&beside)?;
            match linked {
                Ok(()) => sync_folder(path).map(|()| true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            }
        };
        whole().map_err(|error| failed(format!("write `{path}`"), &error))
    }

    async fn mode(&self, path: &str) -> Result<Option<u32>, Error> {
        match fs::metadata(path) {
            Ok(about) => Ok(Some(about.permissions().mode() & 0o7777)),
            Err(error)
                if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(format!("look at `{path}`"), &error)),
        }
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<(), Error> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(|error| failed(format!("set the permissions of `{path}`"), &error))
    }

    async fn make_folder(&self, path: &str) -> Result<(), Error> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| failed(format!("make the folder `{path}`"), &error))
    }

    async fn is_empty(&self, path: &str) -> Result<bool, Error> {
        match fs::read_dir(path) {
            Ok(mut entries) => Ok(entries.next().is_none()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(failed(format!("look into `{path}`"), &error)),
        }
    }

    async fn remove(&self, path: &str) -> Result<(), Error> {
        let removed = match fs::symlink_metadata(path) {
            Ok(it) if it.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(failed(format!("remove `{path}`"), &error))
            }
            _ => Ok(()),
        }
    }

    async fn remove_if_empty(&self, path: &str) -> Result<(), Error> {
        match fs::remove_dir(path) {
            Err(error)
                if ![ErrorKind::NotFound, ErrorKind::DirectoryNotEmpty].contains(&error.kind()) =>
            {
                Err(failed(format!("remove the folder `{path}`"), &error))
            }
            _ => Ok(()),
        }
    }

    async fn run(&self, command: &[&str], limit: Duration) -> Result<CommandOutput, Error> {
        let (program, arguments) = command.split_first().expect("a command has a program");
        let attempted = format!("run `{}`", command.join(" "));
        let running = clean(program).args(arguments).kill_on_drop(true).output();
        let output = match tokio::time::timeout(limit, running).await {
            Ok(output) => output.map_err(|error| {
                failed(attempted, &error).help("is the path right, and may this user execute it?")
            })?,
            Err(_) => {
                return Err(Error::new(
                    attempted,
                    format!("it did not end within {} s", limit.as_secs()),
                ));
            }
        };
        let text =
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        Ok(CommandOutput { succeeded: output.status.success(), output: text.concat() })
    }

    async fn service(&self) -> Result<ServiceStatus, Error> {
        let path = self.layout.lock();
        let Some(lock) = self.read(&path).await? else {
            return Ok(ServiceStatus::Stopped(
                "it has not been started here, or its data is gone".to_owned(),
            ));
        };
        let text = String::from_utf8_lossy(&lock).trim().to_owned();
        if text.is_empty() {
            return Ok(ServiceStatus::Stopped("it was stopped cleanly".to_owned()));
        }
        let found = text.parse().ok().and_then(|process| self.own(process));
        Ok(found.unwrap_or_else(|| {
            ServiceStatus::Stopped(format!(
                "it was killed or has crashed: `mongod.lock` still names process {text}, which is gone"
            ))
        }))
    }

    async fn listener(&self, host: &str, port: u16) -> Result<Option<String>, Error> {
        let addresses: Vec<IpAddr> = match (host.trim_matches(['[', ']']), port).to_socket_addrs() {
            Ok(addresses) => addresses.map(|it| it.ip()).collect(),
            Err(error) => {
                return Err(failed(format!("look up `{host}`"), &error)
                    .help("the host's name must resolve on the machine that it runs on"));
            }
        };
        Ok(addresses.into_iter().find_map(|address| port::listener(address, port)))
    }

    async fn start(&self, progress: &(dyn Fn(&str) + Sync)) -> Result<(), Error> {
        let attempted = format!("start `{} -f {}`", self.mongod, self.layout.conf());
        // Killed in the middle of a start, `ha` finds the child of then still on its way.
        let since = Instant::now();
        while self.is_starting() {
            progress("waiting for a mongod that is starting already");
            if since.elapsed() > START_LIMIT {
                return Err(Error::new(attempted, "another one has been starting for too long")
                    .help(self.where_to_look()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let ServiceStatus::Running { .. } = self.service().await? {
                return Ok(());
            }
        }
        let already_logged = fs::metadata(self.layout.log()).map_or(0, |it| it.len());
        // mongod's children keep what it writes to; a pipe would never end, and a file would have
        // to be removed.
        let output = memfd_create("mongod", MemfdFlags::CLOEXEC)
            .map(File::from)
            .map_err(|error| failed(&attempted, &error.into()))?;
        let (out, err) = (output.try_clone(), output.try_clone());
        let (out, err) =
            out.and_then(|out| Ok((out, err?))).map_err(|error| failed(&attempted, &error))?;
        let mut child = clean(&self.mongod)
            .env(STARTED_BY, &self.mongod)
            .args(["-f", &self.layout.conf()])
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(|error| {
                failed(&attempted, &error)
                    .help("is the path in `process.mongod` right, and may this user execute it?")
            })?;
        let ended = loop {
            match tokio::time::timeout(Duration::from_secs(2), child.wait()).await {
                Ok(ended) => break ended.map_err(|error| failed(&attempted, &error))?,
                Err(_) if since.elapsed() > START_LIMIT => {
                    return Err(Error::new(
                        attempted,
                        format!("it does not listen after {} s", START_LIMIT.as_secs()),
                    )
                    .help(self.where_to_look()));
                }
                Err(_) => progress("mongod is checking its data before it listens"),
            }
        };
        if ended.success() {
            return Ok(());
        }
        let mut causes = complaints(&self.layout.log(), already_logged);
        if causes.is_empty() {
            causes = said(output);
        }
        causes.insert(0, format!("mongod gave up ({ended})"));
        Err(Error::new(attempted, causes.join("; ")).help(self.where_to_look()))
    }

    async fn end(&self, how: StopMode) -> Result<(), Error> {
        let ServiceStatus::Running { process, .. } = self.service().await? else { return Ok(()) };
        let attempted = format!("stop mongod (process {process})");
        let Some(pid) = Pid::from_raw(process) else { return Ok(()) };
        // The handle is taken before the second look, so that a process number in new hands is
        // never signalled.
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(failed(attempted, &error.into())),
        };
        if self.own(process).is_none() {
            return Ok(());
        }
        let signal = match how {
            StopMode::Ask => Signal::TERM,
            StopMode::Kill => Signal::KILL,
        };
        match pidfd_send_signal(handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(failed(attempted, &error.into())),
        }
    }
}

impl LocalProcess {
    /// The process, when it is a mongod with our configuration, or what is about to become one.
    fn own(&self, process: i32) -> Option<ServiceStatus> {
        let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
        let words: Vec<&str> =
            line.split(|it| *it == 0).filter_map(|it| std::str::from_utf8(it).ok()).collect();
        let conf = self.layout.conf();
        let reads_it =
            words.windows(2).any(|it| ["-f", "--config"].contains(&it[0]) && it[1] == conf);
        if !reads_it {
            return None;
        }
        let actual = fs::read_link(format!("/proc/{process}/exe")).ok()?;
        let actual = actual.to_str()?;
        let replaced = actual.ends_with(DELETED);
        let actual = actual.trim_end_matches(DELETED);
        let started_by = started_by(process);
        let is_called_so = Path::new(actual)
            .file_name()
            .is_some_and(|it| it.to_string_lossy().starts_with("mongod"));
        // Somebody may only be reading the file: `tail -f`.
        if started_by.is_none() && !is_called_so && !self.has_the_lock(process) {
            return None;
        }
        let named = words.first().filter(|it| it.starts_with('/'));
        let program = started_by.unwrap_or_else(|| named.copied().unwrap_or(actual).to_owned());
        Some(ServiceStatus::Running { process, program, replaced })
    }

    /// Whether a process keeps the file open that every running mongod does.
    fn has_the_lock(&self, process: i32) -> bool {
        let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let Ok(lock) = fs::canonicalize(self.layout.lock()) else { return false };
        open.map(|it| fs::read_link(it.path())).any(|it| it.is_ok_and(|it| it == lock))
    }

    fn is_starting(&self) -> bool {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut numbers = processes.filter_map(|it| it.file_name().to_str()?.parse().ok());
        numbers.any(|it| self.own(it).is_some())
    }

    fn where_to_look(&self) -> String {
        format!("its own words are in `{}`; fix the cause, then apply again", self.layout.log())
    }
}

/// Which program a process was started by, where it was started from here. A wrapper passes this on
/// when it becomes mongod, and mongod's own command line no longer names it.
fn started_by(process: i32) -> Option<String> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    let variables = environment.split(|it| *it == 0).filter_map(|it| std::str::from_utf8(it).ok());
    let mut named =
        variables.filter_map(|it| it.split_once('=')).filter(|(name, _)| *name == STARTED_BY);
    named.next().map(|(_, program)| program.to_owned())
}

const STARTED_BY: &str = "HA_STARTED_BY";

/// What the kernel adds to the name of a program whose file is gone.
const DELETED: &str = " (deleted)";

/// A program that inherits nothing: this one's environment may hold secrets, and mongod keeps it
/// for as long as it lives.
fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C");
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn write_new(path: &str, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

fn sync_folder(of: &str) -> io::Result<()> {
    match Path::new(of).parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(root: &Path) -> LocalProcess {
        LocalProcess {
            layout: FileLayout::new(root.to_str().unwrap()),
            mongod: "/bin/false".into(),
        }
    }

    #[tokio::test]
    async fn a_file_is_put_whole_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem").display().to_string();
        let machine = process(folder.path());
        machine.put(&path, b"one", 0o600).await.unwrap();
        machine.put(&path, b"two", 0o400).await.unwrap();
        assert_eq!(machine.read(&path).await.unwrap().unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_new_file_never_takes_another_ones_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark").display().to_string();
        let machine = process(folder.path());
        assert!(machine.put_new(&path, b"one", 0o600).await.unwrap());
        assert!(!machine.put_new(&path, b"two", 0o600).await.unwrap());
        assert_eq!(machine.read(&path).await.unwrap().unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_process_with_another_command_line_is_never_ours() {
        let folder = tempfile::tempdir().unwrap();
        let machine = process(folder.path());
        fs::create_dir_all(machine.layout.data()).unwrap();
        assert!(
            matches!(machine.service().await.unwrap(), ServiceStatus::Stopped(why) if why.contains("not been started"))
        );
        fs::write(machine.layout.lock(), format!("{}\n", std::process::id())).unwrap();
        assert!(
            matches!(machine.service().await.unwrap(), ServiceStatus::Stopped(why) if why.contains("killed"))
        );
        machine.end(StopMode::Kill).await.unwrap();
        fs::write(machine.layout.lock(), "").unwrap();
        assert!(
            matches!(machine.service().await.unwrap(), ServiceStatus::Stopped(why) if why.contains("cleanly"))
        );
    }

    #[tokio::test]
    async fn a_program_inherits_no_environment() {
        let folder = tempfile::tempdir().unwrap();
        let ran = process(folder.path()).run(&["env"], Duration::from_secs(10)).await.unwrap();
        assert!(ran.succeeded);
        let mut names: Vec<&str> =
            ran.output.lines().filter_map(|it| it.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["LC_ALL", "PATH"]);
    }

    #[tokio::test]
    async fn whoever_only_reads_the_configuration_is_no_mongod() {
        let folder = tempfile::tempdir().unwrap();
        let machine = process(folder.path());
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::write(machine.layout.conf(), "").unwrap();
        let reading = |program: &str| {
            clean(program).args(["-f", &machine.layout.conf()]).kill_on_drop(true).spawn().unwrap()
        };
        let reader = reading("tail");
        let number = i32::try_from(reader.id().unwrap()).unwrap();
        assert!(fs::read_to_string(format!("/proc/{number}/cmdline")).unwrap().contains("-f"));
        assert_eq!(machine.own(number), None);
        assert!(!machine.is_starting());
    }

    #[tokio::test]
    async fn permissions_are_seen_and_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem").display().to_string();
        let machine = process(folder.path());
        assert_eq!(machine.mode(&path).await.unwrap(), None);
        machine.put(&path, b"one", 0o400).await.unwrap();
        machine.set_mode(&path, 0o440).await.unwrap();
        assert_eq!(machine.mode(&path).await.unwrap(), Some(0o440));
    }
}

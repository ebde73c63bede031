//! Files of this machine, written whole or not at all. A symbolic link in the last place is never
//! followed: its target is no file of ours.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ha_provider::{CallOutcome, Error, ErrorContext};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::permission::FilePermission;

/// The size, in bytes, above which a file is not read. Contents come from the configuration and are
/// far smaller.
const LARGEST: u64 = 64 << 20;

/// The object at a path.
#[derive(Debug)]
pub(crate) enum PathStatus {
    /// Nothing.
    Absent,
    /// A file.
    File { content: Vec<u8>, permission: FilePermission },
    /// A file that is too large to be ours.
    Huge(u64),
    /// Something that is no file, described.
    Other(&'static str),
}

/// Reads the object at a path.
pub(crate) fn look(path: &Path) -> io::Result<PathStatus> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(PathStatus::Absent);
        }
        Err(error) => return Err(error),
    };
    let kind = about.file_type();
    if !kind.is_file() {
        let word = match kind {
            _ if kind.is_symlink() => "a symbolic link",
            _ if kind.is_dir() => "a folder",
            _ => "neither a file nor a folder",
        };
        return Ok(PathStatus::Other(word));
    }
    let file = OpenOptions::new().read(true).custom_flags(no_follow()).open(path)?;
    let about = file.metadata()?;
    if about.len() > LARGEST {
        return Ok(PathStatus::Huge(about.len()));
    }
    let mut content = Vec::new();
    file.take(LARGEST).read_to_end(&mut content)?;
    Ok(PathStatus::File {
        content,
        permission: FilePermission(about.permissions().mode() & 0o7777),
    })
}

/// A file to be written.
pub(crate) struct DesiredFile<'a> {
    pub(crate) path: &'a Path,
    pub(crate) content: &'a [u8],
    pub(crate) permission: FilePermission,
    pub(crate) folders: FilePermission,
    /// Makes the name of the temporary file unique.
    pub(crate) token: &'a str,
}

impl DesiredFile<'_> {
    /// Creates the file. One that exists with the same content is adopted: it is the result of an
    /// earlier attempt, or equal to it.
    pub(crate) fn make(&self) -> Result<(), Error> {
        let attempted = self.attempted();
        if let Some(folder) = self.path.parent().filter(|it| !it.as_os_str().is_empty()) {
            let attempted = format!("create the folder `{}`", folder.display());
            let made = DirBuilder::new()
                .recursive(true)
                .mode(self.folders.0)
                .create(folder)
                .attempting(attempted);
            made.map_err(|it| it.outcome(CallOutcome::Refused))?;
        }
        match look(self.path).attempting(&attempted)? {
            PathStatus::Absent => {}
            PathStatus::File { content, .. } if content == self.content => {
                return self.place(RenameFlags::empty());
            }
            PathStatus::File { .. } | PathStatus::Huge(_) => {
                return Err(self.taken("a file with other content"));
            }
            PathStatus::Other(what) => return Err(self.taken(what)),
        }
        self.place(RenameFlags::NOREPLACE)
    }

    /// Replaces the file at the path, or creates it.
    pub(crate) fn replace(&self) -> Result<(), Error> {
        match look(self.path).attempting(self.attempted())? {
            PathStatus::Other(what) => Err(self.taken(what)),
            PathStatus::Absent => self.make(),
            PathStatus::File { .. } | PathStatus::Huge(_) => self.place(RenameFlags::empty()),
        }
    }

    fn place(&self, how: RenameFlags) -> Result<(), Error> {
        let beside = beside(self.path, self.token);
        let placed = self.write(&beside).and_then(|()| self.rename(&beside, how));
        let Err(error) = placed else {
            return sync_folder_of(self.path).attempting(self.attempted());
        };
        // The temporary file may hold a secret, so it is removed. If that fails too, the first
        // failure is the one to report.
        let _ = fs::remove_file(&beside);
        match error.kind() {
            ErrorKind::AlreadyExists => Err(self.taken("something that was created just now")),
            // The rename is atomic, so the path still has its old content.
            _ => Err(Error::from_error(self.attempted(), &error).outcome(CallOutcome::Refused)),
        }
    }

    fn write(&self, beside: &Path) -> io::Result<()> {
        // The temporary file of a killed attempt; its name has the step's token.
        match fs::remove_file(beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(no_follow())
            .open(beside)?;
        file.write_all(self.content)?;
        file.set_permissions(fs::Permissions::from_mode(self.permission.0))?;
        file.sync_all()
    }

    fn rename(&self, beside: &Path, how: RenameFlags) -> io::Result<()> {
        match renameat_with(CWD, beside, CWD, self.path, how) {
            // Not every file system supports a rename that refuses to replace, but the common ones
            // support hard links, which refuse as well.
            Err(Errno::INVAL | Errno::NOSYS) if how == RenameFlags::NOREPLACE => {
                fs::hard_link(beside, self.path)?;
                fs::remove_file(beside)
            }
            renamed => Ok(renamed?),
        }
    }

    fn attempted(&self) -> String {
        format!("write the file `{}`", self.path.display())
    }

    fn taken(&self, what: &str) -> Error {
        let there = format!("there is {what} already, which this configuration did not create");
        Error::new(self.attempted(), there)
            .help("move or remove it if it is not needed, or give another `filename`")
            .outcome(CallOutcome::Refused)
    }
}

/// The temporary file that is renamed to a path. It is in the same folder, because a rename across
/// file systems is not atomic.
pub(crate) fn beside(path: &Path, token: &str) -> PathBuf {
    path.with_file_name(format!(".ha-{token}.new"))
}

/// Removes a file; a missing one is no error.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let attempted = format!("remove the file `{}`", path.display());
    match look(path).attempting(&attempted)? {
        PathStatus::Absent => Ok(()),
        PathStatus::Other(what) => Err(Error::new(
            attempted,
            format!("it is {what} now, which this configuration did not create"),
        )
        .help("find out what put it there; once it is removed the next apply forgets the file")
        .outcome(CallOutcome::Refused)),
        PathStatus::File { .. } | PathStatus::Huge(_) => match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::from_error(attempted, &error))
            }
            _ => sync_folder_of(path).attempting(attempted),
        },
    }
}

/// Flushes the folder of a path: without this a file that was created or removed may reappear or
/// disappear when the machine loses power.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).expect("flags fit what the system takes")
}

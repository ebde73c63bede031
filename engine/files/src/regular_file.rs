//! Files that somebody else wrote: read whole, and only where that ends. A FIFO or a terminal keeps
//! its reader waiting, a device or a file without end fills the memory: only regular files up to a
//! size are read.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// How large a file may be that a person writes, or that a function reads.
pub const LARGEST: u64 = 64 << 20;
/// How large a file may be that holds a key, a passphrase or certificates.
pub const LARGEST_KEY: u64 = 1 << 20;

/// `O_NONBLOCK | O_NOCTTY`: the other end of a FIFO is not waited for, and no terminal is taken as
/// one's own. The standard library has no names for them, and what planning stands on takes no
/// crate that reaches the system.
#[cfg(target_os = "linux")]
const WITHOUT_WAITING: i32 = 0o4000 | 0o400;
#[cfg(not(target_os = "linux"))]
const WITHOUT_WAITING: i32 = 0x4 | 0x2_0000;

/// Opens a regular file to read it. Waits for no one.
///
/// # Errors
/// When it cannot be opened, or is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    // To open a device may already set it to work.
    regular(std::fs::metadata(path)?.file_type())?;
    let file = OpenOptions::new().read(true).custom_flags(WITHOUT_WAITING).open(path)?;
    // Something else may have come into its place.
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most so many bytes.
///
/// # Errors
/// When it cannot be read, is no regular file, or is larger.
pub fn read(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    // Files of /proc say that they are empty.
    let length = file.metadata()?.len();
    if length > largest {
        return Err(too_large(largest));
    }
    // In one piece: what is left behind when it moves may be secret.
    let bytes = Vec::with_capacity(usize::try_from(length + 1).unwrap_or_default());
    read_into(bytes, file, largest)
}

/// Reads a regular file of at most so many bytes, which are text.
///
/// # Errors
/// When it cannot be read, is no regular file, is larger, or is not UTF-8 text (`InvalidData`).
pub fn read_to_string(path: &Path, largest: u64) -> io::Result<String> {
    let bytes = read(path, largest)?;
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Reads all that comes, of at most so many bytes: for the standard input.
///
/// # Errors
/// When it cannot be read, or there is more.
pub fn read_up_to(input: impl Read, largest: u64) -> io::Result<Vec<u8>> {
    read_into(Vec::new(), input, largest)
}

fn read_into(mut bytes: Vec<u8>, input: impl Read, largest: u64) -> io::Result<Vec<u8>> {
    input.take(largest.saturating_add(1)).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= largest => Ok(bytes),
        _ => Err(too_large(largest)),
    }
}

/// Whether a file was refused for what it is: it is there, and is no regular file, or is too large.
#[must_use]
pub fn is_refusal(error: &io::Error) -> bool {
    [ErrorKind::InvalidInput, ErrorKind::IsADirectory, ErrorKind::FileTooLarge]
        .contains(&error.kind())
}

fn too_large(largest: u64) -> io::Error {
    let limit = if largest >= 1 << 20 {
        format!("{} MiB", largest >> 20)
    } else {
        format!("{largest} bytes")
    };
    io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {limit}"))
}

fn regular(kind: FileType) -> io::Result<()> {
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => {
            return Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory, not a file"));
        }
        _ if kind.is_fifo() => "a pipe (FIFO)",
        _ if kind.is_socket() => "a socket",
        _ if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    };
    Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, Mode, OFlags, mkfifoat};

    use super::*;

    #[test]
    fn the_flags_are_the_systems_own() {
        assert_eq!(WITHOUT_WAITING, (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }

    #[test]
    fn what_is_no_regular_file_is_named_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        mkfifoat(CWD, path("pipe"), Mode::from_raw_mode(0o600)).unwrap();
        let _listener = UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("pipe", path("link")).unwrap();
        for (name, told) in [
            (path("pipe"), "a pipe (FIFO)"),
            (path("link"), "a pipe (FIFO)"),
            (path("socket"), "a socket"),
            (folder.path().to_owned(), "a directory"),
            ("/dev/zero".into(), "a device"),
        ] {
            let error = read(&name, LARGEST).unwrap_err();
            assert!(error.to_string().contains(told), "{}: {error}", name.display());
        }
        assert_eq!(read(&path("none"), LARGEST).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        assert_eq!(read(&path, 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
        File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path, LARGEST).unwrap_err().to_string().contains("64 MiB"));
        assert_eq!(read_up_to(io::repeat(0), 10).unwrap_err().kind(), ErrorKind::FileTooLarge);
        // It says that it is empty, and is not.
        assert!(!read(Path::new("/proc/self/status"), LARGEST).unwrap().is_empty());
        assert_eq!(
            read(Path::new("/proc/self/status"), 10).unwrap_err().kind(),
            ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn text_is_told_from_other_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [b'a', 0xff]).unwrap();
        assert_eq!(read_to_string(&path, LARGEST).unwrap_err().kind(), ErrorKind::InvalidData);
        fs::write(&path, "ä").unwrap();
        assert_eq!(read_to_string(&path, LARGEST).unwrap(), "ä");
    }
}

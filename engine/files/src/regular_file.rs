//! Reads whole files that others wrote. A FIFO or a terminal would block the reader, and a device
//! without end would fill the memory, so only regular files up to a size are read.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// The largest file, in bytes, that a person writes or a function of the language reads.
pub const LARGEST: u64 = 64 << 20;
/// The largest file, in bytes, with a key, a passphrase or certificates.
pub const LARGEST_KEY: u64 = 1 << 20;

/// `O_NONBLOCK | O_NOCTTY`: opening a FIFO does not wait for its other end, and opening a terminal
/// does not make it the controlling one. The standard library has no names for the flags, and the
/// crates below planning must not depend on one that calls the system.
#[cfg(target_os = "linux")]
const NON_BLOCKING: i32 = 0o4000 | 0o400;
#[cfg(not(target_os = "linux"))]
const NON_BLOCKING: i32 = 0x4 | 0x2_0000;

/// Opens a regular file for reading. Never blocks.
///
/// # Errors
/// When it cannot be opened, or is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    // Checked before the file is opened: opening a device may already have an effect.
    regular(std::fs::metadata(path)?.file_type())?;
    let file = OpenOptions::new().read(true).custom_flags(NON_BLOCKING).open(path)?;
    // Checked again: the file may have been replaced between the two.
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most `largest` bytes.
///
/// # Errors
/// When it cannot be read, is no regular file, or is larger.
pub fn read(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    // Only a first check: files of /proc report a length of 0, so the read is limited as well.
    let length = file.metadata()?.len();
    if length > largest {
        return Err(too_large(largest));
    }
    // Reserved at once: a vector that grows leaves copies of its content in freed memory, and the
    // content may be a key.
    let bytes = Vec::with_capacity(usize::try_from(length + 1).unwrap_or_default());
    read_into(bytes, file, largest)
}

/// Reads a regular file of at most `largest` bytes of UTF-8.
///
/// # Errors
/// When it cannot be read, is no regular file, is larger, or is not UTF-8 text (`InvalidData`).
pub fn read_to_string(path: &Path, largest: u64) -> io::Result<String> {
    let bytes = read(path, largest)?;
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Reads an input to its end, at most `largest` bytes: for the standard input.
///
/// # Errors
/// When it cannot be read, or is longer.
pub fn read_up_to(input: impl Read, largest: u64) -> io::Result<Vec<u8>> {
    read_into(Vec::new(), input, largest)
}

fn read_into(mut bytes: Vec<u8>, input: impl Read, largest: u64) -> io::Result<Vec<u8>> {
    // One byte more than allowed, to distinguish a file of the largest size from a longer one.
    input.take(largest.saturating_add(1)).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= largest => Ok(bytes),
        _ => Err(too_large(largest)),
    }
}

/// Whether an existing file was refused because it is no regular file or is too large.
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
    fn the_flags_match_the_system() {
        assert_eq!(NON_BLOCKING, (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }

    #[test]
    fn a_file_of_another_type_is_refused_without_blocking() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        mkfifoat(CWD, path("pipe"), Mode::from_raw_mode(0o600)).unwrap();
        let _listener = UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("pipe", path("link")).unwrap();
        for (name, expected) in [
            (path("pipe"), "a pipe (FIFO)"),
            (path("link"), "a pipe (FIFO)"),
            (path("socket"), "a socket"),
            (folder.path().to_owned(), "a directory"),
            ("/dev/zero".into(), "a device"),
        ] {
            let error = read(&name, LARGEST).unwrap_err();
            assert!(error.to_string().contains(expected), "{}: {error}", name.display());
        }
        assert_eq!(read(&path("none"), LARGEST).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        assert_eq!(read(&path, 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
        File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path, LARGEST).unwrap_err().to_string().contains("64 MiB"));
        assert_eq!(read_up_to(io::repeat(0), 10).unwrap_err().kind(), ErrorKind::FileTooLarge);
        // It reports a length of 0, and has content.
        assert!(!read(Path::new("/proc/self/status"), LARGEST).unwrap().is_empty());
        assert_eq!(
            read(Path::new("/proc/self/status"), 10).unwrap_err().kind(),
            ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [b'a', 0xff]).unwrap();
        assert_eq!(read_to_string(&path, LARGEST).unwrap_err().kind(), ErrorKind::InvalidData);
        fs::write(&path, "ä").unwrap();
        assert_eq!(read_to_string(&path, LARGEST).unwrap(), "ä");
    }
}

//! A file that exists in memory alone. The driver takes keys as paths; a path below `/proc/self/fd`
//! keeps them off every disk, and they vanish with this process however it ends.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, memfd_create};

/// An open memory file; its path holds as long as it does.
#[derive(Debug)]
pub(crate) struct MemoryFile(OwnedFd);

impl MemoryFile {
    /// A file with this content. Programs that this one starts do not inherit it.
    pub(crate) fn new(content: &[u8]) -> std::io::Result<Self> {
        let mut file = File::from(memfd_create("ha", MemfdFlags::CLOEXEC)?);
        file.write_all(content)?;
        Ok(Self(file.into()))
    }

    /// A path under which this process can open it.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_path_reads_as_its_content_again_and_again() {
        let file = MemoryFile::new(b"key").unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"key");
        assert_eq!(std::fs::read(file.path()).unwrap(), b"key");
    }
}

//! Paths in normal form.

use std::path::{Component, Path, PathBuf};

/// An absolute path without `.` and `..`. A relative one starts at the directory that `ha` runs in.
/// Symbolic links are not resolved: they may change at any time, and the identity of a file must not.
pub(crate) fn plain(path: &str) -> PathBuf {
    let start = std::env::current_dir().unwrap_or_default();
    plain_from(&start, Path::new(path))
}

/// Whether two strings are the same path.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    one == other || plain(one) == plain(other)
}

fn plain_from(start: &Path, path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in start.join(path).components() {
        match part {
            Component::CurDir => {}
            // `/..` is `/`.
            Component::ParentDir => {
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_however_it_is_written() {
        for (path, plain) in [
            ("x", "/here/x"),
            ("./x", "/here/x"),
            ("a/../x", "/here/x"),
            ("./a/./b/../../x", "/here/x"),
            ("a//x", "/here/a/x"),
            ("../x", "/x"),
            ("../../../x", "/x"),
            ("/here/x", "/here/x"),
            ("/here/../x", "/x"),
            ("..x", "/here/..x"),
        ] {
            assert_eq!(plain_from(Path::new("/here"), Path::new(path)), Path::new(plain), "{path}");
        }
    }
}

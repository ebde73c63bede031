//! The files that functions of the configuration read. Each is read once, and the plan stores its
//! content.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ha_files::regular_file;
use ha_files::regular_file::LARGEST;
use ha_lang::{DirectorySource, MachineFact, SourceFile, written_time};
use ha_plan::FileSource;

use crate::output::io_error::plain;
use crate::workspace::directory_files::{file_names, of_one_family, text};

/// The directory in which the process was started, if `--chdir` left it.
static STARTED_IN: OnceLock<PathBuf> = OnceLock::new();

/// Stores the current directory, before `--chdir` changes it.
pub(crate) fn remember_start() {
    if let Ok(directory) = std::env::current_dir() {
        STARTED_IN.get_or_init(|| directory);
    }
}

/// The content of a file; none if it does not exist.
type FileContent = Option<Arc<[u8]>>;

/// Files of this machine, read and recorded for the plan. Only files below the configuration's
/// directory or an allowed one are read: a configuration may come from a stranger, and a plan must
/// not print the user's credentials.
pub(crate) struct RecordingFiles {
    directory: PathBuf,
    allowed: Vec<PathBuf>,
    read: Mutex<BTreeMap<String, Result<FileContent, String>>>,
}

impl RecordingFiles {
    /// Files below `directory` and below those that are allowed besides.
    pub(crate) fn below(directory: &Path, allowed: &[PathBuf]) -> Self {
        let real = |it: &PathBuf| fs::canonicalize(it).unwrap_or_else(|_| it.clone());
        let mut all = vec![real(&directory.to_owned())];
        all.extend(allowed.iter().map(real));
        Self { directory: directory.to_owned(), allowed: all, read: Mutex::default() }
    }

    /// The content of all files that were read, in base64, as a plan stores it.
    pub(crate) fn kept(&self) -> BTreeMap<String, Option<String>> {
        let kept = |(path, content): (&String, &Result<FileContent, String>)| {
            let content = content.as_ref().ok()?;
            Some((path.clone(), content.as_ref().map(|it| STANDARD.encode(it))))
        };
        self.cache().iter().filter_map(kept).collect()
    }

    fn cache(&self) -> MutexGuard<'_, BTreeMap<String, Result<FileContent, String>>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn once(
        &self,
        name: &str,
        look: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<FileContent, String> {
        // Each file is read once, so that all expressions of a plan see the same content even if the
        // file changes meanwhile.
        if let Some(known) = self.cache().get(name) {
            return known.clone();
        }
        let content = self.look(name, look);
        self.cache().insert(name.to_owned(), content.clone());
        content
    }

    /// Checks that a canonical path may be read; the error suggests to allow `around`.
    fn check(&self, real: &Path, around: &Path) -> Result<(), String> {
        match self.allowed.iter().any(|it| real.starts_with(it)) {
            true => Ok(()),
            false => {
                let around = around.display();
                Err(format!(
                    "it lies outside of the configuration's directory; `--allow-read {around}` allows it"
                ))
            }
        }
    }

    fn look(
        &self,
        name: &str,
        look: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<FileContent, String> {
        let path = self.directory.join(name);
        // The check needs the canonical path: a link or `..` could lead out of the directory.
        let real = match fs::canonicalize(&path) {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(plain(&error)),
        };
        self.check(&real, real.parent().unwrap_or(&real))?;
        match look(&real) {
            Ok(content) => Ok(Some(content.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(plain(&error)),
        }
    }
}

impl DirectorySource for RecordingFiles {
    fn files(&self, directory: &str) -> Result<Vec<SourceFile>, String> {
        let path = self.directory.join(directory);
        let real = fs::canonicalize(&path).map_err(|error| plain(&error))?;
        self.check(&real, &real)?;
        let names = of_one_family(file_names(&real).map_err(|error| plain(&error))?)?;
        let read = |name: &String| {
            let shown = format!("{directory}/{name}");
            let file = fs::canonicalize(real.join(name))
                .map_err(|error| format!("`{shown}`: {}", plain(&error)))?;
            self.check(&file, &real)?;
            let bytes = regular_file::read(&file, LARGEST)
                .map_err(|error| format!("`{shown}`: {}", plain(&error)))?;
            let text = text(bytes)
                .map_err(|line| format!("`{shown}` is not UTF-8 text in line {line}"))?;
            Ok(SourceFile::new(shown, text))
        };
        names.iter().map(read).collect()
    }
}

impl FileSource for RecordingFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        self.once(path, |it| regular_file::read(it, LARGEST))?.ok_or_else(no_such_file)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let below = |it: &Path| match fs::metadata(it)?.is_dir() {
            true => Ok(below(it, "")?.join("\n").into_bytes()),
            false => Ok(Vec::new()),
        };
        // As in Terraform's `fileset`, a missing directory has no files.
        self.once(&listing(directory), below)?.map_or_else(|| Ok(Vec::new()), |it| names(&it))
    }

    fn machine(&self, fact: MachineFact) -> Result<Arc<str>, String> {
        let mut cache = self.cache();
        let value = cache.entry(fact_key(fact)).or_insert_with(|| {
            let value = match fact {
                MachineFact::Directory => {
                    std::path::absolute(&self.directory).map_err(|error| plain(&error))?
                }
                MachineFact::WorkingDirectory if STARTED_IN.get().is_some() => {
                    STARTED_IN.get().cloned().unwrap_or_default()
                }
                other => here(other)?.into(),
            };
            Ok(Some(value.to_string_lossy().as_bytes().into()))
        });
        fact_in(value.clone()?.as_deref(), fact)
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        Ok(self.once(path, |it| regular_file::read(it, LARGEST))?.is_some())
    }
}

/// The files that are stored in a plan.
pub(crate) struct SnapshotFiles {
    files: BTreeMap<String, FileContent>,
}

impl SnapshotFiles {
    /// The files of a plan; none if their base64 cannot be decoded.
    pub(crate) fn new(kept: &BTreeMap<String, Option<String>>) -> Option<Self> {
        let content = |(path, content): (&String, &Option<String>)| {
            let content = content
                .as_ref()
                .map(|it| STANDARD.decode(it).ok())
                .map_or(Some(None), |it| it.map(Some))?;
            Some((path.clone(), content.map(Arc::from)))
        };
        Some(Self { files: kept.iter().map(content).collect::<Option<_>>()? })
    }

    fn kept(&self, path: &str) -> Result<&FileContent, String> {
        self.files.get(path).ok_or_else(|| "the plan was made without it; plan again".into())
    }
}

impl FileSource for SnapshotFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        self.kept(path)?.clone().ok_or_else(no_such_file)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        self.kept(&listing(directory))?.as_ref().map_or_else(|| Ok(Vec::new()), |it| names(it))
    }

    fn machine(&self, fact: MachineFact) -> Result<Arc<str>, String> {
        fact_in(self.kept(&fact_key(fact))?.as_deref(), fact)
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        Ok(self.kept(path)?.is_some())
    }
}

/// The key of a directory's listing. It ends in `/`, so that no file has the same key.
fn listing(directory: &str) -> String {
    format!("{}/", directory.trim_end_matches('/'))
}

/// The key of a machine fact. It ends in `//`, so that no file or listing has the same key.
fn fact_key(fact: MachineFact) -> String {
    format!("{}//", fact.name())
}

fn fact_in(content: Option<&[u8]>, fact: MachineFact) -> Result<Arc<str>, String> {
    let text = content.and_then(|it| std::str::from_utf8(it).ok());
    text.map(Arc::from).ok_or_else(|| format!("{} is not known", fact.name()))
}

fn names(listing: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(listing).map_err(|_| "it holds names that are not UTF-8")?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The files below a directory, with `/` between the parts. Links to directories are not followed.
fn below(directory: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().map(|it| format!("{prefix}{it}")) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it holds names that are not UTF-8",
            ));
        };
        match entry.file_type()?.is_dir() {
            true => found.extend(below(&entry.path(), &format!("{name}/"))?),
            false => found.push(name),
        }
    }
    found.sort();
    Ok(found)
}

fn no_such_file() -> String {
    "there is no such file".into()
}

/// A fact of this machine and this moment, for a configuration in the working directory.
fn here(fact: MachineFact) -> Result<String, String> {
    match fact {
        MachineFact::Directory | MachineFact::WorkingDirectory => match std::env::current_dir() {
            Ok(directory) => Ok(directory.to_string_lossy().into_owned()),
            Err(error) => Err(format!("{} cannot be read: {error}", fact.name())),
        },
        MachineFact::Home => std::env::var("HOME")
            .map_err(|_| format!("{} is not known: HOME is not set", fact.name())),
        MachineFact::PlanTime => written_time(SystemTime::now()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("stack/sub")).unwrap();
        fs::write(directory.path().join("stack/a.txt"), "a").unwrap();
        fs::write(directory.path().join("stack/sub/b.bin"), [0, 255]).unwrap();
        fs::write(directory.path().join("credentials"), "secret").unwrap();
        directory
    }

    #[test]
    fn what_was_read_can_be_read_from_the_plan() {
        let directory = directory();
        let files = RecordingFiles::below(&directory.path().join("stack"), &[]);
        assert_eq!(&*files.read("a.txt").unwrap(), b"a");
        assert_eq!(&*files.read("./sub/b.bin").unwrap(), [0, 255]);
        assert_eq!(files.exists("gone.txt"), Ok(false));
        assert_eq!(files.list(".").unwrap(), ["a.txt", "sub/b.bin"]);
        let kept = SnapshotFiles::new(&files.kept()).unwrap();
        drop(directory);
        assert_eq!(&*kept.read("a.txt").unwrap(), b"a");
        assert_eq!(&*kept.read("./sub/b.bin").unwrap(), [0, 255]);
        assert_eq!(kept.exists("gone.txt"), Ok(false));
        assert_eq!(kept.list(".").unwrap(), ["a.txt", "sub/b.bin"]);
        assert!(kept.read("never.txt").unwrap_err().contains("plan again"));
    }

    #[test]
    fn a_file_is_read_once() {
        let directory = directory();
        let files = RecordingFiles::below(&directory.path().join("stack"), &[]);
        files.read("a.txt").unwrap();
        fs::write(directory.path().join("stack/a.txt"), "changed").unwrap();
        assert_eq!(&*files.read("a.txt").unwrap(), b"a");
    }

    #[test]
    fn what_lies_outside_is_refused_even_behind_a_link() {
        let directory = directory();
        let stack = directory.path().join("stack");
        std::os::unix::fs::symlink("../credentials", stack.join("link")).unwrap();
        let files = RecordingFiles::below(&stack, &[]);
        for path in ["../credentials", "link", "sub/../../credentials", "/etc/hostname"] {
            assert!(files.read(path).unwrap_err().contains("--allow-read"), "{path}");
        }
        let files = RecordingFiles::below(&stack, &[directory.path().to_owned()]);
        assert_eq!(&*files.read("link").unwrap(), b"secret");
    }
}

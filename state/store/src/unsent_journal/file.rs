//! The file of unsent segments: a line of JSON with the lineage, then each segment behind a line of
//! JSON with its length and checksum.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ha_files::regular_file;
use serde::{Deserialize, Serialize};

use crate::StateError;
use crate::error::LARGEST_STATE;
use crate::store::JournalSegment;

const FORMAT: u32 = 1;

/// The segments that could not be sent.
pub(super) struct UnsentSegments {
    /// The lineage of their state.
    pub(super) lineage: String,
    pub(super) segments: Vec<JournalSegment>,
}

/// The path of the file.
#[derive(Clone)]
pub(super) struct UnsentFile(PathBuf);

#[derive(Serialize, Deserialize)]
struct UnsentHeader {
    format: u32,
    lineage: String,
    /// The place of the store, for people who read the file.
    place: String,
}

#[derive(Serialize, Deserialize)]
struct SegmentHeader {
    number: u64,
    length: usize,
    crc: u32,
}

impl UnsentFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The content; none without a file. A torn last segment is left out: it was not acknowledged.
    pub(super) fn read(&self) -> Result<Option<UnsentSegments>, StateError> {
        let bytes = match regular_file::read(&self.0, LARGEST_STATE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::io("read", &self.0, &error)),
        };
        let unreadable = || StateError::unsent_unreadable(&self.0);
        let (head, mut rest) = line::<UnsentHeader>(&bytes).ok_or_else(unreadable)?;
        if head.format > FORMAT {
            return Err(StateError::newer_format(
                &format!("`{}`", self.0.display()),
                head.format,
                FORMAT,
            ));
        }
        let mut segments = Vec::new();
        // A segment whose length or checksum does not fit was torn by a kill; so is everything
        // behind it.
        while let Some((SegmentHeader { number, length, crc }, behind)) = line(rest)
            && let Some((bytes, behind)) = behind.split_at_checked(length)
            && crc32fast::hash(bytes) == crc
        {
            segments.push(JournalSegment { number, bytes: bytes.to_vec() });
            rest = behind;
        }
        Ok(Some(UnsentSegments { lineage: head.lineage, segments }))
    }

    /// Creates the file atomically, with its first segment.
    pub(super) fn begin(
        &self,
        lineage: &str,
        place: &str,
        number: u64,
        bytes: &[u8],
    ) -> Result<(), StateError> {
        let head =
            UnsentHeader { format: FORMAT, lineage: lineage.to_owned(), place: place.to_owned() };
        let mut content = to_line(&head);
        content.extend(segment(number, bytes));
        let draft = self.0.with_extension("unsent.new");
        let directory = self.0.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
        let write = || {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            match fs::remove_file(&draft) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            file.write_all(&content).and_then(|()| file.sync_all())?;
            // A link and not a rename: an existing file is not sent yet, and must never be
            // replaced.
            fs::hard_link(&draft, &self.0)?;
            fs::remove_file(&draft)?;
            File::open(directory)?.sync_all()
        };
        write().map_err(|error| StateError::io("write", &self.0, &error))
    }

    /// Appends a segment. It is on disk when this returns.
    pub(super) fn append(&self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let file = OpenOptions::new().append(true).open(&self.0);
        let written = file
            .and_then(|mut it| it.write_all(&segment(number, bytes)).and_then(|()| it.sync_all()));
        written.map_err(|error| StateError::io("write", &self.0, &error))
    }

    /// Removes the file once it is sent.
    pub(super) fn remove(&self) -> Result<(), StateError> {
        fs::remove_file(&self.0).map_err(|error| StateError::io("remove", &self.0, &error))
    }
}

fn segment(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut content =
        to_line(&SegmentHeader { number, length: bytes.len(), crc: crc32fast::hash(bytes) });
    content.extend_from_slice(bytes);
    content
}

fn to_line(content: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(content).expect("a line has only text keys");
    line.push(b'\n');
    line
}

/// The parsed first line, and the bytes behind it.
fn line<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<(T, &'a [u8])> {
    let end = bytes.iter().position(|it| *it == b'\n')?;
    Some((serde_json::from_slice(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

//! Existing files and folders that are in the way of the files of a plan.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ha_provider::{ArgumentProblem, IntendedChange, MaybeUnknown};
use ha_value::Path as Place;
use serde::Deserialize;

use crate::file_system;
use crate::file_system::PathStatus;
use crate::path;

#[derive(Deserialize)]
struct Name {
    filename: String,
}

#[derive(Deserialize)]
struct Given {
    content: Option<MaybeUnknown<String>>,
    sensitive_content: Option<MaybeUnknown<String>>,
    content_base64: Option<MaybeUnknown<String>>,
}

/// The problems of files that the plan creates, each with the change's place in the plan. A path
/// that the plan itself frees is no problem.
pub(crate) fn in_the_way(kind: &str, planned: &[IntendedChange]) -> Vec<(usize, ArgumentProblem)> {
    let ours = || planned.iter().enumerate().filter(|(_, it)| &*it.kind == kind);
    let at = |it: Name| path::plain(&it.filename);
    let going: BTreeSet<PathBuf> = ours()
        .filter(|(_, it)| it.action.destroys())
        .filter_map(|(_, it)| it.before().map(at))
        .collect();
    let each = |(place, it): (usize, &IntendedChange)| {
        let Name { filename } = it.after()?;
        let path = path::plain(&filename);
        // A file at the path of a folder that is removed is created after that removal anyway.
        let is_free = going.iter().any(|gone| path.starts_with(gone));
        let what = if is_free { None } else { standing(Path::new(&filename), it.after()?) }?;
        let message = format!("`{filename}` cannot be created: {what}; move or import it");
        Some((place, ArgumentProblem { path: Place::attribute("filename"), message }))
    };
    ours().filter(|(_, it)| it.action.makes()).filter_map(each).collect()
}

/// Why no file can be created at a path; none where one can.
fn standing(path: &Path, wanted: Given) -> Option<String> {
    match file_system::look(path).ok()? {
        PathStatus::Absent => in_the_place_of_its_folder(path),
        PathStatus::File { content, .. } => {
            let is_other = wanted.bytes().is_some_and(|it| it != content);
            is_other.then(|| "there is a file with other content already".into())
        }
        PathStatus::Huge(_) => Some("there is a file with other content already".into()),
        PathStatus::Other(what) => Some(format!("there is {what} already")),
    }
}

/// The first parent of a path that exists and is no folder.
fn in_the_place_of_its_folder(path: &Path) -> Option<String> {
    let above = path.ancestors().skip(1).filter(|it| !it.as_os_str().is_empty());
    for folder in above {
        match std::fs::metadata(folder) {
            Ok(it) if it.is_dir() => return None,
            Ok(_) => return Some(format!("`{}` exists and is no folder", folder.display())),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(_) => return None,
        }
    }
    None
}

impl Given {
    /// The content of the file; none where it is not known yet.
    fn bytes(self) -> Option<Vec<u8>> {
        match (self.content, self.sensitive_content, self.content_base64) {
            (Some(MaybeUnknown::Known(text)), None, None)
            | (None, Some(MaybeUnknown::Known(text)), None) => Some(text.into_bytes()),
            (None, None, Some(MaybeUnknown::Known(bytes))) => STANDARD.decode(bytes).ok(),
            _ => None,
        }
    }
}

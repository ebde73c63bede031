//! What stands where a plan is to make files, and would not let it.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ha_provider::{Intended, Maybe, Problem};
use ha_value::Path as Place;
use serde::Deserialize;

use crate::file_system;
use crate::file_system::Standing;
use crate::path;

#[derive(Deserialize)]
struct Name {
    filename: String,
}

#[derive(Deserialize)]
struct Given {
    content: Option<Maybe<String>>,
    sensitive_content: Option<Maybe<String>>,
    content_base64: Option<Maybe<String>>,
}

/// What stands in the way of the files that the plan makes, by each one's place in the plan. What the plan takes away
/// itself is none.
pub(crate) fn in_the_way(kind: &str, planned: &[Intended]) -> Vec<(usize, Problem)> {
    let ours = || planned.iter().enumerate().filter(|(_, it)| &*it.kind == kind);
    let at = |it: Name| path::plain(&it.filename);
    let going: BTreeSet<PathBuf> =
        ours().filter(|(_, it)| it.action.destroys()).filter_map(|(_, it)| it.before().map(at)).collect();
    let each = |(place, it): (usize, &Intended)| {
        let Name { filename } = it.after()?;
        let path = path::plain(&filename);
        // A file in the place of a folder that goes has to wait for it in any case.
        let is_free = going.iter().any(|gone| path.starts_with(gone));
        let what = if is_free { None } else { standing(Path::new(&filename), it.after()?) }?;
        let message = format!("`{filename}` cannot be made: {what}; move that away, or import it");
        Some((place, Problem { path: Place::attribute("filename"), message }))
    };
    ours().filter(|(_, it)| it.action.makes()).filter_map(each).collect()
}

/// What is at a path where it lets no file be made.
fn standing(path: &Path, wanted: Given) -> Option<String> {
    match file_system::look(path).ok()? {
        Standing::Absent => in_the_place_of_its_folder(path),
        Standing::File { content, .. } => {
            let is_other = wanted.bytes().is_some_and(|it| it != content);
            is_other.then(|| "there is a file with other content already".into())
        }
        Standing::Huge(_) => Some("there is a file with other content already".into()),
        Standing::Other(what) => Some(format!("there is {what} already")),
    }
}

/// What is no folder on the way to a path.
fn in_the_place_of_its_folder(path: &Path) -> Option<String> {
    let above = path.ancestors().skip(1).filter(|it| !it.as_os_str().is_empty());
    for folder in above {
        match std::fs::metadata(folder) {
            Ok(it) if it.is_dir() => return None,
            Ok(_) => return Some(format!("`{}` stands there and is no folder", folder.display())),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(_) => return None,
        }
    }
    None
}

impl Given {
    /// The bytes that are to be there; none where they are not known yet.
    fn bytes(self) -> Option<Vec<u8>> {
        match (self.content, self.sensitive_content, self.content_base64) {
            (Some(Maybe::Known(text)), None, None) | (None, Some(Maybe::Known(text)), None) => Some(text.into_bytes()),
            (None, None, Some(Maybe::Known(bytes))) => STANDARD.decode(bytes).ok(),
            _ => None,
        }
    }
}

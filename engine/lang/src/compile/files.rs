//! The files of one directory: which belong together, and in which order they are read.

use ha_diagnostics::Diagnostic;

use crate::SourceFile;
use crate::diagnostics::file as mistakes;
use crate::json;
use crate::parse;
use crate::source::{FileFamily, FileRole, is_json};
use crate::syntax::BodySyntax;

/// The files of one directory, sorted out.
pub(super) struct DirectoryFiles<'a> {
    pub(super) family: FileFamily,
    pub(super) primary: Vec<&'a SourceFile>,
    pub(super) overrides: Vec<&'a SourceFile>,
}

impl<'a> DirectoryFiles<'a> {
    /// Sorts out what belongs to a configuration. Of two families the one that came first is read.
    pub(super) fn sorted(files: &'a [SourceFile], problems: &mut Vec<Diagnostic>) -> Self {
        let mut sorted =
            Self { family: FileFamily::Ha, primary: Vec::new(), overrides: Vec::new() };
        let mut first: Option<(&SourceFile, FileFamily)> = None;
        let mut mixed = false;
        for file in files {
            let role =
                FileRole::from_file_name(&file.name).unwrap_or(FileRole::Primary(FileFamily::Ha));
            let (family, place) = match role {
                FileRole::Primary(family) => (family, &mut sorted.primary),
                FileRole::Override(family) => (family, &mut sorted.overrides),
                FileRole::Beside => {
                    problems.push(mistakes::beside(&file.name));
                    continue;
                }
            };
            match first {
                Some((other, own)) if own != family => {
                    if !mixed {
                        problems.push(mistakes::two_families(&other.name, &file.name));
                    }
                    mixed = true;
                    continue;
                }
                Some(_) => {}
                None => {
                    first = Some((file, family));
                    sorted.family = family;
                }
            }
            place.push(file);
        }
        sorted
    }
}

/// What a file says, in either syntax.
pub(super) fn body(file: &SourceFile) -> (BodySyntax, Vec<Diagnostic>) {
    if is_json(&file.name) { json::body(file) } else { parse::body(file) }
}

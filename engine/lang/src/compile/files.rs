//! The files of one directory, sorted by role.

use ha_diagnostics::Diagnostic;

use crate::SourceFile;
use crate::diagnostics::file as mistakes;
use crate::json;
use crate::parse;
use crate::source::{FileFamily, FileRole, is_json};
use crate::syntax::BodySyntax;

/// The files of one directory, sorted by role.
pub(super) struct DirectoryFiles<'a> {
    pub(super) family: FileFamily,
    pub(super) primary: Vec<&'a SourceFile>,
    pub(super) overrides: Vec<&'a SourceFile>,
}

impl<'a> DirectoryFiles<'a> {
    /// Sorts the files of a configuration. If there are files of two families, those of the family of
    /// the first file are read.
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

/// Parses a file as HCL or, by its name, as JSON.
pub(super) fn body(file: &SourceFile) -> (BodySyntax, Vec<Diagnostic>) {
    if is_json(&file.name) { json::body(file) } else { parse::body(file) }
}

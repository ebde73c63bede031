//! The files of a configuration in its directory.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use ha_diagnostics::code;
use ha_files::regular_file;
use ha_files::regular_file::LARGEST;
use ha_lang::{FileFamily, SourceFile};

use crate::output::command_error::CommandError;
use crate::views::diagnostic::RenderedDiagnostic;

/// The blocks that say where a state is kept and which key it has.
const WORDS: [&str; 2] = ["backend", "encryption"];

/// Whether there is a configuration in a directory.
pub(crate) fn has_configuration(directory: &Path) -> bool {
    file_names(directory)
        .is_ok_and(|names| names.iter().any(|it| FileFamily::from_file_name(it).is_some()))
}

/// Whether the configuration in a directory may say where its state is kept. It is not read for
/// that: what has not the word in it does not.
///
/// # Errors
/// When its files cannot be read.
pub(crate) fn says_where(directory: &Path) -> Result<bool, CommandError> {
    for name in file_names(directory)
        .unwrap_or_default()
        .iter()
        .filter(|it| FileFamily::from_file_name(it).is_some())
    {
        let bytes = regular_file::read(&directory.join(name), LARGEST)
            .with_context(|| format!("could not read `{name}`"))?;
        if WORDS.iter().any(|word| bytes.windows(word.len()).any(|it| it == word.as_bytes())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The family of the files in a directory; `FileFamily::Ha` if there are none.
pub(crate) fn family_of(directory: &Path) -> FileFamily {
    let names = file_names(directory).unwrap_or_default();
    names.iter().find_map(|it| FileFamily::from_file_name(it)).unwrap_or(FileFamily::Ha)
}

/// The files of the configuration in the directory itself.
pub(crate) fn source_files(directory: &Path) -> Result<Vec<SourceFile>, CommandError> {
    let names = file_names(directory)
        .with_context(|| format!("could not list the directory `{}`", directory.display()))?;
    let names = of_one_family(names).map_err(RenderedDiagnostic::error)?;
    if names.is_empty() {
        let place = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let notice = RenderedDiagnostic::error(format!("there is no configuration in `{}`", place.display()))
            .code(code::NO_CONFIGURATION)
            .help("write one in files that end in `.hcl` or `.tf`, or name another directory with `--chdir DIR`");
        return Err(notice.into());
    }
    names.iter().map(|it| source_file(directory, Path::new(it))).collect()
}

/// The files of a configuration among those of a directory.
///
/// # Errors
/// When they are not all of one spelling: it would not be plain which of them counts.
pub(crate) fn of_one_family(names: Vec<String>) -> Result<Vec<String>, String> {
    let names: Vec<String> =
        names.into_iter().filter(|it| FileFamily::from_file_name(it).is_some()).collect();
    let of = |spelling| names.iter().find(|it| FileFamily::from_file_name(it) == Some(spelling));
    match (of(FileFamily::Ha), of(FileFamily::Terraform)) {
        (Some(ha), Some(terraform)) => Err(format!(
            "`{ha}` and `{terraform}` are in one directory; name all its files alike, `.hcl` or `.tf`"
        )),
        _ => Ok(names),
    }
}

/// Reads a source file; diagnostics show its name as it was given.
pub(crate) fn source_file(directory: &Path, name: &Path) -> Result<SourceFile, CommandError> {
    let shown = name.display().to_string();
    let bytes = regular_file::read(&directory.join(name), LARGEST)
        .with_context(|| format!("could not read `{shown}`"))?;
    let text = text(bytes).map_err(|line| not_text(&shown, line))?;
    Ok(SourceFile::new(shown, text))
}

/// The error for a file that is not UTF-8 from some line on.
pub(crate) fn not_text(name: &str, line: usize) -> RenderedDiagnostic {
    RenderedDiagnostic::error(format!("`{name}` is not UTF-8 text"))
        .code(code::NOT_TEXT)
        .note("line", line.to_string())
        .help("save it as UTF-8")
}

/// The text that a file holds.
///
/// # Errors
/// The line that is not UTF-8.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, usize> {
    String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        error.as_bytes()[..sound].iter().filter(|it| **it == b'\n').count() + 1
    })
}

/// Names of the files in a directory itself, in order. A pipe or a device counts as one, lest it be
/// passed over in silence where a part of the configuration is meant.
pub(crate) fn file_names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().filter(|_| is_no_directory(&entry.path())) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn is_no_directory(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| !it.is_dir())
}

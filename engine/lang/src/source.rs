//! Source files and their roles.

use std::sync::Arc;

/// One file of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name that diagnostics and spans show.
    pub name: Arc<str>,
    /// The content.
    pub text: Arc<str>,
}

impl SourceFile {
    /// A file of this name and text.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// The family of file names. All files of a directory belong to one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFamily {
    /// `*.hcl` and `*.hcl.json`, with `ha` blocks.
    Ha,
    /// `*.tf` and `*.tf.json`, with `terraform` blocks.
    Terraform,
}

impl FileFamily {
    /// The type of the block with settings.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            FileFamily::Ha => "ha",
            FileFamily::Terraform => "terraform",
        }
    }
}

/// The role of a file in its directory, which follows from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// A file of the configuration.
    Primary(FileFamily),
    /// A file whose blocks are merged into those of the primary files.
    Override(FileFamily),
    /// A file of Terraform that is stored beside a configuration and is no part of it: tests, mocks,
    /// queries.
    Beside,
}

impl FileRole {
    /// The role of the file of this name; `None` for a file that is unrelated to configurations.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
        let plain = name.strip_suffix(".json").unwrap_or(name);
        let (stem, suffix) = plain.rsplit_once('.')?;
        // Hidden files and the temporary files of editors, as Terraform ignores them.
        if stem.is_empty() || name.starts_with('.') || name.starts_with('#') {
            return None;
        }
        let family = match suffix {
            "hcl" if BESIDE.iter().any(|it| stem.ends_with(it)) => return Some(FileRole::Beside),
            "tftest" | "tfmock" | "tfquery" if plain.len() < name.len() => {
                return Some(FileRole::Beside);
            }
            "hcl" => FileFamily::Ha,
            "tf" => FileFamily::Terraform,
            _ => return None,
        };
        Some(if stem == "override" || stem.ends_with("_override") {
            FileRole::Override(family)
        } else {
            FileRole::Primary(family)
        })
    }
}

/// The endings before `.hcl` of files of Terraform and OpenTofu that are no configuration.
const BESIDE: [&str; 7] =
    [".tftest", ".tofutest", ".tfmock", ".tfquery", ".tfstack", ".tfcomponent", ".tfdeploy"];

/// Whether a file of this name holds JSON.
pub(crate) fn is_json(name: &str) -> bool {
    name.ends_with(".json")
}

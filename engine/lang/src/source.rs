//! Source strings.

use std::sync::Arc;

/// One file of a configuration, as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name, as diagnostics and spans say it.
    pub name: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

impl SourceFile {
    /// A file of this name and text.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// How the files of a directory are spelt: they are all of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFamily {
    /// `*.hcl` and `*.hcl.json`, with `ha` blocks.
    Ha,
    /// `*.tf` and `*.tf.json`, with `terraform` blocks.
    Terraform,
}

impl FileFamily {
    /// What the block with settings is called.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            FileFamily::Ha => "ha",
            FileFamily::Terraform => "terraform",
        }
    }
}

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// Part of the configuration.
    Primary(FileFamily),
    /// It says other things of blocks that are in the primary files.
    Override(FileFamily),
    /// Something that Terraform keeps beside a configuration and that is not part of it: tests,
    /// queries, mocks.
    Beside,
}

impl FileRole {
    /// What the file of this name is; none where it has nothing to do with a configuration.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
        let plain = name.strip_suffix(".json").unwrap_or(name);
        let (stem, suffix) = plain.rsplit_once('.')?;
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

/// What stands before `.hcl` in files of Terraform that are no configuration.
const BESIDE: [&str; 6] =
    [".tftest", ".tfmock", ".tfquery", ".tfstack", ".tfcomponent", ".tfdeploy"];

/// Whether a file of this name holds JSON.
pub(crate) fn is_json(name: &str) -> bool {
    name.ends_with(".json")
}

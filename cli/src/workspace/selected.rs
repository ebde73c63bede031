//! Named environments: one configuration with several states, each with its own values.

use std::path::{Path, PathBuf};

use ha_lang::FileFamily;
use ha_value::closest;

use crate::output::command_error::CommandError;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::directory_files::{family_of, file_names};

/// The directory of the environments' values, below the configuration's.
const VALUES: &str = "env";
/// The environment variable that names the environment if `--env` does not.
const VARIABLE: &str = "HA_ENV";
/// The environment that has no name.
const DEFAULT: &str = "default";

/// An environment that has a name. Its values are in `env/NAME.hclvars`, its state is in
/// `.ha/env/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    name: String,
}

impl Workspace {
    /// The environment that was asked for; none for the default one.
    ///
    /// # Errors
    /// When there is no such environment: with a misspelled name, planning would find an empty state
    /// and create everything a second time.
    pub(crate) fn asked(
        asked: Option<&str>,
        directory: &Path,
    ) -> Result<Option<Self>, CommandError> {
        let Some(name) = asked.filter(|it| *it != DEFAULT).map(str::to_owned) else {
            return Ok(None);
        };
        if let Some(why) = no_name(&name) {
            let notice =
                RenderedDiagnostic::error(format!("`{name}` is no name of an environment: {why}"));
            return Err(notice
                .help("its name is the name of files: for example `prod` or `eu-2`")
                .into());
        }
        let known = known(directory);
        if known.contains(&name) {
            return Ok(Some(Self { name }));
        }
        let values = format!("{VALUES}/{name}{}", family_of(directory).values_suffix());
        let notice = RenderedDiagnostic::error(format!("there is no environment `{name}`"));
        let notice = match closest(&name, known.iter().map(String::as_str)) {
            Some(closest) => notice.help(format!("did you mean `{closest}`?")),
            None if known.is_empty() => notice,
            None => notice.help(format!("there are {}", known.join(", "))),
        };
        Err(notice
            .help(format!("to begin one, write its values in `{values}`; an empty file will do"))
            .into())
    }

    /// The environment that a plan was created for.
    pub(crate) fn of_plan(name: Option<&str>) -> Option<Self> {
        name.map(|it| Self { name: it.to_owned() })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The files with its values, relative to the configuration's directory; later ones win.
    pub(crate) fn values(&self, directory: &Path, family: FileFamily) -> Vec<PathBuf> {
        let plain = format!("{VALUES}/{}{}", self.name, family.values_suffix());
        let both = [PathBuf::from(&plain), PathBuf::from(plain + ".json")];
        both.into_iter().filter(|it| directory.join(it).exists()).collect()
    }

    /// The path of its state, relative to that of the default environment.
    pub(crate) fn state(&self) -> PathBuf {
        [VALUES, &self.name].iter().collect()
    }
}

/// The longest name in bytes. File systems allow 255, and suffixes are added to the name.
const LONGEST: usize = 200;

/// Why this cannot be a name, or none. The name becomes part of paths and of keys in stores, so that
/// it must not contain `/` or `..`.
fn no_name(name: &str) -> Option<&'static str> {
    let is_plain = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_' | '.');
    match name.chars().next() {
        None => Some("it is empty"),
        Some(first) if !first.is_alphanumeric() => Some("it does not begin with a letter or digit"),
        _ if !name.chars().all(is_plain) => {
            Some("it holds other than letters, digits, `-`, `_` and `.`")
        }
        _ if name.len() > LONGEST => Some("it is too long"),
        _ => None,
    }
}

/// The name given by `--env`, otherwise by the environment variable.
pub(crate) fn name_asked_for(given: Option<&str>) -> Option<String> {
    let variable = || std::env::var(VARIABLE).ok().filter(|it| !it.is_empty());
    given.map(str::to_owned).or_else(variable)
}

/// The names of all environments, the default first.
pub(crate) fn all(directory: &Path) -> Vec<String> {
    std::iter::once(DEFAULT.to_owned()).chain(known(directory)).collect()
}

/// The value of `ha.workspace`.
pub(crate) fn workspace(environment: Option<&str>) -> &str {
    environment.unwrap_or(DEFAULT)
}

/// The sorted names of the environments that have a file of values.
fn known(directory: &Path) -> Vec<String> {
    let suffix = family_of(directory).values_suffix();
    let files = file_names(&directory.join(VALUES)).unwrap_or_default();
    let name = |file: &String| {
        file.strip_suffix(".json").unwrap_or(file).strip_suffix(suffix).map(str::to_owned)
    };
    let mut names: Vec<String> =
        files.iter().filter_map(name).filter(|it| no_name(it).is_none()).collect();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_environment_is_one_that_has_values() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        fs::create_dir(at.join("env")).unwrap();
        fs::write(at.join("main.tf"), "").unwrap();
        fs::write(at.join("env/prod.tfvars"), "").unwrap();
        fs::write(at.join("env/prod.tfvars.json"), "{}").unwrap();
        let prod = Workspace::asked(Some("prod"), at).ok().flatten().unwrap();
        assert_eq!(prod.values(at, FileFamily::Terraform).len(), 2);
        assert_eq!(prod.state(), Path::new("env/prod"));
        assert!(Workspace::asked(Some("prd"), at).is_err());
        // Files of such names make no environment.
        for name in [
            "",
            ".",
            "..",
            "...",
            "../x",
            "a/b",
            "a b",
            "-x",
            "_x",
            ".x",
            "a\0",
            "a\n",
            &"a".repeat(201),
        ] {
            if !name.contains(['/', '\0']) && name.len() < 100 {
                fs::write(at.join(format!("env/{name}.tfvars")), "").unwrap();
            }
            assert!(
                no_name(name).is_some() && Workspace::asked(Some(name), at).is_err(),
                "{name:?}"
            );
        }
        for name in ["prod", "eu-2", "2024", "v1.2", "größe", "a_b"] {
            assert_eq!(no_name(name), None, "{name:?}");
        }
        assert_eq!(all(at), ["default", "prod"]);
        assert!(matches!(Workspace::asked(Some("default"), at), Ok(None)));
    }
}

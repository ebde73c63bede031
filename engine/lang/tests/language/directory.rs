//! Configurations of several directories, in memory.

use std::collections::BTreeMap;

use ha_diagnostics::Diagnostic;
use ha_lang::{Configuration, DirectorySource, LoadedConfiguration, SourceFile, load};
use ha_value::{Name, Value};

/// Files by name, relative to the root module.
pub(crate) struct Tree(Vec<SourceFile>);

impl Tree {
    pub(crate) fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(files.into_iter().map(|(name, text)| SourceFile::new(name, text)).collect())
    }

    pub(crate) fn load(&self) -> LoadedConfiguration {
        self.load_with([])
    }

    pub(crate) fn load_with<const N: usize>(
        &self,
        values: [(&str, Value); N],
    ) -> LoadedConfiguration {
        let root = self.files("").expect("the root can be read");
        load(&root, self, |_| {
            values
                .into_iter()
                .map(|(name, value)| (Name::from(name), value))
                .collect::<BTreeMap<_, _>>()
        })
    }

    /// The configuration of files without errors.
    pub(crate) fn configuration(&self) -> Configuration {
        let LoadedConfiguration { configuration, diagnostics, .. } = self.load();
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        configuration
    }

    /// The diagnostics, each with the source text at its place and its suggestion.
    pub(crate) fn reported(&self) -> Vec<String> {
        self.load().diagnostics.iter().map(|it| self.with_place(it)).collect()
    }

    pub(crate) fn with_place(&self, problem: &Diagnostic) -> String {
        let Some(span) = &problem.span else { return problem.summary.clone() };
        let file = self.0.iter().find(|it| it.name == span.file).expect("spans are in files");
        let text = &file.text[span.start..span.end];
        let suggestion =
            problem.suggestion.as_ref().map_or(String::new(), |it| format!(" ({}?)", it.text));
        format!("{} @ {}: {text}{suggestion}", problem.summary, file.name)
    }
}

impl DirectorySource for Tree {
    fn files(&self, directory: &str) -> Result<Vec<SourceFile>, String> {
        let inside = |it: &&SourceFile| {
            it.name.rsplit_once('/').map_or("", |(directory, _)| directory) == directory
        };
        match directory {
            "broken" => Err("permission denied".into()),
            _ => Ok(self.0.iter().filter(inside).cloned().collect()),
        }
    }
}

//! What the command line says of variables.

use std::path::PathBuf;

use crate::invocation::option;

/// What the operator says about the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct VariableOptions {
    pub(crate) asked: Vec<VariableSource>,
    pub(crate) allow_read: Vec<PathBuf>,
}

/// A value, or a file of values yet to be read.
#[derive(Clone, Debug)]
pub(crate) enum VariableSource {
    Value(String, String),
    File(PathBuf),
}

impl VariableOptions {
    /// The options that say the same, for the next call, and the variables whose values are left
    /// out of them, because `is_secret` says so.
    pub(crate) fn repeatable(
        &self,
        is_secret: impl Fn(&str) -> bool,
    ) -> (Vec<String>, Vec<String>) {
        let (mut values, mut withheld) = (Vec::new(), Vec::new());
        for asked in &self.asked {
            match asked {
                VariableSource::Value(name, _) if is_secret(name) => withheld.push(name.clone()),
                VariableSource::Value(name, value) => {
                    values.extend(option("--var", format!("{name}={value}")));
                }
                VariableSource::File(path) => values.extend(option("--var-file", path.display())),
            }
        }
        values.extend(self.allow_read.iter().flat_map(|it| option("--allow-read", it.display())));
        (values, withheld)
    }
}

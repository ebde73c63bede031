//! Names of other tools that are not supported, with alternatives.

/// Names with one alternative: arguments and blocks of a type, or types of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedNames {
    /// The names. One that ends in `*` matches all names with that prefix.
    pub names: &'static [&'static str],
    /// The alternative: ``write `db_name = …` ``.
    pub instead: &'static str,
}

impl UnsupportedNames {
    /// Returns names with an alternative.
    #[must_use]
    pub const fn new(names: &'static [&'static str], instead: &'static str) -> Self {
        Self { names, instead }
    }

    /// Whether a name matches.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.names.iter().any(|it| match it.strip_suffix('*') {
            Some(front) => name.starts_with(front),
            None => *it == name,
        })
    }

    /// Returns the alternative for a name from the first entry that matches.
    #[must_use]
    pub fn instead(all: &[Self], name: &str) -> Option<&'static str> {
        all.iter().find(|it| it.holds(name)).map(|it| it.instead)
    }
}

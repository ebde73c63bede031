//! Names that people know from elsewhere and that are not here, each with what to write in their
//! place.

/// Some names with one answer. They are arguments and blocks of a kind, or kinds of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedNames {
    /// The names. One that ends in `*` stands for all that begin so.
    pub names: &'static [&'static str],
    /// What to do: ``write `db_name = …` ``.
    pub instead: &'static str,
}

impl UnsupportedNames {
    /// These names, and what to do in their place.
    #[must_use]
    pub const fn new(names: &'static [&'static str], instead: &'static str) -> Self {
        Self { names, instead }
    }

    /// Whether a name is one of them.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.names.iter().any(|it| match it.strip_suffix('*') {
            Some(front) => name.starts_with(front),
            None => *it == name,
        })
    }

    /// What to do in the place of a name, where one of all these knows it. The first that does
    /// counts.
    #[must_use]
    pub fn instead(all: &[Self], name: &str) -> Option<&'static str> {
        all.iter().find(|it| it.holds(name)).map(|it| it.instead)
    }
}

//! The change of one optional argument in an update.

/// The change of one optional argument, or of one optional field of a block, in an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentChange<'a, T> {
    /// The argument has not changed.
    Unchanged,
    /// The argument has this new value.
    Set(&'a T),
    /// The argument was removed from the configuration: the service must remove the value or
    /// return to its own default.
    Removed,
}

impl<'a, T: PartialEq> ArgumentChange<'a, T> {
    /// Compares the value in `before` of [`crate::Resource::update`] with the wanted one.
    ///
    /// An argument that was never configured is wanted as it is, so a value that exists and is not
    /// wanted was removed from the configuration. Not for [`crate::Chosen`] arguments: without
    /// configuration the service chooses those.
    #[must_use]
    pub fn between(before: Option<&T>, wanted: Option<&'a T>) -> Self {
        match (before, wanted) {
            (Some(_), None) => Self::Removed,
            (before, Some(wanted)) if before != Some(wanted) => Self::Set(wanted),
            _ => Self::Unchanged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_removed_from_unset_arguments() {
        let between = |before: Option<u8>, wanted: Option<u8>| {
            format!("{:?}", ArgumentChange::between(before.as_ref(), wanted.as_ref()))
        };
        assert_eq!(between(None, None), "Unchanged");
        assert_eq!(between(Some(1), Some(1)), "Unchanged");
        assert_eq!(between(None, Some(1)), "Set(1)");
        assert_eq!(between(Some(1), Some(2)), "Set(2)");
        assert_eq!(between(Some(1), None), "Removed");
    }
}

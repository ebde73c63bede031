//! What an update tells the service of one optional argument.

/// What an update tells the service of one optional argument, or of one optional field of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentChange<'a, T> {
    /// Nothing: it is as it was.
    Unchanged,
    /// This value, which is another one than before.
    Set(&'a T),
    /// The configuration said it and says it no longer: the service is told to have none of it, or
    /// its own default.
    Removed,
}

impl<'a, T: PartialEq> ArgumentChange<'a, T> {
    /// The change from what is there, as `before` of [`crate::Resource::update`] has it, to what is
    /// wanted.
    ///
    /// An argument that the configuration never said is wanted as it is there, so one that is not
    /// wanted and is there has been taken out. Not for what is [`crate::Chosen`]: there silence
    /// leaves the choice to the service.
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
    fn what_is_taken_out_is_told_from_what_is_silent() {
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

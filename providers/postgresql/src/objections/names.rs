//! The names of all roles or databases, before and after a plan.

use std::collections::BTreeSet;

use ha_provider::{Error, IntendedChange};
use ha_value::Action;

use super::{ATTEMPTED, DATABASE, Name, ROLE, changes};
use crate::session::DatabaseSession;

pub(super) struct Names {
    now: BTreeSet<String>,
    /// The names that the plan frees by a deletion or rename.
    leave: BTreeSet<String>,
    come: BTreeSet<String>,
    /// Whether the plan creates or renames something to a name that is not known yet.
    open: bool,
}

impl Names {
    pub(super) async fn of_roles(
        session: &DatabaseSession<'_>,
        planned: &[IntendedChange],
    ) -> Result<Self, Error> {
        Self::of(ROLE, session, "SELECT rolname::text FROM pg_catalog.pg_roles", planned).await
    }

    pub(super) async fn of_databases(
        session: &DatabaseSession<'_>,
        planned: &[IntendedChange],
    ) -> Result<Self, Error> {
        Self::of(DATABASE, session, "SELECT datname::text FROM pg_catalog.pg_database", planned)
            .await
    }

    async fn of(
        kind: &str,
        session: &DatabaseSession<'_>,
        query: &str,
        planned: &[IntendedChange],
    ) -> Result<Self, Error> {
        let now = session.rows(ATTEMPTED, query, &[]).await?.iter().map(|row| row.get(0)).collect();
        Ok(Self::after(now, planned.iter().filter(|it| *it.kind == *kind)))
    }

    fn after<'a>(now: BTreeSet<String>, planned: impl Iterator<Item = &'a IntendedChange>) -> Self {
        let mut names = Self { now, leave: BTreeSet::new(), come: BTreeSet::new(), open: false };
        for it in planned {
            let (before, after) =
                (it.before::<Name>().map(|it| it.name), it.after::<Name>().map(|it| it.name));
            names.open |= changes(it) && after.is_none();
            // With create-then-delete the new object is created while the old one still has its
            // name.
            let goes_first = it.action.destroys() && it.action != Action::CreateThenDelete;
            if goes_first || (it.action == Action::Update && before != after) {
                names.leave.extend(before);
            }
            names.come.extend(after.filter(|_| changes(it)));
        }
        names
    }

    /// Whether an object has the name, and the plan does not free it.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.now.contains(name) && !self.leave.contains(name)
    }

    /// Whether an object has the name that the plan neither creates, renames nor deletes.
    pub(super) fn is_untouched(&self, name: &str) -> bool {
        self.is_taken(name) && !self.come.contains(name)
    }

    /// Whether no object will have the name, whatever the unknown names turn out to be.
    pub(super) fn will_be_missing(&self, name: &str) -> bool {
        !self.open && !self.come.contains(name) && !self.is_taken(name)
    }

    /// The new name of a change, where another object has it.
    pub(super) fn collision(&self, it: &IntendedChange) -> Option<String> {
        let (before, after) = (it.before::<Name>().map(|it| it.name), it.after::<Name>()?.name);
        let is_new = it.action.makes() || before.is_some_and(|it| it != after);
        (is_new && self.is_taken(&after)).then_some(after)
    }
}

//! The names of one sort of things, now and once a plan is done.

use std::collections::BTreeSet;

use ha_provider::{Error, IntendedChange};
use ha_value::Action;

use super::{ATTEMPTED, DATABASE, Name, ROLE, changes};
use crate::session::DatabaseSession;

pub(super) struct Names {
    now: BTreeSet<String>,
    /// Those that a plan deletes, or gives another name.
    leave: BTreeSet<String>,
    come: BTreeSet<String>,
    /// Whether something comes whose name is not known yet.
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
            // What is made before the old one goes finds the old one there.
            let goes_first = it.action.destroys() && it.action != Action::CreateThenDelete;
            if goes_first || (it.action == Action::Update && before != after) {
                names.leave.extend(before);
            }
            names.come.extend(after.filter(|_| changes(it)));
        }
        names
    }

    /// Whether something has the name that the plan leaves there.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.now.contains(name) && !self.leave.contains(name)
    }

    /// Whether the name is, and stays, that of something which the plan does not make or rename.
    pub(super) fn is_untouched(&self, name: &str) -> bool {
        self.is_taken(name) && !self.come.contains(name)
    }

    /// Whether nothing will have the name, whatever is not known yet.
    pub(super) fn will_be_missing(&self, name: &str) -> bool {
        !self.open && !self.come.contains(name) && !self.is_taken(name)
    }

    /// The name that a change gives to something, where something else has it.
    pub(super) fn collision(&self, it: &IntendedChange) -> Option<String> {
        let (before, after) = (it.before::<Name>().map(|it| it.name), it.after::<Name>()?.name);
        let is_new = it.action.makes() || before.is_some_and(|it| it != after);
        (is_new && self.is_taken(&after)).then_some(after)
    }
}

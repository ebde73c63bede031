//! A user that is no superuser can give things only to roles it belongs to. The master user of RDS is such a one.

use ha_kind::Error;

use crate::session::Session;
use crate::sql::identifier;

/// Held while roles are granted: two sessions that change memberships of one role at once are in each other's way.
const LOCK: &str = "SELECT pg_catalog.pg_advisory_xact_lock(7020293016)";

impl Session<'_> {
    /// Makes the user a member of a role, unless it can act as that role already.
    pub(crate) async fn belong_to(&self, role: &str) -> Result<(), Error> {
        let attempted = format!("make `{}` a member of the role `{role}`", self.user);
        if self.can_act_as(&attempted, role).await? {
            return Ok(());
        }
        let grant = format!("GRANT {} TO {}", identifier(role), identifier(&self.user));
        self.together(&attempted, &[LOCK.to_owned(), grant]).await
    }

    async fn can_act_as(&self, attempted: &str, role: &str) -> Result<bool, Error> {
        // From version 16 on, belonging to a role and being able to act as it are different things.
        let how = if self.version >= 160_000 { "SET" } else { "MEMBER" };
        let query = "SELECT pg_catalog.pg_has_role(oid, $2) FROM pg_catalog.pg_roles WHERE rolname = $1";
        let rows = self.rows(attempted, query, &[&role, &how]).await?;
        match rows.first() {
            Some(row) => Ok(row.get(0)),
            None => Err(Error::new(attempted, format!("there is no role `{role}`"))
                .help("make it with `postgresql_role`, and refer to its `name` so that it is made first")
                .outcome(ha_kind::Outcome::Refused)),
        }
    }
}

/// The statement that keeps others from changing memberships until the transaction ends.
pub(crate) fn lock() -> String {
    LOCK.to_owned()
}

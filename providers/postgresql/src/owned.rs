//! Extensions that a role owns because it owned their database when they were created. They outlive
//! the role.

use ha_provider::{Attempt, Error};

use crate::provider::PostgresqlProvider;
use crate::sql::identifier;

/// The databases in which a role owns an extension.
const WITH_EXTENSIONS: &str = "SELECT DISTINCT datname::text FROM pg_catalog.pg_shdepend s \
     JOIN pg_catalog.pg_database d ON d.oid = s.dbid JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid \
     WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.classid = 'pg_catalog.pg_extension'::regclass \
     AND s.deptype = 'o' AND rolname = $1 AND datallowconn ORDER BY 1";

/// The owner of the current database, and the role's extensions in it; no row where the role owns
/// anything else, in this database or of the server as a whole.
const NOTHING_BUT_EXTENSIONS: &str = "SELECT pg_catalog.pg_get_userbyid(datdba)::text, \
     ARRAY(SELECT extname::text FROM pg_catalog.pg_extension WHERE extowner = r.oid ORDER BY 1) \
     FROM pg_catalog.pg_database d, pg_catalog.pg_roles r \
     WHERE datname = pg_catalog.current_database() AND rolname = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_shdepend s \
     WHERE s.dbid IN (0, d.oid) AND s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = r.oid AND s.deptype = 'o' \
     AND s.classid <> 'pg_catalog.pg_extension'::regclass AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend m \
     WHERE m.classid = s.classid AND m.objid = s.objid AND m.deptype = 'e'))";

/// Hands the extensions that a role owns over to the owners of their databases, so that the role can
/// be dropped. No argument sets the owner of an extension, so no configuration is contradicted.
pub(crate) async fn hand_over_extensions(
    server: &PostgresqlProvider,
    role: &str,
    attempt: &Attempt,
) -> Result<(), Error> {
    let attempted = format!("hand over the extensions of the role `{role}`");
    let session = server.writing(server.database(), attempt).await?;
    let rows = session.rows(&attempted, WITH_EXTENSIONS, &[&role]).await?;
    let databases: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // Connections are few. Deletions that each hold one and wait for another would wait for ever.
    drop(session);
    for database in databases {
        let session = server.writing(&database, attempt).await?;
        let rows = session.rows(&attempted, NOTHING_BUT_EXTENSIONS, &[&role]).await?;
        let Some(row) = rows.first() else { continue };
        let (owner, extensions) = (row.get::<_, String>(0), row.get::<_, Vec<String>>(1));
        if owner == role {
            continue;
        }
        session.become_member_of(role).await?;
        session.become_member_of(&owner).await?;
        let statement = format!("REASSIGN OWNED BY {} TO {}", identifier(role), identifier(&owner));
        session.in_transaction(&attempted, &[statement]).await?;
        let names: Vec<String> = extensions.iter().map(|it| format!("`{it}`")).collect();
        attempt.warn(&format!(
            "{} in the database `{database}` belongs to `{owner}` now",
            names.join(", ")
        ));
    }
    Ok(())
}

//! The replacement of a database is created before the old one is dropped, under a temporary name:
//! if the server refuses it, nothing is lost. The step that creates the new database finds it by its
//! comment and renames it.

use ha_provider::{CallOutcome, Error, IntendedChange};
use serde::Deserialize;

use crate::encoding::Encoding;
use crate::postgresql_database::{
    WITH_PROVIDERS, execute_when_unused, execute_without_connections,
};
use crate::provider::PostgresqlProvider;
use crate::session::DatabaseSession;
use crate::sql::{identifier, literal};

/// The arguments that only `CREATE DATABASE` accepts.
#[derive(Clone, Deserialize)]
pub(crate) struct CreationOptions {
    pub(crate) name: String,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) lc_collate: Option<String>,
    pub(crate) lc_ctype: Option<String>,
    pub(crate) template: String,
    pub(crate) tablespace_name: Option<String>,
}

impl CreationOptions {
    /// The statement that creates such a database under this name.
    pub(crate) fn statement(&self, name: &str, version: i32) -> String {
        let Self { encoding, lc_collate, lc_ctype, template, tablespace_name, .. } = self;
        let mut statement =
            format!("CREATE DATABASE {} WITH TEMPLATE {}", identifier(name), identifier(template));
        let texts = [
            ("ENCODING", encoding.as_ref().map(Encoding::as_str)),
            ("LC_COLLATE", lc_collate.as_deref()),
            ("LC_CTYPE", lc_ctype.as_deref()),
        ];
        for (word, text) in texts {
            if let Some(text) = text {
                statement.push_str(&format!(" {word} {}", literal(text)));
            }
        }
        // Without this a cluster whose default is ICU would store these locales and still sort by
        // ICU.
        if version >= WITH_PROVIDERS && (lc_collate.is_some() || lc_ctype.is_some()) {
            statement.push_str(" LOCALE_PROVIDER libc");
        }
        if let Some(tablespace) = tablespace_name {
            statement.push_str(&format!(" TABLESPACE {}", identifier(tablespace)));
        }
        statement
    }

    /// The comment that identifies a database created in advance with these arguments.
    fn comment(&self, version: i32) -> String {
        format!("made by ha: {}", self.statement(&self.name, version))
    }
}

/// The temporary name of a replacement; the token makes it the step's own.
fn temporary_name(token: &str) -> String {
    format!("ha {token}")
}

/// Creates the replacement of the database `old`, unless an earlier attempt has.
pub(crate) async fn make(
    session: &DatabaseSession<'_>,
    old: &str,
    successor: &IntendedChange,
    token: &str,
) -> Result<(), Error> {
    let attempted = format!("make what takes the place of the database `{old}`");
    let refused = |cause: &str| {
        Error::new(&attempted, cause).help(NOTHING_LOST).outcome(CallOutcome::Refused)
    };
    let Some(blank) = successor.after::<CreationOptions>() else {
        return Err(refused("an argument that it is created with is not known yet")
            .help("apply again: by then it is known"));
    };
    // The old database is dropped first, so it cannot be copied by then.
    if blank.template == old {
        return Err(refused("it is to be a copy of the database that it replaces"));
    }
    if blank.name != old && exists(session, &attempted, &blank.name).await? {
        return Err(refused(&format!("there is a database `{}` already", blank.name)));
    }
    if find(session, &attempted, &blank).await?.is_some() {
        return Ok(());
    }
    let name = temporary_name(token);
    // An earlier attempt may have created one with other arguments, or without its comment.
    drop_unused(session, token).await?;
    let made =
        execute_when_unused(session, &attempted, &blank.statement(&name, session.version)).await;
    made.map_err(|it| it.help(NOTHING_LOST))?;
    let comment = literal(&blank.comment(session.version));
    session
        .execute(&attempted, &format!("COMMENT ON DATABASE {} IS {comment}", identifier(&name)))
        .await
}

const NOTHING_LOST: &str = "nothing was deleted";

/// Renames a database that was created in advance to its final name; false where there is none.
pub(crate) async fn take(
    session: &DatabaseSession<'_>,
    attempted: &str,
    blank: &CreationOptions,
) -> Result<bool, Error> {
    let Some(found) = find(session, attempted, blank).await? else { return Ok(false) };
    let rename =
        format!("ALTER DATABASE {} RENAME TO {}", identifier(&found), identifier(&blank.name));
    execute_without_connections(session, attempted, &rename, &found).await?;
    session
        .execute(attempted, &format!("COMMENT ON DATABASE {} IS NULL", identifier(&blank.name)))
        .await?;
    Ok(true)
}

/// Drops the database that a killed step with this token left behind. Does not wait for a server
/// that does not answer.
pub(crate) async fn clean_up(server: &PostgresqlProvider, token: &str) -> Result<(), Error> {
    let Ok(Some(session)) = server.reading(server.database()).await else { return Ok(()) };
    let name = temporary_name(token);
    match exists(&session, &format!("look for the database `{name}`"), &name).await? {
        true => drop_unused(&session, token).await,
        false => Ok(()),
    }
}

/// Drops the database that the step with this token created and that was not renamed.
pub(crate) async fn drop_unused(session: &DatabaseSession<'_>, token: &str) -> Result<(), Error> {
    let name = temporary_name(token);
    let attempted = format!("drop the database `{name}`, which was to take another one's place");
    execute_without_connections(
        session,
        &attempted,
        &format!("DROP DATABASE IF EXISTS {}", identifier(&name)),
        &name,
    )
    .await
}

async fn exists(session: &DatabaseSession<'_>, attempted: &str, name: &str) -> Result<bool, Error> {
    let query = "SELECT FROM pg_catalog.pg_database WHERE datname = $1";
    Ok(!session.rows(attempted, query, &[&name]).await?.is_empty())
}

/// The temporary name of a database that was created in advance with these arguments.
async fn find(
    session: &DatabaseSession<'_>,
    attempted: &str,
    blank: &CreationOptions,
) -> Result<Option<String>, Error> {
    let query = "SELECT datname::text FROM pg_catalog.pg_database WHERE datname LIKE 'ha %' \
                 AND pg_catalog.shobj_description(oid, 'pg_database') = $1 ORDER BY 1 LIMIT 1";
    let rows = session.rows(attempted, query, &[&blank.comment(session.version)]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

//! A database that is to take another one's place is made before that one goes, under a name of its
//! own: what the server refuses then has cost nothing. The step that makes it takes it over by its
//! comment.

use ha_provider::{CallOutcome, Error, IntendedChange};
use serde::Deserialize;

use crate::encoding::Encoding;
use crate::postgresql_database::{WITH_PROVIDERS, patiently, undisturbed};
use crate::provider::PostgresqlProvider;
use crate::session::DatabaseSession;
use crate::sql::{identifier, literal};

/// What only a new database can be given.
#[derive(Clone, Deserialize)]
pub(crate) struct Blank {
    pub(crate) name: String,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) lc_collate: Option<String>,
    pub(crate) lc_ctype: Option<String>,
    pub(crate) template: String,
    pub(crate) tablespace_name: Option<String>,
}

impl Blank {
    /// The statement that makes such a database under this name.
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
        // A cluster that sorts by ICU would record these names, and sort by ICU all the same.
        if version >= WITH_PROVIDERS && (lc_collate.is_some() || lc_ctype.is_some()) {
            statement.push_str(" LOCALE_PROVIDER libc");
        }
        if let Some(tablespace) = tablespace_name {
            statement.push_str(&format!(" TABLESPACE {}", identifier(tablespace)));
        }
        statement
    }

    /// What one that was made beforehand is known by.
    fn comment(&self, version: i32) -> String {
        format!("made by ha: {}", self.statement(&self.name, version))
    }
}

/// The name that is had until the other one has gone. A step is known by its token.
fn name_until_then(token: &str) -> String {
    format!("ha {token}")
}

/// Makes what is to take the place of the database `old`, or finds that an earlier try has.
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
    let Some(blank) = successor.after::<Blank>() else {
        return Err(refused("what it is made with is not known yet")
            .help("apply again: by then it is known"));
    };
    if blank.template == old {
        return Err(refused("it is to be a copy of the database that it replaces"));
    }
    if blank.name != old && is_there(session, &attempted, &blank.name).await? {
        return Err(refused(&format!("there is a database `{}` already", blank.name)));
    }
    if find(session, &attempted, &blank).await?.is_some() {
        return Ok(());
    }
    let name = name_until_then(token);
    drop_unused(session, token).await?;
    let made = patiently(session, &attempted, &blank.statement(&name, session.version)).await;
    made.map_err(|it| it.help(NOTHING_LOST))?;
    let comment = literal(&blank.comment(session.version));
    session
        .alone(&attempted, &format!("COMMENT ON DATABASE {} IS {comment}", identifier(&name)))
        .await
}

const NOTHING_LOST: &str = "nothing was deleted";

/// Gives one that was made beforehand its name, where there is one.
pub(crate) async fn take(
    session: &DatabaseSession<'_>,
    attempted: &str,
    blank: &Blank,
) -> Result<bool, Error> {
    let Some(found) = find(session, attempted, blank).await? else { return Ok(false) };
    let rename =
        format!("ALTER DATABASE {} RENAME TO {}", identifier(&found), identifier(&blank.name));
    undisturbed(session, attempted, &rename, &found).await?;
    session
        .alone(attempted, &format!("COMMENT ON DATABASE {} IS NULL", identifier(&blank.name)))
        .await?;
    Ok(true)
}

/// Takes away what a killed step with this token left. A server that is away is not waited for.
pub(crate) async fn clean_up(server: &PostgresqlProvider, token: &str) -> Result<(), Error> {
    let Ok(Some(session)) = server.reading(server.database()).await else { return Ok(()) };
    let name = name_until_then(token);
    match is_there(&session, &format!("look for the database `{name}`"), &name).await? {
        true => drop_unused(&session, token).await,
        false => Ok(()),
    }
}

/// Drops what the step with this token made and no one took over.
pub(crate) async fn drop_unused(session: &DatabaseSession<'_>, token: &str) -> Result<(), Error> {
    let name = name_until_then(token);
    let attempted = format!("drop the database `{name}`, which was to take another one's place");
    undisturbed(
        session,
        &attempted,
        &format!("DROP DATABASE IF EXISTS {}", identifier(&name)),
        &name,
    )
    .await
}

async fn is_there(
    session: &DatabaseSession<'_>,
    attempted: &str,
    name: &str,
) -> Result<bool, Error> {
    let query = "SELECT FROM pg_catalog.pg_database WHERE datname = $1";
    Ok(!session.rows(attempted, query, &[&name]).await?.is_empty())
}

/// The name of one that was made beforehand and is as this one is to be.
async fn find(
    session: &DatabaseSession<'_>,
    attempted: &str,
    blank: &Blank,
) -> Result<Option<String>, Error> {
    let query = "SELECT datname::text FROM pg_catalog.pg_database WHERE datname LIKE 'ha %' \
                 AND pg_catalog.shobj_description(oid, 'pg_database') = $1 ORDER BY 1 LIMIT 1";
    let rows = session.rows(attempted, query, &[&blank.comment(session.version)]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

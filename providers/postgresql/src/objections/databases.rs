use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, Error, IntendedChange};
use ha_value::Action;
use serde::Deserialize;

use super::names::Names;
use super::privileges::Privileges;
use super::{ATTEMPTED, DATABASE, Name, Owner, changed, problem};
use crate::encoding::Encoding;
use crate::replacement::CreationOptions;
use crate::session::DatabaseSession;

#[derive(PartialEq, Deserialize)]
struct Tablespace {
    tablespace_name: String,
}

/// Names that are taken, missing owners and tablespaces, arguments that no new database can have,
/// and changes that the connected user may not make.
pub(super) async fn refused(
    session: &DatabaseSession<'_>,
    privileges: &Privileges,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let (names, roles) =
        (Names::of_databases(session, planned).await?, Names::of_roles(session, planned).await?);
    let tablespaces = tablespaces(session).await?;
    let templates = templates(session).await?;
    let mut problems = Vec::new();
    for (place, it) in changed(DATABASE, planned) {
        if let Some(name) = names.collision(it) {
            let message = format!(
                "there is a database `{name}` already, and this configuration did not make it"
            );
            problems.push((place, problem("name", message)));
        }
        if let Some(Owner { owner }) =
            it.after().filter(|it: &Owner| roles.will_be_missing(&it.owner))
        {
            problems.push((place, problem("owner", format!("there is no role `{owner}`"))));
        }
        let moved = it
            .after::<Tablespace>()
            .filter(|after| it.before::<Tablespace>().as_ref() != Some(after));
        let message =
            moved.and_then(|Tablespace { tablespace_name: name }| match tablespaces.get(&name) {
                None => Some(format!("the server has no tablespace `{name}` for databases")),
                Some(false) => Some(format!(
                    "`{}` has no CREATE right on the tablespace `{name}`",
                    session.user
                )),
                Some(true) => None,
            });
        problems.extend(message.map(|it| (place, problem("tablespace_name", it))));
        let Some(blank) = it.after::<CreationOptions>().filter(|_| it.action.makes()) else {
            continue;
        };
        if names.will_be_missing(&blank.template) {
            problems.push((
                place,
                problem("template", format!("there is no database `{}` to copy", blank.template)),
            ));
        }
        if let Some(template) = templates.get(&blank.template) {
            problems
                .extend(unfit(session, &blank, template).await?.into_iter().map(|it| (place, it)));
        }
    }
    for (place, change) in planned.iter().enumerate().filter(|(_, it)| *it.kind == *DATABASE) {
        let forbidden = forbidden(privileges, change, |role| roles.is_untouched(role));
        problems.extend(forbidden.into_iter().map(|it| (place, it)));
    }
    Ok(problems)
}

/// Why the connected user may not make a change: create, rename or alter a database, or give it to
/// a role.
fn forbidden(
    privileges: &Privileges,
    change: &IntendedChange,
    is_untouched: impl Fn(&str) -> bool,
) -> Option<ArgumentProblem> {
    let (before, after) = (change.before::<Name>(), change.after::<Name>());
    let is_renamed = change.action == Action::Update
        && before.zip(after).is_some_and(|(before, after)| before.name != after.name);
    if let Some(message) = privileges.database_creation_problem()
        && (change.action.makes() || is_renamed)
    {
        return Some(problem("name", message));
    }
    let owner = |it: Option<Owner>| it.map(|it| it.owner).filter(|it| is_untouched(it));
    let (before, after) = (owner(change.before()), owner(change.after()));
    // The owner alone can alter and drop a database, so the user must be able to act as the owner
    // that it has now, whoever made that role the owner.
    let acts_as_old = change.action == Action::Update || change.action.destroys();
    if let Some(role) = before.filter(|_| acts_as_old)
        && let Some(message) = privileges.acting_problem(&role)
    {
        let message = format!(
            "the database belongs to `{role}`, and changing or dropping it takes acting as its owner: {message}"
        );
        return Some(problem("owner", message));
    }
    Some(problem("owner", privileges.acting_problem(&after?)?))
}

/// The tablespaces for databases, each with whether the user may create a database in it.
async fn tablespaces(session: &DatabaseSession<'_>) -> Result<BTreeMap<String, bool>, Error> {
    let query = "SELECT spcname::text, pg_catalog.has_tablespace_privilege(oid, 'CREATE') \
                 FROM pg_catalog.pg_tablespace WHERE spcname <> 'pg_global'";
    Ok(session
        .rows(ATTEMPTED, query, &[])
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect())
}

/// A database to be copied.
struct Template {
    may_be_copied: bool,
    encoding: Encoding,
    lc_collate: String,
    lc_ctype: String,
}

async fn templates(session: &DatabaseSession<'_>) -> Result<BTreeMap<String, Template>, Error> {
    let query = "SELECT datname::text, datistemplate OR pg_catalog.pg_has_role(datdba, 'USAGE'), \
                 pg_catalog.pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text FROM pg_catalog.pg_database";
    let template = |row: &tokio_postgres::Row| Template {
        may_be_copied: row.get(1),
        encoding: row.get::<_, String>(2).into(),
        lc_collate: row.get(3),
        lc_ctype: row.get(4),
    };
    Ok(session
        .rows(ATTEMPTED, query, &[])
        .await?
        .iter()
        .map(|row| (row.get(0), template(row)))
        .collect())
}

/// The arguments that a copy of a template cannot have.
async fn unfit(
    session: &DatabaseSession<'_>,
    blank: &CreationOptions,
    template: &Template,
) -> Result<Vec<ArgumentProblem>, Error> {
    let mut problems = Vec::new();
    let name = &blank.template;
    if !template.may_be_copied {
        let message = format!(
            "`{name}` is no template, and `{}` does not own it, so it may not copy it",
            session.user
        );
        problems.push(problem("template", message));
    }
    let given = blank.encoding.as_ref();
    if let Some(encoding) = given.filter(|it| **it != template.encoding)
        && !is_encoding(session, encoding).await?
    {
        problems.push(problem(
            "encoding",
            format!("no database has the encoding `{}`", encoding.as_str()),
        ));
        return Ok(problems);
    }
    for (argument, given, has) in [
        ("encoding", given.map(Encoding::as_str), template.encoding.as_str()),
        ("lc_collate", blank.lc_collate.as_deref(), &template.lc_collate),
        ("lc_ctype", blank.lc_ctype.as_deref(), &template.lc_ctype),
    ] {
        if let Some(given) = given.filter(|it| *it != has && name != ANY) {
            let message = format!(
                "a copy of `{name}` has the {argument} `{has}`, not `{given}`; only one of `{ANY}` takes any"
            );
            problems.push(problem(argument, message));
        }
    }
    let encoding = given.unwrap_or(&template.encoding);
    for (argument, given, has) in [
        ("lc_collate", &blank.lc_collate, &template.lc_collate),
        ("lc_ctype", &blank.lc_ctype, &template.lc_ctype),
    ] {
        match given {
            Some(locale) if locale != has && !is_locale(session, locale).await? => {
                problems.push(problem(
                    argument,
                    format!("the server's machine has no locale `{locale}`"),
                ));
            }
            _ => {
                let locale = given.as_ref().unwrap_or(has);
                if given.is_none() && blank.encoding.is_none() {
                    continue;
                }
                let wants = encoding_of(session, locale)
                    .await?
                    .filter(|it| !goes_with(session, encoding, it));
                let argument = if given.is_some() { argument } else { "encoding" };
                problems.extend(wants.map(|it| {
                    let encoding = encoding.as_str();
                    let own = if given.is_some() { "" } else { ", which is the server's own," };
                    problem(
                        argument,
                        format!(
                            "the locale `{locale}`{own} takes the encoding `{}`, not `{encoding}`",
                            it.as_str()
                        ),
                    )
                }));
            }
        }
    }
    problems.dedup();
    Ok(problems)
}

/// The one template that accepts every encoding and locale: it has no data that depends on them.
const ANY: &str = "template0";
/// The last encoding of databases; the encodings after it are for clients alone.
const LAST_OF_SERVERS: i32 = 34;

async fn is_encoding(session: &DatabaseSession<'_>, encoding: &Encoding) -> Result<bool, Error> {
    let query = "SELECT pg_catalog.pg_char_to_encoding($1::text::name)::int4";
    let rows = session.rows(ATTEMPTED, query, &[&encoding.as_str()]).await?;
    Ok(rows.iter().any(|row| (0..=LAST_OF_SERVERS).contains(&row.get(0))))
}

/// Whether the server's machine has a locale. No catalog lists them, but a session accepts only an
/// existing one as `lc_monetary`.
async fn is_locale(session: &DatabaseSession<'_>, locale: &str) -> Result<bool, Error> {
    const NOT_A_VALUE: &str = "22023";
    match session
        .rows(ATTEMPTED, "SELECT pg_catalog.set_config('lc_monetary', $1, false)", &[&locale])
        .await
    {
        Err(error) if error.code.as_deref() == Some(NOT_A_VALUE) => Ok(false),
        other => other.map(|_| true),
    }
}

/// The encoding of a locale; none where it has several, or the server does not know it.
async fn encoding_of(
    session: &DatabaseSession<'_>,
    locale: &str,
) -> Result<Option<Encoding>, Error> {
    if ["C", "POSIX"].contains(&locale) {
        return Ok(None);
    }
    let query = "SELECT DISTINCT pg_catalog.pg_encoding_to_char(collencoding)::text FROM pg_catalog.pg_collation \
                 WHERE collprovider = 'c' AND collencoding >= 0 AND \
                 pg_catalog.lower(pg_catalog.replace(collcollate::text, '-', '')) = pg_catalog.lower(pg_catalog.replace($1, '-', ''))";
    let rows = session.rows(ATTEMPTED, query, &[&locale]).await?;
    Ok(match rows.as_slice() {
        [row] => Some(row.get::<_, String>(0).into()),
        _ => None,
    })
}

/// Whether a database may combine an encoding with a locale of the encoding `wants`. The server
/// lets superusers use `SQL_ASCII` with any locale.
fn goes_with(session: &DatabaseSession<'_>, encoding: &Encoding, wants: &Encoding) -> bool {
    encoding == wants || (encoding.as_str() == "SQL_ASCII" && session.is_superuser)
}

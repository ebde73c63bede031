use std::collections::BTreeSet;

use ha_provider::{ArgumentProblem, Error, IntendedChange};
use ha_value::Action;
use serde::Deserialize;

use super::names::Names;
use super::{ATTEMPTED, EXTENSION, Name, changed, problem};
use crate::session::DatabaseSession;

#[derive(Deserialize)]
struct Version {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Place {
    database: String,
}

/// Extensions and versions that the server does not have, and those in databases that it does not
/// have.
pub(super) async fn refused(
    session: &DatabaseSession<'_>,
    usual_database: &str,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let databases = Names::of_databases(session, planned).await?;
    let rows = session
        .rows(
            ATTEMPTED,
            "SELECT name::text, version FROM pg_catalog.pg_available_extension_versions",
            &[],
        )
        .await?;
    let available: BTreeSet<(String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let names: BTreeSet<&str> = available.iter().map(|(name, _)| name.as_str()).collect();
    let mut problems = Vec::new();
    for (place, it) in changed(EXTENSION, planned) {
        if let Some(Name { name }) =
            it.after().filter(|it: &Name| !names.contains(it.name.as_str()))
        {
            problems.push((
                place,
                problem("name", format!("the server does not have the extension `{name}`")),
            ));
            continue;
        }
        if let Some(wanted) = it.after::<Version>() {
            let message = match it.before::<Version>().filter(|_| it.action == Action::Update) {
                Some(now) if now.version != wanted.version => {
                    unreachable(session, &now, &wanted.version).await?
                }
                Some(_) => None,
                None => no_such_version(&available, &wanted),
            };
            problems.extend(message.map(|it| (place, problem("version", it))));
        }
        let database =
            it.after::<Place>().map_or_else(|| usual_database.to_owned(), |it| it.database);
        if it.action.makes()
            && databases.will_be_missing(&database)
            && it.after::<KnownExtensionArguments>().is_some()
        {
            problems
                .push((place, problem("database", format!("there is no database `{database}`"))));
        }
    }
    Ok(problems)
}

/// What can be read only where the database is known, or is not said.
#[derive(Deserialize)]
struct KnownExtensionArguments {
    #[serde(rename = "database")]
    _database: Option<String>,
}

fn no_such_version(available: &BTreeSet<(String, String)>, wanted: &Version) -> Option<String> {
    let Version { name, version } = wanted;
    if available.contains(&(name.clone(), version.clone())) {
        return None;
    }
    let has: Vec<String> =
        available.iter().filter(|(it, _)| it == name).map(|(_, it)| format!("`{it}`")).collect();
    Some(format!(
        "the server does not have version `{version}` of `{name}`; it has {}",
        has.join(", ")
    ))
}

/// Why an extension cannot go from a version to another one.
async fn unreachable(
    session: &DatabaseSession<'_>,
    now: &Version,
    wanted: &str,
) -> Result<Option<String>, Error> {
    let query = "SELECT FROM pg_catalog.pg_extension_update_paths($1) WHERE source = $2 AND target = $3 AND path IS NOT NULL";
    let Version { name, version } = now;
    let rows = session.rows(ATTEMPTED, query, &[name, version, &wanted]).await?;
    let message = || {
        format!(
            "the server cannot bring `{name}` from version `{version}` to `{wanted}`: an extension goes from version to version \
             as its scripts lead, as a rule never back"
        )
    };
    Ok(rows.is_empty().then(message))
}

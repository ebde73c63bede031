use std::collections::{BTreeMap, BTreeSet};

use ha_provider::{ArgumentProblem, Error, IntendedChange};
use ha_value::Path;
use serde::Deserialize;

use super::{ATTEMPTED, changed};
use crate::session::DatabaseSession;

#[derive(Deserialize)]
struct Set {
    settings: BTreeMap<String, String>,
}

/// Settings that the server does not have, that are the whole server's, whose value it does not take,
/// or that the user may not set.
pub(super) async fn refused(
    session: &DatabaseSession<'_>,
    kind: &str,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let all: Vec<(usize, Set)> =
        changed(kind, planned).filter_map(|(place, it)| Some((place, it.after()?))).collect();
    // A name with a dot may belong to an extension that is not loaded, and the server accepts any
    // such name.
    let names: BTreeSet<String> = all
        .iter()
        .flat_map(|(_, it)| it.settings.keys())
        .map(|it| it.to_lowercase())
        .filter(|it| !it.contains('.'))
        .collect();
    let contexts = contexts(session, &names).await?;
    let mut problems = Vec::new();
    for (place, set) in &all {
        for name in set.settings.keys() {
            let message = match contexts.get(&name.to_lowercase()).map(|it| it.as_deref()) {
                Some(None) => format!("the server has no setting `{name}`"),
                Some(Some("internal")) => format!("no one can set `{name}`"),
                Some(Some("postmaster" | "sighup")) => {
                    format!("`{name}` can be set for the whole server only, in its configuration")
                }
                _ => continue,
            };
            problems.push((
                *place,
                ArgumentProblem { path: Path::attribute("settings").name(name.as_str()), message },
            ));
        }
    }
    for (place, set) in &all {
        for (name, value) in &set.settings {
            let path = Path::attribute("settings").name(name.as_str());
            let is_known = contexts.get(&name.to_lowercase()).is_some_and(Option::is_some);
            if !is_known || problems.iter().any(|(it, problem)| it == place && problem.path == path)
            {
                continue;
            }
            let message = refusal(session, &name.to_lowercase(), value).await?;
            problems.extend(message.map(|message| (*place, ArgumentProblem { path, message })));
        }
    }
    Ok(problems)
}

/// Settings that a session takes or refuses for other reasons than `ALTER … SET` does: what they
/// name need not exist yet, or the change would disturb this connection.
const NOT_TRIED: [&str; 12] = [
    "client_encoding",
    "default_table_access_method",
    "default_tablespace",
    "default_text_search_config",
    "local_preload_libraries",
    "role",
    "search_path",
    "session_authorization",
    "session_preload_libraries",
    "temp_tablespaces",
    "transaction_isolation",
    "transaction_read_only",
];

/// Why a setting cannot have a value; none where it can, or where that is not known.
///
/// The server checks a value of `ALTER … SET` as it checks one of `SET`, so the value is set for
/// the transaction of one statement, which changes nothing that lasts.
async fn refusal(
    session: &DatabaseSession<'_>,
    name: &str,
    value: &str,
) -> Result<Option<String>, Error> {
    const INVALID_VALUE: &str = "22023";
    const NOT_ALLOWED: &str = "42501";
    const NOT_IN_A_SESSION: &str = "55P02";
    if NOT_TRIED.contains(&name) {
        return Ok(None);
    }
    let query = "SELECT pg_catalog.set_config($1, $2, true)";
    let Err(error) = session.rows(ATTEMPTED, query, &[&name, &value]).await else {
        return Ok(None);
    };
    Ok(match error.code.as_deref() {
        Some(INVALID_VALUE) => {
            let help = error.help.iter().map(|it| format!("; {it}")).collect::<String>();
            Some(format!("{}{help}", error.causes.join("; ")))
        }
        Some(NOT_ALLOWED) => Some(format!(
            "only a superuser can set `{name}`, and `{user}` is none; connect as a superuser, or from PostgreSQL 15 on let \
             one run `GRANT SET ON PARAMETER {name} TO {user}`",
            user = session.user
        )),
        Some(NOT_IN_A_SESSION) => Some(format!(
            "`{name}` cannot be set for a role or a database, but only for the whole server"
        )),
        // Other errors may concern this session alone, so they are no reason to refuse a plan.
        _ => None,
    })
}

/// The context in which each of these settings can be set; none for a setting that does not exist.
async fn contexts(
    session: &DatabaseSession<'_>,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, Option<String>>, Error> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let query = "SELECT n, context FROM pg_catalog.unnest($1::text[]) n \
                 LEFT JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) = n";
    let mut contexts: BTreeMap<String, Option<String>> = session
        .rows(ATTEMPTED, query, &[&names])
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let unlisted: Vec<String> =
        contexts.iter().filter(|(_, it)| it.is_none()).map(|(name, _)| name.clone()).collect();
    for name in unlisted {
        // `pg_settings` omits some settings, and shows some only to members of
        // `pg_read_all_settings`; for those `current_setting` fails instead of returning null.
        let query = "SELECT pg_catalog.current_setting($1, true) IS NULL";
        let exists = session
            .rows(ATTEMPTED, query, &[&name])
            .await
            .map_or(true, |rows| rows.iter().any(|it| !it.get::<_, bool>(0)));
        if exists {
            contexts.remove(&name);
        }
    }
    Ok(contexts)
}

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

/// Settings that the server does not have, or has for itself as a whole.
pub(super) async fn refused(
    session: &DatabaseSession<'_>,
    kind: &str,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let all: Vec<(usize, Set)> =
        changed(kind, planned).filter_map(|(place, it)| Some((place, it.after()?))).collect();
    // A name with a dot may be that of an extension which is not there yet.
    let names: BTreeSet<String> = all
        .iter()
        .flat_map(|(_, it)| it.settings.keys())
        .map(|it| it.to_lowercase())
        .filter(|it| !it.contains('.'))
        .collect();
    let contexts = contexts(session, &names).await?;
    let mut problems = Vec::new();
    for (place, set) in all {
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
                place,
                ArgumentProblem { path: Path::attribute("settings").name(name.as_str()), message },
            ));
        }
    }
    Ok(problems)
}

/// When each of these settings can be set; none for one that does not exist.
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
        // Some are not listed, and some only for a few; of those the server says that one may not
        // see them.
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

//! What a server would refuse of a plan, as it stands now. It is only looked at: what cannot be
//! known from its catalogs is left to it. A server that does not answer objects to nothing.

mod databases;
mod extensions;
mod names;
mod roles;
mod settings;

use ha_provider::{ArgumentProblem, Error, IntendedChange};
use ha_value::{Action, Path};
use serde::Deserialize;

use crate::provider::PostgresqlProvider;

const DATABASE: &str = "postgresql_database";
const EXTENSION: &str = "postgresql_extension";
const ROLE: &str = "postgresql_role";
/// What is asked, for errors that no one sees.
const ATTEMPTED: &str = "see what the server would refuse";

/// The changes of a kind that a server would refuse, by their places in the plan.
pub(crate) async fn to(
    kind: &str,
    server: &PostgresqlProvider,
    planned: &[IntendedChange],
) -> Vec<(usize, ArgumentProblem)> {
    if !planned.iter().any(|it| *it.kind == *kind && changes(it)) {
        return Vec::new();
    }
    found(kind, server, planned).await.unwrap_or_default()
}

async fn found(
    kind: &str,
    server: &PostgresqlProvider,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let Some(session) = server.reading(server.database()).await? else { return Ok(Vec::new()) };
    let mut objections = match kind {
        DATABASE => databases::refused(&session, planned).await?,
        EXTENSION => extensions::refused(&session, server.database(), planned).await?,
        _ => roles::refused(&session, planned).await?,
    };
    if kind != EXTENSION {
        objections.extend(settings::refused(&session, kind, planned).await?);
    }
    Ok(objections)
}

/// Whether a change makes or alters something.
fn changes(it: &IntendedChange) -> bool {
    it.action.makes() || it.action == Action::Update
}

/// The changes of a kind that make or alter something, with their places.
fn changed<'a>(
    kind: &'a str,
    planned: &'a [IntendedChange],
) -> impl Iterator<Item = (usize, &'a IntendedChange)> {
    planned.iter().enumerate().filter(move |(_, it)| *it.kind == *kind && changes(it))
}

fn problem(argument: &str, message: impl Into<String>) -> ArgumentProblem {
    ArgumentProblem { path: Path::attribute(argument), message: message.into() }
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Owner {
    owner: String,
}

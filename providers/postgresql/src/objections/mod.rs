//! The changes of a plan that the server would refuse in its current state. Only its catalogs are
//! read: what they do not show is left to the apply. A server that does not answer objects to
//! nothing, because planning must work while it is away.

mod databases;
mod drops;
mod extensions;
mod names;
mod privileges;
mod roles;
mod settings;

use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, Error, IntendedChange};
use ha_value::{Action, Path};
use serde::Deserialize;

use self::privileges::Privileges;
use crate::provider::PostgresqlProvider;

const DATABASE: &str = "postgresql_database";
const EXTENSION: &str = "postgresql_extension";
const ROLE: &str = "postgresql_role";
/// The attempted operation, for errors. They are not shown: a failed check objects to nothing.
const ATTEMPTED: &str = "see what the server would refuse";

/// The problems of changes of a resource type, each with the change's place in the plan.
pub(crate) async fn to(
    kind: &str,
    server: &PostgresqlProvider,
    planned: &[IntendedChange],
) -> Vec<(usize, ArgumentProblem)> {
    if !planned.iter().any(|it| *it.kind == *kind && (changes(it) || it.action.destroys())) {
        return Vec::new();
    }
    found(kind, server, planned).await.unwrap_or_default()
}

async fn found(
    kind: &str,
    server: &PostgresqlProvider,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    // Connections are few, and a task that waits for a second one while it holds the first could
    // wait for ever: each of these opens one when no other is held.
    let contents = match kind {
        EXTENSION => extensions::contents(server, planned).await?,
        _ => BTreeMap::new(),
    };
    let Some(session) = server.reading(server.database()).await? else { return Ok(Vec::new()) };
    let privileges = Privileges::of(&session).await?;
    Ok(match kind {
        DATABASE => {
            let mut objections = databases::refused(&session, &privileges, planned).await?;
            objections.extend(settings::refused(&session, kind, planned).await?);
            objections
        }
        EXTENSION => {
            let database = server.database();
            let mut objections =
                extensions::refused(&session, &privileges, &contents, database, planned).await?;
            drop(session);
            objections.extend(drops::needed_extensions(server, &privileges, planned).await?);
            objections
        }
        _ => {
            let mut objections = roles::refused(&session, &privileges, planned).await?;
            objections.extend(settings::refused(&session, kind, planned).await?);
            objections.extend(drops::kept_roles(server, session, &privileges, planned).await?);
            objections
        }
    })
}

/// Whether a change creates or alters an object.
fn changes(it: &IntendedChange) -> bool {
    it.action.makes() || it.action == Action::Update
}

/// The changes of a resource type that create or alter an object, with their places.
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

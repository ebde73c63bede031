//! Names and memberships that no server accepts, checked without one.

use std::collections::BTreeSet;

use ha_provider::{ArgumentProblem, MaybeUnknown};
use ha_value::Path;
use serde::Deserialize;

use crate::sql::problem;

#[derive(Deserialize)]
pub(crate) struct Memberships {
    name: MaybeUnknown<String>,
    #[serde(default)]
    roles: BTreeSet<String>,
    #[serde(default)]
    membership: Vec<MembershipName>,
}

#[derive(Deserialize)]
struct MembershipName {
    role: String,
}

/// The problem of a name that refers to a role. `public` and `none` are reserved even in quotes.
pub(crate) fn role_problem(argument: &str, name: &str) -> Option<ArgumentProblem> {
    let message = match name {
        "public" => format!("`{argument}` is `public`, which means all roles and is no role"),
        "none" => format!("`{argument}` is `none`, which means no role at all"),
        _ => return problem(argument, name),
    };
    Some(ArgumentProblem { path: Path::attribute(argument), message })
}

/// The problem of the name of a role that others are to be members of.
fn group_problem(argument: &str, name: &str) -> Option<ArgumentProblem> {
    match name {
        "pg_database_owner" => Some(ArgumentProblem {
            path: Path::attribute(argument),
            message:
                "`pg_database_owner` has no members but the owner of each database; use `owner` of \
                      `postgresql_database`"
                    .to_owned(),
        }),
        _ => role_problem(argument, name),
    }
}

/// The problem of the name of a role that is created.
pub(crate) fn own_name_problem(name: &str) -> Option<ArgumentProblem> {
    let message =
        || "`name` begins with `pg_`, as only the names of the server's own roles do".to_owned();
    let reserved = name
        .starts_with("pg_")
        .then(|| ArgumentProblem { path: Path::attribute("name"), message: message() });
    reserved.or_else(|| role_problem("name", name))
}

/// The problems of the memberships of a role.
pub(crate) fn membership_problems(
    Memberships { name, roles, membership }: Memberships,
) -> Vec<ArgumentProblem> {
    let mut problems: Vec<ArgumentProblem> =
        roles.iter().filter_map(|it| group_problem("roles", it)).collect();
    let mut seen = BTreeSet::new();
    let named = roles
        .iter()
        .map(|it| ("roles", it))
        .chain(membership.iter().map(|it| ("membership", &it.role)));
    if let (MaybeUnknown::Known(name), Some((argument, _))) =
        (&name, named.into_iter().find(|(_, it)| name == MaybeUnknown::Known((*it).clone())))
    {
        let message = format!("`{name}` is to be a member of itself");
        problems.push(ArgumentProblem { path: Path::attribute(argument), message });
    }
    for MembershipName { role } in membership {
        problems.extend(
            group_problem("role", &role)
                .map(|it| ArgumentProblem { path: Path::attribute("membership"), ..it }),
        );
        if roles.contains(&role) || !seen.insert(role.clone()) {
            let message = format!("the membership of `{role}` is configured twice");
            problems.push(ArgumentProblem { path: Path::attribute("membership"), message });
        }
    }
    problems
}

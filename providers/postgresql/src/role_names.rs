//! Names that roles cannot have, and memberships that there cannot be, whatever is on the server.

use std::collections::BTreeSet;

use ha_provider::{Maybe, Problem};
use ha_value::Path;
use serde::Deserialize;

use crate::sql::problem;

#[derive(Deserialize)]
pub(crate) struct Memberships {
    name: Maybe<String>,
    #[serde(default)]
    roles: BTreeSet<String>,
    #[serde(default)]
    membership: Vec<MembershipName>,
}

#[derive(Deserialize)]
struct MembershipName {
    role: String,
}

/// What is wrong with the name of a role, wherever it stands: two words mean no role, also in quotes.
pub(crate) fn role_problem(argument: &str, name: &str) -> Option<Problem> {
    let message = match name {
        "public" => format!("`{argument}` is `public`, which means everybody and is no role"),
        "none" => format!("`{argument}` is `none`, which means no role at all"),
        _ => return problem(argument, name),
    };
    Some(Problem { path: Path::attribute(argument), message })
}

/// What is wrong with the name of a role that is made.
pub(crate) fn own_name_problem(name: &str) -> Option<Problem> {
    let message = || "`name` begins with `pg_`, as only the names of the server's own roles do".to_owned();
    let reserved = name.starts_with("pg_").then(|| Problem { path: Path::attribute("name"), message: message() });
    reserved.or_else(|| role_problem("name", name))
}

/// What is wrong with the memberships of a role.
pub(crate) fn membership_problems(Memberships { name, roles, membership }: Memberships) -> Vec<Problem> {
    let mut problems: Vec<Problem> = roles.iter().filter_map(|it| role_problem("roles", it)).collect();
    let mut seen = BTreeSet::new();
    let named = roles.iter().map(|it| ("roles", it)).chain(membership.iter().map(|it| ("membership", &it.role)));
    if let (Maybe::Known(name), Some((argument, _))) =
        (&name, named.into_iter().find(|(_, it)| name == Maybe::Known((*it).clone())))
    {
        let message = format!("`{name}` is to be a member of itself");
        problems.push(Problem { path: Path::attribute(argument), message });
    }
    for MembershipName { role } in membership {
        problems.extend(role_problem("role", &role).map(|it| Problem { path: Path::attribute("membership"), ..it }));
        if roles.contains(&role) || !seen.insert(role.clone()) {
            let message = format!("the membership of `{role}` is said twice");
            problems.push(Problem { path: Path::attribute("membership"), message });
        }
    }
    problems
}

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ha_provider::{ArgumentProblem, Error, IntendedChange};
use ha_value::Action;
use serde::Deserialize;
use serde_json::Value as Json;

use super::names::Names;
use super::privileges::Privileges;
use super::{ATTEMPTED, Name, ROLE, changed, problem};
use crate::session::DatabaseSession;
use crate::sql::identifier;

#[derive(Default, Deserialize)]
struct MembershipObjectionArguments {
    name: String,
    #[serde(default)]
    roles: BTreeSet<String>,
    #[serde(default)]
    membership: Vec<Membership>,
}

#[derive(PartialEq, Deserialize)]
struct Membership {
    role: String,
    #[serde(default)]
    admin: bool,
    inherit: Option<bool>,
    set: Option<bool>,
}

impl MembershipObjectionArguments {
    /// The roles that it is to be a member of, with their arguments.
    fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let own = self.membership.iter().map(|it| ("membership", it.role.as_str()));
        self.roles.iter().map(|it| ("roles", it.as_str())).chain(own)
    }

    /// The roles whose membership begins, ends or changes its options, compared with `before`.
    fn regranted<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let roles = self.roles.symmetric_difference(&before.roles);
        let differs = |one: &'a Self, other: &'a Self| {
            one.membership.iter().filter(|it| !other.membership.contains(it))
        };
        let own = differs(self, before).chain(differs(before, self));
        roles.map(|it| ("roles", it.as_str())).chain(own.map(|it| ("membership", it.role.as_str())))
    }
}

/// Names that are taken, changes that the connected user may not make, and memberships of missing
/// roles or in a circle.
pub(super) async fn refused(
    session: &DatabaseSession<'_>,
    privileges: &Privileges,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let names = Names::of_roles(session, planned).await?;
    let mut problems = Vec::new();
    let mut memberships = Vec::new();
    for (place, change) in changed(ROLE, planned) {
        if let Some(name) = names.collision(change) {
            let message =
                format!("there is a role `{name}` already, and this configuration did not make it");
            problems.push((place, problem("name", message)));
        }
        problems.extend(forbidden(privileges, change).into_iter().map(|it| (place, it)));
        if let Some(it) = change.after::<MembershipObjectionArguments>() {
            let missing = it.all().filter(|(_, role)| names.will_be_missing(role));
            problems.extend(missing.map(|(argument, role)| {
                (place, problem(argument, format!("there is no role `{role}`")))
            }));
            let now = memberships_before(change);
            let of_others = it.regranted(&now).filter(|(_, role)| names.is_untouched(role));
            problems.extend(of_others.filter_map(|(argument, role)| {
                Some((place, problem(argument, privileges.grant_problem(role)?)))
            }));
            memberships.push((place, it));
        }
    }
    let mut belongs = granted(session).await?;
    let renamed = changed(ROLE, planned)
        .filter_map(|(_, it)| Some((it.before::<Name>()?.name, it.after::<Name>()?.name)));
    rename(&mut belongs, &renamed.filter(|(from, to)| from != to).collect());
    for (_, it) in &memberships {
        belongs.insert(it.name.clone(), it.all().map(|(_, role)| role.to_owned()).collect());
    }
    for (place, it) in &memberships {
        if let Some(connection_settings) = circle(&belongs, &it.name) {
            let argument = it
                .all()
                .find(|(_, role)| *role == connection_settings[0])
                .map_or("roles", |(argument, _)| argument);
            let through: Vec<String> =
                connection_settings.iter().map(|it| format!("`{it}`")).collect();
            let message = format!(
                "`{}` would be a member of itself, through {}",
                it.name,
                through.join(", ")
            );
            problems.push((*place, problem(argument, message)));
        }
    }
    Ok(problems)
}

/// The current memberships of a role; none of one that is created.
fn memberships_before(change: &IntendedChange) -> MembershipObjectionArguments {
    change.before().filter(|_| change.action == Action::Update).unwrap_or_default()
}

/// The attributes of a role that only some users may set, with their keywords in SQL.
const RESTRICTED: [(&str, &str); 4] = [
    ("superuser", "SUPERUSER"),
    ("replication", "REPLICATION"),
    ("bypass_row_level_security", "BYPASSRLS"),
    ("create_database", "CREATEDB"),
];

/// Why the connected user may not make a change: create or alter a role, or set an attribute.
fn forbidden(privileges: &Privileges, change: &IntendedChange) -> Vec<ArgumentProblem> {
    let arguments = |it: Option<BTreeMap<String, Json>>| it.unwrap_or_default();
    let after = arguments(change.after());
    if change.action.makes() {
        let mut problems: Vec<ArgumentProblem> =
            privileges.role_creation_problem().map(|it| problem("name", it)).into_iter().collect();
        // `CREATE ROLE` is sent only attributes that differ from their default, so the others
        // cannot be refused.
        let set = RESTRICTED.iter().filter(|(name, _)| after.get(*name) == Some(&Json::Bool(true)));
        problems.extend(
            set.filter_map(|(name, _)| Some(problem(name, privileges.attribute_problem(name)?))),
        );
        return problems;
    }
    let before = arguments(change.before());
    let differs = |name: &str| before.get(name) != after.get(name);
    let name = before.get("name").and_then(Json::as_str).unwrap_or_default();
    // Granting a membership takes rights on the granted role, not on the member.
    let altered = before.keys().chain(after.keys()).find(|it| {
        !["roles", "membership", "id", "identity"].contains(&it.as_str()) && differs(it)
    });
    if let Some(altered) = altered
        && let Some(message) = privileges.alteration_problem(name)
    {
        return vec![problem(altered, message)];
    }
    let each = |(argument, word): &(&str, &str)| {
        let is_known = after.get(*argument).is_some_and(Json::is_boolean);
        let mut message =
            privileges.attribute_problem(argument).filter(|_| is_known && differs(argument))?;
        // A superuser has set it by hand. Each apply would fail, so the plan states who can revert
        // it.
        if before.get(*argument) == Some(&Json::Bool(true)) {
            message = format!(
                "the server has `{argument} = true`: {message}; or let a superuser run `ALTER ROLE {} NO{word}`",
                identifier(name)
            );
        }
        Some(problem(argument, message))
    };
    RESTRICTED.iter().filter_map(each).collect()
}

type Belongs = BTreeMap<String, BTreeSet<String>>;

/// The roles that each role is a member of now.
async fn granted(session: &DatabaseSession<'_>) -> Result<Belongs, Error> {
    let query = "SELECT pg_catalog.pg_get_userbyid(member)::text, pg_catalog.pg_get_userbyid(roleid)::text \
                 FROM pg_catalog.pg_auth_members";
    let mut belongs = Belongs::new();
    for row in session.rows(ATTEMPTED, query, &[]).await? {
        belongs.entry(row.get(0)).or_default().insert(row.get(1));
    }
    Ok(belongs)
}

/// Renames the roles as the plan does.
fn rename(belongs: &mut Belongs, renamed: &BTreeMap<String, String>) {
    let name = |it: String| renamed.get(&it).cloned().unwrap_or(it);
    *belongs = std::mem::take(belongs)
        .into_iter()
        .map(|(member, roles)| (name(member), roles.into_iter().map(name).collect()))
        .collect();
}

/// The shortest chain of memberships from a role back to itself, without the role. Breadth-first,
/// so each membership is visited once.
fn circle(belongs: &Belongs, role: &str) -> Option<Vec<String>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = VecDeque::from([role]);
    while let Some(member) = open.pop_front() {
        for next in belongs.get(member).into_iter().flatten() {
            if next == role {
                let mut connection_settings = vec![member.to_owned()];
                while let Some(earlier) = from
                    .get(connection_settings[connection_settings.len() - 1].as_str())
                    .filter(|it| **it != role)
                {
                    connection_settings.push((*earlier).to_owned());
                }
                connection_settings.reverse();
                return Some(connection_settings);
            }
            if !from.contains_key(next.as_str()) {
                from.insert(next, member);
                open.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_the_shortest_circle() {
        let pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "d2"), ("e", "a")];
        let mut belongs = Belongs::new();
        for (member, role) in pairs {
            belongs.entry(member.to_owned()).or_default().insert(role.to_owned());
        }
        assert_eq!(circle(&belongs, "a"), Some(vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!((circle(&belongs, "e"), circle(&belongs, "d")), (None, None));
        rename(&mut belongs, &[("c".to_owned(), "x".to_owned())].into());
        assert_eq!(circle(&belongs, "a"), Some(vec!["b".to_owned(), "x".to_owned()]));
    }
}

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ha_provider::{ArgumentProblem, Error, IntendedChange};
use serde::Deserialize;

use super::names::Names;
use super::{ATTEMPTED, Name, ROLE, changed, problem};
use crate::session::DatabaseSession;

#[derive(Deserialize)]
struct Superuser {
    superuser: bool,
}

#[derive(Deserialize)]
struct MembershipObjectionArguments {
    name: String,
    #[serde(default)]
    roles: BTreeSet<String>,
    #[serde(default)]
    membership: Vec<Membership>,
}

#[derive(Deserialize)]
struct Membership {
    role: String,
}

impl MembershipObjectionArguments {
    /// The roles it belongs to, with the arguments that say so.
    fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let own = self.membership.iter().map(|it| ("membership", it.role.as_str()));
        self.roles.iter().map(|it| ("roles", it.as_str())).chain(own)
    }
}

/// Names that are taken, superusers by somebody who is none, and memberships of what is not there
/// or in a circle.
pub(super) async fn refused(
    session: &DatabaseSession<'_>,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let names = Names::of_roles(session, planned).await?;
    let mut problems = Vec::new();
    let mut memberships = Vec::new();
    for (place, it) in changed(ROLE, planned) {
        if let Some(name) = names.collision(it) {
            let message =
                format!("there is a role `{name}` already, and this configuration did not make it");
            problems.push((place, problem("name", message)));
        }
        let is = |it: Option<Superuser>| it.is_some_and(|it| it.superuser);
        if is(it.after()) && !is(it.before()) && !session.is_superuser {
            let message = format!(
                "only a superuser makes one, and `{}` is none; on RDS no one is",
                session.user
            );
            problems.push((place, problem("superuser", message)));
        }
        if let Some(it) = it.after::<MembershipObjectionArguments>() {
            let missing = it.all().filter(|(_, role)| names.will_be_missing(role));
            problems.extend(missing.map(|(argument, role)| {
                (place, problem(argument, format!("there is no role `{role}`")))
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
        if let Some(way) = circle(&belongs, &it.name) {
            let argument = it
                .all()
                .find(|(_, role)| *role == way[0])
                .map_or("roles", |(argument, _)| argument);
            let through: Vec<String> = way.iter().map(|it| format!("`{it}`")).collect();
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

type Belongs = BTreeMap<String, BTreeSet<String>>;

/// The roles that each role belongs to now.
async fn granted(session: &DatabaseSession<'_>) -> Result<Belongs, Error> {
    let query = "SELECT pg_catalog.pg_get_userbyid(member)::text, pg_catalog.pg_get_userbyid(roleid)::text \
                 FROM pg_catalog.pg_auth_members";
    let mut belongs = Belongs::new();
    for row in session.rows(ATTEMPTED, query, &[]).await? {
        belongs.entry(row.get(0)).or_default().insert(row.get(1));
    }
    Ok(belongs)
}

/// The same with the names that roles are given.
fn rename(belongs: &mut Belongs, renamed: &BTreeMap<String, String>) {
    let name = |it: String| renamed.get(&it).cloned().unwrap_or(it);
    *belongs = std::mem::take(belongs)
        .into_iter()
        .map(|(member, roles)| (name(member), roles.into_iter().map(name).collect()))
        .collect();
}

/// The shortest way from a role back to itself, without it.
fn circle(belongs: &Belongs, role: &str) -> Option<Vec<String>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = VecDeque::from([role]);
    while let Some(member) = open.pop_front() {
        for next in belongs.get(member).into_iter().flatten() {
            if next == role {
                let mut way = vec![member.to_owned()];
                while let Some(earlier) =
                    from.get(way[way.len() - 1].as_str()).filter(|it| **it != role)
                {
                    way.push((*earlier).to_owned());
                }
                way.reverse();
                return Some(way);
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
    fn a_circle_is_told_by_its_shortest_way() {
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

//! Roles and extensions that other objects still depend on when a plan drops them.

use std::collections::{BTreeMap, BTreeSet};

use ha_provider::{ArgumentProblem, Error, IntendedChange};
use serde::Deserialize;
use tokio_postgres::Row;

use super::privileges::Privileges;
use super::{ATTEMPTED, DATABASE, EXTENSION, Name, Owner, ROLE, problem};
use crate::provider::PostgresqlProvider;
use crate::session::DatabaseSession;
use crate::sql::identifier;

/// How many dependent objects of one database a message lists; the rest are counted.
const LISTED: usize = 5;

/// The objects of the current database, and those of the whole server, that depend on a role.
///
/// Members of an extension go with it, and an extension alone is handed over to the owner of its
/// database before the role is dropped, so neither keeps the role. Databases are listed here by
/// what the server stores for them as a whole: `dbid` 0.
const DEPENDENTS_OF_ROLE: &str = "SELECT s.dbid = 0, s.deptype::text, \
     CASE WHEN s.classid = 'pg_catalog.pg_database'::pg_catalog.regclass \
     THEN (SELECT datname::text FROM pg_catalog.pg_database WHERE oid = s.objid) END, \
     pg_catalog.pg_describe_object(s.classid, s.objid, s.objsubid), \
     s.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass \
     FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid \
     JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database() \
     WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND r.rolname = $1 AND s.dbid IN (0, d.oid) \
     AND s.classid <> 'pg_catalog.pg_auth_members'::pg_catalog.regclass \
     AND (s.dbid = 0 OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend m WHERE m.classid = s.classid AND m.objid = s.objid \
     AND m.deptype = 'e')) ORDER BY 4";

/// The databases that have objects which depend on a role.
const DATABASES_OF_ROLE: &str = "SELECT DISTINCT d.datname::text, pg_catalog.pg_get_userbyid(d.datdba)::text \
     FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid \
     JOIN pg_catalog.pg_database d ON d.oid = s.dbid \
     WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND r.rolname = $1 AND d.datallowconn ORDER BY 1";

/// What a plan drops, or takes from a role, by name.
struct Drops {
    roles: BTreeSet<String>,
    databases: BTreeSet<String>,
    /// Databases that the plan gives to another owner.
    handed_over: BTreeSet<String>,
}

impl Drops {
    fn of(planned: &[IntendedChange]) -> Self {
        let dropped = |kind: &str| -> BTreeSet<String> {
            planned
                .iter()
                .filter(|change| *change.kind == *kind && change.action.destroys())
                .filter_map(|change| Some(change.before::<Name>()?.name))
                .collect()
        };
        let owner = |owner: Option<Owner>| owner.map(|it| it.owner);
        let handed_over = planned
            .iter()
            .filter(|change| *change.kind == *DATABASE && !change.action.destroys())
            .filter(|change| owner(change.before()) != owner(change.after()))
            .filter_map(|change| Some(change.before::<Name>()?.name))
            .collect();
        Self { roles: dropped(ROLE), databases: dropped(DATABASE), handed_over }
    }
}

/// A role that a plan drops, and what the server as a whole says against that.
struct DroppedRole {
    place: usize,
    name: String,
    reasons: Vec<String>,
    /// The databases that have objects which depend on it, with their owners.
    databases: Vec<(String, String)>,
    grants: Vec<String>,
}

/// Roles to be dropped that still own objects, have rights on some, or have granted memberships.
pub(super) async fn kept_roles(
    server: &PostgresqlProvider,
    session: DatabaseSession<'_>,
    privileges: &Privileges,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let drops = Drops::of(planned);
    let mut problems = Vec::new();
    let mut dropped = Vec::new();
    for (place, change) in planned.iter().enumerate() {
        if *change.kind != *ROLE || !change.action.destroys() {
            continue;
        }
        let Some(Name { name }) = change.before() else { continue };
        match privileges.alteration_problem(&name) {
            Some(message) => problems.push((place, problem("name", message))),
            None => dropped.push(dropped_role(&session, place, name, &drops).await?),
        }
    }
    // Each database that is looked into takes a connection of its own.
    drop(session);
    for DroppedRole { place, name, mut reasons, databases, grants } in dropped {
        for (database, owner) in &databases {
            reasons.extend(objects_in(server, database, owner, &name).await?);
        }
        if !reasons.is_empty() {
            let role = identifier(&name);
            reasons.push(format!(
                "in each of these databases, hand over what it owns with `REASSIGN OWNED BY {role} TO …`, then take its \
                 rights back with `DROP OWNED BY {role}`; or keep the role"
            ));
        }
        if !grants.is_empty() {
            reasons.push(format!(
                "it has made others members of roles; revoke that first: {}",
                grants.join("; ")
            ));
        }
        if !reasons.is_empty() {
            let message = format!("the role `{name}` cannot be dropped: {}", reasons.join("; "));
            problems.push((place, problem("name", message)));
        }
    }
    Ok(problems)
}

async fn dropped_role(
    session: &DatabaseSession<'_>,
    place: usize,
    name: String,
    drops: &Drops,
) -> Result<DroppedRole, Error> {
    let rows = session.rows(ATTEMPTED, DEPENDENTS_OF_ROLE, &[&name]).await?;
    let stays = |row: &&Row| {
        let owns = row.get::<_, String>(1) == "o";
        let database: Option<String> = row.get(2);
        let goes = database.is_some_and(|it| {
            drops.databases.contains(&it) || (owns && drops.handed_over.contains(&it))
        });
        row.get::<_, bool>(0) && !goes
    };
    let of_server: Vec<String> = rows.iter().filter(stays).map(dependent).collect();
    let reasons = match of_server.is_empty() {
        true => Vec::new(),
        false => vec![format!("it has {}", listed(&of_server))],
    };
    let rows = session.rows(ATTEMPTED, DATABASES_OF_ROLE, &[&name]).await?;
    let databases = rows
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .filter(|(database, _)| !drops.databases.contains(database))
        .collect();
    let grants = grants_to_others(session, &name, &drops.roles).await?;
    Ok(DroppedRole { place, name, reasons, databases, grants })
}

/// What keeps a role in one database, as a clause; none where it can be dropped as far as that
/// database goes.
async fn objects_in(
    server: &PostgresqlProvider,
    database: &str,
    owner: &str,
    role: &str,
) -> Result<Option<String>, Error> {
    // `pg_describe_object` describes the objects of the database that one is connected to.
    let Some(session) = server.reading(database).await? else { return Ok(None) };
    let rows = session.rows(ATTEMPTED, DEPENDENTS_OF_ROLE, &[&role]).await?;
    let here = rows.iter().filter(|row| !row.get::<_, bool>(0));
    let (extensions, others): (Vec<_>, Vec<_>) = here.partition(|row| row.get::<_, bool>(4));
    // An extension is handed over to the owner of its database before the role is dropped, unless
    // that is the role itself, or the role owns something else there as well.
    let owns_more = others.iter().any(|row| row.get::<_, String>(1) == "o");
    let is_handed_over = !owns_more && owner != role;
    let kept = others.into_iter().chain(extensions.into_iter().filter(|_| !is_handed_over));
    let kept: Vec<String> = kept.map(dependent).collect();
    Ok((!kept.is_empty()).then(|| format!("in the database `{database}` it has {}", listed(&kept))))
}

/// A dependent object, and how it depends on the role.
fn dependent(row: &Row) -> String {
    let object: Option<String> = row.get(3);
    let object = object.unwrap_or_else(|| "an object that was just dropped".to_owned());
    match row.get::<_, String>(1).as_str() {
        "o" => format!("ownership of {object}"),
        "r" => format!("a place in {object}"),
        _ => format!("rights on {object}"),
    }
}

fn listed(objects: &[String]) -> String {
    let first = &objects[..objects.len().min(LISTED)];
    match objects.len() - first.len() {
        0 => first.join(", "),
        rest => format!("{}, and {rest} more", first.join(", ")),
    }
}

/// The memberships that a role has granted and that stay: the server then refuses to drop it.
async fn grants_to_others(
    session: &DatabaseSession<'_>,
    role: &str,
    dropped: &BTreeSet<String>,
) -> Result<Vec<String>, Error> {
    if session.version < crate::membership::WITH_OPTIONS {
        return Ok(Vec::new());
    }
    let dropped: Vec<&String> = dropped.iter().collect();
    let query = "SELECT pg_catalog.format('`REVOKE %I FROM %I GRANTED BY %I`', g.rolname, m.rolname, $1::text) \
                 FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_roles g ON g.oid = a.roleid \
                 JOIN pg_catalog.pg_roles m ON m.oid = a.member JOIN pg_catalog.pg_roles b ON b.oid = a.grantor \
                 WHERE b.rolname = $1 AND g.rolname::text <> ALL($2) AND m.rolname::text <> ALL($2) ORDER BY 1";
    let rows = session.rows(ATTEMPTED, query, &[&role, &dropped]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[derive(Deserialize)]
struct DroppedExtension {
    name: String,
    database: Option<String>,
    #[serde(default)]
    drop_cascade: bool,
}

/// What depends on an extension or on a member of it, and does not go with the extension: other
/// extensions first. Parts of the extension that are no members of their own, such as the functions
/// of its operator classes, depend on members internally or automatically, so they are left out.
const DEPENDENTS_OF_EXTENSION: &str = "WITH e AS (SELECT oid FROM pg_catalog.pg_extension WHERE extname = $1), \
     parts AS (SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass::oid AS classid, oid AS objid FROM e \
     UNION SELECT classid, objid FROM pg_catalog.pg_depend, e WHERE deptype = 'e' \
     AND refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND refobjid = e.oid) \
     SELECT DISTINCT x.extname::text, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) \
     FROM pg_catalog.pg_depend d JOIN parts p ON d.refclassid = p.classid AND d.refobjid = p.objid \
     LEFT JOIN pg_catalog.pg_extension x ON d.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND x.oid = d.objid \
     WHERE d.deptype = 'n' AND d.classid IN ('pg_catalog.pg_extension'::pg_catalog.regclass, \
     'pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass, \
     'pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_rewrite'::pg_catalog.regclass, \
     'pg_catalog.pg_attrdef'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i JOIN parts q ON i.refclassid = q.classid AND i.refobjid = q.objid \
     WHERE i.classid = d.classid AND i.objid = d.objid AND i.deptype IN ('a', 'i', 'e')) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend m JOIN pg_catalog.pg_extension o ON o.oid = m.refobjid \
     WHERE m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND m.deptype = 'e' AND m.classid = d.classid \
     AND m.objid = d.objid) ORDER BY 1 NULLS LAST, 2";

/// Extensions to be dropped without `drop_cascade` that other objects need.
pub(super) async fn needed_extensions(
    server: &PostgresqlProvider,
    privileges: &Privileges,
    planned: &[IntendedChange],
) -> Result<Vec<(usize, ArgumentProblem)>, Error> {
    let drops = Drops::of(planned);
    let mut by_database: BTreeMap<String, Vec<(usize, DroppedExtension)>> = BTreeMap::new();
    for (place, change) in planned.iter().enumerate() {
        if *change.kind != *EXTENSION || !change.action.destroys() {
            continue;
        }
        let Some(extension) = change.before::<DroppedExtension>() else { continue };
        let database = extension.database.clone().unwrap_or_else(|| server.database().to_owned());
        // It goes with its database, whatever needs it there.
        if !drops.databases.contains(&database) {
            by_database.entry(database).or_default().push((place, extension));
        }
    }
    let mut problems = Vec::new();
    for (database, extensions) in &by_database {
        let Some(session) = server.reading(database).await? else { continue };
        let query = "SELECT extname::text, pg_catalog.pg_get_userbyid(extowner)::text FROM pg_catalog.pg_extension";
        let rows = session.rows(ATTEMPTED, query, &[]).await?;
        let owners: BTreeMap<String, String> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        for (place, extension) in extensions {
            let owner = owners.get(&extension.name);
            let message = owner.and_then(|owner| {
                Some(format!(
                    "the extension `{}` belongs to `{owner}`: {}",
                    extension.name,
                    privileges.owner_problem(owner)?
                ))
            });
            problems.extend(message.map(|it| (*place, problem("name", it))));
        }
        let dropped: BTreeSet<&str> = extensions.iter().map(|(_, it)| it.name.as_str()).collect();
        for (place, extension) in extensions.iter().filter(|(_, it)| !it.drop_cascade) {
            let name = &extension.name;
            let rows = session.rows(ATTEMPTED, DEPENDENTS_OF_EXTENSION, &[name]).await?;
            let needing: Vec<String> = rows
                .iter()
                .filter(|row| {
                    row.get::<_, Option<&str>>(0).is_none_or(|other| !dropped.contains(other))
                })
                .filter_map(|row| row.get(1))
                .collect();
            if needing.is_empty() {
                continue;
            }
            let message = format!(
                "the extension `{name}` cannot be dropped from the database `{database}`, because these need it: {}; \
                 delete them first, or set `drop_cascade = true` in its block and apply that before the block is removed: \
                 what needs it is then deleted with it",
                listed(&needing)
            );
            problems.push((*place, problem("name", message)));
        }
    }
    Ok(problems)
}

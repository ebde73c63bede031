//! What the connected user may do with roles, by the server's own catalogs and rules.

use std::collections::BTreeMap;

use ha_provider::Error;

use super::ATTEMPTED;
use crate::membership::WITH_OPTIONS;
use crate::session::DatabaseSession;

/// The role whose only member is the owner of the current database, which the server enforces.
const DATABASE_OWNER: &str = "pg_database_owner";

/// The rights of the connected user.
pub(super) struct Privileges {
    user: String,
    is_superuser: bool,
    /// Whether the user is an administrator of a managed service. Such a server is patched to let
    /// its administrators do more than the catalogs say, so only the server knows what is refused.
    is_managed_administrator: bool,
    /// Whether roles are administered by the ADMIN option, as from version 16 on.
    by_admin_option: bool,
    creates_roles: bool,
    creates_databases: bool,
    replicates: bool,
    bypasses_row_level_security: bool,
    roles: BTreeMap<String, RolePrivileges>,
}

/// What the user may do with one role.
struct RolePrivileges {
    is_superuser: bool,
    can_act_as: bool,
    is_admin: bool,
    /// Whether the user has its rights without acting as it.
    is_inherited: bool,
}

impl Privileges {
    /// Reads the rights of the session's user.
    pub(super) async fn of(session: &DatabaseSession<'_>) -> Result<Self, Error> {
        let by_admin_option = session.version >= WITH_OPTIONS;
        let act_as = if by_admin_option { "SET" } else { "MEMBER" };
        let query = "SELECT rolname::text, rolsuper, pg_catalog.pg_has_role(oid, $1), \
                     pg_catalog.pg_has_role(oid, 'MEMBER WITH ADMIN OPTION'), pg_catalog.pg_has_role(oid, 'USAGE') \
                     FROM pg_catalog.pg_roles";
        let privileges = |row: &tokio_postgres::Row| RolePrivileges {
            is_superuser: row.get(1),
            can_act_as: row.get(2),
            is_admin: row.get(3),
            is_inherited: row.get(4),
        };
        let rows = session.rows(ATTEMPTED, query, &[&act_as]).await?;
        let roles = rows.iter().map(|row| (row.get(0), privileges(row))).collect();
        let query = "SELECT rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, EXISTS (SELECT FROM pg_catalog.pg_roles m \
                     WHERE m.rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin') \
                     AND pg_catalog.pg_has_role(m.oid, 'MEMBER')) FROM pg_catalog.pg_roles WHERE rolname = current_user";
        let rows = session.rows(ATTEMPTED, query, &[]).await?;
        let flag = |column: usize| rows.first().is_some_and(|row| row.get(column));
        Ok(Self {
            user: session.user.clone(),
            is_superuser: session.is_superuser,
            is_managed_administrator: flag(4),
            by_admin_option,
            creates_roles: flag(0),
            creates_databases: flag(1),
            replicates: flag(2),
            bypasses_row_level_security: flag(3),
            roles,
        })
    }

    /// Whether the catalogs do not limit the user.
    pub(super) fn is_unlimited(&self) -> bool {
        self.is_superuser || self.is_managed_administrator
    }

    /// The connected user.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Why the user cannot create roles.
    pub(super) fn role_creation_problem(&self) -> Option<String> {
        (!self.is_unlimited() && !self.creates_roles).then(|| {
            format!(
                "`{0}` has no CREATEROLE right and so can create no roles; connect as a role that has it, or let a \
                 superuser run `ALTER ROLE {0} CREATEROLE`",
                self.user
            )
        })
    }

    /// Why the user cannot create databases.
    pub(super) fn database_creation_problem(&self) -> Option<String> {
        (!self.is_unlimited() && !self.creates_databases).then(|| {
            format!(
                "`{0}` has no CREATEDB right, which creating or renaming a database takes; connect as a role that has \
                 it, or let a superuser run `ALTER ROLE {0} CREATEDB`",
                self.user
            )
        })
    }

    /// Why the user cannot set or clear an attribute of a role.
    pub(super) fn attribute_problem(&self, argument: &str) -> Option<String> {
        // Before version 16 these were the superusers' alone. Since then a role can give what it
        // has itself, except for `superuser`.
        let (is_allowed, right) = match argument {
            "superuser" if self.is_superuser => return None,
            "superuser" => {
                return Some(format!(
                    "only a superuser can set or clear `superuser`, and `{}` is none; on RDS no one is",
                    self.user
                ));
            }
            "replication" => (self.by_admin_option && self.replicates, "REPLICATION"),
            "bypass_row_level_security" => {
                (self.by_admin_option && self.bypasses_row_level_security, "BYPASSRLS")
            }
            "create_database" => (!self.by_admin_option || self.creates_databases, "CREATEDB"),
            _ => return None,
        };
        if is_allowed || self.is_unlimited() {
            return None;
        }
        let user = &self.user;
        Some(match self.by_admin_option {
            true => format!(
                "only a superuser, or a role with CREATEROLE that has {right} itself, can set or clear `{argument}`, and \
                 `{user}` has not; let a superuser run `ALTER ROLE {user} {right}`, or leave the argument as it is on the \
                 server"
            ),
            false => format!(
                "before PostgreSQL 16 only a superuser can set or clear `{argument}`, and `{user}` is none; connect as a \
                 superuser, or leave the argument as it is on the server"
            ),
        })
    }

    /// Why the user cannot change or drop a role that is on the server.
    pub(super) fn alteration_problem(&self, role: &str) -> Option<String> {
        let rights = self.roles.get(role).filter(|_| !self.is_superuser)?;
        let user = &self.user;
        if rights.is_superuser {
            return Some(format!(
                "`{role}` is a superuser, and only a superuser can change or drop one, which `{user}` is not; let a \
                 superuser run `ALTER ROLE {role} NOSUPERUSER`, or connect as one"
            ));
        }
        if self.is_managed_administrator || role == user {
            return None;
        }
        let is_admin = !self.by_admin_option || rights.is_admin;
        (!self.creates_roles || !is_admin).then(|| match self.by_admin_option {
            true => format!(
                "`{user}` cannot change or drop the role `{role}`: from PostgreSQL 16 on that takes CREATEROLE, and the \
                 ADMIN option on the role; let a superuser run `GRANT {role} TO {user} WITH ADMIN OPTION`"
            ),
            false => format!(
                "`{user}` cannot change or drop the role `{role}`: that takes CREATEROLE; connect as a role that has it"
            ),
        })
    }

    /// Why the user cannot make anyone a member of a role that is on the server, or end that.
    pub(super) fn grant_problem(&self, role: &str) -> Option<String> {
        if self.can_grant(role) {
            return None;
        }
        let user = &self.user;
        Some(match self.roles.get(role).is_some_and(|it| it.is_superuser) {
            true => format!(
                "`{role}` is a superuser, and only a superuser can grant or revoke membership of one, which `{user}` is \
                 not"
            ),
            false => format!(
                "`{user}` can neither grant nor revoke membership of `{role}`: that takes {}; let a superuser run `GRANT \
                 {role} TO {user} WITH ADMIN OPTION`",
                self.granting_takes()
            ),
        })
    }

    /// Why the user cannot act as a role, which giving a database to it or changing its database
    /// takes.
    pub(super) fn acting_problem(&self, role: &str) -> Option<String> {
        let rights = self.roles.get(role).filter(|it| !it.can_act_as)?;
        // Whoever can grant a role is made a member first.
        if role != DATABASE_OWNER && self.can_grant(role) {
            return None;
        }
        let user = &self.user;
        Some(match role {
            DATABASE_OWNER => format!(
                "`{role}` has no members but the owner of each database, so `{user}` cannot act as it; name a role \
                 instead"
            ),
            _ if rights.is_superuser => format!(
                "`{user}` is no member of `{role}`, and only a superuser can make it one, because `{role}` is a \
                 superuser; name another owner, or let a superuser run `GRANT {role} TO {user}`"
            ),
            _ => format!(
                "`{user}` is no member of `{role}` and cannot make itself one: that takes {}; let a superuser run \
                 `GRANT {role} TO {user}`",
                self.granting_takes()
            ),
        })
    }

    /// Why the user cannot change or drop what a role owns inside a database.
    pub(super) fn owner_problem(&self, owner: &str) -> Option<String> {
        let is_inherited = self.roles.get(owner).is_some_and(|it| it.is_inherited);
        self.acting_problem(owner).filter(|_| !is_inherited)
    }

    fn can_grant(&self, role: &str) -> bool {
        let Some(rights) = self.roles.get(role) else { return true };
        match rights.is_superuser {
            true => self.is_superuser,
            false if self.is_unlimited() || rights.is_admin => true,
            false => !self.by_admin_option && self.creates_roles,
        }
    }

    fn granting_takes(&self) -> &'static str {
        match self.by_admin_option {
            true => "the ADMIN option on that role",
            false => "CREATEROLE, or the ADMIN option on that role",
        }
    }
}

//! Memberships of roles in roles, and their options. From version 16 on each grant has the options
//! INHERIT, SET and ADMIN, and several grantors may each have granted the same membership; before,
//! there is one grant with the option ADMIN alone.

use std::collections::{BTreeMap, BTreeSet};

use ha_provider::{CallOutcome, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::session::DatabaseSession;
use crate::sql::identifier;

/// The first version whose grants have options of their own.
pub(crate) const WITH_OPTIONS: i32 = 160_000;

/// Serialises changes of memberships: of two sessions that change those of one role concurrently,
/// the server lets one fail with `tuple concurrently updated`.
const LOCK: &str = "SELECT pg_catalog.pg_advisory_xact_lock(7020293016)";

/// A membership with options that are not the usual ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RoleMembership {
    /// The role that it is a member of.
    pub(crate) role: String,
    /// Whether it may grant and revoke this membership for others.
    #[serde(default)]
    pub(crate) admin: bool,
    /// Whether it has that role's rights without `SET ROLE`; the role's `inherit` by default. A
    /// different value takes PostgreSQL 16 or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inherit: Option<bool>,
    /// Whether it may become that role with `SET ROLE`. `false` takes PostgreSQL 16 or later.
    #[serde(default = "yes")]
    pub(crate) set: bool,
}

fn yes() -> bool {
    true
}

/// The options of a membership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MembershipOptions {
    admin: bool,
    inherit: bool,
    set: bool,
}

/// The grants of one role to another, each with its grantor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoleGrants(Vec<(String, MembershipOptions)>);

/// The roles that a role is a member of, by name.
pub(crate) type GrantedRoles = BTreeMap<String, RoleGrants>;

impl RoleGrants {
    /// The options that the grants give together: the server combines them with OR.
    fn options(&self) -> MembershipOptions {
        let any = |is: fn(&MembershipOptions) -> bool| self.0.iter().any(|(_, it)| is(it));
        MembershipOptions {
            admin: any(|it| it.admin),
            inherit: any(|it| it.inherit),
            set: any(|it| it.set),
        }
    }
}

/// The memberships that a configuration asks for.
#[derive(Clone, Copy)]
pub(crate) struct DesiredMemberships<'a> {
    /// The INHERIT option of memberships that set none.
    pub(crate) inherit: bool,
    pub(crate) roles: &'a BTreeSet<String>,
    pub(crate) memberships: &'a BTreeSet<RoleMembership>,
}

impl DesiredMemberships<'_> {
    fn options(&self) -> BTreeMap<&str, MembershipOptions> {
        let usual =
            |name| (name, MembershipOptions { admin: false, inherit: self.inherit, set: true });
        let own = |it: &RoleMembership| MembershipOptions {
            admin: it.admin,
            inherit: it.inherit.unwrap_or(self.inherit),
            set: it.set,
        };
        let mut options: BTreeMap<&str, MembershipOptions> =
            self.roles.iter().map(|it| usual(it.as_str())).collect();
        for (role, more) in self.memberships.iter().map(|it| (it.role.as_str(), own(it))) {
            options.insert(role, more);
        }
        options
    }

    /// The granted memberships in the form that this configuration uses: `roles` where the options
    /// are the default ones, and `membership` blocks for the rest.
    pub(crate) fn as_configured(
        &self,
        granted: &GrantedRoles,
    ) -> (BTreeSet<String>, BTreeSet<RoleMembership>) {
        let (mut roles, mut memberships) = (BTreeSet::new(), BTreeSet::new());
        for (role, grants) in granted {
            let options = grants.options();
            let said = self.memberships.iter().find(|it| it.role == *role);
            let is_usual =
                options == MembershipOptions { admin: false, inherit: self.inherit, set: true };
            if is_usual && said.is_none() {
                roles.insert(role.clone());
                continue;
            }
            let is_silent =
                options.inherit == self.inherit && said.is_none_or(|it| it.inherit.is_none());
            let inherit = if is_silent { None } else { Some(options.inherit) };
            memberships.insert(RoleMembership {
                role: role.clone(),
                admin: options.admin,
                inherit,
                set: options.set,
            });
        }
        (roles, memberships)
    }

    /// The statements that bring `member` from what is granted to what is asked for.
    ///
    /// # Errors
    /// An option that the server's version does not have.
    pub(crate) fn statements(
        &self,
        member: &str,
        granted: &GrantedRoles,
        version: i32,
    ) -> Result<Vec<String>, String> {
        let wanted = self.options();
        let mut statements = Vec::new();
        let member = identifier(member);
        let has_options = version >= WITH_OPTIONS;
        for (role, grants) in granted {
            let keeps = wanted.get(role.as_str()).copied();
            let role = identifier(role);
            for (grantor, options) in &grants.0 {
                let by = if has_options {
                    format!(" GRANTED BY {}", identifier(grantor))
                } else {
                    String::new()
                };
                match keeps {
                    None => statements.push(format!("REVOKE {role} FROM {member}{by}")),
                    Some(keeps) => {
                        let taken = unwanted_options(*options, keeps, has_options);
                        statements.extend(
                            taken.map(|it| {
                                format!("REVOKE {it} OPTION FOR {role} FROM {member}{by}")
                            }),
                        );
                    }
                }
            }
        }
        for (role, wanted) in wanted {
            if !has_options && (wanted.inherit != self.inherit || !wanted.set) {
                let cause = "a membership that inherits otherwise than its role, or that cannot `SET ROLE`, takes PostgreSQL 16";
                return Err(format!(
                    "{cause} or later, and this server is of version {}",
                    version / 10_000
                ));
            }
            let has = granted.get(role).map(RoleGrants::options);
            if has.is_some_and(|it| covers(it, wanted, has_options)) {
                continue;
            }
            statements.push(grant(role, &member, wanted, has_options));
        }
        Ok(statements)
    }

    /// The first difference that remains after a change: the server only warns when a revoke has no
    /// effect, because another role was the grantor.
    pub(crate) fn remaining_difference(
        &self,
        granted: &GrantedRoles,
        version: i32,
    ) -> Option<String> {
        let wanted = self.options();
        let grantors = |it: &RoleGrants| {
            it.0.iter().map(|(grantor, _)| format!("`{grantor}`")).collect::<Vec<_>>().join(", ")
        };
        let has_options = version >= WITH_OPTIONS;
        let stays = granted.iter().find(|(role, _)| !wanted.contains_key(role.as_str()));
        if let Some((role, grants)) = stays {
            return Some(format!(
                "it is still a member of `{role}`, granted by {}",
                grantors(grants)
            ));
        }
        for (role, wanted) in wanted {
            let Some(grants) = granted.get(role) else {
                return Some(format!("it is no member of `{role}`"));
            };
            let has = grants.options();
            if !covers(has, wanted, has_options) {
                return Some(format!(
                    "its membership of `{role}` lacks an option that was asked for"
                ));
            }
            if let Some(option) = unwanted_options(has, wanted, has_options).next() {
                return Some(format!(
                    "its membership of `{role}` still has the option {option}, granted by {}",
                    grantors(grants)
                ));
            }
        }
        None
    }
}

/// The options that are granted and not wanted.
fn unwanted_options(
    has: MembershipOptions,
    wanted: MembershipOptions,
    has_options: bool,
) -> impl Iterator<Item = &'static str> {
    let options = [
        ("ADMIN", has.admin && !wanted.admin),
        ("INHERIT", has_options && has.inherit && !wanted.inherit),
        ("SET", has_options && has.set && !wanted.set),
    ];
    options.into_iter().filter(|(_, is)| *is).map(|(option, _)| option)
}

/// Whether every wanted option is granted.
fn covers(has: MembershipOptions, wanted: MembershipOptions, has_options: bool) -> bool {
    let is_covered = |has: bool, wanted: bool| has || !wanted;
    is_covered(has.admin, wanted.admin)
        && (!has_options
            || (is_covered(has.inherit, wanted.inherit) && is_covered(has.set, wanted.set)))
}

fn grant(role: &str, member: &str, options: MembershipOptions, has_options: bool) -> String {
    let is = |it: bool| if it { "TRUE" } else { "FALSE" };
    let with = match (has_options, options.admin) {
        (true, _) => format!(
            " WITH ADMIN {}, INHERIT {}, SET {}",
            is(options.admin),
            is(options.inherit),
            is(options.set)
        ),
        (false, true) => " WITH ADMIN OPTION".to_owned(),
        (false, false) => String::new(),
    };
    format!("GRANT {} TO {member}{with}", identifier(role))
}

impl DatabaseSession<'_> {
    /// The memberships of the roles with these names. From version 16 on the server grants the
    /// creator of a role its ADMIN option. Such a grant is left out, unless it is `said`: no
    /// configuration asked for it, and a plan must not revoke it.
    pub(crate) async fn granted(
        &self,
        attempted: &str,
        members: &[&str],
        said: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, GrantedRoles>, Error> {
        let options = match self.version >= WITH_OPTIONS {
            true => "m.admin_option, m.inherit_option, m.set_option",
            false => "m.admin_option, r.rolinherit, true",
        };
        let query = format!(
            "SELECT r.rolname::text, g.rolname::text, coalesce(pg_catalog.pg_get_userbyid(m.grantor)::text, ''), \
             r.rolcreaterole AND m.grantor = 10, {options} FROM pg_catalog.pg_auth_members m \
             JOIN pg_catalog.pg_roles g ON g.oid = m.roleid JOIN pg_catalog.pg_roles r ON r.oid = m.member \
             WHERE r.rolname::text = ANY($1) ORDER BY 1, 2, 3"
        );
        let mut all: BTreeMap<String, GrantedRoles> = BTreeMap::new();
        for row in self.rows(attempted, &query, &[&members]).await? {
            let (member, role, grantor): (String, String, String) =
                (row.get(0), row.get(1), row.get(2));
            let options =
                MembershipOptions { admin: row.get(4), inherit: row.get(5), set: row.get(6) };
            let is_of_itself = row.get::<_, bool>(3)
                && options == MembershipOptions { admin: true, inherit: false, set: false };
            if is_of_itself && self.version >= WITH_OPTIONS && !said.contains(role.as_str()) {
                continue;
            }
            all.entry(member).or_default().entry(role).or_default().0.push((grantor, options));
        }
        Ok(all)
    }

    /// The `REVOKE …` statements for what a role has granted, which keeps it from being dropped.
    pub(crate) async fn granted_by(
        &self,
        attempted: &str,
        grantor: &str,
    ) -> Result<Vec<String>, Error> {
        if self.version < WITH_OPTIONS {
            return Ok(Vec::new());
        }
        let query = "SELECT pg_catalog.format('REVOKE %I FROM %I GRANTED BY %I', pg_catalog.pg_get_userbyid(roleid), \
                     pg_catalog.pg_get_userbyid(member), pg_catalog.pg_get_userbyid(grantor)) FROM pg_catalog.pg_auth_members \
                     WHERE pg_catalog.pg_get_userbyid(grantor) = $1 ORDER BY 1";
        Ok(self.rows(attempted, query, &[&grantor]).await?.iter().map(|row| row.get(0)).collect())
    }

    /// Makes the connected user a member of a role, unless it can act as that role already.
    pub(crate) async fn become_member_of(&self, role: &str) -> Result<(), Error> {
        let attempted = format!("make `{}` a member of the role `{role}`", self.user);
        if self.can_act_as(&attempted, role).await? {
            return Ok(());
        }
        let grant = format!("GRANT {} TO {}", identifier(role), identifier(&self.user));
        self.in_transaction(&attempted, &[LOCK.to_owned(), grant]).await
    }

    async fn can_act_as(&self, attempted: &str, role: &str) -> Result<bool, Error> {
        // From version 16 on a member can act as a role only with the SET option.
        let how = if self.version >= WITH_OPTIONS { "SET" } else { "MEMBER" };
        let query =
            "SELECT pg_catalog.pg_has_role(oid, $2) FROM pg_catalog.pg_roles WHERE rolname = $1";
        let rows = self.rows(attempted, query, &[&role, &how]).await?;
        match rows.first() {
            Some(row) => Ok(row.get(0)),
            None => Err(Error::new(attempted, format!("there is no role `{role}`"))
                .help("create it with `postgresql_role`, and refer to its `name` so that it is created first")
                .outcome(CallOutcome::Refused)),
        }
    }
}

/// The statement that keeps other sessions of `ha` from changing memberships until the transaction
/// ends.
pub(crate) fn lock() -> String {
    LOCK.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(grantor: &str, admin: bool, inherit: bool, set: bool) -> GrantedRoles {
        BTreeMap::from([(
            "g".to_owned(),
            RoleGrants(vec![(grantor.to_owned(), MembershipOptions { admin, inherit, set })]),
        )])
    }

    fn roles(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn differing_grants_are_granted_again_or_revoked() {
        let (g, none) = (roles(&["g"]), BTreeSet::new());
        let wanted = |inherit| DesiredMemberships { inherit, roles: &g, memberships: &none };
        let statements = |inherit, granted: &GrantedRoles, version| {
            wanted(inherit).statements("m", granted, version).unwrap()
        };
        assert_eq!(
            statements(false, &BTreeMap::new(), 160_000),
            ["GRANT \"g\" TO \"m\" WITH ADMIN FALSE, INHERIT FALSE, SET TRUE"]
        );
        assert_eq!(
            statements(false, &granted("boss", false, true, true), 160_000),
            ["REVOKE INHERIT OPTION FOR \"g\" FROM \"m\" GRANTED BY \"boss\""]
        );
        assert_eq!(
            statements(true, &granted("boss", true, false, true), 160_000),
            [
                "REVOKE ADMIN OPTION FOR \"g\" FROM \"m\" GRANTED BY \"boss\"",
                "GRANT \"g\" TO \"m\" WITH ADMIN FALSE, INHERIT TRUE, SET TRUE"
            ]
        );
        assert!(statements(true, &granted("boss", false, true, true), 160_000).is_empty());
        assert_eq!(
            statements(true, &granted("boss", true, true, true), 150_000),
            ["REVOKE ADMIN OPTION FOR \"g\" FROM \"m\""]
        );
        let nothing = BTreeSet::new();
        let gone = DesiredMemberships { inherit: true, roles: &nothing, memberships: &none };
        let statements =
            |version| gone.statements("m", &granted("boss", false, true, true), version).unwrap();
        assert_eq!(statements(170_000), ["REVOKE \"g\" FROM \"m\" GRANTED BY \"boss\""]);
        assert_eq!(statements(150_000), ["REVOKE \"g\" FROM \"m\""]);
        assert!(
            gone.remaining_difference(&granted("boss", false, true, true), 160_000)
                .unwrap()
                .contains("granted by `boss`")
        );
    }

    #[test]
    fn granted_memberships_take_the_form_of_the_configuration() {
        let (g, none) = (roles(&["g"]), BTreeSet::new());
        let wanted = DesiredMemberships { inherit: true, roles: &g, memberships: &none };
        assert_eq!(
            wanted.as_configured(&granted("boss", false, true, true)),
            (g.clone(), none.clone())
        );
        let seen = RoleMembership { role: "g".into(), admin: true, inherit: None, set: true };
        assert_eq!(
            wanted.as_configured(&granted("boss", true, true, true)),
            (roles(&[]), BTreeSet::from([seen]))
        );
        let seen =
            RoleMembership { role: "g".into(), admin: false, inherit: Some(false), set: true };
        assert_eq!(
            wanted.as_configured(&granted("boss", false, false, true)),
            (roles(&[]), BTreeSet::from([seen.clone()]))
        );
        // A block with default options stays a block.
        let said = BTreeSet::from([RoleMembership { inherit: None, ..seen }]);
        let wanted = DesiredMemberships {
            inherit: true,
            roles: &none.iter().map(|it: &RoleMembership| it.role.clone()).collect(),
            memberships: &said,
        };
        assert_eq!(
            wanted.as_configured(&granted("boss", false, true, true)),
            (roles(&[]), said.clone())
        );
    }

    #[test]
    fn options_of_later_versions_are_refused() {
        let (none, narrow) = (
            BTreeSet::new(),
            RoleMembership { role: "g".into(), admin: false, inherit: None, set: false },
        );
        let memberships = BTreeSet::from([narrow]);
        let wanted = DesiredMemberships { inherit: true, roles: &none, memberships: &memberships };
        assert!(
            wanted.statements("m", &BTreeMap::new(), 150_004).unwrap_err().contains("version 15")
        );
        assert_eq!(
            wanted.statements("m", &BTreeMap::new(), 180_000).unwrap(),
            ["GRANT \"g\" TO \"m\" WITH ADMIN FALSE, INHERIT TRUE, SET FALSE"]
        );
    }
}

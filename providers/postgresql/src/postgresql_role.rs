use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use ha_provider::{
    ArgumentProblem, Attempt, CallOutcome, CreatedResource, Error, ExistingResource, Impact,
    ImpactSeverity, IntendedChange, MaybeUnknown, PlannedChange, RecordedResource, Resource,
    ResourceHooks, ResourceReading, Secret, known_text,
};
use ha_value::{Action, Object, Path};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::identity::{FoundObject, identity, oid_in};
use crate::membership::{DesiredMemberships, GrantedRoles, RoleMembership, lock};
use crate::objections;
use crate::owned;
use crate::parameters::{self, ServerParameters};
use crate::provider::PostgresqlProvider;
use crate::role_names::{membership_problems, own_name_problem};
use crate::scram;
use crate::session::{DatabaseSession, retry_lost_connections};
use crate::sql::{identifier, literal};
use crate::valid_until::{self, ValidUntil};

/// A role: a user that can log in, or a group of rights. The server is never sent its password,
/// only a SCRAM verifier of it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Role {
    /// Its name.
    name: String,
    /// Whether it may log in.
    #[serde(default)]
    login: bool,
    /// Its password, in ASCII. The server does not return passwords: a superuser compares the
    /// verifier, anyone else logs in with the password to see whether it is still valid.
    password: Option<Secret<String>>,
    /// When the password expires, as a time with its offset; `infinity`, the default, for never.
    #[serde(default)]
    valid_until: ValidUntil,
    /// Whether it bypasses all permission checks. Only a superuser can set or clear this.
    #[serde(default)]
    superuser: bool,
    /// Whether it may create databases.
    #[serde(default)]
    create_database: bool,
    /// Whether it may create roles.
    #[serde(default)]
    create_role: bool,
    /// Whether it may open replication connections, which can copy the whole server. Before
    /// PostgreSQL 16 only a superuser can set or clear this.
    #[serde(default)]
    replication: bool,
    /// Whether it bypasses row-level security policies. Before PostgreSQL 16 only a superuser can
    /// set or clear this.
    #[serde(default)]
    bypass_row_level_security: bool,
    /// Whether it has the rights of the roles that it is a member of without `SET ROLE`.
    #[serde(default = "yes")]
    inherit: bool,
    /// How many concurrent connections it may have; -1, the default, is no limit.
    #[serde(default = "unlimited")]
    connection_limit: i32,
    /// Server settings of its sessions in all databases: `search_path = "app, public"`.
    #[serde(default)]
    settings: ServerParameters,
    /// The roles that it is a member of.
    #[serde(default)]
    roles: BTreeSet<String>,
    /// Memberships with options of their own.
    #[serde(default)]
    membership: BTreeSet<RoleMembership>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RoleOutputs {
    /// Its identity, which a rename does not change: the cluster's identifier and the role's OID.
    identity: Option<String>,
}

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn unlimited() -> i32 {
    -1
}

#[derive(Deserialize)]
struct RoleNameArguments {
    name: String,
}

#[derive(Deserialize)]
struct RolePasswordArguments {
    password: String,
}

#[derive(Deserialize)]
struct RoleLimitArguments {
    connection_limit: i32,
}

#[derive(Deserialize)]
struct ValidUntilArguments {
    valid_until: String,
}

#[derive(Deserialize)]
struct RoleSettingsArguments {
    settings: BTreeMap<String, MaybeUnknown<String>>,
}

impl Resource for Role {
    const KIND: &'static str = "postgresql_role";
    const WITHIN: &'static [&'static str] = &["aws_db_instance"];
    type Provider = PostgresqlProvider;
    type Outputs = RoleOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
            .unique(&["name"])
            .check(|RoleNameArguments { name }| own_name_problem(&name).into_iter().collect())
            .check(|RoleLimitArguments { connection_limit }| {
                limit_problem(connection_limit).into_iter().collect()
            })
            .check(|RolePasswordArguments { password }| {
                let problem = |wrong| ArgumentProblem {
                    path: Path::attribute("password"),
                    message: format!("`password` {wrong}"),
                };
                scram::problem(&password).map(problem).into_iter().collect()
            })
            .inside_through_provider("aws_db_instance", &[("address", "host"), ("port", "port")])
            .check(|ValidUntilArguments { valid_until }| {
                let problem =
                    |message| ArgumentProblem { path: Path::attribute("valid_until"), message };
                valid_until::problem(&valid_until).map(problem).into_iter().collect()
            })
            .check(|RoleSettingsArguments { settings }| parameters::problems(&settings))
            .check(membership_problems)
            .impact(|changed| renamed(changed, "clients must log in by its new name"))
            .predict("id", |RoleNameArguments { name }| name)
    }

    async fn create(
        &self,
        server: &PostgresqlProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        retry_lost_connections!(server, attempt, self.create_or_finish(server, attempt))
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id).argument("name", id))
    }

    fn import_id(arguments: &Object) -> Option<String> {
        known_text(arguments, "name").map(str::to_owned)
    }

    async fn read(
        server: &PostgresqlProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        match read_recorded(server, known).await {
            Ok(readings) => Ok(readings),
            Err(error) => {
                Ok(known.iter().map(|_| ResourceReading::Unchecked(error.to_string())).collect())
            }
        }
    }

    async fn update(
        &self,
        server: &PostgresqlProvider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<RoleOutputs, Error> {
        retry_lost_connections!(server, attempt, self.change(server, before, attempt))
    }

    async fn delete(
        server: &PostgresqlProvider,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        retry_lost_connections!(server, attempt, drop_recorded(server, recorded, attempt))
    }

    const OBJECTS: bool = true;

    async fn objections(
        server: &PostgresqlProvider,
        planned: &[IntendedChange],
    ) -> Vec<(usize, ArgumentProblem)> {
        objections::to(Self::KIND, server, planned).await
    }
}

impl Role {
    /// Creates the role, or returns the one that an earlier attempt of this step created.
    async fn create_or_finish(
        &self,
        server: &PostgresqlProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let attempted = format!("create the role `{}`", self.name);
        let session = server.writing(server.database(), attempt).await?;
        let mark = format!("made by ha, step {}", attempt.token());
        // The comment is written in the transaction that creates the role, so a role with this
        // step's comment is complete.
        if attempt.is_resumed()
            && comment(&session, &attempted, &self.name).await?.as_deref() == Some(&mark)
        {
            return self.created(&session, &attempted).await;
        }
        let name = identifier(&self.name);
        let attributes = self.attributes_unlike(&Self::plain(&self.name));
        let mut statements = vec![lock(), format!("CREATE ROLE {name} {attributes}")];
        if let Some(Secret(password)) = &self.password {
            statements.push(set_password(&self.name, Some(password))?);
        }
        statements.extend(
            self.settings
                .changes(&ServerParameters::default())
                .iter()
                .map(|it| format!("ALTER ROLE {name} {it}")),
        );
        statements.extend(self.membership_statements(
            &attempted,
            &GrantedRoles::new(),
            session.version,
        )?);
        statements.push(format!("COMMENT ON ROLE {name} IS {}", literal(&mark)));
        let made = session.in_transaction(&attempted, &statements).await;
        session.pass_on_warnings(attempt);
        match made {
            // An earlier attempt was killed while the server still ran its statement, and the
            // server completed it.
            Err(error)
                if error.code.as_deref() == Some(EXISTS)
                    && attempt.is_resumed()
                    && comment(&session, &attempted, &self.name).await?.as_deref()
                        == Some(&mark) => {}
            made => made?,
        }
        self.created(&session, &attempted).await
    }

    async fn created(
        &self,
        session: &DatabaseSession<'_>,
        attempted: &str,
    ) -> Result<CreatedResource<Self>, Error> {
        let oid = oid(session, attempted, &self.name).await?;
        let identity = oid.and_then(|oid| identity(session.cluster.as_deref(), oid));
        Ok(CreatedResource { id: self.name.clone(), outputs: RoleOutputs { identity } })
    }

    /// Brings the role to these arguments.
    async fn change(
        &self,
        server: &PostgresqlProvider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<RoleOutputs, Error> {
        let attempted = format!("change the role `{}`", before.arguments.name);
        let session = server.writing(server.database(), attempt).await?;
        // An earlier attempt may have renamed it already.
        let names = [before.arguments.name.as_str(), self.name.as_str()];
        let mut on_server =
            on_server(&session, &attempted, &names, &[], &self.configured_groups()).await?;
        let now = names.iter().find_map(|it| on_server.remove(*it)).ok_or_else(|| {
            Error::new(&attempted, "there is no such role any more")
                .help("plan again: it will be created again")
                .outcome(CallOutcome::Refused)
        })?;
        let (name, was) = (identifier(&self.name), now.role.name.as_str());
        let mut statements = vec![lock()];
        if was != self.name {
            statements.push(format!("ALTER ROLE {} RENAME TO {name}", identifier(was)));
        }
        let attributes = self.attributes_unlike(&now.role);
        if !attributes.is_empty() {
            statements.push(format!("ALTER ROLE {name} WITH {attributes}"));
        }
        // The server clears an MD5 password on a rename, because the name is its salt.
        if self.password != before.arguments.password
            || (was != self.name && self.password.is_some())
        {
            statements
                .push(set_password(&self.name, self.password.as_ref().map(|it| it.0.as_str()))?);
        }
        statements.extend(
            self.settings
                .changes(&now.role.settings)
                .iter()
                .map(|it| format!("ALTER ROLE {name} {it}")),
        );
        statements.extend(self.membership_statements(&attempted, &now.granted, session.version)?);
        let done = session.in_transaction(&attempted, &statements).await;
        session.pass_on_warnings(attempt);
        if let Err(error) = done {
            return Err(with_dependents_help(&session, error, was).await);
        }
        // The server only warns of a revoke without effect, so the result is read again.
        let granted = session
            .granted(&attempted, &[&self.name], &self.configured_groups())
            .await?
            .remove(&self.name)
            .unwrap_or_default();
        match self.desired_memberships().remaining_difference(&granted, session.version) {
            None => Ok(before.outputs.clone()),
            Some(unmet) => {
                let help = "let the role that granted it revoke it, or use a provider whose user is a member of that role";
                Err(Error::new(attempted, unmet).help(help))
            }
        }
    }
}

/// Drops the role; a role that does not exist is no error.
async fn drop_recorded(
    server: &PostgresqlProvider,
    recorded: &RecordedResource<Role>,
    attempt: &mut Attempt,
) -> Result<(), Error> {
    let name = &recorded.arguments.name;
    let attempted = format!("delete the role `{name}`");
    owned::hand_over_extensions(server, name, attempt).await?;
    let session = server.writing(server.database(), attempt).await?;
    let done = session
        .in_transaction(&attempted, &[lock(), format!("DROP ROLE IF EXISTS {}", identifier(name))])
        .await;
    session.pass_on_warnings(attempt);
    match done {
        Err(error) => Err(with_dependents_help(&session, error, name).await),
        Ok(()) => Ok(()),
    }
}

/// Adds to a refusal because of dependent objects what to do about it.
async fn with_dependents_help(session: &DatabaseSession<'_>, error: Error, name: &str) -> Error {
    if error.code.as_deref() != Some(DEPENDED_ON) {
        return error;
    }
    let granted =
        session.granted_by("see what the role has granted", name).await.unwrap_or_default();
    let error = match granted.as_slice() {
        [] => error,
        some => error.help(format!(
            "`{name}` has made others members of roles; revoke that first: {}",
            some.join("; ")
        )),
    };
    error.help(
        "hand over what it owns with `REASSIGN OWNED BY … TO …`, then revoke its rights with `DROP OWNED BY …`, in each database \
         that is named",
    )
}

impl Role {
    /// The role that `CREATE ROLE` creates without options.
    fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            login: false,
            password: None,
            valid_until: ValidUntil::default(),
            superuser: false,
            create_database: false,
            create_role: false,
            replication: false,
            bypass_row_level_security: false,
            inherit: true,
            connection_limit: unlimited(),
            settings: ServerParameters::default(),
            roles: BTreeSet::new(),
            membership: BTreeSet::new(),
        }
    }

    fn attributes(&self) -> [String; 9] {
        let flag = |set: bool, name: &str| if set { name.to_owned() } else { format!("NO{name}") };
        [
            flag(self.login, "LOGIN"),
            flag(self.superuser, "SUPERUSER"),
            flag(self.create_database, "CREATEDB"),
            flag(self.create_role, "CREATEROLE"),
            flag(self.replication, "REPLICATION"),
            flag(self.bypass_row_level_security, "BYPASSRLS"),
            flag(self.inherit, "INHERIT"),
            format!("CONNECTION LIMIT {}", self.connection_limit),
            format!("VALID UNTIL {}", literal(self.valid_until.as_str())),
        ]
    }

    /// The attributes that differ from another role's. The server may refuse a statement that
    /// names an attribute even when its value stays the same, so the others are left out.
    fn attributes_unlike(&self, other: &Self) -> String {
        let differ = self
            .attributes()
            .into_iter()
            .zip(other.attributes())
            .filter(|(wanted, is)| wanted != is);
        differ.map(|(wanted, _)| wanted).collect::<Vec<_>>().join(" ")
    }

    fn desired_memberships(&self) -> DesiredMemberships<'_> {
        DesiredMemberships {
            inherit: self.inherit,
            roles: &self.roles,
            memberships: &self.membership,
        }
    }

    /// The roles whose memberships the configuration names.
    fn configured_groups(&self) -> BTreeSet<&str> {
        self.roles
            .iter()
            .map(String::as_str)
            .chain(self.membership.iter().map(|it| it.role.as_str()))
            .collect()
    }

    fn membership_statements(
        &self,
        attempted: &str,
        granted: &GrantedRoles,
        version: i32,
    ) -> Result<Vec<String>, Error> {
        let statements = self.desired_memberships().statements(&self.name, granted, version);
        statements.map_err(|cause| Error::new(attempted, cause).outcome(CallOutcome::Refused))
    }
}

fn set_password(name: &str, password: Option<&str>) -> Result<String, Error> {
    let verifier = match password {
        Some(password) => literal(&scram::verifier(password)?),
        None => "NULL".to_owned(),
    };
    Ok(format!("ALTER ROLE {} WITH PASSWORD {verifier}", identifier(name)))
}

const EXISTS: &str = "42710";
/// `dependent_objects_still_exist`.
pub(crate) const DEPENDED_ON: &str = "2BP01";

/// The problem of a connection limit below -1.
pub(crate) fn limit_problem(limit: i32) -> Option<ArgumentProblem> {
    let message = "`connection_limit` must be -1 for any number, or how many".to_owned();
    (limit < -1).then(|| ArgumentProblem { path: Path::attribute("connection_limit"), message })
}

/// The impact of a rename on clients; none of any other change.
pub(crate) fn renamed(changed: &PlannedChange<'_>, message: &str) -> Vec<Impact> {
    match changed.action == Action::Update && changed.names.contains("name") {
        true => vec![Impact { severity: ImpactSeverity::Disruption, message: message.to_owned() }],
        false => Vec::new(),
    }
}

/// The comment on a role, if it exists and has one.
async fn comment(
    session: &DatabaseSession<'_>,
    attempted: &str,
    name: &str,
) -> Result<Option<String>, Error> {
    let query = "SELECT pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = $1";
    Ok(session.rows(attempted, query, &[&name]).await?.first().and_then(|row| row.get(0)))
}

async fn oid(
    session: &DatabaseSession<'_>,
    attempted: &str,
    name: &str,
) -> Result<Option<u32>, Error> {
    let query = "SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1";
    Ok(session.rows(attempted, query, &[&name]).await?.first().map(|row| row.get(0)))
}

/// The recorded roles as they are on the server.
async fn read_recorded(
    server: &PostgresqlProvider,
    known: &[RecordedResource<Role>],
) -> Result<Vec<ResourceReading<Role>>, Error> {
    let attempted = "look at the roles";
    let Some(session) = server.reading(server.database()).await? else {
        return Err(Error::new(
            attempted,
            format!("there is no database `{}` to connect to", server.database()),
        ));
    };
    let names: Vec<&str> = known.iter().map(|it| it.arguments.name.as_str()).collect();
    let cluster = session.cluster.clone();
    let oid =
        |it: &RecordedResource<Role>| oid_in(cluster.as_deref(), it.outputs.identity.as_ref());
    let oids: Vec<u32> = known.iter().filter_map(oid).collect();
    let said = known.iter().flat_map(|it| it.arguments.configured_groups()).collect();
    let on_server = on_server(&session, attempted, &names, &oids, &said).await?;
    let found = FoundObject::new(on_server.into_iter().map(|(name, it)| (name, it.oid, it)));
    // The logins that follow need a connection each, and connections are limited.
    drop(session);
    let each = |it: &RecordedResource<Role>| {
        let found =
            found.find(&it.arguments.name, oid(it), &names).map(|(_, _, found)| found.clone());
        let (recorded, outputs) = (it.arguments.clone(), it.outputs.clone());
        let cluster = cluster.clone();
        async move {
            let Some(found) = found else { return ResourceReading::Gone };
            let identity = identity(cluster.as_deref(), found.oid).or(outputs.identity);
            found.reading(server, &recorded, RoleOutputs { identity }).await
        }
    };
    Ok(join_all(known.iter().map(each)).await)
}

/// A role as it is on the server.
#[derive(Clone)]
struct ServerRole {
    oid: u32,
    role: Role,
    granted: GrantedRoles,
    /// Its stored password verifier; the outer `None` where the user may not read verifiers.
    verifier: Option<Option<String>>,
    /// The databases in which it has settings of its own.
    set_in: Vec<String>,
}

impl ServerRole {
    async fn reading(
        self,
        server: &PostgresqlProvider,
        recorded: &Role,
        outputs: RoleOutputs,
    ) -> ResourceReading<Role> {
        let mut remarks: Vec<String> = self
            .set_in
            .iter()
            .map(|it| format!("its sessions in the database `{it}` have settings of their own"))
            .collect();
        let is_it = match &recorded.password {
            Some(Secret(password)) => self.has_password(server, password).await,
            None => true,
        };
        if !is_it {
            remarks.push("the server has another password for it".to_owned());
        }
        let (roles, membership) = recorded.desired_memberships().as_configured(&self.granted);
        let password = recorded.password.clone().filter(|_| is_it);
        ResourceReading::Found {
            arguments: Role { password, roles, membership, ..self.role },
            outputs,
            remarks,
        }
    }

    /// Whether its password is this one; true where that cannot be determined, because a doubtful
    /// difference would plan a change at each run.
    async fn has_password(&self, server: &PostgresqlProvider, password: &str) -> bool {
        match &self.verifier {
            Some(stored) => {
                stored.as_deref().is_some_and(|it| scram::proves(it, &self.role.name, password))
            }
            // A role that cannot log in cannot be tested, so its password counts as unchanged.
            None if !self.role.login || self.role.valid_until.is_over() => true,
            None => server.accepts_password(&self.role.name, password).await != Some(false),
        }
    }
}

/// The roles with these names or OIDs, by name.
async fn on_server(
    session: &DatabaseSession<'_>,
    attempted: &str,
    names: &[&str],
    oids: &[u32],
    said: &BTreeSet<&str>,
) -> Result<BTreeMap<String, ServerRole>, Error> {
    let verifier = if session.is_superuser {
        "(SELECT rolpassword FROM pg_catalog.pg_authid a WHERE a.oid = r.oid)"
    } else {
        "NULL"
    };
    let query = format!(
        "SELECT rolname::text, rolcanlogin, rolcreatedb, rolcreaterole, rolinherit, rolconnlimit, rolsuper, rolreplication, \
         rolbypassrls, CASE WHEN rolvaliduntil IS NULL OR rolvaliduntil = 'infinity' THEN 'infinity' \
         WHEN rolvaliduntil = '-infinity' THEN '-infinity' \
         ELSE pg_catalog.to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') END, \
         (SELECT setconfig FROM pg_catalog.pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase = 0), \
         ARRAY(SELECT datname::text FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase \
               WHERE s.setrole = r.oid ORDER BY 1), oid, {verifier}::text \
         FROM pg_catalog.pg_roles r WHERE rolname::text = ANY($1) OR oid = ANY($2)"
    );
    let rows = session.rows(attempted, &query, &[&names, &oids]).await?;
    let found: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    let mut granted = session.granted(attempted, &found, said).await?;
    let on_server = |row: &tokio_postgres::Row| {
        let name: String = row.get(0);
        let role = Role {
            name: name.clone(),
            login: row.get(1),
            password: None,
            create_database: row.get(2),
            create_role: row.get(3),
            inherit: row.get(4),
            connection_limit: row.get(5),
            superuser: row.get(6),
            replication: row.get(7),
            bypass_row_level_security: row.get(8),
            valid_until: row.get::<_, String>(9).into(),
            settings: ServerParameters::listed(row.get(10)),
            roles: BTreeSet::new(),
            membership: BTreeSet::new(),
        };
        let granted = granted.remove(&name).unwrap_or_default();
        let verifier = session.is_superuser.then(|| row.get(13));
        (name, ServerRole { oid: row.get(12), role, granted, verifier, set_in: row.get(11) })
    };
    Ok(rows.iter().map(on_server).collect())
}

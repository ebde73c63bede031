//! Users.

mod observed;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ha_provider::{
    ArgumentProblem, Attempt, CallOutcome, CreatedResource, Error, ExistingResource, Immutable,
    RecordedResource, Resource, ResourceHooks, ResourceReading, Secret, known_text,
};
use ha_value::{Object, Path};
use mongodb::bson::{Document, doc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::MongodbProvider;
use crate::authority::CertificateAuthority;
use crate::error::failed;
use crate::member::{MemberClient, code};
use crate::names::plain_endpoint;
use crate::replica_set_status::{close, members, on_primary};

/// A user of a replica set, made over TLS by a member's certificate that lives for an hour in
/// memory; the password goes nowhere but to the primary.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MongodbUser {
    /// The name to log in with.
    name: Immutable<String>,
    /// The database that the user lives in, and that connection strings name as `authSource`.
    #[serde(default = "admin")]
    database: Immutable<String>,
    /// The password. One that was changed elsewhere is noticed by a login with this one.
    password: Secret<String>,
    /// What the user may do.
    roles: BTreeSet<UserRole>,
    /// How the user may log in; in all ways that the server offers when left out or empty.
    #[serde(default)]
    mechanisms: BTreeSet<ScramMechanism>,
    /// From where to where the user may log in: at least one of these must be met. From anywhere
    /// when left out.
    #[serde(default)]
    authentication_restrictions: BTreeSet<AuthenticationRestriction>,
    /// The set's name, from `mongodb_replica_set`.
    replica_set: Immutable<String>,
    /// The set's members as `host:port`, from `mongodb_replica_set.NAME.hosts`.
    hosts: Vec<String>,
    /// Who may act inside the set; the same as the set's.
    authority: CertificateAuthority,
}

/// A role in a database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
struct UserRole {
    /// The role's name, such as `readWrite`.
    role: String,
    /// The database that it is for.
    db: String,
}

/// A way to log in with a password.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
enum ScramMechanism {
    /// The old one.
    #[serde(rename = "SCRAM-SHA-1")]
    ScramSha1,
    /// From 4.0.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
}

/// From where to where a user may log in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
struct AuthenticationRestriction {
    /// Addresses and networks that clients may come from; any when left out.
    #[serde(default)]
    client_source: BTreeSet<String>,
    /// Addresses and networks of the server that clients may come to; any when left out.
    #[serde(default)]
    server_address: BTreeSet<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MongodbUserOutputs {}

fn admin() -> Immutable<String> {
    Immutable("admin".to_owned())
}

/// Roles that exist in the database `admin` alone.
const ADMIN_ONLY: &[&str] = &[
    "root",
    "backup",
    "restore",
    "clusterAdmin",
    "clusterManager",
    "clusterMonitor",
    "hostManager",
    "readAnyDatabase",
    "readWriteAnyDatabase",
    "userAdminAnyDatabase",
    "dbAdminAnyDatabase",
];

const USER_NOT_FOUND: i32 = 11;
const USER_EXISTS: i32 = 51003;

impl Resource for MongodbUser {
    const KIND: &'static str = "mongodb_user";
    const WITHIN: &'static [&'static str] = &["mongodb_replica_set"];
    type Provider = MongodbProvider;
    type Outputs = MongodbUserOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
            .unique_as(&["hosts", "database", "name"], |it: Unique| {
                let hosts: BTreeSet<String> =
                    it.hosts.iter().map(|it| plain_endpoint(it)).collect();
                format!("{hosts:?} {:?} {:?}", it.database, it.name)
            })
            .check(|it: UserNameArguments| it.problems())
            .check(|it: UserPasswordArguments| it.problems())
            .check(|it: UserRoleArguments| it.problems())
            .check(|it: UserLoginArguments| it.problems())
    }

    async fn create(
        &self,
        mongodb: &MongodbProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let members = members(&self.hosts, &mongodb.access(&self.authority, &self.hosts)?)?;
        let made = self.made(&members, attempt).await;
        close(members).await;
        made.map(|()| CreatedResource { id: self.id(), outputs: MongodbUserOutputs {} })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        let (database, name) =
            id.split_once('.').ok_or("the id of a user is `DATABASE.NAME`, such as `admin.ops`")?;
        Ok(ExistingResource::by(id).argument("database", database).argument("name", name))
    }

    fn import_id(arguments: &Object) -> Option<String> {
        Some(format!("{}.{}", known_text(arguments, "database")?, known_text(arguments, "name")?))
    }

    async fn read(
        mongodb: &MongodbProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        Ok(observed::readings(mongodb, known).await)
    }

    async fn update(
        &self,
        mongodb: &MongodbProvider,
        _: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<MongodbUserOutputs, Error> {
        let members = members(&self.hosts, &mongodb.access(&self.authority, &self.hosts)?)?;
        let changed = self.brought(&members, "change", attempt).await;
        close(members).await;
        changed.map(|()| MongodbUserOutputs {})
    }

    async fn delete(
        mongodb: &MongodbProvider,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let user = &recorded.arguments;
        let members = members(&user.hosts, &mongodb.access(&user.authority, &user.hosts)?)?;
        let dropped = user.run(doc! { "dropUser": &*user.name }, "delete", &members, attempt).await;
        close(members).await;
        match dropped? {
            (_, Ok(_)) => Ok(()),
            (_, Err(error)) if code(&error) == Some(USER_NOT_FOUND) => Ok(()),
            (primary, Err(error)) => Err(user.failure("delete", &primary, &error)),
        }
    }
}

impl MongodbUser {
    fn id(&self) -> String {
        format!("{}.{}", *self.database, *self.name)
    }

    fn written_roles(&self) -> Vec<Document> {
        self.roles.iter().map(|it| doc! { "role": &it.role, "db": &it.db }).collect()
    }

    fn written_restrictions(&self) -> Vec<Document> {
        let written = |it: &AuthenticationRestriction| {
            let mut restriction = Document::new();
            for (name, addresses) in
                [("clientSource", &it.client_source), ("serverAddress", &it.server_address)]
            {
                if !addresses.is_empty() {
                    restriction.insert(name, addresses.iter().cloned().collect::<Vec<_>>());
                }
            }
            restriction
        };
        self.authentication_restrictions.iter().map(written).collect()
    }

    fn failure(&self, verb: &str, primary: &str, error: &mongodb::error::Error) -> Error {
        let failure = failed(
            format!("{verb} the user `{}` in `{}`", *self.name, *self.database),
            primary,
            error,
        );
        match code(error) {
            Some(USER_NOT_FOUND) => failure.help("somebody has deleted it meanwhile; plan again, and it is made again"),
            // RoleNotFound.
            Some(31) => failure.help("a role exists in the database it was made in; those for all databases exist in `admin`"),
            _ => failure,
        }
    }

    /// Runs a command about users on the primary, done when a majority has it.
    async fn run(
        &self,
        mut command: Document,
        verb: &str,
        members: &[MemberClient],
        attempt: &Attempt,
    ) -> Result<(String, mongodb::error::Result<Document>), Error> {
        command.insert("writeConcern", doc! { "w": "majority", "wtimeout": 30_000 });
        let attempted = format!("{verb} the user `{}`", *self.name);
        on_primary(&self.replica_set, members, &self.database, &command, &attempted, attempt).await
    }

    async fn made(&self, members: &[MemberClient], attempt: &Attempt) -> Result<(), Error> {
        if attempt.is_resumed() && self.is_ours(members, attempt).await? {
            return self.brought(members, "create", attempt).await;
        }
        let mut command = doc! {
            "createUser": &*self.name,
            "pwd": &*self.password,
            "roles": self.written_roles(),
            "customData": { "ha_token": attempt.token() },
            "authenticationRestrictions": self.written_restrictions(),
        };
        if !self.mechanisms.is_empty() {
            command.insert("mechanisms", written_mechanisms(&self.mechanisms));
        }
        match self.run(command, "create", members, attempt).await? {
            (_, Ok(_)) => Ok(()),
            // The answer to a first try may have been lost on the way.
            (primary, Err(error)) if code(&error) == Some(USER_EXISTS) => match self.is_ours(members, attempt).await? {
                true => self.brought(members, "create", attempt).await,
                false => Err(self
                    .failure("create", &primary, &error)
                    .help("it is not in the state and was made by somebody else; choose another name, or delete it there first")
                    .outcome(CallOutcome::Refused)),
            },
            (primary, Err(error)) => Err(self.failure("create", &primary, &error)),
        }
    }

    /// Whether an earlier try at this very step made the user.
    async fn is_ours(&self, members: &[MemberClient], attempt: &Attempt) -> Result<bool, Error> {
        let (primary, answer) = self.run_look(members, attempt).await?;
        let answer = answer.map_err(|error| self.failure("look up", &primary, &error))?;
        let token = first_user(&answer)
            .and_then(|it| it.get_document("customData").ok()?.get_str("ha_token").ok());
        Ok(token == Some(attempt.token()))
    }

    async fn run_look(
        &self,
        members: &[MemberClient],
        attempt: &Attempt,
    ) -> Result<(String, mongodb::error::Result<Document>), Error> {
        let attempted = format!("look up the user `{}`", *self.name);
        let command = doc! { "usersInfo": { "user": &*self.name, "db": &*self.database }, "showCustomData": true };
        on_primary(&self.replica_set, members, &self.database, &command, &attempted, attempt).await
    }

    /// What is there, brought to these arguments and to a majority. The whole is said each time:
    /// the password makes the credentials of all mechanisms again, so it goes with them.
    async fn brought(
        &self,
        members: &[MemberClient],
        verb: &str,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let mechanisms = match self.mechanisms.is_empty() {
            true => self.offered_by_primary(members, attempt).await?,
            false => self.mechanisms.clone(),
        };
        let change = doc! {
            "updateUser": &*self.name,
            "pwd": &*self.password,
            "roles": self.written_roles(),
            "mechanisms": written_mechanisms(&mechanisms),
            "authenticationRestrictions": self.written_restrictions(),
        };
        match self.run(change, verb, members, attempt).await? {
            (_, Ok(_)) => Ok(()),
            (primary, Err(error)) => Err(self.failure(verb, &primary, &error)),
        }
    }

    /// The mechanisms that a new user has by itself.
    async fn offered_by_primary(
        &self,
        members: &[MemberClient],
        attempt: &Attempt,
    ) -> Result<BTreeSet<ScramMechanism>, Error> {
        let attempted = "ask which mechanisms the server offers";
        let (primary, answer) =
            on_primary(&self.replica_set, members, "admin", &observed::offer(), attempted, attempt)
                .await?;
        answer
            .map(|it| observed::offered(&it))
            .map_err(|error| self.failure("change", &primary, &error))
    }
}

fn written_mechanisms(mechanisms: &BTreeSet<ScramMechanism>) -> Vec<&'static str> {
    mechanisms.iter().map(|it| it.name()).collect()
}

impl ScramMechanism {
    const ALL: [Self; 2] = [Self::ScramSha1, Self::ScramSha256];

    fn name(self) -> &'static str {
        match self {
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha256 => "SCRAM-SHA-256",
        }
    }
}

fn first_user(answer: &Document) -> Option<&Document> {
    answer.get_array("users").ok()?.first()?.as_document()
}

#[derive(Deserialize)]
struct Unique {
    hosts: Vec<String>,
    database: String,
    name: String,
}

#[derive(Deserialize)]
struct UserNameArguments {
    name: String,
}

impl UserNameArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let problem = ArgumentProblem {
            path: Path::attribute("name"),
            message: "a user needs a name".into(),
        };
        if self.name.is_empty() { vec![problem] } else { Vec::new() }
    }
}

#[derive(Deserialize)]
struct UserPasswordArguments {
    password: String,
}

impl UserPasswordArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let message = "the password is empty; anybody could log in".to_owned();
        let problem = ArgumentProblem { path: Path::attribute("password"), message };
        if self.password.is_empty() { vec![problem] } else { Vec::new() }
    }
}

#[derive(Deserialize)]
struct UserRoleArguments {
    roles: Vec<UserRole>,
}

impl UserRoleArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let misplaced =
            self.roles.iter().filter(|it| ADMIN_ONLY.contains(&&*it.role) && it.db != "admin");
        let problem = |it: &UserRole| {
            let message = format!(
                "the role `{}` exists in the database `admin` only, not in `{}`",
                it.role, it.db
            );
            ArgumentProblem { path: Path::attribute("roles"), message }
        };
        misplaced.map(problem).collect()
    }
}

#[derive(Deserialize)]
struct UserLoginArguments {
    authentication_restrictions: BTreeSet<AuthenticationRestriction>,
}

impl UserLoginArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let mut problems = Vec::new();
        let mut wrong = |message: String| {
            problems.push(ArgumentProblem {
                path: Path::attribute("authentication_restrictions"),
                message,
            })
        };
        for restriction in &self.authentication_restrictions {
            let addresses = || restriction.client_source.iter().chain(&restriction.server_address);
            if addresses().next().is_none() {
                wrong("a restriction says `client_source` or `server_address`, or both".into());
            }
            for address in addresses().filter(|it| !is_network(it)) {
                wrong(format!(
                    "`{address}` is neither an address nor a network such as `10.0.0.0/16`"
                ));
            }
        }
        problems
    }
}

fn is_network(text: &str) -> bool {
    let (address, bits) =
        text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.is_none_or(|it| it.parse::<u8>().is_ok_and(|it| it <= most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(role: &str, db: &str) -> UserRole {
        UserRole { role: role.into(), db: db.into() }
    }

    #[test]
    fn roles_of_the_whole_server_live_in_admin() {
        assert_eq!(
            UserRoleArguments {
                roles: vec![role("root", "admin"), role("readWrite", "circle_ghe")]
            }
            .problems(),
            []
        );
        let problems = UserRoleArguments { roles: vec![role("root", "circle_ghe")] }.problems();
        assert!(problems[0].message.contains("`root` exists in the database `admin` only"));
    }

    #[test]
    fn an_empty_password_is_refused() {
        assert_eq!(UserPasswordArguments { password: String::new() }.problems().len(), 1);
        assert_eq!(UserPasswordArguments { password: "x".into() }.problems(), []);
        assert_eq!(UserNameArguments { name: String::new() }.problems().len(), 1);
    }

    #[test]
    fn logins_that_nobody_could_make_are_refused() {
        let restriction = |addresses: &[&str]| AuthenticationRestriction {
            client_source: addresses.iter().map(|it| (*it).to_owned()).collect(),
            server_address: BTreeSet::new(),
        };
        let with =
            |restriction| UserLoginArguments { authentication_restrictions: [restriction].into() };
        assert_eq!(with(restriction(&["10.0.0.0/8", "::1", "192.168.0.7"])).problems(), []);
        assert_eq!(with(restriction(&["10.0.0.0/33", "db"])).problems().len(), 2);
        assert_eq!(with(restriction(&[])).problems().len(), 1);
    }
}
